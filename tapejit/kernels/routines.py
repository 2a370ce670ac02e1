"""Plain loops that kernels call: scans, gathers, scatters, sorts, over flat contiguous arrays."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numba import njit

routine: Callable[[Callable[..., Any]], Any] = njit(
    nogil=True, error_model="numpy", boundscheck=False
)
