"""Linear and bilinear maps, and the identity."""

from __future__ import annotations

import math
from typing import Any

from .. import init
from ..parameter import Parameter
from .late import F, torch
from .module import Module


class Identity(Module):
    """Return the input; takes any arguments."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__()

    def forward(self, input: Any) -> Any:
        """Return the input."""
        return input


class Linear(Module):
    """Map the last dimension: ``x @ weight.T + bias``.

    Parameters
    ----------
    in_features, out_features : int
        The sizes of the last dimension before and after.
    bias : bool
        Whether something is added.

    Attributes
    ----------
    weight : Parameter
        (out_features, in_features); at first uniform within 1 / sqrt(in_features).
    bias : Parameter or None
        (out_features,); at first uniform within 1 / sqrt(in_features).

    Examples
    --------
    >>> import tapejit.torch as torch
    >>> torch.nn.Linear(3, 2)(torch.ones(5, 3)).shape
    torch.Size([5, 2])
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self.in_features, self.out_features = in_features, out_features
        made = {"device": device, "dtype": dtype}
        self.weight = Parameter(torch.empty(out_features, in_features, **made))
        self.register_parameter(
            "bias", Parameter(torch.empty(out_features, **made)) if bias else None
        )
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Start afresh."""
        # With slope sqrt(5) the gain is 1 / sqrt(3), and sqrt(3) times the deviation is the bound:
        # uniform within 1 / sqrt(fan in).
        init.kaiming_uniform_(self.weight, a=math.sqrt(5))
        if self.bias is not None:
            _uniform_by_fan(self.bias, self.in_features)

    def forward(self, input: Any) -> Any:
        """Return the mapped input."""
        return F.linear(input, self.weight, self.bias)

    def extra_repr(self) -> str:
        return (
            f"in_features={self.in_features}, out_features={self.out_features}, "
            f"bias={self.bias is not None}"
        )


class NonDynamicallyQuantizableLinear(Linear):
    """The linear map at the end of attention; PyTorch gives it a class of its own."""


class Bilinear(Module):
    """Map two inputs: ``x1 @ weight[k] @ x2 + bias[k]`` for each k."""

    def __init__(
        self,
        in1_features: int,
        in2_features: int,
        out_features: int,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        if in1_features <= 0:
            raise ValueError(f"in1_features must be > 0, but got {in1_features}")
        self.in1_features, self.in2_features = in1_features, in2_features
        self.out_features = out_features
        made = {"device": device, "dtype": dtype}
        self.weight = Parameter(torch.empty(out_features, in1_features, in2_features, **made))
        self.register_parameter(
            "bias", Parameter(torch.empty(out_features, **made)) if bias else None
        )
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Start afresh."""
        _uniform_by_fan(self.weight, self.in1_features)
        if self.bias is not None:
            _uniform_by_fan(self.bias, self.in1_features)

    def forward(self, input1: Any, input2: Any) -> Any:
        """Return the mapped inputs."""
        return F.bilinear(input1, input2, self.weight, self.bias)

    def extra_repr(self) -> str:
        return (
            f"in1_features={self.in1_features}, in2_features={self.in2_features}, "
            f"out_features={self.out_features}, bias={self.bias is not None}"
        )


def _uniform_by_fan(tensor: Any, fan: int) -> None:
    bound = 1 / math.sqrt(fan) if fan > 0 else 0.0
    init.uniform_(tensor, -bound, bound)
