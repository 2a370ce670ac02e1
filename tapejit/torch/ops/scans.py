"""Running sums, products and extremes; differences, trapezoids and finite-difference gradients."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..codes import op
from ..dtypes import dtype
from ..emit import apply
from ..hot import parametric
from ..return_types import of as named
from ..surface import public
from ..tensor import Tensor
from .checks import dim_of, not_implemented, tensor_of
from .convert import to
from .reductions import _summed_dtype, stopped

Params = dict[str, Any]


def _running(fn: Any) -> Any:
    def impl(x: Any, *, axis: int, dtype: str) -> Any:
        x = to(x, dtype)
        return fn(x, axis=axis) if x.shape else x

    return impl


_cumsum = op("cumsum", saves=((),))(_running(np.cumsum))
_cumprod = op("cumprod", saves=((0, -1),))(_running(np.cumprod))


def _scan(name: str, its: Any, doc: str) -> Any:
    def params_of(input: Tensor, dim: int, *, dtype: dtype | None = None) -> Any:
        k = dim_of(name, dim, input._spec.ndim)
        return {"axis": k, "dtype": _summed_dtype(input, dtype, name)}

    params_of.__name__ = params_of.__qualname__ = name
    params_of.__doc__ = doc
    return public(name, inplace=True, out=True)(parametric(its)(params_of))


cumsum = _scan("cumsum", _cumsum, "Return the running sum along an axis.")
cumprod = _scan(
    "cumprod", _cumprod, "Return the running product along an axis; gradients are exact at zeros."
)


def _extreme_impl(largest: bool) -> Any:
    def impl(x: Any, *, axis: int) -> Any:
        """The running extreme and the latest index at which it stands."""
        if not x.shape:
            return x, np.zeros((), "int64")[()]
        n = x.shape[axis]
        key = stopped(x)
        if key.dtype.kind == "b":
            key = key.astype("uint8")
        if n == 0:
            return x, np.zeros(x.shape, "int64")
        best = (
            np.maximum.accumulate(key, axis=axis)
            if largest
            else np.minimum.accumulate(key, axis=axis)
        )
        count = np.reshape(np.arange(n), (n,) + (1,) * (x.ndim - 1 - axis))
        hit = (key == best) | (np.isnan(key) if key.dtype.kind == "f" else False)
        at = np.maximum.accumulate(np.where(hit, count, 0), axis=axis)
        return np.take_along_axis(x, at, axis), at

    return impl


_cummax = op("cummax", saves=((-2,),))(_extreme_impl(True))
_cummin = op("cummin", saves=((-2,),))(_extreme_impl(False))


def _running_extreme(name: str, its: Any, doc: str) -> Any:
    def function(input: Tensor, dim: int) -> Any:
        x = tensor_of(name, "input", 1, input)
        if x._spec.np.kind == "c":
            raise not_implemented(name, x._spec.dtype)
        return named(name)(*apply(its, (x,), axis=dim_of(name, dim, x._spec.ndim)))

    function.__name__ = function.__qualname__ = name
    function.__doc__ = doc
    return public(name, out=True)(function)


cummax = _running_extreme(
    "cummax", _cummax, "Return the running maximum along an axis and its latest index."
)
cummin = _running_extreme(
    "cummin", _cummin, "Return the running minimum along an axis and its latest index."
)


@op("logcumsumexp", saves=((0, -1),))
def _logcumsumexp(x: Any, *, axis: int) -> Any:
    """log(cumsum(exp(x))), shifted by the largest element so that nothing overflows."""
    if not x.shape or not x.size:
        return x
    n = x.shape[axis]
    y = np.moveaxis(x, axis, -1)
    # log of the sum over j <= i, each row shifted by its own running maximum: (n, n) terms, but
    # exact where a shift by the overall maximum would lose the first sums.
    mask = np.arange(n) <= np.reshape(np.arange(n), (n, 1))
    terms = np.where(mask, np.reshape(y, (*y.shape[:-1], 1, n)), y.dtype.type(-np.inf))
    top = stopped(np.max(terms, axis=-1, keepdims=True))
    top = np.where(np.isfinite(top), top, y.dtype.type(0))
    total = np.sum(np.exp(terms - top), axis=-1)
    return np.moveaxis(np.log(total) + np.reshape(top, y.shape), -1, axis)


@public("logcumsumexp", out=True)
@parametric(_logcumsumexp)
def logcumsumexp(input: Tensor, dim: int) -> Any:
    """Return ``log(cumsum(exp(input)))`` along an axis, without overflow."""
    if not input._spec.floating:
        raise not_implemented("logcumsumexp_out", input._spec.dtype)
    return {"axis": dim_of("logcumsumexp", dim, input._spec.ndim)}
