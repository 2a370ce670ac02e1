"""Which names a piece of code binds and which it reads, by Python's scoping rules.

A scope is a function or a lambda. A comprehension is a small scope whose targets are its own and
whose assignment expressions belong to the function around it. What cannot be told exactly is given
too large, never too small: too many reads or captures cost a little work, too few a wrong answer.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable

from ...core.records import record

Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
Comprehension = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


@record(frozen=True)
class Scope:
    """The variables of one function, as the rewriter sees them.

    Attributes
    ----------
    first : str or None
        The first positional parameter: what ``super()`` without arguments works on.
    params, own : frozenset of str
        Parameters; all variables that belong to the function, parameters and flags included.
    globals, nonlocals : frozenset of str
        Names declared so.
    outer : frozenset of str
        Variables of the functions around it.
    captured : frozenset of str
        Variables that functions, lambdas and generators inside mention.
    mutated : frozenset of str
        Variables that functions inside assign.
    """

    first: str | None
    params: frozenset[str]
    own: frozenset[str]
    globals: frozenset[str]
    nonlocals: frozenset[str]
    outer: frozenset[str]
    captured: frozenset[str]
    mutated: frozenset[str]

    @property
    def visible(self) -> frozenset[str]:
        """Local and free variables."""
        return (self.own | self.outer | self.nonlocals) - self.globals

    @property
    def always_live(self) -> frozenset[str]:
        """Variables that somebody else can read at any time."""
        return self.captured | self.mutated | self.globals | self.nonlocals


class _Bound(ast.NodeVisitor):
    """Collects the names that a scope binds, deletions and declarations apart."""

    def __init__(self) -> None:
        self.names: set[str] = set()
        self.deleted: set[str] = set()
        self.globals: set[str] = set()
        self.nonlocals: set[str] = set()
        self._inside = 0

    def visit_Name(self, node: ast.Name) -> None:
        if not isinstance(node.ctx, ast.Load) and not self._inside:
            self.names.add(node.id)
            if isinstance(node.ctx, ast.Del):
                self.deleted.add(node.id)

    def visit_NamedExpr(self, node: ast.NamedExpr) -> None:
        self.names.add(node.target.id)
        self.visit(node.value)

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        self.names.add(node.name)
        for part in outside_parts(node):
            self.visit(part)

    visit_AsyncFunctionDef = visit_FunctionDef

    def visit_Lambda(self, node: ast.Lambda) -> None:
        for part in outside_parts(node):
            self.visit(part)

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        self.names.add(node.name)
        for part in (*node.decorator_list, *node.bases, *node.keywords):
            self.visit(part)

    def _comprehension(self, node: ast.AST) -> None:
        self._inside += 1
        self.generic_visit(node)
        self._inside -= 1

    visit_ListComp = visit_SetComp = visit_DictComp = visit_GeneratorExp = _comprehension

    def visit_alias(self, node: ast.alias) -> None:
        self.names.add(node.asname or node.name.split(".")[0])

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> None:
        if node.name:
            self.names.add(node.name)
            self.deleted.add(node.name)
        self.generic_visit(node)

    def visit_MatchAs(self, node: ast.MatchAs | ast.MatchStar) -> None:
        if node.name:
            self.names.add(node.name)
        self.generic_visit(node)

    visit_MatchStar = visit_MatchAs

    def visit_MatchMapping(self, node: ast.MatchMapping) -> None:
        if node.rest:
            self.names.add(node.rest)
        self.generic_visit(node)

    def visit_Global(self, node: ast.Global) -> None:
        self.globals.update(node.names)

    def visit_Nonlocal(self, node: ast.Nonlocal) -> None:
        self.nonlocals.update(node.names)


class _Loads(ast.NodeVisitor):
    """Collects the names of its own or outer scopes that a piece of code can read."""

    def __init__(self) -> None:
        self.names: set[str] = set()

    def visit_Name(self, node: ast.Name) -> None:
        if not isinstance(node.ctx, ast.Store):
            self.names.add(node.id)

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        if isinstance(node.target, ast.Name):
            self.names.add(node.target.id)
        self.generic_visit(node)

    def _function(self, node: Function) -> None:
        for part in outside_parts(node, annotations=True):
            self.visit(part)
        self.names |= free_names(node)

    visit_FunctionDef = visit_AsyncFunctionDef = visit_Lambda = _function

    def _comprehension(self, node: Comprehension) -> None:
        inner = _Loads()
        inner.generic_visit(node)
        targets: set[str] = set()
        for part in node.generators:
            targets |= bound_names([part.target])
        self.names |= inner.names - targets
        self.visit(node.generators[0].iter)  # evaluated in the scope around

    visit_ListComp = visit_SetComp = visit_DictComp = visit_GeneratorExp = _comprehension


def parameters(args: ast.arguments) -> list[str]:
    extra = [arg.arg for arg in (args.vararg, args.kwarg) if arg is not None]
    return [arg.arg for arg in (*args.posonlyargs, *args.args, *args.kwonlyargs)] + extra


def outside_parts(node: Function, *, annotations: bool = False) -> list[ast.AST]:
    """What a function's definition evaluates in the scope around it."""
    parts: list[ast.AST] = [*node.args.defaults]
    parts += [default for default in node.args.kw_defaults if default is not None]
    if not isinstance(node, ast.Lambda):
        parts += node.decorator_list
        if annotations:
            args = node.args
            every = (*args.posonlyargs, *args.args, *args.kwonlyargs, args.vararg, args.kwarg)
            parts += [arg.annotation for arg in every if arg is not None and arg.annotation]
            parts += [node.returns] if node.returns else []
    return parts


def body_of(node: Function) -> list[ast.AST]:
    return [node.body] if isinstance(node, ast.Lambda) else [*node.body]


def _bound(nodes: Iterable[ast.AST]) -> _Bound:
    visitor = _Bound()
    for node in nodes:
        visitor.visit(node)
    return visitor


def bound_names(nodes: Iterable[ast.AST]) -> frozenset[str]:
    """Names that the nodes bind or delete in their own scope."""
    return frozenset(_bound(nodes).names)


def deleted_names(nodes: Iterable[ast.AST]) -> frozenset[str]:
    """Names that the nodes may unbind, by ``del`` or at the end of an ``except ... as``."""
    return frozenset(_bound(nodes).deleted)


def loaded_names(nodes: Iterable[ast.AST]) -> frozenset[str]:
    """Names that the nodes can read, through functions defined in them too."""
    visitor = _Loads()
    for node in nodes:
        visitor.visit(node)
    return frozenset(visitor.names)


def free_names(node: Function) -> frozenset[str]:
    """Names that a function takes from the scopes around it (or from the globals)."""
    body = body_of(node)
    bound = _bound(body)
    own = (bound.names | set(parameters(node.args))) - bound.nonlocals
    return (loaded_names(body) - own - bound.globals) | bound.nonlocals


class _Captures(ast.NodeVisitor):
    """Collects what inner functions mention and what they assign."""

    def __init__(self) -> None:
        self.mentioned: set[str] = set()
        self.assigned: set[str] = set()

    def _scope(self, node: ast.AST) -> None:
        self.mentioned |= loaded_names([node])
        for inner in ast.walk(node):
            if isinstance(inner, ast.Nonlocal):
                self.assigned.update(inner.names)
                self.mentioned.update(inner.names)

    visit_FunctionDef = visit_AsyncFunctionDef = visit_Lambda = _scope
    visit_ClassDef = visit_GeneratorExp = _scope


def scope_of(node: Function, body: list[ast.AST], outer: frozenset[str]) -> Scope:
    """Describe a function whose body has been brought to the form ``body``."""
    names, before = _bound(body), _bound(body_of(node))
    params = frozenset(parameters(node.args))
    declared = before.globals | before.nonlocals
    captures = _Captures()
    for part in body:
        captures.visit(part)
    positional = [*node.args.posonlyargs, *node.args.args]
    own = (params | names.names | before.names) - declared
    return Scope(
        first=positional[0].arg if positional else None,
        params=params,
        own=own,
        globals=frozenset(before.globals),
        nonlocals=frozenset(before.nonlocals),
        outer=outer - own,
        captured=frozenset(captures.mentioned & own),
        mutated=frozenset(captures.assigned & (own | outer)),
    )


def names_used(node: ast.AST) -> frozenset[str]:
    """Every identifier in a tree that is a variable or a function's name."""
    out: set[str] = set()
    for part in ast.walk(node):
        if isinstance(part, ast.Name):
            out.add(part.id)
        elif isinstance(part, ast.arg):
            out.add(part.arg)
        elif isinstance(part, ast.Global | ast.Nonlocal):
            out.update(part.names)
        elif isinstance(part, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            out.add(part.name)
        elif isinstance(part, ast.alias):
            out.add(part.asname or part.name)
    return frozenset(out)
