"""The text form is exact: it prints, reads back and prints the same, whatever the parameters."""

from __future__ import annotations

import math
import pickle
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tapejit.passes.bodies  # noqa: F401
from tapejit.core.avals import Aval, TupleAval, aval_id, parse_aval
from tapejit.core.errors import TapejitError
from tapejit.core.sources import LINES, Location
from tapejit.core.tables import freeze
from tapejit.rules.declare import ops
from tapejit.tape.ir import PARAMS, Builder, Tape, param_id
from tapejit.tape.primitive import BY_NAME
from tapejit.tape.text import from_text, to_text
from tapejit.testing import tapes

F64 = Aval(np.dtype(float))


def body_of(value: float) -> Tape:
    b = Builder()
    return b.finish([b.input(F64) * value])


def nested() -> Tape:
    """A body with a body."""
    b = Builder()
    x = b.input(Aval(np.dtype(float), (3,)))
    row = ops.map(x, body=body_of(2.0), mapped=(True,), summed=(True,))
    return b.finish([b.out(row, 0)])


floats = st.floats(allow_nan=True) | st.sampled_from((-0.0, math.inf, -math.inf, math.nan, 5e-324))
numbers = (
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | floats
    | st.builds(complex, floats, floats)
)  # fmt: skip
strings = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=8)
LIKE_SYNTAX = ("@1", "a, b=c", "it's", '"', "} : f64[]", "  ; x.py:3", "ij,jk->ik", "<f at 0x1>")
strings |= st.sampled_from((*LIKE_SYNTAX, "\\", "T1"))
leaves = (
    numbers
    | strings
    | st.builds(slice, st.none() | st.integers(-3, 3), st.none() | st.integers(-3, 3), st.none())
    | st.builds(body_of, st.sampled_from((1.0, 2.0, -0.0)))
    | st.builds(nested)
)
values = st.recursive(
    leaves, lambda v: st.lists(v, max_size=3) | st.lists(v, max_size=3).map(tuple), max_leaves=6
)


def with_params(params: dict[str, Any]) -> Tape:
    """A tape whose one row has these parameters; the row means nothing."""
    b = Builder()
    x = b.input(F64)
    return b.finish([b.append(BY_NAME["copy"].index, (x.id,), aval_id(F64), param_id(params))])


def same(a: Any, b: Any) -> bool:
    """Equal in type, sign of zero and all; nan is nan."""
    if isinstance(a, (tuple, list)):
        return type(a) is type(b) and len(a) == len(b) and all(map(same, a, b))
    if type(a) is type(b) is float or type(a) is type(b) is complex:
        parts = ((a.real, b.real), (a.imag, b.imag))
        return all(
            (math.isnan(x) and math.isnan(y))
            or (x == y and math.copysign(1, x) == math.copysign(1, y))
            for x, y in parts
        )
    return type(a) is type(b) and a == b


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.dictionaries(st.sampled_from(("a", "axis", "value", "body")), values, min_size=1))
def test_every_kind_of_parameter_is_read_back(params: dict[str, Any]) -> None:
    tape = with_params(params)
    text = to_text(tape)
    assert "\n  %1 = copy %0 {" in text
    made = from_text(text)
    found = made.params(1)
    assert found.keys() == params.keys()
    for key, value in params.items():
        assert same(found[key], value), key
    assert to_text(made) == text and made.hash == tape.hash


@pytest.mark.parametrize(
    "value",
    [complex(-0.0, 1.0), complex(0.0, -0.0), complex(-0.0, -0.0), complex(1, -math.inf),
     complex(-math.inf, math.nan), complex(-0.0, -math.inf), -0.0, 5e-324, 2**80, -(2**63)],
    ids=repr,
)  # fmt: skip
def test_numbers_are_exact(value: Any) -> None:
    assert same(from_text(to_text(with_params({"value": value}))).params(1)["value"], value)


def test_numpy_numbers_become_python_numbers() -> None:
    tape = with_params({"n": np.int64(3), "x": np.float64(0.5), "t": np.bool_(True)})
    made = from_text(to_text(tape))
    assert made.params(1) == {"n": 3, "x": 0.5, "t": True} and made == tape


@settings(max_examples=80, deadline=None, derandomize=True)
@given(tapes(smooth=False))
def test_random_tapes_are_read_back(sample: Any) -> None:
    tape = sample[0]
    for lines in (True, False):
        made = from_text(to_text(tape, lines))
        assert to_text(made, lines) == to_text(tape, lines)
        assert made == tape and made.hash == tape.hash and len(made) == len(tape)
    assert pickle.loads(pickle.dumps(tape)) == tape


@pytest.mark.parametrize("file", ["a b.py", "C:\\x;y.py", "/tmp/(1)/m.py", "<string>", "é ; f.py"])
def test_source_lines_are_read_back(file: str) -> None:
    tape = with_params({"a": 1})
    place = Location(file, 12, "f")
    tape.line[1] = LINES.intern(place, place)
    found = LINES[from_text(to_text(tape)).line[1]]
    assert (found.file, found.line) == (file, 12)


@given(
    st.sampled_from(("bool", "int8", "uint64", "float16", "float32", "float64", "complex64")),
    st.lists(st.integers(0, 1000), max_size=4).map(tuple),
    st.booleans(),
)
@settings(deadline=None, derandomize=True)
def test_avals_are_read_back(dtype: str, shape: tuple[int, ...], weak: bool) -> None:
    aval = Aval(np.dtype(dtype), shape, weak)
    assert parse_aval(str(aval)) == aval
    pair = TupleAval((aval, F64))
    assert parse_aval(str(pair)) == pair


def test_bodies_are_printed_once_and_shared() -> None:
    b = Builder()
    x = b.input(Aval(np.dtype(float), (3,)))
    rows = [
        ops.map(x, body=body, mapped=(True,), summed=(True,))
        for body in (body_of(2.0), body_of(2.0), body_of(3.0))
    ]
    tape = b.finish([b.out(r, 0) for r in rows])
    text = to_text(tape)
    assert text.count("body @") == 2 and text.count("body=@1") == 2
    assert from_text(text) == tape


# ---------------------------------------------------------------- what cannot be read

ROW = "tape(%0: f64[3]) -> (%1)\n  {}"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "empty text"),
        ("\n\n", "empty text"),
        ("  %0 = sin %0 : f64[]", "begins with"),
        ("function(%0: f64[]) -> (%0)", "begins with"),
        (ROW.format("%1 = sin %0"), "cannot read the row"),
        (ROW.format("%2 = sin %0 : f64[3]"), "cannot read the row"),
        (ROW.format("%1 = sin 0 : f64[3]"), "cannot read the row"),
        (ROW.format("%1 = sine %0 : f64[3]"), "no primitive named 'sine'"),
        (ROW.format("%1 = sum %0 {axis=(0} : f64[]"), "cannot read the parameters"),
        (ROW.format("%1 = sum %0 {axis=open} : f64[]"), "cannot read the parameters"),
        (ROW.format("%1 = sum %0 {__import__('os')} : f64[]"), "cannot read the parameters"),
        (ROW.format("%1 = map %0 {body=@3} : (f64[3])"), "body @3 is missing"),
        (ROW.format("%1 = sin %0 : g64[3]"), "cannot read the aval 'g64\\[3\\]'"),
        (ROW.format("%1 = sin %0 : f64[x]"), "cannot read the aval 'f64\\[x\\]'"),
        ("tape(%0: what[3]) -> (%0)", "cannot read the aval"),
        ("tape(%0: f64[3]) -> (%a)", "cannot read the outputs"),
        ("tape(f64[3]) -> (%0)", "cannot read the inputs"),
        (
            ROW.format("%1 = map %0 {body=@1} : (f64[3])")
            + "\nbody @1(%0: f64[]) -> (%1)\n  %1 = map %0 {body=@1} : (f64[])",
            "body @1 is missing",
        ),
    ],
)
def test_text_that_is_no_tape(text: str, message: str) -> None:
    with pytest.raises(TapejitError, match=message):
        from_text(text)


def test_a_callable_has_no_text_form() -> None:
    text = to_text(with_params({"fn": math.sin}))
    assert "fn=<sin at " in text
    with pytest.raises(TapejitError, match="has no text form"):
        from_text(text)


def test_linear_algebra_is_read_in_a_process_that_has_not_used_it() -> None:
    code = (
        "import tapejit.rules; from tapejit.tape.text import from_text;"
        "from_text('tape(%0: f64[2,2]) -> (%1)\\n  %1 = inv %0 : f64[2,2]')"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


# ---------------------------------------------------------------- the hash


def test_the_hash_tells_apart_whatever_changes_the_meaning() -> None:
    base = (
        "tape(%0: f64[3], %1: f64[3]) -> (%4)\n"
        "  %2 = lit {value=1} : i64[]\n"
        "  %3 = subtract %0 %1 : f64[3]\n"
        "  %4 = sum %3 {axis=(0,), keepdims=False} : f64[]"
    )
    changes = [
        ("value=1}", "value=1.0}"), ("value=1}", "value=True}"), ("value=1}", "value=-1}"),
        ("value=1}", "value='1'}"), ("value=1}", "value=(1,)}"), ("value=1}", "value=[1]}"),
        ("value=1}", "value=0.0}"), ("value=1}", "value=-0.0}"), ("value=1}", "value=nan}"),
        ("value=1}", "value=None}"), ("value=1}", "value=slice(1, None, None)}"),
        ("value=1}", "value=(1+0j)}"),
        (": i64[]", ": ~i64[]"), (": i64[]", ": i32[]"),
        ("%0 %1 :", "%1 %0 :"), ("subtract", "add"), ("keepdims=False", "keepdims=True"),
        ("(%4)", "(%3)"), ("(%4)", "(%4, %4)"), ("(%4)", "()"), ("%1: f64[3]", "%1: f32[3]"),
        ("%1: f64[3])", "%1: f64[3], %2: f64[])"),
    ]  # fmt: skip
    texts = [base]
    for old, new in changes[:-1]:
        assert old in base
        texts.append(base.replace(old, new, 1))
    found = [from_text(t).hash for t in texts]
    assert len(set(found)) == len(found)


def test_the_hash_sees_into_bodies() -> None:
    one, two = (with_params({"body": body_of(v)}) for v in (1.0, 2.0))
    assert one.hash != two.hash and one == with_params({"body": body_of(1.0)})
    assert one != "tape" and hash(one) == hash(with_params({"body": body_of(1.0)}))


@settings(max_examples=40, deadline=None, derandomize=True)
@given(tapes(smooth=False), st.integers(1, 50))
def test_the_hash_knows_nothing_of_lines(sample: Any, start: int) -> None:
    tape = sample[0]
    place = Location("elsewhere.py", start, "g")
    line = tape.line[:]
    for i in range(tape.rows):
        line[i] = LINES.intern(place, place)
    moved = Tape(
        tape.op, tape.off, tape.arg, tape.aval, tape.param, line, tape.n_inputs, tape.outputs
    )
    assert moved.hash == tape.hash and str(moved) != str(tape)


def test_the_hash_is_the_same_in_another_process() -> None:
    tape = from_text(ROW.format("%1 = power %0 %0 : f64[3]"))
    code = "from tapejit.tape.text import from_text; import tapejit.rules;"
    code += f"print(from_text({str(tape)!r}).hash)"
    found = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert found.stdout.strip() == tape.hash


@settings(max_examples=200, deadline=None, derandomize=True)
@given(values, values)
def test_keys_of_parameters_are_equal_exactly_when_they_are_the_same(a: Any, b: Any) -> None:
    assert freeze(a) == freeze(a) and hash(freeze(a)) == hash(freeze(a))
    if not same(a, b):
        assert freeze(a) != freeze(b)


def test_parameters_are_stored_once() -> None:
    one = param_id({"axis": (0,), "keepdims": False})
    assert param_id({"keepdims": False, "axis": (0,)}) == one
    assert PARAMS[one] == {"axis": (0,), "keepdims": False}
    assert param_id({"axis": (False,), "keepdims": 0}) != one
