"""A dictionary of a bounded size: the entry that was not asked for the longest goes first."""

from __future__ import annotations

from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class Bounded(Generic[K, V]):
    """What is known of the last `most` keys that were asked for."""

    __slots__ = ("_known", "most")

    def __init__(self, most: int) -> None:
        self.most = most
        self._known: dict[K, V] = {}

    def __len__(self) -> int:
        return len(self._known)

    def get(self, key: K) -> V | None:
        """Return the entry of a key, which is thereby the youngest; None if there is none."""
        found = self._known.pop(key, None)
        if found is not None:
            self._known[key] = found
        return found

    def __setitem__(self, key: K, value: V) -> None:
        known = self._known
        known[key] = value
        while len(known) > self.most:
            known.pop(next(iter(known)), None)

    def clear(self) -> None:
        self._known.clear()
