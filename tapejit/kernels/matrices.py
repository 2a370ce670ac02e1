"""Functions of one real matrix: determinants, cofactors, the Cholesky factor, triangles.

Matrices are flat and C-contiguous. Factors of more than two rows are LAPACK's, column-major as
NumPy hands them over, so that singular and indefinite matrices are those that NumPy calls so.

Invariant: what a routine allocates it has released before it raises.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from . import lapack
from .decorate import inner
from .memory import allocate, alone, carve_i32, carve_i64, flat, like, release, shift

# ---------------------------------------------------------------- determinants


@inner
def slogdet(a: Any, n: int) -> Any:
    """The sign of the determinant and the logarithm of its size."""
    alone()
    ws = allocate(n * n * a.itemsize + 4 * n)
    w, x, pivots = like(ws, a), flat(a), carve_i32(ws, n * n * a.itemsize)
    for i in range(n):
        for j in range(n):
            w[j * n + i] = x[i * n + j]
    sign, total = 1.0, 0.0
    if lapack.getrf(n, w, pivots) > 0:
        sign, total = 0.0, -np.inf
    else:
        for k in range(n):
            d = w[k * n + k]
            if (d < 0) != (pivots[k] != k + 1):
                sign = -sign
            total += np.log(abs(d))
    release(ws)
    return sign, total


@inner
def slogdet1(a: Any) -> Any:
    """The same of a 1x1 matrix."""
    p = flat(a)[0]
    if p == 0:
        return 0.0, -np.inf
    return -1.0 if p < 0 else 1.0, np.log(abs(p))


@inner
def slogdet2(a: Any) -> Any:
    """The same of a 2x2 matrix."""
    w = flat(a)
    k = 2 if abs(w[2]) > abs(w[0]) else 0
    p, q, s, t = w[k], w[k + 1], w[2 - k], w[3 - k]
    r = t - s * (type(p)(1) / p) * q
    if p == 0 or r == 0:
        return 0.0, -np.inf
    sign = -1.0 if ((p < 0) != (r < 0)) != (k > 0) else 1.0
    return sign, np.log(abs(p)) + np.log(abs(r))


@inner
def det(a: Any, n: int) -> Any:
    """The determinant: a product of pivots, or where that leaves the range, of their logarithms.

    The product of diag(1e200, 1e200, 1e-200, 1e-200) from the left is inf; NumPy says 1.
    """
    alone()
    ws = allocate(n * n * a.itemsize + 4 * n)
    w, x, pivots = like(ws, a), flat(a), carve_i32(ws, n * n * a.itemsize)
    for i in range(n):
        for j in range(n):
            w[j * n + i] = x[i * n + j]
    found, total, wide = 1.0, 0.0, False
    if lapack.getrf(n, w, pivots) > 0:
        found = 0.0
    else:
        for k in range(n):
            d = w[k * n + k]
            found *= -d if pivots[k] != k + 1 else d
            wide |= not 1e-290 < abs(found) < 1e290
    if wide:
        found = 1.0
        for k in range(n):
            d = w[k * n + k]
            total += np.log(abs(d))
            if (d < 0) != (pivots[k] != k + 1):
                found = -found
        found *= np.exp(total)
    release(ws)
    return found


@inner
def det1(a: Any) -> Any:
    """The one element."""
    return flat(a)[0]


@inner
def det2(a: Any) -> Any:
    """The determinant of a 2x2 matrix by elimination, which rounds as LAPACK's does."""
    w = flat(a)
    k = 2 if abs(w[2]) > abs(w[0]) else 0
    p, q, s, t = w[k], w[k + 1], w[2 - k], w[3 - k]
    if p == 0:
        return p
    f = s * (type(p)(1) / p)
    r = t - f * q
    return -p * r if k else p * r


# ---------------------------------------------------------------- cofactors
# With complete pivoting P A Q = L D U, L and U triangular with a unit diagonal and no element above
# 1, so well-conditioned whatever the rank: what is small is in D. Cofactors of a product are the
# product of cofactors, those of L are L^-T and those of D the products p_i of all elements but one:
#   cof(A) = det(P) det(Q) P^T L^-T diag(p) U^-T Q^T.
# No division by a pivot that may be zero is left: exact for singular matrices too.


@inner
def cofactor(out: Any, a: Any, n: int) -> None:
    """The matrix of cofactors. Rows and columns are exchanged in lists: half the code to compile."""
    alone()
    ws = allocate(n * n * a.itemsize + 16 * n)
    w, y, x = like(ws, a), flat(out), flat(a)
    r = carve_i64(ws, n * n * a.itemsize)
    c = shift(r, n)
    for k in range(n * n):
        w[k], y[k] = x[k], 0
    for k in range(n):
        r[k] = c[k] = k
    sign = 1
    for k in range(n):
        best, p, q = 0.0, k, k
        for i in range(k, n):
            for j in range(k, n):
                v = abs(w[r[i] * n + c[j]])
                if v > best:
                    best, p, q = v, i, j
        if best == 0:
            break  # all that is left is zero, or NaN, which stays where it is in D, L and U
        sign = sign if (p == k) == (q == k) else -sign
        r[k], r[p] = r[p], r[k]
        c[k], c[q] = c[q], c[k]
        d = w[r[k] * n + c[k]]
        for j in range(k + 1, n):
            w[r[k] * n + c[j]] /= d  # U; D L below it
            for i in range(k + 1, n):
                w[r[i] * n + c[j]] -= w[r[i] * n + c[k]] * w[r[k] * n + c[j]]
        for i in range(k + 1, n):
            w[r[i] * n + c[k]] /= d
    for k in range(n - 1, -1, -1):
        t = x[0] * 0 + sign
        for i in range(n):
            t *= w[r[i] * n + c[i]] if i != k else 1
        y[r[k] * n + c[k]] = t
        for i in range(k + 1, n):
            for j in range(k, n):
                y[r[k] * n + c[j]] -= w[r[i] * n + c[k]] * y[r[i] * n + c[j]]
    for i in range(n):
        for k in range(n - 1, -1, -1):
            for j in range(k + 1, n):
                y[r[i] * n + c[k]] -= w[r[k] * n + c[j]] * y[r[i] * n + c[j]]
    release(ws)


@inner
def cofactor1(out: Any, a: Any) -> None:
    """The determinant of nothing."""
    flat(out)[0] = 1


@inner
def cofactor2(out: Any, a: Any) -> None:
    """The cofactors of a 2x2 matrix."""
    x, y = flat(a), flat(out)
    y[0], y[1], y[2], y[3] = x[3], -x[2], -x[1], x[0]


@inner
def cofactor3(out: Any, a: Any) -> None:
    """The cofactors of a 3x3 matrix: each row the cross product of the other two."""
    x, y = flat(a), flat(out)
    for k in range(3):
        u, v = (k + 1) % 3 * 3, (k + 2) % 3 * 3
        y[3 * k] = x[u + 1] * x[v + 2] - x[u + 2] * x[v + 1]
        y[3 * k + 1] = x[u + 2] * x[v] - x[u] * x[v + 2]
        y[3 * k + 2] = x[u] * x[v + 1] - x[u + 1] * x[v]


# ---------------------------------------------------------------- triangles


@inner
def cholesky(out: Any, a: Any, n: int) -> None:
    """The lower factor; only the lower triangle of A is read."""
    alone()
    ws = allocate(n * n * a.itemsize)
    w, x, y = like(ws, a), flat(a), flat(out)
    for i in range(n):
        for j in range(i + 1):
            w[j * n + i] = x[i * n + j]
    info = lapack.potrf(n, w)
    for i in range(n):
        for j in range(n):
            y[i * n + j] = w[j * n + i] if j <= i else 0
    release(ws)
    if info > 0:
        raise np.linalg.LinAlgError("Matrix is not positive definite")


@inner
def cholesky1(out: Any, a: Any) -> None:
    """The root of the one element; NaN goes through, as in LAPACK."""
    p = flat(a)[0]
    if p <= 0:
        raise np.linalg.LinAlgError("Matrix is not positive definite")
    flat(out)[0] = np.sqrt(p)


@inner
def triangle(out: Any, a: Any, count: int, n: int, m: int, lower: bool, k: int) -> None:
    """The part of each n x m matrix at least `k` below (above) the diagonal."""
    alone()
    x, y = flat(a), flat(out)
    for l in range(count):
        for i in range(n):
            for j in range(m):
                at = (l * n + i) * m + j
                if (i - j if lower else j - i) >= k:
                    y[at] = x[at]
                else:
                    y[at] = 0  # not one expression: of uint64 and 0 Numba makes float64


@inner
def mirror(out: Any, a: Any, count: int, n: int, lower: bool) -> None:
    """The symmetric matrices of which each operand holds one triangle."""
    alone()
    x, y = flat(a), flat(out)
    for l in range(count):
        for i in range(n):
            for j in range(n):
                own = i >= j if lower else i <= j
                y[(l * n + i) * n + j] = x[l * n * n + (i * n + j if own else j * n + i)]


@inner
def fold(out: Any, a: Any, count: int, n: int, lower: bool) -> None:
    """The adjoint of `mirror`: a triangle of A + A^T, with the diagonal of A."""
    alone()
    x, y = flat(a), flat(out)
    for l in range(count):
        base = l * n * n
        for i in range(n):
            for j in range(n):
                v = x[base + i * n + j] + x[base + j * n + i] if i != j else x[base + i * n + j]
                y[base + i * n + j] = v if (i >= j if lower else i <= j) else 0
