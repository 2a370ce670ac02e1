"""Tokens of random streams on a tape: whether each is drawn from once, and where draws are.

A tape as captured uses each token once. A derivative may compute a forward value again, in a tangent
loop or a call; then a token has two readers, and the stream must remember what it has given.
"""

from __future__ import annotations

from ..core.streams import GENERATOR
from .ir import Tape


def draws_again(tape: Tape) -> bool:
    """Whether a token has two readers here or in a body."""
    readers: dict[int, int] = {}
    for i in range(tape.n_inputs, tape.rows):
        for k in tape.args(i):
            if tape.any_aval(k) == GENERATOR:
                readers[k] = readers.get(k, 0) + 1
    return any(n > 1 for n in readers.values()) or any(map(draws_again, tape.bodies()))


def draws(tape: Tape) -> bool:
    """Whether a tape draws random numbers, itself or in a body."""
    rows = range(tape.n_inputs, tape.rows)
    return any(tape.prim(i).name == "draw" for i in rows) or any(map(draws, tape.bodies()))
