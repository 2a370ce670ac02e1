"""Optimisers inside what is differentiated: descent, momentum, Adam, line searches, clusters."""

from __future__ import annotations

import numpy as np
from program_registry import program


@program(lambda r: (0.08, r.normal(size=(12, 3)), r.normal(size=12)), rolled=1)
def gradient_descent(lr, X, y):
    """The learning rate is differentiated through 25 steps of least squares."""
    w = np.zeros(X.shape[1])
    for _ in range(25):
        w -= lr * X.T @ (X @ w - y) / len(y)
    return np.mean((X @ w - y) ** 2)


@program(lambda r: ({"log_lr": np.log(0.03), "beta": 0.8}, np.array([1.5, -1.0])), rolled=1)
def momentum(hyper, x0):
    """A tuple of position and velocity on Rosenbrock's valley."""
    state = (x0, np.zeros(2))
    for _ in range(30):
        x, v = state
        g = np.array([2 * (x[0] - 1) + 0.4 * x[0] * (x[0] ** 2 - x[1]), 0.2 * (x[1] - x[0] ** 2)])
        v = hyper["beta"] * v - np.exp(hyper["log_lr"]) * g
        state = (x + v, v)
    return np.sum(state[0] ** 2)


@program(lambda r: (np.log(0.1), r.normal(size=5)), rolled=1)
def adam(log_lr, target):
    """Adam with its state in a dict, bias corrections by the turn's number."""
    lr = np.exp(log_lr)
    x = np.zeros(5)
    state = {"m": np.zeros(5), "v": np.zeros(5)}
    for t in range(1, 21):
        g = 2 * (x - target) + np.sin(3 * x)
        state["m"] = 0.9 * state["m"] + 0.1 * g
        state["v"] = 0.99 * state["v"] + 0.01 * g**2
        mhat = state["m"] / (1 - 0.9**t)
        vhat = state["v"] / (1 - 0.99**t)
        x = x - lr * mhat / (np.sqrt(vhat) + 1e-8)
    return np.sum((x - target) ** 2)


@program(lambda r: (np.array([2.0, 0.6]), np.array([1.2, -0.8])), rolled=2)
def backtracking(p, x):
    """Steps are halved until they decrease enough (Armijo)."""

    def f(x):
        return p[0] * x[0] ** 2 + np.cosh(p[1] * x[1]) + x[0] * x[1]

    for _ in range(6):
        g = np.array([2 * p[0] * x[0] + x[1], p[1] * np.sinh(p[1] * x[1]) + x[0]])
        t = 1.0
        while f(x - t * g) > f(x) - 0.3 * t * (g @ g):
            t *= 0.5
        x = x - t * g
    return f(x) + x[1]


@program(lambda r: (r.normal(size=3) * 0.1, r.normal(size=(20, 3)), np.sign(r.normal(size=20))),
         order=1, rolled=1)  # fmt: skip
def perceptron(w, X, y):
    """Updates only where the margin is missed; a count of them is carried."""
    w = w.copy()
    misses = 0
    for xi, yi in zip(X, y):
        if yi * (xi @ w) <= 0.1:
            w += 0.3 * yi * xi
            misses += 1
        else:
            w *= 0.99
    return np.sum(w**2) + 0.1 * misses


@program(lambda r: (np.concatenate([r.normal(size=(8, 2)), r.normal(size=(8, 2)) + 4]),),
         rolled=3)  # fmt: skip
def k_means(x):
    """Assignments by a loop over centres, sums and counts in place."""
    centres = x[:2].copy()
    centres[1] = x[-1]
    for _ in range(4):
        sums, counts = np.zeros((2, 2)), np.zeros(2)
        for point in x:
            best, label = np.inf, 0
            for k in range(2):
                d = np.sum((point - centres[k]) ** 2)
                if d < best:
                    best, label = d, k
            sums[label] += point
            counts[label] += 1
        centres = sums / counts[:, None]
    return np.sum(centres**3)


@program(lambda r: (0.05, r.normal(size=(10, 4)), r.normal(size=10)), order=1, rolled=2)
def lasso_coordinates(lam, X, y):
    """Coordinate descent with soft thresholds; the residual is kept up to date."""
    w = np.zeros(X.shape[1])
    res = y.copy()
    for _ in range(10):
        for j in range(X.shape[1]):
            rho = X[:, j] @ res / len(y) + w[j] * np.mean(X[:, j] ** 2)
            if rho > lam:
                new = (rho - lam) / np.mean(X[:, j] ** 2)
            elif rho < -lam:
                new = (rho + lam) / np.mean(X[:, j] ** 2)
            else:
                new = 0.0
            res += X[:, j] * (w[j] - new)
            w[j] = new
    return np.sum(w**2) + np.mean(res**2)


@program(
    lambda r: (np.exp(-np.linspace(0, 2, 9)) + 0.1 * r.normal(size=9), np.linspace(0, 2, 9)),
    rolled=1,
)
def gauss_newton_damped(y, t):
    """Levenberg and Marquardt: the damping falls and rises as steps are accepted or not."""

    def residual(p):
        return p[0] * np.exp(-p[1] * t) - y

    p, damping = np.array([0.5, 1.5]), 0.1
    r = residual(p)
    for _ in range(3):
        J = np.stack([np.exp(-p[1] * t), -p[0] * t * np.exp(-p[1] * t)], axis=1)
        step = np.linalg.solve(J.T @ J + damping * np.eye(2), -J.T @ r)
        trial = residual(p + step)
        if trial @ trial < r @ r:
            p, r = p + step, trial
            damping *= 0.3
        else:
            damping *= 2.0
    return r @ r + 0.1 * p @ p


@program(lambda r: (r.normal(size=(6, 6)),), rolled=1)
def sinkhorn(cost):
    """Entropic transport: scaling until the marginals fit."""
    K = np.exp(-cost)
    u = v = np.full(6, 1 / 6)
    while True:
        u = (1 / 6) / (K @ v)
        v = (1 / 6) / (K.T @ u)
        if np.abs(u * (K @ v) - 1 / 6).sum() < 1e-13:
            break
    return np.sum(u[:, None] * K * v * cost)
