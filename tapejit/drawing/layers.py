"""Layers: every edge leads from a layer to the next one below it.

The layer of a box is the length of the longest path to it. What has no operands then sinks to just
above its first reader, so that the weights of a deep network stand beside their layers; results are
in the last layer. An edge over several layers is led through *joints*, one in each layer between,
and all readers of a box share its joints: a weight that is read in every step of a loop is one line
with branches.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from .graph import Graph


@dataclass(frozen=True)
class Layered:
    """Boxes and joints in layers.

    Attributes
    ----------
    n : int
        The number of boxes: vertices from `n` on are joints.
    layers : list of list of int
        The vertices of each layer, from the top.
    segments : list of (int, int)
        Edges between a layer and the next.
    """

    n: int
    layers: list[list[int]]
    segments: list[tuple[int, int]]


def depths(graph: Graph) -> list[int]:
    """Return the layer of every box.

    Raises
    ------
    ValueError
        When the graph has a cycle.
    """
    n = len(graph.boxes)
    readers: list[list[int]] = [[] for _ in range(n)]
    waiting = [0] * n
    for a, b in graph.edges:
        readers[a].append(b)
        waiting[b] += 1
    sources = [v for v in range(n) if not waiting[v]]
    depth, ready, seen = [0] * n, list(sources), 0
    while ready:
        v = ready.pop()
        seen += 1
        for r in readers[v]:
            depth[r] = max(depth[r], depth[v] + 1)
            waiting[r] -= 1
            if not waiting[r]:
                ready.append(r)
    if seen < n:
        raise ValueError("a graph with a cycle cannot be drawn in layers")
    last = max(depth, default=0)
    for v in range(n):
        if graph.boxes[v].kind == "result":
            depth[v] = last
    for v in sources:
        if readers[v]:
            depth[v] = min(depth[r] for r in readers[v]) - 1
    return depth


def layered(graph: Graph) -> Layered:
    """Return a graph in layers, each in the order of the boxes' numbers."""
    n = len(graph.boxes)
    depth = depths(graph)
    rows: list[list[int]] = [[] for _ in range(max(depth, default=-1) + 1)]
    readers: dict[int, list[int]] = defaultdict(list)
    for a, b in graph.edges:
        readers[a].append(b)
    segments, count = [], n
    for v in range(n):
        rows[depth[v]].append(v)
        line = [v]  # the box, then its joint in each layer below
        for d in range(depth[v] + 1, max((depth[r] for r in readers[v]), default=0)):
            rows[d].append(count)
            segments.append((line[-1], count))
            line.append(count)
            count += 1
        segments += [(line[depth[r] - depth[v] - 1], r) for r in readers[v]]
    return Layered(n, rows, segments)
