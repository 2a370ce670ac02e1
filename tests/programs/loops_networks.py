"""Recurrent networks: cells as functions, states in tuples and dicts, outputs in lists."""

from __future__ import annotations

import numpy as np
from program_registry import program


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def cell_weights(r, gates, n_in, n):
    return {
        "W": r.normal(size=(n_in, gates * n)) * 0.5,
        "U": r.normal(size=(n, gates * n)) * 0.5,
        "b": r.normal(size=gates * n) * 0.1,
    }


@program(lambda r: (cell_weights(r, 1, 3, 4), r.normal(size=(15, 3))), rolled=1, single=True)
def rnn_append_stack(p, xs):
    """A list that gets one state a turn, stacked when all is done."""
    h = np.zeros(4, dtype=xs.dtype)
    hs = []
    for x in xs:
        h = np.tanh(x @ p["W"] + h @ p["U"] + p["b"])
        hs.append(h)
    return np.mean(np.stack(hs) ** 2)


@program(lambda r: (cell_weights(r, 4, 2, 3), r.normal(size=(12, 2)), r.normal(size=12)), rolled=1)
def lstm_over_time(p, xs, targets):
    """Four gates by np.split, two states, a loss gathered with zip."""
    h, c = np.zeros(3), np.zeros(3)
    loss = 0.0
    for x, target in zip(xs, targets):
        i, f, o, g = np.split(x @ p["W"] + h @ p["U"] + p["b"], 4)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        h = sigmoid(o) * np.tanh(c)
        loss += (h.sum() - target) ** 2
    return loss / len(xs)


@program(lambda r: (cell_weights(r, 3, 2, 3), r.normal(size=(10, 4, 2))), rolled=1)
def gru_batch(p, xs):
    """Three gates by slices, a batch at every time, outputs written into a table."""
    T, B, _ = xs.shape
    n = 3
    hs = np.zeros((T + 1, B, n))
    for t in range(T):
        a = xs[t] @ p["W"] + p["b"]
        u = hs[t] @ p["U"]
        z = sigmoid(a[:, :n] + u[:, :n])
        r = sigmoid(a[:, n : 2 * n] + u[:, n : 2 * n])
        cand = np.tanh(a[:, 2 * n :] + r * u[:, 2 * n :])
        hs[t + 1] = (1 - z) * hs[t] + z * cand
    return np.sum(hs[1:] ** 2)


@program(lambda r: (cell_weights(r, 1, 2, 3), r.normal(size=(12, 2)), np.arange(12) < 9), rolled=1)
def rnn_masked(p, xs, mask):
    """Padding is skipped by `continue`; the state lives in a dict."""
    state = {"h": np.zeros(3), "count": 0.0}
    for x, real in zip(xs, mask):
        if not real:
            continue
        state["h"] = np.tanh(x @ p["W"] + state["h"] @ p["U"] + p["b"])
        state["count"] = state["count"] + 1.0
    return np.sum(state["h"] ** 2) / state["count"]


@program(lambda r: ([(r.normal(size=(a, b)) * 0.7, r.normal(size=b))
                     for a, b in ((3, 6), (6, 5), (5, 2))], r.normal(size=(4, 3))),
         rolled=0)  # fmt: skip
def layers_of_different_shapes(layers, x):
    """A list of layers that fit one after another: unrolled, since shapes change."""
    for i, (W, b) in enumerate(layers):
        x = x @ W + b
        if i < len(layers) - 1:
            x = np.tanh(x)
    return np.sum(x**2)


@program(lambda r: (r.normal(size=(5, 4, 4)) * 0.5, r.normal(size=4)), rolled=1)
def layers_stacked(W, x):
    """Layers of one shape, stacked: a loop over the rows of an array of matrices."""
    for k, w in enumerate(W):
        x = x + np.tanh(w @ x) / (k + 1)
    return x @ x


@program(lambda r: ([cell_weights(r, 1, 3, 3), cell_weights(r, 1, 3, 3)], r.normal(size=(5, 3))),
         rolled=2)  # fmt: skip
def two_layer_rnn(cells, xs):
    """One layer's list of outputs is the next one's input."""
    for p in cells:
        h = np.zeros(3)
        ys = []
        for x in xs:
            h = np.tanh(x @ p["W"] + h @ p["U"] + p["b"])
            ys.append(h)
        xs = ys
    return sum(y @ y for y in xs)


@program(lambda r: (r.normal(size=(3, 3)) * 0.6, r.normal(size=(6, 3))), rolled=0)
def attention_over_the_past(W, xs):
    """Each step attends to all earlier ones: the history grows, so this must be unrolled."""
    past = [xs[0]]
    for x in xs[1:]:
        keys = np.array(past)
        s = keys @ W @ x
        a = np.exp(s - s.max())
        past.append(np.tanh(x + (a / a.sum()) @ keys))
    return np.sum(past[-1] ** 2)


@program(lambda r: (r.normal(size=(4, 4)) * 0.4, r.normal(size=4)), rolled=1)
def echo_until_settled(W, x):
    """A state that runs until it settles, then is read out."""
    h = np.zeros(4)
    delta = np.inf
    steps = 0
    while delta > 1e-12:
        new = np.tanh(0.8 * W @ h + x)
        delta = np.abs(new - h).max()
        h = new
        steps += 1
        assert steps < 500
    return h.sum()


@program(lambda r: (r.normal(size=6), 4), rolled=2)
def polynomial_by_reversed(c, n):
    """Horner's rule with reversed(), for the polynomial and, in a second loop, its derivative."""
    x = 0.7
    y = 0.0
    for a in reversed(c):
        y = y * x + a
    d = 0.0
    for k in range(len(c) - 1, 0, -1):
        d = d * x + k * c[k]
    return y * d


@program(lambda r: (r.normal(size=(3, 3)) * 0.5, r.normal(size=3), 6), rolled=1)
def beam_of_samples(W, h, n):
    """Greedy decoding: an index found from values chooses the next input."""
    score = 0.0
    for _ in range(n):
        z = W @ h
        k = np.argmax(z)
        score += z[k] - np.log(np.sum(np.exp(z)))
        h = np.tanh(h + W[k])
    return score
