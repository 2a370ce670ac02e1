"""Random tapes, compiled: equal to the replay bit for bit, dtypes and shapes included."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import pytest
from exact_tapes import exact_tapes
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tapejit.runtime.compile import compile_staged
from tapejit.runtime.pipeline import optimise
from tapejit.tape.ir import Tape
from tapejit.tape.replay import interpret
from tapejit.tape.text import from_text
from tapejit.tape.verify import verify

EFFORT = int(os.environ.get("TAPEJIT_TEST_EFFORT", "1"))  # more examples, drawn at random
compiling = settings(
    max_examples=14 * EFFORT,
    # Shrinking compiles hundreds of kernels: only on request.
    phases=[Phase.generate] if EFFORT == 1 else list(Phase),
    deadline=None,
    derandomize=EFFORT == 1,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


def check_compiled(tape: Tape, inputs: list[Any], wanted: list[Any]) -> None:
    """Compile a tape and compare with what the replay gave; inputs must stay as they are."""
    before = [np.array(x) for x in inputs]
    found = compile_staged(tape, "test")(inputs)
    assert found is not None
    for k, (have, want) in enumerate(zip(found, wanted, strict=True)):
        want = np.asarray(want)
        assert np.shape(have) == want.shape, k
        if want.shape:
            assert have.dtype == want.dtype, k
        np.testing.assert_array_equal(have, want, err_msg=f"output {k} of\n{tape}")
    for x, old in zip(inputs, before):
        np.testing.assert_array_equal(x, old)


@compiling
@given(exact_tapes(), st.booleans())
def test_compiled_equals_interpreted(sample, optimised):
    tape, inputs = sample
    verify(tape)
    wanted = interpret(tape, inputs)
    check_compiled(optimise(tape) if optimised else tape, inputs, wanted)


UPDATES = """tape(%0: f64[4], %1: f64[2]) -> (%4, %6, %8, %9, %12)
  %2 = square %0 : f64[4]
  %3 = slice %2 {ranges=((3, 4, -1),)} : f64[4]
  %4 = set_slice %2 %3 {ranges=((0, 4, 1),)} : f64[4]
  %5 = negative %0 : f64[4]
  %6 = add_slice %5 %1 {ranges=((3, 2, -2),)} : f64[4]
  %7 = add %0 %0 : f64[4]
  %8 = set_slice %7 %1 {ranges=((1, 2, 1),)} : f64[4]
  %9 = multiply %7 %7 : f64[4]
  %10 = set_slice %8 %1 {ranges=((0, 2, 3),)} : f64[4]
  %11 = slice %10 {ranges=((1, 2, 1),)} : f64[2]
  %12 = add_slice %10 %11 {ranges=((2, 2, 1),)} : f64[4]"""


@pytest.mark.parametrize("optimised", [False, True])
def test_updates_read_their_own_memory_as_it_was(optimised: bool) -> None:
    """Backwards onto itself, by overlapping windows, and with the base read afterwards."""
    tape = verify(from_text(UPDATES))
    inputs = [np.array([1.0, -2.0, 3.0, 0.5]), np.array([10.0, 20.0])]
    wanted = interpret(tape, inputs)
    np.testing.assert_array_equal(wanted[0], [0.25, 9, 4, 1])
    check_compiled(optimise(tape) if optimised else tape, inputs, wanted)


NUMBERS = """tape(%0: b1[], %1: f64[2,3], %2: f64[1]) -> (%4, %6, %8, %9)
  %3 = sum %0 {axis=(), keepdims=False} : i64[]
  %4 = add %3 %3 : i64[]
  %5 = reshape %2 {shape=()} : f64[]
  %6 = multiply %1 %5 : f64[2,3]
  %7 = broadcast_to %5 {shape=(2, 3)} : f64[2,3]
  %8 = sum %7 {axis=(0,), keepdims=True} : f64[1,3]
  %9 = transpose %6 {axes=(1, 0)} : f64[3,2]"""


@pytest.mark.parametrize("optimised", [False, True])
def test_numbers_in_straight_line_code_and_behind_views(optimised: bool) -> None:
    tape = verify(from_text(NUMBERS))
    inputs = [np.bool_(True), np.arange(6.0).reshape(2, 3), np.array([0.5])]
    check_compiled(optimise(tape) if optimised else tape, inputs, interpret(tape, inputs))
