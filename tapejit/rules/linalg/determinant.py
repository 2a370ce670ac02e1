"""Determinants. The gradient of det is the cofactor matrix, right for singular matrices too."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ...core.avals import Aval, TupleAval
from ...core.errors import UnsupportedError
from ...tape.ir import Sym
from ..declare import conj, general, ops
from .matrices import (
    Samples,
    across,
    adj,
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


def _cofactor_change(a: Sym, t: Sym) -> Sym:
    u, s, vh = a.b.outs(ops.svd(a, full=False))
    phase = ops.det(u) * ops.det(vh)
    inner = mm(adj(u), t, adj(vh))
    g = ops.pair_products(s)
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
    samples=_matrix_samples,
)


def _pairs_numpy(s: Any) -> Any:
    n = s.shape[-1]
    i = np.arange(n)
    rest = np.repeat(s[..., None, :], n, axis=-2)
    rest[..., i, i] = 1
    found = _excluding(rest)
    found[..., i, i] = 0
    return found


def _no_third(*args: Any, **params: Any) -> Any:
    raise UnsupportedError(
        "third derivatives of det have no rule; use np.linalg.slogdet, which has all orders"
    )


pair_products = general(
    "pair_products",
    lambda s: Aval(s.dtype, (*s.shape, s.shape[-1])),
    _pairs_numpy,
    jvp=_no_third,
    vjp=_no_third,
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
    samples=_matrix_samples,
)
