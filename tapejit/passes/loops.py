"""Derivatives of ``for``, ``while``, ``cond`` and ``call``, entered when this is imported.

The adjoint of a loop is a loop that runs the other way. Let a round be (c, o) = f(i, c, w, x_i) for
carried c, shared w, stacked x. The reverse round takes the cotangent of the new c and gives that of
the old one, adds to the cotangent of w, which it carries along, and stacks that of x_i:

    (dc, dx_i) = vjp(dc', do_i),    dw += vjp(dc', do_i)

so a read x[k] of a shared array adds one element to a carried array, in place. What the reverse
round reads of the forward one comes from residual stacks: `Builder.revise` gives the forward loop
further results, chosen by `residuals.choose`. Which carried values have a cotangent, and which
cotangents may be exactly zero by selection, is found by iterating to a fixpoint.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..core.avals import AVALS, Aval, TupleAval
from ..rules.declare import wanted, zeros_like
from ..rules.loops import ANY, call, cond, for_, while_
from ..tape.ir import PARAMS, Builder, Sym, Tape
from ..tape.pieces import extract, load
from .adjoint import adjoint, dependents
from .pushforward import pushforward
from .residuals import choose, inputs_read, read_by, strong

Maybe = Sequence[Sym | None]


def row_of(results: Sequence[Sym]) -> int:
    """Return the row that these results are of."""
    b = results[0].b
    return b.arg[b.off[results[0].id]]


def _zeros(b: Builder, a: Aval) -> Sym:
    made: Sym = zeros_like(b.lit(0.0, Aval(a.dtype)), a.shape)
    return made


def _dense(found: Sym | None, x: Sym) -> Sym:
    """Return a tangent or cotangent of `x`, zeros for None."""
    return zeros_like(x) if found is None else found


def _syms(b: Builder, ids: Sequence[int]) -> list[Sym]:
    return [Sym(b, k) for k in ids]


# ---------------------------------------------------------------- forward mode of loops


def _push_loop(
    body: Tape, carry: int, ts: Maybe, masked: set[int]
) -> tuple[Tape, list[int], list[int]]:
    """Return the body with tangents, which carried and other inputs have one, and the outs' list.

    Inputs of the new body: i, carried, their tangents, then each other input followed by its
    tangent where it has one. Outputs: carried, their tangents, then the other results, then the
    tangents of those that have one, whose numbers come last.
    """
    active = {k for k in range(carry) if ts[k] is not None}
    while True:
        s = load(body)
        ins = _syms(s, range(body.n_inputs))
        tangents: list[Sym | None] = [None] * len(ins)
        for k, x in enumerate(ins[1:]):
            if k in active or (k >= carry and ts[k] is not None):
                tangents[k + 1] = t = s.input(strong(x.aval))
                if k in masked or k in active:
                    s.masked.add(t.id)
        found = pushforward(s, ins, tangents, _syms(s, body.outputs))
        more = {k for k in range(carry) if found[k] is not None} - active
        if not more:
            break
        active |= more
    order = [0, *range(1, carry + 1)]
    order += [tangents[k + 1].id for k in sorted(active)]  # type: ignore[union-attr]
    for k in range(carry, body.n_inputs - 1):
        order.append(k + 1)
        t = tangents[k + 1]
        if t is not None:
            order.append(t.id)
    outs = list(body.outputs[:carry])
    for k in sorted(active):
        t = found[k]
        outs.append(_zeros(s, body.value(body.outputs[k])).id if t is None else t.id)
    outs += body.outputs[carry:]
    tails = []
    for k in range(carry, len(body.outputs)):
        t = found[k]
        if t is not None:
            tails.append(k)
            outs.append(t.id)
    return extract(s, order, outs), sorted(active), tails


def _with_tangents(xs: Sequence[Sym], ts: Maybe) -> tuple[list[Sym], int]:
    """Return operands, each followed by its tangent where it has one, and how many that makes."""
    made: list[Sym] = []
    for x, t in zip(xs, ts):
        made.append(x)
        if t is not None:
            made.append(t)
    return made, len(made)


def _tangents_of(
    b: Builder, rows: Sequence[Sym], carry: int, active: list[int], middle: int, tails: list[int],
    total: int,
) -> list[Sym | None]:  # fmt: skip
    """Sort the results of a loop with tangents by the results that they are tangents of."""
    found: list[Sym | None] = [None] * total
    for place, k in enumerate(active):
        found[k] = rows[carry + place]
        b.masked.add(rows[carry + place].id)
    for place, k in enumerate(tails):
        t = rows[carry + len(active) + middle + place]
        found[k] = t
        b.masked.add(t.id)
    return found


def _for_jvp(
    ts: Maybe, results: Sequence[Sym], n: Sym, *xs: Sym,
    body: Tape, carry: int, shared: int, reverse: bool, length: int,
) -> list[Sym | None]:  # fmt: skip
    b, given = n.b, ts[1:]
    masked = {k for k, t in enumerate(given) if t is not None and t.id in b.masked}
    made, active, tails = _push_loop(body, carry, given, masked)
    first = [*xs[:carry], *(_dense(given[k], xs[k]) for k in active)]
    fixed, n_fixed = _with_tangents(xs[carry : carry + shared], given[carry : carry + shared])
    stacks, _ = _with_tangents(xs[carry + shared :], given[carry + shared :])
    params = {
        "body": made, "carry": len(first), "shared": n_fixed, "reverse": reverse, "length": length,
    }  # fmt: skip
    rows = b.outs(for_.on(b, n, *first, *fixed, *stacks, **params))
    middle = len(body.outputs) - carry
    return _tangents_of(b, rows, carry, active, middle, tails, len(results))


def _while_jvp(
    ts: Maybe, results: Sequence[Sym], *xs: Sym, test: Tape, body: Tape, carry: int
) -> list[Sym | None]:
    b = xs[0].b
    masked = {k for k, t in enumerate(ts) if t is not None and t.id in b.masked}
    made, active, tails = _push_loop(body, carry, ts, masked)
    first = [*xs[:carry], *(_dense(ts[k], xs[k]) for k in active)]
    fixed, _ = _with_tangents(xs[carry:], ts[carry:])
    s = load(test)
    order = list(range(carry)) + [s.input(strong(xs[k].aval)).id for k in active]
    for k in range(carry, len(xs)):
        t = ts[k]
        order += [k] if t is None else [k, s.input(strong(t.aval)).id]
    params = {"test": extract(s, order, test.outputs), "body": made, "carry": len(first)}
    rows = b.outs(while_.on(b, *first, *fixed, **params))
    # the number of rounds stands behind the carried values
    middle = 1 + len(body.outputs) - carry
    found = _tangents_of(b, rows, carry, active, middle, tails, len(body.outputs))
    return [*found[:carry], None, *found[carry:], *[None] * (len(results) - len(found) - 1)]


# ---------------------------------------------------------------- reverse mode of loops


class _Reverse:
    """The reverse round of a loop body, found by iteration.

    Attributes
    ----------
    s : Builder
        The body's rows, then those of the reverse round.
    stop : int
        The number of the body's rows.
    ct_in : dict
        For each carried value with a cotangent, the input that stands for that of the new value.
    stack_in : dict
        For each stacked result with a cotangent, the input that stands for it.
    sums : dict
        For each shared input, the cotangent as it has come in.
    ct_out, sums_out, items_out : dict
        What the round gives back: for carried values, shared inputs, stacked operands.
    """

    def __init__(
        self, body: Tape, carry: int, shared: int, cts: Maybe, masks: Sequence[bool],
        wants: Sequence[bool],
    ) -> None:  # fmt: skip
        self.body, self.carry, self.shared = body, carry, shared
        varying = self._varying(wants)
        active = {k for k in range(carry) if cts[k] is not None and k in varying}
        masked = {k for k, m in enumerate(masks) if m}
        while True:
            more, gates = self._round(active, masked, cts, wants, varying)
            if more <= active and gates <= masked:
                break
            active, masked = active | more, masked | gates | (more - active)
        self.masked = masked

    def _varying(self, wants: Sequence[bool]) -> set[int]:
        """Return the carried values that depend on something to be differentiated."""
        body, carry = self.body, self.carry
        s = load(body)
        found = {k for k in range(carry) if wants[k]}
        while True:
            sources = [k + 1 for k in range(body.n_inputs - 1) if k in found]
            sources += [k + 1 for k in range(carry, body.n_inputs - 1) if wants[k]]
            live = dependents(s, _syms(s, sources), len(s))
            more = {k for k in range(carry) if body.outputs[k] in live}
            if more <= found:
                return found
            found |= more

    def _round(
        self, active: set[int], masked: set[int], cts: Maybe, wants: Sequence[bool],
        varying: set[int],
    ) -> tuple[set[int], set[int]]:  # fmt: skip
        """Append the reverse round; return carried values that turn out to have a cotangent.

        The second result are those whose cotangent turns out to be possibly zero by selection.
        """
        body, carry, shared = self.body, self.carry, self.shared
        self.s = s = load(body)
        self.stop = len(s)
        ins = _syms(s, range(body.n_inputs))
        outs = _syms(s, body.outputs)
        self.ct_in = {k: s.input(strong(outs[k].aval)) for k in sorted(active)}
        self.stack_in = {
            k: s.input(strong(outs[k].aval))
            for k in range(carry, len(outs))
            if k < len(cts) and cts[k] is not None
        }
        for k, ct in (*self.ct_in.items(), *self.stack_in.items()):
            if k in masked:
                s.masked.add(ct.id)
        moving = [k for k in range(carry) if k in varying]
        fixed = [k for k in range(carry, carry + shared) if wants[k]]
        items = [k for k in range(carry + shared, body.n_inputs - 1) if wants[k]]
        self.sums = {k: s.input(strong(ins[k + 1].aval)) for k in fixed}
        ys = [ins[k + 1] for k in fixed]
        given: list[Sym | None] = [self.sums[k] for k in fixed]
        # the same row may be several outputs: adjoint adds their cotangents up
        for k, ct in (*self.ct_in.items(), *self.stack_in.items()):
            ys.append(outs[k])
            given.append(ct)
        asked = [*moving, *fixed, *items]
        back = dict(zip(asked, adjoint(s, ys, given, [ins[k + 1] for k in asked])))
        found = {k for k in moving if back[k] is not None}
        gates = {k for k in moving if (ct := back[k]) is not None and ct.id in s.masked}
        self.ct_out = {k: _dense(back[k], ins[k + 1]) for k in sorted(active)}
        self.sums_out = {
            k: t for k in fixed if (t := back[k]) is not None and t.id != self.sums[k].id
        }
        self.items_out = {k: t for k in items if (t := back[k]) is not None}
        return found, gates

    @property
    def outputs(self) -> list[int]:
        made = [*self.ct_out.values(), *self.sums_out.values(), *self.items_out.values()]
        return [t.id for t in made]


def _keep(b: Builder, i: int, r: _Reverse, count: int) -> tuple[list[int], list[Sym], list[int]]:
    """Make the forward loop keep what the reverse round reads.

    Returns the kept rows of the body, their stacks, and the body's inputs that are read besides.
    """
    s, body = r.s, r.body
    free = {0, *range(1 + r.carry, body.n_inputs)}
    reads = read_by(s, r.stop, r.outputs)
    kept = choose(s, reads, free)
    aval = AVALS[b.avals[i]]
    assert isinstance(aval, TupleAval)
    params = dict(PARAMS[b.param[i]])
    at = {o: k for k, o in enumerate(body.outputs) if k >= r.carry}
    new = [k for k in kept if k not in at]
    length = params.get("length", ANY)
    if new:
        more = extract(s, range(body.n_inputs), [*body.outputs, *new])
        params["body"] = more
        stacks = tuple(Aval(s.aval(k).dtype, (length, *s.aval(k).shape)) for k in new)
        b.revise(i, params, TupleAval((*aval.items, *stacks)))
    first = len(aval.items)
    whole = Sym(b, i)
    rows = []
    for k in kept:
        place = at[k] + count if k in at else first + new.index(k)
        rows.append(b.out(whole, place))
    return kept, rows, [k for k in inputs_read(s, r.outputs, kept) if k in free]


def _back(
    b: Builder, i: int, r: _Reverse, n: Sym, xs: Sequence[Sym], cts: Maybe,
    reverse: bool, length: int, count: int,
) -> list[Sym | None]:  # fmt: skip
    """Append the reverse loop; return the cotangents of the operands behind n."""
    s, carry, shared = r.s, r.carry, r.shared
    kept, stacks, read = _keep(b, i, r, count)
    reads_fixed = [k for k in read if 1 <= k <= carry + shared]
    reads_items = [k for k in read if k > carry + shared]
    sums = list(r.sums_out)
    first = [_dense(cts[k], xs[k]) for k in r.ct_in]
    first += [zeros_like(xs[k]) for k in sums]
    fixed = [xs[k - 1] for k in reads_fixed]
    given = [cts[k] for k in r.stack_in]
    items = [*(xs[k - 1] for k in reads_items), *given, *stacks]
    order = [0, *(t.id for t in r.ct_in.values()), *(r.sums[k].id for k in sums)]
    order += [*reads_fixed, *reads_items, *(t.id for t in r.stack_in.values()), *kept]
    body = extract(s, order, r.outputs)
    params = {
        "body": body, "carry": len(first), "shared": len(fixed), "reverse": not reverse,
        "length": length,
    }  # fmt: skip
    rows = b.outs(for_.on(b, n, *first, *fixed, *items, **params))
    found: list[Sym | None] = [None] * len(xs)
    for k, row in zip([*r.ct_in, *sums, *r.items_out], rows):
        found[k] = row
        if k in r.masked or k >= carry:
            b.masked.add(row.id)
    return found


def _wants(xs: Sequence[Sym]) -> list[bool]:
    return [x.aval.inexact and wanted(x) for x in xs]


def _masks(b: Builder, cts: Maybe) -> list[bool]:
    """Whether each cotangent may be zero by selection; a missing one is zero."""
    return [ct is None or ct.id in b.masked for ct in cts]


def _for_vjp(
    cts: Maybe, results: Sequence[Sym], n: Sym, *xs: Sym,
    body: Tape, carry: int, shared: int, reverse: bool, length: int,
) -> list[Sym | None]:  # fmt: skip
    b = n.b
    r = _Reverse(body, carry, shared, cts, _masks(b, cts), _wants(xs))
    return [None, *_back(b, row_of(results), r, n, xs, cts, reverse, length, 0)]


def _while_vjp(
    cts: Maybe, results: Sequence[Sym], *xs: Sym, test: Tape, body: Tape, carry: int
) -> list[Sym | None]:
    b = xs[0].b
    count = results[carry]
    smooth = [*cts[:carry], *cts[carry + 1 :]]
    r = _Reverse(body, carry, len(xs) - carry, smooth, _masks(b, smooth), _wants(xs))
    return _back(b, row_of(results), r, count, xs, smooth, False, ANY, 1)


for_.jvp, for_.vjp = _for_jvp, _for_vjp
while_.jvp, while_.vjp = _while_jvp, _while_vjp


# ---------------------------------------------------------------- branches


def _cond_jvp(
    ts: Maybe, results: Sequence[Sym], flag: Sym, *xs: Sym, then: Tape, orelse: Tape
) -> list[Sym | None]:
    b, given = flag.b, ts[1:]
    branches, pushed = [], []
    for body in (then, orelse):
        s = load(body)
        ins = _syms(s, range(body.n_inputs))
        tangents: list[Sym | None] = []
        for x, t in zip(ins, given):
            tangents.append(None if t is None else s.input(strong(x.aval)))
            if t is not None and t.id in b.masked:
                s.masked.add(tangents[-1].id)  # type: ignore[union-attr]
        pushed.append(pushforward(s, ins, tangents, _syms(s, body.outputs)))
        branches.append((s, [*range(len(ins)), *(t.id for t in tangents if t is not None)]))
    moving = [k for k in range(len(then.outputs)) if any(p[k] is not None for p in pushed)]
    found: list[Sym | None] = [None] * len(results)
    if not moving:
        return found
    made = [
        extract(s, order, [_dense(p[k], Sym(s, body.outputs[k])).id for k in moving])
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
        ins = _syms(s, range(body.n_inputs))
        outs = _syms(s, body.outputs)
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
        self.outputs = [_dense(self.back[k], Sym(s, k)).id for k in moving]
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
    asked = [k for k, w in enumerate(_wants(xs)) if w]
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
                slots.append((aval, slot := [None, None]))
            slot[which] = k
    aval = AVALS[b.avals[i]]
    assert isinstance(aval, TupleAval)
    bodies = []
    for which, (arm, body) in enumerate(zip(arms, (then, orelse))):
        more = []
        for a, slot in slots:
            k = slot[which]
            more.append(_zeros(arm.s, a).id if k is None else k)
        bodies.append(extract(arm.s, range(body.n_inputs), [*body.outputs, *more]))
    if slots:
        items = (*aval.items, *(a for a, _ in slots))
        b.revise(i, {"then": bodies[0], "orelse": bodies[1]}, TupleAval(items))
    whole = Sym(b, i)
    stacks = [b.out(whole, len(aval.items) + k) for k in range(len(slots))]
    reads: set[int] = set()
    for arm in arms:
        reads.update(k for k in inputs_read(arm.s, arm.outputs, arm.kept) if k < len(xs))
    use, backs = sorted(reads), []
    for which, arm in enumerate(arms):
        order = [*use, *(t.id for t in arm.ct_in)]
        for a, slot in slots:
            k = slot[which]
            order.append(arm.s.input(a).id if k is None else k)
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
    ins = _syms(s, range(body.n_inputs))
    tangents = [None if t is None else s.input(strong(x.aval)) for x, t in zip(ins, ts)]
    for inner, t in zip(tangents, ts):
        if t is not None and t.id in b.masked:
            s.masked.add(inner.id)  # type: ignore[union-attr]
    pushed = pushforward(s, ins, tangents, _syms(s, body.outputs))
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
    asked = [k for k, w in enumerate(_wants(xs)) if w]
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
