"""Arrays made from others: zeros_like and kin, and arrays of lists of traced values."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...core.sizes import whole
from ...tape.ir import Sym
from ...tape.primitive import BY_NAME
from ..capture import Capture
from ..dispatch import implements
from ..tracer import Tracer, active, sym_of, wrap


def array_of(items: Any, dtype: Any = None) -> Tracer:
    """Return the array of a nested list that holds traced values, as ``np.array`` would."""
    cap = active()
    found = _stack_nested(cap, items)
    if dtype is not None:
        found = cap.b.cast(found, np.dtype(dtype))
    elif found.aval.weak:
        found = cap.b.cast(found, found.dtype)
    return wrap(cap, found)


def _stack_nested(cap: Capture, items: Any) -> Sym:
    if not isinstance(items, (list, tuple)):
        return sym_of(cap, items)
    return stack_syms(cap, [_stack_nested(cap, i) for i in items], 0)


def stack_syms(cap: Capture, parts: list[Any], axis: int) -> Sym:
    """Join rows along a new axis."""
    syms = [sym_of(cap, p) for p in parts]
    dtype = np.result_type(*[s.aval.weak_type(0) if s.aval.weak else s.dtype for s in syms])
    ndim = syms[0].ndim + 1
    axis %= ndim
    shape = syms[0].shape
    if any(s.shape != shape for s in syms):
        raise ValueError("all input arrays must have the same shape")
    kept = shape[:axis] + (1,) + shape[axis:]
    ready = [BY_NAME["reshape"](cap.b.cast(s, dtype), shape=kept) for s in syms]
    return BY_NAME["concatenate"](*ready, axis=axis)


def _row(x: Any) -> Sym:
    """Return an argument as a row, a list of them stacked."""
    from .common import arr

    return x if isinstance(x, Sym) else arr(x)


def filled(x: Sym, value: Any, shape: Any = None, dtype: Any = None) -> Sym:
    """Return a broadcast literal with the shape and dtype of `x` unless others are given."""
    x = _row(x)
    if shape is None:
        shape = x.shape
    shape = (shape,) if isinstance(shape, (int, np.integer)) else tuple(whole(n) for n in shape)
    target = x.dtype if dtype is None else np.dtype(dtype)
    made = x.b.cast(x.b.sym(value), target)
    return BY_NAME["copy"](BY_NAME["broadcast_to"](made, shape=shape))


@implements(np.zeros_like, np.empty_like)
def zeros_like(a: Sym, dtype: Any = None, order: str = "K", subok: bool = True, shape: Any = None,
               device: Any = None) -> Sym:  # fmt: skip
    return filled(a, 0, shape, dtype)


@implements(np.ones_like)
def ones_like(a: Sym, dtype: Any = None, order: str = "K", subok: bool = True, shape: Any = None,
              device: Any = None) -> Sym:  # fmt: skip
    return filled(a, 1, shape, dtype)


@implements(np.full_like)
def full_like(a: Sym, fill_value: Any, dtype: Any = None, order: str = "K", subok: bool = True,
              shape: Any = None, device: Any = None) -> Sym:  # fmt: skip
    return filled(a, fill_value, shape, dtype)


@implements(np.copy)
def copy(a: Sym, order: str = "K", subok: bool = False) -> Sym:
    return BY_NAME["copy"](_row(a))
