"""Rounds of reversed loops: the order of their sums, and the first one, which alone needs gates."""

from __future__ import annotations

import numpy as np
import pytest

import tapejit as tj
from tapejit.core.avals import Aval
from tapejit.passes.latency import late_terms_last
from tapejit.tape.ir import Builder, Tape
from tapejit.tape.replay import interpret
from tapejit.testing import check_grads

FLOAT = Aval(np.dtype(float))
RNG = np.random.default_rng(11)


# ---------------------------------------------------------------- the order of sums


def body(fn, carry: int, others: int) -> Tape:
    b = Builder()
    b.input(Aval(np.dtype(np.int64)))
    xs = [b.input(FLOAT) for _ in range(carry + others)]
    return b.finish([b.sym(y) for y in fn(*xs)])


def test_the_term_of_the_round_before_comes_last():
    before = body(lambda c, p, q: [(c * p + q * q) + p], 1, 2)
    after = late_terms_last(before, 1, 0)
    early, late = after.args(after.outputs[0])
    assert after.prim(late).name == "multiply" and 1 in after.args(late)
    assert 1 not in set(after.args(early))
    xs = [np.int64(0), *RNG.normal(size=3)]
    np.testing.assert_allclose(interpret(after, xs), interpret(before, xs), rtol=1e-15)


def test_a_carried_sum_itself_is_added_last():
    before = body(lambda c, s, p: [c * p, ((s + c * p) + c) + p], 2, 1)
    after = late_terms_last(before, 2, 0)
    assert after.args(after.outputs[1])[1] == 2, "c needs nothing of s"


def test_values_that_need_each_other_are_ordered_by_how_late_they_are():
    before = body(lambda c, d, p: [(d * d * d + c) + p, (c + d) + p], 2, 1)
    after = late_terms_last(before, 2, 0)
    early, late = after.args(after.outputs[0])
    assert after.prim(late).name == "multiply"
    assert sorted(after.args(early)) == [1, 3]


@pytest.mark.parametrize("first", [0, 99])
def test_rows_of_the_forward_round_keep_their_order(first):
    before = body(lambda c, p, q: [(c * p + q * q) + p], 1, 2)
    assert (late_terms_last(before, 1, first) is before) == (first > 0)


def test_a_sum_that_is_an_output_or_read_twice_is_no_part():
    before = body(lambda c, p: [(t := (c * p + p) + p) + c * 2.0, t], 2, 0)
    after = late_terms_last(before, 2, 0)
    assert after.rows <= before.rows, "nothing is computed twice"
    xs = [np.int64(0), *RNG.normal(size=2)]
    np.testing.assert_allclose(interpret(after, xs), interpret(before, xs), rtol=1e-15)


def test_a_sum_of_thousands_of_terms():
    def fn(c, p):
        total = c * p
        for _ in range(3000):
            total = total + p
        return [total]

    after = late_terms_last(body(fn, 1, 1), 1, 0)
    assert after.prim(after.args(after.outputs[0])[1]).name == "multiply"


# ---------------------------------------------------------------- the first round


def volatility(p, r):
    mu, omega, alpha, beta = p
    var = omega / (1.0 - alpha - beta)
    total = 0.0
    for x in r:
        e = x - mu
        total += np.log(var) + e * e / var
        var = omega + alpha * e * e + beta * var
    return 0.5 * total


def unused_end(x, w):
    """The last round divides by zero, and nobody reads what it leaves."""
    total = 0.0
    v = x
    with np.errstate(all="ignore"):
        for t in range(9):
            total += v * v * w
            v = v / (8.0 - t)
    return total


def test_the_first_round_is_written_in_front_of_the_loop():
    args = np.array([0.02, 0.08, 0.1, 0.8]), RNG.normal(size=23)
    source = tj.grad(volatility, compile="always").source(*args)
    assert "range(22 - 1, -1, -1)" in source
    behind = source[source.index("range(22 - 1, -1, -1)") :].splitlines()[1:]
    inside = [line for line in behind if line.startswith("        ")]
    assert inside and not any(" if " in line for line in inside), "no gate is left in the loop"
    check_grads(lambda p: volatility(p, args[1]), (args[0],), order=1)
    for mode in ("always", "never"):
        value, grad = tj.value_and_grad(volatility, compile=mode)(*args)
        wanted = volatility(*args)
        np.testing.assert_allclose(value, wanted, rtol=1e-13)
        steps = 1e-6 * np.eye(4)
        slopes = [
            (volatility(args[0] + d, args[1]) - volatility(args[0] - d, args[1])) / 2e-6
            for d in steps
        ]
        np.testing.assert_allclose(grad, slopes, rtol=1e-6)


@pytest.mark.parametrize("mode", ["always", "never"])
def test_what_nobody_reads_has_no_gradient_even_where_it_is_infinite(mode):
    value, grad = tj.value_and_grad(unused_end, argnums=(0, 1), compile=mode)(1.5, 2.0)
    parts = [np.prod([1.0 / (8.0 - k) for k in range(t)]) for t in range(9)]
    weight = sum(p * p for p in parts)
    np.testing.assert_allclose(value, 2.0 * 1.5**2 * weight, rtol=1e-14)
    np.testing.assert_allclose(grad, [2 * 2.0 * 1.5 * weight, 1.5**2 * weight], rtol=1e-14)


@pytest.mark.parametrize("n", [0, 1, 2])
def test_short_loops(n):
    def loss(p, r):
        v, total = p, 0.0
        for x in r:
            total = total + v * x
            v = np.sin(v) * x + v
        return total

    r = RNG.normal(size=n)
    for mode in ("always", "never"):
        grad = tj.grad(loss, compile=mode)(0.3, r)
        slope = (loss(0.3 + 1e-6, r) - loss(0.3 - 1e-6, r)) / 2e-6
        np.testing.assert_allclose(grad, slope, atol=1e-8)


def test_second_derivatives_through_a_peeled_round():
    args = np.array([0.02, 0.08, 0.1, 0.8]), RNG.normal(size=12)
    check_grads(lambda p: volatility(p, args[1]), (args[0],), order=2, compile="always")


# ---------------------------------------------------------------- what it shares with the forward one


def test_a_factor_of_the_derivative_that_the_forward_round_has_is_kept_once():
    def loss(w, x):
        h, total = w, 0.0
        for u in x:
            h = 1.0 / (1.0 + np.exp(-(w * h + u)))
            total = total + np.sum(h * h)
        return total

    w, x = RNG.normal(size=20), RNG.normal(size=12)
    source = tj.grad(loss, compile="always").source(w, x)
    assert source.count("1.0 / ") == 1, "the quotient is read where its derivative needs it again"
    check_grads(lambda w: loss(w, x), (w,), order=1, compile="always")
