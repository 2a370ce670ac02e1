"""Loops of few rounds in each other, and loops whose length is a sum of the rounds around them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from staging_checks import agrees, kinds, notes, rows, staged

import tapejit as tj
from tapejit.tape.ir import Tape

RNG = np.random.default_rng(5)
X = RNG.uniform(0.2, 1.3, (6, 6))


def shortest(d: Any, n: int) -> Any:
    d = d.copy()
    for k in range(n):
        for i in range(n):
            for j in range(n):
                d[i, j] = min(d[i, j], d[i, k] + d[k, j])
    return np.sum(d * d)


def product(a: Any, n: int) -> Any:
    c = np.zeros((n, n))
    for i in range(n):
        for j in range(n):
            s = 0.0
            for k in range(n):
                s += a[i, k] * a[j, k]
            c[i, j] = s
    return np.sum(c**3)


def eliminated(a: Any, n: int) -> Any:
    a = a + 4.0 * np.eye(n)
    for k in range(n):
        for i in range(k + 1, n):
            a[i, k] /= a[k, k]
            for j in range(k + 1, n):
                a[i, j] -= a[i, k] * a[k, j]
    s = 0.0
    for k in range(n):
        s += np.log(np.abs(a[k, k]))
    return s


def intervals(x: Any, n: int) -> Any:
    m = np.zeros((n, n))
    for w in range(1, n):
        for i in range(n - w):
            j = i + w
            best = np.inf
            for k in range(i, j):
                best = min(best, m[i, k] + m[k + 1, j] + x[i, k] * x[k, j])
            m[i, j] = best
    return np.sum(m)


def band(x: Any, n: int) -> Any:
    y = np.zeros(n)
    for i in range(n):
        for j in range(max(0, i - 2), min(n, i + 3)):
            y[i] += np.sin(x[i % 6, j % 6]) * y[j]
        y[i] += x[0, 0] * x[i % 6, 1]
    return np.sum(y)


def backwards(x: Any, n: int) -> Any:
    y = np.zeros(n)
    for i in range(n - 1, -1, -1):
        s = x[i, 0]
        for j in range(i + 1, n):
            s = s - np.tanh(x[i, j] * y[j])
        y[i] = s / x[i, i]
    return np.sum(y**2)


@pytest.mark.parametrize("fn", [shortest, product, eliminated, intervals, backwards])
@pytest.mark.parametrize("policy", ["never", "always"])
def test_nests_of_short_loops(fn: Any, policy: str) -> None:
    staged(fn, X, 6, policy=policy)


@pytest.mark.parametrize("fn", [eliminated, intervals, band, backwards])
@pytest.mark.parametrize("policy", ["never", "always"])
def test_loops_whose_length_differs_from_round_to_round(fn: Any, policy: str) -> None:
    x = RNG.uniform(0.2, 1.3, (9, 9))
    staged(fn, x, 9, policy=policy)


@pytest.mark.parametrize(("fn", "most"), [(shortest, 400), (product, 600), (eliminated, 450)])
def test_a_nest_is_not_unrolled_as_a_whole(fn: Any, most: int) -> None:
    assert rows(fn, X, 6) < most


def test_the_innermost_loops_of_a_nest_are_unrolled_up_to_a_number_of_rows() -> None:
    f = tj.value_and_grad(shortest)
    assert notes(f, X, 6) == [
        "rolled, 6 rounds of many rows",
        "rolled, 6 rounds of many rows",
        "unrolled: 6 rounds are few",
    ]
    assert kinds(f, X[:3, :3], 3) == ["unrolled"] * 3


def in_a_long_loop(x: Any) -> Any:
    t = x
    for _ in range(20):
        u = np.zeros(6)
        for i in range(6):
            for j in range(5):
                u[i] += t[i] * x[j]
        t = np.sin(0.1 * u)
    return np.sum(t)


def test_the_round_of_a_long_loop_is_unrolled_further() -> None:
    f = tj.value_and_grad(in_a_long_loop)
    assert kinds(f, X[0]) == ["rolled", "unrolled", "unrolled"]
    agrees(f, in_a_long_loop, X[0])


def branching(x: Any, n: int) -> Any:
    """Python asks for a value in each round, so that nothing is staged."""
    t = 0.0
    for i in range(n):
        for j in range(n):
            for k in range(n):
                if float(x[i, j]) > 0.5:
                    t = t + x[i, k] * x[k, j]
    return t


def listed(x: Any, n: int) -> Any:
    found = []
    for i in range(n):
        s = 0.0
        for j in range(n):
            for k in range(n):
                s = s + x[i, j] * x[j, k]
        found.append(s)
    return np.sum(np.array(found[: n - 1]) ** 2)


def leaving(x: Any, n: int) -> Any:
    t = 0.0
    for i in range(n):
        for j in range(n):
            for k in range(n):
                t = t + x[i, j] * x[j, k]
                if t > 5.0:
                    break
    return t


@pytest.mark.parametrize("fn", [branching, listed, leaving])
def test_what_only_python_can_run_stays_python(fn: Any) -> None:
    staged(fn, X, 5)


# ---------------------------------------------------------------- the most rounds


def capacities(tape: Tape) -> list[int | None]:
    """Return `most` of each loop of traced length, bodies in front."""
    found: list[int | None] = []
    for row in tape:
        for value in row.params.values():
            if isinstance(value, Tape):
                found += capacities(value)
        if row.prim.name == "for" and row.params["length"] < 0:
            found.append(row.params.get("most"))
    return found


def lengths(x: Any, bounds: Any) -> Any:
    t = 0.0
    for i in range(9):
        for j in bounds(i):
            t = t + np.sin(x[i] * x[j % 9])
    return t


@pytest.mark.parametrize(
    ("bounds", "most"),
    [
        (lambda i: range(i), 8),
        (lambda i: range(i + 1), 9),
        (lambda i: range(i + 1, 9), 8),
        (lambda i: range(9, i, -1), 9),
        (lambda i: range(2 * i, 20), 20),
        (lambda i: range(max(0, i - 2), min(9, i + 3)), 5),
        (lambda i: range(i, i + 12), 12),
        (lambda i: range(-i, 3 - i), 3),
        (lambda i: range(i - 20, -12), 8),
    ],
)
def test_the_most_rounds_of_a_loop(bounds: Any, most: int) -> None:
    x = np.linspace(0.3, 1.1, 9)
    assert max(len(bounds(i)) for i in range(9)) == most
    captured = tj.jit(lengths).tape(x, bounds)
    assert capacities(captured) == [most]
    staged(lengths, x, bounds)


def test_a_length_that_is_data_has_no_bound() -> None:
    def fn(x: Any, counts: Any) -> Any:
        t = 0.0
        for i in range(9):
            for j in range(counts[i]):
                t = t + np.sin(x[i] * j)
        return t

    counts = np.array([0, 3, 1, 9, 2, 2, 0, 5, 40])
    assert capacities(tj.jit(fn).tape(X[0].repeat(2), counts)) == [None]
    staged(fn, X[0].repeat(2), counts)


def test_a_bound_that_is_rebound_is_not_trusted() -> None:
    def fn(x: Any) -> Any:
        t, n = 0.0, 2
        for i in range(9):
            for j in range(i, n):
                t = t + np.sin(x[i] * j)
            n = n + 3
        return t

    assert capacities(tj.jit(fn).tape(X[0].repeat(2))) == [None]
    staged(fn, X[0].repeat(2))


def test_stacks_of_a_triangle_are_small() -> None:
    """What the reverse of an elimination reads is kept by element, not as a matrix for each row."""
    x = RNG.uniform(0.2, 1.3, (12, 12))
    program = tj.value_and_grad(eliminated, compile="always").tape(x, 12)

    def stacked(tape: Tape) -> int:
        loops = [row for row in tape if row.prim.name == "for" and not row.params["reverse"]]
        return sum(a.size for row in loops for a in row.aval.items[row.params["carry"] :])

    assert stacked(program) < 4 * 12**3


def test_second_derivatives_of_loops_of_differing_length() -> None:
    x = RNG.uniform(0.5, 1.3, (4, 4))
    found = tj.hessian(lambda v: backwards(v, 4))(x)
    g = tj.grad(lambda v: backwards(v, 4))
    h = 1e-6
    for at in np.ndindex(4, 4):
        e = np.zeros((4, 4))
        e[at] = h
        np.testing.assert_allclose(found[at], (g(x + e) - g(x - e)) / (2 * h), atol=1e-6)
