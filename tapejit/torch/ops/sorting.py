"""Sorting along an axis, the largest few; gradients go where the elements came from."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..codes import op
from ..emit import apply
from ..hot import parametric
from ..return_types import of as named
from ..surface import public
from ..tensor import Tensor
from .checks import bool_of, dim_of, int_of, tensor_of
from .middles import order_of


def _sort_impl(x: Any, *, axis: int, descending: bool) -> Any:
    if not x.shape:
        return x, np.zeros((), "int64")[()]
    at = order_of(x, axis, descending)
    return np.take_along_axis(x, at, axis), at


_sort = op("sort", node="SortBackward0", saves=((-2,),))(_sort_impl)
_sort_stable = op("sort_stable", node="SortBackward1", saves=((-2,),))(_sort_impl)


def _ordered(name: str, input: Any) -> Tensor:
    x = tensor_of(name, "input", 1, input)
    if x._spec.np.kind == "c":
        raise RuntimeError(f"Sort currently does not support complex dtypes: {name}()")
    return x


@public("sort", out=True)
def sort(input: Tensor, dim: int = -1, descending: bool = False, stable: bool | None = None) -> Any:
    """Return the elements in order along an axis, and the indices that they came from.

    Equal elements keep their order, `stable` or not; nan is larger than every number.

    Examples
    --------
    >>> import tapejit.torch as torch
    >>> torch.tensor([3.0, 1.0, 2.0]).sort().indices
    tensor([1, 2, 0])
    """
    x = _ordered("sort", input)
    k = dim_of("sort", dim, x._spec.ndim)
    its = _sort if stable is None else _sort_stable
    down = bool_of("sort", "descending", descending)
    return named("sort")(*apply(its, (x,), axis=k, descending=down))


@public("msort", out=True)
def msort(input: Tensor) -> Any:
    """Return the elements in order along the first axis."""
    return sort(input, 0)[0]


@op("argsort", saves=((),), differentiable=False)
def _argsort(x: Any, *, axis: int, descending: bool) -> Any:
    """The indices that sort."""
    return order_of(x, axis, descending) if x.shape else np.zeros((), "int64")[()]


@public("argsort")
@parametric(_argsort)
def argsort(input: Tensor, dim: int = -1, descending: bool = False, stable: bool = False) -> Any:
    """Return the indices that bring the elements in order along an axis."""
    x = _ordered("argsort", input)
    k = dim_of("argsort", dim, x._spec.ndim)
    return {"axis": k, "descending": bool_of("argsort", "descending", descending)}


@op("topk", saves=((-2,),))
def _topk(x: Any, *, k: int, axis: int, largest: bool) -> Any:
    """The first few of the sorted elements."""
    if not x.shape:
        return x, np.zeros((), "int64")[()]
    at = order_of(x, axis, largest)[(slice(None),) * axis + (slice(0, k),)]
    return np.take_along_axis(x, at, axis), at


@public("topk", out=True)
def topk(input: Tensor, k: int, dim: int = -1, largest: bool = True, sorted: bool = True) -> Any:
    """Return the `k` largest (or smallest) elements along an axis in order, and their indices."""
    x = _ordered("topk", input)
    d, n = dim_of("topk", dim, x._spec.ndim), int_of("topk", "k", k)
    if not 0 <= n <= (x._spec.shape[d] if x._spec.ndim else 1):
        raise RuntimeError("selected index k out of range")
    down = bool_of("topk", "largest", largest)
    return named("topk")(*apply(_topk, (x,), k=n, axis=d, largest=down))
