"""Random tapes of loops, branches and writes: what their kernels compute is what the replay gives.

Most run their generated source as plain Python (see `plain_kernels`), which tells in a few
milliseconds whether some memory was overwritten too early; some are compiled.
"""

from __future__ import annotations

import os
import random

import numpy as np
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from plain_kernels import run_plainly
from rolled_tapes import rolled_tape

from tapejit.runtime.compile import compile_staged
from tapejit.runtime.pipeline import optimise
from tapejit.tape.replay import interpret
from tapejit.tape.verify import verify

EFFORT = int(os.environ.get("TAPEJIT_TEST_EFFORT", "1"))  # more examples, drawn at random
common = {
    "phases": [Phase.generate],  # random.Random does not shrink well
    "deadline": None,
    "derandomize": EFFORT == 1,
    "suppress_health_check": [HealthCheck.too_slow],
}
seeds = st.integers(0, 2**32)


@settings(max_examples=150 * EFFORT, **common)
@given(seeds, st.booleans())
def test_memory_is_written_only_when_nobody_needs_it(seed: int, optimised: bool) -> None:
    tape, inputs = rolled_tape(random.Random(seed))
    verify(tape)
    wanted = interpret(tape, inputs)
    found = run_plainly(optimise(tape) if optimised else tape, inputs)
    for k, (have, want) in enumerate(zip(found, wanted, strict=True)):
        assert np.shape(have) == np.shape(want)
        np.testing.assert_array_equal(have, want, err_msg=f"output {k} of\n{tape}")


@settings(max_examples=6 * EFFORT, **common)
@given(seeds)
def test_compiled_is_interpreted(seed: int) -> None:
    tape, inputs = rolled_tape(random.Random(seed))
    wanted = interpret(tape, inputs)
    before = [np.array(x) for x in inputs]
    found = compile_staged(optimise(tape), "rolled")(inputs)
    assert found is not None
    for have, want in zip(found, wanted, strict=True):
        np.testing.assert_array_equal(have, want, err_msg=str(tape))
    for x, old in zip(inputs, before):
        np.testing.assert_array_equal(x, old)
