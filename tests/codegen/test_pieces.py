"""Long products run in pieces, along whichever side is the longest."""

from __future__ import annotations

import re

import numpy as np
import pytest
from building import aval, check

from tapejit.codegen.pieces import SMALL
from tapejit.rules.declare import ops
from tapejit.rules.products import matrix_transpose
from tapejit.runtime.compile import compile_staged
from tapejit.tape.ir import Builder, Tape

RNG = np.random.default_rng(21)


def product(
    m: int, k: int, n: int, *, turn=(False, False), batch: int = 0, dtype="float64"
) -> Tape:
    """A product of matrices, each given as it is or transposed."""
    lead = (batch,) if batch else ()
    b = Builder()
    x = b.input(aval(*lead, *((k, m) if turn[0] else (m, k)), dtype=dtype))
    y = b.input(aval(*lead, *((n, k) if turn[1] else (k, n)), dtype=dtype))
    x = matrix_transpose(x) if turn[0] else x
    y = matrix_transpose(y) if turn[1] else y
    return b.finish([ops.matmul(x, y)])


def numbers(tape: Tape, k: int) -> np.ndarray:
    """Whole numbers, so that sums are exact in any order."""
    a = tape.value(k)
    return RNG.integers(-9, 10, a.shape).astype(a.dtype)


def rounds(source: str) -> int:
    found = re.search(r"for p in range\(1, (\d+)\)", source)
    return int(found[1]) if found else 1


@pytest.mark.parametrize("turn", [(False, False), (True, False), (False, True), (True, True)])
@pytest.mark.parametrize(
    ("sizes", "count"),
    [
        ((2011, 31, 17), 2),
        ((31, 2011, 17), 2),
        ((17, 31, 2011), 2),
        ((20003, 40, 9), 8),
        ((9, 20003, 40), 8),
        ((40, 9, 20003), 8),
        ((128, 64, 128), 2),
    ],
)
def test_pieces_make_the_whole(sizes, count, turn):
    tape = product(*sizes, turn=turn)
    x, y = numbers(tape, 0), numbers(tape, 1)
    made = compile_staged(tape, "test")
    (z,) = made([x, y])
    np.testing.assert_array_equal(z, (x.T if turn[0] else x) @ (y.T if turn[1] else y))
    source = made.text.source
    assert rounds(source) == count
    length = int(re.search(r"min\((\d+), ", source)[1])
    m, k, n = sizes
    assert length * (m * k * n // max(sizes)) <= SMALL
    assert length * (count - 1) < max(sizes) <= length * count


@pytest.mark.parametrize("dtype", ["float32", "complex128"])
def test_batches_and_dtypes(dtype):
    for sizes in ((2011, 31, 17), (31, 2011, 17)):
        tape = product(*sizes, batch=3, dtype=dtype)
        assert rounds(check(tape, numbers(tape, 0), numbers(tape, 1))) == 2


@pytest.mark.parametrize(
    ("sizes", "count"),
    [((100, 100, 100), 1), ((200_001, 10, 16), 1), ((130, 130, 130), 1), ((20003, 40, 17), 1)],
)
def test_others_are_whole(sizes, count):
    tape = product(*sizes)
    assert rounds(compile_staged(tape, "test").text.source) == count
