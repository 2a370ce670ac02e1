"""Symbolic sizes: what they say of other sizes is what numbers do there."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tapejit.core.avals import common_shape
from tapejit.core.dims import Dim, Real, Symbols, bare, between, marked, term
from tapejit.core.formulas import compiled
from tapejit.core.sizes import pinned, rounded, rounds, slice_bounds, symbolic
from tapejit.frontend.staging.sized import binary

INTEGER: list[Callable[[Any, Any], Any]] = [
    operator.add, operator.sub, operator.mul, operator.floordiv, operator.mod, min, max,
    lambda a, b: -(-a // 64) * 64 + b, lambda a, b: a if a == b else b + 1,
    lambda a, b: (a + 63) & -64, lambda a, b: abs(a - b), lambda a, b: a**2 - b,
    lambda a, b: divmod(a, 7)[1] + b, lambda a, b: (a << 2) + (b >> 1),
]  # fmt: skip
FLOAT: list[Callable[[Any, Any], Any]] = [
    lambda a, b: binary("/", a, b), lambda a, b: binary("+", binary("*", a, 0.3), b),
    lambda a, b: -binary("-", a, binary("*", b, 0.1)),
    lambda a, b: a * 0.5 if binary("<", binary("*", 0.5, a), b) else b * 1.0,
    lambda a, b: binary("+", binary("*", 0.7, a), b), lambda a, b: binary("/", 1.0, a),
    lambda a, b: a * 2.0 if binary("<", 90.0, a) else b / 3,
    lambda a, b: binary("+", binary("//", a * 1.0, 3.0), binary("%", b * 1.0, 1.5)),
]  # fmt: skip


@st.composite
def programs(draw: Any) -> Callable[[list[Any]], list[Any]]:
    """A straight line of operations on two sizes, some numbers, and what went before."""
    steps = draw(
        st.lists(
            st.tuples(st.sampled_from(INTEGER), st.integers(0, 20), st.integers(0, 20)),
            min_size=1,
            max_size=8,
        )
    )
    ends = draw(
        st.lists(
            st.tuples(st.sampled_from(FLOAT), st.integers(0, 20), st.integers(0, 20)), max_size=4
        )
    )

    def run(sizes: list[Any]) -> list[Any]:
        values = [*sizes, 1, 8, 100]
        for op, i, j in steps:
            values.append(op(values[i % len(values)], values[j % len(values)]))
        whole = list(values)
        return values + [op(whole[i % len(whole)], whole[j % len(whole)]) for op, i, j in ends]

    return run


@given(run=programs(), n=st.integers(2, 300), m=st.integers(2, 300), others=st.data())
@settings(max_examples=400, deadline=None)
def test_formulas_say_what_the_program_does_at_other_sizes(
    run: Any, n: int, m: int, others: Any
) -> None:
    assume(n != m)
    symbols = Symbols([n, m])
    try:
        plain = run([n, m])
        made = run([symbols.symbol(0), symbols.symbol(1)])
    except (ZeroDivisionError, OverflowError):
        assume(False)
    assert [bare(x) for x in made] == plain
    assert not symbols.pins
    formulas = compiled(symbols, list(symbols.notes), [term(x) for x in made])
    assert list(formulas(n, m)) == plain
    for _ in range(6):
        k, j = others.draw(st.integers(2, 600)), others.draw(st.integers(2, 600))
        try:
            found = formulas(k, j)
        except ArithmeticError:
            continue
        if found is not None:
            assert list(map(repr, found)) == list(map(repr, run([k, j])))


bound = st.none() | st.integers(-12, 12)


@given(start=bound, stop=bound, step=st.sampled_from([None, 1, 2, 3, -1, -2]), n=st.integers(2, 10))
@settings(max_examples=300, deadline=None)
def test_slices_are_those_of_python(start: Any, stop: Any, step: Any, n: int) -> None:
    i = slice(start, stop, step)
    symbols = Symbols([n])
    found = slice_bounds(i, symbols.symbol(0))
    assert [bare(x) for x in found] == list(i.indices(n))
    length = rounds(*found)
    assert bare(length) == len(range(*i.indices(n)))
    formulas = compiled(symbols, list(symbols.notes), list(map(term, (*found, length))))
    for other in range(2, 16):
        told = formulas(other)
        if told is not None:
            assert told == (*i.indices(other), len(range(*i.indices(other))))


@given(st.lists(st.lists(st.sampled_from([1, 2, 3]), max_size=3).map(tuple), max_size=4))
def test_common_shapes_are_those_of_numpy(shapes: list[tuple[int, ...]]) -> None:
    try:
        wanted = np.broadcast_shapes(*shapes)
    except ValueError:
        with pytest.raises(ValueError, match="broadcast"):
            common_shape(*shapes)
    else:
        assert common_shape(*shapes) == wanted


def test_a_size_asked_for_its_number_is_pinned() -> None:
    for read in (int, float, math.sqrt, operator.index, hash, str, "{:03d}".format, bool):
        symbols = Symbols([30])
        n = symbols.symbol(0)
        read(n)
        pins = read not in (operator.index, bool)  # C returns an int as it is, and 0 is no size
        assert bool(symbols.pins) == pins, read
        if pins:
            check = compiled(symbols, list(symbols.notes), [])
            assert check(30) == () and check(31) is None


def test_what_others_are_given_is_pinned() -> None:
    symbols = Symbols([30])
    n = symbols.symbol(0)
    assert pinned([1, (2, n)]) == [1, (2, 30)] and type(pinned((n,))[0]) is int
    assert len(symbols.pins) == 2
    kept: list[Any] = [1, 2]
    assert pinned(kept) is kept
    for make in (lambda: np.arange(3) + n, lambda: np.float64(2.0) * n, lambda: [0] * n):
        before = len(symbols.pins)
        make()
        assert len(symbols.pins) == before + 1
    assert not isinstance(between(1j, n, "*"), Dim) and len(symbols.pins) == 6


def test_markers_name_what_they_stand_for_and_are_never_used_again() -> None:
    first, second = Symbols([30]), Symbols([30])
    n, m = first.symbol(0), second.symbol(0)
    text = n._text(True)
    assert marked(first, text) == n.poly and marked(second, m._text(True)) == m.poly
    assert text != m._text(True)
    assert (-n)._text(True) == "-" + text and marked(first, "30") is None
    x = n * 0.5
    assert isinstance(x, Real) and marked(first, x._text(True)) == term(x)
    assert (-x)._text(True) == "-" + x._text(True) and repr(x) == "15.0" and first.pins


def test_the_sign_of_what_is_no_size_is_not_taken_for_granted() -> None:
    """(-8 n) // 64 is negative: that all coefficients of a polynomial are positive says nothing then."""
    symbols = Symbols([11])
    n = symbols.symbol(0)
    assert not -(-8 * n // 64) * 64 > 256
    check = compiled(symbols, list(symbols.notes), [])
    assert check(20) == () and check(100) is None


def test_numbers_of_single_precision_are_rounded_alike() -> None:
    with symbolic([7]) as symbols:
        x = rounded(1.0 / symbols.symbol(0).__float__(), np.dtype(np.float32))
        y = rounded(symbols.symbol(0).__rtruediv__(1.0), np.dtype(np.float32))
    assert type(x) is float and y == x
    formulas = compiled(symbols, [], [term(y)])
    assert formulas(9) == (float(np.float32(1.0 / 9)),)
