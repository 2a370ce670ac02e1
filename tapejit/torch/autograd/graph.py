"""The graph as an object: its nodes, and what PyTorch lets a program do with what they save.

Hooks on saved tensors have no place here, and say so: a node saves no tensors. The rows are
recorded, and what the backward pass reads of them is kept or computed anew by one program.
"""

from __future__ import annotations

from typing import Any, NoReturn

from ..graph import Node

__all__ = ["Node", "disable_saved_tensors_hooks", "save_on_cpu", "saved_tensors_hooks"]

_NO_HOOKS = (
    "tapejit packs no saved tensors: the graph is a list of recorded rows, and which values the "
    "backward pass keeps is decided when forward and backward are compiled together. To keep less, "
    "wrap the part in an autograd.Function that saves what you choose; tensors are on the cpu."
)


class saved_tensors_hooks:
    """Not supported: there are no tensors to pack.

    Raises
    ------
    NotImplementedError
        Always.
    """

    def __init__(self, pack_hook: Any, unpack_hook: Any) -> None:
        raise NotImplementedError(f"saved_tensors_hooks: {_NO_HOOKS}")


def save_on_cpu(pin_memory: bool = False, device_type: str = "cpu") -> NoReturn:
    """Raise `NotImplementedError`, as `saved_tensors_hooks` does."""
    raise NotImplementedError(f"save_on_cpu: {_NO_HOOKS}")


def disable_saved_tensors_hooks(error_message: str) -> NoReturn:
    """Raise `NotImplementedError`, as `saved_tensors_hooks` does."""
    raise NotImplementedError(f"disable_saved_tensors_hooks: {_NO_HOOKS}")
