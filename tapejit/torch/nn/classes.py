"""Losses of classes: the negative logarithmic likelihood, cross entropy, margins between classes.

Targets are class numbers, whose range is checked when the row is recorded, or probabilities. The
class dimension is the second, or the only one.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..codes import op
from ..tensor import Tensor
from .common import called, check_reduction, need_tensor, record, reduced
from .sampled import span
from .softmaxes import log_softmax_op

NLL_SAVES = ((0, 1, 2), (), ())


def _nll_node(params: dict[str, Any], specs: Any) -> str:
    ndim = specs[0].ndim
    if ndim <= 2:
        return "NllLossBackward0"
    if ndim != 4 and params["reduction"] == "none":
        return "ViewBackward0"
    return "NllLoss2DBackward0"


def _gathered(x: Any, y: Any, ignore: int) -> tuple[Any, Any, int]:
    """Return the entries at class numbers, which targets count, and the class axis."""
    axis = min(np.ndim(x) - 1, 1)
    counts = y != ignore
    at = np.expand_dims(np.where(counts, y, 0), axis)
    return np.take_along_axis(x, at, axis=axis).squeeze(axis), counts, axis


@op("nll_loss", node=_nll_node, saves=NLL_SAVES)
def nll_op(x: Any, y: Any, *w: Any, ignore: int, reduction: str) -> Any:
    """Minus the entries at the class numbers, weighed by class; the mean is a weighed one."""
    picked, counts, _ = _gathered(x, y, ignore)
    if w:
        share = np.where(counts, w[0][np.where(counts, y, 0)], 0.0)
    else:
        share = np.where(counts, 1.0, 0.0).astype(x.dtype)
    terms = np.where(counts, -picked * share, 0.0)
    if reduction == "mean":
        return terms.sum() / share.sum()
    return reduced(terms, reduction)


def _check_classes(x: Tensor, y: Tensor, w: Tensor | None, ignore: int) -> Tensor:
    """Raise PyTorch's errors for shapes, dtypes and class numbers that do not fit."""
    xs, ys = tuple(x._spec.shape), tuple(y._spec.shape)
    if not xs:
        raise ValueError(f"Expected 1 or more dimensions (got {len(xs)})")
    axis = min(len(xs) - 1, 1)
    if len(xs) > 1 and ys and xs[0] != ys[0]:
        raise ValueError(
            f"Expected input batch_size ({xs[0]}) to match target batch_size ({ys[0]})."
        )
    if y._spec.np.name not in ("int64", "uint8"):
        raise RuntimeError(
            f"expected target dtype to be Long or Byte, but got {called(y._spec.np)}"
        )
    if xs[:axis] + xs[axis + 1 :] != ys:
        if len(xs) <= 2:
            raise RuntimeError(
                f"0D or 1D target tensor expected, multi-target not supported (input {list(xs)}, "
                f"target {list(ys)})"
            )
        raise RuntimeError(
            f"input and target batch or spatial sizes don't match: target {list(ys)}, "
            f"input {list(xs)}"
        )
    classes = xs[axis]
    if w is not None:
        if tuple(w._spec.shape) != (classes,):
            raise RuntimeError(
                f"weight tensor should be defined either for all {classes} classes or no classes "
                f"but got weight tensor of shape: {list(w._spec.shape)}"
            )
        if w._spec.np != x._spec.np:
            raise RuntimeError(
                f"expected scalar type {called(x._spec.np)} but found {called(w._spec.np)}"
            )
    if not x._spec.floating:
        raise NotImplementedError(
            f"\"nll_loss_out_frame\" not implemented for '{called(x._spec.np)}'"
        )
    found = span(y, without=ignore)
    if found is not None:
        for end in found:
            if not 0 <= end < classes:
                raise IndexError(f"Target {end} is out of bounds.")
    return y


def nll_loss(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    ignore_index: int = -100,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """Return minus the logarithmic probabilities at the class numbers.

    Parameters
    ----------
    input : Tensor, (N, C), (C,) or (N, C, d1, ...)
        Logarithms of probabilities.
    target : Tensor, (N,), () or (N, d1, ...)
        Class numbers, int64.
    weight : Tensor, (C,), optional
        A factor for each class; the mean is divided by the factors of the targets.
    ignore_index : int
        Targets that do not count.

    Raises
    ------
    IndexError
        If a target is no class.
    ValueError
        If the batch sizes differ.
    RuntimeError
        If shapes or dtypes do not fit otherwise.

    Examples
    --------
    >>> import tapejit.torch as torch
    >>> logs = torch.tensor([[-0.5, -1.5], [-2.0, -0.25]])
    >>> torch.nn.functional.nll_loss(logs, torch.tensor([0, 1]))
    tensor(0.3750)
    """
    x = need_tensor("nll_loss_nd", "input", 1, input)
    y = need_tensor("nll_loss_nd", "target", 2, target)
    reduction = check_reduction(reduction, reduce, size_average)
    _check_classes(x, y, weight, ignore_index)
    args = (x, y) if weight is None else (x, y, weight)
    return record(nll_op, args, ignore=int(ignore_index), reduction=reduction)


def cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    ignore_index: int = -100,
    reduce: bool | None = None,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Tensor:
    """Return the cross entropy of logits and targets.

    Parameters
    ----------
    input : Tensor, (N, C), (C,) or (N, C, d1, ...)
        Logits.
    target : Tensor
        Class numbers, (N,), () or (N, d1, ...); or probabilities of the shape of `input`.
    weight, ignore_index
        See `nll_loss`; probabilities know no `ignore_index`.
    label_smoothing : float
        The share, from 0 to 1, of the target that is spread evenly over all classes.

    Raises
    ------
    IndexError
        If a target is no class.
    ValueError
        If the batch sizes differ.
    RuntimeError
        If shapes or dtypes do not fit otherwise, or the share is none.

    Examples
    --------
    >>> import tapejit.torch as torch
    >>> torch.nn.functional.cross_entropy(torch.zeros(2, 4), torch.tensor([3, 0]))
    tensor(1.3863)
    """
    x = need_tensor("cross_entropy_loss", "input", 1, input)
    y = need_tensor("cross_entropy_loss", "target", 2, target)
    reduction = check_reduction(reduction, reduce, size_average)
    smooth = float(label_smoothing)
    if not 0.0 <= smooth <= 1.0:
        raise RuntimeError(f"label_smoothing must be between 0.0 and 1.0. Got: {label_smoothing}")
    if not x.ndim:
        raise IndexError("Dimension out of range (expected to be in range of [-1, 0], but got 1)")
    shares = x._spec.shape == y._spec.shape
    if not shares:
        _check_classes(x, y, weight, ignore_index)
    elif not y._spec.floating:
        raise RuntimeError(
            f"Expected floating point type for target with class probabilities, got {called(y._spec.np)}"
        )
    elif ignore_index >= 0:
        raise RuntimeError("ignore_index is not supported for floating point target")
    if weight is not None and tuple(weight._spec.shape) != (x.shape[min(x.ndim - 1, 1)],):
        raise RuntimeError(
            "cross_entropy: weight tensor should be defined either for all "
            f"{x.shape[min(x.ndim - 1, 1)]} classes or no classes but got weight tensor of shape: "
            f"{list(weight._spec.shape)}"
        )
    logs = record(log_softmax_op, (x,), axis=min(x.ndim - 1, 1), dtype=None)
    args = (logs, y) if weight is None else (logs, y, weight)
    if shares:
        return record(shares_op, args, smooth=smooth, reduction=reduction)
    ignore = int(ignore_index)
    if smooth:
        return record(smooth_op, args, smooth=smooth, ignore=ignore, reduction=reduction)
    return record(nll_op, args, ignore=ignore, reduction=reduction)


def _shares_node(params: dict[str, Any], specs: Any) -> str:
    return "DivBackward1" if params["reduction"] == "mean" else "NegBackward0"


@op("cross_entropy_of_shares", node=_shares_node, saves=((1, 2), (0, 2), ()))
def shares_op(logs: Any, y: Any, *w: Any, smooth: float, reduction: str) -> Any:
    """Minus logarithms times probabilities; the mean is over everything but classes."""
    axis = min(np.ndim(logs) - 1, 1)
    classes = logs.shape[axis]
    if smooth:
        y = y * (1 - smooth) + smooth / classes
    terms = logs * y
    if w:
        terms = terms * w[0].reshape(tuple(-1 if k == axis else 1 for k in range(np.ndim(logs))))
    if reduction == "none":
        return -terms.sum(axis=axis)
    if reduction == "sum":
        return -terms.sum()
    n = 1
    for k, size in enumerate(logs.shape):
        n *= 1 if k == axis else size
    return -terms.sum() / n if n else terms.sum() * np.nan


@op("cross_entropy_smooth", node="AddBackward0", saves=NLL_SAVES)
def smooth_op(logs: Any, y: Any, *w: Any, smooth: float, ignore: int, reduction: str) -> Any:
    """A mixture of the loss of the class numbers and of the mean loss of all classes."""
    picked, counts, axis = _gathered(logs, y, ignore)
    classes = logs.shape[axis]
    if w:
        share = np.where(counts, w[0][np.where(counts, y, 0)], 0.0)
        by_class = w[0].reshape(tuple(-1 if k == axis else 1 for k in range(np.ndim(logs))))
        spread = (logs * by_class).sum(axis=axis)
    else:
        share = np.where(counts, 1.0, 0.0).astype(logs.dtype)
        spread = logs.sum(axis=axis)
    terms = np.where(counts, -picked * share * (1 - smooth) - spread * (smooth / classes), 0.0)
    if reduction == "mean":
        return terms.sum() / share.sum()
    return reduced(terms, reduction)


# ---------------------------------------------------------------- margins


@op("multi_margin_loss", saves=((0, 1, 2), (), ()))
def multi_margin_op(x: Any, y: Any, *w: Any, p: int, margin: float, reduction: str) -> Any:
    """The mean over other classes of max(0, margin - x[y] + x)**p."""
    single = np.ndim(x) == 1
    if single:
        x, y = x[None, :], np.reshape(y, (1,))
    picked = np.take_along_axis(x, y[:, None], axis=1)
    z = margin - picked + x
    loss = np.where(z > 0, z if p == 1 else z * z, 0.0)
    if w:
        loss = loss * w[0][y][:, None]
    others = np.arange(x.shape[1])[None, :] != y[:, None]
    loss = np.where(others, loss, 0.0).sum(axis=1) / x.shape[1]
    return reduced(loss[0] if single else loss, reduction)


def multi_margin_loss(
    input: Tensor,
    target: Tensor,
    p: int = 1,
    margin: float = 1.0,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """Return the mean over other classes of ``max(0, margin - x[target] + x)**p``.

    Parameters
    ----------
    input : Tensor, (N, C) or (C,)
    target : Tensor, (N,) or ()
        Class numbers.
    p : {1, 2}

    Raises
    ------
    ValueError
        If `p` is another.
    IndexError
        If a target is no class.
    """
    x = need_tensor("multi_margin_loss", "input", 1, input)
    y = need_tensor("multi_margin_loss", "target", 2, target)
    reduction = check_reduction(reduction, reduce, size_average)
    if p not in (1, 2):
        raise ValueError("only p == 1 and p == 2 supported")
    if x.ndim not in (1, 2):
        raise RuntimeError(
            f"Expected non-empty vector or matrix with optional 0-dim batch size, but got: {list(x.shape)}"
        )
    if tuple(y.shape) != tuple(x.shape[:-1]) and not (x.ndim == 1 and y._spec.numel == 1):
        raise RuntimeError(
            f"inconsistent target size, expected {x.shape[0]} but got {list(y.shape)}"
        )
    found = span(y)
    if found is not None and not (found[0] >= 0 and found[1] < x.shape[-1]):
        raise RuntimeError("target out of range")
    args = (x, y) if weight is None else (x, y, weight)
    return record(multi_margin_op, args, p=int(p), margin=float(margin), reduction=reduction)


@op("multilabel_soft_margin_loss", node="MeanBackward0", saves=((0, 1, 2), (0, 2), ()))
def multilabel_soft_op(x: Any, y: Any, *w: Any, reduction: str) -> Any:
    """The mean over classes of the binary cross entropy of logits."""
    loss = y * np.logaddexp(-x, 0.0) + (1 - y) * np.logaddexp(x, 0.0)
    if w:
        loss = loss * w[0]
    return reduced(loss.sum(axis=-1) / x.shape[-1], reduction)


def multilabel_soft_margin_loss(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """Return the mean over classes of the binary cross entropy of logits with 0/1 targets."""
    x = need_tensor("multilabel_soft_margin_loss", "input", 1, input)
    y = need_tensor("multilabel_soft_margin_loss", "target", 2, target)
    reduction = check_reduction(reduction, reduce, size_average)
    args = (x, y) if weight is None else (x, y, weight)
    return record(multilabel_soft_op, args, reduction=reduction)


__all__ = [
    "cross_entropy", "multi_margin_loss", "multilabel_soft_margin_loss", "nll_loss",
]  # fmt: skip
