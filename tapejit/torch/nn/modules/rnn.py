"""Recurrent layers: passes over sequences, several on top of each other, in one or both directions."""

from __future__ import annotations

import math
import warnings
from typing import Any

from ...emit import apply
from .. import init
from ..parameter import Parameter
from .late import F, torch
from .module import Module
from .recurrence import GATES, recurrent_layer


class RNNBase(Module):
    """What recurrent layers share.

    Parameters
    ----------
    mode : str
        "RNN_TANH", "RNN_RELU", "GRU" or "LSTM".
    input_size, hidden_size : int
        The widths of input and state.
    num_layers : int
        How many passes there are on top of each other.
    bias : bool
    batch_first : bool
        Whether sequences are (batch, time, width) and not (time, batch, width).
    dropout : float
        What is dropped, in training, between layers.
    bidirectional : bool
        Whether a second pass goes from the end.
    proj_size : int
        For LSTM: the width that the state is projected to; 0 for none.
    """

    def __init__(
        self,
        mode: str,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        _check(mode, hidden_size, num_layers, bias, batch_first, dropout, bidirectional, proj_size)
        self.mode, self.input_size, self.hidden_size = mode, input_size, hidden_size
        self.num_layers, self.bias, self.batch_first = num_layers, bias, batch_first
        self.dropout, self.bidirectional, self.proj_size = float(dropout), bidirectional, proj_size
        directions, out = 2 if bidirectional else 1, proj_size or hidden_size
        made, tall = {"device": device, "dtype": dtype}, GATES[mode] * hidden_size
        self._names: list[list[str]] = []
        for layer in range(num_layers):
            width = input_size if layer == 0 else out * directions
            for direction in range(directions):
                ending = f"_l{layer}" + ("_reverse" if direction else "")
                shapes: dict[str, tuple[int, ...]] = {
                    "weight_ih": (tall, width),
                    "weight_hh": (tall, out),
                }
                if bias:
                    shapes |= {"bias_ih": (tall,), "bias_hh": (tall,)}
                if proj_size:
                    shapes["weight_hr"] = (proj_size, hidden_size)
                for name, shape in shapes.items():
                    setattr(self, name + ending, Parameter(torch.empty(shape, **made)))
                self._names.append([name + ending for name in shapes])
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Start afresh: uniform within 1 / sqrt(hidden_size)."""
        bound = 1 / math.sqrt(self.hidden_size) if self.hidden_size > 0 else 0
        for weight in self.parameters():
            init.uniform_(weight, -bound, bound)

    @property
    def all_weights(self) -> list[list[Any]]:
        """The parameters of each pass."""
        return [[getattr(self, name) for name in names] for names in self._names]

    def flatten_parameters(self) -> None:
        """Do nothing: there is no layout that would be faster."""

    def extra_repr(self) -> str:
        told = f"{self.input_size}, {self.hidden_size}"
        usual = {"proj_size": 0, "num_layers": 1, "bias": True, "batch_first": False,
                 "dropout": 0.0, "bidirectional": False}  # fmt: skip
        for name, value in usual.items():
            if getattr(self, name) != value:
                told += f", {name}={getattr(self, name)}"
        return told

    # ------------------------------------------------------------ running

    def _forward(self, input: Any, states: tuple[Any, ...]) -> tuple[Any, tuple[Any, ...]]:
        """Return the outputs and the last states; `states` has a None for zeros."""
        x, states, batched = self._ready(input, states)
        directions = 2 if self.bidirectional else 1
        last: list[list[Any]] = [[] for _ in states]
        for layer in range(self.num_layers):
            outputs = []
            for direction in range(directions):
                at = layer * directions + direction
                weights = [getattr(self, name) for name in self._names[at]]
                made = apply(
                    recurrent_layer,
                    (x, *[s[at] for s in states], *weights),
                    mode=self.mode,
                    bias=self.bias,
                    reverse=direction == 1,
                )
                outputs.append(made[0])
                for kept, state in zip(last, made[1:]):
                    kept.append(state)
            x = torch.cat(outputs, 2) if directions == 2 else outputs[0]
            if self.dropout and layer < self.num_layers - 1:
                x = F.dropout(x, self.dropout, self.training)
        final = tuple(torch.stack(kept) for kept in last)
        if not batched:
            return x.squeeze(1), tuple(s.squeeze(1) for s in final)
        return x.transpose(0, 1) if self.batch_first else x, final

    def _ready(self, input: Any, states: tuple[Any, ...]) -> tuple[Any, tuple[Any, ...], bool]:
        """Return the sequence as (time, batch, width), the states as (passes, batch, width)."""
        name, lstm = type(self).__name__, self.mode == "LSTM"
        dims = input.dim()
        if dims not in (2, 3):
            raise ValueError(
                f"{name}: Expected input to be 2D or 3D, got {dims}D"
                + (" instead" if lstm else " tensor instead")
            )
        weight = getattr(self, self._names[0][0])
        if input._spec.np != weight._spec.np:
            raise ValueError(
                f"RNN input dtype ({input.dtype}) does not match weight dtype ({weight.dtype}). "
                f"Convert input: input.to({weight.dtype}), or convert model: "
                f"model.to({input.dtype})"
            )
        batched = dims == 3
        if input.shape[-1] != self.input_size:
            raise RuntimeError(
                "input.size(-1) must be equal to input_size. Expected "
                f"{self.input_size}, got {input.shape[-1]}"
            )
        if not batched:
            x = input.unsqueeze(1)
        else:
            x = input.transpose(0, 1) if self.batch_first else input
        if x.shape[0] == 0:
            raise RuntimeError("Expected sequence length to be larger than 0 in RNN")
        made = self._states(x, states, batched)
        return x, made, batched

    def _states(self, x: Any, states: tuple[Any, ...], batched: bool) -> tuple[Any, ...]:
        passes, batch = self.num_layers * (2 if self.bidirectional else 1), x.shape[1]
        widths = (self.proj_size or self.hidden_size, self.hidden_size)
        if states[0] is None:
            return tuple(
                torch.zeros(passes, batch, widths[k], dtype=x.dtype) for k in range(len(states))
            )
        wanted = 3 if batched else 2
        if any(s.dim() != wanted for s in states):
            sizes = ", ".join(f"{s.dim()}-D" for s in states)
            both = len(states) > 1
            raise RuntimeError(
                f"For {'batched 3-D' if batched else 'unbatched 2-D'} input, "
                f"{'hx and cx' if both else 'hx'} should also be {wanted}-D but got "
                + (f"({sizes}) tensors" if both else f"{sizes} tensor")
            )
        made = []
        for k, s in enumerate(states):
            s = s if batched else s.unsqueeze(1)
            shape = (passes, batch, widths[k])
            if tuple(s.shape) != shape:
                called = f"hidden[{k}]" if len(states) > 1 else "hidden"
                raise RuntimeError(f"Expected {called} size {shape}, got {list(s.shape)}")
            if s._spec.np != x._spec.np:
                raise RuntimeError(
                    f"hidden state has dtype {s.dtype}, but the input has dtype {x.dtype}"
                )
            made.append(s)
        return tuple(made)


def _check(
    mode: str,
    hidden_size: Any,
    num_layers: Any,
    bias: Any,
    batch_first: Any,
    dropout: Any,
    bidirectional: bool,
    proj_size: int,
) -> None:
    del bias, bidirectional
    number = isinstance(dropout, int | float) and not isinstance(dropout, bool)
    if not number or not 0 <= dropout <= 1:
        raise ValueError(
            "dropout should be a number in range [0, 1] representing the probability of an element "
            "being zeroed"
        )
    if dropout > 0 and num_layers == 1:
        warnings.warn(
            "dropout option adds dropout after all but last recurrent layer, so non-zero dropout "
            f"expects num_layers greater than 1, but got dropout={dropout} and "
            f"num_layers={num_layers}",
            UserWarning,
            stacklevel=4,
        )
    if not isinstance(hidden_size, int):
        raise TypeError(f"hidden_size should be of type int, got: {type(hidden_size).__name__}")
    if not isinstance(batch_first, bool):
        raise TypeError(f"batch_first should be of type bool, got: {type(batch_first).__name__}")
    if hidden_size <= 0:
        raise ValueError("hidden_size must be greater than zero")
    if num_layers <= 0:
        raise ValueError("num_layers must be greater than zero")
    if proj_size < 0:
        raise ValueError("proj_size should be a positive integer or zero to disable projections")
    if proj_size >= hidden_size:
        raise ValueError("proj_size has to be smaller than hidden_size")
    if proj_size and mode != "LSTM":
        raise ValueError("proj_size argument is only supported for LSTM, not RNN or GRU")


class RNN(RNNBase):
    """A layer of ``h' = tanh(w_ih x + b_ih + w_hh h + b_hh)``, or with relu.

    Parameters are those of `RNNBase` without `mode` and `proj_size`, and ``nonlinearity``.

    Examples
    --------
    >>> import tapejit.torch as torch
    >>> outputs, last = torch.nn.RNN(3, 2)(torch.ones(7, 1, 3))
    >>> outputs.shape, last.shape
    (torch.Size([7, 1, 2]), torch.Size([1, 1, 2]))
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        nonlinearity: str = "tanh",
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        device: Any = None,
        dtype: Any = None,
        proj_size: int = 0,
    ) -> None:
        if nonlinearity not in ("tanh", "relu"):
            raise ValueError(
                f"Unknown nonlinearity '{nonlinearity}'. Select from 'tanh' or 'relu'."
            )
        mode = f"RNN_{nonlinearity.upper()}"
        super().__init__(
            mode, input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional,
            proj_size, device, dtype,
        )  # fmt: skip
        self.nonlinearity = nonlinearity

    def forward(self, input: Any, hx: Any = None) -> Any:
        """Return the outputs of all times and the last state."""
        out, (h,) = self._forward(input, (hx,))
        return out, h


class GRU(RNNBase):
    """A layer of gated units; parameters are those of `RNNBase` without `mode`."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__("GRU", *args, **kwargs)

    def forward(self, input: Any, hx: Any = None) -> Any:
        """Return the outputs of all times and the last state."""
        out, (h,) = self._forward(input, (hx,))
        return out, h


class LSTM(RNNBase):
    """A layer of cells with two states; parameters are those of `RNNBase` without `mode`."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__("LSTM", *args, **kwargs)

    def forward(self, input: Any, hx: Any = None) -> Any:
        """Return the outputs of all times and the pair of last states."""
        out, states = self._forward(input, (None, None) if hx is None else tuple(hx))
        return out, states
