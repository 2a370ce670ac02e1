"""Sweeps that go on into earlier segments from what these have kept.

Looking in the midst of a step, ``pred.max().item()`` before there is a loss, runs what has been
recorded so far. Ordinarily a later backward pass records these rows again, so that they are computed
twice. When that has happened once, the next run of the same trace returns with its values those that
its sweep will read (the residuals), and the sweep is a tape of its own: cotangents, inputs and
residuals in, gradients of leaves and of imports out. The row of the backward pass then ends at the
imports of the current trace and goes on through such tapes, from the youngest segment to the oldest.

Invariant: a `Part` depends on the integers of a trace and the slots that cotangents come to, and on
nothing that may change; where anything else has changed (a hook, a write to a saved value, a freed
buffer), there is no `Plan` and the pass goes the ordinary way.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from heapq import heapify, heappop, heappush
from typing import TYPE_CHECKING, Any

import numpy as np

from ..core.avals import Aval
from ..frontend.capture import capturing
from ..passes.adjoint import adjoint
from ..passes.residuals import choose, inputs_read, read_by
from ..runtime.evaluate import run_tape
from ..tape.ir import Builder, Sym, Tape
from ..tape.pieces import extract
from ..tape.primitive import BY_NAME
from .codes import GRAD
from .lower import Lowering, items_of, without_cuts
from .program import Program, entered
from .rows import Cone, decoded_now
from .spec import Spec, spec_of
from .tensor import Tensor

if TYPE_CHECKING:
    from .record import Recorder, Segment


@dataclass(frozen=True, eq=False)
class Sweep:
    """Rows from cotangents to gradients; `masked` says which of these a choice may have made zero.

    Inputs of the tape are the cotangents, then those that `Part.given` names, then the residuals.
    """

    tape: Tape
    masked: tuple[bool, ...]


@dataclass(frozen=True, eq=False)
class Part:
    """How a sweep goes on through the rows of a segment.

    Attributes
    ----------
    slots : tuple of int
        Where cotangents come to.
    leaves, imports : tuple of int
        The slots whose gradients come out, in this order.
    numbers : tuple of int
        The inputs of the trace that the sweep reads, by number.
    given : tuple
        For each input of the sweep that is no cotangent and no residual: its place among `numbers`,
        the places of numbers that are stacked, or an array.
    sweeps : tuple of Sweep
        For cotangents that no choice has masked, and for those that one has.
    forward : Program
        The trace with the residuals as further results.
    at : tuple of int
        The places of the residuals among these results.
    kept : tuple of Spec
        What the residuals are.
    """

    slots: tuple[int, ...]
    leaves: tuple[int, ...]
    imports: tuple[int, ...]
    numbers: tuple[int, ...]
    given: tuple[Any, ...]
    sweeps: tuple[Sweep, Sweep]
    forward: Program
    at: tuple[int, ...]
    kept: tuple[Spec, ...]


class Kept:
    """What a run has kept: it waits at its segment, as `ahead.Gradients` do."""

    __slots__ = ("arrays", "part", "slot")

    def __init__(self, part: Part, arrays: list[Any]) -> None:
        self.part, self.arrays = part, arrays
        self.slot = -1


# ---------------------------------------------------------------- the part of a segment


def part_of(program: Program, inputs: Sequence[Any], slots: tuple[int, ...]) -> Part:
    """Trace a segment with the sweep from some slots, and cut the two apart."""
    rows = program.rows
    cone = rows.reach(slots)
    with capturing() as cap:
        b = cap.b
        b.limit = None
        cap.evaluate = run_tape
        lowering = Lowering(cap, rows, inputs)
        lowering.items(items_of(rows, (*program.computed, *slots)))
        roots = [lowering.sym(s) for s in slots]
        ends = [lowering.sym(s) for s in (*cone.leaves, *cone.imports)]
        results = [lowering.sym(s).id for s in program.computed]
        stop = len(b)
        found = [_swept(b, roots, ends, masked) for masked in (False, True)]
        fixed = {y.id: snapshot for y, _, snapshot in cap.consts}
        bound: dict[int, Any] = fixed | lowering.bound
        grads = [g for _, grads in found for g in grads]
        kept = choose(b, read_by(b, stop, grads), set(bound))
        read = [i for i in inputs_read(b, grads, kept) if i in bound]
        sweeps = []
        for cts, outs in found:
            tape = without_cuts(extract(b, [*cts, *read, *kept], outs))
            sweeps.append(Sweep(tape, tuple([g in b.masked for g in outs])))
        more = [k for k in kept if k not in results]
        outputs = [*results, *more]
        taken = [i for i in inputs_read(b, outputs, ()) if i in bound]
        tape = without_cuts(extract(b, taken, outputs))
        specs = [spec_of(b.aval(k).dtype, b.aval(k).shape) for k in kept]
    forward = Program(program.code, program.computed)
    forward.prepare(tape, [bound[i] for i in taken], [specs[kept.index(k)] for k in more])
    entered((program.code, ("kept", *slots, *program.computed)), forward)
    numbers: list[int] = []
    given: list[Any] = []
    for i in read:
        k = bound[i]
        if type(k) is int or type(k) is tuple:
            places = []
            for n in (k,) if type(k) is int else k:
                if n not in numbers:
                    numbers.append(n)
                places.append(numbers.index(n))
            given.append(places[0] if type(k) is int else tuple(places))
        else:
            given.append(k)
    at = tuple([outputs.index(k) for k in kept])
    return Part(
        slots, cone.leaves, cone.imports, tuple(numbers), tuple(given), (sweeps[0], sweeps[1]),
        forward, at, tuple(specs),
    )  # fmt: skip


def _swept(
    b: Builder, roots: Sequence[Sym], ends: Sequence[Sym], masked: bool
) -> tuple[list[int], list[int]]:
    """Append the sweep from new inputs; return these and the gradients of `ends`."""
    cts = [b.input(Aval(y.dtype, y.shape), np.ones(y.shape, y.dtype)[()]) for y in roots]
    if masked:
        b.masked.update([ct.id for ct in cts])
    grads = adjoint(b, roots, cts, ends)
    return [ct.id for ct in cts], [dense(b, g, y).id for g, y in zip(grads, ends)]


def dense(b: Builder, g: Sym | None, y: Sym) -> Sym:
    """Return the gradient of a value in its dtype, zeros for None."""
    if g is None:
        g = BY_NAME["broadcast_to"](b.lit(0.0, Aval(y.dtype)), shape=y.shape)
    return b.cast(g, y.dtype)


def with_kept(
    program: Program, segment: Segment, expected: Any
) -> Callable[[list[Any]], Any] | None:
    """Return what runs a trace and keeps what the expected sweep will read."""
    if expected.program is False:
        return None
    n = len(program.computed)

    def run(inputs: list[Any]) -> Any:
        try:
            if expected.program is None:
                expected.program = part_of(program, inputs, expected.slot)
            part = expected.program
            values = part.forward.run(inputs)
        except Exception:  # a row without a rule, or too little memory: the values alone
            expected.program = False
            return program.run(inputs)
        expected.waiting = True
        segment.ahead = Kept(part, [values[k] for k in part.at])
        return values[:n]

    return run


# ---------------------------------------------------------------- the pass


@dataclass(frozen=True)
class Plan:
    """How the sweep from a root goes on.

    Attributes
    ----------
    cone, at : Cone, int
        What it reaches in the current trace, and the root's slot there.
    segments : list of Segment
        Where it goes on, the youngest first.
    """

    cone: Cone
    at: int
    segments: list[Segment]


def plan_of(rec: Recorder, root: Tensor) -> Plan | None:
    """Return how a sweep can go on from what earlier segments have kept; None if it cannot."""
    if root._more is not None:
        return None
    if root._graph is not None:
        if type(root._graph[0].ahead) is not Kept or root._array is None:
            return None
        segments = _segments([root._graph])
        if segments is None:
            return None
        at = rec.admit(root)
        return Plan(decoded_now(rec.code).cone(at), at, segments)
    if root._serial != rec.serial or not rec.imports:
        return None
    cone = decoded_now(rec.code).cone(root._slot)
    if not cone.imports or cone.special:
        return None
    if rec.special and not cone.slots.isdisjoint(rec.special):
        return None
    segments = _segments([rec.imports[s] for s in cone.imports])
    return None if segments is None else Plan(cone, root._slot, segments)


def _segments(graphs: Sequence[tuple[Segment, int]]) -> list[Segment] | None:
    """Return the segments behind some graphs, the youngest first, if each is ready to go on."""
    wanted: dict[Segment, set[int]] = {}
    waiting: list[tuple[int, Segment]] = []
    order = []

    def add(segment: Segment, slot: int) -> None:
        if segment not in wanted:
            wanted[segment] = set()
            heappush(waiting, (-segment.age, segment))
        wanted[segment].add(slot)

    heapify(waiting)
    for graph in graphs:
        add(*graph)
    while waiting:
        _, segment = heappop(waiting)
        kept = segment.ahead
        if type(kept) is not Kept or wanted[segment] != set(kept.part.slots):
            return None
        if not _ready(segment, kept.part):
            return None
        order.append(segment)
        for s in kept.part.imports:
            add(*segment.imports[s])
    return order


def _ready(segment: Segment, part: Part) -> bool:
    """Whether nothing on the way has changed, and nothing of Python's stands there."""
    from .ahead import leaves_as_they_were
    from .segments import stale_slots

    cone = segment.rows.reach_of(part.slots)
    return not (
        segment.inputs is None
        or cone.special
        or segment.nodes
        or segment.node_hooks
        or segment.freed & cone.saving
        or (segment.special and any(s in cone.slots for s in segment.special))
        or not leaves_as_they_were(segment.rows, segment, cone.leaves)
        or stale_slots(segment, cone.saved)
    )


@dataclass(frozen=True)
class Going:
    """What a backward row says of the parts that it goes on through; part of its code.

    Attributes
    ----------
    own : tuple of int
        For each leaf that the current trace reaches, its place among the leaves of the row.
    ends : tuple of (int, int)
        For each import that it reaches: a part, and a slot of it.
    parts : tuple
        For each part: it, the places of its leaves, and the ends behind its imports.
    """

    own: tuple[int, ...]
    ends: tuple[tuple[int, int], ...]
    parts: tuple[tuple[Part, tuple[int, ...], tuple[tuple[int, int], ...]], ...]


def going(rec: Recorder, plan: Plan) -> tuple[Going, list[Tensor], list[int], list[int]]:
    """Return what the row says, its leaves, their slots, and the slots of what the parts read."""
    cone = plan.cone
    number = {id(segment): k for k, segment in enumerate(plan.segments)}
    leaves = [rec.leaves[s] for s in cone.leaves]
    slots = list(cone.leaves)
    place = {id(t): k for k, t in enumerate(leaves)}
    parts = []
    read: list[int] = []
    for segment in plan.segments:
        part = segment.ahead.part
        its = []
        for s in part.leaves:
            leaf = segment.leaves[s]
            k = place.get(id(leaf))
            if k is None:
                k = place[id(leaf)] = len(leaves)
                leaves.append(leaf)
                slots.append(leaf._slot if leaf._serial == rec.serial else rec.admit(leaf))
            its.append(k)
        ends = [segment.imports[s] for s in part.imports]
        parts.append((part, tuple(its), tuple([(number[id(g)], s) for g, s in ends])))
        read += _read(rec, segment, part)
    ends = [rec.imports[s] for s in cone.imports]
    found = Going(
        tuple(range(len(cone.leaves))),
        tuple([(number[id(g)], s) for g, s in ends]),
        tuple(parts),
    )
    return found, leaves, slots, read


def _read(rec: Recorder, segment: Segment, part: Part) -> list[int]:
    """Return the slots of the inputs and residuals that a part reads."""
    assert segment.inputs is not None
    rows = segment.rows
    firsts = rows.input_slots
    read = []
    for k in part.numbers:
        value, slot = segment.inputs[k], firsts[k]
        spec = rows.spec(slot)
        if not isinstance(spec, Spec):
            read.append(rec.number(value))
            continue
        leaf = segment.leaves.get(slot)
        if leaf is not None and leaf._array is value:
            read.append(leaf._slot if leaf._serial == rec.serial else rec.admit(leaf))
        else:
            read.append(rec.constant(value, spec))
    for value, spec in zip(segment.ahead.arrays, part.kept):
        read.append(rec.constant(value, spec))
    return read


def let_go(plan: Plan) -> None:
    """Free the buffers of the segments that a sweep has gone through."""
    for segment in plan.segments:
        segment.freed |= segment.rows.reach_of(segment.ahead.part.slots).mask
        segment.ahead = None
        if not segment.rows.graded & ~segment.freed:
            segment.inputs, segment.sources = None, []


def noted(plan: Plan) -> None:
    """Note that what has been kept was of use."""
    for segment in plan.segments:
        expected = None if segment.program is None else segment.program.forecast
        if expected is not None:
            expected.right()


# ---------------------------------------------------------------- lowering


def gone_on(
    lowering: Lowering, found: Sequence[Sym | None], ends: Sequence[Sym], plan: Going,
    leaves: Sequence[Sym], read: Sequence[int],
) -> list[Sym | None]:  # fmt: skip
    """Append the sweeps of the parts; return the gradients of the leaves of the row.

    Parameters
    ----------
    found : sequence of Sym or None
        The cotangents of the leaves and imports that the current trace reaches.
    ends : sequence of Sym
        Those imports.
    """
    b = lowering.cap.b
    grads: list[Sym | None] = [None] * len(leaves)
    cts: dict[tuple[int, int], Sym] = {}

    def add(old: Sym | None, new: Sym) -> Sym:
        if old is None:
            return new
        made = BY_NAME["add"](old, new)
        if old.id in b.masked and new.id in b.masked:
            b.masked.add(made.id)
        return made

    n = len(plan.own)
    for k, g in zip(plan.own, found):
        grads[k] = g
    for end, g, y in zip(plan.ends, found[n:], ends):
        if g is not None:
            cts[end] = add(cts.get(end), b.cast(g, y.dtype))
    at = 0
    for number, (part, its, behind) in enumerate(plan.parts):
        numbers = read[at : at + len(part.numbers)]
        at += len(numbers)
        kept = read[at : at + len(part.kept)]
        at += len(kept)
        given: list[Sym] = [cts.get((number, s)) for s in part.slots]  # type: ignore[misc]
        masked = any(ct is not None and ct.id in b.masked for ct in given)
        sweep = part.sweeps[masked]
        rows = part.forward.rows
        for k, s in enumerate(part.slots):
            if given[k] is None:
                aval = sweep.tape.value(k)
                given[k] = BY_NAME["broadcast_to"](b.lit(0.0, Aval(aval.dtype)), shape=aval.shape)
        del rows
        inputs = [*given, *[_input(lowering, numbers, k) for k in part.given]]
        inputs += [lowering.sym(s) for s in kept]
        outs = lowering.inlined(sweep.tape, inputs)
        b.masked.update([y.id for y, m in zip(outs, sweep.masked) if m])
        for k, g in zip(its, outs):
            grads[k] = add(grads[k], g)
        for end, g in zip(behind, outs[len(its) :]):
            cts[end] = add(cts.get(end), g)
    return grads


def _input(lowering: Lowering, numbers: Sequence[int], k: Any) -> Sym:
    """Return an input of a sweep."""
    if type(k) is int:
        return lowering.sym(numbers[k])
    if type(k) is tuple:
        return lowering.stack(tuple([numbers[j] for j in k]))
    return lowering.constant(k)


GRADED = GRAD
