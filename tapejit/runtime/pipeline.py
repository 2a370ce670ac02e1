"""The one file that names every stage: capture, passes, schedule, code, kernel."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any

from ..core.config import config
from ..passes.cse import cse
from ..passes.dce import dce
from ..passes.fission import fission
from ..passes.peel import peel
from ..passes.same_places import same_places
from ..passes.simplify import simplify
from ..passes.sparse_lanes import sparse_lanes
from ..passes.sparse_rounds import sparse_rounds
from ..passes.summed_products import summed_products
from ..passes.trim import trim
from ..tape.ir import Tape
from ..tape.verify import verify
from .estimate import weigh

Pass = Callable[[Tape], Tape]
PASSES: tuple[Pass, ...] = (
    same_places,
    sparse_rounds,
    dce,
    simplify,
    cse,
    simplify,
    dce,
    sparse_lanes,
    trim,
    fission,
    peel,
    summed_products,
    simplify,
    cse,
    trim,
)


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


_pace = [1.0]


def _raw_estimate(tape: Tape) -> float:
    """Return seconds of compilation as measured on one machine."""
    return weigh(tape).seconds


def estimate_compile_seconds(tape: Tape) -> float:
    """Return what compiling a tape is expected to cost, from its rows and this process's past."""
    start = 0.0 if "llvmlite" in sys.modules else 0.1 if config.direct else 0.5
    return start + _pace[0] * _raw_estimate(tape)


def note_compile_seconds(tape: Tape, seconds: float) -> None:
    """Learn from a compilation how fast this machine is."""
    ratio = min(max(seconds / _raw_estimate(tape), 0.2), 10.0)
    _pace[0] = 0.5 * (_pace[0] + ratio)


def compile_tape(tape: Tape, title: str) -> Any:
    """Return the compiled form of an optimised tape."""
    from .compile import compile_staged

    return compile_staged(tape, title)
