"""The first round of a reversed loop, taken out of the loop where it alone needs its gates.

What a loop leaves in a carried value is often not used: the cotangent of it is zero in the first
round that the reversed loop runs, and in that round alone. Its products are gated, since 0 times a
partial that is inf or nan must be 0. In all other rounds the gates compare in vain, and they stand
in the chain from round to round. So the adjoint marks such gates as `first`: those that it would not
have made, had the cotangent been given. Here the first round of a loop with marked gates is written
in front of it, where its zeros are literals and most of it vanishes, and the others lose these gates.

GARCH(1,1) of 10,000 steps: 52 us before, 41 us after.
"""

from __future__ import annotations

from ..rules.declare import ops
from ..tape.ir import Builder, Row, Sym, Tape, param_id
from ..tape.pieces import inline
from ..tape.primitive import BY_NAME
from .rewrite import rewrite

LARGEST = 100
"""Rows of a body that is not written a second time."""


def mark_first(s: Builder, bare: Builder, stop: int) -> None:
    """Mark the gated products of a reverse round that are plain ones in the round `bare`.

    Both are the same rows but for gates; where they are not, nothing is marked.
    """
    gated, plain = BY_NAME["gated"].index, BY_NAME["multiply"].index
    if len(s) != len(bare) or s.arg != bare.arg or s.off != bare.off:
        return
    for k in range(stop, len(s)):
        if s.op[k] == gated and bare.op[k] == plain:
            s.param[k] = param_id({"first": True})


def peel(tape: Tape) -> Tape:
    """Return the tape with such rounds written in front of their loops."""
    if not any(_is_marked(r) for r in tape if r.prim.name == "for"):
        return tape
    results: dict[int, list[Sym]] = {}

    def visit(b: Builder, row: Row, args: list[int]) -> int | None:
        if row.prim.name == "for" and row.id not in tape.outputs and _is_marked(row):
            results[row.id] = _peeled(b, row, [Sym(b, a) for a in args])
            return results[row.id][0].id
        if row.prim.name == "out" and row.args[0] in results:
            return results[row.args[0]][row.params["k"]].id
        return None

    return rewrite(tape, visit)


def _is_marked(row: Row) -> bool:
    """Whether a row is a loop whose first round can be taken out, and should be."""
    p = row.params
    body: Tape = p["body"]
    whole = p["reverse"] and p["length"] > 1 and len(body.outputs) == p["carry"]
    if not whole or body.rows > LARGEST or any(True for _ in body.bodies()):
        return False
    return any(r.params.get("first") for r in body if r.prim.name == "gated")


def _peeled(b: Builder, row: Row, xs: list[Sym]) -> list[Sym]:
    p = row.params
    body, carry, shared, n = p["body"], p["carry"], p["shared"], p["length"]
    kept, stacks = xs[1 + carry : 1 + carry + shared], xs[1 + carry + shared :]
    last = [
        ops.reshape(ops.slice(x, ranges=_rounds(x, n - 1, 1)), shape=x.shape[1:]) for x in stacks
    ]
    index = b.lit(n - 1, body.value(0))
    first = inline(body, b, [index, *xs[1 : 1 + carry], *kept, *last])
    rest = [ops.slice(x, ranges=_rounds(x, 0, n - 1)) for x in stacks]
    params = {**p, "body": _open(body), "length": n - 1}
    return list(
        b.outs(BY_NAME["for"].on(b, b.lit(n - 1, xs[0].aval), *first, *kept, *rest, **params))
    )


def _rounds(x: Sym, start: int, count: int) -> tuple[tuple[int, int, int], ...]:
    return ((start, count, 1), *((0, m, 1) for m in x.shape[1:]))


def _open(body: Tape) -> Tape:
    """Return a body without its marked gates."""

    def visit(b: Builder, row: Row, args: list[int]) -> int | None:
        if row.prim.name == "gated" and row.params.get("first"):
            return (Sym(b, args[0]) * Sym(b, args[1])).id
        return None

    return rewrite(body, visit)
