"""Shifts of arrays, from the forms in which they are written to those that few passes compute."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tapejit.core.avals import Aval
from tapejit.passes.gathers import gathers
from tapejit.passes.joins import joins
from tapejit.passes.rings import rings
from tapejit.passes.short_kernels import short_kernels
from tapejit.rules.declare import ops, zeros_like
from tapejit.tape.ir import Builder, Sym, Tape
from tapejit.tape.replay import interpret
from tapejit.tape.verify import verify

F64 = np.dtype(np.float64)
Make = Callable[[Sym, Sym], list[Sym]]


def computed(make: Make) -> Make:
    """Let what is added be what a nest computes."""
    return lambda d, v: make(d, v * 2.0)


def tape_of(make: Make, *shapes: tuple[int, ...], dtype: Any = F64) -> Tape:
    b = Builder()
    return verify(b.finish(make(*[b.input(Aval(np.dtype(dtype), s)) for s in shapes])))


def names(tape: Tape) -> list[str]:
    return [tape.prim(i).name for i in range(tape.n_inputs, tape.rows)]


def whole_numbers(tape: Tape) -> list[np.ndarray]:
    r = np.random.default_rng(3)
    avals = [tape.value(i) for i in range(tape.n_inputs)]
    return [r.integers(-9, 10, a.shape).astype(a.dtype) for a in avals]


def same(before: Tape, after: Tape) -> None:
    verify(after)
    inputs = whole_numbers(before)
    for have, want in zip(interpret(after, inputs), interpret(before, inputs), strict=True):
        np.testing.assert_array_equal(have, want)


def line(start: int, count: int, step: int = 1) -> Any:
    return ((start, count, step),)


def part(x: Sym, start: int, count: int, step: int = 1) -> Sym:
    return ops.slice(x, ranges=line(start, count, step))


# ---------------------------------------------------------------- sums of windows


def three(d: Sym, v: Sym, cleared: bool = True) -> list[Sym]:
    """The adjoint of a step on a line of 22, with v of 20."""
    total = ops.set_slice(d, zeros_like(v), ranges=line(1, 20)) if cleared else d
    for k in (0, 2):
        total = ops.add_slice(total, v, ranges=line(k, 20))
    return [ops.add_slice(total, -(v + v), ranges=line(1, 20))]


def added(d: Sym, v: Sym) -> list[Sym]:
    """Windows of zeros, added to the array."""
    total = ops.add_slice(zeros_like(d), v, ranges=line(0, 20))
    return [ops.add_slice(total, v, ranges=line(2, 20)) + d]


def nine(d: Sym, v: Sym) -> list[Sym]:
    """All neighbours on a plane: more runs along the edges than are worth loops of their own."""
    inner = ((1, 10, 1), (1, 10, 1))
    total = ops.set_slice(d, zeros_like(v), ranges=inner)
    for i in range(3):
        for j in range(3):
            total = ops.add_slice(total, v, ranges=((i, 10, 1), (j, 10, 1)))
    return [total]


def upwind(d: Sym, v: Sym) -> list[Sym]:
    """The adjoint of u[1:] -= c (u[1:] - u[:-1]): what goes to the first place is subtracted."""
    total = ops.set_slice(d, zeros_like(v), ranges=line(1, 20))
    total = ops.add_slice(total, -v, ranges=line(0, 20))
    return [ops.add_slice(total, v, ranges=line(1, 20))]


GATHERED: dict[str, tuple[Make, tuple[tuple[int, ...], ...], int]] = {
    "a step on a line": (three, ((22,), (20,)), 2),
    "subtracted": (upwind, ((21,), (20,)), 1),
    "not cleared": (lambda d, v: three(d, v, False), ((22,), (20,)), 0),
    "windows of zeros": (added, ((22,), (20,)), 0),
    "nine neighbours": (nine, ((12, 12), (10, 10)), 0),
}


@pytest.mark.parametrize(("make", "shapes", "left"), GATHERED.values(), ids=GATHERED.keys())
def test_windows_are_gathered(make: Make, shapes: Any, left: int) -> None:
    tape = tape_of(computed(make), *shapes)
    after = gathers(tape)
    assert names(after).count("add_slice") == left  # runs along the edges
    same(tape, after)


KEPT: dict[str, tuple[Make, Any]] = {
    "windows far apart": (
        lambda d, v: [ops.add_slice(ops.add_slice(d, v, ranges=line(0, 16)), v, ranges=line(30, 16))],
        ((60,), (16,)),
    ),
    "parts of an array": (
        lambda d, v: [
            ops.add_slice(
                ops.add_slice(d, part(v, 2, 20), ranges=line(0, 20)),
                part(v, 1, 20),
                ranges=line(2, 20),
            )
        ],
        ((22,), (24,)),
    ),
    "a link read besides": (
        lambda d, v: (
            lambda x: [ops.add_slice(x, v, ranges=line(1, 20)), x]
        )(ops.add_slice(d, v, ranges=line(0, 20))),
        ((22,), (20,)),
    ),
    "one window": (lambda d, v: [ops.add_slice(d, v, ranges=line(1, 20))], ((22,), (20,))),
    "short windows": (
        lambda d, v: [
            ops.add_slice(ops.add_slice(d, v, ranges=line(0, 4)), v, ranges=line(1, 4))
        ],
        ((8,), (4,)),
    ),
    "strides": (
        lambda d, v: [
            ops.add_slice(ops.add_slice(d, v, ranges=line(0, 20, 2)), v, ranges=line(1, 20, 2))
        ],
        ((40,), (20,)),
    ),
    "what a nest writes anyway": (
        lambda d, v: [
            ops.add_slice(
                ops.add_slice(zeros_like(d), v, ranges=line(0, 20)), v + v, ranges=line(1, 20)
            )
        ],
        ((22,), (20,)),
    ),
}  # fmt: skip


@pytest.mark.parametrize(("make", "shapes"), KEPT.values(), ids=KEPT.keys())
def test_other_sums_stay(make: Make, shapes: Any) -> None:
    tape = tape_of(computed(make), *shapes)
    assert gathers(tape) is tape


def test_whole_numbers_stay() -> None:
    tape = tape_of(lambda d, v: three(d, v + v), (22,), (20,), dtype=np.int64)
    assert gathers(tape) is tape


def test_zeros_are_not_multiplied() -> None:
    def make(d: Sym, v: Sym) -> list[Sym]:
        return three(d, v * v)

    tape = tape_of(make, (22,), (20,))
    inputs = whole_numbers(tape)
    inputs[1][0] = np.inf
    (have,), (want,) = interpret(gathers(tape), inputs), interpret(tape, inputs)
    np.testing.assert_array_equal(have, want)
    assert np.isfinite(have[3:]).all() and np.isinf(have[0])


# ---------------------------------------------------------------- rolls, concatenations, convolutions


def roll(x: Sym, k: int) -> Sym:
    n = x.shape[0]
    return ops.concatenate(part(x, n - k, k), part(x, 0, n - k), axis=0)


def unrolled(d: Sym, x: Sym, k: int) -> Sym:
    n = x.shape[0]
    d = ops.add_slice(d, part(x, 0, n - k), ranges=line(k, n - k))
    return ops.add_slice(d, part(x, n - k, k), ranges=line(0, k))


ROLLS: dict[str, tuple[Make, int]] = {
    "two rolls": (lambda d, x: [roll(x, 1) + roll(x, 23) + d], 0),
    "two adjoints": (lambda d, x: [unrolled(unrolled(d, x, 1), x, 22)], 0),
    "one of each": (lambda d, x: [unrolled(roll(x, 2), x, 23)], 0),
    "one roll": (lambda d, x: [roll(x, 1) + d], 1),
    "far rolls": (lambda d, x: [roll(x, 12) + roll(x, 11) + d], 2),
    "of two arrays": (lambda d, x: [roll(x, 1) + roll(d, 1)], 2),
}


def test_windows_that_are_no_roll_stay() -> None:
    def make(d: Sym, x: Sym) -> list[Sym]:
        d = ops.add_slice(d, part(x, 0, 23), ranges=line(0, 23))
        return [ops.add_slice(d, part(x, 23, 1), ranges=line(23, 1)) + roll(x, 1) + roll(x, 2)]

    tape = tape_of(make, (24,), (24,))
    after = rings(tape)
    assert names(after).count("add_slice") == 2
    same(tape, after)


@pytest.mark.parametrize(("make", "left"), ROLLS.values(), ids=ROLLS.keys())
def test_rolls_are_windows_of_one_array(make: Make, left: int) -> None:
    tape = tape_of(make, (24,), (24,))
    after = rings(tape)
    assert names(after).count("concatenate") == left
    assert "add_slice" not in names(after)
    same(tape, after)


JOINED: dict[str, tuple[Make, int]] = {
    "the ends of the array": (
        lambda u, v: [ops.concatenate(part(u, 0, 1), v * v, part(u, 21, 1), axis=0)], 1,
    ),
    "other ends": (
        lambda u, v: [ops.concatenate(part(u, 1, 1), v * v, part(u, 21, 1), axis=0)], 2,
    ),
    "ends that are computed": (
        lambda u, v: [ops.concatenate(part(v, 0, 1) * 2.0, v * v, part(v, 3, 1), axis=0)], 3,
    ),
    "two halves": (lambda u, v: [ops.concatenate(v * v, v + v, axis=0)], 0),
    "nothing computed": (lambda u, v: [ops.concatenate(v, part(u, 0, 2), axis=0)], 0),
}  # fmt: skip


@pytest.mark.parametrize(("make", "writes"), JOINED.values(), ids=JOINED.keys())
def test_concatenations_are_windows_that_are_set(make: Make, writes: int) -> None:
    tape = tape_of(make, (22,), (20,))
    after = joins(tape)
    assert names(after).count("set_slice") == writes
    assert names(after).count("concatenate") == (not writes)
    same(tape, after)


@pytest.mark.parametrize(
    ("n", "m", "start", "length", "short"),
    [
        (20, 3, 0, 22, True),
        (4, 20, 0, 23, True),
        (20, 3, 1, 20, True),
        (20, 4, 3, 17, True),
        (20, 2, -1, 20, True),
        (20, 5, 0, 24, False),
        (8, 3, 0, 10, False),
        (20, 3, -9, 35, False),
        (20, 26, 19, 7, True),
        (26, 20, 20, 1, True),
        (20, 26, 18, 7, False),
        (20, 40, 19, 9, False),
    ],
)
def test_short_kernels_are_windows(n: int, m: int, start: int, length: int, short: bool) -> None:
    tape = tape_of(lambda x, w: [ops.convolve(x, w, start=start, length=length)], (n,), (m,))
    after = short_kernels(tape)
    assert ("convolve" in names(after)) != short
    same(tape, after)
    if min(n, m) < 8:
        x, w = (a.astype(float) for a in whole_numbers(tape))
        (w if m < n else x)[0] = np.inf
        with np.errstate(invalid="ignore"):
            got, want = interpret(after, [x, w])[0], interpret(tape, [x, w])[0]
        np.testing.assert_array_equal(got, want)


def test_a_chain_of_a_thousand_additions() -> None:
    """Sums are looked for so deep and no deeper: no recursion without end, and no row is lost."""

    def steps(d: Sym, v: Sym) -> list[Sym]:
        for _ in range(1500):
            d = d + v
        return [d]

    tape = tape_of(steps, (40,), (40,))
    assert gathers(tape) is tape

    def windows(d: Sym, v: Sym) -> list[Sym]:
        for k in range(1500):
            d = ops.add_slice(d, v * 2.0, ranges=((k % 3, 38, 1),))
        return [d]

    tape = tape_of(windows, (40,), (38,))
    made = verify(gathers(tape))
    args = whole_numbers(tape)
    np.testing.assert_array_equal(interpret(made, args)[0], interpret(tape, args)[0])
    assert names(made).count("add_slice") < 1500
