"""Sums into elements of arrays, kept as numbers while a loop runs."""

from __future__ import annotations

import numpy as np
import pytest
from building import INT, at, aval, check, choose, loop, put

import tapejit as tj
from tapejit.passes.bounds import checks_left
from tapejit.passes.carried_sums import carried_sums
from tapejit.passes.trim import trim
from tapejit.rules.declare import ops
from tapejit.tape.ir import Builder, Tape

RNG = np.random.default_rng(7)


def add(a, value, k):
    """Add to an element at a static place."""
    return ops.add_slice(a, ops.reshape(a.b.sym(value), shape=(1,)), ranges=((k, 1, 1),))


# name, the round (i, a, k, u) -> a, the values that the loop then carries
ROUNDS = {
    "one place": (lambda i, a, k, u: [add(a, u, 2)], ["number"]),
    "two places": (lambda i, a, k, u: [add(add(a, u, 2), u * u, 0)], ["number", "number"]),
    "a shared place": (lambda i, a, k, u: [put(a, u * i, k, add=True)], ["number"]),
    "and one that moves": (
        lambda i, a, k, u: [put(add(a, u, 2), u * u, i, add=True)],
        ["array", "number"],
    ),
    "the same place twice": (lambda i, a, k, u: [add(add(a, u, 1), 2.0, 1)], ["number", "number"]),
    "read": (lambda i, a, k, u: [add(a, u * at(a, 2), 2)], ["array"]),
    "read elsewhere": (lambda i, a, k, u: [add(a, u + at(a, 0), 2)], ["array"]),
    "read in between": (lambda i, a, k, u: [add(t := add(a, u, 2), at(t, 2), 3)], ["array"]),
    "overwritten": (lambda i, a, k, u: [add(put(a, 0.5, 3), u, 2)], ["array"]),
    "a part": (
        lambda i, a, k, u: [ops.add_slice(a, ops.broadcast_to(u, shape=(3,)), ranges=((1, 3, 1),))],
        ["window"],
    ),
    "every other one": (
        lambda i, a, k, u: [
            add(ops.add_slice(a, ops.broadcast_to(u, shape=(3,)), ranges=((1, 3, 2),)), u, 3)
        ],
        ["number", "window"],
    ),
    "the whole": (
        lambda i, a, k, u: [ops.add_slice(a, ops.broadcast_to(u, shape=(8,)), ranges=((0, 8, 1),))],
        ["array"],
    ),
}
SHAPES = {"number": (), "window": (3,), "array": (8,)}


def tape_of(step, n: int = 6, dtype: str = "float64") -> Tape:
    b = Builder()
    a, k, u = b.input(aval(8, dtype=dtype)), b.input(INT), b.input(aval(n, dtype=dtype))
    place = ops.wrap_index(k, size=8, axis=0)
    return b.finish(loop(b, n, lambda i, a, k, u: step(i, a, k, u), [a], [place], [u]))


@pytest.mark.parametrize("name", ROUNDS)
def test_additions_to_places_that_stay_are_numbers(name):
    step, wanted = ROUNDS[name]
    made = trim(carried_sums(checks_left(tape_of(step))))
    row = next(r for r in made if r.prim.name == "for")
    carried = [made.value(a).shape for a in row.args[1 : 1 + row.params["carry"]]]
    assert carried == [SHAPES[w] for w in wanted]
    for n in (0, 1, 6):
        check(tape_of(step, n), RNG.normal(size=8), np.int64(-2), RNG.normal(size=n))


def test_other_dtypes():
    for dtype in ("float32", "complex128"):
        x, u = (RNG.normal(size=n).astype(dtype) for n in (8, 6))
        check(tape_of(ROUNDS["two places"][0], dtype=dtype), x, np.int64(1), u)


def test_an_array_that_a_round_also_hands_out_is_left_alone():
    b = Builder()
    a, u = b.input(aval(8)), b.input(aval(6))
    outs = loop(b, 6, lambda i, a, u: [add(a, u, 2), a], [a], [], [u])
    made = carried_sums(b.finish(outs))
    assert next(r for r in made if r.prim.name == "for").params["carry"] == 1
    check(made, RNG.normal(size=8), RNG.normal(size=6))


def test_loops_in_loops_and_branches():
    b = Builder()
    a, u = b.input(aval(8)), b.input(aval(6))

    def row(i, a, u):
        (a,) = loop(a.b, 4, lambda j, a, i, u: [put(a, at(u, j), i, add=True)], [a], [i, u])
        return choose(a.b, at(u, i) > 0, lambda a: [add(a, 1.0, 7)], lambda a: [a], a)

    tape = b.finish(loop(b, 6, row, [a], [u]))
    check(tape, RNG.normal(size=8), RNG.normal(size=6))


def test_gradients_by_parameters_that_are_read_in_every_round():
    def loss(p, x):
        v, total = p[0], 0.0
        for u in x:
            v = p[1] * v + p[2] * u * u
            total = total + np.log(v + 2.0)
        return total

    p, x = np.array([0.5, 0.3, 0.2]), RNG.normal(size=30)
    f = tj.value_and_grad(loss, compile="always")
    source = f.source(p, x)
    rounds = source[source.rindex("for f") : source.rindex("# update")]
    assert "o1[" not in rounds.split("\n    # ")[0], "the loop adds to numbers"
    value, grad = f(p, x)
    slopes = [(loss(p + d, x) - loss(p - d, x)) / 2e-6 for d in 1e-6 * np.eye(3)]
    np.testing.assert_allclose(value, loss(p, x), rtol=1e-13)
    np.testing.assert_allclose(grad, slopes, rtol=1e-6)
