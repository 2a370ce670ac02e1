"""Distances between vectors: between rows, between tensors, as angles; norms made small.

The gradient of a distance that is zero is zero, PyTorch's choice among the subgradients.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..codes import op
from ..emit import apply
from ..spec import Spec
from ..surface import public
from ..tensor import Tensor
from .convert import floated, promoted, to
from .matrices import tensor, wrapped
from .pointwise import check_broadcast


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
            raise RuntimeError(
                f"cdist only supports at least 2D tensors, X{k + 1} got: {s.ndim}D"
            )
        if s.np.kind != "f":
            raise RuntimeError(f"cdist only supports floating-point dtypes, X{k + 1} got: {s.dtype}")
    if a.shape[-1] != b.shape[-1]:
        raise RuntimeError(
            "X1 and X2 must have the same number of columns. "
            f"X1: {a.shape[-1]} X2: {b.shape[-1]}"
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


@op("pdist", saves=((0, -1),))
def PDIST(x: Any, *, p: float) -> Any:
    """The distances of the pairs of rows, those of the first row first."""
    first, second = np.triu_indices(x.shape[0], 1)
    return norm_of(x[first] - x[second], p, -1)


@public(method=False)
def pdist(input: Tensor, p: float = 2.0) -> Tensor:
    """Return the p-norm distances between all pairs of rows of a matrix."""
    spec = tensor(input, "pdist")._spec
    if spec.ndim != 2:
        raise RuntimeError(f"pdist only supports 2D tensors, got: {spec.ndim}D")
    if spec.np.kind != "f":
        raise RuntimeError("pdist only supports floating-point dtypes")
    if _number("pdist", p) < 0:
        raise RuntimeError("pdist only supports non-negative p values")
    return apply(PDIST, (input,), p=float(p))  # type: ignore[no-any-return]


def _check_pair(args: tuple[Any, ...], params: dict[str, Any]) -> dict[str, Any]:
    check_broadcast(args)
    return {**params, "dtype": floated(promoted(*args)).numpy.name}


def _check_cosine(args: tuple[Any, ...], params: dict[str, Any]) -> dict[str, Any]:
    found = _check_pair(args, params)
    n = max(args[0].ndim, args[1].ndim)
    return {**found, "dim": wrapped(params["dim"], n) - n}


@op("cosine_similarity", node="SumBackward1", saves=((0, 1), (0, 1)), resolve=_check_cosine)
def COSINE(x: Any, y: Any, *, dim: int, eps: float, dtype: str) -> Any:
    """``x . y / (|x| |y|)``, each norm held above eps."""
    x, y = to(x, dtype), to(y, dtype)
    shape = np.broadcast_shapes(x.shape, y.shape)
    x, y = np.broadcast_to(x, shape), np.broadcast_to(y, shape)
    least = np.dtype(dtype).type(eps)
    sizes = [np.linalg.norm(v, axis=dim, keepdims=True) for v in (x, y)]
    x, y = (v / np.maximum(size, least) for v, size in zip((x, y), sizes))
    return np.sum(x * y, axis=dim)


@public(method=False)
def cosine_similarity(x1: Tensor, x2: Tensor, dim: int = 1, eps: float = 1e-08) -> Tensor:
    """Return the cosines of the angles between vectors along an axis.

    Examples
    --------
    >>> import tapejit.torch as torch
    >>> torch.cosine_similarity(torch.ones(2), torch.tensor([0.0, 2.0]), dim=0)
    tensor(0.7071)
    """
    name = "cosine_similarity"
    a, b = tensor(x1, name, "x1"), tensor(x2, name, "x2", 2)
    return apply(COSINE, (a, b), dim=dim, eps=float(eps))  # type: ignore[no-any-return]


@op("pairwise_distance", node="LinalgVectorNormBackward0", saves=((0, 1, -1), (0, 1, -1)),
    resolve=_check_pair)  # fmt: skip
def PAIRWISE(x: Any, y: Any, *, p: float, eps: float, keepdim: bool, dtype: str) -> Any:
    """The norm of ``x - y + eps`` along the last axis."""
    apart = to(x, dtype) - to(y, dtype) + np.dtype(dtype).type(eps)
    found = norm_of(apart, p, -1)
    return found[..., None] if keepdim else found


@public(method=False)
def pairwise_distance(
    x1: Tensor, x2: Tensor, p: float = 2.0, eps: float = 1e-06, keepdim: bool = False
) -> Tensor:
    """Return the p-norm distances between vectors along the last axis."""
    name = "pairwise_distance"
    a, b = tensor(x1, name, "x1"), tensor(x2, name, "x2", 2)
    p = _number(name, p)
    return apply(PAIRWISE, (a, b), p=p, eps=float(eps), keepdim=bool(keepdim))  # type: ignore[no-any-return]


def _check_dist(args: tuple[Any, ...], params: dict[str, Any]) -> dict[str, Any]:
    found = _check_pair(args, params)
    if not all(isinstance(s, Spec) and s.floating for s in args):
        raise RuntimeError("dist only supports floating-point dtypes")
    return found


@op("dist", saves=((0, 1, -1), (0, 1, -1)), resolve=_check_dist)
def DIST(x: Any, y: Any, *, p: float, dtype: str) -> Any:
    """The norm of all entries of ``x - y``."""
    return norm_of((to(x, dtype) - to(y, dtype)).reshape(-1), p, -1)


@public()
def dist(input: Tensor, other: Tensor, p: float = 2) -> Tensor:
    """Return the p-norm of ``input - other``."""
    a, b = tensor(input, "dist"), tensor(other, "dist", "other", 2)
    return apply(DIST, (a, b), p=_number("dist", p))  # type: ignore[no-any-return]


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
