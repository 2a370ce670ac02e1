"""``reduce``, ``accumulate``, ``outer`` and ``at`` of ufuncs on tracers."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...core.errors import UnsupportedError
from ...core.sources import where

_REDUCE = {
    np.add: np.sum,
    np.multiply: np.prod,
    np.maximum: np.max,
    np.minimum: np.min,
    np.logical_and: np.all,
    np.logical_or: np.any,
}
_ACCUMULATE = {np.add: np.cumsum, np.multiply: np.cumprod}


def call_method(ufunc: np.ufunc, method: str, inputs: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Carry out a method of a ufunc by the array function that means the same."""
    if method == "reduce" and ufunc in _REDUCE:
        args = list(inputs)
        kwargs.setdefault("axis", args.pop(1) if len(args) > 1 else 0)
        if isinstance(kwargs.get("out"), tuple):
            kwargs["out"] = kwargs["out"][0]
        kwargs = {k: v for k, v in kwargs.items() if v is not None or k == "axis"}
        return _REDUCE[ufunc](args[0], **kwargs)  # type: ignore[operator]
    if method == "accumulate" and ufunc in _ACCUMULATE:
        axis = kwargs.pop("axis", inputs[1] if len(inputs) > 1 else 0)
        return _ACCUMULATE[ufunc](inputs[0], axis=axis, **kwargs)  # type: ignore[operator]
    if method == "outer" and len(inputs) == 2 and not kwargs:
        x, y = inputs
        return ufunc(np.reshape(x, np.shape(x) + (1,) * np.ndim(y)), y)
    if method == "at" and ufunc in (np.add, np.subtract):
        from ..advanced import add_at

        target, index, value = inputs
        return add_at(target, index, value if ufunc is np.add else -value)
    raise UnsupportedError(f"np.{ufunc.__name__}.{method} has no rule in tapejit ({where()})")
