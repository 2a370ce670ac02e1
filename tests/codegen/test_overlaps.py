"""Windows that a nest writes itself: compiled = replayed, bit for bit, and nothing is stored twice."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from test_random_nests import check_compiled

from tapejit.codegen.kernel import write_kernel
from tapejit.core.avals import Aval
from tapejit.passes.legalise import legalise
from tapejit.passes.schedule import schedule
from tapejit.rules.declare import ops
from tapejit.tape.ir import Builder, Tape
from tapejit.tape.replay import interpret
from tapejit.tape.text import from_text
from tapejit.tape.verify import verify

compiling = settings(
    max_examples=12,
    phases=[Phase.generate],  # shrinking compiles hundreds of kernels
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)


@st.composite
def chains(draw: st.DrawFn) -> tuple[Tape, list[np.ndarray]]:
    """A chain of windows of zeros, what is added made in one nest or loaded, in any order."""
    rows = draw(st.sampled_from([(), (), (4,), (2, 3)]))
    least = 16 if rows else 2
    length = draw(st.integers(least, least + 5))
    starts = draw(st.lists(st.integers(0, 3), min_size=1, max_size=4))
    before, behind = draw(st.integers(0, 2)), draw(st.integers(0, 2))
    step = draw(st.sampled_from([1, 2, 3])) if len(starts) == 1 else 1
    reverse = len(starts) == 1 and draw(st.booleans())
    whole = before + step * (length - 1) + 1 + max(starts) + behind
    outer = tuple((draw(st.integers(0, 1)), n, draw(st.sampled_from([1, 2]))) for n in rows)
    shape = (*(2 * n + 2 for n in rows), whole)
    window = (*rows, length)
    b = Builder()
    f64 = np.dtype(np.float64)
    x, y = b.input(Aval(f64, window)), b.input(Aval(f64, window[-1:]))
    made = [x * y, x + y, ops.negative(x), x, ops.broadcast_to(y, shape=window)]
    total = ops.broadcast_to(b.lit(0.0, Aval(f64)), shape=shape)
    for k, start in enumerate(starts):
        first = before + start + (step * (length - 1) if reverse else 0)
        ranges = (*outer, (first, length, -step if reverse else step))
        what = made[0] if k == 0 else draw(st.sampled_from(made))
        update = ops.set_slice if k == 0 and draw(st.booleans()) else ops.add_slice
        total = update(total, what, ranges=ranges)
    outputs = [total, ops.sum(made[0], axis=tuple(range(len(window))), keepdims=False)]
    inputs = [np.arange(1.0, 1 + np.prod(window)).reshape(window) - 7, np.arange(length) - 3.0]
    return verify(b.finish(outputs)), inputs


@compiling
@given(chains())
def test_a_nest_writes_overlapping_windows(sample) -> None:
    tape, inputs = sample
    kinds = [step.kind for step in schedule(legalise(tape)).steps]
    assert "update" not in kinds
    check_compiled(tape, inputs, interpret(tape, inputs))


def test_long_windows_are_handed_from_block_to_block() -> None:
    tape = verify(
        from_text("""tape(%0: f64[5000]) -> (%6, %7)
  %1 = square %0 : f64[5000]
  %2 = negative %0 : f64[5000]
  %3 = lit {value=0.0} : f64[]
  %4 = broadcast_to %3 {shape=(5003,)} : f64[5003]
  %5 = add_slice %4 %1 {ranges=((3, 5000, 1),)} : f64[5003]
  %6 = add_slice %5 %2 {ranges=((0, 5000, 1),)} : f64[5003]
  %7 = sum %1 {axis=(0,), keepdims=False} : f64[]""")
    )
    inputs = [np.arange(5000.0) - 2000]
    check_compiled(tape, inputs, interpret(tape, inputs))


REFUSED = {
    "a base that is no zero": "add_slice %9 %3 {ranges=((0, 20, 1),)} : f64[24]",
    "windows far apart": "add_slice %10 %4 {ranges=((4, 20, 1),)} : f64[24]",
    "a window read by another row": "negative %10 : f64[24]",
}


@pytest.mark.parametrize("last", REFUSED.values(), ids=REFUSED.keys())
def test_other_chains_stay_updates(last: str) -> None:
    value = 1.0 if "%9" in last else 0.0
    tape = verify(
        from_text(f"""tape(%0: f64[20]) -> (%10, %12)
  %1 = lit {{value={value}}} : f64[]
  %2 = exp %0 : f64[20]
  %3 = negative %2 : f64[20]
  %4 = square %0 : f64[20]
  %5 = lit {{value=0.0}} : f64[]
  %6 = add %4 %5 : f64[20]
  %7 = lit {{value=1.0}} : f64[]
  %8 = add %6 %7 : f64[20]
  %9 = broadcast_to %1 {{shape=(24,)}} : f64[24]
  %10 = add_slice %9 %3 {{ranges=((0, 20, 1),)}} : f64[24]
  %11 = {last}
  %12 = negative %11 : f64[24]""")
    )
    inputs = [np.zeros(20)]
    check_compiled(tape, inputs, interpret(tape, inputs))
    text = write_kernel(legalise(tape)).source
    assert ("# update" in text) == ("negative %10" not in last)
