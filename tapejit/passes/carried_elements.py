"""Elements that a round of a loop leaves in an array for the next one are carried as numbers.

A recurrence over an array, ``h[i] = f(h[i - 1])``, hands its value on through memory: the load of a
round waits for the store of the round before, some five cycles longer than a register. Where the
place that a round reads is the place that the round before it has written, the number itself is
carried along,

    s, h -> f(s), h with f(s) stored at i,    s starts as h[first - 1],

and the array is written only. The same holds for the reverse sweep, which adds to element i - 1 of a
cotangent what the next round reads there: the sum is carried and stored.

A place is a sum of the loop's number times an integer, an integer, and values that are the same in
every round; two places are the same when these are, and differ when only the integers do. Nothing is
done where that is not known, where an index may still wrap around, or where the loop may not run.

Invariant: the array ends with the elements that it had before. Dynamic time warping of two series
of 200: 175 us before, 88 us after; its hand-written gradient takes 63 us.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..core.avals import Aval
from ..core.records import record
from ..rules.declare import ops
from ..tape.ir import Builder, Row, Sym, Tape, param_id
from ..tape.pieces import extract, inline, load
from ..tape.primitive import BY_NAME
from .rewrite import rewrite
from .schedule import ROLLED

Place = tuple["Affine", ...]


@record(frozen=True)
class Affine:
    """``slope * i + offset +`` the sum of some rows that are the same in every round."""

    slope: int
    offset: int
    rows: tuple[int, ...] = ()

    def plus(self, other: Affine, sign: int) -> Affine | None:
        if sign < 0 and other.rows:
            return None
        rows = tuple(sorted(self.rows + other.rows))
        return Affine(self.slope + sign * other.slope, self.offset + sign * other.offset, rows)

    def later(self, rounds: int) -> Affine:
        """Return what this is when the loop's number is larger by `rounds`."""
        return Affine(self.slope, self.offset + self.slope * rounds, self.rows)


def carried_elements(tape: Tape) -> Tape:
    """Return the tape with such elements carried, in loops at any depth."""
    if not any(tape.prim(i).emit.kind in ROLLED for i in range(tape.n_inputs, tape.rows)):
        return tape
    results: dict[int, list[Sym]] = {}

    def visit(b: Builder, row: Row, args: list[int]) -> int | None:
        kind = row.prim.emit.kind
        if kind == "out" and row.args[0] in results:
            return results[row.args[0]][row.params["k"]].id
        if kind not in ROLLED:
            return None
        params = {
            k: carried_elements(v) if isinstance(v, Tape) else v for k, v in row.params.items()
        }
        if kind == "for" and row.id not in tape.outputs:
            found = _with_numbers(b, row, args, params)
            if found is not None:
                results[row.id] = found
                return found[0].id
        return b.append(row.prim.index, args, tape.aval[row.id], param_id(params))

    return rewrite(tape, visit)


def _with_numbers(
    b: Builder, row: Row, args: list[int], params: dict[str, Any]
) -> list[Sym] | None:
    """Append the loop with its elements carried; return its old results, None where there are none."""
    body, carry, n = params["body"], params["carry"], params["length"]
    if n < 1:
        return None
    places = Places(body, carry, params["shared"])
    step = -1 if params["reverse"] else 1
    handed = [h for k in range(carry) if (h := places.handed_on(k, step)) is not None]
    if not handed:
        return None
    # the first round reads what lies there when the loop starts
    first = n - 1 if params["reverse"] else 0
    outer = [Sym(b, a) for a in args]
    shared = outer[1 + carry : 1 + carry + params["shared"]]
    seeds = []
    for h in handed:
        cut = [0, h.array, *range(1 + carry, 1 + carry + params["shared"])]
        read = extract(load(body), cut, [h.read])
        (window,) = inline(
            read, b, [b.lit(first, body.value(0)), outer[h.array], *shared]
        )  # fmt: skip
        seeds.append(ops.reshape(window, shape=()))
    made = places.rewritten(handed)
    given = [*outer[: 1 + carry], *seeds, *outer[1 + carry :]]
    new = {**params, "body": made, "carry": carry + len(handed)}
    found = b.outs(BY_NAME["for"].on(b, *given, **new))
    return [*found[:carry], *found[carry + len(handed) :]]


@record(frozen=True)
class Handed:
    """An element that is handed on: the array, the row that reads it, the row that leaves it there.

    Attributes
    ----------
    array, read, write : int
        The carried array (an input), the window that is read, the update that writes what the next
        round reads.
    """

    array: int
    read: int
    write: int


class Places:
    """Where the windows of a body lie."""

    def __init__(self, body: Tape, carry: int, shared: int) -> None:
        self.body, self.carry = body, carry
        self.known: dict[int, Affine | None] = {0: Affine(1, 0)}
        self.same = set(range(1 + carry, 1 + carry + shared))
        for i in range(body.n_inputs, body.rows):
            args = body.args(i)
            if args and all(a in self.same for a in args) and body.prim(i).name != "out":
                self.same.add(i)

    def affine(self, i: int) -> Affine | None:
        if i not in self.known:
            self.known[i] = self._look(i)
        return self.known[i]

    def _look(self, i: int) -> Affine | None:
        body = self.body
        name, args = body.prim(i).name, body.args(i)
        if name == "lit":
            value = body.params(i)["value"]
            return Affine(0, value) if isinstance(value, int) else None
        if i in self.same:
            return Affine(0, 0, (i,))
        if name in ("add", "subtract"):
            x, y = map(self.affine, args)
            return None if x is None or y is None else x.plus(y, 1 if name == "add" else -1)
        if name in ("cast", "copy"):
            return self.affine(args[0])
        return None

    def place(self, starts: Sequence[int]) -> Place | None:
        found = tuple(self.affine(s) for s in starts)
        return None if any(p is None for p in found) else found  # type: ignore[return-value]

    def handed_on(self, k: int, step: int) -> Handed | None:
        """Return the element of carried array `k` that a round leaves for the next, if there is one."""
        body, array = self.body, 1 + k
        for r in body:
            element = r.prim.name == "dynamic_slice" and r.args[0] == array
            if not element or body.value(r.id).size != 1 or body.value(array).dtype.kind == "b":
                continue
            here = self.place(r.args[1:])
            if here is None:
                continue
            write = self._left_at(body.outputs[k], array, tuple(p.later(step) for p in here))
            if write is not None:
                return Handed(array, r.id, write)
        return None

    def _left_at(self, end: int, array: int, wanted: Place) -> int | None:
        """Return the update of one element that is the last to write `wanted` before the round ends."""
        body, at = self.body, end
        while at != array:
            name, args = body.prim(at).name, body.args(at)
            if name not in ("dynamic_update", "dynamic_add"):
                return None
            there = self.place(args[2:])
            if there is None or body.value(args[1]).size != 1:
                return None
            if there == wanted:
                return at
            if not _apart(there, wanted):
                return None
            at = args[0]
        return None

    def rewritten(self, handed: Sequence[Handed]) -> Tape:
        """Return the body with numbers in place of these windows, one more carried value for each."""
        body, b = self.body, Builder()
        place: dict[int, Sym] = {}
        seeds: list[Sym] = []
        for i in range(body.n_inputs):
            if i == 1 + self.carry:
                seeds = [b.input(self._number(h)) for h in handed]
            place[i] = b.input(body.value(i))
        if body.n_inputs == 1 + self.carry:
            seeds = [b.input(self._number(h)) for h in handed]
        reads = {h.read: s for h, s in zip(handed, seeds)}
        writes = {h.write: h for h in handed}
        left: dict[Handed, Sym] = {}
        for i in range(body.n_inputs, body.rows):
            args = [place[a] for a in body.args(i)]
            b.line = body.line[i]
            if i in reads:
                place[i] = ops.reshape(reads[i], shape=body.value(i).shape)
            elif i in writes:
                value = ops.reshape(args[1], shape=()) if args[1].shape else args[1]
                if body.prim(i).name == "dynamic_add":
                    sizes = tuple(1 for _ in args[2:])
                    old = ops.dynamic_slice(args[0], *args[2:], sizes=sizes)
                    value = ops.reshape(old, shape=()) + value
                window = ops.reshape(value, shape=args[1].shape) if args[1].shape else value
                place[i] = BY_NAME["dynamic_update"].on(b, args[0], window, *args[2:])
                left[writes[i]] = value
            else:
                row = b.append(body.op[i], [x.id for x in args], body.aval[i], body.param[i])
                place[i] = Sym(b, row)
        outs = [place[o] for o in body.outputs]
        return b.finish([*outs[: self.carry], *(left[h] for h in handed), *outs[self.carry :]])

    def _number(self, h: Handed) -> Aval:
        return Aval(self.body.value(h.array).dtype)


def _apart(one: Place, other: Place) -> bool:
    """Whether two places are different for certain: along some axis by an integer."""
    return any(
        p.slope == q.slope and p.rows == q.rows and p.offset != q.offset for p, q in zip(one, other)
    )
