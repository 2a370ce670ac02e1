"""Which names the code of a function may read: its own, and those of all user code it can call.

Fields of objects and members of classes count only when code that can be reached mentions their
name, so an object may change in ways that the function does not look at. Mentioning is judged by
the names and string constants of code objects, and grows until nothing new is reached.
"""

from __future__ import annotations

import dis
import functools
import sys
from collections.abc import Iterator
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import Any

from .paths import PLAIN, module_name

LIBRARIES = frozenset({"numpy", "scipy", "numba", "tapejit", "builtins"})
_INDIRECT = frozenset(
    [
        "getattr",
        "vars",
        "__dict__",
        "setattr",
        "attrgetter",
        "methodcaller",
        "asdict",
        "astuple",
        "replace",
        "fields",
        "copy",
        "deepcopy",
        "dir",
        "__getattribute__",
        "__slots__",
        "__reduce__",
        "iter_fields",
    ]
)
CONSTRUCTORS = frozenset({"__init__", "__new__", "__post_init__"})
"""Methods that run when an object is made."""

OPERATORS = frozenset(
    [
        "__call__",
        "__getitem__",
        "__setitem__",
        "__iter__",
        "__next__",
        "__len__",
        "__contains__",
        "__getattr__",
        "__getattribute__",
        "__add__",
        "__radd__",
        "__sub__",
        "__rsub__",
        "__mul__",
        "__rmul__",
        "__truediv__",
        "__rtruediv__",
        "__matmul__",
        "__rmatmul__",
        "__pow__",
        "__neg__",
        "__float__",
        "__int__",
        "__index__",
        "__bool__",
        "__eq__",
        "__lt__",
        "__le__",
        "__gt__",
        "__ge__",
        "__enter__",
        "__exit__",
        "__array__",
        "__get__",
        "__set__",
    ]
)
"""Methods that are called without being named."""

_TRANSFORMED = ("fn", "fwd", "bwd", "rule", "parts", "options")
_OBJECTS = 20_000


def is_user_module(name: str | None) -> bool:
    """Whether code of this module belongs to the user rather than to a library."""
    if not name:
        return False
    top = name.partition(".")[0]
    if top in LIBRARIES:
        # Functions that tapejit.testing makes around a user's function are the user's.
        return name.startswith("tapejit.testing")
    return top == "__main__" or top not in sys.stdlib_module_names


def is_own_module(name: str | None) -> bool:
    """Whether code of this module is the user's own, not an installed package's."""
    if not is_user_module(name):
        return False
    file = getattr(sys.modules.get(name or ""), "__file__", None) or ""
    return "site-packages" not in file and "dist-packages" not in file


def user_classes(kind: type) -> Iterator[type]:
    """Yield the classes of the user in a class's method resolution order."""
    return (k for k in kind.__mro__ if is_user_module(k.__module__))


@functools.lru_cache(4096)
def _names_of(code: CodeType, ops: tuple[str, ...]) -> tuple[str, ...]:
    found = {str(i.argval): None for i in dis.get_instructions(code) if i.opname in ops}
    for const in code.co_consts:
        if isinstance(const, CodeType):
            found.update(dict.fromkeys(_names_of(const, ops)))
    return tuple(found)


def names_in(code: CodeType) -> tuple[str, ...]:
    """Return the globals that a code object and those nested in it may read or assign."""
    return _names_of(code, ("LOAD_GLOBAL", "LOAD_NAME", "STORE_GLOBAL", "DELETE_GLOBAL"))


def stored_names(code: CodeType) -> tuple[str, ...]:
    """Return the globals that a code object assigns or deletes."""
    return _names_of(code, ("STORE_GLOBAL", "DELETE_GLOBAL"))


def imported_names(code: CodeType) -> tuple[str, ...]:
    """Return the modules that a code object imports."""
    return _names_of(code, ("IMPORT_NAME",))


def _mentioned(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    for const in code.co_consts:
        if isinstance(const, CodeType):
            yield from _mentioned(const)
        elif isinstance(const, str) and const.isidentifier():
            yield const


def inner_function(value: Any) -> FunctionType | None:
    """Return the Python function behind a function, method, property or wrapper of one."""
    for name in ("__func__", "fget", "func", "__wrapped__", "fn", "pyfunc"):
        if isinstance(value, FunctionType):
            return value
        found = inspect_static(value, name)
        if found is not None and found is not value:
            value = found
    return value if isinstance(value, FunctionType) else None


def inspect_static(value: Any, name: str) -> Any:
    """Return an attribute that needs no code of the user to be read, or None."""
    fields = getattr(value, "__dict__", None)
    if isinstance(fields, dict) and name in fields:
        return fields[name]
    if is_user_module(type(value).__module__):
        return None
    try:
        return getattr(value, name, None)
    except Exception:  # a property of a library
        return None


def fields_of(value: Any) -> dict[str, Any]:
    """Return the fields of an object by name, those in ``__slots__`` included."""
    found: dict[str, Any] = {}
    for kind in type(value).__mro__:
        slots = kind.__dict__.get("__slots__", ())
        for slot in (slots,) if isinstance(slots, str) else tuple(slots):
            name = f"_{kind.__name__.lstrip('_')}{slot}" if _private(slot) else slot
            if name not in ("__dict__", "__weakref__"):
                try:
                    found[name] = object.__getattribute__(value, name)
                except AttributeError:
                    continue
    own = getattr(value, "__dict__", None)
    if isinstance(own, dict):
        found.update(own)
    return found


def _private(name: str) -> bool:
    return name.startswith("__") and not name.endswith("__")


class Reach:
    """The names that code reached from some roots mentions.

    Attributes
    ----------
    names : set of str
        What is mentioned.
    everything : bool
        Whether fields may be read by names that no one can foresee, or too much is reached to
        look at all of it.
    made : set of type
        The classes of which objects may be made.
    """

    def __init__(self, *roots: Any) -> None:
        self.names: set[str] = set()
        self.everything = False
        self.made: set[type] = set()
        self._seen: dict[int, Any] = {}
        self._todo = list(roots)
        self._holders: list[Any] = []
        self._classes: dict[type, None] = {}
        self._run()
        if len(self._seen) > _OBJECTS:
            self.everything = True
        self._todo.clear()
        self._holders.clear()
        self._seen.clear()

    def wants(self, name: str) -> bool:
        """Whether a field of this name may be read."""
        return self.everything or name in self.names

    def enters(self, kind: type, name: str) -> bool:
        """Whether a member of a class may be used."""
        if name in CONSTRUCTORS:
            return kind in self.made or "type" in self.names or "__class__" in self.names
        return name in OPERATORS or self.wants(name)

    def _run(self) -> None:
        while True:
            while self._todo and len(self._seen) <= _OBJECTS:
                self._visit(self._todo.pop())
            before = len(self._todo)
            for holder in self._holders:
                self._fields(holder)
            for kind in self._classes:
                for name, entry in list(kind.__dict__.items()):
                    if self.enters(kind, name):
                        self._add(entry)
            if len(self._todo) == before or len(self._seen) > _OBJECTS:
                return

    def _add(self, value: Any) -> None:
        if not isinstance(value, PLAIN) and id(value) not in self._seen:
            self._todo.append(value)

    def _all(self, values: Any) -> None:
        for value in list(values):
            self._add(value)

    def _visit(self, value: Any) -> None:
        if id(value) in self._seen:
            return
        self._seen[id(value)] = value
        if isinstance(value, FunctionType):
            self._function(value)
        elif isinstance(value, MethodType):
            self._todo += [value.__self__, value.__func__]
        elif isinstance(value, functools.partial):
            self._todo += [value.func, *value.args, *value.keywords.values()]
        elif isinstance(value, dict):
            self._all(value.values())
            self._held(value)
        elif isinstance(value, (list, tuple, set, frozenset)):
            self._all(value)
            self._held(value)
        elif isinstance(value, type):
            self.made.update(user_classes(value))
            self._classes.update(dict.fromkeys(user_classes(value)))
        elif isinstance(value, ModuleType):
            if is_user_module(value.__name__):
                self._holders.append(value)
        elif (inner := inner_function(value)) is not None:
            self._todo.append(inner)
            self._held(value)
        else:
            self._held(value)

    def _held(self, value: Any) -> None:
        kind = type(value)
        self._classes.update(dict.fromkeys(user_classes(kind)))
        if is_user_module(kind.__module__) or module_name(kind) in ("types", "argparse", "tapejit"):
            self._holders.append(value)
            if "__dataclass_fields__" in kind.__dict__:
                self.names.update(kind.__dict__["__dataclass_fields__"])
        elif module_name(kind).startswith("tapejit"):
            fields = getattr(value, "__dict__", {})
            self._all(fields[name] for name in _TRANSFORMED if name in fields)

    def _fields(self, holder: Any) -> None:
        module = isinstance(holder, ModuleType)
        for name, entry in list((vars(holder) if module else fields_of(holder)).items()):
            # what is read from a module by a name that no one foresees is seen when it is read
            if name in self.names if module else self.wants(name):
                self._add(entry)

    def _function(self, fn: FunctionType) -> None:
        if not is_user_module(fn.__module__):
            return
        mentioned = set(_mentioned(fn.__code__))
        self.names |= mentioned
        if mentioned & _INDIRECT:
            self.everything = True
        for name in mentioned:
            if name in fn.__globals__:
                self._add(fn.__globals__[name])
        for name in imported_names(fn.__code__):
            if name in sys.modules:
                self._add(sys.modules[name])
        self._all(v for k, v in fn.__dict__.items() if not k.startswith("__"))
        for cell in fn.__closure__ or ():
            try:
                self._add(cell.cell_contents)
            except ValueError:
                continue
        self._todo += [*(fn.__defaults__ or ()), *(fn.__kwdefaults__ or {}).values()]
