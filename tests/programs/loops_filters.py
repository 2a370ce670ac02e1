"""Filters and smoothers that run along a series, one element at a time."""

from __future__ import annotations

import numpy as np
from program_registry import program


@program(lambda r: ({"b": np.array([0.2, 0.3]), "a": np.array([0.5, -0.2])}, r.normal(size=40)),
         rolled=1)  # fmt: skip
def iir_filter(c, x):
    """A recursive filter of order two; the guard ``n >= 2`` is in the loop."""
    y = np.zeros_like(x)
    for n in range(len(x)):
        y[n] = c["b"][0] * x[n]
        if n >= 1:
            y[n] += c["b"][1] * x[n - 1] + c["a"][0] * y[n - 1]
        if n >= 2:
            y[n] += c["a"][1] * y[n - 2]
    return np.mean(y**2)


@program(lambda r: (0.3, np.cumsum(r.normal(size=200))), rolled=1)
def exponential_smoothing(alpha, x):
    """One-step errors of the smoothed level: a loop over the elements of a slice."""
    level = x[0]
    sse = 0.0
    for obs in x[1:]:
        sse += (obs - level) ** 2
        level = alpha * obs + (1 - alpha) * level
    return sse / (len(x) - 1)


@program(lambda r: ((0.4, 0.1, 0.2), 5 + np.sin(np.arange(36) * np.pi / 6) + 0.1 * np.arange(36)),
         rolled=1)  # fmt: skip
def holt_winters(p, x):
    """Level, trend and a seasonal table that is read and written at ``t % 12``."""
    alpha, beta, gamma = p
    season = x[:12] - x[:12].mean()
    level, trend = x[:12].mean(), 0.0
    sse = 0.0
    for t in range(12, len(x)):
        s = season[t % 12]
        sse += (x[t] - (level + trend + s)) ** 2
        last = level
        level = alpha * (x[t] - s) + (1 - alpha) * (level + trend)
        trend = beta * (level - last) + (1 - beta) * trend
        season[t % 12] = gamma * (x[t] - level) + (1 - gamma) * s
    return sse


@program(lambda r: (r.normal(size=30),), rolled=1)
def running_extremes(x):
    """The largest rise and the widest range so far, kept by if/else."""
    lowest = highest = x[0]
    rise = 0.0
    for v in x:
        if v < lowest:
            lowest = v
        elif v > highest:
            highest = v
        if v - lowest > rise:
            rise = v - lowest
    return rise**2 + highest * lowest


@program(lambda r: (r.normal(size=24), 5), rolled=2)
def prefix_sums(x, k):
    """Moving averages from prefix sums; the second loop reads what the first one wrote."""
    n = len(x)
    s = np.zeros(n + 1)
    for i in range(n):
        s[i + 1] = s[i] + x[i]
    m = np.empty(n - k + 1)
    for i in range(n - k + 1):
        m[i] = (s[i + k] - s[i]) / k
    return np.sum(m**3)


@program(lambda r: (r.normal(size=40), 0.8, 0.1), rolled=1)
def envelope_follower(x, attack, release):
    """A conditional expression picks the rate; the envelope is a list."""
    level = 0.0
    out = []
    for v in np.abs(x):
        rate = attack if v > level else release
        level += rate * (v - level)
        out.append(level)
    return np.mean(np.array(out) ** 2)


@program(lambda r: ((0.2, -0.5, 0.9), np.cumsum(r.normal(size=60)) * 0.5), rolled=1)
def kalman_scalar(p, y):
    """Local level model: the log-likelihood by prediction errors."""
    q, s, phi = np.exp(p[0]), np.exp(p[1]), p[2]
    m, P = 0.0, 10.0
    ll = 0.0
    for obs in y:
        m, P = phi * m, phi * phi * P + q
        S = P + s
        e = obs - m
        ll -= 0.5 * (np.log(2 * np.pi * S) + e * e / S)
        K = P / S
        m = m + K * e
        P = (1 - K) * P
    return ll


@program(
    lambda r: ({"logq": -1.0, "logr": 0.2, "F": np.array([[1.0, 0.3], [-0.1, 0.9]])},
               r.normal(size=(20, 1)), np.array([[1.0, 0.5]])),
    rolled=1,
)  # fmt: skip
def kalman_matrix(p, ys, H):
    """The same with matrices, an inverse and a determinant at every step."""
    F, Q, R = p["F"], np.exp(p["logq"]) * np.eye(2), np.exp(p["logr"]) * np.eye(1)
    m, P = np.zeros(2), np.eye(2)
    ll = 0.0
    for y in ys:
        m = F @ m
        P = F @ P @ F.T + Q
        S = H @ P @ H.T + R
        v = y - H @ m
        K = P @ H.T @ np.linalg.inv(S)
        m = m + K @ v
        P = P - K @ S @ K.T
        ll += -0.5 * (v @ np.linalg.solve(S, v) + np.log(np.linalg.det(S)))
    return ll


@program(lambda r: (np.array([0.3, 0.5]), r.normal(size=25)), rolled=2)
def rts_smoother(p, y):
    """Rauch-Tung-Striebel: a filter forwards into four tables, a sweep backwards out of them."""
    n = len(y)
    q, s = p
    mf, Pf, mp, Pp = np.zeros(n), np.zeros(n), np.zeros(n), np.zeros(n)
    m, P = 0.0, 1.0
    for t in range(n):
        mp[t], Pp[t] = m, P + q
        K = Pp[t] / (Pp[t] + s)
        m = mp[t] + K * (y[t] - mp[t])
        P = (1 - K) * Pp[t]
        mf[t], Pf[t] = m, P
    ms = mf.copy()
    for t in range(n - 2, -1, -1):
        G = Pf[t] / Pp[t + 1]
        ms[t] += G * (ms[t + 1] - mp[t + 1])
    return np.sum((y - ms) ** 2)


@program(lambda r: (r.normal(size=30), 0.4), rolled=1)
def median_of_three(x, w):
    """Windows as slices, and branches that sort three numbers."""
    y = x.copy()
    for i in range(1, len(x) - 1):
        a, b, c = x[i - 1 : i + 2]
        if a > b:
            a, b = b, a
        if b > c:
            b = c if a < c else a
        y[i] = w * x[i] + (1 - w) * b
    return (y**2).sum()


@program(lambda r: (r.normal(size=8) * 0.3, r.normal(size=48)), rolled=1)
def adaptive_lms(w0, x):
    """An adaptive filter: windows of the input as slices, weights moved by each error."""
    w = w0.copy()
    k = len(w)
    cost = 0.0
    for n in range(k, len(x)):
        window = x[n - k : n][::-1]
        e = x[n] - w @ window
        w += 0.05 * e * window
        cost += e * e
    return cost
