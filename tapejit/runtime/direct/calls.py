"""Calls that have code of their own here; all others are asked of Numba."""

from __future__ import annotations

import ast
import pickle
from collections.abc import Callable
from typing import Any

from llvmlite import ir

from .expressions import alike, compare, expression, index
from .function import Function
from .linear import LINEAR, by_rows, tiny
from .positions import refuse, window_start, wrap_index
from .reading import ROUTINES, read
from .values import (
    BOOL,
    BY_NAME,
    BYTES,
    DOUBLE,
    FLAGS,
    FLOATS,
    I1,
    I64,
    INT,
    NOTHING,
    NUMBERS,
    SINGLE,
    UINT8,
    UINT64,
    Array,
    Kind,
    Uncovered,
    Value,
    pointer_to,
    truth_of,
)
from .wholes import whole_quotient, whole_remainder

DTYPES = {
    "f64": "float64", "f32": "float32", "c128": "complex128", "c64": "complex64",
    "i64": "int64", "i32": "int32", "i16": "int16", "i8": "int8",
    "u64": "uint64", "u32": "uint32", "u16": "uint16", "u8": "uint8", "b1": "uint8",
}  # fmt: skip
Maker = Callable[[Function, list[ast.expr]], Value | None]


def call(f: Function, node: ast.Call) -> Value:
    """Append a call."""
    if node.keywords:
        raise Uncovered("arguments by name")
    name = named(node.func)
    maker = MAKERS.get(name)
    if maker is not None:
        found = maker(f, node.args)
        if found is not None:
            return found
    if name.startswith("vmath."):
        return _formula(f, name.removeprefix("vmath."), node.args)
    if name in LINEAR:
        LINEAR[name](f, [expression(f, a) for a in node.args])
        return _nothing()
    if name.startswith("routines.") and name.removeprefix("routines.") in ROUTINES:
        read(f, name.removeprefix("routines."), node.args)
        return _nothing()
    if name.startswith("product_"):
        return _tiny(f, name, node.args)
    if name.startswith("rows_"):
        by_rows(f, name, [expression(f, a) for a in node.args])
        return _nothing()
    if name.startswith("local_"):
        return _local(f, name)
    return asked(f, name, [expression(f, a) for a in node.args])


def named(node: ast.expr) -> str:
    """Return ``a.b`` of the expression a.b."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        return f"{named(node.value)}.{node.attr}"
    raise Uncovered("a call of a computed function")


def asked(f: Function, name: str, args: list[Value]) -> Value:
    """Append a call of what a dotted name means in the module of the text."""
    first, *rest = name.split(".")
    if f.knows(first):
        raise Uncovered(f"a call of the variable {first}")
    space = f.numba(name).names
    if first not in space:
        builtin = space["__builtins__"]
        space = builtin if isinstance(builtin, dict) else vars(builtin)
        if first not in space:
            raise Uncovered(f"{first} is not known")
    found = space[first]
    for attr in rest:
        found = getattr(found, attr)
    return f.ask(found, args)


def _nothing() -> Value:
    return Value(NOTHING, ir.Constant(BYTES, None))


OFTEN = 16
"""Calls of one function of `vmath` on straight lines that are placed inside; further ones are calls.

Vectors are made in loops only. 400 hyperbolic tangents in a row are 30,000 instructions when each is
placed inside its caller."""


def _formula(f: Function, name: str, args: list[ast.expr]) -> Value:
    """A function of ``vmath``: one LLVM function a kernel, placed inside its callers where that pays."""
    kind = DOUBLE if name.endswith("_f64") else SINGLE
    values = [f.cast(expression(f, a), kind).llvm for a in args]
    inside = True
    if not f.leave:
        f.unit.straight[name] = f.unit.straight.get(name, 0) + 1
        inside = f.unit.straight[name] <= OFTEN
    made = f.unit.formulas.get((name, inside))
    if made is None:
        # 4 ms, for kernels that call one
        from ...kernels.vmath import FORMULAS
        from ...kernels.vmath.emit import Format
        from ...kernels.vmath.emit import Value as Operand

        ty = kind.llvm
        symbol = f"vmath.{name}" if inside else f"vmath.called.{name}"
        made = ir.Function(f.unit.module, ir.FunctionType(ty, [ty] * len(args)), symbol)
        made.linkage = "internal"
        for attribute in ("alwaysinline" if inside else "noinline", "nounwind"):
            made.attributes.add(attribute)
        inner = ir.IRBuilder(made.append_basic_block())
        form = Format(name[-3:], inner, f.unit.lanes())
        inner.ret(FORMULAS[name](form, *(Operand(form, a) for a in made.args)).v)
        f.unit.formulas[name, inside] = made
    return Value(kind, f.builder.call(made, values))


def _tiny(f: Function, name: str, args: list[ast.expr]) -> Value:
    """The product of two small matrices, whose sizes and strides the name says."""
    numbers = [int(n) for n in name.split("_")[1:]]
    tiny(f, numbers, [expression(f, a) for a in args])
    return _nothing()


# ---------------------------------------------------------------- memory

_FULL = pickle.dumps((MemoryError, ("Allocation failed (probably too large).",), None))


def _flat(f: Function, args: list[ast.expr]) -> Value:
    array = f.read(args[0].id) if isinstance(args[0], ast.Name) else None
    if not isinstance(array, Array):
        raise Uncovered("memory of something else than an argument")
    kind = pointer_to(array.kind)
    return Value(kind, f.builder.bitcast(array.data, kind.llvm))


def _fresh(f: Function, size: Any) -> Any:
    """Return the pointer to fresh bytes; raises where there are none."""
    b = f.builder
    allocator = f.unit.outside("NRT_Allocate", BYTES, [I64])
    allocator.return_value.add_attribute("noalias")
    at = b.call(allocator, [size])
    refuse(f, b.icmp_unsigned("==", at, ir.Constant(BYTES, None)), _FULL)
    return at


def _allocate(f: Function, args: list[ast.expr]) -> Value:
    return Value(pointer_to(UINT8), _fresh(f, index(f, args[0])))


def _free(f: Function, at: Any) -> None:
    void = ir.VoidType()
    f.builder.call(f.unit.outside("NRT_Free", void, [BYTES]), [f.builder.bitcast(at, BYTES)])


def _release(f: Function, args: list[ast.expr]) -> Value:
    _free(f, expression(f, args[0]).llvm)
    return _nothing()


def _grow(f: Function, args: list[ast.expr]) -> Value:
    old = expression(f, args[0])
    used, size = index(f, args[1]), index(f, args[2])
    b = f.builder
    at = _fresh(f, size)
    copy = f.unit.module.declare_intrinsic("llvm.memcpy", [BYTES, BYTES, I64])
    b.call(copy, [at, b.bitcast(old.llvm, BYTES), used, I1(0)])
    _free(f, old.llvm)
    return Value(old.kind, b.bitcast(at, old.kind.llvm))


def _last_nonzero(f: Function, args: list[ast.expr]) -> Value:
    p = expression(f, args[0])
    if p.kind.element not in FLOATS:
        raise Uncovered(f"a search in {p.kind}")
    from ...kernels.searching import search

    return Value(INT, search(f.builder, p.llvm, index(f, args[1])))


def _same(f: Function, args: list[ast.expr]) -> Value:
    x, y = (expression(f, a) for a in args)
    return Value(BOOL, f.builder.icmp_unsigned("==", x.llvm, y.llvm))


def _carve(element: Kind) -> Maker:
    kind = pointer_to(element)

    def carve(f: Function, args: list[ast.expr]) -> Value:
        ws = expression(f, args[0])
        at = f.builder.gep(ws.llvm, [index(f, args[1])], inbounds=True)
        return Value(kind, f.builder.bitcast(at, kind.llvm))

    return carve


def _local(f: Function, name: str) -> Value:
    """An array on the stack, whose elements the name says: it lives as long as the call of `f`."""
    _, suffix, size = name.split("_")
    element = BY_NAME[DTYPES[suffix]]
    kind = pointer_to(element)
    slot = f.slot(ir.ArrayType(kind.element.llvm, int(size)), name)
    slot.align = 64
    return Value(kind, f.builder.bitcast(slot, kind.llvm))


def _shift(f: Function, args: list[ast.expr]) -> Value:
    p = expression(f, args[0])
    if p.kind.element is None:
        raise Uncovered(f"shift of {p.kind}")
    return Value(p.kind, f.builder.gep(p.llvm, [index(f, args[1])], inbounds=True))


# ---------------------------------------------------------------- numbers


def _fold(on_float: str, name: str) -> Maker:
    def fold(f: Function, args: list[ast.expr]) -> Value:
        x, y = (expression(f, a) for a in args)
        if x.kind in FLOATS and x.kind is y.kind:
            made = getattr(f.builder, on_float)(x.llvm, y.llvm, flags=("reassoc", "contract"))
            return Value(x.kind, made)
        if x.kind is INT and y.kind is INT:
            return Value(INT, getattr(f.builder, on_float[1:])(x.llvm, y.llvm))
        return asked(f, name, [x, y])

    return fold


def _extreme_of(name: str, sign: str) -> Maker:
    """The greater or lesser of two numbers, NaN when one is; of zeros either (`memory._extreme`)."""

    def extreme(f: Function, args: list[ast.expr]) -> Value:
        x, y = (expression(f, a) for a in args)
        if x.kind is y.kind and x.kind in FLOATS:
            ty = x.kind.llvm
            declared = ir.FunctionType(ty, [ty, ty])
            fn = f.unit.module.declare_intrinsic(f"llvm.{name}", [ty], declared)
            return Value(x.kind, f.builder.call(fn, [x.llvm, y.llvm], fastmath=("nsz",)))
        if x.kind is INT and y.kind is INT:
            found = compare(f, None, sign, y, x)
            return Value(INT, f.builder.select(found.llvm, y.llvm, x.llvm))
        return asked(f, f"memory.fold_{name[:3]}", [x, y])

    return extreme


def _intrinsic(name: str, source: str) -> Maker:
    """A function of floats that is one instruction and exact, or rounded once."""

    def one(f: Function, args: list[ast.expr]) -> Value:
        given = [expression(f, a) for a in args]
        kind = given[0].kind
        if kind not in FLOATS or any(x.kind is not kind for x in given):
            return asked(f, source, given)
        ty = kind.llvm
        declared = ir.FunctionType(ty, [ty] * len(given))
        fn = f.unit.module.declare_intrinsic(f"llvm.{name}", [ty], declared)
        return Value(kind, f.builder.call(fn, [x.llvm for x in given], fastmath=FLAGS))

    return one


def _number(name: str) -> Maker:
    """``np.float64(x)`` and its like."""
    kind = BY_NAME[name]

    def cast(f: Function, args: list[ast.expr]) -> Value:
        x = _big(args[0], kind) or expression(f, args[0])
        if x.kind in NUMBERS and not (x.kind in FLOATS and kind not in FLOATS and kind is not INT):
            return f.cast(x, kind)
        return asked(f, f"np.{name}", [x])

    return cast


def _big(node: ast.expr, kind: Kind) -> Value | None:
    """Return an unsigned literal above 2**63, which is no int64."""
    if kind is UINT64 and isinstance(node, ast.Constant) and type(node.value) is int:
        return Value(kind, ir.Constant(kind.llvm, node.value))
    return None


def _select(f: Function, args: list[ast.expr]) -> Value:
    """One of two values, both computed."""
    flag, x, y = (expression(f, a) for a in args)
    kind = alike(f, x, y)
    test = truth_of(f.builder, flag).llvm
    return Value(kind, f.builder.select(test, f.cast(x, kind).llvm, f.cast(y, kind).llvm))


def _extreme(sign: str) -> Maker:
    def extreme(f: Function, args: list[ast.expr]) -> Value:
        x, y = (expression(f, a) for a in args)
        if x.kind is not INT or y.kind is not INT:
            return asked(f, "min" if sign == "<" else "max", [x, y])
        first = compare(f, None, sign, x, y)
        return Value(INT, f.builder.select(first.llvm, x.llvm, y.llvm))

    return extreme


MAKERS: dict[str, Maker] = {
    "routines.wrap_index": wrap_index,
    "routines.window_start": window_start,
    "routines.whole_quotient": whole_quotient,
    "routines.whole_remainder": whole_remainder,
    "memory.flat": _flat,
    "memory.allocate": _allocate,
    "memory.release": _release,
    "memory.grow": _grow,
    "memory.same": _same,
    "memory.last_nonzero": _last_nonzero,
    "memory.shift": _shift,
    "fold_add": _fold("fadd", "fold_add"),
    "fold_mul": _fold("fmul", "fold_mul"),
    "memory.fold_max": _extreme_of("maximum", ">"),
    "memory.fold_min": _extreme_of("minimum", "<"),
    "abs": _intrinsic("fabs", "abs"),
    "np.sqrt": _intrinsic("sqrt", "np.sqrt"),
    "np.floor": _intrinsic("floor", "np.floor"),
    "np.ceil": _intrinsic("ceil", "np.ceil"),
    "np.trunc": _intrinsic("trunc", "np.trunc"),
    "np.copysign": _intrinsic("copysign", "np.copysign"),
    "select": _select,
    "min": _extreme("<"),
    "max": _extreme(">"),
}
for _suffix, _dtype in DTYPES.items():
    MAKERS[f"memory.carve_{_suffix}"] = _carve(BY_NAME[_dtype])
    if _suffix[0] in "fiu":
        MAKERS[f"np.{_dtype}"] = _number(_dtype)
