"""Rows that belong to the tape itself: inputs, literals, results, casts, copies and guards."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib import import_module
from typing import Any

import numpy as np

from ..core.avals import Aval, TupleAval, common_shape
from ..core.errors import TapejitError
from ..tape.ir import Sym
from ..tape.primitive import LATE, Emit, Params
from .declare import general, ops, unbroadcast

# Linear algebra waits until one of its primitives is used, or named by a tape that is read.
LATE.append(lambda: import_module(".linalg", __package__))


def _no_value(*xs: Any, **params: Any) -> Any:
    raise TapejitError("inputs and literals are given, not computed")


def _no_infer(*avals: Any, **params: Any) -> Any:
    raise TapejitError("inputs and literals carry their own avals")


input_ = general("input", _no_infer, _no_value, emit=Emit("input"))
lit = general("lit", _no_infer, _no_value, emit=Emit("lit"))


def _out_infer(a: TupleAval, *, k: int) -> Aval:
    return a.items[k]


# `out` rows are followed by the derivative passes themselves: they collect the cotangents of all
# the results of a row before its rule is asked.
out = general("out", _out_infer, lambda xs, *, k: xs[k], emit=Emit("out"))


def _cast_infer(a: Aval, *, dtype: str, weak: bool) -> Aval:
    return Aval(np.dtype(dtype), a.shape, weak)


def _cast_numpy(x: Any, *, dtype: str, weak: bool) -> Any:
    x = np.asarray(x)
    if x.dtype.kind == "c" and np.dtype(dtype).kind in "fiu":
        x = x.real
    return x.astype(dtype)[()]


def _cast_jvp(ts: Sequence[Any], y: Sym, x: Sym, **params: Any) -> Any:
    if ts[0] is None or not y.aval.inexact:
        return None
    return ops.cast(ts[0], **params)


def _cast_vjp(ct: Sym, y: Sym, x: Sym, **params: Any) -> list[Any]:
    return [ops.cast(ct, dtype=x.dtype.name, weak=False) if x.aval.inexact else None]


def _cast_samples(rng: np.random.Generator) -> Iterator[tuple[tuple[Any, ...], Params]]:
    yield (rng.normal(size=(2, 3)),), {"dtype": "float32", "weak": False}
    yield (rng.normal(size=3),), {"dtype": "complex128", "weak": False}
    yield (rng.integers(-3, 3, 4),), {"dtype": "float64", "weak": False}


cast = general(
    "cast",
    _cast_infer,
    _cast_numpy,
    jvp=_cast_jvp,
    vjp=_cast_vjp,
    emit=Emit("elementwise", lambda dtypes, params: "cast"),
    samples=_cast_samples,
)


def _copy_samples(rng: np.random.Generator) -> Iterator[tuple[tuple[Any, ...], Params]]:
    yield (rng.normal(size=(2, 3)),), {}


def _identity_infer(a: Aval) -> Aval:
    return a


copy = general(
    "copy",
    _identity_infer,
    lambda x: np.array(x)[()],
    jvp=lambda ts, y, x: ts[0],
    vjp=lambda ct, y, x: [ct],
    emit=Emit("elementwise", lambda dtypes, params: "{0}"),
    samples=_copy_samples,
)

stop_gradient = general(
    "stop_gradient",
    _identity_infer,
    lambda x: x,
    emit=Emit("elementwise", lambda dtypes, params: "{0}"),
    samples=_copy_samples,
)


def _guard_infer(a: Aval, *, expected: Any) -> Aval:
    return Aval(np.dtype(bool), ())


guard = general(
    "guard",
    _guard_infer,
    lambda x, *, expected: np.bool_(x == expected),
    emit=Emit("guard"),
    effect=True,
)


# ---------------------------------------------------------------- the gated product


def _gated_numpy(ct: Any, p: Any, *, first: bool = False) -> Any:
    with np.errstate(all="ignore"):
        return np.where(ct == 0, np.zeros((), np.result_type(ct)), ct * p)[()]


def _gated_infer(ct: Aval, p: Aval, *, first: bool = False) -> Aval:
    return Aval(ct.dtype, common_shape(ct.shape, p.shape))


def _open_gate(ct: Sym, p: Sym) -> Sym:
    """p as the partial of a gated product: p itself, or 0 behind a gate that hides inf or nan."""
    return ops.where(ops.logical_and(ct.eq(0.0), ~ops.isfinite(p)), 0.0, p)


def _gated_jvp(ts: Sequence[Any], y: Sym, ct: Sym, p: Sym, first: bool = False) -> Any:
    one = None if ts[0] is None else ts[0] * _open_gate(ct, p)
    other = None if ts[1] is None else ops.gated(ct, ts[1])
    if one is None or other is None:
        return one if other is None else other
    return one + other


def _gated_vjp(g: Sym, y: Sym, ct: Sym, p: Sym, first: bool = False) -> list[Any]:
    from .declare import conj

    one = g * conj(_open_gate(ct, p))
    other = ops.gated(conj(ct), g)
    return [unbroadcast(one, ct.shape), unbroadcast(other, p.shape)]


def _gated_promote(ct: Aval, p: Aval, *, first: bool = False) -> tuple[Any, Any]:
    dtype = np.result_type(ct.dtype, p.dtype)
    return (dtype, dtype)


def _gated_samples(rng: np.random.Generator) -> Iterator[tuple[tuple[Any, ...], Params]]:
    yield (np.array([1.0, 0.5, 0.3]), rng.normal(size=3)), {}


# With `first` the gate stands in the body of a reversed loop and can matter in its first round only.
gated = general(
    "gated",
    _gated_infer,
    _gated_numpy,
    jvp=_gated_jvp,
    vjp=_gated_vjp,
    promote=_gated_promote,
    emit=Emit("elementwise", lambda dtypes, params: "({0} * {1} if {0} != 0 else {0})"),
    samples=_gated_samples,
    masks=True,
)
