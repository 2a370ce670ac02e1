"""Pieces of syntax tree that the rewriter puts together, and the names that it keeps for itself.

Invariant: every name made here starts with ``__tj_`` and ends with two underscores, so that it is
never mangled inside a class, and a function that uses such a name itself is not rewritten.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Sequence
from typing import TypeVar

Node = TypeVar("Node", bound=ast.AST)
STAGING = "__tapejit__"
"""The global name under which generated code finds the staging object."""
PREFIX = "__tj_"
THUNK = "__tj_thunk__"
"""The parameter that tells a generated lambda from the user's; taken away after compilation."""
RESULT = "__tj_ret__"
DONE = "__tj_done__"
ITEM = "__tj_item__"
VALUES = "__tj_values__"


def own_name(kind: str, number: int | str = "") -> str:
    """Return a name of the rewriter's own."""
    return f"{PREFIX}{kind}{number}__"


def is_own(name: str) -> bool:
    """Whether a name is the rewriter's own."""
    return name.startswith(PREFIX) or name == STAGING


def load(name: str) -> ast.Name:
    return ast.Name(name, ast.Load())


def store(name: str) -> ast.Name:
    return ast.Name(name, ast.Store())


def staged(method: str, *args: ast.expr) -> ast.Call:
    """``__tapejit__.method(*args)``."""
    return ast.Call(ast.Attribute(load(STAGING), method, ast.Load()), list(args), [])


def arguments(names: Sequence[str] = (), vararg: str | None = None) -> ast.arguments:
    return ast.arguments(
        posonlyargs=[],
        args=[ast.arg(name) for name in names],
        vararg=None if vararg is None else ast.arg(vararg),
        kwonlyargs=[],
        kw_defaults=[],
        kwarg=None,
        defaults=[],
    )


def thunk(body: ast.expr) -> ast.Lambda:
    """An expression to be evaluated later, or not at all."""
    return placed(ast.Lambda(arguments(vararg=THUNK), body), body)


def names_of(names: Iterable[str]) -> ast.expr:
    return ast.Tuple([ast.Constant(name) for name in names], ast.Load())


def assign(name: str, value: ast.expr) -> ast.Assign:
    return ast.Assign([store(name)], value)


def declared(globals_: Iterable[str], nonlocals: Iterable[str]) -> list[ast.stmt]:
    """The declarations at the head of a function."""
    out: list[ast.stmt] = []
    if outside := sorted(globals_):
        out.append(ast.Global(outside))
    if around := sorted(nonlocals):
        out.append(ast.Nonlocal(around))
    return out


def define(name: str, body: list[ast.stmt], parameters: Sequence[str] = ()) -> ast.FunctionDef:
    node = ast.FunctionDef(
        name=name, args=arguments(parameters), body=body or [ast.Pass()], decorator_list=[]
    )
    node.returns = None
    return node


def locals_made(names: Iterable[str]) -> list[ast.stmt]:
    """``if 0: a = b = None``: makes names local to a function without running anything."""
    targets: list[ast.expr] = [store(name) for name in sorted(names)]
    if not targets:
        return []
    return [ast.If(ast.Constant(0), [ast.Assign(targets, ast.Constant(None))], [])]


def placed(node: Node, like: ast.AST) -> Node:
    """Give a generated node, and what it is made of, the place of the user's node."""
    ast.copy_location(node, like)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        # CPython reports a method call at the line where the attribute ends.
        func = node.func
        for part in (func, func.value):
            if not hasattr(part, "lineno"):
                part.lineno = part.end_lineno = node.lineno
                part.col_offset = part.end_col_offset = node.col_offset
    _fill(node, node)
    return node


def _fill(node: ast.AST, like: ast.AST) -> None:
    """Place the children that have no place yet; below one that has, all have."""
    for child in ast.iter_child_nodes(node):
        if "lineno" not in child._attributes:
            _fill(child, like)
        elif not hasattr(child, "lineno"):
            ast.copy_location(child, like)
            _fill(child, child)
