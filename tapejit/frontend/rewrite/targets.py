"""Assignments to subscripts become ``S.setitem`` and ``S.augitem``, in Python's order.

Python evaluates the value, then the target's object, then its index, then stores; a tuple of
targets is unpacked first and stored from left to right. A call ``S.setitem(a, i, v)`` would
evaluate ``v`` last, so the value goes through a temporary unless its order cannot be noticed.
``a[i] op= v`` reads ``a[i]`` *before* it evaluates ``v``: unless ``v`` is a constant or a variable,
it becomes ``S.augstore(S.augload(a, i), op, v)``, where ``augload`` returns what ``augstore`` needs.
"""

from __future__ import annotations

import ast

from .build import assign, load, own_name, placed, staged, store
from .expressions import Expressions, has_walrus
from .flow import Block

OPERATORS: dict[type[ast.operator], str] = {
    ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.FloorDiv: "//", ast.Mod: "%",
    ast.Pow: "**", ast.MatMult: "@", ast.LShift: "<<", ast.RShift: ">>", ast.BitAnd: "&",
    ast.BitOr: "|", ast.BitXor: "^",
}  # fmt: skip


class Targets:
    """Assignments of one scope; temporaries are numbered through."""

    def __init__(self, expressions: Expressions) -> None:
        self.expressions = expressions
        self._count = 0

    def temporary(self) -> str:
        self._count += 1
        return own_name("t", self._count)

    def assign(self, node: ast.Assign) -> Block:
        """``t = ... = value``."""
        target = node.targets[0]
        in_order = self._is_steady(node.value) or (
            isinstance(target, ast.Subscript)
            and self._is_steady(target.value)
            and self._is_steady(target.slice)
            and not has_walrus(node.value)
        )
        value = self.expressions.of(node.value)
        if not any(map(_has_item, node.targets)):
            node.targets = [self.plain(target) for target in node.targets]
            node.value = value
            return [node]
        if len(node.targets) == 1 and (in_order or not isinstance(target, ast.Subscript)):
            return self.unpack(target, value)
        name = self.temporary()
        out: Block = [placed(assign(name, value), node)]
        for target in node.targets:
            out += self.unpack(target, placed(load(name), target))
        return out

    def unpack(self, target: ast.expr, value: ast.expr) -> Block:
        """Assign a converted expression, that may be evaluated first, to any target.

        A single subscript takes only a value whose evaluation nobody notices.
        """
        if not _has_item(target):
            return [placed(ast.Assign([self.plain(target)], value), target)]
        if isinstance(target, ast.Subscript):
            return [self._store(target, value)]
        assert isinstance(target, ast.Tuple | ast.List)
        parts: list[ast.expr] = []
        after: Block = []
        for element in target.elts:
            name = self.temporary()
            inner = element.value if isinstance(element, ast.Starred) else element
            part: ast.expr = placed(store(name), element)
            if isinstance(element, ast.Starred):
                part = placed(ast.Starred(part, ast.Store()), element)
            parts.append(part)
            after += self.unpack(inner, placed(load(name), inner))
        unpacked = placed(ast.Tuple(parts, ast.Store()), target)
        return [placed(ast.Assign([unpacked], value), target), *after]

    def plain(self, target: ast.expr) -> ast.expr:
        """A target that stays: only the expressions inside it are converted."""
        return self.expressions.of(target)

    def augmented(self, node: ast.AugAssign) -> Block:
        """``target op= value``."""
        of = self.expressions.of
        target = node.target
        if isinstance(target, ast.Subscript):
            op = ast.Constant(OPERATORS[type(node.op)])
            place = [of(target.value), self.expressions.index(target.slice)]
            if self._is_steady(node.value):
                call = staged("augitem", *place, op, of(node.value))
            else:
                loaded = placed(staged("augload", *place), target)
                call = staged("augstore", loaded, op, of(node.value))
            return [placed(ast.Expr(placed(call, node)), node)]
        before: Block = []
        if isinstance(target, ast.Name):
            check = self.expressions.checked(target)
            before = [] if check is None else [placed(ast.Expr(check), node)]
        else:
            node.target = self.plain(target)  # type: ignore[assignment]
        node.value = of(node.value)
        return [*before, node]

    def _store(self, target: ast.Subscript, value: ast.expr) -> ast.stmt:
        of = self.expressions.of
        call = staged("setitem", of(target.value), self.expressions.index(target.slice), value)
        return placed(ast.Expr(placed(call, target)), target)

    def _is_steady(self, node: ast.expr | None) -> bool:
        """Whether an expression gives the same, without an error, whenever it is evaluated."""
        if node is None or isinstance(node, ast.Constant):
            return True
        scope = self.expressions.scope
        if isinstance(node, ast.Name):
            mine = node.id in scope.own - scope.mutated
            return mine and id(node) not in self.expressions.doubtful
        if isinstance(node, ast.Slice):
            return all(map(self._is_steady, (node.lower, node.upper, node.step)))
        if isinstance(node, ast.Tuple):
            return all(map(self._is_steady, node.elts))
        return isinstance(node, ast.UnaryOp) and isinstance(node.operand, ast.Constant)


def _has_item(target: ast.expr) -> bool:
    """Whether a target stores to a subscript somewhere."""
    if isinstance(target, ast.Starred):
        return _has_item(target.value)
    if isinstance(target, ast.Tuple | ast.List):
        return any(map(_has_item, target.elts))
    return isinstance(target, ast.Subscript)
