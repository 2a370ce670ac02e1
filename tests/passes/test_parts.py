"""Wide tapes are cut into pieces that share no array, and compute what the whole computes."""

from __future__ import annotations

import numpy as np
import pytest

from tapejit.core.avals import Aval
from tapejit.passes.parts import parts
from tapejit.runtime.compile import Kernel, Staged, compile_staged
from tapejit.runtime.interp import Interpreter
from tapejit.tape.ir import Builder
from tapejit.tape.primitive import BY_NAME as P

F64 = np.dtype(np.float64)


def wide(n=40, linked=False, round_trip=False):
    """n vectors, each moved along its own gradient; a number sums over all of them."""
    b = Builder()
    rate = b.input(Aval(F64))
    xs = [b.input(Aval(F64, (5,))) for _ in range(n)]
    outs, total, last = [], None, None
    for x in xs:
        y = P["tanh"](x) * (last * 0.5 if linked and last is not None else x * 2.0)
        last = y
        s = P["sum"](y, axis=(0,), keepdims=False)
        if round_trip:
            y = y * (P["exp"](s * 0.01) + 1.0)
        total = s if total is None else total + s
        outs.append(x - y * (rate * 0.5))
    return b.finish([*outs, total])


def inputs_of(tape):
    rng = np.random.default_rng(0)
    return [rng.normal(size=tape.value(i).shape)[()] for i in range(tape.n_inputs)]


@pytest.mark.parametrize("options", [{}, {"linked": True}, {"round_trip": True}])
def test_the_pieces_compute_what_the_whole_computes(options):
    tape = wide(**options)
    made = compile_staged(tape, "wide")
    assert isinstance(made, Staged) == (not options.get("linked"))
    given = inputs_of(tape)
    for found, expected in zip(made(given), Interpreter(tape)(given)):
        np.testing.assert_allclose(found, expected, rtol=1e-13)


def test_equal_pieces_are_one_kernel():
    tape = wide()
    cut = parts(tape)
    assert cut is not None
    made = compile_staged(tape, "wide")
    assert len(made.stages) == len(cut.stages) > 2
    assert len({id(kernel) for _, kernel in made.stages}) <= 3


def test_a_number_that_comes_back_stays_with_its_piece():
    cut = parts(wide(round_trip=True))
    assert cut is not None
    assert all(not isinstance(s, int) for s in cut.stages)
    # all pieces first, then the sum over them: no piece waits for another's number
    assert [len(s.outputs) for s in cut.stages][-1] == 1


def test_narrow_and_linked_tapes_stay_whole():
    assert parts(wide(6)) is None
    assert parts(wide(linked=True)) is None
    assert isinstance(compile_staged(wide(6), "narrow"), Kernel)
