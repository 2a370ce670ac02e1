"""Statements become calls of the staging object: the tree of a whole function.

A branch or a loop's body becomes a function without arguments and result that assigns the
variables of the user's function by ``nonlocal``; beside it stand ``get`` and ``set`` for the
variables that it hands on (its *state*), and ``reads`` for what else it looks at::

    if c: x = f(y)        def then(): nonlocal x; x = S.call(f)(y)
                   ->     S.if_(c, then, lambda: None, get, set, ("x",), reads, 7)

Invariant: run with a staging object that does the ordinary thing, the new function does what the
old one does, in the same order, and every new statement carries the place of the user's own.
"""

from __future__ import annotations

import ast
import contextlib
import sys
from collections.abc import Sequence

from .build import (
    ITEM,
    VALUES,
    assign,
    declared,
    define,
    load,
    locals_made,
    names_of,
    own_name,
    placed,
    staged,
    store,
    thunk,
)
from .expressions import Expressions, check_body, converted_lambda, defaults, has_walrus
from .flow import Block, NotStageable, go_on, lowered
from .growing import mark_growing
from .liveness import doubtful_reads, live_around
from .names import Scope, bound_names, loaded_names, scope_of
from .targets import Targets


def converted(node: ast.FunctionDef | ast.Lambda, outer: frozenset[str]) -> ast.stmt | ast.expr:
    """Convert a function in place and return it.

    Parameters
    ----------
    outer : frozenset of str
        Variables of the functions around it that it may use.

    Raises
    ------
    NotStageable
        With the reason why the function must stay as it is.
    """
    if isinstance(node, ast.Lambda):
        check_body([node.body])
        return converted_lambda(node, outer)
    check_body([*node.body])
    mark_growing(node.body)
    doc = node.body[:1] if ast.get_docstring(node, clean=False) is not None else []
    body = lowered(node.body[len(doc) :]) if len(node.body) > len(doc) else []
    scope = scope_of(node, [*body], outer)
    statements = _Statements(scope, body)
    made = statements.block(body)
    head = declared(scope.globals, scope.nonlocals)
    head += locals_made(scope.own - scope.params)
    for part in head:
        placed(part, node.body[0])
    node.body = [*doc, *head, *made] or [placed(ast.Pass(), node)]
    return node


class _Statements:
    """Converts the statements of one function."""

    def __init__(self, scope: Scope, body: Block) -> None:
        self.scope = scope
        self.live = live_around(body, scope)
        self.expressions = Expressions(scope, doubtful_reads(body, scope))
        self.targets = Targets(self.expressions)
        self._count = 0

    def block(self, nodes: Block) -> Block:
        return [made for node in nodes for made in self.statement(node)]

    def statement(self, node: ast.stmt) -> Block:
        of = self.expressions.of
        if isinstance(node, ast.If):
            return self._if(node)
        if isinstance(node, ast.For):
            return self._for(node)
        if isinstance(node, ast.While):
            return self._while(node)
        if isinstance(node, ast.Assign):
            return self.targets.assign(node)
        if isinstance(node, ast.AugAssign):
            return self.targets.augmented(node)
        if isinstance(node, ast.AnnAssign):
            return self._annotated(node)
        if isinstance(node, ast.Assert):
            return self._assert(node)
        if isinstance(node, ast.FunctionDef):
            return [self._function(node)]
        if isinstance(node, ast.Delete):
            return self._delete(node)
        if isinstance(node, ast.With):
            for item in node.items:
                item.context_expr = of(item.context_expr)
                item.optional_vars = item.optional_vars and of(item.optional_vars)
            node.body = self.block(node.body)
        elif isinstance(node, ast.Try | ast.TryStar):
            node.body, node.orelse = self.block(node.body), self.block(node.orelse)
            node.finalbody = self.block(node.finalbody)
            for handler in node.handlers:
                handler.type = handler.type and of(handler.type)
                handler.body = self.block(handler.body)
        elif isinstance(node, ast.Match):
            node.subject = of(node.subject)
            for case in node.cases:
                case.guard = case.guard and of(case.guard)
                case.body = self.block(case.body)
        elif not isinstance(node, ast.ClassDef | ast.AsyncFunctionDef):
            node = self.expressions.visit(node)
        return [node]

    def _if(self, node: ast.If) -> Block:
        test = self.expressions.of(node.test)
        parts = [*node.body, *node.orelse]
        names, helpers = self._around(node, parts)
        then = self._inner("then", node.body)
        other: ast.expr = thunk(placed(ast.Constant(None), node))
        functions: Block = [then]
        if node.orelse:
            function = self._inner("else", node.orelse)
            functions.append(function)
            other = load(function.name)
        return self._call(node, functions, "if_", [test, load(then.name), other], names, helpers)

    def _for(self, node: ast.For) -> Block:
        iterated = self.expressions.of(node.iter)
        condition = go_on(node)
        within = [node.target, *node.body]
        names, helpers = self._around(node, within)
        self.expressions.nested += 1
        target = self.targets.unpack(node.target, placed(load(ITEM), node.target))
        self.expressions.nested -= 1
        body = self._inner("body", node.body, parameter=ITEM, first=target, also=[node.target])
        test = ast.Constant(None) if condition is None else self.expressions.later(condition)
        args = [iterated, load(body.name), test]
        return self._call(node, [body], "for_", args, names, helpers)

    def _while(self, node: ast.While) -> Block:
        within = [node.test, *node.body]
        names, helpers = self._around(node, within)
        body = self._inner("body", node.body)
        test = self._test(node)
        return self._call(
            node, [test, body], "while_", [load(test.name), load(body.name)], names, helpers
        )

    def _test(self, node: ast.While) -> ast.FunctionDef:
        """The function that says whether a ``while`` loop takes another turn."""
        condition = go_on(node)
        self.expressions.nested += 1
        test = self.expressions.of(node.test)
        head = self._declared([node.test])
        before: Block = []
        if condition is not None and _is_true(node.test):
            test = self.expressions.of(condition)
        elif condition is not None:
            more: ast.expr = thunk(test)
            if has_walrus(node.test):  # binds the function's variable: no lambda can
                function = define(self._name("more"), [*head, placed(ast.Return(test), node.test)])
                before, more = [placed(function, node.test)], load(function.name)
            test = staged("and_", self.expressions.later(condition), more)
        self.expressions.nested -= 1
        result = placed(ast.Return(placed(test, node.test)), node.test)
        return placed(define(self._name("test"), [*head, *before, result]), node)

    def _around(self, node: ast.stmt, within: Sequence[ast.AST]) -> tuple[list[str], Block]:
        """The state of a statement and its functions ``get``, ``set`` and ``reads``."""
        scope = self.scope
        assigned = (bound_names(within) | scope.mutated) & (scope.visible | scope.globals)
        state = sorted(assigned & (self.live[id(node)] | scope.always_live))
        reads = sorted((loaded_names(within) & scope.visible) - set(state))
        self._count += 1
        number = self._count
        get: Block = []
        got: list[ast.expr] = []
        for k, name in enumerate(state):
            value = own_name("v", k)
            unbound: Block = [
                assign(value, ast.Attribute(load("__tapejit__"), "UNBOUND", ast.Load()))
            ]
            get.append(_if_bound(assign(value, load(name)), unbound))
            got.append(load(value))
        get.append(ast.Return(ast.Tuple(got, ast.Load())))
        put: Block = self._declared_names(state)
        if state:
            put.append(
                ast.Assign([ast.Tuple([store(name) for name in state], ast.Store())], load(VALUES))
            )
        for name in state:
            unbound_ = ast.Attribute(load("__tapejit__"), "UNBOUND", ast.Load())
            test = ast.Compare(load(name), [ast.Is()], [unbound_])
            put.append(ast.If(test, [ast.Delete([ast.Name(name, ast.Del())])], []))
        found = own_name("d")
        look: Block = [assign(found, ast.Dict([], []))]
        for name in reads:
            item = ast.Subscript(load(found), ast.Constant(name), ast.Store())
            look.append(_if_bound(ast.Assign([item], load(name)), [ast.Pass()]))
        look.append(ast.Return(load(found)))
        functions: Block = [
            define(own_name("get", number), get),
            define(own_name("set", number), put, [VALUES]),
            define(own_name("reads", number), look),
        ]
        return state, [placed(function, node) for function in functions]

    def _inner(
        self,
        kind: str,
        nodes: Block,
        parameter: str | None = None,
        first: Block | None = None,
        also: list[ast.expr] | None = None,
    ) -> ast.FunctionDef:
        """A block as a function that assigns the user's variables."""
        head = self._declared([*(also or []), *nodes])
        self.expressions.nested += 1
        body = self.block(nodes)
        self.expressions.nested -= 1
        parameters = [] if parameter is None else [parameter]
        function = define(self._name(kind), [*head, *(first or []), *body], parameters)
        return placed(function, nodes[0] if nodes else also[0] if also else ast.Pass())

    def _call(
        self,
        node: ast.If | ast.For | ast.While,
        functions: Block,
        method: str,
        args: list[ast.expr],
        state: list[str],
        helpers: Block,
    ) -> Block:
        names = [f"global {name}" if name in self.scope.globals else name for name in state]
        get, put, reads = (
            load(helper.name) for helper in helpers if isinstance(helper, ast.FunctionDef)
        )
        line = ast.Constant(node.lineno)
        call = staged(method, *args, get, put, names_of(names), reads, line)
        # Where Python reports an iterable that is none, or a test without a truth value.
        where = node if isinstance(node, ast.For) else node.test
        return [*functions, *helpers, placed(ast.Expr(placed(call, where)), where)]

    def _name(self, kind: str) -> str:
        self._count += 1
        return own_name(kind, self._count)

    def _declared(self, nodes: list[ast.AST]) -> Block:
        return self._declared_names(bound_names(nodes))

    def _declared_names(self, names: frozenset[str] | list[str]) -> Block:
        scope = self.scope
        around = scope.own | scope.nonlocals | scope.mutated
        return declared(set(names) & scope.globals, set(names) & around)

    def _annotated(self, node: ast.AnnAssign) -> Block:
        """Annotations in functions are not evaluated; the target's object is."""
        if node.value is not None:
            return self.targets.assign(placed(ast.Assign([node.target], node.value), node))
        if isinstance(node.target, ast.Name):
            return [placed(ast.Pass(), node)]
        of = self.expressions.of
        parts = [of(node.target.value)]
        if isinstance(node.target, ast.Subscript):
            parts.append(self.expressions.index(node.target.slice))
        return [placed(ast.Expr(part), node) for part in parts]

    def _assert(self, node: ast.Assert) -> Block:
        if sys.flags.optimize:
            return [placed(ast.Pass(), node)]
        test = self.expressions.of(node.test)
        if has_walrus(node.msg):
            node.test, node.msg = test, node.msg and self.expressions.of(node.msg)
            return [node]
        message = ast.Constant(None) if node.msg is None else self.expressions.later(node.msg)
        return [placed(ast.Expr(placed(staged("assert_", test, message), node.test)), node)]

    def _delete(self, node: ast.Delete) -> Block:
        out: Block = []
        for target in node.targets:
            if isinstance(target, ast.Name) and (check := self.expressions.checked(target)):
                out.append(placed(ast.Expr(check), node))
            out.append(placed(ast.Delete([self.expressions.of(target)]), node))
        return out

    def _function(self, node: ast.FunctionDef) -> ast.stmt:
        """A function inside: rewritten with the one around it; its decorators stay."""
        defaults(node, self.expressions)
        with contextlib.suppress(NotStageable):
            converted(node, self.scope.visible)
        return node


def _is_true(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and bool(node.value)


def _if_bound(node: ast.stmt, otherwise: Block) -> ast.stmt:
    handler = ast.ExceptHandler(load("NameError"), None, otherwise)
    return ast.Try([node], [handler], [], [])
