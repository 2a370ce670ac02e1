"""Equal steps as one function: the same results, and as many functions as there are different steps."""

from __future__ import annotations

import re

import numpy as np
import pytest
from exact_tapes import exact_tapes
from hypothesis import given
from hypothesis import strategies as st
from test_random_nests import check_compiled, compiling

import tapejit as tj
from tapejit.codegen import alike
from tapejit.codegen.kernel import has_code, write_kernel
from tapejit.core.config import config
from tapejit.passes.legalise import legalise
from tapejit.runtime.compile import compile_staged
from tapejit.tape.ir import Tape
from tapejit.tape.replay import interpret
from tapejit.tape.text import from_text
from tapejit.tape.verify import verify


def layers(count: int, numbers: bool = False) -> Tape:
    """Rows of `h = tanh(h @ w + b)` for several w and b, of which each layer's sum may be read on."""
    inputs = ", ".join(
        ["%0: f64[6,5]", *(f"%{1 + k}: f64[5,5]" for k in range(count)),
         *(f"%{1 + count + k}: f64[5]" for k in range(count))]
    )  # fmt: skip
    lines, n, h = [], 1 + 2 * count, 0
    for k in range(count):
        lines += [
            f"  %{n} = matmul %{h} %{1 + k} : f64[6,5]",
            f"  %{n + 1} = add %{n} %{1 + count + k} : f64[6,5]",
            f"  %{n + 2} = tanh %{n + 1} : f64[6,5]",
        ]
        h, n = n + 2, n + 3
        if numbers:
            lines += [
                f"  %{n} = sum %{h} {{axis=(0, 1), keepdims=False}} : f64[]",
                f"  %{n + 1} = multiply %{h} %{n} : f64[6,5]",
            ]
            h, n = n + 1, n + 2
    return verify(from_text("\n".join([f"tape({inputs}) -> (%{h})", *lines])))


def values_of(tape: Tape) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [rng.normal(size=tape.value(i).shape) / 3 for i in range(tape.n_inputs)]


@pytest.mark.parametrize("direct", [True, False])
@pytest.mark.parametrize("numbers", [True, False])
def test_layers_are_called(monkeypatch, direct, numbers):
    monkeypatch.setattr(config, "direct", direct)
    tape = layers(4, numbers)
    inputs = values_of(tape)
    found = compile_staged(tape, "test")(inputs)
    for have, want in zip(found, interpret(tape, inputs), strict=True):
        np.testing.assert_allclose(have, want, rtol=1e-13)


@pytest.mark.parametrize("numbers", [True, False])
def test_functions_do_not_grow_with_the_layers(monkeypatch, numbers):
    monkeypatch.setattr(alike, "LEAST", 1)
    few, many = (write_kernel(legalise(layers(n, numbers))).source for n in (8, 24))
    count = few.count("\ndef shared")
    assert 0 < count == many.count("\ndef shared")
    assert many.count("vmath.tanh_f64(") == few.count("vmath.tanh_f64(")
    assert len(re.findall(r"^    .*\bshared\d+\(", many, re.MULTILINE)) > 2 * count


def test_what_other_steps_read_is_returned():
    source = write_kernel(legalise(layers(4, True))).source
    assert re.search(r"^    v\d+ = shared\d+\(", source, re.MULTILINE)
    assert re.search(r"^    return v\d+$", source, re.MULTILINE)


def test_steps_that_differ_in_a_number_are_two():
    text = """tape(%0: f64[7], %1: f64[7]) -> (%8, %9)
  %2 = lit {value=2.0} : f64[]
  %3 = lit {value=3.0} : f64[]
  %4 = tanh %0 : f64[7]
  %5 = multiply %4 %2 : f64[7]
  %6 = cumsum %5 {axis=0, reverse=False} : f64[7]
  %7 = multiply %6 %3 : f64[7]
  %8 = tanh %7 : f64[7]
  %9 = tanh %1 : f64[7]"""
    tape = verify(from_text(text))
    inputs = values_of(tape)
    for have, want in zip(compile_staged(tape, "t")(inputs), interpret(tape, inputs), strict=True):
        np.testing.assert_allclose(have, want, rtol=1e-13)


def test_random_tapes_of_functions(monkeypatch):
    """Every step with a loop is a function, alone or not."""
    monkeypatch.setattr(alike, "LEAST", 0)
    seen = []

    @compiling
    @given(exact_tapes(), st.booleans())
    def check(sample, _):
        tape, inputs = sample
        check_compiled(tape, inputs, interpret(tape, inputs))
        legal = legalise(tape)
        coded = all(has_code(legal, i) for i in range(legal.rows))
        seen.append(coded and "def shared" in write_kernel(legal).source)

    check()
    assert sum(seen) > 3


def test_small_arrays_beside_a_loop_stay_in_registers(monkeypatch):
    """What a loop may keep in registers is not handed to a function."""
    monkeypatch.setattr(alike, "LEAST", 1)

    a = np.linspace(-1, 1, 64).reshape(8, 8)

    def f(x, y, z):
        x = a @ np.tanh(x * y)
        x = a @ np.tanh(x * z)
        s = x
        for _ in range(50):
            s = np.sin(s) * x + y
        return np.sum(s)

    args = np.linspace(0.1, 1, 8), np.linspace(0.3, 0.9, 8), np.linspace(0.2, 0.8, 8)
    g = tj.jit(f, compile="always")
    np.testing.assert_allclose(g(*args), f(*args), rtol=1e-12)
    source = g.source(*args)
    assert "local_f64_8()" in source and "def shared" not in source


def test_other_sizes_of_layers_share_a_kernel(monkeypatch):
    monkeypatch.setattr(config, "cache", False)

    def f(ws, x):
        for w in ws:
            x = np.tanh(x @ w) * 0.5
        return np.sum(x * x)

    rng = np.random.default_rng(1)
    ws = [rng.normal(size=(6, 6)) / 3 for _ in range(6)]
    g = tj.value_and_grad(f, compile="always")
    for n in (20, 31, 42, 57):
        x = rng.normal(size=(n, 6))
        g(ws, x)
        value, _ = g(ws, x)
        np.testing.assert_allclose(value, f(ws, x), rtol=1e-12)
    assert "def shared" in g.source(ws, x)
    assert g.stats()["sizes_shared"] >= 2
