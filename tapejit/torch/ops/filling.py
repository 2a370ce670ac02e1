"""Writing over a tensor: zero_, fill_, copy_; and `fill`, which makes a new one."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..codes import Op, op
from ..emit import apply
from ..hot import QUICK
from ..hot_writes import overwriting, write
from ..inplace import copy as copy_op
from ..surface import public
from ..tensor import Tensor
from .checks import operand_of, tensor_of
from .convert import to

Params = dict[str, Any]


def _dtype_of_first(args: tuple[Any, ...], params: Params) -> Params:
    return {"dtype": args[0].np.name}


def _filled(x: Any, value: Any, *, dtype: str) -> Any:
    return np.broadcast_to(to(value, dtype), x.shape) + np.zeros(x.shape, dtype)


@op("zero", saves=((),), resolve=_dtype_of_first, uniform=True)
def _zero(x: Any, *, dtype: str) -> Any:
    """Zeros in the shape of the operand."""
    return np.zeros(x.shape, dtype)[()]


_zeroed = overwriting(_zero)


def _value(name: str, value: Any) -> Any:
    v = operand_of(name, "value", 2, value)
    if isinstance(v, Tensor) and v._spec.ndim:
        raise RuntimeError(
            "fill_ only supports 0-dimension value tensor but got tensor with "
            f"{v._spec.ndim} dimensions."
        )
    return v


@public("zero_", function=False)
def zero_(self: Tensor) -> Tensor:
    """Write zeros into this tensor and return it."""
    return _zeroed(self)


QUICK[zero_] = QUICK[_zeroed]


def _filling(name: str, node: str) -> Op:
    uniform = not name.endswith("3")  # PyTorch refuses a tensor here
    return op(name, node=node, saves=((), ()), resolve=_dtype_of_first, uniform=uniform)(_filled)


_fill = {n: _filling(f"fill{n}", f"FillBackward{n}") for n in range(4)}


@public("fill_", function=False)
def fill_(self: Tensor, value: Any) -> Tensor:
    """Write one value everywhere into this tensor and return it."""
    v = _value("fill_", value)
    return write(self, _fill[3 if isinstance(v, Tensor) else 2], (self, v))


@public("fill", method=False)
def fill(input: Tensor, value: Any) -> Any:
    """Return a tensor like `input` with one value everywhere."""
    v = _value("fill", value)
    return apply(
        _fill[1 if isinstance(v, Tensor) else 0], (tensor_of("fill", "input", 1, input), v)
    )


@public("copy_", function=False)
def copy_(self: Tensor, src: Tensor, non_blocking: bool = False) -> Tensor:
    """Write another tensor's values into this one, cast and broadcast, and return it."""
    source = operand_of("copy_", "other", 1, src)
    if not isinstance(source, Tensor):
        source = operand_of("copy_", "other", 1, source)
        return write(self, _fill[2], (self, source))
    shape, other = tuple(self._spec.shape), tuple(source._spec.shape)
    try:
        fits = np.broadcast_shapes(shape, other) == shape
    except ValueError:
        fits = False
    if not fits:
        raise RuntimeError(
            f"The shape {list(other)} of the source cannot be broadcast to the shape {list(shape)} "
            "of the tensor that is written to"
        )
    return write(self, copy_op, (self, source), dtype=self._spec.np.name)
