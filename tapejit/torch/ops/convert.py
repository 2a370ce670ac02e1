"""What implementations share: operands in the dtype that PyTorch computes in."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..dtypes import dtype as DType
from ..promotion import promote
from ..spec import Spec

_NUMBER_DTYPES = {bool: "bool", int: "int64", float: "float64", complex: "complex128"}


def to(x: Any, dtype: str) -> Any:
    """Return an array or a Python number in a dtype given by NumPy's name."""
    if type(x) in _NUMBER_DTYPES:
        if isinstance(x, complex) and np.dtype(dtype).kind not in "c":
            x = x.real
        # Through an array: a number that the dtype does not hold wraps around, as in PyTorch.
        return np.asarray(x).astype(dtype)[()]
    return x if x.dtype == dtype else x.astype(dtype)


def category(arg: Any) -> Any:
    """Return an operand as promotion sees it: a dtype and how loudly it speaks."""
    if isinstance(arg, Spec):
        return (arg.dtype, "tensor" if arg.ndim else "zero")
    return (_python_dtype(arg), "number")


def _python_dtype(kind: type) -> DType:
    from ..promotion import number_dtype

    return number_dtype(kind(0))


def promoted(*args: Any) -> DType:
    """Return the dtype in which operands, given as specs or types of numbers, are computed."""
    return promote([category(a) for a in args])


def floated(d: DType) -> DType:
    """Return the dtype that a function with floating results computes in: integers take the default."""
    from ..dtypes import get_default_dtype

    return d if d.is_floating_point or d.is_complex else get_default_dtype()
