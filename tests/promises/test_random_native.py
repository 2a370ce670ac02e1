"""Native draws: NumPy's own bits, made without NumPy when that has paid."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from drawing_programs import BOTH, PROGRAMS
from following import POLICIES, X

import tapejit as tj

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


@pytest.mark.parametrize("bits", ["PCG64", "PCG64DXSM", "MT19937", "Philox", "SFC64"])
def test_native_draws_are_numpy_s_bit_for_bit(bits: str) -> None:
    from tapejit.rules.random import draw_in_turn
    from tapejit.runtime.draws import natively, plan

    sites = (
        ("uniform", (("high", 1.5), ("low", 0.25)), "float64", ()),
        ("standard_normal", (("size", (2, 3)),), "float64", (2, 3)),
        ("exponential", (("scale", 3.0),), "float64", ()),
        ("random", (), "float64", ()),
        ("normal", (("loc", 1.0), ("scale", 0.3)), "float64", ()),
        ("standard_exponential", (("size", (2,)),), "float64", (2,)),
    )
    one, two = (np.random.Generator(getattr(np.random, bits)(4)) for _ in range(2))
    for rng in (one, two):
        rng.integers(5, dtype=np.int32)  # leaves half a word behind
    for _ in range(2):
        found = natively(one, 500, sites, plan(sites))
        assert all(map(np.array_equal, found, draw_in_turn(two, 500, sites)))
        assert stands(one) == stands(two)


def test_what_only_numpy_draws_is_left_to_it() -> None:
    from tapejit.runtime.draws import plan

    for site in (
        ("normal", (("loc", 0.0), ("scale", -1.0)), "float64", ()),
        ("standard_normal", (("dtype", "float32"),), "float32", ()),
        ("standard_exponential", (("method", "inv"),), "float64", ()),
        ("uniform", (("high", 0.0), ("low", 1.0)), "float64", ()),
        ("poisson", (("lam", 2.0),), "int64", ()),
    ):
        assert plan((site,)) is None


def test_compiled_tapes_draw_natively_when_that_has_paid(monkeypatch: Any) -> None:
    from tapejit.runtime import draws

    fn = PROGRAMS["two_kinds_in_turn"]
    seen = []
    native = draws.natively
    monkeypatch.setattr(draws, "natively", lambda *a: (seen.append(a[1]), native(*a))[1])
    monkeypatch.setattr(draws, "PRICE", 0.0)
    f = tj.jit(fn, compile="always")
    same_stream(f, fn, lambda: np.random.default_rng(0))
    assert seen
    seen.clear()
    same_stream(tj.jit(fn, compile="always"), fn, lambda: np.random.RandomState(0))
    assert not seen
