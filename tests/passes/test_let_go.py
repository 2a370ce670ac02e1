"""The reverse sweep lets go of large values, and whoever needs one again gets the same value."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tapejit as tj
from tapejit.core.avals import Aval
from tapejit.passes.adjoint import adjoint
from tapejit.tape import ir
from tapejit.tape.ir import DROPPED, Builder, Known
from tapejit.tape.primitive import primitive

X = np.linspace(0.2, 1.4, 12).reshape(3, 4)


def loss(x: Any) -> Any:
    h = np.tanh(x @ x.T) * np.exp(-x.sum())
    h[0] += np.sort(x[:, 0])
    return np.sum(h**3), {"h": h}


def answers() -> list[Any]:
    """Values and derivatives, all from first calls: nothing is replayed."""
    (value, aux), gradient = tj.value_and_grad(loss, has_aux=True, compile="never")(X)
    second = tj.grad(lambda x: np.sum(tj.grad(lambda y: loss(y)[0])(x) ** 2), compile="never")(X)
    product = tj.hvp(lambda x: loss(x)[0], compile="never")(X, X)
    out, pullback = tj.vjp(lambda x: loss(x)[1]["h"], X, compile="never")
    return [value, aux["h"], gradient, second, product, out, pullback(out)[0]]


def test_answers_do_not_depend_on_what_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = answers()
    monkeypatch.setattr(ir, "LARGE", 0)
    for found, want in zip(answers(), wanted, strict=True):
        np.testing.assert_array_equal(found, want)


def test_large_values_are_dropped_and_come_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ir, "LARGE", 64)
    b = Builder(eager=True)
    x = b.input(Aval(np.dtype(float), (100,)), np.linspace(0.0, 1.0, 100))
    y = x
    for _ in range(5):
        y = primitive("sin")(y) * y
    total = primitive("sum")(y, axis=(0,), keepdims=False)
    before = [np.array(v) for v in b.known]
    (ct,) = adjoint(b, [total], [b.lit(1.0)], [x])
    assert ct is not None and isinstance(b.known, Known)
    gone = [i for i, v in enumerate(list.__iter__(b.known)) if v is DROPPED]
    assert len(gone) > 15 and x.id not in gone and ct.id not in gone
    for i, value in enumerate(before):
        np.testing.assert_array_equal(b.known[i], value)


def test_small_values_stay() -> None:
    b = Builder(eager=True)
    x = b.input(Aval(np.dtype(float), (100,)), np.ones(100))
    y = primitive("sum")(x * x, axis=(0,), keepdims=False)
    adjoint(b, [y], [b.lit(1.0)], [x])
    assert not isinstance(b.known, Known)
