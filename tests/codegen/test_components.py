"""Arrays of short vectors are taken apart into components."""

from __future__ import annotations

import numpy as np
import pytest
from building import aval, check, loop

import tapejit as tj
from tapejit.passes.components import components
from tapejit.rules.declare import ops
from tapejit.tape.ir import Builder, Tape
from tapejit.tape.replay import interpret
from tapejit.testing import check_grads

RNG = np.random.default_rng(5)


def pairs(x, n):
    """The differences of all pairs of n points."""
    d = x.shape[-1]
    return ops.reshape(x, shape=(1, n, d)) - ops.reshape(x, shape=(n, 1, d))


def squares(x, n):
    d = pairs(x, n)
    return [ops.sum(d * d, axis=(2,), keepdims=False)]


def forces(x, n):
    d = pairs(x, n)
    r = ops.sum(d * d, axis=(2,), keepdims=False) + 0.1
    w = ops.reshape(1.0 / r, shape=(n, n, 1))
    return [ops.sum(w * d, axis=(1,), keepdims=False), ops.sum(w * d, axis=(0, 2), keepdims=False)]


def of_points(fn, n: int = 5, d: int = 3, dtype: str = "float64") -> Tape:
    b = Builder()
    return b.finish(fn(b.input(aval(n, d, dtype=dtype)), n))


def vectors_left(tape: Tape) -> int:
    """How many elementwise rows have more than two axes."""
    rows = [r for r in tape if r.prim.emit.kind == "elementwise"]
    return sum(len(r.aval.shape) > 2 for r in rows)


@pytest.mark.parametrize("d", [2, 3, 4, 10])
@pytest.mark.parametrize("fn", [squares, forces])
def test_all_pairs_run_in_one_nest(fn, d):
    tape = of_points(fn, d=d)
    made = components(tape)
    assert vectors_left(tape) > 0 == vectors_left(made)
    x = RNG.normal(size=(5, d))
    for have, want in zip(interpret(made, [x]), interpret(tape, [x]), strict=True):
        np.testing.assert_allclose(have, want, rtol=1e-13, atol=1e-14)
    source = check(tape, x)
    assert f"range({d})" not in source


def untouched(x, n):
    d = pairs(x, n)
    return [ops.sum(d, axis=(2,), keepdims=False), d * 2.0]


def turned(x, n):
    d = pairs(x, n)
    return [ops.sum(d, axis=(2,), keepdims=False) + ops.sum(
        ops.transpose(d, axes=(1, 2, 0)), axis=(1,), keepdims=False
    )]  # fmt: skip


def largest(x, n):
    return [ops.max(pairs(x, n), axis=(2,), keepdims=False)]


@pytest.mark.parametrize(
    ("fn", "n", "d"),
    [(untouched, 5, 3), (turned, 5, 3), (largest, 5, 3), (squares, 5, 11), (squares, 3, 3)],
)
def test_what_is_read_otherwise_is_left_alone(fn, n, d):
    tape = of_points(fn, n, d)
    assert components(tape) is tape
    check(tape, RNG.normal(size=(n, d)))


def test_long_vectors_of_a_whole_array_are_left_alone():
    """Products leave vectors of six side by side; those of four are read one by one."""
    for d in (4, 6):
        b = Builder()
        x = b.input(aval(3, 20, d))
        tape = b.finish([ops.sum(x * x, axis=(2,), keepdims=False)])
        assert (components(tape) is tape) == (d == 6)


def test_float32_and_conditions():
    def fn(x, n):
        d = pairs(x, n)
        d = ops.where(d > 0, d, ops.negative(d))
        return [ops.sum(d, axis=(0, 2), keepdims=False)]

    tape = of_points(fn, dtype="float32")
    assert vectors_left(components(tape)) == 0
    check(tape, RNG.normal(size=(5, 3)).astype(np.float32))


def test_bodies_of_loops_are_taken_apart_too():
    b = Builder()
    x = b.input(aval(5, 3))
    tape = b.finish(loop(b, 3, lambda i, x: [x + 0.1 * forces(x, 5)[0]], [x]))
    source = check(tape, RNG.normal(size=(5, 3)))
    assert "range(3)" in source, "the loop itself"
    assert source.count("range(3)") == 1


def test_gradient_of_a_potential_of_all_pairs():
    def energy(x, m):
        d = x[None, :, :] - x[:, None, :]
        r2 = np.sum(d**2, axis=-1) + 0.05
        a = np.sum((m / r2**1.5)[:, :, None] * d, axis=1)
        return np.sum(a**2) + np.sum(np.sqrt(r2))

    args = RNG.normal(size=(6, 3)), RNG.uniform(0.5, 1.5, size=6)
    check_grads(lambda x: energy(x, args[1]), (args[0],))
    value, grad = tj.value_and_grad(energy, compile="always")(*args)
    wanted, slow = tj.value_and_grad(energy, compile="never")(*args)
    np.testing.assert_allclose(value, wanted, rtol=1e-13)
    np.testing.assert_allclose(grad, slow, rtol=1e-11)
