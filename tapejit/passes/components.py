"""Arrays of short vectors, taken apart into their components.

Distances of all pairs of points in space, d[i, j, :] = x[j, :] - x[i, :], have a last axis of two,
three or four elements. A loop over it is too short to be run in vector registers, and rows of the
shape (n, m, 3) never share a nest with rows of the shape (n, m) that they feed and are fed by. Here
such a row becomes one row for each component,

    d[..., k] = x[..., k] - y[..., k],    sum(d * d, axis=-1) = d0 d0 + d1 d1 + d2 d2,

so that all of them run in one nest over (n, m), and the array of vectors itself is never stored.

Invariant: only arrays that nests alone read are taken apart. What a reduction over another axis
leaves, of the shape (n, 3), is put together again. Sixteen bodies under gravity: 276 us before, 57 us
after; the hand-written adjoint, which keeps coordinates apart, takes 65 us.
"""

from __future__ import annotations

from ..core.avals import Aval
from ..rules.declare import ops
from ..tape.ir import Builder, Row, Sym, Tape
from .cse import cse
from .dce import dce
from .rewrite import rewrite
from .simplify import simplify

SHORT, LONGEST = 4, 10
"""Elements of a last axis that is taken apart; longer than `SHORT`, only beside no whole array.

An array that lies in memory as vectors of six is better read as it lies, or turned. Of 300 x 300
differences that are stored nowhere: 5.3 ms and 1.0 by absolute values of ten elements, 0.93 and 0.39 by
squares of six; by squares of eight both are as fast, of twelve the loop is.
"""
FEWEST = 16
"""Vectors below which an array is left alone."""


def components(tape: Tape) -> Tape:
    """Return the tape with its arrays of short vectors taken apart where nests alone read them."""
    chosen = _chosen(tape)
    if not chosen:
        return tape
    parts: dict[int, list[Sym]] = {}
    shown: dict[tuple[int, int], Sym] = {}
    place: dict[int, int] = {}

    def part(b: Builder, a: int, k: int) -> Sym:
        """Return component `k` of the old row `a`, aligned with the leading axes."""
        if a in parts:
            return parts[a][k]
        if (a, k) not in shown:
            shown[a, k] = _component(b, Sym(b, place[a]), k)
        return shown[a, k]

    def visit(b: Builder, row: Row, args: list[int]) -> int | None:
        for old, new in zip(row.args, args):
            place[old] = new
        if row.id in chosen:
            n = row.aval.shape[-1]  # type: ignore[union-attr]
            parts[row.id] = [_applied(b, row, [part(b, a, k) for a in row.args]) for k in range(n)]
            return parts[row.id][0].id
        if any(a in parts for a in row.args):
            return _reduced(b, row, parts[row.args[0]]).id
        return None

    return dce(cse(simplify(rewrite(tape, visit))))


def _applied(b: Builder, row: Row, xs: list[Sym]) -> Sym:
    if row.prim.name == "cast":
        return b.cast(xs[0], row.aval.dtype)  # type: ignore[union-attr]
    return row.prim.on(b, *xs, **row.params)


def _component(b: Builder, x: Sym, k: int) -> Sym:
    """Return element `k` along the last axis of what is broadcast against vectors."""
    if not x.ndim:
        return x
    if x.shape[-1] != 1:
        x = ops.slice(x, ranges=(*((0, n, 1) for n in x.shape[:-1]), (k, 1, 1)))
    return ops.reshape(x, shape=x.shape[:-1])


def _reduced(b: Builder, row: Row, parts: list[Sym]) -> Sym:
    """Return a sum of an array of vectors whose components are given."""
    axis: tuple[int, ...] = row.params["axis"]
    last = parts[0].ndim
    others = tuple(a for a in axis if a != last)
    if last in axis:
        total = parts[0]
        for p in parts[1:]:
            total = total + p
        return ops.sum(total, axis=others, keepdims=False) if others else total
    sums = [ops.sum(p, axis=others, keepdims=False) for p in parts]
    return ops.concatenate(
        *[ops.reshape(s, shape=(*s.shape, 1)) for s in sums], axis=last - len(others)
    )


# ---------------------------------------------------------------- which


def _chosen(tape: Tape) -> set[int]:
    """Return the rows that are taken apart: connected ones all or none."""
    found = {r.id for r in tape if r.id >= tape.n_inputs and _is_candidate(tape, r)}
    if not found:
        return found
    group = {i: i for i in found}

    def root(i: int) -> int:
        while group[i] != i:
            i = group[i]
        return i

    bad: list[int] = [i for i in found if i in tape.outputs]
    summed: list[int] = []
    for row in tape:
        for a in row.args:
            if a not in found:
                shape = row.aval.shape if row.id in found else ()  # type: ignore[union-attr]
                if shape and shape[-1] > SHORT and tape.value(a).shape == shape:
                    bad.append(row.id)
                continue
            if row.id in found:
                group[root(row.id)] = root(a)
            elif _is_sum(row):
                summed.append(a)
            else:
                bad.append(a)
    refused, wanted = {root(i) for i in bad}, {root(i) for i in summed}
    return {i for i in found if root(i) in wanted - refused}


def _is_candidate(tape: Tape, row: Row) -> bool:
    """Whether a row is elementwise over an array of short vectors, at least two axes of them."""
    aval = row.aval
    if row.prim.emit.kind != "elementwise" or row.prim.effect or not isinstance(aval, Aval):
        return False
    if len(aval.shape) < 3 or not 2 <= aval.shape[-1] <= LONGEST or aval.dtype.kind not in "fb":
        return False
    return aval.size >= FEWEST * aval.shape[-1]


def _is_sum(row: Row) -> bool:
    if row.prim.name != "sum" or row.params["keepdims"]:
        return False
    return isinstance(row.aval, Aval) and row.aval.dtype.kind == "f"
