"""Arguments checked as PyTorch checks them: tensors, numbers, dims, flags, dtypes."""

from __future__ import annotations

from collections.abc import Iterable
from operator import index
from typing import Any

import numpy as np

from ..dtypes import bool_, complex128, dtype, float64, int64
from ..hot import not_a_tensor
from ..inplace import CALLED as CALLED
from ..tensor import Tensor

NUMBERS = (float, int, bool, complex)
_OF_PYTHON = {float: float64, int: int64, bool: bool_, complex: complex128}


def tensor_of(name: str, argument: str, position: int, value: Any) -> Tensor:
    """Return an argument that must be a tensor."""
    if isinstance(value, Tensor):
        return value
    raise not_a_tensor(name, argument, position, value)


def operand_of(name: str, argument: str, position: int, value: Any) -> Any:
    """Return an argument that is a tensor or a number; NumPy's scalars become numbers."""
    if isinstance(value, Tensor) or type(value) in NUMBERS:
        return value
    if isinstance(value, np.generic):
        return value.item()
    raise not_a_tensor(name, argument, position, value)


def number_of(name: str, argument: str, value: Any) -> Any:
    """Return an argument that is a number, or a 0-d tensor without a gradient, looked at."""
    if type(value) in NUMBERS:
        return value
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, Tensor) and value._spec.ndim == 0 and not value._kind:
        return value._value().item()
    raise TypeError(f"{name}(): argument '{argument}' must be Number, not {type(value).__name__}")


def int_of(name: str, argument: str, value: Any) -> int:
    """Return an argument that must be a whole number; True is none."""
    if isinstance(value, bool | np.bool_):
        raise TypeError(f"{name}(): argument '{argument}' must be int, not bool")
    try:
        return index(value)
    except TypeError:
        raise TypeError(
            f"{name}(): argument '{argument}' must be int, not {type(value).__name__}"
        ) from None


def bool_of(name: str, argument: str, value: Any) -> bool:
    """Return a flag."""
    if isinstance(value, bool | np.bool_):
        return bool(value)
    raise TypeError(f"{name}(): argument '{argument}' must be bool, not {type(value).__name__}")


def dim_of(name: str, dim: Any, ndim: int, argument: str = "dim") -> int:
    """Return an axis as a number from 0; of a 0-d tensor 0 and -1 are accepted."""
    return from_front(int_of(name, argument, dim), ndim)


def from_front(dim: int, ndim: int) -> int:
    """Return a whole number as an axis counted from 0; a 0-d tensor counts as having one."""
    n = ndim or 1
    if not -n <= dim < n:
        raise IndexError(
            f"Dimension out of range (expected to be in range of [{-n}, {n - 1}], but got {dim})"
        )
    return dim + n if dim < 0 else dim


def dims_of(name: str, dim: Any, ndim: int) -> tuple[int, ...] | None:
    """Return axes as numbers from 0, None for all of them.

    Raises
    ------
    IndexError
        If one is out of range.
    RuntimeError
        If one is named twice.
    TypeError
        If it is neither a whole number nor a sequence of them.
    """
    if dim is None:
        return None
    if isinstance(dim, Tensor) or not isinstance(dim, Iterable):
        return (dim_of(name, dim, ndim),)
    if isinstance(dim, str):
        raise TypeError(f"{name}(): argument 'dim' must be int or tuple of ints, not str")
    found = [dim_of(name, d, ndim) for d in dim]
    for d in found:
        if found.count(d) > 1:
            raise RuntimeError(f"dim {d} appears multiple times in the list of dims")
    return tuple(found)


def axes_of(name: str, dim: Any, ndim: int) -> tuple[int, ...]:
    """Return the axes of a reduction for NumPy: none for a 0-d tensor, all for None and ``()``."""
    found = dims_of(name, dim, ndim)
    if ndim == 0:
        return ()
    return found or tuple(range(ndim))


def dtype_of(name: str, value: Any) -> dtype | None:
    """Return an optional dtype; Python's own types mean the wide ones."""
    if value is None or isinstance(value, dtype):
        return value
    if value in _OF_PYTHON:
        return _OF_PYTHON[value]
    raise TypeError(f"{name}(): argument 'dtype' must be torch.dtype, not {type(value).__name__}")


def not_implemented(name: str, of: dtype) -> NotImplementedError:
    """Return PyTorch's error for an operation that a dtype does not have."""
    return NotImplementedError(
        f"\"{name}_cpu\" not implemented for '{CALLED.get(of.name, of.name)}'"
    )
