"""Nests with gated products by a number: two forms, the same results."""

from __future__ import annotations

import numpy as np
import pytest

import tapejit as tj

STEPS = 40


def heat(u0, c, left):
    u = u0.copy()
    for t in range(len(left)):
        u[1:-1] += c * (u[2:] - 2.0 * u[1:-1] + u[:-2])
        u[0] = left[t]
    return np.sum(u[:8])


def two_numbers(u0, c, left):
    u = u0.copy()
    for t in range(len(left)):
        u[1:-1] += c * u[2:] - (0.25 * left[0]) * u[:-2]
        u[0] = left[t]
    return np.sum(u[:8])


def arguments(c: float, points: int = 128, dtype: str = "float64"):
    rng = np.random.default_rng(4)
    kind = np.dtype(dtype).type
    return rng.normal(size=points).astype(dtype), kind(c), rng.normal(size=STEPS).astype(dtype)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("c", [0.23, 0.0, -1e300, np.inf, -np.inf, np.nan])
@pytest.mark.parametrize("program", [heat, two_numbers])
def test_zeros_behind_a_gate_stay_whatever_the_number_is(program, c, dtype):
    with np.errstate(all="ignore"):
        args = arguments(c, dtype=dtype)
        want = tj.grad(program, argnums=(0, 1, 2), compile="never")(*args)
        have = tj.grad(program, argnums=(0, 1, 2), compile="always")(*args)
    for a, b in zip(have, want, strict=True):
        assert np.asarray(a).dtype == np.dtype(dtype)
        np.testing.assert_allclose(a, b, rtol=1e-12 if dtype == "float64" else 1e-4, atol=1e-6)
    assert not np.any(have[0][64:])  # no number in `left` or `c` reaches so far


def test_the_second_number_decides_too():
    u0, c, left = arguments(0.2)
    left[0] = np.inf
    with np.errstate(all="ignore"):
        found = tj.grad(two_numbers, compile="always")(u0, c, left)
    assert not np.any(found[64:])


def test_a_nest_is_written_twice_in_a_loop_only():
    text = tj.grad(heat).source(*arguments(0.23))
    assert text.count(" == 0.0:\n") == 1
    assert text.count(" - x1) == 0.0:\n") == 1
    short = tj.grad(heat).source(*arguments(0.23, points=12))
    assert " == 0.0:\n" not in short


def test_a_nest_outside_of_loops_is_written_once():
    def scaled(u0, c):
        u = c * u0
        u[0] = 0.0
        return np.sum(u**2)

    text = tj.grad(scaled).source(*arguments(0.23)[:2])
    assert "!= 0 else" in text
    assert " == 0.0:\n" not in text


def test_a_number_of_the_round_decides_in_the_round():
    def varying(u0, c, left):
        u = u0.copy()
        for t in range(len(left)):
            u[1:-1] += (c * left[t]) * (u[2:] - u[:-2])
            u[0] = left[t]
        return np.sum(u[:8])

    u0, c, left = arguments(0.1)
    for bad in (np.inf, 1.0):
        left[7] = bad
        with np.errstate(all="ignore"):
            want = tj.grad(varying, compile="never")(u0, c, left)
            have = tj.grad(varying, compile="always")(u0, c, left)
        np.testing.assert_allclose(have, want, rtol=1e-12)
        assert not np.any(have[64:])
