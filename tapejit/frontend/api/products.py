"""Products with NumPy's rules for vectors, matrices and stacks."""

from __future__ import annotations

import numpy as np

from ...core.errors import ShapeError
from ...core.sources import where
from ...tape.ir import Sym
from ...tape.primitive import BY_NAME
from ..dispatch import implements, implements_ufunc


@implements_ufunc(np.matmul)
def matmul(x: Sym, y: Sym) -> Sym:
    """``x @ y``: vectors are matrices of one row or column, whose axis is dropped again."""
    if x.ndim == 0 or y.ndim == 0:
        raise ShapeError(f"matmul: a scalar operand does not have enough dimensions ({where()})")
    reshape, product = BY_NAME["reshape"], BY_NAME["matmul"]
    a = reshape(x, shape=(1, *x.shape)) if x.ndim == 1 else x
    b = reshape(y, shape=(*y.shape, 1)) if y.ndim == 1 else y
    if a.shape[-1] != b.shape[-2]:
        raise ShapeError(f"matmul: shapes {x.shape} and {y.shape} do not fit ({where()})")
    z = product(a, b)
    shape = z.shape
    if y.ndim == 1:
        shape = shape[:-1]
    if x.ndim == 1:
        shape = shape[:-1] if y.ndim == 1 else shape[:-2] + shape[-1:]
    return z if shape == z.shape else reshape(z, shape=shape)


@implements(np.dot)
def dot(x: Sym, y: Sym) -> Sym:
    """``np.dot``: the last axis of x with the second to last of y, all pairs of the others."""
    if x.ndim == 0 or y.ndim == 0:
        return x * y
    if x.ndim <= 2 and y.ndim <= 2:
        return matmul(x, y)
    if y.ndim == 1:
        return matmul(x, y)
    if x.shape[-1] != y.shape[-2]:
        raise ShapeError(f"dot: shapes {x.shape} and {y.shape} do not fit ({where()})")
    axes = (y.ndim - 2, *[k for k in range(y.ndim) if k != y.ndim - 2])
    moved = BY_NAME["transpose"](y, axes=axes)
    k = y.shape[-2]
    flat = BY_NAME["matmul"](
        BY_NAME["reshape"](x, shape=(-1 if not x.size else x.size // k, k)),
        BY_NAME["reshape"](moved, shape=(k, y.size // k)),
    )
    return BY_NAME["reshape"](flat, shape=x.shape[:-1] + moved.shape[1:])
