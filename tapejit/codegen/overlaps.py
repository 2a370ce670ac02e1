"""Windows that a nest writes itself: `passes.overlaps` says which, and why.

At point i of the last loop the nest writes element i of the window that starts first, and adds what
windows that start d places later hold there: the values of d rounds before, which are handed from
round to round in d numbers. LLVM turns such numbers into shuffles of whole vectors. Behind the loop
the last values are written.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from ..passes.overlaps import constant_of
from ..passes.views import strides_of
from ..tape.ir import Tape
from .text import index, number


@dataclass
class Overlap:
    """A chain of updates that a nest writes.

    Attributes
    ----------
    pointer : str
        The memory of the result.
    offset, strides : int, tuple of int
        Where the first window lies in it, over the axes of the nest.
    terms : list of (str, int)
        What is added, in order: the name of a value, and how many places its window starts later.
    clear : list of (int, int)
        The runs of the result that no window covers.
    fill : str
        What stands there.
    name : str
        What its variables start with.
    """

    pointer: str
    offset: int
    strides: tuple[int, ...]
    terms: list[tuple[str, int]]
    clear: list[tuple[int, int]]
    fill: str
    name: str

    @property
    def farthest(self) -> int:
        """How many places the last window starts behind the first."""
        return max(d for _, d in self.terms)

    def prologue(self) -> list[str]:
        """Return the lines that fill what no window covers."""
        lines = []
        for first, last in self.clear:
            lines += [f"for i in range({first}, {last}):", f"    {self.pointer}[i] = {self.fill}"]
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

    def head(self) -> list[str]:
        """Return the lines in front of the last loop."""
        zero = self.fill if self.farthest else ""
        return [f"{name} = {zero}" for names in self._handed().values() for name in names]

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


def overlap_of(
    tape: Tape, chain: Sequence[int], values: list[str], pointer: str, name: str
) -> Overlap:
    """Return how a nest writes a chain; `values` are the names of what it adds."""
    places = [tape.params(i)["ranges"] for i in chain]
    whole = tape.value(chain[-1])
    first = min(p[-1][0] for p in places)
    ranges = (*places[0][:-1], (first, *places[0][-1][1:]))
    steps = strides_of(whole.shape)
    offset = sum(start * s for (start, _, _), s in zip(ranges, steps))
    strides = tuple(0 if length == 1 else step * s for (_, length, step), s in zip(ranges, steps))
    terms = [(v, p[-1][0] - first) for v, p in zip(values, places)]
    covered = ranges[-1][1] + max(d for _, d in terms)
    start = constant_of(tape, tape.args(chain[0])[0])
    assert start is not None
    size = int(np.prod(whole.shape))
    clear = [(0, size)]
    if covered == whole.shape[-1] and all(n == r[1] for r, n in zip(ranges, whole.shape[:-1])):
        clear = []
    elif len(ranges) == 1 and ranges[0][2] == 1:
        clear = [(a, b) for a, b in ((0, offset), (offset + covered, size)) if a < b]
    return Overlap(pointer, offset, strides, terms, clear, number(start, whole.dtype), name)
