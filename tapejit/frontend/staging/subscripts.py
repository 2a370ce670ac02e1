"""Subscripts: plain arrays and lists at traced positions."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from ...core.errors import MutationError
from ...core.sizes import ACTIVE, pinned
from ...core.sources import where
from ..capture import current
from ..dispatch import fits_in_place, tracers_in
from ..tracer import Tracer
from .iterables import constant

OPERATORS: dict[str, tuple[Callable[[Any, Any], Any], Callable[[Any, Any], Any]]] = {
    "+": (operator.add, operator.iadd), "-": (operator.sub, operator.isub),
    "*": (operator.mul, operator.imul), "/": (operator.truediv, operator.itruediv),
    "//": (operator.floordiv, operator.ifloordiv), "%": (operator.mod, operator.imod),
    "**": (operator.pow, operator.ipow), "@": (operator.matmul, operator.imatmul),
    "&": (operator.and_, operator.iand), "|": (operator.or_, operator.ior),
    "^": (operator.xor, operator.ixor), "<<": (operator.lshift, operator.ilshift),
    ">>": (operator.rshift, operator.irshift),
}  # fmt: skip


PLAIN = (
    "an array of plain numbers is written at a traced place or with a traced value, and it cannot be "
    "told that nothing else holds it: copy it first, where it is written: a = a.copy()"
)


def holds_traced(index: Any) -> bool:
    """Whether an index has a traced part."""
    if isinstance(index, tuple):
        return any(map(holds_traced, index))
    if isinstance(index, slice):
        return any(isinstance(v, Tracer) for v in (index.start, index.stop, index.step))
    return isinstance(index, Tracer)


def plainly(value: Any) -> Any:
    """Return an index, or what is stored, with arrays for traced ones that no call can change."""
    if isinstance(value, tuple):
        return tuple(map(plainly, value))
    if isinstance(value, slice):
        return slice(plainly(value.start), plainly(value.stop), plainly(value.step))
    if isinstance(value, Tracer) and value.settled:
        return np.asarray(value.value)[()]
    return value


def getitem(a: Any, index: Any) -> Any:
    """``a[index]``."""
    if ACTIVE[0] and not isinstance(a, Tracer):
        index = pinned(index)
    if type(a) is np.ndarray and current() is not None and holds_traced(index):
        index = plainly(index)
        return constant(a)[index] if holds_traced(index) else a[index]
    if type(a) in (list, tuple) and isinstance(index, Tracer) and not index.settled:
        made = _stacked(a)
        if made is not None:
            return made[index]
    return a[index]


def _stacked(items: Any) -> Tracer | None:
    """Return a list of numbers or of arrays of one shape and dtype as an array."""
    if not items or len(items) > 4096:
        return None
    kinds = {
        (np.shape(v), np.asarray(v).dtype if not isinstance(v, Tracer) else v.dtype, type(v) is int)
        for v in items
        if isinstance(v, (Tracer, np.ndarray, np.generic, int, float, complex))
    }
    plain = all(isinstance(v, (Tracer, np.ndarray, np.generic, int, float, complex)) for v in items)
    if not plain or len(kinds) != 1 or any(type(v) is bool for v in items):
        return None
    import tapejit.numpy as tnp

    made = tnp.array(list(items))
    return made if isinstance(made, Tracer) else constant(made)


def setitem(a: Any, index: Any, value: Any) -> None:
    """``a[index] = value``."""
    if ACTIVE[0] and not isinstance(a, Tracer):
        index = pinned(index)
    if type(a) is np.ndarray and (holds_traced(index) or tracers_in(value)):
        index, value = plainly(index), plainly(value)
        if holds_traced(index) or tracers_in(value):
            raise MutationError(f"{PLAIN} ({where()})")
    a[index] = value


def augitem(a: Any, index: Any, op: str, value: Any) -> None:
    """``a[index] op= value``."""
    augstore(augload(a, index), op, value)


def augload(a: Any, index: Any) -> tuple[Any, Any, Any]:
    """Return what ``a[index] op= value`` needs before its right-hand side runs."""
    return a, index, getitem(a, index)


def augstore(loaded: tuple[Any, Any, Any], op: str, value: Any) -> None:
    """Finish ``a[index] op= value``; a view of a traced array is written as a whole."""
    a, index, old = loaded
    plain, inplace = OPERATORS[op]
    if not isinstance(a, Tracer):
        if ACTIVE[0]:
            old, value = pinned(old), pinned(value)
        setitem(a, index, inplace(old, value))
        return
    made = plain(old, value)
    if old.ndim:  # a view or a copy, which NumPy would have written in place
        fits_in_place(op, made, old)
    setitem(a, index, made)
