"""Textbook linear algebra written out: triple loops, swaps of rows, sweeps until convergence."""

from __future__ import annotations

import numpy as np
from program_registry import program


def spd(r, n):
    A = r.normal(size=(n, n))
    return A @ A.T + n * np.eye(n)


@program(lambda r: ((r.normal(size=11), r.normal(size=12) + 4, r.normal(size=11)),
                    r.normal(size=12)), rolled=2)  # fmt: skip
def thomas(bands, d):
    """A tridiagonal system by two sweeps that overwrite copies of the bands."""
    a, b, c = bands
    n = len(d)
    b, d = b.copy(), d.copy()
    for i in range(1, n):
        w = a[i - 1] / b[i - 1]
        b[i] -= w * c[i - 1]
        d[i] -= w * d[i - 1]
    x = np.zeros(n)
    x[-1] = d[-1] / b[-1]
    for i in range(n - 2, -1, -1):
        x[i] = (d[i] - c[i] * x[i + 1]) / b[i]
    return np.sum(x**2)


@program(lambda r: (spd(r, 5), r.normal(size=5)), rolled=5)
def cholesky_loops(A, y):
    """Cholesky as three nested loops with an `if` on the diagonal, and forward substitution."""
    n = len(y)
    L = np.zeros((n, n))
    for i in range(n):
        for j in range(i + 1):
            s = A[i, j]
            for k in range(j):
                s -= L[i, k] * L[j, k]
            if i == j:
                L[i, j] = np.sqrt(s)
            else:
                L[i, j] = s / L[j, j]
    logdet = 2 * np.sum(np.log(np.diag(L)))
    z = np.zeros(n)
    for i in range(n):
        s = y[i]
        for j in range(i):
            s -= L[i, j] * z[j]
        z[i] = s / L[i, i]
    return 0.5 * (z @ z) + 0.5 * logdet


@program(lambda r: (r.normal(size=(5, 5)), r.normal(size=5)), rolled=7)
def gauss_pivoting(A, b):
    """Elimination on an augmented copy: a search for the pivot, a swap of rows by elements."""
    n = len(b)
    M = np.zeros((n, n + 1))
    M[:, :n] = A
    M[:, n] = b
    for k in range(n):
        p = k
        for i in range(k + 1, n):
            if abs(M[i, k]) > abs(M[p, k]):
                p = i
        if p != k:
            for j in range(n + 1):
                M[k, j], M[p, j] = M[p, j], M[k, j]
        for i in range(k + 1, n):
            factor = M[i, k] / M[k, k]
            for j in range(k, n + 1):
                M[i, j] -= factor * M[k, j]
    x = np.zeros(n)
    for i in range(n - 1, -1, -1):
        s = M[i, n]
        for j in range(i + 1, n):
            s -= M[i, j] * x[j]
        x[i] = s / M[i, i]
    return np.sum(np.sin(x))


@program(lambda r: (r.normal(size=(5, 5)) + 4 * np.eye(5), r.normal(size=5)), rolled=0)
def gauss_ragged(A, b):
    """The same with slices ``M[k, k:]``, whose shapes change with k: this must be unrolled."""
    n = len(b)
    M = np.column_stack([A, b])
    for k in range(n):
        p = k + int(np.argmax(np.abs(M[k:, k])))
        M[[k, p]] = M[[p, k]]
        M[k + 1 :, k:] -= np.outer(M[k + 1 :, k] / M[k, k], M[k, k:])
    x = np.zeros(n)
    for i in reversed(range(n)):
        x[i] = (M[i, n] - M[i, i + 1 : n] @ x[i + 1 :]) / M[i, i]
    return x @ x


@program(lambda r: (r.normal(size=(5, 5)),), rolled=2)
def determinant_by_swaps(A):
    """Rows swapped whole, by a fancy index and by tuple; the sign is carried."""
    U = A.copy()
    n = len(U)
    det = 1.0
    for k in range(n):
        p = np.argmax(np.where(np.arange(n) >= k, np.abs(U[:, k]), -1.0))
        if p != k:
            U[[k, p]] = U[[p, k]]
            det = -det
        det *= U[k, k]
        for i in range(k + 1, n):
            U[i] -= U[i, k] / U[k, k] * U[k]
    return det


@program(lambda r: (spd(r, 5), r.normal(size=5)), rolled=1)
def power_iteration(A, v):
    """The leading eigenvalue, until the quotient settles."""
    lam = 0.0
    while True:
        w = A @ v
        v = w / np.linalg.norm(w)
        old, lam = lam, v @ A @ v
        if abs(lam - old) < 1e-13 * abs(lam):
            return lam


@program(lambda r: (r.normal(size=(6, 6)) + 8 * np.eye(6), r.normal(size=6)), rolled=1)
def jacobi_sweeps(A, b):
    """Jacobi's iteration until the residual is small, with a bound on the sweeps."""
    x = np.zeros_like(b)
    D = np.diag(A)
    k = 0
    while np.linalg.norm(b - A @ x) > 1e-12 and k < 100:
        x = (b - A @ x + D * x) / D
        k += 1
    return np.sum(x**2)


@program(lambda r: (r.normal(size=(6, 6)) + 8 * np.eye(6), r.normal(size=6)), rolled=3)
def gauss_seidel(A, b):
    """Sweeps in place with a running largest change; `break` out of the sweeps."""
    n = len(b)
    x = np.zeros(n)
    for _ in range(50):
        change = 0.0
        for i in range(n):
            s = b[i]
            for j in range(n):
                if j != i:
                    s -= A[i, j] * x[j]
            new = s / A[i, i]
            change = max(change, abs(new - x[i]))
            x[i] = new
        if change < 1e-13:
            break
    return x @ b


@program(lambda r: (r.normal(size=(5, 4)),), rolled=2)
def gram_schmidt(A):
    """Columns made orthogonal one by one; R is filled beside Q."""
    Q = A.copy()
    n = A.shape[1]
    R = np.zeros((n, n))
    for j in range(n):
        for k in range(j):
            R[k, j] = Q[:, k] @ Q[:, j]
            Q[:, j] -= R[k, j] * Q[:, k]
        R[j, j] = np.sqrt(np.sum(Q[:, j] ** 2))
        Q[:, j] /= R[j, j]
    return np.sum(np.log(np.diag(R))) + np.sum(Q[:, -1] ** 3)


@program(lambda r: (spd(r, 6), r.normal(size=6)), rolled=1)
def conjugate_gradient(A, b):
    """Conjugate gradients, four steps of them or fewer, from a view of nothing but products."""
    x = np.zeros_like(b)
    r = b - A @ x
    p, rs = r, r @ r
    for _ in range(4):
        if rs < 1e-20:
            break
        Ap = A @ p
        alpha = rs / (p @ Ap)
        x = x + alpha * p
        r = r - alpha * Ap
        rs, last = r @ r, rs
        p = r + rs / last * p
    return b @ x


@program(lambda r: (0.4 * r.normal(size=(3, 3)), 13), rolled=1)
def matrix_power(A, n):
    """Binary powering: `divmod` peels the bits of an integer."""
    result, base = np.eye(len(A)), A
    while n > 0:
        n, bit = divmod(n, 2)
        if bit:
            result = result @ base
        base = base @ base
    return np.sum(result * np.arange(9).reshape(3, 3))


@program(lambda r: (spd(r, 4),), rolled=3)
def jacobi_rotations(A):
    """Eigenvalues by plane rotations over the pairs p < q, rows and columns in place."""
    A = A.copy()
    n = len(A)
    for _ in range(5):
        for p in range(n - 1):
            for q in range(p + 1, n):
                if abs(A[p, q]) < 1e-9:
                    continue
                theta = 0.5 * np.arctan2(2 * A[p, q], A[q, q] - A[p, p])
                c, s = np.cos(theta), np.sin(theta)
                rp, rq = A[p].copy(), A[q].copy()
                A[p], A[q] = c * rp - s * rq, s * rp + c * rq
                cp, cq = A[:, p].copy(), A[:, q].copy()
                A[:, p] = c * cp - s * cq
                A[:, q] = s * cp + c * cq
    return np.sum(np.log(np.diag(A)))
