"""checkpoint: the same derivatives in less memory."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

import tapejit as tj
from tapejit.core.errors import ArgumentError
from tapejit.frontend.staging.segments import plan
from tapejit.runtime.pipeline import optimise
from tapejit.runtime.stages import KernelStage, stages_of
from tapejit.testing import check_grads


def chain(p, x):
    s = 0.1
    for t in range(len(x)):
        s = np.sin(p[0] * s) + p[1] * np.exp(-s * s) * x[t]
    return s


def workspace(f: Any, *args: Any) -> int:
    """The bytes that the kernels of a gradient allocate."""
    stages = stages_of(optimise(f.tape(*args)), "memory")
    return sum(s.text.workspace for s in stages if isinstance(s, KernelStage))


def names(tape: Any) -> list[str]:
    found = [row.prim.name for row in tape]
    return found + [n for body in tape.bodies() for n in names(body)]


P = np.array([0.9, 0.3])
X = np.random.default_rng(0).normal(size=41)


@pytest.mark.parametrize(
    "budget, policy", [(1e9, "never"), (700.0, "never"), (10.0, "never"), (150.0, "always")]
)
def test_budgets_change_no_derivative(budget: float, policy: str) -> None:
    value, gradient = tj.value_and_grad(chain, compile="never")(P, X)
    f = tj.value_and_grad(tj.checkpoint(chain, budget=budget), compile=policy)
    for _ in range(3):
        found, g = f(P, X)
        np.testing.assert_allclose(found, value, rtol=1e-13)
        np.testing.assert_allclose(g, gradient, rtol=1e-12)
    assert ("call" in names(f.tape(P, X))) == (budget < 1e6)


def test_second_derivatives_through_segments() -> None:
    plain = tj.hessian(chain, compile="never")(P, X)
    cut = tj.hessian(tj.checkpoint(chain, budget=150.0), compile="never")(P, X)
    np.testing.assert_allclose(cut, plain, rtol=1e-10)
    t = np.array([1.0, -2.0])
    one = tj.jvp(lambda p: chain(p, X), (P,), (t,))[1]
    other = tj.jvp(tj.checkpoint(lambda p: chain(p, X), budget=150.0), (P,), (t,))[1]
    np.testing.assert_allclose(other, one, rtol=1e-12)


def test_a_million_rounds_keep_what_they_must() -> None:
    x = np.zeros(1_000_000)
    f = tj.grad(chain, compile="never")
    # of a round: its old value, a cosine and an exponential, and what else the least cut keeps
    assert workspace_of_capture(f, x) <= 4 * 8 * len(x)


def test_a_budget_is_kept() -> None:
    x = np.zeros(1_000_000)
    for budget in (1e6, 1e5, 1e4):
        f = tj.grad(tj.checkpoint(chain, budget=budget), compile="never")
        assert workspace_of_capture(f, x) <= 2 * budget


def workspace_of_capture(f: Any, x: Any) -> int:
    """The workspace of a gradient that is not run: only its tape is wanted."""
    from tapejit.core.pytree import flatten
    from tapejit.runtime.trace import trace

    leaves, tree = flatten(((P, x), {}))
    d = f._dispatcher
    unrun = lambda tape, inputs: [np.zeros(tape.value(o).shape) for o in tape.outputs]
    made = trace(d.apply, d.fn, leaves, tree, [True, True], evaluate=unrun)
    stages = stages_of(optimise(made.tape), "memory")
    return sum(s.text.workspace for s in stages if isinstance(s, KernelStage))


def test_lists_that_grow_in_segments() -> None:
    def f(p, x):
        values = []
        s = 0.1
        for t in range(len(x)):
            s = np.sin(p[0] * s) + p[1] * x[t]
            values.append(s * s)
        return np.sum(np.array(values) * np.arange(len(x)))

    plain = tj.value_and_grad(f, compile="never")(P, X)
    cut = tj.value_and_grad(tj.checkpoint(f, budget=100.0), compile="never")(P, X)
    np.testing.assert_allclose(cut[0], plain[0], rtol=1e-13)
    np.testing.assert_allclose(cut[1], plain[1], rtol=1e-12)


def test_plans_fit_their_budget() -> None:
    for n in (10, 1000, 10**6):
        for size in (1e3, 1e4, 1e5):
            lengths = plan(n, 8, 24, size)
            levels = [n, *lengths, 1] if lengths else []
            parts = [a / b for a, b in pairwise(levels)]
            held = sum(8 * m for m in parts[:-1]) + 24 * (parts[-1] if parts else n)
            best = min(((d - 1) * 8 + 24) * n ** (1 / d) for d in range(1, 7) if n ** (1 / d) >= 4)
            assert held <= max(size, 1.6 * best)


# ---------------------------------------------------------------- functions


def layer(h: Any, w: Any) -> Any:
    return np.tanh(w @ np.tanh(w @ h))


def network(w, h, wrap):
    for _ in range(12):
        h = wrap(h, w)
    return np.sum(h**2)


def test_a_function_is_computed_again() -> None:
    rng = np.random.default_rng(1)
    w, h = 0.5 * rng.normal(size=(30, 30)), rng.normal(size=30)
    plain = tj.value_and_grad(lambda w: network(w, h, layer))
    again = tj.value_and_grad(lambda w: network(w, h, tj.checkpoint(layer)))
    np.testing.assert_allclose(again(w)[1], plain(w)[1], rtol=1e-12)
    assert names(again.tape(w)).count("tanh") > names(plain.tape(w)).count("tanh")
    kept = [[a for a in row.aval.items if a.shape[:1] == (12,)] for row in again.tape(w)
            if row.prim.name == "for" and not row.params["reverse"]]  # fmt: skip
    assert [len(stacks) for stacks in kept] == [1]  # the layer's argument and nothing else


def test_results_of_any_structure() -> None:
    @tj.checkpoint
    def step(state, scale=1.0, *, shift=0.0):
        """Documented."""
        return {"x": state["x"] * scale + shift, "n": state["n"] + 1, "tag": "same"}

    assert step.__name__ == "step" and step.__doc__ == "Documented."

    def f(x):
        state = {"x": x, "n": 0}
        for _ in range(10):
            state = step(state, 0.9, shift=np.sin(x))
        return state["x"] * state["n"]

    x, h = 0.7, 1e-6
    value, slope = tj.value_and_grad(f)(x)
    np.testing.assert_allclose(value, f(x), rtol=1e-14)
    np.testing.assert_allclose(slope, (f(x + h) - f(x - h)) / (2 * h), rtol=1e-8)


def test_methods_and_writes() -> None:
    class Model:
        def __init__(self, gain: float) -> None:
            self.gain = gain

        @tj.checkpoint
        def step(self, a, i):
            a[i] = np.sin(self.gain * a[i - 1]) + a[i]
            return a[i]

    model = Model(1.3)

    def f(x):
        a = x.copy()
        total = 0.0
        for i in range(1, len(a)):
            total += model.step(a, i)
        return total * a[-1]

    x = np.linspace(0.1, 1.0, 11)
    check_grads(f, (x,))


def test_what_needs_python_is_not_checkpointed() -> None:
    @tj.checkpoint
    def f(x):
        if x > 0:
            return x * x
        return None

    g = tj.grad(lambda x: f(x) * 3.0)
    assert g(2.0) == 12.0
    assert "not checkpointed" in g.explain(2.0)


def test_outside_a_transformation_it_is_the_function() -> None:
    f = tj.checkpoint(math.hypot)
    assert f(3.0, 4.0) == 5.0
    assert "hypot" in repr(f)


@pytest.mark.parametrize("budget", [0, -1.0, True, math.nan])
def test_budgets_are_positive(budget: Any) -> None:
    with pytest.raises(ArgumentError, match="positive number of bytes"):
        tj.checkpoint(chain, budget=budget)
