"""Operators as calls of the staging object, for runs on symbolic sizes alone.

``0.5 * n`` and ``1e3 < n`` are answered by the float on their left, which takes a symbolic size for its
digits: nobody would know that the result depends on it.
"""

from __future__ import annotations

import ast

from .build import load, placed, staged

_BINARY: dict[type[ast.operator], str] = {
    ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.FloorDiv: "//", ast.Mod: "%",
    ast.Pow: "**", ast.MatMult: "@", ast.BitAnd: "&", ast.BitOr: "|", ast.BitXor: "^",
    ast.LShift: "<<", ast.RShift: ">>",
}  # fmt: skip
_COMPARE: dict[type[ast.cmpop], str] = {
    ast.Eq: "==", ast.NotEq: "!=", ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=",
}  # fmt: skip


class Operators(ast.NodeTransformer):
    """Converts what `Expressions` leaves as it is."""

    def visit_BinOp(self, node: ast.BinOp) -> ast.expr:
        self.generic_visit(node)
        op = ast.Constant(_BINARY[type(node.op)])
        return placed(staged("binary", op, node.left, node.right), node)

    def visit_Compare(self, node: ast.Compare) -> ast.expr:
        self.generic_visit(node)
        kind = type(node.ops[0])
        if len(node.ops) > 1 or kind in (ast.Is, ast.IsNot):
            return node
        if kind in (ast.In, ast.NotIn):
            found: ast.expr = staged("contains", node.left, node.comparators[0])
            return placed(found if kind is ast.In else ast.UnaryOp(ast.Not(), found), node)
        op = _COMPARE[kind]
        return placed(staged("binary", ast.Constant(op), node.left, node.comparators[0]), node)

    def visit_AugAssign(self, node: ast.AugAssign) -> ast.stmt:
        self.generic_visit(node)
        if not isinstance(node.target, ast.Name):
            return node
        op = ast.Constant(_BINARY[type(node.op)])
        value = placed(staged("inplace", op, placed(load(node.target.id), node), node.value), node)
        return ast.copy_location(ast.Assign([node.target], value), node)
