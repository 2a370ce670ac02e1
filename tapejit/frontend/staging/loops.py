"""Loops: a round is captured once and becomes a ``for`` or ``while`` row, or Python runs the loop.

The first attempt carries the variables that hold numbers; what a round rebinds besides is carried in
the next attempt, with the avals of both, until a round gives back what it took. Arrays that a round
writes to are carried too. When the first round changes the structure of the state (a shape, None for
a value), Python runs it and the rest is staged. When a round cannot be staged, Python runs them all.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import field
from typing import Any

import numpy as np

from ...core.avals import Aval
from ...core.config import config
from ...core.errors import UnrollError
from ...core.pytree import TreeDef, flatten
from ...core.records import record
from ...core.sources import LINES, on_line
from ...rules.loops import ANY
from ...tape.ir import Sym, Tape
from ...tape.pieces import extract
from ...tape.primitive import BY_NAME
from ..capture import Capture, Unstageable
from ..piles import Pile, Stack
from ..tracer import Root, Tracer, sym_of
from . import segments
from .body import Body, body_of, is_traced
from .capacity import most_rounds
from .carried import (
    Carry,
    Inputs,
    aval_of_leaf,
    carry_of,
    cast,
    is_number,
    join,
    may_be_undefined,
    start,
    stays,
    widened,
    wrapped,
)
from .growth import check_ints
from .held import hold, is_held
from .hoist import drawn_ahead
from .iterables import Rows, rows_of
from .sharing import Names, roots_of
from .slots import UNBOUND, Slot, State, Structure, left_over
from .weights import LIMIT, REPEATED, weight_of

INT = Aval(np.dtype(np.int64), (), True)
"""Positions are Python ints to the user's code: their dtype yields to others."""
_ATTEMPTS = 8

Thunk = Callable[[], Any]


@record
class Loop:
    """A loop as the rewritten code hands it over.

    Attributes
    ----------
    go : callable or None
        Whether there is another round (a ``while``'s test, the flags of ``break`` and ``return``).
    round : callable
        ``round(item)`` runs the body; None for a ``while``.
    rows : Rows or None
        What a ``for`` goes through.
    """

    state: State
    go: Thunk | None
    round: Callable[..., None]
    rows: Rows | None
    line: int
    kind: str = "for"


@record
class Found:
    """A captured round whose state keeps its avals."""

    body: Body
    inputs: Inputs
    carries: dict[Slot, Carry]
    index: Sym
    place: Sym | None
    flag: Sym | None
    ends: list[Sym]
    names: Names
    last: dict[Slot, list[Any]]
    rolls: dict[int, Roll] = field(default_factory=dict)


# ---------------------------------------------------------------- the search


def first_guess(state: State) -> dict[Slot, Carry]:
    """Carry the variables that hold a number: they are assigned, so they most likely change.

    A view without axes is an array that is written in place, `staging.owned`.
    """
    found: dict[Slot, Carry] = {}
    for k, value in enumerate(state.values):
        view = isinstance(value, Tracer) and value.chain
        if is_number(value) and not np.ndim(value) and not view:
            found[-1, k] = carry_of(state.names[k], value)
    return found


def search(cap: Capture, loop: Loop, at_least_once: bool) -> Found:
    """Capture rounds until one gives back what it took."""
    carries = first_guess(loop.state)
    lasts: dict[int, Aval] = {}
    for _ in range(_ATTEMPTS):
        with body_of(cap, loop.round) as body:
            try:
                found, carries, lasts, stable = _attempt(body, loop, carries, lasts, at_least_once)
            finally:
                loop.state.restore()
        if stable:
            return found
    raise Unstageable("the values that it carries do not settle")


def _attempt(
    body: Body, loop: Loop, carries: dict[Slot, Carry], lasts: dict[int, Aval], at_least_once: bool
) -> tuple[Found, dict[Slot, Carry], dict[int, Aval], bool]:
    state = loop.state
    index = body.given(INT)
    most = _most(body.parent, loop)
    body.long = most is None or most >= config.min_roll
    if most is not None and loop.go is None:
        body.spans[index.sym.id] = 0, max(most - 1, 0)
    inputs = Inputs(body, state, carries)
    piles = {k: p.holder for k, p in enumerate(state.places) if isinstance(p.holder, Pile)}
    given = {k: body.given(lasts[k]) for k in piles if k in lasts}
    for k, pile in piles.items():
        pile.watch(given.get(k))
    try:
        place, flag, item = None, None, index
        if loop.go is not None:
            flag, place = _test(body, loop)
            item = index if place is None else place
        if loop.rows is None:
            loop.round()
        else:
            loop.round(loop.rows.at(item))
        changed, appended = state.changes()
    finally:
        watched = {k: pile.unwatch() for k, pile in piles.items()}
    stable = True
    new = dict(carries)
    ends: list[Sym] = []
    for slot, carry in carries.items():
        value = state.now(slot)
        if left_over(value):
            value = inputs.values[slot]
        if value is UNBOUND:
            raise Unstageable(f"{state.label(slot)} is deleted")
        new[slot], leaves = widened(carry, value)
        if new[slot].avals != carry.avals:
            stable = False
        else:
            for v, a in zip(leaves, carry.carried):
                stays(state.label(slot), v, a)
            ends += [
                body.b.cast(sym_of(body, v), a.dtype, a.weak) for v, a in zip(leaves, carry.carried)
            ]
    for slot, value in changed.items():
        if slot in carries:
            continue
        stable = False
        before = state.before(slot)
        if value is UNBOUND:
            raise Unstageable(f"{state.label(slot)} is deleted")
        if before is UNBOUND:
            name = state.names[slot[1]]
            if not may_be_undefined(name, at_least_once):
                raise Unstageable(f"{name} has no value when the loop runs no round")
            new[slot] = carry_of(name, value)
            new[slot].undefined = True
        else:
            new[slot], _ = widened(carry_of(state.label(slot), before), value)
    inputs.check_aliases()
    rolls: dict[int, Roll] = {}
    more = dict(lasts)
    for k, items in appended.items():
        if k not in piles or watched[k].other:
            raise Unstageable("it appends to a list that it also reads, or that others hold")
        if any(is_held(state, leaf) for item in items for leaf in flatten(item)[0]):
            raise Unstageable("it appends an array of plain numbers that was there before")
        rolls[k] = roll = Roll.of(body, items)
        if watched[k].asked:
            roll.last = given[k].sym if k in given else None
            aval = join("the last item", lasts[k], roll.last_aval()) if k in lasts else None
            if aval is None:
                first = aval_of_leaf(list.__getitem__(piles[k], -1))
                aval = join("the last item", first, roll.last_aval())
            if lasts.get(k) != aval:
                stable, more[k] = False, aval
        if k in given and given[k].root.version:
            raise Unstageable("it writes to the last item of a list")
    names = inputs.names()
    last = {}
    for slot, carry in carries.items():
        value = inputs.values[slot] if left_over(state.now(slot)) else state.now(slot)
        last[slot] = carry.leaves_of(value)
        names.finals += roots_of(last[slot])
    names.items = roots_of(item for items in appended.values() for item in items)
    names.check()
    at = None if place is None else place.sym
    found = Found(body, inputs, carries, index.sym, at, flag, ends, names, last, rolls)
    return found, new, more, stable


def _most(cap: Capture | None, loop: Loop) -> int | None:
    """Return the most rounds that a loop runs in the capture around it, if that is known."""
    if loop.rows is None or cap is None:
        return None
    n = loop.rows.length
    return n if isinstance(n, int) else most_rounds(cap, sym_of(cap, n))


def _test(body: Body, loop: Loop) -> tuple[Sym, Tracer | None]:
    """Return whether there is another round, and the number of the round where the test needs it."""
    assert loop.go is not None
    place = None
    flag: Any = True
    if loop.rows is not None:
        place = body.given(INT)
        flag = place < loop.rows.length
        more = loop.go()
        if isinstance(more, Tracer):
            flag = np.logical_and(flag, more)
        elif not more:
            raise Unstageable("it ends before its first round")
    else:
        flag = loop.go()
    if not isinstance(flag, Tracer):
        raise Unstageable(PLAIN)
    if flag.ndim or any(x.written for x in body.locals.values()):
        raise Unstageable("its test is no single truth value, or writes to an array")
    found = sym_of(body, flag)
    if found.dtype.kind != "b":
        found = BY_NAME["not_equal"](found, 0)
    return found, place


# ---------------------------------------------------------------- the row


def emit(cap: Capture, loop: Loop, found: Found, n: Any) -> None:
    """Record the row and give the state its new values."""
    body, carries, state = found.body, found.carries, loop.state
    cap.b.line = loop.line
    written = [x for x in body.locals.values() if x.written]
    fixed = [x for x in body.locals.values() if not x.written]
    inner = [*found.inputs.ids, *(x.entry.id for x in written)]
    outer = [s for slot, c in carries.items() for s in start(cap, c, state.before(slot))]
    outer += [x.outer for x in written]
    ends = [*(s.id for s in found.ends), *(x.sym.id for x in written)]
    for k, roll in found.rolls.items():
        if roll.last is not None:
            inner.append(roll.last.id)
            outer.append(cast(cap, list.__getitem__(state.places[k].holder, -1), roll.last_aval()))
            ends.append(roll.groups[-1][0].id)
    shared_in = [x.entry.id for x in fixed] + [s.id for s, _ in body.adopted]
    shared = [x.outer for x in fixed] + [s for _, s in body.adopted]
    tails = [s.id for roll in found.rolls.values() for group in roll.groups for s in group]
    if found.flag is None:
        made = extract(body.b, [found.index.id, *inner, *shared_in], [*ends, *tails])
        check_ints(made, len(inner))
        rows, rounds = _for_row(cap, made, n, outer, shared), n
    else:
        if found.place is not None:
            inner.append(found.place.id)
            outer.append(cap.b.lit(0))
            ends.append((found.place + 1).id)
        test = extract(body.b, [*inner, *shared_in], [found.flag.id])
        made = extract(body.b, [found.index.id, *inner, *shared_in], [*ends, *tails])
        check_ints(made, len(inner))
        params = {"test": test, "body": made, "carry": len(inner)}
        rows = cap.b.outs(BY_NAME["while"].on(cap.b, *outer, *shared, **params))
        rounds = Tracer(cap, Root(rows[len(inner)]))
        rows = (*rows[: len(inner)], *rows[len(inner) + 1 :])
    results = iter(rows)
    values = {
        slot: wrapped(cap, carry, [next(results) for _ in carry.carried])
        for slot, carry in carries.items()
    }
    for x in written:
        place = cap.state(x.root)
        place.sym = next(results)
        place.version += 1
        cap.wrote(x.root)
    found.inputs.lose()
    state.assign(values)
    stacks = [Tracer(cap, Root(s)) for s in rows[len(inner) :]]
    left = iter(stacks)
    for k, roll in found.rolls.items():
        parts = [[next(left) for _ in group] for group in roll.groups]
        state.places[k].holder.rolled(Stack(roll.trees, parts, rounds))
    for line, what in body.notes:
        cap.note(line, what)
    leaves = [leaf for slot, carry in carries.items() for leaf in carry.leaves_of(values[slot])]
    for slot, carry in carries.items():
        for value, made_ in zip(found.last[slot], carry.leaves_of(values[slot])):
            hold(cap, state, [value], made_)
    found.names.link(leaves, stacks, isinstance(n, int) and n > 0 and found.flag is None)


@record
class Roll:
    """What a round appends to a list.

    Attributes
    ----------
    trees, groups : lists
        The structure of each item, and its leaves.
    last : Sym or None
        The input that stands for the item that the round before appended last, if it is read.
    """

    trees: list[TreeDef]
    groups: list[list[Sym]]
    last: Sym | None = None

    @classmethod
    def of(cls, body: Body, items: list[Any]) -> Roll:
        trees, groups = [], []
        for item in items:
            leaves, tree = flatten(item)
            if not all(map(is_number, leaves)):
                raise Unstageable("a list gets items that are no numbers")
            trees.append(tree)
            groups.append([cast(body, v, aval_of_leaf(v)) for v in leaves])
        return cls(trees, groups)

    def last_aval(self) -> Aval:
        """The aval of the last item, when rounds read it."""
        if self.trees[-1].kind is not None:
            raise Unstageable(
                "it reads the last item of a list, which is no single number or array"
            )
        return self.groups[-1][0].aval


def _for_row(
    cap: Capture, body: Tape, n: Any, carried: list[Sym], shared: list[Sym]
) -> tuple[Sym, ...]:
    static = isinstance(n, int)
    size = segments.limit()
    if static and size is not None:
        held = segments.bytes_of([s.aval for s in carried])
        lengths = segments.plan(n, held, segments.residual_bytes(body), size)
        if lengths:
            return tuple(segments.run_segments(cap.b, body, carried, shared, n, lengths))
    stacks: list[Sym] = []
    ends: dict[int, Sym] = {}
    if static:
        body, stacks, ends = drawn_ahead(cap, body, n, carried)
        carried = [s for k, s in enumerate(carried) if k not in ends]
    count = cap.b.cast(cap.b.lit(n), INT.dtype) if static else sym_of(cap, n)
    params = {
        "body": body, "carry": len(carried), "shared": len(shared), "reverse": False,
        "length": n if static else ANY,
    }  # fmt: skip
    most = None if static else most_rounds(cap, count)
    if most is not None:
        params["most"] = most
    made = BY_NAME["for"].on(cap.b, count, *carried, *shared, *stacks, **params)
    rows = list(cap.b.outs(made))
    for k in sorted(ends):
        rows.insert(k, ends[k])
    return tuple(rows)


def _involves_traced(loop: Loop, found: Found) -> bool:
    """Whether a round depends on a value that differs from call to call."""
    if found.body.locals or found.body.adopted:
        return True
    starts = [loop.state.before(s) for s, c in found.carries.items() if not c.undefined]
    return any(isinstance(v, Tracer) for value in starts for v in flatten(value)[0])


# ---------------------------------------------------------------- the entry points


def stage(cap: Capture, loop: Loop, n: Any, at_least_once: bool, least: int = 0) -> str | None:
    """Stage a loop; return None, or why it is not staged. `n` is the number of rounds.

    Not staged are loops of fewer rows than `least`, counted in all rounds.
    """
    try:
        found = search(cap, loop, at_least_once)
        if not _involves_traced(loop, found):
            return "it does not work on traced values"
        if least and (found.rolls or n * weight_of(found.body.b) < least):
            loop.state.restore()
            return FEW
        if found.rolls and found.flag is not None:
            raise Unstageable("a list grows by as many items as there are rounds before it ends")
        if found.rolls:
            n = int(n)  # guarded if it is traced: what a list holds has a shape
        emit(cap, loop, found, n)
    except Unstageable as error:
        loop.state.restore()
        return ("structure: " if isinstance(error, Structure) else "") + str(error)
    return None


FEW = "few rows"
"""Why a loop of few rounds is not staged when nothing else forbids it."""


def _short(cap: Capture, loop: Callable[[], Loop], n: int) -> str:
    """Stage a loop of few rounds if its rows are many; return why not, "" if it is staged."""
    limit = LIMIT
    around: Capture | None = cap
    while around is not None:
        if around.unrolls:
            return FEW
        if isinstance(around, Body) and around.long:
            limit = REPEATED
        around = around.parent
    try:
        return stage(cap, loop(), n, True, limit) or ""
    except Unstageable as error:
        return str(error)


def for_loop(
    cap: Capture, iterable: Any, round: Any, go: Any, get: Any, put: Any, names: Any, reads: Any,
    line: int,
) -> None:  # fmt: skip
    """Run ``for item in iterable: round(item)``, staged if it can be."""
    rows = rows_of(iterable)
    line = on_line(line)
    why: str | None = "it does not go through a range, arrays or rolled lists"
    done = 0
    if rows is not None and not (isinstance(rows.length, int) and rows.length < config.min_roll):
        try:
            state = State(get, put, names, reads, (round, go))
        except Unstageable as error:
            why = str(error)
        else:
            loop = Loop(state, go, round, rows, line)
            static = isinstance(rows.length, int)
            why = stage(cap, loop, rows.length, static)
            first = why is not None and why.startswith("structure: ") and static
            if first and (go is None or truth(go())):
                # the first round by Python: `s = 0` becomes an array, None a value
                round(rows.at(0))
                done, rest = 1, rows.after(1)
                try:
                    state = State(get, put, names, reads, (round, go))
                    again = stage(cap, Loop(state, go, round, rest, line), rest.length, True)
                except Unstageable as error:
                    again = str(error)
                if again is None:
                    cap.note(line, f"rolled behind its first round: {(why or '')[11:]}")
                    return
                why = again
            if why is None:
                cap.note(line, f"rolled, {rows.length if static else 'any number of'} rounds")
                return
    elif rows is not None:
        few = FEW
        if go is None and rows.length > 1:
            few = _short(
                cap,
                lambda: Loop(State(get, put, names, reads, (round, go)), go, round, rows, line),
                rows.length,
            )
        if not few:
            cap.note(line, f"rolled, {rows.length} rounds of many rows")
            return
        why = f"{rows.length} rounds are few"
        if few == FEW and not cap.unrolls:
            cap.note(line, f"unrolled: {why}")
            cap.unrolls = True
            try:
                _unrolled(rows, 0, round, go, line, why)
            finally:
                cap.unrolls = False
            return
    cap.note(line, f"unrolled: {(why or '').removeprefix('structure: ')}")
    _unrolled(iterable if rows is None else rows, done, round, go, line, why)


def _unrolled(items: Any, done: int, round: Any, go: Any, line: int, why: str | None) -> None:
    try:
        for k, item in enumerate(items):
            if k < done:
                continue
            if go is not None and not truth(go()):
                break
            round(item)
    except UnrollError as error:
        raise located(error, line, why) from None


def while_loop(
    cap: Capture, go: Any, round: Any, get: Any, put: Any, names: Any, reads: Any, line: int
) -> None:
    """Run ``while go(): round()``, staged if it can be.

    Where the test is a plain True at first (``while True``), variables that a round makes have a
    value afterwards. Python runs the first round when it changes the structure of the state.
    """
    line = on_line(line)
    why: str | None = None
    rounds = 0
    try:
        while True:
            more = go()
            known = not is_traced(more)
            if known and not more:
                break
            if rounds == 0 or (rounds == 1 and (why or "").startswith("structure: ")):
                try:
                    state = State(get, put, names, reads, (round, go))
                except Unstageable as error:
                    why = str(error)
                else:
                    loop = Loop(state, go, round, None, line, "while")
                    why = stage(cap, loop, None, known)
                    if why is None:
                        cap.note(line, "rolled, as long as its test holds")
                        return
            if not truth(more):
                break
            round()
            rounds += 1
    except UnrollError as error:
        raise located(error, line, why) from None
    if why is not None and why != PLAIN:
        cap.note(line, f"unrolled: {why.removeprefix('structure: ')}")


PLAIN = "its test does not depend on traced values"


def truth(value: Any) -> bool:
    return bool(value)


def located(error: UnrollError, line: int, why: str | None) -> UnrollError:
    """Return the error of a tape that became too long, with the loop that made it so."""
    if error.named:
        return error
    reason = "" if why is None else f", because {why.removeprefix('structure: ')}"
    made = UnrollError(f"{error}; the loop at {LINES[line]} was unrolled{reason}")
    made.named = True
    return made
