"""Copies that make products quick: small matrices that lie the wrong way round."""

from __future__ import annotations

import numpy as np
import pytest

import tapejit as tj

rng = np.random.default_rng(0)


@pytest.mark.parametrize(
    "rows, inner, columns, copied",
    [
        (1000, 10, 10, True),
        (64, 16, 16, True),
        (64, 16, 9, True),
        (63, 16, 16, False),  # too few rows meet it
        (64, 17, 16, True),
        (64, 16, 17, True),
        (63, 17, 16, False),
        (64, 32, 32, True),
        (64, 33, 32, False),
        (128, 33, 32, True),
        (128, 60, 250, True),
        (128, 64, 250, False),  # BLAS packs it
        (2000, 100, 16, True),
        (20001, 100, 16, False),
        (1000, 1, 10, False),  # a column lies both ways round
    ],
)
def test_small_right_operands_are_turned(rows, inner, columns, copied):
    x, w = rng.normal(size=(rows, inner)), rng.normal(size=(columns, inner))
    f = tj.jit(lambda x, w: x @ w.T, compile="always")
    f(x, w)
    np.testing.assert_allclose(f(x, w), x @ w.T, rtol=1e-12, atol=1e-12)
    source = f.source(x, w)
    assert (f"nest {inner}x{columns}: copy" in source) == copied
    g = tj.jit(lambda x, w: x @ w, compile="always")
    assert "copy" not in g.source(x, np.ascontiguousarray(w.T)), "it lies as it is read"


def test_a_left_operand_that_lies_across_keeps_larger_ones():
    x, w = rng.normal(size=(60, 128)), rng.normal(size=(50, 60))
    f = tj.jit(lambda x, w: x.T @ w.T, compile="always")
    f(x, w)
    np.testing.assert_allclose(f(x, w), x.T @ w.T, rtol=1e-12, atol=1e-12)
    assert "copy" not in f.source(x, w)


def test_batches_of_small_operands_are_turned():
    x, w = rng.normal(size=(3, 100, 5)), rng.normal(size=(3, 7, 5))
    f = tj.jit(lambda x, w: x @ np.swapaxes(w, 1, 2), compile="always")
    f(x, w)
    np.testing.assert_allclose(f(x, w), x @ np.swapaxes(w, 1, 2), rtol=1e-12, atol=1e-12)
    assert "nest 3x5x7: copy" in f.source(x, w)
