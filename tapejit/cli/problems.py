"""Mistakes of the user of the command line: one line, no traceback."""

from __future__ import annotations


class CommandError(Exception):
    """What the command says before it stops; `status` is its exit status."""

    def __init__(self, message: str, status: int = 2) -> None:
        super().__init__(message)
        self.status = status
