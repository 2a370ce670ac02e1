"""Which rows write into the memory of an operand.

A row takes over the memory of an array when nothing reads that array afterwards: an update writes
its window into its base, a loop runs in the memory of its initial values, a branch passes an array
on or updates it. Then nothing is copied, and a table that nested loops fill is one table.

Inside a body the carried arrays are *lent*: they are nobody's arguments and may be written. Where a
body's output ends up is found here too, see `arrival`: in the memory of a lent input, or elsewhere.

Invariant: two values that are alive at the same time never share memory. A value is alive from its
step to the last step that reads its memory, through views and windows too.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import field
from typing import TYPE_CHECKING

from ..core.avals import Aval
from ..core.records import record
from ..passes.overlaps import delay_of, is_step
from ..passes.schedule import ROLLED, Step, memory_of
from ..tape.ir import Tape
from ..tape.primitive import Params

if TYPE_CHECKING:
    from .values import Values

ELEMENT = 256
"""Bytes up to which an element of a stack is a local array while its round goes on.

LLVM keeps a local array in registers, where each load from a stack waits for the store before it:
Kalman filter 142 -> 136 us."""


@record
class Held:
    """The bodies of one row, planned.

    Attributes
    ----------
    prefix : str
        What the names of its own variables start with.
    bodies : list of Values
        Of a loop its body (and the test of a ``while``), of a ``cond`` both branches.
    spares : list of (str, Aval)
        Memory that the row needs besides that of its bodies: the second buffers of a loop.
    moving : list of int
        The carried arrays of a loop whose buffer changes from round to round.
    """

    prefix: str
    bodies: list[Values]
    spares: list[tuple[str, Aval]] = field(default_factory=list)
    moving: list[int] = field(default_factory=list)


def results(tape: Tape, i: int) -> list[int]:
    """Return the ``out`` rows of a row with several results, all of which stand right behind it."""
    count = len(tape.any_aval(i).items)  # type: ignore[union-attr]
    return list(range(i + 1, i + 1 + count))


def last_reads(values: Values) -> dict[int, int]:
    """Return the last step that reads the memory of each row."""
    last: dict[int, int] = {}
    tape = values.tape
    for step, each in enumerate(values.plan.steps):
        for i in each.rows:
            for a in tape.args(i):
                last[memory_of(tape, a)] = step
    for o in tape.outputs:
        last[memory_of(tape, o)] = len(values.plan.steps)
    return last


def share(values: Values) -> None:
    """Decide for each row of a tape whether it takes over an operand's memory."""
    last = last_reads(values)
    for step, each in enumerate(values.plan.steps):
        i = each.rows[0]
        if each.kind == "update":
            base = values.tape.args(i)[0]
            if _free(values, last, step, i, base) and _may_lie(values, i, base):
                values.base[i] = base
        elif each.kind == "nest":
            for i in each.rows:
                if is_step(values.tape, i):
                    base = values.tape.args(i)[0]
                    # two windows of one array: the second is written to a copy
                    near = delay_of(values.tape, values.views, each.rows, i) is not None
                    near = near and base not in values.base.values()
                    if near and _free(values, last, step, i, base) and _may_lie(values, i, base):
                        values.base[i] = base
        elif each.kind == "blocks":
            held = in_one_piece(values, i)
            if held is not None:
                values.inner[i] = held
        elif each.kind in ("for", "while"):
            values.inner[i] = _loop(values, last, step, i)
        elif each.kind in ROLLED:
            values.inner[i] = _branches(values, last, step, i)


def _free(values: Values, last: dict[int, int], step: int, row: int, x: int) -> bool:
    """Whether row `row` may write into its operand `x`: whole, ours, read here last and only once."""
    tape = values.tape
    whole = memory_of(tape, x) == x
    ours = x in values.plan.stored or x in values.lent
    once = [memory_of(tape, a) for a in tape.args(row)].count(x) == 1
    return whole and ours and once and last.get(x) == step


def _may_lie(values: Values, i: int, x: int) -> bool:
    """Whether row `i` may lie where `x` lies: elements of stacks have a place of their own."""
    return i not in values.fixed or values.home(x) not in values.lent


def arrival(values: Values, o: int) -> int | None:
    """Return the input in whose memory an output of a body lies, or None."""
    home = values.home(o)
    return home if home < values.tape.n_inputs else None


def take_dead(values: Values, o: int, inputs: Iterable[int]) -> None:
    """Let an output be computed in the memory of a lent input that is dead by then."""
    if arrival(values, o) is not None or o in values.fixed:
        return
    home = values.home(o)
    plan, tape = values.plan, values.tape
    at = plan.step_of[home]
    last = last_reads(values)
    for k in inputs:
        a, b = tape.value(k), tape.value(home)
        if k not in values.lent or (a.shape, a.dtype) != (b.shape, b.dtype):
            continue
        if all(_over(values, last, r, at, home) for r in values.sharers(k)):
            values.base[home] = k
            return


def _over(values: Values, last: dict[int, int], r: int, at: int, row: int) -> bool:
    """Whether nothing needs the memory of `r` from step `at` on, where `row` is written.

    An elementwise row may be written over what its own nest reads element by element: each point
    of the nest is loaded before it is stored, and no other point reads it.
    """
    plan, tape = values.plan, values.tape
    if plan.step_of.get(r, -1) >= at:
        return False
    end = last.get(r, -1)
    if end < at:
        return True
    step = plan.steps[at]
    return (
        end == at
        and step.kind == "nest"
        and tape.prim(row).emit.kind == "elementwise"
        and _pointwise(tape, step, r)
    )


def _pointwise(tape: Tape, step: Step, r: int) -> bool:
    """Whether a nest reads the memory of `r` only as it lies, point by point."""
    reads = [a for i in step.rows for a in tape.args(i) if memory_of(tape, a) == r]
    return all(a == r for a in reads)


# ---------------------------------------------------------------- rows with bodies


def _loop(values: Values, last: dict[int, int], step: int, i: int) -> Held:
    """Plan the body of a loop and decide in which memory its carried arrays live."""
    tape = values.tape
    row = tape.row(i)
    body, carry = row.params["body"], row.params["carry"]
    prefix = f"{values.prefix}f{i}_"
    first = 1 if row.prim.emit.kind == "for" else 0
    outs = results(tape, i)
    arrays = [k for k in range(carry) if body.value(1 + k).shape]
    for k in arrays:
        initial = row.args[first + k]
        if _free(values, last, step, i, initial) and _may_lie(values, outs[k], initial):
            values.base[outs[k]] = initial
    stacks = [o for o in body.outputs[carry:] if body.value(o).shape]
    inner = values.nested(body, prefix, [1 + k for k in arrays], stacks)
    for k in arrays:
        order = [1 + k, *[1 + j for j in arrays if j != k]]
        take_dead(inner, body.outputs[k], order)
    held = Held(prefix, [inner])
    direct = {o: f"{prefix}o{body.outputs.index(o, carry)}" for o in stacks}
    for k in arrays:
        found = arrival(inner, body.outputs[k])
        if found != 1 + k:
            held.moving.append(k)
        if found is None:
            direct[body.outputs[k]] = f"{prefix}b{k}"
            held.spares.append((f"{prefix}s{k}", body.value(1 + k)))
    if permuted(held):
        held.spares += [(f"{prefix}c{k}", body.value(1 + k)) for k in held.moving]
    inner.settle(direct)
    for o in stacks:
        if body.value(o).size * body.value(o).dtype.itemsize <= ELEMENT and _read_again(inner, o):
            inner.keep_local(direct[o], body.value(o))
    if row.prim.emit.kind == "while":
        held.bodies.append(values.nested(row.params["test"], f"{prefix}c_", ()))
        held.bodies[1].settle({})
    return held


def _read_again(inner: Values, o: int) -> bool:
    """Whether a step of a round reads an element of a stack that another step has made."""
    plan, tape = inner.plan, inner.tape
    home = inner.home(o)
    later = (i for i in plan.step_of if i > o and plan.step_of[i] != plan.step_of.get(o))
    return any(inner.home(memory_of(tape, a)) == home for i in later for a in tape.args(i))


def permuted(held: Held) -> bool:
    """Whether a loop hands the buffer of one carried array to another, as in ``a, b = b, a``."""
    inner = held.bodies[0]
    return any(arrival(inner, inner.tape.outputs[k]) is not None for k in held.moving)


def in_one_piece(values: Values, i: int) -> Held | None:
    """Plan the body of a ``blocks`` row that runs where it stands; None for one that runs in chunks."""
    tape = values.tape
    row = tape.row(i)
    body = row.params["block"]
    if row.params["chunk"] < rows_of(tape, i):
        return None
    prefix = f"{values.prefix}r{i}_"
    inner = values.nested(body, prefix, ())
    by_rows(inner, row.params)
    return Held(prefix, [inner])


def rows_of(tape: Tape, i: int) -> int:
    """Return how many rows the operands of a ``blocks`` row have that are cut."""
    cut = tape.params(i)["cut"]
    return next(tape.value(a).shape[0] for a, c in zip(tape.args(i), cut) if c)


def by_rows(inner: Values, params: Params) -> None:
    """Settle a body of blocks: what it gives is written in place, and sums are added to."""
    body = inner.tape
    arrays = [(k, o) for k, o in enumerate(body.outputs) if body.value(o).shape]
    inner.rows = f"{inner.prefix}n"
    inner.axes = params["axes"]
    inner.adds = frozenset(o for k, o in arrays if params["summed"][k])
    inner.settle({o: f"{inner.prefix}o{k}" for k, o in arrays})


def _branches(values: Values, last: dict[int, int], step: int, i: int) -> Held:
    """Plan the branches of a ``cond`` (or the body of a ``call``) and where their results live.

    A result takes over an operand's memory when every branch that does not compute it anew has it
    there: the array it was given, changed in place or not at all.
    """
    tape = values.tape
    row = tape.row(i)
    two = row.prim.emit.kind == "cond"
    bodies = [row.params["then"], row.params["orelse"]] if two else [row.params["body"]]
    operands = row.args[1:] if two else row.args
    prefix = f"{values.prefix}f{i}_"
    lent = [
        j for j, a in enumerate(operands) if tape.value(a).shape and _free(values, last, step, i, a)
    ]
    inner = [values.nested(body, f"{prefix}{'te'[n]}_", lent) for n, body in enumerate(bodies)]
    taken: set[int] = set()
    direct: list[dict[int, str]] = [{} for _ in inner]
    for r, out in enumerate(results(tape, i)):
        if not tape.value(out).shape:
            continue
        ends = [body.tape.outputs[r] for body in inner]
        homes = {arrival(body, o) for body, o in zip(inner, ends)} - {None}
        j = homes.pop() if len(homes) == 1 else None
        if j in lent and j not in taken and _may_lie(values, out, operands[j]):
            values.base[out] = operands[j]
            taken.add(j)
            for body, o in zip(inner, ends):
                take_dead(body, o, [j])
            continue
        for n, (body, o) in enumerate(zip(inner, ends)):
            if arrival(body, o) is None:
                direct[n][o] = f"{prefix}r{r}"
    for body, places in zip(inner, direct):
        body.settle(places)
    return Held(prefix, inner)
