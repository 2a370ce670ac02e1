"""The verifier catches every way in which a tape can be broken, in bodies too."""

from __future__ import annotations

from array import array
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tapejit.passes.bodies  # noqa: F401
from tapejit.core.avals import Aval, aval_id
from tapejit.core.config import config
from tapejit.core.errors import TapejitError, VerifyError
from tapejit.runtime.pipeline import checked
from tapejit.tape.ir import Tape, param_id
from tapejit.tape.primitive import BY_NAME
from tapejit.tape.text import from_text
from tapejit.tape.verify import verify
from tapejit.testing import tapes

GOOD = (
    "tape(%0: f64[2,3], %1: f64[3]) -> (%5)\n"
    "  %2 = multiply %0 %1 : f64[2,3]\n"
    "  %3 = lit {value=2.0} : f64[]\n"
    "  %4 = sum %2 {axis=(1,), keepdims=False} : f64[2]\n"
    "  %5 = add %4 %3 : f64[2]"
)
F64 = np.dtype(float)


def good() -> Tape:
    return from_text(GOOD)


def test_a_good_tape_is_returned() -> None:
    tape = good()
    assert verify(tape) is tape


def edit(column: str, i: int, value: int) -> Callable[[Tape], None]:
    def change(tape: Tape) -> None:
        getattr(tape, column)[i] = value

    return change


def put(name: str, value: object) -> Callable[[Tape], None]:
    return lambda tape: setattr(tape, name, value)


BREAKS: dict[str, tuple[Callable[[Tape], None], str]] = {
    "a short column": (lambda t: t.aval.pop(), "differ in length"),
    "a long column of lines": (lambda t: t.line.append(0), "differ in length"),
    "a short column of parameters": (lambda t: t.param.pop(), "differ in length"),
    "a missing offset": (lambda t: t.off.pop(), "differ in length"),
    "operands left over": (lambda t: t.arg.append(0), "do not divide"),
    "offsets that go back": (edit("off", 3, 7), "do not divide"),
    "offsets that begin late": (edit("off", 0, 1), "do not divide"),
    "no such primitive": (edit("op", 2, 10**6), "no primitive number"),
    "a negative primitive": (edit("op", 2, -1), "no primitive number"),
    "no such aval": (edit("aval", 2, 10**9), "no aval number"),
    "no such parameters": (edit("param", 4, 10**9), "no parameters number"),
    "a row that reads itself": (edit("arg", 0, 2), r"row %2 \(multiply\) reads %2"),
    "a row that reads a later one": (edit("arg", 1, 4), "reads %4, which is not above it"),
    "a row that reads nothing": (edit("arg", 1, -1), "reads %-1"),
    "an input fewer": (put("n_inputs", 1), "inputs are the first 1"),
    "an input more": (put("n_inputs", 3), "inputs are the first 3"),
    "more inputs than rows": (put("n_inputs", 7), "fewer than 7 inputs"),
    "a negative number of inputs": (put("n_inputs", -1), "fewer than -1 inputs"),
    "a row that turned into an input": (
        lambda t: edit("op", 3, BY_NAME["input"].index)(t),
        "no others",
    ),
    "another shape": (
        lambda t: edit("aval", 2, aval_id(Aval(F64, (3, 2))))(t),
        r"is f64\[3,2\], its rule gives f64\[2,3\]",
    ),
    "another dtype": (
        lambda t: edit("aval", 5, aval_id(Aval(np.dtype("f4"), (2,))))(t),
        r"is f32\[2\], its rule gives f64\[2\]",
    ),
    "an operand that no longer fits": (
        lambda t: edit("aval", 1, aval_id(Aval(F64, (4,))))(t),
        r"row %2 \(multiply\) is refused by its own shape rule",
    ),
    "parameters of another primitive": (
        lambda t: edit("param", 4, param_id({"shape": (2,)}))(t),
        "refused by its own shape rule",
    ),
    "an operand too many": (
        lambda t: (
            put("arg", array("q", [0, 1, 0, 2, 4, 3]))(t),
            put("off", array("q", [0, 0, 0, 3, 3, 4, 6]))(t),
        ),
        "refused by its own shape rule",
    ),
    "a literal without value": (edit("param", 3, 0), "not one number"),
    "a literal that is an array": (
        lambda t: edit("aval", 3, aval_id(Aval(F64, (2,))))(t),
        "not one number",
    ),
    "a literal that is text": (
        lambda t: edit("param", 3, param_id({"value": "2"}))(t),
        "not one number",
    ),
    "an output that does not exist": (put("outputs", (6,)), "output %6 does not exist"),
    "a negative output": (put("outputs", (5, -1)), "output %-1 does not exist"),
}  # fmt: skip


@pytest.mark.parametrize("name", BREAKS)
def test_broken_tapes_are_refused(name: str) -> None:
    change, message = BREAKS[name]
    tape = good()
    change(tape)
    with pytest.raises(VerifyError, match=message):
        verify(tape)


def test_broken_bodies_are_refused() -> None:
    body = good()
    text = (
        "tape(%0: f64[4,2,3], %1: f64[3]) -> (%3)\n"
        "  %2 = map %0 %1 {body=@1, mapped=(True, False), summed=(False,)} : (f64[4,2])\n"
        "  %3 = out %2 {k=0} : f64[4,2]\n" + GOOD.replace("tape(", "body @1(")
    )
    tape = from_text(text)
    verify(tape)
    (body,) = tape.bodies()
    body.arg[1] = 4
    with pytest.raises(VerifyError, match="reads %4"):
        verify(tape)


def test_a_checked_pass_is_verified(monkeypatch: pytest.MonkeyPatch) -> None:
    def spoils(tape: Tape) -> Tape:
        made = good()
        made.arg[1] = 4
        return made

    monkeypatch.setattr(config, "checked", True)
    with pytest.raises(VerifyError):
        checked(spoils, good())
    monkeypatch.setattr(config, "checked", False)
    report: list[tuple[str, int, float]] = []
    checked(spoils, good(), report)
    assert report[0][:2] == ("spoils", 6) and report[0][2] >= 0


@settings(max_examples=200, deadline=None, derandomize=True)
@given(tapes(smooth=False, max_rows=6), st.data())
def test_a_wrong_number_anywhere_is_a_verify_error_or_still_a_tape(
    sample: tuple[Tape, object], data: st.DataObject
) -> None:
    """Whatever single entry is overwritten, the verifier answers; it never fails in its own way."""
    t = sample[0]
    tape = Tape(
        t.op[:], t.off[:], t.arg[:], t.aval[:], t.param[:], t.line[:], t.n_inputs, t.outputs
    )
    column = getattr(tape, data.draw(st.sampled_from(("op", "off", "arg", "aval", "param"))))
    if not column:
        return
    i = data.draw(st.integers(0, len(column) - 1))
    column[i] = data.draw(st.integers(-2, tape.rows + 2))
    try:
        verify(tape)
    except TapejitError as error:
        assert isinstance(error, VerifyError)
