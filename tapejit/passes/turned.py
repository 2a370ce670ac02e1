"""Arrays with a short last axis beside a long one, kept with these two axes exchanged.

Points in ten dimensions, x[i, :] - mu[k, :], are an array of the shape (k, n, 10). A loop over its last
axis is too short to fill vector registers, a sum over it adds across one register, and a sum over the
points adds into memory. Kept as (k, 10, n), the innermost loop is the long one, what depends on the
short axis alone is a number in it, and each of these sums runs as it should. BLAS takes products of
either layout, and is faster on the long one: (1000, 10) times (10, 10) in 6.5 us as it is, in 4.2
turned.

Rows are turned in groups of those that read each other. Operands from outside that have both axes are
turned by a copy, or read by a product against the grain (20.4 us in place of 15.4 for 32 terms); a group
is left alone where these are large beside it, and where anything but a nest, a reduction or a product
reads it.

Invariant: values do not change, but for the order of sums.
"""

from __future__ import annotations

from ..core.avals import Aval, Shape
from ..rules.declare import ops
from ..rules.products import matrix_transpose
from ..tape.ir import Builder, Row, Sym, Tape
from .dce import dce
from .rewrite import rewrite

SHORT = (5, 16)
"""Lengths of a last axis that is exchanged: shorter ones are components, see `components`."""
LONG = 64
"""Elements of the axis beside it, at least."""
SHARE = 4
"""Copies may have one in so many elements of the largest array of a group."""
CONTRACTED = 32
"""Terms of the sums of a product that gives a turned array, at most: others are slower so."""


def turned(tape: Tape) -> Tape:
    """Return the tape with arrays of short last axes turned."""
    chosen = _chosen(tape)
    if not chosen:
        return tape
    made: dict[int, Sym] = {}
    shown: dict[int, Sym] = {}
    place: dict[int, int] = {}

    def other(b: Builder, a: int) -> Sym:
        """Return the old value `a` with its last two axes exchanged, as an operand of a nest."""
        if a in made:
            return made[a]
        if a not in shown:
            x = Sym(b, place[a])
            shape = x.shape
            if x.ndim == 1 and shape != (1,):
                x = ops.reshape(x, shape=(*shape, 1))
            elif x.ndim > 1:
                x = matrix_transpose(x)
                x = ops.copy(x) if 1 not in shape[-2:] else x
            shown[a] = x
        return shown[a]

    def visit(b: Builder, row: Row, args: list[int]) -> int | None:
        for old, new in zip(row.args, args):
            place[old] = new
        if row.id in chosen:
            if row.prim.name == "matmul":
                x, y = (matrix_transpose(Sym(b, a)) for a in args)
                turn = ops.matmul(y, x)
            elif row.prim.name == "cast":
                turn = b.cast(other(b, row.args[0]), row.aval.dtype)  # type: ignore[union-attr]
            else:
                turn = row.prim.on(b, *[other(b, a) for a in row.args], **row.params)
            made[row.id] = turn
            return matrix_transpose(turn).id
        if row.prim.emit.kind == "reduce" and row.args[0] in made:
            return _reduced(row, made[row.args[0]]).id
        return None

    return dce(rewrite(tape, visit))


def _reduced(row: Row, x: Sym) -> Sym:
    """Return a reduction of a turned array, as that of the array would be."""
    swap = {x.ndim - 1: x.ndim - 2, x.ndim - 2: x.ndim - 1}
    axis = tuple(sorted(swap.get(a, a) for a in row.params["axis"]))
    made = row.prim.on(x.b, x, **{**row.params, "axis": axis})
    return ops.reshape(made, shape=row.aval.shape)  # type: ignore[union-attr]


# ---------------------------------------------------------------- which


def _chosen(tape: Tape) -> set[int]:
    """Return the rows that are turned: connected ones all or none."""
    found = {r.id for r in tape if r.id >= tape.n_inputs and _is_candidate(tape, r)}
    if not found:
        return found
    group = {i: i for i in found}

    def root(i: int) -> int:
        while group[i] != i:
            i = group[i]
        return i

    bad = {i for i in found if i in tape.outputs}
    copied: dict[int, set[int]] = {}
    for row in tape:
        for a in row.args:
            if row.id in found and row.prim.emit.kind == "elementwise":
                if a in found:
                    group[root(row.id)] = root(a)
                elif tape.value(a).shape[-2:] == tape.value(row.id).shape[-2:]:
                    copied.setdefault(row.id, set()).add(a)
            elif a in found and not _takes(tape, row, a):
                bad.add(a)
        if row.id in found and row.prim.name == "matmul" and row.args[0] not in found:
            copied.setdefault(row.id, set()).add(row.args[0])
    largest: dict[int, int] = {}
    copies: dict[int, set[int]] = {}
    for i in found:
        largest[root(i)] = max(largest.get(root(i), 0), tape.value(i).size)
        copies.setdefault(root(i), set()).update(copied.get(i, ()))
    refused = {root(i) for i in bad}
    for r, sources in copies.items():
        if SHARE * sum(tape.value(a).size for a in sources) > largest[r]:
            refused.add(r)
    return {i for i in found if root(i) not in refused}


def _is_candidate(tape: Tape, row: Row) -> bool:
    """Whether a row is a nest's or a product, over a short last axis beside a long one."""
    aval = row.aval
    if not isinstance(aval, Aval) or aval.dtype.kind not in "fb" or not _short(aval.shape):
        return False
    if row.prim.name == "matmul":
        return tape.value(row.args[0]).shape[-1] <= CONTRACTED
    return row.prim.emit.kind == "elementwise" and not row.prim.effect


def _short(shape: Shape) -> bool:
    return len(shape) >= 2 and SHORT[0] <= shape[-1] <= SHORT[1] and shape[-2] >= LONG


def _takes(tape: Tape, row: Row, a: int) -> bool:
    """Whether a row that is not turned reads `a` as well turned."""
    if row.prim.name == "matmul":
        return True
    last = len(tape.value(a).shape) - 1
    if row.prim.emit.kind == "reduce":
        return last in row.params["axis"] or last - 1 in row.params["axis"]
    if row.prim.name != "transpose" or row.params["axes"][-2:] != (last, last - 1):
        return False
    readers = [r for r in tape if row.id in r.args]
    return row.id not in tape.outputs and all(r.prim.name == "matmul" for r in readers)
