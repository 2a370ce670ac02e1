"""Distances between the rows of matrices; slices whose norm is made small.

The gradient of a distance that is zero is zero, PyTorch's choice among the subgradients.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..codes import op
from ..emit import apply
from ..surface import public
from ..tensor import Tensor
from .convert import promoted, to
from .matrices import tensor, wrapped


def norm_of(x: Any, p: float, axis: int) -> Any:
    """Return p-norms along an axis."""
    if p == 0:
        return np.sum(x != 0, axis=axis).astype(np.abs(x).dtype)
    if p == 1:
        return np.sum(np.abs(x), axis=axis)
    if p == float("inf"):
        return np.max(np.abs(x), axis=axis)
    return np.linalg.norm(x, p, axis=axis)


def _number(function: str, p: Any) -> float:
    if isinstance(p, bool) or not isinstance(p, int | float):
        raise TypeError(f"{function}(): argument 'p' must be Number, not {type(p).__name__}")
    return float(p)


def _check_cdist(args: tuple[Any, ...], params: dict[str, Any]) -> dict[str, Any]:
    a, b = args
    for k, s in enumerate((a, b)):
        if s.ndim < 2:
            raise RuntimeError(f"cdist only supports at least 2D tensors, X{k + 1} got: {s.ndim}D")
        if s.np.kind != "f":
            raise RuntimeError(
                f"cdist only supports floating-point dtypes, X{k + 1} got: {s.dtype}"
            )
    if a.shape[-1] != b.shape[-1]:
        raise RuntimeError(
            f"X1 and X2 must have the same number of columns. X1: {a.shape[-1]} X2: {b.shape[-1]}"
        )
    return {**params, "dtype": promoted(*args).numpy.name}


@op("cdist", saves=((0, 1, -1), (0, 1, -1)), resolve=_check_cdist)
def CDIST(x: Any, y: Any, *, p: float, dtype: str) -> Any:
    """The distance of each row of one matrix to each row of the other."""
    apart = to(x, dtype)[..., :, None, :] - to(y, dtype)[..., None, :, :]
    return norm_of(apart, p, -1)


@public(method=False)
def cdist(
    x1: Tensor, x2: Tensor, p: float = 2.0,
    compute_mode: str = "use_mm_for_euclid_dist_if_necessary",
) -> Tensor:  # fmt: skip
    """Return the p-norm distances between the rows of two matrices, or of stacks of them.

    Examples
    --------
    >>> import tapejit.torch as torch
    >>> torch.cdist(torch.zeros(1, 2), torch.tensor([[3.0, 4.0]]))
    tensor([[5.]])
    """
    if _number("cdist", p) < 0:
        raise RuntimeError("cdist only supports non-negative p values")
    return apply(CDIST, (tensor(x1, "cdist", "x1"), tensor(x2, "cdist", "x2", 2)), p=float(p))  # type: ignore[no-any-return]


@op("renorm", saves=((0,),))
def RENORM(x: Any, *, p: float, dim: int, maxnorm: float) -> Any:
    """Slices along an axis, those longer than `maxnorm` scaled down to it."""
    moved = np.moveaxis(x, dim, 0)
    sizes = norm_of(moved.reshape((moved.shape[0], -1)), p, -1)
    most = np.abs(x).dtype.type(maxnorm)
    # As in PyTorch, 1e-7 keeps the quotient below what is asked for.
    scale = np.where(sizes > most, most / (sizes + most.dtype.type(1e-7)), np.ones_like(sizes))
    shape = tuple(x.shape[dim] if k == dim else 1 for k in range(x.ndim))
    return x * scale.reshape(shape)


@public(inplace=True, out=True)
def renorm(input: Tensor, p: float, dim: int, maxnorm: float) -> Tensor:
    """Return the tensor with its slices along an axis scaled down to a norm of at most `maxnorm`."""
    t = tensor(input, "renorm")
    if not t._spec.floating:
        raise RuntimeError(f"\"renorm\" not implemented for '{t._spec.dtype}'")
    if t._spec.ndim < 2:
        raise RuntimeError(
            f"renorm: input needs at least 2 dimensions, got {t._spec.ndim} dimensions"
        )
    if _number("renorm", p) <= 0:
        raise RuntimeError("renorm: non-positive-norm not supported")
    if maxnorm < 0:
        raise RuntimeError(f"renorm: expected maxnorm to be >= 0 but got {maxnorm}")
    k = wrapped(dim, t._spec.ndim)
    return apply(RENORM, (t,), p=float(p), dim=k, maxnorm=float(maxnorm))  # type: ignore[no-any-return]
