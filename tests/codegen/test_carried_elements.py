"""Elements that a round of a loop leaves in an array for the next one."""

from __future__ import annotations

import numpy as np
import pytest
from building import INT, at, aval, check, loop, put

import tapejit as tj
from tapejit.passes.bounds import checks_left
from tapejit.passes.carried_elements import carried_elements
from tapejit.passes.trim import trim
from tapejit.rules.declare import ops
from tapejit.tape.ir import Builder, Tape
from tapejit.testing import check_grads

RNG = np.random.default_rng(3)


def carries(tape: Tape) -> int:
    """The values that the first loop of a tape carries when its elements are carried as numbers."""
    made = carried_elements(trim(checks_left(tape)))
    return next(r.params["carry"] for r in made if r.prim.name == "for")


def recurrence(step, n: int = 6, size: int = 9, reverse: bool = False) -> Tape:
    b = Builder()
    x, w = b.input(aval(size)), b.input(aval())
    return b.finish(loop(b, n, step, [x], [w], reverse=reverse))


# name, the round (i, h, w) -> h, whether it runs backwards, whether an element is carried
ROUNDS = {
    "behind": (lambda i, h, w: [put(h, w * at(h, i), i + 1)], False, True),
    "far behind": (lambda i, h, w: [put(h, w * at(h, i), i + 2)], False, False),
    "ahead": (lambda i, h, w: [put(h, w * at(h, i + 1), i)], False, False),
    "ahead, backwards": (lambda i, h, w: [put(h, w * at(h, i + 1), i)], True, True),
    "behind, backwards": (lambda i, h, w: [put(h, w * at(h, i), i + 1)], True, False),
    "two behind": (lambda i, h, w: [put(h, w * at(h, i + 1) - at(h, i), i + 2)], False, True),
    "added": (lambda i, h, w: [put(h, w * at(h, i), i + 1, add=True)], False, True),
    "the same place": (lambda i, h, w: [put(h, w * at(h, 2) + i, 2)], False, True),
    "falling": (lambda i, h, w: [put(h, w * at(h, 8 - i), 7 - i)], False, True),
    "cleared, then added": (
        lambda i, h, w: [put(put(h, 0.0, i + 1), w * at(h, i + 1), i, add=True)],
        True,
        True,
    ),
    "written over later": (
        lambda i, h, w: [put(put(h, w * at(h, i), i + 1), w, i + 1)],
        False,
        True,
    ),
    "written elsewhere later": (
        lambda i, h, w: [put(put(h, w * at(h, i), i + 1), w, i + 3)],
        False,
        True,
    ),
    "perhaps written over": (
        lambda i, h, w: [put(put(h, w * at(h, i), i + 1), w, 5)],
        False,
        False,
    ),
}


@pytest.mark.parametrize("name", ROUNDS)
def test_a_recurrence_over_an_array_ends_with_the_same_elements(name):
    step, reverse, found = ROUNDS[name]
    tape = recurrence(step, reverse=reverse)
    assert carries(tape) == 1 + found
    check(tape, RNG.normal(size=9), np.float64(0.7))


@pytest.mark.parametrize("n", [0, 1, 2])
def test_short_loops(n):
    tape = recurrence(ROUNDS["behind"][0], n=n)
    check(tape, RNG.normal(size=9), np.float64(0.7))


def test_a_loop_that_may_not_run_is_left_alone():
    def step(i, h):
        element = ops.reshape(ops.dynamic_slice(h, i, sizes=(1,)), shape=())
        return [ops.dynamic_update(h, ops.reshape(2.0 * element, shape=(1,)), i + 1)]

    b = Builder()
    x, n = b.input(aval(9)), b.input(INT)
    tape = b.finish(loop(b, n, step, [x]))
    assert carries(tape) == 1
    check(tape, RNG.normal(size=9), np.int64(5))
    check(tape, RNG.normal(size=9), np.int64(0))


def test_a_place_that_may_wrap_around_is_left_alone():
    b = Builder()
    x, k = b.input(aval(9)), b.input(INT)
    tape = b.finish(loop(b, 4, lambda i, h, k: [put(h, 2.0 * at(h, i + k), i + k + 1)], [x], [k]))
    assert carries(tape) == 1
    check(tape, RNG.normal(size=9), np.int64(-3))


def test_rows_of_a_table_carry_the_element_to_the_left():
    b = Builder()
    x = b.input(aval(6))

    def cell(j, t, i, x):
        return [put(t, at(x, j) + 0.5 * at(t, i + 1, j) - at(t, i, j + 1), i + 1, j + 1)]

    table = b.input(aval(5, 7))
    (table,) = loop(b, 4, lambda i, t, x: loop(t.b, 6, cell, [t], [i, x]), [table], [x])
    source = check(b.finish([table]), RNG.normal(size=6), RNG.normal(size=(5, 7)))
    inner = source[source.rindex("for f") :]
    assert inner.count("] ") <= 3, "the element to the left is no load"


def test_numbers_of_a_float32_array_keep_their_dtype():
    b = Builder()
    x = b.input(aval(9, dtype="float32"))
    tape = b.finish(loop(b, 6, lambda i, h: [put(h, at(h, i) * at(h, i + 1), i + 1)], [x]))
    assert carries(tape) == 2
    check(tape, RNG.normal(size=9).astype(np.float32))


@pytest.mark.parametrize("lag", [1, 2])
def test_gradients_of_a_recurrence_written_as_an_array(lag):
    def loss(p, r):
        h = np.zeros(len(r) + lag)
        h[:lag] = p[0]
        for t in range(len(r)):
            h[t + lag] = p[1] + p[2] * r[t] * h[t + lag - 1] - 0.1 * h[t] ** 2
        return np.sum(h * h)

    args = np.array([0.1, 0.2, 0.3]), RNG.normal(size=13)
    check_grads(lambda p: loss(p, args[1]), (args[0],))
    value, grad = tj.value_and_grad(loss, compile="always")(*args)
    wanted, by_hand = tj.value_and_grad(loss, compile="never")(*args)
    np.testing.assert_allclose(value, wanted, rtol=1e-13)
    np.testing.assert_allclose(grad, by_hand, rtol=1e-12)
