"""Triangular factors: cholesky and qr. Gauge: the diagonals are real, of locally constant sign."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ...core.avals import Aval, TupleAval
from ...tape.ir import Sym
from ..declare import general, ops
from .matrices import Samples, adj, at_least_matrix, mm, square, total


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


def _right_divided(x: Sym, r: Sym) -> Sym:
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
