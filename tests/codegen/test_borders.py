"""Of an array that loops overwrite only the border is filled, and only when nothing sees the rest.

The source runs as plain Python, where fresh memory holds garbage.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from plain_kernels import run_plainly

import tapejit as tj
from tapejit.codegen import steps

RNG = np.random.default_rng(5)
X, Y = RNG.normal(size=12), RNG.normal(size=9)


def table_of(step: Any, rows: Any = range, cols: Any = range, more: int = 1) -> Any:
    def fn(x: Any, y: Any) -> Any:
        D = np.full((13 + more, 10 + more), 1.5)
        D[0, 0] = 0.25
        for i in rows(12):
            for j in cols(9):
                step(D, x, y, i, j)
        return D

    return fn


def whole(D: Any, x: Any, y: Any, i: Any, j: Any) -> None:
    D[i + 1, j + 1] = x[i] * y[j] + D[i, j] + 0.5 * D[i, j + 1] - D[i + 1, j]


def alone(D: Any, x: Any, y: Any, i: Any, j: Any) -> None:
    D[i + 1, j + 1] = x[i] * y[j]


def shifted(D: Any, x: Any, y: Any, i: Any, j: Any) -> None:
    D[i + 2, j] = x[i] * y[j] + D[i, j + 2] + D[i + 1, j]


def later_row(D: Any, x: Any, y: Any, i: Any, j: Any) -> None:
    D[i, j] = x[i] * y[j] + D[i + 1, j]


def later_column(D: Any, x: Any, y: Any, i: Any, j: Any) -> None:
    D[i, j] = x[i] * y[j] + D[i, j + 1]


def later_row_before(D: Any, x: Any, y: Any, i: Any, j: Any) -> None:
    D[i, j + 1] = x[i] * y[j] + D[i + 1, j]


def itself(D: Any, x: Any, y: Any, i: Any, j: Any) -> None:
    D[i, j] = x[i] * y[j] + D[i, j]


def corner(D: Any, x: Any, y: Any, i: Any, j: Any) -> None:
    D[i + 1, j + 1] = x[i] * y[j] + D[5, 5]


def edge(D: Any, x: Any, y: Any, i: Any, j: Any) -> None:
    D[i + 1, j + 1] = x[i] * y[j] + D[i + 1, 0] * D[0, j + 1]


def turned(D: Any, x: Any, y: Any, i: Any, j: Any) -> None:
    D[j + 1, i + 1] = x[i] * y[j] + D[j, i]


def diagonal(D: Any, x: Any, y: Any, i: Any, j: Any) -> None:
    D[i + 1, i + 1] = x[i] * y[j] + D[i, i]


def sometimes(D: Any, x: Any, y: Any, i: Any, j: Any) -> None:
    if x[i] > y[j]:
        D[i + 1, j + 1] = x[i]


def twice(D: Any, x: Any, y: Any, i: Any, j: Any) -> None:
    D[i + 1, j + 1] = x[i] * y[j]
    D[i, j] = D[i, j] + 1.0


def spread(D: Any, x: Any, y: Any, i: Any, j: Any) -> None:
    D[i + 1, 1 + j // 2] = x[i] * y[j]


CASES = {
    "whole": (table_of(whole), True),
    "alone": (table_of(alone), True),
    "shifted": (table_of(shifted, more=2), True),
    "edge": (table_of(edge), True),
    "a later row": (table_of(later_row), False),
    "a later column": (table_of(later_column), False),
    "a later row, a column before": (table_of(later_row_before), False),
    "itself": (table_of(itself), False),
    "corner": (table_of(corner), False),
    "turned": (table_of(turned, more=3), False),
    "diagonal": (table_of(diagonal, more=3), False),
    "sometimes": (table_of(sometimes), False),
    "twice": (table_of(twice), False),
    "spread": (table_of(spread), False),
}


@pytest.mark.parametrize("name", CASES)
def test_tables(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    fn, found = CASES[name]
    boxes: list[Any] = []
    search = steps.overwritten_box
    monkeypatch.setattr(
        steps, "overwritten_box", lambda t, i: boxes.append(search(t, i)) or boxes[-1]
    )
    want = fn(X, Y)
    (have,) = run_plainly(tj.jit(fn, compile="never").tape(X, Y), [X, Y])
    np.testing.assert_allclose(have, want, rtol=1e-13)
    assert any(b is not None for b in boxes) == found


def seen_besides(x: Any, y: Any) -> Any:
    D = np.full((13, 10), 1.5)
    D[0, 0] = 0.25
    before = D.copy()
    for i in range(12):
        for j in range(9):
            D[i + 1, j + 1] = x[i] * y[j]
    return D, before * x[0]


def one_axis(x: Any, y: Any) -> Any:
    a = np.full(12, 1.5)
    a[0] = 0.25
    for i in range(9):
        a[i + 2] = y[i] + a[i] + a[i + 1]
    return a


@pytest.mark.parametrize("fn", [seen_besides, one_axis])
def test_other_arrays(fn: Any) -> None:
    found, want = run_plainly(tj.jit(fn, compile="never").tape(X, Y), [X, Y]), fn(X, Y)
    for have, other in zip(found, want if isinstance(want, tuple) else [want], strict=True):
        np.testing.assert_allclose(have, other, rtol=1e-13)


def test_gradients() -> None:
    def last(x: Any, y: Any) -> Any:
        return np.sum(table_of(whole)(x, y)[-1] ** 2)

    f = tj.value_and_grad(last, argnums=(0, 1), compile="never")
    want = f(X, Y)
    value, *slopes = run_plainly(f.tape(X, Y), [X, Y])
    assert value == pytest.approx(want[0], rel=1e-12)
    for have, other in zip(slopes, want[1], strict=True):
        np.testing.assert_allclose(have, other, rtol=1e-10)
