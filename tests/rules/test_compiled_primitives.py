"""Compiled = interpreted for every primitive and its derivatives, many to a kernel.

The samples of each family stand side by side in one tape, so that a kernel is compiled for many
primitives at once; a failure names the row.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from primitive_checks import smooth_operands
from test_every_primitive import ORDERS, TESTED, rng_of, samples_of

from tapejit.core.avals import Aval, TupleAval, aval_of
from tapejit.passes.adjoint import adjoint
from tapejit.passes.pushforward import pushforward
from tapejit.runtime.compile import compile_staged
from tapejit.runtime.interp import interpret
from tapejit.runtime.pipeline import optimise
from tapejit.tape.ir import Builder, Sym, Tape
from tapejit.tape.primitive import Primitive

PER_KERNEL = 12
CASES = [
    (prim, arrays, params)
    for prim in TESTED
    for arrays, params in samples_of(prim)
    if prim.emit.kind != "host"
]
CHUNKS = [CASES[k : k + PER_KERNEL] for k in range(0, len(CASES), PER_KERNEL)]


def results(b: Builder, y: Sym) -> list[Sym]:
    """The results of a row, one or several."""
    return list(b.outs(y)) if isinstance(y.aval, TupleAval) else [y]


def as_dtype(x: Any, dtype: Any) -> Any:
    x = np.asarray(x)
    return x.astype(dtype) if x.dtype.kind in "fc" else x


@pytest.mark.parametrize("single", [False, True], ids=["double", "single"])
@pytest.mark.parametrize("chunk", CHUNKS, ids=lambda c: f"{c[0][0].name}..{c[-1][0].name}")
def test_compiled_equals_interpreted(chunk: Any, single: bool) -> None:
    b = Builder(eager=True)
    inputs: list[Any] = []
    outputs: list[Sym] = []
    labels: list[str] = []
    cases: list[tuple[Primitive, list[Sym], dict[str, Any]]] = []
    for prim, arrays, params in chunk:
        if single and (prim.name == "cast" or any(isinstance(v, Tape) for v in params.values())):
            continue
        xs = []
        for x in arrays:
            low = {"f": np.float32, "c": np.complex64}.get(np.asarray(x).dtype.kind)
            x = as_dtype(x, low) if single and low else np.asarray(x)
            xs.append(b.input(aval_of(x), x))
            inputs.append(x)
        cases.append((prim, xs, params))
    with np.errstate(all="ignore"):
        for prim, xs, params in cases:
            ys = results(b, prim.on(b, *xs, **params))
            outputs += ys
            labels += [prim.name] * len(ys)
            smooth = [xs[k] for k in smooth_operands(prim, xs)]
            live = [y for y in ys if y.aval.inexact]
            if single or not smooth or not live or prim.name in ORDERS:
                continue
            rng = rng_of(prim)
            if prim.vjp is not None:
                cts = [constant(b, rng, y.aval, inputs) for y in live]
                back = adjoint(b, live, cts, smooth)
                outputs += [g for g in back if g is not None]
                labels += [f"vjp of {prim.name}"] * sum(g is not None for g in back)
            if prim.jvp is not None:
                ts = [constant(b, rng, x.aval, inputs) for x in smooth]
                ahead = pushforward(b, smooth, ts, live)
                outputs += [t for t in ahead if t is not None]
                labels += [f"jvp of {prim.name}"] * sum(t is not None for t in ahead)
    tape = optimise(b.finish(outputs))
    expected = interpret(tape, inputs)
    found = compile_staged(tape, "test")(inputs)
    assert found is not None
    for label, want, have, o in zip(labels, expected, found, tape.outputs, strict=True):
        want, have = np.asarray(want), np.asarray(have)
        assert want.shape == have.shape, label
        if have.shape:
            assert have.dtype == tape.value(o).dtype, label
        tol = 2e-5 if single or want.dtype.name in ("float32", "complex64") else 1e-12
        np.testing.assert_allclose(have, want, rtol=tol, atol=tol, err_msg=label)


def constant(b: Builder, rng: np.random.Generator, aval: Aval, inputs: list[Any]) -> Sym:
    """A further input with random contents."""
    x = rng.normal(size=aval.shape)
    x = x + 1j * rng.normal(size=aval.shape) if aval.dtype.kind == "c" else x
    x = np.asarray(x).astype(aval.dtype)
    inputs.append(x)
    return b.input(Aval(aval.dtype, aval.shape), x)
