"""Rows that hold tapes: ``map`` runs a body for every index, ``custom`` carries a user's rule.

Their derivatives are made by passes on the bodies, which stand above the rules: `passes.bodies`
enters them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ..core.avals import Aval, TupleAval
from ..core.errors import ShapeError, TapejitError
from ..tape.ir import Builder, Tape
from ..tape.primitive import Emit, Params, primitive
from ..tape.replay import interpreter
from .declare import general

Flags = tuple[bool, ...]


# ---------------------------------------------------------------- map
# The body's inputs are the operands: a mapped one without its first axis, a shared one as it is.
# Result k has a new first axis, or is the sum over the index where summed[k].


def length_of(avals: Any, mapped: Flags) -> int:
    """Return the number of indices of a map: the length of the first axis of mapped operands."""
    lengths = {a.shape[0] for a, m in zip(avals, mapped) if m}
    if len(lengths) != 1:
        raise ShapeError(f"map: mapped operands need one common length, got {sorted(lengths)}")
    return int(lengths.pop())


def _map_infer(*avals: Aval, body: Tape, mapped: Flags, summed: Flags) -> TupleAval:
    if not len(avals) == len(mapped) == body.n_inputs or len(summed) != len(body.outputs):
        raise TapejitError(f"map: the body takes {body.n_inputs} values, got {len(avals)}")
    n = length_of(avals, mapped)
    for i, (a, m) in enumerate(zip(avals, mapped)):
        want = body.value(i)
        if (a.shape[1:] if m else a.shape) != want.shape or a.dtype != want.dtype:
            raise ShapeError(f"map: operand {i} is {a}, the body takes {want}")
    outs = [body.value(o) for o in body.outputs]
    return TupleAval(
        tuple(Aval(o.dtype, o.shape if s else (n, *o.shape)) for o, s in zip(outs, summed))
    )


def _map_numpy(*xs: Any, body: Tape, mapped: Flags, summed: Flags) -> tuple[Any, ...]:
    run = interpreter(body).run
    n = next(len(x) for x, m in zip(xs, mapped) if m)
    outs = []
    for o, s in zip(body.outputs, summed):
        a = body.value(o)
        outs.append(np.zeros(a.shape, a.dtype) if s else np.empty((n, *a.shape), a.dtype))
    given = list(xs)
    moving = [k for k, m in enumerate(mapped) if m]
    for i in range(n):
        for k in moving:
            given[k] = xs[k][i]
        for out, s, value in zip(outs, summed, run(given)):
            if s:
                out += value
            else:
                out[i] = value
    return tuple(o[()] for o in outs)


def _map_samples(rng: np.random.Generator) -> Iterator[tuple[tuple[Any, ...], Params]]:
    b = Builder()
    x = b.input(Aval(np.dtype(float), (3,)))
    w = b.input(Aval(np.dtype(float), (3,)))
    y = primitive("sin")(x) * w
    total = primitive("sum")(y * y, axis=(0,), keepdims=False)
    body = b.finish([y, total, y])
    params = {"body": body, "mapped": (True, False), "summed": (False, False, True)}
    yield (rng.normal(size=(4, 3)), rng.normal(size=3)), params
    yield (
        (rng.normal(size=(2, 3)), rng.normal(size=(2, 3))),
        {**params, "mapped": (True, True)},
    )


map_ = general("map", _map_infer, _map_numpy, emit=Emit("map"), samples=_map_samples)


# ---------------------------------------------------------------- custom
# Operands: n_in inputs x, n_out outputs y computed from them, then values that the rule shares.
# The results are the y, unchanged. Derivatives do not follow the rows that computed y but the
# rule, a tape linear in its first inputs: tangents of x to tangents of y when `forward`,
# cotangents of y to cotangents of x otherwise; its other inputs are the shared values.


def _custom_infer(
    *avals: Aval, rule: Tape, n_in: int, n_out: int, forward: bool, name: str
) -> TupleAval:
    return TupleAval(tuple(avals[n_in : n_in + n_out]))


def _custom_numpy(
    *xs: Any, rule: Tape, n_in: int, n_out: int, forward: bool, name: str
) -> tuple[Any, ...]:
    return xs[n_in : n_in + n_out]


custom = general("custom", _custom_infer, _custom_numpy, emit=Emit("custom"))
