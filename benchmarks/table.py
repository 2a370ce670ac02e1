"""The printed result: aligned columns, ratios, and a verdict that says "behind" where it is.

The verdict of a row is "goal met" only if tapejit is ahead of every peer that differentiates, at
least twice as fast as JAX, and within 1.25 times the hand-written adjoint (small rows: or within
1.5 microseconds over it). Anything else says "behind" and whom.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.measure import Cell, Row

SUBJECT = "tapejit"
PEERS = {
    "jax": "JAX",
    "torch": "PyTorch",
    "torch-compile": "torch.compile",
    "autograd": "autograd",
    "casadi": "CasADi",
}
WITHIN_HAND = 1.25
SMALL_OVERHEAD = 1.5e-6  # seconds over the kernel that dispatch may cost on small rows
AHEAD_OF_JAX = 2.0
RATIOS = (
    ("tapejit/hand", "tapejit", "hand"),
    *((f"{label}/tapejit", key, "tapejit") for key, label in PEERS.items()),
    ("JAX/hand", "jax", "hand"),
)


def seconds(value: float) -> str:
    """Three significant digits in the unit that suits: ``1.23 us``."""
    units = (("s", 1.0), ("ms", 1e-3), ("us", 1e-6), ("ns", 1e-9))
    unit, scale = next((u for u in units if value >= 0.9995 * u[1]), units[-1])
    scaled = value / scale
    digits = 2 if scaled < 9.995 else 1 if scaled < 99.95 else 0
    return f"{scaled:.{digits}f} {unit}"


def cell_text(cell: Cell | None) -> str:
    """A median, "-" where there is none; a note below the table says why."""
    if cell is not None and cell.status == "ok":
        return seconds(cell.median)
    return "WRONG" if cell is not None and cell.status == "WRONG" else "-"


def ratio_text(row: Row, above: str, below: str) -> str:
    """``1.23x``, or "-" where one of the two was not timed."""
    numerator, denominator = row.median(above), row.median(below)
    if numerator is None or denominator is None:
        return "-"
    ratio = numerator / denominator
    return f"{ratio:.2f}x" if ratio < 9.995 else f"{ratio:.0f}x"


def behind_peers(row: Row) -> list[tuple[str, float]]:
    """The peers that are as fast as tapejit or faster, and its time over theirs."""
    mine = row.median(SUBJECT)
    if mine is None:
        return []
    timed = ((label, row.median(key)) for key, label in PEERS.items())
    return [(label, mine / theirs) for label, theirs in timed if theirs and theirs <= mine]


def over_hand(row: Row) -> float | None:
    """tapejit's time over the hand-written adjoint's where that is more than is allowed."""
    mine, hand = row.median(SUBJECT), row.median("hand")
    if mine is None or hand is None:
        return None
    allowed = max(WITHIN_HAND * hand, hand + SMALL_OVERHEAD if row.small else 0.0)
    return mine / hand if mine > allowed else None


def close_to_jax(row: Row) -> float | None:
    """JAX's time over tapejit's where that is above 1 and less than the goal."""
    mine, jax = row.median(SUBJECT), row.median("jax")
    if mine is None or jax is None:
        return None
    return jax / mine if mine < jax < AHEAD_OF_JAX * mine else None


def verdict(row: Row) -> str:
    """Where tapejit stands on this row."""
    subject = row.cells.get(SUBJECT)
    if subject is None or subject.status == "absent":
        return "-"
    if subject.status != "ok":
        return f"behind: {subject.status}"
    if peers := behind_peers(row):
        return "behind " + ", ".join(f"{label} {ratio:.2f}x" for label, ratio in peers)
    short = []
    if (ratio := over_hand(row)) is not None:
        short.append(f"{ratio:.2f}x hand")
    if (ratio := close_to_jax(row)) is not None:
        short.append(f"JAX only {ratio:.2f}x")
    return "behind goal: " + ", ".join(short) if short else "goal met"


def aligned(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Columns padded to their widest entry; the first and last on the left, others right."""
    table = [list(header), *(list(row) for row in rows)]
    widths = [max(len(line[i]) for line in table) for i in range(len(header))]
    last = len(header) - 1
    lines = [
        "  ".join(
            text.ljust(width) if i in (0, last) else text.rjust(width)
            for i, (text, width) in enumerate(zip(line, widths))
        ).rstrip()
        for line in table
    ]
    lines.insert(1, "-" * (sum(widths[:-1]) + 2 * last + min(widths[-1], 30)))
    return "\n".join(lines)


def widest_spread(row: Row) -> str:
    """The widest interquartile range of the row, relative to its median."""
    spreads = []
    for cell in row.cells.values():
        if cell.status == "ok" and len(cell.samples) > 1:
            first, third = cell.quartiles
            spreads.append((third - first) / cell.median)
    return f"{100 * max(spreads):.0f}%" if spreads else "-"


def format_rows(rows: Sequence[Row], labels: Mapping[str, str]) -> str:
    """Tables of medians and of ratios with verdicts, and a line for each cell without a number."""
    present = {key: label for key, label in labels.items() if any(key in r.cells for r in rows)}
    times = [
        [row.workload, *(cell_text(row.cells.get(key)) for key in present), widest_spread(row)]
        for row in rows
    ]
    text = aligned(["workload", *present.values(), "spread"], times)
    timed = {key for row in rows for key, cell in row.cells.items() if cell.status == "ok"}
    ratios = [ratio for ratio in RATIOS if {ratio[1], ratio[2]} <= timed]
    lines = [
        [
            row.workload,
            *(ratio_text(row, above, below) for _, above, below in ratios),
            verdict(row),
        ]
        for row in rows
    ]
    text += "".join(f"\n{line}" for line in notes(rows, labels))
    names = [name for name, _, _ in ratios]
    return text + "\n\n" + aligned(["workload", *names, "verdict"], lines)


def notes(rows: Sequence[Row], labels: Mapping[str, str]) -> list[str]:
    """Why cells have no number: each reason once, with the rows that it is true of."""
    found: dict[str, list[str]] = {}
    for row in rows:
        for key, cell in row.cells.items():
            if cell.status != "ok":
                status = "" if cell.status == "absent" else f"{cell.status}: "
                found.setdefault(f"{labels[key]}: {status}{cell.note}", []).append(row.workload)
    return [
        f"{note} ({'everywhere' if len(where) == len(rows) > 1 else ', '.join(where)})"
        for note, where in found.items()
    ]


def format_records(
    records: Mapping[str, Mapping[str, Any]], columns: Mapping[str, str], *, first: str
) -> str:
    """A table with one record a row; keys ending in ``_s`` are seconds, in ``_mib`` MiB."""
    lines = []
    for name, record in records.items():
        cells = []
        for key in columns:
            value = record.get(key)
            if value is None:
                cells.append("-")
            elif key.endswith("_s"):
                cells.append(seconds(value))
            elif key.endswith("_mib"):
                cells.append(f"{value:.0f} MiB")
            else:
                cells.append(f"{value:.0f}")
        lines.append([name, *cells, f"failed: {record['failed']}" if "failed" in record else ""])
    return aligned([first, *columns.values(), ""], lines)
