"""What a piece of Python can change: variables, and the entries of containers that it reaches.

Before a body is captured the state is noted; afterwards it is compared, by identity, with what is
there, and put back. What has changed becomes carried values of a loop or results of a branch. A
change that cannot be noticed here cannot be staged, so whatever can hold state is looked into:
lists, dicts, sets, objects of user classes and these classes, cells and globals of functions. Of an
array that is none of the tape's, ``np.array([1.0, 2.0])``, a copy is kept: a body that is only looked
at has written to it all the same.
"""

from __future__ import annotations

import array
import collections
from collections.abc import Callable, Iterable
from types import CellType, FunctionType, MethodType
from typing import Any

import numpy as np

from ...core.pytree import flatten
from ...core.records import record
from ..capture import Unstageable, current
from ..piles import Pile
from ..reach import is_user_module, names_in, stored_names
from ..tracer import Tracer


class Unbound:
    """Stands for a variable without a value."""

    def __repr__(self) -> str:
        return "<unbound>"


UNBOUND: Any = Unbound()
INTERNAL = "__tj_"
"""Names of the variables that the rewriter makes: their value before they are set does not matter."""
_MOST = 5000
_UNWATCHED = (collections.deque, array.array, bytearray)

Entries = dict[Any, Any]


@record
class Place:
    """A container, and what it held when it was noted.

    Attributes
    ----------
    kind : str
        ``"list"``, ``"dict"``, ``"set"``, ``"slots"``, ``"class"``, ``"cell"``, ``"array"`` or
        ``"globals"`` (those that some function stores).
    stacks : tuple or None
        What rolled loops had appended to a list.
    elements : ndarray or None
        What a plain array held.
    """

    kind: str
    holder: Any
    before: Entries
    stacks: tuple[Any, ...] | None = None
    elements: Any = None

    def written(self) -> bool:
        """Whether a plain array holds something else now, in any bit."""
        before = self.elements
        return before is not None and self.holder.tobytes() != before.tobytes()

    def entries(self) -> Entries:
        """Return what it holds now."""
        if self.kind == "globals":
            return {k: self.holder[k] for k in self.before if k in self.holder}
        return entries_of(self.kind, self.holder)

    def put(self, key: Any, value: Any) -> None:
        if self.kind == "slots":
            object.__setattr__(self.holder, key, value)
        elif self.kind == "class":
            setattr(self.holder, key, value)
        elif self.kind == "cell":
            self.holder.cell_contents = value
        elif self.kind == "list":
            list.__setitem__(self.holder, key, value)
        else:
            self.holder[key] = value

    def restore(self) -> None:
        """Put back what it held."""
        if isinstance(self.holder, Pile):
            self.holder.put_back(self.stacks)
        if self.written():
            np.copyto(self.holder, self.elements)
        now = self.entries()
        if now.keys() == self.before.keys() and all(now[k] is v for k, v in self.before.items()):
            return
        if self.kind == "list":
            list.clear(self.holder)
            list.extend(self.holder, self.before.values())
        elif self.kind == "dict":
            self.holder.clear()
            self.holder.update(self.before)
        elif self.kind == "set":
            self.holder.clear()
            self.holder.update(self.before.values())
        else:
            for key, value in self.before.items():
                self.put(key, value)


def entries_of(kind: str, holder: Any) -> Entries:
    if kind == "list":
        return dict(enumerate(list.__iter__(holder)))
    if kind == "dict":
        return dict(holder)
    if kind == "set":
        return {id(v): v for v in holder}
    if kind == "class":
        return {k: v for k, v in vars(holder).items() if not (callable(v) or k.startswith("__"))}
    if kind == "array":
        return {}
    if kind == "slots":
        names = [n for c in type(holder).__mro__ for n in getattr(c, "__slots__", ())]
        return {n: getattr(holder, n) for n in names if hasattr(holder, n)}
    try:
        return {"cell": holder.cell_contents}
    except ValueError:
        return {}


class _Walk:
    """Finds the containers that values reach."""

    def __init__(self, own_cells: Iterable[CellType]) -> None:
        self.places: list[Place] = []
        self.seen: set[int] = {id(c) for c in own_cells}
        self.todo: list[Any] = []

    def run(self, values: Iterable[Any]) -> list[Place]:
        self.todo = list(values)
        while self.todo:
            value = self.todo.pop()
            if isinstance(value, (Tracer, str, bytes, int, float, complex, type(None))):
                continue
            if id(value) in self.seen:
                continue
            self.seen.add(id(value))
            if len(self.seen) > _MOST:
                raise Unstageable("it reaches too many objects to watch them all for changes")
            self._look(value)
        return self.places

    def _note(self, kind: str, holder: Any) -> None:
        before = entries_of(kind, holder)
        stacks = holder.stacks if isinstance(holder, Pile) else None
        self.places.append(Place(kind, holder, before, stacks))
        self.todo.extend(before.values())

    def function(self, fn: FunctionType) -> None:
        """Look into what a function of the user reads and stores."""
        if not is_user_module(fn.__module__ or ""):
            return
        if fn.__dict__:
            self.todo.append(fn.__dict__)
        self.todo.extend(fn.__closure__ or ())
        self.todo.extend(fn.__defaults__ or ())
        space = fn.__globals__
        self.todo.extend(space[name] for name in names_in(fn.__code__) if name in space)
        stored = {name: space[name] for name in stored_names(fn.__code__) if name in space}
        if stored:
            self.places.append(Place("globals", space, stored))

    def _look(self, value: Any) -> None:
        if isinstance(value, list):
            self._note("list", value)
        elif isinstance(value, dict):
            self._note("dict", value)
        elif isinstance(value, set):
            self._note("set", value)
        elif isinstance(value, (tuple, frozenset)):
            self.todo.extend(value)
        elif isinstance(value, CellType):
            self._note("cell", value)
        elif isinstance(value, np.ndarray):
            if value.flags.writeable and value.dtype.kind in "biufc":
                self.places.append(Place("array", value, {}, elements=value.copy()))
        elif isinstance(value, FunctionType):
            self.function(value)
        elif isinstance(value, MethodType):
            self.todo += [value.__self__, value.__func__]
        elif isinstance(value, _UNWATCHED) or hasattr(type(value), "__next__"):
            raise Unstageable(f"it reaches a {type(value).__name__}, which may change unseen")
        elif isinstance(value, type):
            if is_user_module(value.__module__) and not hasattr(value, "__tapejit_rebind__"):
                self._note("class", value)
                self.todo.extend(f for f in vars(value).values() if isinstance(f, FunctionType))
        elif is_user_module(getattr(type(value), "__module__", None) or ""):
            fields = getattr(value, "__dict__", None)
            if isinstance(fields, dict):
                self.todo.append(fields)
            self.todo.append(type(value))
            if any("__slots__" in c.__dict__ for c in type(value).__mro__):
                self._note("slots", value)


def left_over(value: Any) -> bool:
    """Whether a variable holds what a body that is finished has left in it.

    A statement hands on what is read afterwards. So nobody will read this variable before it is
    assigned again, and its value does not matter.
    """
    known: list[Any] = []
    cap = current()
    while cap is not None:
        known.append(cap)
        cap = cap.parent
    leaves = (value,) if isinstance(value, Tracer) else flatten(value)[0]
    return any(isinstance(v, Tracer) and not any(v.cap is c for c in known) for v in leaves)


Slot = tuple[int, Any]
"""A variable (-1, its number), or the entry of a place (the place's number, the key)."""


class State:
    """The variables and containers that a statement can change.

    Attributes
    ----------
    names : tuple of str
        The variables that are assigned and read afterwards.
    values : tuple
        Their values before.
    places : list of Place
        The containers that the statement can reach.
    """

    def __init__(
        self,
        get: Callable[[], tuple[Any, ...]],
        put: Callable[[tuple[Any, ...]], None],
        names: tuple[str, ...],
        reads: Callable[[], dict[str, Any]],
        code: tuple[Any, ...] = (),
    ) -> None:
        self.get, self.put_all, self.names = get, put, names
        for name in names:
            if name.startswith("global "):
                raise Unstageable(f"it assigns the {name}")
        self.values = tuple(UNBOUND if left_over(v) else v for v in get())
        own = [c for f in (get, put, reads, *code) for c in getattr(f, "__closure__", None) or ()]
        walk = _Walk(own)
        for fn in code:
            if isinstance(fn, FunctionType):
                walk.function(fn)
        self.places = walk.run([*walk.todo, *self.values, *reads().values()])

    def restore(self) -> None:
        """Put everything back as it was."""
        for place in self.places:
            place.restore()
        self.put_all(self.values)

    def before(self, slot: Slot) -> Any:
        where, key = slot
        return self.values[key] if where < 0 else self.places[where].before[key]

    def now(self, slot: Slot) -> Any:
        where, key = slot
        return self.get()[key] if where < 0 else self.places[where].entries()[key]

    def assign(self, found: dict[Slot, Any]) -> None:
        """Give some slots new values."""
        values = list(self.get())
        for (where, key), value in found.items():
            if where < 0:
                values[key] = value
            else:
                self.places[where].put(key, value)
        self.put_all(tuple(values))

    def label(self, slot: Slot) -> str:
        where, key = slot
        if where < 0:
            return self.names[key]
        return {"list": f"entry {key} of a list", "dict": f"entry {key!r}"}.get(
            self.places[where].kind, f"{key}"
        )

    def changes(self) -> tuple[dict[Slot, Any], dict[int, list[Any]]]:
        """Return the slots with another value now, and what was appended to lists, by place.

        Raises
        ------
        Unstageable
            When a container has other keys, or fewer entries, than before.
        """
        found: dict[Slot, Any] = {}
        appended: dict[int, list[Any]] = {}
        for k, (old, new) in enumerate(zip(self.values, self.get())):
            if old is not new and not left_over(new):
                found[-1, k] = new
        for where, place in enumerate(self.places):
            if place.written():
                raise Unstageable(
                    "it writes to an array made of plain numbers, of which it cannot be told that "
                    "nothing else holds it: loops and branches carry what np.zeros makes"
                )
            now = place.entries()
            if isinstance(place.holder, Pile) and not _same(place.stacks, place.holder.stacks):
                raise Unstageable("a loop inside it fills or empties a list")
            if now.keys() != place.before.keys():
                more = list(now)[len(place.before) :]
                if place.kind != "list" or len(now) < len(place.before):
                    raise Structure(f"the keys or the length of a {place.kind} change")
                appended[where] = [now[k] for k in more]
            for key, old in place.before.items():
                if now[key] is not old:
                    if place.kind == "set":
                        raise Unstageable("a set changes")
                    if place.kind == "class" or (place.kind == "slots" and _outside(place.holder)):
                        raise Unstageable(f"it changes {key}, which outlives the call")
                    found[where, key] = now[key]
        return found, appended


def _outside(value: Any) -> bool:
    """Whether an object without a ``__dict__`` was there before the capture, and is no copy."""
    cap = current()
    around = None if cap is None else cap.outermost.around
    return around is not None and around.reads_as_it_is(value)


def _same(a: tuple[Any, ...] | None, b: tuple[Any, ...] | None) -> bool:
    if a is None or b is None:
        return a is b
    return len(a) == len(b) and all(x is y for x, y in zip(a, b))


class Structure(Unstageable):
    """Values change their structure or shape: after one round they may keep it."""
