"""SciPy with the functions that its own dispatch cannot reach; everything else is SciPy's.

A function under a transformation sees ``scipy`` and ``scipy.special`` this way when the names are
globals or closure variables; import this package where they are imported inside the function.
"""

from __future__ import annotations

import importlib
import sys
from typing import Any

from . import special as special


def __getattr__(name: str) -> Any:
    if name.startswith("__"):
        raise AttributeError(name)
    return getattr(importlib.import_module("scipy"), name)


def replacement(value: Any) -> Any:
    """Return what a traced function sees in place of a module or function of SciPy, else None.

    SciPy is not imported to find out.
    """
    if value is sys.modules.get("scipy"):
        return sys.modules[__name__]
    for part in ("special", "linalg"):
        library = sys.modules.get(f"scipy.{part}")
        if library is None:
            continue
        ours = importlib.import_module(f"{__name__}.{part}")
        if value is library:
            return ours
        name = getattr(value, "__name__", "")
        if name in ours.REPLACED and getattr(library, name) is value:
            return getattr(ours, name)
    return None
