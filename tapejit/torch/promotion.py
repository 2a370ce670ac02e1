"""Which dtype a result has: a pure function of the operands' dtypes and of what they are.

Dtypes have a *category*: bool < integer < floating < complex. Operands have a *kind*, and a kind
with more dimensions speaks first: tensors with dimensions, then 0-d tensors, then Python numbers.
Within a kind the dtypes meet in their least upper bound, `promote_types`. A later kind is heard
only if its category is higher than what has been said so far; then

    said bool or integer:  the result is what is heard
    said floating:         heard is complex, and the result is the complex dtype with said's parts

so ``ones(2) * tensor(1.0, dtype=float64)`` stays float32, ``ones(2) * 2j`` is complex64, and
``arange(3) * 0.5`` is of the default dtype, which is what a Python float counts as.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache, lru_cache, reduce
from typing import Literal

import numpy as np

from . import dtypes
from .dtypes import dtype, require_dtype

Kind = Literal["tensor", "zero", "number"]
Operand = tuple[dtype, Kind]
KINDS: tuple[Kind, ...] = ("tensor", "zero", "number")

_RANK = {"b": 0, "u": 1, "i": 1, "f": 2, "c": 3}
_WIDE_UNSIGNED = frozenset({dtypes.uint16, dtypes.uint32, dtypes.uint64})
_CALLED = {  # what PyTorch's messages call an element type
    "bool": "Bool",
    "uint8": "Byte",
    "int8": "Char",
    "int16": "Short",
    "int32": "Int",
    "int64": "Long",
    "uint16": "UInt16",
    "uint32": "UInt32",
    "uint64": "UInt64",
    "complex64": "ComplexFloat",
    "complex128": "ComplexDouble",
}


def category(of: dtype) -> int:
    """Return 0 for bool, 1 for integers, 2 for floating point, 3 for complex."""
    return _RANK[of.numpy.kind]


def promote_types(type1: dtype, type2: dtype) -> dtype:
    """Return the smallest dtype of the higher category that holds what both hold.

    An integer beside a floating point dtype does not widen it: int64 and float16 give float16.

    Raises
    ------
    RuntimeError
        If one of uint16, uint32, uint64 meets another dtype that is not floating point.
    TypeError
        If an argument is not a dtype.

    Examples
    --------
    >>> from tapejit.torch.dtypes import float16, int8, int64, uint8
    >>> from tapejit.torch.promotion import promote_types
    >>> promote_types(int8, uint8), promote_types(int64, float16)
    (torch.int16, torch.float16)
    """
    require_dtype("promote_types", "type1", 1, type1)
    require_dtype("promote_types", "type2", 2, type2)
    return _promote_types(type1, type2)


@cache
def _promote_types(a: dtype, b: dtype) -> dtype:
    if a is b:
        return a
    high, low = (a, b) if category(a) >= category(b) else (b, a)
    if high.is_floating_point and category(low) < category(high):
        return high
    if not _WIDE_UNSIGNED.isdisjoint((a, b)):
        raise RuntimeError(
            "Promotion for uint16, uint32, uint64 types is not supported, "
            f"attempted to promote {_CALLED[a.name]} and {_CALLED[b.name]}"
        )
    if category(low) < 2 <= category(high):
        return high
    return dtypes.from_numpy_dtype(np.promote_types(a.numpy, b.numpy))


def number_dtype(number: bool | int | float | complex) -> dtype:
    """Return the dtype that a Python number counts as; floats as the default dtype.

    Raises
    ------
    TypeError
        If it is not a Python number.
    RuntimeError
        If it is complex while the default dtype is float16: there is no complex32 here.
    """
    if isinstance(number, bool):
        return dtypes.bool_
    if isinstance(number, int):
        return dtypes.int64
    if isinstance(number, float):
        return dtypes.get_default_dtype()
    if isinstance(number, complex):
        return dtypes.get_default_dtype().to_complex()
    raise TypeError(f"expected a bool, int, float or complex, not {type(number).__name__}")


def promote(operands: Iterable[Operand]) -> dtype:
    """Return the dtype of an operation's result.

    Parameters
    ----------
    operands : iterable of (dtype, kind)
        `kind` is ``"tensor"`` for one with dimensions, ``"zero"`` for a 0-d tensor, ``"number"``
        for a Python number, whose dtype is `number_dtype` of it.

    Raises
    ------
    RuntimeError
        If there is no such dtype: uint16, uint32, uint64 with bool, other integers or complex, and float16 with a
        complex number, whose result PyTorch makes a complex32.
    ValueError
        If there are no operands or a kind is none of the three.

    Examples
    --------
    >>> from tapejit.torch.dtypes import float32, float64, int64
    >>> from tapejit.torch.promotion import promote
    >>> promote([(float32, "tensor"), (float64, "zero")])
    torch.float32
    >>> promote([(int64, "tensor"), (float64, "zero")])
    torch.float64
    """
    return _promote(tuple(operands))


@lru_cache(maxsize=4096)  # bounded: a stack of n tensors has a key of n operands
def _promote(operands: tuple[Operand, ...]) -> dtype:
    if not operands:
        raise ValueError("no operands: an operation needs one at least to have a dtype")
    for _, kind in operands:
        if kind not in KINDS:
            raise ValueError(f"an operand is a 'tensor', a 'zero' or a 'number', not {kind!r}")
    # Later kinds among themselves first: a 0-d tensor hears the numbers before a tensor hears it.
    # So a bool tensor, a 0-d int8 and an int 3 give int8, not int64.
    said: dtype | None = None
    for kind in reversed(KINDS):
        own = [of for of, its in operands if its == kind]
        if own:
            said = _hear(reduce(_promote_types, own), said)
    assert said is not None
    return said


def _hear(said: dtype, heard: dtype | None) -> dtype:
    """Return what a kind's dtype becomes when it meets the kinds after it."""
    if heard is None or category(heard) <= category(said):
        return said
    if said.is_floating_point:
        return said.to_complex()
    # A bool tensor and a 0-d uint16 raise, as two tensors of these dtypes do; a uint16 tensor and a
    # 0-d complex64 give complex64, though two tensors raise. PyTorch does both.
    return _promote_types(said, heard) if category(said) == 0 else heard


def can_cast(from_: dtype, to: dtype) -> bool:
    """Return whether a result may be written into memory of another dtype: no category is lost.

    Sizes do not count, nor signs: float64 to float16 and int8 to uint8 are allowed.

    Examples
    --------
    >>> from tapejit.torch.dtypes import float32, float64, int64
    >>> from tapejit.torch.promotion import can_cast
    >>> can_cast(float64, float32), can_cast(float32, int64)
    (True, False)
    """
    require_dtype("can_cast", "from_", 1, from_)
    require_dtype("can_cast", "to", 2, to)
    return category(from_) <= category(to)
