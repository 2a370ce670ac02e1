"""What cannot be replayed is run by Python at every call, with one warning."""

from __future__ import annotations

import functools
import itertools
import os
import random
import time
import types
from typing import Any

import numpy as np
import pytest
from following import POLICIES, X, follows, value, warned_once

import tapejit as tj

# ---------------------------------------------------------------- what cannot be replayed


one_warning = functools.partial(warned_once, __file__)


def make_effects() -> dict[str, tuple[Any, str]]:
    log: list[Any] = []
    count = 0
    ticks = itertools.count(1)
    rng = np.random.default_rng(0)
    deck = list(range(9))
    state = types.SimpleNamespace(n=0)

    def nonlocal_counter(x: Any) -> Any:
        nonlocal count
        count += 1
        return np.sum(x) * count

    def global_counter(x: Any) -> Any:
        global RATE
        RATE = RATE + 1.0
        return np.sum(x) * RATE

    def attribute(x: Any) -> Any:
        state.n += 1
        return np.sum(x) * state.n

    def appended(x: Any) -> Any:
        log.append(1.0)
        return np.sum(x) * len(log)

    class Counter:
        calls = 0.0

        def __call__(self, x: Any) -> Any:
            type(self).calls += 1.0
            return np.sum(x) * type(self).calls

    def environ(x: Any) -> Any:
        return np.sum(x) * float(os.environ.get("TAPEJIT_NOWHERE", "2.0"))

    class Raw:
        def __len__(self) -> int:
            np.random.rand(3)
            return 2

    raw = Raw()

    def rvs(x: Any) -> Any:
        from scipy import stats

        stats.norm.rvs(size=2)
        return np.sum(x)

    return {
        "raw code": (lambda x: np.sum(x) * len(raw), "random"),
        "scipy": (rvs, "random"),
        "nonlocal": (nonlocal_counter, "closure variable count"),
        "global": (global_counter, "global RATE"),
        "attribute": (attribute, "n"),
        "list": (appended, "log"),
        "class": (Counter(), "calls"),
        "iterator": (lambda x: np.sum(x) * next(ticks), "count"),
        "spawned": (lambda x: np.sum(x * rng.spawn(1)[0].normal(size=3)), "spawn"),
        "bits": (lambda x: np.sum(x) * (rng.bit_generator.random_raw() % 7), "bit_generator"),
        "state": (lambda x: np.sum(x) * np.random.get_state()[1][2], "get_state"),
        "shuffled": (lambda x: np.sum(x * (rng.shuffle(deck), deck)[1][:3]), "shuffle"),
        "random": (lambda x: np.sum(x) * random.random(), "random"),
        "time": (lambda x: np.sum(x) * (time.time() > 0), "time"),
        "print": (lambda x: (print("seen"), np.sum(x))[1], "print"),
        "environ": (environ, "environ"),
        "eval": (lambda x: np.sum(x) * eval("2.0"), "eval"),
        "unseeded": (lambda x: np.sum(x) * np.random.default_rng().random(), "seed"),
    }


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("name", list(make_effects()))
def test_effects_are_run_by_python_at_every_call(name: str, policy: str, capsys: Any) -> None:
    def run(fn: Any) -> list[float]:
        np.random.seed(3)
        random.seed(3)
        globals()["RATE"] = 0.5
        return [float(fn(X)) for _ in range(6)]

    fn, match = make_effects()[name]
    expected = run(fn)
    printed = capsys.readouterr().out
    fn, match = make_effects()[name]
    f = tj.value_and_grad(fn, compile=policy)
    with one_warning(match):
        found = run(lambda x: f(x)[0])
    if name != "unseeded":
        assert np.allclose(found, expected, rtol=1e-14)
    assert capsys.readouterr().out == printed
    assert f.stats()["compiled"] == f.stats()["interpreted"] == 0


def test_seeded_generator_inside_is_replayed() -> None:
    follows(lambda x: np.sum(x * np.random.default_rng(7).normal(size=3)))


def test_effects_not_taken_cost_nothing(capsys: Any) -> None:
    verbose = False

    def fn(x: Any) -> Any:
        if verbose:
            print("x")
        return np.sum(x)

    follows(fn)


def test_values_written_outside_are_plain() -> None:
    kept = types.SimpleNamespace(last=None, w=np.ones(3))
    log: list[Any] = []

    def fn(x: Any) -> Any:
        y = np.sum(x * kept.w)
        kept.last = y
        log.append(x * 2)
        return y

    f = tj.grad(fn, compile="never")
    with one_warning("changes"):
        for _ in range(4):
            f(X)
    assert type(kept.last) is np.float64 and kept.last == 6.0
    assert len(log) == 4 and type(log[0]) is np.ndarray and np.array_equal(log[0], 2 * X)


def test_a_cache_filled_at_the_first_call_is_fine() -> None:
    cache: dict[int, Any] = {}

    def fn(x: Any) -> Any:
        if 3 not in cache:
            cache[3] = np.arange(3.0)
        return np.sum(x * cache[3])

    f = tj.value_and_grad(fn, compile="never")
    for _ in range(4):
        assert f(X)[0] == value(fn)
    cache[3][0] = 10.0
    assert f(X)[0] == value(fn)
    assert f.stats()["python"] == 0


def test_an_object_of_unknown_kind_is_not_trusted() -> None:
    import array

    numbers = array.array("d", [1.0, 2.0])
    f = tj.value_and_grad(lambda x: np.sum(x) * numbers[0], compile="never")
    with one_warning("numbers"):
        for k in range(4):
            numbers[0] = k
            assert f(X)[0] == 6.0 * k
