"""erf, erfc, ndtr, log_ndtr and their bells: one polynomial for the scaled tail of the normal distribution.

``(1 + 2 z) exp(z**2) erfc(z)`` varies between 1 and 1.3 for all z >= 0, so in the variable
``t = (z - 4) / (z + 4)``, which maps that half line to [-1, 1), a single polynomial represents it,
and ``erfc(z) = exp(-z**2) P(t) / (1 + 2 z)`` keeps its relative accuracy into the far tail.  The
square is taken with its rounding error, which otherwise would be magnified by ``z**2``.
Near zero, erf is an odd polynomial, and the others are obtained from it.

Where the processor has the instructions of `lanes`, the tails of ndtr, erf and erfc are one quotient
(`tail_by_quotient`), and only erf and erfc need the series near zero.

The derivatives of erf and ndtr are the bells ``exp(-x**2)`` and ``exp(-x**2 / 2)``. They go the way
to the exponential that erf and ndtr go, instruction for instruction, so that a loop that needs a
function and its derivative computes the exponential once.

Measured error in either format: at most 1.1 ulp for the bells, 1.2 for erf, 2.1 for erfc, 2 for ndtr
and 2.5 for log_ndtr; with these instructions 0.9, 1.2, 1.6 and 1.7 for the first four.
"""

from __future__ import annotations

from . import pieces, powers, tables
from .emit import Format, Value
from .exponential import exp_of_small, scale
from .logarithm import decompose, log_parts
from .publish import publish

FAR = 38.75
"""From here on ``exp(-x**2 / 2)`` is 0 in float64."""


def scaled_tail(f: Format, z: Value, z_low: Value | None = None) -> Value:
    """``exp(z**2) erfc(z)`` for z >= 0; `z_low` enters where it matters, the denominator."""
    t = (z - 4.0) / (z + 4.0)
    first, *others = f.pick(*tables.ERFCX)
    square = t * t  # even and odd part, as two independent chains
    even, odd = f.poly(square, tuple(others[::2])), f.poly(square, tuple(others[1::2]))
    p, p_low = f.fast_two_sum(first, t * f.mad(t, odd, even))
    d, d_low = f.two_sum(1.0, 2.0 * z)
    return f.divide(p, p_low, d, d_low if z_low is None else f.mad(2.0, z_low, d_low))


def falling(f: Format, ax: Value, factor: Value | None = None) -> Value:
    """``factor * exp(-ax**2)`` for ax >= 0."""
    z = f.clamp(ax, 0.0, f.pick(28.0, 11.0))
    square, low = f.two_product(z, z)
    return exp_of_small(f, -square, -low, factor)


def half_falling(f: Format, ax: Value, factor: Value | None = None) -> Value:
    """``factor * exp(-ax**2 / 2)`` for ax >= 0."""
    z = f.clamp(ax, 0.0, f.pick(FAR, 16.0))
    square, low = f.two_product(z, z)
    return exp_of_small(f, -0.5 * square, -0.5 * low, factor)


def bell(f: Format, x: Value) -> Value:
    """``exp(-x**2)``; within 1.1 ulp."""
    if f.single:
        head, rest, n = bell_parts(f, within(f, abs(x)))
        return scale(f, f.mad(head, rest, head), n)
    return falling(f, abs(x))


def half_bell(f: Format, x: Value) -> Value:
    """``exp(-x**2 / 2)``; within 1.1 ulp."""
    if f.single:
        head, rest, n = half_bell_parts(f, within_half(f, abs(x)))
        return scale(f, f.mad(head, rest, head), n)
    return half_falling(f, abs(x))


def within(f: Format, z: Value) -> Value:
    """`z`, or where ``exp(-z**2)`` is 0 a number that is not too great."""
    return f.at_most(z, f.pick(28.0, 11.0))


def within_half(f: Format, z: Value) -> Value:
    """`z`, or where ``exp(-z**2 / 2)`` is 0 a number that is not too great."""
    return f.at_most(z, f.pick(FAR, 14.5))


Parts = tuple[Value, Value, Value]


def bell_parts(f: Format, z: Value) -> Parts:
    return powers.parts_of_product(f, z, -z)


def half_bell_parts(f: Format, z: Value) -> Parts:
    return powers.parts_of_product(f, z, z * -0.5)


def tail_by_quotient(
    f: Format, z: Value, bell: Parts, table: tuple[tuple[float, ...], ...]
) -> Value:
    """``(1 + z N(z) / D(z)) / d`` times the bell, with ``d = 2 + slope z``; for z >= 0.

    The quotient of N and D, whose coefficients the table holds behind the slope, is at most 0.2, so
    that its errors shrink. One division serves both divisors; the errors of `d` and of its inverse return in the
    quotient.
    """
    head, rest, n = bell
    (slope,), over, under = table
    d = f.fma(z, slope, 2.0)
    d_low = f.fma(z, slope, 2.0 - d)
    bottom, top = f.side_by_side(z, under, over)
    inverse = 1.0 / (d * bottom)
    w = inverse * bottom
    error = f.mad(-w, d_low, f.fma(-w, d, 1.0))
    s = f.mad(z * top, inverse * d, error)
    low = f.mad(f.mad(head, rest, head), s, head * rest)
    return scale(f, f.mad(head, w, low * w), n)


def tail(f: Format, z: Value) -> Value:
    """``erfc(z)`` for z >= 0."""
    if f.single:
        near = within(f, z)
        head, rest, n = bell_parts(f, near)
        table = f.pick(pieces.TAIL_F64, pieces.TAIL_F32)  # of half of it
        return tail_by_quotient(f, near, (head, rest, n + 1.0), table)
    return falling(f, z, scaled_tail(f, f.clamp(z, 0.0, f.pick(28.0, 11.0))))


def excess(f: Format, x: Value) -> Value:
    """``erf(x) - x`` for ``|x| < 1``."""
    return x * f.poly(x * x, f.pick(*tables.ERF))


def erf(f: Format, x: Value) -> Value:
    """Error function, as `scipy.special.erf`; within 1.2 ulp."""
    ax = abs(x)
    return f.select(ax < 1.0, x + excess(f, x), f.copysign(1.0 - tail(f, ax), x))


def erfc(f: Format, x: Value) -> Value:
    """Complementary error function, as `scipy.special.erfc`; within 2.1 ulp."""
    ax = abs(x)
    t = tail(f, ax)
    a, b = f.fast_two_sum(1.0, -x)
    near = a + (b - excess(f, x))
    return f.select(ax < 0.75, near, f.select(x < 0.0, 2.0 - t, t))


def half_tail(f: Format, ax: Value, far: Value) -> tuple[Value, Value]:
    """``erfc(ax / sqrt(2)) / 2`` and the same without its factor ``exp(-ax**2 / 2)``.

    `far` is `ax`, limited to where the second is wanted.
    """
    root, root_low = f.pick(*tables.SQRT1_2)
    x, low = far * root, f.mad(far, root_low, f.fma(far, root, -(far * root)))
    g = 0.5 * scaled_tail(f, x, low)
    t = half_falling(f, ax, g)
    a, b = f.fast_two_sum(0.5, -0.5 * x)
    near = a + f.mad(-0.5, excess(f, x) + low, b)
    return f.select(ax < 1.05, near, t), g


def ndtr(f: Format, x: Value) -> Value:
    """Normal distribution function, as `scipy.special.ndtr`; within 2 ulp."""
    ax = abs(x)
    if f.single:
        z = within_half(f, ax)
        table = f.pick(pieces.HALF_TAIL_F64, pieces.HALF_TAIL_F32)
        t = tail_by_quotient(f, z, half_bell_parts(f, z), table)
        return f.select(x > 0.0, 1.0 - t, t)
    t, _ = half_tail(f, ax, f.clamp(ax, 0.0, f.pick(40.0, 16.0)))
    return f.select(x > 0.0, 1.0 - t, t)


def log_ndtr(f: Format, x: Value) -> Value:
    """Logarithm of the normal distribution function, as `scipy.special.log_ndtr`; within 2.5 ulp.

    ``log(1 - tail)`` for positive `x`, ``log(tail)`` for small negative ones and
    ``log(scaled tail) - x**2 / 2`` for the others.
    """
    ax = abs(x)
    t, g = half_tail(f, ax, f.clamp(ax, 0.0, 2.0**60))
    positive, far = x > 0.0, x <= -1.05
    total, error = f.fast_two_sum(1.0, -t)
    k, m = decompose(f, f.select(positive, total, f.select(far, g, t)))
    u = f.select(k.eq(0.0), -t, m - 1.0)
    correction = f.select(positive & k.ne(0.0), error / total, 0.0)
    square = f.select(far, x, 0.0)
    head, low = log_parts(f, k, u, correction)
    result = f.mad(-0.5 * square, square, head + low)
    return f.select(x.ne(x), x, -abs(result))


publish(erf)
publish(erfc)
publish(ndtr)
publish(log_ndtr)
publish(bell)
publish(half_bell)
