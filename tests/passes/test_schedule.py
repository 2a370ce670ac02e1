"""Which rows run together: text in, the steps out."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings

from tapejit.codegen.values import Values
from tapejit.passes.legalise import legalise
from tapejit.passes.schedule import schedule
from tapejit.passes.views import root_of, root_source
from tapejit.tape.ir import Tape
from tapejit.tape.text import from_text
from tapejit.tape.verify import verify
from tapejit.testing import tapes


def tape_of(*rows: str) -> Tape:
    return verify(from_text("\n  ".join(rows)))


def steps(tape: Tape) -> list[Any]:
    """The schedule as a list of (space, ids) for nests and (kind, ids) for the rest."""
    return [(s.space if s.kind == "nest" else s.kind, s.rows) for s in schedule(tape).steps]


def test_elementwise_rows_of_one_space_share_a_nest() -> None:
    tape = tape_of(
        "tape(%0: f64[3], %1: f64[2,3]) -> (%3, %4)",
        "%2 = sin %0 : f64[3]",
        "%3 = cos %2 : f64[3]",
        "%4 = exp %1 : f64[2,3]",
        "%5 = tanh %0 : f64[3]",
    )
    assert steps(tape) == [((3,), [2, 3, 5]), ((2, 3), [4])]
    assert schedule(tape).stored == {3, 4}


def test_a_reduction_joins_the_nest_that_feeds_it_and_ends_it_for_its_readers() -> None:
    tape = tape_of(
        "tape(%0: f64[4,3]) -> (%4)",
        "%1 = square %0 : f64[4,3]",
        "%2 = sum %1 {axis=(1,), keepdims=True} : f64[4,1]",
        "%3 = divide %1 %2 : f64[4,3]",
        "%4 = sum %3 {axis=(0, 1), keepdims=False} : f64[]",
    )
    assert steps(tape) == [((4, 3), [1, 2]), ((4, 3), [3, 4])]
    # The square is kept for the second nest; the quotient and the total are locals.
    assert schedule(tape).stored == {1, 2}


def test_two_reductions_of_one_array_are_one_pass() -> None:
    tape = tape_of(
        "tape(%0: f64[4,3]) -> (%1, %2, %4)",
        "%1 = sum %0 {axis=(0,), keepdims=False} : f64[3]",
        "%2 = max %0 {axis=(0, 1), keepdims=False} : f64[]",
        "%3 = square %0 : f64[4,3]",
        "%4 = sum %3 {axis=(1,), keepdims=False} : f64[4]",
    )
    assert steps(tape) == [((4, 3), [1, 2, 3, 4])]


def test_numbers_that_depend_on_inputs_alone_come_first() -> None:
    tape = tape_of(
        "tape(%0: f64[3], %1: f64[]) -> (%5)",
        "%2 = sin %0 : f64[3]",
        "%3 = exp %1 : f64[]",
        "%4 = multiply %2 %3 : f64[3]",
        "%5 = sum %4 {axis=(0,), keepdims=False} : f64[]",
    )
    assert steps(tape) == [((), [3]), ((3,), [2, 4, 5])]


def test_numbers_made_from_a_reduction_divide_nests() -> None:
    tape = tape_of(
        "tape(%0: f64[3]) -> (%3)",
        "%1 = sum %0 {axis=(0,), keepdims=False} : f64[]",
        "%2 = exp %1 : f64[]",
        "%3 = multiply %0 %2 : f64[3]",
    )
    assert steps(tape) == [((3,), [1]), ((), [2]), ((3,), [3])]


def test_reading_through_a_view_waits_for_the_memory() -> None:
    tape = tape_of(
        "tape(%0: f64[3,3]) -> (%3)",
        "%1 = sin %0 : f64[3,3]",
        "%2 = transpose %1 {axes=(1, 0)} : f64[3,3]",
        "%3 = add %1 %2 : f64[3,3]",
    )
    assert steps(tape) == [((3, 3), [1]), ((3, 3), [3])]
    assert schedule(tape).stored == {1, 3}


def test_a_view_of_an_input_divides_nothing() -> None:
    tape = tape_of(
        "tape(%0: f64[3,3]) -> (%3)",
        "%1 = sin %0 : f64[3,3]",
        "%2 = transpose %0 {axes=(1, 0)} : f64[3,3]",
        "%3 = add %1 %2 : f64[3,3]",
    )
    assert steps(tape) == [((3, 3), [1, 3])]


def test_a_row_sinks_to_the_only_nest_that_reads_it() -> None:
    """1 - y^2 is computed in the reverse nest from y, which the product needs in memory anyway."""
    tape = tape_of(
        "tape(%0: f64[4,4], %1: f64[4,4]) -> (%6)",
        "%2 = tanh %0 : f64[4,4]",
        "%3 = square %2 : f64[4,4]",
        "%4 = matmul %2 %1 : f64[4,4]",
        "%5 = multiply %3 %4 : f64[4,4]",
        "%6 = sum %5 {axis=(0, 1), keepdims=False} : f64[]",
    )
    assert steps(tape) == [((4, 4), [2]), ("product", [4]), ((4, 4), [3, 5, 6])]
    assert schedule(tape).stored == {2, 4}


def test_a_row_that_is_returned_stays() -> None:
    tape = tape_of(
        "tape(%0: f64[4,4], %1: f64[4,4]) -> (%5, %3)",
        "%2 = tanh %0 : f64[4,4]",
        "%3 = square %2 : f64[4,4]",
        "%4 = matmul %1 %1 : f64[4,4]",
        "%5 = multiply %3 %4 : f64[4,4]",
    )
    assert steps(tape) == [((4, 4), [2, 3]), ("product", [4]), ((4, 4), [5])]


def test_a_row_stays_where_sinking_would_keep_more() -> None:
    """%4 alone would need memory; moved, both its operands would."""
    tape = tape_of(
        "tape(%0: f64[4,4], %1: f64[4,4]) -> (%6)",
        "%2 = tanh %0 : f64[4,4]",
        "%3 = exp %0 : f64[4,4]",
        "%4 = add %2 %3 : f64[4,4]",
        "%5 = matmul %1 %1 : f64[4,4]",
        "%6 = multiply %4 %5 : f64[4,4]",
    )
    assert steps(tape) == [((4, 4), [2, 3, 4]), ("product", [5]), ((4, 4), [6])]


def test_updates_products_and_joins_take_steps_of_their_own() -> None:
    tape = tape_of(
        "tape(%0: f64[4], %1: f64[2]) -> (%4)",
        "%2 = sin %0 : f64[4]",
        "%3 = add_slice %2 %1 {ranges=((1, 2, 1),)} : f64[4]",
        "%4 = concatenate %3 %1 {axis=0} : f64[6]",
    )
    assert steps(tape) == [((4,), [2]), ("update", [3]), ("concatenate", [4])]


def test_guards_stand_in_straight_line_code() -> None:
    tape = tape_of(
        "tape(%0: f64[3]) -> (%4)",
        "%1 = sum %0 {axis=(0,), keepdims=False} : f64[]",
        "%2 = greater %1 %1 : b1[]",
        "%3 = guard %2 {expected=False} : b1[]",
        "%4 = sin %0 : f64[3]",
    )
    assert steps(tape) == [((3,), [1, 4]), ((), [2, 3])]


# ---------------------------------------------------------------- memory


def homes(tape: Tape) -> dict[int, int]:
    values = Values(schedule(tape))
    return {i: values.home(i) for i in range(tape.rows) if values.home(i) != i}


CHAIN = (
    "%2 = sin %0 : f64[4]",
    "%3 = set_slice %2 %1 {ranges=((1, 2, 1),)} : f64[4]",
    "%4 = add_slice %3 %1 {ranges=((0, 2, 1),)} : f64[4]",
    "%5 = exp %4 : f64[4]",
)


def test_a_chain_of_updates_is_made_in_place() -> None:
    assert homes(tape_of("tape(%0: f64[4], %1: f64[2]) -> (%5)", *CHAIN)) == {3: 2, 4: 2}


@pytest.mark.parametrize(
    ("output", "row", "expected"),
    [
        ("%2", None, {4: 3}),  # the base is returned
        ("%3", None, {3: 2}),  # a link of the chain is returned
        ("%6", "%6 = cos %2 : f64[4]", {4: 3}),  # the base is read behind the update
        ("%6", "%6 = cos %3 : f64[4]", {3: 2}),  # and so is a link
        ("%6", "%6 = slice %3 {ranges=((3, 4, -1),)} : f64[4]", {3: 2}),  # or a view of it
    ],
)
def test_an_update_leaves_alone_what_is_still_read(
    output: str, row: str | None, expected: dict[int, int]
) -> None:
    rows = [*CHAIN, *([row] if row else [])]
    tape = tape_of(f"tape(%0: f64[4], %1: f64[2]) -> (%5, {output})", *rows)
    assert homes(tape) == expected
    check_lifetimes(tape)


def test_an_update_of_an_input_or_from_its_own_memory_copies() -> None:
    assert not homes(
        tape_of(
            "tape(%0: f64[4], %1: f64[2]) -> (%3)",
            "%2 = add_slice %0 %1 {ranges=((1, 2, 1),)} : f64[4]",
            "%3 = exp %2 : f64[4]",
        )
    )
    assert not homes(
        tape_of(
            "tape(%0: f64[4]) -> (%4)",
            "%1 = sin %0 : f64[4]",
            "%2 = slice %1 {ranges=((3, 2, -1),)} : f64[2]",
            "%3 = set_slice %1 %2 {ranges=((1, 2, 1),)} : f64[4]",
            "%4 = exp %3 : f64[4]",
        )
    )


def check_lifetimes(tape: Tape) -> None:
    """Two arrays share workspace only if one is dead before the other is born."""
    plan = schedule(tape)
    values = Values(plan)
    spans = {}
    for home, (offset, size) in values.place.items():
        rows = [i for i in range(tape.rows) if values.home(i) == home]
        born = min(plan.step_of[i] for i in rows if i in plan.step_of)
        dead = born
        for k in range(tape.rows):
            if k in plan.step_of and any(
                values.home(root_of(tape, a)) == home for a in tape.args(k)
            ):
                dead = max(dead, plan.step_of[k])
        spans[home] = (offset, offset + size, born, dead)
    for h, (lo, hi, born, dead) in spans.items():
        for g, (lo2, hi2, born2, dead2) in spans.items():
            if h < g and lo < hi2 and lo2 < hi:
                assert dead < born2 or dead2 < born, (h, g)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(tapes(smooth=False, max_rows=16))
def test_every_row_runs_after_what_it_reads(sample: Any) -> None:
    tape = legalise(sample[0])
    if any(row.prim.emit.kind == "host" for row in tape):
        return
    plan = schedule(tape)
    assert sorted(i for s in plan.steps for i in s.rows) == sorted(
        i for i, k in plan.step_of.items() if tape.prim(i).emit.kind != "out"
    )
    for k, step in enumerate(plan.steps):
        assert step.rows == sorted(step.rows)
        for i in step.rows:
            assert plan.step_of[i] == k
            for a in tape.args(i):
                source = root_source(tape, root_of(tape, a))
                at = plan.step_of.get(source)
                assert at is None or at < k or (at == k and step.kind == "nest" and source == a)
                if at == k:
                    assert tape.prim(a).emit.kind == "elementwise" or step.space == ()
                elif at is not None and tape.value(root_of(tape, a)).shape:
                    assert root_of(tape, a) in plan.stored
    for o in tape.outputs:
        assert o in plan.stored or not tape.value(o).shape or tape.prim(o).emit.kind == "input"
    check_lifetimes(tape)


def test_a_schedule_of_nothing() -> None:
    tape = tape_of("tape(%0: f64[3]) -> ()")
    assert schedule(tape).steps == [] and schedule(tape).stored == set()
