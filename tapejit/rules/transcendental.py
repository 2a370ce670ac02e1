"""Exponentials, logarithms, circular and hyperbolic functions and their inverses.

Partials are written in the form that keeps precision and range: 1 - x**2 as (1 - x)(1 + x), the
softmax weights of logaddexp as exp(x - z). The real poles of derivatives (arcsin at 1, log at 0)
give the infinity that they are.
"""

from __future__ import annotations

from math import log as _log
from math import pi

import numpy as np

from ..tape.ir import Sym
from .declare import const, elementwise, field, ops, positive, reals

LN2, LN10 = _log(2.0), _log(10.0)

exp = elementwise(
    "exp",
    np.exp,
    (lambda y, x: y,),
    emit="vmath.exp_{s}({0})",
    emit_complex="np.exp({0})",
    domain=(field(),),
)
exp2 = elementwise(
    "exp2",
    np.exp2,
    (lambda y, x: LN2 * y,),
    emit="vmath.exp2_{s}({0})",
    emit_complex="np.exp2({0})",
    domain=(field(),),
)
expm1 = elementwise(
    "expm1",
    np.expm1,
    (lambda y, x: y + 1.0,),
    emit="vmath.expm1_{s}({0})",
    emit_complex="np.expm1({0})",
    domain=(field(),),
)
log = elementwise(
    "log",
    np.log,
    (lambda y, x: 1.0 / x,),
    emit="vmath.log_{s}({0})",
    emit_complex="np.log({0})",
    domain=(positive(complex=True),),
)
log2 = elementwise(
    "log2",
    np.log2,
    (lambda y, x: (1.0 / LN2) / x,),
    emit="vmath.log2_{s}({0})",
    emit_complex="np.log2({0})",
    domain=(positive(complex=True),),
)
log10 = elementwise(
    "log10",
    np.log10,
    (lambda y, x: (1.0 / LN10) / x,),
    emit="vmath.log10_{s}({0})",
    emit_complex="np.log10({0})",
    domain=(positive(complex=True),),
)
log1p = elementwise(
    "log1p",
    np.log1p,
    (lambda y, x: 1.0 / (1.0 + x),),
    emit="vmath.log1p_{s}({0})",
    emit_complex="np.log1p({0})",
    domain=(positive(complex=True),),
)


def _logaddexp_weight(z: Sym, x: Sym, y: Sym) -> Sym:
    """e**(x - z): where x = z, 1, or 1/2 when y = z too, which covers both infinities."""
    ends = ops.where(y.eq(z), const(0.5, z), const(1.0, z))
    return ops.where(x.eq(z), ends, ops.exp(x - z))


def _logaddexp2_weight(z: Sym, x: Sym, y: Sym) -> Sym:
    ends = ops.where(y.eq(z), const(0.5, z), const(1.0, z))
    return ops.where(x.eq(z), ends, ops.exp2(x - z))


logaddexp = elementwise(
    "logaddexp",
    np.logaddexp,
    (_logaddexp_weight, lambda z, x, y: _logaddexp_weight(z, y, x)),
    emit="vmath.logaddexp_{s}({0}, {1})",
    domain=(reals(), reals()),
)
logaddexp2 = elementwise(
    "logaddexp2",
    np.logaddexp2,
    (_logaddexp2_weight, lambda z, x, y: _logaddexp2_weight(z, y, x)),
    emit="np.logaddexp2({0}, {1})",
    domain=(reals(), reals()),
)


# ---------------------------------------------------------------- circular functions

sin = elementwise(
    "sin",
    np.sin,
    (lambda y, x: ops.cos(x),),
    emit="vmath.sin_{s}({0})",
    emit_complex="np.sin({0})",
    domain=(field(),),
)
cos = elementwise(
    "cos",
    np.cos,
    (lambda y, x: -ops.sin(x),),
    emit="vmath.cos_{s}({0})",
    emit_complex="np.cos({0})",
    domain=(field(),),
)
tan = elementwise(
    "tan",
    np.tan,
    (lambda y, x: 1.0 + y * y,),
    emit="vmath.tan_{s}({0})",
    emit_complex="np.tan({0})",
    domain=(field(-1.2, 1.2),),
)
arcsin = elementwise(
    "arcsin",
    np.arcsin,
    (lambda y, x: 1.0 / ops.sqrt((1.0 - x) * (1.0 + x)),),
    emit="vmath.arcsin_{s}({0})",
    emit_complex="np.arcsin({0})",
    domain=(field(-0.9, 0.9),),
)
arccos = elementwise(
    "arccos",
    np.arccos,
    (lambda y, x: -1.0 / ops.sqrt((1.0 - x) * (1.0 + x)),),
    emit="vmath.arccos_{s}({0})",
    emit_complex="np.arccos({0})",
    domain=(field(-0.9, 0.9, away=(0.0,)),),
)
arctan = elementwise(
    "arctan",
    np.arctan,
    (lambda y, x: 1.0 / (1.0 + x * x),),
    emit="vmath.arctan_{s}({0})",
    emit_complex="np.arctan({0})",
    domain=(field(-0.9, 0.9, away=(0.0,)),),
)


def _over_square(top: Sym, x: Sym, y: Sym) -> Sym:
    """top / (x**2 + y**2), and 0 at the origin, where an angle has no derivative."""
    r2 = x * x + y * y
    origin = r2.eq(0.0)
    return ops.where(origin, const(0.0, r2), top / ops.where(origin, const(1.0, r2), r2))


arctan2 = elementwise(
    "arctan2",
    np.arctan2,
    (lambda z, y, x: _over_square(x, x, y), lambda z, y, x: _over_square(-y, x, y)),
    emit="np.arctan2({0}, {1})",
    domain=(reals(away=(0.0,)), reals(away=(0.0,))),
)


def _hypot_partial(z: Sym, x: Sym) -> Sym:
    """x / z, and 0 at the origin: the least of the subgradients."""
    origin = z.eq(0.0)
    return ops.where(origin, const(0.0, z), x / ops.where(origin, const(1.0, z), z))


hypot = elementwise(
    "hypot",
    np.hypot,
    (lambda z, x, y: _hypot_partial(z, x), lambda z, x, y: _hypot_partial(z, y)),
    emit="vmath.hypot_{s}({0}, {1})",
    domain=(reals(away=(0.0,)), reals(away=(0.0,))),
)
deg2rad = elementwise(
    "deg2rad",
    np.deg2rad,
    (lambda y, x: pi / 180.0,),
    emit=f"({{0}} * {pi / 180.0!r})",
    domain=(reals(-90.0, 90.0),),
)
rad2deg = elementwise(
    "rad2deg",
    np.rad2deg,
    (lambda y, x: 180.0 / pi,),
    emit=f"({{0}} * {180.0 / pi!r})",
    domain=(reals(),),
)


# ---------------------------------------------------------------- hyperbolic functions

sinh = elementwise(
    "sinh",
    np.sinh,
    (lambda y, x: ops.cosh(x),),
    emit="vmath.sinh_{s}({0})",
    emit_complex="np.sinh({0})",
    domain=(field(),),
)
cosh = elementwise(
    "cosh",
    np.cosh,
    (lambda y, x: ops.sinh(x),),
    emit="vmath.cosh_{s}({0})",
    emit_complex="np.cosh({0})",
    domain=(field(),),
)
tanh = elementwise(
    "tanh",
    np.tanh,
    (lambda y, x: 1.0 - y * y,),
    emit="vmath.tanh_{s}({0})",
    emit_complex="np.tanh({0})",
    domain=(field(-1.2, 1.2),),
)


def _arcsinh_partial(y: Sym, x: Sym) -> Sym:
    """1 / sqrt(1 + x**2), without overflow for real x."""
    return 1.0 / (ops.sqrt(1.0 + x * x) if x.dtype.kind == "c" else ops.hypot(x, 1.0))


arcsinh = elementwise(
    "arcsinh",
    np.arcsinh,
    (_arcsinh_partial,),
    emit="vmath.arcsinh_{s}({0})",
    emit_complex="np.arcsinh({0})",
    domain=(field(-0.9, 0.9),),
)
arccosh = elementwise(
    "arccosh",
    np.arccosh,
    (lambda y, x: 1.0 / (ops.sqrt(x - 1.0) * ops.sqrt(x + 1.0)),),
    emit="vmath.arccosh_{s}({0})",
    emit_complex="np.arccosh({0})",
    domain=(positive(1.2, 4.0, complex=True),),
)
arctanh = elementwise(
    "arctanh",
    np.arctanh,
    (lambda y, x: 1.0 / ((1.0 - x) * (1.0 + x)),),
    emit="vmath.arctanh_{s}({0})",
    emit_complex="np.arctanh({0})",
    domain=(field(-0.9, 0.9),),
)
