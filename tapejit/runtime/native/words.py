"""Functions of machine words: a small part of Python made into LLVM code.

Every value is a 64-bit word: a number, or the address of an object of Python. A function may assign
to names, branch, loop and call three things: other such functions, C functions of the process
(`External`), and reads and writes of memory. Integers of its module are constants, and a `Symbol` is
an address that is known when the code is linked. Functions are written as ordinary typed Python so
that checkers read them, and are never run by Python. Whatever else stands in one is an error when
it is translated.
"""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable, Sequence
from types import FunctionType
from typing import Any

from ...core.records import record

Words = Callable[..., int]
TABLE = "tapejit_table"
"""The symbol of what functions with entries are told about themselves."""


@record(frozen=True)
class External:
    """A C function of words: its name, its result (``i64``, ``i32`` or ``void``)."""

    name: str
    result: str = "i64"

    def __call__(self, *words: int) -> int:
        raise TypeError(f"{self.name} is called by machine code only")


@record(frozen=True)
class Symbol:
    """An address that is known when code is linked; see `address_of`."""

    name: str


def address_of(name: str) -> int:
    """Return a symbol as what it is to functions of words."""
    return Symbol(name)  # type: ignore[return-value]


@record(frozen=True)
class _Memory:
    name: str

    def __call__(self, *words: int) -> int:
        raise TypeError(f"{self.name} is called by machine code only")


load = _Memory("load")
"""``load(address, offset)`` reads a word."""
store = _Memory("store")
"""``store(address, offset, word)`` writes one."""
room = _Memory("room")
"""``room(n)`` is the address of n words that last until the function returns."""

_ARITHMETIC: dict[type, str] = {
    ast.Add: "add", ast.Sub: "sub", ast.Mult: "mul", ast.BitAnd: "and", ast.BitOr: "or",
    ast.BitXor: "xor", ast.LShift: "shl", ast.RShift: "ashr",
}  # fmt: skip
_COMPARED: dict[type, str] = {
    ast.Eq: "eq", ast.NotEq: "ne", ast.Lt: "slt", ast.LtE: "sle", ast.Gt: "sgt", ast.GtE: "sge",
    ast.Is: "eq", ast.IsNot: "ne",
}  # fmt: skip


class NotWords(TypeError):
    """A function is more than a function of words."""


def translate(functions: Sequence[Words], entries: dict[str, tuple[Words, int]]) -> str:
    """Return LLVM's text of functions and of all that they call.

    Parameters
    ----------
    functions : sequence of functions
        They are exported under their names.
    entries : dict
        Further exported names: a function whose first argument is this offset from `TABLE`.
    """
    unit = _Unit()
    for fn in functions:
        unit.add(fn, exported=True)
    for fn, _ in entries.values():
        unit.add(fn)
    while unit.todo:
        unit.write(unit.todo.pop())
    lines = [*unit.text]
    for name, (fn, offset) in entries.items():
        left = ", ".join([f"i64 %a{k}" for k in range(_arity(fn) - 1)])
        lines += [
            f"define i64 @{name}({left}) {{",
            f"%at = getelementptr i8, ptr @{TABLE}, i64 {offset}",
            "%entry = ptrtoint ptr %at to i64",
            f"%r = tail call i64 @{fn.__name__}(i64 %entry, {left})",
            "ret i64 %r",
            "}",
        ]
    lines += [f"@{name} = external global i8" for name in sorted(unit.symbols | {TABLE})]
    lines += [
        f"declare {e.result} @{e.name}({', '.join(['i64'] * n)})"
        for e, n in sorted(unit.externals.items(), key=lambda pair: pair[0].name)
    ]
    return "\n".join(lines) + "\n"


def _arity(fn: Words) -> int:
    return len(inspect.signature(fn).parameters)


class _Unit:
    """One module: functions written and to be written, and what they take from outside."""

    def __init__(self) -> None:
        self.text: list[str] = []
        self.todo: list[Words] = []
        self.known: dict[str, Words] = {}
        self.exported: set[str] = set()
        self.symbols: set[str] = set()
        self.externals: dict[External, int] = {}

    def add(self, fn: Words, exported: bool = False) -> None:
        name = fn.__name__
        if exported:
            self.exported.add(name)
        before = self.known.get(name)
        if before is None:
            self.known[name] = fn
            self.todo.append(fn)
        elif before is not fn:
            raise NotWords(f"two functions are called {name}")

    def write(self, fn: Words) -> None:
        (tree,) = ast.parse(textwrap.dedent(inspect.getsource(fn))).body
        assert isinstance(tree, ast.FunctionDef)
        self.text += _Function(self, fn, tree).finished(fn.__name__ in self.exported)


class _Function:
    """One function: names are places on the stack, which LLVM makes registers of."""

    def __init__(self, unit: _Unit, fn: Words, tree: ast.FunctionDef) -> None:
        assert isinstance(fn, FunctionType)
        self.unit, self.tree, self.names = unit, tree, fn.__globals__
        self.where = f"{fn.__module__}.{fn.__name__}"
        self.places: dict[str, str] = {}
        self.allocas: list[str] = []
        self.lines: list[str] = []
        self.count = 0
        self.open = True

    # ------------------------------------------------------------ text

    def let(self, expression: str) -> str:
        self.count += 1
        self.lines.append(f"%t{self.count} = {expression}")
        return f"%t{self.count}"

    def label(self) -> str:
        self.count += 1
        return f"b{self.count}"

    def begin(self, label: str) -> None:
        if self.open:
            self.lines.append(f"br label %{label}")
        self.lines.append(f"{label}:")
        self.open = True

    def end(self, line: str) -> None:
        if self.open:
            self.lines.append(line)
        self.open = False

    def place(self, name: str) -> str:
        if name not in self.places:
            self.places[name] = f"%n_{name}"
            self.allocas.append(f"%n_{name} = alloca i64")
        return self.places[name]

    def wrong(self, node: ast.AST) -> NotWords:
        line = getattr(node, "lineno", 0)
        return NotWords(f"{self.where}, line {line}: no words: {ast.unparse(node)}")

    def finished(self, exported: bool) -> list[str]:
        names = [a.arg for a in self.tree.args.args]
        for name in names:
            self.lines.append(f"store i64 %a_{name}, ptr {self.place(name)}")
        self.block(self.tree.body)
        self.end("ret i64 0")
        given = ", ".join(f"i64 %a_{name}" for name in names)
        kind = "define" if exported else "define internal"
        head = f"{kind} i64 @{self.tree.name}({given}) {{"
        return [head, "entry:", *self.allocas, *self.lines, "}"]

    # ------------------------------------------------------------ statements

    def block(self, statements: Sequence[ast.stmt]) -> None:
        for s in statements:
            if self.open:
                self.statement(s)

    def statement(self, s: ast.stmt) -> None:
        match s:
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                found = self.value(value)
                self.lines.append(f"store i64 {found}, ptr {self.place(name)}")
            case ast.Assign(targets=[ast.Tuple(elts=names)], value=ast.Tuple(elts=values)) if len(
                names
            ) == len(values) and all(isinstance(n, ast.Name) for n in names):
                words = [self.value(v) for v in values]
                for n, word in zip(names, words):
                    assert isinstance(n, ast.Name)
                    self.lines.append(f"store i64 {word}, ptr {self.place(n.id)}")
            case ast.AugAssign(target=ast.Name(id=name) as target, op=op, value=value):
                both = ast.BinOp(ast.Name(target.id, ast.Load()), op, value)
                self.lines.append(f"store i64 {self.value(both)}, ptr {self.place(name)}")
            case ast.Return(value=value):
                found = "0" if value is None else self.value(value)
                self.end(f"ret i64 {found}")
            case ast.Expr(value=ast.Constant(value=str())):
                pass
            case ast.Expr(value=ast.Call() as call):
                self.value(call)
            case ast.If(test=test, body=body, orelse=other):
                yes, no, after = self.label(), self.label(), self.label()
                self.branch(test, yes, no)
                for label, part in ((yes, body), (no, other)):
                    self.begin(label)
                    self.block(part)
                    self.end(f"br label %{after}")
                self.open = False
                self.begin(after)
            case ast.While(test=test, body=body, orelse=[]):
                again, inside, after = self.label(), self.label(), self.label()
                self.begin(again)
                self.branch(test, inside, after)
                self.begin(inside)
                self.block(body)
                self.end(f"br label %{again}")
                self.begin(after)
            case _:
                raise self.wrong(s)

    def branch(self, test: ast.expr, yes: str, no: str) -> None:
        """Go to one of two blocks; ``and`` and ``or`` look no further than they must."""
        match test:
            case ast.BoolOp(op=op, values=values):
                for v in values[:-1]:
                    more = self.label()
                    both = isinstance(op, ast.And)
                    self.branch(v, more if both else yes, no if both else more)
                    self.begin(more)
                self.branch(values[-1], yes, no)
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                self.branch(operand, no, yes)
            case ast.Compare(left=left, ops=[op], comparators=[right]) if type(op) in _COMPARED:
                a, b = self.value(left), self.value(right)
                flag = self.let(f"icmp {_COMPARED[type(op)]} i64 {a}, {b}")
                self.end(f"br i1 {flag}, label %{yes}, label %{no}")
            case ast.Compare(left=left, ops=[ast.NotIn()], comparators=many):
                self.branch(ast.Compare(left, [ast.In()], many), no, yes)
            case ast.Compare(
                left=left, ops=[ast.In()], comparators=[ast.Tuple(elts=[_, *_] as many)]
            ):
                a = self.value(left)
                flags = [self.let(f"icmp eq i64 {a}, {self.value(b)}") for b in many]
                flag = flags[0]
                for other in flags[1:]:
                    flag = self.let(f"or i1 {flag}, {other}")
                self.end(f"br i1 {flag}, label %{yes}, label %{no}")
            case _:
                flag = self.let(f"icmp ne i64 {self.value(test)}, 0")
                self.end(f"br i1 {flag}, label %{yes}, label %{no}")

    # ------------------------------------------------------------ values

    def value(self, e: ast.expr) -> str:
        match e:
            case ast.Constant(value=int() as n):
                return str(int(n))
            case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() as n)):
                return str(-n)
            case ast.Name(id=name):
                return self.named(e, name)
            case ast.BinOp(left=left, op=op, right=right) if type(op) in _ARITHMETIC:
                a, b = self.value(left), self.value(right)
                return self.let(f"{_ARITHMETIC[type(op)]} i64 {a}, {b}")
            case ast.Call(func=ast.Name(id=name), args=args, keywords=[]):
                return self.call(e, name, args)
            case ast.Compare() | ast.BoolOp() | ast.UnaryOp(op=ast.Not()):
                return self.truth(e)
        raise self.wrong(e)

    def truth(self, test: ast.expr) -> str:
        yes, no, after = self.label(), self.label(), self.label()
        self.count += 1
        self.allocas.append(f"%f{self.count} = alloca i64")
        place = f"%f{self.count}"
        self.branch(test, yes, no)
        for label, flag in ((yes, 1), (no, 0)):
            self.begin(label)
            self.lines.append(f"store i64 {flag}, ptr {place}")
            self.end(f"br label %{after}")
        self.begin(after)
        return self.let(f"load i64, ptr {place}")

    def named(self, e: ast.expr, name: str) -> str:
        if name in self.places:
            return self.let(f"load i64, ptr {self.places[name]}")
        found = self.names.get(name)
        if isinstance(found, Symbol):
            self.unit.symbols.add(found.name)
            return self.let(f"ptrtoint ptr @{found.name} to i64")
        if isinstance(found, int):
            return str(int(found))
        raise self.wrong(e)

    def call(self, e: ast.expr, name: str, args: list[ast.expr]) -> str:
        callee: Any = self.names.get(name)
        if callee is room:
            match args:
                case [ast.Constant(value=int() as n)]:
                    self.count += 1
                    self.allocas.append(f"%r{self.count} = alloca [{n} x i64]")
                    return self.let(f"ptrtoint ptr %r{self.count} to i64")
            raise self.wrong(e)
        given = [self.value(a) for a in args]
        if callee is load or callee is store:
            at = self.let(f"inttoptr i64 {self.let(f'add i64 {given[0]}, {given[1]}')} to ptr")
            if callee is load:
                return self.let(f"load i64, ptr {at}")
            self.lines.append(f"store i64 {given[2]}, ptr {at}")
            return "0"
        words = ", ".join(f"i64 {v}" for v in given)
        if isinstance(callee, External):
            if self.unit.externals.setdefault(callee, len(given)) != len(given):
                raise self.wrong(e)
            if callee.result == "void":
                self.lines.append(f"call void @{callee.name}({words})")
                return "0"
            found = self.let(f"call {callee.result} @{callee.name}({words})")
            return found if callee.result == "i64" else self.let(f"sext i32 {found} to i64")
        if isinstance(callee, FunctionType):
            if _arity(callee) != len(given):
                raise self.wrong(e)
            self.unit.add(callee)
            return self.let(f"call i64 @{callee.__name__}({words})")
        raise self.wrong(e)


def object_of(text: str) -> tuple[tuple[str, ...], bytes]:
    """Return what LLVM's text takes from outside, and its object file."""
    import llvmlite.binding as llvm

    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    machine = llvm.Target.from_default_triple().create_target_machine(opt=2, reloc="pic")
    module = llvm.parse_assembly(text)
    module.triple, module.data_layout = machine.triple, str(machine.target_data)
    module.verify()
    builder = llvm.create_pass_builder(machine, llvm.create_pipeline_tuning_options(2))
    builder.getModulePassManager().run(module, builder)
    every = [*module.functions, *module.global_variables]
    outside = sorted(x.name for x in every if x.is_declaration and "llvm." not in x.name)
    made: bytes = machine.emit_object(module)
    return tuple(outside), made
