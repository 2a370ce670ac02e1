"""Formulas to LLVM: the small arithmetic language the functions of this package are written in.

A formula is a Python function of a `Format` (float64 or float32) and of `Value` operands.  It is
run once per compilation; every operator it meets appends one LLVM instruction to the function
that Numba is building.  Two reasons lead to this instead of plain jitted code:

* Numba spends about a millisecond of type inference on each Python expression, which makes a
  polynomial of degree twelve more expensive to compile than to think about.  A formula costs
  Numba one call, whatever its length.
* Each instruction is chosen: `fma` where an error term must be exact, `mad` where fusing is only
  an optimisation, `select` instead of a branch.  No fast-math flag is ever set, so nothing is
  reassociated and NaN, infinities and signed zeros keep their meaning.

Straight-line code without calls is what the loop vectoriser wants, so a loop over any of these
functions becomes a loop over SIMD registers.
"""

from __future__ import annotations

import math
import struct
from typing import Any

from llvmlite import ir

from . import lanes

__all__ = ["Format", "Value"]


class Value:
    """An LLVM value with operators: a float, an integer (bit pattern) or a truth value."""

    __slots__ = ("f", "v")

    def __init__(self, f: Format, v: Any) -> None:
        self.f, self.v = f, v

    @property
    def integral(self) -> bool:
        return isinstance(self.v.type, ir.IntType)

    def _binary(self, other: Operand, on_float: str, on_int: str, swap: bool = False) -> Value:
        a, b = self.v, self.f.like(self, other)
        if swap:
            a, b = b, a
        return Value(self.f, getattr(self.f.b, on_int if self.integral else on_float)(a, b))

    def __add__(self, other: Operand) -> Value:
        return self._binary(other, "fadd", "add")

    def __sub__(self, other: Operand) -> Value:
        return self._binary(other, "fsub", "sub")

    def __rsub__(self, other: Operand) -> Value:
        return self._binary(other, "fsub", "sub", swap=True)

    def __mul__(self, other: Operand) -> Value:
        return self._binary(other, "fmul", "mul")

    def __truediv__(self, other: Operand) -> Value:
        return self._binary(other, "fdiv", "sdiv")

    def __rtruediv__(self, other: Operand) -> Value:
        return self._binary(other, "fdiv", "sdiv", swap=True)

    __radd__, __rmul__ = __add__, __mul__

    def __neg__(self) -> Value:
        return Value(self.f, self.f.b.neg(self.v) if self.integral else self.f.b.fneg(self.v))

    def __abs__(self) -> Value:
        return self.f.call("fabs", self)

    def __and__(self, other: Operand) -> Value:
        return self._binary(other, "", "and_")

    def __or__(self, other: Operand) -> Value:
        return self._binary(other, "", "or_")

    def __xor__(self, other: Operand) -> Value:
        return self._binary(other, "", "xor")

    def __invert__(self) -> Value:
        return Value(self.f, self.f.b.not_(self.v))

    def __lshift__(self, count: int) -> Value:
        return self._binary(count, "", "shl")

    def __rshift__(self, count: int) -> Value:
        return self._binary(count, "", "ashr")

    def compare(self, op: str, other: Operand) -> Value:
        """Ordered comparison: false where an operand is NaN (except ``!=``, then true)."""
        b = self.f.like(self, other)
        if self.integral:
            return Value(self.f, self.f.b.icmp_signed(op, self.v, b))
        cmp = self.f.b.fcmp_unordered if op == "!=" else self.f.b.fcmp_ordered
        return Value(self.f, cmp(op, self.v, b))

    def __lt__(self, other: Operand) -> Value:
        return self.compare("<", other)

    def __le__(self, other: Operand) -> Value:
        return self.compare("<=", other)

    def __gt__(self, other: Operand) -> Value:
        return self.compare(">", other)

    def __ge__(self, other: Operand) -> Value:
        return self.compare(">=", other)

    def eq(self, other: Operand) -> Value:
        return self.compare("==", other)

    def ne(self, other: Operand) -> Value:
        return self.compare("!=", other)


Operand = Value | float | int


class Format:
    """One floating-point format, its constants, and an LLVM builder to emit into.

    With `single`, what the processor has a single instruction for (see `lanes`) may be used.
    """

    def __init__(self, name: str, builder: Any = None, single: bool = False) -> None:
        self.name, self.b, self.single = name, builder, single
        self.wide = name == "f64"
        self.digits = 53 if self.wide else 24  # of the significand, the hidden one included
        self.bias = 1023 if self.wide else 127
        self.float_type = ir.DoubleType() if self.wide else ir.FloatType()
        self.int_type = ir.IntType(64 if self.wide else 32)
        self.fraction = self.digits - 1
        self.tiny = math.ldexp(1.0, 1 - self.bias)  # least normal number
        self.magic = math.ldexp(1.5, self.fraction)  # x + magic rounds x to an integer

    def pick(self, f64: Any, f32: Any) -> Any:
        """The argument that belongs to this format."""
        return f64 if self.wide else f32

    def pattern(self, x: float) -> int:
        """Bit pattern of the number `x`, as a signed integer."""
        code = "<dq" if self.wide else "<fi"
        return int(struct.unpack("<" + code[2], struct.pack("<" + code[1], x))[0])

    def like(self, model: Value, x: Operand) -> Any:
        return x.v if isinstance(x, Value) else ir.Constant(model.v.type, x)

    def const(self, x: float) -> Value:
        return Value(self, ir.Constant(self.float_type, float(x)))

    def _float(self, x: Operand) -> Value:
        return x if isinstance(x, Value) else self.const(x)

    def call(self, name: str, *args: Operand) -> Value:
        """The LLVM intrinsic `name` on floats; only those that are single instructions."""
        ty = self.float_type
        fn = self.b.module.declare_intrinsic(
            f"llvm.{name}", [ty], ir.FunctionType(ty, [ty] * len(args))
        )
        return Value(self, self.b.call(fn, [self._float(a).v for a in args]))

    def fma(self, a: Operand, b: Operand, c: Operand) -> Value:
        """``a * b + c`` rounded once, always."""
        return self.call("fma", a, b, c)

    def mad(self, a: Operand, b: Operand, c: Operand) -> Value:
        """``a * b + c``, rounded once where the machine does that faster."""
        return self.call("fmuladd", a, b, c)

    def sqrt(self, x: Value) -> Value:
        return self.call("sqrt", x)

    def rint(self, x: Value) -> Value:
        """Nearest integer, ties to even, for the whole range."""
        return self.call("rint", x)

    def copysign(self, x: Value, sign: Value) -> Value:
        return self.call("copysign", x, sign)

    def select(self, condition: Value, a: Operand, b: Operand) -> Value:
        model = a if isinstance(a, Value) else self._float(b)
        return Value(self, self.b.select(condition.v, self.like(model, a), self.like(model, b)))

    def bits(self, x: Value) -> Value:
        return Value(self, self.b.bitcast(x.v, self.int_type))

    def from_bits(self, n: Value) -> Value:
        return Value(self, self.b.bitcast(n.v, self.float_type))

    def power_of_two(self, n: Value) -> Value:
        """``2**n`` for an integer `n` within the normal exponent range."""
        return self.from_bits((n + self.bias) << self.fraction)

    def lane(self, operation: str, *args: Operand) -> Value:
        """An operation of `lanes`, of which there must be (`single`)."""
        given = [a.v if isinstance(a, Value) else self.const(a).v for a in args]
        return Value(self, lanes.call(self, operation, given))

    def entry(self, table: str, column: int, n: Value) -> Value:
        """The entry of a column of `pieces` that the last four bits of `n` number."""
        return self.lane(f"entry.{table}.{column}", n)

    def to_float(self, n: Value) -> Value:
        """A small integer as a float, by addition (AVX2 cannot convert 64-bit integers)."""
        return self.from_bits(n + self.pattern(self.magic)) - self.magic

    def nearest(self, x: Value) -> tuple[Value, Value]:
        """Nearest integer of a small `x`, as a float and as an integer."""
        t = x + self.magic
        return t - self.magic, self.bits(t) - self.pattern(self.magic)

    def poly(self, x: Value, coefficients: tuple[float, ...]) -> Value:
        """Polynomial with ascending coefficients, by Horner's rule."""
        acc: Operand = coefficients[-1]
        for c in coefficients[-2::-1]:
            acc = self.mad(acc, x, c)
        return self._float(acc)

    def side_by_side(self, x: Value, *polynomials: tuple[float, ...]) -> list[Value]:
        """As `poly` for each, a step of one after a step of the other: so they are computed at once."""
        found: list[Operand] = [c[-1] for c in polynomials]
        for k in range(2, 1 + max(map(len, polynomials))):
            for i, c in enumerate(polynomials):
                if k <= len(c):
                    found[i] = self.mad(found[i], x, c[-k])
        return [self._float(v) for v in found]

    def clamp(self, x: Value, lo: float, hi: float) -> Value:
        """`x` limited to [lo, hi]; NaN passes."""
        y = self.select(x > hi, hi, x)
        return self.select(y < lo, lo, y)  # not x: so each selection is one instruction

    def at_most(self, x: Value, hi: float) -> Value:
        """`x` or `hi`, the smaller; NaN passes."""
        return self.select(x > hi, hi, x)

    def two_product(self, a: Value, b: Operand) -> tuple[Value, Value]:
        """``a * b`` as a rounded product and its exact error."""
        p = a * b
        return p, self.fma(a, b, -p)

    def two_sum(self, a: Operand, b: Operand) -> tuple[Value, Value]:
        """``a + b`` as a rounded sum and its exact error."""
        x, y = self._float(a), self._float(b)
        s = x + y
        t = s - x
        return s, (x - (s - t)) + (y - t)

    def fast_two_sum(self, a: Operand, b: Operand) -> tuple[Value, Value]:
        """As `two_sum`, for ``|a| >= |b|`` or ``a == 0``."""
        x, y = self._float(a), self._float(b)
        s = x + y
        return s, (x - s) + y

    def divide(self, n: Value, n_low: Operand, d: Value, d_low: Value) -> Value:
        """``(n + n_low) / (d + d_low)``, the quotient corrected by its exact remainder."""
        if (
            self.single
        ):  # the inverse is good enough for the correction, and there before the quotient
            q, inverse = n / d, self.lane("inverse", d)
        else:
            inverse = 1.0 / d
            q = n * inverse
        return self.mad(self.fma(-q, d, n) + self.mad(-q, d_low, n_low), inverse, q)
