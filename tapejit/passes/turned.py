"""Arrays with a short last axis beside a long one, kept with these two axes exchanged.

Points in ten dimensions, x[i, :] - mu[k, :], are an array of the shape (k, n, 10). A loop over its last
axis is too short to fill vector registers, a sum over it adds across one register, and a sum over the
points adds into memory. Kept as (k, 10, n), the innermost loop is the long one, what depends on the
short axis alone is a number in it, and each of these sums runs as it should. BLAS takes products of
either layout, and is faster on the long one: (1000, 10) times (10, 10) in 6.5 us as it is, in 4.2
turned.

Rows are turned in groups of those that read each other. Operands from outside that have both axes are
turned by a copy, and what others read is turned back by one; a group is turned where its reductions and
products gain more than that.

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
CONTRACTED, SHARE = 32, 4
"""Terms of the sums of a turned product, at most, and the share of its size that a left operand from
outside may have: BLAS reads that one against the grain, 20.4 us for 32 terms in place of 15.4."""
COPY, ACROSS, DOWN, PRODUCT = 30, 10, 4, 2
"""What a copy costs, and what is gained by a reduction over the short axis, one over the long axis and a
product, by element: 30 are about a nanosecond, since a copy is gathered element by element. Softmax
regression with 10 classes takes 258 us as it is, 277 turned with three copies and four reductions."""


def turned(tape: Tape) -> Tape:
    """Return the tape with arrays of short last axes turned."""
    chosen, back = _chosen(tape)
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
            whole = matrix_transpose(turn)
            return ops.copy(whole).id if row.id in back else whole.id
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


def _chosen(tape: Tape) -> tuple[set[int], set[int]]:
    """Return the rows that are turned, connected ones all or none, and which of them to turn back."""
    found: set[int] = set()
    for row in tape:
        if row.id >= tape.n_inputs and _is_candidate(tape, row, found):
            found.add(row.id)
    if not found:
        return found, found
    # What is read by more than products.
    read = {a for row in tape if row.prim.name != "matmul" for a in row.args} | {*tape.outputs}
    group = {i: i for i in found}

    def root(i: int) -> int:
        while group[i] != i:
            group[i] = i = group[group[i]]
        return i

    copied: set[tuple[int, int]] = set()
    back = found.intersection(tape.outputs)
    gains: list[tuple[int, int]] = []
    for row in tape:
        nest = row.id in found and row.prim.emit.kind == "elementwise"
        for a in row.args:
            if row.id in found and a in found and (nest or a == row.args[0]):
                group[root(row.id)] = root(a)
            elif nest and tape.value(a).shape[-2:] == tape.value(row.id).shape[-2:]:
                copied.add((row.id, a))
            elif a in found and not nest:
                gain = _gain(tape, row, a, row.id in read)
                gains.append((a, gain))
                back.update([a] if gain < 0 else [])
        if row.id in found and not nest:
            gains.append((row.id, PRODUCT))
    worth = dict.fromkeys(found, 0)
    for i, gain in gains:
        worth[root(i)] += max(gain, 0) * tape.value(i).size
    for r, a in {(root(i), a) for i, a in copied} | {(root(i), i) for i in back}:
        worth[r] -= COPY * tape.value(a).size
    return {i for i in found if worth[root(i)] >= 0}, back


def _is_candidate(tape: Tape, row: Row, found: set[int]) -> bool:
    """Whether a row is a nest's or a product, over a short last axis beside a long one."""
    aval = row.aval
    if not isinstance(aval, Aval) or aval.dtype.kind not in "fb" or not _short(aval.shape):
        return False
    if row.prim.name == "matmul":
        left = tape.value(row.args[0])
        fits = row.args[0] in found or left.size * SHARE <= aval.size
        return left.shape[-1] <= CONTRACTED and fits
    return row.prim.emit.kind == "elementwise" and not row.prim.effect


def _short(shape: Shape) -> bool:
    return len(shape) >= 2 and SHORT[0] <= shape[-1] <= SHORT[1] and shape[-2] >= LONG


def _gain(tape: Tape, row: Row, a: int, read: bool) -> int:
    """Return what a row that is not turned gains by `a` turned; less than 0 when it needs a copy.

    Whether more than products read the row is given.
    """
    if row.prim.name == "matmul":
        return 0
    last = len(tape.value(a).shape) - 1
    if row.prim.emit.kind == "reduce":
        axis = row.params["axis"]
        if last not in axis:
            return DOWN if last - 1 in axis else -1
        return 0 if last - 1 in axis else ACROSS
    swaps = row.prim.name == "transpose" and row.params["axes"][-2:] == (last, last - 1)
    return 0 if swaps and not read else -1
