"""Recorded rows in an order in which the rounds of a loop lie together, and where rounds repeat.

Rows that every round makes of the same values stand between the rounds and hide that these are
equal: they become one row, in front. What is left is a list of symbols, in which a loop is a stretch
that equals itself some places on.

Invariant: rows stay behind those they read, and compute what they computed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from typing import Any

import numpy as np

from .codes import CODES, LEAF, Code
from .rows import Row, Rows

ROUNDS = 6
"""Rounds from which on a run is a loop."""
_SINGLES = ("select", "unbind", "basic_index")
_PARTS = (*_SINGLES, "slice")


def asked_rows(rows: Rows, outputs: Sequence[int]) -> list[Row]:
    """Return the rows that slots depend on, without inputs, those that may be connected connected.

    The first round of a loop often starts from plain zeros: its rows record no gradient where those
    of later rounds do. What has plain operands only reads what no gradient flows to (what was made
    under `no_grad` is cut off from its own operands), so it may as well be connected.
    """
    found = []
    for row, wanted in zip(rows.rows, rows.needed(tuple(outputs))):
        if not wanted or row.code.op.special == "input":
            continue
        code = row.code
        if not (stays(code) or code.grad or code.op.traced or any(rows.kinds[a] for a in row.args)):
            other = CODES.get(code.index + 1)  # the codes of an operation stand side by side
            if other is not None and other.grad and other.op is code.op:
                row = Row(other, row.args, row.first)
        found.append(row)
    return found


def early(rows: Sequence[Row], ends: Collection[int]) -> list[Row]:
    """Return rows in an order in which what each round makes of the same values stands in front.

    ``w.t()`` in every round is one row; the parts ``x[0], x[1], ..`` of one tensor have a code each
    and would hide that the rounds are equal. Both move up to the rows that they read.
    """
    values = _numbered(rows)
    same = Counter(values[row.first] for row in rows)
    parts = Counter(row.args[0] for row in rows if row.code.op.name in _PARTS)
    first: dict[int, int] = {}
    alias: dict[int, int] = {}
    made: dict[int, int] = {}  # the place of the row that a slot waits for
    order: list[tuple[int, int, Row]] = []
    for k, row in enumerate(rows):
        args = tuple([alias.get(a, a) for a in row.args])
        value = values[row.first]
        repeated = same[value] >= ROUNDS and not stays(row.code)
        if repeated and row.code.n_out == 1 and row.first not in ends:
            old = first.setdefault(value, row.first)
            if old != row.first:
                alias[row.first] = old
                continue
        many = row.code.op.name in _PARTS and parts[row.args[0]] >= ROUNDS
        place = max([made.get(a, -1) for a in args], default=-1) if repeated or many else k
        for o in range(row.code.n_out):
            made[row.first + o] = place
        order.append((place, k, Row(row.code, args, row.first)))
    return [row for _, _, row in sorted(order, key=lambda found: found[:2])]


def _numbered(rows: Sequence[Row]) -> dict[int, int]:
    """Return the first slot of the first row that computes the same, for each row's first slot."""
    same: dict[int, int] = {}  # by slot, of all results
    known: dict[Any, int] = {}
    for row in rows:
        key = (row.code.index, *[same.get(a, a) for a in row.args])
        found = row.first if stays(row.code) else known.setdefault(key, row.first)
        for o in range(row.code.n_out):
            same[row.first + o] = found + o
    return same


def stays(code: Code) -> bool:
    """Whether a row must be a row of its own: backward passes, leaves, functions of the user's."""
    return code.op.special is not None or code.op.raises or LEAF in code.kinds


def runs(symbols: np.ndarray[Any, Any], least: int) -> list[tuple[int, int, int]]:
    """Return ``(length, period, start)`` of the stretches that repeat themselves, longest first.

    A stretch has period p where each symbol equals the one p places on.

    Examples
    --------
    >>> runs(np.array([7, 1, 2, 1, 2, 1, 2, 8]), 3)
    [(6, 2, 1)]
    """
    found = []
    n = len(symbols)
    for p in range(1, n // least + 1):
        equal = np.concatenate([[False], symbols[:-p] == symbols[p:], [False]])
        at = np.flatnonzero(equal[1:] != equal[:-1])
        for a, b in zip(at[::2].tolist(), at[1::2].tolist()):
            if b - a >= (least - 1) * p:
                found.append((b - a + p, p, a))
    return sorted(found, key=lambda run: (-run[0], run[1], run[2]))
