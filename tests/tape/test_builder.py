"""The builder: literals once, casts as NumPy casts, inputs in front, lengths with bodies."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import tapejit.passes.bodies  # noqa: F401
from tapejit.core.avals import AVALS, Aval, aval_of
from tapejit.core.errors import TapejitError
from tapejit.rules.declare import ops
from tapejit.tape.ir import Builder, Sym
from tapejit.tape.replay import GuardFailure, interpret
from tapejit.tape.text import from_text, to_text
from tapejit.tape.verify import verify

F64, F32, I64 = (Aval(np.dtype(d), (3,)) for d in ("f8", "f4", "i8"))


def names(b: Builder) -> list[str]:
    return [row.prim.name for row in b.finish([])]


def test_a_literal_is_appended_once_for_each_value_and_dtype() -> None:
    b = Builder()
    x = b.input(F64)
    assert b.lit(2.0).id == b.lit(2.0).id == (x * 2.0).b.lit(2.0).id
    different = [1, 1.0, True, 1 + 0j, 0.0, -0.0, float("nan"), np.float32(1), np.int8(1)]
    assert len({b.lit(v).id for v in different}) == len(different)
    assert b.lit(float("nan")).id == b.lit(float("nan")).id
    assert b.lit(1).aval.weak and not b.lit(np.int64(1)).aval.weak


@pytest.mark.parametrize(
    "value", [3, -2.5, True, 1 - 2j, float("inf"), np.float32(0.1), np.int8(-3), np.bool_(False)]
)
def test_a_literal_is_replayed_in_its_dtype(value: Any) -> None:
    b = Builder(eager=True)
    x = b.lit(value)
    (found,) = interpret(verify(b.finish([x])), [])
    assert found == value and np.asarray(found).dtype == x.aval.dtype == aval_of(value).dtype
    assert type(b.known[x.id]) is type(found)


DTYPES = (
    "bool",
    "int8",
    "uint8",
    "int32",
    "int64",
    "uint64",
    "float32",
    "float64",
    "complex64",
    "complex128",
)
PYTHON = (True, 3, -2, 300, 2**70, 0.5, 1j)
BINARY = ("add", "multiply", "divide", "maximum", "arctan2", "power")
BINARY += ("less", "less_equal", "greater", "greater_equal", "equal", "not_equal")


@settings(max_examples=300, deadline=None, derandomize=True)
@given(
    st.sampled_from(BINARY),
    st.sampled_from(DTYPES),
    st.sampled_from(DTYPES) | st.sampled_from(PYTHON),
    st.booleans(),
)
def test_casts_are_those_of_numpy(name: str, first: str, second: Any, swap: bool) -> None:
    """The result has NumPy's dtype, and every operand row already has the dtype of the loop."""
    assume((first, second) != ("bool", 2**70))  # NumPy fails to compare the two
    prim = getattr(ops, name)
    x = np.ones(3, first)
    y = np.ones(3, second) if isinstance(second, str) else second
    pair = (y, x) if swap else (x, y)
    try:
        with np.errstate(all="ignore"):
            wanted = prim.numpy(*pair)
    except (TypeError, ValueError, OverflowError) as error:
        wanted = error
    b = Builder(eager=True)
    syms = [b.input(aval_of(v), v) if isinstance(v, np.ndarray) else v for v in pair]
    if isinstance(wanted, Exception):
        kind = OverflowError if isinstance(wanted, OverflowError) else (TapejitError, ValueError)
        with pytest.raises(kind), np.errstate(all="ignore"):
            prim(*syms)
        return
    with np.errstate(all="ignore"):
        made = prim(*syms)
    assert made.dtype == wanted.dtype and made.shape == wanted.shape
    tape = verify(b.finish([made]))
    (found,) = interpret(tape, [v for v in pair if isinstance(v, np.ndarray)])
    assert found.dtype == wanted.dtype
    np.testing.assert_array_equal(found, wanted)
    row = tape.row(tape.outputs[0])
    if row.prim.name == "broadcast_to":  # a number beyond the range of the array's dtype
        return
    loop = prim.numpy.resolve_dtypes((*[tape.value(a).dtype for a in row.args], None))
    assert [tape.value(a).dtype for a in row.args] == list(loop[:-1])


def test_weak_numbers_stay_weak_among_themselves() -> None:
    b = Builder()
    total = b.lit(2) * b.lit(0.5)
    assert total.aval == Aval(np.dtype(float), (), True)
    x = b.input(F32)
    assert (x * total).dtype == np.float32
    assert (x * np.float64(2)).dtype == np.float64


def test_a_literal_operand_is_converted_at_once_and_an_array_by_a_cast_row() -> None:
    b = Builder()
    x, n = b.input(F32), b.input(I64)
    x * 2
    assert names(b) == ["input", "input", "lit", "lit", "multiply"]  # 2, then 2.0 in float32
    assert b.aval(3) == Aval(np.dtype("f4"))
    x * n
    assert names(b)[5:] == ["cast", "cast", "multiply"] and b.aval(7).dtype == np.float64
    before = len(b)
    assert b.cast(x, np.dtype("f4")).id == x.id and len(b) == before


def test_late_inputs_move_to_the_front() -> None:
    b = Builder()
    x = b.input(F64)
    y = ops.sin(x) * 3.0
    late = b.input(F64)
    tape = verify(b.finish([y + late, late, y]))
    assert tape.n_inputs == 2 and tape.outputs[1] == 1
    a, c = np.arange(3.0), np.ones(3)
    found = interpret(tape, [a, c])
    np.testing.assert_array_equal(found[0], np.sin(a) * 3 + 1)
    np.testing.assert_array_equal(found[1], c)


def test_finish_is_a_snapshot() -> None:
    b = Builder()
    x = b.input(F64)
    tape = b.finish([ops.sin(x)])
    text = to_text(tape)
    ops.cos(x)
    assert to_text(tape) == text and b.finish([x]).rows == tape.rows + 1


def test_operands_of_other_kinds_are_refused() -> None:
    b, other = Builder(), Builder()
    x, y = b.input(F64), other.input(F64)
    with pytest.raises(TapejitError, match="another tape"):
        x + y
    for wrong in ("2", None, [1.0], np.ones(3)):
        with pytest.raises(TapejitError, match="cannot be an operand"):
            ops.add(x, wrong)
    with pytest.raises(TapejitError, match="no traced operand"):
        ops.add(1.0, 2.0)
    with pytest.raises(TapejitError, match="no truth value"):
        bool(x)
    with pytest.raises(TapejitError, match="no primitive named 'sine'"):
        ops.sine(x)


def test_the_limit_of_rows_is_an_error_that_says_what_to_do() -> None:
    b = Builder(limit=10)
    x = b.input(F64)
    with pytest.raises(TapejitError, match=r"passed 10 rows.*config\.max_unroll"):
        for _ in range(20):
            x = ops.sin(x)
    assert len(b) == 10


def test_length_counts_the_rows_of_bodies_once_for_each_body() -> None:
    b = Builder()
    a = b.input(Aval(np.dtype(float)))
    body = b.finish([ops.sin(a) * 2.0])
    assert len(body) == body.rows == 5  # the 2 of Python and its cast

    b = Builder()
    x = b.input(F64)
    params = {"body": body, "mapped": (True,), "summed": (True,)}
    one, two = ops.map(x, **params), ops.map(x, **params)
    tape = b.finish([b.out(one, 0), b.out(two, 0)])
    assert tape.rows == 5 and len(tape) == 5 + 5
    outer = Builder()
    y = outer.input(Aval(np.dtype(float), (7, 3)))
    whole = outer.finish(
        [outer.out(ops.map(y, body=tape, mapped=(True,), summed=(False, True)), 1)]
    )
    assert len(whole) == 3 + 5 + 5


def test_a_tape_does_not_grow_with_its_arrays() -> None:
    """A row costs its columns: six integers and its operands, whatever the shapes."""
    sizes = []
    for n in (3, 10**9):
        b = Builder()
        x = y = b.input(Aval(np.dtype(float), (n,)))
        for _ in range(1000):
            y = y * x
        tape = b.finish([y])
        columns = (tape.op, tape.off, tape.arg, tape.aval, tape.param, tape.line)
        sizes.append(sum(sys.getsizeof(c) for c in columns))
    assert sizes[0] == sizes[1] < 1001 * 8 * 7 + 1000


def test_recording_does_not_infer_again_what_it_knows() -> None:
    b = Builder()
    x = b.input(Aval(np.dtype(float), (17, 23)))
    prim = ops.hypot
    ops.hypot(x, x)
    asked = []
    infer, promote = prim.infer, prim.promote
    avals = len(AVALS)
    try:
        prim.infer = lambda *a, **p: asked.append(a) or infer(*a, **p)
        prim.promote = lambda *a, **p: asked.append(a) or promote(*a, **p)
        for _ in range(50):
            ops.hypot(x, x)
        assert not asked and len(AVALS) == avals
        ops.hypot(x, 1.25)
        assert asked
    finally:
        prim.infer, prim.promote = infer, promote


def test_results_of_a_row_with_several() -> None:
    b = Builder(eager=True)
    x = b.input(Aval(np.dtype(float), (2, 2)), np.array([[2.0, 0.0], [0.0, 3.0]]))
    sign, log = b.outs(ops.slogdet(x))
    tape = verify(b.finish([log, sign]))
    found = interpret(tape, [b.known[0]])
    np.testing.assert_allclose(found, [np.log(6), 1.0])
    assert isinstance(sign, Sym) and "out" in to_text(tape)


def test_a_guard_stops_the_replay_and_names_its_row() -> None:
    tape = from_text(
        "tape(%0: f64[]) -> (%3)\n  %1 = greater %0 %0 : b1[]\n"
        "  %2 = guard %1 {expected=True} : b1[]\n  %3 = sin %0 : f64[]"
    )
    with pytest.raises(GuardFailure) as caught:
        interpret(tape, [np.float64(1.0)])
    assert caught.value.row == 2
    assert interpret(from_text(to_text(tape).replace("True", "False")), [np.float64(0.0)]) == [0.0]


def test_a_replay_lets_go_of_values_after_their_last_use() -> None:
    """At most the operands and the result of one row are alive, of a chain as long as you like."""
    import tracemalloc

    b = Builder()
    x = b.input(Aval(np.dtype(float), (100_000,)))
    for _ in range(20):
        x = -x
    tape = b.finish([x])
    given_ = np.zeros(100_000)
    interpret(tape, [given_])
    tracemalloc.start()
    interpret(tape, [given_])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 3 * given_.nbytes
