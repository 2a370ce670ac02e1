"""Products of matrices: calls of BLAS by name, and tiny ones written out.

The C entry points are Numba's, as in ``kernels.blas``, which is the same for Numba's pipeline.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...kernels.products import small_product
from .function import Function
from .values import (
    BYTES,
    COMPLEX64,
    COMPLEX128,
    DOUBLE,
    I8,
    I32,
    I64,
    INT,
    SINGLE,
    Kind,
    Uncovered,
    Value,
)

LETTERS = {DOUBLE: "d", SINGLE: "s", COMPLEX128: "z", COMPLEX64: "c"}
SUFFIX = {"f64": DOUBLE, "f32": SINGLE, "c128": COMPLEX128, "c64": COMPLEX64}


def tiny(f: Function, numbers: list[int], args: list[Value]) -> None:
    """Append the product of small matrices of these sizes and strides."""
    kinds = {x.kind for x in args}
    if len(kinds) != 1 or args[0].kind.element is None:
        raise Uncovered(f"a product of {kinds}")
    small_product(f.builder, numbers, *(x.llvm for x in args))


def _flag(b: Any, x: Value) -> Any:
    """Return 't' where `x` is not zero, else 'n'."""
    return b.select(b.icmp_signed("!=", x.llvm, x.llvm.type(0)), I8(ord("t")), I8(ord("n")))


def _operand(f: Function, x: Value, role: str, kind: Kind) -> Any:
    """Return an operand in its role: a flag, an integer, a number by reference, a pointer."""
    b = f.builder
    if role == "p" and x.kind.element is kind:
        return b.bitcast(x.llvm, BYTES)
    if role == "n" and x.kind is kind:
        slot = f.slot(x.llvm.type)
        b.store(x.llvm, slot)
        return b.bitcast(slot, BYTES)
    if role in "ti" and x.kind is INT:
        return _flag(b, x) if role == "t" else x.llvm
    raise Uncovered(f"{x.kind} where BLAS takes another kind")


def _call(entry: str, roles: str, kind: Kind) -> Callable[[Function, list[Value]], None]:
    types = [I8, *({"t": I8, "i": I64}.get(r, BYTES) for r in roles)]

    def call(f: Function, args: list[Value]) -> None:
        given = [_operand(f, x, r, kind) for x, r in zip(args, roles, strict=True)]
        fn = f.unit.outside(entry, I32, types)
        f.builder.call(fn, [I8(ord(LETTERS[kind])), *given])

    return call


LINEAR = {
    f"blas.{name}_{suffix}": _call(f"numba_xx{name}", roles, kind)
    for name, roles in (("gemm", "ttiiinpipinpi"), ("gemv", "tiinpipnp"))
    for suffix, kind in SUFFIX.items()
}
