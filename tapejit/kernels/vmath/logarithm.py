"""log, log2, log10, log1p: exponent and significand apart, and an odd series for the latter.

``x = 2**k m`` with ``m`` in [sqrt(1/2), sqrt(2)), taken from the bit pattern.  With ``f = m - 1``
(exact) and ``s = f / (2 + f)``, ``log(m) = 2 atanh(s) = 2 s + s T`` where `T` is a polynomial in
``s**2`` that begins with ``2/3 s**2``; and because ``2 s = f - s f``,

    log(m) = f - s (f - T),

in which the exact `f` dominates and every rounded quantity is small against it.  The parts are
added to ``k log(2)`` from the largest to the smallest, with the error of the one sum that matters.
Where the processor has the instructions of `lanes`, log needs no quotient (`parts_by_table`).

Measured error in either format: at most 1 ulp for log and log1p, 1.1 for log2 and log10.
"""

from __future__ import annotations

from . import pieces, tables
from .emit import Format, Operand, Value
from .exponential import scale
from .publish import publish


def decompose(f: Format, x: Value) -> tuple[Value, Value]:
    """``(k, m)`` of a positive normal number: ``x = 2**k m`` with sqrt(1/2) <= m < sqrt(2)."""
    b = f.bits(x)
    n = (b - f.pattern(0.5**0.5)) >> f.fraction
    return f.to_float(n), f.from_bits(b - (n << f.fraction))


def decompose_any(f: Format, x: Value) -> tuple[Value, Value]:
    """As `decompose`, for every positive number."""
    shift = f.digits + 1
    low = x < f.tiny
    k, m = decompose(f, f.select(low, x * 2.0**shift, x))
    return f.select(low, k - float(shift), k), m


def series(f: Format, u: Value) -> Value:
    """``w`` with ``log(1 + u) = u - w``, for ``1 + u`` in [sqrt(1/2), sqrt(2)]."""
    s = u / (2.0 + u)
    z = s * s
    return s * (u - z * f.poly(z, f.pick(*tables.LOG)))


def log_parts(f: Format, k: Value, u: Value, low: Value | None = None) -> tuple[Value, Value]:
    """``k log(2) + log(1 + u) + low`` for a small correction `low`, as head and tail."""
    ln2_head, ln2_tail = f.pick(*tables.LN2)
    w = series(f, u)
    a, b = f.fast_two_sum(k * ln2_head, u)
    rest = f.mad(k, ln2_tail, -w)
    return a, b + (rest if low is None else rest + low)


def log_in_base(f: Format, x: Value, unit: tuple[float, ...], base: tuple[float, ...]) -> Value:
    """``k * unit + log(m) * base`` for head and tail constants."""
    k, m = decompose_any(f, x)
    u = m - 1.0
    p, p_low = f.two_product(u, base[0])
    a, b = f.fast_two_sum(k * unit[0], p)
    rest = f.mad(u, base[1], p_low) - series(f, u) * base[0]
    if len(unit) > 1:
        rest = f.mad(k, unit[1], rest)
    return domain(f, x, a + (b + rest))


def domain(f: Format, x: Value, result: Value) -> Value:
    """`result` for positive finite `x`, otherwise what a logarithm gives there."""
    outside = f.select(x.eq(0.0), -float("inf"), f.select(x < 0.0, float("nan"), x))
    return f.select((x > 0.0) & (x < float("inf")), result, outside)


def log(f: Format, x: Value) -> Value:
    """Natural logarithm, as `numpy.log`; within 1 ulp."""
    if f.single:
        head, tail = parts_by_table(f, x)
        return f.lane("logarithm", head + tail, x)
    k, m = decompose_any(f, x)
    head, tail = log_parts(f, k, m - 1.0)
    return domain(f, x, head + tail)


def parts_by_table(
    f: Format, t: Value, error: Value | None = None, twice: Value | None = None
) -> tuple[Value, Value]:
    """``log(t + error)`` as head and tail, without a quotient; plus log(2) where `twice`.

    ``t = 2**k m``, and ``m = c (1 + r)`` with `c` the table's. It holds numbers close to 1 / c, and the
    logarithms of these, which are so close to multiples of a power of two that they need no tails, and that
    ``k log(2) + log(c)`` is exact. Beside 1, where the result is small, that is 0.
    """
    table = f.pick("LOG_F64", "LOG_F32")
    terms = f.pick(pieces.LOG_F64, pieces.LOG_F32)[2]
    ln2_head, ln2_tail = f.pick(*tables.LN2)
    m = f.lane("mantissa", t)
    less = f.lane("exponent", m) - f.lane("exponent", t)  # -k
    n = f.bits(m) >> f.fraction - 4
    inverse = f.entry(table, 0, n)
    r = f.fma(m, inverse, -1.0)
    low: Operand = 0.0
    if error is not None:
        r, low = f.fast_two_sum(r, scale(f, error, less) * inverse)
    if twice is not None:
        less = f.select(twice, less - 1.0, less)
    a, b = f.fast_two_sum(f.mad(less, -ln2_head, f.entry(table, 1, n)), r)
    z = r * r
    even, odd = f.side_by_side(z, terms[::2], terms[1::2])
    rest = f.mad(z, f.mad(r, odd, even), less * -ln2_tail)
    return a, b + (rest if error is None else rest + low)


def log2(f: Format, x: Value) -> Value:
    """Logarithm to base 2, as `numpy.log2`; within 1.1 ulp and exact for powers of two."""
    return log_in_base(f, x, (1.0,), f.pick(*tables.LOG2E))


def log10(f: Format, x: Value) -> Value:
    """Logarithm to base 10, as `numpy.log10`; within 1.1 ulp."""
    return log_in_base(f, x, f.pick(*tables.LOG10_2), f.pick(*tables.LOG10E))


def log1p_of_pair(
    f: Format, y: Value, y_low: Value | None = None, twice: Value | None = None
) -> tuple[Value, Value]:
    """``log(1 + y + y_low)`` for ``1 + y`` normal and positive; plus log(2) where `twice`.

    ``1 + y`` is rounded to `t`, and the error returns as the relative correction ``error / t``;
    near zero, where that would not do, ``t - 1`` is replaced by `y` itself.
    """
    t, error = f.two_sum(1.0, y)
    if f.single:  # beside 1, where r is t - 1, the sum of r and the error is y itself
        return parts_by_table(f, t, error if y_low is None else error + y_low, twice)
    k, m = decompose(f, t)
    near = k.eq(0.0)
    u = f.select(near, y, m - 1.0)
    error = f.select(near, 0.0, error)
    if y_low is not None:
        error = error + y_low
    if twice is not None:
        k = f.select(twice, k + 1.0, k)
    return log_parts(f, k, u, error / t)


def log1p(f: Format, x: Value) -> Value:
    """``log(1 + x)`` without cancellation, as `numpy.log1p`; within 1 ulp."""
    head, tail = log1p_of_pair(f, x)
    if f.single:
        return f.copysign(f.lane("logarithm", head + tail, 1.0 + x), x)
    return f.copysign(domain(f, 1.0 + x, head + tail), x)


publish(log)
publish(log2)
publish(log10)
publish(log1p)
