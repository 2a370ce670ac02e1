"""Hooks: kept in order, taken out by their handle."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import Any

_ids = count()


class RemovableHandle:
    """What registering a hook returns; ``remove()`` takes the hook out. Also a context manager."""

    def __init__(self, table: dict[int, Callable[..., Any]], hook: Callable[..., Any]) -> None:
        """Put a hook last into a table."""
        self.id = next(_ids)
        self._table = table
        table[self.id] = hook

    def remove(self) -> None:
        """Take the hook out; doing so twice is harmless."""
        self._table.pop(self.id, None)

    def __enter__(self) -> RemovableHandle:
        return self

    def __exit__(self, *error: Any) -> None:
        self.remove()
