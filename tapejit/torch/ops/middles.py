"""The k-th element, middles and the most frequent, with the indices that they stand at."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..codes import op
from ..emit import apply
from ..return_types import of as named
from ..surface import public
from ..tensor import Tensor
from .checks import bool_of, dim_of, int_of, not_implemented, tensor_of
from .extremes import MISSING, indexed, needs_elements, ordered, picked, with_spellings

# ---------------------------------------------------------------- middles, the k-th, the most frequent


def order_of(x: Any, axis: int, descending: bool = False) -> Any:
    """The indices that sort along an axis, equal elements in their order; nan is the largest."""
    key = x.astype("uint8") if x.dtype.kind == "b" else x
    if not descending:
        return np.argsort(key, axis=axis, stable=True)
    n = x.shape[axis]
    return np.flip(n - 1 - np.argsort(np.flip(key, axis), axis=axis, stable=True), axis)


def _kth_impl(x: Any, *, axis: int, keepdim: bool, k: int) -> Any:
    if not x.shape:
        return x, np.zeros((), "int64")[()]
    at = order_of(x, axis)[(slice(None),) * axis + (slice(k, k + 1),)]
    return picked(x, at, axis, keepdim)


_kth = indexed("kthvalue", "KthvalueBackward0", _kth_impl)


@public("kthvalue", out=True)
def kthvalue(input: Tensor, k: int, dim: int = -1, keepdim: bool = False) -> Any:
    """Return the k-th smallest elements along an axis, counted from 1, and their indices."""
    x = tensor_of("kthvalue", "input", 1, input)
    ordered("kthvalue", x)
    d, n = dim_of("kthvalue", dim, x._spec.ndim), int_of("kthvalue", "k", k)
    length = x._spec.shape[d] if x._spec.ndim else 1
    if not 1 <= n <= length:
        raise RuntimeError("kthvalue(): selected number k out of range for dimension " + str(d))
    kept = bool_of("kthvalue", "keepdim", keepdim)
    return named("kthvalue")(*apply(_kth, (x,), axis=d, keepdim=kept, k=n - 1))


def _middle_of(x: Any, axis: int, ignore_nan: bool) -> Any:
    """The place of the lower middle element among the sorted; of a nan, unless they are ignored."""
    n = x.shape[axis]
    if x.dtype.kind != "f":
        return np.full((*x.shape[:axis], 1, *x.shape[axis + 1 :]), (n - 1) // 2)
    nans = np.sum(np.isnan(x), axis=axis, keepdims=True)
    # Sorted, the nan stand last: the first of them is the answer if there is one.
    if ignore_nan:
        return np.maximum(n - nans - 1, 0) // 2
    return np.where(nans > 0, n - nans, (n - 1) // 2)


def _median_dim(x: Any, *, axis: int, keepdim: bool, ignore_nan: bool) -> Any:
    if not x.shape:
        return x, np.zeros((), "int64")[()]
    at = np.take_along_axis(order_of(x, axis), _middle_of(x, axis, ignore_nan), axis)
    return picked(x, at, axis, keepdim)


def _median_all(x: Any, *, ignore_nan: bool) -> Any:
    if x.size == 0:
        return np.full((), np.nan, x.dtype)[()]
    # Sorted values, not picked ones: equal elements share the gradient.
    order = np.sort(np.reshape(x, (-1,)))
    return np.reshape(np.take_along_axis(order, _middle_of(order, 0, ignore_nan), 0), ())


def _middle(name: str, ignore_nan: bool, doc: str) -> Any:
    node = name.capitalize()
    whole = op(name, node=f"{node}Backward0", saves=((0, -1),))(_median_all)
    along = indexed(f"{name}_dim", f"{node}Backward1", _median_dim)

    def function(input: Tensor, dim: Any = MISSING, keepdim: bool = False) -> Any:
        x = tensor_of(name, "input", 1, input)
        if x._spec.np.kind in "bc":
            raise not_implemented(name, x._spec.dtype)
        if dim is MISSING:
            if x._spec.numel == 0 and x._spec.np.kind != "f":
                raise RuntimeError(
                    f"{name}(): there is no nan of {x._spec.dtype} to return for no elements"
                )
            return apply(whole, (x,), ignore_nan=ignore_nan)
        k = dim_of(name, dim, x._spec.ndim)
        needs_elements(name, x, (k,) if x._spec.ndim else ())
        kept = bool_of(name, "keepdim", keepdim)
        return named(name)(*apply(along, (x,), axis=k, keepdim=kept, ignore_nan=ignore_nan))

    function.__name__ = function.__qualname__ = name
    function.__doc__ = doc
    return public(name)(with_spellings(function))


median = _middle(
    "median",
    False,
    "Return the lower middle element, of all or along an axis with its index; nan if there is one.",
)
nanmedian = _middle("nanmedian", True, "Return the lower middle element of what is not nan.")


def _mode_impl(x: Any, *, axis: int, keepdim: bool) -> Any:
    """The most frequent element, the smallest of several, and its last index."""
    if not x.shape:
        return x, np.zeros((), "int64")[()]
    n = x.shape[axis]
    last = np.moveaxis(x, axis, -1)
    same = np.reshape(last, (*last.shape, 1)) == np.reshape(last, (*last.shape[:-1], 1, n))
    count = np.sum(same, axis=-1)
    frequent = count == np.max(count, axis=-1, keepdims=True)
    order = order_of(last, last.ndim - 1)
    # Among the sorted, the first frequent one is the smallest; its equals follow it.
    first = np.argmax(np.take_along_axis(frequent, order, -1).astype("uint8"), axis=-1)
    first = np.reshape(first, (*last.shape[:-1], 1))
    run = np.take_along_axis(np.take_along_axis(count, order, -1), first, -1)
    at = np.take_along_axis(order, first + run - 1, -1)
    return picked(x, np.moveaxis(at, -1, axis), axis, keepdim)


_mode = indexed("mode", "ModeBackward0", _mode_impl)


@public("mode", out=True)
def mode(input: Tensor, dim: int = -1, keepdim: bool = False) -> Any:
    """Return the most frequent elements along an axis, the smallest of several, and an index."""
    x = tensor_of("mode", "input", 1, input)
    ordered("mode", x)
    k = dim_of("mode", dim, x._spec.ndim)
    needs_elements("mode", x, (k,) if x._spec.ndim else ())
    return named("mode")(*apply(_mode, (x,), axis=k, keepdim=bool_of("mode", "keepdim", keepdim)))
