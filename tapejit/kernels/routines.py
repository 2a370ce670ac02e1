"""The plain loops that kernels call, as they name them: ``routines.gather(...)``.

Scans, gathers, scatters, sorts, functions of matrices, over flat contiguous arrays.
"""

from __future__ import annotations

from .decorate import routine
from .gammas import digamma, gammaln
from .matrices import (
    cholesky,
    cholesky1,
    cofactor,
    cofactor1,
    cofactor2,
    cofactor3,
    det,
    det1,
    det2,
    fold,
    mirror,
    slogdet,
    slogdet1,
    slogdet2,
    triangle,
)
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
from .remainders import floor_divide, remainder, whole_quotient, whole_remainder
from .scans import cumprod, cumsum, recurrence
from .systems import inv, inv1, inv2, solve, solve1, solve2, solve_triangular

__all__ = [
    "argmax",
    "argmin",
    "argsort",
    "cholesky",
    "cholesky1",
    "cofactor",
    "cofactor1",
    "cofactor2",
    "cofactor3",
    "convolve",
    "cumprod",
    "cumsum",
    "det",
    "det1",
    "det2",
    "digamma",
    "flatnonzero",
    "floor_divide",
    "fold",
    "gammaln",
    "gather",
    "inv",
    "inv1",
    "inv2",
    "mirror",
    "recurrence",
    "remainder",
    "routine",
    "running_place",
    "scatter_add",
    "scatter_set",
    "searchsorted",
    "slogdet",
    "slogdet1",
    "slogdet2",
    "solve",
    "solve1",
    "solve2",
    "solve_triangular",
    "sort",
    "tie_mean",
    "triangle",
    "whole_quotient",
    "whole_remainder",
    "window_start",
    "wrap_index",
]
