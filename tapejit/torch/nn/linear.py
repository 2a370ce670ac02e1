"""Linear and bilinear maps, each one row.

The operands of `linear` with a bias are (bias, input, weight): PyTorch's node, AddmmBackward0, lists
them in that order.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..codes import op
from ..surface import public
from ..tensor import Tensor
from .common import called, need_tensor, record


def _linear_node(params: dict[str, Any], specs: Any) -> str:
    x, w = specs[-2], specs[-1]
    if params["bias"]:
        return "AddmmBackward0" if x.ndim == 2 else "ViewBackward0"
    if w.ndim == 1:
        return "MvBackward0" if x.ndim == 2 else "DotBackward0" if x.ndim == 1 else "ViewBackward0"
    return {1: "SqueezeBackward4", 2: "MmBackward0"}.get(x.ndim, "UnsafeViewBackward0")


def _sizes(shape: Any) -> str:
    return "x".join(str(n) for n in shape)


def _check_linear(args: tuple[Any, ...], params: dict[str, Any]) -> dict[str, Any]:
    """Raise PyTorch's errors for shapes and dtypes that do not multiply."""
    x, w = args[-2], args[-1]
    b = args[0] if params["bias"] else None
    if x.np != w.np:
        raise RuntimeError(
            f"mat1 and mat2 must have the same dtype, but got {called(x.np)} and {called(w.np)}"
        )
    if b is not None and b.np != x.np:
        raise RuntimeError(
            f"self and mat2 must have the same dtype, but got {called(b.np)} and {called(w.np)}"
        )
    if x.np.kind == "b" and x.numel and w.numel:
        raise NotImplementedError("\"linear\" not implemented for 'Bool'")
    if w.ndim not in (1, 2) or not x.ndim:
        raise RuntimeError(
            "both arguments to linear need to be at least 1D, the weight at most 2D, but they are "
            f"{x.ndim}D and {w.ndim}D"
        )
    if x.shape[-1] != w.shape[-1]:
        if w.ndim == 1:
            raise RuntimeError(f"size mismatch, got input ({_sizes(x.shape)}), vec ({w.shape[0]})")
        rows = x.numel // x.shape[-1] if x.shape[-1] else 0
        first = x.shape if x.ndim == 2 else (rows, x.shape[-1])
        raise RuntimeError(
            "mat1 and mat2 shapes cannot be multiplied "
            f"({_sizes(first)} and {_sizes(reversed(w.shape))})"
        )
    if b is not None:
        made = (*x.shape[:-1], *w.shape[:-1])
        if b.ndim > len(made) or any(
            n not in (1, m) for n, m in zip(reversed(b.shape), reversed(made))
        ):
            raise RuntimeError(
                f"The expanded size of the tensor ({made[-1] if made else 1}) must match the "
                f"existing size ({b.shape[-1] if b.ndim else 1}) at non-singleton dimension "
                f"{max(len(made) - 1, 0)}.  Target sizes: {list(made)}.  Tensor sizes: "
                f"{list(b.shape)}"
            )
    return params


@op("linear", node=_linear_node, saves=((), (2,), (1,)), resolve=_check_linear)
def linear_op(b: Any, x: Any, w: Any, *, bias: bool) -> Any:
    """x @ w.T + b."""
    return np.matmul(x, w.T) + b


@op("linear_map", node=_linear_node, saves=((1,), (0,)), resolve=_check_linear)
def linear_map_op(x: Any, w: Any, *, bias: bool) -> Any:
    """x @ w.T."""
    return np.matmul(x, w.T)


def linear(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """Return ``input @ weight.T + bias``.

    Parameters
    ----------
    input : Tensor, (*, in)
    weight : Tensor, (out, in) or (in,)
    bias : Tensor, (out,) or (), optional

    Returns
    -------
    Tensor, (*, out) or (*)

    Raises
    ------
    RuntimeError
        If shapes or dtypes do not fit.

    Examples
    --------
    >>> import tapejit.torch as torch
    >>> torch.nn.functional.linear(torch.ones(1, 2), torch.tensor([[1.0, 2.0]]), torch.ones(1))
    tensor([[4.]])
    """
    x, w = need_tensor("linear", "input", 1, input), need_tensor("linear", "weight", 2, weight)
    if bias is None:
        return record(linear_map_op, (x, w), bias=False)
    return record(linear_op, (need_tensor("linear", "bias", 3, bias), x, w), bias=True)


def _bilinear_node(params: dict[str, Any], specs: Any) -> str:
    return "AddBackward0" if len(specs) == 4 else "ViewBackward0"


@op("bilinear", node=_bilinear_node, saves=((1, 2), (0, 2), (0, 1), ()))
def bilinear_op(x: Any, y: Any, w: Any, *b: Any) -> Any:
    """For each output o: x @ w[o] @ y, plus a bias."""
    made = np.einsum("...i,oij,...j->...o", x, w, y)
    return made + b[0] if b else made


@public(method=False)
def bilinear(input1: Tensor, input2: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """Return ``input1 @ weight[o] @ input2 + bias[o]`` for each output o.

    Parameters
    ----------
    input1 : Tensor, (*, in1)
    input2 : Tensor, (*, in2)
    weight : Tensor, (out, in1, in2)
    bias : Tensor, (out,), optional

    Raises
    ------
    RuntimeError
        If shapes or dtypes do not fit.
    """
    x = need_tensor("bilinear", "input1", 1, input1)
    y = need_tensor("bilinear", "input2", 2, input2)
    w = need_tensor("bilinear", "weight", 3, weight)
    if x.ndim != y.ndim:
        raise RuntimeError(f"bilinear(): input dimensions do not match: got {x.ndim} and {y.ndim}")
    if w.ndim != 3:
        raise RuntimeError(f"bilinear(): weight must be 3-D, got {w.ndim}-D")
    for k in range(x.ndim - 1):
        if x.shape[k] != y.shape[k]:
            raise RuntimeError(
                f"bilinear(): input batch dimensions do not match at dim {k}: got {x.shape[k]} and "
                f"{y.shape[k]}"
            )
    for k, t in ((1, x), (2, y)):
        if not t.ndim or t.shape[-1] != w.shape[k]:
            raise RuntimeError(
                f"bilinear(): input{k} size does not match weight size: got "
                f"{t.shape[-1] if t.ndim else 0} but expected {w.shape[k]}"
            )
    if bias is not None and tuple(bias.shape) != (w.shape[0],):
        raise RuntimeError(
            f"bilinear(): bias size does not match weight size: got {bias._spec.numel} but "
            f"expected {w.shape[0]}"
        )
    return record(bilinear_op, (x, y, w) if bias is None else (x, y, w, bias))


__all__ = ["bilinear", "linear"]
