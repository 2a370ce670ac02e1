"""From operations to public functions: of one operand, of two, their names, methods, other forms."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from typing import Any

from ..codes import Op
from ..emit import apply
from ..hot import QUICK, binary, not_a_tensor, unary
from ..surface import public
from ..tensor import Tensor
from .checks import operand_of

Function = Callable[..., Any]


def enter(fn: Function, names: str, doc: str, inplace: bool = True, out: bool = True) -> Function:
    """Make a function public under names, the first of them its own."""
    first, *_ = words = names.split()
    fn.__name__ = fn.__qualname__ = first
    frame = sys._getframe(1)
    while frame.f_globals["__name__"] == __name__ and frame.f_back is not None:
        frame = frame.f_back
    fn.__module__ = frame.f_globals["__name__"]
    fn.__doc__ = doc
    public(*words, inplace=inplace, out=out)(fn)
    return fn


def of_one(op: Op, names: str, doc: str, inplace: bool = True, out: bool = True) -> Function:
    """Make public the function of one tensor that an operation is."""
    return enter(unary(op, names.split()[0]), names, doc, inplace, out)


def of_two(
    op: Op, names: str, doc: str, *, inplace: bool = True, out: bool = True,
    number: bool = True, number_first: bool = True,
) -> Function:  # fmt: skip
    """Make public the function of two operands that an operation is.

    Parameters
    ----------
    number, number_first : bool
        Whether the second and the first operand may be numbers.
    """
    return enter(two(op, names.split()[0], number, number_first), names, doc, inplace, out)


def two(op: Op, name: str, number: bool = True, number_first: bool = True) -> Function:
    """Return the function of two operands that an operation is."""
    fast = binary(op)

    def function(input: Any, other: Any) -> Any:
        if isinstance(input, Tensor):
            if not isinstance(other, Tensor):
                if not number:
                    raise not_a_tensor(name, "other", 2, other)
                other = operand_of(name, "other", 2, other)
            return fast(input, other)
        if not number_first:
            raise not_a_tensor(name, "input", 1, input)
        input = operand_of(name, "input", 1, input)
        if not isinstance(other, Tensor):
            raise not_a_tensor(name, "other", 2, other)
        return apply(op, (input, other))

    QUICK[function] = QUICK[fast]
    return function


def numbered(name: str, tensor: int, number: int) -> Callable[..., str]:
    """Return a node's name that ends in one digit for a tensor and in another for a number."""
    from ..spec import Spec

    def node(params: dict[str, Any], args: Iterable[Any]) -> str:
        return f"{name}Backward{tensor if all(isinstance(a, Spec) for a in args) else number}"

    return node
