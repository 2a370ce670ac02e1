"""Running sums and products, and the linear recurrence that their derivatives are made of.

``cumsum`` is linear; its transpose runs the other way. With L the product of all before, the
cumulative product y has

    dy_k = x_k dy_{k-1} + L_k dx_k          (forward: a recurrence with coefficients x)
    ct_x = L * T,  T_k = ct_k + x_{k+1} T_{k+1}      (reverse: the recurrence run backwards)

which needs no division, so zeros are exact, to every order, because the recurrence
h_k = a_k h_{k-1} + b_k differentiates into itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import prod
from typing import Any

import numpy as np

from ..core.avals import Aval
from ..tape.ir import Sym
from ..tape.primitive import Emit, Params
from .declare import conj, general, linear, ops, times
from .reduce import Axes, expand_reduced, integral_dtype, reduced_shape

Samples = Iterator[tuple[tuple[Any, ...], Params]]


def layout(a: Aval, axis: int) -> tuple[int, int, int]:
    """Return the sizes before, along and after an axis."""
    return prod(a.shape[:axis]), a.shape[axis], prod(a.shape[axis + 1 :])


def _scan_infer(a: Aval, *, axis: int, reverse: bool) -> Aval:
    return Aval(integral_dtype(a.dtype), a.shape)


def _running(fn: Any) -> Any:
    def run(x: Any, *, axis: int, reverse: bool) -> Any:
        return np.flip(fn(np.flip(x, axis), axis=axis), axis) if reverse else fn(x, axis=axis)

    return run


def _scan_text(name: str) -> Any:
    def text(avals: tuple[Aval, ...], out: Aval, params: Params) -> str:
        operands = ", ".join(f"{{{k}}}" for k in range(len(avals)))
        lead, n, run = layout(out, params["axis"])
        return f"routines.{name}({{out}}, {operands}, {lead}, {n}, {run}, {params['reverse']})"

    return text


def _scan_samples(rng: np.random.Generator) -> Samples:
    yield (rng.normal(size=4),), {"axis": 0, "reverse": False}
    yield (rng.normal(size=(2, 3)),), {"axis": 1, "reverse": True}
    yield (rng.normal(size=(3, 2)),), {"axis": 0, "reverse": False}


cumsum = linear(
    "cumsum",
    _scan_infer,
    _running(np.cumsum),
    lambda ct, x, *, axis, reverse: ops.cumsum(ct, axis=axis, reverse=not reverse),
    emit=Emit("call", _scan_text("cumsum")),
    samples=_scan_samples,
)


def shifted(x: Sym, axis: int, by: int, fill: float) -> Sym:
    """Move entries by one along an axis (+1 towards the end), `fill` entering."""
    n = x.shape[axis]
    start = 0 if by > 0 else 1
    ranges = tuple(
        (start if n > 1 else 0, n - 1, 1) if k == axis else (0, m, 1) for k, m in enumerate(x.shape)
    )
    kept = ops.slice(x, ranges=ranges)
    edge = x.shape[:axis] + (1,) + x.shape[axis + 1 :]
    new = ops.broadcast_to(x.b.cast(x.b.lit(fill), x.dtype), shape=edge)
    return ops.concatenate(*((new, kept) if by > 0 else (kept, new)), axis=axis)


def before(y: Sym, axis: int, reverse: bool) -> Sym:
    """From a cumulative product, the product of all strictly before each place."""
    return shifted(y, axis, -1 if reverse else 1, 1.0) if y.size else y


def _cumprod_jvp(ts: Sequence[Any], y: Sym, x: Sym, *, axis: int, reverse: bool) -> Any:
    if ts[0] is None:
        return None
    return ops.recurrence(x, times(ts[0], before(y, axis, reverse)), axis=axis, reverse=reverse)


def _cumprod_vjp(ct: Sym, y: Sym, x: Sym, *, axis: int, reverse: bool) -> list[Any]:
    if not x.size:
        return [ct]
    following = shifted(conj(x), axis, 1 if reverse else -1, 0.0)
    total = ops.recurrence(following, ct, axis=axis, reverse=not reverse)
    return [times(total, conj(before(y, axis, reverse)))]


cumprod = general(
    "cumprod",
    _scan_infer,
    _running(np.cumprod),
    jvp=_cumprod_jvp,
    vjp=_cumprod_vjp,
    emit=Emit("call", _scan_text("cumprod")),
    samples=_scan_samples,
)


# ---------------------------------------------------------------- the recurrence


def _recurrence_numpy(a: Any, b: Any, *, axis: int, reverse: bool) -> Any:
    a, b = np.moveaxis(a, axis, 0), np.moveaxis(b, axis, 0)
    h = np.array(b, order="C")
    order = range(1, len(h))
    for k in order:
        now, last = (len(h) - 1 - k, len(h) - k) if reverse else (k, k - 1)
        h[now] += a[now] * h[last]
    return np.moveaxis(h, 0, axis)


def _recurrence_infer(a: Aval, b: Aval, *, axis: int, reverse: bool) -> Aval:
    return Aval(b.dtype, b.shape)


def _recurrence_promote(a: Aval, b: Aval, *, axis: int, reverse: bool) -> tuple[Any, Any]:
    dtype = np.result_type(a.dtype, b.dtype)
    return (dtype, dtype)


def _last(h: Sym, axis: int, reverse: bool) -> Sym:
    return shifted(h, axis, -1 if reverse else 1, 0.0)


def _recurrence_jvp(ts: Sequence[Any], h: Sym, a: Sym, b: Sym, *, axis: int, reverse: bool) -> Any:
    drive = None if ts[0] is None else ts[0] * _last(h, axis, reverse)
    if ts[1] is not None:
        drive = ts[1] if drive is None else drive + ts[1]
    return None if drive is None else ops.recurrence(a, drive, axis=axis, reverse=reverse)


def _recurrence_vjp(ct: Sym, h: Sym, a: Sym, b: Sym, *, axis: int, reverse: bool) -> list[Any]:
    if not h.size:
        return [ct, ct]
    following = shifted(conj(a), axis, 1 if reverse else -1, 0.0)
    back = ops.recurrence(following, ct, axis=axis, reverse=not reverse)
    return [times(back, conj(_last(h, axis, reverse))), back]


def _recurrence_samples(rng: np.random.Generator) -> Samples:
    yield (rng.normal(size=4), rng.normal(size=4)), {"axis": 0, "reverse": False}
    yield (rng.normal(size=(2, 3)), rng.normal(size=(2, 3))), {"axis": 1, "reverse": True}
    yield (rng.normal(size=(3, 2)), rng.normal(size=(3, 2))), {"axis": 0, "reverse": True}


# h_k = a_k h_{k-1} + b_k along an axis (h before the first is 0, so a at the first is not used).
recurrence = general(
    "recurrence",
    _recurrence_infer,
    _recurrence_numpy,
    jvp=_recurrence_jvp,
    vjp=_recurrence_vjp,
    promote=_recurrence_promote,
    emit=Emit("call", _scan_text("recurrence")),
    samples=_recurrence_samples,
)


# ---------------------------------------------------------------- products over axes


def _others(x: Sym, axis: Axes) -> Sym:
    """For each element, the product of all the others that are reduced with it: no division."""
    rest = tuple(k for k in range(x.ndim) if k not in axis)
    order = rest + axis
    moved = ops.transpose(x, axes=order)
    flat = ops.reshape(moved, shape=(*(x.shape[k] for k in rest), prod(x.shape[k] for k in axis)))
    last = flat.ndim - 1
    left = before(ops.cumprod(flat, axis=last, reverse=False), last, False)
    right = before(ops.cumprod(flat, axis=last, reverse=True), last, True)
    back = ops.reshape(left * right, shape=moved.shape)
    return ops.transpose(back, axes=tuple(int(k) for k in np.argsort(order)))


def _prod_infer(a: Aval, *, axis: Axes, keepdims: bool) -> Aval:
    return Aval(integral_dtype(a.dtype), reduced_shape(a.shape, axis, keepdims))


def _prod_jvp(ts: Sequence[Any], y: Sym, x: Sym, *, axis: Axes, keepdims: bool) -> Any:
    if ts[0] is None:
        return None
    return ops.sum(times(ts[0], _others(x, axis)), axis=axis, keepdims=keepdims)


def _prod_vjp(ct: Sym, y: Sym, x: Sym, *, axis: Axes, keepdims: bool) -> list[Any]:
    spread = expand_reduced(ct, x.shape, axis)
    if ct.id in ct.b.masked:
        ct.b.masked.add(spread.id)
    return [times(spread, conj(_others(x, axis)))]


def _prod_samples(rng: np.random.Generator) -> Samples:
    yield (rng.normal(size=(2, 3)),), {"axis": (0,), "keepdims": False}
    yield (np.array([[1.5, 0.0, 2.0], [0.0, 0.0, 3.0]]),), {"axis": (1,), "keepdims": True}
    yield (rng.normal(size=(2, 3, 2)),), {"axis": (0, 2), "keepdims": False}


prod_ = general(
    "prod",
    _prod_infer,
    lambda x, *, axis, keepdims: np.prod(x, axis=axis, keepdims=keepdims),
    jvp=_prod_jvp,
    vjp=_prod_vjp,
    emit=Emit("reduce", lambda: ("1", "{0} * {1}")),
    samples=_prod_samples,
)
