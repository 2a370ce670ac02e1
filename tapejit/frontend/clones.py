"""Copies of objects and containers that hold arrays, in which code sees tracers instead.

A copy has the class of its original, so methods and ``isinstance`` work on it. What the function
writes to a copy is carried back to the original after the capture, traced values as the arrays
that they are in this call.
"""

from __future__ import annotations

import collections
import copy
import enum
from types import FunctionType, MethodType, SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np

from ..core.streams import is_generator
from .paths import PLAIN, Check, Path, entry_of, is_numeric, is_plain, same_entries, shallow
from .reach import OPERATORS, fields_of, is_own_module, is_user_module, user_classes
from .tracer import Tracer

if TYPE_CHECKING:
    from .rebind import Surroundings

_CONTAINERS = (
    list,
    tuple,
    dict,
    collections.OrderedDict,
    collections.defaultdict,
    collections.deque,
)
_HEAP_TYPE = 1 << 9


def _is_named_tuple(value: Any) -> bool:
    return isinstance(value, tuple) and hasattr(value, "_fields")


def is_container(value: Any) -> bool:
    """Whether a container can be copied entry by entry."""
    return type(value) in _CONTAINERS or _is_named_tuple(value)


def is_object(value: Any) -> bool:
    """Whether an object of a class written in Python can be copied field by field."""
    kind = type(value)
    if kind is SimpleNamespace:
        return True
    if not is_own_module(kind.__module__) or isinstance(value, (type, enum.Enum)):
        return False
    return all(k.__flags__ & _HEAP_TYPE for k in kind.__mro__ if k is not object)


def is_shadowed(name: str, entry: Any) -> bool:
    """Whether an entry of a class is hidden behind a copy kept in the copied object."""
    if name in OPERATORS or name.startswith("__"):
        return False
    return isinstance(entry, (FunctionType, staticmethod)) or is_numeric(entry)


def _children(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return list(value.values())
    if is_container(value):
        return list(value)
    return list(fields_of(value).values())


class Clones:
    """The copies made for one capture.

    Invariant: an original has one copy, so objects that share a part still share it.
    """

    def __init__(self, around: Surroundings) -> None:
        self._around = around
        self._made: dict[int, Any] = {}
        self._originals: dict[int, Any] = {}
        self._kept: list[Any] = []
        self._holding: dict[int, bool] = {}

    # ------------------------------------------------------------ which are wanted

    def wanted(self, value: Any) -> bool:
        """Whether an array, or a function of the user, can be reached through a value."""
        if id(value) in self._made:
            return True
        if not (is_container(value) or is_object(value)):
            return False
        found = self._holding.get(id(value))
        if found is None:
            self._kept.append(value)
            found = self._holding[id(value)] = self._search(value)
        return found

    def _search(self, root: Any) -> bool:
        seen: dict[int, Any] = {}
        todo = [root]
        while todo:
            value = todo.pop()
            if id(value) in seen or isinstance(value, PLAIN):
                continue
            seen[id(value)] = value
            if is_numeric(value) or is_generator(value):
                return True
            if isinstance(value, FunctionType) and is_user_module(value.__module__):
                return True
            if is_container(value) and not is_plain(value):
                todo += _children(value)
            elif is_object(value):
                for name, v in fields_of(value).items():
                    if self._around.wants(name):
                        if self._around.moves(v, entry_of(value, name, name)):
                            return True
                        todo.append(v)
                if self._class_arrays(value):
                    return True
            if isinstance(value, dict) and any(
                self._around.moves(v, Path("item", value, k, "")) for k, v in value.items()
            ):
                return True
        return False

    def _class_arrays(self, value: Any) -> bool:
        return any(
            is_numeric(v) and self._around.wants(n)
            for k in user_classes(type(value))
            for n, v in k.__dict__.items()
        )

    # ------------------------------------------------------------ making them

    def make(self, label: str, value: Any) -> Any:
        """Return the copy of a value, made when it is new."""
        found = self._made.get(id(value))
        if found is not None:
            return found
        self._kept.append(value)
        return self._container(label, value) if is_container(value) else self._object(label, value)

    def _enter(self, value: Any, made: Any) -> Any:
        self._made[id(value)] = made
        self._originals[id(made)] = value
        self._kept.append(made)
        return made

    def _container(self, label: str, value: Any) -> Any:
        around = self._around
        size = Path("len", value, None, f"len({label})")
        around.checks.append(Check(size, len(value), True))
        if isinstance(value, tuple):
            parts = [
                around.value(Path("item", value, k, f"{label}[{k}]"), v)
                for k, v in enumerate(value)
            ]
            made = tuple(parts) if type(value) is tuple else type(value)(*parts)
            return self._enter(value, made)
        made = self._enter(value, copy.copy(value))
        items = list(value.items()) if isinstance(value, dict) else list(enumerate(value))
        for key, v in items:
            made[key] = around.value(Path("item", value, key, f"{label}[{key!r}]"), v)
        put = shallow(made)

        def back() -> str | None:
            now = shallow(made)
            if same_entries(put, now):
                return None
            if isinstance(value, dict):
                fresh = {k: self.original(v) for k, v in now.items()}
                value.clear()
                value.update(fresh)
            else:
                fresh_list = [self.original(v) for v in now]
                value.clear()
                value.extend(fresh_list)
            return label

        around.after(back)
        return made

    def _object(self, label: str, value: Any) -> Any:
        around = self._around
        kind = type(value)
        made = self._enter(
            value, SimpleNamespace() if kind is SimpleNamespace else object.__new__(kind)
        )
        own = getattr(made, "__dict__", None)
        hooked = getattr(kind, "__getattribute__") is not object.__getattribute__  # noqa: B009
        shadowed = isinstance(own, dict) and not hooked
        around.members(kind, value, shadowed)
        fields = fields_of(value)
        for name, v in fields.items():
            seen = v
            if around.wants(name):
                seen = around.value(entry_of(value, name, f"{label}.{name}"), v)
            object.__setattr__(made, name, seen)
        shown = self._shadow(made, value, fields) if shadowed else {}
        put = {n: v for n, v in fields_of(made).items() if n not in shown}

        def back() -> str | None:
            now = {n: v for n, v in fields_of(made).items() if n not in shown or v is not shown[n]}
            if same_entries(put, now):
                return None
            for name in [n for n in put if n not in now]:
                object.__delattr__(value, name)
            for name, v in now.items():
                if name not in put or v is not put[name]:
                    object.__setattr__(value, name, self.original(v))
            return f"a field of {label}"

        around.after(back)
        return made

    def _shadow(self, made: Any, value: Any, fields: dict[str, Any]) -> dict[str, Any]:
        """Hide methods and arrays of the class behind copies kept in the object itself."""
        shown: dict[str, Any] = {}
        for klass in user_classes(type(value)):
            for name, entry in list(klass.__dict__.items()):
                if name in fields or name in shown or not self._around.wants(name):
                    continue
                if not is_shadowed(name, entry):
                    continue
                if isinstance(entry, FunctionType):
                    shown[name] = MethodType(self._around.rebind(entry), made)
                elif isinstance(entry, staticmethod):
                    shown[name] = self._around.rebind(entry.__func__)
                else:
                    path = Path("class", klass, name, f"{klass.__name__}.{name}")
                    shown[name] = self._around.value(path, entry)
        made.__dict__.update(shown)
        return shown

    # ------------------------------------------------------------ and back

    def original(self, value: Any) -> Any:
        """Return what the world outside the capture shall see of a value."""
        if isinstance(value, Tracer):
            kept = self._originals.get(id(value))
            if kept is not None and value.root.version == 0:
                return kept
            plain = np.array(value.value)
            return plain.item() if value.aval.weak else plain[()]
        found = self._originals.get(id(value))
        if found is not None:
            return found
        if type(value) in (list, tuple):
            return type(value)(self.original(v) for v in value)
        if type(value) is dict:
            return {k: self.original(v) for k, v in value.items()}
        return value

    def stands_for(self, tracer: Any, value: Any) -> Any:
        """Note which array outside a tracer stands for."""
        self._originals[id(tracer)] = value
        self._kept.append(tracer)
        return tracer

    def release(self, holder: Any) -> None:
        """Replace traced values that were written into a container by their arrays, in place."""
        if isinstance(holder, dict):
            for k, v in list(holder.items()):
                if isinstance(v, Tracer) or type(v) in (list, tuple, dict):
                    holder[k] = self.original(v)
        elif isinstance(holder, list):
            holder[:] = [self.original(v) for v in holder]
