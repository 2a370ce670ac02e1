"""The native library as kernels name it: ``routines.gather(...)``."""

from __future__ import annotations

from .decorate import routine
from .moves import flatnonzero, gather, scatter_add, scatter_set, wrap_index

__all__ = ["flatnonzero", "gather", "routine", "scatter_add", "scatter_set", "wrap_index"]
