"""What the reverse body of a loop or branch gets from the forward one, and what it computes again.

The rows of a body and of its reverse sweep stand in one builder. Reverse rows read forward rows;
of these some are *kept*, as further results of the forward body, and the rest is computed again
from what is kept and from what the reverse body has anyway. A value may be computed again when that is cheap (sums,
products, reads of an array, views); what took a division, a transcendental function or a loop is
kept when it is read. Within these limits the fewest bytes are kept.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..core.avals import AVALS, TupleAval
from ..tape.ir import Builder
from ..tape.primitive import BY_NAME, PRIMITIVES
from .graphs import before_the_cut

CHEAP = frozenset(
    "lit out cast copy stop_gradient add subtract multiply negative square absolute sign where "
    "maximum minimum equal not_equal less less_equal greater greater_equal logical_and logical_or "
    "logical_not wrap_index window_start gated broadcast_to reshape transpose slice dynamic_slice "
    "real imag conjugate bitwise_and bitwise_or arange".split()
)
"""Primitives whose value costs no more to compute than to store and load."""


def read_by(s: Builder, stop: int, outputs: Sequence[int]) -> list[int]:
    """Return the forward values that `outputs` read, directly or through reverse rows.

    Forward are the rows below `stop` and the results of those with several, wherever they are read.
    """
    out = BY_NAME["out"].index
    forward: set[int] = set()
    need = set(outputs)
    for k in range(len(s) - 1, -1, -1):
        if k not in need:
            continue
        if k < stop or (s.op[k] == out and s.arg[s.off[k]] < stop):
            forward.add(k)
        else:
            need.update(s.arg[s.off[k] : s.off[k + 1]])
    return sorted(forward)


def inputs_read(s: Builder, outputs: Sequence[int], cut: Sequence[int]) -> list[int]:
    """Return the inputs that `outputs` still read when the rows `cut` are given."""
    need, given = set(outputs), set(cut)
    for k in range(len(s) - 1, -1, -1):
        if k in need and k not in given:
            need.update(s.arg[s.off[k] : s.off[k + 1]])
    kind = BY_NAME["input"].index
    return sorted(k for k in need if k not in given and s.op[k] == kind)


def _bytes(s: Builder, k: int) -> int:
    aval = s.aval(k)
    return aval.size * aval.dtype.itemsize


def _has_no_value(s: Builder, k: int) -> bool:
    """Whether a row has no value that could be kept: several results, or of unknown length."""
    aval = AVALS[s.avals[k]]
    return isinstance(aval, TupleAval) or -1 in aval.shape


def _again(s: Builder, k: int, free: set[int]) -> bool:
    """Whether row `k` is computed again rather than kept, if what it reads can be had."""
    if _has_no_value(s, k):
        return True
    name = PRIMITIVES[s.op[k]].name
    if name == "out" and s.arg[s.off[k]] not in free:
        return False  # a plain result of a loop is kept, so that the loop need not run again
    return name in CHEAP or (name == "concatenate" and _one_part(s, k))


def _one_part(s: Builder, k: int) -> bool:
    """Whether a concatenation is one part and little else: a rolled or padded array.

    The values of ``u * (u - np.roll(u, 1)) + u * (np.roll(u, -1) - u)`` are three arrays; u is one.
    """
    args = s.arg[s.off[k] : s.off[k + 1]]
    return 5 * max(_bytes(s, a) for a in args) >= 4 * _bytes(s, k)


def choose(s: Builder, wanted: Sequence[int], free: set[int]) -> list[int]:
    """Return the forward rows to keep so that all `wanted` ones can be had in the reverse body.

    The rows that are wanted and what they would be computed again from form a graph whose sources
    are the rows that cannot be (carried values, costly ones). What is kept is a cut of it, of the
    least number of bytes, and among such cuts the one nearest to what is wanted.
    """
    lit = BY_NAME["lit"].index
    seen: dict[int, bool] = {}
    todo = [k for k in wanted if k not in free and s.op[k] != lit]
    while todo:
        k = todo.pop()
        if k in seen:
            continue
        again = seen[k] = _again(s, k, free)
        if again:
            args = s.arg[s.off[k] : s.off[k + 1]]
            todo += [a for a in args if a not in free and s.op[a] != lit]
    if not seen:
        return []
    # wanted sources are kept whatever happens: nothing else needs to be searched behind them
    sure = {k for k in wanted if k in seen and not seen[k]}
    rows = [k for k in sorted(seen) if k not in sure]
    if not any(not seen[k] for k in rows):
        return sorted(sure)
    edges = [
        (a, k)
        for k in rows
        if seen[k]
        for a in s.arg[s.off[k] : s.off[k + 1]]
        if a in seen and a not in sure
    ]
    cut = _least_cut(
        rows,
        edges,
        sources=[k for k in rows if not seen[k]],
        sinks=[k for k in wanted if seen.get(k)],
        cost={k: _MOST if _has_no_value(s, k) else _bytes(s, k) for k in rows},
    )
    return sorted(sure | cut)


_MOST = 1 << 30


def _least_cut(
    rows: list[int],
    edges: list[tuple[int, int]],
    sources: list[int],
    sinks: list[int],
    cost: dict[int, int],
) -> set[int]:
    """Return the cheapest set of rows that every way from a source to a sink passes.

    Row number j is an edge from node 2j to node 2j + 1 whose capacity is its cost (max flow, min
    cut). Nodes 2n and 2n + 1 are the super source and sink.
    """
    place = {k: j for j, k in enumerate(rows)}
    n = len(rows)
    start, end = 2 * n, 2 * n + 1
    arcs = [(2 * j, 2 * j + 1, min(-(-cost[k] // 8), _MOST)) for k, j in place.items()]
    arcs += [(2 * place[a] + 1, 2 * place[k], _MOST) for a, k in set(edges)]
    arcs += [(start, 2 * place[k], _MOST) for k in sources]
    arcs += [(2 * place[k] + 1, end, _MOST) for k in set(sinks)]
    lost = before_the_cut(arcs, 2 * n + 2, start, end)
    return {k for k, j in place.items() if lost[2 * j] and not lost[2 * j + 1]}
