"""The model of the demonstration: handwritten digits, a two-layer classifier, Adam, in plain NumPy.

Only `value_and_grad` is tapejit's; the rest is what one writes without it.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from importlib import resources
from typing import Any, NamedTuple

import numpy as np

Array = np.ndarray[Any, np.dtype[np.float64]]
Params = dict[str, Array]

CLASSES, PIXELS, HIDDEN = 10, 64, 32
BATCH = 32
HELD_OUT = 360


class Digits(NamedTuple):
    """Images as rows of 64 numbers in [0, 1], and the digits they show."""

    train_x: Array
    train_y: Any
    test_x: Array
    test_y: Any


def load(seed: int) -> Digits:
    """Return the digits in random order, `HELD_OUT` of them set aside."""
    packed = resources.files("tapejit").joinpath("data/digits.csv.gz").read_bytes()
    table = np.array([line.split(b",") for line in gzip.decompress(packed).split()], dtype=float)
    table = np.random.default_rng(seed).permutation(table)
    x, y = table[:, :-1] / 16.0, table[:, -1].astype(int)
    return Digits(x[HELD_OUT:], y[HELD_OUT:], x[:HELD_OUT], y[:HELD_OUT])


def start(seed: int) -> Params:
    """Return random weights."""
    rng = np.random.default_rng(seed)
    return {
        "W1": rng.normal(size=(PIXELS, HIDDEN)) / np.sqrt(PIXELS),
        "b1": np.zeros(HIDDEN),
        "W2": rng.normal(size=(HIDDEN, CLASSES)) / np.sqrt(HIDDEN),
        "b2": np.zeros(CLASSES),
    }


def scores(params: Params, x: Array) -> Array:
    """Return one number for each image and digit, the largest for the digit it looks like."""
    h = np.tanh(x @ params["W1"] + params["b1"])
    out: Array = h @ params["W2"] + params["b2"]
    return out


def loss(params: Params, x: Array, labels: Array) -> Any:
    """Softmax cross-entropy of one-hot labels, plus weight decay."""
    z = scores(params, x)
    z = z - np.max(z, axis=1, keepdims=True)
    log_p = z - np.log(np.sum(np.exp(z), axis=1, keepdims=True))
    decay = np.sum(params["W1"] ** 2) + np.sum(params["W2"] ** 2)
    return -np.mean(np.sum(labels * log_p, axis=1)) + 1e-4 * decay


def accuracy(params: Params, x: Array, y: Any) -> float:
    """Return the fraction of images whose digit is recognised."""
    return float(np.mean(np.argmax(scores(params, x), axis=1) == y))


def batches(x: Array, y: Any, seed: int) -> Iterator[tuple[Array, Array]]:
    """Yield shuffled batches of images and one-hot labels for ever."""
    rng = np.random.default_rng(seed)
    labels = np.eye(CLASSES)[y]
    while True:
        order = rng.permutation(len(x))
        for at in range(0, len(x) - BATCH + 1, BATCH):
            chosen = order[at : at + BATCH]
            yield x[chosen], labels[chosen]


class Adam:
    """Adam (Kingma and Ba, 2015) on a dictionary of arrays, its rate falling as a cosine."""

    def __init__(self, params: Params, steps: int, rate: float = 5e-3) -> None:
        self.steps, self.rate, self.t = steps, rate, 0
        self.mean = {k: np.zeros_like(p) for k, p in params.items()}
        self.square = {k: np.zeros_like(p) for k, p in params.items()}

    def step(self, params: Params, gradient: Params) -> None:
        """Move the parameters, in place."""
        self.t += 1
        rate = self.rate * 0.5 * (1.0 + np.cos(np.pi * self.t / (self.steps + 1)))
        rate *= np.sqrt(1.0 - 0.999**self.t) / (1.0 - 0.9**self.t)
        for k, g in gradient.items():
            m, s = self.mean[k], self.square[k]
            m += 0.1 * (g - m)
            s += 0.001 * (g * g - s)
            params[k] -= rate * m / (np.sqrt(s) + 1e-8)
