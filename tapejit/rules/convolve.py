"""Discrete convolution of two lines, in full: z_k = sum_i x_i y_{k-i}. Bilinear."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ..core.avals import Aval
from ..tape.ir import Sym
from ..tape.primitive import Emit, Params
from .declare import bilinear, ops


def _infer(x: Aval, y: Aval) -> Aval:
    return Aval(x.dtype, (x.shape[0] + y.shape[0] - 1,))


def _correlated(ct: Sym, y: Sym, n: int) -> Sym:
    """sum_k ct_{i+k} y_k for i < n: the convolution with y reversed, without its ends."""
    m = y.shape[0]
    back = ops.slice(y, ranges=((m - 1, m, -1),))
    return ops.slice(ops.convolve(ct, back), ranges=((m - 1, n, 1),))


def _samples(rng: np.random.Generator) -> Iterator[tuple[tuple[Any, ...], Params]]:
    yield (rng.normal(size=4), rng.normal(size=3)), {}
    yield (rng.normal(size=2), rng.normal(size=5)), {}


convolve = bilinear(
    "convolve",
    _infer,
    lambda x, y: np.convolve(x, y),
    (
        lambda ct, x, y: _correlated(ct, y, x.shape[0]),
        lambda ct, x, y: _correlated(ct, x, y.shape[0]),
    ),
    emit=Emit("call", lambda avals, out, params: "routines.convolve({out}, {0}, {1})"),
    samples=_samples,
)
