"""An input of which no element is read has a shape and a dtype all the same.

The kernel checks the arrays that it takes. The hot path has to check the others: `len`, `shape` and
the zeros that are the gradient by an argument without influence come from them.
"""

from __future__ import annotations

from typing import Any

import numpy as np

import tapejit as tj

SIZES = (5, 5, 7, 7, 9, 9, 3, 5)
weights = np.ones(4)


def per_item(x: Any, y: Any) -> Any:
    return np.sum(x) / len(y)


def of_outside(x: Any) -> Any:
    return np.sum(x) * weights.size


def test_a_length_that_is_read_alone() -> None:
    call = tj.jit(per_item, compile="always")
    for n in SIZES:
        assert call(np.ones(2), np.ones(n)) == 2.0 / n
    assert call(np.ones(2), np.ones((4, 5))) == 0.5


def test_a_dtype_that_is_read_alone() -> None:
    call = tj.jit(lambda x, y: np.sum(x) * y.itemsize, compile="always")
    for dtype in (np.float64, np.float64, np.float64, np.float32, np.float64):
        assert call(np.ones(2), np.ones(3, dtype)) == 2.0 * np.dtype(dtype).itemsize


def test_an_array_outside_whose_size_is_read_alone(monkeypatch: Any) -> None:
    call = tj.jit(of_outside, compile="always")
    for n in SIZES:
        monkeypatch.setitem(globals(), "weights", np.ones(n))
        assert call(np.ones(2)) == 2.0 * n


def test_gradients_by_what_has_no_influence() -> None:
    call = tj.grad(lambda x, y: np.sum(x) ** 2, argnums=(0, 1), compile="always")
    still = tj.grad(lambda x: 3.0, compile="always")
    for n in SIZES:
        found = call(np.ones(2), np.ones((n, 3)))
        np.testing.assert_array_equal(found[0], [4.0, 4.0])
        np.testing.assert_array_equal(found[1], np.zeros((n, 3)))
        np.testing.assert_array_equal(still(np.ones(n)), np.zeros(n))
