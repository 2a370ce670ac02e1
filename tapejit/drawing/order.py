"""The order in each layer: few crossings, found by barycentres.

A vertex goes to the mean position of its neighbours in the layer before; sweeps down and up
alternate, and the order with the fewest crossings of all that were seen is kept. (K. Sugiyama,
S. Tagawa and M. Toda, IEEE Trans. Systems, Man and Cybernetics 11, 1981.)
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections import defaultdict

from .layers import Layered

SWEEPS = 12


def crossings(layers: list[list[int]], segments: list[tuple[int, int]]) -> int:
    """Return how many pairs of segments cross.

    Sorted by their upper ends, two segments cross where their lower ends are in the wrong order:
    the crossings are the inversions of the lower ends.
    """
    place = {v: (d, k) for d, layer in enumerate(layers) for k, v in enumerate(layer)}
    between: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for a, b in segments:
        between[place[a][0]].append((place[a][1], place[b][1]))
    total = 0
    for pairs in between.values():
        seen: list[int] = []
        for _, low in sorted(pairs):
            total += len(seen) - bisect_right(seen, low)
            insort(seen, low)
    return total


def ordered(graph: Layered) -> list[list[int]]:
    """Return the layers with their vertices in an order that has few crossings."""
    above: dict[int, list[int]] = defaultdict(list)
    below: dict[int, list[int]] = defaultdict(list)
    for a, b in graph.segments:
        above[b].append(a)
        below[a].append(b)
    layers = [list(layer) for layer in graph.layers]
    best, fewest = layers, crossings(layers, graph.segments)
    for sweep in range(SWEEPS):
        if not fewest:
            break
        down = sweep % 2 == 0
        near = above if down else below
        steps = range(1, len(layers)) if down else range(len(layers) - 2, -1, -1)
        layers = [list(layer) for layer in layers]
        for d in steps:
            place = {v: k for k, v in enumerate(layers[d - 1 if down else d + 1])}
            layers[d] = _by_barycentre(layers[d], near, place)
        count = crossings(layers, graph.segments)
        if count < fewest:
            best, fewest = layers, count
    return best


def _by_barycentre(
    layer: list[int], near: dict[int, list[int]], place: dict[int, int]
) -> list[int]:
    """Sort a layer by the mean place of neighbours; what has none keeps its place."""
    mean = {v: sum(place[u] for u in near[v]) / len(near[v]) for v in layer if near[v]}
    moved = iter(sorted(mean, key=mean.__getitem__))
    return [next(moved) if v in mean else v for v in layer]
