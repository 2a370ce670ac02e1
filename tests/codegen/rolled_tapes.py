"""Random tapes of loops, branches and writes, in exact arithmetic.

Every block keeps a few vectors, matrices, numbers and positions. It reads and writes windows of
them, combines them, and runs further blocks in ``for``, ``while``, ``cond`` and ``call`` rows. All
values are kept within -8..8 and whole or halves of whole numbers, so results are exact.
"""

from __future__ import annotations

import random
from typing import Any

import numpy as np

from tapejit.core.avals import Aval
from tapejit.rules.declare import ops
from tapejit.rules.loops import for_, while_
from tapejit.tape.ir import Builder, Sym, Tape

N = 3
INT = Aval(np.dtype(np.int64))
SHAPES = ((N,), (N, N), (), (N,), (N, N))


def clipped(x: Sym) -> Sym:
    return ops.maximum(ops.minimum(x, 8), -8)


class Block:
    """Rows under construction and the values they may use."""

    def __init__(
        self, r: random.Random, b: Builder, depth: int, shapes: tuple[tuple[int, ...], ...]
    ) -> None:
        self.r, self.b, self.depth, self.shapes = r, b, depth, shapes
        self.values: list[Sym] = []
        self.places: list[Sym] = []

    def pick(self, shape: tuple[int, ...] | None = None, late: bool = True) -> Sym:
        fitting = [x for x in self.values if shape is None or x.shape == shape]
        if not fitting:
            number = self.b.lit(float(self.r.randint(-3, 3)))
            return number if shape in ((), None) else ops.broadcast_to(number, shape=shape)
        # mostly the newest, so that chains of writes form
        return fitting[-1] if late and self.r.random() < 0.6 else self.r.choice(fitting)

    def place(self) -> Sym:
        if self.places and self.r.random() < 0.7:
            i = self.r.choice(self.places)
        else:
            i = self.b.lit(self.r.randint(-N, N - 1), INT)
        return ops.wrap_index(i, size=N, axis=0)

    def window(self, x: Sym) -> tuple[list[Sym], tuple[int, ...]]:
        """An element, a row, a column or a square of an array."""
        starts, sizes = [], []
        for n in x.shape:
            kind = self.r.choice(("one", "one", "all", "two"))
            if kind == "all":
                starts.append(self.b.lit(0, INT))
            elif kind == "one":
                starts.append(self.place())
            else:
                first = ops.minimum(self.place(), n - 2)
                starts.append(ops.window_start(first, size=n, length=2))
            sizes.append({"all": n, "one": 1, "two": 2}[kind])
        return starts, tuple(sizes)

    def act(self) -> None:
        roll = self.r.random()
        if self.depth > 0 and roll < 0.22:
            self.nested()
        elif roll < 0.35:
            self.read()
        elif roll < 0.62:
            self.write()
        elif roll < 0.68:
            x = self.pick()
            if x.shape:
                total = ops.sum(x, axis=tuple(range(x.ndim)), keepdims=False)
                self.values.append(clipped(total))
        else:
            self.combine()

    def read(self) -> None:
        x = self.pick(self.r.choice([s for s in self.shapes if s]))
        starts, sizes = self.window(x)
        part = ops.dynamic_slice(x, *starts, sizes=sizes)
        flat = tuple(n for n in sizes if n != 1)
        part = ops.reshape(part, shape=flat) if flat != sizes else part
        if self.r.random() < 0.2 and part.ndim == 2:
            part = ops.transpose(part, axes=(1, 0))
        if part.shape in SHAPES:
            self.values.append(part)
        elif part.shape == (2,):
            self.values.append(clipped(ops.sum(part, axis=(0,), keepdims=False)))

    def write(self) -> None:
        x = self.pick(self.r.choice([s for s in self.shapes if s]))
        starts, sizes = self.window(x)
        flat = tuple(n for n in sizes if n != 1)
        name = self.r.choice(("dynamic_update", "dynamic_update", "dynamic_add"))
        if self.r.random() < 0.3:  # a part of an array, perhaps of the same one
            source = self.pick(x.shape)
            others, _ = self.window(source)
            places = [s if n == N else o for s, o, n in zip(starts, others, sizes)]
            bounded = [ops.minimum(p, N - n) if n > 1 else p for p, n in zip(places, sizes)]
            u = ops.dynamic_slice(source, *bounded, sizes=sizes)
        else:
            u = self.pick(flat)
            u = u if u.shape == flat else self.pick(())
            u = u if u.shape in (flat, ()) else self.b.lit(1.0)
            if u.shape != flat:
                u = ops.broadcast_to(u, shape=flat)
            u = ops.reshape(u, shape=sizes)
        new = getattr(ops, name)(x, u, *starts)
        self.values.append(clipped(new) if name == "dynamic_add" and self.r.random() < 0.3 else new)

    def combine(self) -> None:
        x = self.pick()
        y = self.pick(x.shape, late=False)
        name = self.r.choice(("add", "subtract", "maximum", "add", "negative", "half", "turned"))
        if name == "turned" and x.ndim == 1:
            self.values.append(ops.slice(x, ranges=((N - 1, N, -1),)))
        elif name == "turned" and x.ndim == 2:
            y = ops.transpose(x, axes=(1, 0))
            self.values.append(clipped(x + y) if self.r.random() < 0.5 else y)
        elif name in ("negative", "turned"):
            self.values.append(-x)
        elif name == "half":
            self.values.append(ops.where(ops.equal(x, 8), 0.5, x))
        else:
            self.values.append(clipped(getattr(ops, name)(x, y)))

    # ------------------------------------------------------------ rows with bodies

    def child(self, avals: list[Aval], index: bool) -> tuple[Block, list[Sym]]:
        made = Block(self.r, Builder(), self.depth - 1, self.shapes)
        if index:
            made.places.append(ops.minimum(made.b.input(INT), N - 1))
        inputs = [made.b.input(Aval(a.dtype, a.shape)) for a in avals]
        made.values += inputs
        return made, inputs

    def ends(self, inner: Block, avals: list[Aval], inputs: list[Sym]) -> list[Sym]:
        """The new carried values: mostly the newest of the right shape, perhaps twice the same."""
        for _ in range(self.r.randint(1, 5)):
            inner.act()
        return [
            inputs[k] if self.r.random() < 0.15 else inner.pick(a.shape)
            for k, a in enumerate(avals)
        ]

    def nested(self) -> None:
        kind = self.r.choice(("for", "for", "for", "cond", "cond", "while", "call"))
        getattr(self, f"nested_{kind}")()

    def operands(self, low: int, high: int) -> list[Sym]:
        return [self.pick(self.r.choice(self.shapes)) for _ in range(self.r.randint(low, high))]

    def keep(self, found: list[Sym]) -> None:
        for x in found:
            if self.r.random() < 0.9:
                self.values.append(clipped(x) if self.r.random() < 0.3 else x)

    def nested_for(self) -> None:
        length = self.r.choice((0, 1, 2, 3, 3))
        carried, shared = self.operands(1, 3), self.operands(0, 2)
        pair = [self.pick((N,), late=False), self.pick((N, N))]
        stacked = pair[: self.r.randint(0, 2)] if length == N else []
        given = [*carried, *shared]
        avals = [x.aval for x in given] + [Aval(x.dtype, x.shape[1:]) for x in stacked]
        inner, inputs = self.child(avals, True)
        ends = self.ends(inner, avals[: len(carried)], inputs)
        extra = [inner.pick(self.r.choice(self.shapes)) for _ in range(self.r.randint(0, 2))]
        count = self.b.lit(length, INT)
        if self.r.random() < 0.3 and self.places and not stacked:  # a number of rounds not known
            count, length = self.place(), -1
            extra = []
        row = for_.on(
            self.b, count, *given, *stacked,
            body=inner.b.finish([*ends, *extra]), carry=len(carried), shared=len(shared),
            reverse=self.r.random() < 0.3, length=length,
        )  # fmt: skip
        self.keep([x for x in self.b.outs(row) if x.shape in SHAPES])

    def nested_while(self) -> None:
        carried, shared = self.operands(1, 2), self.operands(0, 1)
        carried.append(self.b.lit(float(self.r.randint(0, 4))))
        avals = [x.aval for x in [*carried, *shared]]
        inner, inputs = self.child(avals, True)
        ends = self.ends(inner, avals[: len(carried) - 1], inputs)
        ends.append(inputs[len(carried) - 1] - 1.0)
        stacks = [inner.pick(s) for s in ((), (N,))[: self.r.randint(0, 2)]]
        test, given = self.child(avals, False)
        flag = ops.greater(given[len(carried) - 1], 0.0)
        row = while_.on(
            self.b, *carried, *shared,
            test=test.b.finish([flag]), body=inner.b.finish([*ends, *stacks]), carry=len(carried),
        )  # fmt: skip
        outs = self.b.outs(row)
        self.keep(list(outs[: len(carried)]))
        rounds, made = outs[len(carried)], outs[len(carried) + 1 :]
        if made:
            self.run_back(rounds, list(made))

    def run_back(self, rounds: Sym, stacks: list[Sym]) -> None:
        """A loop that reads the stacks of a ``while``, from the end."""
        start = self.pick((N,))
        avals = [start.aval] + [Aval(x.dtype, x.shape[1:]) for x in stacks]
        inner, inputs = self.child(avals, True)
        ends = self.ends(inner, avals[:1], inputs)
        row = for_.on(
            self.b, rounds, start, *stacks,
            body=inner.b.finish(ends), carry=1, shared=0, reverse=True, length=-1,
        )  # fmt: skip
        self.keep(list(self.b.outs(row)))

    def branch(self, avals: list[Aval], shapes: list[tuple[int, ...]], many: bool) -> Tape:
        inner, inputs = self.child(avals, False)
        ends = []
        for _ in range(self.r.randint(0, 3) if many else 0):
            inner.act()
        for k, shape in enumerate(shapes):
            fits = k < len(inputs) and inputs[k].shape == shape and self.r.random() < 0.3
            ends.append(inputs[k] if fits else inner.pick(shape))
        return inner.b.finish(ends)

    def nested_cond(self) -> None:
        given = self.operands(1, 3)
        shapes = [x.shape for x in given[: self.r.randint(1, len(given))]]
        avals = [x.aval for x in given]
        flag = ops.greater(self.pick(()), 0.0)
        if self.places and self.r.random() < 0.6:
            flag = ops.equal(self.place(), self.r.randint(0, 2))
        then, orelse = (self.branch(avals, shapes, many) for many in (True, self.r.random() < 0.5))
        self.keep(list(self.b.outs(ops.cond(flag, *given, then=then, orelse=orelse))))

    def nested_call(self) -> None:
        given = self.operands(1, 3)
        shapes = [x.shape for x in given[: self.r.randint(1, len(given))]]
        body = self.branch([x.aval for x in given], shapes, True)
        self.keep(list(self.b.outs(ops.call(*given, body=body))))


def rolled_tape(r: random.Random) -> tuple[Tape, list[Any]]:
    """Return a random tape and its inputs."""
    b = Builder()
    # Half of the tapes have vectors only, which makes conflicts over memory likely.
    shapes = r.choice((SHAPES, ((N,),)))
    top = Block(r, b, r.choice((1, 2, 2, 3)), shapes)
    rng = np.random.default_rng(r.randint(0, 2**31))
    inputs: list[Any] = []
    for shape in ((N,), (N, N), ()):
        inputs.append(rng.integers(-4, 5, shape).astype(float)[()])
        top.values.append(b.input(Aval(np.dtype(float), shape)))
    inputs.append(np.int64(rng.integers(-N, N)))
    top.places.append(b.input(INT))
    if r.random() < 0.5:
        for name in ("sin", "cos"):  # arrays that no argument holds
            made = ops.where(ops.greater(getattr(ops, name)(top.values[0]), 0.0), 1.0, 2.0)
            top.values += [made, top.values[0] * made]
    for _ in range(r.randint(1, 4)):
        top.act()
    top.nested_for()
    top.act()
    outs = [*top.values[-3:], *[r.choice(top.values) for _ in range(r.randint(1, 4))]]
    return b.finish(outs), inputs
