"""Results of one row put into the places of many tensors, as writes in place.

This is `Tensor._set_slot` for many at once: an optimiser's step replaces all parameters and states.
"""

from __future__ import annotations

from collections.abc import Sequence

from .codes import GRAD, LEAF, PLAIN
from .record import STEPS, Recorder
from .spec import Spec, spec_of
from .surface import put
from .tensor import Tensor


def dense(spec: Spec) -> Spec:
    """Return the spec of the same dtype and shape in contiguous memory."""
    return spec_of(spec.np, tuple(spec.shape))


def admitted(rec: Recorder, tensors: Sequence[Tensor]) -> list[int]:
    """Return the slots of tensors: `Recorder.admit`, written out for many."""
    quick: list[int] | None = STEPS["admitted"](rec, tensors)
    if quick is not None:
        return quick
    serial, code, owners = rec.serial, rec.code, rec.owners
    inputs, sources, leaves = rec.inputs, rec.sources, rec.leaves
    slots = []
    slot = len(owners)
    for t in tensors:
        if t._serial == serial:
            slots.append(t._slot)
            continue
        kind, array = t._kind, t._array
        found = t._spec.inputs
        if t._more is not None or array is None or kind & GRAD or kind > 3 or found is None:
            slots.append(rec.admit(t))
            slot = len(owners)
            continue
        code.append(found[kind])
        owners.append(None)
        inputs.append(array)
        sources.append((slot, t, t._ver))
        if kind:
            leaves[slot] = t
        t._serial = serial
        t._slot = slot
        slots.append(slot)
        slot += 1
    return slots


def replace(
    rec: Recorder, outs: Sequence[Tensor], slow: list[bool], first: int, kinds: Sequence[int]
) -> None:
    """Make consecutive slots the values of tensors: `Tensor._set_slot`, written out for many.

    Tensors with views, hooks or memory that others see go the long way, after the others: their
    writes may run the trace, so the values wait in tensors of their own.
    """
    owners, serial, stale, leaves = rec.owners, rec.serial, rec.stale, rec.leaves
    waiting = []
    for slot, (t, apart, kind) in enumerate(zip(outs, slow, kinds), first):
        if apart:
            held = owners[slot] = Tensor(serial, slot, dense(t._spec), PLAIN)
            waiting.append((t, held))
            continue
        if t._serial == serial:
            old = t._slot
            stale[old] = (t, t._ver, first)
            if owners[old] is t:
                owners[old] = None
        t._serial, t._slot, t._array = serial, slot, None
        t._ver += 1
        owners[slot] = t
        if kind == LEAF:
            leaves[slot] = t
    for t, held in waiting:
        put(t, held)


def replace_simple(rec: Recorder, outs: Sequence[Tensor], first: int, kinds: Sequence[int]) -> None:
    """Make new slots, from `first` on, the values of admitted tensors without views or hooks."""
    if STEPS["replaced"](rec, outs, first, kinds):
        return
    owners, stale, leaves = rec.owners, rec.stale, rec.leaves
    for slot, (t, kind) in enumerate(zip(outs, kinds), first):
        old = t._slot
        stale[old] = (t, t._ver, first)
        if owners[old] is t:
            owners[old] = None
        t._slot = slot
        t._array = None
        t._ver += 1
        if kind:
            leaves[slot] = t
    owners += outs
