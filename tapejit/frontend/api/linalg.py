"""``numpy.linalg``: signatures, errors and named results over the rows of `rules.linalg`."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.linalg import LinAlgError

from ...core.errors import DtypeError, UnsupportedError
from ...core.sources import where
from ...rules.linalg.matrices import adj, diagonal, mm
from ...tape.ir import Sym
from ...tape.primitive import BY_NAME
from ..dispatch import implements
from ..tracer import active
from .operands import operand, reshape, summed, transposed


def _result(name: str, function: Any) -> Any:
    """NumPy's named tuple of a function: taken from a call, for its module is private."""
    kind = type(function(np.eye(1)))
    assert kind.__name__ == name
    return kind


EighResult = _result("EighResult", np.linalg.eigh)
EigResult = _result("EigResult", np.linalg.eig)
QRResult = _result("QRResult", np.linalg.qr)
SVDResult = _result("SVDResult", np.linalg.svd)
SlogdetResult = _result("SlogdetResult", np.linalg.slogdet)


def matrix(a: Any) -> Sym:
    """Return an operand of linear algebra: integers become float64, half precision is refused."""
    x = operand(a)
    if x.dtype == np.float16:
        raise DtypeError(f"array type float16 is unsupported in linalg ({where()})")
    return x if x.aval.inexact else x.b.cast(x, np.dtype(np.float64))


def _stack(a: Any) -> Sym:
    x = matrix(a)
    if x.ndim < 2:
        raise LinAlgError(
            f"{x.ndim}-dimensional array given. Array must be at least two-dimensional"
        )
    return x


def _results(x: Sym) -> tuple[Sym, ...]:
    return x.b.outs(x)


# ---------------------------------------------------------------- systems


@implements(np.linalg.solve)
def solve(a: Any, b: Any) -> Sym:
    x, y = _stack(a), matrix(b)
    if y.ndim != 1:
        return BY_NAME["solve"](x, y)
    found = BY_NAME["solve"](x, reshape(y, (*y.shape, 1)))
    return reshape(found, found.shape[:-1])


@implements(np.linalg.inv)
def inv(a: Any) -> Sym:
    return BY_NAME["inv"](_stack(a), check=True)


@implements(np.linalg.pinv)
def pinv(a: Any, rcond: Any = None, hermitian: bool = False, *, rtol: Any = np._NoValue) -> Sym:
    x = _stack(a)
    if rcond is not None and rtol is not np._NoValue:
        raise ValueError("`rtol` and `rcond` can't be both set.")
    if rcond is None:
        if rtol is np._NoValue:
            rcond = 1e-15
        else:
            rcond = max(x.shape[-2:]) * np.finfo(x.dtype).eps if rtol is None else rtol
    if isinstance(rcond, Sym) or np.ndim(rcond):
        raise UnsupportedError(f"pinv: rcond must be one plain number ({where()})")
    if hermitian:
        x = BY_NAME["mirror"](x, lower=True)
    return BY_NAME["pinv"](x, rcond=float(rcond), hermitian=bool(hermitian))


@implements(np.linalg.lstsq)
def lstsq(a: Any, b: Any, rcond: Any = None) -> tuple[Any, ...]:
    x, y = matrix(a), matrix(b)
    if isinstance(rcond, Sym):
        raise UnsupportedError(f"lstsq: rcond must be a plain number ({where()})")
    if x.ndim != 2 or y.ndim not in (1, 2):
        wrong = x if x.ndim != 2 else y
        raise LinAlgError(f"{wrong.ndim}-dimensional array given. Array must be two-dimensional")
    m, n = x.shape
    # NumPy computes in double precision, and its default cutoff is that of double.
    rcond = float(max(m, n) * np.finfo(np.float64).eps if rcond is None else rcond)
    right = reshape(y, (*y.shape, 1)) if y.ndim == 1 else y
    found, s, rank = _results(BY_NAME["lstsq"](x, right, rcond=rcond))
    cap = active()
    value = int(cap.value(rank))
    cap.guard(rank, value)
    if value == n and m > n:
        rest = right - BY_NAME["matmul"](x, found)
        squares = rest * BY_NAME["conjugate"](rest) if rest.dtype.kind == "c" else rest * rest
        squares = BY_NAME["real"](squares) if rest.dtype.kind == "c" else squares
        residuals = summed(squares, (0,))
    else:
        residuals = operand(np.zeros(0, s.dtype))
    return reshape(found, found.shape[:1] if y.ndim == 1 else found.shape), residuals, rank, s


@implements(np.linalg.tensorsolve)
def tensorsolve(a: Any, b: Any, axes: Any = None) -> Sym:
    x, y = matrix(a), matrix(b)
    if axes is not None:
        order = list(range(x.ndim))
        for k in axes:
            order.remove(k)
            order.insert(x.ndim, k)
        x = transposed(x, order)
    shape = x.shape[-(x.ndim - y.ndim) :]
    n = math.prod(shape)
    if x.size != n**2:
        raise LinAlgError(
            "Input arrays must satisfy the requirement "
            "prod(a.shape[b.ndim:]) == prod(a.shape[:b.ndim])"
        )
    return reshape(solve(reshape(x, (n, n)), reshape(y, (y.size,))), shape)


@implements(np.linalg.tensorinv)
def tensorinv(a: Any, ind: int = 2) -> Sym:
    x = matrix(a)
    if ind <= 0:
        raise ValueError("Invalid ind argument.")
    n = math.prod(x.shape[ind:])
    flat = reshape(x, (n, x.size // n if n else 0))
    return reshape(inv(flat), x.shape[ind:] + x.shape[:ind])


# ---------------------------------------------------------------- determinants


@implements(np.linalg.det)
def det(a: Any) -> Sym:
    return BY_NAME["det"](_stack(a))


@implements(np.linalg.slogdet)
def slogdet(a: Any) -> Any:
    return SlogdetResult(*_results(BY_NAME["slogdet"](_stack(a))))


# ---------------------------------------------------------------- factors


@implements(np.linalg.cholesky)
def cholesky(a: Any, /, *, upper: bool = False) -> Any:
    """One triangle is read, as NumPy does, and the cotangent lies in it."""
    x = _stack(a)
    if not upper:
        return BY_NAME["cholesky"](x)
    return adj(BY_NAME["cholesky"](adj(x)))


@implements(np.linalg.qr)
def qr(a: Any, mode: str = "reduced") -> Any:
    if mode not in ("reduced", "complete", "r", "raw"):
        raise ValueError(f"Unrecognized mode '{mode}'")
    x = _stack(a)
    m, n = x.shape[-2:]
    if mode == "raw" or (mode == "complete" and m > n):
        raise UnsupportedError(
            f"qr of a {m} by {n} matrix with mode={mode!r} has no derivative: the columns that "
            f"complete the basis are arbitrary; use mode='reduced' ({where()})"
        )
    if m >= n:
        q, r = _results(BY_NAME["qr"](x))
    else:
        # The first m columns have the same Q; the others are turned by it.
        lead = tuple((0, k, 1) for k in x.shape[:-1])
        q, left = _results(BY_NAME["qr"](BY_NAME["slice"](x, ranges=(*lead, (0, m, 1)))))
        right = mm(adj(q), BY_NAME["slice"](x, ranges=(*lead, (m, n - m, 1))))
        r = BY_NAME["concatenate"](left, right, axis=x.ndim - 1)
    return r if mode == "r" else QRResult(q, r)


# ---------------------------------------------------------------- spectra


@implements(np.linalg.svd)
def svd(a: Any, full_matrices: bool = True, compute_uv: bool = True,
        hermitian: bool = False) -> Any:  # fmt: skip
    x = _stack(a)
    if hermitian:
        x = BY_NAME["mirror"](x, lower=True)
    full = bool(full_matrices) and bool(compute_uv) and x.shape[-1] != x.shape[-2]
    u, s, vh = _results(BY_NAME["svd"](x, full=full))
    return SVDResult(u, s, vh) if compute_uv else s


@implements(np.linalg.svdvals)
def svdvals(x: Any, /) -> Any:
    return svd(x, compute_uv=False)


def _lower(uplo: Any) -> bool:
    name = str(uplo).upper()
    if name not in ("L", "U"):
        raise ValueError("UPLO argument must be 'L' or 'U'")
    return name == "L"


@implements(np.linalg.eigh)
def eigh(a: Any, UPLO: str = "L") -> Any:
    """One triangle is read, as NumPy does, and the cotangent lies in it."""
    return EighResult(*_results(BY_NAME["eigh"](_stack(a), lower=_lower(UPLO))))


@implements(np.linalg.eigvalsh)
def eigvalsh(a: Any, UPLO: str = "L") -> Any:
    return eigh(a, UPLO)[0]


@implements(np.linalg.eig)
def eig(a: Any) -> Any:
    """NumPy's dtype depends on the values: real when every eigenvalue of a real matrix is."""
    x = _stack(a)
    w, v = _results(BY_NAME["eig"](x))
    if x.dtype.kind != "c":
        cap = active()
        turned = BY_NAME["not_equal"](BY_NAME["imag"](w), 0.0)
        count = BY_NAME["sum"](turned, axis=tuple(range(w.ndim)), keepdims=False)
        some = BY_NAME["greater"](count, 0)
        found = bool(cap.value(some))
        cap.guard(some, found)
        if not found:
            w, v = BY_NAME["real"](w), BY_NAME["real"](v)
    return EigResult(w, v)


@implements(np.linalg.eigvals)
def eigvals(a: Any) -> Any:
    return eig(a)[0]


@implements(np.linalg.matrix_rank)
def matrix_rank(A: Any, tol: Any = None, hermitian: bool = False, *, rtol: Any = None) -> Sym:
    """The number of singular values above a cutoff: an integer, locally constant."""
    if rtol is not None and tol is not None:
        raise ValueError("`tol` and `rtol` can't be both set.")
    x = matrix(A)
    if x.ndim < 2:
        some = BY_NAME["not_equal"](x, 0)
        count = BY_NAME["sum"](some, axis=tuple(range(x.ndim)), keepdims=False)
        return x.b.cast(BY_NAME["greater"](count, 0), np.dtype(np.int64))
    s = svd(x, compute_uv=False, hermitian=hermitian)
    if tol is not None:
        cutoff = operand(tol)
        cutoff = reshape(cutoff, (*cutoff.shape, 1))
    else:
        if rtol is None:
            part: Any = float(max(x.shape[-2:]) * np.finfo(s.dtype).eps)
        else:
            part = operand(rtol)
            part = reshape(part, (*part.shape, 1))
        cutoff = BY_NAME["max"](s, axis=(s.ndim - 1,), keepdims=True) * part if s.size else part
    above = BY_NAME["greater"](s, cutoff)
    return BY_NAME["sum"](above, axis=(above.ndim - 1,), keepdims=False)


# ---------------------------------------------------------------- views and traces


@implements(np.linalg.diagonal)
def linalg_diagonal(x: Any, /, *, offset: int = 0) -> Sym:
    found = operand(x)
    if found.ndim < 2:
        raise ValueError("diag requires an array of at least two dimensions")
    return diagonal(found, offset)


@implements(np.linalg.trace)
def linalg_trace(x: Any, /, *, offset: int = 0, dtype: Any = None) -> Sym:
    found = diagonal(operand(x), offset)
    if dtype is not None:
        found = found.b.cast(found, np.dtype(dtype))
    return BY_NAME["sum"](found, axis=(found.ndim - 1,), keepdims=False)


@implements(np.linalg.matrix_transpose)
def matrix_transpose(x: Any, /) -> Sym:
    found = operand(x)
    if found.ndim < 2:
        raise ValueError(f"Input array must be at least 2-dimensional, but it is {found.ndim}")
    n = found.ndim
    return transposed(found, (*range(n - 2), n - 1, n - 2))
