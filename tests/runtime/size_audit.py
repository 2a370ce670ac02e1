"""Import the library with each operation checked, run programs, print where symbolic sizes escape.

A size escapes where something written in C answers in its place: a float or a NumPy number on the left of
an operator, a function of C, an index. Each module is rewritten as it is imported: operators,
comparisons, calls and subscripts go through the functions below. Run by ``test_size_audit``.
"""

from __future__ import annotations

import ast
import builtins
import importlib.abc
import importlib.machinery
import json
import operator
import sys
from collections import Counter
from typing import Any

__name__ = "tapejit.audit"  # its frames count as the library's
BINARY = {
    ast.Add: "add", ast.Sub: "sub", ast.Mult: "mul", ast.Div: "truediv", ast.FloorDiv: "floordiv",
    ast.Mod: "mod", ast.Pow: "pow",
}  # fmt: skip
COMPARE = {
    ast.Lt: "lt", ast.LtE: "le", ast.Gt: "gt", ast.GtE: "ge", ast.Eq: "eq", ast.NotEq: "ne",
}  # fmt: skip
OUTSIDE = ("tapejit.core.dims", "tapejit.core.formulas", "tapejit.kernels", "tapejit.torch")
"""Modules that are made of such operations, or see no sizes."""
COMPARING = {
    "prod", "heappush", "heappop", "bisect_left", "bisect_right", "tuple.index", "list.index",
    "isnan", "isinf", "copysign", "accumulate",
}  # fmt: skip
"""C functions that ask sizes by Python's operators, or whose answer no decision depends on."""
ESCAPES: Counter[tuple[str, str]] = Counter()


def is_size(x: Any) -> bool:
    dims = sys.modules.get("tapejit.core.dims")
    return dims is not None and type(x) in (dims.Dim, dims.Real)


def holds(x: Any) -> bool:
    return any(map(holds, x)) if type(x) in (tuple, list) else is_size(x)


def is_foreign(x: Any) -> bool:
    """Whether an operand would answer for a size on its right."""
    return not is_size(x) and (isinstance(x, (float, str)) or type(x).__module__ == "numpy")


def audit_binary(op: str, a: Any, b: Any, place: str) -> Any:
    if is_size(b) and is_foreign(a):
        ESCAPES[f"{type(a).__name__} {op}", place] += 1
    return getattr(operator, op)(a, b)


def audit_getitem(a: Any, i: Any, place: str) -> Any:
    parts = (i.start, i.stop, i.step) if isinstance(i, slice) else i
    if (holds(parts) or is_size(i)) and (
        type(a) in (list, tuple, str) or type(a).__module__ == "numpy"
    ):
        ESCAPES[f"{type(a).__name__}[..]", place] += 1
    return a[i]


def audit_call(fn: Any, place: str) -> Any:
    module = str(getattr(fn, "__module__", None) or "")
    inside = type(getattr(fn, "__self__", None)) in (list, dict, set)  # containers compare
    in_c = type(fn).__name__ in ("builtin_function_or_method", "ufunc", "method_descriptor")
    if not (in_c or module.startswith(("numpy", "scipy")) or fn in (range, int, float)) or inside:
        return fn
    if module == "builtins" and fn not in (range, int, float):
        return fn

    def run(*args: Any, **kwargs: Any) -> Any:
        if any(map(holds, (*args, *kwargs.values()))):
            name = getattr(fn, "__qualname__", str(fn))
            if name not in COMPARING:
                ESCAPES[f"{name}()", place] += 1
        return fn(*args, **kwargs)

    return run


class Audited(ast.NodeTransformer):
    """Sends operations through the functions above."""

    def __init__(self, file: str) -> None:
        self.file = file

    def asked(self, name: str, node: Any, *args: ast.expr) -> ast.expr:
        place = ast.Constant(f"{self.file}:{node.lineno}")
        return ast.copy_location(ast.Call(ast.Name(name, ast.Load()), [*args, place], []), node)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        node.value = node.value and self.visit(node.value)
        return node

    def visit_arg(self, node: ast.arg) -> ast.AST:
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        returns, node.returns = node.returns, None
        self.generic_visit(node)
        node.returns = returns
        return node

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        self.generic_visit(node)
        op = BINARY.get(type(node.op))
        if op is None:
            return node
        return self.asked("audit_binary", node, ast.Constant(op), node.left, node.right)

    def visit_Compare(self, node: ast.Compare) -> ast.AST:
        self.generic_visit(node)
        op = COMPARE.get(type(node.ops[0]))
        if op is None or len(node.ops) > 1:
            return node
        args = (ast.Constant(op), node.left, node.comparators[0])
        return self.asked("audit_binary", node, *args)

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        name = node.func.id if isinstance(node.func, ast.Name) else ""
        if name not in ("super", "locals", "globals") and not name.startswith("audit_"):
            node.func = self.asked("audit_call", node.func, node.func)
        return node

    def visit_Subscript(self, node: ast.Subscript) -> ast.AST:
        self.generic_visit(node)
        if not isinstance(node.ctx, ast.Load) or isinstance(node.slice, (ast.Constant, ast.Tuple)):
            return node
        index: ast.expr = node.slice
        if isinstance(index, ast.Slice):
            parts = [p or ast.Constant(None) for p in (index.lower, index.upper, index.step)]
            index = ast.Call(ast.Name("slice", ast.Load()), parts, [])
        return self.asked("audit_getitem", node, node.value, index)


class Loader(importlib.machinery.SourceFileLoader):
    """Compiles modules with their operations audited."""

    def get_code(self, fullname: str) -> Any:
        path = self.get_filename(fullname)
        tree = Audited(path.rpartition("tapejit/")[2]).visit(ast.parse(self.get_data(path)))
        return compile(ast.fix_missing_locations(tree), path, "exec", dont_inherit=True)


class Finder(importlib.abc.MetaPathFinder):
    """Finds the library's modules."""

    def find_spec(self, name: str, path: Any, target: Any = None) -> Any:
        if name.partition(".")[0] != "tapejit" or name.startswith(OUTSIDE):
            return None
        found = importlib.machinery.PathFinder.find_spec(name, path, target)
        if found is not None and str(found.origin).endswith(".py"):
            found.loader = Loader(name, str(found.origin))
        return found


def main() -> None:
    for function in (audit_binary, audit_getitem, audit_call):
        setattr(builtins, function.__name__, function)
    sys.meta_path.insert(0, Finder())
    from sized_programs import SIZED

    from tapejit.core.config import config

    config.cache = False
    told = 0
    reasons: list[str] = []
    for name in sys.argv[1:]:
        fn, transform, arguments = SIZED[name]
        f = transform(fn, compile="always")
        for n, m in ((67, 70), (80, 90), (91, 81), (97, 83)):
            f(*arguments(n, m))
            f(*arguments(n, m))
        told += f.stats()["sizes_predicted"]
        reasons += f._dispatcher.templates.reasons
    escapes = [f"{what} at {place}" for what, place in ESCAPES]
    print(json.dumps({"escapes": sorted(escapes), "predicted": told, "reasons": reasons}))


main()
