"""Values of kernel code: an LLVM value and its kind, and conversions between kinds of numbers.

Kinds stand for Numba's types, which are looked up only when Numba is asked for something.
"""

from __future__ import annotations

import functools
import struct
from typing import Any, NamedTuple

from llvmlite import ir

I1, I8, I16, I32, I64 = map(ir.IntType, (1, 8, 16, 32, 64))
F32, F64 = ir.FloatType(), ir.DoubleType()
BYTES = I8.as_pointer()
FLAGS = ("contract",)


class Kind:
    """What a value is: a number of a dtype, a pointer to such, or a type that only Numba knows."""

    __slots__ = ("element", "llvm", "name", "numba", "signed")

    def __init__(self, name: str, llvm: Any, signed: bool = False, element: Any = None) -> None:
        self.name, self.llvm, self.signed, self.element = name, llvm, signed, element
        self.numba: Any = None

    def __repr__(self) -> str:
        return self.name


BOOL = Kind("bool", I1)
DOUBLE, SINGLE = Kind("float64", F64, True), Kind("float32", F32, True)
INT = Kind("int64", I64, True)
INT32, INT16, INT8 = Kind("int32", I32, True), Kind("int16", I16, True), Kind("int8", I8, True)
UINT64, UINT32 = Kind("uint64", I64), Kind("uint32", I32)
UINT16, UINT8 = Kind("uint16", I16), Kind("uint8", I8)
COMPLEX128 = Kind("complex128", ir.LiteralStructType([F64, F64]), True)
COMPLEX64 = Kind("complex64", ir.LiteralStructType([F32, F32]), True)
NOTHING = Kind("none", BYTES)
FLOATS = (DOUBLE, SINGLE)
NUMBERS = (BOOL, DOUBLE, SINGLE, INT, INT32, INT16, INT8, UINT64, UINT32, UINT16, UINT8)
"""The kinds whose conversions are written here."""
PARTS = {COMPLEX128: DOUBLE, COMPLEX64: SINGLE}
BY_NAME = {k.name: k for k in (*NUMBERS, *PARTS)}


@functools.cache
def pointer_to(element: Kind) -> Kind:
    """Return the kind of pointers to elements of a kind; truth values lie in memory as bytes."""
    element = UINT8 if element is BOOL else element
    return Kind(f"{element.name}*", element.llvm.as_pointer(), element=element)


class Uncovered(Exception):
    """The text holds something that only Numba's own pipeline compiles."""


class NumbaNeeded(Exception):
    """The text holds a call or operation whose code only Numba has."""


class Value(NamedTuple):
    """An LLVM value and its kind."""

    kind: Kind
    llvm: Any


class Array(NamedTuple):
    """An array argument: the kind of its elements, the pointer to the first, its lengths."""

    kind: Kind
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


def converted(b: Any, x: Value, to: Kind) -> Value:
    """Return a number of one of `NUMBERS` as one of another kind, as C converts it."""
    source, v = x
    if source is to:
        return x
    if is_constant(x):
        c = v.constant
        if to in FLOATS:
            c = float(c)
            return Value(to, ir.Constant(to.llvm, _rounded(c) if to is SINGLE else c))
        if isinstance(c, int) and to is not BOOL:
            low = c & (2**to.llvm.width - 1)
            wraps = to.signed and low >= 2 ** (to.llvm.width - 1)
            return Value(to, ir.Constant(to.llvm, low - 2**to.llvm.width if wraps else low))
    if to is BOOL:
        return truth_of(b, x)
    if source in FLOATS:
        if to in FLOATS:
            return Value(to, b.fpext(v, to.llvm) if to is DOUBLE else b.fptrunc(v, to.llvm))
        return Value(to, b.fptosi(v, to.llvm) if to.signed else b.fptoui(v, to.llvm))
    if to in FLOATS:
        return Value(to, b.sitofp(v, to.llvm) if source.signed else b.uitofp(v, to.llvm))
    if to.llvm.width < v.type.width:
        return Value(to, b.trunc(v, to.llvm))
    if to.llvm.width > v.type.width:
        return Value(to, b.sext(v, to.llvm) if source.signed else b.zext(v, to.llvm))
    return Value(to, v)


def truth_of(b: Any, x: Value) -> Value:
    """Return whether a number is not zero; NaN is true."""
    if x.kind is BOOL:
        return x
    if x.kind in FLOATS:
        return Value(BOOL, b.fcmp_unordered("!=", x.llvm, ir.Constant(x.llvm.type, 0.0)))
    if x.kind in NUMBERS:
        return Value(BOOL, b.icmp_signed("!=", x.llvm, ir.Constant(x.llvm.type, 0)))
    raise Uncovered(f"truth of {x.kind}")
