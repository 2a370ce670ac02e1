"""Elementwise functions that NumPy composes of others, in NumPy's own dtypes.

Also the ufuncs whose best row depends on an operand: a power with a literal exponent.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ...core.avals import common_shape
from ...core.errors import UnsupportedError
from ...core.sources import where as user_line
from ...rules.declare import broadcast, const, literal_of, ufunc_dtypes
from ...rules.powers import float_dtypes, power_of
from ...tape.ir import Sym
from ...tape.primitive import BY_NAME
from ..capture import current
from ..dispatch import UFUNCS, _operand, implements, implements_ufunc
from ..tracer import active, sym_of

_NOT_GIVEN: Any = getattr(np, "_NoValue")  # noqa: B009


def operand(x: Any) -> Sym:
    """Return an argument as a row: a number (weak), a list or an array."""
    if isinstance(x, Sym):
        return x
    if isinstance(x, (list, tuple)) and any(isinstance(v, Sym) for v in x):
        from .creation import stack_syms

        cap = current()
        assert cap is not None
        return stack_syms(cap, [operand(v) for v in x], 0)
    return sym_of(active(), _operand(x))


def strong(x: Sym) -> Sym:
    """Return a weak value with its dtype made ordinary."""
    return x.b.cast(x, x.dtype) if x.aval.weak else x


# ---------------------------------------------------------------- powers


def _of_size(x: Sym) -> Sym | None:
    """Return the complex z of which x is the absolute value, or None.

    Of ``abs(z) ** 2``, the power of a spectrum, neither root nor its derivative is needed then: 70 ns
    an element with them, 2 without.
    """
    row = x.b.off[x.id]
    if x.b.op[x.id] != BY_NAME["absolute"].index:
        return None
    z = Sym(x.b, x.b.arg[row])
    return z if z.dtype.kind == "c" else None


@implements_ufunc(np.power)
def power(x: Sym, n: Sym) -> Sym:
    """``x ** n``; a literal exponent needs no logarithm, and 2, 0.5 and -1 are what NumPy makes."""
    number = literal_of(n)
    dtype = ufunc_dtypes(np.power, x.aval, n.aval)[-1]
    if number is None or literal_of(x) is not None:
        return BY_NAME["power"](x, n)
    if dtype.kind not in "fc":
        return BY_NAME["square"](x) if number == 2 and x.dtype == dtype else BY_NAME["power"](x, n)
    z = _of_size(x) if number == 2 else None
    if z is not None:
        return BY_NAME["square"](BY_NAME["real"](z)) + BY_NAME["square"](BY_NAME["imag"](z))
    x = x.b.cast(x, dtype, x.aval.weak and n.aval.weak)
    if number == 0.5 and dtype.kind == "f":
        return BY_NAME["sqrt"](x)
    found = power_of(x, number)
    if found is x:
        return BY_NAME["positive"](x)
    if not isinstance(found, Sym):
        return BY_NAME["copy"](broadcast(const(1.0, x), x.shape))
    return found


@implements_ufunc(np.float_power)
def float_power(x: Sym, n: Sym) -> Sym:
    """``x ** n`` in double precision at least."""
    dtype = float_dtypes(x.aval, n.aval)[-1]
    return power(x.b.cast(x, dtype), n.b.cast(n, dtype))


@implements_ufunc(np.radians)
def radians(x: Sym) -> Sym:
    return BY_NAME["deg2rad"](x)


@implements_ufunc(np.degrees)
def degrees(x: Sym) -> Sym:
    return BY_NAME["rad2deg"](x)


# ---------------------------------------------------------------- rounding


@implements_ufunc(np.divmod)
def divmod(x: Sym, y: Sym) -> tuple[Sym, Sym]:
    return BY_NAME["floor_divide"](x, y), BY_NAME["remainder"](x, y)


@implements_ufunc(np.modf)
def modf(x: Sym) -> tuple[Sym, Sym]:
    whole = BY_NAME["trunc"](x.b.cast(x, ufunc_dtypes(np.modf, x.aval)[0]))
    return BY_NAME["fraction"](x), whole


@implements_ufunc(np.frexp)
def frexp(x: Sym) -> tuple[Sym, ...]:
    return x.b.outs(BY_NAME["frexp"](x))


@implements(np.round, np.around)
def round(a: Sym, decimals: Any = 0) -> Sym:
    decimals = int(decimals)
    if a.dtype.kind == "b":
        a = a.b.cast(a, np.dtype(np.float16))
    if a.dtype.kind in "iu":
        if decimals >= 0:
            return BY_NAME["copy"](a)
        unit = 10.0**-decimals
        return a.b.cast(BY_NAME["rint"](a / unit) * unit, a.dtype)
    if a.dtype.kind == "c":
        parts = [round(BY_NAME[part](a), decimals) for part in ("real", "imag")]
        return make_complex(*parts)
    unit = 10.0 ** abs(decimals)
    if decimals > 0:
        found: Sym = BY_NAME["rint"](a * unit) / unit
        return found
    return BY_NAME["rint"](a / unit) * unit if decimals else BY_NAME["rint"](a)


@implements(np.fix)
def fix(x: Sym) -> Sym:
    return BY_NAME["trunc"](x)


@implements(np.clip)
def clip(a: Sym, a_min: Any = _NOT_GIVEN, a_max: Any = _NOT_GIVEN, *, min: Any = _NOT_GIVEN,
         max: Any = _NOT_GIVEN, dtype: Any = None) -> Sym:  # fmt: skip
    """``minimum(maximum(a, a_min), a_max)``; a bound that is None is absent."""
    low = min if a_min is _NOT_GIVEN else a_min
    high = max if a_max is _NOT_GIVEN else a_max
    if (a_min is not _NOT_GIVEN or a_max is not _NOT_GIVEN) and (
        min is not _NOT_GIVEN or max is not _NOT_GIVEN
    ):
        raise ValueError(
            "Passing `min` or `max` keyword argument when `a_min` and `a_max` are provided is "
            "forbidden."
        )
    a = operand(a)
    if dtype is not None:
        a = a.b.cast(a, np.dtype(dtype))
    found = a
    for bound, name in ((low, "maximum"), (high, "minimum")):
        if bound is None or bound is _NOT_GIVEN or _beyond(bound, a.dtype, name):
            continue
        found = BY_NAME[name](found, operand(bound))
    return BY_NAME["copy"](a) if found is a else found


def _beyond(bound: Any, dtype: np.dtype[Any], name: str) -> bool:
    """Whether a Python integer lies outside of an integer dtype, so that it bounds nothing."""
    if type(bound) is not int or dtype.kind not in "iu":
        return False
    info = np.iinfo(dtype)
    return bound < info.min if name == "maximum" else bound > info.max


@implements(np.unwrap)
def unwrap(p: Sym, discont: Any = None, axis: Any = -1, *, period: Any = 2 * np.pi) -> Sym:
    if isinstance(period, Sym) or isinstance(discont, Sym):
        raise UnsupportedError(f"unwrap: a traced period or discont ({user_line()})")
    if p.dtype.kind not in "fiu":
        raise UnsupportedError(f"unwrap of {p.dtype} ({user_line()})")
    k = int(axis)
    if not -p.ndim <= k < p.ndim:
        raise np.exceptions.AxisError(k, p.ndim)
    return BY_NAME["unwrap"](p, discont=discont, axis=k % p.ndim, period=period)


# ---------------------------------------------------------------- complex parts


def make_complex(re: Sym, im: Sym) -> Sym:
    """re + i im, exactly: an infinite part does not make the other one nan."""
    return BY_NAME["complex_of"](re, im)


@implements(np.real)
def real(val: Any) -> Sym:
    x = operand(val)
    if x.dtype.kind == "c":
        return BY_NAME["real"](x)
    return BY_NAME["reshape"](x, shape=x.shape)


@implements(np.imag)
def imag(val: Any) -> Sym:
    return BY_NAME["imag"](operand(val))


@implements(np.angle)
def angle(z: Any, deg: bool = False) -> Sym:
    z = operand(z)
    if z.dtype.kind == "c":
        found = BY_NAME["arctan2"](BY_NAME["imag"](z), BY_NAME["real"](z))
    else:
        found = BY_NAME["arctan2"](0, z)
    return found * (180 / np.pi) if deg else found


# ---------------------------------------------------------------- selection


@implements(np.where)
def where(condition: Any, x: Any = _NOT_GIVEN, y: Any = _NOT_GIVEN, /) -> Any:
    """``np.where(c, x, y)``: the branch not taken gets an exactly zero cotangent."""
    if x is _NOT_GIVEN and y is _NOT_GIVEN:
        from .picking import nonzero

        return nonzero(condition)
    if x is _NOT_GIVEN or y is _NOT_GIVEN:
        raise ValueError("either both or neither of x and y should be given")
    return strong(BY_NAME["where"](operand(condition), operand(x), operand(y)))


@implements(np.select)
def select(condlist: Any, choicelist: Any, default: Any = 0) -> Sym:
    """The first choice whose condition holds, else the default."""
    if len(condlist) != len(choicelist):
        raise ValueError("list of cases must be same length as list of conditions")
    if len(condlist) == 0:
        raise ValueError("select with an empty condition list is not possible")
    conditions = [operand(c) for c in condlist]
    for k, c in enumerate(conditions):
        if c.dtype.kind != "b":
            raise TypeError(f"invalid entry {k} in condlist: should be boolean ndarray")
    choices = [operand(c) for c in [*choicelist, default]]
    weak = [c.aval.weak_type(0) if c.aval.weak else c.dtype for c in choices]
    dtype = np.result_type(*weak)
    found = choices[0].b.cast(choices[-1], dtype)
    for c, choice in zip(reversed(conditions), reversed(choices[:-1])):
        found = BY_NAME["where"](c, choice.b.cast(choice, dtype), found)
    shape = common_shape(*[s.shape for s in conditions + choices])
    return broadcast(found, shape)


@implements(np.nan_to_num)
def nan_to_num(x: Sym, copy: bool = True, nan: Any = 0.0, posinf: Any = None,
               neginf: Any = None) -> Sym:  # fmt: skip
    """Replace nan and the infinities; what is replaced has derivative 0."""
    if not copy:
        raise UnsupportedError(f"nan_to_num: copy=False writes into its argument ({user_line()})")
    if x.dtype.kind not in "fc":
        return BY_NAME["copy"](x)
    if x.dtype.kind == "c":
        parts = [nan_to_num(BY_NAME[p](x), True, nan, posinf, neginf) for p in ("real", "imag")]
        return make_complex(*parts)
    info = np.finfo(x.dtype)
    high = info.max.item() if posinf is None else posinf
    low = info.min.item() if neginf is None else neginf
    pick, infinite = BY_NAME["where"], BY_NAME["isinf"](x)
    cast = x.b.cast
    found = pick(BY_NAME["isnan"](x), cast(operand(nan), x.dtype), x)
    found = pick(infinite & (x > 0.0), cast(operand(high), x.dtype), found)
    return pick(infinite & (x < 0.0), cast(operand(low), x.dtype), found)


# ---------------------------------------------------------------- special values


@implements(np.sinc)
def sinc(x: Any) -> Sym:
    return BY_NAME["sinc"](operand(x), order=0)


@implements(np.isposinf)
def isposinf(x: Sym) -> Sym:
    return BY_NAME["isinf"](x) & ~BY_NAME["signbit"](x)


@implements(np.isneginf)
def isneginf(x: Sym) -> Sym:
    return BY_NAME["isinf"](x) & BY_NAME["signbit"](x)


@implements(np.isreal)
def isreal(x: Any) -> Sym:
    return BY_NAME["imag"](operand(x)).eq(0)


@implements(np.iscomplex)
def iscomplex(x: Any) -> Sym:
    return BY_NAME["imag"](operand(x)).ne(0)


@implements(np.iscomplexobj)
def iscomplexobj(x: Any) -> bool:
    return operand(x).dtype.kind == "c"


@implements(np.isrealobj)
def isrealobj(x: Any) -> bool:
    return operand(x).dtype.kind != "c"


UFUNCS[np.bitwise_not] = BY_NAME["invert"]
