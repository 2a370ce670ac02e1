"""Arrays that a function makes and writes to: ``a = np.array([0.0, 1.0])``, later ``a[i] = v``.

NumPy gives such an array plain memory, which holds no traced value. Where the source shows that
something which may be traced is written through a name, a view of it, an entry of a container or an
attribute, whatever expression is bound there is handed to ``S.own``; that makes a traced array of a
plain one of which nobody else knows.

Invariant: this only decides where ``S.own`` is asked. Asking too often costs rows of constants, too
seldom leaves the error that the write raises. Neither gives a wrong answer, see `staging.owned`.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from .build import STAGING, placed, staged
from .plain import is_library, root_of
from .written import ADDING_METHODS, VIEW_FIELDS, Marks, Resolve, Writes, holder_of

_CONTAINERS = frozenset(["dict", "list", "tuple", "deque"])


def mark_written(node: ast.AST, fields: frozenset[str], resolve: Resolve) -> None:
    """Wrap, in place, the values that a function binds where it writes to them later."""
    writes = Writes(node, fields, resolve)
    marks = writes.marks
    for call in writes.calls:
        for arg in [*writes.written_arguments(call, marks)]:
            _replace(call, arg, _owned(arg))
        if _adds(call, marks):
            call.args[-1] = _owned(call.args[-1], entries=call.func.attr == "extend")  # type: ignore[attr-defined]
    if not marks.size:
        return
    for part in writes.assigned:
        targets: list[ast.expr]
        targets = part.targets if isinstance(part, ast.Assign) else [part.target]
        assert part.value is not None
        part.value = _bound_to(targets, part.value, marks)
    for block in writes.blocks:
        block[:] = [s for statement in block for s in (statement, *_asked_after(statement, marks))]


def _adds(call: ast.Call, marks: Marks) -> bool:
    """Whether a call is ``held.append(value)``."""
    func = call.func
    if not isinstance(func, ast.Attribute) or func.attr not in ADDING_METHODS or not call.args:
        return False
    return holder_of(func.value) in marks.holders and not is_library(func)


def _replace(call: ast.Call, old: ast.expr, new: ast.expr) -> None:
    call.args = [new if a is old else a for a in call.args]
    for key in call.keywords:
        if key.value is old:
            key.value = new


def _bound_to(targets: list[ast.expr], value: ast.expr, marks: Marks) -> ast.expr:
    """Return the value of an assignment; of ``a, b = x, y`` each part is a value of its own."""
    target = targets[0]
    if len(targets) == 1 and isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
        plain = not any(isinstance(e, ast.Starred) for e in (*target.elts, *value.elts))
        if plain and len(target.elts) == len(value.elts):
            pairs = zip(target.elts, value.elts)
            value.elts = [_bound_to([t], v, marks) for t, v in pairs]
            return value
    holds = any(holder_of(t) in marks.holders for t in targets)
    if holds or any(_asks(t, marks) for t in targets):
        return _owned(value, holds)
    return value


def _asks(target: ast.expr, marks: Marks) -> bool:
    if isinstance(target, ast.Name):
        return target.id in marks.names
    return isinstance(target, ast.Attribute) and target.attr in marks.fields


def _owned(value: ast.expr, entries: bool = False) -> ast.expr:
    """Return an expression that asks for the array which it makes, or for those in a container."""
    if isinstance(value, ast.IfExp):
        value.body, value.orelse = _owned(value.body, entries), _owned(value.orelse, entries)
    elif entries and _owned_inside(value):
        pass
    elif isinstance(value, ast.Call | ast.BinOp | ast.UnaryOp | ast.Subscript) or (
        isinstance(value, ast.Attribute) and value.attr in VIEW_FIELDS
    ):
        staged_already = isinstance(value, ast.Call) and root_of(value.func) == STAGING
        return value if staged_already else _asked("own", value)
    return value


def _owned_inside(value: ast.expr) -> bool:
    """Ask for the arrays in a display; whether an expression is one."""
    if isinstance(value, ast.Tuple | ast.List):
        value.elts = [_owned(v, True) for v in value.elts]
    elif isinstance(value, ast.Dict):
        value.values = [_owned(v, True) for v in value.values]
    elif isinstance(value, ast.ListComp):
        value.elt = _owned(value.elt, True)
    elif isinstance(value, ast.DictComp):
        value.value = _owned(value.value, True)
    elif isinstance(value, ast.BinOp) and isinstance(value.left, ast.List):
        _owned_inside(value.left)
    elif isinstance(value, ast.Call) and getattr(value.func, "id", "") in _CONTAINERS:
        for key in value.keywords:
            key.value = _owned(key.value, True)
        for arg in value.args:
            _owned_inside(arg)
    else:
        return False
    return True


def _asked(method: str, value: ast.expr) -> ast.expr:
    call = placed(staged(method, value), value)
    assert isinstance(call.func, ast.Attribute)
    call.func.value.ours = True  # type: ignore[attr-defined]  # not a name of the user's
    return call


def _asked_after(node: ast.stmt, marks: Marks) -> Iterator[ast.stmt]:
    """Yield what asks for the variables that ``a, b = f()`` has bound."""
    if not isinstance(node, ast.Assign) or isinstance(node.value, ast.Tuple | ast.List):
        return
    for target in node.targets:
        if isinstance(target, ast.Tuple | ast.List):
            for t in target.elts:
                if isinstance(t, ast.Name) and t.id in marks.names:
                    value = _asked("owned", placed(ast.Name(t.id, ast.Load()), t))
                    yield placed(ast.Assign([ast.Name(t.id, ast.Store())], value), t)
