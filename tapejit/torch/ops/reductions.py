"""Sums, products, means and truth over axes."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..codes import Op, op
from ..dtypes import bool_, dtype, int64, uint8
from ..hot import parametric
from ..spec import Spec
from ..surface import public
from ..tensor import Tensor
from .checks import CALLED, axes_of, bool_of, dim_of, dims_of, dtype_of
from .convert import floated, to

Params = dict[str, Any]


def reduced(name: str, input: Tensor, dim: Any, keepdim: Any) -> Params:
    """Return the axes of a reduction and whether they stay, as parameters of an operation."""
    spec = input._spec
    return {"axis": axes_of(name, dim, spec.ndim), "keepdims": bool_of(name, "keepdim", keepdim)}


def _summed_dtype(input: Tensor, given: Any, name: str) -> str:
    """The dtype of a sum or product: whole numbers and bools are added up in int64."""
    d = dtype_of(name, given)
    if d is None:
        d = input._spec.dtype
        if not (d.is_floating_point or d.is_complex):
            d = int64
    return d.numpy.name


def _sum_impl(x: Any, *, axis: tuple[int, ...], keepdims: bool, dtype: str) -> Any:
    if dtype == "bool":
        return np.any(x != 0, axis=axis, keepdims=keepdims)
    return np.sum(to(x, dtype), axis=axis, keepdims=keepdims)


_sum0 = op("sum", node="SumBackward0", saves=((),))(_sum_impl)
_sum1 = op("sum_dim", node="SumBackward1", saves=((),))(_sum_impl)


@parametric(_sum0)
def sum(
    input: Tensor, dim: Any = None, keepdim: bool = False, *, dtype: dtype | None = None
) -> Any:
    """Return the sum over axes, over all of them by default.

    Parameters
    ----------
    dim : int or tuple of int, optional
    keepdim : bool
        Whether the axes stay, of length 1.
    dtype : dtype, optional
        What is added up; by default integers and bools are added up in int64.

    Raises
    ------
    IndexError
        If an axis is out of range.
    RuntimeError
        If an axis is named twice.

    Examples
    --------
    >>> import tapejit.torch as torch
    >>> torch.ones(2, 3).sum(dim=1)
    tensor([3., 3.])
    """
    params = reduced("sum", input, dim, keepdim)
    return (_sum0 if dim is None else _sum1), {
        **params,
        "dtype": _summed_dtype(input, dtype, "sum"),
    }


def _mean_impl(x: Any, *, axis: tuple[int, ...], keepdims: bool, dtype: str) -> Any:
    x = to(x, dtype)
    n = 1
    for k in axis:
        n *= x.shape[k]
    return np.sum(x, axis=axis, keepdims=keepdims) / x.dtype.type(n)


_mean0 = op("mean", node="MeanBackward0", saves=((),))(_mean_impl)
_mean1 = op("mean_dim", node="MeanBackward1", saves=((),))(_mean_impl)


def floating_dtype(name: str, input: Tensor, given: Any) -> str:
    """Return the dtype of a mean, which must be floating."""
    d = dtype_of(name, given)
    what = "Input" if d is None else "Optional"
    d = input._spec.dtype if d is None else d
    if not (d.is_floating_point or d.is_complex):
        raise RuntimeError(
            f"{name}(): could not infer output dtype. {what} dtype must be either a floating point "
            f"or complex dtype. Got: {CALLED[d.name]}"
        )
    return d.numpy.name


@parametric(_mean0)
def mean(
    input: Tensor, dim: Any = None, keepdim: bool = False, *, dtype: dtype | None = None
) -> Any:
    """Return the mean over axes, over all of them by default.

    Raises
    ------
    RuntimeError
        If the dtype is not floating, or an axis is named twice.
    IndexError
        If an axis is out of range.
    """
    params = reduced("mean", input, dim, keepdim)
    chosen = floating_dtype("mean", input, dtype)
    return (_mean0 if dim is None else _mean1), {**params, "dtype": chosen}


for _fn in (sum, mean):
    public(out=True)(_fn)


# ---------------------------------------------------------------- products


def _prod_impl(x: Any, *, axis: tuple[int, ...], keepdims: bool, dtype: str) -> Any:
    if dtype == "bool":
        return np.all(x != 0, axis=axis, keepdims=keepdims)
    return np.prod(to(x, dtype), axis=axis, keepdims=keepdims)


_prod0 = op("prod", node="ProdBackward0", saves=((0, -1),))(_prod_impl)
_prod1 = op("prod_dim", node="ProdBackward1", saves=((0, -1),))(_prod_impl)


@public("prod", out=True)
@parametric(_prod0)
def prod(
    input: Tensor, dim: int | None = None, keepdim: bool = False, *, dtype: dtype | None = None
) -> Any:
    """Return the product of all elements, or over one axis; its gradient is exact where zeros are."""
    spec = input._spec
    if dim is None:
        axis = tuple(range(spec.ndim))
    else:
        k = dim_of("prod", dim, spec.ndim)
        axis = (k,) if spec.ndim else ()
    params = {"axis": axis, "keepdims": bool_of("prod", "keepdim", keepdim)}
    its = _prod0 if dim is None else _prod1
    return its, {**params, "dtype": _summed_dtype(input, dtype, "prod")}


# ---------------------------------------------------------------- without nan


def _nansum_impl(x: Any, *, axis: tuple[int, ...], keepdims: bool, dtype: str) -> Any:
    x = to(x, dtype)
    if x.dtype.kind == "f":
        x = np.where(np.isnan(x), x.dtype.type(0), x)
    return np.sum(x, axis=axis, keepdims=keepdims)


_nansum = op("nansum", saves=((0,),))(_nansum_impl)


@public("nansum", out=True)
@parametric(_nansum)
def nansum(
    input: Tensor, dim: Any = None, keepdim: bool = False, *, dtype: dtype | None = None
) -> Any:
    """Return the sum over axes of what is not nan."""
    if input._spec.np.kind == "c":
        raise RuntimeError("nansum does not support complex inputs")
    params = reduced("nansum", input, dim, keepdim)
    return {**params, "dtype": _summed_dtype(input, dtype, "nansum")}


def _nanmean_impl(x: Any, *, axis: tuple[int, ...], keepdims: bool, dtype: str) -> Any:
    x = to(x, dtype)
    known = ~np.isnan(x)
    total = np.sum(np.where(known, x, x.dtype.type(0)), axis=axis, keepdims=keepdims)
    return total / np.sum(known, axis=axis, keepdims=keepdims).astype(dtype)


_nanmean = op("nanmean", node="DivBackward0", saves=((0,),))(_nanmean_impl)


@public("nanmean", out=True)
@parametric(_nanmean)
def nanmean(
    input: Tensor, dim: Any = None, keepdim: bool = False, *, dtype: dtype | None = None
) -> Any:
    """Return the mean over axes of what is not nan."""
    params = reduced("nanmean", input, dim, keepdim)
    return {**params, "dtype": floating_dtype("nanmean", input, dtype)}


# ---------------------------------------------------------------- truth and counts


def _truth(name: str, fn: Any, doc: str) -> Any:
    def impl(x: Any, *, axis: tuple[int, ...], keepdims: bool) -> Any:
        return fn(x != 0, axis=axis, keepdims=keepdims)

    def resolve_shape(args: tuple[Any, ...], params: Params) -> Any:
        spec: Spec = args[0]
        kept = params["keepdims"]
        shape = [1 if k in params["axis"] else n for k, n in enumerate(spec.shape)
                 if kept or k not in params["axis"]]  # fmt: skip
        return [(uint8.numpy if spec.dtype is uint8 else bool_.numpy, tuple(shape))]

    its: Op = op(name, saves=((),), differentiable=False, shape=resolve_shape)(impl)

    def function(input: Tensor, dim: Any = None, keepdim: bool = False) -> Any:
        spec = input._spec
        axis = tuple(range(spec.ndim)) if dim is None else dims_of(name, dim, spec.ndim)
        found = axis if spec.ndim else ()
        return {"axis": found, "keepdims": bool_of(name, "keepdim", keepdim)}

    function.__name__ = function.__qualname__ = name
    function.__doc__ = doc
    return public(name, out=True)(parametric(its)(function))


all = _truth("all", np.all, "Return whether all elements along axes are not 0; bytes stay bytes.")
any = _truth("any", np.any, "Return whether an element along axes is not 0; bytes stay bytes.")


@op("count_nonzero", saves=((),), differentiable=False)
def _count_nonzero(x: Any, *, axis: tuple[int, ...]) -> Any:
    """How many elements along axes are not 0."""
    return np.sum(x != 0, axis=axis)


@public("count_nonzero")
@parametric(_count_nonzero)
def count_nonzero(input: Tensor, dim: Any = None) -> Any:
    """Return how many elements along axes are not 0."""
    return {"axis": axes_of("count_nonzero", dim, input._spec.ndim)}


# ---------------------------------------------------------------- sums of exponentials


def _logsumexp_impl(x: Any, *, axis: tuple[int, ...], keepdims: bool, dtype: str) -> Any:
    x = to(x, dtype)
    if not axis:
        return x
    if x.size == 0:
        return np.log(np.sum(np.exp(x), axis=axis, keepdims=keepdims))
    top = stopped(np.max(x, axis=axis, keepdims=True))
    top = np.where(np.isfinite(top), top, x.dtype.type(0))
    y = np.log(np.sum(np.exp(x - top), axis=axis, keepdims=True)) + top
    return y if keepdims else np.sum(y, axis=axis)


_logsumexp = op("logsumexp", saves=((0, -1),))(_logsumexp_impl)


@public("logsumexp", out=True)
@parametric(_logsumexp)
def logsumexp(input: Tensor, dim: Any, keepdim: bool = False) -> Any:
    """Return ``log(sum(exp(input)))`` over axes, without overflow."""
    params = reduced("logsumexp", input, dim, keepdim)
    return {**params, "dtype": floated(input._spec.dtype).numpy.name}


def stopped(x: Any) -> Any:
    """Return a value that no gradient flows to: the shift that keeps an exponential in range."""
    from ...transforms.simple import stop_gradient

    return stop_gradient(x)
