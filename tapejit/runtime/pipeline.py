"""The one file that names every stage: capture, passes, schedule, code, kernel."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from ..core.config import config
from ..passes.cse import cse
from ..passes.dce import dce
from ..passes.simplify import simplify
from ..tape.ir import Tape
from ..tape.verify import verify

Pass = Callable[[Tape], Tape]
PASSES: tuple[Pass, ...] = (dce, simplify, cse, simplify, dce)


def checked(step: Pass, tape: Tape, report: list[tuple[str, int, float]] | None = None) -> Tape:
    """Run one pass; verify its result when asked to, and note rows and seconds in `report`."""
    started = time.perf_counter()
    made = step(tape)
    if report is not None:
        report.append((step.__name__, len(made), time.perf_counter() - started))
    return verify(made) if config.checked else made


def optimise(tape: Tape, report: list[tuple[str, int, float]] | None = None) -> Tape:
    """Return the tape that is interpreted and compiled."""
    for step in PASSES:
        tape = checked(step, tape, report)
    return tape


def estimate_compile_seconds(tape: Tape) -> float:
    """Return a guess of what compiling costs, from the number of rows."""
    return 0.25 + 0.004 * len(tape)


def compile_tape(tape: Tape, title: str) -> Any:
    """Return the compiled form of an optimised tape."""
    from .compile import compile_staged

    return compile_staged(tape, title)
