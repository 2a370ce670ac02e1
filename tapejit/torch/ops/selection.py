"""One value or another: maximum, minimum, where, masked_fill, heaviside, lerp and products added."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from ..codes import op
from ..dtypes import dtype as DType
from ..hot import several
from ..spec import Spec
from ..surface import public
from ..tensor import Tensor
from . import comparison, kinks
from .checks import CALLED, operand_of, tensor_of
from .convert import promoted, to
from .forms import of_two
from .pointwise import check_broadcast, pointwise
from .shared_places import spread, warn

_BOTH = ((0, 1), (0, 1))


def _not_complex(name: str) -> Any:
    def check(d: DType, args: tuple[Any, ...]) -> None:
        if d.is_complex:
            raise RuntimeError(f"{name} not implemented for complex tensors.")

    return check


def _largest(x: Any, y: Any) -> Any:
    return np.logical_or(x, y) if x.dtype.kind == "b" else kinks.maximum(x, y)


def _least(x: Any, y: Any) -> Any:
    return np.logical_and(x, y) if x.dtype.kind == "b" else kinks.minimum(x, y)


def _fmax(x: Any, y: Any) -> Any:
    return _largest(x, y) if x.dtype.kind in "biu" else np.where((x >= y) | np.isnan(y), x, y)


def _fmin(x: Any, y: Any) -> Any:
    return _least(x, y) if x.dtype.kind in "biu" else np.where((x <= y) | np.isnan(y), x, y)


_TABLE: list[tuple[str, Any, str]] = [
    (
        "maximum",
        _largest,
        "Return the larger of two elements, nan if one is; at ties both get half.",
    ),
    (
        "minimum",
        _least,
        "Return the smaller of two elements, nan if one is; at ties both get half.",
    ),
    (
        "fmax",
        _fmax,
        "Return the larger of two elements, the number beside a nan; ties go to `input`.",
    ),
    (
        "fmin",
        _fmin,
        "Return the smaller of two elements, the number beside a nan; ties go to `input`.",
    ),
]
EXTREMES: dict[str, Any] = {}
for _name, _fn, _doc in _TABLE:
    EXTREMES[_name] = of_two(
        pointwise(_name, _fn, _BOTH, check=_not_complex(_name)), _name, _doc,
        inplace=False, number=False, number_first=False,
    )  # fmt: skip


# ---------------------------------------------------------------- where


def _where_resolve(args: tuple[Any, ...], params: dict[str, Any]) -> dict[str, Any]:
    check_broadcast(args)
    return {"dtype": promoted(*args[1:]).numpy.name}


@op("where", node="WhereBackward0", saves=((), (0,), (0,)), resolve=_where_resolve)
def _where(c: Any, x: Any, y: Any, *, dtype: str) -> Any:
    """One operand where a condition is, the other elsewhere."""
    return np.where(c, to(x, dtype), to(y, dtype))


_choose = several(_where)


def _condition(given: Any) -> Tensor:
    c = tensor_of("where", "condition", 1, given)
    kind = c._spec.np.name
    if kind == "uint8":
        warnings.warn(
            "where received a uint8 condition tensor. Use a boolean condition instead.",
            UserWarning,
            stacklevel=4,
        )
        made: Tensor = comparison.OPERATORS["ne"](c, 0)
        return made
    if kind != "bool":
        raise RuntimeError(
            "where expected condition to be a boolean tensor, but got a tensor with dtype "
            f"{CALLED[kind]}"
        )
    return c


_MISSING: Any = object()


@public("where", method=False, out=True)
def where(condition: Tensor, input: Any = _MISSING, other: Any = _MISSING) -> Any:
    """Return `input` where `condition` is True and `other` elsewhere.

    Without both, return the indices of what is not 0, one tensor for each axis.

    Raises
    ------
    RuntimeError
        If the condition is no bool tensor or the shapes do not broadcast.

    Examples
    --------
    >>> import tapejit.torch as torch
    >>> torch.where(torch.tensor([True, False]), torch.tensor([1.0, 2.0]), 0.0)
    tensor([1., 0.])
    """
    if input is _MISSING and other is _MISSING:
        from ..spec import spec_of_array
        from ..tensor import leaf_of

        c = tensor_of("where", "condition", 1, condition)
        return tuple(leaf_of(i, spec_of_array(i)) for i in np.nonzero(np.atleast_1d(c._value())))
    if input is _MISSING or other is _MISSING:
        raise TypeError("where() takes a condition alone, or a condition and two operands")
    x, y = operand_of("where", "input", 2, input), operand_of("where", "other", 3, other)
    return _choose(_condition(condition), x, y)


def _where_method(self: Tensor, condition: Tensor, other: Any) -> Any:
    """Return the elements where `condition` is True and `other` elsewhere."""
    return where(condition, self, other)


public("where", function=False)(_where_method)


# ---------------------------------------------------------------- masked_fill


def _fill_node(params: Any, args: Any) -> str:
    return f"MaskedFillBackward{1 if isinstance(args[2], Spec) else 0}"


@op(
    "masked_fill",
    node=_fill_node,
    saves=((1,), (), (1,)),
    resolve=lambda args, params: _fill_resolve(args),
)
def _masked_fill(x: Any, mask: Any, value: Any, *, dtype: str) -> Any:
    """A value where the mask is, the elements elsewhere."""
    return np.where(mask, to(value, dtype), x)


def _fill_resolve(args: tuple[Any, ...]) -> dict[str, Any]:
    check_broadcast(args)
    return {"dtype": args[0].np.name}


_fill_masked = several(_masked_fill)


def _masked_fill_shared(input: Tensor, mask: Tensor, value: Any) -> Any:
    made = masked_fill(input, mask, value)  # checks the arguments
    warn("masked_fill_")
    if tuple(made._spec.shape) != tuple(input._spec.shape):
        return made
    return masked_fill(input, spread(input, mask), value)


@public("masked_fill", inplace=True, shared=_masked_fill_shared)
def masked_fill(input: Tensor, mask: Tensor, value: Any) -> Any:
    """Return the elements with `value` where `mask` is True, in the dtype of `input`.

    Raises
    ------
    RuntimeError
        If the mask is not bool, or the value is a tensor with dimensions.
    """
    x, m = tensor_of("masked_fill", "input", 1, input), tensor_of("masked_fill", "mask", 2, mask)
    if m._spec.np.kind != "b":
        raise RuntimeError(
            "masked_fill_ only supports boolean masks, but got mask with dtype "
            f"{m._spec.dtype.name}"
        )
    v = operand_of("masked_fill", "value", 3, value)
    if isinstance(v, Tensor) and v._spec.ndim:
        raise RuntimeError(
            "masked_fill_ only supports a 0-dimensional value tensor, but got tensor with "
            f"{v._spec.ndim} dimension(s)."
        )
    kind = v._spec.np.kind if isinstance(v, Tensor) else "c" if type(v) is complex else "f"
    if kind == "c" and x._spec.np.kind != "c":
        raise RuntimeError(
            "value cannot be converted to the tensor's dtype without loss of its imaginary part"
        )
    return _fill_masked(x, m, v)
