"""Values of kernel code: an LLVM value with the Numba type it has, and conversions between them."""

from __future__ import annotations

import struct
from typing import Any, NamedTuple

from llvmlite import ir
from numba.core import errors, types

I1, I8, I32, I64 = ir.IntType(1), ir.IntType(8), ir.IntType(32), ir.IntType(64)
F32, F64 = ir.FloatType(), ir.DoubleType()
FLAGS = ("contract",)
BOOL, INT, DOUBLE, SINGLE = types.boolean, types.int64, types.float64, types.float32
FLOATS = (DOUBLE, SINGLE)
LLVM: dict[Any, Any] = {
    BOOL: I1, DOUBLE: F64, SINGLE: F32,
    types.int64: I64, types.int32: I32, types.int16: ir.IntType(16), types.int8: I8,
    types.uint64: I64, types.uint32: I32, types.uint16: ir.IntType(16), types.uint8: I8,
}  # fmt: skip
"""The types whose arithmetic is written here; LLVM's type of each."""


class Uncovered(errors.NumbaError):  # type: ignore[misc]
    """The text holds something that only Numba's own pipeline compiles."""


class Value(NamedTuple):
    """An LLVM value and its Numba type."""

    type: Any
    llvm: Any


class Array(NamedTuple):
    """An array argument: its type, the pointer to its first element, its lengths."""

    type: Any
    data: Any
    shape: tuple[Any, ...]


def integer(x: int) -> Value:
    """Return an integer literal."""
    if not -(2**63) <= x < 2**63:
        raise Uncovered(f"integer {x}")
    return Value(INT, ir.Constant(I64, x))


def double(x: float) -> Value:
    """Return a literal of double precision."""
    return Value(DOUBLE, ir.Constant(F64, x))


def truth(x: bool) -> Value:
    """Return a truth value."""
    return Value(BOOL, ir.Constant(I1, int(x)))


def is_constant(x: Value) -> bool:
    """Whether a value is a number known now."""
    return isinstance(x.llvm, ir.Constant) and isinstance(x.llvm.constant, (int, float))


def _rounded(x: float) -> float:
    """Return the nearest number of single precision; infinite where it is too large."""
    try:
        return float(struct.unpack("<f", struct.pack("<f", x))[0])
    except OverflowError:
        return float("inf") if x > 0 else float("-inf")


def converted(b: Any, x: Value, to: Any) -> Value:
    """Return a number of one of the types of `LLVM` as one of another, as C converts it."""
    source = x.type
    if source is to:
        return x
    kind = LLVM[to]
    if is_constant(x):
        c = x.llvm.constant
        if to is SINGLE:
            return Value(to, ir.Constant(kind, _rounded(float(c))))
        if to is DOUBLE:
            return Value(to, ir.Constant(kind, float(c)))
        if isinstance(c, int) and to is not BOOL:
            low = c & (2**kind.width - 1)
            signed = to.signed and low >= 2 ** (kind.width - 1)
            return Value(to, ir.Constant(kind, low - 2**kind.width if signed else low))
    v = x.llvm
    if to is BOOL:
        return truth_of(b, x)
    if source in FLOATS:
        if to in FLOATS:
            return Value(to, b.fpext(v, kind) if to is DOUBLE else b.fptrunc(v, kind))
        return Value(to, b.fptosi(v, kind) if to.signed else b.fptoui(v, kind))
    signed = source is not BOOL and source.signed
    if to in FLOATS:
        return Value(to, b.sitofp(v, kind) if signed else b.uitofp(v, kind))
    if kind.width < v.type.width:
        return Value(to, b.trunc(v, kind))
    if kind.width > v.type.width:
        return Value(to, b.sext(v, kind) if signed else b.zext(v, kind))
    return Value(to, v)


def truth_of(b: Any, x: Value) -> Value:
    """Return whether a number is not zero; NaN is true."""
    if x.type is BOOL:
        return x
    if x.type in FLOATS:
        return Value(BOOL, b.fcmp_unordered("!=", x.llvm, ir.Constant(x.llvm.type, 0.0)))
    if x.type in LLVM:
        return Value(BOOL, b.icmp_signed("!=", x.llvm, ir.Constant(x.llvm.type, 0)))
    raise Uncovered(f"truth of {x.type}")
