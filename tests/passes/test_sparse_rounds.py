"""Reverse rounds whose cotangent is zero are skipped, and nothing else is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tapejit as tj
from tapejit.passes import sparse_rounds
from tapejit.tape.ir import Tape


def warping(x, y):
    D = np.full((len(x) + 1, len(y) + 1), np.inf)
    D[0, 0] = 0.0
    for i in range(len(x)):
        for j in range(len(y)):
            best = min(D[i, j], D[i, j + 1], D[i + 1, j])
            D[i + 1, j + 1] = (x[i] - y[j]) ** 2 + best
    return D[-1, -1]


def smoothed(x, y):
    a = np.zeros(len(x))
    a[0] = x[0]
    for i in range(1, len(x)):
        a[i] = y[0] * a[i - 1] + x[i] * y[1]
    return np.sum(a**2)


def added_as_it_is(x, y):
    """The cotangent of a[i] is that of x[i], too."""
    a = np.zeros(len(x))
    a[0] = x[0]
    for i in range(1, len(x)):
        a[i] = max(y[0] * a[i - 1], y[1]) + x[i]
    return a[5] ** 2


def running_best(x, y):
    """The cotangent of the best goes to the round that has set it."""
    a, best = np.zeros(len(x)), 0.0
    for i in range(1, len(x)):
        v = max(0.0, a[i - 1] * y[0] + x[i])
        best = max(best, v)
        a[i] = v
    return best


def best_of_others(x, y):
    """What is chosen of the carried number goes on where it is not chosen, but multiplied."""
    a, best = np.zeros(len(x)), 0.0
    for i in range(1, len(x)):
        v = a[i - 1] * y[0] + x[i]
        best = max(best * y[1], v)
        a[i] = v
    return best


def doubled(x, y):
    """Its reverse may run in vector registers: no branch there."""
    a = np.zeros(len(x))
    for i in range(len(x)):
        a[i] = x[i] * y[0]
    return np.sum(a**2)


def read_twice(x, y):
    """A round that reads two carried cotangents is no single branch."""
    a, c = np.zeros(len(x)), np.zeros(len(x))
    for i in range(1, len(x)):
        a[i] = a[i - 1] * y[0] + x[i]
        c[i] = c[i - 1] * y[1] + a[i]
    return np.sum(c**2)


def constant_added(x, y):
    """The carried number's cotangent goes on when that of the element is zero."""
    a, s = np.zeros(len(x)), 1.0
    for i in range(1, len(x)):
        s = s * y[0] + x[i]
        a[i] = a[i - 1] * y[1] + s
    return a[3] + s


def shared_sum(x, y):
    """The cotangents of y are sums that a round adds to and reads in no other way."""
    a, s = np.zeros(len(x)), 0.0
    for i in range(1, len(x)):
        a[i] = a[i - 1] * y[1] + x[i]
        s = s + a[i] * s
    return a[3] + s


def branches(tape: Tape) -> int:
    found = [row for row in tape if row.prim.name == "cond"]
    return len(found) + sum(branches(body) for body in tape.bodies())


@pytest.mark.parametrize(
    "fn, skips",
    [
        (warping, 1),
        (smoothed, 1),
        (added_as_it_is, 1),
        (running_best, 1),
        (best_of_others, 0),
        (doubled, 0),
        (read_twice, 0),
        (constant_added, 0),
        (shared_sum, 0),
    ],
    ids=lambda v: getattr(v, "__name__", v),
)
def test_gradients_with_and_without(
    fn: Callable[..., Any], skips: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=12), rng.normal(size=9)
    made = tj.value_and_grad(fn, argnums=(0, 1), compile="never")
    value, gradient = made(x, y)
    assert branches(made.tape(x, y)) == skips
    monkeypatch.setattr(sparse_rounds, "skip_zero_rounds", lambda body, carry: body)
    plain = tj.value_and_grad(fn, argnums=(0, 1), compile="never")
    other, wanted = plain(x, y)
    assert branches(plain.tape(x, y)) == 0
    assert value == other == fn(x, y)
    for have, want in zip(gradient, wanted):
        np.testing.assert_array_equal(have, want)


def test_second_derivatives_and_kernels() -> None:
    rng = np.random.default_rng(2)
    x, y = rng.normal(size=12), rng.normal(size=9)
    for policy in ("never", "always"):
        f = tj.grad(lambda y: tj.grad(smoothed, argnums=1)(x, y)[0], compile=policy)
        h = 1e-5
        g = tj.grad(smoothed, argnums=1, compile="never")
        step = np.eye(9)[1] * h
        difference = (g(x, y + step)[0] - g(x, y - step)[0]) / (2 * h)
        np.testing.assert_allclose(f(y)[1], difference, rtol=1e-6)


@pytest.mark.parametrize("fn", [smoothed, added_as_it_is])
def test_second_derivatives_where_cotangents_are_zero(fn: Callable[..., Any]) -> None:
    """The cotangent of a**2 at zero is zero, and its derivative is not."""
    x, y = np.zeros(12), np.array([0.5, -1.0])

    def at(x):
        return fn(x, y)

    gradient = tj.grad(at, compile="never")
    h = 1e-6
    wanted = np.array([(gradient(x + h * e) - gradient(x - h * e)) / (2 * h) for e in np.eye(12)])
    assert np.abs(wanted).max() > 0.5
    for policy in ("never", "always"):
        for hessian in (tj.hessian(at, compile=policy), tj.jacrev(tj.grad(at))):
            np.testing.assert_allclose(hessian(x), wanted, atol=1e-5)
