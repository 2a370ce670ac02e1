"""How often the values being computed may still be differentiated.

Each derivative transformation that is running a function counts one. A custom rule is recorded
beside the rows it stands for as often as that, and no more: rules may call the functions they
belong to.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class _Order(threading.local):
    def __init__(self) -> None:
        self.count = 0


_order = _Order()


def order() -> int:
    """Return the number of derivative transformations around this point."""
    return _order.count


@contextmanager
def differentiating(count: int = 1) -> Iterator[None]:
    """Count `count` more (or fewer, when negative) while the block runs."""
    before = _order.count
    _order.count = max(before + count, 0)
    try:
        yield
    finally:
        _order.count = before
