"""Determinants. The gradient of det is the cofactor matrix, right for singular matrices too."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ...core.avals import Aval, TupleAval
from ...tape.ir import Sym
from ..declare import conj, general, ops
from .matrices import (
    Samples,
    across,
    adj,
    by_matrix,
    diagonal,
    imaginary,
    mm,
    real,
    real_dtype,
    spread,
    square,
    total,
)


def _det_infer(a: Aval) -> Aval:
    return Aval(a.dtype, square("det", a))


def _matrix_samples(rng: np.random.Generator) -> Samples:
    yield (rng.normal(size=(3, 3)) + np.eye(3),), {}
    yield (rng.normal(size=(2, 2, 2)) + 1j * rng.normal(size=(2, 2, 2)),), {}


def _whole_sum(x: Sym) -> Sym:
    return ops.sum(x, axis=(x.ndim - 2, x.ndim - 1), keepdims=False)


det = general(
    "det",
    _det_infer,
    lambda a: np.linalg.det(a),
    jvp=lambda ts, y, a: _whole_sum(ops.cofactor(a) * ts[0]),
    vjp=lambda ct, y, a: [spread(ct) * conj(ops.cofactor(a))],
    emit=by_matrix("det", out=False, small=2),
    samples=_matrix_samples,
)


# ---------------------------------------------------------------- cofactors
# With A = U S V^H, the cofactors of the diagonal S are the products p_i of all singular values but
# s_i, and cof(A) = det(U) det(V^H) conj(U) diag(p) V^T. With A' = U^H dA V and G_ij the product of
# all but s_i and s_j (G_ii = 0), the tangent of cof(S) is diag(G diag(A')) - G * A'^T. The second
# derivative of det is symmetric, so the vjp is the jvp of the conjugate, conjugated.


def _cofactor_numpy(a: Any) -> Any:
    u, s, vh = np.linalg.svd(a)
    p = _excluding(s)
    phase = np.linalg.det(u) * np.linalg.det(vh)
    found = np.matmul(np.conj(u) * (p * phase[..., None])[..., None, :], np.conj(vh))
    return found.astype(a.dtype)


def _excluding(s: Any) -> Any:
    """The products of all elements but one, without division."""
    ones = np.ones_like(s[..., :1])
    before = np.concatenate([ones, np.cumprod(s, -1)[..., :-1]], -1)
    after = np.concatenate([ones, np.cumprod(s[..., ::-1], -1)[..., :-1]], -1)[..., ::-1]
    return (before * after)[..., : s.shape[-1]]


def _cofactor_change(a: Sym, t: Sym) -> Any:
    u, s, vh = a.b.outs(ops.svd(a, full=False))
    phase = ops.det(u) * ops.det(vh)
    inner = mm(adj(u), t, adj(vh))
    g = ops.products_without(s, order=2)
    flipped = conj(adj(inner))
    trace = ops.sum(g * across(diagonal(inner)), axis=(g.ndim - 1,), keepdims=False)
    left = conj(u) * spread(phase)
    return mm(left * across(trace), conj(vh)) - mm(mm(left, g * flipped), conj(vh))


cofactor = general(
    "cofactor",
    lambda a: Aval(a.dtype, a.shape),
    _cofactor_numpy,
    jvp=lambda ts, y, a: _cofactor_change(a, ts[0]),
    vjp=lambda ct, y, a: [conj(_cofactor_change(a, conj(ct)))],
    emit=by_matrix("cofactor", small=3),
    samples=_matrix_samples,
)


# Element (i, j, ..) of `products_without` is the product of all elements but number i, j, ..; it is
# 0 where an index occurs twice. Its derivative is the one of the next order, contracted.


def _without_infer(s: Aval, *, order: int) -> Aval:
    return Aval(s.dtype, s.shape + s.shape[-1:] * (order - 1))


def _without_numpy(s: Any, *, order: int) -> Any:
    n = s.shape[-1]
    rest = s
    for k in range(order - 1):
        # Each pass takes one more element out: of row i, element i.
        rest = np.repeat(rest[..., None, :], n, axis=-2)
        rest[..., np.arange(n), np.arange(n)] = 1
        rest = np.moveaxis(rest, -2, s.ndim - 1 + k)
    found = _excluding(rest)
    index = np.indices((n,) * order)
    for i in range(order):
        for j in range(i):
            found[..., index[i] == index[j]] = 0
    return found


def _without_jvp(ts: Sequence[Any], y: Sym, s: Sym, *, order: int) -> Any:
    t, n = ts[0], s.shape[-1]
    more = ops.products_without(s, order=order + 1)
    wide = ops.reshape(t, shape=(*s.shape[:-1], *(1,) * order, n))
    return ops.sum(more * wide, axis=(more.ndim - 1,), keepdims=False)


def _without_vjp(ct: Sym, y: Sym, s: Sym, *, order: int) -> list[Any]:
    more = ops.products_without(s, order=order + 1)
    wide = ops.reshape(ct, shape=(*ct.shape, 1))
    axes = tuple(range(s.ndim - 1, more.ndim - 1))
    return [ops.sum(more * wide, axis=axes, keepdims=False)]


def _without_samples(rng: np.random.Generator) -> Samples:
    yield (rng.normal(size=4),), {"order": 1}
    yield (rng.normal(size=(2, 3)),), {"order": 2}
    yield (np.array([0.0, 2.0, 0.0, 3.0]),), {"order": 2}


products_without = general(
    "products_without",
    _without_infer,
    _without_numpy,
    jvp=_without_jvp,
    vjp=_without_vjp,
    samples=_without_samples,
)


# ---------------------------------------------------------------- sign and logarithm
# With tau = tr(A^-1 dA): d log|det A| = Re tau, d sign = sign i Im tau (zero for real matrices).


def _slogdet_infer(a: Aval) -> TupleAval:
    lead = square("slogdet", a)
    return TupleAval((Aval(a.dtype, lead), Aval(real_dtype(a.dtype), lead)))


def _slogdet_jvp(ts: Sequence[Any], ys: Any, a: Sym) -> Any:
    tau = _whole_sum(conj(adj(ops.inv(a, check=True))) * ts[0])
    if a.dtype.kind != "c":
        return None, tau
    return ys[0] * imaginary(tau), real(tau)


def _slogdet_vjp(ct: Any, ys: Any, a: Sym) -> list[Any]:
    turn = None
    if ct[0] is not None and a.dtype.kind == "c":
        turn = imaginary(ct[0] * conj(ys[0]))
    tau = total(ct[1], turn)
    return [None if tau is None else spread(tau) * adj(ops.inv(a, check=True))]


slogdet = general(
    "slogdet",
    _slogdet_infer,
    lambda a: tuple(np.linalg.slogdet(a)),
    jvp=_slogdet_jvp,
    vjp=_slogdet_vjp,
    emit=by_matrix("slogdet", out=False, small=2),
    samples=_matrix_samples,
)
