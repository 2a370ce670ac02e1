"""Long kernels in functions of moderate length, one called after the other.

Some of LLVM's analyses take time in proportion to the square of a function's length: straight lines
of 15,000 rows cost 0.55 ms a row, of 7,500 rows 0.33. A piece is given the names that it reads and
returns those that later statements read. Invariant: the pieces run in turn are the statements.
"""

from __future__ import annotations

import ast

LONG = 4000
PIECE = 1500


def cut(kernel: ast.FunctionDef, parts: dict[str, ast.FunctionDef]) -> ast.FunctionDef:
    """Return a kernel whose long body calls pieces, which are entered into `parts`."""
    weights = [_weight(s) for s in kernel.body]
    if sum(weights) <= LONG:
        return kernel
    groups: list[list[ast.stmt]] = []
    room = 0
    for s, weight in zip(kernel.body, weights):
        if _stays(s):
            groups.append([s])
            room = 0
        elif room >= weight:
            groups[-1].append(s)
            room -= weight
        else:
            groups.append([s])
            room = PIECE - weight
    later: list[set[str]] = [set()]
    for group in reversed(groups):
        later.append(later[-1] | _names(group, ast.Load))
    later.reverse()
    known = {a.arg for a in kernel.args.args}
    body: list[ast.stmt] = []
    for k, group in enumerate(groups):
        made = sorted(_names(group, ast.Store))
        if len(group) > 1:
            used = sorted((_names(group, ast.Load) | set(made)) & known)
            results = [n for n in made if n in later[k + 1]]
            name = f"piece{k}"
            parts[name] = _function(name, used, group, results)
            body.append(_call(name, used, results))
        else:
            body += group
        known |= set(made)
    return ast.FunctionDef(kernel.name, kernel.args, body, [])


def _weight(s: ast.stmt) -> int:
    inner = [*getattr(s, "body", ()), *getattr(s, "orelse", ())]
    return 1 + sum(map(_weight, inner))


def _stays(s: ast.stmt) -> bool:
    """Whether a statement must stand in the kernel: a return, an array that lives as long as it."""
    return any(
        isinstance(n, ast.Return) or (isinstance(n, ast.Name) and n.id.startswith("local_"))
        for n in ast.walk(s)
    )


def _names(group: list[ast.stmt], context: type) -> set[str]:
    """Return the names that statements read or assign; an index belongs to its loop."""
    found: set[str] = set()
    indices: set[str] = set()
    for s in group:
        for n in ast.walk(s):
            if isinstance(n, ast.Name) and isinstance(n.ctx, context):
                found.add(n.id)
            if isinstance(n, ast.For) and isinstance(n.target, ast.Name):
                indices.add(n.target.id)
    return found - indices if context is ast.Store else found


def _tuple(names: list[str], context: ast.expr_context) -> ast.Tuple:
    return ast.Tuple([ast.Name(n, context) for n in names], context)


def _function(
    name: str, args: list[str], group: list[ast.stmt], results: list[str]
) -> ast.FunctionDef:
    given = ast.arguments(
        posonlyargs=[], args=[ast.arg(a) for a in args], kwonlyargs=[], kw_defaults=[], defaults=[]
    )
    end: list[ast.stmt] = [ast.Return(_tuple(results, ast.Load()))] if results else []
    return ast.FunctionDef(name, given, [*group, *end], [])


def _call(name: str, args: list[str], results: list[str]) -> ast.stmt:
    given: list[ast.expr] = [ast.Name(a, ast.Load()) for a in args]
    call = ast.Call(ast.Name(name, ast.Load()), given, [])
    return ast.Assign([_tuple(results, ast.Store())], call) if results else ast.Expr(call)
