"""cse, dce, legalise and partition: text in, text out."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings

from tapejit.codegen.kernel import has_code
from tapejit.passes.cse import cse
from tapejit.passes.dce import dce, live_rows
from tapejit.passes.legalise import legalise
from tapejit.passes.partition import Segment, partition
from tapejit.passes.rewrite import keep_rows, rewrite
from tapejit.passes.views import all_views
from tapejit.runtime.pipeline import optimise
from tapejit.tape.ir import Tape
from tapejit.tape.replay import interpret
from tapejit.tape.text import from_text, to_text
from tapejit.tape.verify import verify
from tapejit.testing import tapes


def text(*rows: str) -> str:
    """A tape from its lines."""
    return "\n  ".join(rows)


def after(step: Any, *rows: str) -> str:
    return to_text(verify(step(verify(from_text(text(*rows))))))


few = settings(max_examples=50, deadline=None, derandomize=True)


# ---------------------------------------------------------------- cse


def test_cse_shares_equal_rows_and_what_follows() -> None:
    made = after(
        lambda t: dce(cse(t)),
        "tape(%0: f64[3], %1: f64[3]) -> (%6)",
        "%2 = add %0 %1 : f64[3]",
        "%3 = add %1 %0 : f64[3]",
        "%4 = sin %2 : f64[3]",
        "%5 = sin %3 : f64[3]",
        "%6 = subtract %4 %5 : f64[3]",
    )
    assert made == text(
        "tape(%0: f64[3], %1: f64[3]) -> (%4)",
        "%2 = add %0 %1 : f64[3]",
        "%3 = sin %2 : f64[3]",
        "%4 = subtract %3 %3 : f64[3]",
    )


@pytest.mark.parametrize(
    "rows",
    [
        ("%2 = subtract %0 %1 : f64[3]", "%3 = subtract %1 %0 : f64[3]"),
        ("%2 = gated %0 %1 : f64[3]", "%3 = gated %1 %0 : f64[3]"),
        ("%2 = lit {value=0.0} : f64[]", "%3 = lit {value=-0.0} : f64[]"),
        ("%2 = lit {value=1.0} : f64[]", "%3 = lit {value=1.0} : ~f64[]"),
        ("%2 = lit {value=1} : i64[]", "%3 = lit {value=1} : i32[]"),
        (
            "%2 = sum %0 {axis=(0,), keepdims=False} : f64[]",
            "%3 = sum %0 {axis=(0,), keepdims=True} : f64[1]",
        ),
        ("%2 = add %0 %0 : f64[3]", "%3 = multiply %0 %0 : f64[3]"),
    ],
)
def test_cse_keeps_what_differs(rows: tuple[str, str]) -> None:
    before = ("tape(%0: f64[3], %1: f64[3]) -> (%2, %3)", *rows)
    assert after(cse, *before) == text(*before)


def test_cse_keeps_inputs_apart_and_merges_guards() -> None:
    made = after(
        cse,
        "tape(%0: f64[], %1: f64[]) -> (%4, %5)",
        "%2 = guard %0 {expected=1.0} : b1[]",
        "%3 = guard %0 {expected=1.0} : b1[]",
        "%4 = sin %0 : f64[]",
        "%5 = sin %1 : f64[]",
    )
    assert made.count("guard") == 1 and made.count("sin") == 2


# ---------------------------------------------------------------- dce


def test_dce_drops_what_nobody_reads_and_keeps_effects() -> None:
    made = after(
        dce,
        "tape(%0: f64[3], %1: f64[]) -> (%4)",
        "%2 = cos %0 : f64[3]",
        "%3 = greater %1 %1 : b1[]",
        "%4 = sin %0 : f64[3]",
        "%5 = guard %3 {expected=False} : b1[]",
        "%6 = exp %2 : f64[3]",
    )
    assert made == text(
        "tape(%0: f64[3], %1: f64[]) -> (%3)",
        "%2 = greater %1 %1 : b1[]",
        "%3 = sin %0 : f64[3]",
        "%4 = guard %2 {expected=False} : b1[]",
    )


def test_dce_keeps_unused_inputs_and_repeated_outputs() -> None:
    rows = ("tape(%0: f64[3], %1: f64[2]) -> (%2, %0, %2)", "%2 = sin %0 : f64[3]")
    assert after(dce, *rows) == text(*rows)


@few
@given(tapes(smooth=False))
def test_dce_leaves_only_live_rows(sample: Any) -> None:
    made = dce(sample[0])
    assert all(live_rows(made)[made.n_inputs :]) and made.n_inputs == sample[0].n_inputs


@few
@given(tapes(smooth=False))
def test_after_cse_no_two_rows_are_alike(sample: Any) -> None:
    made = cse(sample[0])
    keys = [
        (made.op[i], made.param[i], made.aval[i], made.args(i))
        for i in range(made.n_inputs, made.rows)
    ]
    # Of rows that nobody reads any more (a twin's operands) only one is left too.
    assert len(set(keys)) == len(keys)


@few
@given(tapes(smooth=False))
def test_copying_changes_nothing(sample: Any) -> None:
    tape = sample[0]
    assert to_text(rewrite(tape, lambda b, row, args: None)) == to_text(tape)
    assert to_text(keep_rows(tape, [True] * tape.rows)) == to_text(tape)


# ---------------------------------------------------------------- legalise


@pytest.mark.parametrize(
    ("head", "row"),
    [
        # Outputs that are somebody else's memory.
        ("tape(%0: f64[3]) -> (%0)", None),
        ("tape(%0: f64[3]) -> (%1)", "%1 = slice %0 {ranges=((0, 2, 1),)} : f64[2]"),
        ("tape(%0: f64[]) -> (%1)", "%1 = lit {value=2.0} : f64[]"),
        ("tape(%0: f64[3]) -> (%1, %1)", "%1 = sin %0 : f64[3]"),
    ],
)
def test_legalise_gives_outputs_memory_of_their_own(head: str, row: str | None) -> None:
    tape = legalise(from_text(text(head, *([row] if row else []))))
    assert [tape.prim(i).name for i in range(tape.rows)].count("copy") == 1
    assert len(set(tape.outputs)) == len(tape.outputs)


@pytest.mark.parametrize(
    ("copied", "rows"),
    [
        # A transpose reshaped needs the copy, a slice of whole rows does not.
        (True, ("%1 = transpose %0 {axes=(1, 0)} : f64[4,3]", "%2 = reshape %1 {shape=(12,)} : f64[12]")),
        (False, ("%1 = slice %0 {ranges=((1, 2, 1), (0, 4, 1))} : f64[2,4]", "%2 = reshape %1 {shape=(8,)} : f64[8]")),
        (False, ("%1 = slice %0 {ranges=((0, 3, 1), (0, 2, 2))} : f64[3,2]", "%2 = reshape %1 {shape=(3, 2, 1)} : f64[3,2,1]")),
        # BLAS: a transpose and a block are read as they lie; steps and reversals are not.
        (False, ("%1 = transpose %0 {axes=(1, 0)} : f64[4,3]", "%2 = matmul %1 %0 : f64[4,4]")),
        (False, ("%1 = slice %0 {ranges=((0, 3, 1), (1, 3, 1))} : f64[3,3]", "%2 = matmul %1 %0 : f64[3,4]")),
        (False, ("%1 = slice %0 {ranges=((0, 2, 2), (1, 3, 1))} : f64[2,3]", "%2 = matmul %1 %0 : f64[2,4]")),
        (True, ("%1 = slice %0 {ranges=((0, 3, 1), (0, 2, 2))} : f64[3,2]", "%2 = transpose %1 {axes=(1, 0)} : f64[2,3]", "%3 = matmul %2 %0 : f64[2,4]")),
        (True, ("%1 = slice %0 {ranges=((2, 3, -1), (0, 3, 1))} : f64[3,3]", "%2 = matmul %1 %0 : f64[3,4]")),
        (True, ("%1 = slice %0 {ranges=((0, 1, 1), (0, 4, 1))} : f64[1,4]", "%2 = broadcast_to %1 {shape=(4, 4)} : f64[4,4]", "%3 = matmul %0 %2 : f64[3,4]")),
        # Routines want their operands in one run.
        (True, ("%1 = transpose %0 {axes=(1, 0)} : f64[4,3]", "%2 = cumsum %1 {axis=0, reverse=False} : f64[4,3]")),
        (False, ("%1 = reshape %0 {shape=(12,)} : f64[12]", "%2 = cumsum %1 {axis=0, reverse=False} : f64[12]")),
        # Loops and joins read anything.
        (False, ("%1 = transpose %0 {axes=(1, 0)} : f64[4,3]", "%2 = concatenate %1 %1 {axis=0} : f64[8,3]")),
        (False, ("%1 = transpose %0 {axes=(1, 0)} : f64[4,3]", "%2 = sin %1 : f64[4,3]")),
    ],
)  # fmt: skip
def test_legalise_copies_exactly_where_needed(copied: bool, rows: tuple[str, ...]) -> None:
    last = len(rows)
    head = f"tape(%0: f64[3,4]) -> (%{last + 1})"
    tape = from_text(text(head, *rows, f"%{last + 1} = sin %{last} : {rows[-1].split(' : ')[1]}"))
    made = verify(legalise(tape))
    assert ("copy" in to_text(made)) == copied, made
    assert all(view is not None for view in all_views(made))
    x = np.arange(12.0).reshape(3, 4)
    np.testing.assert_array_equal(interpret(made, [x])[0], interpret(tape, [x])[0])


@few
@given(tapes(smooth=False))
def test_legalise_keeps_values_and_makes_every_view_strided(sample: Any) -> None:
    tape, inputs = sample
    made = verify(legalise(tape))
    found = all_views(made)
    for row in made:
        if row.prim.emit.kind == "view":
            assert found[row.id] is not None
    for o in made.outputs:
        assert made.prim(o).emit.kind not in ("view", "input", "lit")
    inputs = [x[()] for x in inputs]
    for have, want in zip(interpret(made, inputs), interpret(tape, inputs), strict=True):
        np.testing.assert_array_equal(have, want)


# ---------------------------------------------------------------- partition


def shown(tape: Tape) -> list[Any]:
    """The names of the rows of every stage; a host row by itself."""
    made: list[Any] = []
    for stage in partition(tape, has_code).stages:
        if isinstance(stage, Segment):
            rows = range(stage.tape.n_inputs, stage.tape.rows)
            made.append([stage.tape.prim(i).name for i in rows])
        else:
            made.append(tape.prim(stage).name)
    return made


def test_partition_by_levels() -> None:
    tape = from_text(
        text(
            "tape(%0: f64[3,3], %1: f64[3,3]) -> (%6, %8)",
            "%2 = sin %0 : f64[3,3]",
            "%3 = pinv %2 : f64[3,3]",
            "%4 = pinv %1 : f64[3,3]",
            "%5 = multiply %3 %4 : f64[3,3]",
            "%6 = pinv %5 : f64[3,3]",
            "%7 = cos %1 : f64[3,3]",
            "%8 = add %7 %6 : f64[3,3]",
        )
    )
    # cos depends on no host row: it runs with sin; the two inverses follow together.
    assert shown(tape) == [["sin", "cos"], "pinv", "pinv", ["multiply"], "pinv", ["add"]]
    segments = [s for s in partition(tape, has_code).stages if isinstance(s, Segment)]
    assert [(s.inputs, s.outputs) for s in segments] == [
        ((0, 1), (2, 7)),
        ((3, 4), (5,)),
        ((6, 7), (8,)),
    ]


def test_partition_of_a_tape_without_coded_rows_and_without_host_rows() -> None:
    assert shown(from_text("tape(%0: f64[3]) -> (%0)")) == []
    one = "tape(%0: f64[2,2]) -> (%1)\n  %1 = {} %0 : f64[2,2]"
    assert shown(from_text(one.format("pinv"))) == ["pinv"]
    assert shown(from_text(one.format("sin"))) == [["sin"]]


def run_in_parts(tape: Tape, inputs: list[Any], coded: Any) -> list[Any]:
    """Interpret a tape segment by segment."""
    values: dict[int, Any] = dict(enumerate(inputs))
    for i in range(tape.n_inputs, tape.rows):
        if tape.prim(i).name == "lit":
            aval = tape.value(i)
            values[i] = aval.dtype.type(tape.params(i)["value"])
    for stage in partition(tape, coded).stages:
        if isinstance(stage, Segment):
            verify(stage.tape)
            found = interpret(stage.tape, [values[i] for i in stage.inputs])
            values.update(zip(stage.outputs, found, strict=True))
        else:
            row = tape.row(stage)
            values[stage] = row.prim.numpy(*[values[a] for a in row.args], **row.params)
    return [values[o] for o in tape.outputs]


@few
@given(tapes(smooth=False))
def test_the_parts_give_what_the_tape_gives(sample: Any) -> None:
    """With every third name of a primitive hosted, whatever it is."""
    tape, inputs = sample
    inputs = [x[()] for x in inputs]
    hosted = {"map", "out", *itertools.islice(sorted({r.prim.name for r in tape}), 0, None, 3)}
    hosted -= {"input", "lit"}
    found = run_in_parts(tape, inputs, lambda t, i: t.prim(i).name not in hosted)
    for have, want in zip(found, interpret(tape, inputs), strict=True):
        np.testing.assert_array_equal(have, want)


@few
@given(tapes(smooth=False))
def test_optimise_is_idempotent_enough(sample: Any) -> None:
    """A second round finds little: the number of rows does not change."""
    once = optimise(sample[0])
    assert len(optimise(once)) == len(once)


def test_a_chain_of_host_rows_is_one_level() -> None:
    tape = from_text(
        text(
            "tape(%0: f64[3], %1: f64[3]) -> (%7)",
            "%2 = sort %0 {axis=0} : f64[3]",
            "%3 = sin %1 : f64[3]",
            "%4 = sort %2 {axis=0} : f64[3]",
            "%5 = add %3 %2 : f64[3]",
            "%6 = sort %5 {axis=0} : f64[3]",
            "%7 = add %6 %4 : f64[3]",
        )
    )
    made = partition(tape, lambda t, i: t.prim(i).name != "sort").stages
    names = [
        [r.prim.name for r in s.tape if r.id >= s.tape.n_inputs]
        if isinstance(s, Segment)
        else tape.prim(s).name
        for s in made
    ]
    assert names == [["sin"], "sort", "sort", ["add"], "sort", ["add"]]
