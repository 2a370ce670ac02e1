"""All parameters as one vector, and back."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ...surface import FUNCTIONS
from ...tensor import Tensor


def parameters_to_vector(parameters: Iterable[Tensor]) -> Tensor:
    """Return the entries of all parameters, one after the other; gradients flow through.

    Examples
    --------
    >>> import tapejit.torch as torch
    >>> torch.nn.utils.parameters_to_vector([torch.zeros(1, 2), torch.ones(1)])
    tensor([0., 0., 1.])
    """
    made: Tensor = FUNCTIONS["cat"]([p.reshape(-1) for p in parameters])
    return made


def vector_to_parameters(vec: Any, parameters: Iterable[Tensor]) -> None:
    """Set the parameters to the entries of a vector, without a graph.

    Raises
    ------
    TypeError
        If `vec` is no tensor.
    RuntimeError
        If it has too few entries.
    """
    if not isinstance(vec, Tensor):
        raise TypeError(f"expected torch.Tensor, but got: {_named(vec)}")
    at = 0
    entries: Any = vec
    several: Iterable[Any] = parameters
    for p in several:
        n = p._spec.numel
        p.data = entries[at : at + n].view_as(p).data
        at += n


def _named(value: object) -> str:
    kind = type(value)
    return kind.__name__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__name__}"
