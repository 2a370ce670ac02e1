"""Calls whose rows are computed again in the reverse sweep: what ``checkpoint`` stages."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...core.pytree import flatten, unflatten
from ...core.sources import here
from ...tape.pieces import extract
from ...tape.primitive import BY_NAME
from ..capture import Capture, Unstageable
from ..tracer import Root, Tracer
from .body import body_of
from .carried import aval_of_leaf, cast, is_number
from .slots import State


def again(
    cap: Capture, fn: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    """Return ``fn(*args, **kwargs)`` as a ``call`` row.

    Raises
    ------
    Unstageable
        When Python needs values of this call.
    """
    reached = {"fn": fn, "args": args, "kwargs": kwargs}
    state = State(lambda: (), lambda values: None, (), lambda: reached)
    line = here()
    with body_of(cap) as body:
        try:
            result = fn(*args, **kwargs)
            changed, appended = state.changes()
        finally:
            state.restore()
        if changed or appended:
            raise Unstageable("it changes a container that it is given or can reach")
        leaves, tree = flatten(result)
        traced = [is_number(v) and isinstance(v, Tracer) for v in leaves]
        rows = [cast(body, v, aval_of_leaf(v)) for v, is_traced in zip(leaves, traced) if is_traced]
    written = [x for x in body.locals.values() if x.written]
    inner, outer = body.operands()
    ends = [*(s.id for s in rows), *(x.sym.id for x in written)]
    made = extract(body.b, [s.id for s in inner], ends)
    cap.b.line = line
    found = iter(cap.b.outs(BY_NAME["call"].on(cap.b, *outer, body=made)))
    values = [
        Tracer(cap, Root(next(found))) if is_traced else v for v, is_traced in zip(leaves, traced)
    ]
    for x in written:
        place = cap.state(x.root)
        place.sym = next(found)
        place.version += 1
    return unflatten(tree, values)
