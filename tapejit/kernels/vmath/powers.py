"""exp by a table of powers, where the processor has the instructions of `lanes`.

``x = n log(2) + r`` with `n` in sixteenths, whose last four bits number a power ``2**(j / 16)``, and
with ``|r|`` up to a 32nd of log(2): so small that neither its rounding nor that of the polynomial matters.
What would matter is the rounding of the powers. So the table holds ``c 2**(j / 16)`` with a `c` close to 1 for
which all sixteen numbers are exact to a quarter of the usual error, and the polynomial is that of
``exp(r) / c - 1``: one multiply-add more instead of a table of tails.
"""

from __future__ import annotations

from . import pieces, tables
from .emit import Format, Operand, Value

__all__ = ["exp", "exp_in_range", "parts", "parts_of_product"]


SHORT = (0.693359375, -2.1219444005469057e-04)
"""``log(2)`` for float32, with a head so short that its product with sixteenths is exact."""


def nearest(f: Format, x: Value) -> tuple[Value, Value]:
    """``x / log(2)`` rounded to sixteenths: a number whose last digits count them, and it."""
    magic = f.magic / 16
    t = f.mad(x, f.pick(*tables.LOG2E)[0], magic)
    return t, t - magic


def reduced(f: Format, x: Value) -> tuple[Value, Value, Value]:
    """`nearest`, and the rest of x."""
    ln2_head, ln2_tail = f.pick(*tables.LN2)
    t, n = nearest(f, x)
    return t, n, f.mad(n, -ln2_tail, f.mad(n, -ln2_head, x))


def power(f: Format, t: Value, r: Value) -> tuple[Value, Value]:
    """``(head, rest)`` with ``head (1 + rest) = exp(r) 2**(j / 16)``, `j` the last digits of `t`."""
    return f.entry(f.pick("POWERS_F64", "POWERS_F32"), 0, f.bits(t)), less_one(f, r)


def less_one(f: Format, r: Value) -> Value:
    """``exp(r) / c - 1``."""
    z = r * r
    one, a, *others = f.pick(pieces.POWERS_F64, pieces.POWERS_F32)[2]
    pairs: list[Operand] = [
        f.mad(r, high, low) for low, high in zip(others[::2], others[1::2], strict=False)
    ]
    pairs += others[len(others) // 2 * 2 :]
    rest = pairs[-1]
    for pair in pairs[-2::-1]:
        rest = f.mad(z, rest, pair)
    return f.mad(z, rest, f.mad(r, a, one))


def parts(f: Format, x: Value, x_low: Value | None = None) -> tuple[Value, Value, Value]:
    """``(head, rest, n)`` with ``exp(x + x_low) = head (1 + rest) 2**floor(n)``."""
    t, n, r = reduced(f, x)
    return *power(f, t, r if x_low is None else r + x_low), n


def parts_of_product(f: Format, x: Value, y: Operand) -> tuple[Value, Value, Value]:
    """``(head, rest, n)`` as `parts`, of the exact product.

    It enters the reduction unrounded: ``n log(2)`` is subtracted from it in one step, by which all its
    digits become those of `r`.
    """
    ln2_head, ln2_tail = f.pick(tables.LN2[0], SHORT)
    t, n = nearest(f, x * y)
    r = f.mad(n, -ln2_tail, f.fma(x, y, n * -ln2_head))
    return *power(f, t, r), n


def exp_in_range(f: Format, x: Value) -> Value:
    """``exp(x)`` where that is neither subnormal nor too great.

    Then the bits of `t`, moved, are what is to be added to those of the power: exponent and number of the
    entry, which the table's second column has less. That is quicker than ``scale``.
    """
    t, _, r = reduced(f, x)
    count = f.bits(t)
    power = f.entry(f.pick("POWERS_F64", "POWERS_F32"), 1, count)
    head = f.from_bits(f.bits(power) + (count << f.fraction - 4))
    return f.mad(head, less_one(f, r), head)


def exp(f: Format, x: Value) -> Value:
    """``exp(x)`` within 0.9 ulp, for x within [-800, 800] ([-140, 140] in float32)."""
    head, rest, n = parts(f, x)
    return f.lane("scale", f.mad(head, rest, head), n)
