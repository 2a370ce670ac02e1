"""Signs, sizes, rounding, limits: functions that are locally linear."""

from __future__ import annotations

import builtins
from typing import Any

import numpy as np

from ..dtypes import dtype as DType
from ..hot import parametric, several
from ..spec import Spec
from ..surface import public
from ..tensor import Tensor
from .checks import NUMBERS, int_of, not_implemented, operand_of, tensor_of
from .forms import enter, numbered, of_one, of_two
from .pointwise import neg as neg_op
from .pointwise import pointwise
from .transcendental import SPECIAL

NONE = ((),)


def no_bool(name: str) -> Any:
    """Return a check that bools do not pass."""

    def check(d: DType, args: tuple[Any, ...]) -> None:
        if d.name == "bool":
            raise not_implemented(name, d)

    return check


def no_bool_no_complex(name: str) -> Any:
    """Return a check that bools and complex numbers do not pass."""

    def check(d: DType, args: tuple[Any, ...]) -> None:
        if d.name == "bool" or d.is_complex:
            raise not_implemented(name, d)

    return check


def _unless_whole(fn: Any) -> Any:
    return lambda x: x if x.dtype.kind in "biu" else fn(x)


# ---------------------------------------------------------------- signs and sizes


def _sign(x: Any) -> Any:
    if x.dtype.kind == "b":
        return x
    return (
        np.where(np.isnan(x), np.zeros((), x.dtype)[()], np.sign(x))
        if x.dtype.kind == "f"
        else np.sign(x)
    )


def _real(name: str) -> Any:
    def check(d: DType, args: tuple[Any, ...]) -> None:
        if d.is_complex:
            raise not_implemented(name, d)

    return check


neg = of_one(neg_op, "neg negative", "Return ``-input``.")
abs = of_one(
    pointwise("abs", np.abs, ((0,),), check=no_bool("abs")),
    "abs absolute", "Return the absolute value; its gradient at 0 is 0.",
)  # fmt: skip
sign = of_one(
    pointwise("sign", _sign, NONE, check=_real("sign")), "sign", "Return -1, 0 or 1: the sign."
)
sgn = of_one(
    pointwise("sgn", _sign, ((0, -1),)),
    "sgn",
    "Return the sign; of a complex number its direction.",
)
signbit = of_one(
    pointwise("signbit", lambda x: np.signbit(x) if x.dtype.kind == "f" else x < 0, NONE, differentiable=False),
    "signbit", "Return whether the sign bit is set: True for -0.0.", inplace=False,
)  # fmt: skip


@public("positive")
def positive(input: Tensor) -> Tensor:
    """Return `input` itself."""
    x = tensor_of("positive", "input", 1, input)
    if x._spec.np.kind == "b":
        raise RuntimeError("The `+` operator, on a bool tensor is not supported.")
    return x


copysign = of_two(
    pointwise(
        "copysign", np.copysign, ((0, -1), (0, -1)), node=numbered("Copysign", 0, 1), floats=True, check=_real("copysign")
    ),
    "copysign", "Return the size of `input` with the sign of `other`.", number_first=False,
)  # fmt: skip


# ---------------------------------------------------------------- rounding


def _frac_check(d: DType, args: tuple[Any, ...]) -> None:
    if not d.is_floating_point:
        raise not_implemented("frac", d)


floor = of_one(
    pointwise("floor", _unless_whole(np.floor), NONE, check=no_bool_no_complex("floor")),
    "floor", "Return the largest whole number that is not above.",
)  # fmt: skip
ceil = of_one(
    pointwise("ceil", _unless_whole(np.ceil), NONE, check=no_bool_no_complex("ceil")),
    "ceil", "Return the smallest whole number that is not below.",
)  # fmt: skip
trunc = of_one(
    pointwise("trunc", _unless_whole(np.trunc), NONE, check=no_bool_no_complex("trunc")),
    "trunc fix", "Return the whole number next to it towards 0.",
)  # fmt: skip
frac = of_one(
    pointwise("frac", lambda x: x - np.trunc(x), NONE, check=_frac_check),
    "frac", "Return what is left of the whole part, with the sign of `input`.",
)  # fmt: skip


def _round_impl(x: Any, *, decimals: int) -> Any:
    if decimals == 0:
        return x if x.dtype.kind in "iu" else np.rint(x)
    scale = x.dtype.type(10.0 ** builtins.abs(decimals))
    return np.rint(x * scale) / scale if decimals > 0 else np.rint(x / scale) * scale


def _round_check(d: DType, args: tuple[Any, ...]) -> None:
    if d.name == "bool" or d.is_complex:
        raise not_implemented("round", d)


_round0 = pointwise("round", _round_impl, NONE, check=_round_check)
_round1 = pointwise("round_decimals", _round_impl, NONE, node="RoundBackward1", check=_frac_check)


@public("round", inplace=True, out=True)
@parametric(_round0)
def round(input: Tensor, *, decimals: int | None = None) -> Any:
    """Return the nearest number of so many decimals, halves to the even one."""
    if decimals is None:
        return _round0, {"decimals": 0}
    return _round1, {"decimals": int_of("round", "decimals", decimals)}


SPECIAL["round"] = round


# ---------------------------------------------------------------- limits


def _between(x: Any, lo: Any, hi: Any) -> Any:
    """x held in [lo, hi], hi ruling; at a bound the gradient is that of x."""
    low = np.where(x < lo, np.minimum(lo, hi), x)
    return _nan_is_fixed(np.where(low > hi, hi, low), x)


def _nan_is_fixed(y: Any, x: Any) -> Any:
    """y, and nan where x is: without a gradient, for it lies in no interval."""
    return np.where(np.isnan(x), x.dtype.type(np.nan), y) if x.dtype.kind == "f" else y


def _not_complex(d: DType, args: tuple[Any, ...]) -> None:
    if d.is_complex:
        raise not_implemented("clamp", d)


def _clamp_node(params: Any, args: Any) -> str:
    return f"ClampBackward{0 if any(isinstance(a, Spec) for a in args[1:]) else 1}"


_SAVES = ((0, 1, 2), (0, 1, 2), (0, 1, 2))
_clamp_both = pointwise("clamp", _between, _SAVES, node=_clamp_node, check=_not_complex)
_above = lambda x, lo: _nan_is_fixed(np.where(x < lo, lo, x), x)
_below = lambda x, hi: _nan_is_fixed(np.where(x > hi, hi, x), x)
_clamp_low = pointwise("clamp_low", _above, ((0, 1), (0, 1)), node=_clamp_node, check=_not_complex)
_clamp_high = pointwise(
    "clamp_high", _below, ((0, 1), (0, 1)), node=_clamp_node, check=_not_complex
)
_clamp_min = pointwise(
    "clamp_min", _above, ((0, 1), (0, 1)), node=numbered("ClampMin", 1, 0), check=_not_complex
)
_clamp_max = pointwise(
    "clamp_max", _below, ((0, 1), (0, 1)), node=numbered("ClampMax", 1, 0), check=_not_complex
)


_both, _only_low, _only_high = several(_clamp_both), several(_clamp_low), several(_clamp_high)


def _clamp(input: Tensor, min: Any = None, max: Any = None) -> Any:
    x = tensor_of("clamp", "input", 1, input)
    if min is None and max is None:
        raise RuntimeError("torch.clamp: At least one of 'min' or 'max' must not be None")
    if min is None:
        return _only_high(x, operand_of("clamp", "max", 3, max))
    if max is None:
        return _only_low(x, operand_of("clamp", "min", 2, min))
    bounds = (operand_of("clamp", "min", 2, min), operand_of("clamp", "max", 3, max))
    if len({isinstance(b, Tensor) for b in bounds}) == 2:
        raise TypeError("clamp(): min and max must both be tensors or both be numbers")
    return _both(x, *bounds)


clamp = enter(_clamp, "clamp clip", """Return the elements held between `min` and `max`.

    At a bound the gradient passes. Where the bounds cross, the result is `max`.

    Raises
    ------
    RuntimeError
        If there is neither bound.

    Examples
    --------
    >>> import tapejit.torch as torch
    >>> torch.tensor([-2.0, 0.5, 2.0]).clamp(-1, 1)
    tensor([-1.0000,  0.5000,  1.0000])
    """)  # fmt: skip


def _clamped(op: Any, name: str, bound: str) -> Any:
    fast = several(op)

    def function(input: Tensor, *args: Any, **kwargs: Any) -> Any:
        (value,) = args or (kwargs.pop(bound),)
        if kwargs:
            raise TypeError(f"{name}() got an unexpected keyword argument '{next(iter(kwargs))}'")
        x = tensor_of(name, "input", 1, input)
        return fast(x, operand_of(name, bound, 2, value))

    return function


clamp_min = enter(
    _clamped(_clamp_min, "clamp_min", "min"), "clamp_min", "Return the elements, none below `min`."
)
clamp_max = enter(
    _clamped(_clamp_max, "clamp_max", "max"), "clamp_max", "Return the elements, none above `max`."
)


# ---------------------------------------------------------------- nan and infinity replaced


def _nan_to_num_impl(x: Any, *, nan: float, posinf: float | None, neginf: float | None) -> Any:
    if x.dtype.kind in "biu":
        return x
    limits = np.finfo(x.dtype)
    number = x.dtype.type
    y = np.where(x == np.inf, number(limits.max if posinf is None else posinf), x)
    y = np.where(x == -np.inf, number(limits.min if neginf is None else neginf), y)
    return np.where(np.isnan(x), number(nan), y)


_nan_to_num = pointwise("nan_to_num", _nan_to_num_impl, ((0,),))


@public("nan_to_num", inplace=True, out=True)
@parametric(_nan_to_num)
def nan_to_num(
    input: Tensor,
    nan: float | None = None,
    posinf: float | None = None,
    neginf: float | None = None,
) -> Any:
    """Return the elements with nan and the infinities replaced, by 0 and the largest numbers."""
    for name, value in (("nan", nan), ("posinf", posinf), ("neginf", neginf)):
        if value is not None and type(value) not in NUMBERS:
            raise TypeError(
                f"nan_to_num(): argument '{name}' must be float, not {type(value).__name__}"
            )
    return {"nan": 0.0 if nan is None else float(nan), "posinf": posinf, "neginf": neginf}
