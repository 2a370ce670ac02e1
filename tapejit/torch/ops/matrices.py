"""What operations on matrices share: checks in PyTorch's words, shapes without values, rows at once.

Shapes are found on identity matrices: on stand-ins of ones every inverse is of a singular matrix.
An operation whose values may raise runs when it is called, alone: rows recorded before it have
been computed by then, so that what it raises spoils nothing but its own result.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ...transforms.simple import stop_gradient
from ..codes import Op, op
from ..emit import apply
from ..inplace import CALLED
from ..record import LOCAL
from ..spec import Spec
from ..tensor import Tensor
from .arguments import need_tensor
from .checks import from_front

tensor = need_tensor


class LinAlgError(RuntimeError):
    """What linear algebra raises of values: a singular matrix, one that is not positive definite."""


def scalar_type(spec: Spec) -> str:
    """Return what PyTorch's messages call an element type."""
    return CALLED.get(spec.np.name, spec.np.name)


def same_dtype(function: str, specs: Sequence[Spec]) -> None:
    """Raise unless all operands have one dtype: products do not promote."""
    for other in specs[1:]:
        if other.np != specs[0].np:
            raise RuntimeError(
                f"{function}: expected tensors of the same dtype, but got "
                f"{scalar_type(specs[0])} and {scalar_type(other)}"
            )


def stack_of(value: Any, function: str) -> Tensor:
    """Return an argument that must be floating matrices."""
    t = tensor(value, function)
    matrix(function, t._spec)
    floating(function, t._spec)
    return t


def square_of(value: Any, function: str) -> Tensor:
    """Return an argument that must be floating square matrices."""
    t = tensor(value, function)
    square(function, t._spec)
    floating(function, t._spec)
    return t


def multiplied(function: str, specs: Sequence[Spec]) -> None:
    """Raise unless operands have one dtype that is added and multiplied, which bool is not."""
    same_dtype(function, specs)
    if specs[0].np.kind == "b" and all(s.numel for s in specs):
        raise NotImplementedError(f"\"{function}\" not implemented for 'Bool'")


def floating(function: str, spec: Spec) -> None:
    """Raise for the dtypes that LAPACK does not know."""
    if not spec.floating:
        raise RuntimeError(
            f"{function}: Expected a floating point or complex tensor as input. "
            f"Got {scalar_type(spec)}"
        )
    if spec.np.name == "float16":
        raise RuntimeError(f"{function}: Low precision dtypes not supported. Got Half")


def matrix(function: str, spec: Spec, name: str = "A") -> None:
    """Raise unless an operand is a matrix or a stack of matrices."""
    if spec.ndim < 2:
        raise RuntimeError(f"{function}: The input tensor {name} must have at least 2 dimensions.")


def square(function: str, spec: Spec, name: str = "A") -> None:
    """Raise unless an operand is a square matrix or a stack of them."""
    matrix(function, spec, name)
    m, n = spec.shape[-2:]
    if m != n:
        raise RuntimeError(
            f"{function}: {name} must be batches of square matrices, "
            f"but they are {m} by {n} matrices"
        )


def wrapped(dim: int, ndim: int) -> int:
    """Return an axis counted from the front; IndexError in PyTorch's words when there is none."""
    if isinstance(dim, bool) or not isinstance(dim, int | np.integer):
        raise TypeError(f"dim must be int, not {type(dim).__name__}")
    return from_front(int(dim), ndim)


def identity_like(spec: Any) -> Any:
    """Return identity matrices of the shape of a spec; vectors of ones; a number of a type."""
    if not isinstance(spec, Spec):
        return spec(1)
    if spec.ndim < 2:
        return np.ones(tuple(spec.shape), spec.np)
    shape = tuple(spec.shape)
    return np.broadcast_to(np.eye(shape[-2], shape[-1], dtype=spec.np), shape).copy()


def matrix_op(name: str, **options: Any) -> Callable[[Callable[..., Any]], Op]:
    """Declare an operation whose shapes are found on identity matrices; see `Op`."""

    def made(impl: Callable[..., Any]) -> Op:
        def shape(specs: Sequence[Any], params: dict[str, Any]) -> list[tuple[Any, Any]]:
            with np.errstate(all="ignore"), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                found = impl(*[identity_like(s) for s in specs], **params)
            results = found if isinstance(found, tuple) else (found,)
            return [(np.asarray(y).dtype, np.shape(y)) for y in results]

        return op(name, shape=shape, **options)(impl)

    return made


def at_once(op: Op, args: Sequence[Any], message: str, **params: Any) -> Any:
    """Record an operation that may raise, and run it; `LinAlgError` with a message if it does.

    What is pending is computed first, in a program of its own, so that it survives the error.
    """
    LOCAL.rec.flush()
    try:
        return apply(op, args, **params)
    except np.linalg.LinAlgError as error:
        raise LinAlgError(f"{message} ({error})") from None


def deprecated(name: str, instead: str) -> None:
    """Warn that a function of the namespace has a successor in linalg."""
    warnings.warn(
        f"torch.{name} is deprecated in favor of torch.linalg.{instead} and will be removed in a "
        "future PyTorch release.",
        UserWarning,
        stacklevel=3,
    )


def ghost(x: Any) -> Any:
    """Return zeros with the gradient of `x`, also where x is not finite."""
    still = stop_gradient(x)
    return np.where(np.isfinite(still), x - still, np.zeros_like(x))


def transposed(x: Any) -> Any:
    """Return matrices with their last two axes exchanged."""
    return np.swapaxes(x, -1, -2)


def adjoint(x: Any) -> Any:
    """Return the conjugate transposes of matrices."""
    y = np.swapaxes(x, -1, -2)
    return np.conj(y) if np.dtype(y.dtype).kind == "c" else y
