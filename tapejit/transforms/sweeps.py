"""A linear sweep for every basis vector of a space, or for a few sums of basis vectors.

The linear part of a capture is cut out with the vector as its only moving value. Followed once with
sets of positions (`passes.sparsity`) it says which entries of its matrix can differ from zero.
Columns that share no row get one colour (`passes.colouring`); one sweep a colour, with a vector that
is 1 at all columns of the colour, computes the same numbers that one sweep a column would: an entry
reads the vector at the columns of its row only, and there the two vectors agree. Where colours do not
save at least half of the sweeps, one ``map`` row runs the sweep for every basis vector; the tape does
not grow with the dimension either way.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..core.avals import Aval
from ..core.records import record
from ..frontend.capture import Capture
from ..passes.bodies import run_map
from ..passes.colouring import Colouring, colour
from ..passes.sparsity import dependence
from ..passes.split import Split, fork, split
from ..rules.declare import broadcast, ops
from ..tape.ir import Builder, Sym
from ..tape.pieces import inline

_INDEX = Aval(np.dtype(np.int64))
FEWEST = 2
"""Columns below which nothing is coloured."""

Sweep = Callable[[Builder, Sym], Sequence[Sym | None]]


@record(frozen=True)
class Sweeps:
    """A linear map that has been recorded but not yet run.

    Attributes
    ----------
    like : Aval
        The vector that it takes.
    cut : Split
        The map, the vector being its moving value.
    matrices : list of bool arrays, or None
        Which entries of each result of the body can differ from zero, if that is known.
    colouring : Colouring or None
        How its columns are computed together; None for one by one.
    """

    cap: Capture
    like: Aval
    cut: Split
    matrices: list[np.ndarray[Any, Any]] | None
    colouring: Colouring | None

    @property
    def count(self) -> int:
        """How many sweeps it takes."""
        return self.like.size if self.colouring is None else self.colouring.count


def recorded(cap: Capture, like: Aval, sweep: Sweep) -> Sweeps:
    """Record ``sweep(builder, vector)`` and find out how its columns can be computed together."""
    like = Aval(like.dtype, like.shape)
    s = fork(cap.b)
    start = len(s)
    vector = s.input(like, np.zeros(like.shape, like.dtype)[()])
    cut = split(s, start, [vector], sweep(s, vector), cap.b, {})
    matrices = _matrices(cap, like, cut)
    found = None if matrices is None else colour(matrices, like.size // 2)
    return Sweeps(cap, like, cut, matrices, found)


def _matrices(cap: Capture, like: Aval, cut: Split) -> list[np.ndarray[Any, Any]] | None:
    if like.size < FEWEST or not cut.moving:
        return None
    fixed = {
        1 + k: cap.b.known[x.id] for k, x in enumerate(cut.shared) if _same_at_every_call(cap, x)
    }
    return dependence(cut.body, fixed)


def crosswise(sweeps: Sequence[Sweeps], sizes: Sequence[int]) -> int:
    """Return how many sweeps the other direction takes at least, its results having these sizes."""
    total = 0
    for i, size in enumerate(sizes):
        count = size
        parts = [(one.matrices, one.cut.results[i]) for one in sweeps]
        if size >= FEWEST and not any(m is None for m, _ in parts):
            across = [m[r].T for m, r in parts if m is not None and isinstance(r, int)]
            found = colour(across, size // 2) if across else None
            count = size if found is None else found.count
        total += count
    return total


def _same_at_every_call(cap: Capture, x: Sym) -> bool:
    """Whether an array holds positions that are part of the program, as literals are."""
    if x.dtype.kind not in "iu" or x.id in cap.b.pending or cap.is_body or cap.parent is not None:
        return False
    return cap.settled(x.id)


def run(sweeps: Sweeps, last: bool) -> list[Sym | None]:
    """Append the sweeps; return each result with the axes of the vector, in front or `last`.

    A result that does not depend on the vector at all is None.
    """
    cap, like, cut = sweeps.cap, sweeps.like, sweeps.cut
    b, n = cap.b, like.size
    if not cut.moving:
        return [None if r is None else _repeated(r, like, last) for r in cut.results]
    if n == 1:
        one = broadcast(b.lit(1.0, Aval(like.dtype)), like.shape)
        outs = inline(cut.body, b, [one, *cut.shared])
        found: list[Sym | None] = [outs[r] if isinstance(r, int) else r for r in cut.results]
        return [None if r is None else _ordered(_lead(r), like, last) for r in found]
    if sweeps.colouring is not None:
        return _coloured(sweeps, sweeps.colouring, last)
    numbers = ops.arange.on(b, n=n, dtype="int64")
    stacked = run_map(b, _of_number(cut, like, numbers), [numbers], n, (False,) * len(cut.results))
    return [None if r is None else _ordered(r, like, last) for r in stacked]


def _of_number(cut: Split, like: Aval, numbers: Sym) -> Split:
    """Return the map as one from a number to the sweep of the vector that is 1 where it stands."""
    body = Builder()
    body.line = numbers.b.line
    number = body.input(_INDEX)
    where = body.input(numbers.aval)
    shared = [body.input(x.aval) for x in cut.shared]
    hit = ops.cast(where.eq(number), dtype=like.dtype.name, weak=False)
    outs = inline(cut.body, body, [reshaped(hit, like.shape), *shared])
    return Split(body.finish(outs), [0], [numbers, *cut.shared], cut.results, cut.masked)


def _coloured(sweeps: Sweeps, colouring: Colouring, last: bool) -> list[Sym | None]:
    cap, like, cut = sweeps.cap, sweeps.like, sweeps.cut
    b, n, count = cap.b, like.size, colouring.count
    entries = sum(r.size for r, _ in colouring.entries)
    side = "columns" if last else "rows"
    cap.note(b.line, f"{n} {side} in {count} colour{'s' * (count > 1)}, {entries} entries")
    lists = [] if count == 1 else [colouring.colours]
    for k, (row, column) in enumerate(colouring.entries):
        size = cut.body.value(cut.body.outputs[k]).size
        put = row * n + column if last else column * size + row
        order = np.argsort(put)
        lists += [(colouring.colours[column] * size + row)[order], put[order]]
    tables = iter(_tables(cap, lists))
    if count == 1:
        ones = broadcast(b.lit(1.0, Aval(like.dtype)), like.shape)
        outs = inline(cut.body, b, [ones, *cut.shared])
        rows: list[Any] = [outs[r] if isinstance(r, int) else r for r in cut.results]
    else:
        body = _of_number(cut, like, next(tables))
        numbers = ops.arange.on(b, n=count, dtype="int64")
        rows = run_map(b, body, [numbers], count, (False,) * len(cut.results))
    made = []
    for k, o in enumerate(cut.body.outputs):
        shape = cut.body.value(o).shape
        whole = (*shape, *like.shape) if last else (*like.shape, *shape)
        r = rows[cut.results.index(k)]
        made.append(ops.spread(r, next(tables), next(tables), shape=whole))
    return [
        made[r] if isinstance(r, int) else None if r is None else _repeated(r, like, last)
        for r in cut.results
    ]


def _tables(cap: Capture, lists: list[Any]) -> list[Sym]:
    """Return lists of integers as values; they are one array, since arrays cost time to pass."""
    whole = cap.const(np.concatenate(lists))
    ends = np.cumsum([x.size for x in lists]).tolist()
    return [ops.slice(whole, ranges=((end - x.size, x.size, 1),)) for x, end in zip(lists, ends)]


def _repeated(r: Any, like: Aval, last: bool) -> Sym:
    """A result that is the same for every vector."""
    return _ordered(broadcast(r, (like.size, *r.shape)), like, last)


def _lead(r: Sym) -> Sym:
    return ops.reshape(r, shape=(1, *r.shape))


def _ordered(r: Sym, like: Aval, last: bool) -> Sym:
    """Give stacked results the axes of the vector in place of the first one."""
    shape = r.shape[1:]
    if not last:
        return reshaped(r, (*like.shape, *shape))
    axes = (*range(1, r.ndim), 0)
    moved = ops.transpose(r, axes=axes) if r.ndim > 1 else r
    return reshaped(moved, (*shape, *like.shape))


def reshaped(x: Sym, shape: tuple[int, ...]) -> Sym:
    """Return `x` in another shape."""
    return x if x.shape == shape else ops.reshape(x, shape=shape)
