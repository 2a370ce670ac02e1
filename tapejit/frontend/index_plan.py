"""Advanced indices: arrays of integers, boolean masks, traced integers.

An index is resolved in two steps. The basic part (slices, None, Ellipsis) is a view in which every
advanced item still has its whole axes; then the axes of the advanced items are merged into one, the
items into one array of positions along it, and one gather or scatter does the rest. As in NumPy the
broadcast shape of the items stands in place of the first one when they are neighbours, in front
otherwise. A mask counts as the positions of its true elements, whose number is guarded.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from ..core.avals import common_shape
from ..core.errors import IndexingError
from ..core.records import record
from ..core.sources import where
from ..tape.ir import Sym
from ..tape.primitive import BY_NAME
from .capture import Capture
from .tracer import Tracer, sym_of

FULL = slice(None)


@record(frozen=True)
class Plan:
    """How an advanced index is carried out.

    Attributes
    ----------
    ranges : tuple
        The basic part as a ``slice`` row's parameter.
    mid : tuple of int
        The shape after the basic part, new axes included.
    order : tuple of int
        The permutation that brings the indexed axes together.
    merged : tuple of int
        The shape after the indexed axes have been merged into `axis`.
    axis : int
        The merged axis.
    at : Sym
        Positions along it; a single one is an array of one, so that routines can read it.
    single : bool
        Whether the axis of positions goes away again.
    """

    ranges: tuple[tuple[int, int, int], ...]
    mid: tuple[int, ...]
    order: tuple[int, ...]
    merged: tuple[int, ...]
    axis: int
    at: Sym
    single: bool

    @property
    def taken(self) -> tuple[int, ...]:
        """The shape of what is gathered or scattered."""
        return self.merged[: self.axis] + self.at.shape + self.merged[self.axis + 1 :]

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the indexed result."""
        places = () if self.single else self.at.shape
        return self.merged[: self.axis] + places + self.merged[self.axis + 1 :]

    def spread(self, x: Sym) -> Sym:
        """The view of `x` along whose `axis` positions are taken."""
        if self.ranges != tuple((0, n, 1) for n in x.shape):
            x = BY_NAME["slice"](x, ranges=self.ranges)
        x = reshaped(x, self.mid)
        if self.order != tuple(range(x.ndim)):
            x = BY_NAME["transpose"](x, axes=self.order)
        return reshaped(x, self.merged)

    def read(self, x: Sym) -> Sym:
        return reshaped(BY_NAME["gather"](self.spread(x), self.at, axis=self.axis), self.shape)

    def write(self, x: Sym, new: Sym, prim: str) -> Sym:
        """Return `x` with `new` scattered into the indexed places."""
        new = reshaped(new, self.taken)
        y = BY_NAME[prim](self.spread(x), new, self.at, axis=self.axis)
        y = reshaped(y, tuple(self.mid[k] for k in self.order))
        if self.order != tuple(range(y.ndim)):
            y = BY_NAME["transpose"](y, axes=tuple(int(k) for k in np.argsort(self.order)))
        y = reshaped(y, tuple(length for _, length, _ in self.ranges))
        if self.ranges != tuple((0, n, 1) for n in x.shape):
            y = BY_NAME["set_slice"](x, y, ranges=self.ranges)
        return y


def reshaped(x: Sym, shape: tuple[int, ...]) -> Sym:
    """Reshape unless the shape is already right."""
    return x if x.shape == shape else BY_NAME["reshape"](x, shape=shape)


# ---------------------------------------------------------------- reading index items


def index_item(cap: Capture, item: Any) -> Any:
    """Return one item as a slice, None, Ellipsis, Python int or a row of integers or bools."""
    if item is None or item is Ellipsis or isinstance(item, slice):
        return static_slice(item) if isinstance(item, slice) else item
    if isinstance(item, (bool, np.bool_)):
        return sym_of(cap, np.asarray(bool(item)))
    if isinstance(item, (int, np.integer)):
        return int(item)
    if isinstance(item, (Tracer, np.ndarray)):
        found = sym_of(cap, item)
    elif isinstance(item, (list, tuple)) and _holds_tracer(item):
        from .api.creation import array_of

        found = sym_of(cap, array_of(item))
    elif hasattr(item, "__index__"):
        return operator.index(item)
    else:
        array = item if isinstance(item, str) else np.asarray(item)
        if isinstance(array, str) or array.dtype.kind not in "biuf" or array.ndim == 0:
            raise _bad_index()
        found = sym_of(cap, array.astype(np.int64) if array.size == 0 else array)
    if found.dtype.kind not in "biu":
        raise _bad_index()
    return found


def _bad_index() -> IndexingError:
    return IndexingError(
        "only integers, slices (`:`), ellipsis (`...`), None and integer or boolean arrays are "
        f"valid indices ({where()})"
    )


def _holds_tracer(item: Any) -> bool:
    return any(
        isinstance(i, Tracer) or (isinstance(i, (list, tuple)) and _holds_tracer(i)) for i in item
    )


def static_slice(item: slice) -> slice:
    """Return a slice of Python integers: traced bounds fix the shape, so they are guarded."""
    parts = [None if v is None else operator.index(v) for v in (item.start, item.stop, item.step)]
    return slice(*parts)


# ---------------------------------------------------------------- planning


def _selects_nothing(cap: Capture, given: list[Any]) -> bool:
    """Whether the index arrays broadcast to nothing: NumPy then checks none of them.

    A mask counts by its pattern in this call; `_mask_positions` guards the number of True.
    """
    arrays = [i for i in given if isinstance(i, Sym)]
    return any(i.size == 0 if i.dtype.kind != "b" else not np.any(cap.value(i)) for i in arrays)


def plan_index(cap: Capture, x: Sym, items: Sequence[Any]) -> Plan:
    """Resolve an index of `x` with at least one advanced item."""
    from .indexing import basic_ranges, expand_ellipsis

    given = [index_item(cap, i) for i in items]
    full = expand_ellipsis(tuple(given), x.ndim)
    spans = _advanced_runs(given)
    basic: list[Any] = []
    # Each advanced item: its first axis after the basic part, how many axes, the item.
    found: list[tuple[int, int, Any]] = []
    axis = place = 0
    empty = _selects_nothing(cap, given)
    for item in full:
        if isinstance(item, int):
            found.append((place, 1, _checked(item, axis, x.shape[axis])))
            basic.append(FULL)
            axis, place = axis + 1, place + 1
        elif isinstance(item, Sym):
            used = item.ndim if item.dtype.kind == "b" else 1
            if item.dtype.kind == "b":
                at = _mask_positions(cap, item, x.shape, axis)
            else:
                wrap = BY_NAME["wrap_index"]
                at = item * 0 if empty else wrap(item, size=x.shape[axis], axis=axis)
            basic.extend([FULL] * used if used else [None])
            found.append((place, used or 1, at))
            axis, place = axis + used, place + (used or 1)
        else:
            basic.append(item)
            axis += item is not None
            place += 1
    ranges, mid = basic_ranges(basic, x.shape)
    picked = [k for first, used, _ in found for k in range(first, first + used)]
    others = [k for k in range(len(mid)) if k not in picked]
    start = picked[0] if spans == 1 else 0
    order = tuple(others[:start] + picked + others[start:])
    merged = tuple(mid[k] for k in others[:start])
    merged += (prod(mid[k] for k in picked), *(mid[k] for k in others[start:]))
    sizes = [prod(mid[first : first + used]) for first, used, _ in found]
    at = _combine(cap, found, sizes)
    return Plan(ranges, mid, order, merged, start, reshaped(at, at.shape or (1,)), not at.shape)


def _advanced_runs(items: Sequence[Any]) -> int:
    """Count the runs of neighbouring advanced items; an integer among arrays is one of them."""
    kinds = [isinstance(i, (int, Sym)) for i in items]
    return sum(k and not before for before, k in zip([False, *kinds], kinds))


def _checked(k: int, axis: int, n: int) -> int:
    if not -n <= k < n:
        raise IndexingError(f"index {k} is out of bounds for axis {axis} with size {n} ({where()})")
    return k % n


def _mask_positions(cap: Capture, mask: Sym, shape: tuple[int, ...], axis: int) -> Sym:
    """Flat positions of the true elements of a mask over the axes from `axis` on."""
    for k, n in enumerate(mask.shape):
        if shape[axis + k] != n:
            raise IndexingError(
                f"boolean index did not match indexed array along axis {axis + k}; size of axis is "
                f"{shape[axis + k]} but size of corresponding boolean axis is {n} ({where()})"
            )
    return true_positions(cap, mask)


def true_positions(cap: Capture, mask: Sym) -> Sym:
    """Return the flat positions of non-zero elements; their number is guarded."""
    if mask.dtype.kind != "b":
        mask = BY_NAME["not_equal"](mask, 0)
    count = int(np.count_nonzero(cap.value(mask)))
    total = BY_NAME["sum"](mask, axis=tuple(range(mask.ndim)), keepdims=False)
    cap.guard(total, count)
    return BY_NAME["flatnonzero"](reshaped(mask, mask.shape or (1,)), count=count)


def _combine(cap: Capture, found: list[tuple[int, int, Any]], sizes: list[int]) -> Sym:
    """Positions along the merged axis: row-major, (i0 * n1 + i1) * n2 + i2."""
    total: Any = 0
    shapes = [item.shape for _, _, item in found if isinstance(item, Sym)]
    try:
        common_shape(*shapes)
    except ValueError:
        text = " ".join(str(s) for s in shapes)
        raise IndexingError(
            "shape mismatch: indexing arrays could not be broadcast together with shapes "
            f"{text} ({where()})"
        ) from None
    for (_, _, item), n in zip(found, sizes):
        if isinstance(total, int):
            total = item if total == 0 else total * n + item
        else:
            total = total * n + item if n != 1 else total + item
    return total if isinstance(total, Sym) else cap.b.cast(cap.b.lit(total), np.dtype(np.int64))
