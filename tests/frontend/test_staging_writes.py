"""Writes in rolled loops: every kind of index, swaps, whole arrays, buffers that loops share."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from staging_checks import agrees, rows, staged

import tapejit as tj

X = np.linspace(0.2137, 1.3171, 12)


def recurrence(x: Any) -> Any:
    a = np.zeros(12)
    a[0] = x[0]
    for i in range(1, 12):
        a[i] = np.sin(a[i - 1]) + x[i] * a[i - 1]
    return np.sum(a * a)


def table(x: Any) -> Any:
    d = np.full((10, 11), 0.5)
    for i in range(1, 10):
        for j in range(1, 11):
            d[i, j] = (x[i] - x[j]) ** 2 + min(d[i - 1, j], d[i, j - 1], d[i - 1, j - 1])
    return d[-1, -1]


def negative(x: Any) -> Any:
    a = np.zeros(12)
    for i in range(12):
        a[-1 - i] = x[i] * a[-i] + x[-2]
    return np.sum(a[::2])


def windows(x: Any) -> Any:
    a = x.copy()
    for i in range(9):
        a[i + 1] += np.sum(a[i : i + 3]) * 0.1
        a[i : i + 2] = a[i + 1 : i + 3] * x[i]
    return np.sum(a * x)


def stencil(x: Any) -> Any:
    u = x.copy()
    for _ in range(10):
        u[1:-1] += 0.2 * (u[2:] - 2 * u[1:-1] + u[:-2])
    return np.sum(u**2)


def rows_written(x: Any) -> Any:
    m = np.zeros((9, 4))
    m[0] = x[:4]
    for i in range(8):
        m[i + 1, :] = np.tanh(m[i] * x[i])
        m[i + 1, 2] += x[0]
        m[:, 1] *= 0.9
    return np.sum(m[-1]) + np.sum(m[:, 1])


def swaps(x: Any) -> Any:
    a = x * 1.0
    for i in range(11):
        if a[i] < a[i + 1] * np.cos(x[2]):
            a[i], a[i + 1] = a[i + 1], a[i]
    for i in range(6):
        a[[i, 11 - i]] = a[[11 - i, i]]
    return np.sum(a * np.arange(12))


def data_dependent(x: Any) -> Any:
    a = np.zeros(5)
    for v in x:
        a[int(v * 3) % 5] += v * v
    for k in range(12):
        a[np.argmax(a)] *= 0.5 + 0.01 * x[k]
    return np.sum(a * np.arange(1.0, 6.0))


def inplace(x: Any) -> Any:
    a = np.ones(12)
    for k in range(9):
        a += x
        a *= 0.5
        a -= a[k]
    return np.sum(a * x)


def through_views(x: Any) -> Any:
    m = np.zeros((4, 12))
    row = m[2]
    for i in range(12):
        row[i] = x[i] * (i + 1)
        m.T[i][0] = x[i] ** 2
        m[1:3][0, i] -= row[i]
    return np.sum(m * np.arange(4.0)[:, None]) + np.sum(row[:3]) + np.sum(m[0] * x)


def shared_buffer(x: Any) -> Any:
    a = np.zeros(12)
    for i in range(12):
        a[i] = x[i] ** 2
    for i in range(1, 12):
        a[i] += a[i - 1]
    for i in reversed(range(11)):
        a[i] = a[i] * a[i + 1]
    return a[0] + np.sum(a)


def integers(x: Any) -> Any:
    """An int array counts, a float array is read at places it holds."""
    place = np.zeros(12, dtype=int)
    for i in range(1, 12):
        place[i] = (place[i - 1] + 5) % 12
    t = 0.0
    for i in range(12):
        t = t * 0.7 + x[place[i]]
    return t


WRITES = [
    recurrence, table, negative, windows, stencil, rows_written, swaps, data_dependent, inplace,
    through_views, shared_buffer, integers,
]  # fmt: skip


@pytest.mark.parametrize("fn", WRITES, ids=lambda fn: fn.__name__)
def test_writes_in_rolled_loops(fn: Any) -> None:
    f = staged(fn, X)
    traced = f._dispatcher.program((X,), {}).traced
    for _, what in traced.notes:
        assert what.startswith(("rolled", "staged", "unrolled: 6 rounds are few")), what


@pytest.mark.parametrize(
    "fn", [recurrence, table, windows, rows_written, swaps], ids=lambda f: f.__name__
)
def test_compiled(fn: Any) -> None:
    f = tj.value_and_grad(fn, compile="always")
    for at in (X, X * 1.1, X[::-1].copy()):
        agrees(f, fn, at)


def test_a_buffer_is_as_long_as_its_loop() -> None:
    def filled(x: Any) -> Any:
        n = x.shape[0]
        a = np.zeros(n)
        a[0] = x[0]
        for i in range(1, n):
            a[i] = 0.5 * a[i - 1] + x[i]
        return a[-1]

    assert rows(filled, np.ones(10)) == rows(filled, np.ones(100_000))
    f = tj.value_and_grad(filled, compile="always")
    _, g = f(np.ones(100_000))
    np.testing.assert_allclose(g[-40:], 0.5 ** np.arange(39.0, -1, -1))


def test_writing_outside_is_refused_in_loops_too() -> None:
    def fn(x: Any) -> Any:
        for i in range(12):
            x[i] = 0.0
        return np.sum(x)

    with pytest.raises(tj.errors.MutationError, match=r"an argument is written to.*test_staging"):
        tj.grad(fn, compile="never")(X)


def test_an_index_out_of_bounds() -> None:
    def fn(x: Any) -> Any:
        t = 0.0
        for i in range(13):
            t = t + x[i]
        return t

    with pytest.raises(IndexError, match="index 12 is out of bounds for axis 0 with size 12"):
        tj.grad(fn, compile="never")(X)
