"""Windows of one array that a nest can write itself: the adjoint of shifted slices.

The cotangent of an array that was read as x[1:] and x[:-1] is a chain

    zeros(n)  add_slice(., v, 0:n-1)  add_slice(., w, 1:n)

and element i of its result is v[i] + w[i - 1]. The nest that computes v and w writes that element
when it is at point i: w[i - 1] is a number that the round before left behind. Then v and w need no
memory, and the result is written once instead of once for each window.

Invariant: the windows of a chain have one shape and differ by a few places along the last axis, and
nothing but the next link reads a link. What is added, and in which order, stays as it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..tape.ir import Tape
from .views import root_of, root_source

if TYPE_CHECKING:
    from .schedule import Step

FARTHEST = 3
"""Rounds that a value is handed on: for each, one more number lives in a register."""
NARROWEST = 16
"""Windows of several axes are written by loops over the last one, which must be worth a loop."""


def join_windows(tape: Tape, steps: list[Step], step_of: dict[int, int]) -> None:
    """Move chains of updates into the nests that compute what they add."""
    readers: dict[int, list[int]] = {}
    for i in range(tape.rows):
        for a in tape.args(i):
            readers.setdefault(a, []).append(i)
    for k in range(len(steps) - 1, -1, -1):
        if steps[k].kind != "update" or not steps[k].rows:
            continue
        chain = _chain(tape, steps[k].rows[0], readers)
        target = _nest_of(tape, steps, step_of, chain) if is_overlap(tape, chain) else None
        if target is None:
            continue
        for i in chain:
            steps[step_of[i]].rows.remove(i)
            steps[target].rows.append(i)
            step_of[i] = target
        steps[target].rows.sort()


def _chain(tape: Tape, last: int, readers: dict[int, list[int]]) -> list[int]:
    """Return the updates that end in `last`, each the only reader of the one before."""
    chain = [last]
    while tape.prim(chain[0]).name == "add_slice":
        base = tape.args(chain[0])[0]
        known = tape.prim(base).name in ("add_slice", "set_slice")
        if not known or readers[base] != [chain[0]] or base in tape.outputs:
            break
        chain.insert(0, base)
    return chain


def constant_of(tape: Tape, i: int) -> float | complex | None:
    """Return the number that all elements of a row are, when it is a broadcast literal."""
    root = root_of(tape, i)
    if tape.prim(root).name != "lit" or tape.value(root).shape:
        return None
    value: float | complex = tape.params(root)["value"]
    return value


def is_overlap(tape: Tape, chain: Sequence[int]) -> bool:
    """Whether a chain of updates can be written by a loop over its windows."""
    first = chain[0]
    start = constant_of(tape, tape.args(first)[0])
    whole = tape.value(first)
    window = tape.value(tape.args(first)[1]).shape
    if start is None or whole.dtype.kind == "b" or 0 in window or window[-1:] in ((), (1,)):
        return False
    if (len(chain) > 1 or tape.prim(first).name == "add_slice") and start != 0:
        return False
    if tape.prim(first).name not in ("add_slice", "set_slice"):
        return False
    if len(window) > 1 and window[-1] < NARROWEST:
        return False
    places = [tape.params(i)["ranges"] for i in chain]
    if any(p[:-1] != places[0][:-1] or tape.value(tape.args(i)[1]).shape != window
           for p, i in zip(places, chain)):  # fmt: skip
        return False
    if len(chain) == 1:
        return True
    starts = [p[-1][0] for p in places]
    return max(starts) - min(starts) <= FARTHEST and all(p[-1][2] == 1 for p in places)


def _nest_of(
    tape: Tape, steps: list[Step], step_of: dict[int, int], chain: Sequence[int]
) -> int | None:
    """Return the nest that computes the last of what the chain adds, if it can write the result."""
    added = [tape.args(i)[1] for i in chain]
    homes = [step_of.get(root_source(tape, root_of(tape, u)), -1) for u in added]
    target = max(homes)
    if target < 0 or steps[target].kind != "nest":
        return None
    shape = tape.value(added[0]).shape
    for u, home in zip(added, homes):
        there = root_of(tape, u) == u and tape.prim(u).emit.kind == "elementwise"
        if home == target and not (there and steps[target].space == shape):
            return None
    return target
