"""What compiling is expected to cost: much for what is unlike all else, little for what is there again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tapejit as tj
from tapejit.core.config import config
from tapejit.runtime import pipeline
from tapejit.runtime.estimate import Weight, weigh
from tapejit.tape.ir import Tape

X = np.linspace(0.1, 1.0, 12)
W = np.full((12, 12), 0.1)


def network(layers: int) -> Tape:
    @tj.no_rewrite
    def f(ws: Any, x: Any) -> Any:
        for w in ws:
            x = np.tanh(x @ w) * 0.5
        return np.sum(x * x)

    return pipeline.optimise(tj.value_and_grad(f).tape([W] * layers, np.ones((5, 12))))


def line(statements: int, number: Callable[[int], float]) -> Tape:
    @tj.no_rewrite
    def f(x: Any) -> Any:
        y = x
        for k in range(statements):
            x, y = y, np.tanh(x * y + number(k))
        return np.sum(x + y)

    return pipeline.optimise(tj.value_and_grad(f).tape(X))


def test_layers_that_are_called_again_cost_their_rows() -> None:
    few, many = weigh(network(10)), weigh(network(40))
    assert many.rows > 3 * few.rows and many.arguments > 3 * few.arguments
    assert (many.unlike, many.products, many.steps) == (few.unlike, few.products, few.steps)
    assert many.seconds < 4 * few.seconds


def test_statements_that_differ_cost_more_than_those_that_do_not() -> None:
    alike, unlike = weigh(line(80, lambda k: 0.5)), weigh(line(80, lambda k: 0.5 + k / 100))
    assert abs(alike.rows - unlike.rows) < 0.2 * alike.rows
    assert alike.unlike < 40 < 80 <= unlike.unlike
    assert unlike.seconds > 2 * alike.seconds


def test_what_differs_costs_in_proportion() -> None:
    one, two = (weigh(line(n, lambda k: 0.5 + k / 1000)) for n in (200, 400))
    assert 1.7 < (two.seconds - 0.02) / (one.seconds - 0.02) < 2.3


def test_bodies_are_counted() -> None:
    def f(x: Any) -> Any:
        h = x
        for k in range(50):
            h = np.sin(h) * x[k % 12] + np.exp(-h * h)
        return np.sum(h)

    tape = pipeline.optimise(tj.jit(f).tape(X))
    assert any(True for _ in tape.bodies()), "the loop is rolled"
    found = weigh(tape)
    assert found.rows == len(tape) > tape.rows and found.steps >= 1 and found.unlike >= 5


def test_every_part_of_a_weight_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    nothing = Weight(0, 0, 0, 0, 0).seconds
    for k in range(5):
        more = Weight(*[100 * (j == k) for j in range(5)]).seconds
        assert more > nothing
    direct = Weight(100, 10, 1, 1, 3).seconds
    monkeypatch.setattr(config, "direct", False)
    assert Weight(100, 10, 1, 1, 3).seconds > 4 * direct, "Numba's pipeline takes longer"
