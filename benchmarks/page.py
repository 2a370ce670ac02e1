"""docs/performance.md, written from a run: nothing on it is typed by hand, so nothing goes stale.

Every number, name and verdict is read from the report; the pictures lie in `images` beside the
page. Parts that the run does not have are left out.
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks import environment, goals, measure, plot, table
from benchmarks.measure import Cell, Row
from benchmarks.report import EXTRA, rows_of

Report = Mapping[str, Any]
PARTS_BEHIND = {
    "rows": "Times of a call",
    "sums": "Over the number of elements",
    "lengths": "Over the length of the tape",
    "first_calls": "First calls",
    "imports": "Import",
    "memory": "Memory",
}


def markdown(header: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """A table; the first column on the left, others on the right."""
    rule = "|---|" + "---:|" * (len(header) - 1)
    body = ["| " + " | ".join(line) + " |" for line in (header, *lines)]
    return "\n".join([body[0], rule, *body[1:]]) + "\n"


def spread(cell: Cell) -> str:
    """Half the distance between the quartiles, relative to the median."""
    first, third = cell.quartiles
    return f"{50 * (third - first) / cell.median:.0f}%"


def cell_text(row: Row, key: str) -> str:
    """A median and its spread, or why there is none."""
    cell = row.cells.get(key)
    if cell is None or cell.status != "ok":
        return table.cell_text(cell)
    text = table.seconds(cell.median)
    return f"{text} ±{spread(cell)}" if len(cell.samples) > 1 else text


def times(rows: Sequence[Row], labels: Mapping[str, str]) -> str:
    """Medians with their spreads, then ratios with the verdict."""
    keys = [k for k in labels if any(k in row.cells for row in rows)]
    lines = [[row.workload, *(cell_text(row, key) for key in keys)] for row in rows]
    text = markdown(["", *(labels[key] for key in keys)], lines)
    timed = {key for row in rows for key in row.cells if row.median(key) is not None}
    shown = [r for r in table.RATIOS if {r[1], r[2]} <= timed]
    lines = [
        [
            row.workload,
            *(table.ratio_text(row, above, below) for _, above, below in shown),
            f"**{verdict}**" if (verdict := table.verdict(row)).startswith("behind") else verdict,
        ]
        for row in rows
    ]
    return text + "\n" + markdown(["", *(name for name, _, _ in shown), "verdict"], lines)


def notes(rows: Sequence[Row], labels: Mapping[str, str]) -> str:
    """Why cells have no number, and which were sampled less often."""
    lines = table.notes(rows, labels)
    fewer: dict[str, list[str]] = {}
    most = max((len(c.samples) for r in rows for c in r.cells.values()), default=0)
    for row in rows:
        for key, cell in row.cells.items():
            if cell.status == "ok" and len(cell.samples) < most:
                fewer.setdefault(f"{labels[key]}: {len(cell.samples)} samples", []).append(
                    row.workload
                )
    lines += [f"{note} ({', '.join(where)})" for note, where in fewer.items()]
    return "".join(f"- {line}\n" for line in lines)


def records(found: Mapping[str, Mapping[str, Any]], columns: Mapping[str, str], first: str) -> str:
    """A table with one record a row."""
    lines = []
    for name, record in found.items():
        texts = []
        for key in columns:
            value = record.get(key)
            if value is None:
                texts.append("-")
            elif key.endswith("_s"):
                texts.append(table.seconds(value))
            else:
                texts.append(f"{value:.0f} MiB" if key.endswith("_mib") else f"{value:.0f}")
        lines.append([f"{name}: {record['failed']}" if "failed" in record else name, *texts])
    return markdown([first, *columns.values()], lines)


def machine(report: Report) -> str:
    """What was measured on what, and how."""
    about = report["environment"]
    versions = ", ".join(f"{name} {found}" for name, found in about["versions"].items())
    how = "".join(f"- **{report['labels'][key]}**: {text}\n" for key, text in report["how"].items())
    warning = ""
    if about["load_at_start"] > environment.LOAD_LIMIT:
        warning = (
            f"The load average was {about['load_at_start']:.1f} at the start: other work ran at "
            "the same time, so times are provisional. Ratios suffer less, being interleaved."
        )
    seconds = sum(report["seconds"].values())
    later = "".join(
        f" {', '.join(parts)}: measured again at commit {commit}."
        for commit, parts in report.get("later", ())
    )
    return (
        wrapped(
            f"""\
{about["cpu"]}, {about["cores"]} cores, {about["system"]}, Python {about["python"]}, {versions};
commit {about["commit"]}. {about["threads"]} thread{"s" if about["threads"] > 1 else ""} for every
library. The run took {seconds / 60:.0f} minutes.{later}

{warning}

One process; each of {report["repeats"]} repeats visits every contestant, beginning with another.
A sample lasts {1e3 * measure.SAMPLE_SECONDS:.1f} ms or is one call; ± is half the distance between
the quartiles. Results are found equal to the hand-written ones before anything is timed. A call of
more than {measure.SLOW_SECONDS} s is sampled {measure.SLOW_REPEATS} times, one of more than
{measure.CALL_SECONDS:.0f} s not at all. First calls and memory are measured in fresh processes with
empty caches."""
        )
        + f"\n{how}"
    )


def wrapped(text: str) -> str:
    """Paragraphs filled to the width of a page."""
    paragraphs = (p for p in text.split("\n\n") if p.strip())
    return "\n".join(
        textwrap.fill(" ".join(p.split()), 100, break_on_hyphens=False) + "\n" for p in paragraphs
    )


def summary(report: Report) -> str:
    """How many rows meet the goal, and everything that is behind."""
    rows = rows_of(report)
    met = sum(table.verdict(row) == "goal met" for row in rows)
    found = goals.behind(report)
    text = wrapped(
        f"The goal of a row: ahead of every peer, {table.AHEAD_OF_JAX:g} times as fast as JAX, and "
        f"within {table.WITHIN_HAND} times the hand-written adjoint (rows of almost no work: or "
        f"{table.seconds(table.SMALL_OVERHEAD)} over it). {met} of {len(rows)} rows meet it."
    )
    text += "\n"
    if not found:
        return text + "Nothing is behind.\n"
    for part, lines in found.items():
        text += f"{PARTS_BEHIND[part]}:\n\n" + "".join(f"- {line}\n" for line in lines) + "\n"
    return text.rstrip("\n") + "\n"


def lengths(report: Report) -> str:
    """Tables of stages, one a program, JAX's beside tapejit's."""
    columns = {
        "statements": "statements",
        "rows": "rows",
        "record_s": "record",
        "passes_s": "passes",
        "text_s": "text",
        "compile_s": "compile",
        "run_s": "a call",
    }
    jax = {"record_s": "JAX: trace", "compile_s": "JAX: compile", "run_s": "JAX: a call"}
    text = ""
    for program, curves in report["lengths"].items():
        theirs = {p.get("statements"): p for p in curves.get("jax", [])}
        lines = []
        for point in curves["tapejit"]:
            if "failed" in point:
                continue
            other = theirs.get(point["statements"], {})
            known = [point.get(key) for key in columns]
            shown = ["-" if v is None else f"{v}" for v in known[:2]]
            shown += ["-" if v is None else table.seconds(v) for v in known[2:]]
            shown += [table.seconds(other[key]) if key in other else "-" for key in jax]
            lines.append(shown)
        text += f"{program.capitalize()} rows:\n\n"
        text += markdown([*columns.values(), *jax.values()], lines) + "\n"
        text += "".join(f"JAX: {p['failed']}.\n\n" for p in curves.get("jax", []) if "failed" in p)
    return text


def named(report: Report, found: Mapping[str, Any]) -> dict[str, Any]:
    """Records under their contestants' labels."""
    return {(report["labels"] | EXTRA).get(key, key): record for key, record in found.items()}


def text_of(report: Report, pictures: Sequence[str]) -> str:
    """The page."""

    def picture(name: str, alt: str) -> str:
        return f"![{alt}](images/{name})\n\n" if name in pictures else ""

    rows, labels = rows_of(report), report["labels"]
    about = "".join(f"- **{row.workload}**: {row.about}\n" for row in rows)
    text = f"""\
# How fast

This page is written by the benchmarks from one run; do not edit it. It is about functions of NumPy
arrays; training steps written in PyTorch's way are timed by `python -m benchmarks.torch`.

```sh
pip install -e '.[peers,plot]'
python -m benchmarks --json run.json --page docs/performance.md
python -m benchmarks --from run.json --page docs/performance.md   # the same, from a run that is done
python -m benchmarks --quick --check                              # has any ratio become worse?
```

## What is behind

{summary(report)}
## What was measured

{machine(report)}
## Times of a call

{picture("times.png", "Times of all contestants over the hand-written adjoint's, by workload")}\
{times(rows, labels)}
Without a number:

{notes(rows, labels)}
The workloads:

{about}
"""
    if report.get("sums"):
        sums = rows_of(report, "sums")
        text += f"""\
## Over the number of elements

{sums[0].about.partition(",")[0].capitalize()}, value and gradient.

{picture("scaling.png", "Nanoseconds an element over the number of elements")}\
{times(sums, labels)}
"""
    if report.get("lengths"):
        text += f"""\
## Over the length of the tape

Statements `a, b = b, np.tanh(a * b + 0.5)` without a loop, of two numbers (scalar) and of two vectors
of 1000 (array); value and gradient, nothing from disk. Rows are those of the optimised tape.

{picture("lengths.png", "Seconds of each stage over the rows of the tape")}\
{lengths(report)}"""
    if report.get("first_calls"):
        text += f"""\
## First calls

Seconds of the first call in a fresh process, after imports (Numba and the JAX backend count as
imports); "second process" finds the first one's kernels on disk; "tapejit-auto" is the default
policy, which interprets until compiling pays.

{picture("first-calls.png", "Seconds of first calls by workload and contestant")}"""
        columns = {"first_call_s": "first call", "second_call_s": "second call",
                   "import_s": "imports before"}  # fmt: skip
        for name, found in report["first_calls"].items():
            text += records(named(report, found), columns, name) + "\n"
    if report.get("imports"):
        text += "## Imports\n\n"
        text += records(report["imports"], {"import_s": "import"}, "package") + "\n"
    if report.get("memory"):
        text += f"""\
## Memory

Resident MiB of a fresh process: before the first call, by how much the first and later calls raise
the peak, and the peak.

{picture("memory.png", "Peak resident memory by workload and contestant")}"""
        columns = {"before_mib": "before", "first_rise_mib": "first call +",
                   "steady_rise_mib": "later calls +", "peak_mib": "peak"}  # fmt: skip
        for name, found in report["memory"].items():
            text += records(named(report, found), columns, name) + "\n"
    return text.rstrip("\n") + "\n"


def write(report: Report, path: Path) -> None:
    """Draw the pictures and write the page."""
    pictures = plot.draw_all(report, path.parent / "images")
    path.write_text(text_of(report, pictures), encoding="utf-8")
