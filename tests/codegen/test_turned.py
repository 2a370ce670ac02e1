"""Arrays with a short last axis beside a long one are kept turned."""

from __future__ import annotations

import numpy as np
import pytest
from building import aval, check

import tapejit as tj
from tapejit.passes.legalise import legalise
from tapejit.passes.turned import turned
from tapejit.rules.declare import ops
from tapejit.rules.products import matrix_transpose
from tapejit.runtime.pipeline import optimise
from tapejit.tape.ir import Builder, Tape
from tapejit.tape.replay import interpret
from tapejit.tape.verify import verify

RNG = np.random.default_rng(8)
K, N, D = 6, 70, 7


def tape_of(fn, *shapes: tuple[int, ...], dtype: str = "float64") -> Tape:
    b = Builder()
    made = fn(*[b.input(aval(*s, dtype=dtype)) for s in shapes])
    return b.finish(made)


def is_turned(tape: Tape) -> bool:
    """Whether no elementwise row is left that runs over a short last axis beside a long one."""
    rows = [r.aval.shape for r in tape if r.prim.emit.kind in ("elementwise", "product")]
    assert rows
    return not any(s[-1:] == (D,) and s[-2] >= 64 for s in rows if len(s) > 1)


def differences(x, mu):
    """x[i, :] - mu[k, :] for all points and centres."""
    return x - ops.reshape(mu, shape=(K, 1, D))


def distances(x, mu):
    return [ops.sum(ops.square(differences(x, mu)), axis=(2,), keepdims=False)]


def kept_dims(x, mu):
    d = differences(x, mu)
    return [
        ops.sum(d, axis=(2,), keepdims=True),
        ops.max(d, axis=(1,), keepdims=True),
        ops.min(d, axis=(0, 1), keepdims=False),
        ops.prod(d, axis=(0, 2), keepdims=False),
        ops.sum(d, axis=(0, 1, 2), keepdims=False),
    ]


def of_rows(x, mu):
    """Operands of all shapes that are broadcast: a number, a vector, a row, a column."""
    d = differences(x, mu)
    column = ops.sum(x, axis=(1,), keepdims=True)
    row = ops.max(x, axis=(0,), keepdims=True)
    vector = ops.min(x, axis=(0,), keepdims=False)
    d = (d * column + row) / (2.0 + ops.square(vector)) - ops.sum(mu, axis=(0, 1), keepdims=False)
    d = ops.where(d > 0.1, d, 0.5 * d)
    return [ops.sum(d, axis=(a,), keepdims=False) for a in (1, 2)]


def products(x, mu):
    """Products before, between and behind, one read through its transpose."""
    d = differences(x, mu)
    L = ops.matmul(ops.reshape(mu, shape=(K, D, 1)), ops.reshape(mu, shape=(K, 1, D)))
    z = ops.matmul(d, L)
    p = ops.exp(0.1 * z) - d
    return [
        ops.matmul(matrix_transpose(d), p),
        ops.matmul(p, ops.slice(L, ranges=((0, K, 1), (0, D, 1), (0, 2, 1)))),
        ops.sum(p, axis=(1,), keepdims=False),
    ]


def axes_before_change_places(x, mu):
    d = ops.reshape(mu, shape=(2, K // 2, 1, D)) * x
    return [
        ops.matmul(ops.transpose(d, axes=(1, 0, 3, 2)), ops.sum(x, axis=(1,), keepdims=True)),
        ops.sum(d, axis=(3,), keepdims=False),
    ]


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("fn", [distances, kept_dims, of_rows, products, axes_before_change_places])
def test_rows_are_turned_and_values_stay(fn, dtype):
    tape = tape_of(fn, (N, D), (K, D), dtype=dtype)
    made = verify(turned(tape))
    assert not is_turned(tape)
    assert is_turned(made)
    x, mu = RNG.normal(size=(N, D)).astype(dtype), RNG.normal(size=(K, D)).astype(dtype)
    rtol = 1e-12 if dtype == "float64" else 1e-4
    for have, want in zip(interpret(made, [x, mu]), interpret(tape, [x, mu]), strict=True):
        assert have.shape == want.shape and have.dtype == want.dtype
        np.testing.assert_allclose(have, want, rtol=rtol, atol=rtol)
    check(tape, x, mu)


def test_an_operand_is_copied_once():
    def fn(x, mu):
        return [ops.sum(ops.exp(differences(x, mu)) * x, axis=(2,), keepdims=False)]

    made = turned(tape_of(fn, (N, D), (K, D)))
    assert [r.aval.shape for r in made if r.prim.name == "copy"] == [(D, N)]


def handed_out(x, mu):
    d = differences(x, mu)
    return [ops.sum(d, axis=(2,), keepdims=False), d]


def reshaped(x, mu):
    d = differences(x, mu)
    flat = ops.reshape(d, shape=(K, N * D))
    return [ops.sum(d, axis=(2,), keepdims=False), ops.sum(flat, axis=(1,), keepdims=False)]


def over_the_batch(x, mu):
    d = differences(x, mu)
    return [ops.sum(d, axis=(2,), keepdims=False), ops.sum(d, axis=(0,), keepdims=False)]


def large_operand(x, mu):
    """A copy of x would cost what the rest does."""
    return [ops.sum(ops.square(x), axis=(1,), keepdims=False), ops.exp(mu)]


def transposed_for_a_nest(x, mu):
    d = differences(x, mu)
    return [ops.sum(d, axis=(2,), keepdims=False), ops.exp(matrix_transpose(d))]


def nobody_gains(x, mu):
    return [ops.exp(differences(x, mu))]


@pytest.mark.parametrize(
    "fn",
    [handed_out, reshaped, over_the_batch, large_operand, transposed_for_a_nest, nobody_gains],
)
def test_what_is_read_otherwise_is_left_alone(fn):
    tape = tape_of(fn, (N, D), (K, D))
    assert turned(tape) is tape
    check(tape, RNG.normal(size=(N, D)), RNG.normal(size=(K, D)))


def test_what_others_read_is_turned_back_where_that_is_little_beside_the_gain():
    def fn(x, mu):
        d = differences(x, mu)
        small = ops.exp(ops.reshape(ops.sum(mu, axis=(0,), keepdims=False), shape=(1, D)) * x)
        sums = [ops.sum(ops.exp(d + k * small), axis=(2,), keepdims=False) for k in range(1, 4)]
        return [*sums, ops.sum(ops.reshape(small, shape=(N * D,)), axis=(0,), keepdims=False)]

    tape = tape_of(fn, (N, D), (K, D))
    made = turned(tape)
    copies = [r.aval.shape for r in made if r.prim.name == "copy"]
    assert copies == [(D, N), (N, D)]
    x, mu = RNG.normal(size=(N, D)), RNG.normal(size=(K, D))
    for have, want in zip(interpret(made, [x, mu]), interpret(tape, [x, mu]), strict=True):
        np.testing.assert_allclose(have, want, rtol=1e-12)
    check(tape, x, mu)


@pytest.mark.parametrize(("n", "d"), [(63, 7), (70, 4), (70, 17)])
def test_lengths_that_are_left_alone(n, d):
    def fn(x, mu):
        rows = x - ops.reshape(mu, shape=(K, 1, d))
        return [ops.sum(ops.square(rows), axis=(2,), keepdims=False)]

    tape = tape_of(fn, (n, d), (K, d))
    assert turned(tape) is tape


def test_products_of_long_sums_or_large_operands_are_left_alone():
    def fn(x, y):
        return [ops.sum(ops.exp(ops.matmul(x, y)), axis=(2,), keepdims=False)]

    assert is_turned(turned(tape_of(fn, (1, N, 32), (32, 32, D))))
    for shapes in (((1, N, 33), (32, 33, D)), ((K, N, 32), (K, 32, D))):
        tape = tape_of(fn, *shapes)
        assert turned(tape) is tape


def test_gradient_of_a_mixture():
    """Against differences, compiled; the kernel holds no nest with a short innermost loop."""

    def loss(mu, L, x):
        scaled = (x - mu[:, None, :]) @ np.swapaxes(L, 1, 2)
        inner = -0.5 * np.sum(scaled**2, axis=2)
        top = np.max(inner, axis=0)
        return np.sum(top + np.log(np.sum(np.exp(inner - top), axis=0)))

    mu, L = RNG.normal(size=(K, D)), RNG.normal(size=(K, D, D))
    x = RNG.normal(size=(N, D))
    plain, fast = (tj.value_and_grad(loss, (0, 1), compile=c) for c in ("never", "always"))
    value, grads = plain(mu, L, x)
    for _ in range(2):
        have, found = fast(mu, L, x)
    np.testing.assert_allclose(have, value, rtol=1e-13)
    for g, w in zip(found, grads, strict=True):
        np.testing.assert_allclose(g, w, rtol=1e-10, atol=1e-11)
    step = 1e-5 * RNG.normal(size=mu.shape)
    slope = (loss(mu + step, L, x) - loss(mu - step, L, x)) / 2
    np.testing.assert_allclose(np.sum(grads[0] * step), slope, rtol=1e-6)
    legal = legalise(optimise(fast.tape(mu, L, x)))
    assert is_turned(legal)
