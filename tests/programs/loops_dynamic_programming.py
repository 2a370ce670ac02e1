"""Tables filled in order: alignments, hidden states, paths, soft and hard."""

from __future__ import annotations

import numpy as np
from program_registry import program


def softmin(a, b, c, gamma):
    m = min(a, b, c)
    return m - gamma * np.log(
        np.exp(-(a - m) / gamma) + np.exp(-(b - m) / gamma) + np.exp(-(c - m) / gamma)
    )


@program(lambda r: ((r.normal(size=9), r.normal(size=7)),), order=1, rolled=2)
def dynamic_time_warping(series):
    """The minimum of three neighbours in a table with a border of infinities."""
    x, y = series
    n, m = len(x), len(y)
    D = np.full((n + 1, m + 1), np.inf)
    D[0, 0] = 0.0
    for i in range(1, n + 1):
        for j in range(1, m + 1):
            cost = (x[i - 1] - y[j - 1]) ** 2
            D[i, j] = cost + min(D[i - 1, j], D[i, j - 1], D[i - 1, j - 1])
    return D[n, m]


@program(lambda r: ((r.normal(size=7), r.normal(size=6)), 0.5), rolled=4)
def soft_edit_distance(series, gamma):
    """The smooth minimum in place of the hard one; borders by loops of their own."""
    x, y = series
    D = np.zeros((len(x) + 1, len(y) + 1))
    for i in range(len(x)):
        D[i + 1, 0] = D[i, 0] + 1.0
    for j in range(len(y)):
        D[0, j + 1] = D[0, j] + 1.0
    for i in range(len(x)):
        for j in range(len(y)):
            match = D[i, j] + np.tanh((x[i] - y[j]) ** 2)
            D[i + 1, j + 1] = softmin(match, D[i, j + 1] + 1.0, D[i + 1, j] + 1.0, gamma)
    return D[-1, -1]


@program(lambda r: (np.array([0.9, 0.4, 0.7]), "kitten", "sitting"), order=1, rolled=0)
def weighted_edit_distance(w, a, b):
    """Letters steer the branches: strings are static, two rows of the table are lists."""
    substitute, insert, delete = w
    previous = [j * insert for j in range(len(b) + 1)]
    for i, p in enumerate(a, 1):
        current = [i * delete]
        for j, q in enumerate(b, 1):
            same = previous[j - 1] + (0.0 if p == q else substitute)
            current.append(min(same, previous[j] + delete, current[j - 1] + insert))
        previous = current
    return previous[-1]


@program(
    lambda r: ({"start": r.normal(size=3), "move": r.normal(size=(3, 3)),
                "emit": r.normal(size=(3, 4))}, r.integers(0, 4, size=15)),
    rolled=1,
)  # fmt: skip
def hmm_forward(p, seen):
    """Scaled forward recursion over integer observations."""
    A = np.exp(p["move"]) / np.exp(p["move"]).sum(axis=1, keepdims=True)
    B = np.exp(p["emit"]) / np.exp(p["emit"]).sum(axis=1, keepdims=True)
    alpha = np.exp(p["start"]) / np.exp(p["start"]).sum() * B[:, seen[0]]
    ll = 0.0
    for o in seen[1:]:
        scale = alpha.sum()
        ll += np.log(scale)
        alpha = (alpha / scale) @ A * B[:, o]
    return ll + np.log(alpha.sum())


@program(lambda r: (r.normal(size=(10, 3)), r.normal(size=(3, 3))), order=1, rolled=2)
def viterbi(scores, move):
    """The best path forwards, its choices in an integer table, then the score along it."""
    T, K = scores.shape
    delta = scores[0].copy()
    back = np.zeros((T, K), dtype=int)
    for t in range(1, T):
        total = delta[:, None] + move
        back[t] = np.argmax(total, axis=0)
        delta = np.max(total, axis=0) + scores[t]
    k = int(np.argmax(delta))
    value = 0.0
    for t in range(T - 1, -1, -1):
        value += np.exp(-0.1 * t) * scores[t, k]
        k = back[t, k]
    return value + delta.max()


@program(lambda r: (r.uniform(1, 4, size=6), np.array([2, 3, 4, 5, 1, 3]), 9), order=1, rolled=2)
def knapsack(value, weight, capacity):
    """A one-row table filled from the right, with integer weights as indices."""
    best = np.zeros(capacity + 1)
    for v, w in zip(value, weight):
        for c in range(capacity, w - 1, -1):
            best[c] = max(best[c], best[c - w] + v**2)
    return best[capacity]


@program(lambda r: (r.uniform(0.1, 1.0, size=(5, 5)),), order=1, rolled=3)
def shortest_paths(W):
    """Floyd and Warshall: three loops and one `if`."""
    n = len(W)
    D = W.copy()
    for k in range(n):
        for i in range(n):
            for j in range(n):
                through = D[i, k] + D[k, j]
                if through < D[i, j]:
                    D[i, j] = through
    return np.sum(D * np.arange(n * n).reshape(n, n))


@program(lambda r: (r.uniform(1.0, 3.0, size=6),), order=1, rolled=3)
def matrix_chain(dims):
    """Costs of chains by their length; the innermost loop keeps the best split."""
    n = len(dims) - 1
    m = np.zeros((n, n))
    for length in range(2, n + 1):
        for i in range(n - length + 1):
            j = i + length - 1
            best = np.inf
            for k in range(i, j):
                q = m[i, k] + m[k + 1, j] + dims[i] * dims[k + 1] * dims[j + 1]
                if q < best:
                    best = q
            m[i, j] = best
    return m[0, n - 1]


@program(lambda r: (r.normal(size=(8, 4)), np.array([1, 2, 1])), rolled=2)
def ctc_like(logits, label):
    """All alignments of a short label with a longer sequence, in logarithms."""
    logp = logits - np.log(np.sum(np.exp(logits), axis=1, keepdims=True))
    S = len(label)
    alpha = np.full(S + 1, -30.0)
    alpha[0] = 0.0
    for row in logp:
        new = np.empty(S + 1)
        new[0] = alpha[0] + row[0]
        for s in range(1, S + 1):
            new[s] = np.logaddexp(alpha[s] + row[0], alpha[s - 1] + row[label[s - 1]])
        alpha = new
    return -alpha[S]


@program(lambda r: (r.normal(size=(5, 6)),), order=1, rolled=2)
def seam(energy):
    """The cheapest path down an image, with clipped neighbours as slices' bounds."""
    rows, cols = energy.shape
    M = energy.copy()
    for i in range(1, rows):
        for j in range(cols):
            lo, hi = max(j - 1, 0), min(j + 1, cols - 1)
            M[i, j] += min(M[i - 1, lo], M[i - 1, j], M[i - 1, hi])
    return M[-1].min()


@program(lambda r: (r.normal(size=10),), order=1, rolled=1)
def largest_run(x):
    """The largest sum of consecutive numbers (Kadane)."""
    best = here = x[0]
    for v in x[1:]:
        here = max(v, here + v)
        best = max(best, here)
    return best**2
