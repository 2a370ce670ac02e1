"""Steps of fields: nests that write a window into the array that they read, sums of windows gathered.

Arithmetic is exact, and most programs run as plain Python with bounds checks and garbage in fresh
memory, so a place written too early, twice or not at all shows.
"""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest
from building import at, aval, check, loop
from plain_kernels import run_plainly

from tapejit.core.avals import Aval
from tapejit.rules.declare import ops
from tapejit.runtime.compile import Staged, compile_staged
from tapejit.runtime.pipeline import optimise
from tapejit.tape.ir import Builder, Sym, Tape
from tapejit.tape.replay import interpret
from tapejit.tape.verify import verify


def window(x: Sym, *ranges: tuple[int, int, int]) -> Sym:
    return ops.slice(x, ranges=ranges)


def random_ranges(r: random.Random, shape: tuple[int, ...], near: bool) -> Any:
    """A window: the whole, or a few places less on either side, or anything."""
    made = []
    for n in shape:
        if near or r.random() < 0.8:
            first, last = r.randint(0, min(2, n - 1)), n - r.randint(0, min(2, n - 1))
            last = max(last, first + 1)
            made.append((first, last - first, 1))
        else:
            first, step = r.randrange(n), r.choice((1, 2, -1))
            room = (n - 1 - first) // step if step > 0 else first
            made.append((first, r.randint(1, room + 1), step))
    return tuple(made)


def shifted(r: random.Random, ranges: Any, shape: tuple[int, ...], far: int) -> Any:
    """The same window a few places on, inside of the array."""
    made = []
    for (first, length, step), n in zip(ranges, shape):
        low, high = sorted((first, first + step * (length - 1)))
        by = min(max(r.randint(-far, far), -low), n - 1 - high)
        made.append((first + by, length, step))
    return tuple(made)


class Field:
    """Rows that read and write windows of a few arrays of one shape."""

    def __init__(self, r: random.Random, b: Builder, arrays: list[Sym]) -> None:
        self.r, self.b, self.arrays = r, b, arrays
        self.shape = arrays[0].shape

    def pick(self) -> int:
        return self.r.randrange(len(self.arrays))

    def near(self, ranges: Any) -> Sym:
        """An expression of windows close to a window, of several arrays; whole numbers, not large."""
        r, total = self.r, None
        for _ in range(r.randint(1, 4)):
            x = self.arrays[self.pick()]
            part = window(x, *shifted(r, ranges, self.shape, r.choice((0, 1, 1, 3))))
            part = ops.negative(part) if r.random() < 0.3 else part
            total = part if total is None else total + part
        if r.random() < 0.3:
            total = total + ops.broadcast_to(
                at(self.arrays[0], *[0] * len(self.shape)), shape=total.shape
            )
        return ops.maximum(ops.minimum(total, 9), -9)

    def act(self) -> None:
        r, k = self.r, self.pick()
        ranges = random_ranges(r, self.shape, r.random() < 0.7)
        roll = r.random()
        if roll < 0.1:
            self.arrays[k] = self.turned(k)
        elif roll < 0.2:
            self.arrays[k] = self.joined(ranges)
        elif roll < 0.45:
            self.arrays[k] = ops.set_slice(self.arrays[k], self.near(ranges), ranges=ranges)
        elif roll < 0.55:
            zero = ops.broadcast_to(self.b.lit(0.0), shape=tuple(n for _, n, _ in ranges))
            self.arrays[k] = ops.set_slice(self.arrays[k], zero, ranges=ranges)
        elif roll < 0.9:
            self.scatter(k, ranges)
        else:
            self.arrays[k] = self.arrays[k] + self.arrays[self.pick()]
        if r.random() < 0.3:  # as a derivative may ask for it
            self.arrays.append(ops.maximum(ops.minimum(self.arrays[k], 5), -5))

    def turned(self, k: int) -> Sym:
        """A sum of rolled arrays, or the adjoint of one."""
        r, x = self.r, self.arrays[k]
        total = self.arrays[self.pick()]
        for _ in range(r.randint(1, 3)):
            axis, by = r.randrange(x.ndim), r.randint(1, 2)
            n = x.shape[axis]
            by = n - by if r.random() < 0.5 else by

            def part(first: int, last: int, axis: int = axis) -> Any:
                whole = [(0, m, 1) for m in x.shape]
                return (*whole[:axis], (first, last - first, 1), *whole[axis + 1 :])

            front, back = window(x, *part(n - by, n)), window(x, *part(0, n - by))
            if r.random() < 0.5:
                total = total + ops.concatenate(front, back, axis=axis)
            else:
                total = ops.add_slice(total, front, ranges=part(0, by))
                total = ops.add_slice(total, back, ranges=part(by, n))
        return ops.maximum(ops.minimum(total, 9), -9)

    def joined(self, ranges: Any) -> Sym:
        """A concatenation: what is computed for a window along one axis, and parts of an array."""
        r, x = self.r, self.arrays[self.pick()]
        axis = r.randrange(x.ndim)
        first, length, step = ranges[axis]
        if step != 1:
            first, length = 1, x.shape[axis] - 2
        whole = [(0, m, 1) for m in x.shape]

        def part(start: int, count: int) -> Any:
            return (*whole[:axis], (start, count, 1), *whole[axis + 1 :])

        parts = [self.near(part(first, length))]
        behind = x.shape[axis] - first - length
        if first:
            parts.insert(0, window(x, *part(0, first)))
        if behind:
            start = first + length if r.random() < 0.7 else 0
            parts.append(window(x, *part(start, behind)))
        return ops.concatenate(*parts, axis=axis) if len(parts) > 1 else parts[0]

    def scatter(self, k: int, ranges: Any) -> None:
        """Add a few values at shifted windows, to an array, a cleared one or zeros."""
        r = self.r
        total = self.arrays[k]
        whole = (0,) * len(self.shape)
        if r.random() < 0.3:
            total = ops.broadcast_to(self.b.lit(0.0), shape=self.shape)
        elif r.random() < 0.6:
            zero = ops.broadcast_to(self.b.lit(0.0), shape=tuple(n for _, n, _ in ranges))
            total = ops.set_slice(total, zero, ranges=ranges)
        made = [self.near(ranges) for _ in range(r.randint(1, 2))]
        for _ in range(r.randint(1, 5)):
            v = r.choice(made)
            start = whole if r.random() < 0.1 else None
            where = shifted(r, ranges, self.shape, r.choice((0, 1, 1, 9)))
            if start is None:
                total = ops.add_slice(total, v, ranges=where)
            else:
                total = total + self.arrays[self.pick()]
        if r.random() < 0.2:
            total = total + self.arrays[self.pick()]
        self.arrays[k] = ops.maximum(ops.minimum(total, 9), -9) if r.random() < 0.5 else total


def field_tape(seed: int) -> tuple[Tape, list[np.ndarray]]:
    r = random.Random(seed)
    shape = r.choice(((20,), (23,), (40,), (4, 19), (6, 18), (17, 5), (3, 4, 17), (18, 18)))
    b = Builder()
    count = r.randint(1, 3)
    arrays = [b.input(Aval(np.dtype(np.float64), shape)) for _ in range(count)]
    data = np.random.default_rng(seed)
    inputs = [data.integers(-4, 5, size=shape).astype(np.float64) for _ in arrays]

    def body(i: Sym, *xs: Sym) -> list[Sym]:
        f = Field(r, i.b, list(xs))
        for _ in range(r.randint(1, 4)):
            f.act()
        ends = [ops.maximum(ops.minimum(x, 9), -9) if r.random() < 0.3 else x for x in f.arrays]
        made = ends[: len(xs)]
        return r.sample(made, len(made)) if r.random() < 0.1 else made

    outer = Field(r, b, arrays)
    if r.random() < 0.8:
        outer.arrays = list(loop(b, r.choice((1, 2, 3)), body, arrays))
    for _ in range(r.randint(0, 2)):
        outer.act()
    return verify(b.finish(outer.arrays[:count])), inputs


def same(tape: Tape, inputs: list[np.ndarray]) -> None:
    wanted = interpret(tape, inputs)
    for have, want in zip(run_plainly(optimise(tape), inputs), wanted, strict=True):
        np.testing.assert_array_equal(have, want)


@pytest.mark.parametrize("block", range(6))
def test_random_steps_of_fields(block: int) -> None:
    for seed in range(block * 50, block * 50 + 50):
        tape, inputs = field_tape(seed)
        try:
            same(tape, inputs)
        except AssertionError as error:
            raise AssertionError(f"seed {seed}: {error}") from error


def heat(u: Sym, c: Sym) -> Sym:
    """A step on a line, the ends as they are."""
    n = u.shape[0]
    left, mid, right = (window(u, (k, n - 2, 1)) for k in range(3))
    return ops.set_slice(u, mid + (left - mid * 2.0 + right) * c, ranges=((1, n - 2, 1),))


def spread(d: Sym, c: Sym) -> Sym:
    """The adjoint of a step on a line."""
    n = d.shape[0]
    v = window(d, (1, n - 2, 1))
    zero = ops.broadcast_to(d.b.lit(0.0), shape=v.shape)
    total = ops.set_slice(d, zero, ranges=((1, n - 2, 1),))
    w = v * c
    for k, x in ((0, w), (1, v - w * 2.0), (2, w)):
        total = ops.add_slice(total, x, ranges=((k, n - 2, 1),))
    return total


def five(u: Sym, c: Sym) -> Sym:
    """A step on a plane."""
    n, m = u.shape
    near = [(0, 1), (2, 1), (1, 0), (1, 2)]
    parts = [window(u, (i, n - 2, 1), (j, m - 2, 1)) for i, j in near]
    mid = window(u, (1, n - 2, 1), (1, m - 2, 1))
    total = mid + (parts[0] + parts[1] + parts[2] + parts[3]) * c
    return ops.set_slice(u, total, ranges=((1, n - 2, 1), (1, m - 2, 1)))


def five_back(d: Sym, c: Sym) -> Sym:
    """The adjoint of a step on a plane."""
    n, m = d.shape
    inner = ((1, n - 2, 1), (1, m - 2, 1))
    v = window(d, *inner)
    total = ops.set_slice(d, ops.broadcast_to(d.b.lit(0.0), shape=v.shape), ranges=inner)
    w = v * c
    for i, j in ((0, 1), (2, 1), (1, 0), (1, 2)):
        total = ops.add_slice(total, w, ranges=((i, n - 2, 1), (j, m - 2, 1)))
    return ops.add_slice(total, v, ranges=inner)


STEPS = {
    "a step on a line": (heat, (21,), 1, "set_slice"),
    "its adjoint": (spread, (21,), 2, "set_slice"),
    "a step on a plane": (five, (18, 20), 1, "set_slice"),
    "the adjoint of that": (five_back, (18, 20), 2, "set_slice"),
}


@pytest.mark.parametrize(("step", "shape", "nests", "name"), STEPS.values(), ids=STEPS.keys())
def test_a_round_is_few_nests(step: Any, shape: Any, nests: int, name: str) -> None:
    b = Builder()
    u, c = b.input(aval(*shape)), b.input(aval())
    tape = b.finish(loop(b, 4, lambda i, u, c: [step(u, c)], [u], [c]))
    data = np.random.default_rng(1)
    source = check(tape, data.normal(size=shape), 0.3)
    inside = source[source.index("_i in range(4)") :]
    large = [line for line in inside.splitlines() if line.lstrip().startswith("# nest")]
    assert len(large) == nests
    assert all(name in line for line in large)


def test_two_windows_of_one_array_in_one_nest() -> None:
    b = Builder()
    u = b.input(aval(20))

    def body(i: Sym, u: Sym) -> list[Sym]:
        kept = u + u
        one = ops.set_slice(kept, window(u, (0, 18, 1)) - 1.0, ranges=((1, 18, 1),))
        two = ops.set_slice(kept, window(kept, (2, 18, 1)) * 2.0, ranges=((1, 18, 1),))
        return [ops.minimum(one, two) + one]

    check(b.finish(loop(b, 2, body, [u])), np.arange(20.0))


def test_a_small_window_of_a_large_array_that_is_kept_is_an_update() -> None:
    def step(inside: int) -> str:
        b = Builder()
        u = b.input(aval(60))
        kept = u + u
        made = window(kept, (0, inside, 1)) - window(kept, (2, inside, 1))
        return check(
            b.finish([kept, ops.set_slice(kept, made, ranges=((1, inside, 1),))]), np.arange(60.0)
        )

    assert "# update" in step(20)
    assert "# update" not in step(57)


def test_chunks_do_not_read_what_others_write() -> None:
    b = Builder()
    n = 1 << 19
    u = b.input(aval(n))
    kept = u * 2.0
    total = ops.exp(ops.sin(window(kept, (1, n - 1, 1)) + window(kept, (0, n - 1, 1))))
    tape = b.finish([ops.set_slice(kept, total, ranges=((0, n - 1, 1),))])
    compiled = compile_staged(optimise(verify(tape)), "test")
    assert not isinstance(compiled, Staged)
    body = compiled.text.source.partition("def kernel")[2]
    assert (
        f"for i0 in range({n - 1}):" in body
    )  # one loop, where the array that it reads was written in chunks
    x = np.random.default_rng(2).normal(size=n)
    (have,), (want,) = compiled([x]), interpret(tape, [x])  # type: ignore[misc]
    np.testing.assert_allclose(have, want, rtol=1e-12)
