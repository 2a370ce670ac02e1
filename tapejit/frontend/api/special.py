"""scipy.special on traced arrays.

SciPy's ufuncs dispatch by themselves. ``logsumexp``, ``softmax``, ``log_softmax`` and ``polygamma``
are plain Python functions, which call ``np.asarray`` on their argument: a traced array cannot pass
through them. They are reached through `tapejit.scipy.special`, which a function under a
transformation sees in place of ``scipy.special`` where that (or a function of it) is a global or a
closure variable.

Nothing here imports SciPy: its functions are known by name, and recognised when they arrive.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from ...core.avals import common_shape
from ...core.errors import UnsupportedError
from ...core.sources import where as user_line
from ...rules.declare import broadcast, const, float_dtype, literal_of
from ...rules.reduce import reduced_shape
from ...rules.special import Scipy
from ...tape.ir import Sym
from ...tape.primitive import BY_NAME, PRIMITIVES
from ..dispatch import FUNCTIONS, LATE, UFUNCS, F, implements
from .elementwise import operand, power
from .reductions import axes_of

NAMED: dict[str, Callable[..., Any]] = {
    prim.numpy.__name__: prim
    for prim in PRIMITIVES
    if isinstance(prim.numpy, Scipy) and not prim.family
}
"""Implementations by the name in scipy.special."""

for _name in ("exp2", "expm1", "log1p", "cbrt"):
    NAMED[_name] = BY_NAME[_name]


def named(fn: F) -> F:
    """Register the implementation of the function of scipy.special that has its name."""
    NAMED[fn.__name__] = fn
    return fn


def _recognise(function: Any) -> Callable[..., Any] | None:
    """Return the implementation of a function of scipy.special."""
    library = sys.modules.get("scipy.special")
    if library is None:
        return None
    name = getattr(function, "__name__", "")
    found = NAMED.get(name)
    if found is None or getattr(library, name, None) is not function:
        return None
    (UFUNCS if isinstance(function, np.ufunc) else FUNCTIONS)[function] = found
    return found


LATE.append(_recognise)


# ---------------------------------------------------------------- ufuncs made of others


@named
def exp10(x: Sym) -> Sym:
    return power(x.b.lit(10.0), x)


@named
def cosm1(x: Sym) -> Sym:
    """cos x - 1 = -2 sin(x/2)**2, which does not cancel."""
    return -2.0 * BY_NAME["square"](BY_NAME["sin"](0.5 * x))


@named
def exprel(x: Sym) -> Sym:
    raise UnsupportedError(f"scipy.special.exprel has no rule; use np.expm1(x) / x ({user_line()})")


@named
def pseudo_huber(delta: Sym, r: Sym) -> Sym:
    """delta**2 (sqrt(1 + (r/delta)**2) - 1), written without cancellation."""
    v = r / delta
    return r * r / (1.0 + BY_NAME["sqrt"](1.0 + v * v))


@named
def huber(delta: Sym, r: Sym) -> Sym:
    """r**2 / 2 up to |r| = delta, delta (|r| - delta / 2) beyond."""
    size = BY_NAME["absolute"](r)
    inner = 0.5 * BY_NAME["square"](r)
    outer = delta * (size - 0.5 * delta)
    chosen = BY_NAME["where"](size <= delta, inner, outer)
    return BY_NAME["where"](delta < 0.0, const(np.inf, chosen), chosen)


@implements(np.i0)
def i0(x: Any) -> Sym:
    return BY_NAME["i0"](floating(operand(x)))


# ---------------------------------------------------------------- plain functions


@named
def polygamma(n: Any, x: Any) -> Sym:
    """The n-th derivative of digamma, n a number."""
    n = literal_of(n)
    if not isinstance(n, (int, float, np.number)) or n != int(n) or n < 0:
        raise UnsupportedError(f"polygamma: the order must be a plain integer ({user_line()})")
    x = operand(x)
    x = x.b.cast(x, np.dtype(np.float64)) if x.dtype.kind != "c" else x
    return BY_NAME["polygamma"](x, n=int(n)) if n else BY_NAME["digamma"](x)


def floating(x: Sym) -> Sym:
    """Return integers and bools as float64, anything else with its own dtype made ordinary."""
    dtype = x.dtype if x.aval.inexact else np.dtype(np.float64)
    return x.b.cast(x, dtype)


def _peak(a: Sym, axes: tuple[int, ...]) -> Sym:
    """The largest (real part) along the axes, kept, finite and constant: a shift of exponents."""
    size = BY_NAME["real"](a) if a.dtype.kind == "c" else a
    m = BY_NAME["max"](BY_NAME["stop_gradient"](size), axis=axes, keepdims=True)
    return BY_NAME["where"](BY_NAME["isfinite"](m), m, const(0.0, m))


@named
def logsumexp(
    a: Any, axis: Any = None, b: Any = None, keepdims: bool = False, return_sign: bool = False
) -> Any:
    """log(sum(b exp(a))) over the axes; terms whose weight is 0 do not count, whatever they are."""
    a = operand(a)
    if b is not None:
        b = operand(b)
        dtype = float_dtype(a.aval, b.aval)
        a, b = a.b.cast(a, dtype), b.b.cast(b, dtype)
        shape = common_shape(a.shape, b.shape)
        a, b = broadcast(a, shape), broadcast(b, shape)
        a = BY_NAME["where"](b.eq(0), const(-np.inf, a), a)
    a = floating(a)
    if a.ndim == 0:
        a = BY_NAME["reshape"](a, shape=(1,))
        b = None if b is None else BY_NAME["reshape"](b, shape=(1,))
    axes = axes_of(a, axis)
    kept = reduced_shape(a.shape, axes, True)
    if a.size == 0:
        total, shift = broadcast(const(0.0, a), kept), const(0.0, a)
    else:
        shift = _peak(a, axes)
        terms = BY_NAME["exp"](a - shift)
        terms = terms if b is None else b * terms
        total = BY_NAME["sum"](terms, axis=axes, keepdims=True)
    if return_sign and a.dtype.kind == "c":
        raise UnsupportedError(f"logsumexp: return_sign of complex values ({user_line()})")
    sign = BY_NAME["sign"](total) if return_sign else None
    found = _log_of_sum(BY_NAME["absolute"](total) if return_sign else total) + shift
    shape = reduced_shape(a.shape, axes, bool(keepdims))
    found = BY_NAME["reshape"](found, shape=shape)
    return found if sign is None else (found, BY_NAME["reshape"](sign, shape=shape))


def _log_of_sum(total: Sym) -> Sym:
    """log, with derivative 0 where the sum is 0: every term is then at its limit."""
    empty = total.eq(0.0)
    safe = BY_NAME["where"](empty, const(1.0, total), total)
    return BY_NAME["where"](empty, const(-np.inf, total), BY_NAME["log"](safe))


@named
def softmax(x: Any, axis: Any = None) -> Sym:
    """exp(x) / sum(exp(x)) over the axes."""
    x = floating(operand(x))
    axes = axes_of(x, axis)
    terms = BY_NAME["exp"](x - _maximum(x, axes))
    return terms / BY_NAME["sum"](terms, axis=axes, keepdims=True)


@named
def log_softmax(x: Any, axis: Any = None) -> Sym:
    """log(softmax(x)), exact where softmax underflows."""
    x = floating(operand(x))
    axes = axes_of(x, axis)
    moved = x - _peak(x, axes)
    total = BY_NAME["sum"](BY_NAME["exp"](moved), axis=axes, keepdims=True)
    found: Sym = moved - BY_NAME["log"](total)
    return found


def _maximum(x: Sym, axes: tuple[int, ...]) -> Sym:
    """The maximum along the axes as it is: an infinite one makes nan, as in SciPy."""
    return BY_NAME["max"](BY_NAME["stop_gradient"](x), axis=axes, keepdims=True)
