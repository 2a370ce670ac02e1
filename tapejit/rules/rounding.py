"""Rounding, remainders, signs and steps: functions that are smooth in pieces.

Between their jumps these functions have ordinary derivatives, mostly 0 or 1, and at a jump the
rules give the value of one side. A function without a derivative anywhere (``floor``) has none
here, and its result carries no tangent.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from ..core.avals import Aval, TupleAval
from ..tape.ir import Sym
from ..tape.primitive import Params, Primitive
from .declare import const, elementwise, general, integers, lattice, ops, reals, ufunc_dtypes

# Quarters off the jumps: halves for rint, integers for the others.
_STEPS = lattice(0.25, 0.5)


def _rounding(name: str, ufunc: np.ufunc) -> Primitive:
    return elementwise(name, ufunc, emit=f"np.{name}({{0}})", domain=(_STEPS,))


floor = _rounding("floor", np.floor)
ceil = _rounding("ceil", np.ceil)
trunc = _rounding("trunc", np.trunc)
rint = _rounding("rint", np.rint)
spacing = elementwise("spacing", np.spacing, emit="np.spacing({0})", domain=(reals(1.1, 1.9),))
# One step of the last place up or down: the step is locally constant.
nextafter = elementwise(
    "nextafter",
    np.nextafter,
    (lambda z, x, y: 1, None),
    emit="np.nextafter({0}, {1})",
    domain=(reals(1.1, 1.9), reals(3.0, 4.0)),
)


# ---------------------------------------------------------------- quotients and remainders

# Numerators and denominators whose quotients stay off the integers, of both signs.
_TOP, _BOTTOM = lattice(1.0, 3.0, -6.0, 6.0), lattice(0.75, 1.5, -1.6, 1.6)

floor_divide = elementwise(
    "floor_divide",
    np.floor_divide,
    emit="routines.floor_divide({0}, {1})",
    emit_whole="routines.whole_quotient({0}, {1})",
    domain=(_TOP, _BOTTOM),
)
# x mod y = x - y floor(x / y), with the sign of y; fmod truncates instead, with the sign of x.
remainder = elementwise(
    "remainder",
    np.remainder,
    (lambda z, x, y: 1, lambda z, x, y: -ops.floor_divide(x, y)),
    emit="routines.remainder({0}, {1})",
    emit_whole="routines.whole_remainder({0}, {1})",
    domain=(_TOP, _BOTTOM),
)
fmod = elementwise(
    "fmod",
    np.fmod,
    (lambda z, x, y: 1, lambda z, x, y: -ops.trunc(x / y)),
    emit="np.fmod({0}, {1})",
    domain=(_TOP, _BOTTOM),
)


def _fraction_resolve(x: Aval) -> tuple[Any, ...]:
    return ufunc_dtypes(np.modf, x)[:2]


# The part after the point, with the sign of x: the first result of modf.
fraction = elementwise(
    "fraction",
    lambda x: np.modf(x)[0],
    (lambda y, x: 1,),
    emit="np.copysign(0.0 if abs({0}) == np.inf else {0} - np.trunc({0}), {0})",
    domain=(_STEPS,),
    resolve=_fraction_resolve,
)


# ---------------------------------------------------------------- signs and steps

copysign = elementwise(
    "copysign",
    np.copysign,
    (lambda z, x, y: ops.sign(x) * ops.copysign(const(1.0, y), y), None),
    emit="np.copysign({0}, {1})",
    domain=(reals(away=(0.0,)), reals(away=(0.0,))),
    masks=True,
)
heaviside = elementwise(
    "heaviside",
    np.heaviside,
    (None, lambda z, x, h: ops.where(x.eq(0.0), const(1.0, z), const(0.0, z))),
    emit="({1} if {0} == 0 else (0.0 if {0} < 0 else (1.0 if {0} > 0 else {0})))",
    domain=(reals(away=(0.0,)), reals()),
    masks=True,
)


# ---------------------------------------------------------------- binary exponents


def _two_to(x: Sym, n: Sym) -> Sym:
    return ops.ldexp(const(1.0, x), n)


ldexp = elementwise(
    "ldexp",
    np.ldexp,
    (lambda z, x, n: _two_to(x, n), None),
    domain=(reals(), integers(-4, 5, ("int64", "int32", "int8"))),
)


def _frexp_infer(x: Aval) -> TupleAval:
    _, mantissa, exponent = ufunc_dtypes(np.frexp, x)
    return TupleAval((Aval(mantissa, x.shape), Aval(exponent, x.shape)))


def _frexp_jvp(ts: Sequence[Any], ys: Sequence[Sym], x: Sym) -> tuple[Any, Any]:
    return (None if ts[0] is None else ops.ldexp(ts[0], -ys[1]), None)


def _frexp_vjp(cts: Sequence[Any], ys: Sequence[Sym], x: Sym) -> list[Any]:
    return [None if cts[0] is None else ops.ldexp(cts[0], -ys[1])]


def _frexp_samples(rng: np.random.Generator) -> Iterator[tuple[tuple[Any, ...], Params]]:
    yield (rng.uniform(1.1, 1.9, (2, 3)),), {}
    yield (rng.uniform(5.0, 7.0, 3).astype(np.float32),), {}


# x = m 2**e: within a binade e is constant, so m moves with x.
frexp = general(
    "frexp",
    _frexp_infer,
    np.frexp,
    jvp=_frexp_jvp,
    vjp=_frexp_vjp,
    promote=lambda x: (ufunc_dtypes(np.frexp, x)[0],),
    samples=_frexp_samples,
)


# ---------------------------------------------------------------- unwrap


def _unwrap_infer(p: Aval, *, discont: Any, axis: int, period: Any) -> Aval:
    return Aval(np.result_type(p.dtype, type(period)(1)), p.shape)


def _unwrap_samples(rng: np.random.Generator) -> Iterator[tuple[tuple[Any, ...], Params]]:
    p = np.linspace(0.0, 20.0, 12).reshape(2, 6) % 6.0
    yield (p,), {"discont": None, "axis": 1, "period": 6.25}


# Multiples of the period are added, the same ones nearby: the derivative is the identity.
unwrap = general(
    "unwrap",
    _unwrap_infer,
    np.unwrap,
    jvp=lambda ts, y, p, **params: ts[0],
    vjp=lambda ct, y, p, **params: [ct if p.aval.inexact else None],
    samples=_unwrap_samples,
)
