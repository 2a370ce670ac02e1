"""Lines are cut into their interior, computed from windows of what a body reads, and their ends."""

# ruff: noqa: B023  (functions made in loops are called at once)
from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tapejit.core.avals import Aval
from tapejit.passes.interiors import interiors
from tapejit.rules.declare import ops, zeros_like
from tapejit.tape.ir import Builder, Sym, Tape
from tapejit.tape.replay import interpret
from tapejit.tape.verify import verify

N = 40
Make = Callable[[Sym, Sym], list[Sym]]


def tape_of(make: Make, n: int = N) -> Tape:
    b = Builder()
    aval = Aval(np.dtype(np.float64), (n,))
    return verify(b.finish(make(b.input(aval), b.input(aval))))


def same(before: Tape, after: Tape) -> None:
    """Whole numbers: sums in another order are the same."""
    verify(after)
    r = np.random.default_rng(3)
    inputs = [r.integers(-9, 10, before.value(i).shape).astype(float) for i in range(2)]
    for have, want in zip(interpret(after, inputs), interpret(before, inputs), strict=True):
        np.testing.assert_allclose(have, want, rtol=1e-14)


def part(x: Sym, start: int, count: int, step: int = 1) -> Sym:
    return ops.slice(x, ranges=((start, count, step),))


def rolled(x: Sym, k: int = 1) -> Sym:
    n = x.shape[0]
    return ops.concatenate(part(x, n - k, k), part(x, 0, n - k), axis=0)


def bend(u: Sym) -> Sym:
    return part(u, 2, N - 2) - 2.0 * part(u, 1, N - 2) + part(u, 0, N - 2)


def framed(v: Sym) -> Sym:
    """A line of N with v inside of zeros."""
    b = v.b
    zeros = ops.broadcast_to(b.lit(0.0, Aval(np.dtype(np.float64))), shape=(N,))
    return ops.set_slice(zeros, v, ranges=((1, N - 2, 1),))


def adjoint(d: Sym, v: Sym) -> list[Sym]:
    total = zeros_like(d)
    term = part(d * v, 1, N - 2)
    for k, weight in ((0, 1.0), (1, -2.0), (2, 1.0)):
        total = ops.add_slice(total, term * weight, ranges=((k, N - 2, 1),))
    return [total + d]


CUT: dict[str, Make] = {
    "rolled": lambda u, v: [u + rolled(u) * v],
    "framed": lambda u, v: [u + framed(bend(u))],
    "joined": lambda u, v: [ops.concatenate(part(u, 0, 1), bend(u), part(v, 3, 1), axis=0)],
    "written": lambda u, v: [ops.set_slice(u, bend(u * v), ranges=((1, N - 2, 1),))],
    "adjoint": adjoint,
    "twice": lambda u, v: [rolled(rolled(u * v) + v) + u],
    "both": lambda u, v: [(w := rolled(u) - u), u + w * v],
}
LEFT: dict[str, Make] = {
    "in the middle": lambda u, v: [
        ops.concatenate(part(u, 0, N // 2), part(v, N // 2, N // 2), axis=0) + u
    ],
    "every other": lambda u, v: [ops.set_slice(u, part(v, 0, N // 2), ranges=((0, N // 2, 2),))],
    "without parts": lambda u, v: [u * v],
    "of planes": lambda u, v: [ops.concatenate(*[ops.reshape(x, shape=(2, N // 2)) for x in (u, v)],
                                               axis=0)],
}  # fmt: skip


def lines(tape: Tape) -> set[int]:
    """The lengths of the elementwise rows that are lines."""
    found = [r.aval for r in tape if r.prim.emit.kind == "elementwise" and r.id >= tape.n_inputs]
    return {a.shape[0] for a in found if a.shape and a.shape[0] > 8}


@pytest.mark.parametrize("name", CUT)
def test_a_line_is_its_interior_and_ends(name: str) -> None:
    tape = tape_of(CUT[name])
    after = interiors(tape)
    assert after is not tape
    same(tape, after)
    (inner,) = lines(after)  # everything runs over one interior
    assert N - 8 <= inner < N
    moved = {r.prim.name for r in after if r.prim.name in ("set_slice", "add_slice")}
    assert not moved


@pytest.mark.parametrize("name", LEFT)
def test_other_lines_stay(name: str) -> None:
    tape = tape_of(LEFT[name])
    same(tape, interiors(tape))
    assert interiors(tape) is tape


def test_short_lines_stay() -> None:
    tape = tape_of(lambda u, v: [u + rolled(u) * v], 31)
    assert interiors(tape) is tape
    tape = tape_of(lambda u, v: [u + rolled(u) * v], 32)
    assert interiors(tape) is not tape


def test_sums_are_cut_where_lines_are() -> None:
    tape = tape_of(
        lambda u, v: [u + rolled(u) * v, ops.sum(u * v, axis=(0,), keepdims=False)]
    )  # fmt: skip
    after = interiors(tape)
    same(tape, after)
    sums = [after.value(r.args[0]).shape[0] for r in after if r.prim.name == "sum"]
    assert sorted(sums) == [1, N - 1]
    assert lines(after) == {N - 1}


@pytest.mark.parametrize(("name", "count"), [("tanh", 1), ("square", 2)])
def test_dear_rows_are_stored_and_cheap_ones_computed_again(name: str, count: int) -> None:
    """Read at two offsets, a square is two rows over the interior, a tanh one over the whole line."""

    def make(u: Sym, v: Sym) -> list[Sym]:
        y = getattr(ops, name)(u)
        return [y + rolled(y)]

    after = interiors(tape_of(make))
    same(tape_of(make), after)
    rows = [r.aval.shape[0] for r in after if r.prim.name == name and r.aval.shape[0] > 8]
    assert rows == ([N] if count == 1 else [N - 1] * count)


def test_a_line_that_is_read_at_another_place_is_read_from_memory() -> None:
    """A second field that is stepped by differences of the first: two nests, as written."""

    def make(e: Sym, h: Sym) -> list[Sym]:
        one = e + rolled(h)
        return [one, h + rolled(one)]

    tape = tape_of(make)
    after = interiors(tape)
    same(tape, after)
    sums = [r for r in after if r.prim.name == "add" and r.aval.shape[0] > 8]
    assert len(sums) == 2
    rows = {r.id: r for r in after}
    second = [rows[a] for a in sums[1].args]
    assert {rows[r.args[0]].prim.name for r in second} == {"input", "concatenate"}


def test_long_definitions_stay() -> None:
    """Each step through rolls at two places doubles what would be computed again."""

    def make(u: Sym, v: Sym) -> list[Sym]:
        for _ in range(80):
            u = rolled(rolled(u) * v, N - 1) + u
        return [u]

    tape = tape_of(make)
    assert interiors(tape) is tape


@pytest.mark.parametrize("seed", range(40))
def test_random_lines(seed: int) -> None:
    r = np.random.default_rng(seed)

    def make(u: Sym, v: Sym) -> list[Sym]:
        pool = [u, v, u * 2.0]
        for _ in range(int(r.integers(2, 9))):
            x, y = (pool[int(k)] for k in r.integers(0, len(pool), 2))
            k = int(r.integers(1, 4))
            kind = int(r.integers(0, 7))
            inner = part(x, k, N - 2 * k) + part(y, 0, N - 2 * k)
            where: Any = ((int(r.integers(0, 2 * k + 1)), N - 2 * k, 1),)
            made = [
                lambda: x - y,
                lambda: ops.maximum(x, y),
                lambda: rolled(x, k),
                lambda: ops.set_slice(x, inner, ranges=where),
                lambda: ops.add_slice(x, inner, ranges=where),
                lambda: ops.concatenate(part(y, 0, k), inner, part(x, 5, k), axis=0),
                lambda: ops.where(x > 0.0, rolled(y, k), x),
            ][kind]()
            pool.append(made)
        total = ops.sum(pool[-2], axis=(0,), keepdims=False)
        return [pool[-1], pool[-3], total]

    tape = tape_of(make)
    same(tape, interiors(tape))
