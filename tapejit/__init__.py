"""tapejit: automatic differentiation for people who write NumPy.

A function is captured once onto a flat linear tape; the tape is transformed into its adjoint,
compiled once with Numba, and every later call runs machine code.
"""

from typing import TYPE_CHECKING, Any

from .core import errors
from .frontend.rewrite import no_rewrite
from .transforms.batch import vmap
from .transforms.checkpoint import checkpoint
from .transforms.custom_forward import custom_jvp
from .transforms.custom_reverse import custom_vjp
from .transforms.forward import jvp, linearize, vjp
from .transforms.hessians import hessian, hvp
from .transforms.jacobians import jacfwd, jacobian, jacrev
from .transforms.reverse import grad, value_and_grad
from .transforms.simple import elementwise_grad, jit, stop_gradient

if TYPE_CHECKING:
    from .drawing import draw

__version__ = "0.1.0"
__all__ = [
    "checkpoint",
    "custom_jvp",
    "custom_vjp",
    "draw",
    "elementwise_grad",
    "errors",
    "grad",
    "hessian",
    "hvp",
    "jacfwd",
    "jacobian",
    "jacrev",
    "jit",
    "jvp",
    "linearize",
    "no_rewrite",
    "stop_gradient",
    "value_and_grad",
    "vjp",
    "vmap",
]


def __getattr__(name: str) -> Any:
    """Import what few programs use when it is first named."""
    if name == "draw":
        from .drawing import draw

        return draw
    raise AttributeError(f"module 'tapejit' has no attribute {name!r}")
