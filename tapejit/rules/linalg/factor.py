"""Triangular factors: cholesky and qr. Gauge: the diagonals are real, of locally constant sign."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ...core.avals import Aval, TupleAval
from ...tape.ir import Sym
from ..declare import general, ops
from .matrices import Samples, adj, at_least_matrix, by_matrix, mm, square, total


def lower_solve(l: Sym, x: Sym) -> Sym:
    """L^-1 X."""
    return ops.solve_triangular(l, x, lower=True, unit=False)


def adjoint_solve(l: Sym, x: Sym) -> Sym:
    """L^-H X."""
    return ops.solve_triangular(adj(l), x, lower=False, unit=False)


# ---------------------------------------------------------------- cholesky
# A = L L^H. With P = L^-1 dA L^-H, which is Hermitian, dL = L (P's lower triangle, its diagonal
# halved) = L fold(P) / 2. NumPy reads the lower triangle of A only, hence dA = mirror(dA) first and
# the cotangent, folded, lies in that triangle.


def _cholesky_jvp(ts: Sequence[Any], l: Sym, a: Sym) -> Any:
    half = lower_solve(l, ops.mirror(ts[0], lower=True))
    p = lower_solve(l, adj(half))
    return mm(l, ops.fold(p, lower=True)) * 0.5


def _cholesky_vjp(ct: Sym, l: Sym, a: Sym) -> list[Any]:
    m = ops.mirror(mm(adj(l), ct), lower=True) * 0.5
    g = adjoint_solve(l, adj(adjoint_solve(l, m)))
    return [ops.fold(g, lower=True)]


def _cholesky_infer(a: Aval) -> Aval:
    square("cholesky", a)
    return Aval(a.dtype, a.shape)


def _cholesky_samples(rng: np.random.Generator) -> Samples:
    x = rng.normal(size=(2, 3, 3))
    yield (x[0] @ x[0].T + np.eye(3),), {}
    yield (x @ np.swapaxes(x, -1, -2) + np.eye(3),), {}


cholesky = general(
    "cholesky",
    _cholesky_infer,
    lambda a: np.linalg.cholesky(a),
    jvp=_cholesky_jvp,
    vjp=_cholesky_vjp,
    emit=by_matrix("cholesky"),
    samples=_cholesky_samples,
)


# ---------------------------------------------------------------- qr of a tall matrix
# A = Q R. With C = dA R^-1 and M = Q^H C: Q^H dQ is skew and dR R^-1 upper triangular with a real
# diagonal, so dR R^-1 = fold(M, upper) = N, dR = N R, dQ = C - Q N. Needs full column rank.


def _qr_infer(a: Aval) -> TupleAval:
    at_least_matrix("qr", a)
    m, n = a.shape[-2:]
    k = min(m, n)
    return TupleAval((Aval(a.dtype, (*a.shape[:-1], k)), Aval(a.dtype, (*a.shape[:-2], k, n))))


def _right_divided(x: Sym, r: Sym) -> Any:
    """X R^-1."""
    return adj(ops.solve_triangular(adj(r), adj(x), lower=True, unit=False))


def _qr_jvp(ts: Sequence[Any], ys: Any, a: Sym) -> Any:
    q, r = ys
    c = _right_divided(ts[0], r)
    n = ops.fold(mm(adj(q), c), lower=False)
    return c - mm(q, n), mm(n, r)


def _qr_vjp(ct: Any, ys: Any, a: Sym) -> list[Any]:
    q, r = ys
    n = total(
        None if ct[1] is None else mm(ct[1], adj(r)),
        None if ct[0] is None else -mm(adj(q), ct[0]),
    )
    assert n is not None
    c = total(ct[0], mm(q, ops.mirror(n, lower=False)))
    assert c is not None
    return [adj(ops.solve_triangular(r, adj(c), lower=False, unit=False))]


def _qr_samples(rng: np.random.Generator) -> Samples:
    yield (rng.normal(size=(4, 3)),), {}
    yield (rng.normal(size=(2, 3, 3)),), {}


qr = general(
    "qr",
    _qr_infer,
    lambda a: tuple(np.linalg.qr(a)),
    jvp=_qr_jvp,
    vjp=_qr_vjp,
    samples=_qr_samples,
)


# ---------------------------------------------------------------- lu with pivots
# P A = L U, packed as L below the diagonal (ones on it are left out) and U above. With
# M = L^-1 P dA U^-1: dL = L (M strictly below), dU = (M on and above) U. The results are the packed
# factors and LAPACK's pivots, which are locally constant; the row `permutation` makes P of them.


def _lu_infer(a: Aval) -> TupleAval:
    square("lu_factor", a)
    pivots = Aval(np.dtype(np.int32), a.shape[:-1])
    return TupleAval((Aval(a.dtype, a.shape), pivots))


def _lu_numpy(a: Any) -> Any:
    from scipy.linalg import lu_factor

    packed, pivots = np.empty_like(a), np.empty(a.shape[:-1], np.int32)
    for k in np.ndindex(a.shape[:-2]):
        packed[k], pivots[k] = lu_factor(a[k], check_finite=False)
    return packed, pivots


def _permutation_numpy(pivots: Any, *, dtype: str) -> Any:
    n = pivots.shape[-1]
    p = np.zeros((*pivots.shape, n), dtype)
    for k in np.ndindex(pivots.shape[:-1]):
        order = np.arange(n)
        for i, j in enumerate(pivots[k]):
            order[[i, j]] = order[[j, i]]
        p[k][np.arange(n), order] = 1
    return p


def _permutation_samples(rng: np.random.Generator) -> Samples:
    yield (np.array([2, 1, 2], np.int32),), {"dtype": "float64"}


permutation = general(
    "permutation",
    lambda pivots, *, dtype: Aval(np.dtype(dtype), (*pivots.shape, pivots.shape[-1])),
    _permutation_numpy,
    samples=_permutation_samples,
)


def _below(x: Sym) -> Sym:
    return ops.triangle(x, lower=True, k=1)


def _above(x: Sym) -> Sym:
    return ops.triangle(x, lower=False, k=0)


def _lu_jvp(ts: Sequence[Any], ys: Any, a: Sym) -> Any:
    packed, pivots = ys
    p = ops.permutation(pivots, dtype=a.dtype.name)
    left = ops.solve_triangular(packed, mm(p, ts[0]), lower=True, unit=True)
    m = adj(ops.solve_triangular(adj(packed), adj(left), lower=True, unit=False))
    low, up = _below(m), _above(m)
    return low + mm(_below(packed), low) + mm(up, _above(packed)), None


def _lu_vjp(ct: Any, ys: Any, a: Sym) -> list[Any]:
    packed, pivots = ys
    if ct[0] is None:
        return [None]
    p = ops.permutation(pivots, dtype=a.dtype.name)
    low, up = _below(ct[0]), _above(ct[0])
    m = _below(low + mm(adj(_below(packed)), low)) + _above(mm(up, adj(_above(packed))))
    left = ops.solve_triangular(adj(packed), m, lower=False, unit=True)
    g = adj(ops.solve_triangular(packed, adj(left), lower=False, unit=False))
    return [mm(adj(p), g)]


def _lu_samples(rng: np.random.Generator) -> Samples:
    yield (rng.normal(size=(3, 3)),), {}


lu_factor = general(
    "lu_factor", _lu_infer, _lu_numpy, jvp=_lu_jvp, vjp=_lu_vjp, samples=_lu_samples
)
