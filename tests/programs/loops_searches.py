"""Searches, sorts and early exits: `break`, `continue`, ``for ... else`` and `return` in loops."""

from __future__ import annotations

import numpy as np
from program_registry import program

GRID = np.linspace(0.0, 2.0, 9) ** 1.5


@program(lambda r: (r.normal(size=9), [0.11, 0.9, 2.2]), rolled=2)
def interpolation_search(y, queries):
    """The interval is found by a loop with a `break`, for each query."""
    total = 0.0
    for q in np.array(queries):
        k = 0
        for i in range(len(GRID) - 1):
            if GRID[i] <= q < GRID[i + 1]:
                k = i
                break
        t = (q - GRID[k]) / (GRID[k + 1] - GRID[k])
        total += ((1 - t) * y[k] + t * y[k + 1]) ** 2
    return total


@program(lambda r: (np.array([0.23, 0.85, 2.6]), r.normal(size=9), r.normal(size=9)), rolled=1)
def spline_searchsorted(x, y, slopes):
    """Cubic Hermite pieces; the place of each traced query by np.searchsorted."""
    total = 0.0
    for q in x:
        k = np.searchsorted(GRID, q) - 1
        h = GRID[k + 1] - GRID[k]
        t = (q - GRID[k]) / h
        a = slopes[k] * h - (y[k + 1] - y[k])
        b = -slopes[k + 1] * h + (y[k + 1] - y[k])
        total += (1 - t) * y[k] + t * y[k + 1] + t * (1 - t) * ((1 - t) * a + t * b)
    return total


@program(lambda r: (1.234, r.normal(size=9)), rolled=1)
def binary_search(q, y):
    """Integer bounds that depend on comparisons with a value."""
    lo, hi = 0, len(GRID) - 1
    while hi - lo > 1:
        mid = (lo + hi) // 2
        if GRID[mid] > q:
            hi = mid
        else:
            lo = mid
    w = (q - GRID[lo]) / (GRID[hi] - GRID[lo])
    return y[lo] + w * w * (3 - 2 * w) * (y[hi] - y[lo])


@program(lambda r: (0.4 * r.permutation(8) - 1.3,), rolled=2)
def bubble_sort(x):
    """Neighbours swapped through a tuple, passes until nothing moved."""
    a = x.copy()
    swapped = True
    while swapped:
        swapped = False
        for i in range(len(a) - 1):
            if a[i] > a[i + 1]:
                a[i], a[i + 1] = a[i + 1], a[i]
                swapped = True
    return np.sum(a**2 * np.arange(8))


@program(lambda r: (r.normal(size=9),), rolled=2)
def insertion_sort(x):
    """An inner `while` with two conditions, of which the first protects the second."""
    a = x.copy()
    for i in range(1, len(a)):
        key = a[i]
        j = i - 1
        while j >= 0 and a[j] > key:
            a[j + 1] = a[j]
            j -= 1
        a[j + 1] = key
    return np.sum(np.sin(a) * np.arange(9))


def first_above(x, level):
    for i, v in enumerate(x):
        if v > level:
            return i, v
    return None


@program(lambda r: (np.cumsum(r.uniform(0.1, 1, size=12)), (1.5, 100.0)), rolled=0)
def first_crossings(x, levels):
    """A helper that returns an index and a value from its loop, or None.

    Values decide what kind of thing it returns, so nothing can be staged: this is guarded.
    """
    total = 0.0
    for level in levels:
        found = first_above(x, level)
        if found is None:
            total += x[-1] ** 2
        else:
            i, v = found
            total += (level - x[i - 1]) / (v - x[i - 1]) * v
    return total


@program(lambda r: (r.normal(size=(4, 5)), 2.5), rolled=2)
def rows_without_outliers(x, limit):
    """``for ... else``: the else part runs for rows that were not left by `break`."""
    total, left = 0.0, 0
    for row in x:
        for v in row:
            if abs(v) > limit:
                left += 1
                break
        else:
            total += np.sum(row**3)
    return total + left


@program(lambda r: (r.normal(size=12),), rolled=1)
def skip_negative(x):
    """`continue` above the work, and a product of what remains."""
    product, n = 1.0, 0
    for v in x:
        if v <= 0:
            continue
        product *= 1 + v
        n += 1
    return product ** (1 / max(n, 1))


@program(lambda r: (r.uniform(0.5, 2, size=10), 6.3), rolled=1)
def fill_until_full(sizes, room):
    """A `while` over an index, left early when the next one no longer fits."""
    i, used, score = 0, 0.0, 0.0
    while i < len(sizes):
        if used + sizes[i] > room:
            break
        used += sizes[i]
        score += np.sqrt(sizes[i]) * (room - used)
        i += 1
    else:
        score *= 2
    return score


@program(lambda r: (np.linspace(0, 3, 8), np.linspace(0.13, 3.2, 6)), rolled=2)
def merge(a, b):
    """Two pointers into two sorted arrays; what is left over is copied by a second loop."""
    out = np.empty(len(a) + len(b))
    i = j = 0
    while i < len(a) and j < len(b):
        if a[i] <= b[j]:
            out[i + j] = a[i]
            i += 1
        else:
            out[i + j] = b[j]
            j += 1
    for k in range(i + j, len(out)):
        if i < len(a):
            out[k] = a[i]
            i += 1
        else:
            out[k] = b[j]
            j += 1
    return np.sum(out**2 * np.cos(np.arange(len(out))))


@program(lambda r: (r.normal(size=9), 3), rolled=2)
def quick_select(x, k):
    """The k-th smallest by Hoare's partitions, in place, until the bounds meet."""
    a = x.copy()
    lo, hi = 0, len(a) - 1
    while lo < hi:
        pivot = a[hi]
        store = lo
        for i in range(lo, hi):
            if a[i] < pivot:
                a[store], a[i] = a[i], a[store]
                store += 1
        a[store], a[hi] = a[hi], a[store]
        if store == k:
            break
        if store < k:
            lo = store + 1
        else:
            hi = store - 1
    return a[k] ** 3


@program(
    lambda r: (r.permutation(np.linspace(0.05, 0.95, 12)), np.array([0.2, 0.5, 0.8])), rolled=2
)
def histogram(x, edges):
    """Sums in bins that are found by counting how many edges lie below."""
    bins = np.zeros(len(edges) + 1)
    for v in x:
        k = 0
        for e in edges:
            if v > e:
                k += 1
        bins[k] += v**2
    return np.sum(bins**2)
