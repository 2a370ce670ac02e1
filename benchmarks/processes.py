"""What can only be measured in fresh processes: imports, first calls, peak memory.

Every number is the median of a few subprocesses, which inherit the fixed thread counts. A process
that fails leaves its last line of output in place of the number.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from benchmarks.contestants import Contestant
from benchmarks.workloads import Workload

ROOT = Path(__file__).parent.parent
TIMEOUT = 300
Record = dict[str, Any]
Log = Callable[[str], None]


def _environment(given: dict[str, str]) -> dict[str, str]:
    """This process's environment and what is given, with bytecode as an installed package has it.

    Where bytecode may not be written, every start compiles 130 files of tapejit's checkout anew,
    0.15 s, while the other packages have theirs from their installation.
    """
    kept = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    return {**kept, **given}


def run(command: list[str], **environment: str) -> Record:
    """The JSON on the last line that the process prints, or ``{"failed": reason}``."""
    try:
        done = subprocess.run(
            [sys.executable, *command],
            cwd=ROOT,
            env=_environment(environment),
            capture_output=True,
            text=True,
            timeout=TIMEOUT,
        )
    except subprocess.TimeoutExpired:
        return {"failed": f"no result after {TIMEOUT} s"}
    if done.returncode != 0:
        lines = done.stderr.strip().splitlines() or [f"exit status {done.returncode}"]
        return {"failed": lines[-1]}
    record: Record = json.loads(done.stdout.strip().splitlines()[-1])
    return record


def lines(command: list[str], *, timeout: float, **environment: str) -> list[Record]:
    """The JSON of every line that the process prints; after a failure a last ``{"failed": ...}``.

    Processes that are ended because they take too long have failed, and what they printed counts.
    """
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as errors:
        process = subprocess.Popen(
            [sys.executable, *command],
            cwd=ROOT,
            env=_environment(environment),
            stdout=out,
            stderr=errors,
        )
        try:
            status = process.wait(timeout)
            errors.seek(0)
            reason = (errors.read().strip().splitlines() or [f"exit status {status}"])[-1]
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            status, reason = 1, f"ended after {timeout:.0f} s"
        out.seek(0)
        found: list[Record] = [json.loads(line) for line in out if line.endswith("}\n")]
    return found if status == 0 else [*found, {"failed": reason}]


def lengths(
    libraries: Sequence[str], *, runs: int, seconds: float, timeout: float, log: Log
) -> Record:
    """Seconds of each stage by program, library and length of the tape; see `benchmarks.lengths`.

    A curve that fails or is ended is not measured again.
    """
    from benchmarks.lengths import PROGRAMS

    found: Record = {}
    for program in PROGRAMS:
        found[program] = {}
        for library in libraries:
            command = ["-m", "benchmarks.lengths", library, program, str(seconds)]
            curves: list[list[Record]] = []
            while len(curves) < runs:
                log(f"tape length: {library}, {program}, {len(curves) + 1} of {runs}")
                with tempfile.TemporaryDirectory() as cache:
                    curves.append(lines(command, timeout=timeout, TAPEJIT_CACHE_DIR=cache))
                if "failed" in curves[-1][-1]:
                    break
            found[program][library] = curve(curves)
    return found


def curve(curves: Sequence[list[Record]]) -> list[Record]:
    """Median points of curves; the last one as it is where it failed."""
    if "failed" in curves[-1][-1]:
        return curves[-1]
    points = []
    for same in zip(*curves, strict=True):
        shared = set.intersection(*map(set, same))  # a length may not have been compiled each time
        points.append(median([{k: v for k, v in r.items() if k in shared} for r in same]))
    return points


def median(records: Sequence[Record]) -> Record:
    """Key by key; the first failure if there is one."""
    for record in records:
        if "failed" in record:
            return record
    return {key: statistics.median(r[key] for r in records) for key in records[0]}


def import_times(packages: Sequence[str], *, runs: int, log: Log) -> dict[str, Record]:
    """Seconds of ``import package`` in a fresh interpreter, after one run to warm the disk."""
    found: dict[str, Record] = {}
    for package in packages:
        log(f"import {package}")
        code = (
            "import json, time; start = time.perf_counter(); "
            f"import {package}; print(json.dumps({{'import_s': time.perf_counter() - start}}))"
        )
        records = [run(["-c", code]) for _ in range(runs + 1)]
        found[package] = median(records[1:])
    return found


def first_calls(
    workloads: Sequence[Workload], contestants: Sequence[Contestant], *, runs: int, log: Log
) -> dict[str, dict[str, Record]]:
    """First-call records by workload and contestant.

    Each process of tapejit starts with an empty disk cache. "tapejit-cached" is the second
    process on the same cache, "tapejit-auto" the default policy, which may interpret at first.
    """
    found: dict[str, dict[str, Record]] = {}
    for workload in workloads:
        row: dict[str, list[Record]] = {}
        for turn in range(runs):
            for contestant in contestants:
                if workload.why_absent(contestant.key) is not None:
                    continue
                if turn and not contestant.quick:
                    continue  # takes long: once
                log(f"first call of {contestant.label} on {workload.name}, {turn + 1} of {runs}")
                with tempfile.TemporaryDirectory() as cache:
                    command = ["-m", "benchmarks.probe", "first", contestant.key, workload.name]
                    empty = {"TAPEJIT_CACHE_DIR": cache, "TORCHINDUCTOR_CACHE_DIR": cache}
                    record = run(command, **empty)
                    row.setdefault(contestant.key, []).append(record)
                    if contestant.key == "tapejit":
                        again = run(command, TAPEJIT_CACHE_DIR=cache)
                        row.setdefault("tapejit-cached", []).append(again)
        found[workload.name] = {key: median(records) for key, records in row.items()}
    return found


def memory(
    workloads: Sequence[Workload], contestants: Sequence[Contestant], *, log: Log
) -> dict[str, dict[str, Record]]:
    """Peak-memory records by workload and contestant."""
    found: dict[str, dict[str, Record]] = {}
    for workload in workloads:
        row = found[workload.name] = {}
        for contestant in contestants:
            if workload.why_absent(contestant.key) is not None:
                continue
            log(f"memory of {contestant.label} on {workload.name}")
            with tempfile.TemporaryDirectory() as cache:
                command = ["-m", "benchmarks.probe", "memory", contestant.key, workload.name]
                row[contestant.key] = run(command, TAPEJIT_CACHE_DIR=cache)
    return found
