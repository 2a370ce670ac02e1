"""Chunks of a long nest: ``parallel.run(chunk, n, ...)`` hands them to the pool of threads.

The pool calls a function of a pointer and a number. The pointer is that of a record on the stack of
the kernel, which lives until all chunks have run; it holds what the chunk is given.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Any

from llvmlite import ir

from ...kernels.pool import NAME
from .expressions import expression, index
from .function import FAILURE, Function
from .values import BYTES, I64, INT, Uncovered, Value

Translate = Callable[[Any, ast.FunctionDef, str, dict[str, Any]], Function]


def is_run(node: ast.Call) -> bool:
    """Whether a call is that of ``parallel.run``."""
    f = node.func
    return (
        isinstance(f, ast.Attribute)
        and f.attr == "run"
        and isinstance(f.value, ast.Name)
        and f.value.id == "parallel"
    )


def run(f: Function, args: list[ast.expr], translate: Translate) -> None:
    """Append the run of all chunks."""
    chunk, count, *rest = args
    if not isinstance(chunk, ast.Name) or chunk.id not in f.unit.parts:
        raise Uncovered("chunks by something else than a function of the text")
    tree = f.unit.parts[chunk.id]
    given = [expression(f, a) for a in rest]
    first, *names = [a.arg for a in tree.args.args]
    known = {first: Value(INT, ir.Constant(I64, 0)), **dict(zip(names, given, strict=True))}
    callee = translate(f, tree, chunk.id, known)
    if callee.fails or callee.results:
        raise Uncovered("a chunk that may raise, or returns something")
    record = ir.LiteralStructType([x.llvm.type for x in given])
    kind = ir.FunctionType(ir.VoidType(), [BYTES, I64])
    one = ir.Function(f.unit.module, kind, f"{chunk.id}.of")
    one.linkage = "internal"
    inside = ir.IRBuilder(one.append_basic_block())
    whole = inside.load(inside.bitcast(one.args[0], record.as_pointer()))
    each = [inside.extract_value(whole, j) for j in range(len(given))]
    nowhere = [ir.Constant(BYTES, None), ir.Constant(FAILURE.as_pointer(), None)]
    inside.call(callee.llvm, [*nowhere, one.args[1], *each])
    inside.ret_void()
    b = f.builder
    n = index(f, count)
    slot = f.slot(record)
    packed = ir.Constant(record, ir.Undefined)
    for j, x in enumerate(given):
        packed = b.insert_value(packed, x.llvm, j)
    b.store(packed, slot)
    entry = f.unit.outside(NAME, ir.VoidType(), [BYTES, BYTES, I64])
    b.call(entry, [b.bitcast(one, BYTES), b.bitcast(slot, BYTES), n])
