"""Pooling and padding as modules: a row for each function and each number of dimensions."""

from __future__ import annotations

from typing import Any

from .conv import several
from .late import F
from .module import Module
from .of_function import NEEDED, of_function


class _Pool(Module):
    """What pooling over windows shares."""

    kernel_size: Any
    stride: Any
    padding: Any
    ceil_mode: bool


class _MaxPool(_Pool):
    _n = 0

    def __init__(
        self,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        dilation: Any = 1,
        return_indices: bool = False,
        ceil_mode: bool = False,
    ) -> None:
        super().__init__()
        self.kernel_size, self.padding, self.dilation = kernel_size, padding, dilation
        self.stride = kernel_size if stride is None else stride
        self.return_indices, self.ceil_mode = return_indices, ceil_mode

    def forward(self, input: Any) -> Any:
        """Return the largest entry of each window, with `return_indices` also where it is."""
        return getattr(F, f"max_pool{self._n}d")(
            input, self.kernel_size, self.stride, self.padding, self.dilation,
            ceil_mode=self.ceil_mode, return_indices=self.return_indices,
        )  # fmt: skip

    def extra_repr(self) -> str:
        return (
            f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}, "
            f"dilation={self.dilation}, ceil_mode={self.ceil_mode}"
        )


class MaxPool1d(_MaxPool):
    """The largest entry of each window of sequences."""

    _n = 1


class MaxPool2d(_MaxPool):
    """The largest entry of each window of images.

    Examples
    --------
    >>> import tapejit.torch as torch
    >>> torch.nn.MaxPool2d(2)
    MaxPool2d(kernel_size=2, stride=2, padding=0, dilation=1, ceil_mode=False)
    """

    _n = 2


class MaxPool3d(_MaxPool):
    """The largest entry of each window of volumes."""

    _n = 3


class AvgPool1d(_Pool):
    """The mean of each window of sequences."""

    def __init__(
        self,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
    ) -> None:
        super().__init__()
        self.kernel_size = several(kernel_size, 1)
        self.stride = several(kernel_size if stride is None else stride, 1)
        self.padding = several(padding, 1)
        self.ceil_mode, self.count_include_pad = ceil_mode, count_include_pad

    def forward(self, input: Any) -> Any:
        """Return the means."""
        return F.avg_pool1d(
            input, self.kernel_size, self.stride, self.padding, self.ceil_mode,
            self.count_include_pad,
        )  # fmt: skip

    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class _AvgPool(_Pool):
    _n = 0

    def __init__(
        self,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor_override: int | None = None,
    ) -> None:
        super().__init__()
        self.kernel_size, self.padding = kernel_size, padding
        self.stride = kernel_size if stride is None else stride
        self.ceil_mode, self.count_include_pad = ceil_mode, count_include_pad
        self.divisor_override = divisor_override

    def forward(self, input: Any) -> Any:
        """Return the means."""
        return getattr(F, f"avg_pool{self._n}d")(
            input, self.kernel_size, self.stride, self.padding, self.ceil_mode,
            self.count_include_pad, self.divisor_override,
        )  # fmt: skip

    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class AvgPool2d(_AvgPool):
    """The mean of each window of images."""

    _n = 2


class AvgPool3d(_AvgPool):
    """The mean of each window of volumes."""

    _n = 3


def _adaptive(n: int, kind: str, what: str) -> Any:
    options: dict[str, Any] = {"output_size": NEEDED}
    if kind == "Max":
        options["return_indices"] = False
    return of_function(
        f"Adaptive{kind}Pool{n}d", f"adaptive_{kind.lower()}_pool{n}d", options,
        doc=f"The {what} of as many windows as the output is to have.",
        shown=lambda m: f"output_size={m.output_size}", module=__name__,
    )  # fmt: skip


def _lp(n: int) -> Any:
    return of_function(
        f"LPPool{n}d", f"lp_pool{n}d",
        {"norm_type": NEEDED, "kernel_size": NEEDED, "stride": None, "ceil_mode": False},
        doc="The p-norm of each window.", module=__name__,
    )  # fmt: skip


AdaptiveAvgPool1d, AdaptiveAvgPool2d, AdaptiveAvgPool3d = (
    _adaptive(n, "Avg", "mean") for n in (1, 2, 3)
)
AdaptiveMaxPool1d, AdaptiveMaxPool2d, AdaptiveMaxPool3d = (
    _adaptive(n, "Max", "largest entry") for n in (1, 2, 3)
)
LPPool1d, LPPool2d = _lp(1), _lp(2)


class _Pad(Module):
    """Places added at the ends of the last dimensions.

    Parameters
    ----------
    padding : int or tuple of int
        Before and after the last dimension, then the one before it, and so on.
    """

    _n = 0
    _mode = "constant"
    value: float = 0.0

    def __init__(self, padding: Any) -> None:
        super().__init__()
        self.padding = several(padding, 2 * self._n)

    def forward(self, input: Any) -> Any:
        """Return the input with places added."""
        if self._mode == "constant":
            return F.pad(input, self.padding, "constant", self.value)
        return F.pad(input, self.padding, self._mode)

    def extra_repr(self) -> str:
        return f"{self.padding}"


class _ConstantPad(_Pad):
    def __init__(self, padding: Any, value: float) -> None:
        super().__init__(padding)
        self.value = value

    def extra_repr(self) -> str:
        return f"padding={self.padding}, value={self.value}"


def _pad(name: str, mode: str, n: int, base: type = _Pad) -> Any:
    doc = f"Add places, filled by {mode.replace('constant', 'a constant')}, to {n} dimensions."
    members = {"_n": n, "_mode": mode, "__doc__": doc, "__module__": __name__}
    return type(f"{name}Pad{n}d", (base,), members)


ConstantPad1d, ConstantPad2d, ConstantPad3d = (
    _pad("Constant", "constant", n, _ConstantPad) for n in (1, 2, 3)
)
ZeroPad1d, ZeroPad2d, ZeroPad3d = (_pad("Zero", "constant", n) for n in (1, 2, 3))
ReflectionPad1d, ReflectionPad2d, ReflectionPad3d = (
    _pad("Reflection", "reflect", n) for n in (1, 2, 3)
)
ReplicationPad1d, ReplicationPad2d, ReplicationPad3d = (
    _pad("Replication", "replicate", n) for n in (1, 2, 3)
)
CircularPad1d, CircularPad2d, CircularPad3d = (_pad("Circular", "circular", n) for n in (1, 2, 3))
