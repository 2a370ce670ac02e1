"""Windows of images laid out as columns, and columns added up to images again."""

from __future__ import annotations

from math import prod
from typing import Any

from ..codes import op
from ..tensor import Tensor
from .common import need_tensor, record
from .convolutions import columns
from .strided import Windows, added_up, pair


@op("im2col", node="Im2ColBackward0", saves=((),))
def UNFOLD(x: Any, *, windows: Windows) -> Any:
    """(images, channels * places, windows) of (images, channels, height, width)."""
    batched = x.ndim == 4
    made = columns(x if batched else x[None], windows)
    return made if batched else made[0]


@op("col2im", node="Col2ImBackward0", saves=((),))
def FOLD(x: Any, *, windows: Windows, shape: tuple[int, ...]) -> Any:
    """The transpose of `UNFOLD`: what lies on one place of an image adds up."""
    batched, places = x.ndim == 3, prod(windows.size)
    x = x if batched else x[None]
    parts = x.reshape((x.shape[0], x.shape[1] // places, -1))
    room = tuple(n + b + a for n, b, a in zip(shape, windows.before, windows.after))
    whole = added_up(parts, windows, room)
    kept = tuple(slice(b, b + n) for b, n in zip(windows.before, shape))
    made = whole[(Ellipsis, *kept)]
    return made if batched else made[0]


def _windows(
    name: str, space: tuple[int, ...], size: Any, dilation: Any, padding: Any, stride: Any
) -> Windows:
    k, d = pair(name, "kernel_size", size, 2), pair(name, "dilation", dilation, 2)
    p, s = pair(name, "padding", padding, 2), pair(name, "stride", stride, 2)
    for option, values in (("kernel size", k), ("dilation", d), ("stride", s)):
        if min(values) <= 0:
            raise RuntimeError(
                f"{option} should be greater than zero, but got {' '.join(map(str, values))}"
            )
    if min(p) < 0:
        raise RuntimeError(f"padding should be non-negative, but got {' '.join(map(str, p))}")
    count = tuple(
        (n + 2 * b - e * (m - 1) - 1) // t + 1 for n, b, e, m, t in zip(space, p, d, k, s)
    )
    if min(count) < 1:
        raise RuntimeError(
            f"Given input with spatial size {space}, kernel_size={k}, dilation={d}, padding={p}, "
            f"calculated shape of the array of sliding blocks as {count}, but its components must "
            "be at least one."
        )
    return Windows(k, s, d, p, p, count)


def unfold(
    input: Tensor, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1
) -> Tensor:
    """Return the windows of images as columns.

    Parameters
    ----------
    input : Tensor, shape (N, C, H, W) or (C, H, W)

    Returns
    -------
    Tensor, shape (N, C * places, windows)

    Examples
    --------
    >>> import tapejit.torch as torch
    >>> torch.nn.functional.unfold(torch.arange(4.0).reshape(1, 1, 2, 2), (1, 2))
    tensor([[[0., 2.],
             [1., 3.]]])
    """
    spec = need_tensor("unfold", "input", 1, input)._spec
    if spec.ndim not in (3, 4):
        raise RuntimeError(
            "Expected 3D or 4D (batch mode) tensor with possibly 0 batch size and other non-zero "
            f"dimensions for input, but got: {list(spec.shape)}"
        )
    space = tuple(spec.shape[-2:])
    return record(
        UNFOLD, (input,), windows=_windows("unfold", space, kernel_size, dilation, padding, stride)
    )


def fold(
    input: Tensor, output_size: Any, kernel_size: Any, dilation: Any = 1, padding: Any = 0,
    stride: Any = 1,
) -> Tensor:  # fmt: skip
    """Return images in which columns, laid out by `unfold`, are added up."""
    spec = need_tensor("fold", "input", 1, input)._spec
    if spec.ndim not in (2, 3):
        raise RuntimeError(
            "Expected 2D or 3D (batch mode) tensor for input with possibly 0 batch size and "
            f"non-zero dimensions for input, but got: {list(spec.shape)}"
        )
    shape = pair("fold", "output_size", output_size, 2)
    k = pair("fold", "kernel_size", kernel_size, 2)
    if spec.shape[-2] % prod(k):
        raise RuntimeError(
            "Expected size of input's dimension 1 to be divisible by the product of kernel_size, "
            f"but got input.size(1)={spec.shape[-2]} and kernel_size={k}."
        )
    w = _windows("fold", shape, k, dilation, padding, stride)
    if prod(w.count) != spec.shape[-1]:
        raise RuntimeError(
            f"Given output_size={shape}, kernel_size={k}, dilation={w.dilation}, "
            f"padding={w.before}, stride={w.stride}, expected size of input's dimension 2 to match "
            f"the calculated number of sliding blocks {w.count[0]} * {w.count[1]} = "
            f"{prod(w.count)}, but got input.size(2)={spec.shape[-1]}."
        )
    return record(FOLD, (input,), windows=w, shape=shape)


__all__ = ["fold", "unfold"]
