"""Lists that a function makes and appends to: ``S.pile([...])`` may hold a rolled loop's stacks."""

from __future__ import annotations

import ast

from .build import placed, staged
from .names import FUNCTIONS


def mark_growing(nodes: list[ast.stmt]) -> None:
    """Wrap, in place, the list displays bound to names that ``append`` is called on."""
    inside = [n for node in nodes for n in _own(node)]
    names = {
        n.func.value.id
        for n in inside
        if isinstance(n, ast.Call)
        and isinstance(n.func, ast.Attribute)
        and n.func.attr == "append"
        and isinstance(n.func.value, ast.Name)
    }
    for node in inside:
        if isinstance(node, ast.Assign) and len(node.targets) == 1:
            node.value = _marked(node.targets[0], node.value, names)
        elif isinstance(node, ast.AnnAssign) and node.value is not None:
            node.value = _marked(node.target, node.value, names)


def _own(node: ast.AST) -> list[ast.AST]:
    """Return a statement's nodes, those of nested functions left out."""
    found, waiting = [], [node]
    while waiting:
        at = waiting.pop()
        found.append(at)
        if not isinstance(at, (*FUNCTIONS, ast.ClassDef)):
            waiting += ast.iter_child_nodes(at)
    return found


def _marked(target: ast.expr, value: ast.expr, names: set[str]) -> ast.expr:
    if isinstance(target, ast.Name) and target.id in names and isinstance(value, ast.List):
        return placed(staged("pile", value), value)
    if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
        pairs = zip(target.elts, value.elts)
        marked = [_marked(t, v, names) for t, v in pairs]
        value.elts[: len(marked)] = marked
    return value
