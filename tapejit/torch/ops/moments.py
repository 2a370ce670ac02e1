"""Variance and standard deviation, together with the mean where both are wanted; norms of vectors.

With c the correction, var = sum |x - mean|^2 / max(n - c, 0). The gradient of a standard deviation
that is 0 is taken as PyTorch takes it, and so is that of a norm.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from ..codes import op
from ..dtypes import dtype
from ..emit import apply
from ..hot import Unkept, parametric
from ..surface import public
from ..tensor import Tensor
from .checks import NUMBERS, axes_of, bool_of, number_of, tensor_of
from .convert import to
from .pointwise import check_broadcast
from .reductions import Params, floating_dtype

_MISSING: Any = object()


def _var_mean(x: Any, axis: tuple[int, ...], keepdims: bool, correction: float) -> tuple[Any, Any]:
    n = 1
    for k in axis:
        n *= x.shape[k]
    mean = np.sum(x, axis=axis, keepdims=True) / x.dtype.type(n)
    d = x - mean
    squares = np.real(d) ** 2 + np.imag(d) ** 2 if x.dtype.kind == "c" else d * d
    var = np.sum(squares, axis=axis, keepdims=keepdims) / squares.dtype.type(max(n - correction, 0))
    return var, (mean if keepdims else np.reshape(mean, var.shape))


def _sqrt(var: Any) -> Any:
    """The root of a variance, with the gradient 0 where it is 0."""
    return np.sqrt(var)


@op("var", saves=((0,),))
def _var(x: Any, *, axis: tuple[int, ...], keepdims: bool, correction: float) -> Any:
    """The variance."""
    return _var_mean(x, axis, keepdims, correction)[0]


@op("std", saves=((0, -1),))
def _std(x: Any, *, axis: tuple[int, ...], keepdims: bool, correction: float) -> Any:
    """The standard deviation."""
    return _sqrt(_var_mean(x, axis, keepdims, correction)[0])


@op("var_mean", saves=((0,),))
def _var_and_mean(x: Any, *, axis: tuple[int, ...], keepdims: bool, correction: float) -> Any:
    """The variance and the mean."""
    return _var_mean(x, axis, keepdims, correction)


@op("std_mean", saves=((0, -1),))
def _std_and_mean(x: Any, *, axis: tuple[int, ...], keepdims: bool, correction: float) -> Any:
    """The standard deviation and the mean."""
    var, mean = _var_mean(x, axis, keepdims, correction)
    return _sqrt(var), mean


def _moments(
    name: str, input: Tensor, dim: Any, unbiased: Any, keepdim: Any, correction: Any
) -> Params:
    x = input._spec
    if isinstance(dim, bool):  # x.var(False): the flag stands first
        dim, unbiased = None, dim
    if not x.floating:
        raise RuntimeError("std and var only support floating point and complex dtypes")
    if unbiased is not None and correction is not _MISSING:
        raise TypeError(f"{name}() takes either unbiased or correction")
    given = 1 if correction is _MISSING or correction is None else correction
    if unbiased is not None:
        given = int(bool_of(name, "unbiased", unbiased))
    axis = axes_of(name, dim, x.ndim)
    n = 1
    for k in axis:
        n *= x.shape[k]
    correction = number_of(name, "correction", given)
    params = {
        "axis": axis,
        "keepdims": bool_of(name, "keepdim", keepdim),
        "correction": correction,
    }
    if n <= correction and name not in ("var_mean", "std_mean"):
        warnings.warn(
            f"{name}(): degrees of freedom is <= 0. Correction should be strictly less than the "
            f"reduction factor (input numel divided by output numel).",
            UserWarning,
            stacklevel=4,
        )
        return Unkept(params)
    return params


def _enter(name: str, its: Any, doc: str, method: bool) -> Any:
    def params_of(
        input: Tensor, dim: Any = None, unbiased: Any = None, keepdim: bool = False,
        *, correction: Any = _MISSING,
    ) -> Any:  # fmt: skip
        return _moments(name, input, dim, unbiased, keepdim, correction)

    params_of.__name__ = params_of.__qualname__ = name
    params_of.__doc__ = doc
    return public(name, method=method, out=method)(parametric(its)(params_of))


var = _enter(
    "var", _var, "Return the variance over axes, by ``n - correction``, 1 by default.", True
)
std = _enter("std", _std, "Return the standard deviation over axes: the root of `var`.", True)
var_mean = _enter("var_mean", _var_and_mean, "Return the variance and the mean over axes.", False)
std_mean = _enter("std_mean", _std_and_mean, "Return the standard deviation and the mean.", False)


# ---------------------------------------------------------------- norms of vectors


def vector_norm_of(x: Any, p: float, axis: tuple[int, ...], keepdims: bool) -> Any:
    """The p-norm along axes; at the vector 0 its gradient is 0."""
    if not axis:
        return np.abs(x) if p else (x != 0).astype(np.abs(x).dtype)
    size = np.abs(x)
    if p == 0:
        return np.sum(x != 0, axis=axis, keepdims=keepdims).astype(size.dtype)
    if p == np.inf:
        return np.max(size, axis=axis, keepdims=keepdims)
    if p == -np.inf:
        return np.min(size, axis=axis, keepdims=keepdims)
    if p == 1:
        return np.sum(size, axis=axis, keepdims=keepdims)
    if p == 2:
        squares = np.real(x) ** 2 + np.imag(x) ** 2 if x.dtype.kind == "c" else x * x
        return np.sqrt(np.sum(squares, axis=axis, keepdims=keepdims))
    total = np.sum(size**p, axis=axis, keepdims=keepdims)
    # The root of nothing: its slope is infinite, and the norm's is taken to be 0.
    safe = np.where(total == 0, total.dtype.type(1), total)
    return np.where(total == 0, total, safe ** (1.0 / p))


@op("vector_norm", node="LinalgVectorNormBackward0", saves=((0, -1),))
def vector_norm_op(x: Any, *, p: float, axis: tuple[int, ...], keepdims: bool, dtype: str) -> Any:
    """The p-norm along axes."""
    return vector_norm_of(to(x, dtype), p, axis, keepdims)


@public("norm")
@parametric(vector_norm_op)
def norm(
    input: Tensor,
    p: Any = "fro",
    dim: Any = None,
    keepdim: bool = False,
    dtype: dtype | None = None,
) -> Any:
    """Return the p-norm of the elements along axes, of all elements by default.

    Parameters
    ----------
    p : number, inf, -inf or 'fro'
        'fro' is 2. The nuclear norm is ``torch.linalg.matrix_norm(input, 'nuc')``.

    Raises
    ------
    RuntimeError
        If the dtype is not floating.
    """
    if p is None or p == "fro":
        p = 2
    if p == "nuc":
        raise RuntimeError(
            "norm(): for the nuclear norm use torch.linalg.matrix_norm(input, 'nuc')"
        )
    if isinstance(p, str):
        raise RuntimeError(f"norm(): order {p} not supported.")
    its = input._spec
    if not its.floating:
        raise RuntimeError(
            "linalg.vector_norm: Expected a floating point or complex tensor as input. Got "
            f"{its.dtype.name}"
        )
    if isinstance(p, Tensor) or type(p) not in NUMBERS:
        p = number_of("norm", "p", p)
    axis = axes_of("norm", dim, its.ndim)
    if its.numel == 0 and (p < 0 or p == np.inf):
        raise RuntimeError(
            f"linalg.vector_norm cannot compute the {p} norm on an empty tensor because the "
            "operation does not have an identity"
        )
    return {
        "p": float(p),
        "axis": axis,
        "keepdims": bool_of("norm", "keepdim", keepdim),
        "dtype": floating_dtype("norm", input, dtype),
    }


def _dist_resolve(args: tuple[Any, ...], params: Params) -> Params:
    check_broadcast(args)
    return params


@op("dist", saves=((0, 1, -1), (0, 1, -1)), resolve=_dist_resolve)
def _dist(x: Any, y: Any, *, p: float) -> Any:
    """The p-norm of a difference."""
    d = np.reshape(x - y, (-1,))
    return vector_norm_of(d, p, (0,), False)


@public("dist")
def dist(input: Tensor, other: Tensor, p: float = 2) -> Any:
    """Return the p-norm of ``input - other``."""
    pair = (tensor_of("dist", "input", 1, input), tensor_of("dist", "other", 2, other))
    return apply(_dist, pair, p=float(number_of("dist", "p", p)))
