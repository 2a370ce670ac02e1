"""tanh, sinh, cosh, and the logistic family: sigmoid, softplus, log_expit, logaddexp.

``sinh`` and ``cosh`` use the reduction of `exponential`: with ``a = 2**n / 2``, ``b = 2**-n / 2``
and the reduced argument `r`,

    sinh(x) = (a + b) sinh(r) + (a - b) cosh(r),   cosh(x) = (a + b) cosh(r) + (a - b) sinh(r),

two short polynomials and no division.  ``tanh(x) = e / (1 + e)`` with ``e = expm1(2 x) / 2``.  The
logistic functions work with ``exp(-|x|)``, which never overflows.

Measured error in either format: at most 0.9 ulp for tanh (1.5 where there are `lanes`), sinh, cosh and
sigmoid, 1.3 for softplus and log_expit; 1.6 for logaddexp, relative to the larger of the result and of the greater argument,
because the result may cancel to nothing.
"""

from __future__ import annotations

from . import pieces, powers, tables
from .emit import Format, Value
from .exponential import decay, expm1_core, reduce
from .logarithm import log1p_of_pair
from .publish import publish


def tanh(f: Format, x: Value) -> Value:
    """Hyperbolic tangent, as `numpy.tanh`; within 0.9 ulp, or 1.5 by `_tanh_by_quotient`."""
    if f.single:
        return _tanh_by_quotient(f, x)
    e, e_low = f.fast_two_sum(*expm1_core(f, 2.0 * f.clamp(abs(x), 0.0, f.pick(20.0, 10.0))))
    d, d_low = f.two_sum(1.0, e)
    small = abs(x) < f.pick(2.0**-30, 2.0**-15)
    return f.copysign(f.select(small, x, f.divide(e, e_low, d, d_low + e_low)), x)


def _tanh_by_quotient(f: Format, x: Value) -> Value:
    """As `tanh`, by one quotient for two formulas: ``base + up / down``.

    Up to 5/8 that is ``|x| + |x| z P(z) / Q(z)`` with ``z = x**2``, beyond ``1 - 2 / (1 + exp(2 |x|))``.
    Either quotient is small against its base, so that the errors of the exponential and of the
    divisor shrink.
    """
    y = f.at_most(abs(x), f.pick(20.0, 10.0))
    z = x * x
    top, bottom = f.pick(pieces.TANH_F64, pieces.TANH_F32)
    near = y < 0.625
    up = f.select(near, (y * z) * f.poly(z, top), f.const(-2.0))
    down = f.select(near, f.poly(z, bottom), 1.0 + powers.exp_in_range(f, y + y))
    return f.copysign(f.select(near, y, 1.0) + up / down, x)


Pair = tuple[Value, Value]


def halves(f: Format, x: Value) -> Pair:
    """``(sinh(x) / 4, cosh(x) / 4)`` for x >= 0 up to the overflow threshold."""
    n, r, low, _ = reduce(f, x)
    z = r * r
    odd = f.mad(r * z, f.poly(z, f.pick(*tables.SINH)), low)  # sinh(r) - r
    even = f.mad(z, f.poly(z, f.pick(*tables.COSH)), r * low)  # cosh(r) - 1
    a = f.power_of_two(n - 3)
    lowest = f.select(n < f.bias - 5, n, f.bias - 5)
    b = f.power_of_two(-lowest - 3)
    plus, minus = f.fast_two_sum(a, b), f.fast_two_sum(a, -b)

    def combine(on_odd: Pair, on_even: Pair) -> Value:
        p, p_low = f.two_product(on_odd[0], r)
        s, s_low = f.two_sum(on_even[0], p)
        rest = s_low + f.mad(on_odd[1], r, p_low + on_even[1])
        return s + f.mad(on_odd[0], odd, f.mad(on_even[0], even, rest))

    return combine(plus, minus), combine(minus, plus)


def sinh(f: Format, x: Value) -> Value:
    """Hyperbolic sine, as `numpy.sinh`; within 0.8 ulp."""
    s, _ = halves(f, f.clamp(abs(x), 0.0, f.pick(711.0, 90.0)))
    small = abs(x) < f.pick(2.0**-30, 2.0**-15)
    return f.copysign(f.select(small, x, 4.0 * s), x)


def cosh(f: Format, x: Value) -> Value:
    """Hyperbolic cosine, as `numpy.cosh`; within 0.8 ulp."""
    return 4.0 * halves(f, f.clamp(abs(x), 0.0, f.pick(711.0, 90.0)))[1]


def sigmoid(f: Format, x: Value) -> Value:
    """Logistic function ``1 / (1 + exp(-x))``, as `scipy.special.expit`; within 0.9 ulp."""
    e, e_low = decay(f, -abs(x))
    d, d_low = f.fast_two_sum(1.0, e)
    negative = x < 0.0
    n, n_low = f.select(negative, e, 1.0), f.select(negative, e_low, 0.0)
    return f.divide(n, n_low, d, d_low + e_low)


def softplus(f: Format, x: Value) -> Value:
    """``log(1 + exp(x))``, as ``numpy.logaddexp(0, x)``; within 1.3 ulp."""
    head, tail = log1p_of_pair(f, *decay(f, -abs(x)))
    return f.select(x > 0.0, x, 0.0) + (head + tail)


def log_expit(f: Format, x: Value) -> Value:
    """Logarithm of the logistic function, as `scipy.special.log_expit`; within 1.3 ulp."""
    return -softplus(f, -x)


def logaddexp(f: Format, x: Value, y: Value) -> Value:
    """``log(exp(x) + exp(y))``, as `numpy.logaddexp`.

    The error is within 1.6 ulp of the larger in magnitude of result and greater argument.
    """
    swap = x < y
    hi, lo = f.select(swap, y, x), f.select(swap, x, y)
    d, d_low = f.two_sum(hi, -lo)
    e, e_low = decay(f, -d)
    head, tail = log1p_of_pair(f, e, e_low - e * d_low)
    s, s_low = f.two_sum(hi, head)
    # where an infinity or underflow makes the corrections NaN, the greater argument is the answer
    total = f.select(d >= f.pick(800.0, 120.0), hi + 0.0, s + (s_low + tail))
    return f.select(x.eq(y), hi + f.pick(*tables.LN2_NEAREST)[0], total)


publish(tanh)
publish(sinh)
publish(cosh)
publish(sigmoid)
publish(softplus)
publish(log_expit)
publish(logaddexp)
