"""Long nests in chunks: equal to the replay, and the same bits for any number of threads."""

from __future__ import annotations

import numpy as np
import pytest
from exact_tapes import exact_tapes
from hypothesis import given
from hypothesis import strategies as st
from test_random_nests import check_compiled, compiling

from tapejit.codegen import chunks
from tapejit.codegen.kernel import write_kernel
from tapejit.core.config import config
from tapejit.passes.legalise import legalise
from tapejit.runtime.compile import compile_staged
from tapejit.tape.ir import Tape
from tapejit.tape.replay import interpret
from tapejit.tape.text import from_text
from tapejit.tape.verify import verify


@pytest.fixture
def short(monkeypatch):
    """Every nest of two rounds or more is cut, after each round or two."""
    monkeypatch.setattr(chunks, "WORTH", 0.0)
    monkeypatch.setattr(chunks, "CHUNK", 1.0)
    monkeypatch.setattr(chunks, "UNIT", 2)


@pytest.fixture
def threads():
    before = config.threads
    yield
    config.threads = before


def test_random_tapes_in_chunks(short, threads):
    config.threads = 3

    @compiling
    @given(exact_tapes(), st.integers(0, 1))
    def check(sample, _):
        tape, inputs = sample
        check_compiled(tape, inputs, interpret(tape, inputs))

    check()


FOLDS = """tape(%0: f64[9,7], %1: f32[11], %2: b1[5,3]) -> (%3, %4, %5, %6, %7, %9, %10, %11, %12)
  %3 = sum %0 {axis=(0, 1), keepdims=True} : f64[1,1]
  %4 = max %0 {axis=(0, 1), keepdims=False} : f64[]
  %5 = sum %0 {axis=(1,), keepdims=False} : f64[9]
  %6 = sum %1 {axis=(0,), keepdims=False} : f32[]
  %7 = max %2 {axis=(0, 1), keepdims=False} : b1[]
  %8 = square %0 : f64[9,7]
  %9 = prod %8 {axis=(0, 1), keepdims=False} : f64[]
  %10 = sum %8 {axis=(0,), keepdims=False} : f64[7]
  %11 = min %2 {axis=(0, 1), keepdims=True} : b1[1,1]
  %12 = negative %1 : f32[11]"""


def sample() -> tuple[Tape, list[np.ndarray]]:
    rng = np.random.default_rng(0)
    signs = rng.choice([-1.0, 1.0, 2.0], (9, 7))
    return verify(from_text(FOLDS)), [
        signs,
        rng.integers(-9, 9, 11).astype(np.float32),
        rng.random((5, 3)) < 0.2,
    ]


def test_folds_over_chunks(short, threads):
    config.threads = 2
    tape, inputs = sample()
    # the nest that adds into memory over its outermost loop stays in one piece
    assert write_kernel(legalise(tape)).source.count("parallel.run(") == 2
    check_compiled(tape, inputs, interpret(tape, inputs))


def test_windows_handed_on_are_not_cut_but_rows_of_them_are(short, threads):
    config.threads = 2
    text = """tape(%0: f64[{n}]) -> (%5)
  %1 = square %0 : f64[{n}]
  %2 = lit {{value=0.0}} : f64[]
  %3 = broadcast_to %2 {{shape=({m})}} : f64[{m}]
  %4 = add_slice %3 %1 {{ranges=({r}(0, 20, 1))}} : f64[{m}]
  %5 = add_slice %4 %1 {{ranges=({r}(1, 20, 1))}} : f64[{m}]"""
    for n, m, r, cut in (("20", "21,", ",", False), ("3,20", "3,21", "(0, 3, 1), ", True)):
        ranges = r if cut else ""
        made = text.format(n=n, m=m, r=ranges).replace("f64[21,]", "f64[21]")
        made = made if cut else made.replace("1))}", "1),)}")
        tape = verify(from_text(made))
        inputs = [np.arange(60.0 if cut else 20.0).reshape(tape.value(0).shape)]
        assert ("parallel.run(" in write_kernel(legalise(tape)).source) == cut
        check_compiled(tape, inputs, interpret(tape, inputs))


@pytest.mark.parametrize("direct", [True, False])
def test_results_have_the_same_bits_for_any_number_of_threads(threads, monkeypatch, direct):
    monkeypatch.setattr(config, "direct", direct)
    tape = verify(
        from_text("""tape(%0: f64[200000]) -> (%2, %3)
  %1 = exp %0 : f64[200000]
  %2 = sin %1 : f64[200000]
  %3 = sum %2 {axis=(0,), keepdims=False} : f64[]""")
    )
    assert write_kernel(legalise(tape)).parallel
    kernel = compile_staged(tape, "test")
    assert (kernel.note == "direct") == direct
    x = np.random.default_rng(1).normal(size=200_000)
    found = []
    for n in (1, 2, 3, 1):
        config.threads = n
        array, total = kernel([x])
        found.append((array.tobytes(), float(total)))
    assert len(set(found)) == 1
    np.testing.assert_allclose(found[0][1], np.sum(np.sin(np.exp(x))), rtol=1e-11)


def test_short_nests_stay_in_one_piece():
    tape = verify(
        from_text("""tape(%0: f64[1000]) -> (%1)
  %1 = exp %0 : f64[1000]""")
    )
    text = write_kernel(legalise(tape))
    assert not text.parallel and "chunk" not in text.source
