"""adjoint, pushforward, split and the derivatives of rows with bodies, on tapes written as text."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tapejit.core.errors import CaptureError, UnsupportedError
from tapejit.passes.adjoint import adjoint, dependents, is_zeros
from tapejit.passes.bodies import transposed
from tapejit.passes.dce import dce
from tapejit.passes.pushforward import pushforward
from tapejit.passes.split import fork, split
from tapejit.rules.declare import ops, zeros_like
from tapejit.tape.ir import Builder, Sym, Tape
from tapejit.tape.pieces import inline, load
from tapejit.tape.replay import interpret
from tapejit.tape.text import from_text, to_text
from tapejit.tape.verify import verify
from tapejit.testing import tapes


def tape_of(*rows: str) -> Tape:
    return verify(from_text("\n  ".join(rows)))


def text(*rows: str) -> str:
    return "\n  ".join(rows)


def reverse(tape: Tape, wrt: tuple[int, ...] = (0,)) -> str:
    """The tape from inputs and cotangents of the outputs to cotangents of the inputs `wrt`."""
    b = load(tape)
    cts = [b.input(tape.value(o)) for o in tape.outputs]
    found = adjoint(b, [Sym(b, o) for o in tape.outputs], cts, [Sym(b, i) for i in wrt])
    return to_text(
        dce(
            verify(
                b.finish([zeros_like(Sym(b, i)) if d is None else d for i, d in zip(wrt, found)])
            )
        )
    )


def forward(tape: Tape, wrt: tuple[int, ...] = (0,)) -> str:
    b = load(tape)
    ts = [b.input(tape.value(i)) for i in wrt]
    ys = [Sym(b, o) for o in tape.outputs]
    found = pushforward(b, [Sym(b, i) for i in wrt], ts, ys)
    return to_text(
        dce(verify(b.finish([zeros_like(y) if d is None else d for y, d in zip(ys, found)])))
    )


SIN = (
    "tape(%0: f64[3], %1: f64[3]) -> (%4)",
    "%2 = sin %0 : f64[3]",
    "%3 = multiply %2 %1 : f64[3]",
    "%4 = sum %3 {axis=(0,), keepdims=False} : f64[]",
)


def test_adjoint() -> None:
    """d(sum sin(x) y) = ct y cos(x); the cotangent of y, which nobody asked for, costs nothing."""
    assert reverse(tape_of(*SIN)) == text(
        "tape(%0: f64[3], %1: f64[3], %2: f64[]) -> (%7)",
        "%3 = reshape %2 {shape=(1,)} : f64[1]",
        "%4 = broadcast_to %3 {shape=(3,)} : f64[3]",
        "%5 = multiply %4 %1 : f64[3]",
        "%6 = cos %0 : f64[3]",
        "%7 = multiply %5 %6 : f64[3]",
    )


def test_pushforward() -> None:
    assert forward(tape_of(*SIN)) == text(
        "tape(%0: f64[3], %1: f64[3], %2: f64[3]) -> (%6)",
        "%3 = cos %0 : f64[3]",
        "%4 = multiply %2 %3 : f64[3]",
        "%5 = multiply %4 %1 : f64[3]",
        "%6 = sum %5 {axis=(0,), keepdims=False} : f64[]",
    )


def test_reads_of_parts_add_into_one_array() -> None:
    """The cotangents of three slices make one array of zeros, not three."""
    made = reverse(
        tape_of(
            "tape(%0: f64[9]) -> (%1, %2, %3)",
            "%1 = slice %0 {ranges=((0, 2, 1),)} : f64[2]",
            "%2 = slice %0 {ranges=((4, 3, 1),)} : f64[3]",
            "%3 = slice %0 {ranges=((8, 1, 1),)} : f64[1]",
        )
    )
    assert made.count("add_slice") == 3 and made.count("broadcast_to") == 1
    assert " add " not in made


def test_a_dense_cotangent_takes_in_the_scattered_one() -> None:
    for outputs in ("(%1, %2)", "(%2, %1)"):
        made = reverse(
            tape_of(
                f"tape(%0: f64[9]) -> {outputs}",
                "%1 = slice %0 {ranges=((0, 2, 1),)} : f64[2]",
                "%2 = sin %0 : f64[9]",
            )
        )
        assert made.count("add_slice") == 1 and "broadcast_to" not in made, made


def test_products_are_gated_where_selection_may_have_made_zeros() -> None:
    """where(c, log(x), 0): its cotangent meets 1/x only through a gate."""
    made = reverse(
        tape_of(
            "tape(%0: f64[3], %1: b1[3]) -> (%4)",
            "%2 = log %0 : f64[3]",
            "%3 = lit {value=0.0} : f64[]",
            "%4 = where %1 %2 %3 : f64[3]",
        )
    )
    assert "gated" in made and "multiply" not in made
    x, c, ct = np.array([0.0, 2.0, -1.0]), np.array([False, True, False]), np.ones(3)
    np.testing.assert_array_equal(interpret(from_text(made), [x, c, ct])[0], [0, 0.5, 0])
    assert "gated" not in reverse(tape_of("tape(%0: f64[3]) -> (%1)", "%1 = log %0 : f64[3]"))


def test_what_does_not_depend_or_has_no_derivative_costs_nothing() -> None:
    rows = (
        "tape(%0: f64[3], %1: f64[3]) -> (%3)",
        "%2 = greater %0 %1 : b1[3]",
        "%3 = where %2 %1 %1 : f64[3]",
    )
    for made in (reverse(tape_of(*rows)), forward(tape_of(*rows))):
        assert from_text(made).rows == 3 + 2  # a zero, broadcast
    b = load(tape_of(*SIN))
    assert dependents(b, [Sym(b, 0)], 5) == {0, 2, 3, 4}
    assert dependents(b, [Sym(b, 1)], 4) == {1, 3} and dependents(b, [], 5) == set()
    stop = ("tape(%0: f64[3]) -> (%1)", "%1 = stop_gradient %0 : f64[3]")
    for made in (reverse(tape_of(*stop)), forward(tape_of(*stop))):
        np.testing.assert_array_equal(interpret(from_text(made), [np.ones(3)] * 2)[0], np.zeros(3))


def test_an_input_that_is_an_output() -> None:
    assert reverse(tape_of("tape(%0: f64[3]) -> (%0)")) == "tape(%0: f64[3], %1: f64[3]) -> (%1)"
    assert forward(tape_of("tape(%0: f64[3]) -> (%0)")) == "tape(%0: f64[3], %1: f64[3]) -> (%1)"
    twice = reverse(tape_of("tape(%0: f64[3]) -> (%0, %0)"))
    assert "add %1 %2" in twice


def test_derivatives_stop_at_the_values_asked_for() -> None:
    """With respect to a value in the middle, the rows above it are left alone."""
    tape = tape_of(*SIN)
    b = load(tape)
    ct = b.lit(1.0, tape.value(4))
    (found,) = adjoint(b, [Sym(b, 4)], [ct], [Sym(b, 2)])
    assert found is not None and "cos" not in to_text(b.finish([found]))


def test_rows_of_the_sweep_carry_the_line_they_come_from() -> None:
    tape = from_text("tape(%0: f64[3]) -> (%1)\n  %1 = tanh %0 : f64[3]  ; model.py:7")
    b = load(tape)
    b.line = 0
    (found,) = adjoint(b, [Sym(b, 1)], [Sym(b, 1)], [Sym(b, 0)])
    assert found is not None
    assert all("model.py:7" in line for line in str(b.finish([found])).splitlines()[1:])
    assert b.line == 0


def test_a_rule_that_is_missing_is_an_error_that_names_the_row() -> None:
    prim = ops.tanh
    jvp, vjp = prim.jvp, prim.vjp
    tape = from_text("tape(%0: f64[3]) -> (%1)\n  %1 = tanh %0 : f64[3]  ; model.py:7")
    try:
        prim.vjp = None
        with pytest.raises(UnsupportedError, match=r"tanh has no reverse-mode rule \(model.py:7"):
            reverse(tape)
        prim.jvp, prim.vjp = None, vjp
        with pytest.raises(UnsupportedError, match=r"tanh has no forward-mode rule \(model.py:7"):
            forward(tape)
    finally:
        prim.jvp, prim.vjp = jvp, vjp


def test_zeros_are_known() -> None:
    b = Builder()
    zero = b.lit(0.0)
    assert is_zeros(b, ops.broadcast_to(zero, shape=(3,)).id) and is_zeros(b, zero.id)
    assert not is_zeros(b, ops.broadcast_to(b.lit(1.0), shape=(3,)).id)
    assert not is_zeros(b, b.input(tape_of(*SIN).value(0)).id)


# ---------------------------------------------------------------- split


def test_split_computes_once_what_does_not_move() -> None:
    tape = tape_of(
        "tape(%0: f64[], %1: f64[]) -> (%5)",
        "%2 = exp %1 : f64[]",
        "%3 = sin %0 : f64[]",
        "%4 = lit {value=2.0} : f64[]",
        "%5 = multiply %3 %2 : f64[]",
        "%6 = multiply %5 %4 : f64[]",
    )
    tape = Tape(tape.op, tape.off, tape.arg, tape.aval, tape.param, tape.line, 2, (6, 2))
    s, b = load(tape), Builder()
    y = b.input(tape.value(1))
    cut = split(s, 0, [Sym(s, 0)], [Sym(s, 6), Sym(s, 2), None], b, {1: y.id})
    assert to_text(cut.body) == text(
        "tape(%0: f64[], %1: f64[]) -> (%5)",
        "%2 = sin %0 : f64[]",
        "%3 = multiply %2 %1 : f64[]",
        "%4 = lit {value=2.0} : f64[]",
        "%5 = multiply %3 %4 : f64[]",
    )
    assert to_text(dce(b.finish(cut.shared))) == text(
        "tape(%0: f64[]) -> (%1)", "%1 = exp %0 : f64[]"
    )
    assert cut.moving == [0] and cut.results[0] == 0 and cut.results[2] is None
    assert isinstance(cut.results[1], Sym) and cut.results[1].id == cut.shared[0].id


def test_split_leaves_out_moving_values_that_nobody_reads() -> None:
    tape = tape_of("tape(%0: f64[], %1: f64[]) -> (%2)", "%2 = sin %1 : f64[]")
    s = load(tape)
    cut = split(s, 0, [Sym(s, 0), Sym(s, 1)], [Sym(s, 2)], Builder(), {})
    assert cut.moving == [1] and cut.body.n_inputs == 1


def test_a_guard_on_a_moving_value_cannot_be_split() -> None:
    tape = tape_of(
        "tape(%0: f64[]) -> (%3)",
        "%1 = greater %0 %0 : b1[]",
        "%2 = guard %1 {expected=False} : b1[]",
        "%3 = sin %0 : f64[]",
    )
    s = load(tape)
    with pytest.raises(CaptureError, match=r"use np\.where"):
        split(s, 0, [Sym(s, 0)], [Sym(s, 3)], Builder(), {})


@settings(max_examples=60, deadline=None, derandomize=True)
@given(tapes(smooth=False), st.data())
def test_parts_put_together_again_give_the_tape(sample: Any, data: st.DataObject) -> None:
    """Whatever inputs move, and wherever the division starts."""
    tape, inputs = sample
    moving = sorted(data.draw(st.sets(st.integers(0, tape.n_inputs - 1))))
    s, b = load(tape), Builder()
    outer = [b.input(tape.value(k)) for k in range(tape.n_inputs)]
    place = {k: outer[k].id for k in range(tape.n_inputs) if k not in moving}
    cut = split(s, 0, [Sym(s, k) for k in moving], [Sym(s, o) for o in tape.outputs], b, place)
    verify(cut.body)
    made = inline(cut.body, b, [*[outer[moving[k]] for k in cut.moving], *cut.shared])
    outs = [made[r] if isinstance(r, int) else r for r in cut.results]
    whole = verify(b.finish(outs))  # type: ignore[arg-type]
    inputs = [x[()] for x in inputs]
    for have, want in zip(interpret(whole, inputs), interpret(tape, inputs), strict=True):
        np.testing.assert_array_equal(have, want)


def test_a_fork_leaves_no_trace() -> None:
    b = Builder(eager=True)
    x = b.input(tape_of(*SIN).value(0), np.ones(3))
    y = ops.sin(x) * 2.0
    b.masked.add(y.id)
    before = to_text(b.finish([y]))
    other = fork(b)
    z = Sym(other, y.id) * 3.0
    other.masked.add(z.id)
    assert to_text(b.finish([y])) == before and b.masked == {y.id}
    np.testing.assert_array_equal(other.known[z.id], np.sin(1.0) * 6 * np.ones(3))
    assert len(b.known) == len(b)


# ---------------------------------------------------------------- rows with bodies

MAP = (
    "tape(%0: f64[4], %1: f64[]) -> (%3)",
    "%2 = map %0 %1 {body=@1, mapped=(True, False), summed=(False,)} : (f64[4])",
    "%3 = out %2 {k=0} : f64[4]\nbody @1(%0: f64[], %1: f64[]) -> (%4)",
    "%2 = exp %1 : f64[]",
    "%3 = sin %0 : f64[]",
    "%4 = multiply %3 %2 : f64[]",
)


def test_the_adjoint_of_a_map_computes_shared_values_outside() -> None:
    """exp(w) is computed once, not once an index; the cotangent of w is summed over the index."""
    made = from_text(reverse(tape_of(*MAP), (0, 1)))
    assert [made.prim(i).name for i in range(made.rows)].count("exp") == 1
    for body in made.bodies():
        assert "exp" not in to_text(body)
    assert "summed=(False, True)" in to_text(made)


@pytest.mark.parametrize("order", [1, 2])
def test_derivatives_of_a_map_are_those_of_the_written_out_loop(order: int) -> None:
    tape = tape_of(*MAP)
    flat = tape_of(
        "tape(%0: f64[4], %1: f64[]) -> (%4)",
        "%2 = exp %1 : f64[]",
        "%3 = sin %0 : f64[4]",
        "%4 = multiply %3 %2 : f64[4]",
    )
    rng = np.random.default_rng(0)
    inputs = [rng.normal(size=4), np.float64(0.3)]
    for step in (reverse, forward):
        one, two = tape, flat
        given_ = list(inputs)
        for _ in range(order):
            wrt = tuple(range(one.n_inputs))
            one, two = from_text(step(one, wrt)), from_text(step(two, wrt))
            new = range(len(given_), one.n_inputs)
            given_ += [rng.normal(size=one.value(k).shape)[()] for k in new]
        for have, want in zip(interpret(one, given_), interpret(two, given_), strict=True):
            np.testing.assert_allclose(have, want, rtol=1e-12, atol=1e-12)


def test_a_custom_row_is_differentiated_by_its_rule_in_both_directions() -> None:
    """The rule says 5 t, whatever the rows say; its transpose serves the other mode."""
    for how in ("True", "False"):
        tape = tape_of(
            "tape(%0: f64[3]) -> (%3)",
            "%1 = sin %0 : f64[3]",
            f"%2 = custom %0 %1 {{forward={how}, n_in=1, n_out=1, name='f', rule=@1}} : (f64[3])",
            "%3 = out %2 {k=0} : f64[3]\nbody @1(%0: f64[3]) -> (%2)",
            "%1 = lit {value=5.0} : f64[]",
            "%2 = multiply %0 %1 : f64[3]",
        )
        for step in (reverse, forward):
            made = from_text(step(tape))
            t = np.arange(3.0)
            np.testing.assert_array_equal(interpret(made, [np.ones(3), t])[0], 5 * t)
            assert "cos" not in to_text(made)


def test_only_linear_rules_are_transposed() -> None:
    linear = tape_of("tape(%0: f64[3], %1: f64[3]) -> (%2)", "%2 = multiply %0 %1 : f64[3]")
    back, which = transposed(linear, 1, "f")
    assert which == (0,) and to_text(back).count("multiply") == 1
    bent = tape_of("tape(%0: f64[3]) -> (%1)", "%1 = multiply %0 %0 : f64[3]")
    with pytest.raises(UnsupportedError, match="rule of f is not linear"):
        transposed(bent, 1, "f")
