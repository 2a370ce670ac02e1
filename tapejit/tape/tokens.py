"""Tokens of random streams on a tape: whether each is drawn from once, and where draws are.

A tape as captured uses each token once. A derivative may compute a forward value again, in a tangent
loop or a call; then a token has two readers, and the stream must remember what it has given.
"""

from __future__ import annotations

from ..core.avals import Aval
from ..core.streams import GENERATOR
from .ir import Row, Tape


def draws_again(tape: Tape) -> bool:
    """Whether a token may be drawn from twice: it has two readers, or is not handed on by a loop."""
    readers: dict[int, int] = {}
    for i in range(tape.n_inputs, tape.rows):
        row = tape.row(i)
        for k in row.args:
            if _is_token(tape, k):
                readers[k] = readers.get(k, 0) + 1
        if any(_is_token(tape, k) for k in row.args[_handed_on(row) :]):
            return True
    return any(n > 1 for n in readers.values()) or any(map(draws_again, tape.bodies()))


def _is_token(tape: Tape, k: int) -> bool:
    aval = tape.any_aval(k)
    return isinstance(aval, Aval) and aval.dtype == GENERATOR.dtype


def _handed_on(row: Row) -> int:
    """Return the number of operands of which each is read in one round only."""
    carry: int = row.params.get("carry", len(row.args))
    return carry + (row.prim.name == "for")


def draws(tape: Tape) -> bool:
    """Whether a tape draws random numbers, itself or in a body."""
    rows = range(tape.n_inputs, tape.rows)
    return any(tape.prim(i).emit.kind == "draw" for i in rows) or any(map(draws, tape.bodies()))
