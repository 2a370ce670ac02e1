"""Segments: a tape with host rows is cut into tapes without, run in turn with the host rows.

The level of a row counts the host rows before coded rows on the longest way to it. Coded rows of one
level make one segment; the host rows of level n run after segment n, in their order: a chain of a
thousand host rows, random draws say, is one level.

Stacks of unknown length do not leave a segment: the loop that makes one and those that read it
stand in one segment, or all of them are host rows.
"""

from __future__ import annotations

from collections.abc import Callable

from ..core.avals import Aval
from ..core.records import record
from ..tape.ir import Builder, Tape
from .schedule import is_open


@record(frozen=True)
class Segment:
    """Coded rows of one level as a tape, with the ids its inputs and outputs have outside."""

    tape: Tape
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]


@record(frozen=True)
class Partition:
    """Segments and host rows in the order in which they run."""

    stages: tuple[Segment | int, ...]


def partition(tape: Tape, has_code: Callable[[Tape, int], bool]) -> Partition:
    """Cut a tape at the rows without code."""
    together = _open_groups(tape)
    forced: set[int] = set()
    while True:
        level, hosted = _levels(tape, has_code, forced)
        torn = [
            g for g in together if len({(level[i], hosted[i]) for i in g}) > 1 and not g <= forced
        ]
        if not torn:
            break
        forced.update(*torn)
    stages: list[Segment | int] = []
    for n in range(max(level, default=0) + 1):
        rows = [i for i in range(tape.n_inputs, tape.rows) if level[i] == n and not hosted[i]]
        segment = _segment(tape, rows)
        if segment is not None:
            stages.append(segment)
        stages += [i for i in range(tape.rows) if level[i] == n and hosted[i]]
    return Partition(tuple(stages))


def _levels(
    tape: Tape, has_code: Callable[[Tape, int], bool], forced: set[int]
) -> tuple[list[int], list[bool]]:
    """Return the level of each row and whether it is a host row."""
    level: list[int] = []
    hosted: list[bool] = []
    for i in range(tape.rows):
        kind = tape.prim(i).emit.kind
        host = i >= tape.n_inputs and kind != "lit" and (i in forced or not has_code(tape, i))
        host = host or (kind == "out" and hosted[tape.args(i)[0]])
        base = max((level[a] + (hosted[a] and not host) for a in tape.args(i)), default=0)
        level.append(base)
        hosted.append(host)
    return level, hosted


def _open_groups(tape: Tape) -> list[set[int]]:
    """Return sets of loops that share a stack of unknown length."""
    groups: list[set[int]] = []
    for i in range(tape.n_inputs, tape.rows):
        aval = tape.any_aval(i)
        if isinstance(aval, Aval) and is_open(aval):
            readers = {j for j in range(i + 1, tape.rows) if i in tape.args(j)}
            groups.append({tape.args(i)[0], *readers})
    return groups


def _segment(tape: Tape, rows: list[int]) -> Segment | None:
    """Return the tape of some rows; values from elsewhere are inputs, values read elsewhere outputs."""
    inside = {i for i in rows if tape.prim(i).emit.kind != "lit"}
    if not inside:
        return None
    readers: set[int] = set(tape.outputs)
    for i in range(tape.rows):
        if i not in inside:
            readers.update(tape.args(i))
    outside = sorted(
        {
            a
            for i in inside
            for a in tape.args(i)
            if a not in inside and tape.prim(a).emit.kind != "lit"
        }
    )
    b = Builder()
    place: dict[int, int] = {}
    for a in outside:
        place[a] = b.input(tape.value(a)).id
    for i in range(tape.n_inputs, tape.rows):
        lit = tape.prim(i).emit.kind == "lit"
        if lit or i in inside:
            args = [place[a] for a in tape.args(i)]
            place[i] = b.append(tape.op[i], args, tape.aval[i], tape.param[i], tape.line[i])
    outputs = tuple(i for i in sorted(inside) if i in readers and not tape.prim(i).effect)
    return Segment(b.finish([place[o] for o in outputs]), tuple(outside), outputs)
