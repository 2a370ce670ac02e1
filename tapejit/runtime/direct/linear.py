"""Products of matrices: calls of BLAS by name, and tiny ones written out.

The functions are those of NumPy's own BLAS where it has one, else the C entry points of Numba, as in
``kernels.blas``, which is the same for Numba's pipeline. Storage is column-major.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir

from ...kernels.products import small_product
from ..native.blas import PREFIX, address_of
from ..native.blas import SUFFIX as END
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
    PARTS,
    SINGLE,
    Kind,
    Uncovered,
    Value,
)

LETTERS = {DOUBLE: "d", SINGLE: "s", COMPLEX128: "z", COMPLEX64: "c"}
COLUMNS, AS_IT_IS, TRANSPOSED = 102, 111, 112
"""CblasColMajor, CblasNoTrans, CblasTrans."""
SUFFIX = {"f64": DOUBLE, "f32": SINGLE, "c128": COMPLEX128, "c64": COMPLEX64}


def tiny(f: Function, numbers: list[int], args: list[Value]) -> None:
    """Append the product of small matrices of these sizes and strides."""
    kinds = {x.kind for x in args}
    if len(kinds) != 1 or args[0].kind.element is None:
        raise Uncovered(f"a product of {kinds}")
    f.unit.tiny = True
    small_product(f.builder, numbers, *(x.llvm for x in args))


def by_rows(f: Function, name: str, args: list[Value]) -> None:
    """Append the product of a block of rows whose kind and columns the name says."""
    from ...kernels.rows import KINDS, function

    _, what, kind, columns = name.split("_")
    n, x, ld, y, out = args
    if any(p.kind.element is not SUFFIX[kind] for p in (x, y, out)) or n.kind is not ld.kind:
        raise Uncovered(f"a product of {[a.kind for a in args]}")
    fn = function(f.unit.module, what, kind, int(columns))
    assert KINDS[kind] == SUFFIX[kind].llvm
    f.builder.call(fn, [a.llvm for a in args])


def _operand(f: Function, x: Value, role: str, kind: Kind, own: bool) -> Any:
    """Return an operand in its role: a flag, an integer, a factor, a pointer."""
    b = f.builder
    if role == "p" and x.kind.element is kind:
        return b.bitcast(x.llvm, BYTES)
    if role == "n" and x.kind is kind:
        if own and kind not in PARTS:
            return x.llvm
        slot = f.slot(x.llvm.type)
        b.store(x.llvm, slot)
        return b.bitcast(slot, BYTES)
    if role in "ti" and x.kind is INT:
        if role == "i":
            return x.llvm
        yes, no = (I32(TRANSPOSED), I32(AS_IT_IS)) if own else (I8(ord("t")), I8(ord("n")))
        return b.select(b.icmp_signed("!=", x.llvm, I64(0)), yes, no)
    raise Uncovered(f"{x.kind} where BLAS takes another kind")


def _call(name: str, roles: str, kind: Kind) -> Callable[[Function, list[Value]], None]:
    letter = LETTERS[kind]
    entry = f"{PREFIX}{letter}{name}{END}"

    def call(f: Function, args: list[Value]) -> None:
        own = address_of(entry) is not None
        given = [_operand(f, x, r, kind, own) for x, r in zip(args, roles, strict=True)]
        if own:
            if name == "gemv":  # elements of vectors lie side by side
                given = [*given[:7], I64(1), *given[7:], I64(1)]
            given.insert(0, I32(COLUMNS))
        else:
            given.insert(0, I8(ord(letter)))
        symbol, result = (entry, ir.VoidType()) if own else (f"numba_xx{name}", I32)
        fn = f.unit.outside(symbol, result, [v.type for v in given])
        f.builder.call(fn, given)

    return call


LINEAR = {
    f"blas.{name}_{suffix}": _call(name, roles, kind)
    for name, roles in (("gemm", "ttiiinpipinpi"), ("gemv", "tiinpipnp"))
    for suffix, kind in SUFFIX.items()
}
