"""Records: the project's own small dataclasses, declared without compiling anything.

``dataclasses.dataclass`` writes and compiles the text of up to six methods of each class, 0.4 to 0.7 ms;
sixty of them were a third of the import and a quarter of a first call. Here the methods are the
same few closures for every class, and ``__init__`` alone, whose speed counts, is compiled, when the
first record of its class is made. Fields, defaults, comparison, hash and ``repr`` are those of a dataclass;
but a record is not one, so users' containers stay with theirs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import MISSING, Field, FrozenInstanceError, field
from operator import attrgetter
from typing import Any, TypeVar, dataclass_transform, overload

T = TypeVar("T")
_NOT_GIVEN: Any = object()


@overload
def record(cls: type[T], /) -> type[T]: ...
@overload
def record(*, frozen: bool = False, eq: bool = True) -> Callable[[type[T]], type[T]]: ...
@dataclass_transform(field_specifiers=(field,))
def record(cls: Any = None, /, *, frozen: bool = False, eq: bool = True) -> Any:
    """Declare a class by its fields, as ``dataclass`` does.

    Parameters
    ----------
    frozen : bool
        Whether assigning to a field raises; frozen records that compare have a hash.
    eq : bool
        Whether records are equal when their fields are; otherwise when they are the same object.
    """
    if cls is None:
        return lambda made: _declared(made, frozen, eq)
    return _declared(cls, frozen, eq)


def changed(old: T, **fields: Any) -> T:
    """Return a record like `old` with other values of some fields."""
    return type(old)(**{**vars(old), **fields})


def _declared(cls: Any, frozen: bool, eq: bool) -> Any:
    names = tuple(cls.__annotations__)
    special = {n: vars(cls)[n] for n in names if isinstance(vars(cls).get(n), Field)}
    for n in special:
        delattr(cls, n)
    factories = {n: f.default_factory for n, f in special.items()}
    if MISSING in factories.values():
        raise TypeError(f"a field() of the record {cls.__qualname__} has no default_factory")
    shown = tuple(n for n in names if n not in special or special[n].repr)
    methods = {"__init__": _first(cls, names, factories), "__repr__": _repr(shown)}
    if eq:
        methods |= _compared(names, frozen)
    if frozen:
        methods |= {"__setattr__": _refuse, "__delattr__": _refuse}
    for name, method in methods.items():
        if name not in vars(cls):
            setattr(cls, name, method)
    if eq and not frozen and "__hash__" not in vars(cls):
        cls.__hash__ = None
    return cls


def _first(cls: Any, names: tuple[str, ...], factories: dict[str, Any]) -> Callable[..., None]:
    """Return an ``__init__`` that puts the compiled one in its place."""

    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:
        cls.__init__ = _init(cls, names, factories)
        cls.__init__(self, *args, **kwargs)

    return __init__


def _init(cls: Any, names: tuple[str, ...], factories: dict[str, Any]) -> Any:
    """Compile ``__init__``; a frozen record is filled through its dictionary."""
    space: dict[str, Any] = {"_not_given": _NOT_GIVEN}
    params, lines = [], ["d = self.__dict__"]
    for n in names:
        given = n
        if n in factories:
            space[f"_make_{n}"] = factories[n]
            params.append(f"{n}=_not_given")
            given = f"_make_{n}() if {n} is _not_given else {n}"
        elif n in vars(cls):
            space[f"_default_{n}"] = vars(cls)[n]
            params.append(f"{n}=_default_{n}")
        else:
            params.append(n)
        lines.append(f"d[{n!r}] = {given}")
    if hasattr(cls, "__post_init__"):
        lines.append("self.__post_init__()")
    exec(f"def __init__(self, {', '.join(params)}):\n " + "\n ".join(lines), space)
    made = space["__init__"]
    made.__qualname__ = f"{cls.__qualname__}.__init__"
    return made


def _repr(names: tuple[str, ...]) -> Callable[[Any], str]:
    def __repr__(self: Any) -> str:
        shown = ", ".join(f"{n}={getattr(self, n)!r}" for n in names)
        return f"{type(self).__qualname__}({shown})"

    return __repr__


def _compared(names: tuple[str, ...], frozen: bool) -> dict[str, Any]:
    get: Any = attrgetter(*names) if len(names) > 1 else lambda x: (getattr(x, names[0]),)

    def __eq__(self: Any, other: Any) -> Any:
        return get(self) == get(other) if type(other) is type(self) else NotImplemented

    def __hash__(self: Any) -> int:
        return hash(get(self))

    return {"__eq__": __eq__, "__hash__": __hash__} if frozen else {"__eq__": __eq__}


def _refuse(self: Any, name: str, *_: Any) -> None:
    raise FrozenInstanceError(f"cannot assign to or delete field {name!r}")
