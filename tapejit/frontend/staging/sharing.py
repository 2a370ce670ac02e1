"""Arrays that have two names after a loop or a branch: a write to one forbids reading the other.

What a loop carries, what a list of it holds and what a branch leaves behind are copies here, where
Python has the very arrays: after ``y = a if c else b`` a write to y reaches a or b. As long as
nobody writes to either, nobody can tell. So the copies know of each other (`Root.shares`), and
after a write to one of them, reading another raises.

    roots      a b             a write to y:  a and b are lost
    made        y              a write to a:  y is lost
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from ...core.pytree import flatten
from ..capture import Unstageable
from ..tracer import Root, Tracer
from .body import Body


def root_of(leaf: Any) -> Root | None:
    """Return what a leaf shares with other names: nothing if it is a number."""
    return leaf.root if isinstance(leaf, Tracer) and leaf.ndim else None


def roots_of(values: Iterable[Any]) -> list[Root | None]:
    return [root_of(leaf) for value in values for leaf in flatten(value)[0]]


def link(a: Root, b: Root) -> None:
    """Note that two roots stand for one array of Python's, perhaps."""
    if a is not b and b not in a.shares:
        a.shares += (b,)
        b.shares += (a,)


def link_sides(
    bodies: Sequence[Body], leaves: Sequence[Sequence[Any]], made: Sequence[Any]
) -> None:
    """Link what a branch leaves behind: ``leaves[side][k]`` has become ``made[k]``."""
    for body, values in zip(bodies, leaves):
        met: dict[int, Root] = {}
        for value, new in zip(values, made):
            root, top = root_of(value), root_of(new)
            if root is None or top is None:
                continue
            if root.sym.b is not body.b:
                link(top, root)
            link(top, met.setdefault(id(root), top))


class Names:
    """The arrays that a loop hands on.

    Attributes
    ----------
    entered : list of Root
        What stands for carried arrays in a round, and `firsts` what they are before the loop.
    finals, items : list of (Root or None)
        What a round leaves in each carried leaf, and what it appends.
    """

    def __init__(self, body: Body, entered: list[Any], firsts: list[Any]) -> None:
        self.body = body
        self.entered = [r for r in map(root_of, entered) if r is not None]
        self.firsts = list({id(r): r for r in map(root_of, firsts) if r is not None}.values())
        self.twice = len(self.firsts) < sum(root_of(v) is not None for v in firsts)
        self.finals: list[Root | None] = []
        self.items: list[Root | None] = []

    def _moved(self, root: Root) -> bool:
        return any(root is r for r in self.entered)

    def _outer(self, root: Root) -> bool:
        return root.sym.b is not self.body.b

    def _stays(self, root: Root) -> bool:
        """Whether an item is known by another name when the round is over."""
        known = self._moved(root) or self._outer(root) or any(root is r for r in self.finals)
        return known or sum(root is r for r in self.items) > 1

    def check(self) -> None:
        """Refuse rounds that write to an array which a round before has appended to a list."""
        for root in self.items:
            if root is None or not self._stays(root):
                continue
            known = self.body.locals.get(id(root))
            if any(r.version for r in self.entered) or (known is not None and known.written):
                raise Unstageable("it writes to an array that is also an item of a list")

    def link(self, carried: Sequence[Any], stacks: Sequence[Any], certain: bool) -> None:
        """Link what the loop has made; `certain` that it ran at least one round."""
        ends = [(r, m) for r, m in zip(self.finals, map(root_of, carried)) if r is not None and m]
        tops = [(r, t.root) for r, t in zip(self.items, stacks) if r is not None and self._stays(r)]
        for root, made in (*ends, *tops):
            if self._outer(root):
                link(made, root)
            if self._moved(root) or not certain:
                for first in self.firsts:
                    link(made, first)
        for k, (root, made) in enumerate(ends):
            for other, twin in ends[:k]:
                both = self._moved(root) and self._moved(other)
                if root is other or (both and self.twice):
                    link(made, twin)
        for k, (root, made) in enumerate(tops):
            for other, twin in ends:
                if root is other or self._moved(other):
                    link(made, twin)
            for _, twin in tops[:k]:
                link(made, twin)
