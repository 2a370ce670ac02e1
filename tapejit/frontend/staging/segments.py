"""Loops within a memory budget: a loop of segments, each computed again in the reverse sweep.

A loop of n rounds that carries C bytes and keeps R bytes a round needs n R bytes for its adjoint.
Cut into m segments of k = n / m rounds, of which only the carried values at their beginning are
kept, it needs m C + k R, least at k = sqrt(n C / R), for one more run of the rounds. Segments that
are still too long are cut again: d levels need about d n^(1/d) units and d more runs
(Griewank 1992, "Achieving logarithmic growth of temporal and spatial complexity").
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np

from ...core.avals import Aval
from ...tape.ir import Builder, Sym, Tape
from ...tape.pieces import inline
from ...tape.primitive import BY_NAME, Primitive

INT = Aval(np.dtype(np.int64))


class _Limit(threading.local):
    def __init__(self) -> None:
        self.bytes: float | None = None


_limit = _Limit()


@contextmanager
def budget(size: float | None) -> Iterator[None]:
    """Give the loops that are staged meanwhile a budget in bytes."""
    outer, _limit.bytes = _limit.bytes, size
    try:
        yield
    finally:
        _limit.bytes = outer


def limit() -> float | None:
    """Return the budget of a loop's residuals, None when there is none."""
    return _limit.bytes


def bytes_of(avals: Sequence[Aval]) -> int:
    return sum(a.size * a.dtype.itemsize for a in avals)


_LEVELS = 6
_FREE = frozenset(["view", "window", "input", "lit", "out"])


def residual_bytes(body: Tape) -> int:
    """Return what a round may have to keep, at most."""
    total = 0
    for row in body:
        if isinstance(row.aval, Aval) and row.aval.inexact and row.prim.emit.kind not in _FREE:
            total += bytes_of([row.aval])
    return total


def plan(n: int, carried: int, kept: int, size: float) -> list[int]:
    """Return the lengths of nested segments, outermost first; none when the loop fits as it is.

    With d levels of m = n^(1/d) parts each, d - 1 levels keep m C bytes and the last one m R.

    Examples
    --------
    >>> plan(1_000_000, 8, 24, 1e9), plan(1_000_000, 8, 24, 1e5), plan(1_000_000, 8, 24, 5e3)
    ([], [1000], [10000, 100])
    """
    if n * kept <= size:
        return []
    needs = {d: ((d - 1) * carried + kept) * n ** (1 / d) for d in range(2, _LEVELS + 1)}
    depth = next(
        (d for d, need in needs.items() if need <= size), min(needs, key=needs.__getitem__)
    )
    lengths = [round(n ** ((depth - level) / depth)) for level in range(1, depth)]
    return [k for k in lengths if 1 < k < n]


def run_segments(
    b: Builder, body: Tape, carried: Sequence[Sym], shared: Sequence[Sym], n: int,
    lengths: Sequence[int],
) -> list[Sym]:  # fmt: skip
    """Append a loop of `n` rounds cut into segments; return the results that the plain row has."""
    zero = b.lit(0, INT)
    return _loop(b, body, list(carried), list(shared), n, list(lengths), zero)


def _prim(name: str) -> Primitive:
    return BY_NAME[name]


def _loop(
    b: Builder, body: Tape, carried: list[Sym], shared: list[Sym], n: int, lengths: list[int],
    base: Sym,
) -> list[Sym]:  # fmt: skip
    """Append rounds base, base + 1, ... base + n - 1."""
    count = len(carried)
    if not lengths or lengths[0] >= n:
        made = _offset(body, [s.aval for s in carried], [s.aval for s in shared])
        params = {
            "body": made, "carry": count, "shared": len(shared) + 1, "reverse": False, "length": n,
        }  # fmt: skip
        return list(b.outs(_prim("for").on(b, b.lit(n, INT), *carried, *shared, base, **params)))
    k, deeper = lengths[0], lengths[1:]
    m, rest = divmod(n, k)
    segment = _segment(body, carried, shared, k, deeper)
    params = {
        "body": segment, "carry": count, "shared": len(shared) + 1, "reverse": False, "length": m,
    }  # fmt: skip
    rows = list(b.outs(_prim("for").on(b, b.lit(m, INT), *carried, *shared, base, **params)))
    ends, stacks = rows[:count], [_joined(s) for s in rows[count:]]
    if rest:
        more = _loop(b, body, ends, shared, rest, deeper, base + m * k)
        ends = more[:count]
        stacks = [_prim("concatenate").on(b, s, t, axis=0) for s, t in zip(stacks, more[count:])]
    return [*ends, *stacks]


def _joined(stack: Sym) -> Sym:
    m, k, *rest = stack.shape
    return BY_NAME["reshape"](stack, shape=(m * k, *rest))


def _offset(body: Tape, carried: list[Aval], shared: list[Aval]) -> Tape:
    """Return the body with a last shared value that is added to the round's number."""
    s = Builder()
    i = s.input(INT)
    rest = [s.input(a) for a in (*carried, *shared)]
    base = s.input(INT)
    return s.finish(inline(body, s, [i + base, *rest]))


def _segment(body: Tape, carried: list[Sym], shared: list[Sym], k: int, deeper: list[int]) -> Tape:
    """Return the body that runs segment j, by a call that is computed again when reversed."""
    avals = [s.aval for s in (*carried, *shared)]
    c = Builder()
    given = [c.input(a) for a in avals]
    start = c.input(INT)
    outs = _loop(c, body, given[: len(carried)], given[len(carried) :], k, deeper, start)
    inner = c.finish(outs)
    s = Builder()
    j = s.input(INT)
    values = [s.input(a) for a in avals]
    base = s.input(INT)
    rows = s.outs(_prim("call").on(s, *values, base + j * k, body=inner))
    return s.finish(rows)
