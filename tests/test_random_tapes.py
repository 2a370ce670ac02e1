"""Random tapes: every evaluator agrees with the replay, and derivatives with differences."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from tapejit.core.avals import Aval
from tapejit.passes.adjoint import adjoint
from tapejit.passes.pushforward import pushforward
from tapejit.passes.simplify import simplify
from tapejit.passes.split import split
from tapejit.rules.declare import zeros_like
from tapejit.runtime.compile import compile_staged
from tapejit.runtime.pipeline import optimise
from tapejit.tape.ir import Builder, Sym, Tape
from tapejit.tape.pieces import inline, load
from tapejit.tape.primitive import primitive
from tapejit.tape.replay import interpret
from tapejit.tape.text import from_text, to_text
from tapejit.tape.verify import verify
from tapejit.testing import tapes


def cut_and_joined(tape: Tape, inputs: list[Any]) -> list[Any]:
    """Split a tape by what depends on its first input, and put the parts together again."""
    s, b = load(tape), Builder()
    outer = [b.input(tape.value(k)) for k in range(tape.n_inputs)]
    place = {k: outer[k].id for k in range(1, tape.n_inputs)}
    cut = split(s, 0, [Sym(s, 0)], [Sym(s, o) for o in tape.outputs], b, place)
    made = inline(cut.body, b, [*[outer[k] for k in cut.moving], *cut.shared])
    outs = [made[r] if isinstance(r, int) else r for r in cut.results]
    return interpret(verify(b.finish(outs)), inputs)  # type: ignore[arg-type]


def compiled(tape: Tape, inputs: list[Any]) -> list[Any]:
    """Compile the optimised tape, host rows and all."""
    tape = optimise(tape)
    found = compile_staged(tape, "random tape")(inputs)
    assert found is not None
    # Numbers come back as Python has them.
    return [np.asarray(x, tape.value(o).dtype)[()] for x, o in zip(found, tape.outputs)]


# How to evaluate a tape, by name; add a way of running tapes here and it is tested.
EVALUATORS: dict[str, Callable[[Tape, list[Any]], list[Any]]] = {
    "text": lambda tape, inputs: interpret(from_text(to_text(tape)), inputs),
    "simplified": lambda tape, inputs: interpret(verify(simplify(tape)), inputs),
    "optimised": lambda tape, inputs: interpret(verify(optimise(tape)), inputs),
    "split": cut_and_joined,
    "compiled": compiled,
}
few = settings(
    max_examples=40,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


@pytest.mark.parametrize("name", sorted(EVALUATORS.keys() - {"compiled"}))
@few
@given(tapes(smooth=False))
def test_evaluators_agree(name, sample):
    tape, inputs = sample
    verify(tape)
    check_evaluator(name, tape, inputs)


@settings(few, max_examples=15)  # each example compiles a kernel
@given(tapes(smooth=False))
def test_compiled_equals_interpreted(sample):
    check_evaluator("compiled", *sample)


@settings(few, max_examples=8)
@given(tapes(max_rows=5))
def test_compiled_derivatives_equal_interpreted(sample):
    tape, inputs = sample
    rng = np.random.default_rng(2)
    _, reverse = derivative_tapes(tape)
    weights = [np.asarray(rng.normal(size=tape.value(o).shape)) for o in tape.outputs]
    check_evaluator("compiled", verify(reverse), [*inputs, *weights])


def check_evaluator(name: str, tape: Tape, inputs: list[Any]) -> None:
    inputs = [x[()] for x in inputs]
    found = EVALUATORS[name](tape, inputs)
    for a, b in zip(found, interpret(tape, inputs), strict=True):
        assert np.shape(a) == np.shape(b) and np.asarray(a).dtype == np.asarray(b).dtype
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-12)


@few
@given(tapes())
def test_text_is_exact(sample):
    tape, _ = sample
    assert from_text(to_text(tape)).hash == tape.hash and from_text(to_text(tape)) == tape
    assert to_text(from_text(to_text(tape))) == to_text(tape)


def derivative_tapes(tape: Tape) -> tuple[Tape, Tape]:
    """Return tapes of (inputs, tangents) to tangents and of (inputs, cotangents) to cotangents."""
    made = []
    for forward in (True, False):
        b = load(tape)
        xs = [Sym(b, k) for k in range(tape.n_inputs)]
        ys = [Sym(b, o) for o in tape.outputs]
        given_ = [b.input(v.aval) for v in (xs if forward else ys)]
        found = pushforward(b, xs, given_, ys) if forward else adjoint(b, ys, given_, xs)
        like = ys if forward else xs
        made.append(b.finish([zeros_like(v) if d is None else d for v, d in zip(like, found)]))
    return made[0], made[1]


def inner(a: list[Any], b: list[Any]) -> float:
    return float(sum(np.sum(x * y) for x, y in zip(a, b)))


def check_derivatives(tape: Tape, inputs: list[Any], rng: Any, order: int) -> None:
    """Compare pushforward with differences and adjoint with pushforward, and theirs in turn."""
    forward, reverse = map(verify, derivative_tapes(tape))
    vs = [rng.normal(size=np.shape(x)) for x in inputs]
    ws = [rng.normal(size=tape.value(o).shape) for o in tape.outputs]
    ts = interpret(forward, [*inputs, *vs])
    cts = interpret(reverse, [*inputs, *ws])

    def difference(h: float) -> list[Any]:
        ahead = interpret(tape, [x + h * v for x, v in zip(inputs, vs)])
        behind = interpret(tape, [x - h * v for x, v in zip(inputs, vs)])
        return [(a - b) / (2 * h) for a, b in zip(ahead, behind)]

    for t, d, rough in zip(ts, difference(2e-6), difference(4e-6)):
        assert np.shape(t) == np.shape(d)
        # Two steps tell how far differences can be trusted.
        allowed = 1e-5 * (1 + np.abs(d)) + 3 * np.abs(d - rough)
        assert np.all(np.abs(t - d) <= allowed), (t, d)
    size = inner([np.abs(w) for w in ws], [np.abs(t) for t in ts])
    size += inner([np.abs(c) for c in cts], [np.abs(v) for v in vs])
    assert abs(inner(ws, ts) - inner(cts, vs)) <= 1e-10 * (1 + size)
    if order > 1:
        check_derivatives(reverse, [*inputs, *ws], rng, order - 1)
        check_derivatives(forward, [*inputs, *vs], rng, order - 1)


@few
@given(tapes(max_rows=6))
def test_derivatives_to_second_order(sample):
    tape, inputs = sample
    check_derivatives(tape, [x[()] for x in inputs], np.random.default_rng(0), 2)


@pytest.mark.parametrize("name", ["xlogy", "xlog1py"])
def test_mixed_derivatives_where_the_first_operand_is_zero(name):
    """Found by a random tape: x log y is smooth at x = 0, where the mixed derivative is 1 / y."""
    b = Builder()
    x, y = (b.input(Aval(np.dtype(float))) for _ in range(2))
    tape = b.finish([primitive(name)(x, y)])
    check_derivatives(tape, [np.float64(0.0), np.float64(0.7)], np.random.default_rng(1), 2)
