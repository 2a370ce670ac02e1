"""Reductions over axes: folds that codegen attaches to the loop nest that feeds them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from ..core.avals import Aval, Shape
from ..tape.ir import Sym
from ..tape.primitive import Emit, Params
from .declare import broadcast, general, linear, ops

Axes = tuple[int, ...]


def reduced_shape(shape: Shape, axis: Axes, keepdims: bool) -> Shape:
    """Return the shape after a reduction over `axis` (non-negative axes)."""
    if keepdims:
        return tuple(1 if i in axis else n for i, n in enumerate(shape))
    return tuple(n for i, n in enumerate(shape) if i not in axis)


def expand_reduced(ct: Sym, shape: Shape, axis: Axes) -> Sym:
    """Broadcast the result of a reduction back over the reduced axes of `shape`."""
    kept = reduced_shape(shape, axis, True)
    ct = ct if ct.shape == kept else ops.reshape(ct, shape=kept)
    return broadcast(ct, shape)


def axis_samples(rng: np.random.Generator) -> Iterator[tuple[tuple[Any, ...], Params]]:
    """Test inputs of a reduction: some axes, all axes, keepdims."""
    yield (rng.normal(size=(2, 3)),), {"axis": (0,), "keepdims": False}
    yield (rng.normal(size=(2, 3)),), {"axis": (0, 1), "keepdims": False}
    yield (rng.normal(size=(2, 3, 4)),), {"axis": (0, 2), "keepdims": True}
    yield (rng.normal(size=(3,)),), {"axis": (0,), "keepdims": False}


def integral_dtype(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """Return the dtype in which sums and products are taken: bools and short integers widen."""
    if dtype.kind == "b" or (dtype.kind == "i" and dtype.itemsize < 8):
        return np.dtype(np.int64)
    if dtype.kind == "u" and dtype.itemsize < 8:
        return np.dtype(np.uint64)
    return dtype


def _sum_infer(a: Aval, *, axis: Axes, keepdims: bool) -> Aval:
    return Aval(integral_dtype(a.dtype), reduced_shape(a.shape, axis, keepdims))


def _sum_samples(rng: np.random.Generator) -> Iterator[tuple[tuple[Any, ...], Params]]:
    yield from axis_samples(rng)
    z = rng.normal(size=(2, 3)) + 1j * rng.normal(size=(2, 3))
    yield (z,), {"axis": (1,), "keepdims": False}


# A fold is (initial value, update): a template of the accumulator {0} and the element {1}.
FOLD_SUM = ("0", "fold_add({0}, {1})")

sum_ = linear(
    "sum",
    _sum_infer,
    lambda x, *, axis, keepdims: np.sum(x, axis=axis, keepdims=keepdims),
    lambda ct, x, *, axis, keepdims: expand_reduced(ct, x.shape, axis),
    emit=Emit("reduce", lambda: FOLD_SUM),
    samples=_sum_samples,
)


def _extreme_infer(a: Aval, *, axis: Axes, keepdims: bool) -> Aval:
    return Aval(a.dtype, reduced_shape(a.shape, axis, keepdims))


def _ties(y: Sym, x: Sym, axis: Axes) -> tuple[Sym, Sym]:
    """Return ones where an element is the extreme value, and how many these are: they share equally."""
    hit = ops.cast(x.eq(expand_reduced(y, x.shape, axis)), dtype=x.dtype.name, weak=False)
    return hit, ops.sum(hit, axis=axis, keepdims=True)


def _extreme_jvp(ts: Sequence[Any], y: Sym, x: Sym, *, axis: Axes, keepdims: bool) -> Any:
    if ts[0] is None:
        return None
    hit, count = _ties(y, x, axis)
    return ops.sum(ops.gated(hit / count, ts[0]), axis=axis, keepdims=keepdims)


def _extreme_vjp(ct: Sym, y: Sym, x: Sym, *, axis: Axes, keepdims: bool) -> list[Any]:
    hit, count = _ties(y, x, axis)
    kept = count.shape
    # Divided before it is spread: as many quotients as there are extreme values.
    return [hit * ((ct if ct.shape == kept else ops.reshape(ct, shape=kept)) / count)]


max_ = general(
    "max",
    _extreme_infer,
    lambda x, *, axis, keepdims: np.max(x, axis=axis, keepdims=keepdims),
    jvp=_extreme_jvp,
    vjp=_extreme_vjp,
    emit=Emit("reduce", lambda: ("-inf", "memory.fold_max({0}, {1})")),
    samples=axis_samples,
    masks=True,
)
min_ = general(
    "min",
    _extreme_infer,
    lambda x, *, axis, keepdims: np.min(x, axis=axis, keepdims=keepdims),
    jvp=_extreme_jvp,
    vjp=_extreme_vjp,
    emit=Emit("reduce", lambda: ("inf", "memory.fold_min({0}, {1})")),
    samples=axis_samples,
    masks=True,
)
