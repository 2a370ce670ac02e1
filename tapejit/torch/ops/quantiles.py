"""Quantiles of all elements or along an axis."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..codes import op
from ..emit import apply
from ..surface import public
from ..tensor import Tensor
from .checks import (
    NUMBERS,
    bool_of,
    dim_of,
    tensor_of,
)
from .counting import made
from .middles import order_of

# ---------------------------------------------------------------- quantiles

_RULES = ("linear", "lower", "higher", "midpoint", "nearest")


def _quantile_impl(
    x: Any, q: Any, *, axis: int | None, keepdim: bool, rule: str, ignore_nan: bool
) -> Any:
    shape = x.shape
    if axis is None:
        x = np.reshape(x, (-1,))
        kept: tuple[int, ...] = (1,) * len(shape)
    else:
        x = np.moveaxis(x, axis, -1) if shape else np.reshape(x, (1,))
        kept = shape[:axis] + (1,) + shape[axis + 1 :] if shape else ()
    n = x.shape[-1]
    y = np.take_along_axis(x, order_of(stop(x), x.ndim - 1), -1)
    bad = np.isnan(stop(x))
    known = np.sum(~bad, axis=-1, keepdims=True)
    last = (np.maximum(known, 1) if ignore_nan else np.maximum(known, n)) - 1
    flat = np.reshape(q, (-1,))
    rank = flat * last.astype(x.dtype)
    if not ignore_nan:
        # A row with a nan has no quantile but nan, which stands last.
        rank = np.where(known < n, last.astype(x.dtype), rank)
    low = np.floor(stop(rank))
    high = np.ceil(stop(rank))
    if rule == "lower":
        high = low
    elif rule == "higher":
        low = high
    elif rule == "nearest":
        low = high = np.rint(stop(rank))
    a = np.take_along_axis(y, low.astype("int64"), -1)
    b = np.take_along_axis(y, high.astype("int64"), -1)
    if rule == "linear":
        a = _lerp(a, b, rank - low)
    elif rule == "midpoint":
        a = _lerp(a, b, x.dtype.type(0.5))
    if not q.shape:
        plain = kept if keepdim else kept_out(kept, axis)
        return np.reshape(a, plain)
    plain = kept if keepdim else kept_out(kept, axis)
    return np.reshape(np.moveaxis(a, -1, 0), (flat.shape[0], *plain))


def kept_out(kept: tuple[int, ...], axis: int | None) -> tuple[int, ...]:
    """A shape without the reduced axis, which is of length 1."""
    return () if axis is None else kept[:axis] + kept[axis + 1 :]


def stop(x: Any) -> Any:
    """A value that no gradient flows to."""
    from .reductions import stopped

    return stopped(x)


def _lerp(a: Any, b: Any, w: Any) -> Any:
    return np.where(np.abs(w) < 0.5, a + w * (b - a), b - (b - a) * (1 - w))


_quantile = op("quantile", node="SqueezeBackward4", saves=((0,), (0,)))(_quantile_impl)


def _quantiles(name: str, input: Any, q: Any, dim: Any, keepdim: Any, interpolation: str) -> Any:
    x = tensor_of(name, "input", 1, input)
    if x._spec.np.kind != "f":
        raise RuntimeError(f"{name}() input tensor must be either float or double dtype")
    if type(q) in NUMBERS or isinstance(q, np.generic):
        number = float(q)
        if not 0 <= number <= 1:
            raise RuntimeError(f"{name}() q must be in the range [0, 1] but got {number:g}")
        q = made(np.asarray(number, x._spec.np))
    else:
        q = tensor_of(name, "q", 2, q)
        if q._spec.ndim > 1:
            raise RuntimeError(f"{name}() q must be a scalar or 1D tensor")
        if q._spec.np != x._spec.np:
            raise RuntimeError(f"{name}() q tensor must be same dtype as the input tensor")
        values = np.asarray(q._value())
        if not np.all((values >= 0) & (values <= 1)):
            raise RuntimeError(f"{name}() q values must be in the range [0, 1]")
    if interpolation not in _RULES:
        raise RuntimeError(
            f"{name}() interpolation must be one of linear, lower, higher, midpoint or nearest, but "
            f"got {interpolation}"
        )
    k = None if dim is None else dim_of(name, dim, x._spec.ndim)
    if x._spec.numel == 0:
        raise RuntimeError(f"{name}() input tensor must be non-empty")
    return apply(
        _quantile, (x, q), axis=k, keepdim=bool_of(name, "keepdim", keepdim), rule=interpolation,
        ignore_nan=name == "nanquantile",
    )  # fmt: skip


@public("quantile", out=True)
def quantile(
    input: Tensor,
    q: Any,
    dim: int | None = None,
    keepdim: bool = False,
    *,
    interpolation: str = "linear",
) -> Any:
    """Return quantiles of all elements, or along an axis; nan where there is a nan.

    Raises
    ------
    RuntimeError
        If `q` lies outside [0, 1] or has another dtype than `input`.
    """
    return _quantiles("quantile", input, q, dim, keepdim, interpolation)


@public("nanquantile", out=True)
def nanquantile(
    input: Tensor,
    q: Any,
    dim: int | None = None,
    keepdim: bool = False,
    *,
    interpolation: str = "linear",
) -> Any:
    """Return quantiles of what is not nan."""
    return _quantiles("nanquantile", input, q, dim, keepdim, interpolation)
