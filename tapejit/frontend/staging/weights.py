"""How many rows a loop of few rounds is when it is unrolled.

A few rounds are quicker without a loop, but loops of few rounds in each other multiply: three of
seven rounds are 343 times the innermost one. So a short loop is unrolled as long as its rows are
few; since the innermost loops are asked first, a nest is unrolled from inside up to that limit.

Counted are rows of numbers and of small arrays, which become lines of their own. Rows of larger
arrays are nests, and equal nests are compiled once however often they stand there. What computes
positions is not counted: it vanishes with the loop.
"""

from __future__ import annotations

from ...core.avals import AVALS, TupleAval
from ...tape.ir import PARAMS, Builder, Tape
from ...tape.primitive import PRIMITIVES, Params

LIMIT = 200
"""Rows from which on a short loop is rolled."""
REPEATED = 512
"""The same in the round of a long loop, where what a call takes counts for more."""
SMALL = 16
"""Elements of an array that is written out line by line."""
_LINES = frozenset(("elementwise", "reduce", "update", "window", "concatenate", "product"))
_UNKNOWN = 4
"""Rounds of a loop of which nothing is known; of others half of the most that it can run."""


def weight_of(rows: Builder | Tape) -> int:
    """Return how many small rows a body is with its loops unrolled."""
    avals = rows.avals if isinstance(rows, Builder) else rows.aval
    return sum(
        _weight(op, aval, PARAMS[param]) for op, aval, param in zip(rows.op, avals, rows.param)
    )


def _weight(op: int, aval_id: int, params: Params) -> int:
    kind, aval = PRIMITIVES[op].emit.kind, AVALS[aval_id]
    if kind == "for":
        length = params["length"]
        rounds = (params.get("most", 2 * _UNKNOWN) + 1) // 2 if length < 0 else length
        return rounds * weight_of(params["body"])  # type: ignore[no-any-return]
    if kind in ("while", "cond", "body"):
        return sum(weight_of(v) for v in params.values() if isinstance(v, Tape))
    if kind not in _LINES or isinstance(aval, TupleAval) or aval.dtype.kind in "iu":
        return 0
    return int(kind == "update" or aval.size <= SMALL)
