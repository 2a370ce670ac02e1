"""Routines about order: sorting short lines, ties, places of extremes, binary search.

An array is ``lead`` blocks of ``n`` runs of ``run`` elements, flat and C-contiguous. NaN is greater
than everything, as NumPy sorts it; an extreme is at the first NaN when there is one.
"""

from __future__ import annotations

from typing import Any

import numpy as np

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
    """Where each v would be inserted into the sorted a.

    Half of what is left is skipped or not, as a product: a branch would be foreseen every other time.
    All of a run of v take a step before any takes the next, so that many loads are on their way at
    once: 10 ns for each of 100,000 among 100, where one after the other took 35.
    """
    place = np.empty(64, np.int64)
    for first in range(0, v.size, 64):
        run = min(64, v.size - first)
        for k in range(64):
            place[k] = 0
        left = a.size
        while left > 0:
            half = (left + 1) >> 1
            if right:
                for k in range(run):
                    x, y = v[first + k], a[np.uint64(place[k] + half - 1)]
                    place[k] += half * np.int64(not ((x < y) | ((y != y) & (x == x))))
            else:
                for k in range(run):
                    x, y = v[first + k], a[np.uint64(place[k] + half - 1)]
                    place[k] += half * np.int64((y < x) | ((x != x) & (y == y)))
            left -= half
        for k in range(run):
            out[first + k] = place[k]
