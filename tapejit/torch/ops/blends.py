"""Steps, neighbours and blends: heaviside, nextafter, ldexp, lerp, and products added to a sum."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..dtypes import dtype as DType
from ..hot import several
from ..spec import Spec
from ..surface import public
from ..tensor import Tensor
from .checks import not_implemented, number_of, operand_of, tensor_of
from .forms import of_two
from .kinks import no_gradient
from .pointwise import pointwise

_BOTH = ((0, 1), (0, 1))


# ---------------------------------------------------------------- steps and neighbours


def _same(name: str) -> Any:
    def check(d: DType, args: tuple[Any, ...]) -> None:
        if args[0].np != args[1].np:
            raise RuntimeError(f"{name} is not yet implemented for tensors with different dtypes.")

    return check


def _heaviside_impl(x: Any, y: Any) -> Any:
    if x.dtype.kind == "f":
        # PyTorch's heaviside of nan is 0.
        return no_gradient(np.where(x == 0, y, np.where(x > 0, 1, 0).astype(x.dtype)), x, y)
    return no_gradient(np.where(x == 0, y, (x > 0).astype(x.dtype)), x, y)


heaviside = of_two(
    pointwise("heaviside", _heaviside_impl, ((), ()), node="NotImplemented", check=_same("heaviside")),
    "heaviside", "Return 0 below 0, 1 above, and `other` at 0.", number=False, number_first=False,
)  # fmt: skip


def _floating(name: str) -> Any:
    def check(d: DType, args: tuple[Any, ...]) -> None:
        if not d.is_floating_point:
            raise not_implemented(name, d)

    return check


nextafter = of_two(
    pointwise("nextafter", np.nextafter, _BOTH, check=_floating("nextafter")),
    "nextafter", "Return the next number in the direction of `other`.", number=False, number_first=False,
)  # fmt: skip
ldexp = of_two(
    pointwise("ldexp", lambda x, y: x * np.exp2(y), ((1,), (0, 1)), floats=True),
    "ldexp", "Return ``input * 2**other``.", number_first=False,
)  # fmt: skip


# ---------------------------------------------------------------- lerp and products added


def _lerp_impl(x: Any, y: Any, w: Any) -> Any:
    # From the nearer end, so that both ends are exact.
    return np.where(np.abs(w) < 0.5, x + w * (y - x), y - (y - x) * (1 - w))


def _lerp_check(d: DType, args: tuple[Any, ...]) -> None:
    first = args[0].dtype
    for what, arg in zip(("`end`", "`weight`"), args[1:]):
        if isinstance(arg, Spec) and arg.dtype is not first:
            raise RuntimeError(
                f"expected dtype {first.name} for {what} but got dtype {arg.dtype.name}"
            )
    if not (first.is_floating_point or first.is_complex):
        raise not_implemented("lerp_kernel", first)


_lerp_number = pointwise(
    "lerp", _lerp_impl, ((), ()), node="LerpBackward0", deciding=2, check=_lerp_check
)
_lerp_number.scaled = True
_lerp_tensor = pointwise(
    "lerp_tensor",
    _lerp_impl,
    ((2,), (2,), (0, 1)),
    node="LerpBackward1",
    deciding=2,
    check=_lerp_check,
)


_by_number, _by_tensor = several(_lerp_number), several(_lerp_tensor)


@public("lerp", inplace=True, out=True)
def lerp(input: Tensor, end: Tensor, weight: Any) -> Any:
    """Return ``input + weight * (end - input)``, exact at both ends."""
    x, y = tensor_of("lerp", "input", 1, input), tensor_of("lerp", "end", 2, end)
    w = operand_of("lerp", "weight", 3, weight)
    return _by_tensor(x, y, w) if isinstance(w, Tensor) else _by_number(x, y, w)


_addcmul = pointwise(
    "addcmul", lambda x, a, b, v: x + v * a * b, ((), (2, 3), (1, 3), ()), deciding=3
)


def _addcdiv_check(d: DType, args: tuple[Any, ...]) -> None:
    if all(a.np.kind in "biu" for a in args[1:3]):
        raise RuntimeError(
            "Integer division with addcdiv is not supported. Divide with torch.div, which gives "
            "floating point numbers, or with rounding_mode='trunc', and add."
        )


_addcdiv = pointwise(
    "addcdiv",
    lambda x, a, b, v: x + v * (a / b),
    ((), (2, 3), (1, 2, 3), ()),
    deciding=3,
    check=_addcdiv_check,
)


_cmul, _cdiv = several(_addcmul), several(_addcdiv)


def _three(name: str, input: Any, tensor1: Any, tensor2: Any, value: Any) -> tuple[Any, ...]:
    return (
        tensor_of(name, "input", 1, input),
        tensor_of(name, "tensor1", 2, tensor1),
        tensor_of(name, "tensor2", 3, tensor2),
        number_of(name, "value", value),
    )


@public("addcmul", inplace=True, out=True)
def addcmul(input: Tensor, tensor1: Tensor, tensor2: Tensor, *, value: Any = 1) -> Any:
    """Return ``input + value * tensor1 * tensor2``."""
    return _cmul(*_three("addcmul", input, tensor1, tensor2, value))


@public("addcdiv", inplace=True, out=True)
def addcdiv(input: Tensor, tensor1: Tensor, tensor2: Tensor, *, value: Any = 1) -> Any:
    """Return ``input + value * tensor1 / tensor2``."""
    return _cdiv(*_three("addcdiv", input, tensor1, tensor2, value))
