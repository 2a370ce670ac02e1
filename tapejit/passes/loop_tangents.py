"""The tangents of ``for`` and ``while``: a loop that carries tangents beside what it carries."""

from __future__ import annotations

from collections.abc import Sequence

from ..rules.loops import ANY, for_, while_
from ..tape.ir import Builder, Sym, Tape
from ..tape.pieces import extract, load
from .bodies_common import Maybe, dense, strong, syms, zeros_of
from .pushforward import pushforward


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
        ins = syms(s, range(body.n_inputs))
        tangents: list[Sym | None] = [None] * len(ins)
        for k, x in enumerate(ins[1:]):
            if k in active or (k >= carry and ts[k] is not None):
                given = tangents[k + 1] = s.input(strong(x.aval))
                if k in masked or k in active:
                    s.masked.add(given.id)
        found = pushforward(s, ins, tangents, syms(s, body.outputs))
        more = {k for k in range(carry) if found[k] is not None} - active
        if not more:
            break
        active |= more
    order = [0, *range(1, carry + 1)]
    order += [tangents[k + 1].id for k in sorted(active)]  # type: ignore[union-attr]
    for k in range(carry, body.n_inputs - 1):
        order.append(k + 1)
        inner = tangents[k + 1]
        if inner is not None:
            order.append(inner.id)
    outs = list(body.outputs[:carry])
    for k in sorted(active):
        t = found[k]
        outs.append(zeros_of(s, body.value(body.outputs[k])).id if t is None else t.id)
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
    body: Tape, carry: int, shared: int, reverse: bool, length: int, most: int = ANY,
) -> list[Sym | None]:  # fmt: skip
    b, given = n.b, ts[1:]
    masked = {k for k, t in enumerate(given) if t is not None and t.id in b.masked}
    made, active, tails = _push_loop(body, carry, given, masked)
    first = [*xs[:carry], *(dense(given[k], xs[k]) for k in active)]
    fixed, n_fixed = _with_tangents(xs[carry : carry + shared], given[carry : carry + shared])
    stacks, _ = _with_tangents(xs[carry + shared :], given[carry + shared :])
    params = {
        "body": made, "carry": len(first), "shared": n_fixed, "reverse": reverse, "length": length,
        **({} if most == ANY else {"most": most}),
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
    first = [*xs[:carry], *(dense(ts[k], xs[k]) for k in active)]
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


for_.jvp, while_.jvp = _for_jvp, _while_jvp
