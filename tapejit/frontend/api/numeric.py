"""Numerical calculus on grids: gradient, trapezoid, interp, convolve, polynomials, histograms."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from ...core.sources import where as user_line
from ...tape.ir import Sym
from ..dispatch import implements
from ..tracer import active
from .common import (
    P,
    arr,
    axis_of,
    cast,
    counting,
    cut,
    flipped,
    floating,
    joined,
    literal,
    ordered_axes,
    pick,
    reshaped,
    spread,
    static,
    unsupported,
)
from .order import monotonic


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
    return f0 * a + f1 * b + f2 * c


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
def interp(x: Any, xp: Any, fp: Any, left: Any = None, right: Any = None, period: Any = None) -> Sym:
    """Piecewise linear interpolation: fp_j + slope_j (x - xp_j) with xp_j <= x < xp_{j+1}."""
    x, xp, fp = (cast(arr(v), np.float64) if arr(v).dtype.kind != "c" else arr(v) for v in (x, xp, fp))
    if xp.ndim != 1 or fp.ndim != 1:
        raise ValueError("Data points must be 1-D sequences")
    if xp.size != fp.size:
        raise ValueError("fp and xp are not of the same length.")
    if not xp.size:
        raise ValueError("array of sample points is empty")
    if period is not None:
        x, xp, fp = _periodic(x, xp, fp, period)
        left = right = None
    n = xp.size
    if n > 1:
        j = P.searchsorted(xp, x, side="right") - 1
        j = P.minimum(P.maximum(j, 0), n - 2)
        slope = (cut(fp, 0, 1, n - 1) - cut(fp, 0, 0, n - 1)) / (
            cut(xp, 0, 1, n - 1) - cut(xp, 0, 0, n - 1)
        )
        found = P.gather(slope, j, axis=0) * (x - P.gather(xp, j, axis=0)) + P.gather(fp, j, axis=0)
    else:
        found = x * 0.0 + pick(fp, 0, 0)
    first, last = pick(xp, 0, 0), pick(xp, 0, n - 1)
    low = pick(fp, 0, 0) if left is None else arr(left)
    high = pick(fp, 0, n - 1) if right is None else arr(right)
    dtype = found.dtype
    found = P.where(x.eq(last), pick(fp, 0, n - 1), found)
    found = P.where(x < first, cast(low, dtype), found)
    return P.where(x > last, cast(high, dtype), found)


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


# ---------------------------------------------------------------- convolution


def _lines(a: Any, v: Any) -> tuple[Sym, Sym]:
    made = []
    for x in (arr(a), arr(v)):
        x = reshaped(x, (1,)) if x.ndim == 0 else x
        if x.ndim != 1:
            raise ValueError("object too deep for desired array")
        made.append(x)
    if not made[0].size:
        raise ValueError("a cannot be empty")
    if not made[1].size:
        raise ValueError("v cannot be empty")
    return made[0], made[1]


def _window(full: Sym, n: int, m: int, mode: Any) -> Sym:
    """Cut the full convolution of lines of n >= m elements."""
    mode = {"v": "valid", "s": "same", "f": "full"}.get(str(mode)[:1].lower(), mode)
    if mode == "full":
        return full
    if mode == "same":
        return cut(full, 0, (m - 1) // 2, n)
    if mode == "valid":
        return cut(full, 0, m - 1, n - m + 1)
    raise ValueError(f"mode must be one of 'valid', 'same', or 'full' (got {mode!r})")


@implements(np.convolve)
def convolve(a: Any, v: Any, mode: Any = "full") -> Sym:
    x, y = _lines(a, v)
    if y.size > x.size:
        x, y = y, x
    return _window(P.convolve(x, y), x.size, y.size, mode)


@implements(np.correlate)
def correlate(a: Any, v: Any, mode: Any = "valid") -> Sym:
    """c_k = sum_n a_{n+k} conj(v_n)."""
    x, y = _lines(a, v)
    y = flipped(P.conjugate(y) if y.dtype.kind == "c" else y, 0)
    if y.size > x.size:
        # NumPy swaps the operands and reverses the result, which moves the middle of an even line.
        swapped = flipped(P.convolve(x, y), 0)
        return flipped(_window(swapped, y.size, x.size, mode), 0)
    return _window(P.convolve(x, y), x.size, y.size, mode)


# ---------------------------------------------------------------- polynomials


@implements(np.polyval)
def polyval(p: Any, x: Any) -> Sym:
    p, x = arr(p), arr(x)
    found = spread(literal(x, 0), x.shape)
    for k in range(p.shape[0]):
        found = found * x + pick(p, 0, k)
    return found


@implements(np.vander)
def vander(x: Any, N: Any = None, increasing: bool = False) -> Sym:
    x = arr(x)
    if x.ndim != 1:
        raise ValueError("x must be a one-dimensional array or sequence.")
    n = x.size if N is None else operator.index(static(N))
    dtype = np.promote_types(x.dtype, int)
    column = cast(reshaped(x, (x.size, 1)), dtype)
    parts = [spread(literal(column, 1), (x.size, 1))][:n]
    if n > 1:
        powers = spread(column, (x.size, n - 1))
        parts.append(P.cumprod(powers, axis=1, reverse=False))
    made = joined(parts, 1) if parts else spread(column, (x.size, 0))
    return made if increasing else flipped(made, 1)


# ---------------------------------------------------------------- counting


@implements(np.bincount)
def bincount(x: Any, /, weights: Any = None, minlength: Any = 0) -> Sym:
    """Add up weights (or ones) by integer; the length of the result is guarded."""
    x = arr(x)
    if x.ndim != 1:
        raise ValueError("object too deep for desired array")
    if x.dtype.kind not in "iub":
        raise TypeError(f"Cannot cast array data from {x.dtype!r} to dtype('int64') according to the rule 'safe'")
    least = operator.index(static(minlength))
    if least < 0:
        raise ValueError("'minlength' must not be negative")
    n, cap = least, active()
    if x.size:
        i = cast(x, np.int64)
        bottom = P.min(i, axis=(0,), keepdims=False)
        if cap.value(bottom) < 0:
            raise ValueError(f"'list' argument must have no negative elements ({user_line()})")
        cap.guard(bottom >= 0, True)
        length = P.maximum(P.max(i, axis=(0,), keepdims=False) + 1, least)
        n = int(cap.value(length))
        cap.guard(length, n)
    else:
        i = cast(x, np.int64)
    if weights is None:
        ones = spread(literal(i, 1), i.shape)
        return P.scatter_add(spread(literal(i, 0), (n,)), ones, i, axis=0)
    w = cast(arr(weights), np.float64)
    if w.shape != x.shape:
        raise ValueError("The weights and list don't have the same length.")
    return P.scatter_add(spread(literal(w, 0), (n,)), w, i, axis=0)


@implements(np.histogram)
def histogram(a: Any, bins: Any = 10, range: Any = None, density: Any = None,
              weights: Any = None) -> tuple[Any, Any]:  # fmt: skip
    """Counts between edges; the gradient flows through `weights` (and `density`) alone."""
    x = arr(a)
    x = reshaped(x, (x.size,))
    edges = _edges(x, bins, range)
    n = edges.size - 1
    first, last = pick(edges, 0, 0), pick(edges, 0, n)
    place = P.searchsorted(edges, x, side="right") - 1
    place = P.minimum(P.maximum(place, 0), n - 1)
    inside = P.logical_and(x >= first, x <= last)
    if weights is None:
        counts = P.scatter_add(
            spread(literal(place, 0), (n,)), cast(inside, np.int64), place, axis=0
        )
    else:
        w = arr(weights)
        if w.shape != arr(a).shape:
            raise ValueError("weights should have the same shape as a.")
        w = P.where(inside, reshaped(w, (w.size,)), literal(w, 0))
        counts = P.scatter_add(spread(literal(w, 0), (n,)), w, place, axis=0)
    if density:
        widths = cut(edges, 0, 1, n) - cut(edges, 0, 0, n)
        counts = counts / widths / P.sum(counts, axis=(0,), keepdims=False)
    return counts, edges


def _edges(x: Sym, bins: Any, limits: Any) -> Sym:
    if isinstance(bins, str):
        raise unsupported(f"np.histogram: bins={bins!r}")
    if isinstance(bins, (int, np.integer)) or (isinstance(bins, Sym) and not bins.ndim):
        n = operator.index(static(bins))
        if n < 1:
            raise ValueError("`bins` must be positive, when an integer")
        dtype = np.result_type(x.dtype, np.float64) if x.dtype.kind != "f" else x.dtype
        if limits is not None:
            lo, hi = (float(static(v)) for v in limits)
            if lo > hi:
                raise ValueError("max must be larger than min in range parameter.")
            lo, hi = (lo - 0.5, hi + 0.5) if lo == hi else (lo, hi)
            edges = np.linspace(lo, hi, n + 1, dtype=np.result_type(dtype, np.float32))
            return active().const(edges.astype(dtype))
        if not x.size:
            return active().const(np.linspace(0.0, 1.0, n + 1).astype(dtype))
        low = cast(P.min(x, axis=(0,), keepdims=False), dtype)
        high = cast(P.max(x, axis=(0,), keepdims=False), dtype)
        same = low.eq(high)
        low, high = P.where(same, low - 0.5, low), P.where(same, high + 0.5, high)
        return line(low, high, n + 1, True)[0]
    edges = arr(bins)
    if edges.ndim != 1:
        raise ValueError("`bins` must be 1d, when an array")
    if monotonic(edges) != 1:
        raise ValueError("`bins` must increase monotonically, when an array")
    return edges


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
    a, b = floating(arr(start)), floating(arr(stop))
    made, step = line(a, b, num, endpoint)
    if axis:
        k = axis_of(made, axis)
        made = P.transpose(made, axes=(*range(1, k + 1), 0, *range(k + 1, made.ndim)))
    if dtype is not None:
        made = cast(P.floor(made) if np.dtype(dtype).kind in "iu" else made, dtype)
    return (made, step) if retstep else made
