"""The native library as kernels name it: ``routines.gather(...)``."""

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
