"""Derivatives of ``cond`` and ``call``, entered into their primitives when this is imported.

The reverse of a branch is a branch. What its sides read of the forward ones becomes further results
of the forward row, zeros on the side that does not have it; the two sides share places. The reverse
of a call computes the forward rows again: that is what calls are for.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..core.avals import AVALS, Aval, TupleAval
from ..rules.loops import call, cond
from ..tape.ir import Sym, Tape
from ..tape.pieces import extract, load
from .adjoint import adjoint
from .bodies_common import Maybe, dense, row_of, strong, syms, wants, zeros_of
from .pushforward import pushforward
from .residuals import choose, inputs_read, read_by


def _cond_jvp(
    ts: Maybe, results: Sequence[Sym], flag: Sym, *xs: Sym, then: Tape, orelse: Tape
) -> list[Sym | None]:
    b, given = flag.b, ts[1:]
    branches, pushed = [], []
    for body in (then, orelse):
        s = load(body)
        ins = syms(s, range(body.n_inputs))
        tangents: list[Sym | None] = []
        for x, t in zip(ins, given):
            tangents.append(None if t is None else s.input(strong(x.aval)))
            if t is not None and t.id in b.masked:
                s.masked.add(tangents[-1].id)  # type: ignore[union-attr]
        pushed.append(pushforward(s, ins, tangents, syms(s, body.outputs)))
        branches.append((s, [*range(len(ins)), *(t.id for t in tangents if t is not None)]))
    moving = [k for k in range(len(then.outputs)) if any(p[k] is not None for p in pushed)]
    found: list[Sym | None] = [None] * len(results)
    if not moving:
        return found
    made = [
        extract(s, order, [dense(p[k], Sym(s, body.outputs[k])).id for k in moving])
        for (s, order), p, body in zip(branches, pushed, (then, orelse))
    ]
    operands = [*xs, *(t for t in given if t is not None)]
    rows = b.outs(cond.on(b, flag, *operands, then=made[0], orelse=made[1]))
    for k, row in zip(moving, rows):
        found[k] = row
        b.masked.add(row.id)
    return found


class _Branch:
    """One branch with its reverse sweep."""

    def __init__(self, body: Tape, cts: Maybe, masks: Sequence[bool], asked: list[int]) -> None:
        self.body = body
        self.s = s = load(body)
        self.stop = len(s)
        ins = syms(s, range(body.n_inputs))
        outs = syms(s, body.outputs)
        self.given = [k for k, ct in enumerate(cts) if ct is not None]
        self.ct_in = [s.input(strong(outs[k].aval)) for k in self.given]
        for k, t in zip(self.given, self.ct_in):
            if masks[k]:
                s.masked.add(t.id)
        back = adjoint(s, [outs[k] for k in self.given], self.ct_in, [ins[k] for k in asked])
        self.back = dict(zip(asked, back))

    def finish(self, moving: list[int]) -> list[int]:
        """Return the outputs of the reverse branch, zeros where it has none."""
        s = self.s
        self.outputs = [dense(self.back[k], Sym(s, k)).id for k in moving]
        # An operand is at hand, but in a loop it may have to be kept for every round: a few
        # elements of it are kept instead of a large array.
        reads = read_by(s, self.stop, self.outputs)
        free = {k for k in range(self.body.n_inputs) if s.aval(k).size <= SMALL}
        self.kept = choose(s, reads, free)
        self.kept = [k for k in self.kept if k >= self.body.n_inputs]
        return self.kept


SMALL = 1
"""Operands of a branch with more elements than this are not read again when parts of them do."""


def _cond_vjp(
    cts: Maybe, results: Sequence[Sym], flag: Sym, *xs: Sym, then: Tape, orelse: Tape
) -> list[Sym | None]:
    b, i = flag.b, row_of(results)
    asked = [k for k, w in enumerate(wants(xs)) if w]
    masks = [ct is not None and ct.id in b.masked for ct in cts]
    arms = [_Branch(body, cts, masks, asked) for body in (then, orelse)]
    moving = [k for k in asked if any(arm.back[k] is not None for arm in arms)]
    found: list[Sym | None] = [None] * (1 + len(xs))
    if not moving:
        return found
    # Results to keep: the two branches share a place where their avals agree.
    slots: list[tuple[Aval, list[int | None]]] = []
    for which, arm in enumerate(arms):
        for k in arm.finish(moving):
            aval = strong(arm.s.aval(k))
            slot = next((x for a, x in slots if a == aval and x[which] is None), None)
            if slot is None:
                slot = [None, None]
                slots.append((aval, slot))
            slot[which] = k
    whole_aval = AVALS[b.avals[i]]
    assert isinstance(whole_aval, TupleAval)
    bodies = []
    for which, (arm, body) in enumerate(zip(arms, (then, orelse))):
        more = []
        for a, slot in slots:
            kept = slot[which]
            more.append(zeros_of(arm.s, a).id if kept is None else kept)
        bodies.append(extract(arm.s, range(body.n_inputs), [*body.outputs, *more]))
    if slots:
        params = {"then": bodies[0], "orelse": bodies[1]}
        b.revise(i, params, cond.infer(flag.aval, *(x.aval for x in xs), **params))
    whole = Sym(b, i)
    stacks = [b.out(whole, len(whole_aval.items) + k) for k in range(len(slots))]
    reads: set[int] = set()
    for arm in arms:
        reads.update(k for k in inputs_read(arm.s, arm.outputs, arm.kept) if k < len(xs))
    use, backs = sorted(reads), []
    for which, arm in enumerate(arms):
        order = [*use, *(t.id for t in arm.ct_in)]
        for a, slot in slots:
            kept = slot[which]
            order.append(arm.s.input(a).id if kept is None else kept)
        backs.append(extract(arm.s, order, arm.outputs))
    operands = [*(xs[k] for k in use), *(cts[k] for k in arms[0].given), *stacks]
    rows = b.outs(cond.on(b, flag, *operands, then=backs[0], orelse=backs[1]))
    for k, row in zip(moving, rows):
        found[k + 1] = row
        b.masked.add(row.id)
    return found


cond.jvp, cond.vjp = _cond_jvp, _cond_vjp


# ---------------------------------------------------------------- calls


def _call_jvp(ts: Maybe, results: Sequence[Sym], *xs: Sym, body: Tape) -> list[Sym | None]:
    b = xs[0].b
    s = load(body)
    ins = syms(s, range(body.n_inputs))
    tangents = [None if t is None else s.input(strong(x.aval)) for x, t in zip(ins, ts)]
    for inner, t in zip(tangents, ts):
        if t is not None and t.id in b.masked:
            s.masked.add(inner.id)  # type: ignore[union-attr]
    pushed = pushforward(s, ins, tangents, syms(s, body.outputs))
    moving = [k for k, t in enumerate(pushed) if t is not None]
    found: list[Sym | None] = [None] * len(results)
    if moving:
        order = [*range(len(ins)), *(t.id for t in tangents if t is not None)]
        made = extract(s, order, [pushed[k].id for k in moving])  # type: ignore[union-attr]
        rows = b.outs(call.on(b, *xs, *(t for t in ts if t is not None), body=made))
        for k, row in zip(moving, rows):
            found[k] = row
            if pushed[k].id in s.masked:  # type: ignore[union-attr]
                b.masked.add(row.id)
    return found


def _call_vjp(cts: Maybe, results: Sequence[Sym], *xs: Sym, body: Tape) -> list[Sym | None]:
    """The reverse sweep computes the body again: nothing of it is kept but its operands."""
    b = xs[0].b
    asked = [k for k, w in enumerate(wants(xs)) if w]
    masks = [ct is not None and ct.id in b.masked for ct in cts]
    arm = _Branch(body, cts, masks, asked)
    moving = [k for k in asked if arm.back[k] is not None]
    found: list[Sym | None] = [None] * len(xs)
    if not moving:
        return found
    outputs = [arm.back[k].id for k in moving]  # type: ignore[union-attr]
    use = [k for k in inputs_read(arm.s, outputs, ()) if k < len(xs)]
    made = extract(arm.s, [*use, *(t.id for t in arm.ct_in)], outputs)
    operands = [*(xs[k] for k in use), *(cts[k] for k in arm.given)]
    rows = b.outs(call.on(b, *operands, body=made))
    for k, row in zip(moving, rows):
        found[k] = row
        if arm.back[k].id in arm.s.masked:  # type: ignore[union-attr]
            b.masked.add(row.id)
    return found


call.jvp, call.vjp = _call_jvp, _call_vjp
