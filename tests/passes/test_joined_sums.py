"""Sums that a loop starts from zeros, started from what they are added to."""

from __future__ import annotations

import numpy as np
import pytest

import tapejit as tj
from tapejit.core.avals import Aval
from tapejit.passes.joined_sums import joined_sums
from tapejit.rules.declare import ops, zeros_like
from tapejit.rules.loops import for_
from tapejit.tape.ir import Builder, Tape
from tapejit.tape.replay import interpret

INT, VECTOR = Aval(np.dtype(np.int64)), Aval(np.dtype(float), (5,))
RNG = np.random.default_rng(13)


def tape_of(step, use) -> Tape:
    """``use(s, t, x)`` of an operand s and of what a loop of three rounds makes of zeros and x."""
    inner = Builder()
    i = inner.input(INT)
    t, x = inner.input(VECTOR), inner.input(VECTOR)
    body = inner.finish([step(i, t, x)])
    b = Builder()
    s, x = b.input(VECTOR), b.input(VECTOR)
    doubled = s * 2.0
    row = for_.on(
        b, b.lit(3, INT), zeros_like(x), x, body=body, carry=1, shared=1, reverse=False, length=3
    )  # fmt: skip
    (t,) = b.outs(row)
    return b.finish([b.sym(y) for y in use(doubled, t, x)])


def added(i, t, x):
    return ops.dynamic_add(t, ops.dynamic_slice(x, i, sizes=(1,)), i + 1)


def branching(then, orelse):
    """A step that hands the sum to one of two branches, each ``(t, x) -> t``."""

    def step(i, t, x):
        sides = []
        for side in (then, orelse):
            b = Builder()
            sides.append(b.finish([side(b.input(VECTOR), b.input(VECTOR))]))
        b = i.b
        row = ops.cond.on(b, i.eq(1), t, x, then=sides[0], orelse=sides[1])
        return b.outs(row)[0]

    return step


def doubled(x, times):
    for _ in range(times):
        x = x + x
    return x


CASES = {
    "added": (added, lambda s, t, x: [s + t], True),
    "from the right": (added, lambda s, t, x: [t + s], True),
    "the whole": (lambda i, t, x: t + x, lambda s, t, x: [s + t], True),
    "read besides": (added, lambda s, t, x: [s + t, t * x], False),
    "an output besides": (added, lambda s, t, x: [s + t, t], False),
    "subtracted": (added, lambda s, t, x: [s - t], False),
    "made later": (added, lambda s, t, x: [(s * x) + t], False),
    "scaled": (lambda i, t, x: t * 0.5 + x, lambda s, t, x: [s + t], False),
    "overwritten": (
        lambda i, t, x: ops.dynamic_update(t, ops.dynamic_slice(x, i, sizes=(1,)), i),
        lambda s, t, x: [s + t],
        False,
    ),
    "read inside": (lambda i, t, x: t + x * t, lambda s, t, x: [s + t], False),
    "doubled and doubled": (lambda i, t, x: t + doubled(x, 60), lambda s, t, x: [s + t], True),
    "in a branch": (
        branching(lambda t, x: t + x, lambda t, x: t),
        lambda s, t, x: [s + t],
        True,
    ),
    "cleared in a branch": (
        branching(lambda t, x: t + x, lambda t, x: zeros_like(x)),
        lambda s, t, x: [s + t],
        False,
    ),
    "exchanged in a branch": (
        branching(lambda t, x: t + x, lambda t, x: x + 1.0),
        lambda s, t, x: [s + t],
        False,
    ),
    "read in a branch": (
        branching(lambda t, x: t + x, lambda t, x: t + t * x),
        lambda s, t, x: [s + t],
        False,
    ),
    "twice": (lambda i, t, x: t + t + x, lambda s, t, x: [s + t], False),
}


@pytest.mark.parametrize("name", CASES)
def test_a_sum_of_a_loop_and_an_array(name):
    step, use, joined = CASES[name]
    tape = tape_of(step, use)
    made = joined_sums(tape)
    assert (made is not tape) == joined
    xs = [RNG.normal(size=5), RNG.normal(size=5)]
    for have, want in zip(interpret(made, xs), interpret(tape, xs), strict=True):
        np.testing.assert_allclose(have, want, rtol=1e-14)


def windows(x, w):
    total = 0.0
    for i in range(len(w)):
        for j in range(12):
            total = total + w[i] * np.sin(x[i + j]) * x[2 * j]
    return total


def test_a_loop_in_a_loop_adds_to_the_sum_outside():
    x, w = RNG.normal(size=50), RNG.normal(size=20)
    f = tj.value_and_grad(windows, argnums=(0, 1), compile="always")
    source = f.source(x, w)
    assert source.count("range(50)") == 1, "an array of zeros is made once"
    value, grads = f(x, w)
    np.testing.assert_allclose(value, windows(x, w), rtol=1e-13)
    for k, grad in enumerate(grads):
        for i in range(len(grad)):
            args = [x.copy(), w.copy()]
            args[k][i] += 1e-6
            up = windows(*args)
            args[k][i] -= 2e-6
            np.testing.assert_allclose(grad[i], (up - windows(*args)) / 2e-6, atol=1e-8)


def smallest(x, w):
    table = np.zeros((len(w) + 1, len(x)))
    for i in range(len(w)):
        for j in range(1, len(x)):
            table[i + 1, j] = w[i] * x[j] + min(table[i, j], table[i, j - 1])
    return table[-1, -1]


def test_rounds_that_are_skipped_add_to_the_sum_outside():
    x, w = RNG.normal(size=50), RNG.normal(size=20)
    f = tj.value_and_grad(smallest, argnums=(0, 1), compile="always")
    source = f.source(x, w)
    assert source.count("range(50)") == 1, "an array of zeros is made once"
    have, want = f(x, w), tj.value_and_grad(smallest, argnums=(0, 1), compile="never")(x, w)
    np.testing.assert_allclose(have[0], want[0], rtol=1e-13)
    for one, other in zip(have[1], want[1]):
        np.testing.assert_allclose(one, other, rtol=1e-13)
