"""Statements of kernel text to LLVM blocks.

Covered are: assignments to names, to elements and of several results; ``for`` over ``range`` with a
literal step; ``while``; ``if``; ``break``; ``pass``; ``return``; calls for their effect.
"""

from __future__ import annotations

import ast
from typing import Any

from llvmlite import ir

from . import chunks
from .expressions import expression, index, place
from .function import Function, Known
from .independent import independent, mark, new_group, stays, waits
from .values import I64, INT, Array, Uncovered, Value, truth_of


def statements(f: Function, body: list[ast.stmt]) -> None:
    """Append statements in turn; what stands behind a return or break is never reached."""
    for s in body:
        if f.ended:
            return
        if isinstance(s, ast.Assign):
            _assign(f, s)
        elif isinstance(s, ast.For):
            _for(f, s)
        elif isinstance(s, ast.If):
            _if(f, s)
        elif isinstance(s, ast.Expr):
            if isinstance(s.value, ast.Call) and not _part(f, s.value, []):
                expression(f, s.value)
        elif isinstance(s, ast.While):
            _while(f, s)
        elif isinstance(s, ast.Return):
            _return(f, s)
        elif isinstance(s, ast.Break):
            f.builder.branch(f.leave[-1])
        elif not isinstance(s, ast.Pass):
            raise Uncovered(f"a statement {type(s).__name__}")


def _assign(f: Function, s: ast.Assign) -> None:
    if len(s.targets) != 1:
        raise Uncovered("an assignment to several targets")
    target = s.targets[0]
    if isinstance(s.value, ast.Call):
        each = target.elts if isinstance(target, ast.Tuple) else [target]
        if _part(f, s.value, each):
            return
    if isinstance(target, ast.Name):
        f.assign(target.id, expression(f, s.value))
    elif isinstance(target, ast.Subscript):
        value = expression(f, s.value)
        element, at = place(f, target)
        f.access(f.builder.store(f.cast(value, element).llvm, at))
    else:
        raise Uncovered(f"an assignment to {type(target).__name__}")


def _part(f: Function, node: ast.Call, targets: list[ast.expr]) -> bool:
    """Append the call of a part of the kernel, if it is one: a function of its own."""
    if chunks.is_run(node) and not targets:
        chunks.run(f, node.args, translated)
        return True
    if not isinstance(node.func, ast.Name) or node.func.id not in f.unit.parts:
        return False
    tree = f.unit.parts[node.func.id]
    names = [a.arg for a in tree.args.args]
    args: dict[str, Known] = {}
    for name, a in zip(names, node.args, strict=True):
        args[name] = f.read(a.id) if isinstance(a, ast.Name) else expression(f, a)
    key = (node.func.id, *(_known(x) for x in args.values()))
    callee = f.unit.called.get(key)
    if callee is None:
        name = node.func.id if node.func.id not in f.unit.module.globals else ""
        callee = translated(f, tree, name or f.unit.module.get_unique_name(node.func.id), args)
        callee.llvm.attributes.add("noinline")
        f.unit.called[key] = callee
    found = f.enter(callee, args)
    if len(found) != len(targets):
        raise Uncovered(f"{len(found)} results of {node.func.id}")
    for target, value in zip(targets, found):
        if not isinstance(target, ast.Name):
            raise Uncovered("a result that is no name")
        f.assign(target.id, value)
    return True


def _known(x: Known) -> Any:
    return (x.kind, len(x.shape)) if isinstance(x, Array) else x.kind


def translated(f: Any, tree: ast.FunctionDef, name: str, args: dict[str, Known]) -> Function:
    """Return the LLVM function of a function of the text for arguments of these types."""
    made = Function(f.unit, tree, name, args)
    statements(made, tree.body)
    made.close()
    return made


def _return(f: Function, s: ast.Return) -> None:
    each: list[ast.expr] = []
    if s.value is not None:
        each = s.value.elts if isinstance(s.value, ast.Tuple) else [s.value]
    f.give_back([expression(f, e) for e in each])


# ---------------------------------------------------------------- blocks


def _inside(f: Function, body: list[ast.stmt]) -> None:
    """Append the statements of an inner block; the names it alone assigns end with it."""
    outer = dict(f.once)
    statements(f, body)
    f.once = outer


def _steady(before: dict[str, Any], f: Function) -> None:
    """A loop's next round starts with the types of the first."""
    for name, kind in before.items():
        if f.types.get(name) != kind:
            raise Uncovered(f"{name} changes its type in a loop")


def _if(f: Function, s: ast.If) -> None:
    b = f.builder
    test = truth_of(b, expression(f, s.test)).llvm
    then, done = f.block(), f.block()
    other = f.block() if s.orelse else done
    b.cbranch(test, then, other)
    before = dict(f.types)
    f.move(then)
    _inside(f, s.body)
    ends = f.ended
    if not ends:
        b.branch(done)
    after = f.types
    f.types = dict(before)
    nowhere = False
    if s.orelse:
        f.move(other)
        _inside(f, s.orelse)
        if f.ended:
            nowhere = ends
            f.types = after
        else:
            b.branch(done)
            if not ends:
                f.types = _agreed(after, f.types)
    elif not ends:
        f.types = _agreed(after, f.types)
    f.move(done)
    if nowhere:
        b.unreachable()


def _agreed(a: dict[str, Any], b: dict[str, Any]) -> dict[str, Any]:
    """Return the types of slots behind a branch; a name of two types is not known there."""
    found = {**a, **b}
    return {n: t for n, t in found.items() if a.get(n, t) == t and b.get(n, t) == t}


def _for(f: Function, s: ast.For) -> None:
    """A counting loop, its test at the end of a round."""
    if s.orelse or not isinstance(s.target, ast.Name):
        raise Uncovered("a loop of another form")
    name = s.target.id
    if name in f.often or f.knows(name):
        raise Uncovered(f"the index {name} is a variable, too")
    start, stop, step = _range(f, s.iter)
    b = f.builder
    sign = "<" if step > 0 else ">"
    known = all(isinstance(v, ir.Constant) for v in (start, stop))
    if known and not range(start.constant, stop.constant, step):
        return
    body, done = f.block("round"), f.block("done")
    if known:
        b.branch(body)
    else:
        b.cbranch(b.icmp_signed(sign, start, stop), body, done)
    before, came = dict(f.types), b.block
    f.move(body)
    i = b.phi(I64, name=name)
    i.add_incoming(start, came)
    f.leave.append(done)
    outer = dict(f.once)
    f.once[name] = Value(INT, i)
    f.group = new_group(f.unit.module) if independent(s, f.origins) else None
    statements(f, s.body)
    group, f.group = f.group, None
    f.once = outer
    f.leave.pop()
    if not f.ended:
        _steady(before, f)
        following = b.add(i, ir.Constant(I64, step), flags=("nsw",))
        i.add_incoming(following, b.block)
        back = b.cbranch(b.icmp_signed(sign, following, stop), body, done)
        if group is not None:
            rounds = len(range(start.constant, stop.constant, step)) if known else 0
            whole, twice = stays(s, rounds, f.origins), waits(s, rounds)
            mark(f.unit.module, back, group, whole, twice)
    f.move(done)


def _range(f: Function, node: ast.expr) -> tuple[Any, Any, int]:
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
        raise Uncovered("a loop over something else than a range")
    if node.func.id != "range" or not 1 <= len(node.args) <= 3:
        raise Uncovered("a loop over something else than a range")
    step = 1
    bounds = node.args
    if len(bounds) == 3:
        step = _step(bounds[2])
    start = ir.Constant(I64, 0) if len(bounds) == 1 else index(f, bounds[0])
    return start, index(f, bounds[0 if len(bounds) == 1 else 1]), step


def _step(node: ast.expr) -> int:
    sign = 1
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        sign, node = -1, node.operand
    if isinstance(node, ast.Constant) and type(node.value) is int and node.value:
        return sign * node.value
    raise Uncovered("a computed step")


def _while(f: Function, s: ast.While) -> None:
    if s.orelse:
        raise Uncovered("while ... else")
    b = f.builder
    head, body, done = f.block("while"), f.block("round"), f.block("done")
    b.branch(head)
    f.move(head)
    before = dict(f.types)
    b.cbranch(truth_of(b, expression(f, s.test)).llvm, body, done)
    f.move(body)
    f.leave.append(done)
    _inside(f, s.body)
    f.leave.pop()
    if not f.ended:
        _steady(before, f)
        b.branch(head)
    f.move(done)
