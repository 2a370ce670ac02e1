"""Calls that have code of their own here; all others are asked of Numba."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir
from numba.core import types
from numba.np import numpy_support

from ...kernels.vmath.emit import Format
from ...kernels.vmath.emit import Value as Operand
from ...kernels.vmath.publish import FORMULAS
from .expressions import compare, expression, index, is_pointer
from .function import Function
from .values import BOOL, DOUBLE, FLAGS, FLOATS, INT, LLVM, SINGLE, Array, Uncovered, Value

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
    target = _object(f, name)
    return f.ask(target, [expression(f, a) for a in node.args])


def named(node: ast.expr) -> str:
    """Return ``a.b`` of the expression a.b."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        return f"{named(node.value)}.{node.attr}"
    raise Uncovered("a call of a computed function")


def _object(f: Function, name: str) -> Any:
    """Return what a dotted name means in the module of the text."""
    first, *rest = name.split(".")
    if f.knows(first):
        raise Uncovered(f"a call of the variable {first}")
    space = f.unit.names
    if first in space:
        found = space[first]
    else:
        builtin = space["__builtins__"]
        builtin = builtin if isinstance(builtin, dict) else vars(builtin)
        if first not in builtin:
            raise Uncovered(f"{first} is not known")
        found = builtin[first]
    for attr in rest:
        found = getattr(found, attr)
    return found


def _formula(f: Function, name: str, args: list[ast.expr]) -> Value:
    """A function of ``vmath``: one LLVM function a kernel, placed inside its callers."""
    wide = name.endswith("_f64")
    kind = DOUBLE if wide else SINGLE
    values = [f.cast(expression(f, a), kind).llvm for a in args]
    made = f.unit.formulas.get(name)
    if made is None:
        formula = FORMULAS[name]
        ty = LLVM[kind]
        made = ir.Function(f.unit.module, ir.FunctionType(ty, [ty] * len(args)), f"vmath.{name}")
        made.linkage = "internal"
        for attribute in ("alwaysinline", "nounwind"):
            made.attributes.add(attribute)
        inner = ir.IRBuilder(made.append_basic_block())
        form = Format(name[-3:], inner)
        inner.ret(formula(form, *(Operand(form, a) for a in made.args)).v)
        f.unit.formulas[name] = made
    return Value(kind, f.builder.call(made, values))


# ---------------------------------------------------------------- memory

_POINTERS: dict[Any, Any] = {}


def pointer_to(element: Any) -> Any:
    """Return the type of pointers to elements of a type."""
    found = _POINTERS.get(element)
    if found is None:
        found = _POINTERS[element] = types.CPointer(element)
    return found


def _flat(f: Function, args: list[ast.expr]) -> Value | None:
    if not isinstance(args[0], ast.Name):
        return None
    array = f.read(args[0].id)
    if not isinstance(array, Array):
        return None
    element = types.uint8 if array.type.dtype == BOOL else array.type.dtype
    kind = pointer_to(element)
    to = f.unit.context.get_value_type(kind)
    return Value(kind, f.builder.bitcast(array.data, to))


def _carve(element: Any) -> Maker:
    def carve(f: Function, args: list[ast.expr]) -> Value:
        ws = expression(f, args[0])
        b = f.builder
        at = b.gep(ws.llvm, [index(f, args[1])], inbounds=True)
        kind = pointer_to(element)
        return Value(kind, b.bitcast(at, f.unit.context.get_value_type(kind)))

    return carve


def _shift(f: Function, args: list[ast.expr]) -> Value:
    p = expression(f, args[0])
    if not is_pointer(p):
        raise Uncovered(f"shift of {p.type}")
    return Value(p.type, f.builder.gep(p.llvm, [index(f, args[1])], inbounds=True))


# ---------------------------------------------------------------- numbers


def _fold(on_float: str) -> Maker:
    def fold(f: Function, args: list[ast.expr]) -> Value | None:
        x, y = (expression(f, a) for a in args)
        if x.type in FLOATS and x.type is y.type:
            made = getattr(f.builder, on_float)(x.llvm, y.llvm, flags=("reassoc", "contract"))
            return Value(x.type, made)
        name = "fold_add" if on_float == "fadd" else "fold_mul"
        return f.ask(f.unit.names[name], [x, y])

    return fold


def _one(intrinsic: str) -> Maker:
    def one(f: Function, args: list[ast.expr]) -> Value:
        x = expression(f, args[0])
        if x.type not in FLOATS:
            return f.ask(abs if intrinsic == "fabs" else np.sqrt, [x])
        ty = x.llvm.type
        fn = f.unit.module.declare_intrinsic(f"llvm.{intrinsic}", [ty], ir.FunctionType(ty, [ty]))
        return Value(x.type, f.builder.call(fn, [x.llvm], fastmath=FLAGS))

    return one


def _number(name: str) -> Maker:
    """``np.float64(x)`` and its like."""
    kind = numpy_support.from_dtype(np.dtype(name))

    def cast(f: Function, args: list[ast.expr]) -> Value:
        x = _big(args[0], kind) or expression(f, args[0])
        if x.type in LLVM and not (x.type in FLOATS and kind not in FLOATS and kind is not INT):
            return f.cast(x, kind)
        return f.ask(getattr(np, name), [x])

    return cast


def _big(node: ast.expr, kind: Any) -> Value | None:
    """Return an unsigned literal above 2**63, which is no int64."""
    if kind is types.uint64 and isinstance(node, ast.Constant) and type(node.value) is int:
        return Value(kind, ir.Constant(LLVM[kind], node.value))
    return None


def _extreme(sign: str) -> Maker:
    def extreme(f: Function, args: list[ast.expr]) -> Value:
        x, y = (expression(f, a) for a in args)
        if x.type is not INT or y.type is not INT:
            return f.ask(min if sign == "<" else max, [x, y])
        first = compare(f, None, sign, x, y)
        return Value(INT, f.builder.select(first.llvm, x.llvm, y.llvm))

    return extreme


MAKERS: dict[str, Maker] = {
    "memory.flat": _flat,
    "memory.shift": _shift,
    "fold_add": _fold("fadd"),
    "fold_mul": _fold("fmul"),
    "abs": _one("fabs"),
    "np.sqrt": _one("sqrt"),
    "min": _extreme("<"),
    "max": _extreme(">"),
}
for _suffix, _dtype in (
    ("f64", "float64"), ("f32", "float32"), ("c128", "complex128"), ("c64", "complex64"),
    ("i64", "int64"), ("i32", "int32"), ("i16", "int16"), ("i8", "int8"),
    ("u64", "uint64"), ("u32", "uint32"), ("u16", "uint16"), ("u8", "uint8"), ("b1", "uint8"),
):  # fmt: skip
    MAKERS[f"memory.carve_{_suffix}"] = _carve(numpy_support.from_dtype(np.dtype(_dtype)))
    if _suffix[0] in "fiu":
        MAKERS[f"np.{_dtype}"] = _number(_dtype)
