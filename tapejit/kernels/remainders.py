"""Quotients rounded down and what they leave, with NumPy's answers at infinities and zeros.

Both start from fmod, which is exact; the floor of a rounded quotient is not: 2.5 // 1e-9 is
2499999999, because 1e-9 is a little more than a billionth.

Of integers the divisor zero gives zero, as in NumPy, and -1 is no division: the processor would trap at
the least integer. ``runtime.direct.positions`` has the same as instructions.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .decorate import routine


@routine
def floor_divide(x: Any, y: Any) -> Any:
    """Return floor(x / y) of the exact quotient."""
    if y == 0.0:
        return x / y
    m = np.fmod(x, y)
    q = (x - m) / y
    if m != 0.0 and (y < 0.0) != (m < 0.0):
        q -= 1.0
    if q == 0.0:
        return np.copysign(0.0, x / y)
    whole = np.floor(q)
    return whole + 1.0 if q - whole > 0.5 else whole


@routine
def remainder(x: Any, y: Any) -> Any:
    """Return x - y floor(x / y), which has the sign of y."""
    m = np.fmod(x, y)
    if m == 0.0:
        return np.copysign(m, y)
    return m + y if (y < 0.0) != (m < 0.0) else m


@routine
def whole_quotient(x: Any, y: Any) -> Any:
    """Return floor(x / y) of integers."""
    if y == 0:
        return 0
    return -x if y == -1 else x // y


@routine
def whole_remainder(x: Any, y: Any) -> Any:
    """Return x - y floor(x / y) of integers."""
    if y == 0 or y == -1:
        return 0
    return x % y
