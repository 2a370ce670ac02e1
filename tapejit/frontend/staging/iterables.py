"""What a rolled loop can go through: something with a length and an item for a traced position.

Ranges with traced bounds, the rows of arrays, and ``enumerate``, ``zip`` and ``reversed`` of those.
Python can go through each of them too, item by item, when the loop is not staged.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from ...core.sizes import holds_sizes, rounds
from ..capture import Capture, current
from ..piles import Pile
from ..tracer import Root, Tracer, sym_of


class Rows(ABC):
    """Items by position.

    Attributes
    ----------
    length : int or Tracer
    """

    length: Any

    @abstractmethod
    def at(self, i: Any) -> Any:
        """Return item `i`, an int or a traced int."""

    def __iter__(self) -> Iterator[Any]:
        return (self.at(k) for k in range(int(self.length)))

    def __len__(self) -> int:
        return int(self.length)

    def after(self, k: int) -> Rows:
        """Return the items from `k` on."""
        return After(self, k)


class After(Rows):
    """All items but the first ones."""

    def __init__(self, rows: Rows, k: int) -> None:
        self.rows, self.k = rows, k
        self.length = rows.length - k

    def at(self, i: Any) -> Any:
        return self.rows.at(i + self.k)


class Range(Rows):
    """``range`` whose bounds may be traced; the step is a Python int."""

    def __init__(self, start: Any, stop: Any, step: int) -> None:
        if step == 0:
            raise ValueError("range() arg 3 must not be zero")
        self.start, self.stop, self.step = start, stop, step
        if isinstance(start, Tracer) or isinstance(stop, Tracer):
            sign = 1 if step > 0 else -1
            span = (stop - start) * sign
            size = abs(step)
            turns = span if size == 1 else (span + (size - 1)) // size
            self.length = np.maximum(turns, 0)
        else:
            self.length = rounds(start, stop, step)

    def at(self, i: Any) -> Any:
        found = i if self.step == 1 else i * self.step
        return found if type(self.start) is int and self.start == 0 else found + self.start

    def __getitem__(self, k: Any) -> Any:
        if isinstance(k, slice):
            return range(int(self.start), int(self.stop), self.step)[k]
        return self.at(k if isinstance(k, Tracer) or k >= 0 else self.length + k)

    def __contains__(self, value: Any) -> bool:
        return value in range(int(self.start), int(self.stop), self.step)


class ArrayRows(Rows):
    """The rows of an array."""

    def __init__(self, array: Any) -> None:
        self.array = array
        self.length = array.shape[0]

    def at(self, i: Any) -> Any:
        array = self.array
        if isinstance(i, Tracer) and not isinstance(array, Tracer):
            array = constant(array)
        return array[i]


class PileRows(Rows):
    """The items of a list that a loop has filled."""

    def __init__(self, pile: Pile) -> None:
        self.pile = pile
        self.length = pile.size

    def at(self, i: Any) -> Any:
        return self.pile[i]


class Enumerated(Rows):
    """``enumerate``."""

    def __init__(self, rows: Rows, start: Any = 0) -> None:
        self.rows, self.start, self.length = rows, start, rows.length

    def at(self, i: Any) -> Any:
        return (
            i if type(self.start) is int and self.start == 0 else i + self.start,
            self.rows.at(i),
        )


class Zipped(Rows):
    """``zip``."""

    def __init__(self, parts: Sequence[Rows]) -> None:
        self.parts = parts
        self.length = min(p.length for p in parts)

    def at(self, i: Any) -> Any:
        return tuple(p.at(i) for p in self.parts)


class Reversed(Rows):
    """``reversed``."""

    def __init__(self, rows: Rows) -> None:
        self.rows, self.length = rows, rows.length

    def at(self, i: Any) -> Any:
        return self.rows.at(self.length - 1 - i)


def rows_of(items: Any) -> Rows | None:
    """Return something to go through as `Rows`, None when only Python can."""
    if isinstance(items, Rows):
        return items
    if type(items) is range:
        return Range(items.start, items.stop, items.step)
    if isinstance(items, Tracer):
        return ArrayRows(items) if items.ndim else None
    if type(items) is np.ndarray:
        return ArrayRows(items) if items.ndim and items.dtype.kind in "biufc" else None
    if isinstance(items, Pile) and items.one_stack:
        return PileRows(items)
    return None


def constant(array: Any) -> Tracer:
    """Return a plain array as a traced one."""
    cap: Capture | None = current()
    assert cap is not None
    return Tracer(cap, Root(sym_of(cap, array)))


# ---------------------------------------------------------------- the builtins


def make_range(*args: Any) -> Any:
    """``range``, whose bounds may be traced."""
    ours = any(isinstance(a, Tracer) or holds_sizes(a) for a in args)
    if not ours or not 1 <= len(args) <= 3:
        return range(*args)
    start, stop, step = (0, args[0], 1) if len(args) == 1 else (*args, 1)[:3]
    for bound in (start, stop):
        if isinstance(bound, Tracer) and (bound.ndim or bound.dtype.kind not in "iu"):
            raise TypeError(f"'{bound.dtype}' object cannot be interpreted as an integer")
    first, last = (_python_int(v) if isinstance(v, Tracer) else v for v in (start, stop))
    return Range(first, last, step if type(step) is int else int(step))


def _python_int(x: Tracer) -> Any:
    """A number of rounds counts as a Python int: its dtype yields to others."""
    cap = current()
    assert cap is not None
    return Tracer(cap, Root(cap.b.cast(sym_of(cap, x), np.dtype(np.int64), True)))


def make_enumerate(items: Any, start: Any = 0) -> Any:
    """``enumerate`` of what a rolled loop can go through, else Python's."""
    rows = rows_of(items)
    return enumerate(items, start) if rows is None else Enumerated(rows, start)


def make_zip(*items: Any, **options: Any) -> Any:
    """``zip`` of what a rolled loop can go through, else Python's."""
    rows = [rows_of(x) for x in items]
    fits = rows and not options and all(r is not None and isinstance(r.length, int) for r in rows)
    return Zipped([r for r in rows if r is not None]) if fits else zip(*items, **options)


def make_reversed(items: Any) -> Any:
    """``reversed`` of what a rolled loop can go through, else Python's."""
    rows = rows_of(items)
    return reversed(items) if rows is None else Reversed(rows)
