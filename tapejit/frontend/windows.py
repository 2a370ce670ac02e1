"""Indices with traced integers and slices of traced bounds: windows of a static shape.

``x[i]``, ``a[i, :]``, ``x[i : i + 3]`` are views at places that are values. A slice needs a length
that does not change: it is found by writing both bounds as sums of rows and comparing them.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.errors import IndexingError
from ..core.records import record
from ..core.sizes import slice_bounds
from ..core.sources import where
from ..tape.ir import PARAMS, Builder, Sym
from ..tape.primitive import BY_NAME, PRIMITIVES, Params
from .capture import Capture
from .tracer import INVERSES, Tracer, sym_of

INT = np.dtype(np.int64)


class _Window:
    """A link of a tracer's chain: the part of an array at traced starts."""

    name = "window"

    def __call__(self, base: Sym, *, starts: tuple[Any, ...], sizes: Any, cap: Capture) -> Sym:
        places = [_row(cap, base.b, s) for s in starts]
        return BY_NAME["dynamic_slice"](base, *places, sizes=sizes)


def _row(cap: Capture, b: Builder, start: Any) -> Sym:
    return cap.adopt(start) if isinstance(start, Sym) else b.cast(b.lit(start), INT)


def _inverse_window(base: Sym, new: Sym, params: Params) -> Sym:
    places = [_row(params["cap"], base.b, s) for s in params["starts"]]
    return BY_NAME["dynamic_update"](base, new, *places)


WINDOW: Any = _Window()
INVERSES["window"] = _inverse_window


def is_traced_int(i: Any) -> bool:
    """Whether an index item is one traced integer."""
    return isinstance(i, Tracer) and i.ndim == 0 and i.dtype.kind in "iu"


def _traced_bounds(i: Any) -> bool:
    return isinstance(i, slice) and any(isinstance(v, Tracer) for v in (i.start, i.stop, i.step))


def fits(items: tuple[Any, ...]) -> bool:
    """Whether an index is made of traced integers, slices with traced bounds and basic items."""
    traced = False
    for i in items:
        if is_traced_int(i) or _traced_bounds(i):
            traced = True
        elif not (i is None or i is Ellipsis or isinstance(i, slice) or _is_int(i)):
            return False
    return traced


def _is_int(i: Any) -> bool:
    return isinstance(i, (int, np.integer)) and not isinstance(i, bool)


@record
class _Axis:
    """One axis of an index: where the window starts, its size, whether the axis goes away."""

    start: Any
    size: int
    single: bool
    step: tuple[int, int, int]


def read(cap: Capture, x: Sym, items: tuple[Any, ...]) -> Sym | None:
    """Return the window that an index names; None when a slice has no static length."""
    from .indexing import expand_ellipsis

    full = expand_ellipsis(items, x.ndim)
    axes: list[_Axis] = []
    result: list[int] = []
    for i in full:
        if i is None:
            result.append(1)
            continue
        found = _axis(cap, i, len(axes), x.shape[len(axes)])
        if found is None:
            return None
        axes.append(found)
        if not found.single:
            result.append(found.size)
    ranges = tuple(a.step for a in axes)
    if ranges != tuple((0, n, 1) for n in x.shape):
        x = BY_NAME["slice"](x, ranges=ranges)
    starts = [_row(cap, x.b, a.start) for a in axes]
    made = BY_NAME["dynamic_slice"](x, *starts, sizes=tuple(a.size for a in axes))
    shape = tuple(result)
    return made if made.shape == shape else BY_NAME["reshape"](made, shape=shape)


def _axis(cap: Capture, i: Any, axis: int, n: int) -> _Axis | None:
    whole = (0, n, 1)
    if isinstance(i, Tracer):
        at = BY_NAME["wrap_index"](sym_of(cap, i), size=n, axis=axis)
        return _Axis(at, 1, True, whole)
    if not isinstance(i, slice):
        k = int(i)
        if not -n <= k < n:
            raise IndexingError(
                f"index {k} is out of bounds for axis {axis} with size {n} ({where()})"
            )
        return _Axis(k % n, 1, True, whole)
    if not _traced_bounds(i):
        start, stop, step = slice_bounds(i, n)
        length = len(range(start, stop, step))
        return _Axis(0, length, False, (start if length else 0, length, step))
    span = _length(cap, i)
    if span is None or span > n:
        return None
    at = BY_NAME["window_start"](sym_of(cap, i.start), size=n, length=span)
    return _Axis(at, span, False, whole)


def _length(cap: Capture, i: slice) -> int | None:
    """Return stop - start when it is static and both are given."""
    if i.step not in (None, 1) or i.start is None or i.stop is None:
        return None
    a, b = (_sum_of(sym_of(cap, v)) for v in (i.start, i.stop))
    if {k: v for k, v in a.items() if k is not None} != {
        k: v for k, v in b.items() if k is not None
    }:
        return None
    length = b.get(None, 0) - a.get(None, 0)
    return length if length > 0 else None


def _sum_of(x: Sym) -> dict[int | None, int]:
    """Write an integer row as a sum: coefficients by row, the constant under None."""
    b = x.b
    name = PRIMITIVES[b.op[x.id]].name
    args = b.arg[b.off[x.id] : b.off[x.id + 1]]
    if name == "lit":
        return {None: int(PARAMS[b.param[x.id]]["value"])}
    if name in ("cast", "copy") and b.aval(args[0]).dtype.kind in "iu":
        return _sum_of(Sym(b, args[0]))
    if name in ("add", "subtract"):
        sign = 1 if name == "add" else -1
        total = _sum_of(Sym(b, args[0]))
        for k, v in _sum_of(Sym(b, args[1])).items():
            total[k] = total.get(k, 0) + sign * v
        return {k: v for k, v in total.items() if v or k is None}
    if name == "multiply":
        one, other = (_sum_of(Sym(b, a)) for a in args)
        for p, q in ((one, other), (other, one)):
            if set(p) <= {None}:
                c = p.get(None, 0)
                return {k: v * c for k, v in q.items() if v * c or k is None}
    return {x.id: 1}
