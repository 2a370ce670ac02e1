"""Elements chosen by positions or conditions: take, put, where, choose, compress and their kin."""

from __future__ import annotations

import operator
from math import prod
from typing import Any

import numpy as np

from ...core.avals import common_shape
from ...core.sizes import whole
from ...core.sources import where as user_line
from ...rules.sort import put_along, take_along
from ...tape.ir import Sym
from ..advanced import fitted, true_positions
from ..dispatch import _operand, implements, implements_directly
from ..tracer import Tracer, active, sym_of, wrap
from .common import (
    P,
    arr,
    arrays,
    axis_of,
    cast,
    joined,
    pick,
    reshaped,
    spread,
    static,
    unsafe_index,
)
from .diagonals import writable
from .reductions import truth


def positions(i: Sym, n: int, axis: int, mode: str = "raise") -> Sym:
    """Return indices of an axis of n elements as positions."""
    if i.dtype.kind not in "iub":
        raise unsafe_index(i.dtype)
    if mode == "raise":
        return P.wrap_index(i, size=n, axis=axis)
    if mode == "wrap":
        return P.remainder(cast(i, np.int64), n)
    if mode == "clip":
        return P.minimum(P.maximum(cast(i, np.int64), 0), n - 1)
    raise ValueError(f"clipmode must be one of 'clip', 'raise', or 'wrap' (got '{mode}')")


@implements(np.take, copies=True)
def take(a: Any, indices: Any, axis: Any = None, mode: str = "raise") -> Sym:
    a, i = arr(a), arr(indices)
    if axis is None:
        a, axis = reshaped(a, (a.size,)), 0
    k = axis_of(a, axis)
    if not a.shape[k] and i.size:
        raise IndexError(f"cannot do a non-empty take from an empty axes. ({user_line()})")
    at = positions(i, a.shape[k], k, mode)
    found = P.gather(a, reshaped(at, at.shape or (1,)), axis=k)
    return reshaped(found, a.shape[:k] + i.shape + a.shape[k + 1 :])


def _along(a: Sym, i: Sym, axis: Any) -> tuple[Sym, Sym, int]:
    if i.dtype.kind not in "iu":
        raise IndexError(f"`indices` must be an integer array ({user_line()})")
    if axis is None:
        if i.ndim != 1:
            raise ValueError("when axis=None, `indices` must have a single dimension.")
        a, axis = reshaped(a, (a.size,)), 0
    if a.ndim != i.ndim:
        raise ValueError("`indices` and `arr` must have the same number of dimensions")
    k = axis_of(a, axis)
    return a, P.wrap_index(i, size=a.shape[k], axis=k), k


@implements(np.take_along_axis, copies=True)
def take_along_axis(arr_: Any, indices: Any, axis: Any = -1) -> Sym:
    a, i, k = _along(arr(arr_), arr(indices), axis)
    return take_along(a, i, k)


@implements_directly(np.put_along_axis)
def put_along_axis(arr: Any, indices: Any, values: Any, axis: Any) -> None:
    target = writable(arr, "np.put_along_axis")
    sym = target.sym
    a, i, k = _along(sym, sym_of(target.cap, _operand(indices)), axis)
    shape = common_shape(i.shape, tuple(1 if j == k else n for j, n in enumerate(a.shape)))
    u = fitted(a, sym_of(target.cap, _operand(values)), shape)
    target.write(reshaped(put_along(a, i, u, k), sym.shape))


@implements_directly(np.put)
def put(a: Any, ind: Any, v: Any, mode: str = "raise") -> None:
    """Write into the raveled array, values repeating as often as needed."""
    target = writable(a, "np.put")
    sym, cap = target.sym, target.cap
    i = sym_of(cap, _operand(ind))
    i = positions(reshaped(i, (i.size,)), sym.size, 0, mode)
    new = sym_of(cap, _operand(v))
    if not i.size or not new.size:
        return
    new = cast(reshaped(new, (new.size,)), sym.dtype)
    if new.size != i.size:
        copies = -(-i.size // new.size)
        new = P.slice(joined([new] * copies, 0), ranges=((0, i.size, 1),))
    done = P.scatter_set(reshaped(sym, (sym.size,)), new, i, axis=0)
    target.write(reshaped(done, sym.shape))


@implements_directly(np.putmask)
def putmask(a: Any, mask: Any, values: Any) -> None:
    """Write where the mask is true, from values laid out (and repeated) like the array."""
    target = writable(a, "np.putmask")
    sym, cap = target.sym, target.cap
    m = truth(sym_of(cap, _operand(mask)))
    new = cast(sym_of(cap, _operand(values)), sym.dtype)
    if m.size != sym.size:
        raise ValueError("putmask: mask and data must be the same size")
    if not new.size:
        return
    flat = reshaped(new, (new.size,))
    if new.size != sym.size:
        copies = -(-sym.size // new.size)
        flat = P.slice(joined([flat] * copies, 0), ranges=((0, sym.size, 1),))
    target.write(P.where(reshaped(m, sym.shape), reshaped(flat, sym.shape), sym))


@implements_directly(np.place)
def place(arr: Any, mask: Any, vals: Any) -> None:
    """Write values, one after the other, where the mask is true."""
    target = writable(arr, "np.place")
    sym, cap = target.sym, target.cap
    at = true_positions(cap, truth(sym_of(cap, _operand(mask))))
    new = sym_of(cap, _operand(vals))
    if not at.size:
        return
    if not new.size:
        raise ValueError("Cannot insert from an empty array!")
    new = cast(reshaped(new, (new.size,)), sym.dtype)
    copies = -(-at.size // new.size)
    new = P.slice(joined([new] * copies, 0), ranges=((0, at.size, 1),))
    done = P.scatter_set(reshaped(sym, (sym.size,)), new, at, axis=0)
    target.write(reshaped(done, sym.shape))


# ---------------------------------------------------------------- conditions


@implements(np.flatnonzero)
def flatnonzero(a: Any) -> Sym:
    return true_positions(active(), truth(a))


@implements(np.nonzero)
def nonzero(a: Any) -> tuple[Sym, ...]:
    a = arr(a)
    if a.ndim == 0:
        raise ValueError(
            "Calling nonzero on 0d arrays is not allowed. Use np.atleast_1d(scalar).nonzero()."
        )
    return unraveled(true_positions(active(), truth(a)), a.shape)


def unraveled(at: Sym, shape: tuple[int, ...]) -> tuple[Sym, ...]:
    """Return one array of indices for each axis."""
    found = []
    for k, n in enumerate(shape):
        run = prod(shape[k + 1 :])
        i = at if run <= 1 else P.floor_divide(at, run)
        found.append(i if k == 0 else P.remainder(i, max(n, 1)))
    return tuple(found)


@implements(np.argwhere, copies=True)
def argwhere(a: Any) -> Sym:
    a = arr(a)
    at = true_positions(active(), truth(a))
    if a.ndim == 0:
        return reshaped(at, (at.size, 0)) if not at.size else literal_empty(at)
    return joined([reshaped(i, (at.size, 1)) for i in unraveled(at, a.shape)], 1)


def literal_empty(at: Sym) -> Sym:
    """Return the argwhere of a true scalar: one row of no indices."""
    return spread(reshaped(P.slice(at, ranges=((0, 0, 1),)), (1, 0)), (1, 0))


@implements(np.compress, copies=True)
def compress(condition: Any, a: Any, axis: Any = None) -> Sym:
    c, a = truth(condition), arr(a)
    if c.ndim != 1:
        raise ValueError("condition must be a 1-d array")
    if axis is None:
        a, axis = reshaped(a, (a.size,)), 0
    k = axis_of(a, axis)
    at = true_positions(active(), c)
    return P.gather(a, P.wrap_index(at, size=a.shape[k], axis=k), axis=k)


@implements(np.extract, copies=True)
def extract(condition: Any, arr_: Any) -> Sym:
    c, a = truth(condition), arr(arr_)
    at = true_positions(active(), c)
    flat = reshaped(a, (a.size,))
    return P.gather(flat, P.wrap_index(at, size=a.size, axis=0), axis=0)


@implements(np.choose, copies=True)
def choose(a: Any, choices: Any, mode: str = "raise") -> Sym:
    i, parts = arr(a), arrays(choices)
    dtype = np.result_type(*[p.dtype for p in parts])
    shape = common_shape(i.shape, *[p.shape for p in parts])
    at = positions(i, len(parts), 0, mode)
    if mode == "raise":
        below = P.sum(i < 0, axis=tuple(range(i.ndim)), keepdims=False)
        if active().outcome(below):
            raise ValueError(f"invalid entry in choice array ({user_line()})")
    found = spread(cast(parts[0], dtype), shape)
    for k, p in enumerate(parts[1:], 1):
        found = P.where(at.eq(k), cast(p, dtype), found)
    return found


# ---------------------------------------------------------------- removal, insertion, grids


@implements(np.delete, copies=True)
def delete(arr_: Any, obj: Any, axis: Any = None) -> Sym:
    a = arr(arr_)
    if axis is None:
        a, axis = reshaped(a, (a.size,)), 0
    k = axis_of(a, axis)
    kept = np.delete(np.arange(a.shape[k]), static(obj))
    return P.gather(a, active().const(kept), axis=k)


@implements(np.insert, copies=True)
def insert(arr_: Any, obj: Any, values: Any, axis: Any = None) -> Sym:
    """Join the values to the array and read both in the new order."""
    a, v, places = arr(arr_), arr(values), static(obj)
    if axis is None:
        a, axis = reshaped(a, (a.size,)), 0
    k = axis_of(a, axis)
    v = cast(v, a.dtype)
    n = a.shape[k]
    v = reshaped(v, (1,) * (a.ndim - v.ndim) + v.shape)
    if np.ndim(places) == 0 and not isinstance(places, slice):
        # A scalar place takes the first axis of the values as the inserted axis.
        if np.ndim(values) if not isinstance(values, Sym) else values.ndim:
            order = [*range(1, v.ndim)]
            order.insert(k, 0)
            v = P.transpose(v, axes=tuple(order))
        count = v.shape[k]
        order_of = np.insert(np.arange(n), [operator.index(places)] * count, n + np.arange(count))
    else:
        slots = np.arange(n)[places] if isinstance(places, slice) else np.asarray(places)
        slots = np.flatnonzero(slots) if slots.dtype.kind == "b" else slots.astype(int)
        count = slots.size
        order_of = np.insert(np.arange(n), slots, n + np.arange(count))
    v = spread(v, a.shape[:k] + (count,) + a.shape[k + 1 :])
    return P.gather(joined([a, v], k), active().const(order_of), axis=k)


@implements(np.meshgrid, copies=True)
def meshgrid(*xi: Any, copy: bool = True, sparse: bool = False, indexing: str = "xy") -> Any:
    if indexing not in ("xy", "ij"):
        raise ValueError("Valid values for `indexing` are 'xy' and 'ij'.")
    parts = [arr(x) for x in xi]
    order = list(range(len(parts)))
    if indexing == "xy" and len(parts) > 1:
        order[:2] = [1, 0]
    made = []
    for k, p in enumerate(parts):
        made.append(reshaped(p, tuple(p.size if j == order[k] else 1 for j in range(len(parts)))))
    if not sparse:
        shape = common_shape(*[m.shape for m in made])
        made = [spread(m, shape) for m in made]
    return tuple(made)


@implements(np.ix_)
def ix_(*args: Any) -> tuple[Sym, ...]:
    made = []
    for k, x in enumerate(args):
        a = arr(x)
        if a.ndim != 1:
            raise ValueError("Cross index must be 1 dimensional")
        a = nonzero(a)[0] if a.dtype.kind == "b" else a
        made.append(reshaped(a, (1,) * k + (a.size,) + (1,) * (len(args) - 1 - k)))
    return tuple(made)


@implements(np.unravel_index)
def unravel_index(indices: Any, shape: Any, order: str = "C") -> tuple[Sym, ...]:
    at, shape = arr(indices), static(shape)
    dims = tuple(whole(n) for n in ((shape,) if np.ndim(shape) == 0 else shape))
    at = P.wrap_index(at, size=prod(dims), axis=0)
    return unraveled(at, dims) if order == "C" else unraveled(at, dims[::-1])[::-1]


@implements(np.ravel_multi_index)
def ravel_multi_index(multi_index: Any, dims: Any, mode: Any = "raise", order: str = "C") -> Sym:
    parts = arrays(multi_index)
    sizes = tuple(whole(n) for n in static(dims))
    modes = (mode,) * len(sizes) if isinstance(mode, str) else tuple(mode)
    if order == "F":
        parts, sizes, modes = parts[::-1], sizes[::-1], modes[::-1]
    total: Any = 0
    for k, (p, n, m) in enumerate(zip(parts, sizes, modes)):
        i = positions(p, n, k, m)
        total = i if k == 0 else total * n + i
    return total  # type: ignore[no-any-return]


@implements(np.apply_along_axis, raw=("func1d",))
def apply_along_axis(func1d: Any, axis: int, arr_: Any, *args: Any, **kwargs: Any) -> Sym:
    a, cap = arr(arr_), active()
    k = axis_of(a, axis)
    rest = tuple(j for j in range(a.ndim) if j != k)
    lead = tuple(a.shape[j] for j in rest)
    rows = reshaped(P.transpose(a, axes=(*rest, k)), (prod(lead), a.shape[k]))
    if not rows.shape[0]:
        raise ValueError("Cannot apply_along_axis when any iteration dimensions are 0")
    extra = [wrap(cap, x) if isinstance(x, Sym) else x for x in args]
    named = {n: wrap(cap, x) if isinstance(x, Sym) else x for n, x in kwargs.items()}
    found = [func1d(wrap(cap, pick(rows, 0, r)), *extra, **named) for r in range(rows.shape[0])]
    made = [arr(sym_of(cap, f) if isinstance(f, (Tracer, np.ndarray)) else f) for f in found]
    inner = made[0].shape
    whole = joined([reshaped(m, (1, *inner)) for m in made], 0)
    whole = reshaped(whole, (*lead, *inner))
    order = list(range(len(lead)))
    order[k:k] = range(len(lead), len(lead) + len(inner))
    return P.transpose(whole, axes=tuple(order))
