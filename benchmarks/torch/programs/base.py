"""What a program is: a function of the module `torch` that makes a training step.

Values that a program starts from are formulas of an index, because the two libraries draw
different random numbers from one seed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

Torch = Any  # the module `torch`, PyTorch's or tapejit's


@dataclass(frozen=True)
class Training:
    """A program that has been set up: `step` makes one step and returns its loss, a tensor."""

    step: Callable[[], Any]
    parameters: tuple[Any, ...]


@dataclass(frozen=True)
class Program:
    """One row of the table.

    Attributes
    ----------
    name, about : str
    build : callable
        ``build(torch, **sizes)`` returns a `Training`.
    goal : float or None
        How many times faster than PyTorch a step is to be.
    checked : int
        The steps after which losses and parameters are compared; more than compiling needs.
    rtol : float
        By which they may differ: float32 sums in another order, `checked` times.
    tiny : dict
        Sizes for tests.
    """

    name: str
    about: str
    build: Callable[..., Training]
    goal: float | None = None
    checked: int = 20
    rtol: float = 2e-4
    tiny: dict[str, int] = field(default_factory=dict)


def spread(*shape: int, scale: float = 1.0, phase: float = 0.0) -> np.ndarray[Any, Any]:
    """Values that look random in ``[-scale, scale]``, the same in every process.

    The fractional parts of multiples of the golden ratio are spread evenly over the unit interval.
    """
    k = np.arange(1, int(np.prod(shape)) + 1)
    unit = np.modf(k * 0.6180339887498949 + phase)[0]
    # Neighbours of that sequence are related linearly; the square's fraction is not.
    unit = np.modf(unit * unit * 7919.0)[0]
    return (scale * (2.0 * unit - 1.0)).astype(np.float32).reshape(shape)
