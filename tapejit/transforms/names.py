"""Names of functions in messages."""

from __future__ import annotations

import sys
from typing import Any


def function_name(fn: Any) -> str:
    """Return the name of a function for messages."""
    return getattr(fn, "__qualname__", None) or type(fn).__name__


def global_name(value: Any) -> str | None:
    """Return the name under which a decorated function stands in its module, for pickling."""
    name = getattr(value, "__qualname__", None)
    found: Any = sys.modules.get(getattr(value, "__module__", None) or "")
    for part in (name or "?").split("."):
        found = getattr(found, part, None)
    return name if found is value else None
