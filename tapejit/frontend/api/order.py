"""Sorting, searching and order statistics."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...rules.sort import take_along
from ...tape.ir import Sym
from ..advanced import true_positions
from ..dispatch import implements
from ..tracer import active
from .common import (
    P,
    arr,
    arrays,
    axes_of,
    axis_of,
    cast,
    cut,
    floating,
    flipped,
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
from .picking import positions


def _sorted_axis(a: Any, axis: Any, order: Any) -> tuple[Sym, int]:
    if order is not None:
        raise unsupported("order= of structured arrays")
    a = arr(a)
    if axis is None:
        return reshaped(a, (a.size,)), 0
    return a, axis_of(a, axis)


@implements(np.sort, copies=True)
def sort(a: Any, axis: Any = -1, kind: Any = None, order: Any = None, *, stable: Any = None) -> Sym:
    a, k = _sorted_axis(a, axis, order)
    return P.sort(a, axis=k)


@implements(np.argsort, copies=True)
def argsort(a: Any, axis: Any = -1, kind: Any = None, order: Any = None, *,
            stable: Any = None) -> Sym:  # fmt: skip
    a, k = _sorted_axis(a, axis, order)
    return P.argsort(a, axis=k, stable=bool(stable) or kind in ("stable", "mergesort"))


def _kth(kth: Any, n: int) -> tuple[int, ...]:
    places = np.atleast_1d(static(kth))
    if places.dtype.kind not in "iu":
        raise TypeError("Partition index must be integer")
    found = []
    for p in places.ravel().tolist():
        if not -n <= p < n:
            raise ValueError(f"kth(={p}) out of bounds ({n})")
        found.append(p % n)
    return tuple(found)


@implements(np.argpartition, copies=True)
def argpartition(a: Any, kth: Any, axis: Any = -1, kind: Any = "introselect", order: Any = None) -> Sym:
    a, k = _sorted_axis(a, axis, order)
    return P.argpartition(a, axis=k, kth=_kth(kth, a.shape[k]))


@implements(np.partition, copies=True)
def partition(a: Any, kth: Any, axis: Any = -1, kind: Any = "introselect", order: Any = None) -> Sym:
    a, k = _sorted_axis(a, axis, order)
    return take_along(a, P.argpartition(a, axis=k, kth=_kth(kth, a.shape[k])), k)


@implements(np.lexsort, copies=True)
def lexsort(keys: Any, axis: int = -1) -> Sym:
    """Sort stably by each key in turn, the last one ruling."""
    parts = arrays(keys)
    k = axis_of(parts[0], axis)
    at = P.argsort(parts[0], axis=k, stable=True)
    for key in parts[1:]:
        again = P.argsort(take_along(key, at, k), axis=k, stable=True)
        at = take_along(at, again, k)
    return at


@implements(np.searchsorted)
def searchsorted(a: Any, v: Any, side: str = "left", sorter: Any = None) -> Sym:
    a = arr(a)
    if a.ndim != 1:
        raise ValueError("object too deep for desired array" if a.ndim else "object of too small depth")
    if sorter is not None:
        a = P.gather(a, positions(arr(sorter), a.size, 0), axis=0)
    if side not in ("left", "right"):
        raise ValueError(f"search side must be 'left' or 'right' (got '{side}')")
    v = v if isinstance(v, Sym) or isinstance(v, (int, float)) else arr(v)
    return P.searchsorted(a, v, side=side)


@implements(np.digitize)
def digitize(x: Any, bins: Any, right: bool = False) -> Sym:
    x, bins = arr(x), arr(bins)
    if x.dtype.kind == "c":
        raise TypeError("x may not be complex")
    direction = monotonic(bins)
    if direction == 0:
        raise ValueError("bins must be monotonically increasing or decreasing")
    if direction > 0:
        return P.searchsorted(bins, x, side="left" if right else "right")
    down = P.searchsorted(flipped(bins, 0), x, side="right" if right else "left")
    return bins.size - down


def monotonic(bins: Sym) -> int:
    """Return 1 for increasing, -1 for decreasing, 0 for neither; the outcome is guarded."""
    if bins.ndim != 1:
        raise ValueError("object too deep for desired array")
    n = bins.size
    if n < 2:
        return 1
    hi, lo = cut(bins, 0, 1, n - 1), cut(bins, 0, 0, n - 1)
    cap = active()
    for direction, wrong in ((1, hi < lo), (-1, hi > lo)):
        count = P.sum(wrong, axis=(0,), keepdims=False)
        if not cap.value(count):
            cap.guard(count, 0)
            return direction
    return 0


# ---------------------------------------------------------------- distinct values


@implements(np.unique)
def unique(ar: Any, return_index: bool = False, return_inverse: bool = False,
           return_counts: bool = False, axis: Any = None, *, equal_nan: bool = True,
           sorted: bool = True) -> Any:  # fmt: skip
    """Distinct values in order; their number is guarded."""
    if axis is not None:
        raise unsupported("np.unique: axis=")
    a = arr(ar)
    flat = reshaped(a, (a.size,))
    order = P.argsort(flat, axis=0, stable=True)
    y = P.gather(flat, order, axis=0) if return_index or return_inverse else P.sort(flat, axis=0)
    n = flat.size
    first = literal(y, 1, bool)
    new = cast(spread(first, (min(n, 1),)), bool)
    if n > 1:
        hi, lo = cut(y, 0, 1, n - 1), cut(y, 0, 0, n - 1)
        differ = hi.ne(lo)
        if equal_nan and y.aval.inexact:
            differ = P.logical_and(differ, ~P.logical_and(hi.ne(hi), lo.ne(lo)))
        new = joined([new, differ], 0)
    at = true_positions(active(), new)
    made = [P.gather(y, at, axis=0)]
    if return_index:
        made.append(P.gather(order, at, axis=0))
    if return_inverse:
        group = P.cumsum(new, axis=0, reverse=False) - 1 if n else order
        back = P.scatter_set(spread(literal(order, 0), (n,)), group, order, axis=0)
        made.append(reshaped(back, a.shape))
    if return_counts:
        ends = joined([at, spread(literal(at, n), (1,))], 0)
        made.append(cut(ends, 0, 1, at.size) - cut(ends, 0, 0, at.size))
    return made[0] if len(made) == 1 else tuple(made)


# ---------------------------------------------------------------- medians and quantiles


def _lines(a: Sym, axis: Any) -> tuple[Sym, tuple[int, ...]]:
    """Return the reduced axes as one last axis, sorted."""
    axes = axes_of(a, axis)
    merged = merge_axes(a, axes)
    return P.sort(merged, axis=merged.ndim - 1), axes


def _finish(found: Sym, a: Sym, axes: tuple[int, ...], keepdims: Any, lead: tuple[int, ...] = ()) -> Sym:
    if keepdims is not np._NoValue and keepdims:  # type: ignore[attr-defined]
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
def nanmedian(a: Any, axis: Any = None, overwrite_input: bool = False, keepdims: Any = False) -> Sym:
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


# Methods with a continuous place: alpha and beta of Hyndman and Fan, n q + alpha + q (1 - alpha - beta) - 1.
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
    a = arr(a)
    if a.dtype.kind == "c":
        raise TypeError("a must be an array of real numbers")
    weak = isinstance(q, (int, float)) and a.dtype.kind == "f"
    if isinstance(q, Sym):
        _check_range(name, active().value(q) / scale, scale)
        inside = P.logical_and(q >= 0.0, q <= scale)
        outside = P.sum(~inside, axis=tuple(range(q.ndim)), keepdims=False)
        active().guard(outside, 0)
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
        return _quantile(name, a, q, scale, axis, method, keepdims, weights, interpolation, skip_nan)

    implements(getattr(np, name))(quantile)


_quantile_function("quantile", 1.0, False)
_quantile_function("percentile", 100.0, False)
_quantile_function("nanquantile", 1.0, True)
_quantile_function("nanpercentile", 100.0, True)
