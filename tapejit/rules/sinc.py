"""sinc and its derivatives of every order, as one family that is closed under differentiation.

Let S(z) = sin(z)/z. Differentiating z S(z) = sin z k times gives
``z S_k + k S_(k-1) = sin(z + k pi/2)``, which is used away from 0, where the quotient does not
cancel. Near 0 the series S_k(z) = sum_m (-1)**m (2m)!/(2m-k)! z**(2m-k) / (2m+1)! is summed.
``sinc(x, order=k)`` is pi**k S_k(pi x), the k-th derivative of NumPy's sinc: it is exactly 0 at 0
for odd k.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import factorial, pi
from typing import Any

import numpy as np

from ..core.avals import Aval
from ..tape.primitive import Emit, Params
from .declare import elementwise, field, float_dtype, ops

_TERMS = 14


def _cut(order: int) -> float:
    """Up to which |z| the series is summed; above, the recurrence loses at most a digit."""
    return 1.0 + 0.75 * order


def series(order: int, terms: int = _TERMS) -> list[float]:
    """Coefficients of z**p, z**(p+2), ..., where p is the parity of `order`."""
    first = (order + 1) // 2
    return [
        (-1.0) ** m * factorial(2 * m) / (factorial(2 * m - order) * factorial(2 * m + 1))
        for m in range(first, first + terms)
    ]


def _sinc_numpy(x: Any, *, order: int) -> Any:
    x = np.asarray(x)
    if order == 0:
        return np.sinc(x)[()]
    z = pi * x.astype(np.result_type(x.dtype, np.float64))
    small = np.abs(z) < _cut(order)
    near, far = np.where(small, z, 0.0), np.where(small, 1.0, z)
    by_series: Any = np.zeros_like(near)
    for c in reversed(series(order)):
        by_series = by_series * near * near + c
    if order % 2:
        by_series = by_series * near
    found = np.sin(far) / far
    for k in range(1, order + 1):
        found = (_shifted_sine(far, k) - k * found) / far
    return (pi**order * np.where(small, by_series, found)).astype(x.dtype)[()]


def _shifted_sine(z: Any, k: int) -> Any:
    """sin(z + k pi/2)"""
    return (np.sin(z), np.cos(z), -np.sin(z), -np.cos(z))[k % 4]


def _sinc_text(dtypes: Sequence[np.dtype[Any]], params: Params) -> str | None:
    order = params["order"]
    if dtypes[0].name not in ("float32", "float64") or order > 2:
        return None
    z = f"({pi!r} * {{0}})"
    if order == 0:
        return f"(np.sin({z}) / {z} if {{0}} != 0 else 1.0)"
    horner = "0.0"
    for c in reversed(series(order)):
        horner = f"({horner} * {z} * {z} + {c!r})"
    if order % 2:
        horner = f"{horner} * {z}"
    found = f"np.sin({z}) / {z}"
    for k in range(1, order + 1):
        shifted = (f"np.sin({z})", f"np.cos({z})", f"(-np.sin({z}))")[k]
        found = f"(({shifted} - {k} * {found}) / {z})"
    return f"{pi**order!r} * ({horner} if abs({z}) < {_cut(order)!r} else {found})"


def _sinc_samples(rng: np.random.Generator) -> Iterator[tuple[tuple[Any, ...], Params]]:
    for order in range(6):
        yield (rng.normal(size=(2, 3)) * 2,), {"order": order}
    yield (np.array([0.0, 1e-9, -1e-4, 0.2, 0.9, 3.0]),), {"order": 0}
    yield (np.array([0.0, 1e-9, -1e-4, 0.2, 0.9, 3.0]),), {"order": 1}


def _sinc_resolve(x: Aval, *, order: int) -> tuple[Any, ...]:
    dtype = float_dtype(x)
    return (dtype, dtype)


sinc = elementwise(
    "sinc",
    _sinc_numpy,
    (lambda y, x, *, order: ops.sinc(x, order=order + 1),),
    domain=(field(),),
    resolve=_sinc_resolve,
)
sinc.emit = Emit("elementwise", _sinc_text)
sinc.samples = _sinc_samples
