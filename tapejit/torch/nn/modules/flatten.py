"""Dimensions joined and split, as modules; channels that become places, and back."""

from __future__ import annotations

from typing import Any

from .late import F
from .module import Module
from .of_function import NEEDED, nothing, of_function


class Flatten(Module):
    """Join dimensions; by default all but the first.

    Examples
    --------
    >>> import tapejit.torch as torch
    >>> torch.nn.Flatten()(torch.ones(2, 3, 4)).shape
    torch.Size([2, 12])
    """

    def __init__(self, start_dim: int = 1, end_dim: int = -1) -> None:
        super().__init__()
        self.start_dim, self.end_dim = start_dim, end_dim

    def forward(self, input: Any) -> Any:
        """Return the input with dimensions joined."""
        return input.flatten(self.start_dim, self.end_dim)

    def extra_repr(self) -> str:
        return f"start_dim={self.start_dim}, end_dim={self.end_dim}"


class Unflatten(Module):
    """Split a dimension into several."""

    def __init__(self, dim: int, unflattened_size: Any) -> None:
        super().__init__()
        if not isinstance(dim, int):
            raise TypeError("invalid argument type for dim parameter")
        if not isinstance(unflattened_size, tuple | list):
            raise TypeError(
                "unflattened_size must be tuple of ints, but found type "
                f"{type(unflattened_size).__name__}"
            )
        for k, n in enumerate(unflattened_size):
            if not isinstance(n, int):
                raise TypeError(
                    "unflattened_size must be tuple of ints, but found element of type "
                    f"{type(n).__name__} at pos {k}"
                )
        self.dim, self.unflattened_size = dim, unflattened_size

    def forward(self, input: Any) -> Any:
        """Return the input with a dimension split."""
        return input.unflatten(self.dim, self.unflattened_size)

    def extra_repr(self) -> str:
        return f"dim={self.dim}, unflattened_size={self.unflattened_size}"


PixelShuffle = of_function(
    "PixelShuffle", "pixel_shuffle", {"upscale_factor": NEEDED},
    doc="Turn groups of r * r channels into places of an image r times as large.",
    module=__name__,
)  # fmt: skip
PixelUnshuffle = of_function(
    "PixelUnshuffle", "pixel_unshuffle", {"downscale_factor": NEEDED},
    doc="Turn squares of r * r places into channels of an image r times as small.",
    module=__name__,
)  # fmt: skip
ChannelShuffle = of_function(
    "ChannelShuffle", "channel_shuffle", {"groups": NEEDED},
    doc="Interleave groups of channels.", module=__name__,
)  # fmt: skip
Unfold = of_function(
    "Unfold", "unfold", {"kernel_size": NEEDED, "dilation": 1, "padding": 0, "stride": 1},
    doc="Windows of an image as columns.", module=__name__,
)  # fmt: skip
Fold = of_function(
    "Fold", "fold",
    {"output_size": NEEDED, "kernel_size": NEEDED, "dilation": 1, "padding": 0, "stride": 1},
    doc="Columns summed into the windows of an image.", module=__name__,
)  # fmt: skip
CosineSimilarity = of_function(
    "CosineSimilarity", "cosine_similarity", {"dim": 1, "eps": 1e-8},
    doc="The cosine of the angle between vectors.", inputs=("x1", "x2"), shown=nothing,
    module=__name__,
)  # fmt: skip


class PairwiseDistance(Module):
    """The norm of the differences of vectors."""

    def __init__(self, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False) -> None:
        super().__init__()
        self.norm, self.eps, self.keepdim = p, eps, keepdim

    def forward(self, x1: Any, x2: Any) -> Any:
        """Return the distances along the last dimension."""
        return F.pairwise_distance(x1, x2, self.norm, self.eps, self.keepdim)


class Upsample(Module):
    """Make the places of an image more, or fewer.

    Parameters
    ----------
    size : int or tuple
        What they become; or else
    scale_factor : float or tuple
        By how much they become more.
    mode : str
        As in `nn.functional.interpolate`.
    """

    def __init__(
        self,
        size: Any = None,
        scale_factor: Any = None,
        mode: str = "nearest",
        align_corners: bool | None = None,
        recompute_scale_factor: bool | None = None,
    ) -> None:
        super().__init__()
        if isinstance(scale_factor, tuple):
            scale_factor = tuple(float(s) for s in scale_factor)
        elif scale_factor:
            scale_factor = float(scale_factor)
        self.name = type(self).__name__
        self.size, self.scale_factor, self.mode = size, scale_factor, mode
        self.align_corners = align_corners
        self.recompute_scale_factor = recompute_scale_factor

    def forward(self, input: Any) -> Any:
        """Return the image in its new size."""
        return F.interpolate(
            input,
            self.size,
            self.scale_factor,
            self.mode,
            self.align_corners,
            recompute_scale_factor=self.recompute_scale_factor,
        )

    def extra_repr(self) -> str:
        told = (
            f"size={self.size}"
            if self.scale_factor is None
            else f"scale_factor={self.scale_factor}"
        )
        return f"{told}, mode={self.mode!r}"


class UpsamplingNearest2d(Upsample):
    """`Upsample` by the nearest place."""

    def __init__(self, size: Any = None, scale_factor: Any = None) -> None:
        super().__init__(size, scale_factor, mode="nearest")


class UpsamplingBilinear2d(Upsample):
    """`Upsample` between four places, corners on corners."""

    def __init__(self, size: Any = None, scale_factor: Any = None) -> None:
        super().__init__(size, scale_factor, mode="bilinear", align_corners=True)
