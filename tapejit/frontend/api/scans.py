"""Running sums and products, differences."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ...tape.ir import Sym
from ..dispatch import implements
from .common import P, arr, axis_of, cast, cut, joined, literal, reshaped, spread, static


def _running(name: str) -> Callable[..., Sym]:
    def running(a: Any, axis: Any = None, dtype: Any = None) -> Sym:
        a = arr(a)
        if axis is None:
            a, axis = reshaped(a, (a.size,)), 0
        elif a.ndim == 0:
            a = reshaped(a, (1,))
        a = a if dtype is None else cast(a, dtype)
        found: Sym = getattr(P, name)(a, axis=axis_of(a, axis), reverse=False)
        return found if dtype is None else cast(found, dtype)

    return running


cumsum = implements(np.cumsum)(_running("cumsum"))
cumprod = implements(np.cumprod)(_running("cumprod"))


def _cumulative(name: str, identity: int) -> Callable[..., Sym]:
    def cumulative(x: Any, /, *, axis: Any = None, dtype: Any = None,
                   include_initial: bool = False) -> Sym:  # fmt: skip
        a = arr(x)
        if axis is None:
            if a.ndim != 1:
                raise ValueError(
                    "For arrays which have more than one dimension ``axis`` argument is required."
                )
            axis = 0
        k = axis_of(a, axis)
        found: Sym = _running(name)(a, k, dtype)
        if include_initial:
            edge = spread(literal(found, identity), a.shape[:k] + (1,) + a.shape[k + 1 :])
            found = joined([edge, found], k)
        return found

    return cumulative


if hasattr(np, "cumulative_sum"):
    implements(np.cumulative_sum)(_cumulative("cumsum", 0))
    implements(np.cumulative_prod)(_cumulative("cumprod", 1))


# ---------------------------------------------------------------- differences


@implements(np.diff)
def diff(a: Any, n: int = 1, axis: int = -1, prepend: Any = None, append: Any = None) -> Sym:
    """Differences of neighbours, n times."""
    a, n = arr(a), static(n)
    if n == 0:
        result: Sym = a
        return result
    if n < 0:
        raise ValueError(f"order must be non-negative but got {n!r}")
    if a.ndim == 0:
        raise ValueError("diff requires input that is at least one dimensional")
    k = axis_of(a, axis)
    parts = [_edge(a, prepend, k), a, _edge(a, append, k)]
    found = [p for p in parts if p is not None]
    a = joined(found, k)
    for _ in range(n):
        m = max(a.shape[k] - 1, 0)
        start = min(1, a.shape[k])
        hi, lo = cut(a, k, start, m), cut(a, k, 0, m)
        a = P.not_equal(hi, lo) if a.dtype.kind == "b" else hi - lo
    result = a
    return result


def _edge(a: Sym, value: Any, axis: int) -> Sym | None:
    if value is None or value is np._NoValue:
        return None
    edge = arr(value)
    if edge.ndim == 0:
        edge = spread(edge, a.shape[:axis] + (1,) + a.shape[axis + 1 :])
    return edge


@implements(np.ediff1d)
def ediff1d(ary: Any, to_end: Any = None, to_begin: Any = None) -> Sym:
    """Differences of neighbours of the raveled array, with given ends."""
    a = arr(ary)
    flat = reshaped(a, (a.size,))
    parts = [diff(flat) if flat.size else flat]
    for value, place in ((to_begin, 0), (to_end, len(parts) + 1)):
        if value is not None:
            end = arr(value)
            if not np.can_cast(end.dtype, a.dtype, "same_kind"):
                raise TypeError(
                    f"dtype of `{'to_end' if place else 'to_begin'}` must be compatible with input "
                    "`ary` under the `same_kind` rule."
                )
            parts.insert(place, reshaped(cast(end, a.dtype), (end.size,)))
    return joined(parts, 0)
