"""Checks of one primitive on one set of inputs, from its declaration alone.

Values are compared with the declaration's NumPy meaning, tangents with differences of values,
cotangents with tangents (the adjoint identity), second derivatives with differences of cotangents
and with the reverse sweep of the forward sweep. Nothing here knows any primitive by name.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tapejit.core.avals import AVALS, Aval, TupleAval, aval_of
from tapejit.passes.adjoint import adjoint
from tapejit.passes.pushforward import pushforward
from tapejit.rules.declare import zeros_like
from tapejit.runtime.interp import interpret
from tapejit.tape.ir import Builder, Sym, Tape
from tapejit.tape.primitive import Params, Primitive
from tapejit.tape.verify import verify

Arrays = Sequence[Any]

EVALUATORS: list[tuple[str, Callable[[Tape, Arrays], list[Any]]]] = [("interpreted", interpret)]
"""Each evaluator runs a tape on inputs; all of them must agree with NumPy on every sample."""


def record(
    prim: Primitive, arrays: Arrays, params: Params, eager: bool = True
) -> tuple[Builder, list[Sym], tuple[Sym, ...]]:
    """Put the primitive on a new tape: the builder, its inputs, its results."""
    b = Builder(eager=eager)
    xs = [b.input(aval_of(x), np.asarray(x)[()]) for x in arrays]
    y = prim.on(b, *xs, **params)
    several = isinstance(AVALS[b.avals[y.id]], TupleAval)
    return b, xs, (b.outs(y) if several else (y,))


def smooth_operands(prim: Primitive, xs: Sequence[Sym]) -> list[int]:
    """The operands that can carry a derivative."""
    fixed = {k for k, d in enumerate(prim.domain) if d.fixed}
    return [k for k, x in enumerate(xs) if x.aval.inexact and k not in fixed]


def dense(b: Builder, found: Sequence[Sym | None], like: Sequence[Sym]) -> list[Sym]:
    """Replace the cotangents or tangents that are None by zeros."""
    return [zeros_like(x) if s is None else s for s, x in zip(found, like)]


def as_tuple(value: Any, n: int) -> tuple[Any, ...]:
    return tuple(value) if n > 1 or type(value) is tuple else (value,)


def normal(rng: np.random.Generator, aval: Aval) -> Any:
    """A random direction in the space of `aval`; zero for a dtype without derivatives."""
    x: Any = rng.normal(size=aval.shape)
    if aval.dtype.kind == "c":
        x = x + 1j * rng.normal(size=aval.shape)
    return np.asarray(x * aval.inexact).astype(aval.dtype)


def inner(a: Arrays, b: Arrays) -> float:
    """The real inner product of two lists of arrays, Re(conj(a) b) summed."""
    total = 0.0
    for x, y in zip(a, b):
        wide = np.result_type(x, np.float64)
        total += float(np.vdot(np.asarray(x).astype(wide), np.asarray(y).astype(wide)).real)
    return total


def difference(f: Callable[[list[Any]], list[Any]], xs: Arrays, ts: Arrays) -> list[Any]:
    """The directional derivative of `f` by central differences, extrapolated once."""

    def central(h: float) -> list[Any]:
        up = f([x + h * t if t is not None else x for x, t in zip(xs, ts)])
        down = f([x - h * t if t is not None else x for x, t in zip(xs, ts)])
        return [(np.asarray(u) - np.asarray(d)) / (2 * h) for u, d in zip(up, down)]

    h = 4e-4
    return [(4 * fine - coarse) / 3 for coarse, fine in zip(central(h), central(h / 2))]


def assert_near(found: Arrays, wanted: Arrays, rtol: float, what: str) -> None:
    for got, want in zip(found, wanted):
        got, want = np.asarray(got), np.asarray(want)
        assert got.shape == want.shape, f"{what}: shape {got.shape}, wanted {want.shape}"
        scale = max(1.0, float(np.max(np.abs(want), initial=0.0)))
        np.testing.assert_allclose(got, want, rtol=rtol, atol=0.1 * rtol * scale, err_msg=what)


def check_value(prim: Primitive, arrays: Arrays, params: Params) -> None:
    """Shape rule, dtypes and every evaluator agree with NumPy."""
    with np.errstate(all="ignore"):
        wanted = prim.numpy(*arrays, **params)
        b, _, ys = record(prim, arrays, params)
    wanted = as_tuple(wanted, len(ys))
    tape = verify(b.finish(ys))
    results = [("eager", [b.known[y.id] for y in ys])]
    results += [(name, run(tape, list(arrays))) for name, run in EVALUATORS]
    for y, want in zip(ys, wanted):
        want = np.asarray(want)
        assert y.dtype == want.dtype, f"{prim.name}: the rule says {y.dtype}, NumPy {want.dtype}"
        assert y.shape == want.shape, f"{prim.name}: the rule says {y.shape}, NumPy {want.shape}"
    for name, found in results:
        for got, want in zip(found, wanted):
            got, want = np.asarray(got), np.asarray(want)
            assert (got.dtype, got.shape) == (want.dtype, want.shape), (prim.name, name)
            if want.dtype.kind in "fc":
                ulp = float(np.finfo(want.dtype).eps)
                np.testing.assert_allclose(
                    got, want, rtol=4 * ulp, atol=4 * ulp, err_msg=f"{prim.name}, {name}"
                )
            else:
                np.testing.assert_array_equal(got, want, err_msg=f"{prim.name}, {name}")


def wide(x: Any) -> Any:
    """The same values in double precision, so that differences are worth something."""
    x = np.asarray(x)
    return x.astype({"f": np.float64, "c": np.complex128}.get(x.dtype.kind, x.dtype))


def check_derivatives(
    prim: Primitive, arrays: Arrays, params: Params, rng: np.random.Generator, second: bool = True
) -> None:
    """Tangents, cotangents and second derivatives agree with each other and with differences."""
    exact = [wide(x) for x in arrays]
    single = any(np.asarray(x).dtype.name in ("float32", "complex64") for x in arrays)
    first = _first_order(prim, exact, params, rng)
    if first is None:
        return
    ts, cts, t_ys, ct_xs = first
    if single:
        _check_single(prim, arrays, params, ts, cts, t_ys, ct_xs)
    elif second:
        _second_order(prim, exact, params, ts, cts, rng)


def coarse(*rows: Sequence[Sym]) -> float:
    """How much looser to compare when some result is in single precision (a cast, say)."""
    single = any(s.dtype.name in ("float32", "complex64") for group in rows for s in group)
    return 3e3 if single else 1.0


def _values(prim: Primitive, exact: Arrays, params: Params) -> Callable[[list[Any]], list[Any]]:
    b, _, ys = record(prim, exact, params)
    tape = b.finish(ys)
    return lambda xs: interpret(tape, xs)


def _first_order(prim: Primitive, exact: Arrays, params: Params, rng: np.random.Generator) -> Any:
    b, xs, ys = record(prim, exact, params)
    ks = smooth_operands(prim, xs)
    if not ks or not any(y.aval.inexact for y in ys):
        return None
    ts = {k: normal(rng, xs[k].aval) for k in ks}
    wanted = difference(
        _values(prim, exact, params), list(exact), [ts.get(k) for k in range(len(xs))]
    )
    wanted = [w if y.aval.inexact else np.zeros(y.shape) for w, y in zip(wanted, ys)]
    rows = [b.input(xs[k].aval, ts[k]) for k in ks]
    cts = [normal(rng, y.aval) for y in ys]
    ct_rows = [b.input(y.aval, ct) for y, ct in zip(ys, cts)]
    inputs = [xs[k] for k in ks]
    given = [c if y.aval.inexact else None for c, y in zip(ct_rows, ys)]
    t_ys: list[Any] = []
    if prim.jvp is not None or prim.vjp is None:
        t_rows = dense(b, pushforward(b, inputs, rows, ys), ys)
        t_ys = [b.known[s.id] for s in t_rows]
        for t, y in zip(t_rows, ys):
            assert t.dtype == y.dtype and t.shape == y.shape, f"{prim.name}: tangent is {t.aval}"
        assert_near(t_ys, wanted, 1e-6 * coarse(ys), f"{prim.name}: jvp against differences")
    if prim.vjp is None and prim.jvp is not None:
        return None
    back = dense(b, adjoint(b, ys, given, inputs), inputs)
    for c, x in zip(back, inputs):
        assert c.dtype == x.dtype and c.shape == x.shape, f"{prim.name}: cotangent is {c.aval}"
    ct_xs = [b.known[s.id] for s in back]
    left, right = inner(cts, wanted), inner(ct_xs, [ts[k] for k in ks])
    size = max(1.0, abs(left), float(np.sum([np.sum(np.abs(w)) for w in wanted])))
    assert abs(left - right) < 1e-6 * coarse(ys) * size, (
        f"{prim.name}: <ct, jvp t> = {left}, <vjp ct, t> = {right}"
    )
    b.masked.update(c.id for c in ct_rows)
    gated = dense(b, adjoint(b, ys, given, inputs), inputs)
    assert_near(
        [b.known[s.id] for s in gated],
        ct_xs,
        1e-12 * coarse(ys),
        f"{prim.name}: vjp of a gated cotangent",
    )
    return ts, cts, t_ys, ct_xs


def _check_single(
    prim: Primitive,
    arrays: Arrays,
    params: Params,
    ts: Any,
    cts: Arrays,
    t_ys: Arrays,
    ct_xs: Arrays,
) -> None:
    """Single precision stays single in both directions, and is near the double result."""
    b, xs, ys = record(prim, arrays, params)
    ks = smooth_operands(prim, xs)
    inputs = [xs[k] for k in ks]
    rows = [b.input(xs[k].aval, ts[k].astype(xs[k].dtype)) for k in ks]
    ct_rows = [b.input(y.aval, ct.astype(y.dtype)) for y, ct in zip(ys, cts)]
    if t_ys:
        found = dense(b, pushforward(b, inputs, rows, ys), ys)
        assert [s.dtype for s in found] == [y.dtype for y in ys], f"{prim.name}: tangent dtype"
        assert_near([b.known[s.id] for s in found], t_ys, 3e-4, f"{prim.name}: jvp in float32")
    given = [c if y.aval.inexact else None for c, y in zip(ct_rows, ys)]
    back = dense(b, adjoint(b, ys, given, inputs), inputs)
    assert [s.dtype for s in back] == [x.dtype for x in inputs], f"{prim.name}: cotangent dtype"
    assert_near([b.known[s.id] for s in back], ct_xs, 3e-4, f"{prim.name}: vjp in float32")


def _second_order(
    prim: Primitive, exact: Arrays, params: Params, ts: Any, cts: Arrays, rng: np.random.Generator
) -> None:
    """Forward over reverse against differences of reverse, and reverse over forward against it."""
    b, xs, ys = record(prim, exact, params)
    ks = smooth_operands(prim, xs)
    inputs = [xs[k] for k in ks]
    ct_rows = [b.input(y.aval, ct) for y, ct in zip(ys, cts)]
    given = [c if y.aval.inexact else None for c, y in zip(ct_rows, ys)]
    back = dense(b, adjoint(b, ys, given, inputs), inputs)
    tape = b.finish(back)

    def reverse(values: list[Any]) -> list[Any]:
        return interpret(tape, [*values, *cts])

    wanted = difference(reverse, list(exact), [ts.get(k) for k in range(len(xs))])
    rows = [b.input(xs[k].aval, ts[k]) for k in ks]
    found = dense(b, pushforward(b, inputs, rows, back), back)
    assert_near(
        [b.known[s.id] for s in found],
        wanted,
        1e-5 * coarse(ys),
        f"{prim.name}: jvp of vjp against differences",
    )
    us = [normal(rng, x.aval) for x in inputs]
    u_rows = [b.input(x.aval, u) for x, u in zip(inputs, us)]
    again = dense(b, adjoint(b, back, u_rows, inputs), inputs)
    left = inner(us, wanted)
    right = inner([b.known[s.id] for s in again], [ts[k] for k in ks])
    size = max(1.0, float(np.sum([np.sum(np.abs(w)) for w in wanted])))
    assert abs(left - right) < 1e-5 * coarse(ys) * size, (
        f"{prim.name}: vjp of vjp: {left} and {right}"
    )
    if prim.jvp is None:
        return
    b, xs, ys = record(prim, exact, params)
    inputs = [xs[k] for k in ks]
    rows = [b.input(xs[k].aval, ts[k]) for k in ks]
    tangents = pushforward(b, inputs, rows, ys)
    given = [None if t is None else b.input(y.aval, ct) for t, y, ct in zip(tangents, ys, cts)]
    kept = [(t, c) for t, c in zip(tangents, given) if t is not None]
    mixed = dense(b, adjoint(b, [t for t, _ in kept], [c for _, c in kept], inputs), inputs)
    assert_near(
        [b.known[s.id] for s in mixed],
        wanted,
        1e-5 * coarse(ys),
        f"{prim.name}: vjp of jvp against jvp of vjp",
    )
