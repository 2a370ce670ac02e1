"""tapejit: automatic differentiation for people who write NumPy.

A function is captured once onto a flat linear tape; the tape is transformed into its adjoint,
compiled once with Numba, and every later call runs machine code.
"""

from .frontend.dispatch import load as _load
from .transforms.reverse import grad, value_and_grad

__version__ = "0.1.0"
__all__ = ["grad", "value_and_grad"]

_load()
