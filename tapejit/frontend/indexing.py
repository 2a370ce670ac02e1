"""Reading and writing ``x[index]``: basic indices become slices, the rest gathers and scatters."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.errors import IndexingError, MutationError
from ..core.sizes import rounds, slice_bounds, whole
from ..core.sources import where
from ..tape.ir import Sym
from ..tape.primitive import BY_NAME
from .advanced import gather_index, scalar_view, scatter_index, viewed
from .dispatch import _operand, assign
from .tracer import Tracer, active, sym_of, wrap


def is_basic(index: tuple[Any, ...]) -> bool:
    """Whether an index consists of integers, slices, None and Ellipsis."""
    return all(
        i is None
        or i is Ellipsis
        or isinstance(i, slice)
        or (isinstance(i, (int, np.integer)) and not isinstance(i, (bool, np.bool_)))
        for i in index
    )


def expand_ellipsis(index: tuple[Any, ...], ndim: int) -> list[Any]:
    """Return the index with the ellipsis (or the missing end) written out as full slices."""
    used = sum(_axes_used(i) for i in index)
    if used > ndim:
        raise IndexingError(
            f"too many indices for array: array is {ndim}-dimensional, but {used} were indexed "
            f"({where()})"
        )
    fill = [slice(None)] * (ndim - used)
    for k, i in enumerate(index):
        if i is Ellipsis:
            if any(j is Ellipsis for j in index[k + 1 :]):
                raise IndexingError(f"an index can only have a single ellipsis ({where()})")
            return [*index[:k], *fill, *index[k + 1 :]]
    return [*index, *fill]


def _axes_used(i: Any) -> int:
    if i is None or i is Ellipsis:
        return 0
    dtype = getattr(i, "dtype", None)
    if dtype is not None and dtype.kind == "b":
        return int(i.ndim)
    return 1


def basic_ranges(index: list[Any], shape: tuple[int, ...]) -> tuple[Any, tuple[int, ...]]:
    """Return ``(start, length, step)`` for each axis and the shape of the indexed result."""
    ranges, result, axis = [], [], 0
    for i in index:
        if i is None:
            result.append(1)
            continue
        n = shape[axis]
        if isinstance(i, slice):
            start, stop, step = slice_bounds(i, n)
            length = rounds(start, stop, step)
            ranges.append((start if length else 0, length, step))
            result.append(length)
        else:
            k = whole(i)
            if not -n <= k < n:
                raise IndexingError(
                    f"index {k} is out of bounds for axis {axis} with size {n} ({where()})"
                )
            ranges.append((k % n, 1, 1))
        axis += 1
    return tuple(ranges), tuple(result)


def _read_basic(x: Sym, index: list[Any]) -> Sym:
    ranges, shape = basic_ranges(index, x.shape)
    full = tuple((0, n, 1) for n in x.shape)
    if ranges != full:
        x = BY_NAME["slice"](x, ranges=ranges)
    return x if x.shape == shape else BY_NAME["reshape"](x, shape=shape)


def getitem(x: Tracer, index: Any) -> Any:
    """Return ``x[index]``: a view for integers and slices, a scalar or a copy as NumPy has it."""
    cap = active()
    items = index if isinstance(index, tuple) else (index,)
    view = view_of(x, items)
    if view is None:
        return wrap(cap, gather_index(cap, sym_of(cap, x), items))
    if view.shape == () and not any(i is Ellipsis for i in items):
        return wrap(cap, view.sym)  # a scalar: later writes to x do not change it
    return view


def view_of(x: Tracer, items: tuple[Any, ...]) -> Tracer | None:
    """Return the view of `x` that an index names, None when the index makes a copy."""
    cap = active()
    window = scalar_view(cap, x, items)
    if window is not None or not is_basic(items):
        return window
    sym = sym_of(cap, x)
    found = _read_basic(sym, expand_ellipsis(items, x.ndim))
    if found is sym:
        found = BY_NAME["reshape"](sym, shape=sym.shape)
    return viewed(cap, x, sym, found)


def setitem(x: Tracer, index: Any, value: Any) -> None:
    """Carry out ``x[index] = value`` on the array that `x` shows."""
    cap = active()
    items = index if isinstance(index, tuple) else (index,)
    new = sym_of(cap, _operand(value))
    if x.ndim == 0 and not x.chain and items not in ((Ellipsis,), ()):
        raise IndexingError(f"a scalar cannot be indexed ({where()})")
    if not cap.follows(x):
        raise MutationError(
            f"an array of an enclosing call is written to: copy it first ({where()})"
        )
    view = view_of(x, items)
    if view is None:
        x.write(scatter_index(cap, sym_of(cap, x), items, new))
        return
    while new.ndim > view.ndim and new.shape[0] == 1:
        new = BY_NAME["reshape"](new, shape=new.shape[1:])
    assign(view, new)
