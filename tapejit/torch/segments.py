"""Graphs of earlier segments, recorded again so that a backward pass finds them whole.

The rows that a result depends on are appended to the current trace, reading the input values that
their segment kept. Their values are computed again, together with the adjoint, in one program.
"""

from __future__ import annotations

from typing import Any

from .backward import FREED, raise_modified
from .emit import stand_in
from .codes import GRAD, LEAF, PLAIN, input_codes
from .record import Recorder, Segment
from .rows import decoded
from .tensor import Tensor


def brought_back(rec: Recorder, root: Tensor, memo: dict[Any, Any] | None = None) -> int:
    """Return the slot of a root whose graph lies in earlier segments, recorded in this trace.

    Roots that are brought back together share `memo`, so that common rows are recorded once.
    """
    graph = root._graph
    if graph is None:
        raise RuntimeError(
            "the graph of this tensor is recorded by another thread that has not computed it yet"
        )
    memo = {} if memo is None else memo
    segment, slot = graph
    at = again(rec, segment, slot, memo)
    root._serial, root._slot = rec.serial, at
    return at


def again(rec: Recorder, segment: Segment, slot: int, memo: dict[Any, Any]) -> int:
    """Record the rows behind a slot of an earlier segment, once for each slot."""
    todo = [(segment, slot)]
    while todo:
        seg, k = todo[-1]
        if (seg, k) in memo:
            todo.pop()
            continue
        rows = decoded(seg.code)
        cone = rows.cone(k)
        missing = [seg.imports[s] for s in cone.imports if seg.imports[s] not in memo]
        if missing:
            todo += missing
            continue
        todo.pop()
        _one_segment(rec, seg, k, memo)
    return int(memo[(segment, slot)])


def _one_segment(rec: Recorder, seg: Segment, k: int, memo: dict[Any, Any]) -> None:
    rows = decoded(seg.code)
    cone = rows.cone(k)
    if seg.freed & cone.saving:
        raise RuntimeError(FREED)
    wanted = rows.needed((k,))
    # Freed rows that saved nothing read no value: anything of the right shape will do.
    inputs = seg.inputs or [
        stand_in(row.code.specs[0]) for row in rows.rows if row.code.op.special == "input"
    ]
    versions = {s: (t, version) for s, t, version in seg.sources}
    for s in cone.saved:
        if s in seg.stale and any(r < seg.stale[s][2] for r in cone.saved[s]):
            raise_modified(rows.rows[rows.producer[s]].code, *seg.stale[s][:2])
        found = versions.get(s)
        if found is not None and found[0]._version_of() != found[1]:
            raise_modified(rows.rows[rows.producer[s]].code, *found)
    place: dict[int, int] = {}
    taken = 0
    known: dict[int, int] = memo.get(("rows", id(seg)), {})
    for row, want in zip(rows.rows, wanted):
        code, args, first = row
        if code.op.special == "input":
            value = inputs[taken]
            taken += 1
            if first in known:
                place[first] = known[first]
            elif want:
                place[first] = _input(rec, seg, row, value, memo)
            continue
        if not want:
            continue
        if all(first + j in known for j in range(code.n_out)):
            for j in range(code.n_out):
                place[first + j] = known[first + j]
            continue
        at = len(rec.owners)
        rec.code += (code.index, *(place[a] for a in args))
        rec.owners += [None] * code.n_out
        for j in range(code.n_out):
            place[first + j] = at + j
            if first + j in seg.special:
                rec.special[at + j] = seg.special[first + j]
            if first + j in seg.leaves:
                rec.leaves[at + j] = seg.leaves[first + j]
            if first + j in seg.lines:
                rec.lines[at + j] = seg.lines[first + j]
            if first + j in seg.stale:
                t, version, _ = seg.stale[first + j]
                rec.stale[at + j] = (t, version, -1)  # it has been checked
            rec.nodes[at + j] = seg.nodes.get(first + j, (seg, first + j))
            origin, its = rec.nodes[at + j]
            if decoded(origin.code).producer[its] in origin.node_hooks:
                rec.special.setdefault(at + j, origin)
    memo[("rows", id(seg))] = {**known, **place}
    memo[(seg, k)] = place[k]


def _input(rec: Recorder, seg: Segment, row: Any, value: Any, memo: dict[Any, Any]) -> int:
    first = row.first
    kind = row.code.kinds[0]
    if kind == GRAD and first in seg.imports and seg.imports[first] in memo:
        return int(memo[seg.imports[first]])
    if kind == LEAF:
        leaf = seg.leaves[first]
        if leaf._array is value and leaf._serial != rec.serial:
            return rec.admit(leaf)
        if leaf._serial == rec.serial and leaf._array is value and leaf._kind == LEAF:
            return leaf._slot
    slot = len(rec.owners)
    # A result whose graph is not followed is a constant here.
    spec = row.code.specs[0]
    plain = row.code.index if isinstance(spec, type) else input_codes(spec)[PLAIN]
    index = row.code.index if kind == LEAF else plain
    rec.code.append(index)
    rec.owners.append(None)
    rec.inputs.append(value)
    if kind == LEAF:
        rec.leaves[slot] = seg.leaves[first]
        if first in seg.special:
            rec.special[slot] = seg.special[first]
    for s, t, version in seg.sources:
        if s == first:
            rec.sources.append((slot, t, version))
    return slot
