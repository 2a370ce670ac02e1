"""Recurrent cells: one step of a network with a state."""

from __future__ import annotations

import math
from typing import Any

from ...emit import apply
from .. import init
from ..parameter import Parameter
from . import recurrence
from .late import torch
from .module import Module


def check_dtype(x: Any, weight: Any) -> None:
    """Raise PyTorch's error for an input that is not of the weights' dtype."""
    if x._spec.np != weight._spec.np:
        kinds = [_CALLED.get(t._spec.np.name, t._spec.np.name) for t in (x, weight)]
        raise RuntimeError(
            f"mat1 and mat2 must have the same dtype, but got {kinds[0]} and {kinds[1]}"
        )


_CALLED = {"float32": "Float", "float64": "Double", "float16": "Half", "int64": "Long",
           "int32": "Int"}  # fmt: skip


class RNNCellBase(Module):
    """What cells share: weights of input and state, tall by a number of gates."""

    _kind = ""

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool,
        num_chunks: int,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self.input_size, self.hidden_size, self.bias = input_size, hidden_size, bias
        made, tall = {"device": device, "dtype": dtype}, num_chunks * hidden_size
        self.weight_ih = Parameter(torch.empty(tall, input_size, **made))
        self.weight_hh = Parameter(torch.empty(tall, hidden_size, **made))
        for name in ("bias_ih", "bias_hh"):
            self.register_parameter(name, Parameter(torch.empty(tall, **made)) if bias else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Start afresh: uniform within 1 / sqrt(hidden_size)."""
        bound = 1 / math.sqrt(self.hidden_size) if self.hidden_size > 0 else 0
        for weight in self.parameters():
            init.uniform_(weight, -bound, bound)

    def extra_repr(self) -> str:
        told = f"{self.input_size}, {self.hidden_size}"
        if self.bias is not True:
            told += f", bias={self.bias}"
        nonlinearity = getattr(self, "nonlinearity", "tanh")
        return told if nonlinearity == "tanh" else f"{told}, nonlinearity={nonlinearity}"

    def _weights(self) -> tuple[Any, ...]:
        both = (self.weight_ih, self.weight_hh)
        return (*both, self.bias_ih, self.bias_hh) if self.bias else both

    def _ready(self, input: Any, states: tuple[Any, ...]) -> tuple[Any, tuple[Any, ...], bool]:
        """Return input and states as batches, checked, and whether they were none."""
        name = type(self).__name__
        if input.dim() not in (1, 2):
            raise ValueError(f"{name}: Expected input to be 1D or 2D, got {input.dim()}D instead")
        for h in states:
            if h is not None and h.dim() not in (1, 2):
                raise ValueError(f"{name}: Expected hidden to be 1D or 2D, got {h.dim()}D instead")
        single = input.dim() == 1
        if single:
            input = input.unsqueeze(0)
        batch = input.shape[0]
        if input.shape[1] != self.input_size:
            raise RuntimeError(
                f"input has inconsistent input_size: got {input.shape[1]} expected "
                f"{self.input_size}"
            )
        check_dtype(input, self.weight_ih)
        made = []
        for k, h in enumerate(states):
            if h is None:
                h = torch.zeros(batch, self.hidden_size, dtype=input.dtype)
            elif single and h.dim() == 1:
                h = h.unsqueeze(0)
            if h.shape[0] != batch:
                raise RuntimeError(
                    f"Input batch size {batch} doesn't match hidden{k} batch size {h.shape[0]}"
                )
            if h.shape[1] != self.hidden_size:
                raise RuntimeError(
                    f"hidden{k} has inconsistent hidden_size: got {h.shape[1]}, expected "
                    f"{self.hidden_size}"
                )
            check_dtype(h, self.weight_hh)
            made.append(h)
        return input, tuple(made), single


class RNNCell(RNNCellBase):
    """``h' = tanh(w_ih x + b_ih + w_hh h + b_hh)``, or with relu.

    Examples
    --------
    >>> import tapejit.torch as torch
    >>> cell = torch.nn.RNNCell(3, 2)
    >>> cell(torch.ones(5, 3), torch.zeros(5, 2)).shape
    torch.Size([5, 2])
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        nonlinearity: str = "tanh",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(input_size, hidden_size, bias, 1, device, dtype)
        self.nonlinearity = nonlinearity

    def forward(self, input: Any, hx: Any = None) -> Any:
        """Return the next state."""
        if self.nonlinearity not in ("tanh", "relu"):
            raise RuntimeError(f"Unknown nonlinearity: {self.nonlinearity}")
        x, (h,), single = self._ready(input, (hx,))
        tanh = self.nonlinearity == "tanh"
        cell = recurrence.rnn_tanh_cell if tanh else recurrence.rnn_relu_cell
        made = apply(cell, (x, h, *self._weights()), bias=self.bias)
        return made.squeeze(0) if single else made


class GRUCell(RNNCellBase):
    """A gated unit: the state moves to a new one as far as a gate says."""

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(input_size, hidden_size, bias, 3, device, dtype)

    def forward(self, input: Any, hx: Any = None) -> Any:
        """Return the next state."""
        x, (h,), single = self._ready(input, (hx,))
        made = apply(recurrence.gru_cell, (x, h, *self._weights()), bias=self.bias)
        return made.squeeze(0) if single else made


class LSTMCell(RNNCellBase):
    """A cell with a second state, which gates let in, keep, and let out."""

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(input_size, hidden_size, bias, 4, device, dtype)

    def forward(self, input: Any, hx: Any = None) -> Any:
        """Return the next hidden and cell state."""
        x, (h, c), single = self._ready(input, (None, None) if hx is None else tuple(hx))
        gates = apply(recurrence.lstm_gates, (x, h, *self._weights()), bias=self.bias)
        cell = apply(recurrence.lstm_state, (gates, c))
        hidden = apply(recurrence.lstm_output, (gates, cell))
        return (hidden.squeeze(0), cell.squeeze(0)) if single else (hidden, cell)
