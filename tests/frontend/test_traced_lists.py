"""Elementwise functions of lists that hold traced values, as NumPy's have it."""

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


@pytest.mark.parametrize("policy", ["never", "always"])
@pytest.mark.parametrize("fn", [of_pairs, of_a_log], ids=lambda fn: fn.__name__)
def test_lists(fn: Any, policy: str) -> None:
    call = tj.value_and_grad(fn, compile=policy)
    for k in range(3):
        x = np.array([0.3 + k, -1.2, 0.7])
        value, slope = call(x)
        np.testing.assert_allclose(value, fn(x), rtol=1e-13)
        steps = 1e-6 * np.eye(3)
        want = [(fn(x + e) - fn(x - e)) / 2e-6 for e in steps]
        np.testing.assert_allclose(slope, want, rtol=1e-7)
