"""Linear systems and inverses: solve, triangular solve, inv, pinv, least squares."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ...core.avals import Aval, TupleAval, common_shape
from ...core.errors import ShapeError
from ...core.sources import where as user_line
from ...tape.ir import Sym
from ...tape.primitive import Emit, Params
from ..declare import common_dtype, general, ops, unbroadcast, wanted
from .matrices import (
    Samples,
    across,
    adj,
    at_least_matrix,
    by_matrix,
    mm,
    one_matrix,
    real_dtype,
    square,
    total,
)


def _system_infer(name: str, a: Aval, b: Aval) -> Aval:
    lead = square(name, a)
    if b.ndim < 2 or b.shape[-2] != a.shape[-1]:
        raise ShapeError(f"{name}: shapes {a.shape} and {b.shape} do not fit ({user_line()})")
    lead = common_shape(lead, b.shape[:-2])
    return Aval(common_dtype(a, b), (*lead, *b.shape[-2:]))


def _common(*avals: Aval, **params: Any) -> tuple[Any, ...]:
    return (common_dtype(*avals),) * len(avals)


def _solve_samples(rng: np.random.Generator) -> Samples:
    eye = 2.0 * np.eye(3)
    yield (rng.normal(size=(3, 3)) + eye, rng.normal(size=(3, 2))), {}
    yield (rng.normal(size=(2, 3, 3)) + eye, rng.normal(size=(3, 1))), {}
    yield (rng.normal(size=(3, 3)) + eye + 1j * rng.normal(size=(3, 3)), rng.normal(size=(3, 2)) + 1j), {}  # fmt: skip


# ---------------------------------------------------------------- A X = B
# dX = A^-1 (dB - dA X), so with G = A^-H ct the cotangents are G for B and -G X^H for A.


def _solve_jvp(ts: Sequence[Any], x: Sym, a: Sym, b: Sym) -> Any:
    right = total(ts[1], None if ts[0] is None else -mm(ts[0], x))
    assert right is not None
    return ops.solve(a, right)


def _solve_vjp(ct: Sym, x: Sym, a: Sym, b: Sym) -> list[Any]:
    g = ops.solve(adj(a), ct)
    first = -unbroadcast(mm(g, adj(x)), a.shape) if wanted(a) else None
    return [first, unbroadcast(g, b.shape) if wanted(b) else None]


def _solve_text(avals: tuple[Aval, ...], out: Aval, params: Params) -> str | None:
    if not all(map(one_matrix, avals)):
        return None
    n, m = out.shape
    if n in (1, 2):
        return f"routines.solve{n}({{out}}, {{0}}, {{1}}, {m})"
    return f"routines.solve({{out}}, {{0}}, {{1}}, {n}, {m})"


solve = general(
    "solve",
    lambda a, b: _system_infer("solve", a, b),
    lambda a, b: np.linalg.solve(a, b),
    jvp=_solve_jvp,
    vjp=_solve_vjp,
    promote=_common,
    emit=Emit("call", _solve_text),
    samples=_solve_samples,
)


# ---------------------------------------------------------------- the same with triangular A
# Only one triangle of A is read, so its cotangent is cut to that triangle.


def _triangular_numpy(a: Any, b: Any, *, lower: bool, unit: bool) -> Any:
    lead = common_shape(a.shape[:-2], b.shape[:-2])
    if not b.size or not a.size:
        return np.zeros((*lead, *b.shape[-2:]), b.dtype)
    if not lead:
        return np.ascontiguousarray(_substituted(a, b, lower, unit))
    wide = np.broadcast_to(a, (*lead, *a.shape[-2:]))
    x = np.array(np.broadcast_to(b, (*lead, *b.shape[-2:])))
    for k in np.ndindex(lead):
        x[k] = _substituted(wide[k], x[k], lower, unit)
    return x


_LETTER = {"float32": "s", "float64": "d", "complex64": "c", "complex128": "z"}


def _substituted(a: Any, b: Any, lower: bool, unit: bool) -> Any:
    """Call LAPACK's trtrs; it reads columns, so rows are handed over as a transpose."""
    from scipy.linalg import lapack

    trtrs = getattr(lapack, _LETTER[a.dtype.name] + "trtrs")
    if a.flags.f_contiguous:
        x, info = trtrs(a, b, lower=lower, unitdiag=unit)
    else:
        x, info = trtrs(a.T, b, lower=not lower, trans=1, unitdiag=unit)
    if info > 0:
        raise np.linalg.LinAlgError(f"singular matrix: resolution failed at diagonal {info - 1}")
    return x


def _cut(x: Sym, lower: bool, unit: bool) -> Sym:
    return ops.triangle(x, lower=lower, k=int(unit))


def _triangular_jvp(ts: Sequence[Any], x: Sym, a: Sym, b: Sym, *, lower: bool, unit: bool) -> Any:
    change = None if ts[0] is None else -mm(_cut(ts[0], lower, unit), x)
    right = total(ts[1], change)
    assert right is not None
    return ops.solve_triangular(a, right, lower=lower, unit=unit)


def _triangular_vjp(ct: Sym, x: Sym, a: Sym, b: Sym, *, lower: bool, unit: bool) -> list[Any]:
    g = ops.solve_triangular(adj(a), ct, lower=not lower, unit=unit)
    first = None
    if wanted(a):
        first = -_cut(unbroadcast(mm(g, adj(x)), a.shape), lower, unit)
    return [first, unbroadcast(g, b.shape) if wanted(b) else None]


def _triangular_samples(rng: np.random.Generator) -> Samples:
    for a, b in (arrays for arrays, _ in _solve_samples(rng)):
        yield (a, b), {"lower": True, "unit": False}
    yield (0.5 * rng.normal(size=(3, 3)), rng.normal(size=(3, 2))), {"lower": False, "unit": True}


MANY = 1 << 18
"""Multiplications from which on LAPACK's blocks win over plain substitution."""


def _triangular_text(avals: tuple[Aval, ...], out: Aval, params: Params) -> str | None:
    if not all(map(one_matrix, avals)):
        return None
    n, m = out.shape
    if n * n * m > MANY:
        return None
    flags = f"{params['lower']}, {params['unit']}"
    return f"routines.solve_triangular({{out}}, {{0}}, {{1}}, {n}, {m}, {flags})"


solve_triangular = general(
    "solve_triangular",
    lambda a, b, *, lower, unit: _system_infer("solve_triangular", a, b),
    _triangular_numpy,
    jvp=_triangular_jvp,
    vjp=_triangular_vjp,
    promote=_common,
    emit=Emit("call", _triangular_text),
    samples=_triangular_samples,
)


# ---------------------------------------------------------------- the inverse
# Y = A^-1 has dY = -Y dA Y. Without `check`, a singular matrix has an infinite inverse (for cond).


def _inv_infer(a: Aval, *, check: bool) -> Aval:
    square("inv", a)
    return Aval(a.dtype, a.shape)


def _inv_numpy(a: Any, *, check: bool) -> Any:
    if check:
        return np.linalg.inv(a)
    y = np.empty_like(a)
    for k in np.ndindex(a.shape[:-2]):
        try:
            y[k] = np.linalg.inv(a[k])
        except np.linalg.LinAlgError:
            y[k] = np.inf
    return y


def _inv_samples(rng: np.random.Generator) -> Samples:
    yield (rng.normal(size=(3, 3)) + 2.0 * np.eye(3),), {"check": True}
    yield (rng.normal(size=(2, 2, 2)) + 2.0 * np.eye(2) + 1j,), {"check": False}


inv = general(
    "inv",
    _inv_infer,
    _inv_numpy,
    jvp=lambda ts, y, a, *, check: -mm(y, ts[0], y),
    vjp=lambda ct, y, a, *, check: [-mm(adj(y), ct, adj(y))],
    emit=by_matrix("inv", small=2),
    samples=_inv_samples,
)


# ---------------------------------------------------------------- the pseudoinverse
# At constant rank (Golub and Pereyra 1973), with Y = A^+, P = 1 - A Y, Q = 1 - Y A:
#   dY = -Y dA Y + Y Y^H dA^H P + Q dA^H Y^H Y.
# Where the rank is about to change the pseudoinverse jumps: no derivative exists there.


def _right_of_range(x: Sym, a: Sym, y: Sym) -> Any:
    """X P."""
    return x - mm(mm(x, a), y)


def _pinv_jvp(ts: Sequence[Any], y: Sym, a: Sym, **params: Any) -> Any:
    t, h = adj(ts[0]), adj(y)
    third = mm(mm(t, h), y)
    return -mm(y, ts[0], y) + mm(y, _right_of_range(mm(h, t), a, y)) + third - mm(y, mm(a, third))


def _pinv_vjp(ct: Sym, y: Sym, a: Sym, **params: Any) -> list[Any]:
    c, h = adj(ct), adj(y)
    second = mm(mm(c, y), h)
    third = mm(h, mm(y, c))
    return [
        -mm(h, ct, h) + second - mm(a, mm(y, second)) + third - mm(mm(third, y), a)
    ]  # fmt: skip


def _pinv_infer(a: Aval, *, rcond: float, hermitian: bool) -> Aval:
    at_least_matrix("pinv", a)
    return Aval(a.dtype, (*a.shape[:-2], a.shape[-1], a.shape[-2]))


def _pinv_samples(rng: np.random.Generator) -> Samples:
    options = {"rcond": 1e-15, "hermitian": False}
    yield (rng.normal(size=(3, 2)),), options
    yield (rng.normal(size=(2, 2, 3)),), options


pinv = general(
    "pinv",
    _pinv_infer,
    lambda a, *, rcond, hermitian: np.linalg.pinv(a, rcond, hermitian=hermitian),
    jvp=_pinv_jvp,
    vjp=_pinv_vjp,
    samples=_pinv_samples,
)


# ---------------------------------------------------------------- least squares
# X = A^+ B; with R = B - A X,
#   dX = Y (dB - dA X) + Y Y^H dA^H R + Q dA^H Y^H X.
# The results are X, the singular values of A and the rank.


def _lstsq_infer(a: Aval, b: Aval, *, rcond: float) -> TupleAval:
    if a.ndim != 2 or b.ndim != 2:
        raise np.linalg.LinAlgError(
            f"{a.ndim}-dimensional array given. Array must be two-dimensional ({user_line()})"
        )
    if a.shape[0] != b.shape[0]:
        raise np.linalg.LinAlgError(f"Incompatible dimensions ({user_line()})")
    dtype = common_dtype(a, b)
    return TupleAval(
        (
            Aval(dtype, (a.shape[1], b.shape[1])),
            Aval(real_dtype(dtype), (min(a.shape),)),
            Aval(np.dtype(np.int32), ()),
        )
    )


def _lstsq_numpy(a: Any, b: Any, *, rcond: float) -> Any:
    x, _, rank, s = np.linalg.lstsq(a, b, rcond=rcond)
    return x, s, np.int32(rank)


def _lstsq_jvp(ts: Sequence[Any], ys: Any, a: Sym, b: Sym, *, rcond: float) -> Any:
    x = ys[0]
    y = ops.pinv(a, rcond=rcond, hermitian=False)
    if ts[0] is None:
        return mm(y, ts[1]), None, None
    t, h = adj(ts[0]), adj(y)
    right = total(ts[1], -mm(ts[0], x))
    assert right is not None
    third = mm(t, mm(h, x))
    moved = mm(y, right) + mm(y, mm(h, mm(t, b - mm(a, x)))) + third - mm(y, mm(a, third))
    u, _, vh = a.b.outs(ops.svd(a, full=False))
    from .svd import singular_tangent

    return moved, singular_tangent(u, vh, ts[0]), None


def _lstsq_vjp(ct: Any, ys: Any, a: Sym, b: Sym, *, rcond: float) -> list[Any]:
    x, first, second = ys[0], None, None
    if ct[0] is not None:
        y = ops.pinv(a, rcond=rcond, hermitian=False)
        h, c = adj(y), adj(ct[0])
        second = mm(h, ct[0])
        third = mm(mm(h, x), c)
        first = mm(mm(b - mm(a, x), mm(c, y)), h) - mm(second, adj(x)) + third - mm(mm(third, y), a)
    if ct[1] is not None:
        u, _, vh = a.b.outs(ops.svd(a, full=False))
        first = total(first, mm(u * across(ct[1]), vh))
    return [first, second]


def _lstsq_samples(rng: np.random.Generator) -> Samples:
    yield (rng.normal(size=(4, 2)), rng.normal(size=(4, 3))), {"rcond": 1e-15}
    yield (rng.normal(size=(2, 4)), rng.normal(size=(2, 1))), {"rcond": 1e-15}


lstsq = general(
    "lstsq",
    _lstsq_infer,
    _lstsq_numpy,
    jvp=_lstsq_jvp,
    vjp=_lstsq_vjp,
    promote=_common,
    samples=_lstsq_samples,
)
