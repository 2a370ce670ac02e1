"""Reductions with NumPy's signatures."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...tape.ir import Sym
from ...tape.primitive import BY_NAME
from ..dispatch import implements


def axes_of(a: Sym, axis: Any) -> tuple[int, ...]:
    """Return the reduced axes as sorted non-negative numbers; None means all."""
    if axis is None:
        return tuple(range(a.ndim))
    given = (axis,) if isinstance(axis, (int, np.integer)) else tuple(axis)
    found = []
    for k in given:
        if not -a.ndim <= k < a.ndim:
            raise np.exceptions.AxisError(int(k), a.ndim)
        found.append(int(k) % a.ndim)
    if len(set(found)) != len(found):
        raise ValueError("duplicate value in 'axis'")
    return tuple(sorted(found))


def masked_with(a: Sym, mask: Any, fill: Any) -> Sym:
    """Return `a` with `fill` where a ``where=`` mask is False."""
    if mask is True or mask is None or mask is np._NoValue:  # type: ignore[attr-defined]
        return a
    return BY_NAME["where"](mask if isinstance(mask, Sym) else a.b.sym(mask), a, fill)


def flag(keepdims: Any) -> bool:
    """Read a keepdims argument, NumPy's marker for "not given" being False."""
    return keepdims is not np._NoValue and bool(keepdims)  # type: ignore[attr-defined]


def given(value: Any) -> Any:
    """Read an optional argument, NumPy's marker for "not given" being None."""
    return None if value is np._NoValue else value  # type: ignore[attr-defined]


@implements(np.sum)
def sum(a: Sym, axis: Any = None, dtype: Any = None, keepdims: Any = False, initial: Any = None,
        where: Any = True) -> Sym:  # fmt: skip
    if dtype is not None:
        a = a.b.cast(a, np.dtype(dtype))
    a = masked_with(a, where, 0)
    found = BY_NAME["sum"](a, axis=axes_of(a, axis), keepdims=flag(keepdims))
    initial = given(initial)
    return found if initial is None else found + initial


@implements(np.mean)
def mean(a: Sym, axis: Any = None, dtype: Any = None, keepdims: Any = False, *,
         where: Any = True) -> Sym:  # fmt: skip
    if dtype is not None or a.dtype.kind not in "fc":
        a = a.b.cast(a, np.dtype(dtype or np.float64))
    axes = axes_of(a, axis)
    if given(where) not in (True, None):
        mask = BY_NAME["broadcast_to"](a.b.cast(where, a.dtype), shape=a.shape)
        count = BY_NAME["sum"](mask, axis=axes, keepdims=flag(keepdims))
        return sum(a, axis, None, keepdims, None, where) / count
    n = 1
    for k in axes:
        n *= a.shape[k]
    return BY_NAME["sum"](a, axis=axes, keepdims=flag(keepdims)) / float(n)


def _extreme(name: str) -> Any:
    def extreme(a: Sym, axis: Any = None, keepdims: Any = False, initial: Any = None,
                where: Any = True) -> Sym:  # fmt: skip
        first = given(initial)
        mask = given(where)
        if mask not in (True, None):
            if first is None:
                raise ValueError(f"{name}: where= needs initial=")
            a = masked_with(a, mask, first)
        axes = axes_of(a, axis)
        if first is None and any(a.shape[k] == 0 for k in axes):
            raise ValueError(
                f"zero-size array to reduction operation {name}imum which has no identity"
            )
        found = BY_NAME[name](a, axis=axes, keepdims=flag(keepdims))
        return found if first is None else BY_NAME[f"{name}imum"](found, first)

    return extreme


implements(np.max, np.amax)(_extreme("max"))
implements(np.min, np.amin)(_extreme("min"))

