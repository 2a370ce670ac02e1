"""What a function reaches besides its arguments: globals, closures, attributes, other functions.

Before a capture, the function is copied onto globals and cells in which arrays are tracers (inputs
of the tape, read again at every call), functions of the user are copied likewise, and ``np`` also
sees traced values in ``np.zeros`` and ``np.array``. Everything else that the function may read (a
number, a string, which function a name is bound to) becomes a `Check`, tested at each call: when
one fails the tape is not used.
"""

from __future__ import annotations

import functools
import math
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import BuiltinFunctionType, CellType, CodeType, FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np

_MISSING = object()
_PLAIN = (bool, int, float, complex, str, bytes, type(None))
_LIMIT = 256


@dataclass(frozen=True)
class Path:
    """Where an object is kept: an entry of a mapping or sequence, a cell, or an attribute."""

    kind: str
    holder: Any
    key: Any
    label: str

    def get(self) -> Any:
        """Return what is there now, or a marker that equals nothing."""
        try:
            if self.kind == "item":
                return self.holder[self.key]
            if self.kind == "cell":
                return self.holder.cell_contents
            if self.kind == "attr":
                return getattr(self.holder, self.key)
            return len(self.holder)
        except (KeyError, IndexError, ValueError, AttributeError):
            return _MISSING


@dataclass(frozen=True)
class Check:
    """Something that must be as it was at the capture: equal for numbers, identical otherwise."""

    path: Path
    expected: Any
    by_value: bool

    def holds(self) -> bool:
        found = self.path.get()
        if found is self.expected:
            return True
        if not self.by_value or type(found) is not type(self.expected):
            return False
        same = found == self.expected
        return bool(same) and (not isinstance(found, float) or _sign(found) == _sign(self.expected))


def _sign(x: float) -> float:
    return math.copysign(1.0, x)


def is_user_module(name: str | None) -> bool:
    """Whether code of this module belongs to the user rather than to a library."""
    if not name:
        return False
    top = name.partition(".")[0]
    if top in ("numpy", "scipy", "numba", "tapejit", "builtins"):
        return False
    return top == "__main__" or top not in sys.stdlib_module_names


def names_in(code: CodeType) -> Iterator[str]:
    """Yield the global and attribute names of a code object and those nested in it."""
    yield from code.co_names
    for const in code.co_consts:
        if isinstance(const, CodeType):
            yield from names_in(const)


class Surroundings:
    """All that a function reaches, found by looking from its code.

    Attributes
    ----------
    arrays : dict
        Path of each array found, by identity.
    checks : list of Check
        What must not change for a capture to stay valid.
    """

    def __init__(self, make_tracer: Callable[[Any, Path], Any] | None) -> None:
        self.arrays: dict[int, Path] = {}
        self.checks: list[Check] = []
        self.opaque: list[Any] = []
        self._make = make_tracer
        self._functions: dict[int, Any] = {}
        self._seen: dict[int, Any] = {}
        self._restore: list[Callable[[], None]] = []

    # ------------------------------------------------------------ copies of functions

    def rebind(self, fn: Any) -> Any:
        """Return a copy of a callable that sees tracers where it saw arrays."""
        if isinstance(fn, FunctionType):
            return self._function(fn)
        if isinstance(fn, MethodType):
            self._value(Path("attr", fn, "__self__", "self"), fn.__self__)
            inner = self.rebind(fn.__func__)
            return MethodType(inner, fn.__self__)
        if isinstance(fn, functools.partial):
            for k, v in enumerate(fn.args):
                self._value(Path("item", fn.args, k, f"argument {k} of partial"), v)
            for name, v in fn.keywords.items():
                self._value(Path("item", fn.keywords, name, name), v)
            return functools.partial(self.rebind(fn.func), *fn.args, **fn.keywords)
        wrapped = getattr(fn, "__tapejit_rebind__", None)
        if wrapped is not None:
            return wrapped(self.rebind)
        if callable(fn) and is_user_module(type(fn).__module__) and not isinstance(fn, type):
            self._value(Path("attr", fn, "__class__", type(fn).__name__), type(fn))
            self._instance(fn, type(fn).__name__)
        return fn

    def _function(self, fn: FunctionType) -> Any:
        found = self._functions.get(id(fn))
        if found is not None:
            return found
        if not is_user_module(fn.__module__) or getattr(fn, "__tapejit_plain__", False):
            return fn
        space = dict(fn.__globals__)
        closure = fn.__closure__ or ()
        cells = [CellType() for _ in closure]
        copy = FunctionType(fn.__code__, space, fn.__name__, fn.__defaults__, tuple(cells) or None)
        copy.__kwdefaults__ = fn.__kwdefaults__
        copy.__qualname__, copy.__module__ = fn.__qualname__, fn.__module__
        copy.__dict__.update(fn.__dict__)
        self._functions[id(fn)] = copy
        self._seen[id(fn)] = fn
        written = _stored_names(fn.__code__)
        for name in dict.fromkeys(names_in(fn.__code__)):
            if name in fn.__globals__ and name not in written:
                path = Path("item", fn.__globals__, name, f"global {name}")
                space[name] = self._value(path, fn.__globals__[name])
        for name in written:
            if name in fn.__globals__:
                self._restore.append(functools.partial(_copy_back, fn.__globals__, space, name))
        for name, old, new in zip(fn.__code__.co_freevars, closure, cells):
            try:
                value = old.cell_contents
            except ValueError:
                continue
            made = self._value(Path("cell", old, None, f"closure variable {name}"), value)
            new.cell_contents = made
            self._restore.append(functools.partial(_cell_back, old, new, made))
        for k, value in enumerate(fn.__defaults__ or ()):
            self._value(Path("item", fn.__defaults__, k, f"default {k}"), value)
        return copy

    def restore(self) -> None:
        """Write back what the copies assigned to globals and nonlocal variables."""
        for step in self._restore:
            step()

    # ------------------------------------------------------------ values

    def _value(self, path: Path, value: Any) -> Any:
        """Note a value that the function may read, and return what its copy shall see."""
        if isinstance(value, np.ndarray):
            self.arrays.setdefault(id(value), path)
            direct = path.kind == "cell" or path.label.startswith("global")
            if self._make is not None and direct and value.dtype.kind in "biufc":
                return self._make(value, path)
            self.opaque.append(value)
            return value
        if isinstance(value, _PLAIN) or isinstance(value, np.generic):
            self.checks.append(Check(path, value, True))
            return value
        if isinstance(value, ModuleType):
            return self._module(path, value)
        if isinstance(value, (BuiltinFunctionType, np.ufunc)) or callable(value):
            return self._callable(path, value)
        self.checks.append(Check(path, value, False))
        if id(value) in self._seen:
            return value
        self._seen[id(value)] = value
        if isinstance(value, (list, tuple, dict)):
            self._container(path, value)
        else:
            self._instance(value, path.label)
        return value

    def _callable(self, path: Path, value: Any) -> Any:
        from .. import numpy as traced_numpy
        from ..scipy import replacement

        proxy = traced_numpy.REPLACED.get(value) if value.__hash__ is not None else None
        if proxy is None:
            proxy = replacement(value)
        if proxy is not None:
            return proxy
        self.checks.append(Check(path, value, False))
        if isinstance(value, type):
            return value
        direct = path.kind == "cell" or path.label.startswith("global")
        made = self.rebind(value)
        return made if direct else value

    def _module(self, path: Path, value: ModuleType) -> Any:
        if value is np:
            from .. import numpy as traced_numpy

            return traced_numpy
        from ..scipy import replacement

        proxy = replacement(value)
        if proxy is not None:
            return proxy
        if not is_user_module(value.__name__) or id(value) in self._seen:
            return value
        self._seen[id(value)] = value
        for name, entry in list(vars(value).items())[:_LIMIT]:
            if isinstance(entry, (*_PLAIN, np.ndarray)) and not name.startswith("__"):
                self._value(Path("attr", value, name, f"{value.__name__}.{name}"), entry)
        return value

    def _container(self, path: Path, value: Any) -> None:
        self.checks.append(Check(Path("len", value, None, f"len({path.label})"), len(value), True))
        items = value.items() if isinstance(value, dict) else enumerate(value)
        for k, (key, entry) in enumerate(items):
            if k >= _LIMIT:
                break
            self._value(Path("item", value, key, f"{path.label}[{key!r}]"), entry)

    def _instance(self, value: Any, label: str) -> None:
        if not is_user_module(type(value).__module__):
            return
        fields = getattr(value, "__dict__", None)
        if not isinstance(fields, dict) or self._seen.get(id(fields)) is not None:
            return
        self._seen[id(fields)] = fields
        for name, entry in list(fields.items())[:_LIMIT]:
            self._value(Path("item", fields, name, f"{label}.{name}"), entry)


def _stored_names(code: CodeType) -> set[str]:
    """Return the globals that a function assigns to."""
    import dis

    found = {
        str(i.argval) for i in dis.get_instructions(code) if i.opname in ("STORE_GLOBAL", "DELETE_GLOBAL")
    }
    for const in code.co_consts:
        if isinstance(const, CodeType):
            found |= _stored_names(const)
    return found


def _copy_back(target: dict[str, Any], source: dict[str, Any], name: str) -> None:
    if name in source and source[name] is not target.get(name):
        target[name] = source[name]


def _cell_back(old: CellType, new: CellType, made: Any) -> None:
    try:
        if new.cell_contents is not made:
            old.cell_contents = new.cell_contents
    except ValueError:
        pass
