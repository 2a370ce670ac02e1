"""Structural sparsity: which elements of a seed does each element of a linear tape depend on.

A tape that is linear in its first input is followed once with sets of positions in place of numbers.
The set of an element is a row of bits; the sets of an array of shape s are an array of shape
``s + (words,)`` of 64 bits each, so a shape operation on values is the same operation on sets.
Invariant: a set is never too small. What is not known here, and any index that may differ from call
to call, depends on everything that its operands depend on. Because the tape is linear, an element
whose set lacks j is exactly zero in column j of the matrix.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ..core.avals import Aval, TupleAval
from ..rules.index import split_at
from ..rules.shape import as_slices
from ..tape.ir import Row, Tape

Sets = np.ndarray[Any, np.dtype[np.uint64]]
Fixed = Mapping[int, np.ndarray[Any, Any]]

MOST_WORDS = 1 << 23
"""Words of all sets of a tape together, 64 MiB; past that nothing is found out."""


class Unknown(Exception):
    """The sets would take more memory than they are worth, or an array has no known length."""


def dependence(body: Tape, fixed: Fixed) -> list[np.ndarray[Any, Any]] | None:
    """Return for each output the matrix of who may depend on whom, None when they are not found out.

    Parameters
    ----------
    body : Tape
        Linear in its first input.
    fixed : mapping
        The values of those inputs that are the same at every call.

    Returns
    -------
    list of bool arrays
        Of shape ``(output.size, input.size)``.
    """
    n = body.value(0).size
    walk = _Walk(body, n, fixed)
    try:
        for i in range(body.n_inputs, body.rows):
            walk.row(body.row(i))
    except Unknown:
        return None
    return [walk.matrix(o) for o in body.outputs]


class _Walk:
    """The sets of the rows so far; a row without an entry depends on nothing."""

    def __init__(self, body: Tape, n: int, fixed: Fixed) -> None:
        self.body, self.n, self.fixed = body, n, fixed
        self.words = -(-n // 64)
        self.spent = 0
        self.several: dict[int, list[Sets | None]] = {}
        bits = np.zeros((n, 8 * self.words), np.uint8)
        packed = np.packbits(np.eye(n, dtype=bool), axis=1, bitorder="little")
        bits[:, : packed.shape[1]] = packed
        first = bits.view(np.uint64).reshape((*body.value(0).shape, self.words))
        self.found: dict[int, Sets] = {0: first}

    def matrix(self, o: int) -> np.ndarray[Any, Any]:
        size = self.body.value(o).size
        sets = self.found.get(o)
        if sets is None:
            return np.zeros((size, self.n), bool)
        octets = np.ascontiguousarray(sets).reshape(size, self.words).view(np.uint8)
        return np.unpackbits(octets, axis=1, count=self.n, bitorder="little").view(bool)

    def row(self, row: Row) -> None:
        sets = [self.found.get(a) for a in row.args]
        if row.prim.name == "out":
            part = self.several.get(row.args[0])
            if part is not None and (one := part[row.params["k"]]) is not None:
                self.found[row.id] = one
            return
        if all(s is None for s in sets):
            return
        items = row.aval.items if isinstance(row.aval, TupleAval) else (row.aval,)
        if any(n < 0 for a in items for n in a.shape):
            raise Unknown
        self.spent += sum(a.size for a in items) * self.words
        if self.spent > MOST_WORDS:
            raise Unknown
        if isinstance(row.aval, TupleAval):
            self.several[row.id] = SEVERAL.get(row.prim.name, _all_several)(self, row, sets)
            return
        found = RULES.get(row.prim.name) or KINDS.get(row.prim.emit.kind) or _all
        self.found[row.id] = found(self, row, row.aval, sets)

    def empty(self, aval: Aval) -> Sets:
        return np.zeros((*aval.shape, self.words), np.uint64)

    def given(self, row: Row, k: int, sets: list[Sets | None]) -> Sets:
        """Return the sets of operand `k`, empty ones when it depends on nothing."""
        found = sets[k]
        return self.empty(self.body.value(row.args[k])) if found is None else found

    def spread(self, sets: Sets, shape: tuple[int, ...]) -> Sets:
        """Broadcast sets as NumPy broadcasts their values."""
        lead = (1,) * (len(shape) - (sets.ndim - 1))
        return np.broadcast_to(sets.reshape((*lead, *sets.shape)), (*shape, self.words))


Rule = Callable[[_Walk, Row, Aval, "list[Sets | None]"], Sets]


def _union(sets: Sets, axes: tuple[int, ...]) -> Sets:
    """Return the unions along some axes of the values, which stay with length 1."""
    found: Sets = np.bitwise_or.reduce(sets, axis=axes, keepdims=True) if axes else sets
    return found


def _whole(sets: list[Sets | None]) -> Sets:
    """Return the union of all elements of all operands."""
    parts = [
        np.bitwise_or.reduce(s.reshape(-1, s.shape[-1]), axis=0) for s in sets if s is not None
    ]
    found: Sets = np.bitwise_or.reduce(np.stack(parts), axis=0)
    return found


def _all(walk: _Walk, row: Row, aval: Aval, sets: list[Sets | None]) -> Sets:
    return walk.spread(_whole(sets), aval.shape)


def _all_several(walk: _Walk, row: Row, sets: list[Sets | None]) -> list[Sets | None]:
    whole = _whole(sets)
    items = row.aval.items  # type: ignore[union-attr]
    return [walk.spread(whole, a.shape) for a in items]


def _custom(walk: _Walk, row: Row, sets: list[Sets | None]) -> list[Sets | None]:
    """A custom row hands its results through."""
    first = row.params["n_in"]
    return sets[first : first + row.params["n_out"]]


def _maps(walk: _Walk, row: Row, sets: list[Sets | None]) -> list[Sets | None]:
    """Result i of a map depends on elements i of the mapped operands, and on all of the shared."""
    mapped, summed = row.params["mapped"], row.params["summed"]
    items = row.aval.items  # type: ignore[union-attr]
    n = next(walk.body.value(a).shape[0] for a, m in zip(row.args, mapped) if m)
    each: Sets = np.zeros((n, walk.words), np.uint64)
    for s, moves in zip(sets, mapped):
        if s is not None:
            each |= _union(s, tuple(range(1, s.ndim - 1))).reshape(n, -1) if moves else _whole([s])
    found: list[Sets | None] = []
    for a, whole in zip(items, summed):
        one = _whole([each]) if whole else each.reshape((n, *(1,) * (a.ndim - 1), walk.words))
        found.append(walk.spread(one, a.shape))
    return found


# ---------------------------------------------------------------- rules by kind


def _elementwise(walk: _Walk, row: Row, aval: Aval, sets: list[Sets | None]) -> Sets:
    live = [walk.spread(s, aval.shape) for s in sets if s is not None]
    if len(live) == 1:
        return live[0]
    found = live[0] | live[1]
    for s in live[2:]:
        found |= s
    return found


def _view(walk: _Walk, row: Row, aval: Aval, sets: list[Sets | None]) -> Sets:
    """A view moves elements: see where it moves their numbers."""
    own = walk.given(row, 0, sets)
    size = math.prod(own.shape[:-1])
    at = row.prim.numpy(np.arange(size).reshape(own.shape[:-1]), **row.params)
    moved: Sets = np.ascontiguousarray(own).reshape(size, walk.words)[np.asarray(at)]
    return moved


def _reduce(walk: _Walk, row: Row, aval: Aval, sets: list[Sets | None]) -> Sets:
    if "axis" not in row.params or len(row.args) != 1:
        return _all(walk, row, aval, sets)
    own = walk.given(row, 0, sets)
    axes = tuple(k % (own.ndim - 1) for k in row.params["axis"])
    return _union(own, axes).reshape((*aval.shape, walk.words))


# ---------------------------------------------------------------- rules by name


def _concatenate(walk: _Walk, row: Row, aval: Aval, sets: list[Sets | None]) -> Sets:
    parts = [walk.given(row, k, sets) for k in range(len(sets))]
    found: Sets = np.concatenate(parts, axis=row.params["axis"])
    return found


def _update(walk: _Walk, row: Row, aval: Aval, sets: list[Sets | None]) -> Sets:
    found = walk.given(row, 0, sets).copy()
    at = as_slices(row.params["ranges"])
    u = walk.given(row, 1, sets)
    found[at] = u if row.prim.name == "set_slice" else found[at] | u
    return found


def _gather(walk: _Walk, row: Row, aval: Aval, sets: list[Sets | None]) -> Sets:
    axis, at = row.params["axis"], walk.fixed.get(row.args[1])
    own = walk.given(row, 0, sets)
    if at is not None and sets[1] is None:
        taken: Sets = np.take(own, at, axis=axis)
        return taken
    count = walk.body.value(row.args[1]).ndim
    some = _union(own, (axis,))
    shape = (*own.shape[:axis], *(1,) * count, *own.shape[axis + 1 :])
    return walk.spread(some.reshape(shape), aval.shape)


def _scatter(walk: _Walk, row: Row, aval: Aval, sets: list[Sets | None]) -> Sets:
    """An update to a place that is not known may go to any place along the axis."""
    axis, at = row.params["axis"], walk.fixed.get(row.args[2])
    found, u = walk.given(row, 0, sets).copy(), walk.given(row, 1, sets)
    if at is None or sets[2] is not None:
        count = walk.body.value(row.args[2]).ndim
        some = _union(u, tuple(range(axis, axis + count)))
        return found | some.reshape((*aval.shape[:axis], 1, *aval.shape[axis + 1 :], walk.words))
    lead, n, run = split_at(aval.shape, axis)
    to = np.arange(lead)[:, None, None] * n + np.asarray(at).reshape(1, -1, 1)
    flat = found.reshape(-1, walk.words)
    np.bitwise_or.at(flat, (to * run + np.arange(run)).reshape(-1), u.reshape(-1, walk.words))
    return found


def _matmul(walk: _Walk, row: Row, aval: Aval, sets: list[Sets | None]) -> Sets:
    """Element (i, j) depends on row i of x and column j of y."""
    lines = [
        walk.spread(_union(s, (s.ndim - 2 - k,)), aval.shape)
        for k, s in enumerate(sets)
        if s is not None
    ]
    return lines[0] if len(lines) == 1 else lines[0] | lines[1]


SEVERAL = {"map": _maps, "custom": _custom}
KINDS: dict[str, Rule] = {"elementwise": _elementwise, "view": _view, "reduce": _reduce}
RULES: dict[str, Rule] = {
    "concatenate": _concatenate,
    "set_slice": _update,
    "add_slice": _update,
    "gather": _gather,
    "scatter_add": _scatter,
    "scatter_set": _scatter,
    "matmul": _matmul,
}
