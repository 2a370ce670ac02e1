"""``scipy.linalg`` for traced arrays: ``import tapejit.scipy.linalg as sla``.

With plain arrays each function is SciPy's own. Signatures are SciPy's; the options that only say
how to compute (``overwrite_a``, ``check_finite``, drivers) are accepted and do nothing under
tracing. Vectors that a decomposition leaves free up to sign or phase are those of ``numpy.linalg``.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.linalg as _scipy

from ..core.errors import UnsupportedError
from ..core.sources import where
from ..frontend import dispatch
from ..frontend.api import linalg as _numpy
from ..frontend.api import norms
from ..frontend.api.operands import operand, reshape
from ..frontend.tracer import active
from ..rules.declare import zeros_like
from ..rules.linalg.matrices import adj
from ..tape.ir import Sym
from ..tape.primitive import BY_NAME

__all__ = [
    "block_diag", "cho_factor", "cho_solve", "cholesky", "det", "eigh", "eigvalsh", "expm", "inv",
    "logm", "lstsq", "lu_factor", "lu_solve", "norm", "pinv", "qr", "solve", "solve_sylvester",
    "solve_triangular", "sqrtm", "svd", "svdvals", "toeplitz",
]  # fmt: skip


def _traced(function: Any) -> Callable[[Callable[..., Any]], Any]:
    """Register an implementation of a SciPy function; with plain arrays call SciPy."""

    def register(implementation: Callable[..., Any]) -> Any:
        dispatch.implements(function)(implementation)

        @functools.wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            if dispatch.tracers_in((args, kwargs)):
                return dispatch.call_function(function, args, kwargs)
            return function(*args, **kwargs)

        return call

    return register


def _refuse(function: str, **options: Any) -> None:
    for name, (value, default) in options.items():
        if value is not default and value != default:
            raise UnsupportedError(
                f"scipy.linalg.{function}: {name}={value!r} has no rule in tapejit ({where()})"
            )


def _columns(solve: Callable[[Sym], Sym], b: Any) -> Sym:
    """Solve for a vector or for the columns of a matrix."""
    y = _numpy.matrix(b)
    if y.ndim != 1:
        return solve(y)
    found = solve(reshape(y, (*y.shape, 1)))
    return reshape(found, found.shape[:-1])


# ---------------------------------------------------------------- systems

_STRUCTURES = {
    "general": "gen",
    "symmetric": "sym",
    "hermitian": "her",
    "positive definite": "pos",
    "upper triangular": "upper",
    "lower triangular": "low",
}


def _substitute(a: Sym, b: Sym, lower: bool, unit: bool = False) -> Sym:
    return BY_NAME["solve_triangular"](a, b, lower=lower, unit=unit)


@_traced(_scipy.solve_triangular)
def solve_triangular(a: Any, b: Any, trans: Any = 0, lower: bool = False,
                     unit_diagonal: bool = False, overwrite_b: bool = False,
                     check_finite: bool = True) -> Any:  # fmt: skip
    x = _numpy.matrix(a)
    kind = {"N": 0, "T": 1, "C": 2}.get(trans, trans)
    if kind:
        x = adj(x)
        if kind == 1 and x.dtype.kind == "c":
            x = BY_NAME["conjugate"](x)
    low = bool(lower) != bool(kind)
    return _columns(lambda y: _substitute(x, y, low, bool(unit_diagonal)), b)


@_traced(_scipy.solve)
def solve(a: Any, b: Any, lower: bool = False, overwrite_a: bool = False,
          overwrite_b: bool = False, check_finite: bool = True, assume_a: Any = None,
          transposed: bool = False) -> Any:  # fmt: skip
    x = _numpy.matrix(a)
    kind = _STRUCTURES.get(assume_a, assume_a)
    if kind in ("upper", "low"):
        return _triangular(x, b, kind, transposed)
    if kind == "pos" or kind == "her" or (kind == "sym" and x.dtype.kind != "c"):
        x = BY_NAME["mirror"](x, lower=bool(lower))
    elif kind not in (None, "gen"):
        _refuse("solve", assume_a=(assume_a, None))
    if transposed:
        if x.dtype.kind == "c":
            _refuse("solve", transposed=(transposed, False))
        x = adj(x)
    return _columns(lambda y: BY_NAME["solve"](x, y), b)


def _triangular(x: Sym, b: Any, kind: str, transposed: bool) -> Sym:
    if transposed:
        x = _numpy.matrix_transpose(x)
    lower = (kind == "low") != bool(transposed)
    return _columns(lambda y: _substitute(x, y, lower), b)


@_traced(_scipy.inv)
def inv(a: Any, overwrite_a: bool = False, check_finite: bool = True, *, assume_a: Any = None,
        lower: bool = False) -> Any:  # fmt: skip
    _refuse("inv", assume_a=(assume_a, None))
    return _numpy.inv(a)


@_traced(_scipy.det)
def det(a: Any, overwrite_a: bool = False, check_finite: bool = True) -> Any:
    x = _numpy.matrix(a)
    return _numpy.det(x.b.cast(x, np.result_type(x.dtype, np.float64)))


@_traced(_scipy.pinv)
def pinv(a: Any, *, atol: Any = None, rtol: Any = None, return_rank: bool = False,
         check_finite: bool = True) -> Any:  # fmt: skip
    _refuse("pinv", atol=(atol, None), return_rank=(return_rank, False))
    return _numpy.pinv(a, rtol=rtol)


@_traced(_scipy.lstsq)
def lstsq(a: Any, b: Any, cond: Any = None, overwrite_a: bool = False, overwrite_b: bool = False,
          check_finite: bool = True, lapack_driver: Any = None) -> Any:  # fmt: skip
    x, y = _numpy.matrix(a), _numpy.matrix(b)
    rcond = np.finfo(np.result_type(x.dtype, y.dtype)).eps if cond is None else cond
    found, residuals, rank, s = _numpy.lstsq(x, y, rcond)
    if y.ndim == 1 and residuals.size:
        residuals = reshape(residuals, ())
    return found, residuals, int(active().value(rank)), s


@_traced(_scipy.solve_sylvester)
def solve_sylvester(a: Any, b: Any, q: Any) -> Any:
    return BY_NAME["solve_sylvester"](_numpy.matrix(a), _numpy.matrix(b), _numpy.matrix(q))


# ---------------------------------------------------------------- factors


@_traced(_scipy.cholesky)
def cholesky(a: Any, lower: bool = False, overwrite_a: bool = False,
             check_finite: bool = True) -> Any:  # fmt: skip
    return _numpy.cholesky(a, upper=not lower)


@_traced(_scipy.cho_factor)
def cho_factor(a: Any, lower: bool = False, overwrite_a: bool = False,
               check_finite: bool = True) -> Any:  # fmt: skip
    """The other triangle, which SciPy leaves undefined, is zero."""
    return _numpy.cholesky(a, upper=not lower), lower


@_traced(_scipy.cho_solve)
def cho_solve(c_and_lower: Any, b: Any, overwrite_b: bool = False,
              check_finite: bool = True) -> Any:  # fmt: skip
    c, lower = _numpy.matrix(c_and_lower[0]), bool(c_and_lower[1])
    first, second = (c, adj(c)) if lower else (adj(c), c)
    return _columns(lambda y: _substitute(second, _substitute(first, y, True), False), b)


@_traced(_scipy.lu_factor)
def lu_factor(a: Any, overwrite_a: bool = False, check_finite: bool = True) -> Any:
    x = _numpy.matrix(a)
    return x.b.outs(BY_NAME["lu_factor"](x))[:2]


@_traced(_scipy.lu_solve)
def lu_solve(lu_and_piv: Any, b: Any, trans: int = 0, overwrite_b: bool = False,
             check_finite: bool = True) -> Any:  # fmt: skip
    packed, pivots = _numpy.matrix(lu_and_piv[0]), operand(lu_and_piv[1])
    p = BY_NAME["permutation"](pivots, dtype=packed.dtype.name)

    def solve(y: Sym) -> Sym:
        if not trans:
            y = BY_NAME["matmul"](p, y)
            return _substitute(packed, _substitute(packed, y, True, True), False)
        x = adj(packed) if trans == 2 else _numpy.matrix_transpose(packed)
        y = _substitute(x, _substitute(x, y, True), False, True)
        return BY_NAME["matmul"](adj(p), y)

    return _columns(solve, b)


@_traced(_scipy.qr)
def qr(a: Any, overwrite_a: bool = False, lwork: Any = None, mode: str = "full",
       pivoting: bool = False, check_finite: bool = True) -> Any:  # fmt: skip
    _refuse("qr", pivoting=(pivoting, False))
    if mode not in ("full", "r", "economic", "raw"):
        raise ValueError("Mode argument should be one of ['full', 'r', 'economic', 'raw']")
    if mode != "r":
        kind = {"full": "complete", "economic": "reduced"}.get(mode, mode)
        return tuple(_numpy.qr(a, kind))
    r = _numpy.qr(a, "r")
    rest = _numpy.matrix(a).shape[-2] - r.shape[-2]
    if rest:
        zeros = zeros_like(r, (*r.shape[:-2], rest, r.shape[-1]))
        r = BY_NAME["concatenate"](r, zeros, axis=r.ndim - 2)
    return (r,)


# ---------------------------------------------------------------- spectra


@_traced(_scipy.svd)
def svd(a: Any, full_matrices: bool = True, compute_uv: bool = True, overwrite_a: bool = False,
        check_finite: bool = True, lapack_driver: str = "gesdd") -> Any:  # fmt: skip
    found = _numpy.svd(a, full_matrices, compute_uv)
    return tuple(found) if compute_uv else found


@_traced(_scipy.svdvals)
def svdvals(a: Any, overwrite_a: bool = False, check_finite: bool = True) -> Any:
    return _numpy.svd(a, compute_uv=False)


@_traced(_scipy.eigh)
def eigh(a: Any, b: Any = None, *, lower: bool = True, eigvals_only: bool = False,
         overwrite_a: bool = False, overwrite_b: bool = False, type: int = 1,
         check_finite: bool = True, subset_by_index: Any = None, subset_by_value: Any = None,
         driver: Any = None) -> Any:  # fmt: skip
    _refuse("eigh", type=(type, 1), subset_by_value=(subset_by_value, None))
    uplo = "L" if lower else "U"
    if b is None:
        w, v = _numpy.eigh(a, uplo)
    else:
        # With B = L L^H, A v = w B v is an ordinary problem for L^H v and L^-1 A L^-H.
        l = _numpy.cholesky(b) if lower else adj(_numpy.cholesky(b, upper=True))
        whole = BY_NAME["mirror"](_numpy.matrix(a), lower=bool(lower))
        half = _substitute(l, whole, True)
        w, v = _numpy.eigh(_substitute(l, adj(half), True))
        v = _substitute(adj(l), v, False)
    if subset_by_index is not None:
        first, last = (int(k) for k in subset_by_index)
        n = last - first + 1
        lead = tuple((0, k, 1) for k in w.shape[:-1])
        w = BY_NAME["slice"](w, ranges=(*lead, (first, n, 1)))
        v = BY_NAME["slice"](v, ranges=(*lead, (0, v.shape[-2], 1), (first, n, 1)))
    return w if eigvals_only else (w, v)


@_traced(_scipy.eigvalsh)
def eigvalsh(a: Any, b: Any = None, *, lower: bool = True, subset_by_index: Any = None,
             **options: Any) -> Any:  # fmt: skip
    kept = {k: v for k, v in options.items() if k in ("type", "subset_by_value")}
    call: Any = dispatch.FUNCTIONS[_scipy.eigh]
    return call(a, b, lower=lower, eigvals_only=True, subset_by_index=subset_by_index, **kept)


@_traced(_scipy.norm)
def norm(a: Any, ord: Any = None, axis: Any = None, keepdims: bool = False,
         check_finite: bool = True) -> Any:  # fmt: skip
    return norms.norm(a, ord, axis, keepdims)


# ---------------------------------------------------------------- functions of matrices


@_traced(_scipy.expm)
def expm(A: Any) -> Any:
    return BY_NAME["expm"](_numpy.matrix(A))


def _perhaps_real(name: str, a: Any) -> Any:
    """A function whose value at a real matrix is real or complex: guarded."""
    x = _numpy.matrix(a)
    y = BY_NAME[name](x)
    if x.dtype.kind != "c":
        cap = active()
        turned = BY_NAME["not_equal"](BY_NAME["imag"](y), 0.0)
        count = BY_NAME["sum"](turned, axis=tuple(range(y.ndim)), keepdims=False)
        some = BY_NAME["greater"](count, 0)
        found = bool(cap.value(some))
        cap.guard(some, found)
        if not found:
            return BY_NAME["real"](y)
    return y


@_traced(_scipy.logm)
def logm(A: Any) -> Any:
    return _perhaps_real("logm", A)


@_traced(_scipy.sqrtm)
def sqrtm(A: Any) -> Any:
    return _perhaps_real("sqrtm", A)


# ---------------------------------------------------------------- special matrices


@_traced(_scipy.block_diag)
def block_diag(*arrs: Any) -> Any:
    blocks = [operand(a) for a in arrs]
    blocks = [reshape(x, (1,) * (2 - x.ndim) + x.shape) if x.ndim < 2 else x for x in blocks]
    if any(x.ndim > 2 for x in blocks):
        raise UnsupportedError(f"scipy.linalg.block_diag of stacks ({where()})")
    dtype = np.result_type(*[x.dtype for x in blocks])
    width = sum(x.shape[1] for x in blocks)
    rows, start = [], 0
    for x in blocks:
        x = x.b.cast(x, dtype)
        m, n = x.shape
        left, right = zeros_like(x, (m, start)), zeros_like(x, (m, width - start - n))
        rows.append(BY_NAME["concatenate"](left, x, right, axis=1))
        start += n
    return BY_NAME["concatenate"](*rows, axis=0)


@_traced(_scipy.toeplitz)
def toeplitz(c: Any, r: Any = None) -> Any:
    """Row i is ``values[n - 1 - i:]``: steps of one less than the length, repeated."""
    first = operand(c)
    if r is None:
        other = BY_NAME["conjugate"](first) if first.dtype.kind == "c" else first
    else:
        other = operand(r)
    first, other = reshape(first, (first.size,)), reshape(other, (other.size,))
    dtype = np.result_type(first.dtype, other.dtype)
    first, other = first.b.cast(first, dtype), other.b.cast(other, dtype)
    n, m = first.size, other.size
    down = BY_NAME["slice"](first, ranges=((n - 1, n, -1),))
    values = BY_NAME["concatenate"](
        down, BY_NAME["slice"](other, ranges=((min(1, m - 1), m - 1, 1),)), axis=0
    )
    if n == 1:
        return reshape(values, (1, m))
    size = n + m - 1
    flat = reshape(BY_NAME["broadcast_to"](values, shape=(n, size)), (n * size,))
    rows = BY_NAME["slice"](flat, ranges=((n - 1, n * (size - 1), 1),))
    table = reshape(rows, (n, size - 1))
    return BY_NAME["slice"](table, ranges=((0, n, 1), (0, m, 1)))


REPLACED = frozenset(__all__)
"""The functions of SciPy that a traced function sees as those of this module."""


def __getattr__(name: str) -> Any:
    if name.startswith("__"):
        raise AttributeError(name)
    return getattr(_scipy, name)
