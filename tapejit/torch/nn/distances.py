"""Norms, distances and cosines of rows; of slope 0 where a norm of zero has none."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..codes import op
from ..ops.convert import promoted, to
from ..ops.pointwise import pair_dtype
from ..surface import public, store
from ..tensor import Tensor
from .common import axis_of, called, flat, floating_only, need_tensor, record


def p_norm(x: Any, p: float, axis: Any, keepdims: bool) -> Any:
    """Return the p-norm of ``x`` along an axis (along none of a scalar)."""
    size = np.absolute(x)
    if axis is None:
        return np.where(size == 0, 0.0, 1.0).astype(size.dtype) if p == 0 else size
    if p == 2:
        return np.sqrt(np.sum(x * x, axis=axis, keepdims=keepdims))
    if p == 1:
        return np.sum(size, axis=axis, keepdims=keepdims)
    if p == math.inf:
        return np.max(size, axis=axis, keepdims=keepdims)
    if p == -math.inf:
        return np.min(size, axis=axis, keepdims=keepdims)
    if p == 0:
        counted = np.where(size == 0, 0.0, 1.0).astype(size.dtype)
        return np.sum(counted, axis=axis, keepdims=keepdims)
    powers = np.where(size == 0, 0.0, np.where(size == 0, 1.0, size) ** p)
    total = np.sum(powers, axis=axis, keepdims=keepdims)
    return np.where(total == 0, 0.0, np.where(total == 0, 1.0, total) ** (1 / p))


def distance(a: Any, b: Any, p: float, eps: float, keepdims: bool = False) -> Any:
    """Return the p-norms of the rows of ``a - b + eps``."""
    d = a - b + eps
    return p_norm(d, p, d.ndim - 1 if d.ndim else None, keepdims)


@op("pairwise_distance", node="NormBackward1", saves=((0, 1, -1), (0, 1, -1)), resolve=pair_dtype)
def pairwise_op(a: Any, b: Any, *, p: float, eps: float, keepdim: bool, dtype: str) -> Any:
    """Distances of rows."""
    return distance(to(a, dtype), to(b, dtype), p, eps, keepdim)


@public()
def pairwise_distance(
    x1: Tensor, x2: Tensor, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False
) -> Tensor:
    """Return the p-norms of the rows of ``x1 - x2 + eps``.

    Parameters
    ----------
    x1, x2 : Tensor, (N, D) or (D,)
    p : float
    eps : float
        Added to each difference: the norm of a vanishing one then has a slope.
    keepdim : bool

    Examples
    --------
    >>> import tapejit.torch as torch
    >>> torch.nn.functional.pairwise_distance(torch.tensor([[3.0, 4.0]]), torch.zeros(1, 2))
    tensor([5.0000])
    """
    a = need_tensor("pairwise_distance", "x1", 1, x1)
    b = need_tensor("pairwise_distance", "x2", 2, x2)
    if not a.ndim and not b.ndim:
        raise RuntimeError("pairwise_distance(): the tensors need a dimension of features")
    return record(pairwise_op, (a, b), p=float(p), eps=float(eps), keepdim=bool(keepdim))


@op("cosine_similarity", node="SumBackward1", saves=((0, 1), (0, 1)), resolve=pair_dtype)
def cosine_op(a: Any, b: Any, *, axis: int | None, eps: float, dtype: str) -> Any:
    """The product of unit vectors; norms below eps count as eps, with the slope of the norm."""
    a, b = to(a, dtype), to(b, dtype)
    if np.shape(a) != np.shape(b):
        a, b = np.broadcast_arrays(a, b)
    product = (a / _at_least(a, axis, eps)) * (b / _at_least(b, axis, eps))
    return product if axis is None else product.sum(axis=axis)


def _at_least(x: Any, axis: int | None, eps: float) -> Any:
    norm = p_norm(x, 2.0, axis, True)
    return norm + flat(np.maximum(norm, eps) - norm)


@public()
def cosine_similarity(x1: Tensor, x2: Tensor, dim: int = 1, eps: float = 1e-8) -> Tensor:
    """Return the cosines of the angles between vectors along `dim`.

    Raises
    ------
    RuntimeError
        If the tensors are not floating point or do not broadcast.
    """
    a = need_tensor("cosine_similarity", "x1", 1, x1)
    b = need_tensor("cosine_similarity", "x2", 2, x2)
    if not (a._spec.floating or b._spec.floating):
        raise RuntimeError("expected common dtype to be floating point, yet common dtype is "
                           f"{called(promoted(a._spec, b._spec).numpy)}")  # fmt: skip
    ndim = max(a.ndim, b.ndim)
    axis = axis_of(dim, ndim)
    return record(cosine_op, (a, b), axis=axis if ndim else None, eps=float(eps))


@op("normalize", node="DivBackward0", saves=((0,),))
def normalize_op(x: Any, *, p: float, axis: int | None, eps: float) -> Any:
    """x divided by the greater of its norm and eps."""
    norm = p_norm(x, p, axis, True)
    return x / np.where(norm < eps, eps, norm)


def normalize(
    input: Tensor, p: float = 2.0, dim: int = 1, eps: float = 1e-12, out: Tensor | None = None
) -> Tensor:
    """Return the vectors along `dim` divided by their p-norms, or by `eps` if that is greater.

    Raises
    ------
    RuntimeError
        If the tensor is not floating point.
    """
    x = need_tensor("normalize", "input", 1, input)
    if not x._spec.floating:
        raise RuntimeError(
            "linalg.vector_norm: Expected a floating point or complex tensor as input. Got "
            f"{called(x._spec.np)}"
        )
    axis = axis_of(dim, x.ndim)
    made = record(normalize_op, (x,), p=float(p), axis=axis if x.ndim else None, eps=float(eps))
    return made if out is None else store(out, made)


@op("pdist", saves=((0, -1),), resolve=floating_only("pdist"))
def pdist_op(x: Any, *, p: float) -> Any:
    """Distances of all pairs of rows; with p infinite every attained maximum counts in full."""
    first, second = np.triu_indices(np.shape(x)[0], 1)
    d = x[first] - x[second]
    if not np.shape(d)[0] or not np.shape(d)[1]:
        return np.sum(d, axis=1)
    if p == math.inf:
        size = np.absolute(d)
        top = flat(np.max(size, axis=1, keepdims=True))
        return top[:, 0] + np.sum(np.where(size == top, size - flat(size), 0.0), axis=1)
    return p_norm(d, p, 1, False)


@public()
def pdist(input: Tensor, p: float = 2.0) -> Tensor:
    """Return the p-norm distances of all pairs of rows, in the order (0, 1), (0, 2), ...

    Raises
    ------
    RuntimeError
        If the tensor is no matrix, or p is negative.
    """
    x = need_tensor("pdist", "input", 1, input)
    if x.ndim != 2:
        raise RuntimeError(f"pdist only supports 2D tensors, got: {x.ndim}D")
    if p < 0:
        raise RuntimeError("pdist only supports non-negative p values")
    return record(pdist_op, (x,), p=float(p))


__all__ = ["cosine_similarity", "normalize", "pairwise_distance", "pdist"]
