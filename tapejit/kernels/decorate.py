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
    """Compile a routine that kernels alone call, once for all sizes.

    Numba would compile a routine anew for each size that is a literal in a kernel: 0.15 s for every
    order of a matrix. Without an entry from Python it takes 40% less.
    """
    made = numba.njit(
        nogil=True,
        error_model="numpy",
        boundscheck=False,
        pipeline_class=pipeline(),
        no_cpython_wrapper=True,
        no_cfunc_wrapper=True,
    )(fn)
    whole = made.get_call_template

    def template(args: Any, kws: Any) -> Any:
        return whole([numba.types.unliteral(a) for a in args], kws)

    made.get_call_template = template
    return made


def part(fn: Callable[..., Any]) -> Any:
    """Compile a part of a long kernel, with the flags of kernels."""
    return numba.njit(
        nogil=True,
        error_model="numpy",
        boundscheck=False,
        fastmath={"contract"},
        pipeline_class=pipeline(),
    )(fn)
