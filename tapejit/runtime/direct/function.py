"""One LLVM function in the making: its blocks, its variables, its calls of other parts.

A name that the text assigns once, outside of loops' targets, is its LLVM value; one assigned more
often is a stack slot, which LLVM turns back into values. A name assigned in a block is unknown
outside of it, for what does not dominate cannot be read; slots stay, while they keep their type.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Callable
from typing import Any

from llvmlite import ir

from .independent import origins
from .values import (
    BYTES,
    I1,
    I8,
    I32,
    NUMBERS,
    Array,
    Kind,
    NumbaNeeded,
    Uncovered,
    Value,
    converted,
)

Known = Value | Array
FAILURE = ir.LiteralStructType([BYTES, I32, BYTES, BYTES, I32]).as_pointer()
"""What Numba's functions say of an exception: its pickled form, the length of that, and more."""


class Unit:
    """What the functions of one kernel share: the LLVM module, the parts of the text, Numba."""

    def __init__(
        self,
        module: Any,
        parts: dict[str, ast.FunctionDef],
        lanes: Callable[[], bool],
        bridge: Any = None,
    ) -> None:
        self.module, self.parts = module, parts
        self.lanes = lanes
        """Whether functions of `vmath` may use what `vmath.lanes` says."""
        self.bridge: Any = bridge
        """How Numba is asked; None where it must not be."""
        self.formulas: dict[tuple[str, bool], Any] = {}
        self.straight: dict[str, int] = {}
        """How often each function of `vmath` has been called outside of loops."""
        self.called: dict[Any, Function] = {}
        """Functions of the text that have been translated, by name and kinds of arguments."""
        self.routines: dict[tuple[str, ...], Function] = {}
        self.tiny = False
        """Whether products of tiny matrices are written out."""

    def outside(self, name: str, result: Any, args: list[Any]) -> Any:
        """Return a C function, declared."""
        found = self.module.globals.get(name)
        return found or ir.Function(self.module, ir.FunctionType(result, args), name)


def assigned(body: list[ast.stmt]) -> Counter[str]:
    """Return how often a text assigns each name."""
    found: Counter[str] = Counter()
    todo: list[ast.stmt] = list(body)
    while todo:
        s = todo.pop()
        if isinstance(s, ast.Assign):
            for target in s.targets:
                each = target.elts if isinstance(target, ast.Tuple) else [target]
                found.update(t.id for t in each if isinstance(t, ast.Name))
        elif isinstance(s, (ast.For, ast.While, ast.If)):
            todo += s.body
            todo += s.orelse
    return found


class Function:
    """A function of status code 0 or that of an exception; results are stored through a pointer."""

    def __init__(
        self, unit: Unit, tree: ast.FunctionDef, name: str, args: dict[str, Known]
    ) -> None:
        self.unit, self.tree = unit, tree
        flat: list[Any] = []
        for x in args.values():
            flat += [x.data, *x.shape] if isinstance(x, Array) else [x.llvm]
        kind = ir.FunctionType(I32, [BYTES, FAILURE.as_pointer(), *(v.type for v in flat)])
        self.llvm = ir.Function(unit.module, kind, name)
        self.llvm.linkage = "internal"
        self.builder = ir.IRBuilder(self.llvm.append_basic_block("entry"))
        self.entry = self.builder
        self.builder = ir.IRBuilder(self.llvm.append_basic_block("start"))
        self.entry.position_before(self.entry.branch(self.builder.block))
        self.results: list[Kind] | None = None
        self.fails = False
        """Whether a call in here may raise."""
        self.often = {n for n, k in assigned(tree.body).items() if k + (n in args) > 1}
        self.once: dict[str, Known] = {}
        self.slots: dict[tuple[str, Any], Any] = {}
        self.types: dict[str, Any] = {}
        self.leave: list[Any] = []
        self.origins = origins(tree, self.often)
        self.group: Any = None
        """The group of the loads and stores of a loop whose rounds do not wait for each other."""
        given = iter(self.llvm.args[2:])
        for n, x in args.items():
            if isinstance(x, Array):
                data = next(given)
                self.once[n] = Array(x.kind, data, tuple(next(given) for _ in x.shape))
            elif n in self.often:
                self.assign(n, Value(x.kind, next(given)))
            else:
                self.once[n] = Value(x.kind, next(given))

    # ------------------------------------------------------------ variables

    def slot(self, llvm: Any, name: str = "") -> Any:
        """Return memory for one LLVM value, reserved when the function is entered."""
        self.entry.position_before(self.llvm.entry_basic_block.terminator)
        return self.entry.alloca(llvm, name=name)

    def assign(self, name: str, value: Known) -> None:
        """Give a name its value."""
        if isinstance(value, Array) or name not in self.often:
            self.once[name] = value
            return
        key = (name, value.kind)
        slot = self.slots.get(key)
        if slot is None:
            slot = self.slots[key] = self.slot(value.llvm.type, name)
        self.types[name] = value.kind
        self.builder.store(value.llvm, slot)

    def read(self, name: str) -> Known:
        """Return the value that a name has here."""
        found = self.once.get(name)
        if found is not None:
            return found
        kind = self.types.get(name)
        if kind is None:
            raise Uncovered(f"{name} is not known here")
        return Value(kind, self.builder.load(self.slots[name, kind]))

    def knows(self, name: str) -> bool:
        """Whether a name is a variable here."""
        return name in self.once or name in self.types

    def access(self, instruction: Any) -> Any:
        """Return a load or store of an array, with what is known of all such in the loop at hand."""
        if self.group is not None:
            instruction.set_metadata("llvm.access.group", self.group)
        return instruction

    # ------------------------------------------------------------ Numba

    def ask(self, fn: Any, args: list[Value]) -> Value:
        """Append what Numba makes of a call; it may raise."""
        bridge = self.numba(fn)
        self.fails = True
        return bridge.call(self.builder, fn, args)  # type: ignore[no-any-return]

    def numba(self, why: Any) -> Any:
        """Return how Numba is asked."""
        if self.unit.bridge is None:
            raise NumbaNeeded(str(why))
        return self.unit.bridge

    def cast(self, x: Value, to: Kind) -> Value:
        """Append a conversion."""
        if x.kind is to:
            return x
        if x.kind in NUMBERS and to in NUMBERS:
            return converted(self.builder, x, to)
        return self.numba(f"{x.kind} to {to}").cast(self.builder, x, to)  # type: ignore[no-any-return]

    def unlikely(self, flag: Any) -> Any:
        """Return a flag of which LLVM shall think that it is false."""
        kind = ir.FunctionType(I1, [I1, I1])
        expect = self.unit.module.declare_intrinsic("llvm.expect", [I1], kind)
        return self.builder.call(expect, [flag, I1(0)])

    def raises(self, pickled: bytes) -> None:
        """Append a return that raises."""
        self.fails = True
        b, module = self.builder, self.unit.module
        held = ir.GlobalVariable(
            module, ir.ArrayType(I8, len(pickled)), module.get_unique_name("x")
        )
        held.initializer = ir.Constant(held.value_type, bytearray(pickled))
        empty = ir.Constant(BYTES, None)
        fields = [held.bitcast(BYTES), I32(len(pickled)), empty, empty, I32(0)]
        info = ir.GlobalVariable(module, FAILURE.pointee, module.get_unique_name("x"))
        info.initializer = ir.Constant(FAILURE.pointee, fields)
        for each in (held, info):
            each.linkage, each.global_constant = "internal", True
        b.store(info, self.llvm.args[1])
        b.ret(I32(1))

    # ------------------------------------------------------------ control

    def block(self, name: str = "") -> Any:
        """Return a new block."""
        return self.llvm.append_basic_block(name)

    def move(self, block: Any) -> None:
        """Append to another block from now on."""
        self.builder.position_at_end(block)

    @property
    def ended(self) -> bool:
        """Whether the block at hand has its last instruction."""
        return bool(self.builder.block.is_terminated)

    def results_are(self, kinds: list[Kind]) -> None:
        """Note the types of what the function returns; they are the same at every return."""
        if self.results is None:
            self.results = kinds
        elif self.results != kinds:
            raise Uncovered(f"returns {self.results} and {kinds}")

    def give_back(self, values: list[Value]) -> None:
        """Append a return."""
        self.results_are([v.kind for v in values])
        b = self.builder
        if values:
            record = ir.LiteralStructType([v.llvm.type for v in values])
            to = b.bitcast(self.llvm.args[0], record.as_pointer())
            for k, v in enumerate(values):
                b.store(v.llvm, b.gep(to, [I32(0), I32(k)], inbounds=True))
        b.ret(I32(0))

    def close(self) -> None:
        """Finish: every function returns."""
        if not self.ended:
            self.give_back([])

    def enter(self, callee: Function, args: dict[str, Known]) -> list[Value]:
        """Append a call of a finished function; what it raises is raised on."""
        b = self.builder
        kinds = callee.results or []
        record = ir.LiteralStructType([t.llvm for t in kinds])
        slot = self.slot(record) if kinds else None
        given: list[Any] = []
        for x in args.values():
            given += [x.data, *x.shape] if isinstance(x, Array) else [x.llvm]
        to = ir.Constant(BYTES, None) if slot is None else b.bitcast(slot, BYTES)
        code = b.call(callee.llvm, [to, self.llvm.args[1], *given])
        if callee.fails:
            self.fails = True
            bad, good = self.block(), self.block()
            b.cbranch(b.icmp_signed("==", code, I32(0)), good, bad)
            self.move(bad)
            b.ret(code)
            self.move(good)
        return [
            Value(t, b.load(b.gep(slot, [I32(0), I32(k)], inbounds=True)))
            for k, t in enumerate(kinds)
        ]
