"""Recording in machine code, entered in place of Python's functions once there is any.

A function of `hot` and its like keeps a table of what it has worked out. Here a C function of the
same name reads the same table, and does in 0.1 us what Python does in 0.5; what is not in the table
or not ordinary it leaves to the function of Python, which stays the definition. Entered when the
first kernel has been compiled, since LLVM is there then, and taken out by ``config.native = False``.

Invariant: with and without native recording the same program records the same integers.
"""

from __future__ import annotations

import warnings
from typing import Any

from ...core.config import watch
from ...core.errors import CompileWarning

_now: dict[str, Any] = {"methods": None, "asked": False}


def start() -> None:
    """Record natively from now on, if the settings allow it."""
    if not _now["asked"]:
        _now["asked"] = True
        watch("native", _set)


def active() -> bool:
    """Whether rows are recorded in machine code."""
    return bool(_now["methods"]) and bool(_now["methods"].entered)


def _set(wanted: bool) -> None:
    if _now["methods"] is None:
        if not wanted:
            return
        try:
            from .methods import Methods

            _now["methods"] = Methods()
        except Exception as error:
            reason = f"{type(error).__name__}: {error}"
            message = f"rows are recorded by Python, not in machine code: {reason}"
            warnings.warn(message, CompileWarning, stacklevel=2)
            _now["methods"] = False
            return
    if _now["methods"]:
        if wanted:
            _now["methods"].enter()
        else:
            _now["methods"].leave()
