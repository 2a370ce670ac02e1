"""Losses that compare distances and similarities: hinges, ranking, cosine, triplets, margins."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..codes import op
from ..ops.convert import to
from ..ops.pointwise import pair_dtype
from ..tensor import Tensor
from .common import check_reduction, need_tensor, record, reduced
from .distances import distance


def _node(none: str) -> Any:
    def node(params: dict[str, Any], specs: Any) -> str:
        return {"mean": "MeanBackward0", "sum": "SumBackward0"}.get(params["reduction"], none)

    return node


def _hinge(x: Any) -> Any:
    """max(x, 0), whose slope at 0 is PyTorch's of a clamp from below: 1."""
    return np.where(x >= 0, x, np.where(x < 0, 0.0, x))


@op("hinge_embedding_loss", node=_node("AddBackward0"), saves=((0, 1), ()), resolve=pair_dtype)
def hinge_embedding_op(x: Any, y: Any, *, margin: float, reduction: str, dtype: str) -> Any:
    """x where the target is 1, max(0, margin - x) where it is -1, both where it is neither."""
    x = to(x, dtype)
    loss = np.where(y != 1, _hinge(margin - x), 0.0) + np.where(y != -1, x, 0.0)
    return reduced(loss, reduction)


def hinge_embedding_loss(
    input: Tensor,
    target: Tensor,
    margin: float = 1.0,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """Return x where the target is 1, and ``max(0, margin - x)`` where it is -1."""
    x = need_tensor("hinge_embedding_loss", "input", 1, input)
    y = need_tensor("hinge_embedding_loss", "target", 2, target)
    reduction = check_reduction(reduction, reduce, size_average)
    return record(hinge_embedding_op, (x, y), margin=float(margin), reduction=reduction)


@op(
    "margin_ranking_loss", node=_node("ClampMinBackward0"), saves=((0, 1, 2),) * 3,
    resolve=pair_dtype,
)  # fmt: skip
def margin_ranking_op(a: Any, b: Any, y: Any, *, margin: float, reduction: str, dtype: str) -> Any:
    """max(0, -y (a - b) + margin)."""
    a, b, y = to(a, dtype), to(b, dtype), to(y, dtype)
    return reduced(_hinge(-y * (a - b) + margin), reduction)


def margin_ranking_loss(
    input1: Tensor,
    input2: Tensor,
    target: Tensor,
    margin: float = 0,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """Return ``max(0, -target * (input1 - input2) + margin)``.

    Raises
    ------
    RuntimeError
        If the tensors have different numbers of dimensions.
    """
    a = need_tensor("margin_ranking_loss", "input1", 1, input1)
    b = need_tensor("margin_ranking_loss", "input2", 2, input2)
    y = need_tensor("margin_ranking_loss", "target", 3, target)
    reduction = check_reduction(reduction, reduce, size_average)
    if not a.ndim == b.ndim == y.ndim:
        raise RuntimeError(
            f"margin_ranking_loss : All input tensors should have same dimension but got sizes: "
            f"input1: {a.shape}, input2: {b.shape}, target: {y.shape} "
        )
    return record(margin_ranking_op, (a, b, y), margin=float(margin), reduction=reduction)


@op("soft_margin_loss", saves=((0, 1), ()))
def soft_margin_op(x: Any, y: Any, *, reduction: str) -> Any:
    """log(1 + exp(-y x)), without overflow."""
    return reduced(np.logaddexp(-y.astype(x.dtype) * x, 0.0), reduction)


def soft_margin_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """Return ``log(1 + exp(-target * input))``.

    Raises
    ------
    RuntimeError
        If `target` requires grad, which it never gets.
    """
    x = need_tensor("soft_margin_loss", "input", 1, input)
    y = need_tensor("soft_margin_loss", "target", 2, target)
    reduction = check_reduction(reduction, reduce, size_average)
    if y._kind_now():
        raise RuntimeError(
            "The function 'soft_margin_loss' is not differentiable with respect to argument "
            "'target'. This input cannot have requires_grad True."
        )
    return record(soft_margin_op, (x, y), reduction=reduction)


@op("cosine_embedding_loss", node=_node("AddBackward0"), saves=((0, 1, 2), (0, 1, 2), ()))
def cosine_embedding_op(a: Any, b: Any, y: Any, *, margin: float, reduction: str) -> Any:
    """1 - cos where the target is 1, max(0, cos - margin) where it is -1."""
    eps = 1e-12
    product = np.sum(a * b, axis=-1)
    sizes = (np.sum(a * a, axis=-1) + eps) * (np.sum(b * b, axis=-1) + eps)
    cosine = product / np.sqrt(sizes)
    loss = np.where(y == 1, 1 - cosine, 0.0) + np.where(y == -1, _hinge(cosine - margin), 0.0)
    return reduced(loss, reduction)


def cosine_embedding_loss(
    input1: Tensor,
    input2: Tensor,
    target: Tensor,
    margin: float = 0,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """Return ``1 - cos`` where the target is 1, and ``max(0, cos - margin)`` where it is -1.

    Parameters
    ----------
    input1, input2 : Tensor, (N, D) or (D,)
    target : Tensor, (N,) or ()
    """
    a = need_tensor("cosine_embedding_loss", "input1", 1, input1)
    b = need_tensor("cosine_embedding_loss", "input2", 2, input2)
    y = need_tensor("cosine_embedding_loss", "target", 3, target)
    reduction = check_reduction(reduction, reduce, size_average)
    if y.ndim not in (0, 1):
        raise RuntimeError("0D or 1D target tensor expected, multi-target not supported")
    if a.ndim != y.ndim + 1 or b.ndim != y.ndim + 1:
        wanted = "1D target tensor expects 2D" if y.ndim else "0D target tensor expects 1D"
        raise RuntimeError(
            f"{wanted} input tensors, but found inputs with sizes {list(a.shape)} and "
            f"{list(b.shape)}."
        )
    return record(cosine_embedding_op, (a, b, y), margin=float(margin), reduction=reduction)


@op("triplet_margin_loss", node=_node("ClampMinBackward0"), saves=((0, 1, 2),) * 3)
def triplet_op(
    a: Any, near: Any, far: Any, *, margin: float, p: float, eps: float, swap: bool, reduction: str
) -> Any:
    """max(0, margin + |a - near| - |a - far|), the far side being the nearer of two with swap."""
    to_near, to_far = distance(a, near, p, eps), distance(a, far, p, eps)
    if swap:
        other = distance(near, far, p, eps)
        to_far = np.minimum(to_far, other)
    return reduced(_hinge(margin + to_near - to_far), reduction)


def triplet_margin_loss(
    anchor: Tensor,
    positive: Tensor,
    negative: Tensor,
    margin: float = 1.0,
    p: float = 2,
    eps: float = 1e-6,
    swap: bool = False,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """Return ``max(0, margin + |anchor - positive| - |anchor - negative|)`` of p-norms.

    Raises
    ------
    ValueError
        If the margin is not positive.
    RuntimeError
        If the tensors have different numbers of dimensions.
    """
    a = need_tensor("triplet_margin_loss", "anchor", 1, anchor)
    near = need_tensor("triplet_margin_loss", "positive", 2, positive)
    far = need_tensor("triplet_margin_loss", "negative", 3, negative)
    reduction = check_reduction(reduction, reduce, size_average)
    if margin <= 0:
        raise ValueError(f"margin must be greater than 0, got {margin}")
    if not a.ndim == near.ndim == far.ndim:
        raise RuntimeError(
            "The anchor, positive, and negative tensors are expected to have the same number of "
            f"dimensions, but got: anchor {a.ndim}D, positive {near.ndim}D, and negative "
            f"{far.ndim}D inputs"
        )
    return record(
        triplet_op, (a, near, far),
        margin=float(margin), p=float(p), eps=float(eps), swap=bool(swap), reduction=reduction,
    )  # fmt: skip


__all__ = [
    "cosine_embedding_loss", "hinge_embedding_loss", "margin_ranking_loss", "soft_margin_loss",
    "triplet_margin_loss",
]  # fmt: skip
