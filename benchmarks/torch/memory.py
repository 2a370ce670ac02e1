"""``python -m benchmarks.torch.memory``: is a long loop flat?

Each library runs a loop of many steps in a process of its own. The loop is flat when neither the
objects nor the allocator's blocks at the last look are more than at the first, beyond a slack that
is far below one object in a hundred steps; resident memory is shown, and judged with its own slack.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks import environment

STEPS = 100_000
SLACK_OBJECTS = 100
SLACK_BLOCKS = 500
SLACK_MIB = 2.0


def growth(record: Mapping[str, Any], key: str) -> float:
    """How much more there is at the last look than at the first."""
    looks = record[key]
    return float(looks[-1] - looks[0])


def verdict(record: Mapping[str, Any]) -> str:
    """Whether the loop is flat, and what grows if it is not."""
    slack = {"objects": SLACK_OBJECTS, "blocks": SLACK_BLOCKS, "resident_mib": SLACK_MIB}
    grown = [
        f"{key} +{growth(record, key):.0f}"
        for key, most in slack.items()
        if growth(record, key) > most
    ]
    return "grows: " + ", ".join(grown) if grown else "flat"


def measure(library: str, program: str, steps: int) -> dict[str, Any]:
    """The record of one library's loop in a fresh process."""
    from benchmarks import processes  # once thread counts are fixed: it loads NumPy

    with tempfile.TemporaryDirectory() as cache:
        command = ["-m", "benchmarks.torch.probe", "memory", library, program, str(steps)]
        return processes.run(command, TAPEJIT_CACHE_DIR=cache, TAPEJIT_COMPILE="always")


def format_memory(records: Mapping[tuple[str, str], Mapping[str, Any]]) -> str:
    """A line for each program and library."""
    from benchmarks import table

    lines = []
    for (program, library), record in records.items():
        if "failed" in record:
            lines.append([program, library, *["-"] * 5, f"failed: {record['failed']}"])
            continue
        lines.append(
            [
                program,
                library,
                f"{record['at'][0]} to {record['at'][-1]}",
                f"{record['resident_mib'][0]:.1f} {growth(record, 'resident_mib'):+.1f} MiB",
                f"{record['peak_rise_mib']:+.1f} MiB",
                f"{record['objects'][0]} {growth(record, 'objects'):+.0f}",
                f"{record['blocks'][0]} {growth(record, 'blocks'):+.0f}",
                verdict(record),
            ]
        )
    header = ["program", "library", "steps", "resident", "peak", "objects", "blocks", "verdict"]
    return table.aligned(header, lines)


def main(argv: list[str] | None = None) -> int:
    """Run the loops; the exit status is 1 when tapejit's is not flat."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.torch.memory", description=__doc__)
    parser.add_argument("--steps", type=int, default=STEPS, help=f"default {STEPS}")
    parser.add_argument("--program", action="append", metavar="NAME", help="default line-fit")
    parser.add_argument(
        "--library", dest="only_libraries", action="append", choices=("tapejit", "torch")
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every look to FILE")
    options = parser.parse_args(argv)
    environment.fix_threads(1)
    records = {
        (program, library): measure(library, program, options.steps)
        for program in options.program or ["line-fit"]
        for library in options.only_libraries or ["tapejit", "torch"]
    }
    print(format_memory(records))
    if options.json:
        written = {f"{program}, {library}": r for (program, library), r in records.items()}
        options.json.write_text(json.dumps(written, indent=1) + "\n")
    mine = [r for (_, library), r in records.items() if library == "tapejit"]
    return int(any("failed" in r or verdict(r) != "flat" for r in mine))


if __name__ == "__main__":
    sys.exit(main())
