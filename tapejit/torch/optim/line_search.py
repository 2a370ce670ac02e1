"""A line search for the strong Wolfe conditions: bracket a step, then zoom into the bracket.

A step t along d is good when f(t) <= f(0) + c1 t f'(0) (it descends enough) and |f'(t)| <= c2
|f'(0)| (it is nearly flat). Trial steps are minimisers of cubics through two points and their
slopes. After Nocedal and Wright, "Numerical Optimization", algorithms 3.5 and 3.6.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np


class Point(NamedTuple):
    """A step, the value there, the gradient, and the slope along the direction."""

    t: float
    f: float
    g: Any
    slope: float


def cubic_minimiser(
    a: Point, b: Point, low: float | None = None, high: float | None = None
) -> float:
    """Return where the cubic through two points with their slopes is least, within bounds."""
    left, right = (a, b) if a.t <= b.t else (b, a)
    low = left.t if low is None else low
    high = right.t if high is None else high
    if a.t == b.t:
        return (low + high) / 2.0
    d1 = left.slope + right.slope - 3 * (left.f - right.f) / (left.t - right.t)
    square = d1 * d1 - left.slope * right.slope
    # Of two slopes alike and a straight line between them, 0 / 0, nothing can be said.
    if not square >= 0:
        return (low + high) / 2.0
    d2 = math.sqrt(square)
    below = right.slope - left.slope + 2 * d2
    if below == 0:
        return (low + high) / 2.0
    at = right.t - (right.t - left.t) * ((right.slope + d2 - d1) / below)
    return min(max(at, low), high)


def strong_wolfe(
    evaluate: Callable[[float], Point],
    start: Point,
    t: float,
    largest: float,
    c1: float = 1e-4,
    c2: float = 0.9,
    tolerance: float = 1e-9,
    most: int = 25,
) -> tuple[Point, int]:
    """Return a point that satisfies the strong Wolfe conditions, and how often f was computed.

    Parameters
    ----------
    evaluate : callable
        Gives the point of a step.
    start : Point
        That of the step 0, whose slope is negative.
    t : float
        The first trial.
    largest : float
        The largest entry of the direction: a bracket that moves no entry by `tolerance` is done.
    most : int
        The most trials after the first.
    """

    def too_high(p: Point) -> bool:
        return p.f > start.f + c1 * p.t * start.slope

    def flat(p: Point) -> bool:
        return abs(p.slope) <= -c2 * start.slope

    before, now = start, evaluate(t)
    calls, tries = 1, 0
    bracket: list[Point] = []
    while tries < most:
        if too_high(now) or (tries > 1 and now.f >= before.f) or now.slope >= 0:
            # The order counts: a flat point with a rising slope is good, not an end of a bracket.
            if flat(now) and not too_high(now) and not (tries > 1 and now.f >= before.f):
                return now, calls
            bracket = [before, now]
            break
        if flat(now):
            return now, calls
        least, farthest = now.t + 0.01 * (now.t - before.t), now.t * 10
        before, now = now, evaluate(cubic_minimiser(before, now, least, farthest))
        calls += 1
        tries += 1
    if not bracket:
        bracket = [start, now]
    return _zoom(evaluate, bracket, too_high, flat, largest, tolerance, most - tries, calls)


def _zoom(
    evaluate: Callable[[float], Point],
    bracket: list[Point],
    too_high: Callable[[Point], bool],
    flat: Callable[[Point], bool],
    largest: float,
    tolerance: float,
    left: int,
    calls: int,
) -> tuple[Point, int]:
    """Narrow a bracket until its lower end is good; return that and the count of calls."""
    low, high = (0, 1) if bracket[0].f <= bracket[1].f else (1, 0)
    stuck = False
    while left > 0:
        first, last = sorted(p.t for p in bracket)
        if (last - first) * largest < tolerance:
            break
        t = cubic_minimiser(bracket[0], bracket[1])
        # Twice in a row close to an end, or at it: move a tenth of the bracket inwards.
        margin = 0.1 * (last - first)
        close = min(last - t, t - first) < margin
        if close and (stuck or t >= last or t <= first):
            t = last - margin if abs(t - last) < abs(t - first) else first + margin
            stuck = False
        else:
            stuck = close
        p = evaluate(t)
        calls += 1
        left -= 1
        if too_high(p) or p.f >= bracket[low].f:
            bracket[high] = p
            low, high = (0, 1) if bracket[0].f <= bracket[1].f else (1, 0)
            continue
        good = flat(p)
        if not good and p.slope * (bracket[high].t - bracket[low].t) >= 0:
            bracket[high] = bracket[low]
        bracket[low] = p
        if good:
            break
    return bracket[low], calls


def slope_of(g: Any, d: Any) -> float:
    """Return the slope along a direction."""
    return float(np.dot(g, d))
