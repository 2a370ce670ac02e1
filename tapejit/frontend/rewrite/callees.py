"""Which function a call in a source means, as far as can be told without running it.

Only what the function's globals, closure and class hold now is looked at. Another function may be
bound to the name later: then an array is asked for in vain, or the write to it raises.
"""

from __future__ import annotations

import ast
import inspect
from types import CodeType, FunctionType, ModuleType
from typing import Any

from ..reach import is_user_module
from .flow import NotStageable
from .source import Found, find, tree_of
from .written import Callee, Resolve, Writes, field_writes, parameters

_callees: dict[CodeType, Callee | None] = {}
_fields: dict[str, tuple[ast.Module, frozenset[str]]] = {}


def fields_of_file(filename: str) -> frozenset[str]:
    """Return the attributes that anything in a file is written through."""
    tree = tree_of(filename)
    if tree is None:
        return frozenset()
    known = _fields.get(filename)
    if known is None or known[0] is not tree:
        known = _fields[filename] = (tree, field_writes(tree))
    return known[1]


def resolver(function: FunctionType, found: Found) -> Resolve:
    """Return what tells which parameters the callee of an expression writes to."""
    known: dict[int, Callee | None] = {}

    def resolve(func: ast.expr) -> Callee | None:
        if id(func) not in known:
            known[id(func)] = _callee(*_looked_up(func, function, found))
        return known[id(func)]

    return resolve


def _looked_up(func: ast.expr, function: FunctionType, found: Found) -> tuple[Any, bool]:
    """Return the value of a name or attribute, and whether its first parameter is given."""
    if isinstance(func, ast.Name):
        return _variable(func.id, function), False
    if isinstance(func, ast.Attribute) and isinstance(func.value, ast.Name):
        owner = _variable(func.value.id, function)
        if isinstance(owner, ModuleType):
            return vars(owner).get(func.attr), False
        first = function.__code__.co_varnames[:1]
        if owner is None and found.inside is not None and (func.value.id,) == first:
            owner = _variable(found.inside, function)
            member = inspect.getattr_static(owner, func.attr, None)
            return member, isinstance(member, FunctionType)
    return None, False


def _variable(name: str, function: FunctionType) -> Any:
    code = function.__code__
    if name in code.co_freevars:
        try:
            return (function.__closure__ or ())[code.co_freevars.index(name)].cell_contents
        except ValueError:
            return None
    if name in code.co_varnames or name in code.co_cellvars:
        return None
    return function.__globals__.get(name)


def _callee(value: Any, bound: bool) -> Callee | None:
    if isinstance(value, type) and is_user_module(value.__module__):
        fields = getattr(value, "_fields", None)
        if issubclass(value, tuple) and isinstance(fields, tuple):
            return Callee(fields, keeps=True)
        value, bound = inspect.getattr_static(value, "__init__", None), True
        if isinstance(value, FunctionType) and value.__code__.co_filename == "<string>":
            code = value.__code__  # written by `dataclass`
            names = code.co_varnames[1 : code.co_argcount + code.co_kwonlyargcount]
            return Callee(names, keeps=True)
    if not isinstance(value, FunctionType) or not is_user_module(value.__module__):
        return None
    code = value.__code__
    if code not in _callees:
        _callees[code] = None  # what calls itself is looked at once
        try:
            found = find(value)
        except NotStageable:
            return None
        if isinstance(found.node, ast.FunctionDef):
            fields = fields_of_file(code.co_filename)
            names = parameters(found.node)
            written = Writes(found.node, fields, resolver(value, found)).marks.names
            _callees[code] = Callee(names, frozenset(names) & written)
    made = _callees[code]
    return Callee(made.names[1:], made.written) if made is not None and bound else made
