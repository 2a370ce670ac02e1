"""Lists that a rolled loop appends to: its items are the rows of stacked arrays.

A `Pile` is a list in every respect. After a rolled loop it holds stacks instead of items, which
``np.stack``, ``np.array``, ``sum`` and loops over it use as they are; whatever needs the items one
by one gets them, at the price of a slice for each.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ..core.pytree import LISTS, TreeDef, unflatten
from ..core.records import record
from .capture import Unstageable
from .tracer import Tracer


@record
class Stack:
    """Items of a rolled loop: item j of round i has the leaves ``t[i] for t in parts[j]``.

    Attributes
    ----------
    trees : list of TreeDef
        For each item of a round, its structure.
    parts : list of list of Tracer
        For each item of a round, the stacks of its leaves.
    rounds : int or Tracer
    """

    trees: list[TreeDef]
    parts: list[list[Tracer]]
    rounds: Any

    @property
    def count(self) -> Any:
        return self.rounds * len(self.trees) if len(self.trees) != 1 else self.rounds

    def item(self, k: Any) -> Any:
        m = len(self.trees)
        if m == 1:
            return unflatten(self.trees[0], [t[k] for t in self.parts[0]])
        i, j = divmod(int(k), m)
        return unflatten(self.trees[j], [t[i] for t in self.parts[j]])

    @property
    def plain(self) -> Tracer | None:
        """The one stack whose rows are the items, None when they are made of several."""
        if len(self.parts) != 1 or len(self.parts[0]) != 1:
            return None
        return self.parts[0][0] if self.trees[0].kind is None else None


@record
class Watch:
    """What the capture of a round did with a list.

    Attributes
    ----------
    last : object
        What stands for the item that the round before appended, None in the first attempt.
    asked : bool
        Whether the last item was read before one was appended.
    other : bool
        Whether the list was used in any other way.
    """

    last: Any
    size: int
    asked: bool = False
    other: bool = False


class Pile(list[Any]):
    """A list that rolled loops can append to."""

    def __init__(self, items: Any = ()) -> None:
        super().__init__(items)
        self._stacks: list[Any] | None = None
        self._watches: list[Watch] = []

    # ------------------------------------------------------------ the loop

    def watch(self, last: Any) -> None:
        self._watches.append(Watch(last, list.__len__(self)))

    def unwatch(self) -> Watch:
        return self._watches.pop()

    @property
    def stacks(self) -> tuple[Any, ...] | None:
        """What rolled loops have appended, and single items since; None before there is any."""
        return None if self._stacks is None else tuple(self._stacks)

    def put_back(self, stacks: tuple[Any, ...] | None) -> None:
        """Forget what the capture of a body has done with `stacks`."""
        self._stacks = None if stacks is None else list(stacks)

    def rolled(self, stack: Stack) -> None:
        """Append what a rolled loop has appended."""
        if self._stacks is None:
            self._stacks = list(list.__iter__(self))
            list.clear(self)
        self._stacks.append(stack)

    @property
    def is_rolled(self) -> bool:
        return self._stacks is not None

    @property
    def one_stack(self) -> bool:
        """Whether all items are those of one loop."""
        parts = self._stacks
        return parts is not None and len(parts) == 1 and isinstance(parts[0], Stack)

    @property
    def size(self) -> Any:
        """The number of items; traced when the number of rounds is."""
        self._used()
        if self._stacks is None:
            return list.__len__(self)
        return sum((p.count if isinstance(p, Stack) else 1) for p in self._stacks)

    def array(self) -> Any:
        """Return the array of the items, or the items as a plain list."""
        self._used()
        parts = self._stacks
        if parts is None:
            return list(list.__iter__(self))
        stacks = [p.plain if isinstance(p, Stack) else None for p in parts]
        if any(isinstance(p, Stack) and s is None for p, s in zip(parts, stacks)):
            return list(self._melted())
        import tapejit.numpy as tnp

        rows: list[Any] = []
        for p, s in zip(parts, stacks):
            rows.append(tnp.array([p]) if s is None else s)
        return rows[0] if len(rows) == 1 else np.concatenate(rows)

    def _used(self) -> None:
        for watch in self._watches:
            watch.other = True

    def _melted(self) -> Pile:
        """Make the items one by one."""
        found = self._items()
        if self._stacks is not None:
            self._stacks = None
            list.extend(self, found)
        return self

    def _items(self) -> list[Any]:
        """Return the items; those of a rolled loop belong to the capture that asks for them."""
        self._used()
        if self._stacks is None:
            return list(list.__iter__(self))
        found: list[Any] = []
        for p in self._stacks:
            found += [p.item(k) for k in range(int(p.count))] if isinstance(p, Stack) else [p]
        return found

    # ------------------------------------------------------------ the list

    def append(self, item: Any) -> None:
        if self._stacks is None:
            list.append(self, item)
        elif self._watches:
            raise Unstageable("it appends to a list that another loop has filled")
        else:
            self._stacks.append(item)

    def __len__(self) -> int:
        return int(self.size)

    def __bool__(self) -> bool:
        return len(self) > 0

    def __getitem__(self, key: Any) -> Any:
        watch = self._watches[-1] if self._watches else None
        for outer in self._watches[:-1]:
            outer.other = True
        if watch is not None and type(key) is int and key == -1:
            if list.__len__(self) == watch.size and self._stacks is None:
                watch.asked = True
                return list.__getitem__(self, -1) if watch.last is None else watch.last
            if self._stacks is None:
                return list.__getitem__(self, -1)
        self._used()
        parts = self._stacks
        if parts is None:
            if isinstance(key, Tracer):
                return self._traced(key)
            return list.__getitem__(self, key)
        if len(parts) == 1 and isinstance(parts[0], Stack) and not isinstance(key, slice):
            return parts[0].item(key)
        if key == -1 and not isinstance(parts[-1], Stack):
            return parts[-1]
        if key == -1 and isinstance(parts[-1].rounds, int) and parts[-1].rounds:
            return parts[-1].item(parts[-1].count - 1)
        if key == 0 and type(key) is int and not isinstance(parts[0], Stack):
            return parts[0]
        if isinstance(key, Tracer):
            return self.array()[key]
        return self._items()[key]

    def _traced(self, key: Tracer) -> Any:
        import tapejit.numpy as tnp

        return tnp.array(list(list.__iter__(self)))[key]

    def __iter__(self) -> Iterator[Any]:
        return iter(self._items()) if self._stacks is not None else self._plain()

    def _plain(self) -> Iterator[Any]:
        self._used()
        return list.__iter__(self)


def _melting(name: str) -> Any:
    plain = getattr(list, name)

    def method(self: Pile, *args: Any, **kwargs: Any) -> Any:
        given = [a._melted() if isinstance(a, Pile) else a for a in args]
        return plain(self._melted(), *given, **kwargs)

    method.__name__ = name
    return method


for _name in (
    "__add__", "__contains__", "__delitem__", "__eq__", "__ge__", "__gt__", "__iadd__", "__imul__",
    "__le__", "__lt__", "__mul__", "__ne__", "__repr__", "__reversed__", "__rmul__", "__setitem__",
    "clear", "copy", "count", "extend", "index", "insert", "pop", "remove", "reverse", "sort",
):  # fmt: skip
    setattr(Pile, _name, _melting(_name))

LISTS.add(Pile)
