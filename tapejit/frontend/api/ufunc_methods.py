"""``reduce``, ``accumulate``, ``outer`` and ``at`` of ufuncs on tracers.

Sums, products, extremes and logic have rules of their own; any other ufunc of two operands is
applied to the places of the axis one after the other, which is what ``reduce`` means.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ...core.errors import UnsupportedError
from ...core.sources import where
from ...rules.sort import take_along
from ..tracer import Tracer, active, sym_of, wrap
from .common import P, axis_of

_REDUCE: dict[Any, Callable[..., Any]] = {
    np.add: np.sum,
    np.multiply: np.prod,
    np.maximum: np.max,
    np.minimum: np.min,
    np.logical_and: np.all,
    np.logical_or: np.any,
}
_ACCUMULATE: dict[Any, Callable[..., Any]] = {np.add: np.cumsum, np.multiply: np.cumprod}


def call_method(
    ufunc: np.ufunc, method: str, inputs: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    """Carry out a method of a ufunc by the array functions that mean the same."""
    options = {k: v[0] if k == "out" and isinstance(v, tuple) else v for k, v in kwargs.items()}
    if method in ("reduce", "accumulate"):
        options.setdefault("axis", inputs[1] if len(inputs) > 1 else 0)
        options = {k: v for k, v in options.items() if v is not None or k == "axis"}
        return (_reduce if method == "reduce" else _accumulate)(ufunc, inputs[0], **options)
    if method == "outer" and len(inputs) == 2:
        x, y = inputs
        return ufunc(np.reshape(x, np.shape(x) + (1,) * np.ndim(y)), y, **kwargs)
    if method == "at" and ufunc in (np.add, np.subtract):
        from ..advanced import add_at

        target, index, value = inputs
        return add_at(target, index, value if ufunc is np.add else np.negative(value))
    raise UnsupportedError(f"np.{ufunc.__name__}.{method} has no rule in tapejit ({where()})")


def _reduce(ufunc: np.ufunc, x: Any, axis: Any, keepdims: bool = False, initial: Any = np._NoValue,
            **options: Any) -> Any:  # fmt: skip
    x = x if isinstance(x, Tracer) else np.asarray(x)
    if ufunc in _REDUCE:
        given = {} if initial is np._NoValue else {"initial": initial}
        return _REDUCE[ufunc](x, axis=axis, keepdims=keepdims, **given, **options)
    axes = (axis,) if isinstance(axis, (int, np.integer)) else axis
    if ufunc.nin != 2 or ufunc.nout != 1 or axes is None or len(axes) != 1 or options:
        raise UnsupportedError(f"np.{ufunc.__name__}.reduce with these options ({where()})")
    k = axis_of(x.ndim, axes[0])
    parts = [x[(slice(None),) * k + (i,)] for i in range(x.shape[k])]
    found = initial
    if initial is np._NoValue:
        if not parts and ufunc.identity is None:
            raise ValueError(
                f"zero-size array to reduction operation {ufunc.__name__} which has no identity"
            )
        found = parts.pop(0) if parts else np.full_like(np.sum(x, axis=k), ufunc.identity)
    for part in parts:
        found = ufunc(found, part)
    return np.expand_dims(found, k) if keepdims else found


def _accumulate(ufunc: np.ufunc, x: Any, axis: Any, **options: Any) -> Any:
    if ufunc in _ACCUMULATE:
        return _ACCUMULATE[ufunc](x, axis=axis, **options)
    k = axis_of(x.ndim, axis)
    if ufunc in (np.maximum, np.minimum) and not options:
        cap = active()
        sym = sym_of(cap, x)
        places = P.running_place(sym, axis=k, largest=ufunc is np.maximum)
        return wrap(cap, take_along(sym, places, k))
    if ufunc.nin != 2 or ufunc.nout != 1 or options or not x.shape[k]:
        raise UnsupportedError(f"np.{ufunc.__name__}.accumulate with these options ({where()})")
    found = [x[(slice(None),) * k + (0,)]]
    for i in range(1, x.shape[k]):
        found.append(ufunc(found[-1], x[(slice(None),) * k + (i,)]))
    return np.stack(found, axis=k)
