"""``python -m benchmarks``: measure, print the tables, and write what was asked for."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from benchmarks import environment

REPEATS, QUICK_REPEATS = 30, 20
PROCESS_RUNS = 3
MEMORY_WORKLOAD = "black-scholes-1e6"
LOAD_LIMIT = 0.5  # other work beyond this makes timings provisional


def parse(argv: list[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Time tapejit, its peers and hand-written adjoints, interleaved.",
    )
    parser.add_argument("--quick", action="store_true", help="skip large rows and first calls")
    parser.add_argument(
        "--only",
        action="append",
        default=[],
        metavar="NAME",
        help="workloads whose name contains NAME, without first calls; may be repeated",
    )
    parser.add_argument(
        "--contestant",
        action="append",
        default=[],
        metavar="KEY",
        help="only this one (hand, tapejit, jax, torch, autograd, numpy); may be repeated",
    )
    parser.add_argument("--threads", type=int, default=1, help="for every contestant (default 1)")
    parser.add_argument("--repeats", type=int, help=f"samples a cell (default {REPEATS})")
    parser.add_argument(
        "--compile",
        choices=("always", "auto", "never"),
        default="always",
        help="tapejit's policy in the timed table (default always)",
    )
    parser.add_argument("--first-calls", action="store_true", help="measure them all the same")
    parser.add_argument("--memory", action="store_true", help="peak memory of Black-Scholes 1e6")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything to FILE")
    parser.add_argument("--plot", type=Path, metavar="DIR", help="draw DIR/times.png")
    return parser.parse_args(argv)


def log(line: str) -> None:
    """Progress on the error stream: one line, overwritten on a terminal and dropped elsewhere."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\x1b[K{line}")
        sys.stderr.flush()


def header(described: dict[str, Any], repeats: int, policy: str) -> str:
    """The machine, the versions and the warning about other work."""
    versions = ", ".join(f"{name} {found}" for name, found in described["versions"].items())
    threads = described["threads"]
    text = (
        f"{described['cpu']}, {described['cores']} cores, {threads} thread(s) each; "
        f"commit {described['commit']}\npython {described['python']}, {versions}\n"
        f"float64, value and gradient, medians of {repeats} interleaved samples"
        f'; tapejit with compile="{policy}"'
    )
    if threads > 1:
        text += (
            "\nPROVISIONAL: waiting threads of one library's pool spin into the next one's samples;"
            " large on a busy machine"
        )
    if described["load_at_start"] > LOAD_LIMIT:
        text += f"\nPROVISIONAL: load average {described['load_at_start']:.1f} at the start"
    return text


def thread_warnings(rows: list[Any], labels: dict[str, str], threads: int) -> str:
    """Cells whose processor time shows more threads than were granted."""
    return "".join(
        f"\n{row.workload}: {labels[key]} used {cell.cpu_per_wall:.2f} processors"
        for row in rows
        for key, cell in row.cells.items()
        if cell.status == "ok" and cell.cpu_per_wall > 1.15 * threads
    )


def main(argv: list[str] | None = None) -> int:
    """Run the benchmarks; the exit status is 1 when any cell is wrong or failed."""
    options = parse(argv)
    environment.fix_threads(options.threads)

    # only now may NumPy be imported
    from benchmarks import measure, processes, table
    from benchmarks.contestants import CONTESTANTS, VARIANTS, tapejit_contestant
    from benchmarks.workloads import WORKLOADS, select

    repeats = options.repeats or (QUICK_REPEATS if options.quick else REPEATS)
    workloads = select(options.only, quick=options.quick)
    if not workloads:
        print(f"no workload is named so; there are {', '.join(w.name for w in WORKLOADS)}")
        return 2
    chosen = [c for c in CONTESTANTS if c.key in options.contestant or not options.contestant]
    if unknown := set(options.contestant) - {c.key for c in chosen}:
        print(f"no contestant is named {', '.join(sorted(unknown))}")
        return 2
    labels = {c.key: c.label for c in chosen}
    described = environment.describe()
    report: dict[str, Any] = {
        "environment": described,
        "repeats": repeats,
        "compile": options.compile,
    }
    subject = tapejit_contestant(compile=options.compile)
    timed = [subject if c.key == subject.key else c for c in chosen]
    print(header(described, repeats, options.compile) + "\n", flush=True)

    absent = measure.load_all(chosen)
    rows = [measure.run_row(w, timed, repeats=repeats, absent=absent, log=log) for w in workloads]
    log("")
    print(table.format_rows(rows, labels) + thread_warnings(rows, labels, options.threads))
    report["rows"] = {
        row.workload: {key: cell.to_json() for key, cell in row.cells.items()} for row in rows
    }

    if options.first_calls or not (options.quick or options.only):
        packages = [c.package for c in chosen if c.package and c.key not in absent]
        imports = processes.import_times(packages, runs=PROCESS_RUNS, log=log)
        contestants = [
            c
            for c in (*chosen, *VARIANTS)
            if c.key != "numpy" and c.key.partition("-")[0] in labels.keys() - absent.keys()
        ]
        cold = [w.name for w in WORKLOADS if w.cold]
        first = processes.first_calls(cold, contestants, runs=PROCESS_RUNS, log=log)
        log("")
        report |= {"imports": imports, "first_calls": first}
        print("\nImport in a fresh process\n")
        print(table.format_records(imports, {"import_s": "time"}, first="package"))
        columns = {"first_call_s": "first call", "second_call_s": "second", "import_s": "imports"}
        for name, records in first.items():
            print(f"\nFirst call in a fresh process: {name}\n")
            print(table.format_records(records, columns, first="contestant"))

    if options.memory:
        present = [c for c in chosen if c.key not in absent]
        memory = processes.memory(MEMORY_WORKLOAD, present, log=log)
        log("")
        report["memory"] = memory
        print(f"\nResident memory in a fresh process: {MEMORY_WORKLOAD}\n")
        columns = {
            "before_mib": "before",
            "first_rise_mib": "first call +",
            "steady_rise_mib": "later calls +",
            "peak_mib": "peak",
        }
        print(table.format_records(memory, columns, first="contestant"))

    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(report, indent=1) + "\n")
    if options.plot:
        from benchmarks import plot

        options.plot.mkdir(parents=True, exist_ok=True)
        plot.draw(rows, labels, described, options.plot / "times.png")
    bad = any(c.status in ("failed", "WRONG") for row in rows for c in row.cells.values())
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
