"""Convolutions as one matrix product over windows laid out as columns.

With C channels and K places in a window, the input becomes a matrix of C*K rows whose columns are
windows, and the weight one of C*K columns. The transposed convolution is the transpose of all that:
a product with the weight's transpose, whose columns are added up where their windows lie.
"""

from __future__ import annotations

import warnings
from math import prod
from typing import Any

import numpy as np

from ..codes import op
from ..spec import Spec
from ..surface import public
from ..tensor import Tensor
from .common import called, need_tensor, record
from .strided import Windows, added_up, padded, pair

SAVES = ((1,), (0,), ())
"""The gradient of the input reads the weight, that of the weight the input."""


def _node(params: dict[str, Any], specs: Any) -> str:
    return "ConvolutionBackward0" if params["batched"] else "SqueezeBackward1"


def columns(x: Any, w: Windows) -> Any:
    """Return windows as columns: (images, channels * places, windows).

    One gather with a fixed index: nine strided slices of a 3 by 3 window compile nine times as long
    and run no faster.
    """
    x = padded(x, w.before, w.after)
    n = len(w.count)
    space = x.shape[-n:]
    taken = np.take(x.reshape((*x.shape[:2], prod(space))), w.flat(space), axis=2)
    return taken.reshape((x.shape[0], x.shape[1] * prod(w.size), prod(w.count)))


@op("convolution", node=_node, saves=SAVES)
def CONVOLUTION(
    x: Any, weight: Any, *bias: Any, windows: Windows, groups: int, batched: bool
) -> Any:
    """Weighted sums over windows, each group of channels on its own."""
    x = x if batched else x[None]
    images, channels = x.shape[:2]
    many = weight.shape[0]
    if images == 0:
        # Nothing to add up, but the weight is still part of the graph.
        made = zeros_as((images, many, *windows.count), x) + np.sum(weight) * 0
    else:
        cols = columns(x, windows)
        rows = channels // groups * prod(windows.size)
        if groups == 1:
            flat = weight.reshape((many, rows)) @ cols
        else:
            parts = weight.reshape((groups, many // groups, rows))
            flat = parts @ cols.reshape((images, groups, rows, -1))
        made = flat.reshape((images, many, *windows.count))
    if bias:
        made = made + bias[0].reshape((-1,) + (1,) * len(windows.count))
    return made if batched else made[0]


def zeros_as(shape: tuple[int, ...], like: Any) -> Any:
    """Return zeros of the dtype of an array."""
    return np.zeros(shape, like.dtype)


@op("convolution_transpose", node=_node, saves=SAVES)
def TRANSPOSED(
    x: Any, weight: Any, *bias: Any, windows: Windows, groups: int, batched: bool,
    shape: tuple[int, ...],
) -> Any:  # fmt: skip
    """What convolution does to cotangents, as a function of its own."""
    x = x if batched else x[None]
    images, channels = x.shape[:2]
    each, places = weight.shape[1], prod(windows.size)
    parts = weight.reshape((groups, channels // groups, each * places))
    flat = x.reshape((images, groups, channels // groups, -1))
    made = (np.swapaxes(parts, 1, 2) @ flat).reshape((images, groups * each, -1))
    whole = added_up(made, windows, shape)
    ends = tuple(n - a for n, a in zip(shape, windows.after))
    kept = tuple(slice(b, e) for b, e in zip(windows.before, ends))
    found = whole[(Ellipsis, *kept)]
    if bias:
        found = found + bias[0].reshape((-1,) + (1,) * len(windows.count))
    return found if batched else found[0]


# ---------------------------------------------------------------- checks


def _operands(
    name: str, n: int, input: Any, weight: Any, bias: Any
) -> tuple[list[Tensor], Spec, Spec, bool]:
    x = need_tensor(name, "input", 1, input)
    w = need_tensor(name, "weight", 2, weight)
    args = [x, w]
    if bias is not None:
        args.append(need_tensor(name, "bias", 3, bias))
    mine, other = x._spec, w._spec
    if mine.ndim not in (n + 1, n + 2):
        raise RuntimeError(
            f"Expected {n + 1}D (unbatched) or {n + 2}D (batched) input to {name}, but got input "
            f"of size: {list(mine.shape)}"
        )
    if other.ndim != n + 2:
        raise RuntimeError(
            f"Expected a weight of {n + 2} dimensions for {name}, but got weight of size: "
            f"{list(other.shape)}"
        )
    for t in args[1:]:
        if t._spec.np != mine.np:
            raise RuntimeError(
                f"expected scalar type {called(mine.np)} but found {called(t._spec.np)}"
            )
    return args, mine, other, mine.ndim == n + 2


def _positive(stride: tuple[int, ...], dilation: tuple[int, ...]) -> None:
    if min(stride) <= 0:
        raise RuntimeError("non-positive stride is not supported")
    if min(dilation) <= 0:
        raise RuntimeError(f"dilation should be greater than zero, but got {list(dilation)}")


def _groups(groups: Any, mine: Spec, other: Spec, channels: int, transposed: bool) -> None:
    if isinstance(groups, bool) or not isinstance(groups, int):
        raise TypeError(f"argument 'groups' must be int, not {type(groups).__name__}")
    if groups <= 0:
        raise RuntimeError("non-positive groups is not supported")
    size = list(other.shape)
    if other.shape[0] < groups:
        raise RuntimeError(
            f"Given groups={groups}, expected weight to be at least {groups} at dimension 0, but "
            f"got weight of size {size} instead"
        )
    if other.shape[0] % groups:
        raise RuntimeError(
            f"Given groups={groups}, expected weight to be divisible by {groups} at dimension 0, "
            f"but got weight of size [{size}] instead"
        )
    wanted = other.shape[0] if transposed else other.shape[1] * groups
    if channels != wanted:
        what = "transposed=1" if transposed else f"groups={groups}"
        raise RuntimeError(
            f"Given {what}, weight of size {size}, expected input{list(mine.shape)} to have "
            f"{wanted} channels, but got {channels} channels instead"
        )


def _bias(args: list[Tensor], many: int, other: Spec) -> None:
    if len(args) > 2 and tuple(args[2]._spec.shape) != (many,):
        raise RuntimeError(
            f"Given weight of size {list(other.shape)}, expected bias to be 1-dimensional with "
            f"{many} elements, but got bias of size {list(args[2]._spec.shape)} instead"
        )


def _padding(
    padding: Any, n: int, size: tuple[int, ...], stride: tuple[int, ...], dilation: tuple[int, ...]
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return the padding before and after; that of ``'same'`` keeps the size."""
    if isinstance(padding, str):
        if padding == "valid":
            return (0,) * n, (0,) * n
        if padding != "same":
            raise RuntimeError(f"Invalid padding string: '{padding}'")
        if any(s != 1 for s in stride):
            raise RuntimeError("padding='same' is not supported for strided convolutions")
        total = [d * (k - 1) for d, k in zip(dilation, size)]
        if any(t % 2 for t in total):
            warnings.warn(
                "Using padding='same' with even kernel lengths and odd dilation may require a "
                "zero-padded copy of the input be created",
                UserWarning,
                stacklevel=5,
            )
        return tuple(t // 2 for t in total), tuple(t - t // 2 for t in total)
    around = pair("convolution", "padding", padding, n)
    if min(around) < 0:
        raise RuntimeError("negative padding is not supported")
    return around, around


def _conv(
    name: str, n: int, input: Any, weight: Any, bias: Any, stride: Any, padding: Any,
    dilation: Any, groups: int,
) -> Tensor:  # fmt: skip
    args, mine, other, batched = _operands(name, n, input, weight, bias)
    step, gap = pair(name, "stride", stride, n), pair(name, "dilation", dilation, n)
    _positive(step, gap)
    size = tuple(other.shape[2:])
    before, after = _padding(padding, n, size, step, gap)
    _groups(groups, mine, other, mine.shape[1 if batched else 0], False)
    _bias(args, other.shape[0], other)
    space = tuple(mine.shape[-n:])
    room = tuple(m + a + b for m, a, b in zip(space, before, after))
    reach = tuple(d * (k - 1) + 1 for d, k in zip(gap, size))
    if any(m < r for m, r in zip(room, reach)):
        raise RuntimeError(
            f"Calculated padded input size per channel: ({' x '.join(map(str, room))}). Kernel "
            f"size: ({' x '.join(map(str, reach))}). Kernel size can't be greater than actual "
            "input size"
        )
    count = tuple((m - r) // s + 1 for m, r, s in zip(room, reach, step))
    windows = Windows(size, step, gap, before, after, count)
    return record(CONVOLUTION, args, windows=windows, groups=groups, batched=batched)


def _conv_transpose(
    name: str, n: int, input: Any, weight: Any, bias: Any, stride: Any, padding: Any,
    output_padding: Any, groups: int, dilation: Any,
) -> Tensor:  # fmt: skip
    args, mine, other, batched = _operands(name, n, input, weight, bias)
    step, gap = pair(name, "stride", stride, n), pair(name, "dilation", dilation, n)
    _positive(step, gap)
    around = pair(name, "padding", padding, n)
    extra = pair(name, "output_padding", output_padding, n)
    if min(around) < 0:
        raise RuntimeError("negative padding is not supported")
    if min(extra) < 0:
        raise RuntimeError("negative output_padding is not supported")
    if any(e >= s and e >= d for e, s, d in zip(extra, step, gap)):
        raise RuntimeError(
            "output padding must be smaller than either stride or dilation, but got "
            f"output_padding: {list(extra)} stride: {list(step)} dilation: {list(gap)}"
        )
    _groups(groups, mine, other, mine.shape[1 if batched else 0], True)
    _bias(args, other.shape[1] * groups, other)
    size, count = tuple(other.shape[2:]), tuple(mine.shape[-n:])
    shape = tuple(
        (m - 1) * s + d * (k - 1) + 1 + e for m, s, d, k, e in zip(count, step, gap, size, extra)
    )
    if any(m <= 2 * p for m, p in zip(shape, around)) or 0 in count:
        raise RuntimeError(
            f"Given input size per channel: {list(count)}. Calculated output size per channel: "
            f"{[m - 2 * p for m, p in zip(shape, around)]}. Output size is too small"
        )
    windows = Windows(size, step, gap, around, around, count)
    return record(TRANSPOSED, args, windows=windows, groups=groups, batched=batched, shape=shape)


# ---------------------------------------------------------------- public


@public(method=False)
def conv1d(
    input: Tensor, weight: Tensor, bias: Tensor | None = None, stride: Any = 1, padding: Any = 0,
    dilation: Any = 1, groups: int = 1,
) -> Tensor:  # fmt: skip
    """Return weighted sums over windows along one axis.

    Parameters
    ----------
    input : Tensor, shape (N, C, L) or (C, L)
    weight : Tensor, shape (O, C / groups, K)
    bias : Tensor, shape (O,), optional
    padding : int, tuple, "valid" or "same"

    Examples
    --------
    >>> import tapejit.torch as torch
    >>> torch.conv1d(torch.ones(1, 1, 3), torch.ones(1, 1, 2))
    tensor([[[2., 2.]]])
    """
    return _conv("conv1d", 1, input, weight, bias, stride, padding, dilation, groups)


@public(method=False)
def conv2d(
    input: Tensor, weight: Tensor, bias: Tensor | None = None, stride: Any = 1, padding: Any = 0,
    dilation: Any = 1, groups: int = 1,
) -> Tensor:  # fmt: skip
    """Return weighted sums over windows along two axes; see `conv1d`."""
    return _conv("conv2d", 2, input, weight, bias, stride, padding, dilation, groups)


@public(method=False)
def conv3d(
    input: Tensor, weight: Tensor, bias: Tensor | None = None, stride: Any = 1, padding: Any = 0,
    dilation: Any = 1, groups: int = 1,
) -> Tensor:  # fmt: skip
    """Return weighted sums over windows along three axes; see `conv1d`."""
    return _conv("conv3d", 3, input, weight, bias, stride, padding, dilation, groups)


@public(method=False)
def conv_transpose1d(
    input: Tensor, weight: Tensor, bias: Tensor | None = None, stride: Any = 1, padding: Any = 0,
    output_padding: Any = 0, groups: int = 1, dilation: Any = 1,
) -> Tensor:  # fmt: skip
    """Return the transpose of `conv1d`: each entry spreads the weight over a window.

    Parameters
    ----------
    input : Tensor, shape (N, C, L) or (C, L)
    weight : Tensor, shape (C, O / groups, K)
    bias : Tensor, shape (O,), optional
    """
    return _conv_transpose(
        "conv_transpose1d", 1, input, weight, bias, stride, padding, output_padding, groups,
        dilation,
    )  # fmt: skip


@public(method=False)
def conv_transpose2d(
    input: Tensor, weight: Tensor, bias: Tensor | None = None, stride: Any = 1, padding: Any = 0,
    output_padding: Any = 0, groups: int = 1, dilation: Any = 1,
) -> Tensor:  # fmt: skip
    """Return the transpose of `conv2d`; see `conv_transpose1d`."""
    return _conv_transpose(
        "conv_transpose2d", 2, input, weight, bias, stride, padding, output_padding, groups,
        dilation,
    )  # fmt: skip


@public(method=False)
def conv_transpose3d(
    input: Tensor, weight: Tensor, bias: Tensor | None = None, stride: Any = 1, padding: Any = 0,
    output_padding: Any = 0, groups: int = 1, dilation: Any = 1,
) -> Tensor:  # fmt: skip
    """Return the transpose of `conv3d`; see `conv_transpose1d`."""
    return _conv_transpose(
        "conv_transpose3d", 3, input, weight, bias, stride, padding, output_padding, groups,
        dilation,
    )  # fmt: skip


__all__ = [
    "conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d",
]  # fmt: skip
