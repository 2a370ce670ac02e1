"""Normalisation of each entry of a batch by itself: over its last dimensions, or groups of channels."""

from __future__ import annotations

from typing import Any

from .. import init
from ..parameter import Parameter
from .late import F, torch
from .module import Module
from .of_function import NEEDED, of_function


def _sizes(normalized_shape: Any) -> tuple[int, ...]:
    return (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)


class LayerNorm(Module):
    """Normalise over the last dimensions.

    Parameters
    ----------
    normalized_shape : int or sequence of int
        The sizes of those dimensions.
    eps : float
        Added to the variance.
    elementwise_affine, bias : bool
        Whether a learned scale, and a shift, follow.

    Examples
    --------
    >>> import tapejit.torch as torch
    >>> torch.nn.LayerNorm(3, elementwise_affine=False)
    LayerNorm((3,), eps=1e-05, elementwise_affine=False, bias=False)
    """

    def __init__(
        self,
        normalized_shape: Any,
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self.normalized_shape, self.eps = _sizes(normalized_shape), eps
        self.elementwise_affine = elementwise_affine
        made = {"device": device, "dtype": dtype}
        shape, shifts = self.normalized_shape, elementwise_affine and bias
        self.register_parameter(
            "weight", Parameter(torch.empty(shape, **made)) if elementwise_affine else None
        )
        self.register_parameter("bias", Parameter(torch.empty(shape, **made)) if shifts else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Start afresh: scale 1, shift 0."""
        if self.weight is not None:
            init.ones_(self.weight)
        if self.bias is not None:
            init.zeros_(self.bias)

    def forward(self, input: Any) -> Any:
        """Return the input normalised."""
        return F.layer_norm(input, self.normalized_shape, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        return (
            f"{self.normalized_shape}, eps={self.eps}, "
            f"elementwise_affine={self.elementwise_affine}, bias={self.bias is not None}"
        )


class RMSNorm(Module):
    """Divide by the root of the mean square over the last dimensions."""

    def __init__(
        self,
        normalized_shape: Any,
        eps: float | None = None,
        elementwise_affine: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self.normalized_shape, self.eps = _sizes(normalized_shape), eps
        self.elementwise_affine = elementwise_affine
        weight = None
        if elementwise_affine:
            weight = Parameter(torch.empty(self.normalized_shape, device=device, dtype=dtype))
        self.register_parameter("weight", weight)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Start afresh: scale 1."""
        if self.weight is not None:
            init.ones_(self.weight)

    def forward(self, input: Any) -> Any:
        """Return the input normalised."""
        return F.rms_norm(input, self.normalized_shape, self.weight, self.eps)

    def extra_repr(self) -> str:
        return (
            f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}"
        )


class GroupNorm(Module):
    """Normalise over groups of channels and all places."""

    def __init__(
        self,
        num_groups: int,
        num_channels: int,
        eps: float = 1e-5,
        affine: bool = True,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__()
        if num_channels % num_groups:
            raise ValueError(
                f"num_channels ({num_channels}) must be divisible by num_groups ({num_groups})"
            )
        self.num_groups, self.num_channels = num_groups, num_channels
        self.eps, self.affine = eps, affine
        made = {"device": device, "dtype": dtype}
        self.register_parameter(
            "weight", Parameter(torch.empty(num_channels, **made)) if affine else None
        )
        self.register_parameter(
            "bias", Parameter(torch.empty(num_channels, **made)) if affine and bias else None
        )
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Start afresh: scale 1, shift 0."""
        if self.weight is not None:
            init.ones_(self.weight)
        if self.bias is not None:
            init.zeros_(self.bias)

    def forward(self, input: Any) -> Any:
        """Return the input normalised."""
        return F.group_norm(input, self.num_groups, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        return (
            f"{self.num_groups}, {self.num_channels}, eps={self.eps}, affine={self.affine}, "
            f"bias={self.bias is not None}"
        )


LocalResponseNorm = of_function(
    "LocalResponseNorm", "local_response_norm",
    {"size": NEEDED, "alpha": 0.0001, "beta": 0.75, "k": 1.0},
    doc="Divide by a power of the sum of squares of neighbouring channels.",
    shown=lambda m: f"{m.size}, alpha={m.alpha}, beta={m.beta}, k={m.k}", module=__name__,
)  # fmt: skip
