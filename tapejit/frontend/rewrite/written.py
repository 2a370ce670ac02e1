"""What a function writes through: ``a[i] = v``, and so whatever ``a`` may be a view or an entry of.

Names are looked at without their scopes, attributes without their objects, and only what is plain to
see is followed: `asked` needs no more. A write of what cannot be traced, see `plain`, does not count.

Invariant: nothing here changes the tree.
"""

from __future__ import annotations

import ast
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import field

from ...core.records import record
from .plain import Plain, is_known, is_library


@record(frozen=True)
class Callee:
    """What a call hands over.

    Attributes
    ----------
    names : tuple of str
        The parameters.
    written : frozenset of str
        Those that the function writes to.
    keeps : bool
        Whether each becomes the field of that name of a new object.
    """

    names: tuple[str, ...]
    written: frozenset[str] = frozenset()
    keeps: bool = False


Resolve = Callable[[ast.expr], Callee | None]

_VIEW_METHODS = frozenset(
    "reshape ravel view transpose swapaxes squeeze diagonal values items get setdefault "
    "pop popleft".split()
)
_VIEW_FUNCTIONS = frozenset(
    "reshape ravel transpose swapaxes moveaxis squeeze asarray asanyarray atleast_1d atleast_2d "
    "diagonal expand_dims split array_split hsplit vsplit flip broadcast_to".split()
)
_GIVING_FUNCTIONS = frozenset("enumerate zip reversed iter list tuple".split())
VIEW_FIELDS = frozenset(["T", "real", "imag", "flat"])
_WRITING_METHODS = frozenset(["fill", "sort", "put", "partition", "itemset"])
_WRITING_FUNCTIONS = frozenset(["copyto", "put", "place", "putmask", "fill_diagonal",
                                "put_along_axis", "shuffle"])  # fmt: skip
ADDING_METHODS = frozenset(["append", "insert", "add", "setdefault", "appendleft", "extend"])


@record
class Marks:
    """What is written through.

    Attributes
    ----------
    names, fields : set of str
        Variables, and attributes of whatever object.
    holders : set of str
        Those among them that hold, or may hold, what is written.
    """

    names: set[str] = field(default_factory=set)
    fields: set[str] = field(default_factory=set)
    holders: set[str] = field(default_factory=set)

    @property
    def size(self) -> int:
        return len(self.names) + len(self.fields) + len(self.holders)


@record(frozen=True)
class _Store:
    """Something written through an expression: ``target[...] = value``."""

    target: ast.expr
    what: tuple[ast.expr | None, ...]


class Writes:
    """The bindings and writes of a function, those of functions inside it included."""

    def __init__(self, node: ast.AST, fields: frozenset[str], resolve: Resolve) -> None:
        self.fields, self.resolve = fields, resolve
        self.bindings: list[tuple[ast.expr, ast.expr]] = []
        self.stores: list[_Store] = []
        self.calls: list[ast.Call] = []
        self.blocks: list[list[ast.stmt]] = []
        self.assigned: list[ast.Assign | ast.AnnAssign | ast.AugAssign | ast.NamedExpr] = []
        self.inner: dict[str, ast.FunctionDef] = {}
        waiting: deque[tuple[ast.AST, tuple[ast.expr, ...]]] = deque([(node, ())])
        self._around: tuple[ast.expr, ...] = ()
        while waiting:
            part, self._around = waiting.popleft()
            self._collect(part)
            if isinstance(part, ast.FunctionDef) and part is not node:
                self.inner[part.name] = part
            more = _deciding(part)
            around = (*self._around, *more) if more else self._around
            for key in part._fields:
                value = getattr(part, key, None)
                if isinstance(value, list):
                    if value and isinstance(value[0], ast.stmt):
                        self.blocks.append(value)
                    waiting.extend((v, around) for v in value if isinstance(v, ast.AST))
                elif isinstance(value, ast.AST) and not isinstance(value, ast.expr_context):
                    waiting.append((value, around))
        self.marks = self._marks()

    # ------------------------------------------------------------ looking

    def _collect(self, node: ast.AST) -> None:
        if isinstance(node, ast.Assign):
            self.assigned.append(node)
            for target in node.targets:
                self._bound(target, node.value)
        elif isinstance(node, ast.AnnAssign | ast.NamedExpr):
            if node.value is not None:
                self.assigned.append(node)
                self._bound(node.target, node.value)
        elif isinstance(node, ast.AugAssign):
            self._augmented(node)
        elif isinstance(node, ast.For | ast.comprehension):
            self._bound(node.target, _entry(node.iter))
        elif isinstance(node, ast.Call):
            self._called(node)

    def _stored(self, target: ast.expr, *what: ast.expr | None) -> None:
        self.stores.append(_Store(target, (*what, *self._around)))

    def _bound(self, target: ast.expr, value: ast.expr) -> None:
        if isinstance(target, ast.Starred):
            target = target.value
        if isinstance(target, ast.Tuple | ast.List):
            whole = isinstance(value, ast.Tuple | ast.List) and len(value.elts) == len(target.elts)
            parts = value.elts if whole else [_entry(value)] * len(target.elts)  # type: ignore[attr-defined]
            for t, v in zip(target.elts, parts):
                self._bound(t, v)
        elif isinstance(target, ast.Subscript):
            self._stored(target.value, target.slice, value)
            self.bindings.append((target, value))
        else:
            self.bindings.append((target, value))

    def _augmented(self, node: ast.AugAssign) -> None:
        target = node.target
        if isinstance(target, ast.Subscript):
            self._stored(target.value, target.slice, node.value)
            self._stored(target, node.value)  # an array in a list
        else:
            self._stored(target, node.value)
        if isinstance(node.value, ast.List):  # rows += [array]
            self.assigned.append(node)
            self.bindings.append((target, node.value))

    def _called(self, node: ast.Call) -> None:
        self.calls.append(node)
        func, args = node.func, node.args
        what = (*args, *(k.value for k in node.keywords))
        for key in node.keywords:
            if key.arg == "out":
                for part in key.value.elts if isinstance(key.value, ast.Tuple) else [key.value]:
                    self._stored(part, *what)
        if not isinstance(func, ast.Attribute):
            return
        if func.attr == "at" and args and is_library(func):
            self._stored(args[0], *what[1:])
        elif is_library(func):
            if func.attr in _WRITING_FUNCTIONS and args:
                self._stored(args[0], *what[1:])
        elif func.attr in _WRITING_METHODS:
            self._stored(func.value, *what)
        elif func.attr in ADDING_METHODS and args:
            self.bindings.append((_entry(func.value), args[-1]))

    # ------------------------------------------------------------ what is written

    def _marks(self) -> Marks:
        marks = Marks(fields=set(self.fields))
        if self.stores:
            plain = Plain(self.bindings, [(s.target, s.what) for s in self.stores])
            for store in self.stores:
                if not all(map(plain.is_plain, store.what)):
                    self._mark(store.target, marks)
        while True:
            before = marks.size
            for target, value in self.bindings:
                if self.reaches(target, marks):
                    self._mark(value, marks)
            for call in self.calls:
                for arg in self.written_arguments(call, marks):
                    self._mark(arg, marks)
            if marks.size == before:
                return marks

    def reaches(self, target: ast.expr, marks: Marks) -> bool:
        """Whether something is written through what is bound to a target."""
        if isinstance(target, ast.Name):
            return target.id in marks.names
        if isinstance(target, ast.Attribute):
            return target.attr in marks.fields
        return isinstance(target, ast.Subscript) and holder_of(target) in marks.holders

    def _mark(self, value: ast.expr, marks: Marks) -> None:
        """Mark what an expression may be a part or a view of."""
        if isinstance(value, ast.Name):
            marks.names.add(value.id)
        elif isinstance(value, ast.Attribute):
            if value.attr in VIEW_FIELDS:
                self._mark(value.value, marks)
            else:
                marks.fields.add(value.attr)
        elif isinstance(value, ast.Subscript | ast.Starred):
            if (holder := holder_of(value)) is not None:
                marks.holders.add(holder)
            self._mark(value.value, marks)
        elif isinstance(value, ast.IfExp):
            self._mark(value.body, marks)
            self._mark(value.orelse, marks)
        elif isinstance(value, ast.Tuple | ast.List | ast.BoolOp):
            for part in value.values if isinstance(value, ast.BoolOp) else value.elts:
                self._mark(part, marks)
        elif isinstance(value, ast.Dict):
            for part in value.values:
                self._mark(part, marks)
        elif isinstance(value, ast.Call):
            func = value.func
            name = func.attr if isinstance(func, ast.Attribute) else getattr(func, "id", "")
            if isinstance(func, ast.Attribute) and not is_library(func):
                if name in _VIEW_METHODS:
                    self._mark(_entry(func.value), marks)
            elif name in _VIEW_FUNCTIONS or name in _GIVING_FUNCTIONS:
                for part in value.args:
                    self._mark(_entry(part) if name in _GIVING_FUNCTIONS else part, marks)

    def written_arguments(self, call: ast.Call, marks: Marks) -> Iterator[ast.expr]:
        """Yield the arguments of a call that the function called writes to."""
        func = call.func
        if isinstance(func, ast.Name) and func.id in self.inner:
            node = self.inner[func.id]
            names = parameters(node)
            written = frozenset(names) & marks.names
        else:
            found = self.resolve(func)
            if found is None:
                return
            names, written = found.names, found.written
            if found.keeps:
                written = frozenset(names) & marks.fields
        if not written:
            return
        for name, arg in zip(names, call.args):
            if name in written and not isinstance(arg, ast.Starred):
                yield arg
        for key in call.keywords:
            if key.arg in written:
                yield key.value


def _deciding(node: ast.AST) -> list[ast.expr]:
    """Return what decides whether, and how, a capture runs the statements inside one."""
    if isinstance(node, ast.If | ast.IfExp):
        return [node.test]
    if not isinstance(node, ast.For | ast.While):
        return []
    # A loop that works on anything traced is rolled, which writes to plain arrays forbid.
    names: dict[str, ast.expr] = {}
    for part in ast.walk(node):
        if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Load) and not is_known(part.id):
            names.setdefault(part.id, part)
    return [*names.values()]


def _entry(value: ast.expr) -> ast.expr:
    """Return something that a container gives out, as an expression."""
    return ast.Subscript(value, ast.Constant(0), ast.Load())


def holder_of(node: ast.expr) -> str | None:
    """Return the variable or ``.field`` that an entry is kept under."""
    while isinstance(node, ast.Subscript | ast.Starred):
        node = node.value
    if isinstance(node, ast.Attribute):
        return f".{node.attr}"
    return node.id if isinstance(node, ast.Name) else None


def parameters(node: ast.FunctionDef) -> tuple[str, ...]:
    """Return the names of a function's parameters that can be given by position, in order."""
    args = node.args
    return tuple(a.arg for a in (*args.posonlyargs, *args.args, *args.kwonlyargs))


def field_writes(tree: ast.AST) -> frozenset[str]:
    """Return the attributes that anything in a file is written through."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Subscript) and not isinstance(node.ctx, ast.Load):
            at: ast.expr = node.value
            while isinstance(at, ast.Subscript):
                at = at.value
            if isinstance(at, ast.Attribute):
                found.add(at.attr)
        elif isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Attribute):
            found.add(node.target.attr)
    return frozenset(found)
