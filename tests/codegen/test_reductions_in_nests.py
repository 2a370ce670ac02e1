"""Reductions where loops are long, cut into blocks, nested or shared.

Inputs are multiples of 1/8, so that sums are exact in any order and equal NumPy's bit for bit; one
test with random reals looks at rounding alone.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from tapejit.codegen import nests
from tapejit.codegen.kernel import write_kernel
from tapejit.core.avals import aval_of
from tapejit.passes.legalise import legalise
from tapejit.rules.declare import ops
from tapejit.runtime.compile import compile_staged
from tapejit.tape.ir import Builder, Sym
from tapejit.tape.replay import interpret

SIZES = (2047, 4096, 4097, 5000, 10001)


def grid(rng: np.random.Generator, shape: Any, dtype: Any = float) -> Any:
    return (rng.integers(-64, 65, shape) / 8).astype(dtype)


def check(b: Builder, outputs: list[Sym], inputs: list[Any]) -> None:
    tape = b.finish(outputs)
    found = compile_staged(tape, "reductions")(inputs)
    for k, (have, want) in enumerate(zip(found, interpret(tape, inputs), strict=True)):
        assert np.shape(have) == np.shape(want)
        np.testing.assert_array_equal(have, want, err_msg=str(k))


def test_vectors_around_the_length_of_a_block() -> None:
    """Sum, product and extremes of one vector are one nest; numbers only, and stored rows too."""
    assert nests.BLOCK == 2048  # else the sizes above miss what they are for
    rng = np.random.default_rng(0)
    b = Builder()
    inputs, outputs = [], []
    for n in SIZES:
        x = grid(rng, n)
        inputs.append(x)
        a = b.input(aval_of(x))
        whole = {"axis": (0,), "keepdims": False}
        outputs += [ops.sum(a, **whole), ops.max(a, **whole), ops.min(a * a, **whole)]
        outputs += [ops.sum(a * a, axis=(0,), keepdims=True), ops.sum(a > 1.0, **whole)]
    check(b, outputs, inputs)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_long_last_axes(dtype: str) -> None:
    """Several folds over different axes in one nest, the last of its loops cut into blocks."""
    rng = np.random.default_rng(1)
    b = Builder()
    inputs, outputs = [], []
    shapes = ((3, 5000), (2, 2, 4097), (4097, 3))
    for shape in shapes if dtype == "float64" else shapes[:1]:
        x = grid(rng, shape, dtype)
        inputs.append(x)
        a = b.input(aval_of(x))
        last = len(shape) - 1
        for axis in ((last,), (0,), tuple(range(len(shape)))):
            outputs.append(ops.sum(a, axis=axis, keepdims=False))
            outputs.append(ops.max(a * 2.0, axis=axis, keepdims=True))
        # A fold that ends the nest, and a second nest that reads it broadcast.
        outputs.append(
            ops.sum(a - ops.max(a, axis=(last,), keepdims=True), axis=(0,), keepdims=False)
        )
    check(b, outputs, inputs)


def test_middle_axes_transposes_and_steps() -> None:
    rng = np.random.default_rng(2)
    b = Builder()
    inputs, outputs = [], []
    for shape in ((3, 4100, 2), (2, 3, 4, 5)):
        x = grid(rng, shape)
        inputs.append(x)
        a = b.input(aval_of(x))
        n = len(shape)
        turned = ops.transpose(a, axes=tuple(reversed(range(n))))
        stepped = ops.slice(a, ranges=tuple((m - 1, (m + 1) // 2, -2) for m in shape))
        for view in (a, turned, stepped):
            for axis in ((1,), (0, n - 1), (1, n - 1), (0, 1)):
                outputs.append(ops.sum(view * view, axis=axis, keepdims=False))
    check(b, outputs, inputs)


def test_nan_and_infinities_in_blocks() -> None:
    b = Builder()
    inputs, outputs = [], []
    for at in (0, 2047, 2048, 9999):
        for value in (np.nan, np.inf, -np.inf):
            x = np.linspace(-1, 1, 10000)
            x[at] = value
            inputs.append(x)
    a = b.input(aval_of(np.stack(inputs)))
    for fold in (ops.max, ops.min):
        outputs.append(fold(a, axis=(1,), keepdims=False))
        outputs.append(fold(a, axis=(0,), keepdims=False))
    check(b, outputs, [np.stack(inputs)])


@pytest.mark.parametrize(
    "dtype", ["float32", "int8", "int32", "int64", "uint8", "uint64", "bool"]
)  # fmt: skip
def test_extremes_of_other_dtypes(dtype: str) -> None:
    """Signed and unsigned numbers are compared as such, by folds that may be of another width."""
    rng = np.random.default_rng(3)
    big = np.iinfo(dtype).max if dtype[0] in "iu" else 1
    x = (rng.integers(-5 if dtype[0] != "u" else 0, 5, (37, 41)) * 1).astype(dtype)
    x[3, 5], x[4, 6] = big, 0
    b = Builder()
    a = b.input(aval_of(x))
    folds = [f(a, axis=ax, keepdims=False) for f in (ops.max, ops.min) for ax in ((0,), (1,))]
    check(b, folds, [x])


@pytest.mark.parametrize("n", [4097, 100_000])
def test_rounding_is_no_worse_than_that_of_blocks(n: int) -> None:
    """A chain of n additions errs by n/2 ulp at worst; blocks of B by B + n/B, here far less."""
    rng = np.random.default_rng(3)
    x = rng.uniform(0.1, 1.0, n)
    single = x.astype(np.float32)
    b = Builder()
    a, s = b.input(aval_of(x)), b.input(aval_of(single))
    whole = {"axis": (0,), "keepdims": False}
    tape = b.finish([ops.sum(a, **whole), ops.sum(s, **whole)])
    found = compile_staged(tape, "rounding")([x, single])
    for have, xs, eps in zip(found, (x, single), (2.0**-53, 2.0**-24)):
        exact = math.fsum(xs.astype(float))
        assert abs(float(have) - exact) <= 40 * eps * exact


def test_the_source_has_blocks_only_where_loops_are_long() -> None:
    for n, blocks in ((4096, 0), (4097, 1)):
        b = Builder()
        a = b.input(aval_of(np.zeros(n)))
        tape = b.finish([ops.sum(a * a, axis=(0,), keepdims=False)])
        assert write_kernel(legalise(tape)).source.count(f", {nests.BLOCK}):") == blocks
