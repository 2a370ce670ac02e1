"""arctan, arcsin, arccos and the inverse hyperbolic functions.

arctan uses ``arctan(x) = pi/2 - arctan(1/x)`` beyond one and an odd polynomial below; arcsin uses
``arcsin(x) = pi/2 - 2 arcsin(sqrt((1 - x) / 2))`` beyond one half.  pi is carried as head and
tail, and the one subtraction from it with its error.  The inverse hyperbolic functions are
``log(1 + y)`` for an algebraic `y`, which is computed as head and tail.

Measured error in either format: at most 1.6 ulp for arctan, 1.7 for arccosh, 1.2 for the others.
"""

from __future__ import annotations

from . import tables
from .emit import Format, Value
from .logarithm import domain, log1p_of_pair
from .publish import publish


def arctan(f: Format, x: Value) -> Value:
    """Inverse tangent, as `numpy.arctan`; within 1.6 ulp."""
    ax = abs(x)
    big = ax > 1.0
    t = f.select(big, 1.0 / ax, ax)
    z = t * t
    w = t * (z * f.poly(z, f.pick(*tables.ARCTAN)))
    head, tail = f.pick(*tables.PI_2)[:2]
    a, b = f.fast_two_sum(head, -t)
    return f.copysign(f.select(big, a + ((b + tail) - w), t + w), x)


def arcsin(f: Format, x: Value) -> Value:
    """Inverse sine, as `numpy.arcsin`; within 1.2 ulp."""
    ax = abs(x)
    big = ax > 0.5
    z = f.select(big, 0.5 - 0.5 * ax, x * x)
    s = f.select(big, f.sqrt(z), ax)
    w = s * (z * f.poly(z, f.pick(*tables.ARCSIN)))
    head, tail = f.pick(*tables.PI_2)[:2]
    a, b = f.fast_two_sum(head, -2.0 * s)
    return f.copysign(f.select(big, a + ((b + tail) - 2.0 * w), s + w), x)


def arccos(f: Format, x: Value) -> Value:
    """Inverse cosine, as `numpy.arccos`; within 1.1 ulp."""
    ax = abs(x)
    big = ax > 0.5
    z = f.select(big, 0.5 - 0.5 * ax, x * x)
    s = f.select(big, f.copysign(2.0 * f.sqrt(z), x), -x)
    w = s * (z * f.poly(z, f.pick(*tables.ARCSIN)))
    head, tail = f.pick(*tables.PI_2)[:2]
    turns = f.select(big, f.select(x > 0.0, 0.0, 2.0), f.const(1.0))
    a, b = f.two_sum(turns * head, s)
    return a + (f.mad(turns, tail, b) + w)


def arcsinh(f: Format, x: Value) -> Value:
    """Inverse hyperbolic sine, as `numpy.arcsinh`; within 1.2 ulp.

    ``log(1 + y)`` with ``y = |x| + x**2 / (1 + sqrt(1 + x**2))``; ``log(2 |x|)`` when huge.
    """
    ax = abs(x)
    huge = ax > 2.0 ** (f.digits + 2)
    square = x * x
    q = f.select(huge, 0.0, square / (1.0 + f.sqrt(1.0 + square)))
    y, low = f.fast_two_sum(ax, q)
    head, tail = log1p_of_pair(f, y, low, huge)
    return f.copysign(domain(f, 1.0 + ax, head + tail), x)


def arccosh(f: Format, x: Value) -> Value:
    """Inverse hyperbolic cosine, as `numpy.arccosh`; within 1.7 ulp.

    ``log(1 + y)`` with ``y = t + sqrt(t (t + 2))`` and ``t = x - 1``; ``log(2 x)`` when huge.
    """
    t = x - 1.0
    huge = x > 2.0 ** (f.digits + 2)
    root = f.select(huge, x, f.sqrt(f.fma(t, t, 2.0 * t)))
    y, low = f.fast_two_sum(root, f.select(huge, 0.0, t))
    inside = f.select(x < 1.0, float("nan"), x)
    head, tail = log1p_of_pair(f, y, low, huge)
    return domain(f, inside, head + tail)


def arctanh(f: Format, x: Value) -> Value:
    """Inverse hyperbolic tangent, as `numpy.arctanh`; within 1 ulp.

    ``log(1 + y) / 2`` with ``y = 2 |x| / (1 - |x|)``.
    """
    ax = abs(x)
    down, down_low = f.fast_two_sum(1.0, -ax)
    y = 2.0 * ax / down
    low = (f.fma(-y, down, 2.0 * ax) - y * down_low) / down
    head, tail = log1p_of_pair(f, y, low)
    return f.copysign(0.5 * domain(f, 1.0 + y, head + tail), x)


publish(arctan)
publish(arcsin)
publish(arccos)
publish(arcsinh)
publish(arccosh)
publish(arctanh)
