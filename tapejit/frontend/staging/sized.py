"""Operators and calls while sizes are symbols: what does not know these is given numbers."""

from __future__ import annotations

import operator
from collections.abc import Callable
from types import MethodType
from typing import Any

import numpy as np

from ...core.dims import Dim, Real, between
from ...core.sizes import pinned
from ..tracer import Tracer
from .subscripts import OPERATORS

COMPARE: dict[str, Callable[[Any, Any], Any]] = {
    "==": operator.eq, "!=": operator.ne, "<": operator.lt, "<=": operator.le, ">": operator.gt,
    ">=": operator.ge,
}  # fmt: skip
_SIZES = (Dim, Real)
_NUMBERS = (int, bool, float, Dim, Real)
_OURS = __name__.partition(".")[0]
_KNOW_SIZES = frozenset(
    [
        isinstance, round, tuple, slice, callable, hasattr, range, enumerate, zip, reversed,
        float, int, bool, max, min, sum, abs, len, pow, list,
    ]
)  # fmt: skip
"""What asks by Python's operators, or is replaced by something that does."""
SCALARS = frozenset(
    [complex, np.float64, np.float32, np.int64, np.int32, np.complex128, np.complex64, np.bool_]
)


def binary(op: str, a: Any, b: Any) -> Any:
    """``a op b``. Other kinds of numbers, text and arrays are given plain numbers."""
    sizes = type(a) in _SIZES, type(b) in _SIZES
    if any(sizes):
        other = type(a) if sizes[1] else type(b)
        if sizes[1] and other is float:
            return between(a, b, op)
        if other not in _NUMBERS and other is not Tracer:
            a, b = pinned(a), pinned(b)
    elif op in COMPARE and (_mixed(a) or _mixed(b)):
        a, b = pinned(a), pinned(b)
    return COMPARE[op](a, b) if op in COMPARE else OPERATORS[op][0](a, b)


def _mixed(x: Any) -> bool:
    """Whether a container has something besides ints, whose comparison might not ask a size."""
    return type(x) in (tuple, list, dict, set) and not all(isinstance(y, int) for y in x)


def inplace(op: str, a: Any, b: Any) -> Any:
    """What ``a op= b`` binds to its name."""
    if type(a) in _SIZES or type(b) in _SIZES:
        return binary(op, a, b)
    return OPERATORS[op][1](a, b)


def contains(a: Any, b: Any) -> bool:
    """``a in b``."""
    return (a if isinstance(b, Tracer) else pinned(a)) in pinned(b)


def on_sizes(fn: Any, found: Any) -> Any:
    """Return what to call for `fn`, which the staging object would answer by `found`."""
    if type(getattr(fn, "__self__", None)) in _SIZES and type(fn) is not MethodType:
        return getattr(pinned(fn.__self__), fn.__name__)  # a method of int, of which Dim has none
    in_c = type(fn) in (type(len), np.ufunc)
    in_c = in_c or (type(fn) is type and (found is fn or fn in SCALARS or fn in _KNOW_SIZES))
    if not in_c and (found is not fn or _is_ours(fn)):
        return found  # rewritten, or made for sizes
    if in_c and type(fn) is not np.ufunc and fn in _KNOW_SIZES:
        return found

    def run(*args: Any, **kwargs: Any) -> Any:
        if any(isinstance(a, Tracer) for a in args):  # NumPy hands it to this library
            return found(*args, **kwargs)
        return found(*map(pinned, args), **{name: pinned(x) for name, x in kwargs.items()})

    return run


def _is_ours(fn: Any) -> bool:
    return str(getattr(fn, "__module__", None)).partition(".")[0] == _OURS
