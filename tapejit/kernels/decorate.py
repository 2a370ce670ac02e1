"""How routines of the native library are compiled: no bounds checks, no lock, NumPy's errors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba

from .quick import pipeline


def routine(fn: Callable[..., Any]) -> Any:
    """Compile a routine over flat C-contiguous buffers; positions are checked by their makers."""
    return numba.njit(nogil=True, error_model="numpy", boundscheck=False)(fn)


def inner(fn: Callable[..., Any]) -> Any:
    """Compile a routine that kernels alone call: without an entry from Python it takes 40% less."""
    return numba.njit(
        nogil=True,
        error_model="numpy",
        boundscheck=False,
        pipeline_class=pipeline(),
        no_cpython_wrapper=True,
        no_cfunc_wrapper=True,
    )(fn)


def part(fn: Callable[..., Any]) -> Any:
    """Compile a part of a long kernel, with the flags of kernels."""
    return numba.njit(
        nogil=True,
        error_model="numpy",
        boundscheck=False,
        fastmath={"contract"},
        pipeline_class=pipeline(),
    )(fn)
