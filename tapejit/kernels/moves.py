"""Routines that move data by positions: gather, scatter, positions of true elements.

Buffers are flat and C-contiguous; an array with an indexed axis is ``lead`` blocks of ``n`` runs of
``run`` elements. Runs are copied as they lie.
"""

from __future__ import annotations

from typing import Any

from .decorate import routine


@routine
def wrap_index(i: Any, n: int) -> Any:
    """Return a position for an index that may be negative; out of bounds raises."""
    k = int(i)
    if k < 0:
        k += n
    if k < 0 or k >= n:
        raise IndexError("index is out of bounds")
    return k


@routine
def window_start(i: Any, n: int, length: int) -> Any:
    """Return where a slice of `length` elements starts; raises where it would be shorter."""
    k = int(i)
    if k < 0:
        if k + length > 0:
            raise IndexError("a slice of fixed length leaves its axis")
        k += n
    if k < 0 or k > n - length:
        raise IndexError("a slice of fixed length leaves its axis")
    return k


@routine
def flatnonzero(out: Any, m: Any) -> None:
    """Write the positions of the true elements, as many as fit, and 0 where there are fewer.

    A guard on their number is looked at when the kernel ends, and what reads at these positions runs
    before: they are inside of the mask whatever it holds.
    """
    k = 0
    for j in range(m.size):
        if k < out.size and m[j] != 0:
            out[k] = j
            k += 1
    for j in range(k, out.size):
        out[j] = 0


@routine
def gather(out: Any, x: Any, at: Any, lead: int, n: int, run: int) -> None:
    """Copy runs: ``out[l, k, :] = x[l, at[k], :]``."""
    if run == 1 and lead == 1:
        for k in range(at.size):
            out[k] = x[at[k]]
        return
    to = 0
    for l in range(lead):
        for k in range(at.size):
            start = (l * n + at[k]) * run
            for r in range(run):
                out[to + r] = x[start + r]
            to += run


@routine
def scatter_set(out: Any, x: Any, u: Any, at: Any, lead: int, n: int, run: int) -> None:
    """Copy x, then write runs of u over it: ``out[l, at[k], :] = u[l, k, :]``, the last wins."""
    for j in range(x.size):
        out[j] = x[j]
    source = 0
    for l in range(lead):
        for k in range(at.size):
            start = (l * n + at[k]) * run
            for r in range(run):
                out[start + r] = u[source + r]
            source += run


@routine
def scatter_add(out: Any, x: Any, u: Any, at: Any, lead: int, n: int, run: int) -> None:
    """Copy x, then add runs of u to it: ``out[l, at[k], :] += u[l, k, :]``."""
    for j in range(x.size):
        out[j] = x[j]
    source = 0
    for l in range(lead):
        for k in range(at.size):
            start = (l * n + at[k]) * run
            for r in range(run):
                out[start + r] += u[source + r]
            source += run


@routine
def convolve(out: Any, x: Any, y: Any, start: int) -> None:
    """out_k = sum_i x_i y_{start+k-i}: a part of the convolution, the shorter line in the outer loop."""
    a, b = (x, y) if x.size <= y.size else (y, x)
    for k in range(out.size):
        out[k] = 0
    for i in range(a.size):
        weight = a[i]
        first = max(0, start - i)  # in this form LLVM sees that no position is negative
        low = max(0, i - start)
        for j in range(min(b.size - first, out.size - low)):
            out[low + j] += weight * b[first + j]
