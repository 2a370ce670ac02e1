"""Arithmetic, comparisons, logic, selection and the functions built of them.

Each declaration reads as a line of a formula sheet: meaning, partial derivatives, code.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..core.avals import Aval
from ..tape.ir import Sym
from ..tape.primitive import Primitive
from .declare import booleans, common_dtype, const, elementwise, field, lattice, ops, positive, reals

ARITH = "fiuc"

add = elementwise(
    "add",
    np.add,
    (lambda z, x, y: 1, lambda z, x, y: 1),
    emit="({0} + {1})",
    kinds=ARITH,
    domain=(field(), field()),
)
subtract = elementwise(
    "subtract",
    np.subtract,
    (lambda z, x, y: 1, lambda z, x, y: -1),
    emit="({0} - {1})",
    kinds=ARITH,
    domain=(field(), field()),
)
multiply = elementwise(
    "multiply",
    np.multiply,
    (lambda z, x, y: y, lambda z, x, y: x),
    emit="({0} * {1})",
    kinds=ARITH,
    domain=(field(), field()),
)
divide = elementwise(
    "divide",
    np.divide,
    (lambda z, x, y: 1.0 / y, lambda z, x, y: -z / y),
    emit="({0} / {1})",
    kinds="fc",
    domain=(field(), field(0.5, 2.0)),
)
negative = elementwise(
    "negative", np.negative, (lambda y, x: -1,), emit="(-{0})", kinds="fic", domain=(field(),)
)
positive_ = elementwise(
    "positive", np.positive, (lambda y, x: 1,), emit="{0}", kinds=ARITH, domain=(field(),)
)


def _comparison(name: str, ufunc: np.ufunc, sign: str) -> Primitive:
    return elementwise(
        name, ufunc, emit=f"({{0}} {sign} {{1}})", kinds="fiub", domain=(reals(), reals())
    )


greater = _comparison("greater", np.greater, ">")
greater_equal = _comparison("greater_equal", np.greater_equal, ">=")
less = _comparison("less", np.less, "<")
less_equal = _comparison("less_equal", np.less_equal, "<=")
equal = elementwise(
    "equal", np.equal, emit="({0} == {1})", kinds="fiubc", domain=(reals(), reals())
)
not_equal = elementwise(
    "not_equal", np.not_equal, emit="({0} != {1})", kinds="fiubc", domain=(reals(), reals())
)

logical_and = elementwise(
    "logical_and",
    np.logical_and,
    emit="(({0} != 0) & ({1} != 0))",
    kinds="fiub",
    domain=(reals(), reals()),
)
logical_or = elementwise(
    "logical_or",
    np.logical_or,
    emit="(({0} != 0) | ({1} != 0))",
    kinds="fiub",
    domain=(reals(), reals()),
)
logical_not = elementwise(
    "logical_not", np.logical_not, emit="({0} == 0)", kinds="fiub", domain=(reals(),)
)
isfinite = elementwise(
    "isfinite", np.isfinite, emit="(({0} - {0}) == 0)", kinds="f", domain=(reals(),)
)


# ---------------------------------------------------------------- selection


def _where_resolve(c: Aval, x: Aval, y: Aval) -> tuple[Any, ...]:
    dtype = common_dtype(x, y)
    return (np.dtype(bool), dtype, dtype, dtype)


def _where_zero(c: Sym, ct: Sym, keep: bool) -> Sym:
    return ops.where(c, ct, 0.0) if keep else ops.where(c, 0.0, ct)


def _where_jvp(ts: Sequence[Any], z: Sym, c: Sym, x: Sym, y: Sym) -> Any:
    from .declare import broadcast

    if not z.aval.inexact or (ts[1] is None and ts[2] is None):
        return None
    found = ops.where(c, 0.0 if ts[1] is None else ts[1], 0.0 if ts[2] is None else ts[2])
    return broadcast(found, z.shape)


def _where_vjp(ct: Sym, z: Sym, c: Sym, x: Sym, y: Sym) -> list[Any]:
    from .declare import unbroadcast

    return [
        None,
        unbroadcast(_where_zero(c, ct, True), x.shape),
        unbroadcast(_where_zero(c, ct, False), y.shape),
    ]


where = elementwise(
    "where",
    np.where,
    (None, None, None),
    emit="({1} if {0} else {2})",
    kinds="fiubc",
    domain=(booleans(), field(), field()),
    resolve=_where_resolve,
    masks=True,
)
where.jvp, where.vjp = _where_jvp, _where_vjp


def _ties(z: Sym, x: Sym, y: Sym) -> Any:
    """The share of operand x in a maximum or minimum z: 1 where it wins, 1/2 at a tie."""
    half, one, zero = const(0.5, z), const(1.0, z), const(0.0, z)
    return ops.where(x.eq(z), ops.where(y.eq(z), half, one), zero)


maximum = elementwise(
    "maximum",
    np.maximum,
    (lambda z, x, y: _ties(z, x, y), lambda z, x, y: _ties(z, y, x)),
    emit="({0} if ({0} >= {1}) | ({0} != {0}) else {1})",
    kinds="fiu",
    domain=(lattice(0.0), lattice(0.125)),
    masks=True,
)
minimum = elementwise(
    "minimum",
    np.minimum,
    (lambda z, x, y: _ties(z, x, y), lambda z, x, y: _ties(z, y, x)),
    emit="({0} if ({0} <= {1}) | ({0} != {0}) else {1})",
    kinds="fiu",
    domain=(lattice(0.0), lattice(0.125)),
    masks=True,
)


# ---------------------------------------------------------------- powers, exponentials, tanh

square = elementwise(
    "square",
    np.square,
    (lambda y, x: 2.0 * x,),
    emit="({0} * {0})",
    kinds=ARITH,
    domain=(field(),),
)
sqrt = elementwise(
    "sqrt",
    np.sqrt,
    (lambda y, x: ops.where(y.eq(0.0), 0.0, 0.5 / y),),
    emit="np.sqrt({0})",
    kinds="fc",
    domain=(positive(),),
)
exp = elementwise(
    "exp",
    np.exp,
    (lambda y, x: y,),
    emit="vmath.exp_{s}({0})",
    emit_complex="np.exp({0})",
    domain=(field(),),
)
log = elementwise(
    "log",
    np.log,
    (lambda y, x: 1.0 / x,),
    emit="vmath.log_{s}({0})",
    emit_complex="np.log({0})",
    domain=(positive(),),
)
tanh = elementwise(
    "tanh",
    np.tanh,
    (lambda y, x: 1.0 - y * y,),
    emit="vmath.tanh_{s}({0})",
    emit_complex="np.tanh({0})",
    domain=(field(),),
)
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


def _power_base(z: Sym, x: Sym, n: Sym) -> Any:
    """n x**(n-1), and 0 where n is 0 even at x = 0."""
    return ops.where(n.eq(0.0), 0.0, n * ops.power(x, n - 1.0))


def _power_exponent(z: Sym, x: Sym, n: Sym) -> Any:
    """x**n log x, and 0 where x is 0 (the limit for n > 0)."""
    at_zero = x.eq(0.0)
    return ops.where(at_zero, 0.0, z * ops.log(ops.where(at_zero, 1.0, x)))


power = elementwise(
    "power",
    np.power,
    (_power_base, _power_exponent),
    emit="vmath.pow_{s}({0}, {1})",
    emit_complex="({0} ** {1})",
    domain=(positive(), reals()),
)
