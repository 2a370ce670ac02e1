"""Products of blocks of rows with vectors: ``z = X w``, and ``g += X.T d`` for sums over the rows.

A dot product of one short row leaves the processor waiting for its own sums, and BLAS does not say how it divides its
work among threads. Here eight rows go side by side, and their eight sums become the elements of vectors by
halving: 14 shuffles for eight rows. In the turned product up to eight vectors of the sum stay in
registers while all rows of the block pass. How many columns there are is known, the last vector of a
row is loaded under a mask. Vectors have 32 bytes: wider ones cross lines of the cache in nearly every row.

X of 10000 x 50 in blocks of 320 rows, both products: BLAS 137 us, these 75.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

from llvmlite import ir

I1, I32, I64 = ir.IntType(1), ir.IntType(32), ir.IntType(64)
KINDS = {"f64": ir.DoubleType(), "f32": ir.FloatType()}
LANES = {"f64": 4, "f32": 8}
FLAGS = ("contract", "reassoc")
AHEAD = 256
"""Bytes of a row from which the next block is asked for."""
UNROLLED = 16
"""Vectors of a row that are written out; longer rows have a loop."""
SIDE = 8
"""Rows that go side by side, and vectors of a sum that stay in registers."""


class _Writer:
    """Appends the instructions of one function: vectors of a row, loops, sums in slots."""

    def __init__(self, fn: Any, kind: str, columns: int) -> None:
        self.fn, self.columns = fn, columns
        self.kind, self.lanes = KINDS[kind], LANES[kind]
        self.vector = ir.VectorType(self.kind, self.lanes)
        self.entry = ir.IRBuilder(fn.append_basic_block("entry"))
        self.b = ir.IRBuilder(fn.append_basic_block("start"))
        self.entry.position_before(self.entry.branch(self.b.block))
        self.count = -(-columns // self.lanes)

    @contextmanager
    def loop(self, start: Any, stop: Any, step: int) -> Iterator[Any]:
        """Run what is appended for i from `start` while i < `stop`."""
        b = self.b
        head, body, done = (self.fn.append_basic_block() for _ in range(3))
        before = b.block
        b.branch(head)
        b.position_at_end(head)
        i = b.phi(I64)
        i.add_incoming(start, before)
        b.cbranch(b.icmp_signed("<", i, stop), body, done)
        b.position_at_end(body)
        yield i
        i.add_incoming(b.add(i, I64(step), flags=("nsw",)), b.block)
        b.branch(head)
        b.position_at_end(done)

    def at(self, p: Any, i: Any) -> Any:
        return self.b.gep(p, [i], inbounds=True)

    def _lanes(self, v: int) -> int:
        """Return how many elements vector `v` of a row has."""
        return min(self.lanes, self.columns - v * self.lanes)

    def _wide(self, p: Any) -> Any:
        return self.b.bitcast(p, self.vector.as_pointer())

    def _mask(self, lanes: int) -> Any:
        return ir.Constant(ir.VectorType(I1, self.lanes), [k < lanes for k in range(self.lanes)])

    def load(self, p: Any, v: int) -> Any:
        """Return vector `v` of the row at `p`, zeros behind its end."""
        at, lanes = self._wide(self.at(p, I64(v * self.lanes))), self._lanes(v)
        size = 32 // self.lanes
        if lanes == self.lanes:
            return self.b.load(at, align=size)
        kind = ir.FunctionType(
            self.vector, [at.type, I32, ir.VectorType(I1, self.lanes), self.vector]
        )
        name = f"llvm.masked.load.v{self.lanes}f{8 * size}.p0"
        fn = self.fn.module.globals.get(name) or ir.Function(self.fn.module, kind, name)
        zeros = ir.Constant(self.vector, None)
        return self.b.call(fn, [at, I32(size), self._mask(lanes), zeros])

    def store(self, x: Any, p: Any, v: int) -> None:
        """Store vector `v` of a row: the elements that the row has."""
        at, lanes = self._wide(self.at(p, I64(v * self.lanes))), self._lanes(v)
        size = 32 // self.lanes
        if lanes == self.lanes:
            self.b.store(x, at, align=size)
            return
        kind = ir.FunctionType(
            ir.VoidType(), [self.vector, at.type, I32, ir.VectorType(I1, self.lanes)]
        )
        name = f"llvm.masked.store.v{self.lanes}f{8 * size}.p0"
        fn = self.fn.module.globals.get(name) or ir.Function(self.fn.module, kind, name)
        self.b.call(fn, [x, at, I32(size), self._mask(lanes)])

    def ahead(self, p: Any) -> None:
        """Ask for a row that will be read soon: it is to come as far as the second-level cache."""
        byte = self.b.bitcast(p, ir.IntType(8).as_pointer())
        kind = ir.FunctionType(ir.VoidType(), [byte.type, I32, I32, I32])
        name = "llvm.prefetch.p0"
        fn = self.fn.module.globals.get(name) or ir.Function(self.fn.module, kind, name)
        for start in range(0, self.columns * 32 // self.lanes, 64):
            self.b.call(fn, [self.at(byte, I64(start)), I32(0), I32(2), I32(1)])

    def add(self, total: Any, x: Any, y: Any) -> Any:
        """Return ``total + x * y``; the order of the terms of a sum is free."""
        return self.b.fadd(total, self.b.fmul(x, y, flags=FLAGS), flags=FLAGS)

    def everywhere(self, x: Any) -> Any:
        """Return the vector whose elements are all `x`."""
        first = self.b.insert_element(ir.Constant(self.vector, ir.Undefined), x, I32(0))
        zeros = ir.Constant(ir.VectorType(I32, self.lanes), [0] * self.lanes)
        return self.b.shuffle_vector(first, first, zeros)

    def halved(self, xs: list[Any]) -> list[Any]:
        """Return the vectors of sums of neighbours, those of two vectors one after the other."""
        n = self.lanes
        even = ir.Constant(ir.VectorType(I32, n), list(range(0, 2 * n, 2)))
        odd = ir.Constant(ir.VectorType(I32, n), list(range(1, 2 * n, 2)))
        b = self.b
        return [
            b.fadd(b.shuffle_vector(x, y, even), b.shuffle_vector(x, y, odd), flags=FLAGS)
            for x, y in zip(xs[::2], xs[1::2])
        ]

    def total(self, x: Any) -> Any:
        """Return the sum of the elements of a vector."""
        n = self.lanes
        while n > 1:
            n //= 2
            moved = [*range(n, 2 * n), *range(self.lanes - n)]
            turn = ir.Constant(ir.VectorType(I32, self.lanes), moved)
            x = self.b.fadd(x, self.b.shuffle_vector(x, x, turn), flags=FLAGS)
        return self.b.extract_element(x, I32(0))


def _dot(w: _Writer) -> None:
    """``z[i] = X[i] . y`` of (n, X, ld, y, z)."""
    b = w.b
    n, x, ld, y, z = w.fn.args
    zero = ir.Constant(w.vector, None)

    def sums(i: Any, rows: int) -> list[Any]:
        starts = [w.at(x, b.mul(b.add(i, I64(r)), ld, flags=("nsw",))) for r in range(rows)]
        totals = [zero] * rows
        short = w.count if w.count <= UNROLLED else w.count % UNROLLED or UNROLLED
        if short < w.count:
            slots = [w.entry.alloca(w.vector) for _ in starts]
            for slot in slots:
                b.store(zero, slot)
            with w.loop(I64(0), I64((w.count - short) * w.lanes), UNROLLED * w.lanes) as k:
                for v in range(UNROLLED):
                    ys = w.load(w.at(y, k), v)
                    for slot, p in zip(slots, starts):
                        b.store(w.add(b.load(slot), w.load(w.at(p, k), v), ys), slot)
            totals = [b.load(slot) for slot in slots]
        for v in range(w.count - short, w.count):
            ys = w.load(y, v)
            totals = [w.add(t, w.load(p, v), ys) for t, p in zip(totals, starts)]
        return totals

    whole = b.sub(n, b.srem(n, I64(SIDE)))
    with w.loop(I64(0), whole, SIDE) as i:
        found = sums(i, SIDE)
        while len(found) * w.lanes > SIDE:
            found = w.halved(found)
        for k, v in enumerate(found):
            at = w._wide(w.at(z, b.add(i, I64(k * w.lanes))))
            b.store(v, at, align=32 // w.lanes)
    with w.loop(whole, n, 1) as i:
        b.store(w.total(sums(i, 1)[0]), w.at(z, i))
    b.ret_void()


def _last(w: _Writer) -> None:
    """As `_sum`, and ask for the rows behind the block meanwhile: memory is idle."""
    _sum(w, w.columns * 32 // w.lanes >= AHEAD)


def _sum(w: _Writer, ahead: bool = False) -> None:
    """``g += d[i] X[i]`` for all rows of (n, X, ld, d, g)."""
    b = w.b
    n, x, ld, d, g = w.fn.args
    groups = -(-w.count // SIDE)
    size = -(-w.count // groups)
    for first in range(0, w.count, size):
        chosen = range(first, min(first + size, w.count))
        side = max(4 // len(chosen), 1)
        slots = [[w.entry.alloca(w.vector) for _ in chosen] for _ in range(side)]
        for k, v in enumerate(chosen):
            b.store(w.load(g, v), slots[0][k])
            for more in slots[1:]:
                b.store(ir.Constant(w.vector, None), more[k])

        def one(i: Any, totals: list[Any], chosen: range = chosen) -> None:
            factor = w.everywhere(b.load(w.at(d, i)))
            start = w.at(x, b.mul(i, ld, flags=("nsw",)))
            if ahead and not chosen.start:
                w.ahead(w.at(x, b.mul(b.add(i, n), ld, flags=("nsw",))))
            for v, slot in zip(chosen, totals):
                b.store(w.add(b.load(slot), w.load(start, v), factor), slot)

        whole = b.sub(n, b.srem(n, I64(side)))
        with w.loop(I64(0), whole, side) as i:
            for r in range(side):
                one(b.add(i, I64(r)), slots[r])
        with w.loop(whole, n, 1) as i:
            one(i, slots[0])
        for k, v in enumerate(chosen):
            found = b.load(slots[0][k])
            for more in slots[1:]:
                found = b.fadd(found, b.load(more[k]), flags=FLAGS)
            w.store(found, g, v)
    b.ret_void()


WRITERS: dict[str, Callable[[_Writer], None]] = {"dot": _dot, "sum": _sum, "last": _last}


def function(module: Any, what: str, kind: str, columns: int) -> Any:
    """Return the LLVM function of a product in a module: of (n, X, steps between rows, y, result)."""
    name = f"rows_{what}_{kind}_{columns}"
    found = module.globals.get(name)
    if found is None:
        pointer = KINDS[kind].as_pointer()
        args = [I64, pointer, I64, pointer, pointer]
        found = ir.Function(module, ir.FunctionType(ir.VoidType(), args), name)
        found.linkage = "internal"
        found.attributes.add("nounwind")
        WRITERS[what](_Writer(found, kind, columns))
    return found


@cache
def product(what: str, kind: str, columns: int) -> Any:
    """Return a product for kernels that Numba compiles: a function of (n, X, ld, y, result)."""
    from numba.core import types
    from numba.extending import intrinsic

    @intrinsic
    def rows_product(typingctx: Any, n: Any, x: Any, ld: Any, y: Any, out: Any) -> Any:
        """Multiply a block of rows."""
        sig = types.none(n, x, ld, y, out)

        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            fn = function(builder.module, what, kind, columns)
            n, ld = (context.cast(builder, args[k], signature.args[k], types.intp) for k in (0, 2))
            builder.call(fn, [n, args[1], ld, args[3], args[4]])
            return context.get_dummy_value()

        return sig, codegen

    return rows_product
