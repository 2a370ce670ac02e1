"""The most rounds that a loop of traced length can run: ``for j in range(i + 1, n)`` inside ``for i``.

Its length is a sum of the numbers of the rounds around it, each of which lies in a known range. A
length has several upper and lower bounds of that form (minima and maxima add theirs): the least
upper one, at the worst corner of the ranges, is what stacks of the loop are made for. Differences
are taken before ranges are looked at, so ``range(max(0, i - 2), min(n, i + 3))`` is five rounds.

Invariant: no round of the loops around makes the length larger than what is returned.
"""

from __future__ import annotations

from ...core.avals import AVALS, Aval
from ...tape.ir import PARAMS, Sym
from ...tape.primitive import PRIMITIVES
from ..capture import Capture
from .body import Body

Linear = dict[tuple[int, int], int]
"""A sum of numbers of rounds, by capture and input; ``CONSTANT`` has the term without one."""
Sides = tuple[list[Linear], list[Linear]]
"""Sums below a value and sums above it."""

CONSTANT = (0, -1)
MOST = 1 << 24
"""Rounds of a nest, all loops around counted, for which stacks are made in advance."""
_FEW = 4
_ORDER = {"less": False, "less_equal": False, "greater": True, "greater_equal": True}
"""Whether the first of two compared values is the larger one where the comparison is true."""
_SAME = ("cast", "copy", "reshape", "stop_gradient")


def most_rounds(cap: Capture, length: Sym) -> int | None:
    """Return the most that a traced int of a capture can be, None where that is not known."""
    spans: dict[tuple[int, int], tuple[int, int]] = {}
    rounds = 1
    around: Capture | None = cap
    while around is not None:
        if isinstance(around, Body):
            for i, span in around.spans.items():
                spans[id(around), i] = span
                rounds *= span[1] + 1
        around = around.parent
    if not spans:
        return None
    _, above = _Search(spans).sides(cap, length.id)
    if not above:
        return None
    found = max(min(_highest(one, spans) for one in above), 0)
    return found if found * rounds <= MOST else None


def _highest(one: Linear, spans: dict[tuple[int, int], tuple[int, int]]) -> int:
    ends = {CONSTANT: (1, 1), **spans}
    return sum(c * ends[key][c > 0] for key, c in one.items())


class _Search:
    """Bounds of rows, each looked at once."""

    def __init__(self, spans: dict[tuple[int, int], tuple[int, int]]) -> None:
        self.spans = spans
        self.known: dict[tuple[int, int], Sides] = {}

    def sides(self, cap: Capture, i: int) -> Sides:
        """Return sums below and above row `i` of a capture."""
        key = (id(cap), i)
        if key not in self.known:
            below, above = self._sides(cap, i)
            self.known[key] = below[:_FEW], above[:_FEW]
        return self.known[key]

    def _sides(self, cap: Capture, i: int) -> Sides:
        b = cap.b
        aval = AVALS[b.avals[i]]
        if not isinstance(aval, Aval) or aval.dtype.kind != "i" or aval.shape:
            return [], []
        name = PRIMITIVES[b.op[i]].name
        if name == "input":
            if (id(cap), i) in self.spans:
                return _exactly({(id(cap), i): 1})
            outer = cap.stands_for(i) if isinstance(cap, Body) else None
            if outer is None or cap.parent is None or outer.b is not cap.parent.b:
                return [], []
            return self.sides(cap.parent, outer.id)
        if name == "lit":
            return _exactly({CONSTANT: PARAMS[b.param[i]]["value"]})
        given = [self.sides(cap, a) for a in b.arg[b.off[i] : b.off[i + 1]]]
        if name in _SAME:
            return given[0]
        if name == "negative":
            return _times(given[0], -1)
        if name == "add":
            return _sum(*given)
        if name == "subtract":
            return _sum(given[0], _times(given[1], -1))
        if name == "multiply":
            for one, other in (given, given[::-1]):
                if one[0] == one[1] and len(one[0]) == 1 and one[0][0].keys() <= {CONSTANT}:
                    return _times(other, one[0][0].get(CONSTANT, 0))
        if name in ("maximum", "minimum"):
            return self._extreme(given, name == "maximum")
        if name == "where":
            test, x, y = b.arg[b.off[i] : b.off[i + 1]]
            compared = list(b.arg[b.off[test] : b.off[test + 1]])
            order = _ORDER.get(PRIMITIVES[b.op[test]].name)
            if order is not None and compared in ([x, y], [y, x]):
                return self._extreme(given[1:], order == (compared == [x, y]))
        return [], []

    def _extreme(self, given: list[Sides], largest: bool) -> Sides:
        """A maximum is above what either is above of; it is below the larger of the highest ends."""
        if not largest:
            below, above = self._extreme([_times(one, -1) for one in given], True)
            return _times((below, above), -1)
        ends = [min((_highest(x, self.spans) for x in one[1]), default=None) for one in given]
        above = [] if None in ends else [{CONSTANT: max(e for e in ends if e is not None)}]
        return given[0][0] + given[1][0], above


def _exactly(one: Linear) -> Sides:
    return [one], [one]


def _times(sides: Sides, factor: int) -> Sides:
    below, above = ([{k: c * factor for k, c in one.items()} for one in side] for side in sides)
    return (below, above) if factor >= 0 else (above, below)


def _sum(a: Sides, b: Sides) -> Sides:
    below, above = (
        [{k: x.get(k, 0) + y.get(k, 0) for k in {*x, *y}} for x in one for y in other]
        for one, other in zip(a, b)
    )
    return below, above
