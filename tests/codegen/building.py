"""Short ways to build tapes with loops, and to compare what runs them."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from plain_kernels import run_plainly

from tapejit.core.avals import Aval
from tapejit.rules.declare import ops
from tapejit.rules.loops import cond, for_, while_
from tapejit.runtime.compile import Staged, compile_staged
from tapejit.runtime.pipeline import optimise
from tapejit.tape.ir import Builder, Sym, Tape
from tapejit.tape.replay import interpret
from tapejit.tape.verify import verify

INT = Aval(np.dtype(np.int64))


def aval(*shape: int, dtype: str = "float64") -> Aval:
    return Aval(np.dtype(dtype), shape)


def body_of(fn: Callable[..., Sequence[Any]], avals: Sequence[Aval]) -> Tape:
    """Return the tape of a function of values."""
    b = Builder()
    inputs = [b.input(Aval(a.dtype, a.shape)) for a in avals]
    return b.finish([b.sym(x) for x in fn(*inputs)])


def loop(
    b: Builder,
    n: int | Sym,
    fn: Callable[..., Sequence[Any]],
    carried: Sequence[Sym],
    shared: Sequence[Sym] = (),
    stacked: Sequence[Sym] = (),
    reverse: bool = False,
) -> tuple[Sym, ...]:
    """Append a ``for`` row whose body is ``fn(i, *carried, *shared, *elements)``."""
    avals = [INT, *(x.aval for x in (*carried, *shared))]
    avals += [Aval(x.dtype, x.shape[1:]) for x in stacked]
    length = n if isinstance(n, int) else -1
    row = for_.on(
        b, b.lit(n, INT) if isinstance(n, int) else n, *carried, *shared, *stacked,
        body=body_of(fn, avals), carry=len(carried), shared=len(shared), reverse=reverse,
        length=length,
    )  # fmt: skip
    return b.outs(row)


def repeat(
    b: Builder,
    test: Callable[..., Any],
    fn: Callable[..., Sequence[Any]],
    carried: Sequence[Sym],
    shared: Sequence[Sym] = (),
) -> tuple[Sym, ...]:
    """Append a ``while`` row."""
    avals = [x.aval for x in (*carried, *shared)]
    row = while_.on(
        b, *carried, *shared,
        test=body_of(lambda *xs: [test(*xs)], avals), body=body_of(fn, [INT, *avals]),
        carry=len(carried),
    )  # fmt: skip
    return b.outs(row)


def choose(
    b: Builder, flag: Sym, then: Callable[..., Any], orelse: Callable[..., Any], *xs: Sym
) -> tuple[Sym, ...]:
    """Append a ``cond`` row."""
    avals = [x.aval for x in xs]
    return b.outs(cond.on(b, flag, *xs, then=body_of(then, avals), orelse=body_of(orelse, avals)))


def at(x: Sym, *starts: Any) -> Sym:
    """Return an element as a number; positions are checked."""
    places = [ops.wrap_index(x.b.sym(s), size=n, axis=0) for s, n in zip(starts, x.shape)]
    return ops.reshape(ops.dynamic_slice(x, *places, sizes=(1,) * x.ndim), shape=())


def row_of(x: Sym, i: Any) -> Sym:
    """Return a row of a matrix."""
    zero = x.b.lit(0, INT)
    i = ops.wrap_index(x.b.sym(i), size=x.shape[0], axis=0)
    return ops.reshape(ops.dynamic_slice(x, i, zero, sizes=(1, x.shape[1])), shape=x.shape[1:])


def put(x: Sym, value: Any, *starts: Any, add: bool = False) -> Sym:
    """Return an array with one element (or one row) replaced."""
    b = x.b
    places = [ops.wrap_index(b.sym(s), size=n, axis=0) for s, n in zip(starts, x.shape)]
    sizes = (1,) * len(places) + x.shape[len(places) :]
    places += [b.lit(0, INT)] * (x.ndim - len(places))
    value = b.sym(value)
    value = ops.reshape(value, shape=sizes) if value.size == int(np.prod(sizes)) else value
    return (ops.dynamic_add if add else ops.dynamic_update)(x, value, *places)


def check(tape: Tape, *inputs: Any) -> str:
    """Compare the compiled tape, and its source run as Python, with the replay; return the source.

    Inputs must stay as they are.
    """
    verify(tape)
    wanted = interpret(tape, inputs)
    before = [np.array(x) for x in inputs]
    best = optimise(tape)
    compiled = compile_staged(best, "test")
    assert not isinstance(compiled, Staged), "a row has no code"
    runs = [compiled(inputs)]
    if "blas." not in compiled.text.source:
        runs += [run_plainly(best, inputs), run_plainly(tape, inputs)]
    for found in runs:
        assert found is not None
        for k, (have, want) in enumerate(zip(found, wanted, strict=True)):
            want = np.asarray(want)
            assert np.shape(have) == want.shape, k
            assert np.asarray(have).dtype == want.dtype, k
            tol = 1e-4 if want.dtype in (np.float32, np.complex64) else 1e-12
            np.testing.assert_allclose(have, want, rtol=tol, atol=tol, err_msg=f"output {k}")
    for x, old in zip(inputs, before):
        np.testing.assert_array_equal(x, old)
    return compiled.text.source


def copies(source: str) -> int:
    """Count the loops of a kernel that only copy one array into another."""
    lines = [line.strip() for line in source.splitlines()]
    found = 0
    for head, inner in itertools.pairwise(lines):
        target, _, value = inner.partition(" = ")
        plain = value.endswith("]") and value.count("[") == 1 and target.count("[") == 1
        found += head.startswith("for i") and plain and " " not in value.split("[")[0]
    return found
