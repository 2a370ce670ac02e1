"""What the reverse rounds can read again in an array is not kept for them.

A forward loop keeps for the reverse one, a stack each, what that reads of its rounds. Where a table is
filled by a recurrence, each element once (`nested_places.lasts`), the forward loop has left it as its
rounds have read it: what was selected or compared of its elements need not be kept,

    for i: c_i = a[i - 1] < b_i; a[i] = f(...)                c_i, read in round i of the reverse loop,
                                                       =>     is a[i - 1] < b_i, of the a that is left.

The loops may stand inside each other: then the stack of a stack is read in the inner reverse loop.

Invariant: what is computed again comes out to the bit. Products, which may be contracted with a sum
to one rounding here and not there, never feed a comparison.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import field
from typing import Any

from ..core.records import record
from ..tape.ir import Builder, Row, Sym, Tape, param_id
from ..tape.pieces import put
from .nested_places import Scope, Window, array_of, lasts, read_of, writes_of
from .schedule import ROLLED, overwritten

_COMPARES = frozenset("equal not_equal less less_equal greater greater_equal".split())
_PRODUCTS = frozenset(["multiply", "square"])
_OTHERS = frozenset(
    "lit cast copy add subtract negative absolute where maximum minimum logical_and logical_or "
    "logical_not broadcast_to reshape transpose slice dynamic_slice bitwise_and bitwise_or".split()
)
MOST_READS, MOST_BRANCHED = 4, 16
"""Windows that are read again at most for one stack; the same where only a branch wants to know."""

Writes = dict[int, list[Window]]


def rereads(tape: Tape) -> Tape:
    """Return the tape with such stacks unread, in bodies too."""
    if not any(tape.prim(i).emit.kind in ROLLED for i in range(tape.n_inputs, tape.rows)):
        return tape
    found = _found(tape)
    changed = bool(found)
    b = Builder()
    place: list[int] = []
    for row in tape:
        args, params = [place[a] for a in row.args], row.params
        b.line = row.line
        if row.prim.emit.kind in ROLLED:
            if row.id in found:
                reader = found[row.id]
                loop = Sym(b, place[reader.scope.row.id])
                ends = {k: b.out(loop, k).id for k in reader.ends}
                args = reader.operands(args, ends, {a: place[a] for a in reader.around()})
                params = reader.params()
            made = {k: rereads(v) if isinstance(v, Tape) else v for k, v in params.items()}
            changed = changed or any(made[k] is not v for k, v in params.items())
            params = made
        place.append(b.append(row.prim.index, args, tape.aval[row.id], param_id(params)))
    return b.finish([place[o] for o in tape.outputs]) if changed else tape


# ---------------------------------------------------------------- which stacks


def _found(tape: Tape) -> dict[int, _Reader]:
    """Return the reverse loops that can read arrays again, by row."""
    readers: dict[int, list[int]] = {}
    for i in range(tape.n_inputs, tape.rows):
        for a in tape.args(i):
            readers.setdefault(a, []).append(i)
    found: dict[int, _Reader] = {}
    tables: dict[int, tuple[Scope, Writes]] = {}
    for o in range(tape.n_inputs, tape.rows):
        if tape.prim(o).name != "out" or o in tape.outputs or len(readers.get(o, ())) != 1:
            continue
        loop, k, back = tape.row(tape.args(o)[0]), tape.params(o)["k"], tape.row(readers[o][0])
        if not _paired(loop, back, o) or k < loop.params["carry"] or back.args[0] != loop.args[0]:
            continue
        if loop.id not in tables:
            scope = Scope(loop, loop.params["body"], None, tape)
            tables[loop.id] = scope, _tables(scope)
        scope, writes = tables[loop.id]
        if not writes:
            continue
        reader = found.get(back.id) or _Reader(scope, back)
        if reader.scope is not scope:
            continue
        usable = {w: x for w, x in writes.items() if not _changed(tape, loop.id, w, back.id)}
        if _plan(reader, back.args.index(o), scope.body.outputs[k], usable):
            found[back.id] = reader
    for reader in found.values():
        reader.collect()
    return found


def _paired(loop: Row, back: Row, stack: int) -> bool:
    """Whether the rounds of `back` read, one each, what those of `loop` have stacked."""
    if loop.prim.name != "for" or back.prim.name != "for" or back.args.count(stack) != 1:
        return False
    p = back.params
    items = 1 + p["carry"] + p["shared"]
    same: bool = p["length"] == loop.params["length"]
    return same and back.args.index(stack) >= items


def _tables(scope: Scope) -> Writes:
    found: Writes = {}
    for k in range(scope.row.params["carry"]):
        if scope.body.value(1 + k).shape and (writes := writes_of(scope, k)) is not None:
            found[k] = writes
    return found


def _changed(tape: Tape, loop: int, k: int, before: int) -> bool:
    """Whether something may write into result `k` of a loop before another one has read it."""
    ends = [
        i for i in range(loop, before) if tape.args(i) == (loop,) and tape.params(i) == {"k": k}
    ]
    return any(o in overwritten(tape, i) for o in ends for i in range(o, before))


def _plan(reader: _Reader, e: int, v: int, writes: Writes) -> bool:
    """Note how input `e` of the reverse body, row `v` of the forward one, is had; False: it is not."""
    scope, users = reader.scope, [r for r in reader.body if e in r.args]
    if scope.body.prim(v).name == "out" and len(users) == 1 and e not in reader.body.outputs:
        loop, back = scope.body.row(scope.body.args(v)[0]), users[0]
        k = scope.body.params(v)["k"]
        if not _paired(loop, back, e) or k < loop.params["carry"] or loop.params["length"] < 0:
            return False
        inner = reader.inner.get(back.id) or _Reader(scope.inner(loop.id), back)
        if inner.scope is not scope.inner(loop.id):
            return False
        if not _plan(inner, back.args.index(e), inner.scope.body.outputs[k], writes):
            return False
        reader.inner[back.id] = inner
        return True
    cone = _Cone(scope.body.value(v).size, writes)
    if not cone.again(scope, v):
        return False
    most = MOST_BRANCHED if all(r.prim.name == "cond" for r in users) else MOST_READS
    compared = cone.names & _COMPARES and cone.names & _PRODUCTS
    if not 0 < len(cone.reads) <= most or compared:
        return False
    reader.given[e] = v
    return True


@record(eq=False)
class _Cone:
    """The rows from which a value is computed again: those seen, their names, what they read."""

    size: int
    writes: Writes
    seen: dict[tuple[Scope, int], bool] = field(default_factory=dict)
    names: set[str] = field(default_factory=set)
    reads: set[tuple[Scope, int]] = field(default_factory=set)

    def again(self, scope: Scope, i: int) -> bool:
        """Whether row `i` can be computed again in the reverse round."""
        if (scope, i) not in self.seen:
            self.seen[scope, i] = self._look(scope, i)
        return self.seen[scope, i]

    def _look(self, scope: Scope, i: int) -> bool:
        body = scope.body
        if i < body.n_inputs:
            if i == 0:
                return True
            if i <= scope.row.params["carry"]:
                return False
            return scope.parent is None or self.again(scope.parent, scope.row.args[i])
        name, args = body.prim(i).name, body.args(i)
        self.names.add(name)
        if name not in _COMPARES | _PRODUCTS | _OTHERS or body.value(i).size > self.size:
            return False
        if name == "dynamic_slice" and (k := array_of(scope, args[0])) is not None:
            if k not in self.writes or not lasts(read_of(scope, i), self.writes[k]):
                return False
            self.reads.add((scope, i))
            args = args[1:]
        return all(self.again(scope, a) for a in args)


# ---------------------------------------------------------------- how they read


@record(eq=False)
class _Reader:
    """A reverse loop and the forward loop of the same rounds.

    Attributes
    ----------
    scope : Scope
        The forward loop.
    row : Row
        The reverse one.
    given : dict
        Inputs of the reverse body that are computed again, with the rows of the forward body.
    inner : dict
        Reverse loops in the reverse body, by row.
    ends : dict of int
        The forward arrays, by number, that it reads as they are left. Its keys are in order.
    fixed, items : dict of int
        Rows around the forward loop that are wanted as further shared and stacked operands, with
        the inputs of the forward body that they are.
    wanted : set of int
        Rows of the forward body that are computed again.
    """

    scope: Scope
    row: Row
    given: dict[int, int] = field(default_factory=dict)
    inner: dict[int, _Reader] = field(default_factory=dict)
    ends: dict[int, None] = field(default_factory=dict)
    fixed: dict[int, int] = field(default_factory=dict)
    items: dict[int, int] = field(default_factory=dict)
    wanted: set[int] = field(default_factory=set)

    @property
    def body(self) -> Tape:
        body: Tape = self.row.params["body"]
        return body

    def around(self) -> Sequence[int]:
        return [*self.fixed, *self.items]

    def collect(self) -> None:
        """Find what is wanted from around the loop."""
        for inner in self.inner.values():
            inner.collect()
            self.ends.update(inner.ends)
            for a in inner.around():
                self._want(a)
        for v in self.given.values():
            self._want(v)

    def _want(self, i: int) -> None:
        body, p = self.scope.body, self.scope.row.params
        if i in self.wanted:
            return
        self.wanted.add(i)
        if i >= body.n_inputs:
            args = body.args(i)
            if (k := self._array(i)) is not None:
                self.ends[k] = None
                args = args[1:]
            for a in args:
                self._want(a)
        elif i:
            wanted = self.fixed if i <= p["carry"] + p["shared"] else self.items
            wanted[self.scope.row.args[i]] = i

    def _array(self, i: int) -> int | None:
        """Return the number of the forward array of which row `i` is a window, if it is one."""
        window = self.scope.body.prim(i).name == "dynamic_slice"
        return array_of(self.scope, self.scope.body.args(i)[0]) if window else None

    def operands(self, args: list[int], ends: dict[int, int], around: dict[int, int]) -> list[int]:
        """Return the operands of the new loop."""
        first = 1 + self.row.params["carry"] + self.row.params["shared"]
        shared = [*(ends[k] for k in self.ends), *(around[a] for a in self.fixed)]
        return [*args[:first], *shared, *args[first:], *(around[a] for a in self.items)]

    def params(self) -> dict[str, Any]:
        p = self.row.params
        more = len(self.ends) + len(self.fixed)
        return {**p, "body": self._rewritten(), "shared": p["shared"] + more}

    def _rewritten(self) -> Tape:
        """Return the reverse body that computes again what it is no longer given."""
        body, forward, b = self.body, self.scope.body, Builder()
        first = 1 + self.row.params["carry"] + self.row.params["shared"]
        place: dict[int, int] = {j: b.input(body.value(j)).id for j in range(first)}
        outermost = self.scope.loops[0].body
        ends = {k: b.input(outermost.value(1 + k)).id for k in self.ends}
        made = {i: b.input(forward.value(i)).id for i in self.fixed.values()}
        place.update((j, b.input(body.value(j)).id) for j in range(first, body.n_inputs))
        made.update((i, b.input(forward.value(i)).id) for i in self.items.values())
        made[0] = place[0]

        def again(i: int) -> int:
            if i not in made and i < forward.n_inputs:
                return made[(self.fixed | self.items)[self.scope.row.args[i]]]
            if i not in made:
                args, k = forward.args(i), self._array(i)
                given = [again(a) for a in args] if k is None else [ends[k], *map(again, args[1:])]
                made[i] = put(b, forward, i, given)
            return made[i]

        place.update((e, again(v)) for e, v in self.given.items())
        for row in body:
            if row.id < body.n_inputs:
                continue
            args, params = [place[a] for a in row.args], row.params
            b.line = row.line
            if row.id in self.inner:
                inner = self.inner[row.id]
                args = inner.operands(args, ends, {a: again(a) for a in inner.around()})
                params = inner.params()
            place[row.id] = b.append(row.prim.index, args, body.aval[row.id], param_id(params))
        return b.finish([place[o] for o in body.outputs])
