"""What a run falls short of, in words: every goal of the design that a report can be held to.

`behind` returns sentences; none means that every goal was met where there was something to compare.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from benchmarks import table
from benchmarks.report import rows_of

IMPORT_SECONDS = 0.15
CACHED_SECONDS = 0.15  # of the first call of a second process, beyond imports
GROWTH = 1.2  # exponent of a stage's seconds over rows; linear is 1, and lines are noisy
Report = Mapping[str, Any]


def behind(report: Report) -> dict[str, list[str]]:
    """By part of the run, what is behind and by how much."""
    found = {
        "rows": list(_rows(report, "rows")),
        "sums": list(_rows(report, "sums")),
        "lengths": list(_lengths(report)),
        "first_calls": list(_first_calls(report)),
        "imports": list(_imports(report)),
        "memory": list(_memory(report)),
    }
    return {part: lines for part, lines in found.items() if lines}


def _rows(report: Report, part: str) -> Iterator[str]:
    for row in rows_of(report, part):
        subject = row.cells.get(table.SUBJECT)
        short = []
        if subject is not None and subject.status not in ("ok", "absent"):
            short.append(f"{subject.status}: {subject.note}")
        for label, ratio in table.behind_peers(row):
            short.append(f"takes {ratio:.2f} times as long as {label}")
        if (ratio := table.over_hand(row)) is not None:
            short.append(f"takes {ratio:.2f} times as long as the hand-written adjoint")
        if (ratio := table.close_to_jax(row)) is not None:
            short.append(f"JAX takes only {ratio:.2f} times as long")
        if short:
            yield f"{row.workload}: {', '.join(short)}"


def growth(points: list[dict[str, Any]], stage: str) -> float | None:
    """The exponent of a stage's seconds over rows between the last two lengths that have it."""
    known = [(p["rows"], p[stage]) for p in points if stage in p]
    if len(known) < 2:
        return None
    (r0, t0), (r1, t1) = known[-2:]
    return math.log(t1 / t0) / math.log(r1 / r0)


def _lengths(report: Report) -> Iterator[str]:
    for program, curves in report.get("lengths", {}).items():
        points = curves.get("tapejit", [])
        for stage in ("record_s", "passes_s", "text_s", "compile_s"):
            exponent = growth(points, stage)
            if exponent is not None and exponent > GROWTH:
                last = [p for p in points if stage in p][-1]
                yield (
                    f"{stage.removesuffix('_s')} of {program} rows grows as rows to the power "
                    f"{exponent:.1f}: {table.seconds(last[stage])} for {last['rows']} rows"
                )
        left = [p["rows"] for p in points if "rows" in p and "compile_s" not in p]
        if left:
            yield f"{program} rows: {min(left)} and more were not compiled: it would take too long"
        for point in points:
            if "failed" in point:
                yield f"{program} rows: failed: {point['failed']}"


def _first_calls(report: Report) -> Iterator[str]:
    for name, records in report.get("first_calls", {}).items():
        mine = records.get("tapejit", {}).get("first_call_s")
        jax = records.get("jax", {}).get("first_call_s")
        cached = records.get("tapejit-cached", {}).get("first_call_s")
        if "failed" in records.get("tapejit", {}):
            yield f"{name}: failed: {records['tapejit']['failed']}"
        if mine is not None and jax is not None and mine > jax:
            yield (
                f"{name}: the first call compiles in {table.seconds(mine)}, "
                f"{mine / jax:.1f} times JAX's {table.seconds(jax)}"
            )
        if cached is not None and cached > CACHED_SECONDS:
            yield (
                f"{name}: the first call of a second process takes {table.seconds(cached)}, "
                f"wanted {table.seconds(CACHED_SECONDS)}"
            )


def _imports(report: Report) -> Iterator[str]:
    mine = report.get("imports", {}).get("tapejit", {}).get("import_s")
    if mine is not None and mine > IMPORT_SECONDS:
        yield f"import tapejit takes {table.seconds(mine)}, wanted {table.seconds(IMPORT_SECONDS)}"


def _memory(report: Report) -> Iterator[str]:
    for name, records in report.get("memory", {}).items():
        if "failed" in records.get("tapejit", {}):
            yield f"{name}: failed: {records['tapejit']['failed']}"
        mine = records.get("tapejit", {}).get("peak_mib")
        jax = records.get("jax", {}).get("peak_mib")
        if mine is not None and jax is not None and mine > jax:
            yield f"{name}: peak memory {mine:.0f} MiB, JAX {jax:.0f} MiB"
