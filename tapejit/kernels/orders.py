"""Routines about order: sorting short lines, ties, places of extremes, binary search.

An array is ``lead`` blocks of ``n`` runs of ``run`` elements, flat and C-contiguous. NaN is greater
than everything, as NumPy sorts it; an extreme is at the first NaN when there is one.
"""

from __future__ import annotations

from typing import Any

from .decorate import routine


@routine
def below(x: Any, y: Any) -> bool:
    """Whether x sorts strictly before y."""
    return bool((x < y) | ((y != y) & (x == x)))


@routine
def sort(out: Any, x: Any, lead: int, n: int, run: int) -> None:
    """Insertion sort of short lines."""
    for l in range(lead):
        for r in range(run):
            base = l * n * run + r
            for k in range(n):
                v = x[base + k * run]
                j = k
                while j > 0 and below(v, out[base + (j - 1) * run]):
                    out[base + j * run] = out[base + (j - 1) * run]
                    j -= 1
                out[base + j * run] = v


@routine
def argsort(out: Any, x: Any, lead: int, n: int, run: int) -> None:
    """Stable insertion sort of the places of short lines."""
    for l in range(lead):
        for r in range(run):
            base = l * n * run + r
            for k in range(n):
                v = x[base + k * run]
                j = k
                while j > 0 and below(v, x[base + out[base + (j - 1) * run] * run]):
                    out[base + j * run] = out[base + (j - 1) * run]
                    j -= 1
                out[base + j * run] = k


@routine
def running_place(out: Any, x: Any, lead: int, n: int, run: int, largest: bool) -> None:
    """The first place of the extreme so far."""
    for l in range(lead):
        for r in range(run):
            base = l * n * run + r
            best = 0
            for k in range(n):
                v, w = x[base + k * run], x[base + best * run]
                if w == w and ((v > w if largest else v < w) or v != v):
                    best = k
                out[base + k * run] = best


@routine
def tie_mean(out: Any, t: Any, y: Any, lead: int, n: int, run: int) -> None:
    """Average t over runs of equal y."""
    for l in range(lead):
        for r in range(run):
            base = l * n * run + r
            k = 0
            while k < n:
                stop = k + 1
                total = t[base + k * run]
                while stop < n and y[base + stop * run] == y[base + k * run]:
                    total += t[base + stop * run]
                    stop += 1
                if stop - k > 1:
                    total /= stop - k
                for j in range(k, stop):
                    out[base + j * run] = total
                k = stop


@routine
def argmax(out: Any, x: Any, lead: int, n: int, run: int) -> None:
    """The first place of the greatest element of each line."""
    for l in range(lead):
        for r in range(run):
            base = l * n * run + r
            best = 0
            for k in range(n):
                v, w = x[base + k * run], x[base + best * run]
                if w == w and (v > w or v != v):
                    best = k
            out[l * run + r] = best


@routine
def argmin(out: Any, x: Any, lead: int, n: int, run: int) -> None:
    """The first place of the least element of each line."""
    for l in range(lead):
        for r in range(run):
            base = l * n * run + r
            best = 0
            for k in range(n):
                v, w = x[base + k * run], x[base + best * run]
                if w == w and (v < w or v != v):
                    best = k
            out[l * run + r] = best


@routine
def searchsorted(out: Any, a: Any, v: Any, right: bool) -> None:
    """Where each v would be inserted into the sorted a."""
    for k in range(v.size):
        lo, hi = 0, a.size
        while lo < hi:
            mid = (lo + hi) // 2
            goes_right = not below(v[k], a[mid]) if right else below(a[mid], v[k])
            if goes_right:
                lo = mid + 1
            else:
                hi = mid
        out[k] = lo
