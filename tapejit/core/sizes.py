"""Symbolic sizes for the code that computes with them: reading, pinning, slices, rounding.

For numbers each of these does what Python does. Where a size may be symbolic, this library uses them in
place of ``int(n)``, ``i.indices(n)``, ``len(range(..))``; the rest of arithmetic is that of `Dim`.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from .dims import FLOAT_OPS, Dim, Real, Symbols, bare, is_ours, number, term

_lock = threading.Lock()
ACTIVE = [0]
"""How many runs are under way: where there are none, nobody looks for Dims."""


def _in_a_child() -> None:
    """A run of another thread does not go on in a forked process."""
    global _lock
    _lock, ACTIVE[0] = threading.Lock(), 0


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_a_child)


@contextmanager
def symbolic(values: Sequence[int]) -> Iterator[Symbols]:
    """Run stages on symbols of these values."""
    with _lock:
        ACTIVE[0] += 1
    try:
        yield Symbols(values)
    finally:
        with _lock:
            ACTIVE[0] -= 1


REWRITTEN = "__tapejit__"
"""A name that rewritten code reads."""


def as_read(x: Any, depth: int = 2) -> Any:
    """Return a size or a shape as the code that reads it can take it.

    Rewritten code hands its calls and subscripts to this library, which pins what others are given
    (`pinned`). Code that runs as it is gets numbers.
    """
    frame = sys._getframe(depth)
    return x if is_ours(frame) or REWRITTEN in frame.f_code.co_names else pinned(x)


def holds_sizes(x: Any) -> bool:
    """Whether a value is a symbolic number or a container of some."""
    if type(x) in (tuple, list, set):
        return any(map(holds_sizes, x))
    if type(x) is dict:
        return any(map(holds_sizes, x.values()))
    if type(x) is slice:
        return any(map(holds_sizes, (x.start, x.stop, x.step)))
    return isinstance(x, (Dim, Real))


def pinned(x: Any) -> Any:
    """Return what code that does not know sizes is given: plain numbers, which must be the same."""
    if not holds_sizes(x):
        return x
    if type(x) in (tuple, list, set):
        return type(x)([pinned(y) for y in x])
    if type(x) is dict:
        return {k: pinned(y) for k, y in x.items()}
    if type(x) is slice:
        return slice(pinned(x.start), pinned(x.stop), pinned(x.step))
    return number(x)


def whole(n: Any) -> int:
    """Return a size as an int, which a symbolic one is."""
    return n if isinstance(n, Dim) else int(n)


def slice_bounds(i: slice, n: int) -> tuple[int, int, int]:
    """Return the bounds of a slice of an axis, as ``i.indices(n)`` does."""
    if not (isinstance(n, Dim) or holds_sizes(i)):
        return i.indices(n)
    step = 1 if i.step is None else i.step
    if step == 0:
        raise ValueError("slice step cannot be zero")
    low, high = (0, n) if step > 0 else (-1, n - 1)

    def bound(given: Any, default: int) -> int:
        if given is None:
            return default
        k = whole(given)
        return max(k + n, low) if k < 0 else min(k, high)

    if step > 0:
        return bound(i.start, low), bound(i.stop, high), step
    return bound(i.start, high), bound(i.stop, low), step


def rounds(start: int, stop: int, step: int) -> int:
    """Return ``len(range(start, stop, step))``."""
    if not holds_sizes((start, stop, step)):
        return len(range(start, stop, step))
    span, step = (stop - start, step) if step > 0 else (start - stop, -step)
    return (span + (step - 1)) // step if span > 0 else 0


def rounded(value: Any, dtype: np.dtype[Any]) -> Any:
    """Return a number as a Python number with the value that it has in a dtype."""
    if isinstance(value, (Dim, Real)) and dtype.kind == "f":
        if dtype.itemsize == 8:
            return value * 1.0 if isinstance(value, Dim) else value
        bits = float(dtype.type(bare(value)))
        return value.run.real(bits, dtype.name, term(value))
    if isinstance(value, Dim) and dtype.kind in "iu":
        return value
    return np.asarray(value).astype(dtype)[()].item()


def computed(name: str, values: Sequence[Any], dtype: np.dtype[Any]) -> Any:
    """Return what a primitive makes of numbers, some of them Dims or Reals; None for most primitives.

    A sum, product or quotient of float32 numbers is that of float64, rounded.
    """
    if name == "negative":
        return -values[0]
    op = _PRIMITIVES.get(name)
    return None if op is None else rounded(FLOAT_OPS[op](*values), dtype)


_PRIMITIVES = {"add": "+", "subtract": "-", "multiply": "*", "divide": "/"}
