"""Items become rows of a tape: operations one by one, loops as ``for`` rows with a captured body.

A `Scope` is a capture and the values that slots have in it. The scope of a body has inputs for what
the loop carries, shares and stacks; its rows are the very operations, run on tracers. A body that
cannot be captured is no loop: its rows are recorded one after the other, as they were written.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..core.avals import Aval
from ..frontend.capture import Capture, Unstageable
from ..frontend.staging.body import Body, body_of
from ..frontend.tracer import Root, Tracer, sym_of
from ..tape.ir import Sym
from ..tape.pieces import extract
from ..tape.primitive import BY_NAME
from ..transforms.order import differentiating
from .codes import LEAF, Code
from .rerolling import Item, Loop
from .round_order import ROUNDS
from .rows import Row
from .spec import Spec

_INDEX = Aval(np.dtype(np.int64))


class Element(NamedTuple):
    """What a round of a loop has made: place `at` of a stack."""

    stack: Sym
    at: int


class Scope:
    """A capture and what slots are in it.

    Attributes
    ----------
    cap : Capture
    values : dict
        By slot: a row of the tape, or an element of a stack that is read when it is wanted.
    parts : dict
        By slot: the view that it is, with the slot that it is a part of.
    """

    def __init__(self, cap: Capture) -> None:
        self.cap = cap
        self.values: dict[int, Sym | Element] = {}
        self.parts: dict[int, Row] = {}
        self.cuts: dict[int, Sym] = {}

    # ------------------------------------------------------------ values

    def sym(self, slot: int) -> Sym:
        """Return the row of a slot."""
        found = self.values[slot]
        if isinstance(found, Element):
            found = sym_of(self.cap, self.tracer(found.stack)[found.at])
            self.values[slot] = found
        return found

    def tracer(self, y: Sym) -> Any:
        return Tracer(self.cap, Root(y))

    def flows(self, slot: int) -> bool:
        """Whether a gradient may flow through a slot."""
        return True

    def operand(self, slot: int, connected: bool) -> Any:
        y = self.sym(slot)
        if not connected and y.dtype.kind in "fc" and self.flows(slot):
            cut = self.cuts.get(slot)
            if cut is None:
                cut = self.cuts[slot] = BY_NAME["stop_gradient"](y)
            y = cut
        return self.tracer(y)

    # ------------------------------------------------------------ rows

    def items(self, items: Iterable[Item]) -> None:
        """Record items in their order."""
        for item in items:
            if isinstance(item, Loop):
                if not self.loop(item):
                    self.items(item.flat)
            else:
                self.row(item)

    def row(self, row: Row) -> None:
        self.set(row, self.results(row))

    def results(self, row: Row) -> Sequence[Sym]:
        """Run an operation on tracers; return its results."""
        code, args, _ = row
        if code.grad and code.op.name in ("stack", "cat") and len(args) >= ROUNDS:
            joined = self._joined(code, args)
            if joined is not None:
                return [joined]
        tracers = [self.operand(k, code.grad) for k in args]
        # Functions that bring their own derivative record it only where it will be asked for.
        with differentiating(1 if code.grad else 0):
            made = code.op.impl(*tracers, **code.params)
        return [sym_of(self.cap, y) for y in (made if isinstance(made, tuple) else (made,))]

    def set(self, row: Row, found: Sequence[Sym]) -> None:
        """Enter the results of a row."""
        code = row.code
        for k, (y, spec) in enumerate(zip(found, code.specs)):
            y = self.cap.b.cast(y, spec.np)
            if y.shape != tuple(spec.shape):
                raise AssertionError(f"{code} gave the shape {y.shape}")
            if code.kinds[k] == LEAF:
                y = BY_NAME["stop_gradient"](y)
            self.values[row.first + k] = y
        if code.op.view:
            self.parts[row.first] = row

    def _joined(self, code: Code, args: tuple[int, ...]) -> Sym | None:
        """Return results of many rounds side by side: the loop has stacked them already."""
        pieces = list(self._pieces(args))
        if len(pieces) > len(args) // 2 or any(a is not code.args[0] for a in code.args):
            return None
        y = np.concatenate(pieces) if len(pieces) > 1 else pieces[0]
        dim = code.params["dim"]
        y = np.moveaxis(y, 0, dim) if dim else y
        return sym_of(self.cap, y if code.op.name == "stack" else y.reshape(code.specs[0].shape))

    # ------------------------------------------------------------ loops

    def loop(self, loop: Loop) -> bool:
        """Record a loop; return whether its body could be captured."""
        starts = [self._start(c.start, c.spec) for c in loop.carried]
        shared = [self.sym(slot) for _, slot in loop.shared]
        stacks = [self.stack(slots) for _, slots in loop.stacked]
        try:
            with body_of(self.cap) as body:
                inner = Scope(body)
                order = [body.given(_INDEX).sym.id]
                for c, start in zip(loop.carried, starts):
                    order.append(inner.give(c.inner, start.aval))
                for (slot, _), y in zip(loop.shared, shared):
                    order.append(inner.give(slot, y.aval))
                items = []
                for (slot, slots), y in zip(loop.stacked, stacks):
                    aval = Aval(y.dtype, y.shape[1:], self.is_number(slots[0]))
                    items.append(inner.give(slot, aval))
                inner.items(loop.items)
                outs = [c.out for c in loop.carried] + [slot for slot, _ in loop.kept]
                ends = [inner.sym(slot).id for slot in outs]
        except Unstageable:
            return False
        met, around = body.operands()  # constants that operations bring along
        tape = extract(body.b, [*order, *(y.id for y in met), *items], ends)
        shared += around
        params = {
            "body": tape, "carry": len(starts), "shared": len(shared), "reverse": False,
            "length": loop.rounds,
        }  # fmt: skip
        b = self.cap.b
        count = b.cast(b.lit(loop.rounds), _INDEX.dtype)
        rows = b.outs(BY_NAME["for"].on(b, count, *starts, *shared, *stacks, **params))
        for k, slot in loop.finals:
            self.values[slot] = rows[k]
        for stack, (_, read) in zip(rows[len(starts) :], loop.kept):
            for i, slot in read:
                self.values[slot] = Element(stack, i)
        return True

    def give(self, slot: int, aval: Aval) -> int:
        """Return the input of a body that stands for a slot."""
        assert isinstance(self.cap, Body)
        made = self.cap.given(aval).sym
        self.values[slot] = made
        return made.id

    def is_number(self, slot: int) -> bool:
        found = self.values[slot]
        return isinstance(found, Sym) and found.aval.weak

    def _start(self, slot: int | None, spec: Spec) -> Sym:
        """Return the first value of a carry; zeros where only the last round's is looked at."""
        if slot is not None:
            return self.sym(slot)
        zero = self.cap.b.lit(np.zeros((), spec.np)[()], Aval(spec.np))
        return BY_NAME["broadcast_to"](zero, shape=tuple(spec.shape))

    # ------------------------------------------------------------ stacks

    def stack(self, slots: tuple[int, ...]) -> Sym:
        """Return slots of one spec as one array with a first dim for the rounds."""
        found = self._parts_of_one(slots)
        if found is None:
            pieces = list(self._pieces(slots))
            found = np.concatenate(pieces) if len(pieces) > 1 else pieces[0]
        return sym_of(self.cap, found)

    def _pieces(self, slots: tuple[int, ...]) -> Iterator[Any]:
        """Yield arrays that slots are the rows of: parts of stacks for rounds at even distances."""
        found = [self.values.get(s) for s in slots]
        at = 0
        while at < len(slots):
            first = found[at]
            end = at + 1
            if isinstance(first, Element):
                while end < len(slots):
                    y = found[end]
                    if not isinstance(y, Element) or y.stack.id != first.stack.id:
                        break
                    step = y.at - found[end - 1].at  # type: ignore[union-attr]
                    if end > at + 1 and step != found[at + 1].at - first.at:  # type: ignore[union-attr]
                        break
                    end += 1
            places = [y.at for y in found[at:end] if isinstance(y, Element)]
            if len(places) > 1 and places[0] != places[1]:
                assert isinstance(first, Element)
                yield _every(self.tracer(first.stack), 0, places)
            else:
                for s in slots[at:end]:
                    yield np.expand_dims(self.tracer(self.sym(s)), 0)
            at = end

    def _parts_of_one(self, slots: tuple[int, ...]) -> Any:
        """Return ``x[0], x[1], ..`` as a part of x, None if the slots are not that."""
        rows = [self.parts.get(s) for s in slots]
        one = rows[0]
        if one is None:
            return None
        places, rest = [], None
        for row in rows:
            if row is None or row.code.op is not one.code.op or row.args != one.args:
                return None
            split = _place(row.code)
            if split is None or row.code.grad != one.code.grad or split[1:] != (rest or split[1:]):
                return None
            places.append(split[0])
            rest = split[1:]
        assert rest is not None
        return _every(self.operand(one.args[0], one.code.grad), rest[0], places)


def _place(code: Code) -> tuple[int, int] | None:
    """Return the place and the dim of a view that is one place of one dim."""
    name, params = code.op.name, code.params
    if name in ("select", "unbind"):
        return params["index"], params["dim"]
    if name == "basic_index":
        *front, last = params["key"]
        whole = [(0, n, 1) for n in code.args[0].shape]
        if type(last) is int and front == whole[: len(front)]:
            return last, len(front)
    return None


def _every(x: Any, dim: int, places: list[int]) -> Any:
    """Return places at even distances of a dim, the dim in front; None if they are not that."""
    n, step = x.shape[dim], places[1] - places[0]
    places = [k % n for k in places]
    if step == 0 or places != list(range(places[0], places[0] + step * len(places), step)):
        return None
    stop = places[-1] + (1 if step > 0 else -1)
    moved = np.moveaxis(x, dim, 0) if dim else x
    if len(places) == n and step == 1:
        return moved
    return moved[slice(places[0], None if stop < 0 else stop, step)]
