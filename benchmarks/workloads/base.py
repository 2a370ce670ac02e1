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
    tuple when `argnums` is one. Where `derivative` is "hessian" or "jacobian" the "losses" are
    what is differentiated, and all results are that one matrix.
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
    casadi_loss: Callable[[], Loss] | None = None  # of CasADi's symbols
    derivative: str = "gradient"  # or "hessian", "jacobian"
    dtype: str = "float64"
    rtol: float = 1e-9  # to which all results agree, relative to the largest entry
    not_compiled: str | None = None  # why torch.compile is not tried
    small: bool = False  # dispatch dominates: the goal allows a fixed overhead over the kernel
    quick: bool = True  # part of --quick
    cold: bool = False  # part of the first-call measurements
    memory: bool = False  # part of the measurements of memory

    def why_absent(self, key: str) -> str | None:
        """Why the contestant `key` has no part in this row, or None."""
        if key == "numpy" and self.derivative != "gradient":
            return f"the function alone is no {self.derivative}"
        if key == "torch-compile" and self.not_compiled is not None:
            return self.not_compiled
        loss = getattr(self, f"{key.partition('-')[0]}_loss", self.numpy_loss)
        return "not written for this workload" if loss is None else None

    def args(self) -> Args:
        """The inputs of this row, the same in every process."""
        return self.make_args(np.random.default_rng(20240229))
