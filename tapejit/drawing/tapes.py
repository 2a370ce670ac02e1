"""The rows of a tape as boxes: name, aval, and in the title the row as text and its source line."""

from __future__ import annotations

import linecache
from typing import Any

from ..core.sources import LINES, UNKNOWN
from ..tape.ir import Row, Tape
from .graph import Box, Graph


def of_tape(tape: Tape) -> Graph:
    """Return the graph of a tape; a row that holds bodies is one box."""
    boxes, edges = [], []
    for row in tape:
        boxes.append(_box(tape, row))
        edges += [(a, row.id) for a in row.args]
    for k, value in enumerate(tape.outputs):
        name = f"output {k}" if len(tape.outputs) > 1 else "output"
        edges.append((value, len(boxes)))
        boxes.append(Box((name, str(tape.any_aval(value))), "result", f"{name}: %{value}"))
    return Graph(tuple(boxes), tuple(edges))


def _box(tape: Tape, row: Row) -> Box:
    name, aval = row.prim.name, str(row.aval)
    if row.id < tape.n_inputs:
        return Box((f"input {row.id}", aval), "input", f"%{row.id} : {aval}")
    if name == "lit":
        value = str(row.params["value"])
        return Box((value, aval), "constant", f"%{row.id} = {value} : {aval}")
    bodies = {k: v for k, v in row.params.items() if isinstance(v, Tape)}
    title = _text(row, bodies)
    if not bodies:
        return Box((name, aval), "step", title)
    rows = sum(len(body) for body in bodies.values())
    return Box((name, f"{rows} rows inside", aval), "body", title)


def _text(row: Row, bodies: dict[str, Any]) -> str:
    args = "".join(f" %{a}" for a in row.args)
    given = ", ".join(
        f"{k}=<{len(bodies[k])} rows>" if k in bodies else f"{k}={row.params[k]!r}"
        for k in sorted(row.params)
    )
    lines = [f"%{row.id} = {row.prim.name}{args}{f' {{{given}}}' if given else ''} : {row.aval}"]
    if row.line != UNKNOWN:
        place = LINES[row.line]
        lines += [str(place), linecache.getline(place.file, place.line).strip()]
    return "\n".join(filter(None, lines))
