"""What a function can read through values that cannot be replaced by copies.

Operators of classes, properties, functions behind wrappers of libraries and the fields of objects
made in C run or are read as they are. They are looked through for what they depend on: numbers and
identities become checks, arrays are compared by contents, and what can change unseen is a doubt.
"""

from __future__ import annotations

import functools
import sys
import threading
import types
from abc import ABC, abstractmethod
from collections import namedtuple
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np

from .clones import is_shadowed
from .effects import BUILTINS, MODULES, UNSEEN
from .paths import MISSING, PLAIN, Check, Path, entry_of, is_numeric
from .reach import (
    Reach,
    fields_of,
    imported_names,
    inner_function,
    is_user_module,
    names_in,
    stored_names,
    user_classes,
)

_UNCHANGING = frozenset(
    [
        "types",
        "enum",
        "re",
        "decimal",
        "fractions",
        "datetime",
        "zoneinfo",
        "numbers",
        "typing",
        "collections.abc",
        "functools",
        "operator",
        "_operator",
        "itertools",
        "pathlib",
        "ipaddress",
        "abc",
        "_abc",
    ]
)
"""Modules whose objects cannot change in a way that a numerical function would read."""
_UNCHANGING_TYPES = (
    type, slice, range, property, staticmethod, classmethod, BuiltinFunctionType, type(Ellipsis),
    type(NotImplemented), type(str.join), type(int.__add__), type((1).__add__),
    type(threading.Lock()), type(threading.RLock()), types.MethodDescriptorType,
    types.ClassMethodDescriptorType,
    type(vars(namedtuple("_Any", "a"))["a"]),
)  # fmt: skip


class Scan(ABC):
    """Notes what can be read through values that stay as they are.

    Attributes
    ----------
    checks : list of Check
        What must not change for a capture to stay valid.
    doubts : list of str
        Why the function cannot be replayed, as far as can be told before it runs.
    """

    def __init__(self, reach: Reach | None) -> None:
        self.checks: list[Check] = []
        self.doubts: list[str] = []
        self._reach = reach
        self._seen: dict[int, Any] = {}
        self._scanned: set[int] = set()
        self._members: set[tuple[type, str, bool]] = set()

    @abstractmethod
    def value(self, path: Path, value: Any, replace: bool = True) -> Any:
        """Note a value that the function may read, and return what its copy shall see."""

    @abstractmethod
    def watch(self, label: str, holder: Any) -> None:
        """Have a change of a container or ``__dict__`` noted after the capture."""

    def reads_as_it_is(self, value: Any) -> bool:
        """Whether code sees this very object, not a copy."""
        return id(value) in self._scanned

    def scan(self, value: Any, label: str = "") -> None:
        """Note all that can be read through something that cannot be replaced."""
        if isinstance(value, (*PLAIN, np.generic)) or id(value) in self._scanned:
            return
        self._scanned.add(id(value))
        self._seen[id(value)] = value
        label = label or getattr(value, "__name__", type(value).__name__)
        if isinstance(value, FunctionType):
            self._scan_function(value)
        elif isinstance(value, type):
            self.members(value)
        elif isinstance(value, MethodType):
            self.scan(value.__func__)
            self.value(Path("is", value.__self__, None, "self"), value.__self__, replace=False)
        elif isinstance(value, functools.partial):
            self.scan(value.func)
            for k, v in enumerate(value.args):
                self.value(Path("item", value.args, k, f"{label}[{k}]"), v, replace=False)
            self._entries(value.keywords, label)
        elif isinstance(value, (list, tuple, dict)):
            self._entries(value, label)
        elif isinstance(value, (set, frozenset)):
            self.watch(label, value)
            for v in value:
                self.value(Path("is", v, None, f"an element of {label}"), v, replace=False)
        elif (inner := inner_function(value)) is not None:
            self.scan(inner)
        else:
            self._instance(value, label)

    def _entries(self, value: Any, label: str) -> None:
        size = Path("len", value, None, f"len({label})")
        self.checks.append(Check(size, len(value), True))
        if not isinstance(value, tuple):
            self.watch(label, value)
        for key, v in list(value.items() if isinstance(value, dict) else enumerate(value)):
            self.value(Path("item", value, key, f"{label}[{key!r}]"), v, replace=False)
        if type(value) not in (list, tuple, dict):
            self._instance(value, label)

    def _instance(self, value: Any, label: str) -> None:
        kind = type(value)
        user = is_user_module(kind.__module__)
        own = getattr(value, "__dict__", None)
        if (
            not user
            and not isinstance(value, (list, tuple, dict))
            and kind.__module__ not in ("types", "argparse")
        ):
            top = kind.__module__.partition(".")[0]
            if isinstance(value, BuiltinFunctionType) and not isinstance(
                value.__self__, ModuleType
            ):
                self.value(Path("is", value.__self__, None, label), value.__self__, replace=False)
                return
            if kind is object or isinstance(value, _UNCHANGING_TYPES):
                return
            if isinstance(value, threading.local):
                self.doubts.append(f"it can read {label}, which differs from thread to thread")
                return
            if kind.__module__ in _UNCHANGING or top in ("tapejit", "typing", "numba"):
                return
            if own is None:
                self.doubts.append(
                    f"it can read {label}, a {kind.__name__}, whose changes cannot be seen"
                )
                return
        self.members(kind, value)
        if isinstance(own, dict):
            self.watch(f"a field of {label}", own)
        for name, v in fields_of(value).items():
            if not user or self.wants(name):
                self.value(entry_of(value, name, f"{label}.{name}"), v, replace=False)

    def wants(self, name: str) -> bool:
        """Whether code that is reached may read a field of this name."""
        return self._reach is None or self._reach.wants(name)

    def enters(self, kind: type, name: str) -> bool:
        """Whether code that is reached may use a member of a class."""
        return self._reach is None or self._reach.enters(kind, name)

    def members(self, kind: type, instance: Any = None, shadowed: bool = False) -> None:
        """Note what code can read through a class: its functions, numbers and arrays.

        With `shadowed`, methods and arrays are hidden behind copies and only checked here.
        """
        own = getattr(instance, "__dict__", None)
        if instance is not None:
            path = Path("attr", instance, "__class__", f"the class of a {kind.__name__}")
            self.checks.append(Check(path, kind, False))
        if isinstance(own, dict):
            path = Path("attr", instance, "__dict__", f"the fields of a {kind.__name__}")
            self.checks.append(Check(path, own, False))
        first: set[str] = set()
        for klass in user_classes(kind):
            for name, entry in list(klass.__dict__.items()):
                if name in ("__dict__", "__slots__") or not self.enters(klass, name):
                    continue
                if isinstance(own, dict) and name not in own:
                    hidden = Path("item", own, name, f"{klass.__name__}.{name}")
                    self.checks.append(Check(hidden, MISSING, False))
                hides = shadowed and name not in first and is_shadowed(name, entry)
                first.add(name)
                if (klass, name, hides) in self._members:
                    continue
                self._members.add((klass, name, hides))
                if type(entry).__name__ in ("member_descriptor", "getset_descriptor"):
                    continue
                path = Path("class", klass, name, f"{klass.__name__}.{name}")
                if hides:
                    if not is_numeric(entry):
                        self.checks.append(Check(path, entry, False))
                    continue
                inner = inner_function(entry)
                if inner is None:
                    self.value(path, entry, replace=False)
                else:
                    self.checks.append(Check(path, entry, False))
                    self.scan(inner)

    def _scan_function(self, fn: FunctionType) -> None:
        if not is_user_module(fn.__module__):
            return
        for name in imported_names(fn.__code__):
            if name in MODULES:
                self.doubts.append(f"it imports {name} in {fn.__qualname__}")
            elif name in sys.modules:
                self._scan_module(sys.modules[name])
        for name in dict.fromkeys(names_in(fn.__code__)):
            if name in fn.__globals__:
                path = Path("item", fn.__globals__, name, f"global {name}")
                value = fn.__globals__[name]
                if isinstance(value, ModuleType):
                    if value.__name__ in MODULES:
                        self.doubts.append(f"it can use {value.__name__} in {fn.__qualname__}")
                    self._scan_module(value)
                else:
                    self.value(path, value, replace=False)
            elif name in UNSEEN:
                self.doubts.append(f"it uses {name}(), which can read anything")
            elif name in BUILTINS:
                self.doubts.append(f"it can call {name}() in {fn.__qualname__}")
        for name in stored_names(fn.__code__):
            self.doubts.append(f"it assigns to global {name}")
        for name, cell in zip(fn.__code__.co_freevars, fn.__closure__ or ()):
            path = Path("cell", cell, None, f"closure variable {name}")
            value = path.get()
            if value is not MISSING and name != "__class__":
                self.value(path, value, replace=False)
        for k, v in enumerate(fn.__defaults__ or ()):
            self.value(Path("item", fn.__defaults__, k, f"default {k}"), v, replace=False)
        for k2, v in (fn.__kwdefaults__ or {}).items():
            self.value(Path("item", fn.__kwdefaults__, k2, f"default of {k2}"), v, replace=False)

    def _scan_module(self, module: ModuleType) -> None:
        if not is_user_module(module.__name__) or id(module) in self._scanned:
            return
        self._scanned.add(id(module))
        for name, entry in list(vars(module).items()):
            if self.wants(name) and not isinstance(entry, ModuleType):
                path = entry_of(module, name, f"{module.__name__}.{name}")
                self.value(path, entry, replace=False)
