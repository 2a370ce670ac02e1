"""Every transformation of functions with loops and branches, and transformations inside loops."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tapejit as tj
from tapejit.testing import check_grads


def recurrence(p, x):
    s = 0.1
    for t in range(len(x)):
        s = np.sin(p[0] * s) + p[1] * np.exp(-s * s) * x[t]
    return s


def table(p, x):
    a = np.zeros(len(x))
    a[0] = p[0]
    for i in range(1, len(x)):
        if a[i - 1] > 0.3:
            a[i] = np.sin(a[i - 1]) * p[1] + x[i]
        else:
            a[i] = a[i - 1] ** 2 + p[0] * x[i]
    return np.sum(a**2)


def halving(p, x):
    total = 0.0
    for v in x:
        y = 3.0 + np.abs(v) + p[0]
        while y > 1.0:
            y = y * 0.6 + 0.01 * np.sin(p[1] * y)
        total += y * y
    return total


P, X = np.array([0.9, 0.3]), np.random.default_rng(0).normal(size=12)
FUNCTIONS = pytest.mark.parametrize("fn", [recurrence, table, halving], ids=lambda f: f.__name__)


def gradient(fn: Callable[..., Any], p: Any, h: float = 1e-5) -> Any:
    steps = h * np.eye(len(p))
    return np.array([
        (8 * (fn(p + e, X) - fn(p - e, X)) - (fn(p + 2 * e, X) - fn(p - 2 * e, X))) / (12 * h)
        for e in steps
    ])  # fmt: skip


@FUNCTIONS
def test_first_derivatives_agree(fn: Callable[..., Any]) -> None:
    wanted = gradient(fn, P)
    t = np.array([0.7, -1.1])
    np.testing.assert_allclose(tj.grad(fn)(P, X), wanted, rtol=1e-8)
    np.testing.assert_allclose(tj.jacfwd(fn)(P, X), wanted, rtol=1e-8)
    np.testing.assert_allclose(tj.jacrev(fn)(P, X), wanted, rtol=1e-8)
    value, tangent = tj.jvp(lambda p: fn(p, X), (P,), (t,))
    np.testing.assert_allclose([value, tangent], [fn(P, X), wanted @ t], rtol=1e-8)
    out, push = tj.linearize(lambda p: fn(p, X), P)
    np.testing.assert_allclose([out, push(t)], [fn(P, X), wanted @ t], rtol=1e-8)
    out, pull = tj.vjp(lambda p: fn(p, X), P)
    np.testing.assert_allclose(pull(np.float64(2.0))[0], 2 * wanted, rtol=1e-8)


@FUNCTIONS
def test_second_derivatives_agree(fn: Callable[..., Any]) -> None:
    plain = tj.grad(fn, compile="never")
    h, v = 1e-5, np.array([0.7, -1.1])
    wanted = np.array([(plain(P + e, X) - plain(P - e, X)) / (2 * h) for e in h * np.eye(2)])
    np.testing.assert_allclose(tj.hessian(fn)(P, X), wanted, rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(tj.hvp(lambda p: fn(p, X))(P, v), wanted @ v, rtol=1e-6, atol=1e-8)
    over = tj.jvp(tj.grad(lambda p: fn(p, X)), (P,), (v,))[1]
    np.testing.assert_allclose(over, wanted @ v, rtol=1e-6, atol=1e-8)
    check_grads(lambda p: fn(p, X), (P,))


@FUNCTIONS
def test_maps_of_loops(fn: Callable[..., Any]) -> None:
    many = np.stack([P, 0.9 * P, 1.1 * P])
    values = tj.vmap(lambda p: recurrence(p, X))(many)
    np.testing.assert_allclose(values, [recurrence(p, X) for p in many], rtol=1e-13)
    if fn is recurrence:
        found = tj.vmap(tj.grad(lambda p: fn(p, X)))(many)
        np.testing.assert_allclose(found, [gradient(fn, p) for p in many], rtol=1e-8)
        total = tj.grad(lambda q: np.sum(tj.vmap(lambda p: fn(p, X))(q)))(many)
        np.testing.assert_allclose(total, found, rtol=1e-12)


def test_a_map_in_a_loop() -> None:
    def f(p):
        s = p
        for _ in range(10):
            s = tj.vmap(lambda v: np.sin(v) * 0.9)(s) + 0.1 * p
        return np.sum(s**2)

    check_grads(f, (np.array([0.3, 0.8, -0.4]),))


def loss(params, X, y):
    h = np.tanh(X @ params["W"] + params["b"])
    return np.mean((h @ params["v"] - y) ** 2)


def train(params, X, y, rate, steps):
    velocity = {k: np.zeros_like(v) for k, v in params.items()}
    for _ in range(steps):
        value, g = tj.value_and_grad(loss)(params, X, y)
        for k in params:
            velocity[k] = 0.9 * velocity[k] - rate * g[k]
        params = {k: params[k] + velocity[k] for k in params}
    return params, value


@pytest.mark.parametrize("policy", ["never", "always"])
def test_a_training_loop_is_one_row(policy: str) -> None:
    rng = np.random.default_rng(1)
    params = {"W": rng.normal(size=(4, 5)), "b": np.zeros(5), "v": rng.normal(size=5)}
    X, y = rng.normal(size=(30, 4)), rng.normal(size=30)
    f = tj.jit(train, compile=policy)
    found, value = f(params, X, y, 0.05, 40)
    step = tj.value_and_grad(loss, compile="never")
    wanted, speed = dict(params), {k: np.zeros_like(v) for k, v in params.items()}
    for _ in range(40):
        last, g = step(wanted, X, y)
        for k in params:
            speed[k] = 0.9 * speed[k] - 0.05 * g[k]
            wanted[k] = wanted[k] + speed[k]
    np.testing.assert_allclose(value, last, rtol=1e-10)
    for k in params:
        np.testing.assert_allclose(found[k], wanted[k], rtol=1e-9)
    tape = f.tape(params, X, y, 0.05, 40)
    assert [row.prim.name for row in tape].count("for") == 1
    assert len(f.tape(params, X, y, 0.05, 400)) == len(tape)


def test_a_training_loop_differentiates() -> None:
    """The gradient of the loss after training with respect to the learning rate."""
    rng = np.random.default_rng(2)
    params = {"W": rng.normal(size=(3, 4)), "b": np.zeros(4), "v": rng.normal(size=4)}
    X, y = rng.normal(size=(12, 3)), rng.normal(size=12)

    def final(rate):
        trained, _ = train(params, X, y, rate, 9)
        return loss(trained, X, y)

    h = 1e-5
    plain = tj.jit(final, compile="never")
    slope = (plain(0.02 + h) - plain(0.02 - h)) / (2 * h)
    np.testing.assert_allclose(tj.grad(final)(0.02), slope, rtol=1e-6)
