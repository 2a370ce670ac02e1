"""Copies whose channels lie innermost: ``memory_format=torch.channels_last``.

A tensor of size (n, c, h, w) in this format is a contiguous one of size (n, h, w, c) seen with its
dims in the usual order, so its strides, `is_contiguous` and what a view of it may be are PyTorch's.
Results of operations on it are contiguous, like all results here.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..codes import op, three
from ..sizes import (
    channels_last,
    channels_last_3d,
    memory_format,
    preserve_format,
)
from ..spec import Spec, contiguous_strides, spec_of
from ..tensor import Tensor
from .memory import is_contiguous, strides_of
from .record_view import view_code, view_of

RANKS = {channels_last: 4, channels_last_3d: 5}


@op("in_order", node=lambda params, args: params["node"], saves=((),), view=True)
def in_order(x: Any, *, order: tuple[int, ...], node: str) -> Any:
    """The dims in another order."""
    return np.transpose(x, order)


def checked_format(function: str, memory: Any) -> Any:
    """Return a ``memory_format=`` argument.

    Raises
    ------
    TypeError
        When it is no memory format.
    """
    if memory is not None and not isinstance(memory, memory_format):
        raise TypeError(
            f"{function}(): argument 'memory_format' must be torch.memory_format, "
            f"not {type(memory).__name__}"
        )
    return memory


def only_contiguous(function: str, memory: Any) -> None:
    """Refuse a format in which results of a function cannot be had."""
    if checked_format(function, memory) in RANKS:
        raise NotImplementedError(
            f"{function}(): results are contiguous here; call "
            f".contiguous(memory_format={memory!r}) on the result"
        )


def lies_in(x: Tensor, memory: Any) -> bool:
    """Whether elements lie in the order of a format, without holes."""
    spec = x._spec
    rank = RANKS.get(memory)
    if rank is None:
        return is_contiguous(spec)
    if spec.ndim != rank:
        return False
    steps, step = strides_of(spec), 1
    for k in (1, *range(rank - 1, 1, -1), 0):  # the channels vary first
        if spec.shape[k] != 1:
            if steps[k] != step:
                return False
            step *= spec.shape[k]
    return True


def copied(x: Tensor, memory: Any, node: str) -> Tensor:
    """Return a copy in a format; `node` names it in the graph.

    Raises
    ------
    RuntimeError
        When the tensor has not the number of dims that the format is for.
    """
    from .reshaping import clone

    rank = RANKS.get(memory)
    if rank is None:
        return clone(x)
    if x._spec.ndim != rank:
        name = "channels_last_3d" if rank == 5 else "channels_last"
        raise RuntimeError(f"required rank {rank} tensor to use {name} format")
    inwards = (0, *range(2, rank), 1)
    back = (0, rank - 1, *range(1, rank - 1))
    moved = view_of(x, view_code(in_order, x, order=inwards, node="PermuteBackward0"))
    there = clone(moved)
    return view_of(there, _last_code(there._spec, back, node))


def _last_code(spec: Spec, order: tuple[int, ...], node: str) -> int:
    """Return the code of a view with the dims of a contiguous tensor in another order.

    Dims of size one and empty tensors have the strides of this order too, which NumPy's do not.
    """
    found = in_order.memo.get((spec, order, node))
    if found is None:
        shape = tuple(spec.shape)
        steps = contiguous_strides(shape)
        seen = spec_of(spec.np, tuple(shape[k] for k in order), tuple(steps[k] for k in order))
        params = {"order": order, "node": node}
        found = in_order.memo[spec, order, node] = three(in_order, params, (spec,), (seen,))
    return int(found)


def formatted(x: Tensor, memory: Any, node: str) -> Tensor:
    """Return a tensor in a format: itself when it lies so; None and preserve_format are any."""
    if memory in (None, preserve_format) or lies_in(x, memory):
        return x
    return copied(x, memory, node)
