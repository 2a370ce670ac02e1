"""Singular values, and eigenvalues of Hermitian matrices.

Derivatives of singular and eigenvalues exist at repeated ones too, for symmetric functions of them,
and are finite here. Derivatives of *vectors* divide by the gaps between values: at a repeated value
they do not exist, and what comes out is inf or nan, never a wrong number. Second derivatives of
values need derivatives of vectors.

Gauge. Real vectors have locally constant signs. A complex vector may be turned by any phase: the
derivative given is the one without such a turn (``diag(V^H dV) = 0``; in the svd the right vectors
stand and the left ones turn). Functions that do not depend on the phase do not see the choice.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ...core.avals import Aval, TupleAval
from ...core.errors import UnsupportedError
from ...core.sources import where as user_line
from ...tape.ir import Sym
from ..declare import conj, general, ops, times
from .matrices import (
    Samples,
    across,
    adj,
    at_least_matrix,
    column_dots,
    imaginary,
    inherit_mask,
    mm,
    real,
    real_dtype,
    square,
    total,
)

# ---------------------------------------------------------------- reciprocal gaps
# F_ij = 1 / (w_j - w_i) off the diagonal and 0 on it; dF = -F F (dw_j - dw_i).


def _gaps_infer(w: Aval) -> Aval:
    return Aval(w.dtype, (*w.shape, w.shape[-1]))


def _gaps_numpy(w: Any) -> Any:
    w = np.asarray(w)
    gap = w[..., None, :] - w[..., :, None]
    i = np.arange(w.shape[-1])
    gap[..., i, i] = 1
    with np.errstate(all="ignore"):
        found = 1 / gap
    found[..., i, i] = 0
    return found.astype(w.dtype)


def _gaps_jvp(ts: Sequence[Any], f: Sym, w: Sym) -> Any:
    t = ts[0]
    return -f * f * (across(t) - ops.reshape(t, shape=(*t.shape, 1)))


def _gaps_vjp(ct: Sym, f: Sym, w: Sym) -> list[Any]:
    g = -conj(f * f) * ct
    axis = g.ndim
    down = ops.sum(g, axis=(axis - 2,), keepdims=False)
    return [down - ops.sum(g, axis=(axis - 1,), keepdims=False)]


def _gaps_samples(rng: np.random.Generator) -> Samples:
    yield (np.array([1.0, 2.0, 4.0]),), {}
    yield (np.array([[1.0, 2.0], [3.0, -1.0]]) + 0.5j,), {}


gaps = general(
    "gaps",
    _gaps_infer,
    _gaps_numpy,
    jvp=_gaps_jvp,
    vjp=_gaps_vjp,
    samples=_gaps_samples,
)


# ---------------------------------------------------------------- A = V diag(w) V^H
# With M = V^H dA V: dw = diag(M), dV = V (F * M). NumPy reads one triangle of A.


def _eigh_infer(a: Aval, *, lower: bool) -> TupleAval:
    square("eigh", a)
    return TupleAval((Aval(real_dtype(a.dtype), a.shape[:-1]), Aval(a.dtype, a.shape)))


def _eigh_jvp(ts: Sequence[Any], ys: Any, a: Sym, *, lower: bool) -> Any:
    w, v = ys
    right = mm(ops.mirror(ts[0], lower=lower), v)
    return real(column_dots(v, right)), mm(v, mm(adj(v), right) * ops.gaps(w))


def _eigh_vjp(ct: Any, ys: Any, a: Sym, *, lower: bool) -> list[Any]:
    w, v = ys
    left = None if ct[0] is None else v * across(ct[0])
    if ct[1] is not None:
        m = inherit_mask(mm(adj(v), ct[1]), ct[1])
        left = total(left, mm(v, times(m, ops.gaps(w))))
    assert left is not None
    return [ops.fold(mm(left, adj(v)), lower=lower)]


def _eigh_samples(rng: np.random.Generator) -> Samples:
    yield (rng.normal(size=(3, 3)),), {"lower": True}
    yield (rng.normal(size=(2, 3, 3)),), {"lower": False}


eigh = general(
    "eigh",
    _eigh_infer,
    lambda a, *, lower: tuple(np.linalg.eigh(a, "L" if lower else "U")),
    jvp=_eigh_jvp,
    vjp=_eigh_vjp,
    samples=_eigh_samples,
)


# ---------------------------------------------------------------- A = U diag(s) V^H, thin
# With P = U^H dA V and F of the squares of s (Townsend 2016, for complex matrices as well):
#   ds = Re diag(P),
#   dU = U (F * (P S + S P^H) + i Im diag(P) / S) + (1 - U U^H) dA V / S,
#   dV = V (F * (S P + P^H S)) + (1 - V V^H) dA^H U / S.


def singular_tangent(u: Sym, vh: Sym, t: Sym) -> Sym:
    """The tangent of the singular values: Re diag(U^H dA V)."""
    found: Sym = real(column_dots(u, mm(t, adj(vh))))
    return found


def _svd_infer(a: Aval, *, full: bool) -> TupleAval:
    at_least_matrix("svd", a)
    m, n = a.shape[-2:]
    k, lead = min(m, n), a.shape[:-2]
    left, right = (m, n) if full else (k, k)
    return TupleAval(
        (
            Aval(a.dtype, (*lead, m, left)),
            Aval(real_dtype(a.dtype), (*lead, k)),
            Aval(a.dtype, (*lead, right, n)),
        )
    )


def _thin(ys: Any, k: int) -> tuple[Sym, Sym, Sym]:
    """The first k columns of U and rows of V^H."""
    u, s, vh = ys
    lead = tuple((0, n, 1) for n in s.shape[:-1])
    m, n = u.shape[-2], vh.shape[-1]
    if u.shape[-1] != k:
        u = ops.slice(u, ranges=(*lead, (0, m, 1), (0, k, 1)))
    if vh.shape[-2] != k:
        vh = ops.slice(vh, ranges=(*lead, (0, k, 1), (0, n, 1)))
    return u, s, vh


def _no_complement() -> None:
    raise UnsupportedError(
        "svd with full_matrices=True: the vectors that complete a basis have no derivative; pass "
        f"full_matrices=False ({user_line()})"
    )


def _svd_jvp(ts: Sequence[Any], ys: Any, a: Sym, *, full: bool) -> Any:
    (u, s, vh), t = ys, ts[0]
    m, k, n = a.shape[-2], s.shape[-1], a.shape[-1]
    if full and m != n:
        _no_complement()
    v, row, f = adj(vh), across(s), ops.gaps(s * s)
    right = mm(t, v)
    p = mm(adj(u), right)
    ps, ph = p * row, adj(p)
    du = mm(u, (ps + adj(ps)) * f)
    if a.dtype.kind == "c":
        du = du + u * across(imaginary(column_dots(u, right)) / s)
    if m > k:
        du = du + (right - mm(u, p)) / row
    phs = ph * row
    dv = mm(v, (phs + adj(phs)) * f)
    if n > k:
        dv = dv + (mm(adj(t), u) - mm(v, ph)) / row
    return du, real(column_dots(u, right)), adj(dv)


def _svd_vjp(ct: Any, ys: Any, a: Sym, *, full: bool) -> list[Any]:
    m, k, n = a.shape[-2], ys[1].shape[-1], a.shape[-1]
    if full and ((ct[0] is not None and m > k) or (ct[2] is not None and n > k)):
        _no_complement()
    u, s, vh = _thin(ys, k)
    v, row = adj(vh), across(s)
    parts: list[Sym | None] = []
    if ct[1] is not None:
        parts.append(mm(u * across(ct[1]), vh))
    if ct[0] is not None or ct[2] is not None:
        f = ops.gaps(s * s)
    if ct[0] is not None:
        g = inherit_mask(mm(adj(u), ct[0]), ct[0])
        x = times(g, f)
        parts.append(mm(mm(u, (x + adj(x)) * row), vh))
        if a.dtype.kind == "c":
            parts.append(mm(u * across(imaginary(column_dots(u, ct[0])) / s), vh))
        if m > k:
            rest = ct[0] - mm(u, g)
            parts.append(mm(times(inherit_mask(rest, ct[0]), 1.0 / row), vh))
    if ct[2] is not None:
        back = inherit_mask(adj(ct[2]), ct[2])
        g = inherit_mask(mm(vh, back), back)
        x = times(g, f)
        parts.append(mm(u, mm(adj((x + adj(x)) * row), vh)))
        if n > k:
            rest = inherit_mask(back - mm(v, g), back)
            parts.append(mm(u, adj(times(rest, 1.0 / row))))
    return [total(*parts)]


def _svd_samples(rng: np.random.Generator) -> Samples:
    yield (rng.normal(size=(4, 3)),), {"full": False}
    yield (rng.normal(size=(2, 2, 3)),), {"full": False}


svd = general(
    "svd",
    _svd_infer,
    lambda a, *, full: tuple(np.linalg.svd(a, full_matrices=full)),
    jvp=_svd_jvp,
    vjp=_svd_vjp,
    samples=_svd_samples,
)
