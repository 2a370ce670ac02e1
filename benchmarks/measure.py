"""One interleaved run: every repeat visits every contestant, so a slow minute slows all alike.

A sample is the time of `inner` calls over `inner`, with `inner` chosen so that a sample lasts at
least `SAMPLE_SECONDS` or is one call. Nothing is timed whose value and gradient were not found
equal to the hand-written reference's just before. Calls of more than `SLOW_SECONDS` are sampled
`SLOW_REPEATS` times, and none that takes more than `CALL_SECONDS`.
"""

from __future__ import annotations

import gc
import signal
import statistics
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import repeat
from time import perf_counter, process_time
from typing import Any

from benchmarks import trees
from benchmarks.contestants import Call, Contestant
from benchmarks.workloads import Workload

SAMPLE_SECONDS = 1.2e-3  # the aim; noise then leaves few samples below 1 ms
READY_SECONDS = 90  # for building, compiling and checking a contestant's call
CALL_SECONDS = 5.0  # a call that takes longer is left out
SLOW_SECONDS = 0.25  # slower calls are sampled only
SLOW_REPEATS = 5  # so many times


@dataclass(frozen=True)
class Cell:
    """One contestant on one workload: `status` is "ok", "failed", "WRONG", "skipped" or "absent"."""

    status: str
    note: str = ""
    samples: tuple[float, ...] = ()
    inner: int = 0
    cpu_per_wall: float = 0.0  # above 1 when several threads worked

    @staticmethod
    def from_json(record: Mapping[str, Any]) -> Cell:
        """The cell that `to_json` described."""
        return Cell(
            record["status"],
            record["note"],
            tuple(record.get("samples_s", ())),
            record.get("inner", 0),
            record.get("cpu_per_wall", 0.0),
        )

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

    def median(self, key: str) -> float | None:
        """Median seconds of a contestant, None where it was not timed."""
        cell = self.cells.get(key)
        return cell.median if cell is not None and cell.status == "ok" else None


@dataclass
class Runner:
    """A checked and warm call, how often a sample repeats it, and its samples so far."""

    call: Call
    inner: int = 1
    samples: list[float] = field(default_factory=list)
    wall: float = 0.0
    cpu: float = 0.0


def failure(error: BaseException) -> Cell:
    """The cell of a contestant that raised, or that is left out because it is too slow."""
    first_line = (str(error).strip().splitlines() or [""])[0]
    if isinstance(error, TooSlow):
        return Cell("skipped", first_line)
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


class TooSlow(Exception):
    """A contestant that was not ready in time, or whose call takes too long to be repeated."""


@contextmanager
def limited(seconds: int) -> Iterator[None]:
    """Raise TooSlow after so long; code that never returns to Python is waited for."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def ring(*_: Any) -> None:
        raise TooSlow(f"not ready after {seconds} s")

    before = signal.signal(signal.SIGALRM, ring)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def _prepare(
    workload: Workload, contestant: Contestant, reference: Any, limit: float
) -> Runner | Cell:
    """A checked and warm call, or the cell that says why there is none."""
    try:
        with limited(READY_SECONDS):
            return _checked(workload, contestant, reference, limit)
    except Exception as error:  # shown in the contestant's cell
        return failure(error)


def _checked(workload: Workload, contestant: Contestant, reference: Any, limit: float) -> Any:
    """The same without a net: what is raised is the cell's reason."""
    call = contestant.build(workload, contestant.to_native(workload, workload.args()))
    result = call()
    if isinstance(reference, Cell):
        return Cell("failed", f"nothing to check against: {reference.note}")
    want = reference if contestant.has_gradient else reference[0]
    for _ in range(2):  # the second look is at the compiled call that will be timed
        reason = trees.disagreement(result, want, rtol=workload.rtol, dtype=workload.dtype)
        if reason is not None:
            return Cell("WRONG", reason)
        result, seconds = _timed(call)
    if seconds > limit:
        raise TooSlow(f"one call takes {seconds:.1f} s")
    return Runner(call, inner=calibrate(call))


def _timed(call: Call) -> tuple[Any, float]:
    start = perf_counter()
    result = call()
    return result, perf_counter() - start


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
    limit: float = CALL_SECONDS,
    log: Callable[[str], None] = lambda line: None,
) -> Row:
    """Check and time all contestants on one workload."""
    row = Row(workload.name, workload.about, workload.small)
    reference: Any
    try:
        reference = workload.hand()(*workload.args())
    except Exception as error:  # shown in every cell of the row
        reference = failure(error)
    runners: dict[str, Runner] = {}
    for contestant in contestants:
        if contestant.key in absent:
            row.cells[contestant.key] = absent[contestant.key]
            continue
        if (reason := workload.why_absent(contestant.key)) is not None:
            row.cells[contestant.key] = Cell("absent", reason)
            continue
        log(f"{workload.name}: checking {contestant.label}")
        prepared = _prepare(workload, contestant, reference, limit)
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
            if key in cells or (turn >= SLOW_REPEATS and runners[key].samples[0] > SLOW_SECONDS):
                continue
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
