"""Names of functions in messages."""

from __future__ import annotations

from typing import Any


def function_name(fn: Any) -> str:
    """Return the name of a function for messages."""
    return getattr(fn, "__qualname__", None) or type(fn).__name__
