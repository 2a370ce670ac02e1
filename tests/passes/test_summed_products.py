"""Products that are only summed."""

from __future__ import annotations

import numpy as np
import pytest

import tapejit as tj
from tapejit.core.avals import Aval
from tapejit.passes.summed_products import summed_products
from tapejit.rules.declare import ops
from tapejit.runtime.pipeline import optimise
from tapejit.tape.ir import Builder, Tape
from tapejit.tape.replay import interpret
from tapejit.tape.verify import verify

RNG = np.random.default_rng(3)


def tape_of(fn, *shapes: tuple[int, ...], dtype: str = "float64") -> Tape:
    b = Builder()
    made = fn(*[b.input(Aval(np.dtype(dtype), s)) for s in shapes])
    return b.finish([made] if not isinstance(made, list) else made)


def largest_product(tape: Tape) -> int:
    return max((tape.value(r.id).size for r in tape if r.prim.name == "matmul"), default=0)


def summed(axis, keepdims=False, minus=False):
    def fn(x, y):
        z = ops.matmul(x, y)
        return ops.sum(-z if minus else z, axis=axis, keepdims=keepdims)

    return fn


TWO, BATCH, SPREAD = ((5, 4), (4, 3)), ((2, 5, 4), (2, 4, 3)), ((5, 4), (2, 4, 3))
AXES = [
    (TWO, (0,), 3),
    (TWO, (1,), 5),
    (TWO, (0, 1), 1),
    (BATCH, (1,), 6),
    (BATCH, (0, 2), 10),
    (BATCH, (0, 1, 2), 2),
    (SPREAD, (1,), 6),
    (SPREAD, (0, 2), 10),
]


@pytest.mark.parametrize("minus", [False, True])
@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize("dtype", ["float64", "complex128"])
@pytest.mark.parametrize(("shapes", "axis", "size"), AXES)
def test_operands_are_summed(shapes, axis, size, dtype, keepdims, minus):
    tape = tape_of(summed(axis, keepdims, minus), *shapes, dtype=dtype)
    made = verify(summed_products(tape))
    assert largest_product(made) == size < largest_product(tape)
    given = [RNG.normal(size=s).astype(dtype) for s in shapes]
    (have,), (want,) = interpret(made, given), interpret(tape, given)
    assert have.dtype == want.dtype and have.shape == want.shape
    np.testing.assert_allclose(have, want, rtol=1e-12, atol=1e-13)


def read_twice(x, y):
    z = ops.matmul(x, y)
    return [ops.sum(z, axis=(0,), keepdims=False), ops.exp(z)]


def negative_read_twice(x, y):
    z = -ops.matmul(x, y)
    return [ops.sum(z, axis=(0,), keepdims=False), ops.exp(z)]


def handed_out(x, y):
    z = ops.matmul(x, y)
    return [ops.sum(z, axis=(0,), keepdims=False), z]


LEFT = [
    (read_twice, TWO, "float64"),
    (negative_read_twice, TWO, "float64"),
    (handed_out, TWO, "float64"),
    (summed((0,)), BATCH, "float64"),
    (summed((0,)), ((1, 4), (4, 3)), "float64"),
    (summed((0,)), TWO, "int64"),
    (lambda x, y: ops.max(ops.matmul(x, y), axis=(0,), keepdims=False), TWO, "float64"),
    (lambda x, y: ops.sum(ops.exp(ops.matmul(x, y)), axis=(0,), keepdims=False), TWO, "float64"),
]


@pytest.mark.parametrize(("fn", "shapes", "dtype"), LEFT)
def test_others_are_left_alone(fn, shapes, dtype):
    tape = tape_of(fn, *shapes, dtype=dtype)
    assert summed_products(tape) is tape


def test_gradient_of_a_mean_before_a_product():
    """The cotangent of the mean takes one row of a product, not one for each point."""
    x, mu, L = RNG.normal(size=(40, 3)), RNG.normal(size=3), RNG.normal(size=(3, 3))

    def loss(mu):
        return np.sum(np.square((x - mu) @ L))

    f = tj.grad(loss)
    np.testing.assert_allclose(f(mu), -2 * ((x - mu) @ L @ L.T).sum(0), rtol=1e-12)
    tape = optimise(f.tape(mu))
    shapes = [tape.value(r.id).shape for r in tape if r.prim.name == "matmul"]
    assert shapes == [(40, 3), (1, 3)]
