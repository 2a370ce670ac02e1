"""A product of matrices that is only summed over its rows or columns: the operand is summed instead.

    sum_i (A B)[i, j] = (sum_i A[i, :]) B[:, j],        sum_j (A B)[i, j] = A[i, :] (sum_j B[:, j]).

With A of m rows the left side takes m times the multiplications of the right one, and an array that
is written only to be added up. The cotangent of a mean that is subtracted before a product is such a
sum: (x - mu) L' gives mu the sum over all points of ct L. The terms are those of the left side in
another order, so the bound of the rounding error is the same.

Invariant: the product has no other reader; where it has, a sum of what is there costs less.
"""

from __future__ import annotations

from ..core.avals import Aval
from ..rules.declare import ops
from ..tape.ir import Builder, Row, Sym, Tape
from .dce import dce
from .rewrite import rewrite
from .simplify import name_of, operands


def summed_products(tape: Tape) -> Tape:
    """Return the tape with operands summed in place of products."""
    found = _sums(tape)
    if not found:
        return tape

    def visit(b: Builder, row: Row, args: list[int]) -> int | None:
        if row.id not in found:
            return None
        if name_of(b, args[0]) != "negative":
            return _summed(b, row, args[0]).id
        return (-_summed(b, row, operands(b, args[0])[0])).id

    return dce(rewrite(tape, visit))


def _sums(tape: Tape) -> set[int]:
    """Return the sums over an axis of a product, or of a negative one, that nothing else reads."""
    readers: dict[int, int] = dict.fromkeys(tape.outputs, 2)
    for row in tape:
        for a in row.args:
            readers[a] = readers.get(a, 0) + 1
    found: set[int] = set()
    for row in tape:
        if (
            row.prim.name != "sum"
            or not isinstance(row.aval, Aval)
            or row.aval.dtype.kind not in "fc"
        ):
            continue
        a = row.args[0]
        if tape.prim(a).name == "negative" and readers[a] == 1:
            a = tape.args(a)[0]
        shape = tape.value(a).shape
        if tape.prim(a).name == "matmul" and readers[a] == 1:
            rank = len(shape)
            if any(axis >= rank - 2 and shape[axis] > 1 for axis in row.params["axis"]):
                found.add(row.id)
    return found


def _summed(b: Builder, row: Row, product: int) -> Sym:
    """Return the sum of a product, by sums of its operands."""
    x, y = (Sym(b, i) for i in operands(b, product))
    axis, rank = row.params["axis"], len(b.aval(product).shape)
    if rank - 2 in axis:
        x = ops.sum(x, axis=(x.ndim - 2,), keepdims=True)
    if rank - 1 in axis:
        y = ops.sum(y, axis=(y.ndim - 1,), keepdims=True)
    made = ops.matmul(x, y)
    if any(a < rank - 2 for a in axis):
        return ops.sum(made, axis=axis, keepdims=row.params["keepdims"])
    return ops.reshape(made, shape=row.aval.shape)  # type: ignore[union-attr]
