"""Normalisations: over features, over the batch, over groups of channels, over neighbours.

All divide by sqrt(variance + eps), the variance over n entries and not n - 1; the running variance
of `batch_norm` alone is the unbiased one. Statistics move by a row of their own, which no gradient
enters, and share the sums with the normalisation in the compiled program.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..codes import PLAIN, op
from ..emit import emit
from ..ops.convert import to
from ..record import LOCAL, Recorder
from ..replacing import replace
from ..surface import public
from ..tensor import Tensor
from .common import called, floating_only, need_tensor, record


def centred(x: Any, axes: tuple[int, ...], eps: float) -> Any:
    """Return ``(x - mean) / sqrt(variance + eps)`` over axes."""
    d = x - np.mean(x, axis=axes, keepdims=True)
    return d / np.sqrt(np.mean(d * d, axis=axes, keepdims=True) + eps)


def _along(v: Any, ndim: int, axis: int = 1) -> Any:
    """Return a vector along one axis of several."""
    return v.reshape(tuple(-1 if k == axis else 1 for k in range(ndim)))


_LAYER_SAVES = ((0, 1), (0,), ())


@op(
    "layer_norm", node="NativeLayerNormBackward0", saves=_LAYER_SAVES,
    resolve=floating_only("LayerNormKernelImpl"),
)  # fmt: skip
def layer_norm_op(x: Any, *more: Any, dims: int, eps: float, weight: bool, bias: bool) -> Any:
    """Normalise over the last dimensions; then times the weight, plus the bias."""
    ndim = np.ndim(x)
    if not all(np.shape(x)):
        y = x
    else:
        y = centred(x, tuple(range(ndim - dims, ndim)), eps)
    if weight:
        y = y * more[0]
    return y + more[-1] if bias else y


def _normalized_shape(name: str, x: Tensor, normalized_shape: Any) -> tuple[int, ...]:
    if isinstance(normalized_shape, int):
        raise TypeError(
            f"{name}(): argument 'normalized_shape' (position 2) must be tuple of ints, not int"
        )
    shape = tuple(int(n) for n in normalized_shape)
    if not shape:
        raise RuntimeError(
            "Expected normalized_shape to be at least 1-dimensional, i.e., containing at least one "
            "element, but got normalized_shape = []"
        )
    if len(shape) > x.ndim or tuple(x._spec.shape)[x.ndim - len(shape) :] != shape:
        listed = ", ".join(str(n) for n in shape)
        raise RuntimeError(
            f"Given normalized_shape={list(shape)}, expected input with shape [*, {listed}], but "
            f"got input of size{list(x._spec.shape)}"
        )
    return shape


def _check_affine(what: str, v: Tensor | None, x: Tensor, shape: tuple[int, ...]) -> None:
    if v is None:
        return
    if tuple(v._spec.shape) != shape:
        raise RuntimeError(
            f"Expected {what} to be of same shape as normalized_shape, but got {what} of shape "
            f"{list(v._spec.shape)} and normalized_shape = {list(shape)}"
        )
    if v._spec.np != x._spec.np:
        raise RuntimeError(
            f"expected scalar type {called(x._spec.np)} but found {called(v._spec.np)}"
        )


@public(method=False)
def layer_norm(
    input: Tensor,
    normalized_shape: Sequence[int],
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
    cudnn_enable: bool = True,
) -> Tensor:
    """Normalise over the last dimensions to mean 0 and variance 1; then weight and bias.

    Parameters
    ----------
    input : Tensor, (*, normalized_shape)
    normalized_shape : sequence of int
    weight, bias : Tensor, normalized_shape, optional

    Raises
    ------
    RuntimeError
        If shapes or dtypes do not fit.

    Examples
    --------
    >>> import tapejit.torch as torch
    >>> torch.nn.functional.layer_norm(torch.tensor([[1.0, 3.0]]), (2,))
    tensor([[-1.0000,  1.0000]])
    """
    x = need_tensor("layer_norm", "input", 1, input)
    shape = _normalized_shape("layer_norm", x, normalized_shape)
    _check_affine("weight", weight, x, shape)
    _check_affine("bias", bias, x, shape)
    more = tuple(v for v in (weight, bias) if v is not None)
    return record(
        layer_norm_op, (x, *more), dims=len(shape), eps=float(eps),
        weight=weight is not None, bias=bias is not None,
    )  # fmt: skip


@op("rms_norm", node="MulBackward0", saves=((0, 1), (0,)))
def rms_norm_op(x: Any, *w: Any, dims: int, eps: float) -> Any:
    """x / sqrt(mean(x**2) + eps), times the weight."""
    ndim = np.ndim(x)
    y = x / np.sqrt(np.mean(x * x, axis=tuple(range(ndim - dims, ndim)), keepdims=True) + eps)
    return y * w[0] if w else y


@public(method=False)
def rms_norm(
    input: Tensor,
    normalized_shape: Sequence[int],
    weight: Tensor | None = None,
    eps: float | None = None,
) -> Tensor:
    """Divide by the root mean square over the last dimensions; then the weight.

    Parameters
    ----------
    eps : float, optional
        Added to the mean square; the dtype's own epsilon if not given.
    """
    x = need_tensor("rms_norm", "input", 1, input)
    shape = _normalized_shape("rms_norm", x, normalized_shape)
    _check_affine("weight", weight, x, shape)
    if eps is None:
        eps = float(np.finfo(x._spec.np).eps)
    args = (x,) if weight is None else (x, weight)
    return record(rms_norm_op, args, dims=len(shape), eps=float(eps))


# ---------------------------------------------------------------- over the batch


_BATCH_NODE = "NativeBatchNormBackward0"


@op("batch_norm", node=_BATCH_NODE, saves=((0, 1), (0,), ()), resolve=floating_only("batch_norm"))
def batch_norm_op(x: Any, *more: Any, eps: float, weight: bool, bias: bool) -> Any:
    """Normalise each channel over the batch and all places."""
    y = centred(x, _but_channels(x), eps)
    if weight:
        y = y * _along(more[0], y.ndim)
    return y + _along(more[-1], y.ndim) if bias else y


def _but_channels(x: Any) -> tuple[int, ...]:
    return tuple(k for k in range(np.ndim(x)) if k != 1)


@op(
    "batch_norm_by_statistics", node=lambda params, specs: params["node"], saves=((1, 2, 3), (), (), (0, 1, 2), ()),
    resolve=floating_only("batch_norm"),
)  # fmt: skip
def batch_norm_fixed_op(
    x: Any, mean: Any, var: Any, *more: Any, eps: float, weight: bool, bias: bool, node: str
) -> Any:
    """Normalise each channel by given statistics."""
    ndim = np.ndim(x)
    scale = 1 / np.sqrt(var + eps)
    y = (x - _along(mean, ndim)) * _along(scale * more[0] if weight else scale, ndim)
    y = y.astype(x.dtype)
    return y + _along(more[-1], ndim) if bias else y


@op("batch_statistics", differentiable=False)
def statistics_op(x: Any, mean: Any, var: Any, momentum: Any, rest: Any, *, dtype: str) -> Any:
    """The running mean and unbiased variance, moved by the momentum; ``rest`` is 1 - momentum."""
    axes = _but_channels(x)
    n = 1
    for k in axes:
        n *= x.shape[k]
    m = np.mean(x, axis=axes, keepdims=True)
    d = x - m
    now = np.sum(d * d, axis=axes) / max(n - 1, 1)
    momentum, rest = to(momentum, dtype), to(rest, dtype)
    return (
        (momentum * m.reshape(mean.shape) + rest * mean).astype(dtype),
        (momentum * now + rest * var).astype(dtype),
    )


def _move(x: Tensor, mean: Tensor, var: Tensor, momentum: float) -> None:
    """Write the moved statistics into their tensors."""
    rec = LOCAL.rec
    for t in (mean, var):
        t._check_inplace(rec)
    args = (x, mean, var, float(momentum), 1 - float(momentum))
    _, slot, _ = emit(rec, statistics_op, args, {"dtype": mean._spec.np.name})
    _replace_both(rec, (mean, var), slot)


def _replace_both(rec: Recorder, stats: tuple[Tensor, Tensor], slot: int) -> None:
    """Make two slots the values of tensors; the first write may run the trace."""
    apart = [t._more is not None or t._kind != PLAIN or rec.eager for t in stats]
    replace(rec, stats, apart, slot, (PLAIN, PLAIN))


@public("batch_norm", method=False)
def _batch_norm_of_torch(
    input: Tensor,
    weight: Tensor | None,
    bias: Tensor | None,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    training: bool,
    momentum: float,
    eps: float,
    cudnn_enabled: bool,
) -> Tensor:
    """See `nn.functional.batch_norm`, whose arguments come in another order."""
    return batch_norm(input, running_mean, running_var, weight, bias, training, momentum, eps)


def batch_norm(
    input: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """Normalise each channel over the batch and all places, or by running statistics.

    Parameters
    ----------
    input : Tensor, (N, C, ...)
    running_mean, running_var : Tensor, (C,), or None
        Read when not training; moved by `momentum`, in place, when training.
    weight, bias : Tensor, (C,), optional
    training : bool
        Whether the statistics are those of the batch.

    Raises
    ------
    ValueError
        If there is only one value for each channel to take statistics of.
    RuntimeError
        If sizes do not fit, or statistics are needed and not given.
    """
    x = need_tensor("batch_norm", "input", 1, input)
    if training:
        _check_many("channel", x, x.ndim and (x.shape[0], *x.shape[2:]))
    return _batch_norm(x, running_mean, running_var, weight, bias, training, momentum, eps)


def _check_many(what: str, x: Tensor, sizes: Any) -> None:
    n = 1
    for k in sizes:
        n *= k
    if n == 1:
        raise ValueError(
            f"Expected more than 1 {'value per channel' if what == 'channel' else what} when "
            f"training, got input size {x._spec.shape}"
        )


def _batch_norm(
    x: Tensor,
    mean: Tensor | None,
    var: Tensor | None,
    weight: Tensor | None,
    bias: Tensor | None,
    training: bool,
    momentum: float,
    eps: float,
    node: str = _BATCH_NODE,
) -> Tensor:
    if x.ndim < 2:
        raise IndexError("Dimension out of range (expected to be in range of [-1, 0], but got 1)")
    channels = x.shape[1]
    given = {"running_mean": mean, "running_var": var, "weight": weight, "bias": bias}
    for name, v in given.items():
        if v is not None and v._spec.numel != channels:
            raise RuntimeError(f"{name} should contain {channels} elements not {v._spec.numel}")
        if v is not None and v._spec.np != x._spec.np:
            raise RuntimeError(
                f"expected scalar type {called(x._spec.np)} but found {called(v._spec.np)}"
            )
    more = tuple(v for v in (weight, bias) if v is not None)
    flags = {"eps": float(eps), "weight": weight is not None, "bias": bias is not None}
    if not training:
        for name in ("running_mean", "running_var"):
            if given[name] is None:
                raise RuntimeError(f"{name} must be defined in evaluation mode")
        return record(batch_norm_fixed_op, (x, mean, var, *more), node=node, **flags)
    made = record(batch_norm_op, (x, *more), **flags)
    if mean is not None and var is not None:
        _move(x, mean, var, momentum)
    return made


@op("group_norm", node="NativeGroupNormBackward0", saves=((0, 1), (0,), ()))
def group_norm_op(x: Any, *more: Any, groups: int, eps: float, weight: bool, bias: bool) -> Any:
    """Normalise each group of channels over its channels and all places."""
    shape = np.shape(x)
    if not all(shape):
        return x
    y = centred(x.reshape((shape[0], groups, -1)), (2,), eps).reshape(shape)
    if weight:
        y = y * _along(more[0], len(shape))
    return y + _along(more[-1], len(shape)) if bias else y


@public(method=False)
def group_norm(
    input: Tensor,
    num_groups: int,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """Normalise groups of channels, each over its channels and all places.

    Raises
    ------
    RuntimeError
        If the channels do not divide into so many groups.
    ValueError
        If a group has only one value.
    """
    x = need_tensor("group_norm", "input", 1, input)
    if x.ndim < 2:
        raise RuntimeError(f"Expected at least 2 dimensions for input tensor but received {x.ndim}")
    if x.shape[1] % num_groups:
        raise RuntimeError(
            "Expected number of channels in input to be divisible by num_groups, but got input of "
            f"shape {list(x._spec.shape)} and num_groups={num_groups}"
        )
    _check_many("channel", x, (x.shape[0] * x.shape[1] // num_groups, *x.shape[2:]))
    for name, v in (("weight", weight), ("bias", bias)):
        if v is not None and tuple(v._spec.shape) != (x.shape[1],):
            raise RuntimeError(
                f"Expected {name} to be a vector of size equal to the number of channels in input, "
                f"but got {name} of shape {list(v._spec.shape)} and input of shape "
                f"{list(x._spec.shape)}"
            )
    more = tuple(v for v in (weight, bias) if v is not None)
    return record(
        group_norm_op, (x, *more), groups=int(num_groups), eps=float(eps),
        weight=weight is not None, bias=bias is not None,
    )  # fmt: skip


@op("instance_norm", node="ViewBackward0", saves=((0, 1), (0,), ()))
def instance_norm_op(x: Any, *more: Any, eps: float, weight: bool, bias: bool) -> Any:
    """Normalise each channel of each sample over its places."""
    y = centred(x, tuple(range(2, np.ndim(x))), eps)
    if weight:
        y = y * _along(more[0], y.ndim)
    return y + _along(more[-1], y.ndim) if bias else y


@op("instance_statistics", differentiable=False)
def instance_statistics_op(
    x: Any, mean: Any, var: Any, momentum: Any, rest: Any, *, dtype: str
) -> Any:
    """Running statistics moved by the mean over samples of each sample's own."""
    axes = tuple(range(2, np.ndim(x)))
    n = 1
    for k in axes:
        n *= x.shape[k]
    m = np.mean(x, axis=axes, keepdims=True)
    d = x - m
    now = np.mean(np.sum(d * d, axis=axes) / max(n - 1, 1), axis=0)
    middle = np.mean(m.reshape(x.shape[:2]), axis=0)
    momentum, rest = to(momentum, dtype), to(rest, dtype)
    return (momentum * middle + rest * mean).astype(dtype), (momentum * now + rest * var).astype(
        dtype
    )


def instance_norm(
    input: Tensor,
    running_mean: Tensor | None = None,
    running_var: Tensor | None = None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """Normalise each channel of each sample over its places, or by running statistics.

    Raises
    ------
    ValueError
        If there is only one place to take statistics of.
    RuntimeError
        If statistics are needed and not given.
    """
    x = need_tensor("instance_norm", "input", 1, input)
    if not use_input_stats:
        if running_mean is None or running_var is None:
            raise RuntimeError(
                "Expected running_mean and running_var to be defined when use_input_stats is false"
            )
        return _batch_norm(
            x, running_mean, running_var, weight, bias, False, momentum, eps, "ViewBackward0"
        )
    if x.ndim < 3:
        raise ValueError(f"Expected 3D or higher dimensionality input (got {x.ndim} dimensions)")
    _check_many("spatial element", x, x.shape[2:])
    more = tuple(v for v in (weight, bias) if v is not None)
    made = record(
        instance_norm_op, (x, *more), eps=float(eps), weight=weight is not None,
        bias=bias is not None,
    )  # fmt: skip
    if running_mean is not None and running_var is not None:
        rec = LOCAL.rec
        args = (x, running_mean, running_var, float(momentum), 1 - float(momentum))
        name = running_mean._spec.np.name
        _, slot, _ = emit(rec, instance_statistics_op, args, {"dtype": name})
        _replace_both(rec, (running_mean, running_var), slot)
    return made


@op("local_response_norm", node="DivBackward0", saves=((0,),))
def response_op(x: Any, *, size: int, alpha: float, beta: float, k: float) -> Any:
    """x / (k + alpha * the mean square over neighbouring channels)**beta."""
    squares = x * x
    channels = x.shape[1]
    before = size // 2
    total = np.zeros_like(squares)
    for shift in range(-before, size - before):
        first, last = max(0, -shift), min(channels, channels - shift)
        if first < last:
            total[:, first:last] += squares[:, first + shift : last + shift]
    return x / (total * (alpha / size) + k) ** beta


def local_response_norm(
    input: Tensor, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0
) -> Tensor:
    """Divide by ``(k + alpha * mean square)**beta`` over `size` neighbouring channels.

    Raises
    ------
    ValueError
        If the tensor has less than three dimensions.
    """
    x = need_tensor("local_response_norm", "input", 1, input)
    if x.ndim < 3:
        raise ValueError(f"Expected 3D or higher dimensionality input (got {x.ndim} dimensions)")
    return record(
        response_op, (x,), size=int(size), alpha=float(alpha), beta=float(beta), k=float(k)
    )


__all__ = [
    "batch_norm", "group_norm", "instance_norm", "layer_norm", "local_response_norm", "rms_norm",
]  # fmt: skip
