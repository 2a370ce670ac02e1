"""Long rounds in stretches: equal to the replay, and in number of functions what is different."""

from __future__ import annotations

import numpy as np
import pytest
from exact_tapes import exact_tapes
from hypothesis import given
from hypothesis import strategies as st
from plain_kernels import run_plainly
from test_random_nests import check_compiled, compiling

import tapejit as tj
from tapejit.codegen import chunks, parts, stretches
from tapejit.codegen.kernel import has_code, write_kernel
from tapejit.core.config import config
from tapejit.passes.legalise import legalise
from tapejit.runtime import sizes
from tapejit.runtime.compile import compile_staged
from tapejit.tape.ir import Tape
from tapejit.tape.replay import interpret
from tapejit.tape.text import from_text
from tapejit.tape.verify import verify


@pytest.fixture
def short(monkeypatch):
    """Every nest is cut into stretches of a line or two, in blocks of three rounds."""
    monkeypatch.setattr(stretches, "LONG", 0)
    monkeypatch.setattr(stretches, "FEWEST", 0)
    monkeypatch.setattr(stretches, "SIZE", 2)
    monkeypatch.setattr(stretches, "BLOCKS", (3,))


def chain(statements: int, size: int, dtype: str = "f64") -> str:
    """Rows of `a, b = b, tanh(a * b)` and the sum of the last, as text."""
    lines = [f"tape(%0: {dtype}[{size}], %1: {dtype}[{size}]) -> (%OUT, %SUM)"]
    a, b, n = 0, 1, 2
    for _ in range(statements):
        lines.append(f"  %{n} = multiply %{a} %{b} : {dtype}[{size}]")
        lines.append(f"  %{n + 1} = tanh %{n} : {dtype}[{size}]")
        a, b, n = b, n + 1, n + 2
    lines.append(f"  %{n} = sum %{b} {{axis=(0,), keepdims=False}} : {dtype}[]")
    return "\n".join(lines).replace("OUT", str(a)).replace("SUM", str(n))


def compiled_and_replayed(tape: Tape, inputs: list[np.ndarray], rtol: float) -> str:
    """Compare all outputs; return the source."""
    found = compile_staged(tape, "test")(inputs)
    for have, want in zip(found, interpret(tape, inputs), strict=True):
        np.testing.assert_allclose(have, want, rtol=rtol)
    return write_kernel(legalise(tape)).source


@pytest.mark.parametrize("stack", [0, 1 << 17])
def test_random_tapes_in_stretches(short, monkeypatch, stack):
    monkeypatch.setattr(stretches, "STACK", stack)

    @compiling
    @given(exact_tapes(), st.just(stack))
    def check(sample, _):
        tape, inputs = sample
        check_compiled(tape, inputs, interpret(tape, inputs))

    check()


def test_random_tapes_in_stretches_and_chunks(short, monkeypatch):
    monkeypatch.setattr(chunks, "WORTH", 0.0)
    monkeypatch.setattr(chunks, "CHUNK", 1.0)
    monkeypatch.setattr(chunks, "UNIT", 2)
    monkeypatch.setattr(config, "threads", 3)

    @compiling
    @given(exact_tapes(), st.booleans(), st.none())
    def check(sample, _, __):
        tape, inputs = sample
        check_compiled(tape, inputs, interpret(tape, inputs))

    check()


@pytest.mark.parametrize("stack", [0, 1 << 17])
def test_random_tapes_as_plain_python(short, monkeypatch, stack):
    """No place is read before it is written: memory holds garbage, and pointers know their bounds."""
    monkeypatch.setattr(stretches, "STACK", stack)
    seen = []

    @compiling
    @given(exact_tapes(), st.just(stack))
    def check(sample, _):
        tape, inputs = sample
        legal = legalise(tape)
        if not all(has_code(legal, i) for i in range(legal.rows)):
            return  # NumPy runs a row
        source = write_kernel(legal).source
        if "blas." in source:
            return
        seen.append("stretch1(" in source)
        for have, want in zip(run_plainly(tape, inputs), interpret(tape, inputs), strict=True):
            np.testing.assert_array_equal(have, want)

    check()
    assert sum(seen) > 3


@pytest.mark.parametrize("direct", [True, False])
@pytest.mark.parametrize("size", [64, 1000, 5000])
def test_a_long_round(monkeypatch, direct, size):
    monkeypatch.setattr(config, "direct", direct)
    tape = verify(from_text(chain(40, size)))
    rng = np.random.default_rng(0)
    source = compiled_and_replayed(tape, [rng.normal(size=size), rng.normal(size=size)], 1e-12)
    assert "for c in range(" in source


def test_equal_stretches_are_one_function():
    few, many = (write_kernel(verify(from_text(chain(n, 100)))).source for n in (40, 400))
    assert few.count("def stretch") == many.count("def stretch") <= 6
    assert many.count(" stretch") > 10 * few.count("def stretch")


def test_what_is_handed_on_does_not_grow_with_the_length():
    """Each product is read by its own stretch alone: places are used again."""
    few, many = (write_kernel(verify(from_text(chain(n, 100)))).source for n in (40, 400))
    assert [x for x in few.splitlines() if "= local_" in x] == [
        x for x in many.splitlines() if "= local_" in x
    ]


def test_one_text_for_two_dtypes(short):
    """The same lines over float64 and float32 are one function of the text and two of the code."""
    text = """tape(%0: f64[7], %1: f32[7]) -> (%6, %7)
  %2 = square %0 : f64[7]
  %3 = square %1 : f32[7]
  %4 = negative %2 : f64[7]
  %5 = negative %3 : f32[7]
  %6 = multiply %4 %2 : f64[7]
  %7 = multiply %5 %3 : f32[7]"""
    tape = verify(from_text(text))
    inputs = [np.linspace(-2, 2, 7), np.linspace(-1, 3, 7).astype(np.float32)]
    source = write_kernel(legalise(tape)).source
    assert source.count(" stretch1(c, e, ") == 2
    check_compiled(tape, inputs, interpret(tape, inputs))


def test_parts_of_a_long_kernel_hold_stretches(monkeypatch):
    monkeypatch.setattr(parts, "LONG", 5)
    tape = verify(from_text(chain(30, 100)))
    rng = np.random.default_rng(0)
    source = compiled_and_replayed(tape, [rng.normal(size=100), rng.normal(size=100)], 1e-12)
    assert "def part0" in source and "def stretch0" in source


def test_a_gradient_through_stretches_is_that_of_short_functions():
    def long(a, b):
        for _ in [None] * 30:  # a list: unrolled
            a, b = b, np.tanh(a * b + 0.5) * np.where(a > b, a, 0.5)
        return np.sum(a + b)

    rng = np.random.default_rng(0)
    x, y = rng.normal(size=257), rng.normal(size=257)
    g = tj.value_and_grad(long, argnums=(0, 1), compile="always")
    wanted = tj.value_and_grad(long, argnums=(0, 1), compile="never")(x, y)
    assert "stretch" in g.source(x, y)
    found = g(x, y)
    np.testing.assert_allclose(found[0], wanted[0], rtol=1e-12)
    for have, want in zip(found[1], wanted[1]):
        np.testing.assert_allclose(have, want, rtol=1e-9, atol=1e-12)


def test_an_array_that_is_loaded_and_stored_is_stored_last():
    lines = [
        stretches._parsed(text)
        for text in ("l1 = t1[i0]", "v2 = -l1", "v3 = v2 * l1", "t1[i0] = v2", "o1[i0] = v2")
    ]
    ordered = stretches._ordered(lines, {"l1": lines[0]})
    assert [x.text for x in ordered] == ["v2 = -l1", "o1[i0] = v2", "v3 = v2 * l1", "t1[i0] = v2"]


@pytest.mark.parametrize(
    "text, count",
    [
        ("v3 = vmath.exp_f64((l1 + 1.0))", 2),
        ("v3 = vmath.exp_f64((l1) * (l2))", 1),
        ("v3 = vmath.exp_f64((vmath.log_f64(l1) + 1.0))", 1),
        ("v3 = vmath.pow_f64((l1 + 1.0), l2)", 1),
        ("v3 = vmath.exp_f64(l1)", 1),
    ],
)
def test_a_function_of_an_expression_is_two_lines(text, count):
    assert len(stretches._apart(text)) == count


def test_short_rounds_stay_whole():
    assert "stretch" not in write_kernel(verify(from_text(chain(8, 100)))).source
    assert "stretch" not in write_kernel(verify(from_text(chain(40, 4)))).source


def test_other_strides_share_a_kernel(monkeypatch):
    """Stretches are given the sizes that have become run-time values, like all functions of a text."""
    monkeypatch.setattr(config, "cache", False)
    monkeypatch.setattr(sizes, "_skeletons", {})

    def f(columns):
        a, b = columns[:, 0], columns[:, 1]
        for _ in range(20):
            a, b = b, np.tanh(a * b + 0.5)
        return np.sum(a * b)

    g = tj.value_and_grad(tj.no_rewrite(f), compile="always")
    for n, m in ((100, 3), (131, 5), (212, 4), (333, 6)):
        x = np.linspace(-1.0, 1.0, n * m).reshape(n, m)
        g(x)
        np.testing.assert_allclose(g(x)[0], f(x), rtol=1e-12)
    assert "def stretch" in g.source(x)
    assert g.stats()["sizes_shared"] >= 1
