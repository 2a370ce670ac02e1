"""Rows that writing in place needs: a base rewritten through a view, a value under an old graph."""

from __future__ import annotations

from typing import Any

import numpy as np

from .codes import CODES, GRAD, LEAF, PLAIN, Op, op, three
from .record import Recorder
from .spec import Spec


@op("copy_slices", node="torch::autograd::CopySlices", saves=())
def copy_slices(base: Any, new: Any, *, view: Op, view_params: Any) -> Any:
    """The base with what one of its views shows replaced."""
    params = dict(view_params)
    if view.write is not None:
        return view.write(base, new, **params)
    if not base.ndim:  # traced, a copy of it is a number, which no view writes through to
        return np.reshape(new, ())
    out = np.copy(base)
    shown = view.impl(out, **params)
    shown[...] = new
    return out


@op("attach", node="AttachBackward0", saves=())
def attach(old: Any, new: Any) -> Any:
    """The new value; gradients go to the old one, as for writes that autograd is not told of."""
    from .ops.kinks import attached

    return attached(old, new)


def written(
    rec: Recorder,
    base: Any,
    code: int,
    slot: int,
    spec: Spec,
    kind: int,
    leaf: bool,
    grad: bool | None = None,
) -> tuple[int, int]:
    """Append the row that rewrites a base through a view; return its slot and kind."""
    grad = rec.grad if grad is None else grad
    view = CODES[code]
    key = (code, base._spec, spec)
    first = copy_slices.memo.get(key)
    if first is None:
        params = {"view": view.op, "view_params": tuple(view.params.items())}
        first = copy_slices.memo[key] = three(
            copy_slices, params, (base._spec, spec), (_dense(base._spec),)
        )
    at = rec.admit(base)
    kind = GRAD if (kind & 3 or base._kind & 3) and grad and base._spec.floating else PLAIN
    if leaf:
        kind = LEAF
    made = len(rec.owners)
    rec.code += (first + kind, at, slot)
    rec.owners.append(None)
    return made, kind


def through(t: Any) -> tuple[Any, int, bool]:
    """Return where a write that goes through expanded views ends, and the one view that it writes.

    An expanded base shows one place several times, so what is written to a part of it cannot be
    read off its new elements: the write goes at once to the first base that repeats nothing. Also
    returned is whether a detached name lies on the way.
    """
    codes, detached, base = [], False, t
    while base is t or base._spec.repeats:
        more = base._more
        if more is None or more.base is None:
            raise RuntimeError(SHARED_PLACES)
        codes.append(more.code)
        detached = detached or more.detached
        base = more.base
    return base, _chain_code(tuple(reversed(codes)), base._spec, t._spec), detached


def _chain_code(codes: tuple[int, ...], base: Spec, spec: Spec) -> int:
    found = _chain.memo.get((codes, base))
    if found is None:
        steps = tuple([(CODES[code].op, tuple(CODES[code].params.items())) for code in codes])
        found = _chain.memo[codes, base] = three(_chain, {"steps": steps}, (base,), (spec,))
    return int(found)


def _chained(x: Any, *, steps: tuple[tuple[Op, Any], ...]) -> Any:
    """A view of a view of .. of the operand."""
    for view, params in steps:
        x = view.impl(x, **dict(params))
    return x


def _write_chained(base: Any, new: Any, *, steps: tuple[tuple[Op, Any], ...]) -> Any:
    """Write to the places that the views show; those shown twice get one value."""
    n = int(np.prod(base.shape))
    places = np.asarray(_chained(np.arange(n).reshape(base.shape), steps=steps)).reshape(-1)
    out = np.copy(base).reshape(-1)
    out[places] = np.reshape(new, -1)
    return out.reshape(base.shape)


_chain = Op("view_chain", _chained, "AsStridedBackward0", ((),), view=True, write=_write_chained)

SHARED_PLACES = (
    "unsupported operation: more than one element of the written-to tensor refers to a single "
    "memory location. Please clone() the tensor before performing the operation."
)


def attached(rec: Recorder, t: Any, slot: int) -> int:
    """Append the row that puts a value under the graph of a tensor's old one."""
    return under_graph(rec, rec.admit(t), slot, t._spec)


def under_graph(rec: Recorder, old: int, new: int, spec: Spec) -> int:
    """Append the row that puts the value of one slot under the graph of another."""
    first = attach.memo.get(spec)
    if first is None:
        first = attach.memo[spec] = three(attach, {}, (spec, spec), (_dense(spec),))
    made = len(rec.owners)
    rec.code += (first + GRAD, old, new)
    rec.owners.append(None)
    return made


def _dense(spec: Spec) -> Spec:
    from .spec import spec_of

    return spec_of(spec.np, tuple(spec.shape))
