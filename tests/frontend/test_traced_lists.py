"""Functions of lists that hold traced values, as NumPy's have it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tapejit as tj


def of_pairs(x: Any) -> Any:
    return np.sum(np.square([x[0], x[1] * 2.0])) + np.sum(np.hypot([x[0], 1.0], (x[1], x[2])))


def of_a_log(x: Any) -> Any:
    log: dict[str, list[Any]] = {"u": [], "v": []}
    v = x[0]
    for _ in range(12):
        v = 0.5 * v + x[1]
        log["u"].append(v)
        log["v"].append(v * x[2])
    return np.sum(np.square(log["u"])) + np.sum(np.subtract(log["u"], log["v"]) ** 2)


def of_matrices(x: Any) -> Any:
    A = [[x[0] + 2.0, 1.0], [x[1], 3.0]]
    y = np.linalg.solve(A, [1.0, x[2]])
    return np.linalg.det(A) + np.linalg.norm([x[0], 1.0]) + np.sum(np.linalg.inv(A) @ y)


def of_methods_of_ufuncs(x: Any) -> Any:
    table = np.multiply.outer([x[0], 1.0], [2.0, x[1]])
    return np.sum(table**2) + np.add.reduce([x[2], 1.0, x[0]]) * np.multiply.reduce([x[0], x[2]])


def of_copies(x: Any) -> Any:
    a, b = np.copy([x[0], x[1]]), np.full((2, 2), [x[2], 1.0])
    a[0] *= 2.0
    b[:, 1] += np.ones_like([x[0], 1.0])
    rows = np.block([[np.array([[x[0], 1.0]]), b[:1]], [b, np.eye(2)]])
    return a @ b @ a + np.sum(np.stack([rows[0], np.arange(4.0)]) ** 2)


CASES = [of_pairs, of_a_log, of_matrices, of_methods_of_ufuncs, of_copies]


@pytest.mark.parametrize("policy", ["never", "always"])
@pytest.mark.parametrize("fn", CASES, ids=lambda fn: fn.__name__)
def test_lists(fn: Any, policy: str) -> None:
    call = tj.value_and_grad(fn, compile=policy)
    for k in range(3):
        x = np.array([0.3 + k, -1.2, 0.7])
        value, slope = call(x)
        np.testing.assert_allclose(value, fn(x), rtol=1e-13)
        steps = 1e-6 * np.eye(3)
        want = [(fn(x + e) - fn(x - e)) / 2e-6 for e in steps]
        np.testing.assert_allclose(slope, want, rtol=1e-7)
