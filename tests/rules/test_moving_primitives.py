"""Each declaration of the families index, scan, sort, reduce and shape against its own samples."""

import inspect

import numpy as np
import pytest

from tapejit.core.avals import aval_of
from tapejit.frontend.dispatch import load_all
from tapejit.tape.ir import Builder
from tapejit.tape.primitive import PRIMITIVES

load_all()
FAMILIES = ("index", "scan", "sort", "reduce", "shape")


def declared():
    for prim in PRIMITIVES:
        module = inspect.getmodule(prim.infer).__name__
        if module.rsplit(".", 1)[-1] in FAMILIES:
            for k, (args, params) in enumerate(prim.samples(np.random.default_rng(0))):
                yield pytest.param(prim, args, params, id=f"{prim.name}-{k}")


CASES = list(declared())
CALLS = [c for c in CASES if c.values[0].emit.kind == "call"]
SMOOTH = [c for c in CASES if c.values[0].vjp is not None]


@pytest.mark.parametrize("prim,args,params", CASES)
def test_shape_rule(prim, args, params):
    want = prim.numpy(*args, **params)
    got = prim.infer(*[aval_of(np.asarray(a)) for a in args], **params)
    assert got.shape == np.shape(want) and got.dtype == want.dtype


def inputs(args):
    b = Builder(eager=True)
    return b, [b.input(aval_of(np.asarray(a)), a) for a in args]


@pytest.mark.parametrize("prim,args,params", SMOOTH)
def test_derivatives(prim, args, params):
    rng = np.random.default_rng(1)
    b, xs = inputs(args)
    y = prim(*xs, **params)
    smooth = [np.result_type(a).kind in "fc" for a in args]
    if prim.name in ("tie_mean", "recurrence"):
        smooth = [True, prim.name == "recurrence"]
    vs = [rng.normal(size=np.shape(a)) if s else None for a, s in zip(args, smooth)]
    ts = [None if v is None else b.input(aval_of(v), v) for v in vs]
    w = rng.normal(size=y.shape).astype(y.dtype)
    ct = b.input(aval_of(w), w)
    t = b.known[prim.jvp(ts, y, *xs, **params).id]
    cts = prim.vjp(ct, y, *xs, **params)
    back = [None if c is None else b.known[c.id] for c in cts]
    h = 1e-6

    def at(s):
        return prim.numpy(*[a if v is None else a + s * h * v for a, v in zip(args, vs)], **params)

    slope = (at(1) - at(-1)) / (2 * h)
    np.testing.assert_allclose(t, slope, rtol=1e-7, atol=1e-7)
    pulled = sum(np.sum(np.real(np.conj(c) * v)) for c, v in zip(back, vs) if v is not None)
    np.testing.assert_allclose(pulled, np.sum(np.real(np.conj(w) * t)), rtol=1e-10)
    for c, a, v in zip(back, args, vs):
        assert v is None or (c.shape == np.shape(a) and c.dtype == np.result_type(a))


@pytest.mark.parametrize("prim,args,params", CALLS)
def test_routine(prim, args, params):
    from tapejit.kernels import routines

    want = prim.numpy(*args, **params)
    avals = [aval_of(np.asarray(a)) for a in args]
    text = prim.emit.text(avals, prim.infer(*avals, **params), params)
    out = np.full(want.size, 77, want.dtype)
    names = {f"a{k}": np.ravel(a) for k, a in enumerate(args)}
    call = text.format(*names, out="out")
    exec(call, {"routines": routines, "out": out, **names})
    np.testing.assert_allclose(out.reshape(want.shape), want, rtol=1e-12)
