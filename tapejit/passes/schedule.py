"""The schedule: rows grouped into loop nests, products, updates and calls, in order.

A *nest* runs over one iteration space and holds elementwise rows of that shape and the reductions
fed by them; a nest over the space ``()`` is straight-line code. A row joins the latest nest of its
space that stands behind everything the row needs: an elementwise operand may be computed in the
same nest, a reduction's result or anything read through a view only after it.

Rows of views take no step: whoever reads them reads their root through other strides. A window at
a computed place is a pointer, made in straight-line code; a window of one element is a load.

Steps that may write into the memory of an operand (updates, loops, branches) are barriers for the
rows that read that memory: no row that stands before them is moved behind them.
"""

from __future__ import annotations

from dataclasses import field

from ..core.avals import Aval, Shape
from ..core.records import record
from ..tape.ir import Tape
from .overlaps import join_windows
from .views import root_of, root_source

INLINE = ("elementwise", "reduce", "guard", "window")
ROLLED = ("for", "while", "cond", "body")
"""Rows that hold tapes which become code where the row stands."""


@record
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


@record
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


def is_open(aval: Aval) -> bool:
    """Whether an array is a stack whose length is known only when its loop has run."""
    return bool(aval.shape) and aval.shape[0] < 0


def is_element(tape: Tape, i: int) -> bool:
    """Whether a row is a window of one element: a number, loaded where the row stands."""
    return tape.prim(i).emit.kind == "window" and tape.value(i).size == 1


def memory_of(tape: Tape, i: int) -> int:
    """Follow views and windows to the row whose memory a reader of `i` reads."""
    while tape.prim(i).emit.kind in ("view", "window") and not is_element(tape, i):
        i = tape.args(i)[0]
    return i


def space_of(tape: Tape, i: int) -> Shape:
    """Return the iteration space of a row that runs inside a nest."""
    prim = tape.prim(i)
    if prim.emit.kind == "window":
        return ()
    if prim.emit.kind == "elementwise":
        return tape.value(i).shape
    return tape.value(tape.args(i)[0]).shape


def schedule(tape: Tape) -> Schedule:
    """Group the rows of a tape (without host rows) into steps."""
    # Numbers that depend on inputs alone come first, so that they never divide a nest in two.
    steps: list[Step] = [Step("nest", [], ())]
    step_of: dict[int, int] = {}
    by_space: dict[Shape, list[int]] = {(): [0]}
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
            straight = steps[at].space == space == ()
            joins = (
                inline
                and steps[at].kind == "nest"
                and (root == a or (straight and tape.prim(root).emit.kind == "window"))
                and (
                    (tape.prim(a).emit.kind == "elementwise" and tape.value(a).shape == space)
                    or straight
                )
            )
            earliest = max(earliest, at if joins else at + 1)
        if not inline:
            step_of[i] = len(steps)
            steps.append(Step(kind, [i]))
            continue
        places = by_space.get(space, [])
        order = places if space == () else reversed(places)
        found = next((k for k in order if k >= earliest), None)
        if found is None:
            found = len(steps)
            steps.append(Step("nest", [], space))
            by_space.setdefault(space, []).append(found)
        steps[found].rows.append(i)
        step_of[i] = found
    made = Schedule(tape, steps, step_of)
    sink(made)
    join_windows(tape, made.steps, step_of)
    _drop_empty(made)
    made.stored = _stored(made)
    return made


def sink(plan: Schedule) -> None:
    """Move rows to the later nest that alone reads them, when no more values need memory then.

    The derivative of a forward row (1 - tanh^2, say) is computed where the reverse sweep uses it,
    from the value that is kept anyway.
    """
    tape = plan.tape
    written = [
        {memory_of(tape, a) for i in step.rows for a in overwritten(tape, i)} for step in plan.steps
    ]
    readers: dict[int, set[int]] = {}
    for i in range(tape.rows):
        for a in tape.args(i):
            readers.setdefault(a, set()).add(i)
    kept = set(tape.outputs)
    for i in range(tape.rows - 1, tape.n_inputs - 1, -1):
        home = plan.step_of.get(i)
        if tape.prim(i).emit.kind != "elementwise" or i in kept or tape.value(i).shape == ():
            continue
        assert home is not None
        users = readers.get(i, set())
        places = {plan.step_of.get(u, -1) for u in users}
        if len(places) != 1:
            continue
        target = places.pop()
        there = plan.steps[target] if target > home else None
        if there is None or there.kind != "nest" or there.space != tape.value(i).shape:
            continue
        if any(tape.prim(u).emit.kind not in ("elementwise", "reduce") for u in users):
            continue
        sources = {memory_of(tape, a) for a in tape.args(i)}
        if any(sources & written[k] for k in range(home + 1, target)):
            continue
        new = 0
        for a in set(tape.args(i)):
            at = plan.step_of.get(a)
            alone = at == home and tape.value(a).shape != ()
            elsewhere = any(plan.step_of.get(u) != at for u in readers[a] if u != i) or a in kept
            new += alone and not elsewhere
        if new <= 1:
            plan.steps[home].rows.remove(i)
            there.rows.append(i)
            there.rows.sort()
            plan.step_of[i] = target


def overwritten(tape: Tape, i: int) -> tuple[int, ...]:
    """Return the operands whose memory a row may write into, when it is the last to read them."""
    kind, args = tape.prim(i).emit.kind, tape.args(i)
    if kind == "update":
        return args[:1]
    if kind in ("for", "while"):
        first = 1 if kind == "for" else 0
        return args[first : first + tape.params(i)["carry"]]
    return args if kind in ("cond", "body") else ()


def _drop_empty(plan: Schedule) -> None:
    """Forget steps without rows."""
    new: dict[int, int] = {}
    steps: list[Step] = []
    for k, step in enumerate(plan.steps):
        if step.rows:
            new[k] = len(steps)
            steps.append(step)
    plan.steps = steps
    plan.step_of = {i: new[k] for i, k in plan.step_of.items()}


def _stored(plan: Schedule) -> set[int]:
    """Return the rows that need memory."""
    tape = plan.tape
    stored: set[int] = set()
    for i in range(tape.n_inputs, tape.rows):
        kind = tape.prim(i).emit.kind
        if kind in ("view", "window"):
            stored.add(memory_of(tape, tape.args(i)[0]))
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
    stored.update(memory_of(tape, o) for o in tape.outputs)
    return {
        i
        for i in stored
        if tape.prim(i).emit.kind not in ("lit", "input", "window") and tape.value(i).shape != ()
    }
