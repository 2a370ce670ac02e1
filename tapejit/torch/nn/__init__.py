"""Neural networks: functions, and the modules and parameters that use them.

What is here is imported when it is first named: a program without modules needs none of it.
"""

from __future__ import annotations

from importlib import import_module as _import_module
from typing import TYPE_CHECKING as _TYPE_CHECKING
from typing import Any as _Any

if _TYPE_CHECKING:
    from . import functional as functional
    from . import init as init
    from . import modules as modules
    from . import parameter as parameter
    from . import utils as utils
    from .modules import *  # noqa: F403
    from .parameter import Buffer as Buffer
    from .parameter import Parameter as Parameter

_PARTS = ("functional", "init", "modules", "parameter", "utils")
_OWN = ("_import_module", "_TYPE_CHECKING", "_Any", "_PARTS", "_OWN", "_fill")


def __getattr__(name: str) -> _Any:
    if name in _PARTS:
        return _import_module(f".{name}", __name__)
    if name.startswith("_") or "Module" in globals():
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    _fill()
    return getattr(_import_module(__name__), name)


def _fill() -> None:
    """Enter the classes of modules and parameters."""
    for part in ("parameter", "modules"):
        module = _import_module(f".{part}", __name__)
        names = module.__all__ if part == "modules" else ("Buffer", "Parameter")
        globals().update({name: getattr(module, name) for name in names})


def __dir__() -> list[str]:
    if "Module" not in globals():
        _fill()
    return sorted(name for name in {*globals(), *_PARTS} if name not in _OWN)
