"""Whether this run's ratios are those of an earlier one, within generous bounds.

Ratios, because a time says as much about the machine as about the code. A row is worse when
tapejit has become slower than `SLACK` times what it was against the hand-written adjoint or against
a peer; rows that were not run and peers that are not there are not looked at, but a row that had a
number and has none now is worse.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks import report

STORED = Path(__file__).with_name("ratios.json")
SLACK = 2.0  # of 85 ratios of two runs on a busy machine half differed by 1.1, 6 by 1.5, one by 2
Ratios = Mapping[str, Mapping[str, float]]


def worse(now: Ratios, before: Ratios, ran: list[str]) -> list[str]:
    """A line for every ratio of the rows in `ran` that has become worse."""
    found = []
    for row in ran:
        if row in before and row not in now:
            found.append(f"{row}: tapejit has no time, and had one")
        for name, was in before.get(row, {}).items():
            is_now = now.get(row, {}).get(name)
            if is_now is None:
                continue
            change = is_now / was if name == "tapejit/hand" else was / is_now
            if change > SLACK:
                found.append(f"{row}: {name} is {is_now:.2f}, was {was:.2f} ({change:.1f}x worse)")
    return found


def check(run: Mapping[str, Any], path: Path = STORED) -> list[str]:
    """What has become worse since the ratios in a file were stored."""
    before = json.loads(path.read_text(encoding="utf-8"))["ratios"]
    return worse(report.ratios(run), before, list(run["rows"]))


def store(run: Mapping[str, Any], path: Path = STORED) -> None:
    """Keep a run's ratios, and what they were measured on."""
    kept = {
        row: {k: float(f"{v:.3g}") for k, v in r.items()} for row, r in report.ratios(run).items()
    }
    environment = {key: run["environment"][key] for key in ("cpu", "threads", "commit", "versions")}
    text = json.dumps({"environment": environment, "ratios": kept}, indent=1)
    path.write_text(text + "\n", encoding="utf-8")
