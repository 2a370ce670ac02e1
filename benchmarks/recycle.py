"""Fresh large outputs without fresh pages.

A new array of megabytes comes from the kernel as pages to be zeroed at first touch, which costs
more than the arithmetic of a cheap loop that fills it. An array handed out earlier can be given
again once nobody else holds it or a view of it (a view counts: it refers to its base). The
hand-written adjoints of large outputs do so, because a compiler's runtime may as well.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

KEPT = 4  # arrays kept at most: two outputs in use by the caller and two being written


def _references_when_unheld() -> int:
    """What getrefcount says in the loop below of an entry that only the list holds."""
    count = 0
    for candidate in [np.empty(1)]:
        count = sys.getrefcount(candidate)
    return count


UNHELD = _references_when_unheld()


class Recycler:
    """Hands out uninitialised float64 vectors; not thread-safe."""

    def __init__(self, *, smallest: int = 1 << 17) -> None:
        self.smallest = smallest
        self.kept: list[np.ndarray[Any, Any]] = []

    def empty(self, n: int) -> np.ndarray[Any, Any]:
        """An array of n entries that nobody else holds. Small ones are simply new."""
        if n < self.smallest:
            return np.empty(n)
        for candidate in self.kept:
            if candidate.size == n and sys.getrefcount(candidate) == UNHELD:
                return candidate
        array = np.empty(n)
        self.kept = [*self.kept[-KEPT + 1 :], array]
        return array
