"""exp, exp2 and expm1: reduce to one octave, a polynomial there, and the exponent put back.

``x = n log(2) + r`` with an integer `n` and ``|r| <= log(2) / 2``.  ``log(2)`` is stored as a head
with so few digits that ``n * head`` is exact, and a tail, so `r` is known beyond working precision
as a head and a correction.  ``exp(r) = 1 + r + r**2 P(r)`` with a short polynomial, and
``exp(x) = 2**n exp(r)``; the power of two is applied in two factors so that results below the
normal range are rounded once and results above it become infinite.

Where the processor has the instructions of `lanes`, exp takes sixteenths of an octave and their powers
from a table (see `powers`), so that the polynomial is half as long.

Measured error in either format: at most 0.9 ulp for exp and exp2, 1.1 for expm1.
"""

from __future__ import annotations

from . import powers, tables
from .emit import Format, Operand, Value
from .publish import publish


def reduce(f: Format, x: Value) -> tuple[Value, Value, Value, Value]:
    """``(n, r, r_low, n as a float)`` with ``x = n log(2) + r + r_low``."""
    ln2_head, ln2_tail = f.pick(*tables.LN2)
    k, n = f.nearest(x * f.pick(*tables.LOG2E)[0])
    r = f.mad(k, -ln2_head, x)  # exact either way
    return n, *f.fast_two_sum(r, k * -ln2_tail), k


def scale(f: Format, p: Value, n: Value) -> Value:
    """``p * 2**n``, rounded once, for an integer `n` up to twice the exponent range."""
    if not n.integral:
        return f.lane("scale", p, n)
    half = n >> 1
    return p * f.power_of_two(half) * f.power_of_two(n - half)


def exp_parts(f: Format, x: Value, x_low: Value | None = None) -> tuple[Operand, Value, Value]:
    """``(head, tail, n)`` with ``exp(x + x_low) = (head + tail) * 2**floor(n)``.

    For x within [-800, 800] ([-140, 140] in float32). The tail is at most 0.42 of the head.
    """
    if f.single:
        head, rest, k = powers.parts(f, x, x_low)
        return head, head * rest, k
    n, r, low, k = reduce(f, x)
    if x_low is not None:
        r, low = f.fast_two_sum(r, low + x_low)  # where r is smaller, neither matters beside 1
    return 1.0, r + f.mad(r * r, f.poly(r, f.pick(*tables.EXP)), low), n


def exp_of_small(
    f: Format, x: Value, x_low: Value | None = None, factor: Value | None = None
) -> Value:
    """``factor * exp(x + x_low)``, for x within [-800, 800] ([-140, 140] in float32)."""
    head, tail, n = exp_parts(f, x, x_low)
    if factor is None:
        return scale(f, head + tail, n)
    if isinstance(head, float):
        return scale(f, f.mad(factor, tail, factor), n)
    return scale(f, (head + tail) * factor, n)


def exp_of_pair(
    f: Format, x: Value, x_low: Value | None = None, factor: Value | None = None
) -> Value:
    """``factor * exp(x + x_low)``, rounded once more only where the result is subnormal.

    `x_low` must be small enough to be added to the reduced argument, `factor` of order one.
    """
    x = f.clamp(x, f.pick(-800.0, -120.0), f.pick(800.0, 120.0))
    return exp_of_small(f, x, x_low, factor)


def decay(f: Format, x: Value) -> tuple[Value, Value]:
    """``exp(x)`` for x <= 0 as head and tail (a tail of no digits where they underflow)."""
    head, tail, n = exp_parts(f, f.clamp(x, f.pick(-800.0, -120.0), 0.0))
    p, p_low = f.fast_two_sum(head, tail)
    return scale(f, p, n), scale(f, p_low, n)


def exp(f: Format, x: Value) -> Value:
    """Exponential function, as `numpy.exp`; within 0.9 ulp."""
    if f.single:
        return powers.exp(f, f.clamp(x, f.pick(-800.0, -120.0), f.pick(800.0, 120.0)))
    return exp_of_pair(f, x)


def exp2(f: Format, x: Value) -> Value:
    """Two to the power `x`, as `numpy.exp2`; exact for integers.

    Within 0.9 ulp, or 1.2 on a machine without fused multiply-add.
    """
    x = f.clamp(x, f.pick(-1200.0, -160.0), f.pick(1200.0, 160.0))
    k, n = f.nearest(x)
    r = x - k
    return scale(f, f.mad(r, f.poly(r, f.pick(*tables.EXP2)), 1.0), k if f.single else n)


def expm1_core(f: Format, x: Value) -> tuple[Value, Value]:
    """Half of ``exp(x) - 1`` as head and tail, for `x` below the overflow threshold.

    ``2**n (1 + q) - 1 = (2**n - 1 + 2**n r) + 2**n (q - r)``, the first sum with its error.
    """
    n, r, low, _ = reduce(f, x)
    q = f.mad(r * r, f.poly(r, f.pick(*tables.EXP)), low)
    s = f.power_of_two(n - 1)  # one exponent lower: 2**n itself may overflow
    a, b = f.two_sum(s - 0.5, s * r)
    return a, f.mad(s, q, b)


def expm1(f: Format, x: Value) -> Value:
    """``exp(x) - 1`` without cancellation, as `numpy.expm1`; within 1.1 ulp."""
    y = f.clamp(x, f.pick(-50.0, -30.0), f.pick(710.0, 89.0))
    small = abs(x) < f.pick(2.0**-60, 2.0**-30)
    head, tail = expm1_core(f, y)
    return f.copysign(f.select(small, x, 2.0 * (head + tail)), x)


publish(exp)
publish(exp2)
publish(expm1)
