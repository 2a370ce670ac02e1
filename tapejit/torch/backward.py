"""Backward passes: one row that stands for the whole reverse sweep, or a walk row by row.

The sweep from a root whose graph lies in the current trace is a single recorded row; its adjoint is
appended when the trace is lowered, so a training step costs its forward rows and this one. Whatever
needs Python on the way (hooks, functions of the user's, gradients that are recorded in turn) is
walked by `engine` instead; both give the same gradients.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

from .ahead import handed_over
from .codes import BACKWARD, GRAD, PLAIN, Code
from .hot import new, table
from .record import LOCAL, STEPS, Recorder, Segment, never
from .rows import Cone, Row, Rows, Saved, decoded_now, mask_of
from .tensor import Tensor

FREED = (
    "Trying to backward through the graph a second time (or directly access saved tensors after "
    "they have already been freed). Saved intermediate values of the graph are freed when you call "
    ".backward() or autograd.grad(). Specify retain_graph=True if you need to backward through the "
    "graph a second time or if you need to access saved tensors after calling backward."
)


def backward(
    roots: list[Tensor],
    seeds: list[Tensor | None],
    retain: bool,
    create: bool,
    inputs: list[Tensor] | None,
) -> None:
    """Accumulate the gradients of roots into leaves.

    Parameters
    ----------
    seeds : list of Tensor or None
        The cotangents; None for a scalar is one.
    inputs : list of Tensor or None
        The tensors whose ``.grad`` is wanted; None means all leaves.
    """
    rec = LOCAL.rec
    if len(roots) == 1 and not create and inputs is None and not rec.slow:
        root = roots[0]
        if root._kind == GRAD:
            if root._graph is not None and seeds[0] is None and handed_over(rec, root, retain):
                return
            cone, at = prepared(rec, root)
            if not cone.special and (not rec.special or cone.slots.isdisjoint(rec.special)):
                _one_row(rec, cone, at, seeds[0], retain)
                return
    from .engine import accumulate_into_leaves

    accumulate_into_leaves(rec, roots, seeds, retain, create, inputs)


def prepared(rec: Recorder, root: Tensor) -> tuple[Cone, int]:
    """Return the cone of a root, its whole graph in the current trace, and its slot there.

    Raises
    ------
    RuntimeError
        When buffers on the way have been freed or a saved value has been written to.
    """
    if root._more is not None:
        _read_again(rec, root)
    if root._serial == rec.serial:
        at = root._slot
        rows = decoded_now(rec.code)
        cone = rows.cone(at)
        if not cone.imports:
            check_cone(rec, rows, cone)
            return cone, at
        rec.flush()
    from .segments import brought_back

    (at,) = brought_back(rec, [root])
    rows = decoded_now(rec.code)
    cone = rows.cone(at)
    check_cone(rec, rows, cone)
    return cone, at


def _read_again(rec: Recorder, root: Tensor) -> None:
    """Record a view whose memory others see once more, so that it has a slot for its gradient."""
    more = root._more
    view = more is not None and more.base is not None
    if view and root._graph is None and root._serial != rec.serial:
        root._slot = rec.admit(root)
        root._serial = rec.serial


def check_cone(rec: Recorder, rows: Rows, cone: Cone) -> None:
    """Refuse a pass through freed buffers or through saved values that have changed."""
    if rec.freed & cone.saving:
        raise RuntimeError(FREED)
    if rec.stale:
        check_saved(rec, rows, cone.saved)


def check(rec: Recorder, rows: Rows, through: Sequence[int]) -> None:
    """Refuse a pass through some rows; see `check_cone`."""
    saved, saving = rows.saved_by(through)
    if rec.freed & saving:
        raise RuntimeError(FREED)
    if rec.stale:
        check_saved(rec, rows, saved)


def check_saved(rec: Recorder, rows: Rows, saved: Saved) -> None:
    """Raise for a saved value that has been written to by a later row."""
    stale = rec.stale
    if saved.keys().isdisjoint(stale):
        return
    for slot in saved.keys() & stale.keys():
        t, version, begins = stale[slot]
        if any(s < begins or not own for s, own in saved[slot]):
            raise_modified(rows.rows[rows.producer[slot]].code, t, version)


def raise_modified(code: Code, t: Tensor, version: int) -> None:
    """Raise the error of a saved value, a result of `code`, that has been written to since."""
    kind = {"float32": "Float", "float64": "Double", "float16": "Half"}.get(t._spec.np.name, "")
    made = "" if code.op.special == "input" else f", which is output 0 of {code.node},"
    raise RuntimeError(
        "one of the variables needed for gradient computation has been modified by an inplace "
        f"operation: [torch.{kind}Tensor {list(t._spec.shape)}]{made} is at version "
        f"{t._version_of()}; expected version {version} instead. Hint: enable anomaly detection to "
        "find the operation that failed to compute its gradient, with "
        "torch.autograd.set_detect_anomaly(True)."
    )


_lock = threading.Lock()


def _one_row(rec: Recorder, cone: Cone, at: int, seed: Tensor | None, retain: bool) -> None:
    """Record the sweep as one row and give the leaves their gradients."""
    slots, serial = cone.leaves, rec.serial
    before = len(rec.code)
    leaves: list[Tensor] = []
    olds: list[Tensor | None] = []
    old_slots: list[int] = []
    plain = True
    for s in slots:
        t = rec.leaves[s]
        leaves.append(t)
        more = t._more
        if more is not None and more.after:
            plain = False
        g = t._grad
        olds.append(g)
        if g is not None:
            plain = plain and g._kind == PLAIN and g._more is None
            old_slots.append(g._slot if g._serial == serial else rec.admit(g))
    if not plain or (len(leaves) > 1 and len(set(map(id, leaves))) < len(leaves)):
        from .engine import accumulate_into_leaves

        accumulate_into_leaves(rec, [_root_at(rec, at)], [seed], retain, False, None)
        return
    added = tuple([g is not None for g in olds]) if old_slots else None
    index = sweep_code(cone, seed is not None, retain, added, leaves)
    code, owners = rec.code, rec.owners
    if seed is not None:
        seed_slot = rec.admit(seed)
        code += (index, at, seed_slot, *slots, *old_slots)
    else:
        code += (index, at, *slots, *old_slots)
    if not retain:
        if seed is None and len(old_slots) in (0, len(slots)) and STEPS["swept"] is not never:
            if len(SWEEPS) >= _MOST:
                SWEEPS.clear()
            SWEEPS[before] = (code[:before], at, index, tuple(cone.saved), slots, cone.mask, added)
        rec.freed |= cone.mask
        if rec.nodes:
            free(rec, decoded_now(code), cone.rows)
    first = slot = len(owners)
    for leaf, old in zip(leaves, olds):
        if old is None:
            old = new(Tensor)
            old._spec, old._kind, old._serial = leaf._spec, PLAIN, serial
            old._more = old._grad = old._graph = None
            old._ver = 0
            leaf._grad = old
        else:  # `Tensor._set_slot`, written out
            k = old._slot
            rec.stale[k] = (old, old._ver - old._hidden, first)
            if owners[k] is old:
                owners[k] = None
            old._ver += 1
            if old._graph is not None:
                old._graph = None
        old._slot = slot
        old._array = None
        owners.append(old)
        slot += 1
    run_swept(rec)


def run_swept(rec: Recorder) -> None:
    """Run the trace, which ends in the row of a backward pass that has just been recorded."""
    code, inputs, leaves = rec.code, rec.inputs, rec.leaves
    try:
        rec.flush()
    except Exception:
        from .failures import put_back

        row = decoded_now(code).rows[-1]
        slots, added = cone_leaves(row)
        each = iter(row.args[len(row.args) - sum(added) :])
        before = []
        for s, had in zip(slots, added):
            t = leaves[s]
            before.append((t, t._grad if had else None, next(each) if had else -1, None))
        put_back(code, inputs, before)
        raise


def cone_leaves(row: Row) -> tuple[tuple[int, ...], tuple[bool, ...]]:
    """Return the slots of the leaves of a backward row, and which have an old gradient."""
    params = row.code.params
    first = 2 if params["seeded"] else 1
    return row.args[first : first + params["leaves"]], params["added"]


SWEEPS: dict[int, Any] = table()
"""By the number of integers before it, the backward row that machine code may record again.

The integers before, the root, the row's code, the saved slots, those of the leaves, the rows that it
frees, and whether there were old gradients.
"""
_MOST = 64


def free(rec: Recorder, rows: Rows, through: Sequence[int]) -> None:
    """Free the buffers of some rows, also where they come from earlier segments."""
    rec.freed |= mask_of(through)
    if not rec.nodes:
        return
    theirs: dict[Segment, list[int]] = {}
    for r in through:
        origin = rec.nodes.get(rows.rows[r].first)
        if origin is not None:
            segment, slot = origin
            theirs.setdefault(segment, []).append(segment.rows.producer[slot])
    for segment, gone in theirs.items():
        segment.freed |= mask_of(gone)
        if segment.rows.done(segment.freed):
            segment.inputs = None


def _root_at(rec: Recorder, at: int) -> Tensor:
    """Return a tensor that names a slot of the current trace."""
    spec = decoded_now(rec.code).spec(at)
    return Tensor(rec.serial, at, spec, GRAD)


def sweep_code(
    cone: Cone, seeded: bool, retain: bool, added: tuple[bool, ...] | None, leaves: list[Tensor]
) -> int:
    """Return the code of the row that stands for the sweep through a cone.

    Parameters
    ----------
    added : tuple of bool or None
        For each leaf, whether its old gradient is an operand; None where none has one.
    """
    key = (seeded, retain, added)
    index = cone.codes.get(key)
    if index is None:
        n = len(leaves)
        added = added or (False,) * n
        params = {"leaves": n, "seeded": seeded, "retain": retain, "added": added}
        args = (None,) * (1 + seeded + n + sum(added))
        specs = tuple([t._spec for t in leaves])
        with _lock:
            index = cone.codes[key] = Code(BACKWARD, params, args, specs, (PLAIN,) * n).index
    return index
