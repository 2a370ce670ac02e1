"""What a workload is: one loss in each contestant's dialect, and its hand-written adjoint.

Everything except the NumPy loss is a factory that imports its library when called, so a
subprocess that measures one contestant never pays for another one's import.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

Args = tuple[Any, ...]
Loss = Callable[..., Any]
ValueAndGrad = Callable[..., tuple[Any, Any]]


@dataclass(frozen=True)
class Workload:
    """One row of the table.

    `numpy_loss` is what a user would write, with a plain ``import numpy as np``. The other losses
    compute the same number with the arguments in the same order. `hand()` returns a function with
    the result of ``value_and_grad(numpy_loss, argnums)``: ``(value, gradient)``, the gradient a
    tuple when `argnums` is one.
    """

    name: str
    about: str
    argnums: int | tuple[int, ...]
    make_args: Callable[[np.random.Generator], Args]
    test_args: Callable[[np.random.Generator], Args]  # the same at a size for finite differences
    numpy_loss: Loss
    jax_loss: Callable[[], Loss]
    hand: Callable[[], ValueAndGrad]
    torch_loss: Callable[[], Loss] | None = None  # None: not measured
    autograd_loss: Callable[[], Loss] | None = None
    small: bool = False  # dispatch dominates: the goal allows a fixed overhead over the kernel
    quick: bool = True  # part of --quick
    cold: bool = False  # part of the first-call measurements

    def has_dialect(self, key: str) -> bool:
        """Whether there is a loss for the contestant `key`; NumPy's and the hand-written are."""
        return getattr(self, f"{key}_loss", self.numpy_loss) is not None

    def args(self) -> Args:
        """The inputs of this row, the same in every process."""
        return self.make_args(np.random.default_rng(20240229))
