"""Products with NumPy's rules for vectors, matrices and stacks.

Everything ends in one primitive, ``matmul`` of stacks of matrices, or in a broadcasting multiply
and a sum where no matrix is involved (then the product fuses with its neighbours).
"""

from __future__ import annotations

import operator
import warnings
from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from ...core.errors import ShapeError
from ...core.sources import where
from ...tape.ir import Sym
from ...tape.primitive import BY_NAME
from ..dispatch import implements, implements_ufunc
from .common import static
from .operands import (
    axis_index,
    conjugated,
    moved,
    operand,
    reshape,
    summed,
    taken,
    transposed,
)

_ORDINALS = ("first", "second", "third")


def matrix_product(x: Sym, y: Sym) -> Sym:
    """Multiply stacks of matrices; a stack times one matrix is one product of long matrices."""
    if y.ndim == 2 and x.ndim > 2:
        flat = reshape(x, (prod(x.shape[:-1]), x.shape[-1]))
        return reshape(BY_NAME["matmul"](flat, y), (*x.shape[:-1], y.shape[-1]))
    return BY_NAME["matmul"](x, y)


def vector_product(x: Sym, y: Sym) -> Sym:
    """The sum of ``x * y`` over the last axis."""
    found = x * y
    return summed(found, (found.ndim - 1,))


@implements_ufunc(np.matmul)
@implements(np.linalg.matmul)
def matmul(x1: Any, x2: Any, /, *, axes: Any = None) -> Sym:
    """``x @ y``: a vector is a matrix of one row or column, whose axis is dropped again."""
    x, y = operand(x1), operand(x2)
    if axes is not None:
        return _along_axes(matmul, "mm,mm->m", (x, y), axes)
    for k, v in enumerate((x, y)):
        if v.ndim == 0:
            raise ShapeError(
                f"matmul: Input operand {k} does not have enough dimensions ({where()})"
            )
    inner = y.shape[-2] if y.ndim > 1 else y.shape[0]
    if x.shape[-1] != inner:
        raise ShapeError(f"matmul: shapes {x.shape} and {y.shape} do not fit ({where()})")
    if x.ndim == 1 and y.ndim == 1:
        return vector_product(x, y)
    if y.ndim == 1:
        z = matrix_product(x, reshape(y, (inner, 1)))
        return reshape(z, z.shape[:-1])
    if x.ndim == 1:
        z = matrix_product(reshape(x, (1, inner)), y)
        return reshape(z, z.shape[:-2] + z.shape[-1:])
    return matrix_product(x, y)


def _along_axes(fn: Any, core: str, xs: Sequence[Sym], axes: Any) -> Sym:
    """Carry out a generalised ufunc over the axes given by ``axes=``."""
    counts = [len(part) for part in core.replace("->", ",").split(",")]
    counts[-1] = sum(counts[:-1]) - 2 if fn is matmul else counts[-1]
    given = [(a,) if isinstance(a, (int, np.integer)) else tuple(a) for a in axes]
    if len(given) == len(xs) and counts[-1] == 0:
        given.append(())
    if [len(a) for a in given] != counts:
        raise ValueError(f"axes={axes!r} does not name the core axes of the product ({where()})")
    ready = [_to_end(x, a) for x, a in zip(xs, given)]
    return _from_end(fn(*ready), given[-1])


def _to_end(x: Sym, axes: Sequence[int]) -> Sym:
    core = [axis_index(a, x.ndim) for a in axes]
    return transposed(x, [k for k in range(x.ndim) if k not in core] + core)


def _from_end(x: Sym, axes: Sequence[int]) -> Sym:
    core = [axis_index(a, x.ndim) for a in axes]
    order = iter(range(x.ndim - len(core)))
    last = {a: x.ndim - len(core) + k for k, a in enumerate(core)}
    return transposed(x, [last[k] if k in last else next(order) for k in range(x.ndim)])


@implements(np.dot)
def dot(a: Any, b: Any) -> Any:
    """The last axis of `a` with the second to last of `b`, for all pairs of the others."""
    x, y = operand(a), operand(b)
    if x.ndim == 0 or y.ndim == 0:
        return x * y
    axis = max(y.ndim - 2, 0)
    if x.shape[-1] != y.shape[axis]:
        raise ShapeError(
            f"shapes {x.shape} and {y.shape} not aligned: {x.shape[-1]} (dim {x.ndim - 1}) != "
            f"{y.shape[axis]} (dim {axis}) ({where()})"
        )
    if y.ndim <= 2:
        return matmul(x, y)
    return tensordot(x, y, axes=((x.ndim - 1,), (axis,)))


@implements(np.inner)
def inner(a: Any, b: Any, /) -> Any:
    """The last axes of both, for all pairs of the others."""
    x, y = operand(a), operand(b)
    if x.ndim == 0 or y.ndim == 0:
        return x * y
    if x.shape[-1] != y.shape[-1]:
        raise ShapeError(f"inner: shapes {x.shape} and {y.shape} not aligned ({where()})")
    return tensordot(x, y, axes=((x.ndim - 1,), (y.ndim - 1,)))


@implements(np.outer)
def outer(a: Any, b: Any) -> Any:
    x, y = operand(a), operand(b)
    return reshape(x, (x.size, 1)) * reshape(y, (1, y.size))


@implements(np.linalg.outer)
def linalg_outer(x1: Any, x2: Any, /) -> Any:
    x, y = operand(x1), operand(x2)
    if x.ndim != 1 or y.ndim != 1:
        raise ValueError(
            "Input arrays must be one-dimensional, but they are "
            f"x1.ndim={x.ndim} and x2.ndim={y.ndim}."
        )
    return outer(x, y)


@implements(np.vdot)
def vdot(a: Any, b: Any, /) -> Sym:
    """The sum of ``conj(a) * b`` over all elements."""
    x, y = operand(a), operand(b)
    if x.size != y.size:
        raise ShapeError(f"vdot: arrays of {x.size} and {y.size} elements ({where()})")
    return vector_product(conjugated(reshape(x, (x.size,))), reshape(y, (y.size,)))


@implements(np.tensordot)
def tensordot(a: Any, b: Any, axes: Any = 2) -> Sym:
    """Sum the products over pairs of axes: one product of two matrices."""
    axes = static(axes)
    x, y = operand(a), operand(b)
    if isinstance(axes, (int, np.integer)):
        n = int(axes)
        first: Any = range(x.ndim - n, x.ndim)
        second: Any = range(n)
    else:
        first, second = axes
    left = [first] if np.ndim(first) == 0 else list(first)
    right = [second] if np.ndim(second) == 0 else list(second)
    fits = len(left) == len(right) and all(
        -x.ndim <= i < x.ndim and -y.ndim <= j < y.ndim for i, j in zip(left, right)
    )
    if not fits or any(x.shape[i] != y.shape[j] for i, j in zip(left, right)):
        raise ShapeError(f"tensordot: shape-mismatch for sum, axes={axes!r} of {x.shape} and "
                         f"{y.shape} ({where()})")  # fmt: skip
    left, right = [int(i) % x.ndim for i in left], [int(j) % y.ndim for j in right]
    rows = [k for k in range(x.ndim) if k not in left]
    cols = [k for k in range(y.ndim) if k not in right]
    shape = (*(x.shape[k] for k in rows), *(y.shape[k] for k in cols))
    m, n = prod(x.shape[k] for k in rows), prod(y.shape[k] for k in cols)
    inner_size = prod(x.shape[k] for k in left)
    x, y = transposed(x, rows + left), transposed(y, right + cols)
    if not left:
        return reshape(reshape(x, (m, 1)) * reshape(y, (1, n)), shape)
    if not rows and not cols:
        return vector_product(reshape(x, (inner_size,)), reshape(y, (inner_size,)))
    z = BY_NAME["matmul"](reshape(x, (m, inner_size)), reshape(y, (inner_size, n)))
    return reshape(z, shape)


@implements(np.linalg.tensordot)
def linalg_tensordot(x1: Any, x2: Any, /, *, axes: Any = 2) -> Any:
    return tensordot(x1, x2, axes)


@implements(np.kron)
def kron(a: Any, b: Any) -> Sym:
    """Every element of `a` times the whole of `b`, side by side."""
    x, y = operand(a), operand(b)
    ndim = max(x.ndim, y.ndim)
    xs = (1,) * (ndim - x.ndim) + x.shape
    ys = (1,) * (ndim - y.ndim) + y.shape
    wide = [n for k in range(ndim) for n in (xs[k], 1)]
    tight = [n for k in range(ndim) for n in (1, ys[k])]
    z = reshape(x, wide) * reshape(y, tight)
    return reshape(z, [m * n for m, n in zip(xs, ys)])


@implements(np.cross)
def cross(a: Any, b: Any, axisa: int = -1, axisb: int = -1, axisc: int = -1,
          axis: int | None = None) -> Any:  # fmt: skip
    if axis is not None:
        axisa = axisb = axisc = axis
    x, y = operand(a), operand(b)
    if x.ndim < 1 or y.ndim < 1:
        raise ValueError("At least one array has zero dimension")
    x, y = moved(x, axisa, -1), moved(y, axisb, -1)
    if x.shape[-1] not in (2, 3) or y.shape[-1] not in (2, 3):
        raise ShapeError(
            f"incompatible dimensions for cross product\n(dimension must be 2 or 3) ({where()})"
        )
    if 2 in (x.shape[-1], y.shape[-1]):
        warnings.warn(
            "Arrays of 2-dimensional vectors are deprecated. Use arrays of "
            "3-dimensional vectors instead. (deprecated in NumPy 2.0)",
            DeprecationWarning,
            stacklevel=2,
        )
    dtype = np.promote_types(x.dtype, y.dtype)
    x, y = x.b.cast(x, dtype), y.b.cast(y, dtype)
    p = [taken(x, x.ndim - 1, k) for k in range(x.shape[-1])]
    q = [taken(y, y.ndim - 1, k) for k in range(y.shape[-1])]
    third = p[0] * q[1] - p[1] * q[0]
    if len(p) == 2 and len(q) == 2:
        return third
    if len(p) == 2:
        parts = [p[1] * q[2], -(p[0] * q[2]), third]
    elif len(q) == 2:
        parts = [-(p[2] * q[1]), p[2] * q[0], third]
    else:
        parts = [p[1] * q[2] - p[2] * q[1], p[2] * q[0] - p[0] * q[2], third]
    rows = [reshape(part, (*part.shape, 1)) for part in parts]
    z = BY_NAME["concatenate"](*rows, axis=third.ndim)
    return moved(z, -1, axis_index(axisc, z.ndim))


@implements(np.linalg.cross)
def linalg_cross(x1: Any, x2: Any, /, *, axis: int = -1) -> Any:
    x, y = operand(x1), operand(x2)
    if x.shape[axis] != 3 or y.shape[axis] != 3:
        raise ValueError(
            "Both input arrays must be (arrays of) 3-dimensional vectors, but they are "
            f"{x.shape[axis]} and {y.shape[axis]} dimensional instead."
        )
    return cross(x, y, axis=axis)


# ---------------------------------------------------------------- products of vectors in stacks


def _core_fits(name: str, m: int, n: int) -> None:
    if m != n:
        raise ShapeError(f"{name}: core dimensions {m} and {n} do not fit ({where()})")


def vecdot(x1: Any, x2: Any, /, *, axis: int = -1, axes: Any = None,
           keepdims: bool = False) -> Sym:  # fmt: skip
    """The sum of ``conj(x1) * x2`` over one axis."""
    x, y = operand(x1), operand(x2)
    if axes is not None:
        return _along_axes(vecdot, "v,v->", (x, y), axes)
    x, y = moved(x, axis, -1), moved(y, axis, -1)
    _core_fits("vecdot", x.shape[-1], y.shape[-1])
    z = vector_product(conjugated(x), y)
    return moved(reshape(z, (*z.shape, 1)), -1, axis) if keepdims else z


implements(np.linalg.vecdot)(vecdot)
if hasattr(np, "vecdot"):
    implements_ufunc(np.vecdot)(vecdot)


def matvec(x1: Any, x2: Any, /, *, axes: Any = None) -> Sym:
    """A stack of matrices times a stack of vectors."""
    x, y = operand(x1), operand(x2)
    if axes is not None:
        return _along_axes(matvec, "mn,n->m", (x, y), axes)
    _core_fits("matvec", x.shape[-1], y.shape[-1])
    z = BY_NAME["matmul"](x, reshape(y, (*y.shape, 1)))
    return reshape(z, z.shape[:-1])


def vecmat(x1: Any, x2: Any, /, *, axes: Any = None) -> Sym:
    """A stack of vectors, conjugated, times a stack of matrices."""
    x, y = operand(x1), operand(x2)
    if axes is not None:
        return _along_axes(vecmat, "n,nm->m", (x, y), axes)
    _core_fits("vecmat", x.shape[-1], y.shape[-2])
    z = BY_NAME["matmul"](reshape(conjugated(x), (*x.shape[:-1], 1, x.shape[-1])), y)
    return reshape(z, z.shape[:-2] + z.shape[-1:])


if hasattr(np, "matvec"):
    implements_ufunc(np.matvec)(matvec)
    implements_ufunc(np.vecmat)(vecmat)


# ---------------------------------------------------------------- chains


@implements(np.linalg.multi_dot)
def multi_dot(arrays: Any) -> Any:
    """Multiply a chain of matrices in the order of least work; the ends may be vectors."""
    chain = [operand(a) for a in arrays]
    if len(chain) < 2:
        raise ValueError("Expecting at least two arrays.")
    if len(chain) == 2:
        return dot(*chain)
    front, back = chain[0].ndim == 1, chain[-1].ndim == 1
    if front:
        chain[0] = reshape(chain[0], (1, chain[0].size))
    if back:
        chain[-1] = reshape(chain[-1], (chain[-1].size, 1))
    for a in chain:
        if a.ndim != 2:
            raise np.linalg.LinAlgError(
                f"{a.ndim}-dimensional array given. Array must be two-dimensional"
            )
    z = _chain(
        chain, _splits([a.shape[0] for a in chain] + [chain[-1].shape[1]]), 0, len(chain) - 1
    )
    shape = z.shape[1:] if front else z.shape
    return reshape(z, shape[:-1] if back else shape)


def _splits(dims: Sequence[int]) -> dict[tuple[int, int], int]:
    """The cheapest place to split each stretch of the chain, by the usual dynamic programme."""
    n = len(dims) - 1
    cost = {(i, i): 0 for i in range(n)}
    split: dict[tuple[int, int], int] = {}
    for width in range(1, n):
        for i in range(n - width):
            j = i + width
            found = {
                k: cost[i, k] + cost[k + 1, j] + dims[i] * dims[k + 1] * dims[j + 1]
                for k in range(i, j)
            }
            split[i, j] = min(found, key=found.__getitem__)
            cost[i, j] = found[split[i, j]]
    return split


def _chain(chain: list[Sym], split: dict[tuple[int, int], int], i: int, j: int) -> Any:
    if i == j:
        return chain[i]
    k = split[i, j]
    return dot(_chain(chain, split, i, k), _chain(chain, split, k + 1, j))


@implements(np.linalg.matrix_power)
def matrix_power(a: Any, n: Any) -> Sym:
    """Repeated squaring; a negative power is a power of the inverse."""
    x = operand(a)
    if x.ndim < 2 or x.shape[-1] != x.shape[-2]:
        raise np.linalg.LinAlgError("Last 2 dimensions of the array must be square")
    try:
        n = operator.index(n)
    except TypeError as error:
        raise TypeError("exponent must be an integer") from error
    if n == 0:
        eye = operand(np.eye(x.shape[-1], dtype=x.dtype))
        return BY_NAME["copy"](BY_NAME["broadcast_to"](eye, shape=x.shape))
    if n < 0:
        from .linalg import inv

        x, n = inv(x), -n
    result: Sym | None = None
    while True:
        n, odd = divmod(n, 2)
        if odd:
            result = x if result is None else BY_NAME["matmul"](result, x)
        if n == 0:
            assert result is not None
            return result
        x = BY_NAME["matmul"](x, x)
