"""A run as one JSON document, from which tables, pictures, the page and the check are made.

Everything that is printed or drawn is read from here, so a run that was saved is as good as a run
that has just ended.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.measure import Cell, Row
from benchmarks.workloads import Workload

Report = dict[str, Any]
EXTRA = {"tapejit-cached": "tapejit, second process"}  # labels of records that no contestant has


def record_rows(
    report: Report, part: str, workloads: Sequence[Workload], rows: Sequence[Row]
) -> None:
    """Put timed rows, and what their workloads are, under `part`."""
    report[part] = {
        row.workload: {key: cell.to_json() for key, cell in row.cells.items()} for row in rows
    }
    report.setdefault("workloads", {}).update(
        {
            w.name: {
                "about": w.about,
                "small": w.small,
                "derivative": w.derivative,
                "dtype": w.dtype,
            }
            for w in workloads
        }
    )


def rows_of(report: Mapping[str, Any], part: str = "rows") -> list[Row]:
    """The timed rows of a part, in their order."""
    about = report.get("workloads", {})
    return [
        Row(
            name,
            about[name]["about"],
            about[name]["small"],
            {key: Cell.from_json(cell) for key, cell in cells.items()},
        )
        for name, cells in report.get(part, {}).items()
    ]


def ratios(report: Mapping[str, Any]) -> dict[str, dict[str, float]]:
    """By row: tapejit's time over the hand-written one's, and each peer's over tapejit's."""
    found: dict[str, dict[str, float]] = {}
    for row in rows_of(report):
        mine = row.median("tapejit")
        if mine is None:
            continue
        line = found[row.workload] = {}
        hand = row.median("hand")
        if hand is not None:
            line["tapejit/hand"] = mine / hand
        for key in row.cells:
            theirs = row.median(key)
            if key not in ("hand", "tapejit", "numpy") and theirs is not None:
                line[f"{key}/tapejit"] = theirs / mine
    return found


def merged(reports: Sequence[Report]) -> Report:
    """The parts of several runs as one: of a row or part that two have, the later one's.

    Under ``later`` stand the commits of all runs but the first, with their parts.

    Raises
    ------
    ValueError
        If they were not made with the same versions and threads on the same processor.
    """
    made: Report = {}
    later: list[tuple[str, list[str]]] = []
    for report in reports:
        if made:
            later.append((str(report["environment"]["commit"]), list(report["seconds"])))
        for key in ("cpu", "threads", "versions"):
            if made and made["environment"][key] != report["environment"][key]:
                raise ValueError(f"the runs differ in {key} and cannot be one page")
        for part, value in report.items():
            if isinstance(value, dict) and part != "environment":
                made[part] = made.get(part, {}) | value
            else:
                made.setdefault(part, value)
    return made | {"later": later} if later else made


def write(report: Mapping[str, Any], path: Path) -> None:
    """Save a run."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


def read(path: Path) -> Report:
    """A run that was saved."""
    found: Report = json.loads(path.read_text(encoding="utf-8"))
    return found
