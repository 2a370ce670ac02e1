"""Which expressions of a function cannot be traced: made of constants, sizes and loop counters.

``w = np.linspace(0.0, 1.0, n); w[1:-1] *= 2.0; w /= np.sum(w)`` is Python's work alone. A variable
is plain when all that is bound to it is plain, and all that is written through it: the values, the
places, the tests of the branches that decide, and the loops that a capture would roll. What is taken for
plain although it is not (the counter of a loop of a traced number of rounds) stays a plain array,
into which nothing traced can be written unnoticed.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence

_LIBRARIES = frozenset(["np", "numpy", "math", "scipy", "sp", "cmath"])
_BUILTINS = frozenset(
    "len range int float bool abs min max sum round enumerate zip reversed list tuple sorted".split()
)
_SIZES = frozenset(["shape", "size", "ndim", "dtype"])


def root_of(node: ast.expr) -> str | None:
    """Return the variable that an attribute or entry belongs to."""
    while isinstance(node, ast.Attribute | ast.Subscript):
        node = node.value
    return node.id if isinstance(node, ast.Name) else None


def is_library(func: ast.expr) -> bool:
    """Whether a callee is a function of NumPy, SciPy or ``math`` by the usual names."""
    return isinstance(func, ast.Attribute) and root_of(func) in _LIBRARIES


def is_known(name: str) -> bool:
    """Whether a name is taken for a library or a builtin by the way it is written."""
    return name in _LIBRARIES or name in _BUILTINS


class Plain:
    """The plain variables of a function.

    Parameters
    ----------
    bindings : list of (target, value)
    stores : list of (target, values)
        What is written through a target, and where.
    """

    def __init__(
        self,
        bindings: Sequence[tuple[ast.expr, ast.expr]],
        stores: Sequence[tuple[ast.expr, tuple[ast.expr | None, ...]]],
    ) -> None:
        self.names = {t.id for t, _ in bindings if isinstance(t, ast.Name)}
        parts: list[tuple[str | None, tuple[ast.expr | None, ...]]]
        parts = [(root_of(t), (v,)) for t, v in bindings]
        parts += [(root_of(t), vs) for t, vs in stores]
        while True:
            before = len(self.names)
            for name, values in parts:
                if name in self.names and not all(map(self.is_plain, values)):
                    self.names.discard(name)
            if len(self.names) == before:
                return

    def is_plain(self, node: ast.expr | None) -> bool:
        """Whether an expression is known not to be traced."""
        if node is None or isinstance(node, ast.Constant):
            return True
        if isinstance(node, ast.Name):
            return node.id in self.names
        if isinstance(node, ast.Attribute):
            return node.attr in _SIZES or root_of(node) in _LIBRARIES or self.is_plain(node.value)
        if isinstance(node, ast.Call):
            return self._call(node)
        if isinstance(node, ast.Lambda | ast.Yield | ast.Await | ast.YieldFrom | ast.JoinedStr):
            return False
        parts = [*ast.iter_child_nodes(node)]
        if isinstance(node, ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp):
            return False
        return all(self.is_plain(p) for p in parts if isinstance(p, ast.expr))

    def _call(self, node: ast.Call) -> bool:
        func = node.func
        if isinstance(func, ast.Name):
            if func.id == "len":
                return True
            if func.id not in _BUILTINS:
                return False
        elif isinstance(func, ast.Attribute):
            if is_library(func):
                if "random" in ast.dump(func):
                    return False
            elif not self.is_plain(func.value):
                return False
        else:
            return False
        values = [*node.args, *(k.value for k in node.keywords)]
        return all(map(self.is_plain, values))
