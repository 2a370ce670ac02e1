"""The hand-written adjoint of the Kalman filter's likelihood; Numba must be importable.

With G = P H', S = H G + R, W = inverse of S, u = W v and K = G W, a step is

    m, P -> F m, A F' + Q  where A = F P;     m, P -> m + G u, P - G W G'

and adds (v' W v + log det S) / 2. Let M and N be the cotangents of m and P, N symmetric. Then
with a = K' M the update's transposed derivative is

    S:  T = K' N K - (a u' + u a') / 2 + (W - u u') / 2        R gets T
    G and S together:  X = M u' - 2 N K + H' T
    N += (X H + H' X') / 2,   M -= H' (a + u)

and the prediction's is  F += 2 N A + M m',  N -> F' N F,  M -> F' M,  where Q gets N.
Everything of a step that this reads is kept: A, K, m, u and W, 33 numbers.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import njit

fused = njit(error_model="numpy", fastmath={"contract", "reassoc"})


@fused
def forward(F, q, r, H, ys, A, K, m, uw):
    """Fill the tables of residuals; row t of `m` is the mean before step t. Returns the value."""
    P = np.eye(4)
    G = np.empty((4, 2))
    mean = np.empty(4)
    m[0] = 0.0
    logs, squares = 0.0, 0.0
    product = 1.0
    for t in range(ys.shape[0]):
        At, Kt, mt = A[t], K[t], m[t]
        for i in range(4):
            mean[i] = F[i, 0] * mt[0] + F[i, 1] * mt[1] + F[i, 2] * mt[2] + F[i, 3] * mt[3]
            f0, f1, f2, f3 = F[i, 0], F[i, 1], F[i, 2], F[i, 3]
            for j in range(4):
                At[i, j] = f0 * P[0, j] + f1 * P[1, j] + f2 * P[2, j] + f3 * P[3, j]
        for i in range(4):
            a0, a1, a2, a3 = At[i, 0], At[i, 1], At[i, 2], At[i, 3]
            for j in range(4):
                P[i, j] = a0 * F[j, 0] + a1 * F[j, 1] + a2 * F[j, 2] + a3 * F[j, 3]
            P[i, i] += q[i]
        for i in range(4):
            p0, p1, p2, p3 = P[i, 0], P[i, 1], P[i, 2], P[i, 3]
            G[i, 0] = p0 * H[0, 0] + p1 * H[0, 1] + p2 * H[0, 2] + p3 * H[0, 3]
            G[i, 1] = p0 * H[1, 0] + p1 * H[1, 1] + p2 * H[1, 2] + p3 * H[1, 3]
        s00, s01, s11 = r[0], 0.0, r[1]
        v0, v1 = ys[t, 0], ys[t, 1]
        for i in range(4):
            s00 += H[0, i] * G[i, 0]
            s01 += H[0, i] * G[i, 1]
            s11 += H[1, i] * G[i, 1]
            v0 -= H[0, i] * mean[i]
            v1 -= H[1, i] * mean[i]
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
        for i in range(4):
            g0, g1 = G[i, 0], G[i, 1]
            m[t + 1, i] = mean[i] + g0 * u0 + g1 * u1
            Kt[i, 0], Kt[i, 1] = g0 * w00 + g1 * w01, g0 * w01 + g1 * w11
        for i in range(4):
            k0, k1 = Kt[i, 0], Kt[i, 1]
            for j in range(4):
                P[i, j] -= k0 * G[j, 0] + k1 * G[j, 1]
    return 0.5 * (squares + logs + math.log(product))


@fused
def reverse(F, H, A, K, m, uw, dF, dq, dr):
    """The sweep back."""
    N, B, X = np.zeros((4, 4)), np.empty((4, 4)), np.empty((4, 2))
    M, Y = np.zeros(4), np.empty(4)
    dF[:] = 0.0
    dq[:] = 0.0
    dr[:] = 0.0
    for t in range(A.shape[0] - 1, -1, -1):
        At, Kt, mt = A[t], K[t], m[t]
        u0, u1, w00, w01, w11 = uw[t, 0], uw[t, 1], uw[t, 2], uw[t, 3], uw[t, 4]
        a0, a1, t00, t01, t11 = 0.0, 0.0, 0.0, 0.0, 0.0
        for i in range(4):
            n0, n1, n2, n3 = N[i, 0], N[i, 1], N[i, 2], N[i, 3]
            x0 = n0 * Kt[0, 0] + n1 * Kt[1, 0] + n2 * Kt[2, 0] + n3 * Kt[3, 0]
            x1 = n0 * Kt[0, 1] + n1 * Kt[1, 1] + n2 * Kt[2, 1] + n3 * Kt[3, 1]
            k0, k1 = Kt[i, 0], Kt[i, 1]
            t00 += k0 * x0
            t01 += k0 * x1
            t11 += k1 * x1
            a0 += k0 * M[i]
            a1 += k1 * M[i]
            X[i, 0], X[i, 1] = M[i] * u0 - 2.0 * x0, M[i] * u1 - 2.0 * x1
        t00 += 0.5 * (w00 - u0 * u0) - a0 * u0
        t01 += 0.5 * (w01 - u0 * u1) - 0.5 * (a0 * u1 + a1 * u0)
        t11 += 0.5 * (w11 - u1 * u1) - a1 * u1
        dr[0] += t00
        dr[1] += t11
        for i in range(4):
            h0, h1 = H[0, i], H[1, i]
            X[i, 0] = 0.5 * (X[i, 0] + h0 * t00 + h1 * t01)
            X[i, 1] = 0.5 * (X[i, 1] + h0 * t01 + h1 * t11)
            M[i] -= h0 * (a0 + u0) + h1 * (a1 + u1)
        for i in range(4):
            h0, h1, x0, x1 = H[0, i], H[1, i], X[i, 0], X[i, 1]
            for j in range(4):
                N[i, j] += x0 * H[0, j] + x1 * H[1, j] + h0 * X[j, 0] + h1 * X[j, 1]
            dq[i] += N[i, i]
        for i in range(4):
            n0, n1, n2, n3 = N[i, 0], N[i, 1], N[i, 2], N[i, 3]
            for j in range(4):
                product = n0 * At[0, j] + n1 * At[1, j] + n2 * At[2, j] + n3 * At[3, j]
                dF[i, j] += 2.0 * product + M[i] * mt[j]
            for j in range(4):
                B[i, j] = n0 * F[0, j] + n1 * F[1, j] + n2 * F[2, j] + n3 * F[3, j]
        for i in range(4):
            f0, f1, f2, f3 = F[0, i], F[1, i], F[2, i], F[3, i]
            for j in range(4):
                N[i, j] = f0 * B[0, j] + f1 * B[1, j] + f2 * B[2, j] + f3 * B[3, j]
            Y[i] = f0 * M[0] + f1 * M[1] + f2 * M[2] + f3 * M[3]
        for i in range(4):
            M[i] = Y[i]


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
        tables = np.empty((n, 4, 4)), np.empty((n, 4, 2)), np.empty((n + 1, 4)), np.empty((n, 5))
        SCRATCH[n] = tables
    grads = np.empty((4, 4)), np.empty(4), np.empty(2)
    return kernel(F, log_q, log_r, H, ys, *SCRATCH[n], *grads), grads
