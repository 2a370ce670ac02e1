"""Random programs of branches, loops and writes: values as Python gives them, gradients as differences.

One transformed function answers calls with other values and other numbers of rounds, so branches
flip after it has been captured. A program that reads an array by another name than it was written
by may be refused, and nothing else.
"""

from __future__ import annotations

import random
import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st
from random_programs import SIZE, function_of, written

import tapejit as tj
from tapejit.core.errors import CaptureError, ReplayWarning
from tapejit.frontend.rewrite import why_not

ROUNDS = (2, 12, 3, 9, 12, 0)


def differences(fn: Any, x: Any, n: Any) -> tuple[Any, Any]:
    """The gradient by central differences, and where two steps agree on it: away from kinks."""

    def by(h: float) -> Any:
        return np.array([(fn(x + h * e, n) - fn(x - h * e, n)) / (2 * h) for e in np.eye(SIZE)])

    one, other = by(1e-6), by(1.7e-7)
    return one, np.isclose(one, other, rtol=1e-4, atol=1e-5)


def agrees(text: str, seed: int, policy: str = "never", calls: int = 6) -> Any:
    """Check a program at several arguments; return the transformed function."""
    fn = function_of(text)
    f = tj.value_and_grad(fn, compile=policy)
    rng = np.random.default_rng(seed)
    inputs = [rng.normal(size=SIZE) for _ in range(4)]
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore", ReplayWarning)
        for k, x in list(enumerate([*inputs, *inputs[:2]]))[:calls]:
            n = np.int64(ROUNDS[k])
            try:
                v, g = f(x, n)
            except CaptureError as error:
                assert "another name" in str(error) or "to another array" in str(error)
                return f
            assert np.isclose(v, fn(x, n), rtol=1e-9, atol=1e-11), (k, v, fn(x, n))
            if k < 3:
                numeric, smooth = differences(fn, x, n)
                close = np.isclose(g, numeric, rtol=1e-3, atol=1e-4)
                assert np.all(close | ~smooth), (k, g, numeric)
    return f


@st.composite
def programs(draw: Any, arrays: bool = False) -> str:
    return written(lambda options: draw(st.sampled_from(list(options))), 2, arrays)


SETTINGS = settings(
    max_examples=40,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)


@SETTINGS
@given(text=programs(), seed=st.integers(0, 1000))
def test_values_and_gradients(text: str, seed: int) -> None:
    note(text)
    agrees(text, seed, calls=4)


@SETTINGS
@given(text=programs(arrays=True), seed=st.integers(0, 1000))
def test_names_of_arrays(text: str, seed: int) -> None:
    note(text)
    agrees(text, seed, calls=4)


def text_of(seed: int, arrays: bool) -> str:
    rng = random.Random(seed)
    return written(lambda options: rng.choice(list(options)), 2, arrays)


@pytest.mark.parametrize("seed", range(6))
def test_compiled(seed: int) -> None:
    agrees(text_of(seed, False), seed, "always")


WRONG_ONCE = [(6, False), (25, False), (47, False), (347, False)]
WRONG_ONCE += [(259, True), (767, True), (1092, True), (1189, True)]


@pytest.mark.parametrize(("seed", "arrays"), WRONG_ONCE)
def test_programs_that_were_wrong_once(seed: int, arrays: bool) -> None:
    agrees(text_of(seed, arrays), seed, calls=3)


def test_the_programs_are_about_something() -> None:
    """They are rewritten, mean something to Python, and most of their loops become rows."""
    kinds: dict[str, int] = {}
    for seed in range(30):
        text = text_of(seed, False)
        fn = function_of(text)
        assert why_not(fn) is None
        x = np.random.default_rng(seed).normal(size=SIZE)
        assert np.isfinite(fn(x, 9))
        traced = tj.jit(fn, compile="never")._dispatcher.program((x, np.int64(9)), {}).traced
        for _, what in traced.notes:
            kind = what.split(":")[0].split(",")[0]
            kinds[kind] = kinds.get(kind, 0) + 1
    assert kinds["rolled"] >= 15 and kinds["staged"] >= 60, kinds
    assert kinds["unrolled"] >= 5 and kinds["guarded"] >= 5, kinds
