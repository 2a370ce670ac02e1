"""Windows of one array that a nest can write itself: the adjoint of shifted slices, steps of a field.

The cotangent of an array that was read as x[1:] and x[:-1] is a chain

    zeros(n)  add_slice(., v, 0:n-1)  add_slice(., w, 1:n)

and element i of its result is v[i] + w[i - 1]. The nest that computes v and w writes that element
when it is at point i: w[i - 1] is a number that the round before left behind. Then v and w need no
memory, and the result is written once instead of once for each window.

Invariant: the windows of a chain have one shape and differ by a few places along the last axis, and
nothing but the next link reads a link. What is added, and in which order, stays as it is.

A step of a field in place, ``u[1:-1] = f(u[:-2], u[1:-1], u[2:])``, is a window of an *array*. The nest
writes it too, into the memory of the array when nothing else reads it. It may read neighbours
there that it writes: the write is then put off by `delay_of` rounds, when the neighbours are read.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..tape.ir import Tape
from .views import Strided, all_views, root_of, root_source, strides_of

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
        target = None
        if is_overlap(tape, chain):
            target = _nest_of(tape, steps, step_of, chain)
        elif len(chain) == 1:
            target = _nest_of_step(tape, steps, step_of, chain[0], readers)
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


# ---------------------------------------------------------------- windows of arrays


def _nest_of_step(
    tape: Tape,
    steps: list[Step],
    step_of: dict[int, int],
    row: int,
    readers: dict[int, list[int]],
) -> int | None:
    """Return the nest that computes what `row` writes into an array, if it can write it there.

    What lies around the window is copied when the array is needed as it was: by something behind the
    nest, or by the nest in other rows. Unless that is little, the window is an update.
    """
    if not is_step(tape, row):
        return None
    base, u = tape.args(row)[:2]
    target = step_of.get(u, -1)
    if target < 0 or steps[target].kind != "nest" or tape.prim(u).emit.kind != "elementwise":
        return None
    window = tape.value(u).shape
    if steps[target].space != window or step_of.get(root_source(tape, base), -1) >= target:
        return None
    outside = tape.value(base).size - tape.value(u).size
    if 2 * outside <= tape.value(u).size:
        return target  # little is copied where the array is needed as it was
    shown = [base]  # the array, and views and windows of it
    for i in shown:
        for r in readers.get(i, ()):
            if tape.prim(r).emit.kind in ("view", "window") and step_of.get(r, 0) <= target:
                shown.append(r)
            elif r != row and step_of.get(r, len(steps)) > target:
                return None
    kept = any(i in tape.outputs for i in shown)
    near = delay_of(tape, all_views(tape), steps[target].rows, row) is not None
    return target if near and not kept else None


def is_step(tape: Tape, row: int) -> bool:
    """Whether a row writes a window into an array that is no broadcast number."""
    if tape.prim(row).name != "set_slice" or tape.value(row).dtype.kind == "b":
        return False
    base, u = tape.args(row)[:2]
    window = tape.value(u).shape
    if root_of(tape, base) != base or constant_of(tape, base) is not None or 0 in window:
        return False
    return window[-1] > 1 and (len(window) == 1 or window[-1] >= NARROWEST)


def delay_of(tape: Tape, views: list[Strided | None], rows: Sequence[int], row: int) -> int | None:
    """Return after how many rounds of its last loop a nest may write a window into its base.

    At round i the nest writes place w + s i, late by d rounds: what it reads at r + s i must lie at the
    place that is written now or later, w + s (i - d) <= r + s i for s > 0. None when no d of at most
    `FARTHEST` will do, or another place of an outer axis is read.
    """
    base, u = tape.args(row)[:2]
    whole, window = tape.value(base).shape, tape.value(u).shape
    ranges = tape.params(row)["ranges"]
    unit = strides_of(whole)
    written = [0 if n == 1 else r[2] * s for r, n, s in zip(ranges, window, unit)]
    delay = 0
    for i in rows:
        for a in tape.args(i):
            if a == base and tape.prim(i).emit.kind == "update":
                continue  # what lies around a window is copied in front of the loops
            found = reads_of(tape, views, base, a)
            if found is None:
                continue
            x, shape = found
            if x.root != base:
                return None
            steps = (0,) * (len(window) - len(shape)) + tuple(
                0 if n == 1 else s for n, s in zip(shape, x.strides)
            )
            if not any(steps):
                continue  # a number, read in front of the loops
            places = np.unravel_index(x.offset, whole)
            outer = all(p == r[0] for p, r in zip(places[:-1], ranges))
            if not outer or steps[:-1] != tuple(written[:-1]):
                return None
            if steps[-1] == 0 and len(window) > 1:
                continue  # a number of this row, read in front of the last loop
            if steps[-1] != written[-1]:
                return None
            ahead = int(places[-1]) - ranges[-1][0]
            if ahead % ranges[-1][2] == 0:
                delay = max(delay, -(ahead // ranges[-1][2]))
    return delay if delay <= FARTHEST else None


def reads_elsewhere(tape: Tape, views: list[Strided | None], rows: Sequence[int], row: int) -> bool:
    """Whether a nest reads the base of `row` at other places than the one that it writes."""
    base = tape.args(row)[0]
    unit = strides_of(tape.value(base).shape)
    ranges = tape.params(row)["ranges"]
    offset = sum(start * s for (start, _, _), s in zip(ranges, unit))
    written = Strided(base, offset, tuple(step * s for (_, _, step), s in zip(ranges, unit)))
    found = [reads_of(tape, views, base, a) for i in rows for a in tape.args(i) if a != base]
    return any(x is not None and x[0] != written for x in found)


def reads_of(
    tape: Tape, views: list[Strided | None], base: int, a: int
) -> tuple[Strided, tuple[int, ...]] | None:
    """Return how operand `a` shows the memory of `base`, through views and windows; None if not."""
    x, shape = views[a], tape.any_aval(a)
    at = a
    while tape.prim(at).emit.kind in ("view", "window"):
        at = tape.args(at)[0]
    if at != base or x is None:
        return None
    return x, shape.shape  # type: ignore[union-attr]
