"""Run a tape once: the values that a capture has put off, since they wait for loops.

A loop is interpreted as long as that is cheaper than compiling; then the whole tape is compiled, and
the code is kept for the calls that follow.
"""

from __future__ import annotations

from typing import Any

from ..core.errors import TapejitError
from ..tape.ir import Tape
from ..tape.replay import Budget, OverBudget, budget
from .build import build, is_there
from .interp import Interpreter
from .pipeline import estimate_compile_seconds, optimise

PACE = 3.5e5
"""Rows that the interpreter replays in a second, measured on scalar loops."""


def run_tape(tape: Tape, inputs: list[Any], policy: str = "auto", title: str = "") -> list[Any]:
    """Return the outputs of a tape.

    Parameters
    ----------
    policy : str
        ``"never"`` interprets whatever it costs, ``"always"`` compiles at once.
    """
    small = optimise(tape)
    if policy == "never":
        return Interpreter(small)(inputs)
    if policy == "auto" and not is_there(small, title):
        limit = int(PACE * estimate_compile_seconds(small))
        if least_rows(small) < limit:
            try:
                with budget(Budget(limit)):
                    return Interpreter(small)(inputs)
            except OverBudget:
                pass
    try:
        outputs = build(small, title).made(inputs)
    except TapejitError:
        raise
    except Exception:  # a row has raised, or LLVM will not have it: interpreted, it names its line
        outputs = None
    # a guard cannot fail here: the capture has just recorded it with these values
    return Interpreter(small)(inputs) if outputs is None else outputs


def no_run(tape: Tape, inputs: list[Any]) -> list[Any]:
    """Refuse to run a tape of symbolic sizes."""
    raise TapejitError("a value that waits for a loop is asked for at symbolic sizes")


def least_rows(tape: Tape) -> int:
    """Return how many rows a replay runs at least: loops of unknown length count one round."""
    total = tape.rows
    for row in tape:
        if row.prim.name == "for":
            total += max(row.params["length"], 1) * least_rows(row.params["body"])
        elif row.prim.name == "while":
            total += least_rows(row.params["body"])
    return total
