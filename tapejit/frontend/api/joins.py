"""Arrays joined and taken apart: concatenate and its kin, splits, tiles, repeats, rolls."""

from __future__ import annotations

import operator
from itertools import pairwise
from math import prod
from typing import Any

import numpy as np

from ...core.sources import where
from ...tape.ir import Sym
from ..dispatch import implements
from ..tracer import active
from .common import (
    P,
    arr,
    arrays,
    axis_of,
    cast,
    cut,
    joined,
    ordered_axes,
    reshaped,
    spread,
    static,
    unsafe_index,
)
from .shapes import widened


def _cast_all(parts: list[Sym], dtype: Any, casting: str) -> list[Sym]:
    if dtype is None:
        return parts
    for p in parts:
        if not np.can_cast(p.dtype, dtype, casting):  # type: ignore[arg-type]
            raise TypeError(
                f"Cannot cast array data from {p.dtype!r} to {np.dtype(dtype)!r} according to the "
                f"rule {casting!r} ({where()})"
            )
    return [cast(p, dtype) for p in parts]


def join(parts: list[Sym], axis: int, dtype: Any = None, casting: str = "same_kind") -> Sym:
    """Join along an axis, with NumPy's complaints."""
    if not parts:
        raise ValueError("need at least one array to concatenate")
    if [p for p in parts if p.ndim == 0]:
        raise ValueError("zero-dimensional arrays cannot be concatenated")
    if len({p.ndim for p in parts}) > 1:
        raise ValueError(
            "all the input array dimensions except for the concatenation axis must match exactly, "
            f"but the arrays have {' and '.join(str(p.ndim) for p in parts)} dimensions ({where()})"
        )
    return joined(_cast_all(parts, dtype, casting), axis_of(parts[0], axis))


@implements(np.concatenate, *([np.concat] if hasattr(np, "concat") else []), copies=True)
def concatenate(arrays_: Any, /, axis: Any = 0, *, dtype: Any = None,
                casting: str = "same_kind") -> Sym:  # fmt: skip
    parts = arrays(arrays_)
    if axis is None:
        parts, axis = [reshaped(p, (p.size,)) for p in parts], 0
    return join(parts, axis, dtype, casting)


@implements(np.stack, copies=True)
def stack(arrays_: Any, axis: int = 0, *, dtype: Any = None, casting: str = "same_kind") -> Sym:
    parts = arrays(arrays_)
    if not parts:
        raise ValueError("need at least one array to stack")
    if len({p.shape for p in parts}) > 1:
        raise ValueError(f"all input arrays must have the same shape ({where()})")
    k = axis_of(parts[0].ndim + 1, axis)
    shape = parts[0].shape
    return join([reshaped(p, shape[:k] + (1,) + shape[k:]) for p in parts], k, dtype, casting)


@implements(np.vstack, copies=True)
def vstack(tup: Any, *, dtype: Any = None, casting: str = "same_kind") -> Sym:
    return join([widened(p, 2) for p in arrays(tup)], 0, dtype, casting)


@implements(np.hstack, copies=True)
def hstack(tup: Any, *, dtype: Any = None, casting: str = "same_kind") -> Sym:
    parts = [widened(p, 1) for p in arrays(tup)]
    return join(parts, 0 if parts and parts[0].ndim == 1 else 1, dtype, casting)


@implements(np.dstack, copies=True)
def dstack(tup: Any) -> Sym:
    return join([widened(p, 3) for p in arrays(tup)], 2)


@implements(np.column_stack, copies=True)
def column_stack(tup: Any) -> Sym:
    parts = [reshaped(p, (p.size, 1)) if p.ndim < 2 else p for p in arrays(tup)]
    return join(parts, 1)


@implements(np.append, copies=True)
def append(arr_: Any, values: Any, axis: Any = None) -> Sym:
    a, v = arr(arr_), arr(values)
    if axis is None:
        return join([reshaped(a, (a.size,)), reshaped(v, (v.size,))], 0)
    return join([a, v], axis)


@implements(np.block, copies=True)
def block(arrays_: Any) -> Sym:
    """Join nested lists: the innermost along the last axis, the outer ones along those before."""
    depth = _depth(arrays_)
    leaves: list[Sym] = []
    _leaves(arrays_, leaves)
    ndim = max([depth, *(x.ndim for x in leaves)])

    def build(item: Any, level: int) -> Sym:
        if not isinstance(item, list):
            x = arr(item)
            return reshaped(x, (1,) * (ndim - x.ndim) + x.shape)
        return join([build(i, level + 1) for i in item], ndim - depth + level)

    return build(arrays_, 0)


def _depth(item: Any) -> int:
    if isinstance(item, tuple):
        raise TypeError("arrays is a tuple. Only lists can be used to arrange blocks.")
    if not isinstance(item, list):
        return 0
    if not item:
        raise ValueError("List at arrays cannot be empty")
    depths = {_depth(i) for i in item}
    if len(depths) > 1:
        raise ValueError("List depths are mismatched.")
    return 1 + depths.pop()


def _leaves(item: Any, found: list[Sym]) -> None:
    if isinstance(item, list):
        for i in item:
            _leaves(i, found)
    else:
        found.append(arr(item))


# ---------------------------------------------------------------- splits


def _sections(n: int, wanted: Any, exact: bool) -> list[tuple[int, int]]:
    """Return (start, length) of each part of an axis."""
    wanted = static(wanted)
    if isinstance(wanted, (int, np.integer)):
        parts = int(wanted)
        if parts <= 0:
            raise ValueError("number sections must be larger than 0.")
        if exact and n % parts:
            raise ValueError("array split does not result in an equal division")
        each, extra = divmod(n, parts)
        sizes = [each + 1] * extra + [each] * (parts - extra)
        ends = [0, *np.cumsum(sizes).tolist()]
        return [(a, b - a) for a, b in pairwise(ends)]
    ends = [0, *(operator.index(k) for k in wanted), n]
    found = []
    for a, b in pairwise(ends):
        r = range(n)[a:b]
        found.append((r.start, len(r)))
    return found


def _split(a: Any, wanted: Any, axis: Any, exact: bool) -> list[Sym]:
    a = arr(a)
    k = axis_of(a, axis)
    found = []
    for start, length in _sections(a.shape[k], wanted, exact):
        part = cut(a, k, start, length)
        found.append(P.reshape(part, shape=part.shape) if part is a else part)
    return found


@implements(np.split)
def split(ary: Any, indices_or_sections: Any, axis: int = 0) -> list[Sym]:
    return _split(ary, indices_or_sections, axis, True)


@implements(np.array_split)
def array_split(ary: Any, indices_or_sections: Any, axis: int = 0) -> list[Sym]:
    return _split(ary, indices_or_sections, axis, False)


def _named_split(name: str, least: int, axis: int) -> None:
    def named(ary: Any, indices_or_sections: Any) -> list[Sym]:
        a = arr(ary)
        if a.ndim < least:
            raise ValueError(f"{name} only works on arrays of {least} or more dimensions")
        return _split(a, indices_or_sections, min(axis, a.ndim - 1), True)

    implements(getattr(np, name))(named)


_named_split("hsplit", 1, 1)
_named_split("vsplit", 2, 0)
_named_split("dsplit", 3, 2)


@implements(*([np.unstack] if hasattr(np, "unstack") else []))
def unstack(x: Any, /, *, axis: int = 0) -> tuple[Sym, ...]:
    from .common import pick

    a = arr(x)
    k = axis_of(a, axis)
    return tuple(pick(a, k, i) for i in range(a.shape[k]))


# ---------------------------------------------------------------- repetition


@implements(np.tile, copies=True)
def tile(A: Any, reps: Any) -> Sym:
    a, reps = arr(A), static(reps)
    reps = (reps,) if isinstance(reps, (int, np.integer)) else tuple(reps)
    ndim = max(len(reps), a.ndim)
    times = (1,) * (ndim - len(reps)) + tuple(operator.index(n) for n in reps)
    shape = (1,) * (ndim - a.ndim) + a.shape
    pairs = reshaped(a, [m for n in shape for m in (1, n)])
    wide = spread(pairs, [m for t, n in zip(times, shape) for m in (t, n)])
    return reshaped(wide, [t * n for t, n in zip(times, shape)])


@implements(np.repeat, copies=True)
def repeat(a: Any, repeats: Any, axis: Any = None) -> Sym:
    a = arr(a)
    if axis is None:
        a, axis = reshaped(a, (a.size,)), 0
    k = axis_of(a, axis)
    counts = np.asarray(static(repeats))
    if counts.dtype.kind not in "iub":
        raise unsafe_index(counts.dtype)
    n = a.shape[k]
    if (counts < 0).any():
        raise ValueError("repeats may not contain negative values.")
    if counts.size == 1:
        m = int(counts.reshape(()))
        shape = a.shape[:k] + (n, 1) + a.shape[k + 1 :]
        wide = spread(reshaped(a, shape), a.shape[:k] + (n, m) + a.shape[k + 1 :])
        return reshaped(wide, a.shape[:k] + (n * m,) + a.shape[k + 1 :])
    if counts.shape != (n,):
        raise ValueError(
            f"operands could not be broadcast together with shape ({n},) {counts.shape}"
        )
    at = active().const(np.repeat(np.arange(n), counts))
    return P.gather(a, at, axis=k)


@implements(np.resize, copies=True)
def resize(a: Any, new_shape: Any) -> Sym:
    """Repeat the raveled elements until the new shape is full."""
    a, shape = arr(a), static(new_shape)
    shape = (shape,) if isinstance(shape, (int, np.integer)) else tuple(shape)
    if [n for n in shape if n < 0]:
        raise ValueError("all elements of `new_shape` must be non-negative")
    size = prod(shape)
    flat = reshaped(a, (a.size,))
    if not a.size or not size:
        from .creation import filled

        return filled(a, 0, shape)
    copies = -(-size // a.size)
    return reshaped(cut(joined([flat] * copies, 0), 0, 0, size), shape)


@implements(np.roll, copies=True)
def roll(a: Any, shift: Any, axis: Any = None) -> Sym:
    a, shift = arr(a), static(shift)
    if axis is None:
        flat = reshaped(a, (a.size,))
        total = int(np.sum(np.asarray(shift)))
        return reshaped(_rolled(flat, total, 0), a.shape)
    axes = tuple(ordered_axes(a, (k,))[0] for k in (axis if isinstance(axis, tuple) else (axis,)))
    pairs = np.broadcast(np.asarray(shift), np.asarray(axes))
    if pairs.ndim > 1:
        raise ValueError("'shift' and 'axis' should be scalars or 1D sequences")
    total_by_axis: dict[int, int] = {}
    for s, k in pairs:
        total_by_axis[int(k)] = total_by_axis.get(int(k), 0) + operator.index(s)
    for k, s in total_by_axis.items():
        a = _rolled(a, s, k)
    result: Sym = a
    return result


def _rolled(a: Sym, shift: int, axis: int) -> Sym:
    n = a.shape[axis]
    s = shift % n if n else 0
    if s == 0:
        return a
    return joined([cut(a, axis, n - s, s), cut(a, axis, 0, n - s)], axis)
