"""Counting: bincount and histogram."""

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
    cast,
    cut,
    literal,
    pick,
    reshaped,
    spread,
    static,
    unsafe_index,
    unsupported,
)
from .numeric import line
from .order import monotonic


@implements(np.bincount)
def bincount(x: Any, /, weights: Any = None, minlength: Any = 0) -> Sym:
    """Add up weights (or ones) by integer; the length of the result is guarded."""
    x = arr(x)
    if x.ndim != 1:
        raise ValueError("object too deep for desired array")
    if x.dtype.kind not in "iub":
        raise unsafe_index(x.dtype)
    least = operator.index(static(minlength))
    if least < 0:
        raise ValueError("'minlength' must not be negative")
    n, cap = least, active()
    if x.size:
        i = cast(x, np.int64)
        bottom = P.min(i, axis=(0,), keepdims=False)
        if not cap.outcome(bottom >= 0):
            raise ValueError(f"'list' argument must have no negative elements ({user_line()})")
        length = P.maximum(P.max(i, axis=(0,), keepdims=False) + 1, least)
        n = int(cap.value(length))
        cap.guard(length, n)
        # A kernel looks at its guards when it ends: until then positions must be inside all the same.
        i = P.minimum(P.maximum(i, 0), max(n - 1, 0))
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
            fine = np.linspace(lo, hi, n + 1, dtype=np.result_type(dtype, np.float32))
            return active().const(fine.astype(dtype))
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
