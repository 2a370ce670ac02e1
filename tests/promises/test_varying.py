"""Numbers are static until seen to vary; then they are inputs, and nothing else changes."""

from __future__ import annotations

import types
import warnings
from typing import Any

import numpy as np
import pytest

import tapejit as tj
from tapejit.core.config import config
from tapejit.core.errors import ReplayWarning

X = np.array([1.0, 2.0, 3.0])
RATE = 1.0


@pytest.mark.parametrize("policy", ["never", "always"])
def test_a_step_counter_becomes_an_input(policy: str) -> None:
    f = tj.value_and_grad(lambda x, n: np.sum(x**2) / (n + 1), compile=policy)
    for n in range(12):
        v, g = f(X, n)
        assert np.isclose(v, 14.0 / (n + 1)) and np.allclose(g, 2 * X / (n + 1))
        assert v.dtype == np.float64
    stats = f.stats()
    assert stats["kernels"] == (3 if policy == "always" else 0)
    before = stats["captures"]
    for n in range(100, 120):
        f(X, n)
    assert f.stats()["captures"] == before
    assert np.isclose(f(X, 10**30)[0], 14.0 / 1e30)
    assert np.isclose(f(X, True)[0], 7.0), "bools stay static"


def test_dtype_rules_of_an_int_stay_those_of_a_python_int() -> None:
    f = tj.grad(lambda x, n: np.sum(x * n), compile="never")
    x = X.astype(np.float32)
    for n in range(10):
        g = f(x, n)
        assert g.dtype == np.float32 and np.all(g == n)


SHAPED = {
    "range": lambda x, n: np.sum(x) * sum(range(n)),
    "zeros": lambda x, n: np.sum(x) + np.sum(np.zeros(n) + x[0]),
    "reshape": lambda x, n: np.sum(np.tile(x, n).reshape(n, 3)[n - 1]),
    "key": lambda x, n: np.sum(x) * {k: k for k in range(50)}[n],
    "text": lambda x, n: np.sum(x) * len(f"{n:>{n}}"),
    "kind": lambda x, n: np.sum(x) * (n if isinstance(n, int) else -1),
    "type": lambda x, n: np.sum(x) * (n if type(n) is int else -1),
    "slice": lambda x, n: np.sum(x[: n % 3 + 1]),
}


@pytest.mark.parametrize("name", list(SHAPED))
def test_ints_that_python_needs_stay_static(name: str) -> None:
    fn = SHAPED[name]
    f = tj.value_and_grad(fn, compile="never")
    for n in [*range(1, 15), *range(1, 15)]:
        assert np.isclose(f(X, n)[0], fn(X, n)), n


def test_branches_on_a_varying_int() -> None:
    def fn(x: Any, step: int) -> Any:
        return np.sum(x) * (2.0 if step % 3 == 0 else step)

    f = tj.value_and_grad(fn, compile="never")
    for n in range(40):
        assert np.isclose(f(X, n)[0], fn(X, n)), n
    assert f.stats()["captures"] < 20


class Optimiser:
    def __init__(self) -> None:
        self.rate, self.step, self.decay = 1.0, 0, {"k": 0.5}

    def loss(self, x: Any) -> Any:
        return np.sum(x**2) * self.rate + self.decay["k"] * self.step


@pytest.mark.parametrize("where", ["global", "closure", "field", "dict"])
@pytest.mark.parametrize("policy", ["never", "always"])
def test_a_decaying_rate_becomes_an_input(where: str, policy: str) -> None:
    global RATE
    RATE = 1.0
    rate = 1.0
    o = Optimiser()
    fns: dict[str, Any] = {
        "global": lambda x: np.sum(x**2) * RATE,
        "closure": lambda x: np.sum(x**2) * rate,
        "field": o.loss,
        "dict": lambda x: np.sum(x**2) * o.decay["k"],
    }
    if policy == "always" and where in ("closure", "dict"):
        pytest.skip("the same code; compiling costs time")
    f = tj.value_and_grad(fns[where], compile=policy)
    for epoch in range(15):
        for _ in range(2):
            assert np.isclose(f(X)[0], fns[where](X), rtol=1e-12)
        RATE *= 0.9
        rate *= 0.9
        o.rate *= 0.9
        o.step += 1
        o.decay["k"] = 0.9**epoch
    stats = f.stats()
    assert stats["captures"] < 15 and stats["python"] == 0
    RATE, rate, o.rate = np.float64(3.0), np.float64(3.0), 7  # type: ignore[assignment]
    for _ in range(3):
        assert np.isclose(f(X)[0], fns[where](X), rtol=1e-12)


def test_a_varying_number_used_as_a_size_stays_static() -> None:
    box = types.SimpleNamespace(n=1)

    def fn(x: Any) -> Any:
        return np.sum(x) * sum(range(box.n)) + np.sum(np.ones(box.n))

    f = tj.value_and_grad(fn, compile="never")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ReplayWarning)
        for n in [*range(1, 14), *range(1, 14)]:
            box.n = n
            assert f(X)[0] == fn(X)


def test_signatures_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(config, "max_signatures", 16)
    f = tj.grad(lambda x: np.sum(x * x), compile="never")
    for _ in range(2):
        for n in range(1, 60):
            assert np.array_equal(f(np.ones(n)), np.full(n, 2.0))
    assert len(f._dispatcher.table) <= 16
    hot = np.ones(7)
    for n in range(100, 160):
        f(np.ones(n))
        captures = f.stats()["captures"]
        f(hot), f(hot)
    assert f.stats()["captures"] == captures, "what is used is not forgotten"


def test_callables_made_anew_are_never_confused() -> None:
    f = tj.value_and_grad(lambda x, fn: np.sum(fn(x)), compile="never")
    for k in range(30):
        assert np.isclose(f(X, lambda x, k=k: x * k)[0], 6.0 * k)
