"""The schedule: rows grouped into loop nests, products, updates and calls, in order.

A *nest* runs over one iteration space and holds elementwise rows of that shape and the reductions
fed by them; a nest over the space ``()`` is straight-line code. A row joins the latest nest of its
space that stands behind everything the row needs: an elementwise operand may be computed in the
same nest, a reduction's result or anything read through a view only after it.

Rows of views take no step: whoever reads them reads their root through other strides.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from ..core.avals import Aval, Shape
from ..tape.ir import Tape

INLINE = ("elementwise", "reduce", "guard")


@dataclass
class Step:
    """Some rows that run together.

    Attributes
    ----------
    kind : str
        ``"nest"``, or the emission kind of its single row.
    rows : list of int
        The rows, in order.
    space : tuple of int
        The iteration space of a nest.
    """

    kind: str
    rows: list[int]
    space: Shape = ()


@dataclass
class Schedule:
    """The steps of a tape and what they share.

    Attributes
    ----------
    steps : list of Step
    step_of : dict
        For each row that takes a step, its position.
    stored : set of int
        Rows whose value needs memory: arrays read in another step, through a view, or returned.
        Numbers never do: they are local variables.
    """

    tape: Tape
    steps: list[Step]
    step_of: dict[int, int]
    stored: set[int] = field(default_factory=set)


def root_of(tape: Tape, i: int) -> int:
    """Follow views to the row whose memory they show."""
    while tape.prim(i).emit.kind == "view":
        i = tape.args(i)[0]
    return i


def space_of(tape: Tape, i: int) -> Shape:
    """Return the iteration space of a row that runs inside a nest."""
    prim = tape.prim(i)
    if prim.emit.kind == "elementwise":
        return tape.value(i).shape
    return tape.value(tape.args(i)[0]).shape


def schedule(tape: Tape) -> Schedule:
    """Group the rows of a tape (without host rows) into steps."""
    steps: list[Step] = []
    step_of: dict[int, int] = {}
    by_space: dict[Shape, list[int]] = {}
    for i in range(tape.n_inputs, tape.rows):
        kind = tape.prim(i).emit.kind
        if kind == "out":
            step_of[i] = step_of[tape.args(i)[0]]
        if kind in ("view", "lit", "out"):
            continue
        inline = kind in INLINE
        space = space_of(tape, i) if inline else ()
        earliest = 0
        for a in tape.args(i):
            root = root_of(tape, a)
            at = step_of.get(root_source(tape, root))
            if at is None:
                continue
            joins = (
                inline
                and root == a
                and steps[at].kind == "nest"
                and (
                    (tape.prim(a).emit.kind == "elementwise" and tape.value(a).shape == space)
                    or steps[at].space == space == ()
                )
            )
            earliest = max(earliest, at if joins else at + 1)
        if not inline:
            step_of[i] = len(steps)
            steps.append(Step(kind, [i]))
            continue
        found = next((k for k in reversed(by_space.get(space, [])) if k >= earliest), None)
        if found is None:
            found = len(steps)
            steps.append(Step("nest", [], space))
            by_space.setdefault(space, []).append(found)
        steps[found].rows.append(i)
        step_of[i] = found
    made = Schedule(tape, steps, step_of)
    made.stored = _stored(made)
    return made


def root_source(tape: Tape, i: int) -> int:
    """The row whose step makes the value of `i`: an ``out`` row is made by its parent."""
    return tape.args(i)[0] if tape.prim(i).emit.kind == "out" else i


def _stored(plan: Schedule) -> set[int]:
    """Return the rows that need memory."""
    tape = plan.tape
    stored: set[int] = set()
    for i in range(tape.n_inputs, tape.rows):
        kind = tape.prim(i).emit.kind
        if kind == "view":
            stored.add(root_of(tape, i))
            continue
        if kind == "out":
            stored.add(i)
            continue
        mine = plan.step_of.get(i)
        aval = tape.any_aval(i)
        in_nest = mine is not None and plan.steps[mine].kind == "nest"
        if mine is not None and not in_nest and isinstance(aval, Aval):
            stored.add(i)
        if in_nest and tape.prim(i).emit.kind == "reduce" and tape.value(i).shape != ():
            stored.add(i)
        for a in tape.args(i):
            other = plan.step_of.get(a)
            if other is None:
                continue
            if other != mine or not in_nest:
                stored.add(a)
    stored.update(root_of(tape, o) for o in tape.outputs)
    return {
        i
        for i in stored
        if tape.prim(i).emit.kind not in ("lit", "input") and tape.value(i).shape != ()
    }
