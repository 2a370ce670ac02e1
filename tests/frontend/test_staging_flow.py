"""``while``, ``break``, ``continue``, ``else`` and early ``return``, in loops that are one row."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from staging_checks import agrees, kinds, notes, staged

import tapejit as tj

X = np.linspace(0.2137, 1.3171, 12)


def newton(x: Any) -> Any:
    y, step = x[0] + 1.0, 1.0
    while abs(step) > 1e-12:
        step = (y * y - x[3]) / (2 * y)
        y = y - step
    return y * x[1]


def halving(x: Any) -> Any:
    low, high, k = 0.0, 2.0 + x[0], 0
    while high - low > 1e-3 and k < 100:
        middle = 0.5 * (low + high)
        if middle**3 > x[5]:
            high = middle
        else:
            low = middle
        k += 1
    else:
        high = high * x[1]
    return (low + high) * x[2] + k


def forever(x: Any) -> Any:
    t, k = x[0], 0
    while True:
        t = t * 1.3 + 0.01 * x[1]
        k += 1
        if t > 3.0:
            break
    return t * x[2] + k


def first_above(x: Any) -> Any:
    found = 0.0
    for k, v in enumerate(x):
        if v > 0.75:
            found = v * k
            break
    else:
        found = -x[0]
    return found * x[1]


def returned(x: Any) -> Any:
    t = 0.0 * x[0]
    for k, v in enumerate(x):
        t = t + v
        if t > 3.0:
            return t * k
    return t * x[0]


def skipping(x: Any) -> Any:
    t = 0.0
    for k, v in enumerate(x):
        if k % 3 == 1 or v > 1.1:
            continue
        t = t * 0.5 + v * v
        if t > 1.2:
            t = t - 1.0
            continue
        t = np.sin(t)
    return t


def both(x: Any) -> Any:
    t, n = x[0], 0
    for i in range(12):
        for j in range(12):
            if j > i:
                break
            if (i + j) % 2:
                continue
            t = np.sin(t + x[i] * x[j])
            n += 1
        else:
            t = t * 2.0
        if t > 5.0:
            return t
    return t * n


def nested_whiles(x: Any) -> Any:
    t, total = x[0], 0.0
    while t < 4.0:
        s = t
        while s > 0.5:
            s = 0.6 * s
        total = total + s * t
        t = t * 1.2 + 0.1 * x[1]
    return total


FLOWS = [newton, halving, forever, first_above, returned, skipping, both, nested_whiles]


@pytest.mark.parametrize("fn", FLOWS, ids=lambda fn: fn.__name__)
def test_flow_is_staged(fn: Any) -> None:
    f = staged(fn, X)
    assert {"rolled", "staged"} >= set(kinds(f, X)), notes(f, X)
    tape = str(f.tape(X))
    assert "guard" not in tape and (" for " in tape or " while " in tape)


@pytest.mark.parametrize("fn", FLOWS, ids=lambda fn: fn.__name__)
def test_other_numbers_of_rounds_are_the_same_program(fn: Any) -> None:
    """The program of one call answers calls that break earlier, later or never."""
    f = tj.value_and_grad(fn, compile="never")
    for scale in (1.0, 1.0, 0.3, 0.55, 0.71, 1.37, 2.1):
        agrees(f, fn, X * scale, tol=1e-5)
    assert f.stats()["captures"] == 2 and f.stats()["interpreted"] == 5


@pytest.mark.parametrize("fn", [halving, returned, both], ids=lambda fn: fn.__name__)
def test_compiled(fn: Any) -> None:
    f = tj.value_and_grad(fn, compile="always")
    for scale in (1.0, 0.55, 1.37):
        agrees(f, fn, X * scale, tol=1e-5)
    assert f.stats()["kernels"] == 1


def test_a_counter_in_a_while_loop() -> None:
    """Its test is a plain True at first: the count is carried all the same."""

    def fn(x: Any, n: int) -> Any:
        k = 0
        while k < n:
            x = np.sin(x)
            k += 1
        return np.sum(x) * k

    f = staged(fn, X, 9, became=["rolled"])
    assert len(f.tape(X, 9)) == len(f.tape(X, 90))


def test_a_test_without_traced_values_is_python() -> None:
    def fn(x: Any) -> Any:
        names = ["sin", "cos", "tanh"]
        while names:
            x = getattr(np, names.pop())(x)
        return np.sum(x)

    f = staged(fn, X)
    assert notes(f, X) == [] and " while " not in str(f.tape(X))


def test_first_return_of_many_on_both_sides() -> None:
    def fn(x: Any) -> Any:
        s = np.sum(x)
        if s > 9.0:
            if x[0] > 0.3:
                return s * x[1]
            s = s - 1.0
        elif s < 8.0:
            return np.sin(s)
        for v in x:
            if v * s > 8.0:
                return v * s
        return -s

    f = tj.value_and_grad(fn, compile="never")
    for scale in (1.0, 1.0, 0.5, 0.93, 0.95, 1.2, 2.0):
        agrees(f, fn, X * scale)
    assert f.stats()["captures"] == 2


def test_a_test_that_is_evaluated_once_a_round() -> None:
    """``and`` does not evaluate its right side when the left decides: no index out of bounds."""

    def fn(x: Any) -> Any:
        k = 0
        while k < 12 and x[k] < 0.9:
            k += 1
        t = 0.0 * x[0]
        for i in range(k):
            t = t + x[i] ** 2
        return t

    f = tj.value_and_grad(fn, compile="never")
    for scale in (1.0, 1.0, 0.5, 3.0, 9.0):
        agrees(f, fn, X * scale)
