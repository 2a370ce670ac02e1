"""Statistics, finance and learning as people write them; see `made_physics`."""

from __future__ import annotations

from typing import Any

import numpy as np
from program_registry import program


@program(lambda rng: (np.array([0.9, 0.3]), rng.normal(size=20)), quick=False)
def tracking_filter(p: Any, z: Any) -> Any:
    q, r = np.exp(p)
    dt = 0.5
    F = np.array([[1.0, dt], [0.0, 1.0]])
    H = np.array([[1.0, 0.0]])
    Q = np.array([[dt**3 / 3, dt**2 / 2], [dt**2 / 2, dt]])
    Q *= q
    x, P = np.array([[0.0], [0.0]]), np.array([[10.0, 0.0], [0.0, 10.0]])
    loglik = 0.0
    for k in range(len(z)):
        x = F @ x
        P = F @ P @ F.T + Q
        y = z[k] - (H @ x)[0, 0]
        S = (H @ P @ H.T)[0, 0] + r
        K = P @ H.T / S
        x += K * y
        P -= K @ H @ P
        loglik += -0.5 * (np.log(2 * np.pi * S) + y**2 / S)
    return loglik


@program(lambda rng: (np.array([0.2, 0.7]), rng.normal(size=12)))
def autocovariance(p: Any, e: Any) -> Any:
    gamma = np.linspace(1.0, 0.0, 6)
    for lag in range(6):
        gamma[lag] = p[0] ** lag * (1 + p[1])
    Sigma = np.array([[0.0 for _ in range(6)] for _ in range(6)])
    for i in range(6):
        for j in range(6):
            Sigma[i, j] = gamma[abs(i - j)]
    Sigma += 0.5 * np.eye(6)
    return np.linalg.slogdet(Sigma)[1] + e[:6] @ np.linalg.solve(Sigma, e[:6])


@program(lambda rng: (np.array([0.3, -0.2, 0.5]), rng.normal(size=(9, 3))))
def forward_algorithm(logits: Any, emission: Any) -> Any:
    A = np.array([[0.8, 0.1, 0.1], [0.2, 0.6, 0.2], [0.3, 0.3, 0.4]])
    A[0] *= np.exp(logits)
    A[0] /= A[0].sum()
    alpha = np.array([1.0, 0.0, 0.0])
    total = 0.0
    for row in emission:
        alpha = (alpha @ A) * np.exp(-(row**2))
        c = np.sum(alpha)
        alpha /= c
        total += np.log(c)
    return total


@program(lambda rng: (np.array([0.25, 0.04]),), order=1, quick=False)
def binomial_american_put(p: Any) -> Any:
    sigma, r = p
    n, S, K, T = 12, 100.0, 105.0, 1.0
    dt = T / n
    up = np.exp(sigma * np.sqrt(dt))
    prob = (np.exp(r * dt) - 1 / up) / (up - 1 / up)
    values = np.array([max(K - S * k, 0.0) for k in np.linspace(0.5, 1.5, n + 1)])
    for j in range(n + 1):
        values[j] = np.maximum(K - S * up ** (2 * j - n), 0.0)
    for i in range(n - 1, -1, -1):
        for j in range(i + 1):
            hold = np.exp(-r * dt) * (prob * values[j + 1] + (1 - prob) * values[j])
            values[j] = np.maximum(hold, K - S * up ** (2 * j - i))
    return values[0]


@program(lambda rng: (np.array([0.03, 0.035, 0.04, 0.045]),))
def bootstrapped_curve(par: Any) -> Any:
    times = np.array([1.0, 2.0, 3.0, 4.0])
    discount = np.ones_like(times)
    for i, rate in enumerate(par):
        discount[i] = (1 - rate * np.sum(discount[:i])) / (1 + rate)
    zero = -np.log(discount) / times
    weights = times / times.sum()
    weights[-1] += zero[0]
    return weights @ zero


@program(lambda rng: (0.3, rng.normal(size=(5, 8))))
def basket_option(rho: float, shocks: Any) -> Any:
    corr = np.full((5, 5), 0.1)
    corr[np.triu_indices(5, 1)] = rho
    corr[np.tril_indices(5, -1)] = rho
    for i in range(5):
        corr[i, i] = 1.0
    L = np.linalg.cholesky(corr)
    spots = np.array([90.0, 95.0, 100.0, 105.0, 110.0])
    paths = spots[:, None] * np.exp(0.2 * (L @ shocks) - 0.02)
    return np.mean(np.log1p(np.exp(np.mean(paths, axis=0) - 100.0)))


@program(lambda rng: (rng.normal(size=6), rng.normal(size=(7, 3))), quick=False)
def tiny_network(theta: Any, X: Any) -> Any:
    W = np.array([[0.1, -0.2], [0.3, 0.1], [0.0, 0.2]])
    b = np.array([0.0, 0.0])
    W[:, 0] = theta[:3]
    W[2, 1] += theta[3]
    b[:] = theta[4:]
    hidden = np.tanh(X @ W + b)
    out = hidden.sum(axis=1)
    return np.mean((out - np.arange(7.0)) ** 2)


@program(lambda rng: (0.1, rng.normal(size=(12, 2)), rng.normal(size=12)), order=1)
def momentum_training(rate: float, X: Any, y: Any) -> Any:
    w, v = np.array([0.5, -0.5]), np.array([0.0, 0.0])
    for _ in range(10):
        error = X @ w - y
        v *= 0.9
        v -= rate * X.T @ error / len(y)
        w += v
    return np.mean((X @ w - y) ** 2)


def softmax(scores: Any) -> Any:
    e = np.exp(scores - np.max(scores, axis=-1, keepdims=True))
    e /= e.sum(axis=-1, keepdims=True)
    return e


@program(lambda rng: (rng.normal(size=(4, 3)),))
def attention_with_mask(Q: Any) -> Any:
    mask = np.triu(np.ones((4, 4)), 1) * -1e9
    scores = Q @ Q.T / np.sqrt(3.0)
    positions = np.arange(4)[:, None] / 10.0 + np.arange(3)[None, :] / 5.0
    positions[0] += Q[0]
    return np.sum(softmax(scores + mask) @ (Q + positions))


@program(lambda rng: (rng.normal(size=5),), quick=False)
def buffer_of_returns(r: Any) -> Any:
    window = [np.array([0.0, 0.0, 0.0]) for _ in range(2)]
    out = []
    for value in r:
        for k, buffer in enumerate(window):
            buffer[:-1] = buffer[1:].copy()
            buffer[-1] = value * (k + 1)
        out.append(np.std(window[0]) + np.mean(window[1]))
    return np.sum(np.array(out) ** 2)


@program(lambda rng: (np.array([0.2, 0.1, 0.4]),))
def markov_stationary(p: Any) -> Any:
    P = np.array([[0.5, 0.5, 0.0], [0.25, 0.5, 0.25], [0.0, 0.5, 0.5]])
    P[0, 1:] = p[0] / 2, p[0] / 2
    P[0, 0] = 1 - p[0]
    A = np.vstack([P.T - np.eye(3), np.ones((1, 3))])
    b = np.array([0, 0, 0, 1], dtype=float)
    b[0] += p[1] * 0.0 + p[2] * 1e-2
    pi = np.linalg.solve(A.T @ A, A.T @ b)
    return pi @ np.array([1.0, 2.0, 4.0])


@program(lambda rng: (0.7, rng.normal(size=(10, 2))))
def kernel_ridge(scale: float, X: Any) -> Any:
    K = np.asarray([[0.0] * 10] * 10)
    for i in range(10):
        for j in range(10):
            d = X[i] - X[j]
            K[i, j] = np.exp(-np.dot(d, d) / scale**2)
    K[np.diag_indices(10)] += 0.1
    target = np.cos(np.arange(10))
    return target @ np.linalg.solve(K, target)


@program(lambda rng: (np.array([1.5, 0.8]),))
def annuity_table(p: Any) -> Any:
    ages = np.arange(60, 75)
    survival = np.exp(-0.01 * (ages - 60.0))
    survival[5:] *= p[0] / 2
    payments = np.copy(survival)
    payments *= p[1] ** np.arange(len(ages))
    np.add.at(payments, [0, 0, 3], p[0])
    return payments.sum()
