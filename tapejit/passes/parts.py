"""Parts: a wide tape is cut into pieces that share no array, so that each compiles as a small kernel.

Fifty parameters that are updated alike make one kernel of several hundred arrays, whose compile time
grows faster than its size: 5 parameters 2 s, 20 parameters 10 s, 50 more than a minute. Rows that
are linked by arrays belong together; numbers between them (a loss that sums over all, a bias
correction) do not link. Pieces of equal structure are equal tapes, compiled once.

The stages run in the order of levels: the numbers of a level, then the pieces that read them.
"""

from __future__ import annotations

from ..core.avals import Aval
from ..tape.ir import Builder, Tape
from .graphs import strong_components
from .partition import Partition, Segment

WIDE = 64
"""Arrays among inputs, outputs and stored values from which on a tape is cut."""
MOST = 40
"""Arrays that a piece should not pass."""


def parts(tape: Tape) -> Partition | None:
    """Return the stages of a tape without host rows, None when cutting does not pay."""
    rows = range(tape.n_inputs, tape.rows)
    if not all(isinstance(tape.any_aval(i), Aval) for i in range(tape.rows)):
        return None
    arrays = sum(bool(tape.value(i).shape) for i in range(tape.n_inputs))
    arrays += sum(bool(tape.value(o).shape) for o in set(tape.outputs))
    if arrays < WIDE or any(tape.prim(i).effect for i in rows):
        return None
    wanted = set(tape.outputs)
    free = [f and i not in wanted for i, f in enumerate(_free(tape))]
    unit = _units(tape, free)
    level = _levels(tape, unit, free)
    groups: dict[tuple[int, int], list[int]] = {}
    for i in rows:
        if not free[i]:
            groups.setdefault((level[unit[i]], unit[i]), []).append(i)
    pieces = [k for k, members in groups.items() if _has_arrays(tape, members)]
    if len(pieces) < 4:
        return None
    readers = _readers(tape)
    stages: list[Segment | int] = []
    for n in sorted({at for at, _ in groups}):
        numbers = sorted(
            i
            for (at, u), members in groups.items()
            if at == n and not _has_arrays(tape, members)
            for i in members
        )
        if numbers:
            stages.append(_segment(tape, numbers, free, readers))
        bundle: list[int] = []
        size = 0
        for at, u in sorted(pieces, key=lambda k: groups[k][0]):
            if at != n:
                continue
            members = groups[at, u]
            wide = _width(tape, members, free, readers)
            if bundle and size + wide > MOST:
                stages.append(_segment(tape, sorted(bundle), free, readers))
                bundle, size = [], 0
            bundle += members
            size += wide
        if bundle:
            stages.append(_segment(tape, sorted(bundle), free, readers))
    return Partition(tuple(stages))


def _free(tape: Tape) -> list[bool]:
    """Return which rows each piece makes for itself: literals, numbers made of numbers, views of them."""
    free: list[bool] = []
    for i in range(tape.rows):
        kind, args = tape.prim(i).emit.kind, tape.args(i)
        given = i < tape.n_inputs or kind == "lit"
        number = kind == "elementwise" and not tape.value(i).shape
        own = number and all(
            free[a] or (a < tape.n_inputs and not tape.value(a).shape) for a in args
        )
        view = kind == "view" and free[args[0]]
        free.append(kind == "lit" or (not given and (own or view)))
    return free


def _has_arrays(tape: Tape, members: list[int]) -> bool:
    return any(tape.value(i).shape for i in members) or any(
        tape.value(a).shape for i in members for a in tape.args(i)
    )


def _readers(tape: Tape) -> list[set[int]]:
    found: list[set[int]] = [set() for _ in range(tape.rows)]
    for i in range(tape.rows):
        for a in tape.args(i):
            found[a].add(i)
    return found


def _units(tape: Tape, free: list[bool]) -> list[int]:
    """Return the unit of each row: rows linked by arrays, and by numbers that go round in circles."""
    parent = list(range(tape.rows))

    def find(i: int) -> int:
        while parent[i] != i:
            parent[i] = parent[parent[i]]
            i = parent[i]
        return i

    for i in range(tape.n_inputs, tape.rows):
        for a in tape.args(i):
            if a >= tape.n_inputs and not free[a] and tape.value(a).shape:
                parent[find(i)] = find(a)
    unit = [find(i) for i in range(tape.rows)]
    # A number computed from a piece and read by it again belongs to it: strong components.
    after: dict[int, list[int]] = {}
    for i in range(tape.n_inputs, tape.rows):
        for a in tape.args(i):
            if a >= tape.n_inputs and not free[a] and unit[a] != unit[i]:
                after.setdefault(unit[a], []).append(unit[i])
    label = strong_components(after)
    first: dict[int, int] = {}
    return [first.setdefault(label.get(u, u), u) for u in unit]


def _levels(tape: Tape, unit: list[int], free: list[bool]) -> dict[int, int]:
    """Return when each unit can run: numbers behind the pieces they are computed from."""
    members: dict[int, list[int]] = {}
    for i in range(tape.n_inputs, tape.rows):
        if not free[i]:
            members.setdefault(unit[i], []).append(i)
    piece = {u: _has_arrays(tape, rows) for u, rows in members.items()}
    before: dict[int, set[int]] = {u: set() for u in members}
    for u, rows in members.items():
        for i in rows:
            for a in tape.args(i):
                if a >= tape.n_inputs and not free[a] and unit[a] != u:
                    before[u].add(unit[a])
    level: dict[int, int] = {}
    todo = list(members)
    while todo:
        u = todo[-1]
        missing = [v for v in before[u] if v not in level]
        if missing:
            todo += missing
            continue
        todo.pop()
        level[u] = max((level[v] + piece[v] for v in before[u]), default=0)
    return level


def _outside(tape: Tape, rows: list[int], free: list[bool]) -> list[int]:
    """Return the values that some rows, and the free rows that they read, need from elsewhere."""
    inside, seen = set(rows), set(rows)
    found: set[int] = set()
    todo = list(rows)
    while todo:
        for a in tape.args(todo.pop()):
            if a in seen:
                continue
            seen.add(a)
            if free[a]:
                todo.append(a)
            elif a not in inside:
                found.add(a)
    return sorted(found)


def _width(tape: Tape, members: list[int], free: list[bool], readers: list[set[int]]) -> int:
    """Return how many arrays go into and out of some rows."""
    inside = set(members)
    out = {i for i in members if i in tape.outputs or readers[i] - inside}
    return sum(bool(tape.value(i).shape) for i in {*_outside(tape, members, free), *out})


def _segment(tape: Tape, rows: list[int], free: list[bool], readers: list[set[int]]) -> Segment:
    """Return the tape of some rows; what is free stands before its first reader."""
    inside = set(rows)
    outside = _outside(tape, rows, free)
    b = Builder()
    place: dict[int, int] = {a: b.input(tape.value(a)).id for a in outside}

    def put(i: int) -> int:
        if i not in place:
            args = [put(a) for a in tape.args(i)]
            place[i] = b.append(tape.op[i], args, tape.aval[i], tape.param[i], tape.line[i])
        return place[i]

    for i in rows:
        put(i)
    wanted = set(tape.outputs)
    outputs = tuple(i for i in rows if i in wanted or readers[i] - inside)
    return Segment(b.finish([place[o] for o in outputs]), tuple(outside), outputs)
