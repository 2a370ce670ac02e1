"""The plain loops that kernels call, as they name them: ``routines.gather(...)``.

Scans, gathers, scatters, sorts, over flat contiguous arrays.
"""

from __future__ import annotations

from .decorate import routine
from .gammas import digamma, gammaln
from .moves import (
    convolve,
    flatnonzero,
    gather,
    scatter_add,
    scatter_set,
    window_start,
    wrap_index,
)
from .orders import argmax, argmin, argsort, running_place, searchsorted, sort, tie_mean
from .remainders import floor_divide, remainder
from .scans import cumprod, cumsum, recurrence

__all__ = [
    "argmax",
    "argmin",
    "argsort",
    "convolve",
    "cumprod",
    "cumsum",
    "digamma",
    "flatnonzero",
    "floor_divide",
    "gammaln",
    "gather",
    "recurrence",
    "remainder",
    "routine",
    "running_place",
    "scatter_add",
    "scatter_set",
    "searchsorted",
    "sort",
    "tie_mean",
    "window_start",
    "wrap_index",
]
