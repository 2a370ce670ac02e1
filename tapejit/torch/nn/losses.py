"""Losses of two tensors: squared and absolute differences, binary cross entropy, Poisson, Gauss.

Each is one row: the terms, their weights and the reduction in one formula, so that the compiled
program is one loop. Formulas that would overflow, or lose their slope, for large arguments are
written so that they do not.
"""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np

from ...scipy import special
from ...transforms.custom_reverse import custom_vjp
from ..codes import op
from ..ops.convert import to
from ..ops.pointwise import check_broadcast, pair_dtype
from ..tensor import Tensor
from .common import (
    called,
    check_reduction,
    flat,
    floating_only,
    need_tensor,
    record,
    reduced,
)
from .sampled import is_probability

BOTH = ((0, 1), (0, 1))


def _smooth_dtype(kernel: str) -> Any:
    def resolve(args: tuple[Any, ...], params: dict[str, Any]) -> dict[str, Any]:
        found = pair_dtype(args, params)
        if np.dtype(found["dtype"]).kind not in "f":
            raise NotImplementedError(
                f"\"{kernel}\" not implemented for '{called(np.dtype(found['dtype']))}'"
            )
        return found

    return resolve


def _warn_sizes(x: Tensor, y: Tensor) -> None:
    if tuple(x._spec.shape) != tuple(y._spec.shape):
        warnings.warn(
            f"Using a target size ({y._spec.shape}) that is different to the input size "
            f"({x._spec.shape}). This will likely lead to incorrect results due to broadcasting. "
            "Please ensure they have the same size.",
            UserWarning,
            stacklevel=4,
        )


@op("mse_loss", saves=BOTH, resolve=_smooth_dtype("mse_cpu"))
def mse_op(x: Any, y: Any, *, reduction: str, dtype: str) -> Any:
    """Squared differences."""
    d = to(x, dtype) - to(y, dtype)
    return reduced(d * d, reduction)


def _l1_node(params: dict[str, Any], specs: Any) -> str:
    return {"mean": "MeanBackward0", "sum": "SumBackward0"}.get(params["reduction"], "AbsBackward0")


@op("l1_loss", node=_l1_node, saves=BOTH, resolve=pair_dtype)
def l1_op(x: Any, y: Any, *, reduction: str, dtype: str) -> Any:
    """Absolute differences, of slope 0 where they vanish."""
    return reduced(np.absolute(to(x, dtype) - to(y, dtype)), reduction)


@op("smooth_l1_loss", saves=BOTH, resolve=_smooth_dtype("smooth_l1_cpu"))
def smooth_l1_op(x: Any, y: Any, *, beta: float, reduction: str, dtype: str) -> Any:
    """d**2 / (2 beta) up to |d| = beta, |d| - beta / 2 beyond."""
    size = np.absolute(to(x, dtype) - to(y, dtype))
    return reduced(np.where(size < beta, 0.5 * size * size / beta, size - 0.5 * beta), reduction)


@op("huber_loss", saves=BOTH, resolve=_smooth_dtype("huber"))
def huber_op(x: Any, y: Any, *, delta: float, reduction: str, dtype: str) -> Any:
    """d**2 / 2 up to |d| = delta, delta (|d| - delta / 2) beyond."""
    size = np.absolute(to(x, dtype) - to(y, dtype))
    inner, outer = 0.5 * size * size, delta * (size - 0.5 * delta)
    return reduced(np.where(size <= delta, inner, outer), reduction)


def mse_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    weight: Tensor | None = None,
) -> Tensor:
    """Return the squared differences, or their mean or sum.

    Parameters
    ----------
    input, target : Tensor
        Of one shape; others are broadcast, with a warning.
    size_average, reduce : bool, optional
        The old names of reductions.
    reduction : {"mean", "sum", "none"}
    weight : Tensor, optional
        Factors of the terms, of the same shape; the mean is divided by their sum.

    Raises
    ------
    ValueError
        If the reduction is another.
    RuntimeError
        If the shapes do not broadcast.

    Examples
    --------
    >>> import tapejit.torch as torch
    >>> torch.nn.functional.mse_loss(torch.tensor([1.0, 2.0]), torch.tensor([1.0, 4.0]))
    tensor(2.)
    """
    x, y = need_tensor("mse_loss", "input", 1, input), need_tensor("mse_loss", "target", 2, target)
    _warn_sizes(x, y)
    reduction = check_reduction(reduction, reduce, size_average)
    if weight is not None:
        return _weighed(record(mse_op, (x, y), reduction="none"), weight, reduction)
    return record(mse_op, (x, y), reduction=reduction)


def _weighed_node(params: dict[str, Any], specs: Any) -> str:
    names = {"mean": "DivBackward0" if params["by_weight"] else "MeanBackward0"}
    return {**names, "sum": "SumBackward0"}.get(params["reduction"], "MulBackward0")


@op("weighed_loss", node=_weighed_node, saves=((1,), (0,)))
def weighed_op(loss: Any, w: Any, *, reduction: str, by_weight: bool) -> Any:
    """Terms times their weights; the mean is divided by the sum of the weights, if so wanted."""
    if reduction == "mean" and by_weight:
        return (loss * w).sum() / w.sum()
    return reduced(loss * w, reduction)


def _weighed(loss: Tensor, weight: Tensor, reduction: str, by_weight: bool = True) -> Tensor:
    if tuple(weight._spec.shape) != tuple(loss._spec.shape):
        raise ValueError("Weights and input must have the same size.")
    return record(weighed_op, (loss, weight), reduction=reduction, by_weight=by_weight)


def l1_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    weight: Tensor | None = None,
) -> Tensor:
    """Return the absolute differences, or their mean or sum; see `mse_loss`."""
    x, y = need_tensor("l1_loss", "input", 1, input), need_tensor("l1_loss", "target", 2, target)
    _warn_sizes(x, y)
    reduction = check_reduction(reduction, reduce, size_average)
    if weight is not None:
        return _weighed(record(l1_op, (x, y), reduction="none"), weight, reduction)
    return record(l1_op, (x, y), reduction=reduction)


def smooth_l1_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    beta: float = 1.0,
) -> Tensor:
    """Return ``d**2 / (2 beta)`` where ``|d| < beta``, else ``|d| - beta / 2``.

    Raises
    ------
    RuntimeError
        If `beta` is negative.
    """
    x = need_tensor("smooth_l1_loss", "input", 1, input)
    y = need_tensor("smooth_l1_loss", "target", 2, target)
    _warn_sizes(x, y)
    reduction = check_reduction(reduction, reduce, size_average)
    if beta < 0:
        raise RuntimeError("smooth_l1_loss does not support negative values for beta.")
    if beta == 0:
        return record(l1_op, (x, y), reduction=reduction)
    return record(smooth_l1_op, (x, y), beta=float(beta), reduction=reduction)


def huber_loss(
    input: Tensor,
    target: Tensor,
    reduction: str = "mean",
    delta: float = 1.0,
    weight: Tensor | None = None,
) -> Tensor:
    """Return ``d**2 / 2`` where ``|d| <= delta``, else ``delta (|d| - delta / 2)``.

    Raises
    ------
    RuntimeError
        If `delta` is not positive.
    """
    x = need_tensor("huber_loss", "input", 1, input)
    y = need_tensor("huber_loss", "target", 2, target)
    _warn_sizes(x, y)
    reduction = check_reduction(reduction)
    if not delta > 0:
        raise RuntimeError("huber_loss does not support non-positive values for delta.")
    if weight is not None:
        loss = record(huber_op, (x, y), delta=float(delta), reduction="none")
        return _weighed(loss, weight, reduction, by_weight=False)
    return record(huber_op, (x, y), delta=float(delta), reduction=reduction)


# ---------------------------------------------------------------- binary cross entropy


@custom_vjp
def _cross(x: Any, y: Any) -> Any:
    """-(y log x + (1 - y) log(1 - x)), the logarithms cut off at -100."""
    return (y - 1) * np.maximum(np.log1p(-x), -100.0) - y * np.maximum(np.log(x), -100.0)


def _cross_fwd(x: Any, y: Any) -> Any:
    return _cross.fn(x, y), (x, y)


def _cross_bwd(saved: Any, ct: Any) -> Any:
    # PyTorch's slope, also where a logarithm is cut off: there the denominator is 1e-12.
    x, y = saved
    by_x = ct * (x - y) / np.maximum(x * (1 - x), 1e-12)
    by_y = ct * (np.maximum(np.log1p(-x), -100.0) - np.maximum(np.log(x), -100.0))
    return by_x, by_y


_cross.defvjp(_cross_fwd, _cross_bwd)


@op("binary_cross_entropy", saves=((0, 1, 2), (0, 2), ()), resolve=floating_only("bce"))
def bce_op(x: Any, y: Any, *w: Any, reduction: str) -> Any:
    """Binary cross entropy of probabilities, with weights of the terms."""
    loss = _cross(x, y)
    return reduced(loss * w[0] if w else loss, reduction)


def binary_cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """Return ``-(y log x + (1 - y) log(1 - x))`` of probabilities x.

    Logarithms are cut off at -100. The values of `input` are looked at, unless it comes straight
    from `sigmoid` or `softmax`.

    Parameters
    ----------
    input, target : Tensor
        Of one shape.
    weight : Tensor, optional
        Factors of the terms; it broadcasts.

    Raises
    ------
    ValueError
        If the shapes differ.
    RuntimeError
        If an entry of `input` lies outside [0, 1].

    Examples
    --------
    >>> import tapejit.torch as torch
    >>> torch.nn.functional.binary_cross_entropy(torch.tensor([0.5]), torch.tensor([1.0]))
    tensor(0.6931)
    """
    x = need_tensor("binary_cross_entropy", "input", 1, input)
    y = need_tensor("binary_cross_entropy", "target", 2, target)
    reduction = check_reduction(reduction, reduce, size_average)
    if tuple(x._spec.shape) != tuple(y._spec.shape):
        raise ValueError(
            f"Using a target size ({y._spec.shape}) that is different to the input size "
            f"({x._spec.shape}) is deprecated. Please ensure they have the same size."
        )
    if x._spec.np != y._spec.np:
        raise RuntimeError(f"Found dtype {called(y._spec.np)} but expected {called(x._spec.np)}")
    if x._spec.floating and not is_probability(x):
        raise RuntimeError("all elements of input should be between 0 and 1")
    if weight is None:
        return record(bce_op, (x, y), reduction=reduction)
    w = need_tensor("binary_cross_entropy", "weight", 3, weight)
    check_broadcast((x._spec, w._spec))
    return record(bce_op, (x, y, w), reduction=reduction)


@custom_vjp
def _logits(x: Any, y: Any) -> Any:
    """-(y log s(x) + (1 - y) log(1 - s(x))) = (1 - y) x + log(1 + exp(-x))."""
    return (1 - y) * x + np.logaddexp(-x, 0.0)


_logits.defvjp(
    lambda x, y: (_logits.fn(x, y), (x, y)),
    # s(x) - y: the slope of the formula, 1 - y - s(-x), would cancel where s(x) is small.
    lambda saved, ct: (
        (ct * (special.expit(saved[0]) - saved[1])).astype(saved[0].dtype),
        (-ct * saved[0]).astype(saved[1].dtype),
    ),
)


@custom_vjp
def _weighed_logits(x: Any, y: Any, p: Any) -> Any:
    """The same with p times the positive terms: (1 - y) x + (1 + (p - 1) y) log(1 + exp(-x))."""
    return (1 - y) * x + (1 + (p - 1) * y) * np.logaddexp(-x, 0.0)


def _weighed_logits_bwd(saved: Any, ct: Any) -> Any:
    x, y, p = saved
    t = p * y
    rest = np.logaddexp(-x, 0.0)
    by_p = ct * y * rest
    extra = by_p.ndim - p.ndim
    by_p = by_p.sum(axis=tuple(range(extra))) if extra else by_p
    ones = tuple(k for k in range(p.ndim) if p.shape[k] == 1 and by_p.shape[k] != 1)
    by_p = by_p.sum(axis=ones, keepdims=True) if ones else by_p
    by_x = ct * ((t + 1 - y) * special.expit(x) - t)
    by_y = ct * ((p - 1) * rest - x)
    return by_x.astype(x.dtype), by_y.astype(y.dtype), by_p.astype(p.dtype)


_weighed_logits.defvjp(
    lambda x, y, p: (_weighed_logits.fn(x, y, p), (x, y, p)), _weighed_logits_bwd
)


@op("binary_cross_entropy_with_logits", saves=((0, 1, 2, 3), (0, 2, 3), (), ()), resolve=pair_dtype)
def bce_logits_op(
    x: Any, y: Any, *more: Any, weight: bool, pos_weight: bool, reduction: str, dtype: str
) -> Any:
    """Binary cross entropy of logits: nothing overflows, and the slope is the logistic less y."""
    # The logarithm is taken in the dtype of the logits, as PyTorch does, the rest in the common one.
    x, y = x if np.dtype(x.dtype).kind == "f" else to(x, dtype), to(y, dtype)
    loss = _weighed_logits(x, y, to(more[-1], dtype)) if pos_weight else _logits(x, y)
    return reduced(loss * more[0] if weight else loss, reduction)


def binary_cross_entropy_with_logits(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    pos_weight: Tensor | None = None,
) -> Tensor:
    """Return the binary cross entropy of ``sigmoid(input)``, stable for large logits.

    Parameters
    ----------
    input, target : Tensor
        Of one shape.
    weight : Tensor, optional
        Factors of the terms; it broadcasts.
    pos_weight : Tensor, optional
        Factors of the terms of positive targets; it broadcasts.

    Raises
    ------
    ValueError
        If the shapes differ.

    Examples
    --------
    >>> import tapejit.torch as torch
    >>> z = torch.tensor([1000.0, -1000.0])
    >>> torch.nn.functional.binary_cross_entropy_with_logits(z, torch.tensor([1.0, 1.0]))
    tensor(500.)
    """
    name = "binary_cross_entropy_with_logits"
    x, y = need_tensor(name, "input", 1, input), need_tensor(name, "target", 2, target)
    reduction = check_reduction(reduction, reduce, size_average)
    if tuple(x._spec.shape) != tuple(y._spec.shape):
        raise ValueError(
            f"Target size ({y._spec.shape}) must be the same as input size ({x._spec.shape})"
        )
    more = tuple(w for w in (weight, pos_weight) if w is not None)
    return record(
        bce_logits_op, (x, y, *more),
        weight=weight is not None, pos_weight=pos_weight is not None, reduction=reduction,
    )  # fmt: skip


# ---------------------------------------------------------------- likelihoods


def _reduced_node(none: str) -> Any:
    def node(params: dict[str, Any], specs: Any) -> str:
        names = {"mean": "MeanBackward0", "sum": "SumBackward0", "batchmean": "DivBackward0"}
        return names.get(params["reduction"], none)

    return node


@op("kl_div", node=_reduced_node("SubBackward0"), saves=BOTH, resolve=pair_dtype)
def kl_op(x: Any, y: Any, *, log_target: bool, reduction: str, dtype: str) -> Any:
    """y (log y - x), or exp(y) (y - x) of logarithmic targets; 0 log 0 = 0."""
    x, y = to(x, dtype), to(y, dtype)
    loss = np.exp(y) * (y - x) if log_target else special.xlogy(y, y) - y * x
    if reduction == "batchmean":
        return loss.sum() / (np.shape(x)[0] if np.ndim(x) else 1)
    return reduced(loss, reduction)


def kl_div(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    log_target: bool = False,
) -> Tensor:
    """Return the Kullback-Leibler divergence of `target` from the logarithmic `input`.

    Parameters
    ----------
    input : Tensor
        Logarithms of probabilities.
    target : Tensor
        Probabilities, or their logarithms with `log_target`.
    reduction : {"mean", "batchmean", "sum", "none"}
        The divergence itself is "batchmean"; "mean" divides by the classes too, with a warning.
    """
    x, y = need_tensor("kl_div", "input", 1, input), need_tensor("kl_div", "target", 2, target)
    reduction = check_reduction(reduction, reduce, size_average, also=("batchmean",))
    if reduction == "mean":
        warnings.warn(
            "reduction: 'mean' divides the total loss by both the batch size and the support "
            "size.'batchmean' divides only by the batch size, and aligns with the KL div math "
            "definition.'mean' will be changed to behave the same as 'batchmean' in the next "
            "major release.",
            UserWarning,
            stacklevel=2,
        )
    return record(kl_op, (x, y), log_target=bool(log_target), reduction=reduction)


@op(
    "poisson_nll_loss", node=_reduced_node("SubBackward0"), saves=BOTH,
    resolve=pair_dtype,
)  # fmt: skip
def poisson_op(
    x: Any, y: Any, *, log_input: bool, full: bool, eps: float, reduction: str, dtype: str
) -> Any:
    """exp(x) - y x, or x - y log(x + eps); with Stirling's term where y > 1."""
    x, y = to(x, dtype), to(y, dtype)
    loss = np.exp(x) - y * x if log_input else x - y * np.log(x + eps)
    if full:
        stirling = y * np.log(y) - y + 0.5 * np.log(2 * math.pi * y)
        loss = loss + np.where(y <= 1, 0.0, stirling)
    return reduced(loss, reduction)


def poisson_nll_loss(
    input: Tensor,
    target: Tensor,
    log_input: bool = True,
    full: bool = False,
    size_average: bool | None = None,
    eps: float = 1e-8,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """Return the negative logarithmic likelihood of Poisson counts `target`.

    Parameters
    ----------
    log_input : bool
        Whether `input` is the logarithm of the expectation.
    full : bool
        Whether to add Stirling's approximation of ``log(target!)``.
    """
    x = need_tensor("poisson_nll_loss", "input", 1, input)
    y = need_tensor("poisson_nll_loss", "target", 2, target)
    reduction = check_reduction(reduction, reduce, size_average)
    return record(
        poisson_op, (x, y),
        log_input=bool(log_input), full=bool(full), eps=float(eps), reduction=reduction,
    )  # fmt: skip


@op(
    "gaussian_nll_loss", node=_reduced_node("MulBackward0"), saves=((0, 1, 2),) * 3,
    resolve=pair_dtype,
)  # fmt: skip
def gaussian_op(
    x: Any, y: Any, var: Any, *, full: bool, eps: float, reduction: str, dtype: str
) -> Any:
    """(log v + (x - y)**2 / v) / 2 with v at least eps; where it is cut off its slope is kept."""
    x, y, var = to(x, dtype), to(y, dtype), to(var, dtype)
    fixed = flat(var)
    v = np.where(fixed < eps, eps + (var - fixed), var)
    loss = 0.5 * (np.log(v) + (x - y) ** 2 / v)
    if full:
        loss = loss + 0.5 * math.log(2 * math.pi)
    return reduced(loss, reduction)


def gaussian_nll_loss(
    input: Tensor,
    target: Tensor,
    var: Tensor | float,
    full: bool = False,
    eps: float = 1e-6,
    reduction: str = "mean",
) -> Tensor:
    """Return the negative logarithmic likelihood of normal deviates of variance `var`.

    Parameters
    ----------
    var : Tensor or float
        Of the shape of `input`, or with a last dimension of one, or none.
    full : bool
        Whether to add the constant ``log(2 pi) / 2``.
    eps : float
        The least variance.

    Raises
    ------
    ValueError
        If a variance is negative or of another shape.
    """
    x = need_tensor("gaussian_nll_loss", "input", 1, input)
    y = need_tensor("gaussian_nll_loss", "target", 2, target)
    if isinstance(var, float):
        if var < 0:
            raise ValueError("var has negative entry/entries")
        v: Any = var
    else:
        v = need_tensor("gaussian_nll_loss", "var", 3, var)
        if bool(np.any(np.asarray(v._value()) < 0)):
            raise ValueError("var has negative entry/entries")
        shape, given = tuple(x._spec.shape), tuple(v._spec.shape)
        if shape != given:
            if shape[:-1] == given:
                v = v.unsqueeze(-1)
            elif not _broadcasts(given, shape):
                raise ValueError("var is of incorrect size")
    if reduction not in ("none", "mean", "sum"):
        raise ValueError(reduction + " is not valid")
    return record(gaussian_op, (x, y, v), full=bool(full), eps=float(eps), reduction=reduction)


def _broadcasts(given: tuple[int, ...], shape: tuple[int, ...]) -> bool:
    try:
        return np.broadcast_shapes(given, shape) == shape
    except ValueError:
        return False


__all__ = [
    "binary_cross_entropy", "binary_cross_entropy_with_logits", "gaussian_nll_loss", "huber_loss",
    "kl_div", "l1_loss", "mse_loss", "poisson_nll_loss", "smooth_l1_loss",
]  # fmt: skip
