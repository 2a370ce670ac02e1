"""Numbers drawn for functions of `nn`, at once, as constants of the row that reads them.

Drawing when the row is recorded keeps the order of the stream that of the program, however late the
row is computed.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..generator import default_generator
from ..spec import spec_of
from ..tensor import Tensor, leaf_of


def constant(array: Any) -> Tensor:
    """Return a tensor of an array that nobody else writes to."""
    return leaf_of(array[()] if array.ndim == 0 else array, spec_of(array.dtype, array.shape))


def kept(shape: tuple[int, ...], p: float, kind: Any) -> Any:
    """Return ones with probability ``1 - p``, else zeros."""
    draws = default_generator.numpy.random(shape, np.float32 if kind != np.float64 else kind)
    return np.asarray(draws >= p).astype(kind)


def gumbels_like(x: Tensor) -> Tensor:
    """Return a sample of the standard Gumbel distribution: minus the log of an exponential one."""
    e = default_generator.numpy.standard_exponential(tuple(x.shape))
    tiny = np.finfo(x._spec.np).tiny
    return constant(np.asarray(-np.log(np.maximum(e, tiny))).astype(x._spec.np))


def uniform(shape: tuple[int, ...], low: float, high: float, kind: Any) -> Any:
    """Return numbers between two bounds."""
    return np.asarray(default_generator.numpy.uniform(low, high, shape)).astype(kind)
