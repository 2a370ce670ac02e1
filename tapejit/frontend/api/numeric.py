"""Numerical calculus on grids: gradient, trapezoid, interp, linspace."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from ...tape.ir import Sym
from ..dispatch import implements
from .common import (
    P,
    arr,
    axis_of,
    cast,
    counting,
    cut,
    floating,
    joined,
    ordered_axes,
    pick,
    reshaped,
    spec,
    spread,
    static,
)
from .order import search

# ---------------------------------------------------------------- differences and integrals


@implements(np.gradient)
def gradient(f: Any, *varargs: Any, axis: Any = None, edge_order: int = 1) -> Any:
    """Second-order differences inside, first- or second-order ones at the ends."""
    a = arr(f)
    axes = ordered_axes(a, axis)
    if len(varargs) not in (0, 1, len(axes)):
        raise TypeError("invalid number of arguments")
    steps = list(varargs) or [1.0]
    if len(steps) == 1:
        if _ndim(steps[0]) and len(axes) > 1:
            raise TypeError("invalid number of arguments")
        steps = steps * len(axes)
    if edge_order not in (1, 2):
        raise ValueError("'edge_order' greater than 2 not supported")
    a = floating(a)
    made = []
    for k, h in zip(axes, steps):
        n = a.shape[k]
        if n < edge_order + 1:
            raise ValueError(
                "Shape of array too small to calculate a numerical gradient, at least "
                "(edge_order + 1) elements are required."
            )
        made.append(_gradient_along(a, k, _spacing(a, h, k), edge_order))
    return made[0] if len(made) == 1 else tuple(made)


def _ndim(h: Any) -> int:
    return h.ndim if isinstance(h, Sym) else np.ndim(h)


def _spacing(a: Sym, h: Any, axis: int) -> Any:
    """The step of an axis: a number, or differences of coordinates laid along it."""
    if not _ndim(h):
        return cast(h, a.dtype) if isinstance(h, Sym) and h.aval.inexact else h
    x = arr(h)
    n = a.shape[axis]
    if x.ndim != 1:
        raise ValueError("distances must be either scalars or 1d")
    if x.shape[0] != n:
        raise ValueError("when 1d, distances must match the length of the corresponding dimension")
    d = floating(cut(x, 0, 1, n - 1) - cut(x, 0, 0, n - 1))
    return reshaped(d, tuple(n - 1 if k == axis else 1 for k in range(a.ndim)))


def _gradient_along(a: Sym, axis: int, h: Any, edge_order: int) -> Sym:
    n = a.shape[axis]

    def at(start: int, length: int = 1) -> Sym:
        return cut(a, axis, start, length)

    varies = isinstance(h, Sym) and h.ndim > 0

    def step(k: int) -> Any:
        return cut(h, axis, k % (n - 1), 1) if varies else h

    parts = []
    if edge_order == 1:
        first = (at(1) - at(0)) / step(0)
        last = (at(n - 1) - at(n - 2)) / step(-1)
    else:
        first = _one_sided(at(0), at(1), at(2), step(0), step(1))
        last = -_one_sided(at(n - 1), at(n - 2), at(n - 3), step(-1), step(-2))
    parts.append(first)
    if n > 2:
        low, mid, high = at(0, n - 2), at(1, n - 2), at(2, n - 2)
        if varies:
            d1, d2 = cut(h, axis, 0, n - 2), cut(h, axis, 1, n - 2)
            inner = (
                low * (-d2 / (d1 * (d1 + d2)))
                + mid * ((d2 - d1) / (d1 * d2))
                + high * (d1 / (d2 * (d1 + d2)))
            )
        else:
            inner = (high - low) / (2.0 * h)
        parts.append(inner)
    parts.append(last)
    return joined(parts, axis)


def _one_sided(f0: Sym, f1: Sym, f2: Sym, h1: Any, h2: Any) -> Sym:
    """The derivative at the end f0 of three points with steps h1, h2 inwards."""
    a = -(2.0 * h1 + h2) / (h1 * (h1 + h2))
    b = (h1 + h2) / (h1 * h2)
    c = -h1 / (h2 * (h1 + h2))
    result: Sym = f0 * a + f1 * b + f2 * c
    return result


@implements(*[getattr(np, name) for name in ("trapezoid", "trapz") if name in np.__dict__])
def trapezoid(y: Any, x: Any = None, dx: Any = 1.0, axis: int = -1) -> Sym:
    y = arr(y)
    k = axis_of(y, axis)
    m = max(y.shape[k] - 1, 0)
    if x is None:
        step: Any = dx
    else:
        x = arr(x)
        if x.ndim == 1:
            d = cut(x, 0, 1, max(x.size - 1, 0)) - cut(x, 0, 0, max(x.size - 1, 0))
            step = reshaped(d, tuple(d.size if j == k else 1 for j in range(y.ndim)))
        else:
            j = axis_of(x, axis)
            step = cut(x, j, 1, x.shape[j] - 1) - cut(x, j, 0, x.shape[j] - 1)
    pairs = cut(y, k, min(1, y.shape[k]), m) + cut(y, k, 0, m)
    weighted = step * pairs / 2.0
    return P.sum(weighted, axis=(weighted.ndim - y.ndim + k,), keepdims=False)


# ---------------------------------------------------------------- interpolation


@implements(np.interp)
def interp(
    x: Any, xp: Any, fp: Any, left: Any = None, right: Any = None, period: Any = None
) -> Sym:
    """Piecewise linear interpolation: fp_j + slope_j (x - xp_j) with xp_j <= x < xp_{j+1}."""
    x, xp, fp = (
        cast(arr(v), np.float64) if arr(v).dtype.kind != "c" else arr(v) for v in (x, xp, fp)
    )
    if xp.ndim != 1 or fp.ndim != 1:
        raise ValueError("Data points must be 1-D sequences")
    if xp.size != fp.size:
        raise ValueError("fp and xp are not of the same length.")
    if not xp.size:
        raise ValueError("array of sample points is empty")
    if period is not None:
        x, xp, fp = _periodic(x, xp, fp, period)
        left = right = None
    n, shape = xp.size, x.shape
    x = reshaped(x, shape or (1,))
    if n > 1:
        j = search(xp, x, "right") - 1
        j = P.minimum(P.maximum(j, 0), n - 2)
        slope = (cut(fp, 0, 1, n - 1) - cut(fp, 0, 0, n - 1)) / (
            cut(xp, 0, 1, n - 1) - cut(xp, 0, 0, n - 1)
        )
        found = P.gather(slope, j, axis=0) * (x - P.gather(xp, j, axis=0)) + P.gather(fp, j, axis=0)
    else:
        found = spread(pick(fp, 0, 0), x.shape)
    first, last = pick(xp, 0, 0), pick(xp, 0, n - 1)
    low = pick(fp, 0, 0) if left is None else arr(left)
    high = pick(fp, 0, n - 1) if right is None else arr(right)
    dtype = found.dtype
    found = P.where(x.eq(last), pick(fp, 0, n - 1), found)
    found = P.where(x < first, cast(low, dtype), found)
    return reshaped(P.where(x > last, cast(high, dtype), found), shape)


def _periodic(x: Sym, xp: Sym, fp: Sym, period: Any) -> tuple[Sym, Sym, Sym]:
    if not isinstance(period, Sym):
        if period == 0:
            raise ValueError("period must be a non-zero value")
        period = abs(period)
    x, xp = P.remainder(x, period), P.remainder(xp, period)
    order = P.argsort(xp, axis=0, stable=False)
    xp, fp = P.gather(xp, order, axis=0), P.gather(fp, order, axis=0)
    n = xp.size
    xp = joined([cut(xp, 0, n - 1, 1) - period, xp, cut(xp, 0, 0, 1) + period], 0)
    fp = joined([cut(fp, 0, n - 1, 1), fp, cut(fp, 0, 0, 1)], 0)
    return x, xp, fp


# ---------------------------------------------------------------- lines of numbers


def line(start: Sym, stop: Sym, num: int, endpoint: bool) -> tuple[Sym, Sym]:
    """Return `num` numbers from start to stop along a new first axis, and the step."""
    div = num - 1 if endpoint else num
    delta = stop - start
    shape = (num, *(1,) * delta.ndim)
    count = reshaped(counting(start, num, delta.dtype), shape)
    step = delta / max(div, 1)
    made = count * step + start
    if endpoint and num > 1:
        end = reshaped(spread(stop, delta.shape), (1, *delta.shape))
        made = joined([cut(made, 0, 0, num - 1), cast(end, made.dtype)], 0)
    return made, step if div > 0 else step * np.nan


@implements(np.linspace)
def linspace(start: Any, stop: Any, num: Any = 50, endpoint: bool = True, retstep: bool = False,
             dtype: Any = None, axis: int = 0, *, device: Any = None) -> Any:  # fmt: skip
    num = operator.index(static(num))
    if num < 0:
        raise ValueError(f"Number of samples, {num}, must be non-negative.")
    # Python numbers are weak here, unlike in most array functions.
    ends = [x if isinstance(x, (Sym, int, float, complex)) else arr(x) for x in (start, stop)]
    common = np.result_type(*[spec(x) for x in ends], 0.0)
    made, step = line(cast(arr(ends[0]), common), cast(arr(ends[1]), common), num, endpoint)
    if axis:
        k = axis_of(made, axis)
        made = P.transpose(made, axes=(*range(1, k + 1), 0, *range(k + 1, made.ndim)))
    if dtype is not None:
        made = cast(P.floor(made) if np.dtype(dtype).kind in "iu" else made, dtype)
    return (made, step) if retstep else made
