"""Windows that a nest writes itself: `passes.overlaps` says which, and why.

At point i of the last loop the nest writes element i of the window that starts first, and adds what
windows that start d places later hold there: the values of d rounds before, which are handed from
round to round in d numbers. LLVM turns such numbers into shuffles of whole vectors. Behind the loop
the last values are written.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from ..core.records import record
from ..passes.overlaps import constant_of, delay_of, reads_elsewhere
from ..passes.views import strides_of
from ..tape.ir import Tape
from .text import index, loop_nest, number

if TYPE_CHECKING:
    from .values import Values

Box = tuple[tuple[int, int], ...]
"""A run of places, from one to another, along each axis."""


@record
class Overlap:
    """A chain of updates that a nest writes.

    Attributes
    ----------
    pointer : str
        The memory of the result.
    shape : tuple of int
        Its shape.
    offset, strides : int, tuple of int
        Where the first window lies in it, over the axes of the nest.
    terms : list of (str, int)
        What is added, in order: the name of a value, and how many places its window starts later.
    around : list of Box
        The parts of the result that are written in front of the nest.
    fill : str
        What stands there: a number, or the pointer to the array that is copied.
    name : str
        What its variables start with.
    copies : bool
        Whether `fill` is an array.
    late : bool
        Whether the window lies in the array that it replaces, and its writes are put off: places
        in front of it are written with what stands there.
    ordered : bool
        Whether the nest reads places that it writes in other rounds.
    """

    pointer: str
    shape: tuple[int, ...]
    offset: int
    strides: tuple[int, ...]
    terms: list[tuple[str, int]]
    around: list[Box]
    fill: str
    name: str
    copies: bool = False
    late: bool = False
    ordered: bool = False

    @property
    def farthest(self) -> int:
        """How many places the last window starts behind the first."""
        return max(d for _, d in self.terms)

    def prologue(self) -> list[str]:
        """Return the lines that fill what no window covers, from an array or with a number."""
        lines: list[str] = []
        unit = strides_of(self.shape)
        for box in self.around:
            offset = sum(first * s for (first, _), s in zip(box, unit))
            sizes = tuple(last - first for first, last in box)
            pairs = [(self.pointer, offset, unit)]
            if self.copies:
                pairs.append((self.fill, offset, unit))
            lines += loop_nest(sizes, pairs, "{0} = {1}" if self.copies else "{0} = " + self.fill)
        return lines

    def _handed(self) -> dict[str, list[str]]:
        """Return for each value that is handed on its variables: one round old, two rounds old."""
        far: dict[str, int] = {}
        for value, d in self.terms:
            far[value] = max(far.get(value, 0), d)
        return {
            value: [f"{self.name}_{k}_{t + 1}" for t in range(d)]
            for k, (value, d) in enumerate(far.items())
        }

    def head(
        self, over: Callable[[tuple[int, ...]], tuple[int, ...]], names: list[str]
    ) -> list[str]:
        """Return the lines in front of the last loop."""
        lines = []
        for variables in self._handed().values():
            for t, name in enumerate(variables):
                value = self.fill
                if self.late:
                    steps = over(self.strides)
                    at = self.offset + (len(variables) - 1 - t) * steps[-1]
                    value = f"{self.pointer}[{index(at, (*steps[:-1], 0), names)}]"
                lines.append(f"{name} = {value}")
        return lines

    def body(
        self, over: Callable[[tuple[int, ...]], tuple[int, ...]], names: list[str]
    ) -> list[str]:
        """Return the lines of a round, behind the statements."""
        handed = self._handed()
        parts = [handed[value][d - 1] if d else value for value, d in self.terms]
        where = index(self.offset, over(self.strides), names)
        lines = [f"{self.pointer}[{where}] = {' + '.join(parts)}"]
        for value, old in handed.items():
            for name, newer in reversed(list(zip(old, [value, *old]))):
                lines.append(f"{name} = {newer}")
        return lines

    def tail(
        self,
        over: Callable[[tuple[int, ...]], tuple[int, ...]],
        names: list[str],
        length: int,
    ) -> list[str]:
        """Return the lines behind the last loop: what lies behind the end of the first window."""
        handed = self._handed()
        lines = []
        for t in range(self.farthest):
            parts = [handed[value][d - t - 1] for value, d in self.terms if d > t]
            steps = over(self.strides)
            where = index(self.offset + (length + t) * steps[-1], (*steps[:-1], 0), names)
            lines.append(f"{self.pointer}[{where}] = {' + '.join(parts)}")
        return lines


def chains_of(tape: Tape, rows: Sequence[int]) -> list[list[int]]:
    """Return the chains of updates among the rows of a nest."""
    chains: list[list[int]] = []
    for i in rows:
        if tape.prim(i).emit.kind == "update":
            base = tape.args(i)[0]
            found = next((c for c in chains if c[-1] == base), None)
            if found is None:
                chains.append([i])
            else:
                found.append(i)
    return chains


def around(shape: tuple[int, ...], ranges: Sequence[tuple[int, int, int]]) -> list[Box]:
    """Return boxes that cover what a window leaves out of an array, all of it for one with gaps.

    >>> around((4, 5), ((1, 2, 1), (0, 4, 1)))
    [((0, 1), (0, 5)), ((3, 4), (0, 5)), ((1, 3), (4, 5))]
    """
    if any(step != 1 and length > 1 for _, length, step in ranges):
        return [tuple((0, n) for n in shape)]
    boxes: list[Box] = []
    inside: list[tuple[int, int]] = []
    for d, (n, (start, length, _)) in enumerate(zip(shape, ranges)):
        rest = [(0, m) for m in shape[d + 1 :]]
        for first, last in ((0, start), (start + length, n)):
            if first < last:
                boxes.append((*inside, (first, last), *rest))
        inside.append((start, start + length))
    return boxes


def overlap_of(
    values: Values, rows: Sequence[int], chain: Sequence[int], added: list[str]
) -> Overlap:
    """Return how a nest of these rows writes a chain; `added` are the names of what it adds."""
    tape, last = values.tape, chain[-1]
    places = [tape.params(i)["ranges"] for i in chain]
    shape = tape.value(last).shape
    base = tape.args(chain[0])[0]
    start = constant_of(tape, base)
    inside = values.base.get(last) == base
    delay = delay_of(tape, values.views, rows, last) or 0 if inside else 0
    first = min(p[-1][0] for p in places) - delay * places[0][-1][2]
    ranges = (*places[0][:-1], (first, *places[0][-1][1:]))
    steps = strides_of(shape)
    offset = sum(start * s for (start, _, _), s in zip(ranges, steps))
    strides = tuple(0 if length == 1 else step * s for (_, length, step), s in zip(ranges, steps))
    terms = [(v, (p[-1][0] - first) // p[-1][2]) for v, p in zip(added, places)]
    covered = (*ranges[:-1], (first, ranges[-1][1] + max(d for _, d in terms), ranges[-1][2]))
    fill = values.pointer(base) if start is None else number(start, tape.value(last).dtype)
    return Overlap(
        values.pointer(last), shape, offset, strides, terms, [] if inside else around(shape, covered),
        fill, values.local(last), start is None, bool(delay), inside and reads_elsewhere(tape, values.views, rows, last),
    )  # fmt: skip
