"""sin, cos, tan: remove multiples of pi/2 with a three-part constant, then two short polynomials.

With ``k`` the integer nearest to ``2 x / pi``, ``r = x - k pi/2`` is computed as a head and a
tail.  pi/2 is the sum of three floats P1 + P2 + P3.  ``x - k P1`` is a multiple of the last bit of
P1 and not larger than about one, hence exact in a fused multiply-add; the product ``k P2`` is
taken with its error, and ``k P3`` needs no more than working precision.

Arguments beyond 2**40 (2**17 in float32), where the three parts would no longer do, are left to the
C library (see `rare`).

Measured error in either format: at most 0.8 ulp for sin and cos, 1 for tan.
"""

from __future__ import annotations

from . import tables
from .emit import Format, Value
from .publish import publish
from .rare import library_beyond


def reduce(f: Format, x: Value) -> tuple[Value, Value, Value]:
    """``(n, r, low)`` with ``x = n pi/2 + r + low`` and r in about [-pi/4, pi/4]."""
    p1, p2, p3 = f.pick(*tables.PI_2)
    k, n = f.nearest(x * f.pick(*tables.TWO_OVER_PI)[0])
    head = f.fma(k, -p1, x)
    p, p_low = f.two_product(k, -p2)
    r, low = f.two_sum(head, p)
    return n, r, low + f.mad(k, -p3, p_low)


Pair = tuple[Value, Value]


def kernels(f: Format, r: Value, low: Value) -> tuple[Pair, Pair]:
    """``sin(r + low)`` and ``cos(r + low)``, each as head and tail."""
    z = r * r
    c, c_low = f.fast_two_sum(1.0, -0.5 * z)
    s_low = f.mad(r * z, f.poly(z, f.pick(*tables.SIN)), low * c)
    return (r, s_low), (c, f.mad(z * z, f.poly(z, f.pick(*tables.COS)), c_low - r * low))


def wave(f: Format, x: Value, shift: int) -> Value:
    """``sin(x + shift pi/2)``."""
    n, r, low = reduce(f, x)
    n = n + shift
    (s, s_low), (c, c_low) = kernels(f, r, low)
    y = f.select((n & 1).eq(0), s + s_low, c + c_low)
    return f.from_bits(f.bits(y) ^ ((n >> 1) << (f.fraction + (f.int_type.width - f.fraction - 1))))


def anywhere(f: Format, x: Value, near: Value, name: str) -> Value:
    """`near` where the reduction is valid, the C library's result for larger arguments."""
    limit = f.pick(2.0**40, 2.0**17)
    return f.select(abs(x) > limit, library_beyond(f, x, name, limit), near)


def sin(f: Format, x: Value) -> Value:
    """Sine, as `numpy.sin`; within 0.8 ulp."""
    near = f.select(abs(x) < f.pick(2.0**-30, 2.0**-15), x, wave(f, x, 0))
    return anywhere(f, x, near, "sin")


def cos(f: Format, x: Value) -> Value:
    """Cosine, as `numpy.cos`; within 0.8 ulp."""
    return anywhere(f, x, wave(f, x, 1), "cos")


def tan(f: Format, x: Value) -> Value:
    """Tangent, as `numpy.tan`; within 1 ulp."""
    n, r, low = reduce(f, x)
    sine, cosine = (f.fast_two_sum(*pair) for pair in kernels(f, r, low))
    odd = (n & 1).ne(0)
    num, den = ([f.select(odd, a, b) for a, b in zip(*p)] for p in ((cosine, sine), (sine, cosine)))
    t = f.divide(*num, *den)
    t = f.select(odd, -t, t)
    return anywhere(f, x, f.select(abs(x) < f.pick(2.0**-30, 2.0**-15), x, t), "tan")


publish(sin)
publish(cos)
publish(tan)
