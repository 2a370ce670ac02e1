"""What lies between the kernels of a staged program: memory that serves call after call.

Arrays that one kernel hands to a transform or another kernel and that are no results are kept for
the next call: fresh memory costs a page fault for each 4 kB, and 8 fields of 64 x 64 complex numbers
as much as two of their transforms. A transform whose operand nobody reads afterwards works in place.

Invariant: an array is kept only where no row that could hold on to it, or show it, has seen it. A
set of arrays belongs to one call at a time: whoever takes it out of the list is alone with it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ..passes.partition import Segment
from ..tape.ir import Tape

if TYPE_CHECKING:
    from .compile import Kernel

Buffers = list[list[Any]]
"""For each stage the arrays of its outputs, None for those that are made anew."""

PURE = frozenset(("fft", "rfft", "irfft", "scale_inner"))
"""Host rows that keep nothing of what they are given and return arrays of their own."""
LARGEST = 1 << 24
"""Bytes above which nothing is kept."""
_SETS = 2


class Between:
    """The arrays of a staged program.

    Attributes
    ----------
    pure : bool
        Whether all that NumPy runs are transforms.
    over : set of int
        Transforms that work in place.
    """

    def __init__(self, tape: Tape, stages: Sequence[tuple[Segment, Kernel] | int]) -> None:
        self.over: set[int] = set()
        self._sets: list[Buffers] = []
        self._again: list[list[bool]] = []
        hosts = [s for s in stages if isinstance(s, int)]
        self.pure = all(tape.prim(i).name in PURE for i in hosts)
        if not self.pure:
            return
        reads = Counter(a for i in hosts for a in tape.args(i))
        reads.update(a for s in stages if not isinstance(s, int) for a in s[0].inputs)
        made = {o for s in stages if not isinstance(s, int) for o in s[0].outputs}
        inner = (made | {i for i in hosts if tape.prim(i).name != "irfft"}) - set(tape.outputs)
        self.over = {
            i
            for i in hosts
            if tape.prim(i).name == "fft" and reads[a := tape.args(i)[0]] == 1 and a in inner
        }
        kept = {o for o in made - set(tape.outputs) if tape.value(o).shape}
        if sum(tape.value(o).size * tape.value(o).dtype.itemsize for o in kept) <= LARGEST:
            self._again = [
                [] if isinstance(s, int) else [s[0].outputs[k] in kept for k, _ in s[1].text.arrays]
                for s in stages
            ]

    def take(self) -> Buffers:
        """Return arrays of an earlier call, or none."""
        try:
            return self._sets.pop()
        except IndexError:
            return [[None] * len(again) for again in self._again]

    def give(self, buffers: Buffers) -> None:
        """Keep the arrays of a call that has ended."""
        if self._again and len(self._sets) < _SETS:
            self._sets.append(buffers)

    def fill(self, buffers: Buffers, at: int, arrays: Sequence[Any]) -> None:
        """Note the arrays of a stage that serve again."""
        if self._again:
            buffers[at] = [a if again else None for a, again in zip(arrays, self._again[at])]
