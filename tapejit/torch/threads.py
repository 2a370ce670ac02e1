"""Values that another thread has recorded and not computed.

That thread may be recording at this moment, so its trace is read, never changed: rows are appended
before their results are owned, hence the rows behind a tensor that exists are complete.
"""

from __future__ import annotations

import time
from typing import Any

from .record import LOCAL, Segment, _all, _all_lock
from .rows import Rows


def segment_elsewhere(t: Any) -> tuple[Segment, int]:
    """Return the graph behind a result that is pending in another thread's trace."""
    with _all_lock:
        recorders = list(_all)
    for rec in recorders:
        if rec.serial == t._serial:
            segment = Segment(rec, tuple(rec.code))
            segment.inputs = list(rec.inputs)
            segment.sources, segment.leaves = list(rec.sources), dict(rec.leaves)
            segment.imports, segment.special = dict(rec.imports), dict(rec.special)
            segment.stale, segment.nodes = dict(rec.stale), dict(rec.nodes)
            t._graph = (segment, t._slot)
            break
    if t._graph is None:
        raise RuntimeError("the graph of this tensor is not known: its trace is gone")
    graph: tuple[Segment, int] = t._graph
    return graph


def _run(t: Any, recorders: list[Any]) -> None:
    """Wait for traces that other threads are running: one of them may hold a tensor's value."""
    others = [rec for rec in recorders if rec is not LOCAL.rec]
    while any([rec.running and rec.thread.is_alive() for rec in others]):
        if t._array is not None or "_error" in t.__dict__:
            return
        time.sleep(1e-4)


def value_elsewhere(t: Any) -> Any:
    """Return the value of a tensor that is pending in another thread's trace.

    Raises
    ------
    RuntimeError
        When computing the value has failed before.
    """
    with _all_lock:
        recorders = list(_all)
    for rec in recorders:
        serial = rec.serial
        if serial != t._serial:
            continue
        code, inputs, slot = tuple(rec.code), list(rec.inputs), t._slot
        if rec.serial != serial:
            break
        from .program import evaluate

        value = evaluate(Rows(code), inputs, slot)
        if t._serial == serial and t._slot == slot:  # else it has been written to meanwhile
            t._array = value
        return value
    _run(t, recorders)
    if t._array is not None:
        return t._array
    reason = t.__dict__.get("_error")
    if reason is None:
        raise RuntimeError("the value of this tensor is not known: its trace is gone")
    raise RuntimeError(f"the value of this tensor could not be computed: {reason}")
