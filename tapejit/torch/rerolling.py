"""Loops found again in recorded rows: a Python loop records its rows once for each round.

A long trace is gone through for runs of equal blocks: ``k`` rounds of the same ``p`` codes. A run
becomes a `Loop` when each operand of a block is, in all of its rounds,

- the same slot, from before the run: *shared*;
- a result of the same round;
- a result of the round before, or of a few rounds before: *carried*, with slots from before the run
  in the first rounds;
- other slots from before the run in each round: *stacked*.

Rounds at both ends for which that is not so (a first state of another kind, another last step) stay
as rows. Bodies are gone through in the same way, so loops may be nested.

Invariant: rows have no effects and the items compute the slots that are looked at by the same rows
on the same operands; which rows stand in a loop and which do not changes no value.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

import numpy as np

from .round_order import ROUNDS, early, runs, stays
from .rows import Row
from .spec import Spec

ROWS = 48
"""Rows from which on a run is a loop: two or three rounds of a cell compile well as they are."""
_BACK = 4
"""By how many rounds a result may be carried: ``x[t - 2]`` is carried by two."""
_COPY = 4
"""Rows that a round must have more of for each leaf that it has to itself, since such leaves are
copied into a stack and their gradients out of one: 14 vectors under Adam, 4 rows for each, took
283 us flat and 351 us in a loop."""
_TRIES = 24

Site = tuple[int, int]
"""A result of a block: the row's place in the block, and which of its results."""


@dataclass(frozen=True)
class Carry:
    """A value that a round hands to the next.

    Attributes
    ----------
    inner, out : int
        The body's slots of the value as it comes in, and of the next one.
    start : int or None
        The slot of the first one; None where no round reads it.
    spec : Spec
    """

    inner: int
    out: int
    start: int | None
    spec: Spec


@dataclass(frozen=True)
class Loop:
    """A run of equal blocks.

    Attributes
    ----------
    rounds : int
    items : tuple of Row or Loop
        The body, with slots of its own.
    carried : tuple of Carry
    shared : tuple of (int, int)
        The body's slot and the slot around of each shared value.
    stacked : tuple of (int, tuple of int)
        The body's slot and the slot around for each round.
    finals : tuple of (int, int)
        Slots that have the last value of a carry: the carry's place, and the slot.
    kept : tuple of (int, tuple of (int, int))
        Slots that results of rounds have: the body's slot, and pairs of a round and a slot.
    flat : tuple of Row
        The rows that the loop stands for.
    """

    rounds: int
    items: tuple[Row | Loop, ...]
    carried: tuple[Carry, ...]
    shared: tuple[tuple[int, int], ...]
    stacked: tuple[tuple[int, tuple[int, ...]], ...]
    finals: tuple[tuple[int, int], ...]
    kept: tuple[tuple[int, tuple[tuple[int, int], ...]], ...]
    flat: tuple[Row, ...]


Item = Row | Loop


def rerolled(
    rows: Sequence[Row], ends: Collection[int], leaves: Collection[int] = ()
) -> list[Item]:
    """Return rows with loops for runs of equal blocks.

    Parameters
    ----------
    rows : sequence of Row
        Without inputs: slots that no row makes are there before.
    ends : collection of int
        The slots that are looked at in the end.
    leaves : collection of int
        Inputs with gradients.
    """
    if len(rows) < ROWS:
        return list(rows)
    return list(_Search(early(rows, ends), ends, leaves).items(0, None))


# ---------------------------------------------------------------- rows in one form


class _Search:
    """Rows, and who reads which slot."""

    def __init__(self, rows: list[Row], ends: Collection[int], leaves: Collection[int]) -> None:
        self.rows, self.ends, self.leaves = rows, ends, leaves
        self.made: dict[int, Site] = {}
        self.readers: dict[int, list[int]] = {}
        for k, row in enumerate(rows):
            for o in range(row.code.n_out):
                self.made[row.first + o] = (k, o)
            for a in row.args:
                self.readers.setdefault(a, []).append(k)
        self.symbols = np.array(
            [-1 - k if stays(r.code) else r.code.index for k, r in enumerate(rows)]
        )

    def items(self, start: int, stop: int | None) -> Iterator[Item]:
        """Yield the rows of a stretch with loops in it."""
        stop = len(self.rows) if stop is None else stop
        if stop - start >= ROWS:
            for length, p, at in runs(self.symbols[start:stop], ROUNDS)[:_TRIES]:
                if length < ROWS:
                    break
                found = self.fit(start + at, p, length // p)
                if found is not None:
                    a, b, loop = found
                    yield from self.items(start, a)
                    yield loop
                    yield from self.items(b, stop)
                    return
        yield from self.rows[start:stop]

    def fit(self, start: int, p: int, count: int) -> tuple[int, int, Loop] | None:
        """Return the longest loop among `count` blocks, with the rows where it begins and ends."""
        blocks = [self.rows[start + i * p : start + (i + 1) * p] for i in range(count)]
        found = [
            tuple([self._relation(start, p, i, a) for row in block for a in row.args])
            for i, block in enumerate(blocks)
        ]
        best, at = (0, 0), 0
        for relations, group in groupby(found):
            lo, hi = at, at + len(list(group))
            at = hi
            back = max([r[0] for r in relations if r is not None], default=0)
            if back > _BACK:
                continue
            for first in range(max(lo - back, 0), lo + 1):
                if all(_begins(found[i], relations, i, first) for i in range(first, lo)):
                    best = max(best, (first, hi), key=lambda span: span[1] - span[0])
                    break
        lo, hi = best
        if hi - lo < ROUNDS or (hi - lo) * p < ROWS:
            return None
        a, b = start + lo * p, start + hi * p
        loop = _Maker(self, a, p, hi - lo, found[hi - 1]).loop()
        copies = sum(any(s in self.leaves for s in slots) for _, slots in loop.stacked)
        return (a, b, loop) if p > _COPY * copies else None

    def _relation(self, start: int, p: int, i: int, slot: int) -> tuple[int, int, int] | None:
        """Return by how many rounds and from where a slot comes; None from before the run."""
        k, o = self.made.get(slot, (-1, 0))
        if k < start:
            return None
        return i - (k - start) // p, (k - start) % p, o

    def read_outside(self, slot: int, a: int, b: int) -> bool:
        """Whether a slot is looked at beyond the rows from a to b."""
        return slot in self.ends or any(not a <= k < b for k in self.readers.get(slot, ()))


def _begins(mine: Any, relations: Any, i: int, first: int) -> bool:
    """Whether round `i` of a loop that starts with round `first` fits: carries may be from before."""
    for own, its in zip(mine, relations):
        if own == its:
            continue
        before = own is None or i - own[0] < first
        if its is None or not before or i - first >= its[0]:
            return False
    return True


# ---------------------------------------------------------------- the loop


@dataclass
class _Maker:
    """Builds the loop of `rounds` blocks of `p` rows that begin with row `a`."""

    search: _Search
    a: int
    p: int
    rounds: int
    relations: Any
    count: int = 0
    carried: dict[Any, Carry] = field(default_factory=dict)
    shared: dict[int, int] = field(default_factory=dict)
    stacked: dict[tuple[int, ...], int] = field(default_factory=dict)

    def block(self, i: int) -> list[Row]:
        at = self.a + i * self.p
        return self.search.rows[at : at + self.p]

    def loop(self) -> Loop:
        blocks = [self.block(i) for i in range(self.rounds)]
        template = blocks[-1]
        self.first = []
        for row in template:
            self.first.append(self.count)
            self.count += row.code.n_out
        relation = iter(self.relations)
        body = []
        for j, row in enumerate(template):
            args = tuple(
                self._operand(next(relation), tuple([b[j].args[n] for b in blocks]))
                for n in range(len(row.args))
            )
            body.append(Row(row.code, args, self.first[j]))
        finals, kept = self._results(blocks)
        carried = tuple(self.carried.values())
        outs = {c.out for c in carried} | {inner for inner, _ in kept}
        end = self.a + self.rounds * self.p
        return Loop(
            self.rounds,
            tuple(rerolled(body, outs)),
            carried,
            tuple((inner, slot) for slot, inner in self.shared.items()),
            tuple((inner, slots) for slots, inner in self.stacked.items()),
            finals,
            kept,
            tuple(self.search.rows[self.a : end]),
        )

    def _new(self) -> int:
        self.count += 1
        return self.count - 1

    def _operand(self, relation: tuple[int, int, int] | None, slots: tuple[int, ...]) -> int:
        """Return the body's slot of an operand that has these slots around, round by round."""
        if relation is None:
            if len(set(slots)) == 1:
                return self.shared.setdefault(slots[0], self._new())
            return self.stacked.setdefault(slots, self._new())
        back, j, o = relation
        if back == 0:
            return self.first[j] + o
        return self._carry((j, o), slots[:back]).inner

    def _carry(self, site: Site, starts: tuple[int | None, ...]) -> Carry:
        """Return the carry of a result; for one of d rounds ago, d carries hand it on."""
        found = self.carried.get((site, starts))
        if found is None:
            out = self.first[site[0]] + site[1]
            if len(starts) > 1:
                out = self._carry(site, starts[1:]).inner
            spec = self.block(0)[site[0]].code.specs[site[1]]
            found = self.carried[site, starts] = Carry(self._new(), out, starts[0], spec)
        return found

    def _results(self, blocks: list[list[Row]]) -> tuple[Any, Any]:
        """Return what is looked at afterwards: last values, and values of other rounds."""
        end = self.a + self.rounds * self.p
        finals, kept = [], []
        for j, row in enumerate(blocks[0]):
            for o in range(row.code.n_out):
                slots = [block[j].first + o for block in blocks]
                read = [
                    (i, s) for i, s in enumerate(slots) if self.search.read_outside(s, self.a, end)
                ]
                if not read:
                    continue
                if read[0][0] < self.rounds - 1:
                    kept.append((self.first[j] + o, tuple(read)))
                    continue
                carry = next(
                    (c for c in self.carried.values() if c.out == self.first[j] + o), None
                ) or self._carry((j, o), (None,))
                finals.append((list(self.carried.values()).index(carry), read[0][1]))
        return tuple(finals), tuple(kept)
