"""Powers and roots.

``power`` has an exponent that varies; ``integer_power`` one that is known when the tape is made:
its code is a few multiplications, and so is its derivative. At 0 the roots have the subgradient 0,
and x**n is not differentiated through log x.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ..core.avals import Aval
from ..tape.ir import Sym
from ..tape.primitive import Emit, Params
from .declare import const, elementwise, field, float_dtype, literal_of, ops, positive, reals

ARITH = "fiuc"

square = elementwise(
    "square",
    np.square,
    (lambda y, x: 2.0 * x,),
    emit="({0} * {0})",
    kinds=ARITH,
    domain=(field(),),
)
reciprocal = elementwise(
    "reciprocal",
    np.reciprocal,
    (lambda y, x: -ops.square(y),),
    emit="(1 / {0})",
    kinds="fc",
    domain=(field(away=(0.0,)),),
)


def zero_at_zero(y: Sym, p: Sym) -> Sym:
    """The partial `p`, and 0 where `y` is 0: the subgradient chosen at a vertical tangent."""
    return ops.where(y.eq(0.0), const(0.0, p), p)


sqrt = elementwise(
    "sqrt",
    np.sqrt,
    (lambda y, x: zero_at_zero(y, 0.5 / y),),
    emit="np.sqrt({0})",
    kinds="fc",
    domain=(positive(complex=True),),
)
cbrt = elementwise(
    "cbrt",
    np.cbrt,
    (lambda y, x: zero_at_zero(y, (1.0 / 3.0) / ops.square(y)),),
    emit="vmath.cbrt_{s}({0})",
    domain=(reals(away=(0.0,)),),
)


# ---------------------------------------------------------------- a known integer exponent

# Up to the fourth power products are as exact as pow (1.5 ulp) and faster in NumPy too.
_PRODUCTS = {
    1: "{0}",
    2: "({0} * {0})",
    3: "({0} * {0} * {0})",
    4: "(({0} * {0}) * ({0} * {0}))",
}


def _integer_power_numpy(x: Any, *, n: int) -> Any:
    if n == 3:
        return x * x * x
    if n == 4:
        return np.square(np.square(x))
    return np.power(x, n)


def _integer_power_resolve(x: Aval, *, n: int) -> tuple[Any, ...]:
    return (x.dtype, x.dtype)


def _integer_power_text(dtypes: Any, params: Params) -> str | None:
    n, name = params["n"], dtypes[0].name
    product = _PRODUCTS.get(abs(n))
    if name not in ("float32", "float64", "complex64", "complex128"):
        return None
    if product is not None:
        return product if n > 0 else f"(1 / {product})"
    if dtypes[0].kind == "c":
        return f"({{0}} ** {n})"
    suffix = "f32" if name == "float32" else "f64"
    number = f"np.float32({n})" if name == "float32" else f"{n}.0"
    return f"vmath.pow_{suffix}({{0}}, {number})"


def _integer_power_samples(rng: np.random.Generator) -> Iterator[tuple[tuple[Any, ...], Params]]:
    domain = field(away=(0.0,))
    for n in (3, 1, 4, 7, -1, -2, -5):
        yield (domain.draw(rng, (2, 3)),), {"n": n}
    yield (domain.draw(rng, (3,), np.complex128),), {"n": 3}
    yield (np.array([0.0, 1.0, -2.0]),), {"n": 3}


def power_of(x: Sym, n: Any) -> Any:
    """x**n for a number n, in the fewest operations; 1 for n = 0."""
    if isinstance(n, complex):
        if n.imag:
            return ops.power(x, n)
        n = n.real
    if n == 0:
        return 1
    if n == 1:
        return x
    if n == 2:
        return ops.square(x)
    if n == int(n) and abs(n) <= 1024:
        return ops.integer_power(x, n=int(n))
    return ops.power(x, n)


integer_power = elementwise(
    "integer_power",
    _integer_power_numpy,
    (lambda y, x, *, n: n * power_of(x, n - 1) if n != 1 else 1,),
    domain=(field(away=(0.0,)),),
    resolve=_integer_power_resolve,
)
integer_power.emit = Emit("elementwise", _integer_power_text)
integer_power.samples = _integer_power_samples


# ---------------------------------------------------------------- half an odd exponent

# x**1.5 = x sqrt(x). NumPy's own x**0.5 is sqrt(x); its other powers of -0 are 0 or inf, and those
# of -inf are inf or 0, which the products below would miss.
_HALVES = {3: "({0} * np.sqrt({0}))", 5: "({0} * {0} * np.sqrt({0}) + {zero})"}


def _half_power_text(dtypes: Any, params: Params) -> str | None:
    n, name = params["n"], dtypes[0].name
    if name not in ("float32", "float64"):
        return None
    if n == 1:
        return "np.sqrt({0})"
    real = "np.float32({})" if name == "float32" else "{}"
    inf, zero, one = (real.format(v) for v in ("np.inf", "0.0", "1.0"))
    product = _HALVES.get(abs(n), "(np.sqrt({0}) + {zero})").replace("{zero}", zero)
    found = f"select({{0}} == -{inf}, {inf}, {product})"
    return found if n > 0 else f"({one} / {found})"


def _half_power_numpy(x: Any, *, n: int) -> Any:
    x = np.asarray(x)
    return np.power(x, x.dtype.type(n / 2) if x.dtype.kind == "f" else n / 2)[()]


def _half_power_samples(rng: np.random.Generator) -> Iterator[tuple[tuple[Any, ...], Params]]:
    for n in (1, 3, 5, -1, -3, -5):
        yield (rng.uniform(0.3, 2.0, (2, 3)),), {"n": n}
    yield (rng.uniform(0.3, 2.0, 3).astype(np.float32),), {"n": 3}


half_power = elementwise(
    "half_power",
    _half_power_numpy,
    (lambda y, x, *, n: (n / 2) * ops.power(x, n / 2 - 1),),
    domain=(reals(0.3, 2.0),),
    resolve=lambda x, *, n: (float_dtype(x),) * 2,
)
half_power.emit = Emit("elementwise", _half_power_text)
half_power.samples = _half_power_samples


# ---------------------------------------------------------------- any exponent


def _power_base(z: Sym, x: Sym, n: Sym) -> Any:
    """n x**(n-1), and 0 where n is 0 even at x = 0."""
    number = literal_of(n)
    if number is not None:
        if number == 0:
            return None
        return 1 if number == 1 else number * power_of(x, number - 1)
    return ops.where(n.eq(0.0), const(0.0, z), n * ops.power(x, n - 1.0))


def _power_exponent(z: Sym, x: Sym, n: Sym) -> Any:
    """x**n log x, and 0 where x is 0 (the limit for n > 0)."""
    at_zero = x.eq(0.0)
    return ops.where(at_zero, const(0.0, z), z * ops.log(ops.where(at_zero, const(1.0, x), x)))


# Python's 0j ** n refuses each n with an imaginary part; NumPy's is 0 wherever Re n > 0.
_COMPLEX_POWER = (
    "({0} ** {1} if ({0} != 0) | ({1} == 0) else ({0} - {0} if ({1}).real > 0 else {0} / {0}))"
)
power = elementwise(
    "power",
    np.power,
    (_power_base, _power_exponent),
    emit="vmath.pow_{s}({0}, {1})",
    emit_complex=_COMPLEX_POWER,
    domain=(positive(complex=True), field()),
)


def float_dtypes(*avals: Aval) -> tuple[np.dtype[Any], ...]:
    """Operand and result dtypes of a function that computes in double precision at least."""
    wide = np.result_type(float_dtype(*avals), np.float64)
    return (wide,) * (len(avals) + 1)
