"""Compare a function on tracers with plain NumPy: values, avals of rows, derivatives."""

from __future__ import annotations

import zlib

import numpy as np

from tapejit.core.pytree import flatten
from tapejit.frontend.dispatch import load_all
from tapejit.frontend.tracer import Tracer, sym_of
from tapejit.passes.pushforward import pushforward
from tapejit.runtime.interp import literal
from tapejit.runtime.trace import trace
from tapejit.tape.primitive import PRIMITIVES
from tapejit.transforms.reverse import value_and_grad_rows

load_all()


def _nothing():
    pass


def tape_of(f, *args):
    """The tape of a call with every argument dynamic."""
    leaves, tree = flatten((args, {}))
    apply = lambda cap, fn, a, k: f(*a)
    return trace(apply, _nothing, leaves, tree, [True] * len(leaves)).tape


def run(apply, *args):
    """Trace `apply(cap, args, kwargs)` with every array dynamic."""
    leaves, tree = flatten((args, {}))
    dynamic = [isinstance(x, (np.ndarray, np.generic, float, complex)) for x in leaves]
    traced = trace(lambda cap, f, a, k: apply(cap, a, k), _nothing, leaves, tree, dynamic)
    inputs = [x for x, d in zip(leaves, dynamic) if d] + [array for array, _ in traced.consts]
    check_rows(traced.tape, inputs)
    return traced.result


def traced(f, *args):
    return run(lambda cap, a, k: f(*a), *args)


def check_rows(tape, inputs):
    """Replay: every row must have the shape and dtype that its shape rule promised."""
    values = []
    with np.errstate(all="ignore"):
        for i in range(tape.rows):
            prim, params = PRIMITIVES[tape.op[i]], tape.params(i)
            if i < tape.n_inputs:
                value = inputs[i]
            elif prim.name == "lit":
                value = literal(params["value"], tape.value(i))
            else:
                value = prim.numpy(*[values[k] for k in tape.args(i)], **params)
            values.append(value)
            if isinstance(value, tuple):
                continue
            aval = tape.value(i)
            assert np.shape(value) == aval.shape, (prim.name, params, np.shape(value), aval)
            if i >= tape.n_inputs:
                assert value.dtype == aval.dtype, (prim.name, params, value.dtype, aval)


def same(got, want, rtol=1e-12, atol=1e-12):
    """Equal values, shapes, dtypes and kinds of container."""
    if isinstance(want, (list, tuple)):
        assert len(got) == len(want), (got, want)
        for g, w in zip(got, want):
            same(g, w, rtol, atol)
        return
    assert np.shape(got) == np.shape(want), (np.shape(got), np.shape(want))
    assert np.result_type(got) == np.result_type(want), (np.result_type(got), np.result_type(want))
    if np.ndim(want):
        assert isinstance(got, np.ndarray), type(got)
    np.testing.assert_allclose(got, want, rtol=rtol, atol=atol)


def pair(w, y):
    """The real inner product."""
    return np.sum(np.real(np.conj(w) * y)) if np.iscomplexobj(w) else np.sum(w * y)


def inner(a, b):
    return sum(pair(x, y) for x, y in zip(flatten(a)[0], flatten(b)[0]))


def like(rng, tree):
    """Random direction shaped like the arrays of a flat list."""
    made = []
    for x in tree:
        d = rng.normal(size=np.shape(x))
        made.append(d + 1j * rng.normal(size=np.shape(x)) if np.iscomplexobj(x) else d)
    return made


def check(f, *args, second=True, rtol=2e-6, values=True, grads=True):
    """Check `f` on float (or complex) array arguments; other arguments should be closed over."""
    rng = np.random.default_rng(zlib.crc32(repr([np.shape(a) for a in args]).encode()))
    with np.errstate(all="ignore"):
        want = f(*args)
    if values:
        same(traced(f, *args), want)
    if not grads:
        return
    ws = like(rng, flatten(want)[0])
    smooth = [np.result_type(y).kind in "fc" for y in flatten(want)[0]]

    def phi(*xs):
        ys = flatten(f(*xs))[0]
        terms = [pair(w, y) for w, y, s in zip(ws, ys, smooth) if s]
        total = terms[0]
        for t in terms[1:]:
            total = total + t
        return total

    numbers = tuple(range(len(args)))

    def gradient(*xs):
        return run(
            lambda cap, a, k: value_and_grad_rows(cap, phi, a, k, numbers, False, False), *xs
        )[1]

    vs = like(rng, args)
    h = 1e-5

    def moved(t):
        return [x + t * h * v for x, v in zip(args, vs)]

    with np.errstate(all="ignore"):
        slope = (phi(*moved(1)) - phi(*moved(-1))) / (2 * h)
    grads_ = gradient(*args)
    for g, x in zip(grads_, args):
        assert np.shape(g) == np.shape(x) and np.result_type(g) == np.result_type(x)
    by_vjp = inner(grads_, vs)
    scale = 1 + abs(slope)
    assert abs(by_vjp - slope) < rtol * scale, ("vjp", by_vjp, slope)

    def forward(cap, a, k):
        xs = [sym_of(cap, x) for x in a]
        ys = [sym_of(cap, y) for y in flatten(f(*a))[0]]
        ts = pushforward(cap.b, xs, [cap.const(v) for v in vs], ys)
        return [None if t is None else Tracer_of(cap, t) for t in ts]

    ts = run(forward, *args)
    by_jvp = sum(inner([w], [t]) for w, t in zip(ws, ts) if t is not None)
    assert abs(by_jvp - by_vjp) < 1e-9 * scale, ("jvp", by_jvp, by_vjp)
    if not second:
        return

    def psi_rows(cap, a, k):
        def psi(*xs):
            gs = value_and_grad_rows(cap, phi, xs, {}, numbers, False, False)[1]
            total = 0.0
            for g, v in zip(gs, vs):
                total = total + pair(v, g)
            return total

        return value_and_grad_rows(cap, psi, a, k, numbers, False, False)[1]

    hess = run(psi_rows, *args)
    want2 = (inner(gradient(*moved(1)), vs) - inner(gradient(*moved(-1)), vs)) / (2 * h)
    got2 = inner(hess, vs)
    assert abs(got2 - want2) < 10 * rtol * (1 + abs(want2)), ("second", got2, want2)


def Tracer_of(cap, sym):
    from tapejit.frontend.tracer import Root

    return Tracer(cap, Root(sym))
