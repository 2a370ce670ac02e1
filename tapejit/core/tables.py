"""Hash-consing: equal things are stored once and named by a small integer.

Rows of a tape are integers, and these tables say what the integers mean. The tables belong to the
process and only grow. Look-ups take no lock: an entry is published only when complete.
"""

from __future__ import annotations

import os
import struct
import threading
from collections.abc import Hashable
from typing import Any, Generic, TypeVar

import numpy as np

T = TypeVar("T")


class Table(Generic[T]):
    """A list without repeats: ``intern`` gives the index of a value, ``table[i]`` the value."""

    def __init__(self) -> None:
        self._index: dict[Hashable, int] = {}
        self._items: list[T] = []
        self._renew_lock()
        os.register_at_fork(after_in_child=self._renew_lock)

    def _renew_lock(self) -> None:
        self._lock = threading.Lock()

    def intern(self, key: Hashable, item: T) -> int:
        """Return the index of `item`, known by `key`, storing it when it is new."""
        found = self._index.get(key)
        if found is None:
            with self._lock:
                found = self._index.get(key)
                if found is None:
                    found = len(self._items)
                    self._items.append(item)
                    self._index[key] = found
        return found

    def find(self, key: Hashable) -> int | None:
        """Return the index stored under `key`, or None."""
        return self._index.get(key)

    def __getitem__(self, index: int) -> T:
        return self._items[index]

    def __len__(self) -> int:
        return len(self._items)


def freeze(value: Any) -> Hashable:
    """Return a hashable key that tells apart what ``==`` does not: 1, 1.0, True, 0.0, -0.0, nan.

    Examples
    --------
    >>> freeze(1) == freeze(1.0), freeze(0.0) == freeze(-0.0), freeze([2]) == freeze([2])
    (False, False, True)
    """
    kind = type(value)
    if kind is float:
        return ("f", struct.pack("d", value))
    if kind is complex:
        return ("c", struct.pack("dd", value.real, value.imag))
    if kind is tuple or kind is list:
        return (kind.__name__, *map(freeze, value))
    if kind is dict:
        return ("dict", *((k, freeze(v)) for k, v in value.items()))
    if kind is slice:
        return ("slice", freeze(value.start), freeze(value.stop), freeze(value.step))
    if isinstance(value, np.generic):
        return (value.dtype.str, value.tobytes())
    if value is None or kind in (bool, int, str):
        return (kind.__name__, value)
    return (kind, value)
