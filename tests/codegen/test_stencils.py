"""Steps of fields: nests that write a window into the array that they read, sums of windows gathered.

Arithmetic is exact, and most programs run as plain Python with bounds checks and garbage in fresh
memory, so a place written too early, twice or not at all shows.
"""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest
from building import at, loop
from plain_kernels import run_plainly

from tapejit.core.avals import Aval
from tapejit.rules.declare import ops
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
        if roll < 0.4:
            self.arrays[k] = ops.set_slice(self.arrays[k], self.near(ranges), ranges=ranges)
        elif roll < 0.5:
            zero = ops.broadcast_to(self.b.lit(0.0), shape=tuple(n for _, n, _ in ranges))
            self.arrays[k] = ops.set_slice(self.arrays[k], zero, ranges=ranges)
        elif roll < 0.9:
            self.scatter(k, ranges)
        else:
            self.arrays[k] = self.arrays[k] + self.arrays[self.pick()]
        if r.random() < 0.3:  # as a derivative may ask for it
            self.arrays.append(ops.maximum(ops.minimum(self.arrays[k], 5), -5))

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
