"""The plain loops that kernels call, as they name them: ``routines.gather(...)``.

Scans, gathers, scatters, sorts, over flat contiguous arrays.
"""

from __future__ import annotations

from .decorate import routine
from .moves import flatnonzero, gather, scatter_add, scatter_set, wrap_index
from .orders import argmax, argmin, searchsorted, sort, tie_mean
from .scans import cumprod, cumsum, recurrence

__all__ = [
    "argmax",
    "argmin",
    "cumprod",
    "cumsum",
    "flatnonzero",
    "gather",
    "recurrence",
    "routine",
    "scatter_add",
    "scatter_set",
    "searchsorted",
    "sort",
    "tie_mean",
    "wrap_index",
]
