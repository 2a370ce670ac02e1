"""Random programs of arrays with several names and holders: NumPy's value, or one of the known errors."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from made_programs import function_of, written

import tapejit as tj
from tapejit.core.errors import CaptureError, MutationError
from tapejit.frontend.rewrite import why_not

POINTS = (0.9, 0.5, 1.1)


def plain_values(fn: Any) -> list[Any] | None:
    """What Python makes of a program; None where it raises or leaves the finite numbers."""
    try:
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = [fn(x) for x in POINTS]
    except TypeError:  # a float added in place to an array of integers
        return None
    return found if np.all(np.isfinite(found)) else None


def answers(seed: int) -> bool:
    """Check a program; return whether it was answered rather than refused."""
    fn = function_of(written(seed), seed)
    want = plain_values(fn)
    if want is None:
        return True
    assert why_not(fn) is None
    call = tj.value_and_grad(fn, compile="never")
    try:
        for x, value in zip(POINTS, want):
            for _ in range(2):
                found, g = call(x)
                np.testing.assert_allclose(found, value, rtol=1e-9, atol=1e-10)
                one, other = ((fn(x + h) - fn(x - h)) / (2 * h) for h in (1e-6, 3e-7))
                if np.isclose(one, other, rtol=1e-4, atol=1e-4):  # no step, no cut integer
                    np.testing.assert_allclose(g, one, rtol=1e-4, atol=1e-3)
    except (CaptureError, MutationError, TypeError):  # NumPy's add.at cuts floats for integers
        return False
    return True


@pytest.mark.parametrize("first", range(0, 160, 40))
def test_as_numpy_or_refused(first: int) -> None:
    answered = [answers(seed) for seed in range(first, first + 40)]
    assert sum(answered) > 32
