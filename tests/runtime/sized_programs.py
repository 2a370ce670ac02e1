"""Functions that are called with arrays of many sizes.

`SIZED` maps a name to ``(transformed, arguments)``, where ``arguments(n, m)`` makes the arguments of
a call. Each is one kernel text but for its numbers as long as n and m are between 40 and 400.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import tapejit as tj

SIZED: dict[str, tuple[Callable[..., Any], Any, Callable[[int, int], tuple[Any, ...]]]] = {}


def normal(*shape: int) -> Any:
    return np.random.default_rng(sum(shape)).normal(size=shape)


def sized(transform: Any, arguments: Any) -> Any:
    """Enter a function into the table."""

    def enter(fn: Any) -> Any:
        SIZED[fn.__name__] = (fn, transform, arguments)
        return fn

    return enter


@sized(tj.value_and_grad, lambda n, m: (normal(n),))
def rosenbrock(x):
    return np.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2)


@sized(
    tj.value_and_grad,
    lambda n, m: (
        {"W": normal(6, m), "b": normal(m), "V": normal(m, 3)},
        normal(n, 6),
        normal(n, 3),
    ),
)
def perceptron(params, x, y):
    z = np.tanh(x @ params["W"] + params["b"]) @ params["V"]
    z = z - np.max(z, axis=1, keepdims=True)
    return -np.mean(np.sum(y * (z - np.log(np.sum(np.exp(z), axis=1, keepdims=True))), axis=1))


@sized(tj.grad, lambda n, m: (np.array([0.1, 0.1, 0.8]), normal(n)))
def volatility(p, r):
    h, total = 1.0, 0.0
    for i in range(len(r)):
        h = p[0] + p[1] * r[i] ** 2 + p[2] * h
        total = total + np.log(h) + r[i] ** 2 / h
    return total


@sized(tj.grad, lambda n, m: (normal(24, 24) / 24, normal(n, 24)))
def recurrent(w, xs):
    h = np.zeros(w.shape[0])
    for t in range(xs.shape[0]):
        h = np.tanh(w @ h + xs[t])
    return np.sum(h * h)


@sized(tj.jit, lambda n, m: (normal(n, 13), normal(n)))
def with_a_host_step(x, y):
    w = np.linalg.solve(x.T @ x + 0.1 * np.eye(13), x.T @ y)
    return np.mean((x @ w - y) ** 2), w


@sized(tj.hvp, lambda n, m: (normal(n), normal(n + 1)[:n]))
def second_order(x):
    return np.sum(np.sin(x[1:] * x[:-1]) + np.exp(-(x[:-1] ** 2)))


@sized(tj.grad, lambda n, m: (normal(n).astype("f4"), normal(m).astype("f4")))
def single_precision(x, y):
    return np.mean(np.exp(-np.abs(x[:, None] - y[None, :])))


@sized(tj.value_and_grad, lambda n, m: (normal(n), normal(m)))
def joined(x, y):
    z = np.concatenate([x[::2], np.sin(y), x[1::2]])
    return np.sum(z**2) + np.sum(np.cumsum(x) * x) + x[-1] * y[-1]
