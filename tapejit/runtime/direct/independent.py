"""Loops whose rounds do not wait for each other, and how LLVM is told so.

Before a loop is put into vectors LLVM checks at run time that no two arrays overlap; where more
than a few would have to be compared it gives up. Its text proves more: every store goes to
``p[c * i + k]`` with a literal c != 0, and all else that the loop reads or writes of that array is
that very element. A pointer into an array is followed to where it comes from (`Function.origins`);
arrays of different origin are different places, by the plan of a kernel's memory, as long as a step
uses both, and a loop lies within one step.

Invariant: a loop that is marked has no two rounds of which one stores what the other touches.
"""

from __future__ import annotations

import ast
import re
from typing import Any

from llvmlite import ir

LOCAL = "on the stack: "
_WHOLE = re.compile(r"[aot]\d+")
PLAIN = frozenset(("select", "abs", "min", "max", "int", "float", "bool"))
"""Functions that touch no memory and go on behind their call, besides these packages' and folds."""


def origins(tree: ast.FunctionDef, often: set[str]) -> dict[str, str]:
    """Return where each pointer of a function comes from; those without an entry are not known.

    Parameters with the names of whole arrays come from outside, each another array; a parameter that
    may point into one is not known. Nor is what is assigned more than once: the buffers of a loop
    that change places.
    """
    given = (a.arg for a in tree.args.args)
    found = {n: n for n in given if n not in often and _WHOLE.fullmatch(n)}
    for s in (s for s in ast.walk(tree) if isinstance(s, ast.Assign)):
        if len(s.targets) != 1 or not isinstance(s.targets[0], ast.Name):
            continue
        name, value = s.targets[0].id, s.value
        if name in often:
            continue
        if isinstance(value, ast.Name):
            found[name] = value.id
        elif isinstance(value, ast.Call):
            called = ast.unparse(value.func)
            if called == "memory.shift":
                found[name] = ast.unparse(value.args[0])
            elif called.startswith(("memory.carve_", "memory.flat")):
                # The same part of a workspace is the same place, whatever lies there.
                found[name] = f"({', '.join(map(ast.unparse, value.args))})"
            elif called.startswith("local_"):
                found[name] = f"{LOCAL}{name}"
    return found


def _origin(name: str, known: dict[str, str]) -> str | None:
    """Follow a pointer to its array: what is called by no name, or by its own."""
    while known.get(name, name) != name:
        name = known[name]
        if not name.isidentifier():
            return name
    return name if name in known else None


def _walks(index: ast.expr, variable: str, fixed: Any) -> bool:
    """Whether an index is a multiple, not zero, of the variable, plus what the loop does not change."""
    if isinstance(index, ast.BinOp) and isinstance(index.op, ast.Add):
        one, other = index.left, index.right
        return (_walks(one, variable, fixed) and _still(other, fixed)) or (
            _walks(other, variable, fixed) and _still(one, fixed)
        )
    if isinstance(index, ast.BinOp) and isinstance(index.op, ast.Sub):
        return _walks(index.left, variable, fixed) and _still(index.right, fixed)
    if isinstance(index, ast.BinOp) and isinstance(index.op, ast.Mult):
        step = index.right
        whole = isinstance(step, ast.Constant) and type(step.value) is int and step.value != 0
        return whole and _walks(index.left, variable, fixed)
    return isinstance(index, ast.Name) and index.id == variable


def _still(node: ast.expr, fixed: Any) -> bool:
    """Whether an expression of numbers is the same in every round."""
    if isinstance(node, ast.BinOp):
        return _still(node.left, fixed) and _still(node.right, fixed)
    return isinstance(node, ast.Constant) or (isinstance(node, ast.Name) and fixed(node.id))


def _touches_nothing(called: str) -> bool:
    return called in PLAIN or called.startswith(
        ("vmath.", "np.", "fold_", "memory.fold_", "memory.shift")
    )


def independent(loop: ast.For, known: dict[str, str]) -> bool:
    """Whether the text of an innermost loop proves that its rounds may run at once."""
    nodes = [n for s in loop.body for n in ast.walk(s)]
    if any(isinstance(n, (ast.For, ast.While, ast.Break, ast.Return)) for n in nodes):
        return False
    calls = [ast.unparse(n.func) for n in nodes if isinstance(n, ast.Call)]
    if not all(map(_touches_nothing, calls)):
        return False
    assert isinstance(loop.target, ast.Name)
    variable = loop.target.id
    changed = {n.id for n in nodes if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    changed.add(variable)
    accesses: list[tuple[str | None, str, ast.Subscript]] = []
    for n in nodes:
        if isinstance(n, ast.Subscript) and not isinstance(n.value, ast.Attribute):
            if not isinstance(n.value, ast.Name):
                return False
            accesses.append((_origin(n.value.id, known), n.value.id, n))
    stores = [each for each in accesses if isinstance(each[2].ctx, ast.Store)]
    if not stores or any(origin is None for origin, _, _ in accesses):
        return False
    for origin, name, n in stores:
        if name in changed or not _walks(n.slice, variable, lambda x: x not in changed):
            return False
        place = ast.dump(n.slice)
        alike = (a for a in accesses if a[0] == origin)
        if any(a[1] != name or ast.dump(a[2].slice) != place for a in alike):
            return False
    return True


VECTOR = 8
"""Rounds from which a short loop is worth vectors."""


def stays(loop: ast.For, rounds: int, known: dict[str, str]) -> bool:
    """Whether a loop of independent rounds is to stay a loop until LLVM makes vectors of it.

    LLVM unrolls short loops first, and leaves what stands in a line as it is: x - y over (25000, 10)
    takes 185 us unrolled, 55 in vectors. Where all that a loop does is to add to an array, unrolled
    is better: a loop around it then keeps the sums in registers. So are loops over local arrays,
    which become registers themselves: 16 bodies take 58 us unrolled, 67 in vectors.
    """
    nodes = [n for s in loop.body for n in ast.walk(s) if isinstance(n, ast.Subscript)]
    read = {ast.unparse(n) for n in nodes if isinstance(n.ctx, ast.Load)}
    stored = {ast.unparse(n) for n in nodes if isinstance(n.ctx, ast.Store)}
    names = {n.value.id for n in nodes if isinstance(n.value, ast.Name)}
    local = any((_origin(name, known) or "").startswith(LOCAL) for name in names)
    return rounds >= VECTOR and not stored <= read and not local


LONG = 64
"""Rounds from which it pays to compute two vectors at once."""
MANY = 3
"""Functions of `vmath` in one loop from which LLVM takes vectors one by one, for want of registers."""


def waits(loop: ast.For, rounds: int) -> bool:
    """Whether a loop, of unknown or many rounds, is so long a chain that two vectors go at once.

    The processor looks some 300 instructions ahead, a round of Black-Scholes has 260 and takes 225 cycles
    from its first to its last, of which the multipliers are busy for 150. Two rounds, instruction by
    instruction, share their constants and fill each other's gaps; what has no register then
    lies on the stack, which costs less: a million options in 8.9 ms one by one, in 7.5 by two.
    """
    if 0 < rounds < LONG:
        return False
    nodes = [n for s in loop.body for n in ast.walk(s) if isinstance(n, ast.Call)]
    return sum(ast.unparse(n.func).startswith("vmath.") for n in nodes) >= MANY


# ---------------------------------------------------------------- metadata


class Distinct(ir.MDValue):  # type: ignore[misc]  # llvmlite declares no types
    """A node of metadata that is equal to no other; a loop's own begins with itself."""

    def __init__(self, module: Any, operands: Any, itself: bool = False) -> None:
        super().__init__(module, operands, str(len(module.metadata)))
        if itself:
            self.operands: tuple[Any, ...] = (self, *operands)

    def __eq__(self, other: object) -> bool:
        return self is other

    def __ne__(self, other: object) -> bool:
        return self is not other

    def __hash__(self) -> int:
        return id(self)

    def descr(self, buf: list[str]) -> None:
        """Append the node's definition."""
        each = ", ".join(op.get_reference() for op in self.operands)
        buf += (f"distinct !{{ {each} }}", "\n")


def new_group(module: Any) -> Any:
    """Return a group for the loads and stores of one loop."""
    return Distinct(module, ())


def mark(module: Any, branch: Any, group: Any, whole: bool, twice: bool) -> None:
    """Say at the end of a loop's round that the accesses of a group do not wait for other rounds.

    A loop that is to stay `whole` is not unrolled; of vectors of one `twice` two are under way.
    """
    says = [module.add_metadata([ir.MetaDataString(module, "llvm.loop.parallel_accesses"), group])]
    if whole:
        says.append(module.add_metadata([ir.MetaDataString(module, "llvm.loop.unroll.disable")]))
    if twice:
        count = ir.Constant(ir.IntType(32), 2)
        word = ir.MetaDataString(module, "llvm.loop.interleave.count")
        says.append(module.add_metadata([word, count]))
    branch.set_metadata("llvm.loop", Distinct(module, says, itself=True))
