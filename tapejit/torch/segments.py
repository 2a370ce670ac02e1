"""Graphs of earlier segments, recorded again so that a backward pass finds them whole.

The rows that a result depends on are appended to the current trace, reading the input values that
their segment kept. Their values are computed again, together with the adjoint, in one program.
"""

from __future__ import annotations

from collections.abc import Sequence
from heapq import heapify, heappop, heappush
from typing import Any

import numpy as np

from .codes import GRAD, LEAF, PLAIN, input_codes
from .emit import stand_in
from .record import Recorder, Segment
from .replacing import dense
from .rows import Cone, Row, Saved, decoded_now, mask_of
from .tensor import Tensor
from .threads import segment_elsewhere
from .views import under_graph

Graph = tuple[Segment, int]


def brought_back(rec: Recorder, roots: Sequence[Tensor]) -> list[int]:
    """Return the slots of roots whose graphs lie in earlier segments, recorded in this trace.

    Rows that several of them depend on are recorded once.
    """
    graphs = [segment_elsewhere(t) if t._graph is None else t._graph for t in roots]
    place = _recorded_again(rec, graphs)
    slots = []
    for root, graph in zip(roots, graphs):
        if root._array is None:
            root._array = root._value()
        root._slot = _valued(rec, graph, place[graph], root._array)
        root._serial = rec.serial
        slots.append(root._slot)
    return slots


def _valued(rec: Recorder, graph: Graph, at: int, value: Any) -> int:
    """Return a slot with the value of an earlier result, whose graph has been recorded at a slot.

    What is recorded again of a freed segment reads stand-ins: gradients go through its rows, since
    none of them saves a value, but their results are not those that others have saved:
    ``y = x + 1; (y * y).sum().backward()`` twice.
    """
    if graph[0].inputs is not None:
        return at
    spec = graph[0].rows.spec(graph[1])
    array = np.ascontiguousarray(value) if spec.shape else value
    return under_graph(rec, at, rec.constant(array, dense(spec)), spec)


def _recorded_again(rec: Recorder, graphs: Sequence[Graph]) -> dict[Graph, int]:
    """Record the rows behind slots of earlier segments; return where those slots are now.

    A segment's imports are older than itself. So going from the youngest to the oldest, all that
    is wanted of a segment is known when it is reached, and each is gone through once: one by one,
    3000 losses of some ten segments took 40 s.
    """
    wanted: dict[Segment, set[int]] = {}
    for segment, slot in graphs:
        wanted.setdefault(segment, set()).add(slot)
    waiting = [(-segment.age, segment) for segment in wanted]
    heapify(waiting)
    order: list[tuple[Segment, Cone]] = []
    while waiting:
        _, segment = heappop(waiting)
        cone = segment.rows.reach(wanted[segment])
        order.append((segment, cone))
        for s in cone.imports:
            origin, its = segment.imports[s]
            if origin not in wanted:
                wanted[origin] = set()
                heappush(waiting, (-origin.age, origin))
            wanted[origin].add(its)
    place: dict[Graph, int] = {}
    count = len(decoded_now(rec.code).rows)
    for segment, cone in reversed(order):
        count = _one_segment(rec, segment, wanted[segment], cone, place, count)
    return place


def _one_segment(
    rec: Recorder, seg: Segment, slots: set[int], cone: Cone, places: dict[Graph, int], count: int
) -> int:
    """Record the rows behind some slots; `count` rows are there before, those after are returned."""
    rows = seg.rows
    wanted = rows.needed(tuple(slots))
    # Freed rows that saved nothing read no value: anything of the right shape will do.
    inputs = seg.inputs or [
        stand_in(row.code.specs[0]) for row in rows.rows if row.code.op.special == "input"
    ]
    stale = _stale(seg, cone.saved)
    sources: dict[int, list[tuple[Tensor, int]]] = {}
    for slot, t, version in seg.sources:
        sources.setdefault(slot, []).append((t, version))
    given = iter(inputs)
    place: dict[int, int] = {}
    freed = []
    for r, (row, want) in enumerate(zip(rows.rows, wanted)):
        code, args, first = row
        if code.op.special == "input":
            value = next(given)
            if want:
                before = len(rec.owners)
                place[first] = _input(rec, seg, row, value, places, sources)
                count += len(rec.owners) - before
                if first in stale:
                    rec.stale[place[first]] = stale[first]
            continue
        if not want:
            continue
        at = len(rec.owners)
        rec.code += (code.index, *[place[a] for a in args])
        if seg.freed >> r & 1:
            freed.append(count)
        count += 1
        rec.owners += [None] * code.n_out
        if ~first in seg.special:
            rec.special[~at] = seg.special[~first]
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
            origin, its = rec.nodes[at + j] = seg.nodes.get(first + j, (seg, first + j))
            if origin is not seg and its in origin.special:  # a hook registered since
                rec.special.setdefault(at + j, origin.special[its])
            if origin.node_hooks and origin.rows.producer[its] in origin.node_hooks:
                rec.special.setdefault(at + j, origin)
    rec.freed |= mask_of(freed)
    for k in slots:
        places[seg, k] = place[k]
    return count


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


def _input(
    rec: Recorder,
    seg: Segment,
    row: Row,
    value: Any,
    places: dict[Graph, int],
    sources: dict[int, list[tuple[Tensor, int]]],
) -> int:
    """Return the slot of an input of a segment in the current trace."""
    first = row.first
    kind = row.code.kinds[0]
    if kind == GRAD and first in seg.imports and seg.imports[first] in places:
        return _valued(rec, seg.imports[first], places[seg.imports[first]], value)
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
        leaf = rec.leaves[slot] = seg.leaves[first]
        if first in seg.special:
            rec.special[slot] = seg.special[first]
        elif leaf._more is not None and leaf._more.hooks:  # registered since
            rec.special[slot] = leaf
    rec.sources += [(slot, t, version) for t, version in sources.get(first, ())]
    return slot
