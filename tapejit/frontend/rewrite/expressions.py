"""Expressions whose evaluation depends on values become calls of the staging object.

``a and b`` becomes ``S.and_(lambda: a, lambda: b)``, and so do ``or``, ``not``, conditional
expressions and chains of comparisons; a call asks ``S.call`` for the callable to use, a subscript
with an index that is not a constant asks ``S.getitem``.

Invariant: operands are evaluated in Python's order, each at most once. An operand that contains an
assignment expression is never moved into a lambda (it would bind the lambda's variable): such an
expression keeps its operator.
"""

from __future__ import annotations

import ast
from typing import cast

from .build import STAGING, is_own, load, placed, staged, thunk
from .flow import NotStageable
from .names import FUNCTIONS, Function, Scope, scope_of

_COMPARE: dict[type[ast.cmpop], str] = {
    ast.Eq: "==", ast.NotEq: "!=", ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=",
    ast.Is: "is", ast.IsNot: "is not", ast.In: "in", ast.NotIn: "not in",
}  # fmt: skip
_NEEDS_LOCALS = frozenset(["locals", "eval", "exec"])
_NEEDS_FRAME = frozenset(["_getframe", "currentframe"])


def is_constant_index(node: ast.expr) -> bool:
    """Whether an index is written out: a constant, or slices and tuples of constants."""
    if isinstance(node, ast.UnaryOp):
        return isinstance(node.operand, ast.Constant)
    if isinstance(node, ast.Tuple):
        return all(map(is_constant_index, node.elts))
    if isinstance(node, ast.Slice):
        parts = (node.lower, node.upper, node.step)
        return all(part is None or is_constant_index(part) for part in parts)
    return isinstance(node, ast.Constant)


def has_walrus(*nodes: ast.expr | None) -> bool:
    return any(isinstance(part, ast.NamedExpr) for node in nodes if node for part in ast.walk(node))


def check_body(nodes: list[ast.AST]) -> None:
    """Refuse a function whose meaning depends on its being a function of its own.

    Raises
    ------
    NotStageable
        For generators, coroutines, and calls that look at the local variables or the frame.
    """
    waiting = list(nodes)
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Yield | ast.YieldFrom):
            raise NotStageable("it is a generator function")
        if isinstance(node, ast.Await | ast.AsyncFor | ast.AsyncWith):
            raise NotStageable("it is asynchronous")
        if isinstance(node, ast.Name) and is_own(node.id) and not hasattr(node, "ours"):
            raise NotStageable(f"it uses the name {node.id!r}")
        if isinstance(node, ast.Attribute) and node.attr in _NEEDS_FRAME:
            raise NotStageable(f"it looks at its frame, by {node.attr}")
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            name, bare = node.func.id, not (node.args or node.keywords)
            if name in _NEEDS_LOCALS or name in _NEEDS_FRAME:
                raise NotStageable(f"it calls {name}()")
            if bare and name in ("vars", "dir"):
                raise NotStageable(f"it calls {name}() without arguments")
        if not isinstance(node, (*FUNCTIONS, ast.ClassDef)):
            waiting += ast.iter_child_nodes(node)


class Expressions(ast.NodeTransformer):
    """Converts the expressions of one scope.

    Attributes
    ----------
    nested : int
        How many generated functions the code stands in, below the user's own function.
    """

    def __init__(self, scope: Scope, doubtful: frozenset[int]) -> None:
        self.scope = scope
        self.doubtful = doubtful
        self.nested = 0
        self._comprehensions = 0

    def of(self, node: ast.expr) -> ast.expr:
        """Convert an expression."""
        return cast(ast.expr, self.visit(node))

    def later(self, node: ast.expr) -> ast.Lambda:
        """Convert an expression into a lambda that evaluates it."""
        self.nested += 1
        made = self.of(node)
        self.nested -= 1
        return thunk(made)

    def checked(self, node: ast.Name) -> ast.expr | None:
        """What raises Python's own error if a variable is unbound; None where it cannot be."""
        if not self.nested or self._comprehensions or id(node) not in self.doubtful:
            return None
        call = staged("local", ast.Constant(node.id), thunk(placed(load(node.id), node)))
        return placed(call, node)

    def visit_Name(self, node: ast.Name) -> ast.expr:
        if isinstance(node.ctx, ast.Load):
            return self.checked(node) or node
        return node

    def visit_BoolOp(self, node: ast.BoolOp) -> ast.expr:
        if has_walrus(*node.values):
            return self._plainly(node)
        method = "and_" if isinstance(node.op, ast.And) else "or_"
        return placed(staged(method, *map(self.later, node.values)), node)

    def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.expr:
        if not isinstance(node.op, ast.Not):
            return self._plainly(node)
        return placed(staged("not_", self.of(node.operand)), node)

    def visit_IfExp(self, node: ast.IfExp) -> ast.expr:
        if has_walrus(node.body, node.orelse):
            return self._plainly(node)
        test, line = self.of(node.test), ast.Constant(node.lineno)
        return placed(
            staged("ifexp", test, self.later(node.body), self.later(node.orelse), line), node
        )

    def visit_Compare(self, node: ast.Compare) -> ast.expr:
        if len(node.ops) == 1 or has_walrus(*node.comparators):
            return self._plainly(node)
        args = [self.of(node.left)]
        for op, operand in zip(node.ops, node.comparators):
            args += [ast.Constant(_COMPARE[type(op)]), self.later(operand)]
        return placed(staged("compare", *args), node)

    def visit_Call(self, node: ast.Call) -> ast.expr:
        bare = not node.args and not node.keywords
        if bare and isinstance(node.func, ast.Name) and node.func.id == "super":
            return self._super(node)
        func = node.func
        node = cast(ast.Call, self.generic_visit(node))
        asked = placed(staged("call", node.func), func)
        made = placed(ast.Call(asked, node.args, node.keywords), node)
        if isinstance(func, ast.Attribute) and func.end_lineno not in (None, node.lineno):
            made.lineno = func.end_lineno  # where CPython reports a method call
            made.col_offset = max(0, cast(int, func.end_col_offset) - len(func.attr))
        return made

    def _super(self, node: ast.Call) -> ast.expr:
        """``super()`` looks at the frame that it is called in: name what it would find there."""
        if not self.nested or self._comprehensions or self.scope.first is None:
            return node
        return placed(ast.Call(node.func, [load("__class__"), load(self.scope.first)], []), node)

    def visit_Subscript(self, node: ast.Subscript) -> ast.expr:
        if not isinstance(node.ctx, ast.Load) or is_constant_index(node.slice):
            return self._plainly(node)
        return placed(staged("getitem", self.of(node.value), self.index(node.slice)), node)

    def index(self, node: ast.expr) -> ast.expr:
        """An index as an expression of its own: ``i:j`` becomes ``S.slice(i, j, None)``."""
        if isinstance(node, ast.Slice):
            none = ast.Constant(None)
            parts = [self.of(p) if p else none for p in (node.lower, node.upper, node.step)]
            return placed(staged("slice", *parts), node)
        if isinstance(node, ast.Tuple):
            return placed(ast.Tuple(list(map(self.index, node.elts)), ast.Load()), node)
        return self.of(node)

    def visit_Lambda(self, node: ast.Lambda) -> ast.expr:
        """A lambda of the user's: a scope of its own."""
        defaults(node, self)
        return converted_lambda(node, self.scope.visible)

    def _comprehension(self, node: ast.AST) -> ast.AST:
        first = node.generators[0]  # type: ignore[attr-defined]
        iterated = self.of(first.iter)  # evaluated in this scope
        first.iter = ast.Constant(None)
        self._comprehensions += 1
        self.generic_visit(node)
        self._comprehensions -= 1
        first.iter = iterated
        return node

    visit_ListComp = visit_SetComp = visit_DictComp = visit_GeneratorExp = _comprehension

    def _plainly(self, node: ast.expr) -> ast.expr:
        return cast(ast.expr, self.generic_visit(node))


def defaults(node: Function, expressions: Expressions) -> None:
    """Convert the defaults of a function, which the scope around it evaluates."""
    args = node.args
    args.defaults = list(map(expressions.of, args.defaults))
    args.kw_defaults = [d and expressions.of(d) for d in args.kw_defaults]


def converted_lambda(node: ast.Lambda, outer: frozenset[str]) -> ast.Lambda:
    """Convert the body of a lambda, unless it must stay as it is."""
    try:
        check_body([node.body])
    except NotStageable:
        return node
    scope = scope_of(node, [node.body], outer)
    node.body = Expressions(scope, frozenset()).of(node.body)
    return node


def uses_staging(node: ast.AST) -> bool:
    """Whether anything was converted."""
    return any(isinstance(part, ast.Name) and part.id == STAGING for part in ast.walk(node))
