"""Sums of windows, added to a window of an array."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import tapejit as tj
from tapejit.core.avals import Aval
from tapejit.passes.spread_sums import spread_sums
from tapejit.rules.declare import ops, zeros_like
from tapejit.tape.ir import Builder, Tape
from tapejit.tape.replay import interpret

RNG = np.random.default_rng(17)
ROWS = ((0, 1, 1), (0, 5, 1)), ((2, 1, 1), (0, 5, 1))


def part(x, start, count, shape):
    return ops.reshape(ops.slice(x, ranges=((start, count, 1),)), shape=shape)


def first(c):
    return ops.reshape(ops.slice(c, ranges=((0, 1, 1), (0, 3, 1), (0, 5, 1))), shape=(3, 5))


def windows(z, x, ranges):
    """The first and the last row of z, with x added."""
    for n, r in enumerate(ranges):
        z = ops.add_slice(z, ops.reshape(x * (n + 1.0), shape=tuple(c for _, c, _ in r)), ranges=r)
    return z


def layers(c, x, start=None):
    """A sum of rows of (3, 5) added to a layer of (2, 3, 5)."""
    t = windows(zeros_like(c, (3, 5)) if start is None else start, x, ROWS)
    return ops.add_slice(
        c, ops.reshape(t, shape=(1, 3, 5)), ranges=((1, 1, 1), (0, 3, 1), (0, 5, 1))
    ), t


def strides(c, x):
    """Every other element of every other row, and in that every other one again."""
    t = ops.add_slice(zeros_like(c, (2, 3)), part(x, 0, 1, (1, 1)), ranges=((1, 1, 1), (2, 1, 1)))
    t = ops.add_slice(t, part(x, 1, 4, (2, 2)), ranges=((0, 2, 1), (0, 2, 2)))
    return ops.add_slice(first(c), t, ranges=((0, 2, 2), (0, 3, 2)))


CASES = {
    "rows of a layer": (lambda c, x: [layers(c, x)[0]], True),
    "strides": (lambda c, x: [strides(c, x)], True),
    "an output besides": (lambda c, x: [*layers(c, x)], False),
    "read besides": (lambda c, x: [layers(c, x)[0], layers(c, x)[1] * 2.0], True),
    "not from zeros": (lambda c, x: [layers(c, x, start=first(c))[0]], False),
    "of another shape": (
        lambda c, x: [
            ops.add_slice(
                ops.reshape(c, shape=(30,)),
                ops.reshape(layers(c, x)[1], shape=(15,)),
                ranges=((10, 15, 1),),
            )
        ],
        False,
    ),
}


def tape_of(fn) -> Tape:
    b = Builder()
    c, x = b.input(Aval(np.dtype(float), (2, 3, 5))), b.input(Aval(np.dtype(float), (5,)))
    return b.finish(fn(c, x))


@pytest.mark.parametrize("name", CASES)
def test_windows_are_added_where_their_sum_would_be(name):
    fn, spread = CASES[name]
    tape = tape_of(fn)
    made = spread_sums(tape)
    assert (made is not tape) == spread
    xs = [RNG.normal(size=(2, 3, 5)), RNG.normal(size=5)]
    for have, want in zip(interpret(made, xs), interpret(tape, xs), strict=True):
        np.testing.assert_allclose(have, want, rtol=1e-14)


def test_gradients_by_rows_of_layers_of_weights():
    def loss(w, x):
        h, total = x[0], 0.0
        for t in range(len(x)):
            for layer in range(2):
                v = w[layer]
                h = np.tanh(h * v[0] + x[t] * v[2])
            total = total + np.sum(h * h)
        return total

    w, x = RNG.normal(size=(2, 3, 5)), RNG.normal(size=(12, 5))
    f = tj.value_and_grad(loss, compile="always")
    value, grad = f(w, x)
    wanted, slow = tj.value_and_grad(loss, compile="never")(w, x)
    np.testing.assert_allclose(value, wanted, rtol=1e-13)
    np.testing.assert_allclose(grad, slow, rtol=1e-11)
    source = f.source(w, x)
    rounds = source[source.index("range(12 - 1, -1, -1)") :].splitlines()[1:]
    inside = list(itertools.takewhile(lambda line: line.startswith("        "), rounds))
    assert not any(line.endswith("] = 0.0") for line in inside), "no zeros are made in a round"
    assert inside and not any("o1[" in line for line in inside), (
        "the loop adds to windows of their own"
    )
