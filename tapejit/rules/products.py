"""Products of matrices and their kin, bilinear and handed to BLAS."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ..core.avals import Aval, common_shape
from ..core.errors import ShapeError
from ..core.sources import where as user_line
from ..tape.ir import Sym
from ..tape.primitive import Emit, Params
from .declare import bilinear, ops, unbroadcast

Samples = Iterator[tuple[tuple[Any, ...], Params]]


def matrix_transpose(x: Sym) -> Sym:
    """Swap the last two axes."""
    axes = tuple(range(x.ndim - 2)) + (x.ndim - 1, x.ndim - 2)
    return ops.transpose(x, axes=axes)


def _matmul_infer(x: Aval, y: Aval) -> Aval:
    if x.ndim < 2 or y.ndim < 2 or x.shape[-1] != y.shape[-2]:
        raise ShapeError(f"matmul: shapes {x.shape} and {y.shape} do not fit ({user_line()})")
    lead = common_shape(x.shape[:-2], y.shape[:-2])
    return Aval(x.dtype, lead + (x.shape[-2], y.shape[-1]))


def _matmul_samples(rng: np.random.Generator) -> Samples:
    yield (rng.normal(size=(2, 3)), rng.normal(size=(3, 4))), {}
    yield (rng.normal(size=(5, 2, 3)), rng.normal(size=(3, 4))), {}
    yield (
        (rng.normal(size=(2, 3)) + 0.5j, rng.normal(size=(3, 2)) + 1j * rng.normal(size=(3, 2))),
        {},
    )


# Operands have two axes at least; vectors are reshaped by the front end.
matmul = bilinear(
    "matmul",
    _matmul_infer,
    lambda x, y: np.matmul(x, y),
    (
        lambda ct, x, y: unbroadcast(ops.matmul(ct, matrix_transpose(y)), x.shape),
        lambda ct, x, y: unbroadcast(ops.matmul(matrix_transpose(x), ct), y.shape),
    ),
    emit=Emit("product"),
    samples=_matmul_samples,
)
