"""Convolution, correlation and polynomials."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from ...tape.ir import Sym
from ..dispatch import implements
from .common import (
    P,
    arr,
    cast,
    flipped,
    joined,
    literal,
    pick,
    reshaped,
    spread,
    static,
)


def _lines(a: Any, v: Any) -> tuple[Sym, Sym]:
    made = []
    for x in (arr(a), arr(v)):
        x = reshaped(x, (1,)) if x.ndim == 0 else x
        if x.ndim != 1:
            raise ValueError("object too deep for desired array")
        made.append(x)
    if not made[0].size:
        raise ValueError("a cannot be empty")
    if not made[1].size:
        raise ValueError("v cannot be empty")
    return made[0], made[1]


def _part(x: Sym, y: Sym, mode: Any) -> Sym:
    """Return the part of the convolution of two lines, x the longer one, that a mode names."""
    n, m = x.size, y.size
    mode = {"v": "valid", "s": "same", "f": "full"}.get(str(mode)[:1].lower(), mode)
    if mode == "full":
        return P.convolve(x, y, start=0, length=n + m - 1)
    if mode == "same":
        return P.convolve(x, y, start=(m - 1) // 2, length=n)
    if mode == "valid":
        return P.convolve(x, y, start=m - 1, length=n - m + 1)
    raise ValueError(f"mode must be one of 'valid', 'same', or 'full' (got {mode!r})")


@implements(np.convolve)
def convolve(a: Any, v: Any, mode: Any = "full") -> Sym:
    x, y = _lines(a, v)
    return _part(y, x, mode) if y.size > x.size else _part(x, y, mode)


@implements(np.correlate)
def correlate(a: Any, v: Any, mode: Any = "valid") -> Sym:
    """c_k = sum_n a_{n+k} conj(v_n)."""
    x, y = _lines(a, v)
    y = P.conjugate(y) if y.dtype.kind == "c" else y
    if y.size > x.size:
        # NumPy swaps the operands and reverses the result, which moves the middle of an even line.
        return flipped(_part(y, flipped(x, 0), mode), 0)
    return _part(x, flipped(y, 0), mode)


# ---------------------------------------------------------------- polynomials


@implements(np.polyval)
def polyval(p: Any, x: Any) -> Sym:
    p, x = arr(p), arr(x)
    found = spread(literal(x, 0), x.shape)
    for k in range(p.shape[0]):
        found = found * x + pick(p, 0, k)
    return found


@implements(np.vander)
def vander(x: Any, N: Any = None, increasing: bool = False) -> Sym:
    x = arr(x)
    if x.ndim != 1:
        raise ValueError("x must be a one-dimensional array or sequence.")
    n = x.size if N is None else operator.index(static(N))
    dtype = np.promote_types(x.dtype, int)
    column = cast(reshaped(x, (x.size, 1)), dtype)
    parts = [spread(literal(column, 1), (x.size, 1))][:n]
    if n > 1:
        powers = spread(column, (x.size, n - 1))
        parts.append(P.cumprod(powers, axis=1, reverse=False))
    made = joined(parts, 1) if parts else spread(column, (x.size, 0))
    return made if increasing else flipped(made, 1)
