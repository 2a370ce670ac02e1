"""The logarithm of gamma and its derivative, for kernels.

digamma moves x above 10 by psi(x) = psi(x + 1) - 1/x and sums Stirling's series there, whose terms
are Bernoulli numbers over 2k x**2k: seven of them leave an error below 1e-16. To the left of 0 it
reflects: psi(x) = psi(1 - x) - pi / tan(pi x).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .decorate import routine


@routine
def gammaln(x: Any) -> Any:
    """Return log|gamma(x)|."""
    return -np.inf if x == -np.inf else math.lgamma(x)


@routine
def digamma(x: Any) -> Any:
    """Return the derivative of log gamma: an infinity at 0, nan at its other poles."""
    z = np.float64(x)
    if z == 0.0:
        return np.copysign(np.inf, -z)
    found = 0.0
    if z < 0.0:
        if z == np.floor(z):
            return np.nan
        part = z - np.floor(z)
        found = -np.pi / np.tan(np.pi * part)
        z = 1.0 - z
    while z < 10.0:
        found -= 1.0 / z
        z += 1.0
    r = 1.0 / (z * z)
    tail = 1.0 / 12.0
    for c in (-691.0 / 32760.0, 1.0 / 132.0, -1.0 / 240.0, 1.0 / 252.0, -1.0 / 120.0, 1.0 / 12.0):
        tail = tail * r + c
    return found + np.log(z) - 0.5 / z - tail * r
