"""Products of tiny matrices, written out: no loops, no calls, all loads before all stores.

Numba takes 15 ms to compile a loop, whatever its length, and a product has three. Here a product of
known sizes and strides is made of LLVM instructions at once: for 4x4 matrices 32 loads, 64 fused
multiply-adds and 16 stores, which LLVM turns into vectors.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

from llvmlite import ir

FLAGS = ("contract", "reassoc")


def small_product(builder: Any, numbers: Sequence[int], out: Any, left: Any, right: Any) -> None:
    """Append the instructions of the product whose sizes and strides are `numbers`, see `small`."""
    m, n, k, rows, inner, across, columns = numbers

    def load(p: Any, at: int) -> Any:
        return builder.load(builder.gep(p, [ir.Constant(ir.IntType(64), at)]))

    xs = {(i, j): load(left, i * rows + j * inner) for i in range(m) for j in range(k)}
    ys = {(i, j): load(right, i * across + j * columns) for i in range(k) for j in range(n)}
    found = []
    for i in range(m):
        for j in range(n):
            total = builder.fmul(xs[i, 0], ys[0, j], flags=FLAGS)
            for p in range(1, k):
                term = builder.fmul(xs[i, p], ys[p, j], flags=FLAGS)
                total = builder.fadd(total, term, flags=FLAGS)
            found.append(total)
    for at, value in enumerate(found):
        builder.store(value, builder.gep(out, [ir.Constant(ir.IntType(64), at)]))


@cache
def small(m: int, n: int, k: int, rows: int, inner: int, across: int, columns: int) -> Any:
    """Return a function that writes z = x y for x of m x k and y of k x n elements.

    Element (i, l) of x lies at ``i * rows + l * inner``, element (l, j) of y at
    ``l * across + j * columns``; z is contiguous.
    """
    from numba.core import types
    from numba.extending import intrinsic

    @intrinsic
    def product(typingctx: Any, z: Any, x: Any, y: Any) -> Any:
        """Write the product of two small matrices."""
        sig = types.none(z, x, y)

        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            small_product(builder, (m, n, k, rows, inner, across, columns), *args)
            return context.get_dummy_value()

        return sig, codegen

    return product
