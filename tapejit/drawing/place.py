"""Coordinates: every vertex as near to the middle of its neighbours as the order allows.

In a layer with centres x and least distances g, minimise sum of w (x - wanted)**2 subject to
x[k+1] - x[k] >= g[k]. With z[k] = x[k] - (g[0] + ... + g[k-1]) the constraints say that z does not
decrease: isotonic regression, which pooling adjacent violators solves exactly in linear time.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from itertools import accumulate, pairwise

GAP = 22.0
SWEEPS = 16
STRAIGHT = 8.0
"""The weight of a joint next to that of a box, and of its pull on other joints: long lines are
straight."""


def isotonic(wanted: Sequence[float], weights: Sequence[float]) -> list[float]:
    """Return the values that do not decrease and are nearest to the wanted ones.

    Examples
    --------
    >>> isotonic([1.0, 3.0, 2.0], [1.0, 1.0, 1.0])
    [1.0, 2.5, 2.5]
    """
    blocks: list[tuple[float, float, int]] = []  # mean, weight, length
    for y, w in zip(wanted, weights):
        n = 1
        while blocks and blocks[-1][0] > y:
            mean, weight, length = blocks.pop()
            y = (mean * weight + y * w) / (weight + w)
            w, n = w + weight, n + length
        blocks.append((y, w, n))
    return [y for y, _, n in blocks for _ in range(n)]


def spread(
    layer: Sequence[int], wanted: Sequence[float], width: list[float], n: int
) -> list[float]:
    """Return centres near the wanted ones, in order and without overlaps."""
    distances = [(width[a] + width[b]) / 2 + GAP for a, b in pairwise(layer)]
    offset = [0.0, *accumulate(distances)]
    weights = [STRAIGHT if v >= n else 1.0 for v in layer]
    found = isotonic([x - g for x, g in zip(wanted, offset)], weights)
    return [z + g for z, g in zip(found, offset)]


def columns(
    layers: list[list[int]], segments: list[tuple[int, int]], width: list[float], n: int
) -> list[float]:
    """Return the horizontal centre of every vertex, the leftmost edge at 0."""
    above: dict[int, list[int]] = defaultdict(list)
    below: dict[int, list[int]] = defaultdict(list)
    for a, b in segments:
        above[b].append(a)
        below[a].append(b)
    x = [0.0] * len(width)

    def pull(u: int, v: int) -> float:
        return STRAIGHT if u >= n and v >= n else 1.0

    def settle(layer: list[int], near: Sequence[dict[int, list[int]]]) -> None:
        wanted = []
        for v in layer:
            ends = [(x[u], pull(u, v)) for side in near for u in side[v]]
            total = sum(w for _, w in ends)
            wanted.append(sum(c * w for c, w in ends) / total if ends else x[v])
        for v, centre in zip(layer, spread(layer, wanted, width, n)):
            x[v] = centre

    for layer in layers:  # a start without overlaps, each layer about 0
        settle(layer, ())
    for sweep in range(SWEEPS):
        if sweep % 2 == 0:
            for layer in layers:
                settle(layer, (above,))
        else:
            for layer in reversed(layers):
                settle(layer, (below,))
    for layer in reversed(layers):
        settle(layer, (above, below))
    left = min((x[v] - width[v] / 2 for layer in layers for v in layer), default=0.0)
    return [c - left for c in x]
