"""Random numbers: fresh at each call, NumPy's own stream, differentiable where they can be."""

from __future__ import annotations

import threading
import types
from typing import Any

import numpy as np
import pytest
from following import POLICIES, X
from random_programs import BOTH, PROGRAMS

import tapejit as tj
from tapejit.core.errors import UnsupportedError

EVERY = [*POLICIES, "auto"]
MAKERS = {"Generator": np.random.default_rng, "RandomState": np.random.RandomState}
CASES = [(n, k) for n in PROGRAMS for k in MAKERS if k == "Generator" or n in BOTH]
RESULT = {"rtol": 1e-10, "atol": 1e-12}


def stands(rng: Any) -> str:
    """Return where a generator stands, as text."""
    state = rng.get_state(legacy=False) if hasattr(rng, "get_state") else rng.bit_generator.state
    with np.printoptions(threshold=10_000):
        return str(state)


def same_stream(f: Any, fn: Any, make: Any, calls: int = 6, x: Any = X) -> None:
    """Check values, and where the generator stands, after each of several calls."""
    mine, theirs = make(), make()
    for k in range(calls):
        found, expected = f(x, mine), fn(x, theirs)
        assert np.allclose(found, expected, **RESULT), k
        assert stands(mine) == stands(theirs), k


# ---------------------------------------------------------------- values and streams


@pytest.mark.parametrize("policy", EVERY)
@pytest.mark.parametrize("name, kind", CASES)
def test_programs_draw_what_numpy_draws(name: str, kind: str, policy: str) -> None:
    fn = PROGRAMS[name]
    f = tj.jit(fn, compile=policy)
    same_stream(f, fn, lambda: MAKERS[kind](3))
    if name != "until_drawn":
        assert f.stats()["python"] == 0


def checked(name: str) -> Any:
    """Return the gradient of a program for a fixed seed, by central differences."""
    fn = PROGRAMS[name]

    def gradient(kind: str, h: float = 1e-6) -> Any:
        found = []
        for k in range(3):
            e = np.eye(3)[k] * h
            up, down = (fn(X / 3 + s * e, MAKERS[kind](5)) for s in (1, -1))
            found.append((up - down) / (2 * h))
        return np.array(found)

    return gradient


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("name", list(PROGRAMS))
def test_gradients_are_those_for_these_draws(name: str, policy: str) -> None:
    expected = checked(name)("Generator")
    f = tj.grad(PROGRAMS[name], compile=policy)
    forward = tj.jacfwd(PROGRAMS[name], compile=policy)
    for _ in range(3):
        mine, theirs = (np.random.default_rng(5) for _ in range(2))
        assert np.allclose(f(X / 3, mine), expected, rtol=1e-5, atol=1e-6)
        other = np.random.default_rng(5)
        assert np.allclose(forward(X / 3, other), expected, rtol=1e-5, atol=1e-6)
        PROGRAMS[name](X / 3, theirs)
        assert stands(mine) == stands(theirs) == stands(other)
