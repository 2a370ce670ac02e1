"""Routines that move data by positions, read from their own text.

`gather`, `scatter_set` and `scatter_add` of ``kernels.moves`` are written in the subset of Python that
kernels are written in, but for ``x.size`` and ``a += b``. They are read without being imported (which
would import Numba), as functions of pointers and sizes: one LLVM function for each routine and each
combination of kinds, which LLVM may place inside its caller.

Invariant: the text of ``kernels.moves`` is the only definition; Numba's pipeline compiles the same.
"""

from __future__ import annotations

import ast
import functools
from pathlib import Path

from .expressions import expression, index
from .function import Function, Known
from .values import INT, Value

ROUTINES = ("gather", "scatter_set", "scatter_add")
_TEXT = Path(__file__).parents[2] / "kernels" / "moves.py"


class _Plain(ast.NodeTransformer):
    """Write ``x.size`` as a variable and ``a += b`` as ``a = a + b``."""

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        if isinstance(node.value, ast.Name) and node.attr == "size":
            return ast.copy_location(ast.Name(f"{node.value.id}_size", ast.Load()), node)
        return node

    def visit_AugAssign(self, node: ast.AugAssign) -> ast.AST:
        target, value = self.visit(node.target), self.visit(node.value)
        return ast.copy_location(ast.Assign([target], ast.BinOp(target, node.op, value)), node)


@functools.cache
def _texts() -> dict[str, ast.FunctionDef]:
    """Return the routines' functions by name."""
    found: dict[str, ast.FunctionDef] = {}
    for s in ast.parse(_TEXT.read_text(encoding="utf-8")).body:
        if isinstance(s, ast.FunctionDef) and s.name in ROUTINES:
            s.body = s.body[1:]  # without the docstring
            found[s.name] = _Plain().visit(s)
    return found


def read(f: Function, name: str, args: list[ast.expr]) -> None:
    """Append the call of a routine: arrays are ``memory.array(pointer, size)``, all else integers."""
    from .statements import translated

    tree = _texts()[name]
    given: dict[str, Known] = {}
    for parameter, node in zip([a.arg for a in tree.args.args], args, strict=True):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "memory.array":
            pointer, size = node.args
            given[parameter] = expression(f, pointer)
            given[f"{parameter}_size"] = Value(INT, index(f, size))
        else:
            given[parameter] = Value(INT, index(f, node))
    key = (name, *(x.kind.name for x in given.values()))
    callee = f.unit.routines.get(key)
    if callee is None:
        callee = f.unit.routines[key] = translated(f, tree, ".".join(key), given)
    f.enter(callee, given)
