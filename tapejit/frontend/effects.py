"""What a tape cannot replay: random draws, clocks, input and output, state kept elsewhere.

While a function is captured, modules and builtins with such effects are seen through stand-ins that
do what the original does and note that they were used. A function that used one is run by Python at
every call. Only what is really executed counts: a ``print`` in a branch not taken costs nothing.
"""

from __future__ import annotations

import functools
import random
from collections.abc import Callable
from types import BuiltinFunctionType, MethodType, ModuleType
from typing import Any

import numpy as np

from ..core.sources import where
from .capture import note_effect

MODULES: dict[str, frozenset[str]] = {
    "time": frozenset({"timezone", "altzone", "struct_time"}),
    "random": frozenset({"Random"}),
    "secrets": frozenset(),
    "uuid": frozenset({"UUID"}),
    "subprocess": frozenset(),
    "socket": frozenset(),
    "shutil": frozenset(),
    "tempfile": frozenset(),
    "io": frozenset(),
    "logging": frozenset({"DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"}),
    "warnings": frozenset({"catch_warnings", "simplefilter", "filterwarnings"}),
    "sys": frozenset(
        [
            "float_info",
            "maxsize",
            "int_info",
            "version",
            "version_info",
            "byteorder",
            "platform",
            "implementation",
            "hash_info",
            "flags",
            "getrecursionlimit",
            "exc_info",
            "executable",
        ]
    ),
    "gc": frozenset(),
    "inspect": frozenset({"isfunction", "isclass", "ismethod", "ismodule", "signature"}),
    "importlib": frozenset(),
    "ctypes": frozenset(),
    "builtins": frozenset(),
    "contextvars": frozenset(),
    "weakref": frozenset(),
    "threading": frozenset({"Lock", "RLock", "current_thread", "get_ident"}),
    "datetime": frozenset({"timedelta", "timezone", "UTC"}),
    "os": frozenset({"path", "sep", "linesep", "name", "curdir", "fspath", "PathLike"}),
}
"""Modules whose use cannot be replayed, and the names in them that are harmless."""

BUILTINS = frozenset({"print", "input", "open"})
UNSEEN = frozenset({"eval", "exec", "globals", "locals", "__import__"})
"""Builtins through which a function can read what no one can foresee."""

_DRAWING = (np.random.Generator, np.random.RandomState, np.random.BitGenerator, random.Random)
_SEEDED = frozenset(
    {"default_rng", "RandomState", "PCG64", "MT19937", "Philox", "SFC64", "PCG64DXSM"}
)
_TYPES = frozenset({"Generator", "BitGenerator", "SeedSequence"})


def effect_of(value: Any) -> str | None:
    """Return what a function or object does that cannot be replayed, or None."""
    if isinstance(value, _DRAWING):
        return f"it can draw random numbers from a {type(value).__name__}"
    if hasattr(type(value), "__next__"):
        return f"it can advance a {type(value).__name__}"
    if type(value).__module__ in ("logging", "io", "_io", "socket", "mmap"):
        return f"it can use a {type(value).__name__}"
    if isinstance(value, (BuiltinFunctionType, MethodType)) or callable(value):
        if isinstance(getattr(value, "__self__", None), _DRAWING):
            return f"it can draw random numbers ({value.__name__})"
        module = getattr(value, "__module__", None)
        if not isinstance(value, type) and isinstance(module, str) and module in MODULES:
            name = getattr(value, "__name__", type(value).__name__)
            if name not in MODULES[module]:
                return f"it calls {module}.{name}"
    return None


def recorded(fn: Callable[..., Any], what: str) -> Callable[..., Any]:
    """Return `fn` noting the effect `what` each time that it is called."""

    @functools.wraps(fn, updated=())
    def call(*args: Any, **kwargs: Any) -> Any:
        note_effect(f"{what} ({where()})")
        return fn(*args, **kwargs)

    return call


class EffectModule(ModuleType):
    """A stand-in for a module whose use is noted."""

    def __init__(self, module: ModuleType, harmless: frozenset[str]) -> None:
        super().__init__(module.__name__)
        self.__dict__.update(_module=module, _harmless=harmless)

    def __getattr__(self, name: str) -> Any:
        fields = self.__dict__
        if name not in fields["_harmless"]:
            note_effect(f"it uses {fields['__name__']}.{name} ({where()})")
        return getattr(fields["_module"], name)


class RandomModule(ModuleType):
    """A stand-in for ``numpy.random``: draws are noted, generators with a seed are not."""

    def __getattr__(self, name: str) -> Any:
        found = getattr(np.random, name)
        if name.startswith("__") or name in _TYPES:
            return found
        if name in _SEEDED:
            return _seeded(found, name)
        note_effect(f"it uses np.random.{name} ({where()})")
        return found


def _seeded(make: Callable[..., Any], name: str) -> Callable[..., Any]:
    def call(*args: Any, **kwargs: Any) -> Any:
        if (not args and not kwargs) or args[:1] == (None,):
            note_effect(f"it draws a seed in np.random.{name}() ({where()})")
        elif any(isinstance(a, _DRAWING) for a in args):
            note_effect(f"it draws from a generator kept elsewhere ({where()})")
        return make(*args, **kwargs)

    return call


RANDOM = RandomModule("numpy.random")


def random_state() -> tuple[Any, ...]:
    """Return where NumPy's global generator stands."""
    state: Any = np.random.get_state()
    kind, keys, position, has_gauss, gauss = state
    return (kind, keys.tobytes(), position, has_gauss, gauss)
