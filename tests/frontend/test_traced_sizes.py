"""Integers of the tape that decide a length are guarded; numbers have an axis 0 where NumPy says so."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tapejit as tj
from tapejit.core.errors import UnsupportedError

SIZED: dict[str, Any] = {
    "arange": lambda x, k: np.arange(k[0]) * x[0],
    "arange from": lambda x, k: np.arange(1, k[0] + 2, k[1]) * x[0],
    "arange as": lambda x, k: np.arange(int(k[0]), dtype=np.float32) * x[1],
    "diff": lambda x, k: np.diff(x, k[0] % 3),
    "diff of n": lambda x, k: np.diff(x, n=k[1]),
}


@pytest.mark.parametrize("policy", ["never", "always"])
@pytest.mark.parametrize("name", SIZED)
def test_lengths(name: str, policy: str) -> None:
    fn = SIZED[name]
    call, x = tj.jit(fn, compile=policy), np.cos(np.arange(5.0))
    for n in (3, 3, 4, 7, 3):
        k = np.array([n, 2])
        found, want = call(x, k), fn(x, k)
        assert found.dtype == want.dtype
        np.testing.assert_allclose(found, want, rtol=1e-14)


def test_a_length_by_a_float_is_refused() -> None:
    with pytest.raises(UnsupportedError, match=r"np\.linspace \(.*test_traced_sizes\.py"):
        tj.jit(lambda x: np.arange(0.0, x, 0.1))(3.0)


@pytest.mark.parametrize("policy", ["never", "always"])
@pytest.mark.parametrize("fn", [np.max, np.min], ids=lambda fn: fn.__name__)
def test_extremes_of_complex_numbers(fn: Any, policy: str) -> None:
    """Ordered by the real part, then by the imaginary one, which no kernel does."""

    def halved(z: Any) -> Any:
        for _ in range(9):
            z = 0.5 * z + fn(z, axis=0)
        return fn(z)

    call = tj.jit(halved, compile=policy)
    for k in range(4):
        z = np.exp(1j * np.arange(5.0) + k)
        np.testing.assert_allclose(call(z), halved(z), rtol=1e-13)


FOLDS = [np.sum, np.prod, np.max, np.min, np.any, np.all, np.ptp, np.argmax, np.argmin]
FOLDS += [np.count_nonzero, np.nansum, np.nanmax]


@pytest.mark.parametrize("fn", FOLDS, ids=lambda fn: fn.__name__)
@pytest.mark.parametrize("axis", [0, -1])
def test_axis_0_of_a_number(fn: Any, axis: int) -> None:
    found, want = tj.jit(lambda x: fn(x, axis=axis))(np.float64(-3.0)), fn(np.float64(-3.0), axis)
    assert found == want and type(found) is type(want)
    with pytest.raises(np.exceptions.AxisError):
        tj.jit(lambda x: fn(x, axis=1))(np.float64(3.0))


@pytest.mark.parametrize("fn", [np.mean, np.var, np.median, np.sort], ids=lambda fn: fn.__name__)
def test_no_axis_0_of_a_number(fn: Any) -> None:
    with pytest.raises(np.exceptions.AxisError):
        tj.jit(lambda x: fn(x, axis=0))(np.float64(3.0))
