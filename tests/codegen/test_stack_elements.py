"""Elements of stacks that a round reads again are local arrays; others are written where they stay."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

import tapejit as tj


def filtered(F: Any, xs: Any) -> Any:
    """What tanh gives is read by the next product, and by the reverse sweep."""
    state, total = np.zeros(len(F)), 0.0
    for x in xs:
        bent = np.tanh(F @ state + x)
        state = bent + F @ bent * x
        total = total + np.sum(state * state)
    return total


@pytest.mark.parametrize("n, local", [(2, True), (4, True), (40, False)])
def test_results_and_places(n: int, local: bool) -> None:
    rng = np.random.default_rng(n)
    F, xs = rng.normal(size=(n, n)) / n, rng.normal(size=(9, n))
    f = tj.value_and_grad(filtered, argnums=(0, 1), compile="always")
    source = f.source(F, xs)
    assert bool(re.search(r"f\d+_o\d+ = local_f64_", source)) == local
    value, slopes = f(F, xs)
    want, others = tj.value_and_grad(filtered, argnums=(0, 1), compile="never")(F, xs)
    assert value == pytest.approx(want, rel=1e-13)
    for have, other in zip(slopes, others, strict=True):
        np.testing.assert_allclose(have, other, rtol=1e-11, atol=1e-14)


def stacked(F: Any, xs: Any) -> Any:
    """All states are a result; nothing else reads them."""
    states, state = [], np.zeros(len(F))
    for x in xs:
        states.append(x + 1.0)
        state = F @ (state * x)
    return np.stack(states), state


def test_what_nothing_reads_again_is_written_at_once() -> None:
    rng = np.random.default_rng(1)
    F, xs = rng.normal(size=(3, 3)), rng.normal(size=(9, 3))
    f = tj.jit(stacked, compile="always")
    assert not re.search(r"f\d+_o\d+ = local_", f.source(F, xs))
    for have, want in zip(f(F, xs), stacked(F, xs), strict=True):
        np.testing.assert_allclose(have, want, rtol=1e-13)


def twice(F: Any, xs: Any) -> Any:
    """The same value is an element of a stack, read again, and carried on."""
    state, states = xs[0], []
    for x in xs:
        state = F @ state
        states.append(state)
        state = state + F @ state * x
    return np.sum(np.stack(states) ** 2) + np.sum(state)


def test_an_element_that_goes_on_into_the_next_round() -> None:
    rng = np.random.default_rng(2)
    F, xs = rng.normal(size=(4, 4)) / 4, rng.normal(size=(12, 4))
    f = tj.value_and_grad(twice, argnums=(0, 1), compile="always")
    assert re.search(r"f\d+_o\d+ = local_f64_", f.source(F, xs))
    value, slopes = f(F, xs)
    want, others = tj.value_and_grad(twice, argnums=(0, 1), compile="never")(F, xs)
    assert value == pytest.approx(want, rel=1e-13)
    for have, other in zip(slopes, others, strict=True):
        np.testing.assert_allclose(have, other, rtol=1e-11, atol=1e-14)
