"""Graphs of earlier segments, recorded again so that a backward pass finds them whole.

The rows that a result depends on are appended to the current trace, reading the input values that
their segment kept. Their values are computed again, together with the adjoint, in one program.
"""

from __future__ import annotations

from typing import Any

from .codes import GRAD, LEAF, PLAIN, input_codes
from .emit import stand_in
from .record import Recorder, Segment
from .rows import Saved, decoded, decoded_now
from .tensor import Tensor
from .threads import segment_elsewhere


def brought_back(rec: Recorder, root: Tensor, memo: dict[Any, Any] | None = None) -> int:
    """Return the slot of a root whose graph lies in earlier segments, recorded in this trace.

    Roots that are brought back together share `memo`, so that common rows are recorded once.
    """
    graph = root._graph
    if graph is None:
        graph = segment_elsewhere(root)
    memo = {} if memo is None else memo
    segment, slot = graph
    at = again(rec, segment, slot, memo)
    if root._array is None:
        root._array = root._value()
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
    wanted = rows.needed((k,))
    # Freed rows that saved nothing read no value: anything of the right shape will do.
    inputs = seg.inputs or [
        stand_in(row.code.specs[0]) for row in rows.rows if row.code.op.special == "input"
    ]
    stale = _stale(seg, cone.saved)
    count = len(decoded_now(rec.code).rows)
    place: dict[int, int] = {}
    taken = 0
    known: dict[int, int] = memo.get(("rows", id(seg)), {})
    for r, (row, want) in enumerate(zip(rows.rows, wanted)):
        code, args, first = row
        if code.op.special == "input":
            value = inputs[taken]
            taken += 1
            if first in known:
                place[first] = known[first]
            elif want:
                before = len(rec.owners)
                place[first] = _input(rec, seg, row, value, memo)
                count += len(rec.owners) > before
                if first in stale:
                    rec.stale[place[first]] = stale[first]
            continue
        if not want:
            continue
        if all(first + j in known for j in range(code.n_out)):
            for j in range(code.n_out):
                place[first + j] = known[first + j]
            continue
        at = len(rec.owners)
        rec.code += (code.index, *(place[a] for a in args))
        rec.freed |= (seg.freed >> r & 1) << count
        count += 1
        rec.owners += [None] * code.n_out
        for j in range(code.n_out):
            place[first + j] = at + j
            if first + j in seg.special:
                rec.special[at + j] = seg.special[first + j]
            if first + j in seg.leaves:
                rec.leaves[at + j] = seg.leaves[first + j]
            if first + j in seg.lines:
                rec.lines[at + j] = seg.lines[first + j]
            if first + j in stale:
                rec.stale[at + j] = stale[first + j]
            rec.nodes[at + j] = seg.nodes.get(first + j, (seg, first + j))
            origin, its = rec.nodes[at + j]
            if decoded(origin.code).producer[its] in origin.node_hooks:
                rec.special.setdefault(at + j, origin)
    memo[("rows", id(seg))] = {**known, **place}
    memo[(seg, k)] = place[k]


_AFTER = 1 << 60


def _stale(seg: Segment, saved: Saved) -> dict[int, tuple[Tensor, int, int]]:
    """Return the saved slots of a segment whose tensors have been written to since."""
    found = {}
    for slot, t, version in seg.sources:
        # A tensor written to within the segment has gone on to another slot: see below.
        if slot in saved and slot not in seg.stale and t._version_of() != version:
            found[slot] = (t, version, _AFTER)
    for slot, (t, version, begins) in seg.stale.items():
        if any(r < begins or not own for r, own in saved.get(slot, ())):
            found[slot] = (t, version, _AFTER)
    return found


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
