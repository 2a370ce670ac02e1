"""The printed result: medians, the ratio beside the goal, and what has no number."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks import table
from benchmarks.torch.compare import Row
from benchmarks.torch.libraries import LIBRARIES, TAPEJIT
from benchmarks.torch.recording import GOAL_S


def verdict(row: Row) -> str:
    """Whether the goal is met."""
    cell = row.cells.get(TAPEJIT.key)
    if cell is None or cell.status == "absent":
        return "-"
    if cell.status != "ok":
        return f"behind: {cell.status}"
    if row.ratio is None:
        return "-" if row.checked else "not checked"
    if row.program.goal is None:
        return "ahead" if row.ratio > 1.0 else "behind PyTorch"
    return "goal met" if row.ratio >= row.program.goal else "behind goal"


def _steady(row: Row) -> str:
    """Kernel calls in a step, and interpreted runs if there are any."""
    if row.kernel_calls is None:
        return "-"
    text = f"{row.kernel_calls:.3g}"
    return text + (f" + {row.interpreted:.3g} interpreted" if row.interpreted else "")


def format_rows(rows: Sequence[Row]) -> str:
    """The table of steps, then a line for each cell without a number."""
    header = ["program", *(library.label for library in LIBRARIES)]
    header += ["kernels", "PyTorch/tapejit", "goal", "verdict"]
    lines = [
        [
            row.program.name,
            *(table.cell_text(row.cells.get(library.key)) for library in LIBRARIES),
            _steady(row),
            "-" if row.ratio is None else f"{row.ratio:.2f}x",
            "-" if row.program.goal is None else f"{row.program.goal:g}x",
            verdict(row),
        ]
        for row in rows
    ]
    text = table.aligned(header, lines)
    notes: dict[str, list[str]] = {}
    for row in rows:
        for library in LIBRARIES:
            cell = row.cells.get(library.key)
            if cell is not None and cell.status != "ok":
                note = f"{library.label} {cell.status}: {cell.note}"
                notes.setdefault(note, []).append(row.program.name)
    for note, where in notes.items():
        text += f"\n{'everywhere' if len(where) == len(rows) else ', '.join(where)}: {note}"
    return text


def format_recording(records: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> str:
    """Seconds of a row by chain and library."""
    lines = []
    failures = []
    for name, by_library in records.items():
        cells = []
        for library in LIBRARIES:
            record = by_library.get(library.key, {})
            cells.append(table.seconds(record["row_s"]) if "row_s" in record else "-")
            if "failed" in record:
                failures.append(f"{name}: {library.label} failed: {record['failed']}")
        mine = by_library.get(TAPEJIT.key, {}).get("row_s")
        met = "-" if mine is None else "goal met" if mine <= GOAL_S else "behind goal"
        lines.append([name, *cells, table.seconds(GOAL_S), met])
    header = ["row", *(library.label for library in LIBRARIES), "goal", "verdict"]
    return "\n".join([table.aligned(header, lines), *failures])


FIRST_COLUMNS = {
    "first_step_s": "first step",
    "second_step_s": "second",
    "extra_s": "extra in ten",
    "steady_step_s": "steady",
    "setup_s": "set-up",
    "import_s": "imports",
}
