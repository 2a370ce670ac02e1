"""Index arrays that are shifts or ranges: read as slices, under a guard.

``left = (np.arange(n) - 1) % n; u[left]`` is ``np.roll(u, 1)``. As a gather it is an array of its own in
each round of a loop, and its adjoint a scattered sum; as slices it is part of a stencil. The positions
are known when a function is captured, yet they are data and may change: where an array is kept outside
of the function, the program holds while it is as it was, and a call that finds it changed captures the
function again. That happens once: then the place in the code has had two patterns, and is a gather.

Invariant: what is returned is ``x`` at the positions, in every call for which the guard holds.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.records import record
from ..core.sources import here
from ..tape.ir import PARAMS, Sym
from ..tape.primitive import BY_NAME, PRIMITIVES
from .capture import Capture
from .staging.body import Body

FEWEST = 16
"""Positions from which their pattern is looked at."""
FARTHEST = 8
"""Places by which an array is shifted at most."""
DEPTH = 4
"""Rows of arithmetic that are followed, at most, from an array to positions: ``u[inner + 1]``."""

ARITHMETIC = frozenset("add subtract multiply negative minimum maximum remainder cast".split())
"""What is followed: nothing that can raise, since the round that does it may never run."""

Part = tuple[int, int, int]
"""Elements that follow each other: the first, how many, the step."""

_seen: dict[tuple[Any, ...], tuple[Part, ...]] = {}


@record(frozen=True)
class Regular:
    """Positions as a few parts of an axis, one behind the other."""

    parts: tuple[Part, ...]

    def of(self, x: Sym, axis: int) -> Sym:
        """Return these elements of `x` along an axis."""
        found = []
        for part in self.parts:
            ranges = tuple(part if d == axis else (0, n, 1) for d, n in enumerate(x.shape))
            found.append(BY_NAME["slice"](x, ranges=ranges))
        return found[0] if len(found) == 1 else BY_NAME["concatenate"](*found, axis=axis)


def regular(cap: Capture, at: Sym, n: int) -> Regular | None:
    """Return the pattern of positions along an axis of `n` elements, guarded; None without one."""
    if at.ndim != 1 or at.size < FEWEST or at.dtype.kind not in "iu":
        return None
    found = _outside(cap, at, DEPTH)
    if found is None:
        return None
    home, source = found
    if home.abstract or source.id in home.b.pending:
        return None
    settled = home.settled(source.id)
    places = None if settled else _places(home, source.id)
    if not settled and not places:
        return None
    positions = np.asarray(home.b.known[source.id]).astype(np.int64)
    parts = parts_of(np.where(positions < 0, positions + n, positions), n)
    if parts is None:
        return None
    if not settled:
        key = (here(), n, places)
        if _seen.setdefault(key, parts) != parts:
            return None
        home.guard(_differ(source, parts, n), 0)
    return Regular(parts)


def _differ(at: Sym, parts: tuple[Part, ...], n: int) -> Sym:
    """Return how many positions are not what parts of an axis of `n` elements say."""
    at = at.b.cast(at, np.dtype(np.int64))
    at = BY_NAME["where"](BY_NAME["less"](at, 0), at + n, at)
    start, total = 0, None
    for first, count, step in parts:
        some = BY_NAME["slice"](at, ranges=((start, count, 1),))
        wanted = first + step * BY_NAME["arange"].on(at.b, n=count, dtype="int64")
        wrong = BY_NAME["sum"](BY_NAME["not_equal"](some, wanted), axis=(0,), keepdims=False)
        start, total = start + count, wrong if total is None else total + wrong
    assert total is not None
    return total


def parts_of(at: Any, n: int) -> tuple[Part, ...] | None:
    """Return positions 0..n-1 as a range, or as an axis shifted by a few places.

    >>> parts_of((np.arange(9) + 2) % 9, 9), parts_of(np.maximum(np.arange(9) - 1, 0), 9)
    (((2, 7, 1), (0, 2, 1)), ((0, 1, 1), (0, 8, 1)))
    """
    m = len(at)
    if at.min() < 0 or at.max() >= n:
        return None
    step = int(at[1] - at[0])
    if step and np.array_equal(at, at[0] + step * np.arange(m)):
        return ((int(at[0]), m, step),)
    by = int(at[m // 2]) - m // 2
    if m != n or not 0 < abs(by) <= FARTHEST or 2 * abs(by) > n:
        return None
    whole = np.arange(n) + by
    inner = (max(by, 0), n - abs(by), 1)
    if np.array_equal(at, whole % n):
        end = (0 if by > 0 else n + by, abs(by), 1)
    elif np.array_equal(at, np.clip(whole, 0, n - 1)):
        ends = [(n - 1 if by > 0 else 0, 1, 1)] * abs(by)
        return (inner, *ends) if by > 0 else (*ends, inner)
    else:
        return None
    return (inner, end) if by > 0 else (end, inner)


# ---------------------------------------------------------------- where positions come from


def _outside(cap: Capture, sym: Sym, depth: int) -> tuple[Capture, Sym] | None:
    """Return a value of a round as a row of the capture around all rounds, if it is one there."""
    if not isinstance(cap, Body):
        return cap, sym
    assert cap.parent is not None
    b, i = cap.b, sym.id
    prim = PRIMITIVES[b.op[i]]
    if prim.name == "input":
        inner, outer = cap.operands()
        source = next((o for s, o in zip(inner, outer) if s.id == i), None)
        return None if source is None else _outside(cap.parent, source, depth)
    if depth == 0 or prim.name not in ARITHMETIC:
        return None
    given: list[Any] = []
    home: Capture | None = None
    for a in b.arg[b.off[i] : b.off[i + 1]]:
        if PRIMITIVES[b.op[a]].name == "lit":
            given.append((PARAMS[b.param[a]]["value"], b.aval(a)))
            continue
        found = _outside(cap, Sym(b, a), depth - 1)
        if found is None or (home is not None and found[0] is not home):
            return None
        home = found[0]
        given.append(found[1])
    if home is None:
        return None
    values = [home.b.lit(*x) if isinstance(x, tuple) else x for x in given]
    return home, home.b.apply(prim, values, PARAMS[b.param[i]])


def _places(home: Capture, i: int) -> tuple[Any, ...]:
    """Return where the arrays are kept of which a row is made, and how; nothing if it is of others."""
    kept = {s.id: origin for s, _, origin in home.consts}
    found: list[Any] = []
    todo = [i]
    while todo:
        at = todo.pop()
        prim = PRIMITIVES[home.b.op[at]]
        if prim.name == "input":
            origin = kept.get(at)
            if origin is None:
                return ()
            found.append(None if isinstance(origin, np.ndarray) else origin)
            continue
        if len(found) > 4 * DEPTH or prim.name not in ARITHMETIC | {"lit"}:
            return ()
        found.append((prim.name, home.b.param[at]))
        todo.extend(home.b.arg[home.b.off[at] : home.b.off[at + 1]])
    return tuple(found)
