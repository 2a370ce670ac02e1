"""Sorting, searching, distinct values."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...rules.sort import take_along
from ...tape.ir import Sym
from ..advanced import true_positions
from ..dispatch import implements
from ..tracer import active
from .common import (
    P,
    arr,
    arrays,
    axis_of,
    cast,
    cut,
    flipped,
    joined,
    literal,
    reshaped,
    spec,
    spread,
    static,
    unsupported,
)
from .picking import positions


def _sorted_axis(a: Any, axis: Any, order: Any) -> tuple[Sym, int]:
    if order is not None:
        raise unsupported("order= of structured arrays")
    a = arr(a)
    if axis is None:
        return reshaped(a, (a.size,)), 0
    return a, axis_of(a, axis)


@implements(np.sort, copies=True)
def sort(a: Any, axis: Any = -1, kind: Any = None, order: Any = None, *, stable: Any = None) -> Sym:
    a, k = _sorted_axis(a, axis, order)
    return P.sort(a, axis=k)


@implements(np.argsort, copies=True)
def argsort(a: Any, axis: Any = -1, kind: Any = None, order: Any = None, *,
            stable: Any = None) -> Sym:  # fmt: skip
    a, k = _sorted_axis(a, axis, order)
    return P.argsort(a, axis=k, stable=bool(stable) or kind in ("stable", "mergesort"))


def _kth(kth: Any, n: int) -> tuple[int, ...]:
    places = np.atleast_1d(static(kth))
    if places.dtype.kind not in "iu":
        raise TypeError("Partition index must be integer")
    found = []
    for p in places.ravel().tolist():
        if not -n <= p < n:
            raise ValueError(f"kth(={p}) out of bounds ({n})")
        found.append(p % n)
    return tuple(found)


@implements(np.argpartition, copies=True)
def argpartition(
    a: Any, kth: Any, axis: Any = -1, kind: Any = "introselect", order: Any = None
) -> Sym:
    a, k = _sorted_axis(a, axis, order)
    return P.argpartition(a, axis=k, kth=_kth(kth, a.shape[k]))


@implements(np.partition, copies=True)
def partition(
    a: Any, kth: Any, axis: Any = -1, kind: Any = "introselect", order: Any = None
) -> Sym:
    a, k = _sorted_axis(a, axis, order)
    return take_along(a, P.argpartition(a, axis=k, kth=_kth(kth, a.shape[k])), k)


@implements(np.lexsort, copies=True)
def lexsort(keys: Any, axis: int = -1) -> Sym:
    """Sort stably by each key in turn, the last one ruling."""
    parts = arrays(keys)
    k = axis_of(parts[0], axis)
    at = P.argsort(parts[0], axis=k, stable=True)
    for key in parts[1:]:
        again = P.argsort(take_along(key, at, k), axis=k, stable=True)
        at = take_along(at, again, k)
    return at


@implements(np.searchsorted)
def searchsorted(a: Any, v: Any, side: str = "left", sorter: Any = None) -> Sym:
    a = arr(a)
    if a.ndim != 1:
        raise ValueError(
            "object too deep for desired array" if a.ndim else "object of too small depth"
        )
    if sorter is not None:
        a = P.gather(a, positions(arr(sorter), a.size, 0), axis=0)
    if side not in ("left", "right"):
        raise ValueError(f"search side must be 'left' or 'right' (got '{side}')")
    # A Python number stays weak: it takes the dtype of the array.
    v = v if isinstance(v, Sym) else a.b.lit(v) if isinstance(v, (int, float)) else arr(v)
    return search(a, v, side)


def search(a: Sym, v: Sym, side: str) -> Sym:
    """Return where each v would be inserted into the sorted `a`."""
    dtype = np.result_type(spec(a), spec(v))
    found = P.searchsorted(cast(a, dtype), reshaped(cast(v, dtype), v.shape or (1,)), side=side)
    return reshaped(found, v.shape)


@implements(np.digitize)
def digitize(x: Any, bins: Any, right: bool = False) -> Sym:
    x, bins = arr(x), arr(bins)
    if x.dtype.kind == "c":
        raise TypeError("x may not be complex")
    direction = monotonic(bins)
    if direction == 0:
        raise ValueError("bins must be monotonically increasing or decreasing")
    if direction > 0:
        return search(bins, x, "left" if right else "right")
    down = search(flipped(bins, 0), x, "right" if right else "left")
    result: Sym = bins.size - down
    return result


def monotonic(bins: Sym) -> int:
    """Return 1 for increasing, -1 for decreasing, 0 for neither; the outcome is guarded."""
    if bins.ndim != 1:
        raise ValueError("object too deep for desired array")
    n = bins.size
    if n < 2:
        return 1
    hi, lo = cut(bins, 0, 1, n - 1), cut(bins, 0, 0, n - 1)
    cap = active()
    for direction, wrong in ((1, hi < lo), (-1, hi > lo)):
        count = P.sum(wrong, axis=(0,), keepdims=False)
        if not cap.value(count):
            cap.guard(count, 0)
            return direction
    return 0


# ---------------------------------------------------------------- distinct values


@implements(np.unique)
def unique(ar: Any, return_index: bool = False, return_inverse: bool = False,
           return_counts: bool = False, axis: Any = None, *, equal_nan: bool = True,
           sorted: bool = True) -> Any:  # fmt: skip
    """Distinct values in order; their number is guarded."""
    if axis is not None:
        raise unsupported("np.unique: axis=")
    a = arr(ar)
    flat = reshaped(a, (a.size,))
    order = P.argsort(flat, axis=0, stable=True)
    y = P.gather(flat, order, axis=0) if return_index or return_inverse else P.sort(flat, axis=0)
    n = flat.size
    first = literal(y, 1, bool)
    new = cast(spread(first, (min(n, 1),)), bool)
    if n > 1:
        hi, lo = cut(y, 0, 1, n - 1), cut(y, 0, 0, n - 1)
        differ = hi.ne(lo)
        if equal_nan and y.aval.inexact:
            differ = P.logical_and(differ, ~P.logical_and(hi.ne(hi), lo.ne(lo)))
        new = joined([new, differ], 0)
    at = true_positions(active(), new)
    made = [P.gather(y, at, axis=0)]
    if return_index:
        made.append(P.gather(order, at, axis=0))
    if return_inverse:
        group = P.cumsum(new, axis=0, reverse=False) - 1 if n else order
        back = P.scatter_set(spread(literal(order, 0), (n,)), group, order, axis=0)
        made.append(reshaped(back, a.shape))
    if return_counts:
        ends = joined([at, spread(literal(at, n), (1,))], 0)
        made.append(cut(ends, 0, 1, at.size) - cut(ends, 0, 0, at.size))
    return made[0] if len(made) == 1 else tuple(made)
