"""Graphs of rows: strong components and least cuts, in plain Python.

Tapes have tens to some thousands of rows; SciPy's graph functions take a tenth of a second to be
imported, more than a small function takes to be compiled, and little less than the search itself
where it is long.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import TypeVar

Node = TypeVar("Node", bound=Hashable)
Arc = tuple[int, int, int]
"""From, to, capacity."""


def strong_components(after: Mapping[Node, Iterable[Node]]) -> dict[Node, Node]:
    """Return a representative for each node, the same for nodes that reach each other.

    Tarjan's search in depth: a node whose subtree leads to nobody open before it closes a component.

    Parameters
    ----------
    after : mapping
        The successors of each node; nodes that only follow others need no entry.

    References
    ----------
    R. Tarjan, Depth-first search and linear graph algorithms, SIAM J. Comput. 1 (1972).
    """
    found: dict[Node, Node] = {}
    number: dict[Node, int] = {}
    low: dict[Node, int] = {}
    opened: list[Node] = []
    for first in after:
        if first in number:
            continue
        number[first] = low[first] = len(number)
        opened.append(first)
        path = [(first, iter(after[first]))]
        while path:
            node, rest = path[-1]
            for other in rest:
                if other not in number:
                    number[other] = low[other] = len(number)
                    opened.append(other)
                    path.append((other, iter(after.get(other, ()))))
                    break
                if other not in found:
                    low[node] = min(low[node], number[other])
            else:
                path.pop()
                if path:
                    before = path[-1][0]
                    low[before] = min(low[before], low[node])
                if low[node] == number[node]:
                    while True:
                        member = opened.pop()
                        found[member] = node
                        if member == node:
                            break
    return found


def before_the_cut(arcs: Sequence[Arc], nodes: int, start: int, end: int) -> list[bool]:
    """Return which nodes have no way to `end` past the least cut nearest to it.

    Dinic's algorithm fills the arcs; the nodes from which no arc with room leads to the end are the
    same for every greatest flow.

    Parameters
    ----------
    arcs : sequence of (int, int, int)
        From, to, and capacity, which is not negative.

    References
    ----------
    E. A. Dinic, Algorithm for solution of a problem of maximum flow in networks with power
    estimation, Soviet Math. Doklady 11 (1970).
    """
    to: list[int] = []
    room: list[int] = []
    leave: list[list[int]] = [[] for _ in range(nodes)]  # arc e and its reverse e ^ 1
    for a, b, capacity in arcs:
        leave[a].append(len(to))
        leave[b].append(len(to) + 1)
        to += b, a
        room += capacity, 0
    while True:
        distance = _distances(to, room, leave, end)
        if distance[start] < 0:
            return [d < 0 for d in distance]
        _fill(to, room, leave, distance, start, end)


def _distances(to: list[int], room: list[int], leave: list[list[int]], end: int) -> list[int]:
    """Return the least number of arcs with room from each node to the end, -1 without a way."""
    distance = [-1] * len(leave)
    distance[end] = 0
    front = [end]
    while front:
        later = []
        for node in front:
            for e in leave[node]:
                before = to[e]
                if room[e ^ 1] and distance[before] < 0:
                    distance[before] = distance[node] + 1
                    later.append(before)
        front = later
    return distance


def _fill(
    to: list[int],
    room: list[int],
    leave: list[list[int]],
    distance: list[int],
    start: int,
    end: int,
) -> None:
    """Send as much as shortest ways carry; an arc that has led nowhere is not tried again."""
    tried = [0] * len(leave)
    path: list[int] = []
    node = start
    while True:
        if node == end:
            least = min(room[e] for e in path)
            full = -1
            for k, e in enumerate(path):
                room[e] -= least
                room[e ^ 1] += least
                if full < 0 and not room[e]:
                    full = k
            node = to[path[full] ^ 1]  # on from where the first full arc begins
            del path[full:]
            continue
        arcs, k = leave[node], tried[node]
        while k < len(arcs) and not (room[arcs[k]] and distance[to[arcs[k]]] == distance[node] - 1):
            k += 1
        tried[node] = k
        if k < len(arcs):
            path.append(arcs[k])
            node = to[arcs[k]]
        elif path:
            node = to[path.pop() ^ 1]
            tried[node] += 1
        else:
            return
