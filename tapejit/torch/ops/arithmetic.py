"""Sums, products, quotients and remainders, with numbers or tensors as second operands."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..codes import Op
from ..dtypes import dtype as DType
from ..emit import apply
from ..hot import QUICK, binary, not_a_tensor, several
from ..hot_writes import inplace, write
from ..spec import Spec
from ..surface import public, rewritten
from ..tensor import Tensor
from .checks import CALLED, number_of, operand_of, tensor_of
from .forms import enter, numbered, of_two, two
from .kinks import no_gradient
from .pointwise import add as add_op
from .pointwise import div as div_op
from .pointwise import mul as mul_op
from .pointwise import pointwise
from .pointwise import rsub as rsub_op
from .pointwise import sub as sub_op


def _alpha_of(d: DType, args: tuple[Any, ...]) -> None:
    alpha = args[2]
    if alpha is complex and not d.is_complex:
        raise RuntimeError(
            "For non-complex input tensors, argument alpha must not be a complex number."
        )
    if alpha is float and not (d.is_floating_point or d.is_complex):
        raise RuntimeError(
            "For integral input tensors, argument alpha must not be a floating point number."
        )
    if alpha is bool and d.name != "bool":
        raise RuntimeError("Boolean alpha only supported for Boolean results.")


_add_scaled = pointwise(
    "add_scaled",
    lambda x, y, a: x + a * y,
    ((), ()),
    node="AddBackward0",
    deciding=2,
    check=_alpha_of,
)
_sub_scaled = pointwise(
    "sub_scaled",
    lambda x, y, a: x - a * y,
    ((), ()),
    node="SubBackward0",
    deciding=2,
    check=_alpha_of,
)
_rsub_scaled = pointwise(
    "rsub_scaled",
    lambda x, y, a: y - a * x,
    ((), ()),
    node=lambda params, args: f"RsubBackward{0 if isinstance(args[1], Spec) else 1}",
    deciding=2,
    check=_alpha_of,
)


for _op in (_add_scaled, _sub_scaled, _rsub_scaled):
    _op.scaled = True


def _with_alpha(plain: Any, scaled: Any, names: str, doc: str) -> Any:
    name = names.split()[0]
    fast, slower = two(plain, name), several(scaled)

    def function(input: Any, other: Any, *, alpha: Any = 1) -> Any:
        if type(alpha) is int and alpha == 1:
            return fast(input, other)
        pair = (operand_of(name, "input", 1, input), operand_of(name, "other", 2, other))
        if not (isinstance(pair[0], Tensor) or isinstance(pair[1], Tensor)):
            tensor_of(name, "other", 2, other)
        return slower(*pair, number_of(name, "alpha", alpha))

    QUICK[function] = QUICK[fast]
    return enter(function, names, doc)


add = _with_alpha(add_op, _add_scaled, "add", "Return ``input + alpha * other``.")
sub = _with_alpha(sub_op, _sub_scaled, "sub subtract", "Return ``input - alpha * other``.")
rsub = two(rsub_op, "rsub")


@public("rsub", method=False)
def _rsub(input: Tensor, other: Any, *, alpha: Any = 1) -> Any:
    """Return ``other - alpha * input``."""
    if alpha == 1 and type(alpha) is int:
        return rsub(input, other)
    return apply(_rsub_scaled, (tensor_of("rsub", "input", 1, input), other, alpha))


mul = of_two(mul_op, "mul multiply", "Return ``input * other``.")
true_divide = of_two(div_op, "true_divide", "Return ``input / other``, in floating point.")


# ---------------------------------------------------------------- rounded quotients


def _trunc_quotient(x: Any, y: Any) -> Any:
    if x.dtype.kind == "f":
        return np.trunc(x / y)
    if x.dtype.kind == "u":
        return np.floor_divide(x, y)
    q = np.floor_divide(x, y)
    # Rounded down; where signs differ and there is a rest, truncation is one more.
    return q + np.where((np.remainder(x, y) != 0) & ((x < 0) != (y < 0)), 1, 0).astype(x.dtype)


def _real_and_not_bool(name: str) -> Callable[[DType, tuple[Any, ...]], None]:
    def check(d: DType, args: tuple[Any, ...]) -> None:
        if d.is_complex or d.name == "bool":
            raise NotImplementedError(
                f"\"{name}\" not implemented for '{CALLED.get(d.name, d.name)}'"
            )

    return check


_div_floor = pointwise(
    "div_floor",
    np.floor_divide,
    ((), ()),
    node="DivBackward2",
    check=_real_and_not_bool("div_floor_cpu"),
)
_div_trunc = pointwise(
    "div_trunc",
    _trunc_quotient,
    ((), ()),
    node="DivBackward2",
    check=_real_and_not_bool("div_trunc_cpu"),
)
_floor_divide = pointwise(
    "floor_divide",
    lambda x, y: no_gradient(np.floor_divide(x, y), x, y),
    ((), ()),
    node="NotImplemented",
    check=_real_and_not_bool("div_floor_cpu"),
)


def _kind(x: Any) -> str:
    return "f" if type(x) is float else x._spec.np.kind if isinstance(x, Tensor) else "i"


def check_divisor(input: Any, other: Any) -> None:
    """Raise for a zero among whole divisors of whole numbers, which must be looked at for it."""
    if _kind(input) in "iub" and _kind(other) in "iub":
        zero = (np.asarray(other._value()) == 0).any() if isinstance(other, Tensor) else other == 0
        if zero:
            raise RuntimeError("ZeroDivisionError")


def _dividing(op: Any, name: str, number_first: bool = True) -> Any:
    fast = two(op, name, number_first=number_first)

    def function(input: Any, other: Any) -> Any:
        check_divisor(input, other)
        return fast(input, other)

    return function


_true, _down, _cut = two(div_op, "div"), _dividing(_div_floor, "div"), _dividing(_div_trunc, "div")


_div_mode = two(
    pointwise("div_mode", np.divide, ((1,), (0, 1)), node="DivBackward2", floats=True), "div"
)


def _div(input: Any, other: Any, **mode: str | None) -> Any:
    if not mode:
        return _true(input, other)
    if mode.keys() != {"rounding_mode"}:
        raise TypeError(f"div() got an unexpected keyword argument '{min(mode)}'")
    rounding_mode = mode["rounding_mode"]
    if rounding_mode is None:
        return _div_mode(input, other)
    if rounding_mode == "floor":
        return _down(input, other)
    if rounding_mode == "trunc":
        return _cut(input, other)
    raise RuntimeError(
        "div expected rounding_mode to be one of None, 'trunc', or 'floor' but found "
        f"'{rounding_mode}'"
    )


div = enter(
    _div, "div divide",
    "Return ``input / other``; with ``rounding_mode`` 'floor' or 'trunc' rounded, in the operands' dtype.",
)  # fmt: skip
floor_divide = enter(
    _dividing(_floor_divide, "floor_divide"),
    "floor_divide",
    "Return ``input / other`` rounded down.",
)


# ---------------------------------------------------------------- remainders


_remainder_op = pointwise(
    "remainder",
    np.remainder,
    ((), (0, 1)),
    node=numbered("Remainder", 1, 0),
    check=_real_and_not_bool("remainder_cpu"),
)
_remainder_of_number = pointwise(
    "remainder_of_number",
    lambda x, y: no_gradient(np.remainder(x, y), y),
    ((), ()),
    node="NotImplemented",
    check=_real_and_not_bool("remainder_cpu"),
)
_fmod_op = pointwise(
    "fmod", np.fmod, ((), (0, 1)), node=numbered("Fmod", 1, 0), check=_real_and_not_bool("fmod_cpu")
)
_rest, _rest_of_number = (
    _dividing(_remainder_op, "remainder"),
    _dividing(_remainder_of_number, "remainder"),
)


def _either(input: Any, other: Any) -> Any:
    if isinstance(input, Tensor):
        return _rest(input, other)
    return _rest_of_number(input, other)


remainder = enter(
    _either,
    "remainder",
    "Return ``input % other``, with the sign of the divisor, as Python's ``%``.",
)
fmod = enter(
    _dividing(_fmod_op, "fmod", number_first=False),
    "fmod",
    "Return the rest of the division rounded towards zero, with the sign of `input`.",
)


# ---------------------------------------------------------------- operators that look first


def rtruediv(self: Tensor, other: Any) -> Any:
    """Return ``other / self`` as the product with the reciprocal, as PyTorch records it."""
    from .powers import reciprocal

    inverse = reciprocal(self)
    return _times(inverse, other)


_times = binary(mul_op)


# ---------------------------------------------------------------- in place, on the hot path


def _over(name: str, plain: Op, scaled: Op | None, doc: str) -> None:
    """Make the method ``name_``, as quick as the operator where it means no more."""
    quick = inplace(plain)
    general = getattr(Tensor, name[:-1])

    def method(self: Tensor, other: Any, **options: Any) -> Tensor:
        if options:
            alpha = options.get("alpha")
            if scaled is None or len(options) > 1 or alpha is None:
                made: Tensor = rewritten(self, general, other, **options)
                return made
            pair = (self, operand_of(name, "other", 1, other))
            return write(self, scaled, (*pair, number_of(name, "alpha", alpha)))
        made = quick(self, other)
        if made is NotImplemented:
            raise not_a_tensor(name, "other", 1, other)
        return made

    method.__name__ = method.__qualname__ = name
    method.__doc__ = doc
    public(name, function=False)(method)


for _name, _plain, _scaled in (
    ("add_", add_op, _add_scaled), ("sub_", sub_op, _sub_scaled), ("subtract_", sub_op, _sub_scaled),
    ("mul_", mul_op, None), ("multiply_", mul_op, None), ("div_", div_op, None),
    ("divide_", div_op, None), ("true_divide_", div_op, None),
):  # fmt: skip
    _over(
        _name,
        _plain,
        _scaled,
        f"Write the result of `{_name[:-1]}` into this tensor and return it.",
    )
