"""Softmax and its relatives: the largest entry is taken off first, as a constant.

softmax(x - m) = softmax(x) for every m, so taking m = max x as a constant changes no derivative of
any order, and no exponential overflows. A row of -inf alone gives NaN, as in PyTorch.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from ..codes import op
from ..dtypes import dtype as DType
from ..spec import Spec
from ..surface import public
from ..tensor import Tensor
from .common import axis_of, called, flat, need_tensor, record


def _resolve(args: tuple[Any, ...], params: dict[str, Any]) -> dict[str, Any]:
    spec = args[0]
    assert isinstance(spec, Spec)
    kind = np.dtype(params["dtype"] or spec.np)
    if kind.kind not in "f":
        raise NotImplementedError(
            f"\"softmax_lastdim_kernel_impl\" not implemented for '{called(kind)}'"
        )
    return {**params, "dtype": kind.name}


@op("softmax", saves=((-1,),), resolve=_resolve)
def softmax_op(x: Any, *, axis: int, dtype: str) -> Any:
    """Exponentials along an axis, divided by their sum."""
    if np.ndim(x) == 0:
        return _single(x, dtype) + 1
    x = x.astype(dtype)
    if not x.shape[axis]:
        return x
    e = np.exp(x - flat(np.max(x, axis=axis, keepdims=True)))
    return e / np.sum(e, axis=axis, keepdims=True)


@op("log_softmax", saves=((-1,),), resolve=_resolve)
def log_softmax_op(x: Any, *, axis: int, dtype: str) -> Any:
    """The logarithm of softmax, without computing softmax first."""
    if np.ndim(x) == 0:
        return _single(x, dtype)
    x = x.astype(dtype)
    if not x.shape[axis]:
        return x
    return centred_log(x, axis)


def centred_log(x: Any, axis: int) -> Any:
    """Return ``x - log(sum(exp(x)))`` along an axis."""
    x = x - flat(np.max(x, axis=axis, keepdims=True))
    return x - np.log(np.sum(np.exp(x), axis=axis, keepdims=True))


def _single(x: Any, dtype: str) -> Any:
    """Zero, or NaN, of a 0-d operand: x - x."""
    x = x.astype(dtype)
    return x - x


def _dim(name: str, input: Tensor, dim: Any, stacklevel: int) -> int:
    if dim is None:
        warnings.warn(
            f"Implicit dimension choice for {name} has been deprecated. Change the call to include "
            "dim=X as an argument.",
            UserWarning,
            stacklevel=stacklevel,
        )
        dim = 0 if input.ndim in (0, 1, 3) else 1
    return axis_of(dim, input.ndim)


def _wanted(dtype: DType | None) -> str | None:
    return None if dtype is None else dtype.numpy.name


def softmax(
    input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: DType | None = None
) -> Tensor:
    """Return exponentials along `dim`, divided by their sum.

    Parameters
    ----------
    input : Tensor
    dim : int
        Without it dimension 0 or 1 is guessed, with a warning.
    dtype : dtype, optional
        What to cast to before computing.

    Raises
    ------
    IndexError
        If there is no such dimension.

    Examples
    --------
    >>> import tapejit.torch as torch
    >>> torch.nn.functional.softmax(torch.tensor([0.0, 0.0]), dim=0)
    tensor([0.5000, 0.5000])
    """
    x = need_tensor("softmax", "input", 1, input)
    return record(softmax_op, (x,), axis=_dim("softmax", x, dim, 3), dtype=_wanted(dtype))


def log_softmax(
    input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: DType | None = None
) -> Tensor:
    """Return the logarithm of `softmax`, exact where softmax itself underflows."""
    x = need_tensor("log_softmax", "input", 1, input)
    axis = _dim("log_softmax", x, dim, 3)
    return record(log_softmax_op, (x,), axis=axis, dtype=_wanted(dtype))


def softmin(
    input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: DType | None = None
) -> Tensor:
    """Return `softmax` of the negated entries."""
    x = need_tensor("softmin", "input", 1, input)
    axis = _dim("softmin", x, dim, 3)
    return record(softmax_op, (-x,), axis=axis, dtype=_wanted(dtype))  # type: ignore[operator]


@public("softmax")
def _softmax(input: Tensor, dim: int, dtype: DType | None = None) -> Tensor:
    """See `nn.functional.softmax`; here `dim` must be given."""
    return softmax(input, dim, dtype=dtype)


@public("log_softmax")
def _log_softmax(input: Tensor, dim: int, dtype: DType | None = None) -> Tensor:
    """See `nn.functional.log_softmax`; here `dim` must be given."""
    return log_softmax(input, dim, dtype=dtype)


@op("gumbel_hard", node="AddBackward0", saves=())
def gumbel_hard(soft: Any, *, axis: int) -> Any:
    """One-hot rows that carry the gradient of the soft ones."""
    fixed = flat(soft)
    n = fixed.shape[axis]
    along = tuple(n if k == axis else 1 for k in range(fixed.ndim))
    first = np.expand_dims(np.argmax(fixed, axis=axis), axis)
    hard = np.where(np.arange(n).reshape(along) == first, 1.0, 0.0)
    return hard - fixed + soft


def gumbel_softmax(
    logits: Tensor, tau: float = 1, hard: bool = False, eps: float = 1e-10, dim: int = -1
) -> Tensor:
    """Return a sample of the Gumbel-softmax distribution; with `hard` one-hot rows.

    Parameters
    ----------
    tau : float
        The temperature.
    hard : bool
        Whether to round to one-hot rows, with the gradient of the unrounded sample.

    References
    ----------
    Jang, Gu and Poole, "Categorical Reparameterization with Gumbel-Softmax" (2017).
    """
    from .draws import gumbels_like

    x = need_tensor("gumbel_softmax", "logits", 1, logits)
    soft = softmax((x + gumbels_like(x)) / tau, dim=dim)  # type: ignore[operator]
    return record(gumbel_hard, (soft,), axis=axis_of(dim, x.ndim)) if hard else soft


__all__ = ["gumbel_softmax", "log_softmax", "softmax", "softmin"]
