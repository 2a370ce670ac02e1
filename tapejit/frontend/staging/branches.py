"""Branches: both sides are captured and become a ``cond`` row, or Python takes the side of this call.

What the sides leave behind must agree in structure, shapes and dtypes. A few cheap operations on
numbers need no branch: both sides are computed and ``where`` selects, whose derivative is exact.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

import numpy as np

from ...core.avals import Aval
from ...core.pytree import flatten
from ...core.records import record
from ...core.sources import LINES, here, on_line
from ...tape.ir import Sym, Tape
from ...tape.pieces import extract, inline
from ...tape.primitive import BY_NAME
from ..capture import Capture, Unstageable
from ..tracer import Root, Tracer, sym_of
from .body import Body, body_of
from .carried import SIDES, Carry, aval_of_leaf, cast, is_number, join, stays, zeros
from .held import hold
from .sharing import link_sides
from .slots import INTERNAL, UNBOUND, Slot, State

CHEAP = frozenset(
    "lit cast copy add subtract multiply negative square absolute sign where maximum minimum equal "
    "not_equal less less_equal greater greater_equal logical_and logical_or logical_not".split()
)
_FEW = 12


@record
class Side:
    """One captured side.

    Attributes
    ----------
    values : dict
        The slots with another value than before, and their values.
    results : list
        What a conditional expression gives.
    """

    body: Body
    values: dict[Slot, Any]
    result: Any = None


def capture_side(cap: Capture, run: Callable[[], Any], state: State | None) -> Side:
    """Capture one side of a branch and put the state back."""
    with body_of(cap, run) as body:
        try:
            result = run()
            values: dict[Slot, Any] = {}
            if state is not None:
                values, appended = state.changes()
                if appended:
                    raise Unstageable("a list gets longer on one side")
        finally:
            if state is not None:
                state.restore()
    return Side(body, values, result)


# ---------------------------------------------------------------- merging


@record
class Merged:
    """A value that the sides leave behind: its carry, and its leaves on either side."""

    carry: Carry
    leaves: tuple[list[Any], list[Any]]


def merge(label: str, a: Any, b: Any) -> Merged:
    """Return what holds the values of both sides.

    Raises
    ------
    Unstageable
        When they differ in structure, shape, or a dtype that does not yield.
    """
    internal = label.startswith(INTERNAL)
    if a is UNBOUND or b is UNBOUND:
        if not internal:
            raise Unstageable(f"{label} has a value on one side only")
        return _half(label, a, b)
    (xs, one), (ys, other) = flatten(a), flatten(b)
    if one != other:
        raise Unstageable(f"{label} is {one} on one side and {other} on the other")
    fixed: list[Any] = []
    avals: list[Aval | None] = []
    first: list[Any] = []
    second: list[Any] = []
    for x, y in zip(xs, ys):
        if _same_static(x, y):
            fixed.append(x)
            avals.append(None)
            continue
        if not (is_number(x) and is_number(y)):
            raise Unstageable(f"{label} is {x!r} on one side and {y!r} on the other")
        fixed.append(None)
        aval = join(label, aval_of_leaf(x), aval_of_leaf(y), SIDES)
        stays(label, x, aval)
        stays(label, y, aval)
        avals.append(aval)
        first.append(x)
        second.append(y)
    return Merged(Carry(label, one, fixed, avals), (first, second))


def _same_static(x: Any, y: Any) -> bool:
    """Whether a leaf is the same on both sides: no choice is to be made."""
    if isinstance(x, Tracer) or isinstance(y, Tracer):
        return x is y  # a traced value from around: it stays itself, and shares what it shared
    if isinstance(x, np.ndarray):
        return x is y and not is_number(x)
    if x is y:
        return True
    return type(x) is type(y) and isinstance(x, (bool, int, float, str)) and x == y and x != 0.0


def _half(label: str, a: Any, b: Any) -> Merged:
    """A value of the rewriter's own that one side does not set: zeros stand for it."""
    given = b if a is UNBOUND else a
    leaves, tree = flatten(given)
    if not all(map(is_number, leaves)):
        raise Unstageable("one side returns something that is no number")
    avals: list[Aval | None] = [aval_of_leaf(v) for v in leaves]
    none: list[Any] = [None] * len(leaves)
    return Merged(Carry(label, tree, none, avals), (none, leaves) if given is b else (leaves, none))


def outputs(body: Body, parts: Sequence[Merged], which: int) -> list[Sym]:
    """Return the rows of one side for all that is merged."""
    found = []
    for part in parts:
        for value, aval in zip(part.leaves[which], part.carry.carried):
            found.append(zeros(body, aval) if value is None else cast(body, value, aval))
    return found


# ---------------------------------------------------------------- the row


def emit(
    cap: Capture, state: State, flag: Sym, sides: tuple[Side, Side], parts: Sequence[Merged]
) -> list[Any]:
    """Record the branch; return the merged values, written arrays updated."""
    roots = {}
    for side in sides:
        for x in side.body.locals.values():
            if x.written:
                roots[id(x.root)] = x.root
    ends = []
    for which, side in enumerate(sides):
        rows = outputs(side.body, parts, which)
        ends.append([s.id for s in (*rows, *(side.body.state(r).sym for r in roots.values()))])
    # an outer row may stand behind several inputs of a side: arrays that were one value before
    known: list[dict[int, list[int]]] = []
    order: dict[tuple[int, int], Sym] = {}
    for side in sides:
        places: dict[int, list[int]] = {}
        for inner, outer in zip(*side.body.operands()):
            places.setdefault(outer.id, []).append(inner.id)
            order[outer.id, len(places[outer.id]) - 1] = outer
        known.append(places)
    tapes: list[Tape] = []
    for side, mine, outs in zip(sides, known, ends):
        takes = []
        for (k, n), outer in order.items():
            ids = mine.get(k, [])
            takes.append(ids[n] if n < len(ids) else _unused(side.body, outer))
        tapes.append(extract(side.body.b, takes, outs))
    operands = list(order.values())
    chosen = _select(cap, flag, tapes, operands) if not roots else None
    if chosen is None:
        made = BY_NAME["cond"].on(cap.b, flag, *operands, then=tapes[0], orelse=tapes[1])
        chosen = list(cap.b.outs(made))
    results = iter(chosen)
    values = []
    for part in parts:
        syms = [next(results) for _ in part.carry.carried]
        values.append(part.carry.with_leaves([Tracer(cap, Root(s)) for s in syms]))
    for root in roots.values():
        place = cap.state(root)
        place.sym = next(results)
        place.version += 1
        cap.wrote(root)
    ended = [leaf for part, v in zip(parts, values) for leaf in part.carry.leaves_of(v)]
    for side in sides:
        for line, what in side.body.notes:
            cap.note(line, what)
    leaves = [[v for part in parts for v in part.leaves[which]] for which in (0, 1)]
    link_sides([side.body for side in sides], leaves, ended)
    for values_, new in zip(zip(*leaves), ended):
        hold(cap, state, values_, new)
    return values


def _unused(body: Body, outer: Sym) -> int:
    return body.given(outer.aval).sym.id


def _select(cap: Capture, flag: Sym, tapes: list[Tape], operands: list[Sym]) -> list[Sym] | None:
    """Return the results of both sides selected by ``where``, None when a branch is better."""
    work = 0
    for tape in tapes:
        for row in tape:
            if row.id < tape.n_inputs:
                continue
            if row.prim.name not in CHEAP or getattr(row.aval, "shape", (1,)) != ():
                return None
            work += row.prim.name not in ("lit", "cast")
    if work > _FEW or any(tape.value(o).shape for tape in tapes for o in tape.outputs):
        return None
    yes, no = (inline(tape, cap.b, operands) for tape in tapes)
    found = []
    for a, b in zip(yes, no):
        found.append(_choice(cap, flag, a, b))
    return found


def _choice(cap: Capture, flag: Sym, a: Sym, b: Sym) -> Sym:
    if a.id == b.id:
        return a
    if a.dtype.kind == "b":
        values = [_lit(x) for x in (a, b)]
        if values == [True, False]:
            return flag
        if values == [False, True]:
            return BY_NAME["logical_not"](flag)
        if values[0] is True:
            return BY_NAME["logical_or"](flag, b)
        if values[1] is False:
            return BY_NAME["logical_and"](flag, a)
    return BY_NAME["where"](flag, a, b)


def _lit(x: Sym) -> Any:
    from ...tape.ir import PARAMS

    return PARAMS[x.b.param[x.id]]["value"] if x.b.op[x.id] == BY_NAME["lit"].index else None


# ---------------------------------------------------------------- the entry points


def flag_of(cap: Capture, test: Tracer) -> Sym:
    """Return the truth value of a traced scalar as a row."""
    sym = sym_of(cap, test)
    if sym.size != 1:
        raise ValueError(
            "The truth value of an array with more than one element is ambiguous. "
            "Use a.any() or a.all()"
        )
    if sym.shape:
        sym = BY_NAME["reshape"](sym, shape=())
    return sym if sym.dtype.kind == "b" else BY_NAME["not_equal"](sym, 0)


def branch(
    cap: Capture,
    test: Tracer,
    then: Any,
    orelse: Any,
    get: Any,
    put: Any,
    names: Any,
    reads: Any,
    line: int,
) -> None:
    """Run ``if test: then() else: orelse()`` for a traced test."""
    line = on_line(line)
    try:
        state = State(get, put, names, reads, (then, orelse))
        sides = (capture_side(cap, then, state), capture_side(cap, orelse, state))
        slots = list(dict.fromkeys([*sides[0].values, *sides[1].values]))
        parts = []
        for slot in slots:
            before = state.before(slot)
            a, b = (side.values.get(slot, before) for side in sides)
            parts.append(merge(state.label(slot), a, b))
            _check_arrays(state.label(slot), sides, a, b)
        cap.b.line = line
        values = emit(cap, state, flag_of(cap, test), sides, parts)
    except Unstageable as error:
        if cap.abstract:  # no truth value could be asked for here
            raise type(error)(_inner(line, error)) from None
        cap.note(line, f"guarded: {error}")
        then() if bool(test) else orelse()
        return
    state.assign(dict(zip(slots, values)))
    cap.note(line, "staged")


def _inner(line: int, error: Unstageable) -> str:
    text = str(error)
    return text if text.startswith("at ") else f"at {LINES[line].short}, {text}"


def _check_arrays(label: str, sides: tuple[Side, Side], a: Any, b: Any) -> None:
    """Refuse to merge names of arrays that stay in use under another name.

    After ``v = a if c else b`` a write to v would have to reach a or b.
    """
    for side, value in zip(sides, (a, b)):
        for leaf in flatten(value)[0]:
            outside = isinstance(leaf, Tracer) and leaf.root.sym.b is not side.body.b
            if outside and leaf.ndim and side.body.state(leaf.root).written:
                raise Unstageable(f"{label} names an array that a side writes to")


def _cells_of(*fns: Any) -> dict[str, Any]:
    """Return what the closures of operands hold."""
    found = {}
    for fn in fns:
        parts = fn.args if isinstance(fn, functools.partial) else (fn,)
        for k, cell in enumerate(c for f in parts for c in getattr(f, "__closure__", None) or ()):
            with suppress(ValueError):
                found[f"{id(fn)} {k}"] = cell.cell_contents
    return found


def choose(
    cap: Capture, test: Tracer, yes: Any, no: Any, label: str = "the result", noted: bool = False
) -> Any:
    """Return ``yes() if test else no()`` for a traced test; `noted` as a branch of the user's."""
    line = here()
    try:
        state = State(lambda: (), lambda values: None, (), lambda: _cells_of(yes, no))
        sides = (capture_side(cap, yes, state), capture_side(cap, no, state))
        if any(side.values for side in sides):
            raise Unstageable("an operand changes a container")
        part = merge(label, sides[0].result, sides[1].result)
        _check_arrays(label, sides, sides[0].result, sides[1].result)
        cap.b.line = line
        (value,) = emit(cap, state, flag_of(cap, test), sides, [part])
    except Unstageable as error:
        if cap.abstract:
            raise type(error)(_inner(line, error)) from None
        cap.note(line, f"guarded: {error}")
        return yes() if bool(test) else no()
    if noted:
        cap.note(line, "staged")
    return value


__all__ = ["branch", "choose", "flag_of"]
