"""The operators of a tensor, on the hot path: a look-up, three integers and a new tensor.

``==`` compares elements, so a tensor is hashed by identity. What stands beside a tensor and is no
operand gives NotImplemented, and Python says what it says of such operands.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from .hot import HOT, QUICK, binary, operand, unary
from .hot_writes import inplace, write
from .ops import arithmetic, comparison, logic, pointwise, powers, rounding
from .ops.checks import NUMBERS
from .surface import rewritten
from .tensor import Tensor

__all__ = ["HOT", "binary", "inplace", "operand", "write"]

Method = Callable[[Any, Any], Any]


def _taking(function: Method, reflected: bool = False) -> Method:
    """Return a function of two operands as an operator."""

    def method(self: Tensor, other: Any) -> Any:
        if not isinstance(other, Tensor) and type(other) not in NUMBERS:
            other = operand(other)
            if other is NotImplemented:
                return NotImplemented
        return function(other, self) if reflected else function(self, other)

    return method


def _in_place(method: Method) -> Method:
    """Return the operator that writes what another one gives into its first operand."""

    def written(self: Tensor, other: Any) -> Any:
        return rewritten(self, method, other)

    return written


_ABSENT: Any = object()


def _quick(operator: Method, general: Callable[..., Any]) -> Callable[..., Any]:
    """Return the method in place of an operator; what it does not know goes the general way."""

    @functools.wraps(general)
    def method(
        self: Tensor, other: Any, *, alpha: Any = _ABSENT, rounding_mode: Any = _ABSENT
    ) -> Any:
        if alpha is not _ABSENT or rounding_mode is not _ABSENT:
            options = {"alpha": alpha, "rounding_mode": rounding_mode}
            return general(self, other, **{k: v for k, v in options.items() if v is not _ABSENT})
        if not (isinstance(other, Tensor) or type(other) in NUMBERS):
            return general(self, other)
        return operator(self, other)

    QUICK[method] = QUICK[operator]
    return method


def _inverted(self: Tensor) -> Any:
    if self._spec.floating:
        raise TypeError(
            "~ (operator.invert) is only implemented on integer and Boolean-type tensors"
        )
    return logic.bitwise_not(self)


def _enter() -> None:
    own: dict[str, Any] = {}
    for name, op in {"add": pointwise.add, "sub": pointwise.sub, "mul": pointwise.mul,
                     "truediv": pointwise.div, **logic.BITS}.items():  # fmt: skip
        own[f"__{name}__"], own[f"__i{name}__"] = binary(op), inplace(op)
    for name in ("add", "mul"):
        own[f"__r{name}__"] = own[f"__{name}__"]
    own["__rsub__"] = binary(pointwise.rsub)
    own["__rtruediv__"] = _taking(arithmetic.rtruediv)
    for name in logic.BITS:
        own[f"__r{name}__"] = binary(logic.BITS[name], reflected=True)
    for name, function in {
        "mod": arithmetic.remainder,
        "floordiv": arithmetic.floor_divide,
    }.items():
        own[f"__{name}__"] = _taking(function)
        own[f"__r{name}__"] = _taking(function, reflected=True)
        own[f"__i{name}__"] = _in_place(own[f"__{name}__"])
    own["__pow__"], own["__rpow__"] = powers.power_of, powers.power_to
    own["__ipow__"] = _in_place(powers.power_of)
    own["__neg__"], own["__abs__"] = unary(pointwise.neg), rounding.abs
    own["__pos__"], own["__invert__"] = rounding.positive, _inverted
    for name, method in comparison.OPERATORS.items():
        own[f"__{name}__"] = method
    for operator, names in {"add": "add_", "sub": "sub_ subtract_", "mul": "mul_ multiply_",
                            "truediv": "div_ divide_ true_divide_"}.items():  # fmt: skip
        for name in names.split():
            own[name] = _quick(own[f"__i{operator}__"], getattr(Tensor, name))
    for name, value in own.items():
        setattr(Tensor, name, value)


_enter()
