"""``python -m benchmarks``: measure, print the tables, and write what was asked for."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks import environment
from benchmarks.environment import LOAD_LIMIT

REPEATS, QUICK_REPEATS = 30, 20
QUICK_SECONDS = 1.0  # slower calls are left out of --quick
PROCESS_RUNS = 3
LENGTH_SECONDS, LENGTH_TIMEOUT = 25.0, 60.0  # of one compilation, and of a whole curve
PARTS = ("rows", "sums", "lengths", "imports", "first-calls", "memory")


def parse(argv: list[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Time tapejit, its peers and hand-written adjoints, interleaved.",
    )
    add = parser.add_argument
    add(
        "--quick",
        action="store_true",
        help="rows alone, without large ones, torch.compile and calls that take more than a second",
    )
    add(
        "--only",
        action="append",
        default=[],
        metavar="NAME",
        help="workloads whose name contains NAME: their rows, or with --part their first calls or "
        "memory; may be repeated",
    )
    add(
        "--part",
        action="append",
        default=[],
        choices=PARTS,
        help="only this part of the run; may be repeated",
    )
    add(
        "--contestant",
        action="append",
        default=[],
        metavar="KEY",
        help="only this one (hand, tapejit, jax, torch, torch-compile, autograd, casadi, numpy); "
        "may be repeated",
    )
    add("--threads", type=int, default=1, help="for every contestant (default 1)")
    add("--repeats", type=int, help=f"samples a cell (default {REPEATS})")
    add(
        "--compile",
        choices=("always", "auto", "never"),
        default="always",
        help="tapejit's policy in the timed tables (default always)",
    )
    add(
        "--from",
        dest="saved",
        action="append",
        type=Path,
        metavar="FILE",
        help="measure nothing: print, draw and check what --json wrote; may be repeated for "
        "parts of one run",
    )
    add("--json", type=Path, metavar="FILE", help="write everything to FILE")
    add("--plot", type=Path, metavar="DIR", help="draw the run into DIR")
    add(
        "--page",
        type=Path,
        metavar="FILE",
        help="write the page on performance (docs/performance.md), its pictures in images/ beside it",
    )
    add(
        "--check",
        type=Path,
        nargs="?",
        const=True,
        metavar="FILE",
        help="compare ratios with the stored ones; exit status 1 if one is worse",
    )
    add(
        "--store",
        type=Path,
        nargs="?",
        const=True,
        metavar="FILE",
        help="store this run's ratios for --check",
    )
    return parser.parse_args(argv)  # fmt: skip


_told = [0.0]


def log(line: str) -> None:
    """Progress on the error stream: one line, overwritten on a terminal, rare elsewhere."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\x1b[K{line}")
        sys.stderr.flush()
    elif line and time.monotonic() - _told[0] > 10.0:
        _told[0] = time.monotonic()
        print(f"... {line}", file=sys.stderr, flush=True)


def header(report: dict[str, Any]) -> str:
    """The machine, the versions and the warning about other work."""
    described = report["environment"]
    versions = ", ".join(f"{name} {found}" for name, found in described["versions"].items())
    threads = described["threads"]
    text = (
        f"{described['cpu']}, {described['cores']} cores, {threads} thread(s) each; "
        f"commit {described['commit']}\npython {described['python']}, {versions}\n"
        f"medians of {report['repeats']} interleaved samples"
        f'; tapejit with compile="{report["compile"]}"'
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


def show(report: dict[str, Any], parts: tuple[str, ...] = PARTS) -> None:
    """Print the tables of some parts of a run."""
    from benchmarks import table
    from benchmarks.report import rows_of

    labels = report["labels"]
    for part in ("rows", "sums"):
        if part in parts and part in report:
            rows = rows_of(report, part)
            print(table.format_rows(rows, labels), end="")
            print(thread_warnings(rows, labels, report["environment"]["threads"]) + "\n")
    if "lengths" in parts:
        columns = {"rows": "rows", "record_s": "record", "passes_s": "passes", "text_s": "text",
                   "compile_s": "compile", "run_s": "run"}  # fmt: skip
        for program, curves in report.get("lengths", {}).items():
            for library, points in curves.items():
                print(f"Stages by statements of a straight-line function: {program}, {library}\n")
                lines = {f"{p.get('statements', 'then')}": p for p in points}
                print(table.format_records(lines, columns, first="statements") + "\n")
    if "imports" in parts and "imports" in report:
        print("Import in a fresh process\n")
        print(table.format_records(report["imports"], {"import_s": "time"}, first="package") + "\n")
    columns = {"first_call_s": "first call", "second_call_s": "second", "import_s": "imports"}
    for name, records in report.get("first_calls", {}).items() if "first-calls" in parts else ():
        print(f"First call in a fresh process: {name}\n")
        print(table.format_records(records, columns, first="contestant") + "\n")
    columns = {"before_mib": "before", "first_rise_mib": "first call +",
               "steady_rise_mib": "later calls +", "peak_mib": "peak"}  # fmt: skip
    for name, records in report.get("memory", {}).items() if "memory" in parts else ():
        print(f"Resident memory in a fresh process: {name}\n")
        print(table.format_records(records, columns, first="contestant") + "\n")


def measure_all(options: argparse.Namespace) -> dict[str, Any] | str:
    """Measure what was asked for, printing each part when it is done; a string says what is wrong."""
    from benchmarks import measure, processes, report
    from benchmarks.contestants import CONTESTANTS, VARIANTS, tapejit_contestant
    from benchmarks.workloads import SUMS, WORKLOADS, select

    chosen = [c for c in CONTESTANTS if c.key in options.contestant or not options.contestant]
    if unknown := set(options.contestant) - {c.key for c in chosen}:
        return f"no contestant is named {', '.join(sorted(unknown))}"
    workloads = select(options.only, quick=options.quick)
    if not workloads:
        return f"no workload is named so; there are {', '.join(w.name for w in WORKLOADS)}"
    if options.quick and not options.contestant:
        chosen = [c for c in chosen if c.quick]
    parts = options.part or (["rows"] if options.quick or options.only else list(PARTS))
    repeats = options.repeats or (QUICK_REPEATS if options.quick else REPEATS)
    subject = tapejit_contestant(compile=options.compile)
    timed = [subject if c.key == subject.key else c for c in chosen]
    run: dict[str, Any] = {
        "environment": environment.describe(),
        "repeats": repeats,
        "compile": options.compile,
        "labels": {c.key: c.label for c in (*chosen, *VARIANTS)},
        "how": {c.key: c.how for c in timed},
        "seconds": {},
    }
    print(header(run) + "\n", flush=True)
    absent = measure.load_all(chosen)
    present = [c for c in (*chosen, *VARIANTS) if c.key.partition("-")[0] not in absent]

    def timed_rows(part: str, of: list[Any], contestants: list[Any]) -> None:
        limit = QUICK_SECONDS if options.quick else measure.CALL_SECONDS
        rows = [
            measure.run_row(w, contestants, repeats=repeats, absent=absent, limit=limit, log=log)
            for w in of
        ]
        report.record_rows(run, part, of, rows)

    def lengths() -> None:
        libraries = [c.key for c in present if c.key in ("tapejit", "jax")]
        run["lengths"] = processes.lengths(
            libraries,
            runs=PROCESS_RUNS,
            seconds=LENGTH_SECONDS,
            timeout=LENGTH_TIMEOUT,
            log=log,
        )

    def imports() -> None:
        packages = list(dict.fromkeys(c.package for c in present if c.package))
        run["imports"] = processes.import_times(packages, runs=PROCESS_RUNS, log=log)

    def first_calls() -> None:
        cold = [w for w in workloads if w.cold or options.only]
        contestants = [c for c in present if c.key != "numpy"]
        run["first_calls"] = processes.first_calls(cold, contestants, runs=PROCESS_RUNS, log=log)

    def memory() -> None:
        contestants = [c for c in present if c.quick and c.key != "tapejit-auto"]
        heavy = [w for w in workloads if w.memory or options.only]
        run["memory"] = processes.memory(heavy, contestants, log=log)

    simple = [c for c in timed if c.key in ("hand", "tapejit", "jax", "numpy")]
    steps = {
        "rows": lambda: timed_rows("rows", workloads, timed),
        "sums": lambda: timed_rows("sums", list(SUMS), simple),
        "lengths": lengths,
        "imports": imports,
        "first-calls": first_calls,
        "memory": memory,
    }
    for part, step in steps.items():
        if part in parts:
            start = time.monotonic()
            step()
            run["seconds"][part] = time.monotonic() - start
            log("")
            show(run, (part,))
            sys.stdout.flush()
    return run


def main(argv: list[str] | None = None) -> int:
    """Run the benchmarks; the exit status is 1 when a result is wrong or a ratio got worse."""
    options = parse(argv)
    environment.fix_threads(options.threads)

    # only now may NumPy be imported
    from benchmarks import report

    if options.saved:
        run = report.merged([report.read(path) for path in options.saved])
        print(header(run) + "\n")
        show(run)
    else:
        measured = measure_all(options)
        if isinstance(measured, str):
            print(measured)
            return 2
        run = measured
    if options.json:
        report.write(run, options.json)
    if options.plot:
        from benchmarks import plot

        plot.draw_all(run, options.plot)
    if options.page:
        from benchmarks import page

        page.write(run, options.page)
    return finish(run, options)


def finish(run: dict[str, Any], options: argparse.Namespace) -> int:
    """Check and store ratios; the exit status."""
    from benchmarks import check
    from benchmarks.report import rows_of

    status = 0
    for row in rows_of(run):
        for key, cell in row.cells.items():
            if cell.status == "WRONG" or (cell.status == "failed" and key in ("hand", "tapejit")):
                print(f"{row.workload}: {key} {cell.status}: {cell.note}")
                status = 1
    if options.check:
        path = check.STORED if options.check is True else options.check
        if path.exists():
            found = [f"WORSE {line}" for line in check.check(run, path)]
        else:
            found = [f"no ratios are stored in {path}: --store stores a run's"]
        print("\n".join(found or [f"no ratio is worse than in {path}"]))
        status = 1 if found else status
    if options.store:
        check.store(run, check.STORED if options.store is True else options.store)
    return status


if __name__ == "__main__":
    sys.exit(main())
