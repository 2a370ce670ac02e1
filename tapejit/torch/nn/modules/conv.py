"""Convolutions as modules: kernels and biases, and padding that is not zeros."""

from __future__ import annotations

import math
from typing import Any

from .. import init
from ..parameter import Parameter
from .late import F, torch
from .module import Module

PADDING_MODES = ("zeros", "reflect", "replicate", "circular")


def several(value: Any, n: int) -> tuple[Any, ...]:
    """Return a number n times, a sequence as a tuple."""
    return (value,) * n if not isinstance(value, tuple | list) else tuple(value)


class _Conv(Module):
    """A convolution, or its transpose.

    Parameters
    ----------
    in_channels, out_channels : int
    kernel_size, stride, dilation : int or tuple
    padding : int, tuple or str
        Places added at both ends; "same" and "valid" for convolutions.
    groups : int
        Channels are split into as many parts, each with kernels of its own.
    bias : bool
    padding_mode : str
        "zeros", "reflect", "replicate" or "circular".
    """

    _n = 0
    _transposed = False

    def _make(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Any,
        stride: Any,
        padding: Any,
        dilation: Any,
        groups: int,
        bias: bool,
        padding_mode: str,
        output_padding: Any,
        device: Any,
        dtype: Any,
    ) -> None:
        n = self._n
        if groups <= 0:
            raise ValueError("groups must be a positive integer")
        if in_channels % groups:
            raise ValueError("in_channels must be divisible by groups")
        if out_channels % groups:
            raise ValueError("out_channels must be divisible by groups")
        if isinstance(padding, str):
            if padding not in ("same", "valid"):
                raise ValueError(
                    f"Invalid padding string {padding!r}, should be one of ['same', 'valid']"
                )
            if padding == "same" and any(s != 1 for s in several(stride, n)):
                raise ValueError("padding='same' is not supported for strided convolutions")
        if padding_mode not in PADDING_MODES:
            raise ValueError(
                f"padding_mode must be one of {set(PADDING_MODES)}, but got "
                f"padding_mode={padding_mode!r}"
            )
        self.in_channels, self.out_channels, self.groups = in_channels, out_channels, groups
        self.kernel_size, self.stride = several(kernel_size, n), several(stride, n)
        self.padding = padding if isinstance(padding, str) else several(padding, n)
        self.dilation, self.output_padding = several(dilation, n), several(output_padding, n)
        self.padding_mode, self.transposed = padding_mode, self._transposed
        first, second = (in_channels, out_channels) if self._transposed else (out_channels, in_channels)  # fmt: skip
        made = {"device": device, "dtype": dtype}
        self.weight = Parameter(torch.empty(first, second // groups, *self.kernel_size, **made))
        self.register_parameter(
            "bias", Parameter(torch.empty(out_channels, **made)) if bias else None
        )
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Start afresh: uniform within 1 / sqrt(fan in)."""
        init.kaiming_uniform_(self.weight, a=math.sqrt(5))
        if self.bias is not None:
            fan, _ = init._calculate_fan_in_and_fan_out(self.weight)
            if fan:
                init.uniform_(self.bias, -1 / math.sqrt(fan), 1 / math.sqrt(fan))

    def _ends(self) -> list[int]:
        """Return the places to add before and after each dimension, the last dimension first."""
        pads: list[int] = []
        for k in reversed(range(self._n)):
            if isinstance(self.padding, str):
                total = self.dilation[k] * (self.kernel_size[k] - 1) * (self.padding == "same")
                pads += [total // 2, total - total // 2]
            else:
                pads += [self.padding[k], self.padding[k]]
        return pads

    def extra_repr(self) -> str:
        n = self._n
        told = (
            f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, "
            f"stride={self.stride}"
        )
        if self.padding != (0,) * n:
            told += f", padding={self.padding}"
        if self.dilation != (1,) * n:
            told += f", dilation={self.dilation}"
        if self.output_padding != (0,) * n:
            told += f", output_padding={self.output_padding}"
        if self.groups != 1:
            told += f", groups={self.groups}"
        if self.bias is None:
            told += ", bias=False"
        if self.padding_mode != "zeros":
            told += f", padding_mode={self.padding_mode}"
        return told


class _Forward(_Conv):
    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Any,
        stride: Any = 1,
        padding: Any = 0,
        dilation: Any = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self._make(
            in_channels, out_channels, kernel_size, stride, padding, dilation, groups, bias,
            padding_mode, 0, device, dtype,
        )  # fmt: skip

    def forward(self, input: Any) -> Any:
        """Return the input convolved."""
        convolve, padding = getattr(F, f"conv{self._n}d"), self.padding
        if self.padding_mode != "zeros":
            input, padding = F.pad(input, self._ends(), mode=self.padding_mode), (0,) * self._n
        return convolve(
            input, self.weight, self.bias, self.stride, padding, self.dilation, self.groups
        )


class Conv1d(_Forward):
    """Convolve sequences, (batch, channels, length).

    Examples
    --------
    >>> import tapejit.torch as torch
    >>> torch.nn.Conv1d(3, 8, 5, padding=2)
    Conv1d(3, 8, kernel_size=(5,), stride=(1,), padding=(2,))
    """

    _n = 1


class Conv2d(_Forward):
    """Convolve images, (batch, channels, height, width)."""

    _n = 2


class Conv3d(_Forward):
    """Convolve volumes."""

    _n = 3


class _Transposed(_Conv):
    _transposed = True

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Any,
        stride: Any = 1,
        padding: Any = 0,
        output_padding: Any = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: Any = 1,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        if padding_mode != "zeros":
            raise ValueError(f'Only "zeros" padding mode is supported for {type(self).__name__}')
        self._make(
            in_channels, out_channels, kernel_size, stride, padding, dilation, groups, bias,
            padding_mode, output_padding, device, dtype,
        )  # fmt: skip

    def forward(self, input: Any, output_size: Any = None) -> Any:
        """Return the transposed convolution, of a given size where several are possible."""
        extra = self.output_padding if output_size is None else self._extra(input, output_size)
        return getattr(F, f"conv_transpose{self._n}d")(
            input, self.weight, self.bias, self.stride, self.padding, extra, self.groups,
            self.dilation,
        )  # fmt: skip

    def _extra(self, input: Any, output_size: Any) -> tuple[int, ...]:
        n = self._n
        wanted = [int(k) for k in output_size][-n:]
        if len(output_size) not in (n, input.dim()):
            raise ValueError(
                f"{type(self).__name__}: for {input.dim()}D input, output_size must have {n} or "
                f"{input.dim()} elements (got {len(output_size)})"
            )
        found = []
        for k in range(n):
            step = self.stride[k]
            least = (
                (input.shape[k - n] - 1) * step
                - 2 * self.padding[k]
                + self.dilation[k] * (self.kernel_size[k] - 1)
                + 1
            )
            if not least <= wanted[k] < least + step:
                raise ValueError(
                    f"requested an output size of {wanted}, but dimension {k} must be between "
                    f"{least} and {least + step - 1} for an input of {list(input.shape[-n:])}"
                )
            found.append(wanted[k] - least)
        return tuple(found)


class ConvTranspose1d(_Transposed):
    """The transpose of convolving sequences."""

    _n = 1


class ConvTranspose2d(_Transposed):
    """The transpose of convolving images."""

    _n = 2


class ConvTranspose3d(_Transposed):
    """The transpose of convolving volumes."""

    _n = 3
