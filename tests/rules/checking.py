"""Checks of a NumPy function against plain NumPy and of its derivatives against differences.

`check` traces ``f``, compares the value with NumPy's and with a replay of the tape, the jvp with a
central difference, the vjp with the jvp (``<ct, J t> = <J* ct, t>``), and the jvp of the vjp with a
central difference of the vjp. In single precision the derivatives are compared with those of the
same call in double precision instead, where differences have been looked at.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from tapejit.core.avals import aval_of
from tapejit.frontend.capture import capturing
from tapejit.frontend.dispatch import load_all
from tapejit.frontend.tracer import Root, Tracer, sym_of
from tapejit.passes.adjoint import adjoint
from tapejit.passes.pushforward import pushforward
from tapejit.rules.declare import zeros_like
from tapejit.runtime.interp import interpret

load_all()


def leaves(value: Any) -> list[Any]:
    """The arrays in a result, in order; Python numbers and None are left out."""
    if isinstance(value, (tuple, list)):
        return [leaf for v in value for leaf in leaves(v)]
    if isinstance(value, (Tracer, np.ndarray, np.generic)):
        return [value]
    return []


class Found(NamedTuple):
    """What one capture computes: values, tangents, cotangents, tangents of the cotangents."""

    value: list[Any]
    result: Any
    jvp: list[Any]
    vjp: list[Any]
    second: list[Any]


def derivatives(
    f: Any, args: Any, tangents: Any, cts: Any, forward: bool = True, second: bool = True
) -> Found:
    """Trace ``f(*args)`` with its pushforward, its adjoint and the pushforward of the adjoint.

    The tape is then replayed, and the replayed numbers are what is returned.
    """
    with capturing() as cap:
        b = cap.b
        inputs = [b.input(aval_of(a), a) for a in args]
        ts = [b.input(aval_of(t), t) for t in tangents]
        xs = [b.apply(_copy(), (s,), {}) for s in inputs]
        result = f(*[Tracer(cap, Root(s)) for s in xs])
        outs = [sym_of(cap, o) for o in leaves(result)]
        smooth = [o for o in outs if o.aval.inexact]
        gs = [b.input(aval_of(c), c) for c in (cts(smooth) if callable(cts) else cts)]
        moved = pushforward(b, xs, ts, smooth) if forward else []
        pulled = adjoint(b, smooth, gs, xs)
        pulled = [zeros_like(x) if p is None else p for p, x in zip(pulled, xs)]
        twice = pushforward(b, xs, ts, pulled) if second else []
        groups = [outs, moved, pulled, twice]
        rows = [s for group in groups for s in group if s is not None]
        consts = [snapshot for _, _, snapshot in cap.consts]
        order = [i for i in range(len(b)) if b.op[i] == b.op[inputs[0].id]]
        known = [b.known[i] for i in order]
        eager = [b.known[s.id] for s in rows]
        tape = b.finish(rows)
    assert len(consts) <= len(known)
    replayed = iter(interpret(tape, known))
    parts = []
    for group in groups:
        part = []
        for s in group:
            found = None if s is None else next(replayed)
            if s is not None:
                assert np.asarray(found).dtype == s.dtype, (np.asarray(found).dtype, s)
                assert np.shape(found) == s.shape, (np.shape(found), s)
            part.append(found)
        parts.append(part)
    wide = not any(s.dtype.char in "fF" for s in inputs)
    again = [v for part in parts for v in part if v is not None]
    for e, a in zip(eager, again):
        # Alignment of the buffers may change the last digits.
        np.testing.assert_allclose(a, e, rtol=1e-4, atol=1e-9 if wide else 1e-4)
    return Found(parts[0], result, *parts[1:])


def _copy() -> Any:
    from tapejit.tape.primitive import primitive

    return primitive("copy")


def draw(rng: np.random.Generator, like: Any) -> Any:
    """Random numbers with the shape and dtype of an array."""
    x = rng.normal(size=np.shape(like))
    dtype = like.dtype
    if dtype.kind == "c":
        x = x + 1j * rng.normal(size=np.shape(like))
    return np.asarray(x).astype(dtype)[()]


def dot(a: Any, b: Any) -> float:
    """The real inner product Re(conj(a) b)."""
    return float(np.real(np.vdot(np.asarray(a), np.asarray(b))))


def same(found: Any, expected: Any, tol: float, what: str) -> None:
    """Compare to `tol` times the largest element."""
    found, expected = np.asarray(found), np.asarray(expected)
    scale = max(1.0, float(np.max(np.abs(expected), initial=0.0)))
    np.testing.assert_allclose(found, expected, rtol=0, atol=tol * scale, err_msg=what)


def check(
    f: Any,
    *args: Any,
    seed: int = 0,
    tangents: Any = None,
    second: bool = True,
    step: float | None = None,
    tol: float | None = None,
    value_tol: float | None = None,
    values: bool = True,
) -> Found:
    """Compare all that tapejit says of ``f(*args)`` with NumPy and with differences."""
    args = tuple(np.asarray(a)[()] for a in args)
    rng = np.random.default_rng(seed)
    single = any(a.dtype.char in "fF" for a in args)
    tol = tol if tol is not None else 5e-3 if single else 1e-6
    step = step if step is not None else 1e-5
    ts = [draw(rng, a) for a in args] if tangents is None else list(tangents)
    cts = lambda outs: [draw(rng, o) for o in outs]
    kept: list[Any] = []

    def remembered(outs: Any) -> Any:
        kept[:] = cts(outs)
        return kept

    found = derivatives(f, args, ts, remembered, second=second)
    expected = leaves(f(*args))
    if values:
        assert len(expected) == len(found.value)
        for y, e in zip(found.value, expected):
            assert np.asarray(y).dtype == e.dtype, (np.asarray(y).dtype, e.dtype)
            assert np.shape(y) == e.shape, (np.shape(y), e.shape)
            loose = 1e-5 if e.dtype.char in "fF" else 1e-12
            same(y, e, loose if value_tol is None else value_tol, "value")
    for a, c in zip(args, found.vjp):
        assert np.asarray(c).dtype == a.dtype, "dtype of the cotangent"
        assert np.shape(c) == a.shape
    smooth = [y for y in found.value if np.asarray(y).dtype.kind in "fc"]
    for y, t in zip(smooth, found.jvp):
        assert t is None or np.asarray(t).dtype == np.asarray(y).dtype, "dtype of the jvp"
    moved = [np.zeros_like(y) if t is None else t for y, t in zip(smooth, found.jvp)]
    left = sum(dot(c, t) for c, t in zip(kept, moved))
    right = sum(dot(c, t) for c, t in zip(found.vjp, ts))
    scale = max(1.0, sum(dot(np.abs(c), np.abs(t)) for c, t in zip(kept, moved)))
    exact = 1e-3 if single else 1e-10
    assert abs(left - right) <= exact * scale, f"<ct, J t> = {left}, <J* ct, t> = {right}"
    if single:
        _against_double(f, args, ts, kept, found, second, tol)
    else:
        _against_differences(f, args, ts, kept, found, moved, second, step, tol)
    return found


def _against_double(
    f: Any, args: Any, ts: Any, cts: Any, found: Found, second: bool, tol: float
) -> None:
    wide = [[wider(v) for v in group] for group in (args, ts, cts)]
    double = derivatives(f, *wide, second=second)
    for what in ("jvp", "vjp", "second"):
        for narrow, expected in zip(getattr(found, what), getattr(double, what)):
            assert (narrow is None) == (expected is None)
            if narrow is not None:
                same(narrow, expected, tol, f"{what} against double precision")


def wider(x: Any) -> Any:
    """The same numbers in double precision."""
    return np.asarray(x).astype(np.complex128 if x.dtype.kind == "c" else np.float64)[()]


def _against_differences(
    f: Any, args: Any, ts: Any, cts: Any, found: Found, moved: Any, second: bool, step: float,
    tol: float,
) -> None:  # fmt: skip
    smooth = lambda xs: [v for v in leaves(f(*xs)) if v.dtype.kind in "fc"]
    plus = [(a + step * t).astype(a.dtype) for a, t in zip(args, ts)]
    minus = [(a - step * t).astype(a.dtype) for a, t in zip(args, ts)]
    slopes = [(p - m) / (2 * step) for p, m in zip(smooth(plus), smooth(minus))]
    assert len(slopes) == len(moved)
    for t, s in zip(moved, slopes):
        same(t, s, tol, "jvp against a central difference")
    if not second:
        return
    up = derivatives(f, plus, ts, cts, forward=False, second=False).vjp
    down = derivatives(f, minus, ts, cts, forward=False, second=False).vjp
    assert len(found.second) == len(up)
    for t, p, m in zip(found.second, up, down):
        s = (p - m) / (2 * step)
        same(np.zeros_like(s) if t is None else t, s, 10 * tol, "second order")
