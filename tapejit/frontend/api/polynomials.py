"""Arithmetic of polynomials given by coefficients (highest power first), and spaced values."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from ...core.errors import UnsupportedError
from ...core.sources import where as user_line
from ...tape.ir import Sym
from ..dispatch import implements, implements_directly
from .common import arr, cast, cut, joined, literal, reshaped, spread, static
from .convolutions import convolve


def _coefficients(a: Any) -> Sym:
    made = arr(a)
    made = reshaped(made, (1,)) if made.ndim == 0 else made
    if made.ndim != 1:
        raise UnsupportedError(f"polynomials are lines of coefficients ({user_line()})")
    return made


def _padded(a: Sym, n: int) -> Sym:
    missing = n - a.shape[0]
    return joined([spread(literal(a, 0), (missing,)), a], 0) if missing else a


@implements(np.polyadd, copies=True)
def polyadd(a1: Any, a2: Any) -> Sym:
    a, b = _coefficients(a1), _coefficients(a2)
    n = max(a.shape[0], b.shape[0])
    return _padded(a, n) + _padded(b, n)


@implements(np.polysub, copies=True)
def polysub(a1: Any, a2: Any) -> Sym:
    a, b = _coefficients(a1), _coefficients(a2)
    n = max(a.shape[0], b.shape[0])
    return _padded(a, n) - _padded(b, n)


@implements(np.polymul, copies=True)
def polymul(a1: Any, a2: Any) -> Sym:
    return convolve(_coefficients(a1), _coefficients(a2))


@implements(np.polyder, copies=True)
def polyder(p: Any, m: Any = 1) -> Sym:
    found, times = _coefficients(p), operator.index(static(m))
    if times < 0:
        raise ValueError("Order of derivative must be positive (see polyint)")
    for _ in range(times):
        n = found.shape[0] - 1
        powers = found.b.sym(arr(np.arange(n, 0, -1)))
        found = cut(found, 0, 0, max(n, 0)) * powers
    return found


@implements(np.polyint, copies=True)
def polyint(p: Any, m: Any = 1, k: Any = None) -> Sym:
    found, times = _coefficients(p), operator.index(static(m))
    if times < 0:
        raise ValueError("Order of integral must be positive (see polyder)")
    constants = arr(0.0 if k is None else k)
    if constants.ndim == 0 or constants.shape == (1,):
        constants = spread(reshaped(constants, (1,)), (times,))
    if constants.ndim != 1 or constants.shape[0] < times:
        raise ValueError("k must be a scalar or a rank-1 array of length 1 or >m.")
    for j in range(times):
        powers = arr(np.arange(found.shape[0], 0, -1))
        last = cut(constants, 0, j, 1)
        quotient = found / powers
        dtype = np.result_type(quotient.dtype, last.dtype)
        found = joined([cast(quotient, dtype), cast(last, dtype)], 0)
    return found


@implements_directly(np.logspace)
def logspace(start: Any, stop: Any, num: Any = 50, endpoint: bool = True, base: Any = 10.0,
             dtype: Any = None, axis: int = 0) -> Any:  # fmt: skip
    exponents = np.linspace(start, stop, num=num, endpoint=endpoint, axis=axis)
    made = np.power(base, exponents)
    return made if dtype is None else made.astype(dtype)


@implements_directly(np.geomspace)
def geomspace(start: Any, stop: Any, num: Any = 50, endpoint: bool = True, dtype: Any = None,
              axis: int = 0) -> Any:  # fmt: skip
    """start (stop / start)^(k / n), for real ends of one sign."""
    start, stop = np.multiply(start, 1.0), np.multiply(stop, 1.0)
    if np.iscomplexobj(start) or np.iscomplexobj(stop):
        raise UnsupportedError(f"numpy.geomspace: complex ends are not supported ({user_line()})")
    if np.any(start == 0) or np.any(stop == 0):
        raise ValueError("Geometric sequence cannot include zero")
    sign = np.sign(start)
    made = logspace(np.log10(start * sign), np.log10(stop * sign), num, endpoint, axis=axis)
    made = made * sign if axis == 0 else made * np.expand_dims(sign, axis)
    return made if dtype is None else made.astype(dtype)


@implements_directly(np.isin)
def isin(element: Any, test_elements: Any, assume_unique: bool = False, invert: bool = False, *,
         kind: Any = None) -> Any:  # fmt: skip
    found = np.any(np.equal(np.expand_dims(element, -1), np.ravel(test_elements)), axis=-1)
    return ~found if invert else found
