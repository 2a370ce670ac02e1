"""Random tapes, compiled: equal to the replay bit for bit, dtypes and shapes included."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
from exact_tapes import exact_tapes
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tapejit.runtime.compile import compile_staged
from tapejit.runtime.pipeline import optimise
from tapejit.tape.ir import Tape
from tapejit.tape.replay import interpret
from tapejit.tape.verify import verify

EFFORT = int(os.environ.get("TAPEJIT_TEST_EFFORT", "1"))  # more examples, drawn at random
compiling = settings(
    max_examples=25 * EFFORT,
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
