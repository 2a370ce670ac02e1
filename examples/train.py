"""A training loop: a two-layer network learns to tell two spirals apart, in plain NumPy.

Parameters are a dict; the gradient is a dict with the same keys.
"""

from __future__ import annotations

import numpy as np

import tapejit as tj

rng = np.random.default_rng(0)
n = 200
angle = np.sqrt(rng.uniform(size=n)) * 3 * np.pi
turn = rng.integers(0, 2, n)
X = np.stack([np.cos(angle + np.pi * turn), np.sin(angle + np.pi * turn)], axis=1)
X = X * angle[:, None] / 5 + 0.03 * rng.normal(size=(n, 2))
y = turn.astype(float)

params = {
    "W1": rng.normal(size=(2, 32)),
    "b1": rng.normal(size=32),
    "W2": rng.normal(size=(32, 32)) / np.sqrt(32),
    "b2": np.zeros(32),
    "w3": np.zeros(32),
}


def score(params, X):
    h = np.tanh(X @ params["W1"] + params["b1"])
    h = np.tanh(h @ params["W2"] + params["b2"])
    return h @ params["w3"]


@tj.value_and_grad
def loss(params, X, y):
    """Logistic loss: the mean of log(1 + exp(z)) - y z, without overflow."""
    z = score(params, X)
    return np.mean(np.logaddexp(0.0, z) - y * z)


velocity = {k: np.zeros_like(p) for k, p in params.items()}
for step in range(1501):
    value, gradient = loss(params, X, y)
    for k, g in gradient.items():
        velocity[k] = 0.95 * velocity[k] - 0.05 * g
        params[k] += velocity[k]
    if step % 300 == 0:
        right = np.mean((score(params, X) > 0) == (y > 0.5))
        print(f"step {step:4d}   loss {value:.4f}   right {right:.1%}")

stats = loss.stats()
print(f"{stats['captures']} captures, {stats['interpreted']} interpreted and "
      f"{stats['compiled']} compiled calls")  # fmt: skip
assert value < 0.1 and right > 0.97
assert stats["captures"] == 2
