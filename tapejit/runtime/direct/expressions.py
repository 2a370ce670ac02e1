"""Expressions of kernel text to LLVM instructions.

Floating-point operations may be contracted, nothing else: the flags of kernels. Index arithmetic
does not wrap, for every index lies inside of its array.
"""

from __future__ import annotations

import ast
import operator
from typing import Any

import numpy as np
from llvmlite import ir

from .function import Function
from .values import (
    BOOL,
    DOUBLE,
    FLAGS,
    FLOATS,
    I64,
    INT,
    NUMBERS,
    PARTS,
    UINT64,
    Array,
    Kind,
    Uncovered,
    Value,
    converted,
    double,
    integer,
    is_constant,
    truth,
    truth_of,
)

ARITHMETIC: dict[type, tuple[Any, str, str]] = {
    ast.Add: (operator.add, "fadd", "add"),
    ast.Sub: (operator.sub, "fsub", "sub"),
    ast.Mult: (operator.mul, "fmul", "mul"),
    ast.Div: (operator.truediv, "fdiv", ""),
    ast.FloorDiv: (operator.floordiv, "", ""),
    ast.Mod: (operator.mod, "", ""),
    ast.Pow: (operator.pow, "", ""),
    ast.BitAnd: (operator.and_, "", ""),
    ast.BitOr: (operator.or_, "", ""),
    ast.BitXor: (operator.xor, "", ""),
    ast.LShift: (operator.lshift, "", ""),
    ast.RShift: (operator.rshift, "", ""),
}
LOGIC: dict[type, str] = {ast.BitAnd: "and_", ast.BitOr: "or_", ast.BitXor: "xor"}
COMPARISON: dict[type, tuple[Any, str]] = {
    ast.Eq: (operator.eq, "=="),
    ast.NotEq: (operator.ne, "!="),
    ast.Lt: (operator.lt, "<"),
    ast.LtE: (operator.le, "<="),
    ast.Gt: (operator.gt, ">"),
    ast.GtE: (operator.ge, ">="),
}
UNARY: dict[type, Any] = {
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
    ast.Invert: operator.invert,
}


def common(a: Value, b: Value) -> Kind | None:
    """Return the type in which Numba computes with two numbers, where that is written here."""
    if a.kind is b.kind:
        return a.kind if a.kind in FLOATS or a.kind is INT else None
    kinds = (a.kind, b.kind)
    if all(k in FLOATS or k is INT for k in kinds):
        return DOUBLE  # int64 and float32 meet in double precision
    return None


def expression(f: Function, node: ast.expr) -> Value:
    """Append the code of an expression; return its value."""
    if isinstance(node, ast.Name):
        return _name(f, node)
    if isinstance(node, ast.Constant):
        return _literal(node.value)
    if isinstance(node, ast.BinOp):
        return binary(f, type(node.op), expression(f, node.left), expression(f, node.right))
    if isinstance(node, ast.Call):
        from .calls import call

        return call(f, node)
    if isinstance(node, ast.Subscript):
        return _element(f, node)
    if isinstance(node, ast.Compare):
        return _comparison(f, node)
    if isinstance(node, ast.UnaryOp):
        return _unary(f, node)
    if isinstance(node, ast.IfExp):
        return _choice(f, node)
    if isinstance(node, ast.BoolOp):
        return _both(f, node)
    if isinstance(node, ast.Attribute):
        return _attribute(f, node)
    raise Uncovered(f"an expression {type(node).__name__}")


def _name(f: Function, node: ast.Name) -> Value:
    found = f.read(node.id)
    if isinstance(found, Array):
        raise Uncovered(f"array {node.id} as a value")
    return found


def _literal(x: Any) -> Value:
    if isinstance(x, bool):
        return truth(x)
    if isinstance(x, int):
        return integer(x)
    if isinstance(x, float):
        return double(x)
    raise Uncovered(f"literal {x!r}")


def binary(f: Function, op: type, x: Value, y: Value) -> Value:
    """Append an arithmetic operation."""
    fn, on_float, on_int = ARITHMETIC[op]
    b = f.builder
    if x.kind is y.kind and x.kind in (BOOL, INT) and op in LOGIC:
        return Value(x.kind, getattr(b, LOGIC[op])(x.llvm, y.llvm))
    kind = common(x, y)
    if kind is INT and on_int:
        return Value(INT, getattr(b, on_int)(x.llvm, y.llvm))
    if kind is INT and op is ast.Div:
        kind = DOUBLE
    if kind in FLOATS and on_float:
        u, v = converted(b, x, kind), converted(b, y, kind)
        return Value(kind, getattr(b, on_float)(u.llvm, v.llvm, flags=FLAGS))
    return f.ask(fn, [x, y])


def _comparison(f: Function, node: ast.Compare) -> Value:
    if len(node.ops) != 1:
        raise Uncovered("a chain of comparisons")
    fn, sign = COMPARISON[type(node.ops[0])]
    x, y = expression(f, node.left), expression(f, node.comparators[0])
    return compare(f, fn, sign, x, y)


def compare(f: Function, fn: Any, sign: str, x: Value, y: Value) -> Value:
    """Append a comparison: false where an operand is NaN, but for ``!=``, which is true."""
    b = f.builder
    kind = common(x, y)
    if kind in FLOATS:
        made = b.fcmp_unordered if sign == "!=" else b.fcmp_ordered
        u, v = converted(b, x, kind), converted(b, y, kind)
        return Value(BOOL, made(sign, u.llvm, v.llvm, flags=FLAGS))
    if kind is None and is_small(x.kind) and is_small(y.kind):
        x, y, kind = converted(b, x, INT), converted(b, y, INT), INT
    if kind is INT:
        return Value(BOOL, b.icmp_signed(sign, x.llvm, y.llvm))
    return f.ask(fn, [x, y])


def is_small(kind: Kind) -> bool:
    """Whether all numbers of a type are numbers of int64."""
    return kind in NUMBERS and kind not in FLOATS and kind is not UINT64


def _unary(f: Function, node: ast.UnaryOp) -> Value:
    if isinstance(node.op, ast.USub) and isinstance(node.operand, ast.Constant):
        return _literal(-node.operand.value)  # type: ignore[operator]  # -2**63 is an int64
    x = expression(f, node.operand)
    b = f.builder
    if isinstance(node.op, ast.Not):
        return Value(BOOL, b.not_(truth_of(b, x).llvm))
    if isinstance(node.op, ast.USub):
        if is_constant(x) and x.kind in FLOATS:
            return Value(x.kind, ir.Constant(x.llvm.type, -x.llvm.constant))
        if x.kind in FLOATS:
            return Value(x.kind, b.fneg(x.llvm, flags=FLAGS))
        if x.kind is INT:
            return Value(INT, b.neg(x.llvm))
    return f.ask(UNARY[type(node.op)], [x])


def _attribute(f: Function, node: ast.Attribute) -> Value:
    if isinstance(node.value, ast.Name) and node.value.id == "np" and not f.knows("np"):
        found = getattr(np, node.attr)
        if isinstance(found, float):
            return double(found)
        raise Uncovered(f"np.{node.attr}")
    x = expression(f, node.value)
    if node.attr in ("real", "imag"):
        if x.kind in FLOATS and node.attr == "real":
            return x
        if x.kind in PARTS:
            part = f.builder.extract_value(x.llvm, int(node.attr == "imag"))
            return Value(PARTS[x.kind], part)
    raise Uncovered(f"attribute {node.attr} of {x.kind}")


# ---------------------------------------------------------------- memory


def index(f: Function, node: ast.expr) -> Any:
    """Return a place as a 64-bit integer; its sums and products do not wrap."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, (ast.Add, ast.Mult, ast.Sub)):
        x, y = index(f, node.left), index(f, node.right)
        name = ARITHMETIC[type(node.op)][2]
        return getattr(f.builder, name)(x, y, flags=("nsw",))
    x = expression(f, node)
    if not is_small(x.kind) or x.kind is BOOL:
        raise Uncovered(f"index of type {x.kind}")
    return converted(f.builder, x, INT).llvm


def place(f: Function, node: ast.Subscript) -> tuple[Kind, Any]:
    """Return the kind of an element and the pointer to it."""
    pointer = expression(f, node.value)
    element = pointer.kind.element
    if element is None:
        raise Uncovered(f"an element of {pointer.kind}")
    return element, f.builder.gep(pointer.llvm, [index(f, node.slice)], inbounds=True)


def _element(f: Function, node: ast.Subscript) -> Value:
    if isinstance(node.value, ast.Attribute):
        return _length(f, node)
    if isinstance(node.value, ast.Name) and isinstance(node.slice, ast.Constant):
        holder = f.read(node.value.id)
        if isinstance(holder, Value) and holder.kind.element is None:
            k = int(node.slice.value)  # type: ignore[arg-type]
            kinds = f.numba(f"an element of {holder.kind}").items(holder.kind)
            return Value(kinds[k], f.builder.extract_value(holder.llvm, k))
    element, at = place(f, node)
    return Value(element, f.access(f.builder.load(at)))


def _length(f: Function, node: ast.Subscript) -> Value:
    """Return ``x.shape[k]``."""
    holder = node.value
    assert isinstance(holder, ast.Attribute)
    if holder.attr == "shape" and isinstance(holder.value, ast.Name):
        array = f.read(holder.value.id)
        if isinstance(array, Array) and isinstance(node.slice, ast.Constant):
            return Value(INT, array.shape[int(node.slice.value)])  # type: ignore[arg-type]
    raise Uncovered(f"attribute {holder.attr}")


# ---------------------------------------------------------------- choices


def straight(node: ast.expr) -> bool:
    """Whether an expression is a value that is there already.

    Only then a choice is a selection at once; elsewhere LLVM decides, see ``image._optimise``.
    """
    if isinstance(node, ast.UnaryOp):
        return isinstance(node.op, ast.USub) and isinstance(node.operand, ast.Constant)
    if isinstance(node, ast.Attribute):
        return isinstance(node.value, ast.Name) and node.value.id == "np"
    return isinstance(node, (ast.Name, ast.Constant))


def alike(f: Function, x: Value, y: Value) -> Kind:
    """Return the kind of two values that stand for one."""
    if x.kind is y.kind:
        return x.kind
    kind = common(x, y)
    if kind is None:
        kind = f.numba(f"{x.kind} or {y.kind}").unified(x.kind, y.kind)
    return kind


def _choice(f: Function, node: ast.IfExp) -> Value:
    test = truth_of(f.builder, expression(f, node.test)).llvm
    if straight(node.body) and straight(node.orelse):
        x, y = expression(f, node.body), expression(f, node.orelse)
        kind = alike(f, x, y)
        x, y = f.cast(x, kind), f.cast(y, kind)
        return Value(kind, f.builder.select(test, x.llvm, y.llvm))
    b = f.builder
    then, other, done = f.block(), f.block(), f.block()
    b.cbranch(test, then, other)
    f.move(then)
    x = expression(f, node.body)
    then = b.block
    f.move(other)
    y = expression(f, node.orelse)
    other = b.block
    kind = alike(f, x, y)
    y = f.cast(y, kind)
    b.branch(done)
    f.move(then)
    x = f.cast(x, kind)
    b.branch(done)
    f.move(done)
    phi = b.phi(x.llvm.type)
    phi.add_incoming(x.llvm, then)
    phi.add_incoming(y.llvm, other)
    return Value(kind, phi)


MANY = 8
"""Numbers that are compared in one test without LLVM seeing the single comparisons."""


def _both(f: Function, node: ast.BoolOp) -> Value:
    """Return ``a and b`` of truth values that may all be computed."""
    if len(node.values) >= MANY and isinstance(node.op, ast.Or):
        differs = _differs(f, node.values)
        if differs is not None:
            return differs
    found = None
    for each in node.values:
        x = expression(f, each)
        if x.kind is not BOOL:
            raise Uncovered(f"and, or of {x.kind}")
        join = f.builder.and_ if isinstance(node.op, ast.And) else f.builder.or_
        found = x.llvm if found is None else join(found, x.llvm)
    return Value(BOOL, found)


def _differs(f: Function, tests: list[ast.expr]) -> Value | None:
    """Return ``a != m or b != n or ...`` of integers as (a ^ m) | (b ^ n) | ... != 0; None of others.

    LLVM holds each comparison of a function against all that it knows of the function's parameters:
    for the sizes of 82 arrays that took 0.5 of the 0.7 s of its passes over a network of 20 layers.
    The join is hidden from it, since it would take it apart again.
    """
    b = f.builder
    found = None
    for test in tests:
        if not isinstance(test, ast.Compare) or [type(op) for op in test.ops] != [ast.NotEq]:
            return None
        x, y = expression(f, test.left), expression(f, test.comparators[0])
        if x.kind is not INT or y.kind is not INT:
            return None
        bits = b.xor(x.llvm, y.llvm)
        found = bits if found is None else b.or_(found, bits)
    assert found is not None
    hidden = ir.InlineAsm(ir.FunctionType(I64, [I64]), "", "=r,0", False)
    return Value(BOOL, b.icmp_signed("!=", b.call(hidden, [found]), I64(0)))
