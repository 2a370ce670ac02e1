"""Dead code: rows that no output and no effect reads are dropped."""

from __future__ import annotations

from ..tape.ir import Tape
from .rewrite import keep_rows


def live_rows(tape: Tape) -> list[bool]:
    """Return for each row whether an output or a row with an effect needs it."""
    live = [False] * tape.rows
    for o in tape.outputs:
        live[o] = True
    for i in range(tape.rows - 1, -1, -1):
        if live[i] or tape.prim(i).effect:
            live[i] = True
            for a in tape.args(i):
                live[a] = True
    return live


def dce(tape: Tape) -> Tape:
    """Return the tape without dead rows."""
    live = live_rows(tape)
    return tape if all(live[tape.n_inputs :]) else keep_rows(tape, live)
