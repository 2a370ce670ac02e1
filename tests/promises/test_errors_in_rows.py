"""Rows that raise: what Python would do happens, whether a guard stood in front or someone catches it.

A kernel looks at its guards when it ends. A row behind a guard that does not hold may raise in it, or
get a position that no array has.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tapejit as tj
from tapejit.core.errors import ReplayWarning

POLICIES = ["never", "auto", "always"]
GOOD, BAD = np.array([[2.0, 1.0], [1.0, 2.0]]), np.array([[1.0, 2.0], [2.0, 1.0]])


def inside(x: Any, k: Any) -> Any:
    if k >= len(x):
        return np.zeros(2)
    return np.array([x[k], 1.0, 2.0])


@pytest.mark.parametrize("policy", POLICIES)
def test_a_guard_keeps_a_row_from_raising(policy: str) -> None:
    call, x = tj.jit(inside, compile=policy), np.arange(4.0)
    for k in (0, 1, 2, 100, 3, 7, 10**15, -1):
        np.testing.assert_array_equal(call(x, np.int64(k)), inside(x, k))


def steady(K: Any) -> Any:
    try:
        L = np.linalg.cholesky(K)
    except np.linalg.LinAlgError:
        L = np.linalg.cholesky(K + 10.0 * np.eye(2))
    return np.sum(np.log(np.diag(L)))


def padded(x: Any, k: Any) -> Any:
    try:
        return 2.0 * x[k]
    except IndexError:
        return 3.0 * x[0]


def checked(x: Any, k: Any) -> Any:
    try:
        return np.bincount(k, x)[0]
    except ValueError:
        return np.sum(x)


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("first", [0, 1])
def test_an_error_that_is_caught(policy: str, first: int) -> None:
    """The way of the error is no program: the next call may go without."""
    call = tj.jit(steady, compile=policy)
    order = [(GOOD, BAD)[k ^ first] for k in (0, 1, 0, 0, 1, 1, 0, 0)]
    with pytest.warns(ReplayWarning, match=r"in calls that catch an error: LinAlgError \(.*steady"):
        for K in order:
            np.testing.assert_allclose(call(K), steady(K), rtol=1e-13)
    slope = tj.grad(padded, compile=policy)
    x = np.arange(1.0, 4.0)
    with pytest.warns(ReplayWarning, match="in calls that catch an error: IndexingError"):
        for k in [(0, 7)[j ^ first] for j in (0, 1, 0, 0, 1, 1, 0, 0)]:
            want = [2.0, 0.0, 0.0] if k == 0 else [3.0, 0.0, 0.0]
            np.testing.assert_array_equal(slope(x, np.int64(k)), want)
    call = tj.jit(checked, compile=policy)
    for k in [(0, -1)[j ^ first] for j in (0, 1, 0, 0, 1, 1, 0, 0)]:
        at = np.array([k, 0, 1])
        np.testing.assert_array_equal(call(x, at), checked(x, at))


@pytest.mark.parametrize("policy", POLICIES)
def test_an_error_of_a_kernel_names_the_line(policy: str) -> None:
    def third(x: Any, k: Any) -> Any:
        return x[k] * 2.0

    call, x = tj.jit(third, compile=policy), np.ones(3)
    for _ in range(3):
        assert call(x, np.int64(1)) == 2.0
    for _ in range(2):
        with pytest.raises(
            IndexError, match=r"index 5 is out of bounds .*test_errors_in_rows\.py:"
        ):
            call(x, np.int64(5))
    assert call(x, np.int64(2)) == 2.0


@pytest.mark.parametrize("policy", POLICIES)
def test_an_error_of_a_loop_names_the_line(policy: str) -> None:
    def walk(x: Any, k: Any) -> Any:
        total = 0.0
        for _ in range(300):
            total = total + x[k]
            k = k + 1
        return total

    call, x = tj.jit(walk, compile=policy), np.ones(310)
    for k in (0, 400, 1, 0, 2, 400, 2, 15):
        if k <= 10:
            assert call(x, np.int64(k)) == 300.0
            continue
        with pytest.raises(IndexError, match=r"is out of bounds .*test_errors_in_rows\.py:"):
            call(x, np.int64(k))


def test_positions_behind_a_guard_stay_inside() -> None:
    """Fewer true elements than before leave no positions unset; larger integers need more room."""
    picked = tj.jit(lambda z, m: 2.0 * z[m], compile="always")
    counted = tj.jit(lambda k: np.bincount(k) * 2, compile="always")
    rng = np.random.default_rng(0)
    for n in (50, 50, 50, 3, 7, 50, 0, 44):
        z, m = rng.normal(size=50) + 1j, np.arange(50) < n
        np.testing.assert_array_equal(picked(z, m), 2.0 * z[m])
        k = rng.integers(0, 10**4 if n == 44 else n + 1, size=50)
        np.testing.assert_array_equal(counted(k), np.bincount(k) * 2)
