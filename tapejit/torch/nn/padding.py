"""Padding: with a constant, or with entries picked from the tensor by an index along each axis.

Reflecting, replicating and wrapping are gathers with a fixed index along each axis, so their
gradients sum what was picked several times.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..codes import op
from ..tensor import Tensor
from .common import need_tensor, record


@op("constant_pad_nd", saves=((),))
def constant_op(x: Any, *, widths: tuple[tuple[int, int], ...], value: Any) -> Any:
    """Entries cut off where a width is negative; then a constant around the rest."""
    cut = tuple(slice(max(-a, 0), n - max(-b, 0)) for (a, b), n in zip(widths, np.shape(x)))
    grown = tuple((max(a, 0), max(b, 0)) for a, b in widths)
    return np.pad(x[cut], grown, constant_values=value)


def _picked_node(params: dict[str, Any], specs: Any) -> str:
    if params["mode"] == "circular":
        return "CopySlices"
    name = "Reflection" if params["mode"] == "reflect" else "Replication"
    return f"{name}Pad{len(params['widths'])}DBackward0"


@op("pad_by_index", node=_picked_node, saves=((0,),))
def picked_op(x: Any, *, widths: tuple[tuple[int, int], ...], mode: str) -> Any:
    """Along each of the last axes, the entries that an index names."""
    first = np.ndim(x) - len(widths)
    for k, (a, b) in enumerate(widths):
        n = np.shape(x)[first + k]
        at = np.arange(-a, n + b)
        if mode == "circular":
            at = at % n
        elif mode == "replicate":
            at = np.clip(at, 0, n - 1)
        else:
            at = np.abs(at)
            at = (n - 1) - np.abs((n - 1) - at)
        x = np.take(x, at, axis=first + k)
    return x


def pad(
    input: Tensor, pad: Sequence[int], mode: str = "constant", value: float | None = None
) -> Tensor:
    """Pad the last dimensions.

    Parameters
    ----------
    input : Tensor
    pad : sequence of int
        Widths before and after, in pairs, from the last dimension on; negative ones cut off.
    mode : {"constant", "reflect", "replicate", "circular"}
        All but the first pad one, two or three dimensions behind the channels, or behind the batch
        and the channels.
    value : float, optional
        The constant, 0 if not given.

    Raises
    ------
    RuntimeError
        If the widths do not fit the tensor.
    NotImplementedError
        If the mode is unknown, or does not know that number of dimensions.

    Examples
    --------
    >>> import tapejit.torch as torch
    >>> torch.nn.functional.pad(torch.tensor([1.0, 2.0]), (1, 2))
    tensor([0., 1., 2., 0., 0.])
    """
    x = need_tensor("pad", "input", 1, input)
    flat = tuple(int(k) for k in pad)
    if len(flat) % 2:
        raise RuntimeError("Padding length must be divisible by 2")
    if len(flat) > 2 * x.ndim:
        raise RuntimeError(
            "Padding length should be less than or equal to two times the input dimension but got "
            f"padding length {len(flat)} and input of dimension {x.ndim}"
        )
    pairs = tuple(zip(flat[::2], flat[1::2]))[::-1]
    if mode == "constant":
        widths = ((0, 0),) * (x.ndim - len(pairs)) + pairs
        _check_cut(x, widths)
        return record(constant_op, (x,), widths=widths, value=_constant(x, value))
    if mode not in ("reflect", "replicate", "circular"):
        raise NotImplementedError(f"Unrecognised padding mode {mode}")
    if value is not None and value != 0.0:
        raise RuntimeError(f'Padding mode "{mode}" doesn\'t take in value argument')
    n = len(pairs)
    if n not in (1, 2, 3) or x.ndim not in (n + 1, n + 2):
        raise NotImplementedError(
            f"Padding size {len(flat)} is not supported for {x.ndim}D input tensor.\n"
            "Supported combinations for non-constant padding:\n"
            "  - 2D or 3D input: padding size = 2 (pads last dimension)\n"
            "  - 3D or 4D input: padding size = 4 (pads last 2 dimensions)\n"
            "  - 4D or 5D input: padding size = 6 (pads last 3 dimensions)"
        )
    _check_index(x, pairs, mode)
    return record(picked_op, (x,), widths=pairs, mode=mode)


def _constant(x: Tensor, value: Any) -> Any:
    value = 0 if value is None else value
    kind = x._spec.np.kind
    return bool(value) if kind == "b" else int(value) if kind in "iu" else value


def _check_cut(x: Tensor, widths: tuple[tuple[int, int], ...]) -> None:
    for (a, b), n in zip(widths, x.shape):
        if n + a + b < 0 or n + min(a, 0) + min(b, 0) < 0:
            raise RuntimeError(
                f"The input size {n}, plus negative padding {a} and {b} resulted in a negative "
                "output size, which is invalid."
            )


def _check_index(x: Tensor, pairs: tuple[tuple[int, int], ...], mode: str) -> None:
    first = x.ndim - len(pairs)
    for k, (a, b) in enumerate(pairs):
        n = x.shape[first + k]
        if mode == "reflect" and (a >= n or b >= n):
            raise RuntimeError(
                "Argument #4: Padding size should be less than the corresponding input dimension, "
                f"but got: padding ({a}, {b}) at dimension {first + k} of input {list(x.shape)}"
            )
        if mode == "circular" and (a > n or b > n):
            raise RuntimeError("Padding value causes wrapping around more than once.")
        if n + a + b < 1 or (mode == "replicate" and n < 1):
            raise RuntimeError(
                f"padding ({a}, {b}) leaves nothing of dimension {first + k} of input "
                f"{list(x.shape)}"
            )


__all__ = ["pad"]
