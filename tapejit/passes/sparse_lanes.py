"""The adjoint of an extreme along an axis does the lanes whose cotangent is not zero.

``v = np.max(v[:, None] + A, axis=0)`` in a loop is a step of dynamic programming: Viterbi, shortest
paths, value iteration. One path through the rounds carries the cotangent c of v, or a few, and yet

    h = (x == y);  d = h * (c / sum h);  dv = sum_j d[:, j];  dA += d

compares, counts and adds at all n * m places. Each lane j of these rows is zero where c[j] is, so they
become a loop over lanes with a branch on c[j]; what is computed for them alone moves into it. Where
more than a quarter of the lanes has a cotangent the rows run as they were: all lanes of 100 x 100 one
by one take up to 3.8 times as long.

Invariant: a row of a region is zero in every lane whose cotangent is zero, and is read by rows of the
region, by sums, and by additions to other arrays, all of which a lane of zeros leaves as they are.

As in `sparse_rounds`, this comes behind all derivatives, and only in the rounds of reversed loops.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ..core.avals import Aval, Shape, aval_id
from ..rules.declare import ops, zeros_like
from ..rules.loops import INT
from ..tape.ir import Builder, Row, Sym, Tape, param_id
from ..tape.pieces import extract, load
from ..tape.primitive import BY_NAME
from .dce import dce
from .rewrite import rewrite
from .schedule import ROLLED

FEWEST = 4
"""Lanes from which a loop over them is made."""
SPARSE = 4
"""One of so many lanes, at most, has a cotangent where the loop is taken."""


def sparse_lanes(tape: Tape) -> Tape:
    """Return the tape with such rows as loops over lanes, in the bodies of reversed loops."""
    if not any(tape.prim(i).emit.kind in ROLLED for i in range(tape.n_inputs, tape.rows)):
        return tape

    def visit(b: Builder, row: Row, args: list[int]) -> int | None:
        if row.prim.emit.kind not in ROLLED:
            return None
        params: dict[str, Any] = dict(row.params)
        made = {k: sparse_lanes(v) for k, v in params.items() if isinstance(v, Tape)}
        if row.prim.name == "for" and params["reverse"]:
            made["body"] = _by_lanes(made["body"])
        if all(made[k] is params[k] for k in made):
            return None
        return b.append(row.prim.index, args, tape.aval[row.id], param_id(params | made))

    return rewrite(tape, visit)


@dataclass(eq=False)
class Region:
    """Rows that are zero in lanes whose cotangent is, and what else is computed for them alone.

    Attributes
    ----------
    seed : int
        The cotangent, of one element a lane.
    shape : tuple of int
        That of the array whose extremes were taken.
    lane : int
        Its axis of lanes; extremes were taken along the other one.
    zero : set of int
        The rows that are zero.
    inside : set of int
        All rows that are computed lane by lane.
    exits : list of int
        Sums of rows that are zero, and additions of them to arrays.
    leaves : list of int
        What the rows inside are computed from, literals aside.
    arrays : dict of int
        The arrays that exits add to.
    """

    seed: int
    shape: Shape
    lane: int
    zero: set[int]
    inside: set[int]
    exits: list[int] = field(default_factory=list)
    leaves: list[int] = field(default_factory=list)
    arrays: dict[int, int] = field(default_factory=dict)

    def is_lane(self, shape: Shape) -> bool:
        """Whether a shape has one element a lane, in its place."""
        return shape == tuple(n if d == self.lane else 1 for d, n in enumerate(self.shape))


def _by_lanes(body: Tape) -> Tape:
    """Return a body with one such region after the other as a loop."""
    names = [body.prim(i).name for i in range(body.n_inputs, body.rows)]
    for _ in range(names.count("equal")):
        found = next((r for i in range(body.rows) if (r := _region(body, i)) is not None), None)
        if found is None:
            break
        body = _with_loop(body, found)
    return body


# ---------------------------------------------------------------- finding


def _start(body: Tape, i: int) -> Region | None:
    """Return the beginning of a region: hits times the shares of the cotangent."""
    if body.prim(i).name != "multiply" or not isinstance(body.any_aval(i), Aval):
        return None
    shape = body.value(i).shape
    if len(shape) != 2 or body.value(i).dtype.kind != "f":
        return None
    for hit, share in (body.args(i), body.args(i)[::-1]):
        if body.prim(hit).name != "cast" or body.prim(share).name != "divide":
            continue
        seed, count = body.args(share)
        if body.prim(count).name != "sum" or body.args(count) != (hit,):
            continue
        (same,), axis = body.args(hit), body.params(count)["axis"]
        if body.prim(same).name != "equal" or len(axis) != 1 or body.value(hit).shape != shape:
            continue
        lane = 1 - axis[0]
        found = Region(seed, shape, lane, {i}, {i, hit, same, count, share})
        fits = found.is_lane(body.value(seed).shape) and found.is_lane(body.value(count).shape)
        if fits and shape[lane] >= FEWEST and shape[axis[0]] > 1:
            return found
    return None


def _region(body: Tape, start: int) -> Region | None:
    """Return the region that begins with a row, None where something else reads its rows."""
    found = _start(body, start)
    if found is None or not _close(body, found, start):
        return None
    readers: dict[int, set[int]] = {o: {body.rows} for o in body.outputs}
    for i in range(body.n_inputs, body.rows):
        for a in body.args(i):
            readers.setdefault(a, set()).add(i)
    taken = found.inside | set(found.exits)
    if any(not readers[i] <= taken for i in found.inside):
        return None
    for i in range(start - 1, body.n_inputs - 1, -1):
        full = body.prim(i).emit.kind == "elementwise" and body.value(i).shape == found.shape
        if full and i not in found.inside and readers.get(i, {i}) <= found.inside:
            found.inside.add(i)
    around = {a for i in found.inside for a in body.args(i)} - found.inside
    found.leaves = sorted(a for a in around if body.prim(a).name != "lit")
    used = {*found.leaves, *found.arrays.values()}
    last = max(used)
    fits = (
        not used & set(found.exits)
        and not set(found.leaves) & set(found.arrays.values())
        and len(set(found.arrays.values())) == len(found.arrays)
        and all(_lies(body, a, found.shape) for a in found.leaves)
        and all(r > last for i in found.exits for r in readers.get(i, ()))
    )
    return found if fits else None


def _close(body: Tape, found: Region, start: int) -> bool:
    """Note what is zero where the region's first row is, and where that ends; False: it is read else."""
    for i in range(start + 1, body.rows):
        args, name = body.args(i), body.prim(i).name
        zero = [a in found.zero for a in args]
        if not any(zero) or i in found.inside:
            continue
        if name == "sum":
            found.exits.append(i)
            continue
        if not isinstance(body.any_aval(i), Aval) or body.value(i).shape != found.shape:
            return False
        adds = name == "add" or (name == "subtract" and zero == [False, True])
        if name in ("add", "subtract") and not all(zero):
            array = args[zero.index(False)]
            if not adds or body.value(array) != body.value(i):
                return False
            found.exits.append(i)
            found.arrays[i] = array
        elif name in ("add", "subtract", "negative", "multiply") or (
            name in ("gated", "divide") and zero == [True, False]
        ):
            found.zero.add(i)
            found.inside.add(i)
        else:
            return False
    return bool(found.exits)


def _lies(body: Tape, i: int, shape: Shape) -> bool:
    """Whether a leaf may be read lane by lane: one of all places lies in memory as it is."""
    if body.value(i).shape != shape:
        return all(n in (1, m) for n, m in zip(body.value(i).shape[::-1], shape[::-1]))
    while body.prim(i).name == "reshape":
        i = body.args(i)[0]
    return body.prim(i).emit.kind != "view"


# ---------------------------------------------------------------- making


def _with_loop(body: Tape, region: Region) -> Tape:
    """Return the body with a region as a loop over its lanes."""
    b = Builder()
    place: dict[int, int] = {}
    last = max([*region.leaves, *region.arrays.values()])
    for i in range(body.rows):
        if i not in region.inside and i not in region.exits:
            args = [place[a] for a in body.args(i)]
            place[i] = b.append(body.op[i], args, body.aval[i], body.param[i], body.line[i])
        if i == last:
            b.line = body.line[min(region.zero)]
            place.update(_either(b, body, region, place))
    return dce(b.finish([place[o] for o in body.outputs]))


def _either(b: Builder, body: Tape, region: Region, place: dict[int, int]) -> dict[int, int]:
    """Append the branch between the loop and the rows as they are; return what the exits have become."""
    arrays = [region.arrays[e] for e in region.exits if e in region.arrays]
    given = [Sym(b, place[a]) for a in (*arrays, *region.leaves)]
    seed, count = Sym(b, place[region.seed]), region.shape[region.lane]
    several = ops.cast(ops.not_equal(seed, 0.0), dtype="int64", weak=False)
    few = ops.less_equal(ops.sum(several, axis=(0, 1), keepdims=False), count // SPARSE)
    dense = extract(load(body), [*arrays, *region.leaves], region.exits)
    sparse = _loop(body, region, [x.aval for x in given])
    found = b.outs(ops.cond.on(b, few, *given, then=sparse, orelse=dense))
    return {e: x.id for e, x in zip(region.exits, found)}


def _loop(body: Tape, region: Region, avals: list[Aval]) -> Tape:
    """Return the loop as a tape that takes arrays and leaves, and gives the exits."""
    b = Builder()
    given = iter([b.input(a) for a in avals])
    starts: list[Sym] = []
    for e in region.exits:
        if e in region.arrays:
            starts.append(next(given))
        else:
            kept = _kept(region, body.params(e)["axis"])
            starts.append(zeros_like(b.lit(0.0, Aval(body.value(e).dtype)), kept))
    shared = list(given)
    count = region.shape[region.lane]
    made = BY_NAME["for"].on(
        b,
        b.lit(count, INT),
        *starts,
        *shared,
        body=_round(body, region, [x.aval for x in starts], [x.aval for x in shared]),
        carry=len(starts),
        shared=len(shared),
        length=count,
        reverse=True,
    )
    outs = []
    for e, x in zip(region.exits, b.outs(made)):
        shape = body.value(e).shape
        outs.append(x if x.shape == shape else ops.reshape(x, shape=shape))
    return b.finish(outs)


def _kept(region: Region, axis: tuple[int, ...]) -> Shape:
    """Return the shape of a sum over some axes."""
    return tuple(n for d, n in enumerate(region.shape) if d not in axis)


def _round(body: Tape, region: Region, carried: list[Aval], shared: list[Aval]) -> Tape:
    """Return the body of the loop: nothing where the cotangent of the lane is zero."""
    avals = [INT, *carried, *shared]
    idle, b = Builder(), Builder()
    same = [idle.input(a) for a in avals]
    ins = [b.input(a) for a in avals]
    seed = _part(b, region, ins[1 + len(carried) + region.leaves.index(region.seed)], ins[0])
    flag = ops.not_equal(ops.reshape(seed, shape=()), 0.0)
    made = ops.cond.on(
        b,
        flag,
        *ins,
        then=_lane(body, region, avals),
        orelse=idle.finish(same[1 : 1 + len(carried)]),
    )
    return b.finish(b.outs(made))


def _part(b: Builder, region: Region, x: Sym, j: Sym) -> Sym:
    """Append lane `j` of an array, that array itself where all lanes share it."""
    axis = region.lane - len(region.shape) + x.ndim
    if axis < 0 or x.shape[axis] == 1:
        return x
    sizes = tuple(1 if d == axis else n for d, n in enumerate(x.shape))
    return ops.dynamic_slice(x, *_starts(b, axis, x.ndim, j), sizes=sizes)


def _starts(b: Builder, axis: int, ndim: int, j: Sym) -> list[Sym]:
    return [j if d == axis else b.lit(0, INT) for d in range(ndim)]


def _lane(body: Tape, region: Region, avals: list[Aval]) -> Tape:
    """Return the rows of a region for one lane, and what its exits carry behind it."""
    b = Builder()
    j, *ins = (b.input(a) for a in avals)
    place: dict[int, Sym] = {}
    for a, x in zip(region.leaves, ins[len(region.exits) :]):
        place[a] = _part(b, region, x, j)
    for i in sorted(region.inside):
        b.line = body.line[i]
        for a in body.args(i):
            if a not in place:
                place[a] = b.lit(body.params(a)["value"], body.value(a))
        shape = tuple(1 if d == region.lane else n for d, n in enumerate(body.value(i).shape))
        aval = aval_id(Aval(body.value(i).dtype, shape))
        args = [place[a].id for a in body.args(i)]
        place[i] = Sym(b, b.append(body.op[i], args, aval, body.param[i]))
    outs: list[Sym] = []
    for e, x in zip(region.exits, ins):
        b.line = body.line[e]
        term = place[next(a for a in body.args(e) if a in region.zero)]
        if e in region.arrays:
            term = -term if body.prim(e).name == "subtract" else term
            outs.append(ops.dynamic_add(x, term, *_starts(b, region.lane, 2, j)))
        elif body.params(e)["axis"] == (region.lane,):
            outs.append(x + ops.reshape(term, shape=x.shape))
        else:
            total = ops.sum(term, axis=(0, 1), keepdims=False)
            one = ops.reshape(total, shape=(1,)) if x.shape else total
            outs.append(ops.dynamic_update(x, one, j) if x.shape else x + total)
    return b.finish(outs)
