"""A bar chart of the run: each contestant's time over the hand-written adjoint's, log scale.

Bars start at 1, the hand-written adjoint, because a bar on a log scale needs an origin that means
something; the absolute medians are written at the bars. Colours are Okabe and Ito's, which people
who do not tell red from green can tell apart.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.measure import Row
from benchmarks.table import seconds

COLOURS = {
    "tapejit": "#D55E00",
    "jax": "#0072B2",
    "torch": "#E69F00",
    "autograd": "#009E73",
    "numpy": "#999999",
}
BAR = 0.8  # of the height of a row, shared by its bars


def draw(
    rows: Sequence[Row],
    labels: Mapping[str, str],
    environment: Mapping[str, Any],
    path: Path,
) -> None:
    """Write the chart. Rows without a timed hand-written adjoint are left out."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt
    from matplotlib.ticker import FuncFormatter, LogLocator

    shown = [row for row in rows if "hand" in row.cells and row.cells["hand"].status == "ok"]
    keys = [
        key
        for key in labels
        if key in COLOURS and any(_timed(row, key) is not None for row in shown)
    ]
    if not shown or not keys:
        return
    height = BAR / len(keys)
    figure, axes = plt.subplots(figsize=(10.5, 1.6 + 0.2 * len(keys) * len(shown)), dpi=140)
    for column, key in enumerate(keys):
        drawn = False
        for line, row in enumerate(shown):
            y = line + (column - (len(keys) - 1) / 2) * height
            time = _timed(row, key)
            if time is None:
                cell = row.cells.get(key)
                if cell is not None and cell.status != "absent":
                    axes.text(1.06, y, f"{labels[key]}: {cell.status}", va="center", fontsize=7.5)
                continue
            ratio = time / row.cells["hand"].median
            label = None if drawn else labels[key]
            axes.barh(
                y,
                ratio - 1.0,
                height * 0.92,
                left=1.0,
                color=COLOURS[key],
                edgecolor=COLOURS[key],  # keeps a bar of 1.00x visible
                label=label,
            )
            drawn = True
            axes.text(max(ratio, 1.0) * 1.06, y, seconds(time), va="center", fontsize=7.5)
    names = [f"{row.workload}\nhand {seconds(row.cells['hand'].median)}" for row in shown]
    axes.set_yticks(range(len(shown)), names, fontsize=9)
    axes.set_ylim(len(shown) - 0.45, -0.55)
    for line in range(1, len(shown)):
        axes.axhline(line - 0.5, color="0.9", linewidth=0.8, zorder=0)
    axes.set_xscale("log")
    low, high = axes.get_xlim()
    axes.set_xlim(min(low, 0.9), high * 2.0)  # room for the numbers at the bars
    axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 3.0)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}x"))
    axes.xaxis.set_minor_formatter(FuncFormatter(lambda value, _: ""))
    axes.axvline(1.0, color="black", linewidth=1.2)
    axes.grid(axis="x", color="0.9", zorder=0)
    axes.set_axisbelow(True)
    axes.set_xlabel(
        "time of a call over the hand-written fused adjoint's (log scale, left is better)"
    )
    axes.spines[["top", "right"]].set_visible(False)
    figure.suptitle("Value and gradient, float64", x=0.02, ha="left", fontsize=13)
    figure.legend(loc="upper right", ncols=len(keys), frameon=False, fontsize=9)
    figure.text(0.02, 0.008, _caption(environment), fontsize=7.5, color="0.35")
    figure.tight_layout(rect=(0, 0.02, 1, 0.985))
    figure.savefig(path)
    plt.close(figure)


def _timed(row: Row, key: str) -> float | None:
    cell = row.cells.get(key)
    return cell.median if cell is not None and cell.status == "ok" else None


def _caption(environment: Mapping[str, Any]) -> str:
    versions = environment["versions"]
    named = ", ".join(f"{name} {found}" for name, found in versions.items())
    threads = environment["threads"]
    return f"{environment['cpu']}, {threads} thread{'s' if threads > 1 else ''}; {named}"
