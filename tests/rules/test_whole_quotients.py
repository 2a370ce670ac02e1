"""Quotients of integers in kernels are NumPy's, and what they range in is known."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tapejit as tj
from tapejit.core.config import config

SPECIAL = [0, 1, -1, 2, -2, 3, -3, 7, -7, 8, 100, -100]


def both(x: Any, y: Any) -> Any:
    return np.stack([x // y, x % y])


@pytest.mark.parametrize("direct", [True, False], ids=["direct", "numba"])
@pytest.mark.parametrize("dtype", ["int64", "int32", "int8"])
def test_every_pair_is_as_in_numpy(
    dtype: str, direct: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(config, "direct", direct)
    ends = np.iinfo(dtype)
    numbers = np.array([*SPECIAL, ends.min, ends.max], dtype)
    x, y = (a.ravel().copy() for a in np.meshgrid(numbers, numbers))
    f = tj.jit(both, compile="always")
    with np.errstate(all="ignore"):
        want = both(x, y)
    have = f(x, y)
    assert have.dtype == want.dtype
    np.testing.assert_array_equal(have, want)
    assert "routines.whole_" in f.source(x, y), "it is compiled"


@pytest.mark.parametrize("divisor", [1, 2, 3, 8, 10, -1, -3, -4])
def test_divisors_that_are_known(divisor: int) -> None:
    x = np.array([*SPECIAL, -(2**63), 2**63 - 1])
    f = tj.jit(lambda x: both(x, divisor), compile="always")
    with np.errstate(all="ignore"):
        want = both(x, divisor)
    np.testing.assert_array_equal(f(x), want)


def turns(x: Any, w: Any) -> Any:
    total = 0.0
    for i in range(len(x)):
        total = total + x[i] * w[i % 3] * w[i // 4] + (x[i] if i % 2 == 0 else 0.0)
    return total


def test_positions_from_quotients_are_not_checked() -> None:
    x, w = np.random.default_rng(0).normal(size=(2, 12))
    f = tj.value_and_grad(turns, argnums=(0, 1), compile="always")
    value, slopes = f(x, w[:3])
    assert value == pytest.approx(turns(x, w[:3]), rel=1e-13)
    source = f.source(x, w[:3])
    assert "wrap_index" not in source
    assert "kernel, 0 host steps" in f.explain(x, w[:3])
    reference = tj.value_and_grad(turns, argnums=(0, 1), compile="never")(x, w[:3])[1]
    for have, want in zip(slopes, reference, strict=True):
        np.testing.assert_allclose(have, want, rtol=1e-13)


def beyond(x: Any, w: Any) -> Any:
    total = 0.0
    for i in range(len(x)):
        total = total + x[i] * w[i // 4]
    return total


def test_a_position_that_may_lie_outside_is_checked() -> None:
    x = np.arange(13.0)
    f = tj.jit(beyond, compile="always")
    with pytest.raises(IndexError):
        f(x, np.ones(3))
    assert f(x, np.ones(4)) == np.sum(x)


def from_the_end(x: Any, w: Any) -> Any:
    total = 0.0
    for i in range(len(x)):
        total = total + x[i] * w[i % -3]
    return total


def test_what_a_negative_divisor_leaves_is_a_position_from_the_end() -> None:
    x, w = np.arange(1.0, 8.0), np.array([2.0, 3.0, 5.0, 7.0])
    f = tj.jit(from_the_end, compile="always")
    assert f(x, w) == from_the_end(x, w)
