"""Regular expressions that are compiled when they are first used.

Compiling one takes 0.1 to 0.7 ms; the modules of a first call declare two dozen, most of which a
small function never meets.
"""

from __future__ import annotations

import re
from typing import Any, cast


class _Late:
    """A pattern: the first use of a method compiles it, and each method is looked up once."""

    def __init__(self, text: str, flags: int) -> None:
        self._given = text, flags

    def __getattr__(self, name: str) -> Any:
        found = self.__dict__[name] = getattr(re.compile(*self._given), name)
        return found


def pattern(text: str, flags: int = 0) -> re.Pattern[str]:
    """Return what does as ``re.compile(text, flags)`` does, for calls of its methods."""
    return cast("re.Pattern[str]", _Late(text, flags))
