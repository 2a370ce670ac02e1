"""What a tape cannot replay: random draws, clocks, input and output, state kept elsewhere.

While a function is captured, modules and builtins with such effects are seen through stand-ins that
do what the original does and note that they were used. A function that used one is run by Python at
every call. Only what is really executed counts: a ``print`` in a branch not taken costs nothing.
"""

from __future__ import annotations

import functools
import sys
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
    "builtins": frozenset(
        "abs all any bool callable divmod hash isinstance len max min ord pow round sorted sum".split()
    ),
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

_SEEDED = frozenset(
    {"default_rng", "RandomState", "PCG64", "MT19937", "Philox", "SFC64", "PCG64DXSM"}
)
_TYPES = frozenset({"BitGenerator", "SeedSequence"})


def _draws(value: Any) -> bool:
    """Whether an object is a generator of random numbers; of modules not imported there is none."""
    if "random" in sys.modules and isinstance(value, sys.modules["random"].Random):
        return True
    if "numpy.random" not in sys.modules:
        return False
    kinds = (np.random.Generator, np.random.RandomState, np.random.BitGenerator)
    return isinstance(value, kinds)


def effect_of(value: Any) -> str | None:
    """Return what a function or object does that cannot be replayed, or None."""
    if _draws(value):
        return f"it can draw random numbers from a {type(value).__name__}"
    if hasattr(type(value), "__next__"):
        return f"it can advance a {type(value).__name__}"
    if type(value).__module__ in ("logging", "io", "_io", "socket", "mmap"):
        return f"it can use a {type(value).__name__}"
    if isinstance(value, (BuiltinFunctionType, MethodType)) or callable(value):
        if _draws(getattr(value, "__self__", None)):
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
    """A stand-in for ``numpy.random``: draws and generators made from a seed become rows."""

    def __getattr__(self, name: str) -> Any:
        found = getattr(np.random, name)
        if name.startswith("__") or name in _TYPES:
            return found
        if name == "Generator":
            return OnBits
        if name in _SEEDED:
            return functools.partial(_seeded, found, name)
        from .random import global_state

        if getattr(found, "__self__", None) is np.random.mtrand._rand or name in _LEGACY:
            return getattr(global_state(), name)
        note_effect(f"it uses np.random.{name} ({where()})")
        return found


class SeededBits:
    """A bit generator made inside from a seed, until a Generator is made on it."""

    def __init__(self, name: str, seed: Any) -> None:
        self.name, self.seed, self.used = name, seed, False

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        note_effect(f"it uses the {name} of a bit generator ({where()})")
        return getattr(getattr(np.random, self.name)(self.seed), name)


class _OnBits(type):
    def __instancecheck__(cls, value: Any) -> bool:
        return isinstance(value, np.random.Generator)


class OnBits(metaclass=_OnBits):
    """Stands for ``np.random.Generator``."""

    def __new__(cls, bits: Any) -> Any:
        from .random import seeded

        if isinstance(bits, SeededBits) and not bits.used:
            bits.used = True
            return seeded(bits.name, bits.seed)
        note_effect(f"it makes a generator on bits kept elsewhere ({where()})")
        if isinstance(bits, SeededBits):
            bits = getattr(np.random, bits.name)(bits.seed)
        return np.random.Generator(bits)


def _seeded(make: Callable[..., Any], name: str, *args: Any, **kwargs: Any) -> Any:
    """Make a generator: by a row when its seed is static."""
    from .distributions import static_seed
    from .random import seeded

    given = args[0] if len(args) == 1 and not kwargs else kwargs.get("seed")
    if len(args) + len(kwargs) == 1:
        if isinstance(given, np.random.Generator) and name == "default_rng":
            return given
        seed = static_seed(given)
        if seed is not None:
            return seeded(name, seed) if name in _WHOLE else SeededBits(name, seed)
    if given is None:
        note_effect(f"it draws a seed in np.random.{name}() ({where()})")
    else:
        note_effect(f"it makes a generator from a {type(given).__name__} ({where()})")
    return make(*args, **kwargs)


_WHOLE = ("default_rng", "RandomState")
_LEGACY = ("seed", "ranf", "sample")
"""Functions of ``np.random`` that are no methods of its global generator, but could be."""
RANDOM = RandomModule("numpy.random")


def random_function(value: Any) -> Any:
    """Return what stands for a function or class of ``numpy.random``, None for anything else."""
    if "numpy.random" not in sys.modules:
        return None
    owner = getattr(value, "__self__", None)
    name = getattr(value, "__name__", None)
    if name in _LEGACY and value is getattr(np.random, name):
        return functools.partial(_drawn_globally, name)
    if owner is np.random.mtrand._rand and isinstance(name, str):
        return functools.partial(_drawn_globally, name)
    if isinstance(name, str) and name in (*_SEEDED, "Generator"):
        return getattr(RANDOM, name) if value is getattr(np.random, name, None) else None
    return None


def _drawn_globally(name: str, *args: Any, **kwargs: Any) -> Any:
    from .random import global_state

    return getattr(global_state(), name)(*args, **kwargs)


def random_state() -> tuple[Any, ...]:
    """Return where NumPy's global generator stands."""
    state: Any = np.random.get_state()
    kind, keys, position, has_gauss, gauss = state
    return (kind, keys.tobytes(), position, has_gauss, gauss)
