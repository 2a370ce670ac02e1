"""One interleaved run: every repeat visits every contestant, so a slow minute slows all alike.

A sample is the time of `inner` calls over `inner`, with `inner` chosen so that a sample lasts at
least `SAMPLE_SECONDS` or is one call. Nothing is timed whose value and gradient were not found
equal to the hand-written reference's just before.
"""

from __future__ import annotations

import gc
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import repeat
from time import perf_counter, process_time
from typing import Any

from benchmarks import trees
from benchmarks.contestants import Call, Contestant
from benchmarks.workloads import Workload

SAMPLE_SECONDS = 1.2e-3  # the aim; noise then leaves few samples below 1 ms


@dataclass(frozen=True)
class Cell:
    """One contestant on one workload: `status` is "ok", "failed", "WRONG" or "absent"."""

    status: str
    note: str = ""
    samples: tuple[float, ...] = ()
    inner: int = 0
    cpu_per_wall: float = 0.0  # above 1 when several threads worked

    @property
    def median(self) -> float:
        """Median seconds of a call."""
        return statistics.median(self.samples)

    @property
    def quartiles(self) -> tuple[float, float]:
        """First and third quartile of the samples, in seconds."""
        first, _, third = statistics.quantiles(self.samples, n=4, method="inclusive")
        return first, third

    def to_json(self) -> dict[str, Any]:
        """Everything about this cell."""
        record: dict[str, Any] = {"status": self.status, "note": self.note}
        if self.status == "ok":
            record["median_s"] = self.median
            record["quartiles_s"] = self.quartiles
            record["inner"] = self.inner
            record["cpu_per_wall"] = self.cpu_per_wall
            record["samples_s"] = self.samples
        return record


@dataclass(frozen=True)
class Row:
    """One workload and its cells by contestant key."""

    workload: str
    about: str
    small: bool
    cells: dict[str, Cell] = field(default_factory=dict)


@dataclass
class Runner:
    """A checked and warm call, how often a sample repeats it, and its samples so far."""

    call: Call
    inner: int = 1
    samples: list[float] = field(default_factory=list)
    wall: float = 0.0
    cpu: float = 0.0


def failure(error: BaseException) -> Cell:
    """The cell of a contestant that raised."""
    first_line = (str(error).strip().splitlines() or [""])[0]
    return Cell("failed", f"{type(error).__name__}: {first_line}")


def _time(call: Call, inner: int) -> float:
    start = perf_counter()
    for _ in repeat(None, inner):
        call()
    return perf_counter() - start


def calibrate(call: Call, seconds: float = SAMPLE_SECONDS) -> int:
    """The number of calls that fill a sample."""
    inner = 1
    while True:
        elapsed = min(_time(call, inner) for _ in range(2))
        if elapsed >= seconds:
            return inner
        inner = max(inner + 1, min(inner * 8, int(1.1 * inner * seconds / elapsed)))


def _prepare(
    workload: Workload, contestant: Contestant, reference: tuple[Any, Any] | Cell
) -> Runner | Cell:
    """A checked and warm call, or the cell that says why there is none."""
    try:
        call = contestant.build(workload, contestant.to_native(workload, workload.args()))
        result = call()
        if isinstance(reference, Cell):
            return Cell("failed", f"nothing to check against: {reference.note}")
        got, want = (result, reference) if contestant.has_gradient else (result, reference[0])
        for _ in range(2):  # the second look is at the compiled call that will be timed
            reason = trees.disagreement(got, want)
            if reason is not None:
                return Cell("WRONG", reason)
            got = call()
        return Runner(call, inner=calibrate(call))
    except Exception as error:  # shown in the contestant's cell
        return failure(error)


def _sample(runner: Runner) -> None:
    cpu = process_time()
    elapsed = _time(runner.call, runner.inner)
    runner.cpu += process_time() - cpu
    runner.wall += elapsed
    runner.samples.append(elapsed / runner.inner)


def _cell(runner: Runner) -> Cell:
    return Cell("ok", "", tuple(runner.samples), runner.inner, runner.cpu / runner.wall)


def run_row(
    workload: Workload,
    contestants: Sequence[Contestant],
    *,
    repeats: int,
    absent: dict[str, Cell],
    log: Callable[[str], None] = lambda line: None,
) -> Row:
    """Check and time all contestants on one workload."""
    row = Row(workload.name, workload.about, workload.small)
    reference: tuple[Any, Any] | Cell
    try:
        reference = workload.hand()(*workload.args())
    except Exception as error:  # shown in every cell of the row
        reference = failure(error)
    runners: dict[str, Runner] = {}
    for contestant in contestants:
        if contestant.key in absent:
            row.cells[contestant.key] = absent[contestant.key]
            continue
        if not workload.has_dialect(contestant.key):
            row.cells[contestant.key] = Cell("absent", "this workload has no such loss")
            continue
        log(f"{workload.name}: checking {contestant.label}")
        prepared = _prepare(workload, contestant, reference)
        if isinstance(prepared, Cell):
            row.cells[contestant.key] = prepared
        else:
            runners[contestant.key] = prepared
    gc.collect()
    gc.disable()
    try:
        turns = partial(log_turn, log, workload.name)
        row.cells.update(interleave(runners, repeats=repeats, log=turns))
    finally:
        gc.enable()
    return row


def log_turn(log: Callable[[str], None], name: str, turn: int, repeats: int) -> None:
    """Tell which repeat of a row has begun."""
    log(f"{name}: repeat {turn + 1} of {repeats}")


def interleave(
    runners: dict[str, Runner],
    *,
    repeats: int,
    log: Callable[[int, int], None] = lambda turn, repeats: None,
) -> dict[str, Cell]:
    """Sample all calls in turn; each repeat begins with another, so none always follows the same."""
    cells: dict[str, Cell] = {}
    keys = list(runners)
    for turn in range(repeats):
        log(turn, repeats)
        first = turn % max(len(keys), 1)
        for key in [*keys[first:], *keys[:first]]:
            if key not in cells:
                try:
                    _sample(runners[key])
                except Exception as error:  # shown in the contestant's cell
                    cells[key] = failure(error)
    return {key: cells.get(key) or _cell(runners[key]) for key in keys}


def load_all(contestants: Sequence[Contestant]) -> dict[str, Cell]:
    """Import every library; the cells of those that cannot be imported."""
    absent: dict[str, Cell] = {}
    for contestant in contestants:
        try:
            contestant.load()
        except ImportError as error:
            absent[contestant.key] = Cell("absent", str(error))
        except Exception as error:  # shown in the contestant's column
            absent[contestant.key] = failure(error)
    return absent
