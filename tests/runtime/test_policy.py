"""When a program is compiled: never, at once, or when interpreting has cost as much."""

from __future__ import annotations

import os
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tapejit as tj
from tapejit.core.errors import CompileWarning
from tapejit.runtime import build, pipeline, program, sizes

X = np.linspace(0.1, 1.0, 11)


def loss(x: Any) -> Any:
    return np.sum(np.sin(x) * x)


def test_never_and_always() -> None:
    f, g = tj.grad(loss, compile="never"), tj.grad(loss, compile="always")
    for _ in range(3):
        np.testing.assert_allclose(f(X), g(X), rtol=1e-14)
    assert f.stats()["kernels"] == 0 and g.stats()["kernels"] == 1
    assert (f.stats()["interpreted"], g.stats()["compiled"]) == (1, 2)


def test_auto_rents_until_the_rent_equals_the_price(monkeypatch: pytest.MonkeyPatch) -> None:
    """Time is faked: each interpretation costs 0.1, compiling 0.55: it is bought after six."""
    monkeypatch.setattr(program, "estimate_compile_seconds", lambda tape: 0.55)
    monkeypatch.setattr(build.cache, "has_program", lambda *args: False)
    monkeypatch.setattr(build, "_built", {})
    monkeypatch.setattr(sizes, "_skeletons", {})
    now = [0.0]

    def clock() -> float:
        now[0] += 0.1
        return now[0]

    monkeypatch.setattr(program.time, "perf_counter", clock)
    f = tj.grad(loss, compile="auto")
    for k in range(20):
        np.testing.assert_allclose(f(X), np.sin(X) + X * np.cos(X))
        interpreted = f.stats()["interpreted"]
        assert interpreted == min(max(k - 1, 0), 6)
    assert f.stats()["kernels"] == 1 and f.stats()["captures"] == 2


def test_the_estimate_learns_and_grows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipeline, "_pace", [1.0])
    small = tj.grad(loss).tape(X)

    @tj.no_rewrite
    def deep(x: Any) -> Any:
        for _ in range(30):
            x = np.tanh(x) + np.sum(x)
        return np.sum(x)

    big = tj.grad(deep).tape(X)
    one, other = map(pipeline.estimate_compile_seconds, (small, big))
    assert 0.02 < one < 1.0 and other > 1.5 * one
    for _ in range(5):
        pipeline.note_compile_seconds(small, 3 * pipeline._raw_estimate(small))
    assert pipeline.estimate_compile_seconds(small) > 2 * one
    for _ in range(20):
        pipeline.note_compile_seconds(small, 1e-9)
    assert pipeline.estimate_compile_seconds(small) > 0.1 * one, "one odd measurement is bounded"


def test_nothing_is_learnt_from_code_that_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build, "_built", {})
    monkeypatch.setattr(sizes, "_skeletons", {})
    learnt: list[float] = []
    monkeypatch.setattr(build, "note_compile_seconds", lambda tape, s: learnt.append(s))
    monkeypatch.setattr(build.config, "cache", False)
    for _ in range(3):
        f = tj.grad(loss, compile="always")
        f(X)
        assert f.stats()["kernels"] == 1 and len(learnt) == 1
    assert "taken over from a function with the same tape in " in f.explain(X)


def test_the_estimate_is_of_the_right_size() -> None:
    def net(x: Any) -> Any:
        h = np.outer(np.ones(4), x)
        for k in range(4):
            h = np.tanh(h @ np.full((11, 11), 0.1) + k)
        return np.mean(h**2)

    tj.grad(loss, compile="always")(X)  # what a process does but once
    f = tj.grad(net, compile="always")
    f(X)
    seconds = f.stats()["compile_seconds"]
    guess = pipeline._raw_estimate(f.tape(X))
    assert guess / 8 < seconds < guess * 8, (guess, seconds)


def test_what_cannot_be_compiled_is_interpreted(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(tape: Any, title: str) -> Any:
        raise RuntimeError("no code today")

    monkeypatch.setattr(build, "_built", {})
    monkeypatch.setattr(sizes, "_skeletons", {})
    monkeypatch.setattr(build, "compile_tape", broken)
    for policy in ("always", "auto"):
        monkeypatch.setattr(program, "estimate_compile_seconds", lambda tape: 0.0)
        f = tj.grad(loss, compile=policy)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            for _ in range(6):
                np.testing.assert_allclose(f(X), np.sin(X) + X * np.cos(X))
        (warning,) = caught
        assert warning.category is CompileWarning and "no code today" in str(warning.message)
        assert "grad(loss)" in str(warning.message)


def test_an_interrupted_compilation_leaves_a_working_function(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    good = build.compile_tape

    def interrupted(tape: Any, title: str) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr(build, "_built", {})
    monkeypatch.setattr(sizes, "_skeletons", {})
    monkeypatch.setattr(build, "compile_tape", interrupted)
    f = tj.grad(loss, compile="always")
    with pytest.raises(KeyboardInterrupt):
        f(X)
    monkeypatch.setattr(build, "compile_tape", good)
    for _ in range(2):
        np.testing.assert_allclose(f(X), np.sin(X) + X * np.cos(X))
    assert f.stats()["compiled"] == 2


def test_a_wrong_policy() -> None:
    with pytest.raises(ValueError, match='"auto", "always" or "never", not \'later\''):
        tj.grad(loss, compile="later")


@pytest.mark.parametrize("policy", ["never", "always", "sometimes"])
def test_policy_from_the_environment(policy: str, tmp_path: Path) -> None:
    code = (
        "import numpy as np, tapejit as tj\n"
        "f = tj.grad(lambda x: np.sum(x * x))\n"
        "for _ in range(3): f(np.ones(3))\n"
        "print(f.stats()['kernels'])\n"
    )
    env = {
        **os.environ,
        "TAPEJIT_COMPILE": policy,
        "TAPEJIT_CACHE_DIR": str(tmp_path / "cache"),
        "PYTHONPATH": str(Path(__file__).parents[2]),
    }
    found = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True)
    if policy == "sometimes":
        assert found.returncode and "not 'sometimes'" in found.stderr
    else:
        assert found.stdout.strip() == ("1" if policy == "always" else "0"), found.stderr
