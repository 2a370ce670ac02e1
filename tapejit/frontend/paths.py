"""Where things that a function reads are kept, and the checks that they are as they were.

A `Path` reads a place again at every call: an entry, a closure cell, an attribute. A `Check`
compares what is there with what a capture found, exactly: 1, 1.0, True, 0.0 and -0.0 all differ.
"""

from __future__ import annotations

import marshal
from types import ModuleType
from typing import Any

import numpy as np

from ..core.records import record
from ..core.tables import freeze

MISSING = object()
"""What a path finds where nothing is."""

PLAIN = (bool, int, float, complex, str, bytes, type(None))


@record(frozen=True, eq=False)
class Path:
    """Where an object is kept.

    Attributes
    ----------
    kind : str
        ``"item"`` of a mapping or sequence, ``"cell"``, ``"attr"``, ``"class"`` (an entry of a
        class body), ``"len"``, or ``"is"`` (the holder itself).
    """

    kind: str
    holder: Any
    key: Any
    label: str

    @property
    def place(self) -> tuple[Any, ...]:
        """What identifies the place; the holder is kept alive by this path."""
        return (self.kind, id(self.holder), freeze(self.key))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Path) and self.place == other.place

    def __hash__(self) -> int:
        return hash(self.place)

    def get(self) -> Any:
        """Return what is there now, `MISSING` when nothing is."""
        kind = self.kind
        try:
            if kind == "item":
                return self.holder[self.key]
            if kind == "cell":
                return self.holder.cell_contents
            if kind == "attr":
                return getattr(self.holder, self.key)
            if kind == "class":
                return self.holder.__dict__[self.key]
            return len(self.holder) if kind == "len" else self.holder
        except (LookupError, ValueError, AttributeError, TypeError):
            return MISSING


def entry_of(holder: Any, name: str, label: str) -> Path:
    """Return the path of an attribute kept in the holder's ``__dict__``, or of one that is not."""
    fields = getattr(holder, "__dict__", None)
    if type(fields) is dict and name in fields:
        return Path("item", fields, name, label)
    return Path("attr", holder, name, label)


@record(frozen=True, eq=False)
class Check:
    """Something that must be as it was at the capture.

    Attributes
    ----------
    by_value : bool
        Whether an equal object of the same type will do; otherwise it must be the same one.
    dumped : bool
        Whether `expected` is the dump of a container of plain values.
    """

    path: Path
    expected: Any
    by_value: bool
    dumped: bool = False

    def holds(self) -> bool:
        found = self.path.get()
        if self.dumped:
            return bool(dump(found) == self.expected)
        if found is self.expected:
            return True
        if not self.by_value or type(found) is not type(self.expected):
            return False
        return bool(freeze(found) == freeze(self.expected))


def dump(value: Any) -> bytes | None:
    """Return the exact contents of nested containers of plain values, None for anything else.

    Version 2 of the format writes no references, so equal contents give equal bytes.
    """
    try:
        return marshal.dumps(value, 2)
    except ValueError:
        return None


def is_plain(value: Any, depth: int = 20) -> bool:
    """Whether a value is a nest of built-in containers of numbers and strings."""
    kind = type(value)
    if kind in PLAIN:
        return True
    if depth == 0 or kind not in (list, tuple, dict, set, frozenset):
        return False
    if kind is dict:
        return all(is_plain(k, depth - 1) and is_plain(v, depth - 1) for k, v in value.items())
    return all(is_plain(v, depth - 1) for v in value)


def shallow(value: Any) -> Any:
    """Return what a container or a ``__dict__`` holds now, to be compared by identity later."""
    return dict(value) if isinstance(value, dict) else list(value)


def same_entries(before: Any, after: Any) -> bool:
    """Whether two results of `shallow` hold the same objects."""
    if len(before) != len(after):
        return False
    if isinstance(before, dict):
        return all(k in after and after[k] is v for k, v in before.items())
    return all(x is y for x, y in zip(before, after))


def is_numeric(value: Any) -> bool:
    """Whether an array can stand on a tape as it is."""
    return type(value) is np.ndarray and value.dtype.kind in "biufc"


def module_name(value: Any) -> str:
    """Return the name of the module that a function, class or instance comes from."""
    if isinstance(value, ModuleType):
        return value.__name__
    found = getattr(value, "__module__", None)
    return found if isinstance(found, str) else (type(value).__module__ or "")
