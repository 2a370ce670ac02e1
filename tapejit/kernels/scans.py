"""Routines along an axis: running sums and products, recurrences.

An array is ``lead`` blocks of ``n`` runs of ``run`` elements, flat and C-contiguous.
"""

from __future__ import annotations

from typing import Any

from .decorate import routine


@routine
def cumsum(out: Any, x: Any, lead: int, n: int, run: int, reverse: bool) -> None:
    """Running sums, from the end when `reverse`."""
    for l in range(lead):
        for r in range(run):
            at = l * n * run + r + ((n - 1) * run if reverse else 0)
            step = -run if reverse else run
            for k in range(n):
                out[at] = x[at] if k == 0 else out[at - step] + x[at]
                at += step


@routine
def cumprod(out: Any, x: Any, lead: int, n: int, run: int, reverse: bool) -> None:
    """Running products, from the end when `reverse`."""
    for l in range(lead):
        for r in range(run):
            at = l * n * run + r + ((n - 1) * run if reverse else 0)
            step = -run if reverse else run
            for k in range(n):
                out[at] = x[at] if k == 0 else out[at - step] * x[at]
                at += step


@routine
def recurrence(out: Any, a: Any, b: Any, lead: int, n: int, run: int, reverse: bool) -> None:
    """``h[k] = a[k] * h[k - 1] + b[k]``, from the end when `reverse`."""
    for l in range(lead):
        for r in range(run):
            at = l * n * run + r + ((n - 1) * run if reverse else 0)
            step = -run if reverse else run
            for k in range(n):
                out[at] = b[at] if k == 0 else a[at] * out[at - step] + b[at]
                at += step
