"""Gradients computed ahead: a loss that is read before ``backward()`` is not computed twice.

Reading a loss runs its trace. When a backward pass from the same slot followed the last time that
this trace was run, the sweep is appended to the trace and the gradients are computed together with
the values that are read, by one program, as if the backward pass had come first. They wait at the
segment until it does come.

Invariant: gradients that wait are what the pass would compute at the moment when it asks for them;
where anything on the way has changed (a hook, a write to a saved value, a freed buffer), they are not
given out and the pass goes the ordinary way.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from .codes import LEAF, PLAIN
from .program import Program, program_of
from .segments import _stale
from .tensor import Tensor

if TYPE_CHECKING:
    from .record import Recorder, Segment

_MOST_NEEDED = 64
_FORGOTTEN = 8
"""Right guesses, for each that is needed for a guess, after which wrong ones are forgotten."""


class Forecast:
    """Whether a backward pass is expected after a trace has been run, and from where.

    Attributes
    ----------
    slot : int
        The root of the pass that came last.
    met, needed : int
        How many such passes have come since a wrong guess, and how many make a guess. A wrong guess
        doubles the latter, so that a loop that only looks pays for few.
    waiting : bool
        Whether gradients have been computed and not been asked for.
    program : Program or None
        The trace with its sweep.
    """

    __slots__ = ("met", "needed", "program", "slot", "waiting")

    def __init__(self, slot: int) -> None:
        self.slot = slot
        self.met, self.needed = 0, 1
        self.waiting = False
        self.program: Program | None = None

    def guess(self) -> bool:
        """Whether gradients should be computed with the values."""
        if self.waiting:  # the last ones were not asked for
            self.waiting = False
            self.met = 0
            self.needed = min(2 * self.needed, _MOST_NEEDED)
        return self.met >= self.needed

    def right(self) -> None:
        """Note that gradients that waited have been asked for."""
        self.waiting = False
        self.met += 1
        if self.met > _FORGOTTEN * self.needed:
            self.needed = 1


class Gradients:
    """Gradients of the leaves of a slot that wait for its backward pass."""

    __slots__ = ("arrays", "slot")

    def __init__(self, slot: int, arrays: Any) -> None:
        self.slot, self.arrays = slot, arrays


def with_sweep(
    program: Program, segment: Segment, live: tuple[int, ...]
) -> Callable[[list[Any]], Any] | None:
    """Return what runs a trace and the expected backward pass; None if none is expected."""
    expected = program.forecast
    assert expected is not None
    if not expected.guess() or not _plain(segment, program, expected.slot):
        return None
    if expected.program is None:
        from .backward import sweep_code

        cone = program.rows.cone(expected.slot)
        leaves = [segment.leaves[s] for s in cone.leaves]
        index = sweep_code(cone, False, True, None, leaves)
        first = len(program.rows.producer)
        expected.program = program_of(
            (*segment.code, index, expected.slot, *cone.leaves),
            (*live, *range(first, first + len(leaves))),
        )
    both, slot, n = expected.program, expected.slot, len(program.computed)

    def run(inputs: list[Any]) -> Any:
        try:
            values = both.run(inputs)
        except Exception:  # of memory, say: the values alone may still be had
            program.forecast = None
            return program.run(inputs)
        expected.waiting = True
        segment.ahead = Gradients(slot, values[n:])
        return values[:n]

    return run


def _plain(segment: Segment, program: Program, slot: int) -> bool:
    """Whether the sweep from a slot is one row, and nothing of Python's stands on the way."""
    cone = program.rows.cone(slot)
    return not (
        cone.special
        or cone.imports
        or segment.nodes
        or segment.node_hooks
        or segment.freed & cone.saving
        or (segment.special and any(s in cone.slots for s in segment.special))
        or not _leaves_as_they_were(program, segment, cone.leaves)
    )


def _leaves_as_they_were(program: Program, segment: Segment, slots: tuple[int, ...]) -> bool:
    leaves = [segment.leaves[s] for s in slots]
    for slot, t in zip(slots, leaves):
        more = t._more
        if t._kind != LEAF or t._spec is not program.rows.spec(slot):
            return False
        if more is not None and (more.hooks or more.after):
            return False
    return len(leaves) < 2 or len({id(t) for t in leaves}) == len(leaves)


Found = tuple[list[Tensor], Any]
"""The leaves of a root and the arrays of their gradients."""


def _taken(root: Tensor, retain: bool, wanted: Sequence[Tensor] | None = None) -> Found | None:
    """Return the gradients of a root that wait, None if there are none.

    If not, the pass is noted, so that there will be some the next time. `wanted` are the tensors
    whose gradients are asked for, which must be among the leaves.
    """
    segment: Segment
    segment, slot = root._graph
    program = segment.program
    if program is None or segment.inputs is None or (root._more and root._more.base is not None):
        return None
    if not _plain(segment, program, slot):
        return None
    cone = program.rows.cone(slot)
    leaves = [segment.leaves[s] for s in cone.leaves]
    if _stale(segment, cone.saved) or (
        wanted is not None and not {id(t) for t in wanted} <= {id(t) for t in leaves}
    ):
        return None
    expected = program.forecast
    if expected is None or expected.slot != slot:
        expected = program.forecast = Forecast(slot)
    found = segment.ahead
    if found is None or found.slot != slot:
        expected.met += 1
        return None
    expected.right()
    if not retain:
        segment.ahead = None
        segment.freed |= cone.mask
        if program.rows.done(segment.freed):
            segment.inputs, segment.sources = None, []
    return leaves, found.arrays


def given_out(root: Tensor, inputs: Sequence[Tensor], retain: bool) -> list[Tensor | None] | None:
    """Return the gradients of a root by some leaves that wait; None if they do not."""
    found = _taken(root, retain, inputs)
    if found is None:
        return None
    arrays = {id(leaf): array for leaf, array in zip(*found)}
    return [_gradient(t, arrays[id(t)]) for t in inputs]


def _gradient(leaf: Tensor, array: Any) -> Tensor:
    g = Tensor(0, 0, leaf._spec, PLAIN)
    g._array = array
    return g


def handed_over(rec: Recorder, root: Tensor, retain: bool) -> bool:
    """Give the leaves gradients that wait; return whether there were any."""
    found = _taken(root, retain)
    if found is None:
        return False
    before, rec.grad = rec.grad, False
    try:
        for leaf, array in zip(*found):
            g = _gradient(leaf, array)
            if leaf._grad is None:
                leaf._grad = g
            else:
                from .engine import add_to_grad

                add_to_grad(rec, leaf, g, False)
    finally:
        rec.grad = before
    return True
