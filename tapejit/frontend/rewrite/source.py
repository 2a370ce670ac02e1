"""Finding the syntax tree of a function, and proving that it is the right one.

The file is read once. A candidate stands where the function's code says (line, and for lambdas
column too); it is compiled in the surroundings that the function had (its class, its free
variables) and must give the very same bytecode, names, constants and positions. So a file that was
edited meanwhile, or two lambdas on one line, can never give the tree of another function.
"""

from __future__ import annotations
import __future__

import ast
import inspect
import linecache
from types import CodeType, FunctionType

from ...core.records import record
from .build import assign, locals_made, own_name, placed
from .flow import NotStageable
from .names import FUNCTIONS, Function

_FUTURE = 0
for _name in __future__.all_feature_names:
    _FUTURE |= getattr(__future__, _name).compiler_flag
_CONTAINER = own_name("factory")
_HOLDER = own_name("holder")


@record(frozen=True)
class Found:
    """A function in a file, and what of its surroundings shows in its bytecode.

    Attributes
    ----------
    node : def or lambda
    inside : str or None
        The innermost class around it: its name mangles private names.
    imported : frozenset of str
        Names that the module imports: CPython calls their attributes without method look-up.
    """

    node: ast.FunctionDef | ast.Lambda
    inside: str | None
    imported: frozenset[str]


@record(frozen=True)
class _File:
    text: str
    tree: ast.Module
    imported: frozenset[str]


_files: dict[str, _File] = {}


def find(function: FunctionType) -> Found:
    """Return the node of a function.

    Raises
    ------
    NotStageable
        If there is no source, or none that compiles to this function.
    """
    code = function.__code__
    lines = linecache.getlines(code.co_filename, function.__globals__)
    if not lines:
        raise NotStageable("its source cannot be had")
    text = "".join(lines)
    file = _files.get(code.co_filename)
    if file is None or file.text != text:
        try:
            tree = ast.parse(text)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            raise NotStageable("its source cannot be parsed") from None
        file = _files[code.co_filename] = _File(text, tree, _imported(tree))
    for found in _functions(file, code.co_firstlineno):
        name = "<lambda>" if isinstance(found.node, ast.Lambda) else found.node.name
        if name != code.co_name:
            continue
        try:
            made = compile_like(found.node, found, code)
        except (SyntaxError, ValueError, RecursionError):
            continue
        if same_code(made, code):
            return found
    raise NotStageable("its source does not match its bytecode")


def tree_of(filename: str) -> ast.Module | None:
    """Return the tree of a file in which a function has been found."""
    file = _files.get(filename)
    return None if file is None else file.tree


def _functions(file: _File, line: int) -> list[Found]:
    """Return the functions of a file that begin on a line, looking only where that line lies."""
    out: list[Found] = []
    waiting: list[tuple[ast.AST, str | None]] = [(file.tree, None)]
    while waiting:
        node, inside = waiting.pop()
        if isinstance(node, ast.FunctionDef | ast.Lambda) and _first_line(node) == line:
            out.append(Found(node, inside, file.imported))
        for child in ast.iter_child_nodes(node):
            if _covers(child, line):
                owner = (
                    node.name if isinstance(node, ast.ClassDef) and child in node.body else inside
                )
                waiting.append((child, owner))
    return out


def _covers(node: ast.AST, line: int) -> bool:
    """Whether a line is one of a node's, with its decorators; true where that is not known."""
    if isinstance(node, (*FUNCTIONS, ast.ClassDef)):
        return _first_line(node) <= line <= (node.end_lineno or line)
    first = getattr(node, "lineno", None)
    return first is None or first <= line <= getattr(node, "end_lineno", line)


def _imported(tree: ast.Module) -> frozenset[str]:
    """Names that import statements of the module itself bind."""
    out: set[str] = set()
    waiting: list[ast.AST] = [*tree.body]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Import | ast.ImportFrom):
            out.update(alias.asname or alias.name.split(".")[0] for alias in node.names)
        elif not isinstance(node, (*FUNCTIONS, ast.ClassDef)):
            for part in ("body", "orelse", "finalbody", "handlers", "cases"):
                waiting += getattr(node, part, ())
    return frozenset(out)


def _first_line(node: Function | ast.ClassDef) -> int:
    if isinstance(node, ast.Lambda) or not node.decorator_list:
        return node.lineno
    return node.decorator_list[0].lineno


def compile_like(node: ast.FunctionDef | ast.Lambda, found: Found, like: CodeType) -> CodeType:
    """Compile a function's node as if it stood where ``like`` was compiled.

    Only the function itself is compiled: decorators and defaults are left out (but a decorator's
    line stays, as it is the function's first).
    """
    definition = placed(_bare(node), node)
    body: list[ast.stmt] = [definition]
    if found.inside is not None:
        body = [
            ast.ClassDef(name=found.inside, bases=[], keywords=[], body=body, decorator_list=[])
        ]
    free = [name for name in like.co_freevars if name != "__class__"]
    bound = _HOLDER if isinstance(node, ast.Lambda) else node.name
    if found.inside is not None:
        bound = found.inside
    # Where the function or its class is a global, it must not become a variable of the factory.
    outside: list[ast.stmt] = [] if bound in free else [ast.Global([bound])]
    factory = ast.FunctionDef(
        name=_CONTAINER,
        args=ast.arguments([], [], None, [], [], None, []),
        body=[*outside, *locals_made(free), *body],
        decorator_list=[],
    )
    tree = ast.Module([placed(factory, node)], [])
    if names := sorted(found.imported - {"*"}):
        imports = ast.ImportFrom("nowhere", [ast.alias(name) for name in names], 0)
        tree.body.insert(0, placed(imports, node))
    flags = like.co_flags & _FUTURE
    code: CodeType = compile(tree, like.co_filename, "exec", flags=flags, dont_inherit=True)
    for _ in range(2 if found.inside is None else 3):
        (code,) = [const for const in code.co_consts if isinstance(const, CodeType)]
    return code


def _bare(node: ast.FunctionDef | ast.Lambda) -> ast.stmt:
    none = placed(ast.Constant(None), node)
    args = node.args

    def plain(arg: ast.arg) -> ast.arg:
        return placed(ast.arg(arg.arg), arg)

    bare = ast.arguments(
        posonlyargs=list(map(plain, args.posonlyargs)),
        args=list(map(plain, args.args)),
        vararg=args.vararg and plain(args.vararg),
        kwonlyargs=list(map(plain, args.kwonlyargs)),
        kw_defaults=[default and none for default in args.kw_defaults],
        kwarg=args.kwarg and plain(args.kwarg),
        defaults=[none for _ in args.defaults],
    )
    if isinstance(node, ast.Lambda):
        return assign(_HOLDER, placed(ast.Lambda(bare, node.body), node))
    decorators: list[ast.expr] = [
        ast.copy_location(ast.Constant(None), decorator) for decorator in node.decorator_list
    ]
    return ast.FunctionDef(name=node.name, args=bare, body=node.body, decorator_list=decorators)


def same_code(a: CodeType, b: CodeType) -> bool:
    """Whether two codes do the same, at the same places of the same file."""
    free = inspect.CO_NESTED
    return (
        a.co_code == b.co_code
        and a.co_name == b.co_name
        and a.co_names == b.co_names
        and a.co_varnames == b.co_varnames
        and a.co_freevars == b.co_freevars
        and a.co_cellvars == b.co_cellvars
        and a.co_argcount == b.co_argcount
        and a.co_posonlyargcount == b.co_posonlyargcount
        and a.co_kwonlyargcount == b.co_kwonlyargcount
        and a.co_flags & ~free == b.co_flags & ~free
        and a.co_firstlineno == b.co_firstlineno
        and list(a.co_positions()) == list(b.co_positions())
        and a.co_exceptiontable == b.co_exceptiontable
        and len(a.co_consts) == len(b.co_consts)
        and all(_same_constant(c, d, a, b) for c, d in zip(a.co_consts, b.co_consts))
    )


def _same_constant(c: object, d: object, a: CodeType, b: CodeType) -> bool:
    if isinstance(c, CodeType) and isinstance(d, CodeType):
        return same_code(c, d)
    if c == a.co_qualname and d == b.co_qualname:  # a class knows where it stands
        return True
    if isinstance(c, tuple) and isinstance(d, tuple):
        return len(c) == len(d) and all(_same_constant(x, y, a, b) for x, y in zip(c, d))
    if isinstance(c, frozenset) and isinstance(d, frozenset):
        return sorted(map(repr, c)) == sorted(map(repr, d))
    return type(c) is type(d) and repr(c) == repr(d)  # 0.0 and -0.0 differ, nan is nan
