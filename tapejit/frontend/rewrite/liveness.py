"""Two analyses of a body without jumps: what is still needed, and what is surely bound.

Backward: a variable is *live* where its present value may be read later; a branch or loop has to
hand on only the variables that it assigns and that are live after it, or before one of its blocks. What other functions can see
is always live; inside ``try``, ``with`` and ``match`` everything that the statement reads anywhere
is live, since an exception may leave it at any point.

Forward: a read of a variable that is *surely bound* cannot fail. (A closure reports an unbound
variable in other words than the function itself, so the other reads are asked about.)
"""

from __future__ import annotations

import ast
from collections.abc import Iterable

from .flow import Block, go_on
from .names import COMPREHENSIONS, FUNCTIONS, Scope, bound_names, deleted_names, loaded_names

Names = frozenset[str]
NONE: Names = frozenset()


class _Live:
    """One backward walk; ``live`` maps branches and loops to what matters in or after them."""

    def __init__(self, scope: Scope) -> None:
        self.own = scope.own
        self.live: dict[int, Names] = {}

    def block(self, nodes: Block, live: Names, floor: Names) -> Names:
        for node in reversed(nodes):
            live = self.statement(node, live, floor) | floor
        return live

    def statement(self, node: ast.stmt, live: Names, floor: Names) -> Names:
        if isinstance(node, ast.If):
            either = self.block(node.body, live, floor) | self.block(node.orelse, live, floor)
            # Who looks at one branch first must be able to put back what the other one reads:
            # in ``if c: t = 2 * t; y = t`` / ``else: y = t`` the t is dead afterwards.
            self.live[id(node)] = live | either
            return either | self._read([node.test])
        if isinstance(node, ast.For | ast.While):
            return self._loop(node, live, floor)
        if isinstance(node, ast.Return | ast.Raise):
            return self._read([node])
        if isinstance(node, ast.With | ast.Try | ast.TryStar | ast.Match):
            within = live | self._read([node])
            for block in _blocks(node):
                self.block(block, within, within)
            return within
        return (live - _surely_assigned(node)) | self._read([node])

    def _loop(self, node: ast.For | ast.While, live: Names, floor: Names) -> Names:
        condition = go_on(node)
        head = live | self._read([] if condition is None else [condition])
        targets: Names = NONE
        if isinstance(node, ast.While):
            head |= self._read([node.test])
        else:
            head |= self._read([node.target])
            targets = _plain_targets(node.target)
        while True:
            before = head
            head |= self.block(node.body, head, floor) - targets
            if head == before:
                break
        self.live[id(node)] = head
        return head | (self._read([node.iter]) if isinstance(node, ast.For) else NONE)

    def _read(self, nodes: Iterable[ast.AST]) -> Names:
        return loaded_names(nodes) & self.own


def live_around(body: Block, scope: Scope) -> dict[int, Names]:
    """Own variables live after a statement, or before a branch of it, or before a loop's turn."""
    walk = _Live(scope)
    walk.block(body, NONE, NONE)
    return walk.live


def _blocks(node: ast.With | ast.Try | ast.TryStar | ast.Match) -> list[Block]:
    if isinstance(node, ast.With):
        return [node.body]
    if isinstance(node, ast.Match):
        return [case.body for case in node.cases]
    handlers = [handler.body for handler in node.handlers]
    return [node.body, *handlers, node.orelse, node.finalbody]


def _plain_targets(target: ast.AST) -> Names:
    """Names that a target assigns for certain."""
    if isinstance(target, ast.Name):
        return frozenset([target.id])
    if isinstance(target, ast.Starred):
        return _plain_targets(target.value)
    if isinstance(target, ast.Tuple | ast.List):
        return frozenset().union(*map(_plain_targets, target.elts))
    return NONE


def _surely_assigned(node: ast.stmt) -> Names:
    if isinstance(node, ast.Assign):
        return frozenset().union(*map(_plain_targets, node.targets))
    if isinstance(node, ast.AnnAssign):
        return NONE if node.value is None else _plain_targets(node.target)
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return frozenset([node.name])
    if isinstance(node, ast.Import | ast.ImportFrom):
        return bound_names([node])
    return NONE


def _sure_walrus(node: ast.AST) -> set[str]:
    """Names assigned by ``:=`` wherever the expression is evaluated to its end."""
    if isinstance(node, (*FUNCTIONS, *COMPREHENSIONS, ast.ClassDef)):
        return set()
    if isinstance(node, ast.BoolOp):
        return _sure_walrus(node.values[0])
    if isinstance(node, ast.IfExp):
        return _sure_walrus(node.test)
    if isinstance(node, ast.Compare):
        return _sure_walrus(node.left) | _sure_walrus(node.comparators[0])
    out = {node.target.id} if isinstance(node, ast.NamedExpr) else set()
    for child in ast.iter_child_nodes(node):
        out |= _sure_walrus(child)
    return out


class _Bound:
    """One forward walk; collects the ids of reads that may find their variable unbound."""

    def __init__(self, scope: Scope) -> None:
        self.own = scope.own
        self.doubtful: set[int] = set()

    def block(self, nodes: Block, bound: Names | None) -> Names | None:
        """Return what is bound at the end; None stands for an end that is never reached."""
        for node in nodes:
            bound = self.statement(node, self.own if bound is None else bound)
        return bound

    def statement(self, node: ast.stmt, bound: Names) -> Names | None:
        if isinstance(node, ast.If):
            bound = self._reads(node.test, bound)
            return _meet(self.block(node.body, bound), self.block(node.orelse, bound))
        if isinstance(node, ast.For):
            head = self._reads(node.iter, bound) - deleted_names(node.body)
            self._reads(node.target, head)
            self.block(node.body, head | _plain_targets(node.target))
            return head
        if isinstance(node, ast.While):
            head = self._reads(node.test, bound - deleted_names(node.body))
            self.block(node.body, head)
            return head
        if isinstance(node, ast.With):
            for item in node.items:
                bound = self._reads(item.context_expr, bound)
                if item.optional_vars is not None:
                    bound |= _plain_targets(item.optional_vars)
            self.block(node.body, bound)
            return bound - deleted_names(node.body)  # the manager may swallow an exception
        if isinstance(node, ast.Match):
            bound = self._reads(node.subject, bound)
            for case in node.cases:
                inside = bound | bound_names([case.pattern])
                if case.guard is not None:
                    inside = self._reads(case.guard, inside)
                self.block(case.body, inside)
            return bound - deleted_names([node])
        if isinstance(node, ast.Try | ast.TryStar):
            return self._try(node, bound)
        bound = self._reads(node, bound)
        if isinstance(node, ast.Return | ast.Raise):
            return None
        return (bound - deleted_names([node])) | _surely_assigned(node)

    def _try(self, node: ast.Try | ast.TryStar, bound: Names) -> Names | None:
        anywhere = bound - deleted_names([node])
        end = self.block(node.orelse, self.block(node.body, bound))
        for handler in node.handlers:
            if handler.type is not None:
                self._reads(handler.type, anywhere)
            name = frozenset([handler.name] if handler.name else [])
            after = self.block(handler.body, anywhere | name)
            end = _meet(end, None if after is None else after - name)
        final = self.block(node.finalbody, anywhere)
        if end is None or final is None:
            return None
        return (end - deleted_names(node.finalbody)) | final

    def _reads(self, node: ast.AST, bound: Names) -> Names:
        """Note the doubtful reads of the function's own scope in an expression."""
        self._visit(node, bound)
        return bound | (frozenset(_sure_walrus(node)) & self.own)

    def _visit(self, node: ast.AST, bound: Names) -> None:
        if isinstance(node, ast.Name):
            if not isinstance(node.ctx, ast.Store):
                self._note(node, node.id, bound)
        elif isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name):
            self._note(node.target, node.target.id, bound)
            self._visit(node.value, bound)
        elif isinstance(node, COMPREHENSIONS):
            self._visit(node.generators[0].iter, bound)
        elif isinstance(node, ast.Lambda):
            self._visit(node.args, bound)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            for part in ast.iter_child_nodes(node):
                if not isinstance(part, ast.stmt):
                    self._visit(part, bound)
        else:
            for child in ast.iter_child_nodes(node):
                self._visit(child, bound)

    def _note(self, node: ast.AST, name: str, bound: Names) -> None:
        if name in self.own and name not in bound:
            self.doubtful.add(id(node))


def _meet(a: Names | None, b: Names | None) -> Names | None:
    if a is None or b is None:
        return b if a is None else a
    return a & b


def doubtful_reads(body: Block, scope: Scope) -> frozenset[int]:
    """Ids of name nodes (reads and deletions) whose variable may be unbound."""
    walk = _Bound(scope)
    walk.block(body, scope.params)
    return frozenset(walk.doubtful)
