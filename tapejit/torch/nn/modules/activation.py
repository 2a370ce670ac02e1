"""Activations as modules: a row for each function, and `PReLU`, which learns its slope."""

from __future__ import annotations

from typing import Any

from .. import init
from ..parameter import Parameter
from .late import F, torch
from .module import Module
from .of_function import NEEDED, nothing, of_function


def _row(name: str, function: str, doc: str, shown: Any = None, **options: Any) -> Any:
    return of_function(name, function, options, doc=doc, shown=shown, module=__name__)


def _value(option: str) -> Any:
    return lambda m: str(getattr(m, option))


ReLU = _row("ReLU", "relu", "Apply max(0, x).", inplace=False)
ReLU6 = _row("ReLU6", "relu6", "Apply min(max(0, x), 6).", inplace=False)
LeakyReLU = _row(
    "LeakyReLU", "leaky_relu", "Apply x, times a slope where it is negative.",
    negative_slope=0.01, inplace=False,
)  # fmt: skip
ELU = _row("ELU", "elu", "Apply x, or alpha (exp(x) - 1).", alpha=1.0, inplace=False)
SELU = _row("SELU", "selu", "Apply the scaled exponential unit.", inplace=False)
CELU = _row("CELU", "celu", "Apply x, or alpha (exp(x / alpha) - 1).", alpha=1.0, inplace=False)
GELU = _row("GELU", "gelu", "Apply x times the normal distribution function.", approximate="none")
SiLU = _row("SiLU", "silu", "Apply x times its sigmoid.", inplace=False)
Mish = _row("Mish", "mish", "Apply x tanh(softplus(x)).", inplace=False)
Tanh = _row("Tanh", "tanh", "Apply tanh.")
Sigmoid = _row("Sigmoid", "sigmoid", "Apply 1 / (1 + exp(-x)).")
Hardswish = _row("Hardswish", "hardswish", "Apply x relu6(x + 3) / 6.", nothing, inplace=False)
Hardsigmoid = _row("Hardsigmoid", "hardsigmoid", "Apply relu6(x + 3) / 6.", nothing, inplace=False)
Softplus = _row(
    "Softplus", "softplus", "Apply log(1 + exp(beta x)) / beta.", beta=1.0, threshold=20.0
)
Softsign = _row("Softsign", "softsign", "Apply x / (1 + abs(x)).")
Tanhshrink = _row("Tanhshrink", "tanhshrink", "Apply x - tanh(x).")
Softshrink = _row("Softshrink", "softshrink", "Bring x closer to 0.", _value("lambd"), lambd=0.5)
Hardshrink = _row("Hardshrink", "hardshrink", "Set small x to 0.", _value("lambd"), lambd=0.5)
LogSigmoid = _row("LogSigmoid", "logsigmoid", "Apply log(sigmoid(x)).")
Softmax = _row("Softmax", "softmax", "Exponentials that sum to 1 along a dimension.", dim=None)
Softmin = _row("Softmin", "softmin", "Softmax of -x.", dim=None)
LogSoftmax = _row("LogSoftmax", "log_softmax", "The logarithm of softmax.", dim=None)
GLU = _row("GLU", "glu", "One half times the sigmoid of the other.", dim=-1)
Threshold = of_function(
    "Threshold", "threshold", {"threshold": NEEDED, "value": NEEDED, "inplace": False},
    doc="Apply x where it is above a threshold, else a value.", module=__name__,
)  # fmt: skip


class Hardtanh(Module):
    """Clamp to an interval.

    Parameters
    ----------
    min_val, max_val : float
        The ends of the interval.
    inplace : bool
        Whether the input is overwritten.
    """

    def __init__(
        self,
        min_val: float = -1.0,
        max_val: float = 1.0,
        inplace: bool = False,
        min_value: float | None = None,
        max_value: float | None = None,
    ) -> None:
        super().__init__()
        self.min_val = min_val if min_value is None else min_value
        self.max_val = max_val if max_value is None else max_value
        self.inplace = inplace
        if not self.max_val > self.min_val:
            raise AssertionError(
                f"max_val {self.max_val} must be greater than min_val {self.min_val}"
            )

    def forward(self, input: Any) -> Any:
        """Return the input clamped."""
        return F.hardtanh(input, self.min_val, self.max_val, self.inplace)

    def extra_repr(self) -> str:
        return f"min_val={self.min_val}, max_val={self.max_val}" + (
            ", inplace=True" if self.inplace else ""
        )


class RReLU(Module):
    """Apply x, times a slope drawn from an interval where it is negative; its middle in evaluation."""

    def __init__(self, lower: float = 1 / 8, upper: float = 1 / 3, inplace: bool = False) -> None:
        super().__init__()
        self.lower, self.upper, self.inplace = lower, upper, inplace

    def forward(self, input: Any) -> Any:
        """Return the activation."""
        return F.rrelu(input, self.lower, self.upper, self.training, self.inplace)

    def extra_repr(self) -> str:
        return f"lower={self.lower}, upper={self.upper}" + (
            ", inplace=True" if self.inplace else ""
        )


class Softmax2d(Module):
    """Softmax over the channels of images."""

    def forward(self, input: Any) -> Any:
        """Return the shares of the channels at each place."""
        if input.dim() not in (3, 4):
            raise ValueError(
                f"Softmax2d: expected input to be 3D or 4D, got {input.dim()}D instead"
            )
        return F.softmax(input, -3)


class PReLU(Module):
    """Apply x, times a learned slope where it is negative.

    Parameters
    ----------
    num_parameters : int
        One slope, or one for each channel.
    init : float
        What the slopes are at first.
    """

    def __init__(
        self, num_parameters: int = 1, init: float = 0.25, device: Any = None, dtype: Any = None
    ) -> None:
        super().__init__()
        self.num_parameters, self.init = num_parameters, init
        self.weight = Parameter(torch.empty(num_parameters, device=device, dtype=dtype))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Start afresh."""
        init.constant_(self.weight, self.init)

    def forward(self, input: Any) -> Any:
        """Return the activation."""
        return F.prelu(input, self.weight)

    def extra_repr(self) -> str:
        return f"num_parameters={self.num_parameters}"
