"""Functions in sixteen pieces, with a polynomial of its own in each (see `pieces`).

The pieces are chosen by the last exponent bits and the first two digits of a number in [1, 16), and
each coefficient is looked up in a column of sixteen numbers: one instruction where the processor has
`lanes`. The polynomials are short, and the distance to the middle of a piece is exact, so that the
last sum, of a value that is a float64 number all but exactly, makes most of the error.
"""

from __future__ import annotations

from . import pieces
from .emit import Format, Value


def piece(f: Format, table: str, x: Value, y: Value) -> tuple[Value, Value, Value]:
    """``(h, v, p)`` with ``f(x) = v + h p`` for the function of a table; `y` chooses the piece.

    `h` is exact, because a middle and `x` in its piece are within a factor of two, or the middle is 0.
    """
    n = f.bits(y) >> 50
    h = x - f.entry(table, 0, n)
    value = f.entry(table, 1, n)
    # Two chains, of the even and of the odd coefficients.
    even, odd = (
        [f.entry(table, c, n) for c in range(k, len(getattr(pieces, table)), 2)] for k in (2, 3)
    )
    z = h * h
    return h, value, f.mad(h, _horner(f, z, odd), _horner(f, z, even))


def _horner(f: Format, z: Value, coefficients: list[Value]) -> Value:
    acc = coefficients[-1]
    for c in coefficients[-2::-1]:
        acc = f.mad(acc, z, c)
    return acc
