"""Pictures of a run: all times, how they scale, first calls and memory.

Colours are Okabe and Ito's, which people who do not tell red from green can tell apart, and each
contestant has a marker of its own. Axes of times are logarithmic.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.measure import Row
from benchmarks.report import EXTRA, rows_of
from benchmarks.table import WITHIN_HAND

STYLES = {
    "hand": ("black", "|"),
    "tapejit": ("#D55E00", "o"),
    "jax": ("#0072B2", "s"),
    "torch": ("#E69F00", "^"),
    "torch-compile": ("#CC79A7", "v"),
    "autograd": ("#009E73", "D"),
    "casadi": ("#56B4E9", "P"),
    "numpy": ("#999999", "x"),
    "tapejit-cached": ("#D55E00", "o"),
    "tapejit-auto": ("#8A3C00", "*"),
}
STAGES = {
    "record_s": ("record", "#0072B2"),
    "passes_s": ("passes", "#009E73"),
    "text_s": ("text", "#CC79A7"),
    "compile_s": ("compile", "#D55E00"),
    "run_s": ("one call", "black"),
}


@contextmanager
def _figure(path: Path, environment: Mapping[str, Any], **options: Any) -> Iterator[Any]:
    """Axes to draw on; the picture is captioned and saved afterwards."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(dpi=140, **options)
    yield axes
    for ax in figure.axes:
        ax.spines[["top", "right"]].set_visible(False)
        ax.set_axisbelow(True)
    figure.text(0.01, 0.004, _caption(environment), fontsize=6.5, color="0.35")
    figure.tight_layout(rect=(0, 0.025, 1, 1))
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path)
    plt.close(figure)


def draw(
    rows: Sequence[Row],
    labels: Mapping[str, str],
    environment: Mapping[str, Any],
    path: Path,
) -> None:
    """Each contestant's time over the hand-written adjoint's, a line of markers a workload.

    Rows without a timed hand-written adjoint are left out.
    """
    from matplotlib.ticker import FuncFormatter, LogLocator

    shown = [row for row in rows if row.median("hand") is not None]
    keys = [k for k in labels if k != "hand" and any(r.median(k) is not None for r in shown)]
    if not shown or not keys:
        return
    with _figure(path, environment, figsize=(9.5, 1.5 + 0.31 * len(shown))) as axes:
        axes.axvspan(1.0, WITHIN_HAND, color="#D55E00", alpha=0.15, linewidth=0)
        axes.axvline(1.0, color="black", linewidth=1.2)
        for key in [k for k in keys if k != "tapejit"] + [k for k in keys if k == "tapejit"]:
            colour, marker = STYLES[key]
            points = [
                (time / row.median("hand"), line)
                for line, row in enumerate(shown)
                if (time := row.median(key)) is not None
            ]
            axes.plot(
                *zip(*points),
                linestyle="",
                marker=marker,
                color=colour,
                markersize=7 if key == "tapejit" else 5.5,
                label=labels[key],
            )
        axes.set_yticks(range(len(shown)), [row.workload for row in shown], fontsize=8.5)
        axes.set_ylim(len(shown) - 0.4, -0.6)
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(subs=(1.0,)))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}x"))
        axes.grid(axis="both", color="0.92")
        axes.set_xlabel("time of a call over the hand-written fused adjoint's (left is better)")
        axes.legend(
            loc="lower center",
            bbox_to_anchor=(0.5, 1.0),
            ncols=len(keys),
            frameon=False,
            fontsize=8,
        )


def _caption(environment: Mapping[str, Any]) -> str:
    versions = environment["versions"]
    named = ", ".join(f"{name} {found}" for name, found in versions.items())
    threads = environment["threads"]
    return f"{environment['cpu']}, {threads} thread{'s' if threads > 1 else ''}; {named}"


def draw_sums(report: Mapping[str, Any], path: Path) -> None:
    """Nanoseconds an element over the number of elements, median and quartiles."""
    rows, labels = rows_of(report, "sums"), report["labels"]
    with _figure(path, report["environment"], figsize=(7.5, 4.6)) as axes:
        for key in [k for k in labels if any(row.median(k) is not None for row in rows)]:
            colour, marker = STYLES[key]
            cells = [(round(float(row.workload.partition("-")[2])), row.cells[key]) for row in rows]
            timed = [(n, cell) for n, cell in cells if cell.status == "ok"]
            sizes = [n for n, _ in timed]
            axes.plot(
                sizes,
                [1e9 * cell.median / n for n, cell in timed],
                color=colour,
                marker="." if key == "hand" else marker,
                markersize=5,
                label=labels[key],
            )
            low, high = ([1e9 * cell.quartiles[side] / n for n, cell in timed] for side in (0, 1))
            axes.fill_between(sizes, low, high, color=colour, alpha=0.2, linewidth=0)
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.grid(color="0.92")
        axes.set_xlabel("elements")
        axes.set_ylabel("nanoseconds of a call, an element")
        axes.legend(frameon=False)


def draw_lengths(report: Mapping[str, Any], path: Path) -> None:
    """Seconds of each stage over rows of the tape; JAX's dashed at the same function."""
    lengths = report["lengths"]
    with _figure(
        path, report["environment"], figsize=(10.5, 4.8), ncols=len(lengths), sharey=True,
        squeeze=False,
    ) as axes:  # fmt: skip
        for ax, (program, curves) in zip(axes[0], lengths.items()):
            rows = {p["statements"]: p["rows"] for p in curves.get("tapejit", []) if "rows" in p}
            for library, style in (("tapejit", "-"), ("jax", "--")):
                for key, (name, colour) in STAGES.items():
                    points = [
                        (rows[p["statements"]], p[key])
                        for p in curves.get(library, [])
                        if key in p and p["statements"] in rows
                    ]
                    if points:
                        label = name if library == "tapejit" else f"{name}, JAX"
                        ax.plot(
                            *zip(*points), style, color=colour, marker=".", label=label,
                            linewidth=1.6 if library == "tapejit" else 1.0,
                        )  # fmt: skip
            ax.set_title(f"{program} rows", fontsize=10)
            ax.set_xscale("log")
            ax.set_yscale("log")
            ax.grid(color="0.92")
            ax.set_xlabel("rows of the optimised tape, with its adjoint")
        axes[0][0].set_ylabel("seconds")
        axes[0][-1].legend(frameon=False, fontsize=8, loc="center left", bbox_to_anchor=(1.0, 0.5))


def _bars(
    axes: Any, groups: Mapping[str, Mapping[str, Any]], key: str, labels: Mapping[str, str]
) -> None:
    """Horizontal bars of one number of each record, grouped."""
    at, ticks, names = 0.0, [], []
    seen: set[str] = set()
    for group, records in groups.items():
        start = at
        for contestant, record in records.items():
            if key in record:
                axes.barh(
                    at,
                    record[key],
                    0.85,
                    color=STYLES[contestant][0],
                    label=None if contestant in seen else labels.get(contestant, contestant),
                )
                seen.add(contestant)
                at += 1.0
        ticks.append((start + at - 1.0) / 2)
        names.append(group)
        at += 0.8
    axes.set_yticks(ticks, names, fontsize=8.5)
    axes.invert_yaxis()
    axes.grid(axis="x", color="0.92")
    axes.legend(frameon=False, fontsize=8, loc="center left", bbox_to_anchor=(1.0, 0.5))


def draw_first_calls(report: Mapping[str, Any], path: Path) -> None:
    """Seconds of the first call, imports apart: a line of markers a workload."""
    groups, labels = report["first_calls"], report["labels"] | EXTRA
    keys = list(dict.fromkeys(key for records in groups.values() for key in records))
    with _figure(path, report["environment"], figsize=(9.5, 1.6 + 0.45 * len(groups))) as axes:
        for key in [k for k in keys if k != "tapejit"] + [k for k in keys if k == "tapejit"]:
            colour, marker = STYLES[key]
            points = [
                (records[key]["first_call_s"], line)
                for line, records in enumerate(groups.values())
                if "first_call_s" in records.get(key, {})
            ]
            if points:
                axes.plot(
                    *zip(*points),
                    linestyle="",
                    marker=marker,
                    color=colour,
                    markersize=12 if key == "hand" else 7,
                    markerfacecolor="white" if key == "tapejit-cached" else colour,
                    label=labels.get(key, key),
                )
        axes.set_yticks(range(len(groups)), list(groups), fontsize=8.5)
        axes.set_ylim(len(groups) - 0.5, -0.5)
        axes.set_xscale("log")
        axes.grid(color="0.92")
        axes.set_xlabel("seconds of the first call in a fresh process, after imports")
        axes.legend(
            loc="lower center", bbox_to_anchor=(0.45, 1.0), ncols=5, frameon=False, fontsize=8
        )


def draw_memory(report: Mapping[str, Any], path: Path) -> None:
    """Peak resident memory."""
    groups = report["memory"]
    height = 1.2 + 0.16 * sum(len(records) + 1 for records in groups.values())
    with _figure(path, report["environment"], figsize=(9, height)) as axes:
        _bars(axes, groups, "peak_mib", report["labels"])
        axes.set_xlabel("peak resident MiB of the process: imports, first and later calls")


PICTURES = {
    "sums": ("scaling.png", draw_sums),
    "lengths": ("lengths.png", draw_lengths),
    "first_calls": ("first-calls.png", draw_first_calls),
    "memory": ("memory.png", draw_memory),
}


def draw_all(report: Mapping[str, Any], folder: Path) -> list[str]:
    """Draw every part that the run has; the names of the files."""
    made = []
    if report.get("rows"):
        draw(rows_of(report), report["labels"], report["environment"], folder / "times.png")
        made.append("times.png")
    for part, (name, draw_part) in PICTURES.items():
        if report.get(part):
            draw_part(report, folder / name)
            made.append(name)
    return made
