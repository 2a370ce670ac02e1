"""Source locations: the user's own file and line for each row and each message.

A location is an index into a table of ``(file, line, function)``. Frames inside tapejit, NumPy and
SciPy are skipped: what is left is the line that the user wrote.
"""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec
from types import CodeType
from typing import NamedTuple

import numpy as np

from .tables import Table


class Location(NamedTuple):
    """A line of the user's program."""

    file: str
    line: int
    function: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line} in {self.function}"

    @property
    def short(self) -> str:
        return f"{os.path.basename(self.file)}:{self.line}"


LINES: Table[Location] = Table()
UNKNOWN = LINES.intern(Location("<unknown>", 0, "?"), Location("<unknown>", 0, "?"))

_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep


def _folder_of(package: str) -> str:
    """Where a package lies, without importing it; a path that matches nothing if it is absent."""
    spec = find_spec(package)
    origin = None if spec is None else spec.origin
    return "<absent>" if origin is None else os.path.dirname(origin) + os.sep


_SKIPPED = (
    _PACKAGE,
    os.path.dirname(np.__file__) + os.sep,
    _folder_of("scipy"),
    "<__array_function__",
)
_library_code: dict[CodeType, bool] = {}


def is_library_file(path: str) -> bool:
    """Whether a file belongs to tapejit, NumPy or SciPy rather than to the user."""
    return path.startswith(_SKIPPED)


def here() -> int:
    """Return the index of the innermost line that belongs to the user."""
    frame = sys._getframe(1)
    while frame is not None:
        code = frame.f_code
        library = _library_code.get(code)
        if library is None:
            library = _library_code[code] = is_library_file(code.co_filename)
        if not library:
            key = (code.co_filename, frame.f_lineno, code.co_name)
            found = LINES.find(key)
            return LINES.intern(key, Location(*key)) if found is None else found
        frame = frame.f_back  # type: ignore[assignment]
    return UNKNOWN


def where() -> str:
    """Return the user's innermost line as text for a message."""
    return str(LINES[here()])


def on_line(line: int) -> int:
    """Return the index of another line of the innermost function that belongs to the user."""
    found = LINES[here()]
    place = Location(found.file, line, found.function)
    return LINES.intern(place, place)
