"""Arithmetic, comparisons, logic, bits and selection.

Each declaration reads as a line of a formula sheet: meaning, partial derivatives, code.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..core.avals import Aval
from ..tape.ir import Sym
from ..tape.primitive import Emit, Primitive
from .declare import (
    booleans,
    broadcast,
    common_dtype,
    const,
    elementwise,
    field,
    integers,
    lattice,
    ops,
    reals,
    unbroadcast,
)

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
    (lambda z, x, y: 1.0 / y, lambda z, x, y: -z * (1.0 / y)),
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
    kinds="fiubc",
    domain=(reals(), reals()),
)
logical_or = elementwise(
    "logical_or",
    np.logical_or,
    emit="(({0} != 0) | ({1} != 0))",
    kinds="fiubc",
    domain=(reals(), reals()),
)
logical_not = elementwise(
    "logical_not", np.logical_not, emit="({0} == 0)", kinds="fiubc", domain=(reals(),)
)
logical_xor = elementwise(
    "logical_xor",
    np.logical_xor,
    emit="(({0} != 0) ^ ({1} != 0))",
    kinds="fiubc",
    domain=(reals(), reals()),
)


# ---------------------------------------------------------------- what kind of number

isfinite = elementwise(
    "isfinite",
    np.isfinite,
    emit="(({0} - {0}) == 0)",
    emit_complex="np.isfinite({0})",
    domain=(field(),),
)
isnan = elementwise("isnan", np.isnan, emit="({0} != {0})", kinds="fc", domain=(field(),))
isinf = elementwise(
    "isinf",
    np.isinf,
    emit="(abs({0}) == np.inf)",
    emit_complex="np.isinf({0})",
    domain=(field(),),
)
signbit = elementwise("signbit", np.signbit, emit="np.signbit({0})", domain=(reals(away=(0.0,)),))


# ---------------------------------------------------------------- bits


def _bits(name: str, ufunc: np.ufunc, text: str) -> Primitive:
    return elementwise(name, ufunc, emit=text, kinds="iub", domain=(integers(),) * ufunc.nin)


bitwise_and = _bits("bitwise_and", np.bitwise_and, "({0} & {1})")
bitwise_or = _bits("bitwise_or", np.bitwise_or, "({0} | {1})")
bitwise_xor = _bits("bitwise_xor", np.bitwise_xor, "({0} ^ {1})")
# Numba knows ~ of integers; of a bool it would be that of the integer 0 or 1.
invert = _bits("invert", np.invert, "(~{0})")
invert.emit = Emit(
    "elementwise", lambda dtypes, params: "({0} == 0)" if dtypes[0].kind == "b" else "(~{0})"
)
# A shift by the width or more gives 0 (or -1) in NumPy and anything in machine code: no code here.
left_shift = elementwise("left_shift", np.left_shift, domain=(integers(), integers()))
right_shift = elementwise("right_shift", np.right_shift, domain=(integers(), integers()))
bitwise_count = elementwise("bitwise_count", np.bitwise_count, domain=(integers(),))
gcd = elementwise("gcd", np.gcd, domain=(integers(), integers()))
lcm = elementwise("lcm", np.lcm, domain=(integers(), integers()))


# ---------------------------------------------------------------- selection


def _where_resolve(c: Aval, x: Aval, y: Aval) -> tuple[Any, ...]:
    dtype = common_dtype(x, y)
    return (np.dtype(bool), dtype, dtype, dtype)


def _where_zero(c: Sym, ct: Sym, keep: bool) -> Sym:
    return ops.where(c, ct, 0.0) if keep else ops.where(c, 0.0, ct)


def _where_jvp(ts: Sequence[Any], z: Sym, c: Sym, x: Sym, y: Sym) -> Any:
    if not z.aval.inexact or (ts[1] is None and ts[2] is None):
        return None
    found = ops.where(c, 0.0 if ts[1] is None else ts[1], 0.0 if ts[2] is None else ts[2])
    return broadcast(found, z.shape)


def _where_vjp(ct: Sym, z: Sym, c: Sym, x: Sym, y: Sym) -> list[Any]:
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
fmax = elementwise(
    "fmax",
    np.fmax,
    (lambda z, x, y: _ties(z, x, y), lambda z, x, y: _ties(z, y, x)),
    emit="({0} if ({0} >= {1}) | ({1} != {1}) else {1})",
    kinds="fiu",
    domain=(lattice(0.0), lattice(0.125)),
    masks=True,
)
fmin = elementwise(
    "fmin",
    np.fmin,
    (lambda z, x, y: _ties(z, x, y), lambda z, x, y: _ties(z, y, x)),
    emit="({0} if ({0} <= {1}) | ({1} != {1}) else {1})",
    kinds="fiu",
    domain=(lattice(0.0), lattice(0.125)),
    masks=True,
)
