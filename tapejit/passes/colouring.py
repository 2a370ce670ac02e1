"""Columns that share no row are computed together: a colouring of the columns of a sparse matrix.

Columns of one colour have disjoint rows, so one product with the sum of their basis vectors shows
every entry of each, unmixed (Curtis, Powell and Reid 1974). Greedy colouring takes for each column
the first colour that none of its rows has seen. As many colours as the fullest row has entries are
always needed; banded matrices in their natural order need no more.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..core.records import record

Ints = np.ndarray[Any, np.dtype[np.int64]]

MOST_ENTRIES = 1 << 20
"""Entries that are coloured (0.3 us each); a matrix with more is computed column by column."""


@record(frozen=True)
class Colouring:
    """A colour for each column, and the entries of each matrix.

    Attributes
    ----------
    colours : array of int64
        Of each column; 0 to ``count - 1``.
    entries : list of (array, array)
        The rows and columns of the structural nonzeros of each matrix, in row-major order.
    """

    colours: Ints
    count: int
    entries: list[tuple[Ints, Ints]]


def colour(matrices: list[np.ndarray[Any, Any]], most: int) -> Colouring | None:
    """Colour the columns of matrices that stand on top of each other, with `most` colours at most.

    Returns None when that does not do.
    """
    total = sum(int(np.count_nonzero(m)) for m in matrices)
    fullest = max((int(m.sum(axis=1).max(initial=0)) for m in matrices), default=0)
    if fullest > most or total > MOST_ENTRIES:
        return None
    entries = [_entries(m) for m in matrices]
    n = matrices[0].shape[1]
    start, rows = 0, []
    for m, (r, _) in zip(matrices, entries):
        rows.append(r + start)
        start += m.shape[0]
    found = _greedy(np.concatenate(rows), np.concatenate([c for _, c in entries]), start, n)
    count = int(found.max(initial=-1)) + 1
    return None if count > most else Colouring(found, max(count, 1), entries)


def _entries(matrix: np.ndarray[Any, Any]) -> tuple[Ints, Ints]:
    rows, columns = np.nonzero(matrix)
    return rows.astype(np.int64, copy=False), columns.astype(np.int64, copy=False)


def _greedy(rows: Ints, columns: Ints, height: int, n: int) -> Ints:
    """Colour in natural order and, when that is not optimal, with the fullest columns first."""
    sizes = np.bincount(columns, minlength=n)
    order = np.argsort(columns, kind="stable")
    lists = np.split(rows[order], np.cumsum(sizes)[:-1]) if n else []
    columns_rows = [c.tolist() for c in lists]
    best = _in_order(range(n), columns_rows, height)
    least = int(np.bincount(rows, minlength=height).max(initial=0))
    if best.max(initial=-1) + 1 > least:
        other = _in_order(np.argsort(-sizes, kind="stable").tolist(), columns_rows, height)
        if other.max(initial=-1) < best.max(initial=-1):
            return other
    return best


def _in_order(order: Any, columns_rows: list[list[int]], height: int) -> Ints:
    seen = [0] * height  # for each row the colours that it has seen, as bits
    found = np.zeros(len(columns_rows), np.int64)
    for j in order:
        taken = 0
        for r in columns_rows[j]:
            taken |= seen[r]
        bit = ~taken & (taken + 1)
        for r in columns_rows[j]:
            seen[r] |= bit
        found[j] = bit.bit_length() - 1
    return found
