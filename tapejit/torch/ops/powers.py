"""Powers and roots. A known exponent is part of the operation: ``x ** 2`` is ``x * x`` on the tape.

At 0 the gradient of a root is infinite, as PyTorch's.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..codes import op
from ..dtypes import dtype as DType
from ..emit import apply
from ..hot import QUICK, look_up, recorded, table
from ..spec import Spec
from ..surface import public
from ..tensor import Tensor
from .checks import NUMBERS, not_implemented, operand_of, tensor_of
from .convert import promoted, to
from .forms import enter, of_one
from .kinks import sqrt as steep_sqrt
from .pointwise import check_broadcast, pointwise

_sqrt = pointwise("sqrt", steep_sqrt, ((-1,),), floats=True)
sqrt = of_one(_sqrt, "sqrt", "Return the square root; its gradient at 0 is infinite.")
_rsqrt = pointwise("rsqrt", lambda x: 1 / steep_sqrt(x), ((-1,),), floats=True)
rsqrt = of_one(_rsqrt, "rsqrt", "Return one over the square root.")
_reciprocal = pointwise("reciprocal", lambda x: 1 / x, ((-1,),), floats=True)
reciprocal = of_one(_reciprocal, "reciprocal", "Return ``1 / input``.")


# ---------------------------------------------------------------- a known exponent


def _raised(x: Any, p: Any) -> Any:
    """x**p for a known p, in the fewest operations."""
    kind = x.dtype.kind
    if kind == "b":
        return x | (not p)
    if kind in "iu":
        return np.power(x, np.asarray(p, x.dtype)[()])
    if p == 0:
        return np.ones_like(x)
    if p == 1:
        return x
    if p == 2:
        return x * x
    if p == 0.5:
        return steep_sqrt(x)
    return x**p


def _exponent_dtype(args: tuple[Any, ...], params: dict[str, Any]) -> dict[str, Any]:
    p = params["exponent"]
    d = promoted(args[0], type(p))
    whole = not (d.is_floating_point or d.is_complex)
    if whole and d.name != "bool" and p < 0:
        raise RuntimeError("Integers to negative integer powers are not allowed.")
    return {"exponent": p, "dtype": d.numpy.name}


@op("pow", node="PowBackward0", saves=((0,),), resolve=_exponent_dtype)
def power(x: Any, *, exponent: Any, dtype: str) -> Any:
    """A power with a known exponent."""
    return _raised(to(x, dtype), exponent)


_hot = table()


def to_a_number(input: Tensor, exponent: Any) -> Any:
    """Return a power with a known exponent."""
    try:
        kind, found, params = _hot[input._spec][exponent]
    except KeyError:
        kind = None
    if kind is not type(exponent):
        # 2, 2.0 and True are one key of a dictionary, and three exponents of whole numbers.
        params = {"exponent": exponent, "kind": type(exponent).__name__}
        found = look_up(power, (input,), params)
        _hot.setdefault(input._spec, {})[exponent] = (type(exponent), found, params)
    return recorded(power, found, params, input)


# ---------------------------------------------------------------- an exponent that varies


def _of_integers(x: Any, y: Any) -> Any:
    """x**y of whole numbers: below an exponent of 0 only the powers of 1 and -1 are whole."""
    if x.dtype.kind == "u":
        return np.power(x, y)
    small = np.where(x == 1, 1, np.where(x == -1, 1 - 2 * (y & 1), 0)).astype(x.dtype)
    return np.where(y < 0, small, np.power(x, np.where(y < 0, 0, y).astype(x.dtype)))


def _varying(x: Any, y: Any) -> Any:
    return _of_integers(x, y) if x.dtype.kind in "biu" else np.power(x, y)


def _no_bools(d: DType, args: tuple[Any, ...]) -> None:
    if d.name == "bool":
        raise not_implemented("pow", d)


_pow_tensor = pointwise(
    "pow_tensor", _varying, ((0, 1), (0, 1, -1)), node="PowBackward1", check=_no_bools
)
_pow_base = pointwise("pow_base", _varying, ((), (0, 1, -1)), node="PowBackward2", check=_no_bools)


_NONE: Any = object()


def _pow(input: Any = _NONE, exponent: Any = _NONE, **kwargs: Any) -> Any:
    if kwargs or exponent is _NONE:
        # PyTorch calls the base `self` where it is a number.
        given = {"input": input, "exponent": exponent}
        given = {name: x for name, x in given.items() if x is not _NONE}
        if "self" in kwargs and "input" not in given:
            given["input"] = kwargs.pop("self")
        return _powered(**given, **kwargs)
    if type(exponent) in NUMBERS and isinstance(input, Tensor):
        return to_a_number(input, exponent)
    return _powered(input, exponent)


def _powered(input: Any, exponent: Any) -> Any:
    if isinstance(input, Tensor):
        if type(exponent) in NUMBERS:
            return to_a_number(input, exponent)
        exponent = operand_of("pow", "exponent", 2, exponent)
        if not isinstance(exponent, Tensor):
            return to_a_number(input, exponent)
        return apply(_pow_tensor, (input, exponent))
    input = operand_of("pow", "input", 1, input)
    if not isinstance(exponent, Tensor):
        raise TypeError(
            "pow() received an invalid combination of arguments: one of input and exponent must "
            f"be a Tensor, got ({type(input).__name__}, {type(exponent).__name__})"
        )
    return apply(_pow_base, (input, exponent))


QUICK[_pow] = ("power", _hot)
pow = enter(_pow, "pow", """Return ``input ** exponent``.

    Raises
    ------
    RuntimeError
        For whole numbers to a negative whole power.

    Examples
    --------
    >>> import tapejit.torch as torch
    >>> torch.tensor([1.0, 2.0, 3.0]).pow(2)
    tensor([1., 4., 9.])
    """)  # fmt: skip


def power_of(input: Tensor, other: Any) -> Any:
    """Return ``input ** other``; NotImplemented for what is no operand."""
    if type(other) in NUMBERS:
        return to_a_number(input, other)
    if isinstance(other, Tensor):
        return apply(_pow_tensor, (input, other))
    if isinstance(other, np.generic):
        return to_a_number(input, other.item())
    return NotImplemented


QUICK[power_of] = ("power", _hot)


def power_to(input: Tensor, other: Any) -> Any:
    """Return ``other ** input``."""
    if isinstance(other, np.generic):
        other = other.item()
    if type(other) not in NUMBERS:
        return NotImplemented
    return apply(_pow_base, (other, input))


# ---------------------------------------------------------------- squares, powers in float64


def _square(input: Tensor) -> Any:
    return to_a_number(tensor_of("square", "input", 1, input), 2)


square = enter(_square, "square", "Return ``input ** 2``.")


def _double(args: tuple[Any, ...], params: dict[str, Any]) -> dict[str, Any]:
    check_broadcast(args)
    name = "complex128" if promoted(*args).is_complex else "float64"
    return {"dtype": name}


def _double_node(params: dict[str, Any], args: tuple[Any, ...]) -> str:
    tensors = [isinstance(a, Spec) for a in args]
    return "PowBackward1" if all(tensors) else "PowBackward0" if tensors[0] else "PowBackward2"


@op("float_power", node=_double_node, saves=((0, 1), (0, 1, -1)), resolve=_double)
def _float_power(x: Any, y: Any, *, dtype: str) -> Any:
    """A power in double precision."""
    return np.power(to(x, dtype), to(y, dtype))


def float_power_(input: Any, exponent: Any) -> Any:
    """Return ``input ** exponent`` in double precision."""
    pair = (
        operand_of("float_power", "input", 1, input),
        operand_of("float_power", "exponent", 2, exponent),
    )
    if not any(isinstance(x, Tensor) for x in pair):
        raise TypeError("float_power(): one of input and exponent must be a Tensor")
    return apply(_float_power, pair)


public("float_power", inplace=True, out=True)(float_power_)
