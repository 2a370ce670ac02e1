"""``python -m benchmarks.torch``: check, time, print the tables, and write what was asked for."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from benchmarks import environment
from benchmarks.__main__ import log
from benchmarks.environment import LOAD_LIMIT

REPEATS = 60
PROCESS_RUNS = 1


def parse(argv: list[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.torch",
        description="Time training steps of tapejit.torch and of PyTorch, interleaved.",
    )
    parser.add_argument(
        "--only",
        action="append",
        default=[],
        metavar="NAME",
        help="programs whose name contains NAME, without recording; may be repeated",
    )
    parser.add_argument(
        "--library", dest="only_library", choices=("tapejit", "torch"), help="only this one"
    )
    parser.add_argument("--repeats", type=int, default=REPEATS, help=f"default {REPEATS}")
    parser.add_argument(
        "--compile",
        choices=("always", "auto", "never"),
        default="always",
        help="tapejit's policy in the timed table (default always)",
    )
    parser.add_argument("--recording", action="store_true", help="recording, --only or not")
    parser.add_argument("--first-steps", action="store_true", help="first steps, fresh processes")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything to FILE")
    return parser.parse_args(argv)


def header(described: dict[str, Any], repeats: int, policy: str) -> str:
    """The machine, the versions and the warning about other work."""
    versions = ", ".join(f"{name} {found}" for name, found in described["versions"].items())
    text = (
        f"{described['cpu']}, {described['cores']} cores, {described['threads']} thread each; "
        f"commit {described['commit']}\npython {described['python']}, {versions}\n"
        f"float32, whole training steps, medians of {repeats} interleaved samples"
        f'; tapejit with compile="{policy}"'
    )
    if described["load_at_start"] > LOAD_LIMIT:
        text += f"\nPROVISIONAL: load average {described['load_at_start']:.1f} at the start"
    return text


def main(argv: list[str] | None = None) -> int:
    """Run the benchmarks; the exit status is 1 when a cell is wrong or failed."""
    options = parse(argv)
    environment.fix_threads(1)

    # only now may NumPy be imported
    from benchmarks import measure, table
    from benchmarks.torch import compare, libraries, recording, tables
    from benchmarks.torch.first_steps import first_steps
    from benchmarks.torch.programs import PROGRAMS, select

    chosen = select(options.only)
    if not chosen:
        print(f"no program is named so; there are {', '.join(p.name for p in PROGRAMS)}")
        return 2
    described = environment.describe()
    print(header(described, options.repeats, options.compile) + "\n", flush=True)
    report: dict[str, Any] = {
        "environment": described,
        "repeats": options.repeats,
        "compile": options.compile,
    }
    modules: dict[str, Any] = {}
    absent: dict[str, measure.Cell] = {}
    for library in libraries.LIBRARIES:
        if options.only_library in (None, library.key):
            try:
                modules[library.key] = library.load()
            except ImportError as error:
                absent[library.key] = measure.Cell("absent", str(error))
    if libraries.TAPEJIT.key in modules:
        libraries.set_policy(options.compile)

    rows = []
    for program in chosen:
        rows.append(
            compare.run_row(program, modules, repeats=options.repeats, absent=absent, log=log)
        )
    log("")
    print(tables.format_rows(rows), flush=True)
    report["rows"] = {row.program.name: row.to_json() for row in rows}

    if options.recording or not options.only:
        records = {
            chain.name: {
                key: recording.seconds_per_row(chain, torch) for key, torch in modules.items()
            }
            for chain in recording.CHAINS
        }
        print(
            f"\nRecording one row; PyTorch computes it as well\n\n{tables.format_recording(records)}"
        )
        report["recording"] = records

    if options.first_steps:
        report["first_steps"] = {}
        for program in chosen:
            found = first_steps(program.name, list(modules), runs=PROCESS_RUNS, log=log)
            log("")
            report["first_steps"][program.name] = found
            print(f"\nFirst steps in a fresh process: {program.name}\n")
            print(table.format_records(found, tables.FIRST_COLUMNS, first="library"), flush=True)

    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(report, indent=1) + "\n")
    bad = any(c.status in ("failed", "WRONG") for row in rows for c in row.cells.values())
    return int(bad)


if __name__ == "__main__":
    sys.exit(main())
