"""Loop fission: what it moves, and that random loops give the same with and without it."""

from __future__ import annotations

import random

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tapejit.core.avals import Aval
from tapejit.passes.fission import fission
from tapejit.passes.simplify import simplify
from tapejit.passes.trim import trim
from tapejit.rules.declare import ops
from tapejit.rules.loops import INT, for_
from tapejit.tape.ir import Builder, Sym, Tape
from tapejit.tape.replay import interpret
from tapejit.tape.verify import verify

F = np.dtype(float)
N, M = 24, 3


def loop_tape(body: Tape, carry: int, shared: int, avals: list[Aval], reverse: bool) -> Tape:
    b = Builder()
    xs = [b.input(a) for a in avals]
    params = {"carry": carry, "shared": shared, "reverse": reverse, "length": N, "body": body}
    return b.finish(b.outs(for_.on(b, b.lit(N, INT), *xs, **params)))


def loops_in(tape: Tape) -> list[Tape]:
    return [row.params["body"] for row in tape if row.prim.name == "for"]


def names_in(tape: Tape) -> list[str]:
    return [row.prim.name for row in tape]


def volatility() -> tuple[Tape, list[Aval]]:
    """s' = w + a x^2 + b s, total' = total + log s + x^2 / s: one recurrence, one costly sum."""
    b = Builder()
    b.input(INT)
    total, s, w, a, c, x = (b.input(Aval(F)) for _ in range(6))
    terms = ops.log(s) + x * x / s
    body = b.finish([total + terms, w + a * x * x + c * s])
    avals = [Aval(F)] * 5 + [Aval(F, (N,))]
    return loop_tape(body, 2, 3, avals, False), avals


def test_a_costly_sum_leaves_the_loop() -> None:
    tape, _ = volatility()
    made = trim(fission(tape))
    (body,) = loops_in(made)
    assert not {"log", "divide"} & set(names_in(body))
    assert {"log", "divide"} <= set(names_in(made))
    inputs = [0.0, 0.5, 0.1, 0.2, 0.6, np.linspace(-1, 1, N)]
    np.testing.assert_allclose(interpret(made, inputs), interpret(tape, inputs), rtol=1e-13)


def test_a_sum_of_outer_products_is_one_product() -> None:
    b = Builder()
    b.input(INT)
    total, h = b.input(Aval(F, (M, M))), b.input(Aval(F, (M,)))
    x = b.input(Aval(F, (M,)))
    outer = ops.matmul(ops.reshape(h, shape=(M, 1)), ops.reshape(x, shape=(1, M)))
    body = b.finish([total + outer, ops.tanh(h + x)])
    avals = [Aval(F, (M, M)), Aval(F, (M,)), Aval(F, (N, M))]
    tape = loop_tape(body, 2, 0, avals, True)
    made = trim(fission(tape))
    assert [names_in(body).count("matmul") for body in loops_in(made)] == [0]
    assert names_in(made).count("matmul") == 1
    rng = np.random.default_rng(0)
    inputs = [rng.normal(size=a.shape) for a in avals]
    for have, want in zip(interpret(made, inputs), interpret(tape, inputs)):
        np.testing.assert_allclose(have, want, rtol=1e-12)


def test_cheap_rows_stay() -> None:
    b = Builder()
    b.input(INT)
    total, s, x = (b.input(Aval(F)) for _ in range(3))
    body = b.finish([total + s * x, s * 0.5 + x])
    tape = loop_tape(body, 2, 0, [Aval(F), Aval(F), Aval(F, (N,))], False)
    assert fission(tape) == tape


# ---------------------------------------------------------------- random loops


class Rows:
    """Random rows of numbers, vectors and matrices over carried, shared and stacked values."""

    def __init__(self, r: random.Random, b: Builder, values: list[Sym]) -> None:
        self.r, self.b, self.values = r, b, values

    def pick(self, shape: tuple[int, ...]) -> Sym:
        fitting = [v for v in self.values if v.shape == shape]
        return self.r.choice(fitting[-6:] if self.r.random() < 0.5 else fitting)

    def number(self) -> Sym:
        x, y = self.pick(()), self.pick(())
        kind = self.r.randrange(8)
        if kind == 0:
            return ops.log(1.0 + x * x)
        if kind == 1:
            return x / (1.0 + y * y)
        if kind == 2:
            return ops.sum(self.pick((M,)) * self.pick((M,)), axis=(0,), keepdims=False)
        if kind == 3:
            return ops.where(x > y, x, 0.5 * y)
        if kind == 4:
            return ops.tanh(x)
        return 0.5 * (x + y) if kind < 7 else 0.5 * x * ops.tanh(y)

    def vector(self) -> Sym:
        kind = self.r.randrange(5)
        v = self.pick((M,))
        if kind == 0:
            row = ops.reshape(v, shape=(1, M))
            return 0.3 * ops.reshape(ops.matmul(row, self.pick((M, M))), shape=(M,))
        if kind == 1:
            column = ops.reshape(v, shape=(M, 1))
            return 0.3 * ops.reshape(ops.matmul(self.pick((M, M)), column), shape=(M,))
        if kind == 2:
            return ops.tanh(v + self.pick((M,)))
        return 0.5 * v * self.pick(()) if kind == 3 else 0.5 * (v + self.pick((M,)))

    def matrix(self) -> Sym:
        a, c = self.pick((M,)), self.pick((M,))
        return ops.matmul(ops.reshape(a, shape=(M, 1)), ops.reshape(c, shape=(1, M)))


def random_loop(r: random.Random) -> tuple[Tape, list[Aval]]:
    b = Builder()
    i = b.input(INT)
    shapes: list[tuple[int, ...]] = [(), (), (), (M,), (M, M), (), (M,), (M, M), (N,), (N, M)]
    stacks: list[tuple[int, ...]] = [(), (M,)]
    ins = [b.input(Aval(F, s)) for s in (*shapes, *stacks)]
    carry, shared = 5, len(shapes) - 5
    rows = Rows(r, b, [*ins[:8], *ins[10:]])
    place = ops.wrap_index(i, size=N, axis=0)
    zero = b.lit(0, INT)
    one = ops.dynamic_slice(ins[8], place, sizes=(1,))
    rows.values.append(ops.reshape(one, shape=()))
    line = ops.dynamic_slice(ins[9], place, zero, sizes=(1, M))
    rows.values.append(ops.reshape(line, shape=(M,)))
    for _ in range(r.randint(3, 14)):
        rows.values.append(r.choice((rows.number, rows.number, rows.vector, rows.matrix))())
    outs = []
    for k in range(carry):
        kind = r.randrange(4)
        x = rows.pick(shapes[k])
        if kind == 0:
            outs.append(ins[k] + x)
        elif kind == 1:
            outs.append(x + (ins[k] + rows.pick(shapes[k])))
        else:
            outs.append(ops.tanh(x) if r.random() < 0.5 else 0.5 * x)
    outs += [rows.pick(()), rows.pick((M,))]
    avals = [Aval(F, s) for s in shapes] + [Aval(F, (N, *s)) for s in stacks]
    return loop_tape(b.finish(outs), carry, shared, avals, r.random() < 0.5), avals


CHANGED = [0]


@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.integers(0, 2**32))
def test_random_loops_give_the_same(seed: int) -> None:
    tape, avals = random_loop(random.Random(seed))
    verify(tape)
    made = verify(fission(tape))
    made = verify(trim(simplify(made)))
    CHANGED[0] += made.rows > tape.rows + 1
    rng = np.random.default_rng(seed)
    inputs = [np.asarray(0.5 * rng.normal(size=a.shape))[()] for a in avals]
    for k, (have, want) in enumerate(zip(interpret(made, inputs), interpret(tape, inputs))):
        assert np.shape(have) == np.shape(want)
        np.testing.assert_allclose(have, want, rtol=1e-9, atol=1e-10, err_msg=f"{k}\n{tape}")


def test_random_loops_were_cut() -> None:
    assert CHANGED[0] > 30
