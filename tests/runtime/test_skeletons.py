"""Texts that differ in numbers only: what they share, and that an instance says what its text says."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from sized_programs import SIZED

import tapejit as tj
from tapejit.runtime.skeletons import apart, as_values, classes, general_text
from tapejit.runtime.stages import KernelStage, stages_of

KERNEL = '''"""grad(f)."""

import numpy as np
a_module_level = helper(3, 'f64')


def kernel(x0, y1):
    if x0.shape[1] != 7:
        return -1
    # nest 7x7: sum  (f+1)
    v2 = x0_3 ** 2 + x0_3 ** (-2) + 0.5
    t1 = memory.carve_f64(ws, 128)
    for i0 in range(7):
        o1[i0 * 2 + 1] = v12 + np.float32(1e-05) - (-3.5)
    return 0
'''


def said(general: str, values: Any) -> str:
    """Return a general text with its values in place of their names, and without their reading."""
    general = re.sub(r"    (?:size|real)(?:s|\d+) = .*\n", "", general)
    general = general.replace("(dims, ", "(").replace("(sizes, ", "(").replace("(sizes)", "()")
    general = re.sub(r"(def chunk\d+\(k|parallel\.run\(chunk\d+, \w+), sizes", r"\1", general)
    general = re.sub(r"\bsize(\d+)\b", lambda m: str(values[int(m[1])]), general)
    return re.sub(r"\breal(\d+)\b", lambda m: repr(float(values.view(float)[int(m[1])])), general)


def plain(source: str) -> str:
    """Return a text as compilers read it."""
    found = apart(source)
    assert found is not None
    return "".join(x for pair in zip(found.pieces, [*found.literals, ""]) for x in pair)


def texts(name: str, n: int, m: int) -> list[str]:
    fn, transform, arguments = SIZED[name]
    args = arguments(n, m)
    tape = transform(fn, compile="never").tape(*args)
    return [s.text.source for s in stages_of(tape, name) if isinstance(s, KernelStage)]


def test_literals_of_a_text() -> None:
    found = apart(KERNEL)
    assert found is not None
    assert found.literals == (*("7", "1", "0.5", "128", "7", "2", "1", "1e-05", "3.5", "0"),), (
        "neither axes nor exponents nor digits in names, nor what stands outside functions"
    )
    assert "# nest" not in plain(KERNEL) and "helper(3, 'f64')" in found.pieces[0]
    assert [found.literals[k] for k in found.places] == ["128"]
    assert found.skeleton != apart(KERNEL.replace("0.5", "5")).skeleton  # type: ignore[union-attr]
    assert found.skeleton == apart(KERNEL.replace("0.5", "1e3")).skeleton  # type: ignore[union-attr]
    assert found.skeleton != apart(KERNEL.replace("** 2", "** 3")).skeleton  # type: ignore[union-attr]


@pytest.mark.parametrize("line", ["x = 'a'", 'x = "7"', "sizes = 3", "size4 = 1", "dims = x0"])
def test_texts_that_are_left_alone(line: str) -> None:
    assert apart(KERNEL.replace("    return 0\n", f"    {line}\n    return 0\n")) is None


def test_an_integer_beyond_int64_stays() -> None:
    found = apart(KERNEL.replace("128", str(2**63)))
    assert found is not None and str(2**63) not in found.literals


def test_classes_of_texts() -> None:
    a, b = ("7", "2", "7", "9", "1.0"), ("8", "2", "8", "3", "2.0")
    found = classes([a, b])
    assert found.of == (0, -1, 0, 1, 2) and found.kept == ((1, "2"),)
    assert found.matches(a) and found.matches(("1", "2", "1", "1", "5.0"))
    assert not found.matches(("7", "3", "7", "9", "1.0")), "a literal that stays"
    assert not found.matches(("7", "2", "8", "9", "1.0")), "one class, two values"
    values = as_values(found.numbers(("5", "2", "5", "6", "0.1")))
    assert list(values[:2]) == [5, 6] and values.view(float)[2] == 0.1
    wider = classes([a, b, ("7", "2", "8", "9", "1.0")])
    assert wider.of[0] != wider.of[2] and wider.matches(("1", "2", "3", "4", "5.0"))
    apart_places = classes([a, b], places=(0, 1))
    assert apart_places.of == (0, 1, 2, 3, 4), "places are alone, and values even when they agree"


@given(
    name=st.sampled_from(sorted(SIZED)),
    sizes=st.lists(st.integers(40, 400), min_size=6, max_size=6),
)
@example(name="perceptron", sizes=[263, 287, 214, 353, 40, 40])  # with chunks
@settings(max_examples=40, deadline=None)
def test_an_instance_says_what_its_text_says(name: str, sizes: list[int]) -> None:
    n, m, *others = sizes
    one, two = texts(name, n, m), texts(name, others[0], others[1])
    three = texts(name, others[2], others[3])
    for a, b, c in zip(one, two, three, strict=True):
        found, other, third = apart(a), apart(b), apart(c)
        if found is None or other is None or third is None:
            assert any("parallel.run(" in source for source in (a, b, c))
            continue
        if found.skeleton != other.skeleton:
            continue
        shared = classes([found.literals, other.literals], found.places)
        general = general_text(found, shared)
        assert general == general_text(other, shared), "the general text is that of both"
        for text, whole in ((found, a), (other, b), (third, c)):
            if text.skeleton == found.skeleton and shared.matches(text.literals):
                assert said(general, as_values(shared.numbers(text.literals))) == plain(whole)


def test_parts_of_long_kernels_take_the_values() -> None:
    def chain(x: Any) -> Any:
        total = 0.0
        for k in range(16):
            for axis in range(2):
                x = np.tanh(x * (k + 1.5)) + np.sum(x, axis=axis, keepdims=True)
                total = total + np.sum(x)
        return total

    f = tj.no_rewrite(chain)
    one, two = (tj.grad(f).source(np.ones((n, n + 1))) for n in (41, 57))
    assert "def part1(" in one
    a, b = apart(one), apart(two)
    assert a is not None and b is not None and a.skeleton == b.skeleton
    shared = classes([a.literals, b.literals], a.places)
    general = general_text(a, shared)
    assert "def part1(sizes, " in general and "part1(sizes, " in general.partition("def kernel")[2]
    assert said(general, as_values(shared.numbers(b.literals))) == plain(two)
