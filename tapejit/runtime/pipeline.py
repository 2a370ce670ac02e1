"""The one file that names every stage: capture, passes, schedule, code, kernel."""

from __future__ import annotations

from typing import Any

from ..core.config import config
from ..tape.ir import Tape
from ..tape.verify import verify

PASSES: list[Any] = []


def optimise(tape: Tape) -> Tape:
    """Return the tape that is interpreted and compiled."""
    for step in PASSES:
        tape = step(tape)
        if config.checked:
            verify(tape)
    return tape


def estimate_compile_seconds(tape: Tape) -> float:
    """Return a guess of what compiling costs, from the number of rows."""
    return 0.3 + 0.004 * len(tape)


def compile_tape(tape: Tape, name: str, counters: dict[str, Any]) -> Any:
    """Return the compiled form of a tape."""
    raise NotImplementedError
