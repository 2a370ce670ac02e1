"""Order: sort, argsort, argpartition, argmax and their kin, searchsorted.

Sorting is a permutation, locally constant, so tangents and cotangents are permuted along; where
values are equal the permutation is not unique and they share equally: ``tie_mean`` averages over
runs of equal sorted values (it is symmetric, so it is its own transpose).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import prod
from typing import Any

import numpy as np

from ..core.avals import Aval
from ..tape.ir import Sym
from ..tape.primitive import Emit, Params, Primitive
from .declare import general, linear, ops, zeros_like
from .index import INT
from .scan import layout

Samples = Iterator[tuple[tuple[Any, ...], Params]]


# ---------------------------------------------------------------- along an axis


def along_positions(i: Sym, shape: tuple[int, ...], axis: int) -> Sym:
    """Positions in the raveled array of `shape` for indices along an axis.

    The entry of `i` at (l, k, r) names (l, i, r); other axes than `axis` may broadcast.
    """
    total = i * prod(shape[axis + 1 :])
    stride = 1
    for k in reversed(range(len(shape))):
        if k != axis and shape[k] > 1:
            step = ops.arange.on(i.b, n=shape[k], dtype=INT.name)
            step = ops.reshape(step, shape=(shape[k], *(1,) * (i.ndim - 1 - k)))
            total = total + (step if stride == 1 else step * stride)
        stride *= shape[k]
    return total


def take_along(x: Sym, i: Sym, axis: int) -> Sym:
    """Return ``np.take_along_axis(x, i, axis)`` for positions in range."""
    flat = ops.reshape(x, shape=(x.size,))
    return ops.gather(flat, along_positions(i, x.shape, axis), axis=0)


def put_along(x: Sym, i: Sym, u: Sym, axis: int, prim: str = "scatter_set") -> Sym:
    """Return x with u written (or added) at indices along an axis."""
    flat = ops.reshape(x, shape=(x.size,))
    done = getattr(ops, prim)(flat, u, along_positions(i, x.shape, axis), axis=0)
    return ops.reshape(done, shape=x.shape)


# ---------------------------------------------------------------- orders


def _axis_samples(rng: np.random.Generator) -> Samples:
    yield (rng.normal(size=5),), {"axis": 0}
    yield (rng.normal(size=(3, 4)),), {"axis": 1}
    yield (rng.normal(size=(3, 2, 2)),), {"axis": 0}


def _argsort_text(avals: tuple[Aval, ...], out: Aval, params: Params) -> str | None:
    lead, n, run = layout(out, params["axis"])
    if avals[0].dtype.kind == "c" or n > 64 or not params["stable"]:
        return None
    return f"routines.argsort({{out}}, {{0}}, {lead}, {n}, {run})"


# The order of equal elements is NumPy's own, for either kind.
argsort = general(
    "argsort",
    lambda a, *, axis, stable: Aval(INT, a.shape),
    lambda x, *, axis, stable: np.argsort(x, axis=axis, stable=stable),
    emit=Emit("call", _argsort_text),
    samples=lambda rng: ((args, {**p, "stable": True}) for args, p in _axis_samples(rng)),
)

argpartition = general(
    "argpartition",
    lambda a, *, axis, kth: Aval(INT, a.shape),
    lambda x, *, axis, kth: np.argpartition(x, kth, axis=axis),
    samples=lambda rng: ((args, {**p, "kth": (1,)}) for args, p in _axis_samples(rng)),
)


def _tie_numpy(t: Any, y: Any, *, axis: int) -> Any:
    t, y = np.moveaxis(t, axis, -1), np.moveaxis(y, axis, -1)
    new = np.ones(y.shape, bool)
    new[..., 1:] = y[..., 1:] != y[..., :-1]
    if new.all():
        return np.moveaxis(np.array(t), -1, axis)
    group = np.cumsum(new.reshape(-1)) - 1
    count = np.bincount(group)
    total = np.zeros(len(count), t.dtype)
    np.add.at(total, group, t.reshape(-1))
    shared = (total / count).astype(t.dtype)[group]
    return np.moveaxis(shared.reshape(t.shape), -1, axis)


def _tie_samples(rng: np.random.Generator) -> Samples:
    yield (rng.normal(size=5), np.array([0.0, 1.0, 1.0, 2.0, 2.0])), {"axis": 0}
    yield (rng.normal(size=(2, 3)), np.array([[1.0, 1.0, 1.0], [0.0, 1.0, 2.0]])), {"axis": 1}


def _tie_text(avals: tuple[Aval, ...], out: Aval, params: Params) -> str:
    lead, n, run = layout(out, params["axis"])
    return f"routines.tie_mean({{out}}, {{0}}, {{1}}, {lead}, {n}, {run})"


tie_mean = linear(
    "tie_mean",
    lambda t, y, *, axis: Aval(t.dtype, t.shape),
    _tie_numpy,
    lambda ct, t, y, *, axis: [ops.tie_mean(ct, y, axis=axis), None],
    args=(0,),
    emit=Emit("call", _tie_text),
    samples=_tie_samples,
)


def _sort_jvp(ts: Sequence[Any], y: Sym, x: Sym, *, axis: int) -> Any:
    if ts[0] is None:
        return None
    moved = take_along(ts[0], ops.argsort(x, axis=axis, stable=True), axis)
    return ops.tie_mean(moved, y, axis=axis)


def _sort_vjp(ct: Sym, y: Sym, x: Sym, *, axis: int) -> list[Any]:
    shared = ops.tie_mean(ct, y, axis=axis)
    return [put_along(zeros_like(x), ops.argsort(x, axis=axis, stable=True), shared, axis)]


def _sort_text(avals: tuple[Aval, ...], out: Aval, params: Params) -> str | None:
    lead, n, run = layout(out, params["axis"])
    if out.dtype.kind == "c" or n > 64:
        return None  # NumPy sorts long lines with vector instructions
    return f"routines.sort({{out}}, {{0}}, {lead}, {n}, {run})"


sort = general(
    "sort",
    lambda a, *, axis: Aval(a.dtype, a.shape),
    lambda x, *, axis: np.sort(x, axis=axis),
    jvp=_sort_jvp,
    vjp=_sort_vjp,
    emit=Emit("call", _sort_text),
    samples=_axis_samples,
)


# ---------------------------------------------------------------- places of extremes
# The axis is kept with size 1, so that the result is an array that a routine can write.


def _nan_samples(rng: np.random.Generator) -> Samples:
    yield from _axis_samples(rng)
    yield (np.array([[1.0, np.nan, 3.0, np.nan], [2.0, 2.0, 0.0, 0.0]]),), {"axis": 1}


def _place(name: str, fn: Any) -> Primitive:
    def text(avals: tuple[Aval, ...], out: Aval, params: Params) -> str | None:
        if avals[0].dtype.kind == "c":
            return None
        lead, n, run = layout(avals[0], params["axis"])
        return f"routines.{name}({{out}}, {{0}}, {lead}, {n}, {run})"

    return general(
        name,
        lambda a, *, axis: Aval(INT, a.shape[:axis] + (1,) + a.shape[axis + 1 :]),
        lambda x, *, axis: fn(x, axis=axis, keepdims=True),
        emit=Emit("call", text),
        samples=_nan_samples,
    )


argmax = _place("argmax", np.argmax)
argmin = _place("argmin", np.argmin)


def _running_numpy(x: Any, *, axis: int, largest: bool) -> Any:
    """The first place of the extreme so far: a place is new when it beats all before it."""
    x = np.moveaxis(x, axis, -1)
    best = (np.maximum if largest else np.minimum).accumulate(x, axis=-1)
    new = np.ones(x.shape, bool)
    now, last = x[..., 1:], best[..., :-1]
    new[..., 1:] = (now > last if largest else now < last) | ((now != now) & (last == last))
    places = np.where(new, np.arange(x.shape[-1]), 0)
    return np.moveaxis(np.maximum.accumulate(places, axis=-1), -1, axis)


def _running_samples(rng: np.random.Generator) -> Samples:
    for args, params in _axis_samples(rng):
        yield args, {**params, "largest": True}
    yield (np.array([1.0, 0.5, 0.5, np.nan, 0.0]),), {"axis": 0, "largest": False}


def _running_text(avals: tuple[Aval, ...], out: Aval, params: Params) -> str | None:
    if avals[0].dtype.kind == "c":
        return None
    lead, n, run = layout(out, params["axis"])
    return f"routines.running_place({{out}}, {{0}}, {lead}, {n}, {run}, {params['largest']})"


running_place = general(
    "running_place",
    lambda a, *, axis, largest: Aval(INT, a.shape),
    _running_numpy,
    emit=Emit("call", _running_text),
    samples=_running_samples,
)


def _search_samples(rng: np.random.Generator) -> Samples:
    yield (np.array([0.0, 1.0, 1.0, 2.0]), rng.uniform(-1, 3, (2, 3))), {"side": "left"}
    yield (np.array([0.0, 1.0, 1.0, 2.0]), np.array([1.0, 2.0, 0.0])), {"side": "right"}


def _search_promote(a: Aval, v: Aval, *, side: str) -> tuple[Any, Any]:
    dtype = np.result_type(a.dtype, v.weak_type(0) if v.weak else v.dtype)
    return (dtype, dtype)


searchsorted = general(
    "searchsorted",
    lambda a, v, *, side: Aval(INT, v.shape),
    lambda a, v, *, side: np.searchsorted(a, v, side=side),
    promote=_search_promote,
    emit=Emit(
        "call",
        lambda avals, out, params: (
            None
            if avals[0].dtype.kind == "c"
            else f"routines.searchsorted({{out}}, {{0}}, {{1}}, {params['side'] == 'right'})"
        ),
    ),
    samples=_search_samples,
)
