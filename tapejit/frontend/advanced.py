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
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from ..core.errors import IndexingError
from ..core.sources import where
from ..tape.ir import PARAMS, Sym
from ..tape.primitive import BY_NAME, PRIMITIVES, Params
from .capture import Capture
from .tracer import INVERSES, Root, Tracer, active, sym_of

FULL = slice(None)


@dataclass(frozen=True)
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
        Positions along it.
    """

    ranges: tuple[tuple[int, int, int], ...]
    mid: tuple[int, ...]
    order: tuple[int, ...]
    merged: tuple[int, ...]
    axis: int
    at: Sym

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the indexed result."""
        return self.merged[: self.axis] + self.at.shape + self.merged[self.axis + 1 :]

    def spread(self, x: Sym) -> Sym:
        """The view of `x` along whose `axis` positions are taken."""
        if self.ranges != tuple((0, n, 1) for n in x.shape):
            x = BY_NAME["slice"](x, ranges=self.ranges)
        x = reshaped(x, self.mid)
        if self.order != tuple(range(x.ndim)):
            x = BY_NAME["transpose"](x, axes=self.order)
        return reshaped(x, self.merged)

    def read(self, x: Sym) -> Sym:
        return BY_NAME["gather"](self.spread(x), self.at, axis=self.axis)

    def write(self, x: Sym, new: Sym, prim: str) -> Sym:
        """Return `x` with `new` scattered into the indexed places."""
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
                at = BY_NAME["wrap_index"](item, size=x.shape[axis], axis=axis)
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
    return Plan(ranges, mid, order, merged, start, _combine(cap, found, sizes))


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
    return BY_NAME["flatnonzero"](mask, count=count)


def _combine(cap: Capture, found: list[tuple[int, int, Any]], sizes: list[int]) -> Sym:
    """Positions along the merged axis: row-major, (i0 * n1 + i1) * n2 + i2."""
    total: Any = 0
    shapes = [item.shape for _, _, item in found if isinstance(item, Sym)]
    try:
        np.broadcast_shapes(*shapes)
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


# ---------------------------------------------------------------- views


class _At:
    """A link of a tracer's chain: the element or row at a traced position along an axis."""

    name = "at"

    def __call__(self, base: Sym, *, at: Sym, axis: int) -> Sym:
        return BY_NAME["gather"](base, at, axis=axis)


def _inverse_at(base: Sym, new: Sym, params: Params) -> Sym:
    return BY_NAME["scatter_set"](base, new, params["at"], axis=params["axis"])


AT: Any = _At()
INVERSES["at"] = _inverse_at


def viewed(cap: Capture, x: Tracer, sym: Sym, found: Sym, *last: Any) -> Tracer:
    """Return a tracer of `found` that writes through to `x`, whose row `sym` it is a view of.

    The rows between are view rows, but for a `last` link which is given.
    """
    if x.cap is not cap:
        return Tracer(cap, Root(found))
    links: list[Any] = list(last)
    b, at = cap.b, found.id
    if last:
        at = b.arg[b.off[at]]
    while at != sym.id:
        links.append((PRIMITIVES[b.op[at]], PARAMS[b.param[at]]))
        at = b.arg[b.off[at]]
    return Tracer(cap, x.root, x.chain + tuple(reversed(links)), found)


def scalar_view(cap: Capture, x: Tracer, items: tuple[Any, ...]) -> Tracer | None:
    """Return the view that an index of traced integers and basic items names, else None."""
    for i in items:
        traced = isinstance(i, Tracer) and i.ndim == 0 and i.dtype.kind in "iu"
        if not (traced or i is None or i is Ellipsis or isinstance(i, slice) or _is_int(i)):
            return None
    sym = sym_of(cap, x)
    plan = plan_index(cap, sym, items)
    found = plan.read(sym)
    return viewed(cap, x, sym, found, (AT, {"at": plan.at, "axis": plan.axis}))


def _is_int(i: Any) -> bool:
    return isinstance(i, (int, np.integer)) and not isinstance(i, bool)


# ---------------------------------------------------------------- the entry points


def gather_index(cap: Capture, sym: Sym, items: tuple[Any, ...]) -> Sym:
    """Return ``x[items]`` for an index with advanced items."""
    return plan_index(cap, sym, items).read(sym)


def scatter_index(cap: Capture, sym: Sym, items: tuple[Any, ...], new: Sym) -> Sym:
    """Return `x` after ``x[items] = new``."""
    simple = _masked_write(cap, sym, items, new)
    if simple is not None:
        return simple
    plan = plan_index(cap, sym, items)
    return plan.write(sym, fitted(sym, new, plan.shape), "scatter_set")


def fitted(x: Sym, new: Sym, shape: tuple[int, ...]) -> Sym:
    """Return an update with the dtype of the array and the shape of the indexed places."""
    if new.dtype.kind == "c" and x.dtype.kind != "c":
        raise TypeError(f"cannot write complex values into an array of {x.dtype} ({where()})")
    new = x.b.cast(new, x.dtype)
    while new.ndim > len(shape) and new.shape[0] == 1:
        new = reshaped(new, new.shape[1:])
    try:
        fits = np.broadcast_shapes(new.shape, shape) == shape
    except ValueError:
        fits = False
    if not fits:
        raise ValueError(
            f"shape mismatch: value array of shape {new.shape} could not be broadcast to indexing "
            f"result of shape {shape} ({where()})"
        )
    return new if new.shape == shape else BY_NAME["broadcast_to"](new, shape=shape)


def _masked_write(cap: Capture, x: Sym, items: tuple[Any, ...], new: Sym) -> Sym | None:
    """``x[mask] = v`` with a v that does not depend on the place is a choice: no guard needed."""
    if len(items) != 1:
        return None
    mask = index_item(cap, items[0])
    if not isinstance(mask, Sym) or mask.dtype.kind != "b" or not 0 < mask.ndim <= x.ndim:
        return None
    if mask.shape != x.shape[: mask.ndim]:
        return None
    rest = x.shape[mask.ndim :]
    if new.ndim > len(rest) + (not rest and new.ndim == 1 and new.shape == (1,)):
        return None
    new = fitted(x, reshaped(new, ()) if not rest else new, rest)
    mask = reshaped(mask, mask.shape + (1,) * len(rest))
    return BY_NAME["where"](mask, new, x)


def add_at(target: Any, index: Any, value: Any) -> None:
    """Carry out ``np.add.at(target, index, value)``: repeated places add up."""
    from .dispatch import _operand
    from .indexing import is_basic

    cap = active()
    if not isinstance(target, Tracer):
        from ..core.errors import MutationError

        raise MutationError(
            "np.add.at into a plain array with traced values; make the array with np.zeros_like(x) "
            f"of a traced x ({where()})"
        )
    items = index if isinstance(index, tuple) else (index,)
    new = sym_of(cap, _operand(value))
    if not np.can_cast(_spec(new), target.dtype, "same_kind"):
        raise TypeError(
            f"Cannot cast ufunc 'add' output from {new.dtype!r} to {target.dtype!r} with casting "
            f"rule 'same_kind' ({where()})"
        )
    if is_basic(items):
        target[index] = target[index] + value
        return
    sym = sym_of(cap, target)
    plan = plan_index(cap, sym, items)
    target.write(plan.write(sym, fitted(sym, new, plan.shape), "scatter_add"))


def _spec(x: Sym) -> Any:
    return np.result_type(x.aval.weak_type(0)) if x.aval.weak else x.dtype
