"""Checks of a NumPy function on traced arguments: the same value, dtype and shape as plain NumPy,
and tangents and cotangents that agree with differences of plain NumPy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from primitive_checks import assert_near, dense, difference, inner, normal

from tapejit.core.avals import aval_of
from tapejit.frontend.capture import Capture, capturing
from tapejit.frontend.dispatch import load_all
from tapejit.frontend.tracer import Root, Tracer, sym_of
from tapejit.passes.adjoint import adjoint
from tapejit.passes.pushforward import pushforward
from tapejit.tape.ir import Sym

load_all()


def traced(cap: Capture, x: Any) -> Any:
    """An array argument as a tracer; anything else as it is."""
    if not isinstance(x, (np.ndarray, np.generic)):
        return x
    sym = cap.b.input(aval_of(x), np.array(x)[()])
    return Tracer(cap, Root(sym))


def results(value: Any) -> tuple[Any, ...]:
    return tuple(value) if isinstance(value, (tuple, list)) else (value,)


def check(
    f: Callable[..., Any], *args: Any, rtol: float = 1e-6, derivative: bool = True, eps: float = 4.0
) -> None:
    """Compare `f` on tracers of the array arguments with `f` on the arrays."""
    with np.errstate(all="ignore"):
        wanted = results(f(*args))
        with capturing() as cap:
            given = [traced(cap, a) for a in args]
            found = results(f(*given))
            inputs = [a.root.sym for a in given if isinstance(a, Tracer)]
            assert len(found) == len(wanted)
            for got, want in zip(found, wanted):
                same_value(cap, got, want, eps)
            if derivative and any(s.aval.inexact for s in inputs):
                rows = [sym_of(cap, y) for y in found if isinstance(y, Tracer)]
                _check_derivative(cap, f, args, inputs, rows, rtol)


def same_value(cap: Capture, got: Any, want: Any, eps: float) -> None:
    if not isinstance(got, Tracer):
        assert type(got) is type(want) or isinstance(want, np.generic), (got, want)
        np.testing.assert_array_equal(got, want)
        return
    value = np.asarray(cap.value(got.sym))
    want = np.asarray(want)
    assert (value.dtype, value.shape) == (want.dtype, want.shape)
    assert (got.dtype, got.shape) == (want.dtype, want.shape)
    if want.dtype.kind in "fc":
        ulp = eps * float(np.finfo(want.dtype).eps)
        np.testing.assert_allclose(value, want, rtol=ulp, atol=ulp)
    else:
        np.testing.assert_array_equal(value, want)


def _check_derivative(
    cap: Capture,
    f: Callable[..., Any],
    args: tuple[Any, ...],
    inputs: list[Sym],
    rows: list[Sym],
    rtol: float,
) -> None:
    b = cap.b
    rng = np.random.default_rng(0)
    smooth = [s for s in inputs if s.aval.inexact]
    outs = [y for y in rows if y.aval.inexact]
    if not outs or any(s.dtype.name not in ("float64", "complex128") for s in smooth):
        back = adjoint(b, outs, [b.input(y.aval, np.ones(y.shape, y.dtype)) for y in outs], smooth)
        for c, x in zip(back, smooth):
            assert c is None or (c.dtype, c.shape) == (x.dtype, x.shape)
        return
    ts = [normal(rng, s.aval) for s in smooth]
    cts = [normal(rng, y.aval) for y in outs]
    directions = iter(ts)
    steps = [
        next(directions)
        if isinstance(a, (np.ndarray, np.generic)) and a.dtype.kind in "fc"
        else None
        for a in args
    ]

    def plain(values: list[Any]) -> list[Any]:
        found = results(f(*values))
        return [y for y in found if getattr(y, "dtype", np.dtype(bool)).kind in "fc"]

    wanted = difference(plain, list(args), steps)
    t_rows = [b.input(s.aval, t) for s, t in zip(smooth, ts)]
    forward = dense(b, pushforward(b, smooth, t_rows, outs), outs)
    assert_near([b.known[s.id] for s in forward], wanted, rtol, "jvp")
    ct_rows = [b.input(y.aval, ct) for y, ct in zip(outs, cts)]
    back = dense(b, adjoint(b, outs, ct_rows, smooth), smooth)
    left, right = inner(cts, wanted), inner([b.known[s.id] for s in back], ts)
    size = max(1.0, float(np.sum([np.sum(np.abs(w)) for w in wanted])))
    assert abs(left - right) < rtol * size, f"vjp: {left} and {right}"


def gradient(f: Callable[..., Any], *args: Any) -> list[Any]:
    """Gradients of the sum of (the real part of) `f` with respect to every array argument."""
    with np.errstate(all="ignore"), capturing() as cap:
        given = [traced(cap, np.asarray(a)) for a in args]
        inputs = [a.root.sym for a in given]
        y = sym_of(cap, f(*given))
        ones = cap.b.input(y.aval, np.ones(y.shape, y.dtype)[()])
        back = dense(cap.b, adjoint(cap.b, [y], [ones], inputs), inputs)
        return [cap.b.known[s.id] for s in back]
