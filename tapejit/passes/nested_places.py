"""Where loops inside each other read and write an array, and which of its elements last.

The start of a window along an axis is a *form*: a whole number plus multiples of the numbers of the
loops around it, plus values that no round of these loops changes. Two windows meet along an axis when
the difference of their forms is smaller than they are wide. With c the multiple of the only loop that
both have in that difference, this bounds how many of its rounds lie between the two:

    write at c i' + w,  read at c i + r:      lo <= c (i' - i) <= hi.

A window that is read *lasts* when no write of the same round or a later one meets it: the array still
holds it when the loops are done. Tables that are filled by a recurrence, each element once, last.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import field

from ..core.avals import Aval
from ..core.records import record
from ..tape.ir import Row, Tape

Key = tuple[str, int]
Span = tuple[int, int]


@record(frozen=True)
class Form:
    """``offset`` plus the sum of multiples of loop numbers (by depth) and of constant values."""

    offset: int
    terms: tuple[tuple[Key, int], ...] = ()

    def plus(self, other: Form, sign: int = 1) -> Form:
        total = dict(self.terms)
        for key, c in other.terms:
            total[key] = total.get(key, 0) + sign * c
        kept = tuple(sorted((k, c) for k, c in total.items() if c))
        return Form(self.offset + sign * other.offset, kept)

    def times(self, c: int) -> Form:
        return Form(c * self.offset, tuple((k, c * m) for k, m in self.terms) if c else ())


@record(eq=False)
class Scope:
    """A body within its surroundings.

    Attributes
    ----------
    row : Row
        The loop or branch in the tape of `parent`, or in the tape around all loops.
    body : Tape
        What it runs here.
    loops : tuple of Scope
        The loops from the outermost to this one.
    versions : dict
        The rows that are a carried array of the outermost loop with windows written into it, with
        the number of that array, as `writes_of` has met them.
    """

    row: Row
    body: Tape
    parent: Scope | None
    outside: Tape
    versions: dict[int, int] = field(default_factory=dict)
    known: dict[int, Form | None] = field(default_factory=dict)
    within: dict[tuple[int, str], Scope] = field(default_factory=dict)

    @property
    def loop(self) -> bool:
        return self.row.prim.name == "for"

    @property
    def loops(self) -> tuple[Scope, ...]:
        above = self.parent.loops if self.parent is not None else ()
        return (*above, self) if self.loop else above

    def inner(self, i: int, name: str = "body") -> Scope:
        """Return the scope of row `i` of this body."""
        if (i, name) not in self.within:
            row = self.body.row(i)
            self.within[i, name] = Scope(row, row.params[name], self, self.outside)
        return self.within[i, name]

    def operand(self, i: int) -> int | None:
        """Return the operand around this scope that input `i` is throughout, None when it moves."""
        if not self.loop:
            return self.row.args[1 + i]
        carry, shared = self.row.params["carry"], self.row.params["shared"]
        return self.row.args[i] if carry < i <= carry + shared else None

    def form(self, i: int) -> Form | None:
        if i not in self.known:
            self.known[i] = self._look(i)
        return self.known[i]

    def _look(self, i: int) -> Form | None:
        if not isinstance(self.body.any_aval(i), Aval) or self.body.value(i).shape:
            return None
        if i < self.body.n_inputs:
            if self.loop and i == 0:
                return Form(0, ((("round", len(self.loops) - 1), 1),))
            a = self.operand(i)
            if a is None:
                return None
            return self.parent.form(a) if self.parent is not None else _constant(self.outside, a)
        name, args = self.body.prim(i).name, self.body.args(i)
        if name == "lit":
            return _literal(self.body, i)
        if name == "negative":
            x = self.form(args[0])
            return None if x is None else x.times(-1)
        if name in ("add", "subtract", "multiply"):
            x, y = map(self.form, args)
            if x is None or y is None:
                return None
            if name != "multiply":
                return x.plus(y, 1 if name == "add" else -1)
            return y.times(x.offset) if not x.terms else x.times(y.offset) if not y.terms else None
        whole = self.body.value(i).dtype.kind == "i" and self.body.value(i).dtype.itemsize == 8
        return self.form(args[0]) if name in ("cast", "copy") and whole else None


def _literal(tape: Tape, i: int) -> Form | None:
    value = tape.params(i)["value"]
    return Form(value) if isinstance(value, int) and not isinstance(value, bool) else None


def _constant(tape: Tape, i: int) -> Form | None:
    if tape.prim(i).name == "lit":
        return _literal(tape, i)
    aval = tape.any_aval(i)
    whole = isinstance(aval, Aval) and aval.shape == () and aval.dtype.kind == "i"
    return Form(0, ((("value", i), 1),)) if whole else None


@record(frozen=True)
class Window:
    """A part of an array that a row of a scope reads or writes: first place and length by axis."""

    scope: Scope
    starts: tuple[Form | None, ...]
    sizes: tuple[int, ...]


def read_of(scope: Scope, i: int) -> Window:
    """Return the window that a ``dynamic_slice`` reads."""
    starts = tuple(map(scope.form, scope.body.args(i)[1:]))
    return Window(scope, starts, scope.body.value(i).shape)


def array_of(scope: Scope, i: int) -> int | None:
    """Return the carried array of the outermost loop that row `i` is a version of."""
    at: Scope | None = scope
    while at is not None and i not in at.versions and i < at.body.n_inputs:
        operand = at.operand(i)
        if operand is None:
            return None
        at, i = at.parent, operand
    return at.versions.get(i) if at is not None else None


def writes_of(scope: Scope, k: int) -> list[Window] | None:
    """Return what the rounds of an outermost loop write into its carried array `k`.

    None when what a round hands on is anything but that array with windows written into it.
    """
    found = _walk(scope, scope.body.outputs[k], 1 + k)
    if found is None:
        return None
    for at, i in found[1]:
        at.versions[i] = k
    return found[0]


Walked = tuple[list[Window], list[tuple[Scope, int]]]


def _walk(scope: Scope, at: int, start: int) -> Walked | None:
    """Return the writes on the way from `start` to `at`, and the versions of the array."""
    body = scope.body
    writes: list[Window] = []
    versions = [(scope, at)]
    while at != start:
        if at < body.n_inputs:
            return None
        name, args, params = body.prim(at).name, body.args(at), body.params(at)
        if name in ("dynamic_update", "dynamic_add"):
            starts = tuple(map(scope.form, args[2:]))
            writes.append(Window(scope, starts, body.value(args[1]).shape))
            at = args[0]
        elif name in ("set_slice", "add_slice"):
            ranges = params["ranges"]
            lows = tuple(Form(min(s, s + t * (n - 1))) for s, n, t in ranges)
            sizes = tuple(abs(t) * (n - 1) + 1 for _, n, t in ranges)
            writes.append(Window(scope, lows, sizes))
            at = args[0]
        elif name == "out":
            found = _through(scope, args[0], params["k"])
            if found is None:
                return None
            at = found[0]
            writes += found[1][0]
            versions += found[1][1]
        else:
            return None
        versions.append((scope, at))
    return writes, versions


def _through(scope: Scope, i: int, k: int) -> tuple[int, Walked] | None:
    """Return the operand that row `i` writes into to make its result `k`, and what it writes."""
    row = scope.body.row(i)
    if row.prim.name == "for" and k < row.params["carry"]:
        inner = scope.inner(i)
        found = _walk(inner, inner.body.outputs[k], 1 + k)
        return None if found is None else (row.args[1 + k], found)
    if row.prim.name == "cond":
        then, orelse = (scope.inner(i, name) for name in ("then", "orelse"))
        for x in range(then.body.n_inputs):
            one = _walk(then, then.body.outputs[k], x)
            other = _walk(orelse, orelse.body.outputs[k], x)
            if one is not None and other is not None:
                return row.args[1 + x], (one[0] + other[0], one[1] + other[1])
    return None


def lasts(read: Window, writes: Sequence[Window]) -> bool:
    """Whether no write in the same round or a later one changes what is read."""
    return not any(_meets_later(read, w) for w in writes)


def _meets_later(read: Window, write: Window) -> bool:
    common = [a for a, c in zip(read.scope.loops, write.scope.loops) if a is c]
    bounds: dict[int, Span] = {}  # by loop, how many rounds the write comes later
    for axis in _axes(read, write):
        found = _rounds_between(read, write, axis, common)
        if found is None:
            continue
        level, (low, high) = found
        if level < 0:
            if not low <= 0 <= high:
                return False
            continue
        if common[level].row.params["reverse"]:
            low, high = -high, -low
        old = bounds.get(level, (low, high))
        bounds[level] = max(low, old[0]), min(high, old[1])
        if bounds[level][0] > bounds[level][1]:
            return False
    for level in range(len(common)):
        if level not in bounds or bounds[level][1] > 0:
            return True
        if bounds[level][1] < 0:
            return False
    return True


def _axes(read: Window, write: Window) -> Iterator[int]:
    return (
        a
        for a, (x, y) in enumerate(zip(read.starts, write.starts))
        if x is not None and y is not None
    )


def _rounds_between(
    read: Window, write: Window, axis: int, common: Sequence[Scope]
) -> tuple[int, Span] | None:
    """Return a loop and how many of its rounds lie between the two if they meet along an axis.

    Loop -1 stands for none: then the bounds of the difference of the places are returned.
    """
    r, w = read.starts[axis], write.starts[axis]
    assert r is not None and w is not None
    level, slope = -1, 0
    apart = r.offset - w.offset
    low, high = apart + 1 - write.sizes[axis], apart + read.sizes[axis] - 1
    mine, other = dict(r.terms), dict(w.terms)
    for key in {*mine, *other}:
        a, b = mine.get(key, 0), other.get(key, 0)
        kind, depth = key
        if kind == "value":
            if a != b:
                return None
        elif depth < len(common) and a == b:
            if level >= 0:
                return None
            level, slope = depth, a
        else:
            for c, window in ((a, read), (-b, write)):
                if c:
                    n = window.scope.loops[depth].row.params["length"]
                    if n < 0:
                        return None
                    reach = c * max(n - 1, 0)
                    low, high = low + min(reach, 0), high + max(reach, 0)
    if level < 0:
        return -1, (low, high)
    if slope < 0:
        low, high, slope = -high, -low, -slope
    return level, (-(-low // slope), high // slope)
