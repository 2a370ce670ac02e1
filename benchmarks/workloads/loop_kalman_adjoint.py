"""The hand-written adjoint of the Kalman filter's likelihood; Numba must be importable.

With G = P H', S = H G + R, W = inverse of S, u = W v and K = G W, a step is

    m, P -> F m, A F' + Q  where A = F P;     m, P -> m + G u, P - G W G'

and adds (v' W v + log det S) / 2. Let M and N be the cotangents of m and P, N symmetric. Then
with a = K' M the update's transposed derivative is

    S:  T = K' N K - (a u' + u a') / 2 + (W - u u') / 2        R gets T
    G and S together:  X = M u' - 2 N K + H' T
    N += (X H + H' X') / 2,   M -= H' (a + u)

and the prediction's is  F += 2 N A + M m',  N -> F' N F,  M -> F' M,  where Q gets N.
Everything of a step that this reads is kept: A, K (by columns), m, u and W, 33 numbers.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import njit

fused = njit(error_model="numpy", fastmath={"contract", "reassoc"})
inlined = njit(error_model="numpy", fastmath={"contract", "reassoc"}, forceinline=True)


@inlined
def times(x, B):
    """x @ B for a row x of four, as a tuple: complete before anything is stored.

    LLVM then makes four multiply-adds into one. Written as a loop that stores to ``out[j]`` it
    does not, since `out` might be `B`: 149 us for the whole became 118 us.
    """
    x0, x1, x2, x3 = x[0], x[1], x[2], x[3]
    return (
        x0 * B[0, 0] + x1 * B[1, 0] + x2 * B[2, 0] + x3 * B[3, 0],
        x0 * B[0, 1] + x1 * B[1, 1] + x2 * B[2, 1] + x3 * B[3, 1],
        x0 * B[0, 2] + x1 * B[1, 2] + x2 * B[2, 2] + x3 * B[3, 2],
        x0 * B[0, 3] + x1 * B[1, 3] + x2 * B[2, 3] + x3 * B[3, 3],
    )


@inlined
def dot(x, y):
    return (x[0] * y[0] + x[1] * y[1]) + (x[2] * y[2] + x[3] * y[3])


@inlined
def mixed(a, x, b, y):
    """a x + b y for rows of four."""
    return (
        a * x[0] + b * y[0],
        a * x[1] + b * y[1],
        a * x[2] + b * y[2],
        a * x[3] + b * y[3],
    )


@inlined
def plus(x, y):
    return (x[0] + y[0], x[1] + y[1], x[2] + y[2], x[3] + y[3])


@inlined
def store(out, x):
    out[0], out[1], out[2], out[3] = x


@fused
def forward(F, q, r, H, ys, A, K, m, uw):
    """Fill the tables of residuals; row t of `m` is the mean before step t. Returns the value."""
    P, Ft = np.eye(4), F.T.copy()
    h0 = (H[0, 0], H[0, 1], H[0, 2], H[0, 3])
    h1 = (H[1, 0], H[1, 1], H[1, 2], H[1, 3])
    state = (0.0, 0.0, 0.0, 0.0)
    logs, squares, product = 0.0, 0.0, 1.0
    for t in range(ys.shape[0]):
        At = A[t]
        store(m[t], state)
        mean = times(state, Ft)
        for i in range(4):
            store(At[i], times(F[i], P))
        for i in range(4):
            store(P[i], times(At[i], Ft))
        for i in range(4):
            P[i, i] += q[i]
        g0, g1 = times(h0, P), times(h1, P)  # the columns of G, since P is symmetric
        s00, s01, s11 = r[0] + dot(h0, g0), dot(h0, g1), r[1] + dot(h1, g1)
        v0, v1 = ys[t, 0] - dot(h0, mean), ys[t, 1] - dot(h1, mean)
        det = s00 * s11 - s01 * s01
        inverse = 1.0 / det
        w00, w01, w11 = s11 * inverse, -s01 * inverse, s00 * inverse
        u0, u1 = w00 * v0 + w01 * v1, w01 * v0 + w11 * v1
        squares += v0 * u0 + v1 * u1
        product *= det
        if not 1e-100 < product < 1e100:  # one logarithm for many steps
            logs += math.log(product)
            product = 1.0
        uw[t, 0], uw[t, 1], uw[t, 2], uw[t, 3], uw[t, 4] = u0, u1, w00, w01, w11
        k0, k1 = mixed(w00, g0, w01, g1), mixed(w01, g0, w11, g1)
        store(K[t, 0], k0)
        store(K[t, 1], k1)
        state = plus(mean, mixed(u0, g0, u1, g1))
        for i in range(4):
            store(P[i], plus(P[i], mixed(-K[t, 0, i], g0, -K[t, 1, i], g1)))
    return 0.5 * (squares + logs + math.log(product))


@fused
def reverse(F, H, A, K, m, uw, dF, dq, dr):
    """The sweep back; X of the formulas is halved here."""
    N, B, X = np.zeros((4, 4)), np.empty((4, 4)), np.empty((2, 4))
    h0 = (H[0, 0], H[0, 1], H[0, 2], H[0, 3])
    h1 = (H[1, 0], H[1, 1], H[1, 2], H[1, 3])
    M = np.zeros(4)
    dF[:] = 0.0
    dq[:] = 0.0
    dr[:] = 0.0
    for t in range(A.shape[0] - 1, -1, -1):
        At, k0, k1 = A[t], K[t, 0], K[t, 1]
        u0, u1, w00, w01, w11 = uw[t, 0], uw[t, 1], uw[t, 2], uw[t, 3], uw[t, 4]
        x0, x1 = times(k0, N), times(k1, N)
        a0, a1 = dot(k0, M), dot(k1, M)
        t00 = dot(k0, x0) + 0.5 * (w00 - u0 * u0) - a0 * u0
        t01 = dot(k0, x1) + 0.5 * (w01 - u0 * u1) - 0.5 * (a0 * u1 + a1 * u0)
        t11 = dot(k1, x1) + 0.5 * (w11 - u1 * u1) - a1 * u1
        dr[0] += t00
        dr[1] += t11
        half0 = plus(mixed(-1.0, x0, 0.5 * u0, M), mixed(0.5 * t00, h0, 0.5 * t01, h1))
        half1 = plus(mixed(-1.0, x1, 0.5 * u1, M), mixed(0.5 * t01, h0, 0.5 * t11, h1))
        store(X[0], half0)
        store(X[1], half1)
        store(M, plus(M, mixed(-(a0 + u0), h0, -(a1 + u1), h1)))
        for i in range(4):
            ours = mixed(X[0, i], h0, X[1, i], h1)
            store(N[i], plus(N[i], plus(ours, mixed(H[0, i], half0, H[1, i], half1))))
        for i in range(4):
            dq[i] += N[i, i]
            store(dF[i], plus(dF[i], mixed(2.0, times(N[i], At), M[i], m[t])))
            store(B[i], times(N[i], F))
        for i in range(4):
            store(N[i], times((F[0, i], F[1, i], F[2, i], F[3, i]), B))
        store(M, times(M, F))


@fused
def kernel(F, log_q, log_r, H, ys, A, K, m, uw, dF, dq, dr):
    """The two sweeps; the noises are exponentials."""
    q, r = np.exp(log_q), np.exp(log_r)
    value = forward(F, q, r, H, ys, A, K, m, uw)
    reverse(F, H, A, K, m, uw, dF, dq, dr)
    for i in range(4):
        dq[i] *= q[i]
    for i in range(2):
        dr[i] *= r[i]
    return value


SCRATCH: dict[int, tuple[np.ndarray[Any, Any], ...]] = {}


def value_and_grad(F: Any, log_q: Any, log_r: Any, H: Any, ys: Any) -> tuple[Any, Any]:
    """The value, and its gradient by F, log_q and log_r."""
    n = len(ys)
    if n not in SCRATCH:
        tables = np.empty((n, 4, 4)), np.empty((n, 2, 4)), np.empty((n + 1, 4)), np.empty((n, 5))
        SCRATCH[n] = tables
    grads = np.empty((4, 4)), np.empty(4), np.empty(2)
    return kernel(F, log_q, log_r, H, ys, *SCRATCH[n], *grads), grads
