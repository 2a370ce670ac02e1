"""Products in blocks of rows: of a block with a matrix, and of a block turned that adds to a sum.

How many rows the block at hand has is a variable, see `Values.rows`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..passes.views import Strided
from .text import SUFFIX, number

if TYPE_CHECKING:
    from .values import Values


def layout_of(x: Strided, shape: tuple[int, ...]) -> tuple[int, int]:
    """Return (is row-major, leading dimension) of the last two axes."""
    (m, n), (s, t) = shape[-2:], x.strides[-2:]
    if (t == 1 or n == 1) and (s >= max(n, 1) or m == 1):
        return 1, max(s if m > 1 else n, n, 1)
    return 0, max(t if n > 1 else m, m, 1)


def moved(pointer: str, offset: str) -> str:
    return pointer if offset == "0" else f"memory.shift({pointer}, {offset})"


def row_product(values: Values, i: int) -> list[str]:
    """Return the lines of a product in a body that runs over blocks of rows."""
    tape, rows = values.tape, values.rows
    x, y = tape.args(i)
    ax, ay, az = tape.value(x), tape.value(y), tape.value(i)
    sx, sy = values.strided(x), values.strided(y)
    px = moved(values.pointer(sx.root), str(sx.offset))
    py = moved(values.pointer(sy.root), str(sy.offset))
    pz = values.pointer(i)
    adds = i in values.adds
    suffix = SUFFIX[az.dtype.name]
    row_x, ld_x = layout_of(sx, ax.shape)
    row_y, ld_y = layout_of(sy, ay.shape)
    (m, k), n = ax.shape, ay.shape[1]
    if n == 1 and values.axes[i] != 1 and bool(row_x) != adds and sy.strides[0] == 1:
        given = tape.prim(sx.root).emit.kind == "input"
        what, columns = ("last" if given else "sum", m) if adds else ("dot", k)
        return [f"rows_{what}_{suffix}_{columns}({rows}, {px}, {ld_x}, {py}, {pz})"]
    texts = [str(m), str(k), str(n)]
    texts[1 if adds else 2 * values.axes[i]] = rows
    mm, kk, nn = texts
    one, zero = number(1, az.dtype), number(0, az.dtype)
    return [
        f"blas.gemm_{suffix}({1 - row_y}, {1 - row_x}, {nn}, {mm}, {kk}, {one}, {py}, {ld_y}, "
        f"{px}, {ld_x}, {one if adds else zero}, {pz}, {n})"
    ]
