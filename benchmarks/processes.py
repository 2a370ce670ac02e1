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

ROOT = Path(__file__).parent.parent
TIMEOUT = 300
Record = dict[str, Any]
Log = Callable[[str], None]


def run(command: list[str], **environment: str) -> Record:
    """The JSON on the last line that the process prints, or ``{"failed": reason}``."""
    try:
        done = subprocess.run(
            [sys.executable, *command],
            cwd=ROOT,
            env={**os.environ, **environment},
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
    workloads: Sequence[str], contestants: Sequence[Contestant], *, runs: int, log: Log
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
                log(f"first call of {contestant.label} on {workload}, {turn + 1} of {runs}")
                with tempfile.TemporaryDirectory() as cache:
                    os.chmod(cache, 0o700)
                    command = ["-m", "benchmarks.probe", "first", contestant.key, workload]
                    record = run(command, TAPEJIT_CACHE_DIR=cache)
                    row.setdefault(contestant.key, []).append(record)
                    if contestant.key == "tapejit":
                        again = run(command, TAPEJIT_CACHE_DIR=cache)
                        row.setdefault("tapejit-cached", []).append(again)
        found[workload] = {key: median(records) for key, records in row.items()}
    return found


def memory(workload: str, contestants: Sequence[Contestant], *, log: Log) -> dict[str, Record]:
    """Peak-memory records by contestant."""
    found: dict[str, Record] = {}
    for contestant in contestants:
        log(f"memory of {contestant.label} on {workload}")
        with tempfile.TemporaryDirectory() as cache:
            command = ["-m", "benchmarks.probe", "memory", contestant.key, workload]
            found[contestant.key] = run(command, TAPEJIT_CACHE_DIR=cache)
    return found
