"""What the functions of `nn` share: arguments checked in PyTorch's words, reductions, constants.

Everything here runs while a row is recorded for the first time or looks at arguments alone; none of
it looks at values.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ...transforms.simple import stop_gradient
from ..codes import Op
from ..emit import apply
from ..ops.checks import from_front, tensor_of
from ..record import LOCAL
from ..spec import Spec
from ..surface import alias, put, run_together
from ..tensor import Tensor

Resolve = Callable[[tuple[Any, ...], dict[str, Any]], dict[str, Any]]


CALLED = {
    "float16": "Half", "float32": "Float", "float64": "Double", "complex64": "ComplexFloat",
    "complex128": "ComplexDouble", "bool": "Bool", "uint8": "Byte", "int8": "Char",
    "int16": "Short", "int32": "Int", "int64": "Long",
}  # fmt: skip
"""What PyTorch's messages call an element type, by NumPy's name."""


def called(kind: Any) -> str:
    """Return what PyTorch's messages call a NumPy dtype."""
    return CALLED.get(kind.name, str(kind.name))


need_tensor = tensor_of


def record(op: Op, args: Sequence[Any], **params: Any) -> Tensor:
    """Record an operation that has one result."""
    made: Tensor = apply(op, args, **params)
    return made


def floating_only(kernel: str) -> Resolve:
    """Return a `resolve` for functions that PyTorch has for floating point operands only."""

    def resolve(args: tuple[Any, ...], params: dict[str, Any]) -> dict[str, Any]:
        for arg in args:
            if isinstance(arg, Spec) and not arg.floating:
                raise NotImplementedError(f"\"{kernel}\" not implemented for '{called(arg.np)}'")
        return params

    return resolve


def axis_of(dim: Any, ndim: int) -> int:
    """Return a dimension counted from the front; a 0-d tensor counts as having one."""
    if isinstance(dim, bool) or not hasattr(dim, "__index__"):
        raise TypeError(f"argument 'dim' must be int, not {type(dim).__name__}")
    return from_front(int(dim.__index__()), ndim)


REDUCTIONS = ("none", "mean", "sum")


def check_reduction(
    reduction: Any,
    reduce: bool | None = None,
    size_average: bool | None = None,
    also: Sequence[str] = (),
) -> str:
    """Return the reduction, from the old pair of flags if they are given.

    Raises
    ------
    ValueError
        If it is none of "none", "mean", "sum".
    """
    if size_average is not None or reduce is not None:
        import warnings

        size_average = True if size_average is None else size_average
        reduce = True if reduce is None else reduce
        reduction = "none" if not reduce else "mean" if size_average else "sum"
        warnings.warn(
            "size_average and reduce args will be deprecated, please use "
            f"reduction='{reduction}' instead.",
            UserWarning,
            stacklevel=4,
        )
    if reduction not in REDUCTIONS and reduction not in also:
        raise ValueError(f"{reduction} is not a valid value for reduction")
    return str(reduction)


def reduced(loss: Any, reduction: str) -> Any:
    """Return a loss per element, or its sum or mean."""
    if reduction == "none":
        return loss
    total = loss.sum()
    if reduction == "sum":
        return total
    n = size_of(loss)
    return total / n if n else total * np.nan


def size_of(x: Any) -> int:
    """Return the number of elements of an array or a tracer."""
    n = 1
    for k in np.shape(x):
        n *= k
    return n


def flat(x: Any) -> Any:
    """Return `x` as a constant for every derivative."""
    return stop_gradient(x)


def overwrite(
    input: Tensor, compute: Callable[[Tensor], Tensor], keeps_input: bool = False
) -> Tensor:
    """Return `input` with the result of a function written into it.

    Parameters
    ----------
    keeps_input : bool
        Whether the gradient reads the old value: then the function is recorded on a copy, which no
        later write can spoil.
    """
    rec = LOCAL.rec
    input._check_inplace(rec)
    with run_together(rec):
        if keeps_input and rec.grad and input._kind:
            return put(input, compute(apply(alias, (input,))))
        return put(input, compute(input))
