"""Recorded integers read back as rows, and what a backward pass from a slot will reach.

Everything here depends on the integers alone, so that it is worked out once for a training loop.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

from .codes import CODES, GRAD, LEAF, Code
from .spec import Spec

Saved = dict[int, tuple[tuple[int, bool], ...]]


class Row(NamedTuple):
    """One recorded row: its code, its operands' slots and the first of its results' slots."""

    code: Code
    args: tuple[int, ...]
    first: int


@dataclass(frozen=True, eq=False)
class Cone:
    """What a backward pass from a slot reaches.

    Attributes
    ----------
    leaves : tuple of int
        Slots of leaves that collect gradients, in the order in which they were recorded.
    imports : tuple of int
        Input slots that stand for results of earlier segments.
    rows : tuple of int
        The rows that it goes through, latest first.
    mask, saving : int
        Those rows as a bit mask, and the ones among them that read saved values.
    saved : dict
        The slots of saved values, each with the rows (their first result slots) that saved it, and
        whether it is the row's first operand: that, a row which overwrites it keeps as it was.
    slots : frozenset of int
        The slots that gradients reach.
    touched : tuple of int
        The slots that the rows on the way read or make, and the root.
    special : bool
        Whether a row has its gradient from Python (a function of the user's).
    codes : dict
        Codes of the backward rows that have been recorded for it.
    """

    leaves: tuple[int, ...]
    imports: tuple[int, ...]
    rows: tuple[int, ...]
    mask: int
    saving: int
    saved: Saved
    slots: frozenset[int]
    touched: tuple[int, ...]
    special: bool
    codes: dict[Any, int] = field(default_factory=dict)


class Rows:
    """A decoded trace."""

    def __init__(self, code: tuple[int, ...]) -> None:
        self.code = code
        self.rows: list[Row] = []
        self.producer: list[int] = []
        self.kinds: list[int] = []
        self._cones: dict[int, Cone] = {}
        at, n = 0, len(code)
        while at < n:
            c = CODES[code[at]]
            end = at + 1 + c.n_args
            self.rows.append(Row(c, code[at + 1 : end], len(self.producer)))
            self.producer += [len(self.rows) - 1] * c.n_out
            self.kinds += c.kinds
            at = end

    @cached_property
    def graded(self) -> int:
        """The rows that gradients flow through, as a bit mask."""
        return mask_of(
            [
                r
                for r, row in enumerate(self.rows)
                if row.code.grad and row.code.op.special != "input"
            ]
        )

    @cached_property
    def scaled(self) -> bool:
        """Whether gradients read numbers that are not saved: inputs are kept with the graph then."""
        return any([row.code.grad and row.code.op.scaled for row in self.rows])

    def done(self, freed: int) -> bool:
        """Whether nothing will read the inputs once some rows, a bit mask, have been freed."""
        return not (self.graded & ~freed or self.scaled)

    @cached_property
    def numbers(self) -> dict[int, int]:
        """The place of each input slot among the inputs."""
        slots = [row.first for row in self.rows if row.code.op.special == "input"]
        return {slot: k for k, slot in enumerate(slots)}

    def spec(self, slot: int) -> Spec:
        row = self.rows[self.producer[slot]]
        return row.code.specs[slot - row.first]

    def cones(self) -> list[Cone]:
        """Return what backward passes from the slots asked for reach."""
        return list(self._cones.values())

    def cone(self, root: int) -> Cone:
        """Return what a backward pass from a slot reaches."""
        found = self._cones.get(root)
        if found is None:
            found = self._cones[root] = self.reach((root,))
        return found

    def reach(self, roots: Iterable[int]) -> Cone:
        """Return what a backward pass from several slots reaches."""
        kinds, producer, rows = self.kinds, self.producer, self.rows
        slots = set(roots)
        todo = list(slots)
        through: set[int] = set()
        while todo:
            slot = todo.pop()
            row = producer[slot]
            if kinds[slot] != GRAD or row in through:
                continue
            code = rows[row].code
            if not code.grad or code.op.special == "input":
                continue
            through.add(row)
            for k in rows[row].args:
                if kinds[k] and k not in slots:
                    slots.add(k)
                    todo.append(k)
        saved, saving = self.saved_by(through)
        special = any(rows[r].code.op.special is not None for r in through)
        ends = sorted(s for s in slots if producer[s] not in through)
        touched = set(slots)
        for r in through:
            code, args, first = rows[r]
            touched.update(args, range(first, first + code.n_out))
        return Cone(
            tuple(s for s in ends if kinds[s] == LEAF),
            tuple(s for s in ends if kinds[s] == GRAD),
            tuple(sorted(through, reverse=True)),
            mask_of(through),
            saving,
            saved,
            frozenset(slots),
            tuple(sorted(touched)),
            special,
        )

    def saved_by(self, through: Iterable[int]) -> tuple[Saved, int]:
        """Return the saved slots of some rows, with who saved them, and which rows save any."""
        saved: Saved = {}
        saving = []
        for r in through:
            code, args, first = self.rows[r]
            kept = code.saved([bool(self.kinds[a]) for a in args])
            if kept:
                saving.append(r)
                for k in set(kept):
                    slot = first - 1 - k if k < 0 else args[k]
                    saved[slot] = (*saved.get(slot, ()), (first, k == 0))
        return saved, mask_of(saving)

    def needed(self, slots: tuple[int, ...]) -> list[bool]:
        """Return for each row whether slots depend on it."""
        wanted = [False] * len(self.rows)
        for s in slots:
            wanted[self.producer[s]] = True
        for r in range(len(self.rows) - 1, -1, -1):
            if wanted[r]:
                for k in self.rows[r].args:
                    wanted[self.producer[k]] = True
        return wanted


def mask_of(rows: Iterable[int]) -> int:
    """Return numbers as a bit mask; shifting each into a long integer is quadratic."""
    bits = bytearray()
    for r in rows:
        if r >> 3 >= len(bits):
            bits += bytes((r >> 3) + 1 + len(bits))
        bits[r >> 3] |= 1 << (r & 7)
    return int.from_bytes(bits, "little")


_decoded: dict[tuple[int, ...], Rows] = {}
_MOST = 100_000
"""Integers of traces that are kept decoded; the oldest go first."""
_kept = [0]
_recent: dict[int, tuple[list[int], Rows]] = {}
"""By its length, the trace in the making that was read last."""
_RECENT = 64


def decoded(code: tuple[int, ...]) -> Rows:
    """Return the rows of a trace, decoded once."""
    found = _decoded.get(code)
    if found is None:
        _kept[0] += len(code) + 16
        while _kept[0] > _MOST and _decoded:
            old = _decoded.pop(next(iter(_decoded)), None)
            _kept[0] -= 0 if old is None else len(old.code) + 16
        found = _decoded[code] = Rows(code)
    return found


def forget() -> None:
    """Forget all decoded traces."""
    _decoded.clear()
    _recent.clear()
    _kept[0] = 0


def decoded_now(code: list[int]) -> Rows:
    """Return the rows of a trace in the making: `decoded`, without hashing what a loop repeats."""
    pair = _recent.get(len(code))
    if pair is not None and pair[0] == code:
        return pair[1]
    rows = decoded(tuple(code))
    if len(_recent) >= _RECENT:
        _recent.clear()
    _recent[len(code)] = (code[:], rows)
    return rows
