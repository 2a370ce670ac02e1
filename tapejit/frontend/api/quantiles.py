"""Medians, quantiles and percentiles: sorted lines read at places between their elements."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...rules.sort import take_along
from ...tape.ir import Sym
from ..dispatch import implements
from ..tracer import active
from .common import (
    P,
    arr,
    axes_of,
    cast,
    cut,
    floating,
    given,
    joined,
    kept_shape,
    literal,
    merge_axes,
    pick,
    reshaped,
    spread,
    static,
    unsupported,
)


def _lines(a: Sym, axis: Any) -> tuple[Sym, tuple[int, ...]]:
    """Return the reduced axes as one last axis, sorted."""
    axes = axes_of(a, axis)
    merged = merge_axes(a, axes)
    return P.sort(merged, axis=merged.ndim - 1), axes


def _finish(
    found: Sym, a: Sym, axes: tuple[int, ...], keepdims: Any, lead: tuple[int, ...] = ()
) -> Sym:
    if keepdims is not np._NoValue and keepdims:
        return reshaped(found, lead + kept_shape(a.shape, axes))
    return found


@implements(np.median)
def median(a: Any, axis: Any = None, overwrite_input: bool = False, keepdims: Any = False) -> Sym:
    a = arr(a)
    y, axes = _lines(a, axis)
    n = y.shape[-1]
    last = y.ndim - 1
    x = floating(y)
    if not n:
        return _finish(spread(literal(x, np.nan), x.shape[:-1]), a, axes, keepdims)
    found = pick(x, last, n // 2)
    if n % 2 == 0:
        found = (pick(x, last, n // 2 - 1) + found) / 2
    return _finish(_poisoned(found, x), a, axes, keepdims)


def _poisoned(found: Sym, y: Sym) -> Sym:
    """NaN where a sorted line ends in NaN."""
    end = pick(y, y.ndim - 1, y.shape[-1] - 1)
    bad = end.ne(end)
    lead = found.ndim - bad.ndim
    bad = reshaped(bad, (1,) * lead + bad.shape) if lead else bad
    return P.where(bad, literal(found, np.nan), found)


@implements(np.nanmedian)
def nanmedian(
    a: Any, axis: Any = None, overwrite_input: bool = False, keepdims: Any = False
) -> Sym:
    a = arr(a)
    if not a.aval.inexact:
        return median(a, axis, keepdims=keepdims)
    y, axes = _lines(a, axis)
    n = y.shape[-1]
    count = P.sum(y.eq(y), axis=(y.ndim - 1,), keepdims=True)
    top = P.minimum(P.floor_divide(count, 2), max(n - 1, 0))
    low = P.maximum(P.floor_divide(count - 1, 2), 0)
    hi, lo = take_along(y, top, y.ndim - 1), take_along(y, low, y.ndim - 1)
    found = P.where(count.eq(0), literal(y, np.nan), P.where(top.eq(low), hi, (lo + hi) / 2))
    return _finish(reshaped(found, found.shape[:-1]), a, axes, keepdims)


# Methods with a continuous place, n q + alpha + q (1 - alpha - beta) - 1: alpha and beta of
# R. Hyndman and Y. Fan, Sample quantiles in statistical packages, 1996.
_CONTINUOUS = {
    "linear": (1.0, 1.0),
    "interpolated_inverted_cdf": (0.0, 1.0),
    "hazen": (0.5, 0.5),
    "weibull": (0.0, 0.0),
    "median_unbiased": (1.0 / 3.0, 1.0 / 3.0),
    "normal_unbiased": (3.0 / 8.0, 3.0 / 8.0),
}
_DISCRETE = ("lower", "higher", "midpoint", "nearest")


def _place(n: Any, q: Any, method: str) -> Any:
    """The place of quantile q among n sorted values, from 0."""
    alpha, beta = _CONTINUOUS.get(method, (1.0, 1.0))
    if (alpha, beta) == (1.0, 1.0):
        return (n - 1) * q
    return n * q + (alpha + q * (1.0 - alpha - beta)) - 1.0


def _quantile(name: str, a: Any, q: Any, scale: float, axis: Any, method: Any, keepdims: Any,
              weights: Any, interpolation: Any, skip_nan: bool) -> Sym:  # fmt: skip
    if given(interpolation) is not None:
        method = interpolation
    if given(weights) is not None:
        raise unsupported(f"np.{name}: weights=")
    if method not in _CONTINUOUS and method not in _DISCRETE:
        raise unsupported(f"np.{name}: method={method!r}")
    a, q = arr(a), q if method in _CONTINUOUS else static(q)
    if a.dtype.kind == "c":
        raise TypeError("a must be an array of real numbers")
    weak = isinstance(q, (int, float)) and a.dtype.kind == "f"
    if isinstance(q, Sym):
        inside = P.logical_and(q >= 0.0, q <= scale)
        outside = P.sum(~inside, axis=tuple(range(q.ndim)), keepdims=False)
        if active().outcome(outside):
            _check_range(name, active().value(q) / scale, scale)
        share: Any = q / scale
    else:
        share = np.true_divide(q, a.dtype.type(scale) if weak else scale)
        _check_range(name, share, scale)
    y, axes = _lines(a, axis)
    if not y.shape[-1]:
        raise IndexError(f"np.{name} of an empty array")
    x = floating(y)
    if not isinstance(share, Sym) and not skip_nan:
        found = _static_quantile(x, np.asarray(share), method, weak)
        lead = np.shape(share)
    else:
        s = share if isinstance(share, Sym) else arr(share)
        found = _dynamic_quantile(x, s, method, skip_nan)
        lead = s.shape
    if method in ("lower", "higher", "nearest"):
        found = cast(found, a.dtype)
    if not skip_nan and a.dtype.kind == "f":
        found = _poisoned(found, y)
    return _finish(found, a, axes, keepdims, lead)


def _check_range(name: str, share: Any, scale: float) -> None:
    if not (np.all(share >= 0) and np.all(share <= 1)):
        raise ValueError(f"{name.capitalize()}s must be in the range [0, {int(scale)}]")


def _static_quantile(x: Sym, share: Any, method: str, weak: bool) -> Sym:
    """Quantiles whose places are known: the neighbours are slices."""
    n = x.shape[-1]
    dtype = x.dtype if weak else np.result_type(x.dtype, share.dtype)
    parts = []
    for q in share.ravel():
        place = float(np.clip(_place(n, q, method), 0, n - 1))
        lo, t = _neighbours(place, method)
        low = cast(pick(x, x.ndim - 1, lo), dtype)
        if t == 0.0 or lo + 1 >= n:
            found = low
        else:
            high = cast(pick(x, x.ndim - 1, lo + 1), dtype)
            found = high if t == 1.0 else _mixed(low, high, t)
        parts.append(reshaped(found, (1, *found.shape)))
    whole = joined(parts, 0) if parts else cut(x, x.ndim - 1, 0, 0)
    return reshaped(whole, share.shape + x.shape[:-1])


def _mixed(low: Sym, high: Sym, t: float) -> Sym:
    step = high - low
    return low + step * t if t < 0.5 else high - step * (1.0 - t)


def _neighbours(place: float, method: str) -> tuple[int, float]:
    lo = int(np.floor(place))
    t = place - lo
    if method == "lower":
        t = 0.0
    elif method == "higher":
        t = float(np.ceil(t))
    elif method == "nearest":
        t = 0.0 if t < 0.5 or (t == 0.5 and lo % 2 == 0) else 1.0
    elif method == "midpoint":
        t = 0.5 if t else 0.0
    return lo, t


def _dynamic_quantile(x: Sym, share: Sym, method: str, skip_nan: bool) -> Sym:
    """Quantiles at traced places, or among a count of values that differs from line to line."""
    if method not in _CONTINUOUS and method not in ("lower", "higher"):
        raise unsupported(f"quantile: method={method!r} of a traced q or with NaN")
    n: Any = x.shape[-1]
    last = x.ndim - 1
    if skip_nan:
        n = cast(P.sum(x.eq(x), axis=(last,), keepdims=True), share.dtype)
    flat = reshaped(share, (share.size, *(1,) * x.ndim))
    place = _place(n, flat, method)
    place = P.maximum(P.minimum(place, n - 1.0 if isinstance(n, Sym) else float(n - 1)), 0.0)
    lo = P.floor(place)
    t = place - lo
    low_at = cast(lo, np.int64)
    high_at = P.minimum(low_at + 1, x.shape[-1] - 1)
    shape = (share.size, *x.shape[:-1], 1)
    wide = spread(reshaped(x, (1, *x.shape)), (share.size, *x.shape))
    low = take_along(wide, spread(low_at, shape), x.ndim)
    high = take_along(wide, spread(high_at, shape), x.ndim)
    if method in ("lower", "higher"):
        found = low if method == "lower" else P.where(t.eq(0.0), low, high)
    else:
        # The neighbour that is not used may be NaN: it must not be multiplied by zero.
        found = P.where(t.eq(0.0), low, low + (P.where(t.eq(0.0), low, high) - low) * t)
    return reshaped(found, share.shape + x.shape[:-1])


def _quantile_function(name: str, scale: float, skip_nan: bool) -> None:
    def quantile(a: Any, q: Any, axis: Any = None, overwrite_input: bool = False,
                 method: Any = "linear", keepdims: Any = False, *, weights: Any = None,
                 interpolation: Any = None) -> Sym:  # fmt: skip
        return _quantile(
            name, a, q, scale, axis, method, keepdims, weights, interpolation, skip_nan
        )

    implements(getattr(np, name))(quantile)


_quantile_function("quantile", 1.0, False)
_quantile_function("percentile", 100.0, False)
_quantile_function("nanquantile", 1.0, True)
_quantile_function("nanpercentile", 100.0, True)
