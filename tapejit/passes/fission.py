"""Loop fission: what a round computes apart from the recurrence is computed for all rounds at once.

A round is c' = f(i, c, w, x_i). Rows that do not depend on the carried values are moved in front of
the loop, rows that no carried value depends on behind it, over arrays with one element a round: a
logarithm, a quotient or a product with a matrix then runs at the speed of a vector. A carried sum
s' = s + t_i whose term needs costly rows is such a result, sum(t, axis=0), and a sum of products
of matrices is one product:

    sum_i a_i b_i = A B    with A the a_i side by side and B the b_i below each other.

Only costly rows are worth an array; cheap ones stay where they are. Sums change their order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import field
from typing import Any

from ..core.avals import Aval
from ..core.records import record
from ..tape.ir import Builder, Row, Sym, Tape
from ..tape.pieces import extract, load
from ..tape.primitive import BY_NAME
from .batching import Batch
from .residuals import CHEAP
from .rewrite import rewrite

SHORTEST = 8
"""Loops of fewer rounds are left alone."""
SMALL = 16
"""Elements up to which an elementwise row is moved: wider ones are vectors as they are."""
LARGEST = 1 << 27
"""Bytes that moved rows may take."""


def fission(tape: Tape) -> Tape:
    """Return the tape with costly rows moved out of its loops."""
    if not any(tape.prim(i).name == "for" for i in range(tape.n_inputs, tape.rows)):
        return tape
    results: dict[int, list[Sym]] = {}

    def visit(b: Builder, row: Row, args: list[int]) -> int | None:
        if row.prim.name == "for" and row.id not in tape.outputs:
            found = _Cut(b, row, args).run()
            if found is not None:
                results[row.id] = found
                return found[0].id
        elif row.prim.name == "out" and row.args[0] in results:
            return results[row.args[0]][row.params["k"]].id
        return None

    return rewrite(tape, visit)


def is_costly(row: Row) -> bool:
    """Whether a row is worth an array of its values over the rounds."""
    if not isinstance(row.aval, Aval) or not row.aval.inexact:
        return False
    if row.prim.name == "matmul":
        return True
    kind = row.prim.emit.kind
    return kind == "elementwise" and row.prim.name not in CHEAP and row.aval.size <= SMALL


@record
class _Sum:
    """A carried sum: its position, and the terms that a round adds."""

    k: int
    terms: list[int]
    chain: set[int] = field(default_factory=set)


class _Cut:
    """The search for what to move out of one loop, and the rows that replace it."""

    def __init__(self, b: Builder, row: Row, args: list[int]) -> None:
        p = row.params
        self.b, self.row, self.args = b, row, args
        self.body: Tape = p["body"]
        self.carry, self.shared, self.n = p["carry"], p["shared"], p["length"]
        self.rows = list(self.body)
        self.readers: dict[int, list[int]] = {}
        for r in self.rows:
            for a in r.args:
                self.readers.setdefault(a, []).append(r.id)
        self.moving = self._closure(range(self.body.n_inputs), self._items())
        self.carried = self._closure((), range(1, 1 + self.carry))

    def _items(self) -> list[int]:
        return [0, *range(1 + self.carry + self.shared, self.body.n_inputs)]

    def _closure(self, known: Any, seeds: Any) -> set[int]:
        """Return the rows that depend on seeds."""
        found = set(seeds)
        for r in self.rows:
            if any(a in found for a in r.args):
                found.add(r.id)
        return found

    def run(self) -> list[Sym] | None:
        """Return the new results of the loop, None when it stays as it is."""
        if self.n < SHORTEST or not any(map(is_costly, self.rows)):
            return None
        batch = self.batch = Batch(self.b, self.body, self.n)
        for k, a in enumerate(self.args[1 + self.carry :]):
            inner = 1 + self.carry + k
            batch.given(inner, Sym(self.b, a), stacked=k >= self.shared)
        before = self._before()
        sums, after = self._after(before)
        if not before and not sums and not after:
            return None
        return self._emit(before, sums, after)

    # ------------------------------------------------------------ what to move

    def _before(self) -> list[int]:
        """Move rows that depend on no carried value; return those that the loop still reads."""
        batch, moved = self.batch, []
        for r in self.rows:
            free = r.id in self.moving and r.id not in self.carried
            if free and is_costly(r) and batch.can(r.id):
                moved.append(r.id)
        return moved

    def _sums(self) -> list[_Sum]:
        found = []
        for k in range(self.carry):
            c, end = 1 + k, self.body.outputs[k]
            terms: list[int] = []
            chain: set[int] = set()
            at = end
            while at != c and self._is_add(at) and self.body.outputs.count(at) <= (at == end):
                if self.readers.get(at, []) and at != end and len(self.readers[at]) > 1:
                    break
                one, other = self.body.args(at)
                if one != c and other != c and not self._holds(one, c) and self._holds(other, c):
                    one, other = other, one
                if other == c:
                    one, other = other, one
                chain.add(at)
                terms.append(other)
                at = one
            alone = self.readers.get(c, []) == [x for x in chain if c in self.body.args(x)]
            ends_read = self.readers.get(end, [])
            alone = alone and c not in self.body.outputs
            if at == c and terms and alone and not ends_read and self._free_of(terms, c):
                found.append(_Sum(k, terms, chain))
        return found

    def _is_add(self, i: int) -> bool:
        r = self.rows[i]
        return (
            r.prim.name == "add"
            and all(
                self.body.value(a).shape == self.body.value(i).shape
                and self.body.value(a).dtype == self.body.value(i).dtype
                for a in r.args
            )
            and self.body.value(i).inexact
        )

    def _holds(self, i: int, c: int) -> bool:
        """Whether row `i` is an add chain that ends in `c`."""
        while self.rows[i].prim.name == "add":
            args = self.body.args(i)
            if c in args:
                return True
            i = next((a for a in args if self.rows[a].prim.name == "add"), -1)
            if i < 0:
                return False
        return i == c

    def _free_of(self, terms: list[int], c: int) -> bool:
        depends = self._closure((), [c])
        return not any(t in depends for t in terms)

    def _after(self, before: list[int]) -> tuple[list[_Sum], list[int]]:
        """Return the carried sums and the stacked results that are computed behind the loop."""
        sums = self._sums()
        kept = {self.body.outputs[k] for k in range(self.carry)}
        kept -= {self.body.outputs[s.k] for s in sums}
        core = set(kept)
        for i in range(self.body.rows - 1, -1, -1):
            if i in core:
                core.update(self.body.args(i))
        self.core = core
        batch = self.batch
        batch.stops = core | set(range(1, 1 + self.carry))
        good = []
        for s in sums:
            work = [i for t in s.terms for i in batch.behind(t)]
            costly = any(is_costly(self.rows[i]) and i not in core for i in work)
            if costly and all(batch.can(t, products=True) for t in s.terms) and self._pays(s):
                good.append(s)
        after = []
        for k in range(self.carry, len(self.body.outputs)):
            o = self.body.outputs[k]
            costly = o not in core and any(is_costly(self.rows[i]) for i in batch.behind(o))
            if costly and batch.can(o):
                after.append(k)
        return good, after

    def _pays(self, s: _Sum) -> bool:
        """Whether a sum of products takes less memory traffic as one product."""
        for t in s.terms:
            r = self.rows[t]
            while r.prim.name == "reshape":
                r = self.rows[r.args[0]]
            if r.prim.name == "matmul" and self.body.value(r.id).size > 1:
                sides = sum(self.body.value(a).size for a in r.args)
                if sides >= self.body.value(r.id).size:
                    return False
        return True

    # ------------------------------------------------------------ the rows

    def _emit(self, before: list[int], sums: list[_Sum], after: list[int]) -> list[Sym] | None:
        b, body, batch = self.b, self.body, self.batch
        gone = {s.k for s in sums}
        left = [k for k in range(self.carry) if k not in gone]
        plain = [k for k in range(self.carry, len(body.outputs)) if k not in after]
        needed: dict[int, None] = {}
        for t in [t for s in sums for t in s.terms] + [body.outputs[k] for k in after]:
            for i in batch.stacked_from(t):
                needed[i] = None
        # values that stay in the loop and are wanted behind it
        wanted = [i for i in needed if i in batch.stops]
        size = sum(body.value(i).size * body.value(i).dtype.itemsize for i in (*wanted, *before))
        if size * self.n > LARGEST:
            return None
        ends = [body.outputs[k] for k in (*left, *plain)] + wanted
        reads = _reads(body, ends, set(before))
        fresh = [i for i in before if i in reads]
        old_items = range(1 + self.carry + self.shared, body.n_inputs)
        order = [0, *(1 + k for k in left), *range(1 + self.carry, 1 + self.carry + self.shared)]
        order += [*old_items, *fresh]
        made = extract(load(body), order, ends)
        outer = [Sym(b, a) for a in self.args]
        operands = [outer[0], *(outer[1 + k] for k in left), *outer[1 + self.carry :]]
        operands += [batch.value(i) for i in fresh]
        params = {**self.row.params, "body": made, "carry": len(left)}
        rows: Sequence[Sym] = ()
        if ends:
            rows = b.outs(BY_NAME["for"].on(b, *operands, **params))
        results: dict[int, Sym] = dict(zip((*left, *plain), rows))
        for i, stack in zip(wanted, rows[len(left) + len(plain) :]):
            batch.known[i] = stack
        for s in sums:
            total = outer[1 + s.k]
            for t in s.terms:
                total = total + batch.total(t)
            results[s.k] = total
        for k in after:
            results[k] = batch.value(body.outputs[k])
        for k, sym in results.items():
            have, want = sym.aval, self.row.aval.items[k]  # type: ignore[union-attr]
            if have.shape != want.shape or have.dtype != want.dtype:
                return None
        return [results[k] for k in range(len(body.outputs))]


def _reads(body: Tape, ends: Sequence[int], cut: set[int]) -> set[int]:
    """Return the rows that `ends` need when those in `cut` are given."""
    need = set(ends)
    for i in range(body.rows - 1, -1, -1):
        if i in need and i not in cut:
            need.update(body.args(i))
    return need
