"""A product with few terms that a nest reads, written as a sum of outer products inside of it.

    Z = X Y,   z[i, j] = x[i, 0] y[0, j] + ... + x[i, k-1] y[k-1, j].

With k of ten the product is hardly more than its result, which BLAS writes and the nest reads again. The
cotangent of what enters a layer of ten outputs, ``ct W.T * (1 - h h)``, is such a product. Inside the
nest the numbers x[i, :] wait in registers while a row of Z passes, Y stays in the first-level cache, and
Z is never stored. A transposed Y is copied first, so that its rows lie as they are read.

Invariant: the terms are those of the product, added in their order.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..core.avals import Aval
from ..rules.declare import ops
from ..tape.ir import Builder, Row, Sym, Tape
from .rewrite import rewrite
from .row_blocks import seeds
from .views import Strided, all_views

Views = Sequence[Strided | None]

TERMS, PLAIN = 12, 4
"""Terms of a product at most: of one with a transposed Y, which BLAS takes half as long again for, and of any other."""
ROWS, COLUMNS = 16, 32
"""Sides of the result, at least: fewer rows do not pay for the copy, fewer columns not for the loop."""


def outer_products(tape: Tape) -> Tape:
    """Return the tape with products of few terms as sums that join the nests that read them."""
    views = all_views(tape) if any(row.prim.name == "matmul" for row in tape) else []
    found = _found(tape, views)
    if not found:
        return tape

    def visit(b: Builder, row: Row, args: list[int]) -> int | None:
        if row.id not in found:
            return None
        x, y = (Sym(b, a) for a in args)
        (m, k), n = x.shape, y.shape[1]
        if _across(views[row.args[1]]):
            y = ops.copy(y)
        total: Sym | None = None
        for p in range(k):
            left = ops.slice(x, ranges=((0, m, 1), (p, 1, 1)))
            right = ops.slice(y, ranges=((p, 1, 1), (0, n, 1)))
            term = ops.multiply(left, right)
            total = term if total is None else ops.add(total, term)
        assert total is not None
        return total.id

    return rewrite(tape, visit)


def _found(tape: Tape, views: Views) -> set[int]:
    """Return the products with few terms that nests alone read."""
    found: set[int] = set()
    for row in tape:
        if row.prim.name == "matmul" and isinstance(row.aval, Aval) and _small(tape, row, views):
            found.add(row.id)
    if not found:
        return found
    found -= {i for each in seeds(tape).values() for i in each}
    for row in tape:
        for a in found.intersection(row.args):
            nest = row.prim.emit.kind == "elementwise" and row.aval.shape == tape.value(a).shape  # type: ignore[union-attr]
            if not nest:
                found.discard(a)
    return found - {*tape.outputs}


def _small(tape: Tape, row: Row, views: Views) -> bool:
    """Whether a product has few terms and a result that is worth a nest."""
    aval = tape.value(row.id)
    if len(aval.shape) != 2 or aval.dtype.name not in ("float64", "float32"):
        return False
    k = tape.value(row.args[0]).shape[1]
    most = TERMS if _across(views[row.args[1]]) else PLAIN
    return 0 < k <= most and aval.shape[0] >= ROWS and aval.shape[1] >= COLUMNS


def _across(y: Strided | None) -> bool:
    """Whether the rows of a matrix do not lie as they are read."""
    return y is None or y.strides[1] != 1
