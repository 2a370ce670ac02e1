"""Source locations: the user's own file and line for each row and each message.

A location is an index into a table of ``(file, line, function)``. Frames inside tapejit, NumPy and
SciPy are skipped: what is left is the line that the user wrote.
"""

from __future__ import annotations

import os
import sys
from bisect import bisect
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
_library_files: dict[str, bool] = {}
_line_tables: dict[int, tuple[CodeType, list[int], list[int]]] = {}
"""The first instruction of each line of long functions, by id; held, so that no id is used again."""
LONG = 1000
"""Bytes of a function's table of lines from which on the table is kept as lists."""


def is_library_file(path: str) -> bool:
    """Whether a file belongs to tapejit, NumPy or SciPy rather than to the user."""
    return path.startswith(_SKIPPED)


def _line_of(code: CodeType, at: int) -> int:
    """Return the line of an instruction: `f_lineno` reads a function's table from its start.

    Reading it for every row of a straight line takes time in proportion to the square of its length:
    22 us a row in a function of 1000 statements.
    """
    # The code object itself is no key: its hash takes time in proportion to its length, too.
    known = _line_tables.get(id(code))
    if known is None:
        entries = [(start, line or 0) for start, _, line in code.co_lines()]
        known = code, [start for start, _ in entries], [line for _, line in entries]
        while len(_line_tables) >= 16:
            _line_tables.pop(next(iter(_line_tables)), None)
        _line_tables[id(code)] = known
    _, starts, lines = known
    return lines[bisect(starts, at) - 1]


def here() -> int:
    """Return the index of the innermost line that belongs to the user."""
    frame = sys._getframe(1)
    while frame is not None:
        code = frame.f_code
        # By file, not by code: the hash of a code object takes time in proportion to its length.
        library = _library_files.get(code.co_filename)
        if library is None:
            library = _library_files[code.co_filename] = is_library_file(code.co_filename)
        if not library:
            short = len(code.co_linetable) < LONG
            line = frame.f_lineno if short else _line_of(code, frame.f_lasti)
            key = (code.co_filename, line, code.co_name)
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
