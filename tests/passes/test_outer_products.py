"""Products with few terms become sums of outer products inside the nests that read them."""

from __future__ import annotations

import numpy as np
import pytest

import tapejit as tj
from tapejit.core.avals import Aval
from tapejit.passes.outer_products import COLUMNS, PLAIN, ROWS, TERMS, outer_products
from tapejit.rules.declare import ops
from tapejit.rules.products import matrix_transpose
from tapejit.runtime.compile import Kernel
from tapejit.tape.ir import Builder, Tape
from tapejit.tape.replay import interpret
from tapejit.tape.verify import verify

RNG = np.random.default_rng(8)


def tape_of(fn, *shapes: tuple[int, ...], dtype: str = "float64") -> Tape:
    b = Builder()
    made = fn(*[b.input(Aval(np.dtype(dtype), s)) for s in shapes])
    return b.finish([made] if not isinstance(made, list) else made)


def products(tape: Tape) -> int:
    return sum(row.prim.name == "matmul" for row in tape)


def read_by_a_nest(x, y):
    return ops.tanh(ops.matmul(x, y))


def turned(x, y):
    return ops.tanh(ops.matmul(x, matrix_transpose(y)))


def same(made: Tape, tape: Tape, rtol: float) -> None:
    given = [
        RNG.normal(size=tape.value(i).shape).astype(tape.value(i).dtype)
        for i in range(tape.n_inputs)
    ]
    for have, want in zip(interpret(verify(made), given), interpret(tape, given), strict=True):
        assert have.dtype == want.dtype and have.shape == want.shape
        np.testing.assert_allclose(have, want, rtol=rtol, atol=rtol)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("k", [1, 3, PLAIN, TERMS])
def test_a_product_that_a_nest_reads(k, dtype):
    rtol = 1e-13 if dtype == "float64" else 1e-5
    for fn, right in ((read_by_a_nest, (k, 40)), (turned, (40, k))):
        if fn is read_by_a_nest and k > PLAIN:
            continue
        tape = tape_of(fn, (20, k), right, dtype=dtype)
        made = outer_products(tape)
        assert (products(tape), products(made)) == (1, 0)
        same(made, tape, rtol)
        given = [RNG.normal(size=s).astype(dtype) for s in ((20, k), right)]
        (have,), (want,) = Kernel(tape, "few terms")(given), interpret(tape, given)
        np.testing.assert_allclose(have, want, rtol=rtol, atol=rtol)


def test_a_transposed_operand_lies_as_it_is_read():
    tape = outer_products(tape_of(turned, (20, 4), (40, 4)))
    assert [row.prim.name for row in tape].count("copy") == 1
    tape = outer_products(tape_of(read_by_a_nest, (20, 4), (4, 40)))
    assert [row.prim.name for row in tape].count("copy") == 0


def handed_out(x, y):
    z = ops.matmul(x, y)
    return [z, ops.tanh(z)]


def read_by_a_product(x, y):
    z = ops.matmul(x, y)
    return [ops.tanh(z), ops.matmul(z, matrix_transpose(z))]


def only_summed(x, y):
    return ops.sum(ops.matmul(x, y), axis=(0,), keepdims=False)


LEFT = [
    (read_by_a_nest, (20, PLAIN + 1), (PLAIN + 1, 40)),
    (turned, (20, TERMS + 1), (40, TERMS + 1)),
    (read_by_a_nest, (ROWS - 1, 4), (4, 40)),
    (read_by_a_nest, (20, 4), (4, COLUMNS - 1)),
    (read_by_a_nest, (2, 20, 4), (2, 4, 40)),
    (handed_out, (20, 4), (4, 40)),
    (read_by_a_product, (20, 4), (4, 40)),
    (only_summed, (20, 4), (4, 40)),
]


@pytest.mark.parametrize(("fn", "left", "right"), LEFT)
def test_other_products_stay(fn, left, right):
    tape = tape_of(fn, left, right)
    assert outer_products(tape) is tape


def test_complex_products_stay():
    tape = tape_of(read_by_a_nest, (20, 4), (4, 40), dtype="complex128")
    assert outer_products(tape) is tape


def test_a_matrix_that_blocks_read_once_stays():
    def fn(x, y):
        h = ops.tanh(ops.matmul(x, y))
        return [h, ops.matmul(matrix_transpose(x), h)]

    large = tape_of(fn, (40000, 4), (4, 64))
    assert outer_products(large) is large
    small = tape_of(fn, (200, 4), (4, 64))
    assert products(outer_products(small)) == 1


def test_nan_and_infinity_spread_as_in_a_product():
    x, y = RNG.normal(size=(20, 3)), RNG.normal(size=(3, 40))
    x[1, 1], y[2, 5], y[0, 7] = np.nan, np.inf, 0.0
    x[4, 0] = -np.inf
    (have,) = Kernel(tape_of(read_by_a_nest, (20, 3), (3, 40)), "few terms")([x, y])
    with np.errstate(invalid="ignore"):
        np.testing.assert_allclose(have, np.tanh(x @ y), rtol=1e-13)


def test_a_network_has_no_product_of_few_terms_left():
    def loss(w, v, x, y):
        return np.mean((np.tanh(x @ w) @ v - y) ** 2)

    args = [RNG.normal(size=s) for s in ((24, 48), (48, 5), (40, 24), (40, 5))]
    made = tj.value_and_grad(loss, argnums=(0, 1), compile="always")
    value, (dw, dv) = made(*args)
    w, v, x, y = args
    h = np.tanh(x @ w)
    d = 2 / y.size * (h @ v - y)
    np.testing.assert_allclose(value, loss(*args), rtol=1e-13)
    np.testing.assert_allclose(dv, h.T @ d, rtol=1e-11, atol=1e-13)
    np.testing.assert_allclose(dw, x.T @ (d @ v.T * (1 - h * h)), rtol=1e-11, atol=1e-13)
    text = made.source(*args)
    assert text.count("# product") == 4  # two forward, one for each gradient
