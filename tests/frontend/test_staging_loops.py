"""``for`` loops: one row whatever the number of rounds, over all that has a length and items."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from staging_checks import agrees, kinds, notes, rows, staged

import tapejit as tj

X = np.linspace(0.2137, 1.3171, 12)


def counted(x: Any, n: int) -> Any:
    t = x[0]
    for k in range(n):
        t = np.sin(t + 0.1 * k * x[1])
    return t


def down(x: Any, n: int) -> Any:
    t = x[0]
    for k in range(n, -n, -2):
        t = t + x[k] * k
    return t


def from_to(x: Any, n: int) -> Any:
    t = x[0]
    for k in range(n - 8, n + 3, 1):
        t = np.cos(t) + 0.01 * k
    return t


def elements(x: Any, n: int) -> Any:
    t = 0.0
    for v in x:
        t = np.tanh(t + v)
    return t


def matrix_rows(x: Any, n: int) -> Any:
    m = np.outer(x, x[:3])
    t = np.zeros(3)
    for row in m:
        t = np.sin(t + row)
    return np.sum(t)


def numbered(x: Any, n: int) -> Any:
    t = 0.0
    for k, v in enumerate(x, 3):
        t = t * 0.5 + k * v
    return t


def pairs(x: Any, n: int) -> Any:
    t = 0.0
    for a, b in zip(x, x[1:]):  # noqa: RUF007
        t = t + (a - b) * a
    return t


def numbered_pairs(x: Any, n: int) -> Any:
    t = 0.0
    for k, (a, (b, c)) in enumerate(zip(x, zip(x[::-1], reversed(range(12))))):
        t = t * 0.9 + a * b * c - k
    return t


def backwards(x: Any, n: int) -> Any:
    t = 0.0
    for v in reversed(x):
        t = 0.5 * t + v * v
    for k in reversed(range(10)):
        t = t + x[k] * k
    return t


def constant_array(x: Any, n: int) -> Any:
    t = x[0]
    for w in np.linspace(0, 1, 11):
        t = np.sin(t * w + x[1])
    return t


LOOPS = [
    counted, down, from_to, elements, matrix_rows, numbered, pairs, numbered_pairs, constant_array,
]  # fmt: skip


@pytest.mark.parametrize("fn", LOOPS, ids=lambda fn: fn.__name__)
def test_what_a_rolled_loop_goes_through(fn: Any) -> None:
    f = staged(fn, X, 10, became=["rolled"])
    assert str(f.tape(X, 10)).count(" for ") >= 1


def test_two_loops_backwards() -> None:
    staged(backwards, X, 10, became=["rolled", "rolled"])


@pytest.mark.parametrize("fn", [counted, elements, pairs], ids=lambda fn: fn.__name__)
def test_compiled(fn: Any) -> None:
    staged(fn, X, 10, became=["rolled"], policy="always")


def test_the_tape_does_not_grow_with_the_rounds() -> None:
    assert rows(counted, X, 10) == rows(counted, X, 1_000_000)
    one, other = (rows(elements, np.linspace(0, 1, n), 0) for n in (10, 1_000_000))
    assert one == other


def test_a_million_rounds() -> None:
    """The derivative of the logistic map at a fixed point is that of a geometric series."""

    def settled(r: Any, n: int) -> Any:
        x = 0.3
        for _ in range(n):
            x = r * x * (1 - x)
        return x

    f = tj.value_and_grad(settled, compile="always")
    v, g = f(2.5, 1_000_000)
    assert np.isclose(v, 1 - 1 / 2.5, rtol=1e-12) and np.isclose(g, 1 / 2.5**2, rtol=1e-9)


@pytest.mark.parametrize("policy", ["never", "always"])
def test_traced_bounds_need_no_new_program(policy: str) -> None:
    def fn(x: Any, n: Any) -> Any:
        t = 0.0 * x[0]  # NumPy's, in no round either
        for k in range(1, n, 2):
            t = np.sin(t + x[k % 12])
        for k in range(n, 0, -1):
            t = t * 0.9 + x[0] * k
        return t

    f = tj.value_and_grad(fn, compile=policy)
    for n in (5, 5, 12, 0, 1, 2, 40):
        agrees(f, fn, X, np.int64(n))
    stats = f.stats()
    assert stats["captures"] == 2 and stats["kernels"] == (policy == "always")
    assert kinds(f, X, np.int64(5)) == ["rolled", "rolled"]


def test_an_int_that_varies_becomes_a_traced_bound() -> None:
    f = tj.value_and_grad(counted, compile="always")
    for n in range(8, 30):
        agrees(f, counted, X, n)
    before = f.stats()
    for n in range(30, 50):
        f(X, n)
    assert f.stats()["captures"] == before["captures"] and f.stats()["kernels"] <= 3


def test_few_rounds_are_unrolled() -> None:
    f = tj.value_and_grad(counted, compile="never")
    agrees(f, counted, X, 4)
    assert notes(f, X, 4) == ["unrolled: 4 rounds are few"]
    assert " for " not in str(f.tape(X, 4))


def test_no_round_at_all() -> None:
    def fn(x: Any, n: Any) -> Any:
        t, k = x[0], 7
        for k in range(n):  # noqa: B007
            t = t * x[1]
        for v in x[:0]:
            t = t + v
        else:
            t = t * 2
        return t * k

    f = tj.value_and_grad(fn, compile="never")
    for n in (0, 0, 3, 9):
        agrees(f, fn, X, np.int64(n))


def test_the_variable_of_the_loop_keeps_its_last_value() -> None:
    def fn(x: Any) -> Any:
        for k, v in enumerate(x):
            t = v * k
        return t + k * v

    staged(fn, X, became=["rolled"])


def nested(x: Any, n: int) -> Any:
    t = 0.0
    for i in range(n):
        s = x[i]
        for j in range(i):
            for v in x:
                s = np.sin(s + v * x[j])
        t = t + s * i
    return t


def step(x: Any, t: Any) -> Any:
    for v in x:
        t = np.sin(t + v)
    return t


def called(x: Any, n: int) -> Any:
    t = 0.0
    for k in range(n):
        t = step(x, t) * (lambda v: v + k)(x[k])
    return t


def test_nested_loops() -> None:
    f = staged(nested, X, 9, became=["rolled"] * 3)
    assert rows(nested, X, 9) == rows(nested, X, 12)
    assert str(f.tape(X, 9)).count(" for ") >= 3


def test_loops_in_functions_called_from_loops() -> None:
    staged(called, X, 9, became=["rolled"] * 2)


def test_second_order() -> None:
    f = tj.hessian(lambda x: counted(x, 10), compile="never")
    h = 1e-5
    g = tj.grad(counted, compile="never")
    numeric = [(g(X + h * e, 10) - g(X - h * e, 10)) / (2 * h) for e in np.eye(12)]
    np.testing.assert_allclose(f(X), numeric, atol=1e-8)


def test_forward_mode() -> None:
    v = np.cos(X)
    for fn in (counted, nested):
        out, tangent = tj.jvp(lambda x, fn=fn: fn(x, 9), (X,), (v,))
        _, g = tj.value_and_grad(fn)(X, 9)
        assert np.isclose(out, fn(X, 9)) and np.isclose(tangent, g @ v, rtol=1e-12)
