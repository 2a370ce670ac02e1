"""Entries of a compressed array put in their places in an array of zeros.

``spread(x, take, put, shape)`` is zero but for ``y.flat[put[k]] = x.flat[take[k]]``. Neither list of
positions repeats itself, so the matrix of `spread` has at most one 1 in each row and column, and its
transpose is `spread` again, with the lists exchanged. Whoever records the row vouches for the lists:
they are made from a static pattern, never from a user's index.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import prod
from typing import Any

import numpy as np

from ..core.avals import Aval, Shape
from ..core.errors import ShapeError
from ..core.sources import where as user_line
from ..tape.primitive import Emit, Params
from .declare import linear, ops


def _infer(x: Aval, take: Aval, put: Aval, *, shape: Shape) -> Aval:
    if take.shape != put.shape or take.ndim != 1 or take.size > min(x.size, prod(shape)):
        raise ShapeError(
            f"spread: positions {take.shape} and {put.shape} do not fit {x.shape} and {shape} "
            f"({user_line()})"
        )
    return Aval(x.dtype, tuple(shape))


def _numpy(x: Any, take: Any, put: Any, *, shape: Shape) -> Any:
    y = np.zeros(shape, x.dtype)
    y.reshape(-1)[put] = np.reshape(x, -1)[take]
    return y


def _samples(rng: np.random.Generator) -> Iterator[tuple[tuple[Any, ...], Params]]:
    take, put = np.array([0, 5, 2]), np.array([1, 3, 7])
    yield (rng.normal(size=(2, 3)), take, put), {"shape": (2, 4)}
    yield (rng.normal(size=3), np.array([2, 1, 0]), np.array([0, 1, 2])), {"shape": (3, 1)}


spread = linear(
    "spread",
    _infer,
    _numpy,
    lambda ct, x, take, put, *, shape: ops.spread(ct, put, take, shape=x.shape),
    args=(0,),
    emit=Emit("spread"),
    samples=_samples,
)
