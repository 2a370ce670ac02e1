"""Checks of the numbers that optimisers take, in PyTorch's words."""

from __future__ import annotations

from typing import Any

from ..tensor import Tensor

EXTRA = {"foreach": None, "capturable": False, "differentiable": False, "fused": None}
"""How a step is carried out in PyTorch: accepted, kept in groups, and without effect here."""


def at_least_zero(what: str, value: Any) -> None:
    """Raise ValueError for a negative number."""
    if not value >= 0.0:
        raise ValueError(f"Invalid {what}: {value}")


def check(**numbers: Any) -> None:
    """Check the numbers of an optimiser, in the order in which they are given."""
    for name, value in numbers.items():
        if name == "lr":
            check_lr(value)
        elif name == "betas":
            check_betas(value)
        else:
            at_least_zero(_WORDS.get(name, f"{name} value"), value)


_WORDS = {"eps": "epsilon value"}


def check_lr(lr: Any) -> None:
    """Raise ValueError for a learning rate that is negative, or a tensor of several."""
    if isinstance(lr, Tensor) and lr._spec.numel != 1:
        raise ValueError("Tensor lr must be 1-element")
    at_least_zero("learning rate", lr)


def check_betas(betas: Any) -> None:
    """Raise ValueError for decay rates outside [0, 1)."""
    for k, beta in enumerate(betas[:2]):
        if not 0.0 <= beta < 1.0:
            raise ValueError(f"Invalid beta parameter at index {k}: {beta}")


def refuse_differentiable(differentiable: bool) -> None:
    """Raise NotImplementedError: steps here are never part of a graph."""
    if differentiable:
        raise NotImplementedError(
            "optimizer steps through which gradients flow are not implemented"
        )


def number(value: Any) -> float:
    """Return a number of a group, which may be a tensor of one element, as Python's."""
    return float(value.item()) if isinstance(value, Tensor) else float(value)
