"""From the text of a kernel to an image: LLVM code, optimised once, and the object file.

First without Numba, which then is not even imported; where the text needs code that Numba has, once
more with Numba at hand; and where that fails, by Numba's own pipeline.
"""

from __future__ import annotations

import ast
import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from llvmlite import ir

from ..native.image import Image
from ..native.packed import is_packed, places
from ..native.wrapper import Argument, code, object_of
from ..native.wrapper import wrapper as wrapper_of
from .cutting import cut
from .function import FAILURE, Function, Known, Unit
from .statements import statements
from .values import (
    BOOL,
    BY_NAME,
    BYTES,
    I8,
    I32,
    I64,
    PARTS,
    Array,
    Kind,
    NumbaNeeded,
    Value,
)

SYMBOL = "tapejit_kernel"
PLAIN = 400
"""Nodes of the syntax tree of a kernel that is short."""
_CALLED = frozenset(("range", "memory.flat", "fold_add", "fold_mul", "np.float32", "np.sqrt"))
LINE = 64
"""Bytes of a line of the cache, and of the longest register."""
Arguments = Sequence[Argument]
COUNTS = {"direct": 0, "asked": 0, "numba": 0}
"""How many kernels were compiled without Numba, by asking it, and by its own pipeline."""
WHY: list[str] = []
"""Why Numba was needed, the latest last."""


def image(
    source: str, arguments: Arguments, options: dict[str, Any], names: Callable[[], dict[str, Any]]
) -> Image | None:
    """Return the image of the kernel of a text, or None when Numba's pipeline must compile it.

    `names` runs the text as a module and returns its names; it is called when Numba is needed.
    """
    tree = ast.parse(source)
    functions = {s.name: s for s in tree.body if isinstance(s, ast.FunctionDef)}
    kernel = cut(functions.pop("kernel"), functions)
    try:
        try:
            unit = Unit(ir.Module("kernel"), functions, _lanes)
            wrapper = _write(unit, kernel, arguments)
            found, how = _finished(unit, [], is_plain(kernel)), "direct"
        except NumbaNeeded as reason:
            _note(str(reason))
            from .bridge import numba_at_hand

            with numba_at_hand(names(), options) as (bridge, library):
                unit = Unit(library.create_ir_module("kernel"), functions, _lanes, bridge)
                wrapper = _write(unit, kernel, arguments)
                _fast(unit.module, bridge)
                found, how = _finished(unit, library.parts()), "asked"
    except Exception as error:  # whatever is wrong here, Numba's own pipeline compiles the text
        _note(f"{type(error).__name__}: {error}")
        COUNTS["numba"] += 1
        return None
    COUNTS[how] += 1
    symbols, kernel_object = found
    scalars = tuple(sorted({code(a.dtype) for a in arguments if not a.rank}))
    return Image(symbols, scalars, how, (object_of(wrapper), kernel_object))


def _note(reason: str) -> None:
    WHY[:] = [*WHY[-99:], reason]


def _dtype(kind: Kind) -> np.dtype[Any]:
    return np.dtype(kind.name)


def _fast(module: Any, bridge: Any) -> None:
    """Let what Numba wrote be contracted, as it does in kernels of its own."""
    from numba.core import fastmathpass

    rewrite: Any = fastmathpass.rewrite_module
    rewrite(module, bridge.target.fastmath)


# ---------------------------------------------------------------- the two functions


def _write(unit: Unit, kernel: ast.FunctionDef, arguments: Arguments) -> str:
    """Append the kernel's body and its entry; return the text of its wrapper."""
    names = [a.arg for a in kernel.args.args]
    given: dict[str, Known] = {}
    for name, a in zip(names, arguments, strict=True):
        kind, rank = BY_NAME[a.dtype.name], a.rank
        if rank:
            lengths = tuple(ir.Constant(I64, 0) for _ in range(rank))
            given[name] = Array(kind, ir.Constant(BYTES, None), lengths)
        else:
            given[name] = Value(kind, ir.Constant(kind.llvm, None if kind in PARTS else 0))
    body = Function(unit, kernel, "body", given)
    statements(body, kernel.body)
    body.close()
    packed = is_packed([a.rank for a in arguments])
    _entry(unit, body, arguments, packed)
    return wrapper_of(SYMBOL, arguments, [code(_dtype(k)) for k in body.results or []], packed)


def _entry(unit: Unit, body: Function, arguments: Arguments, packed: bool) -> None:
    """Append the function that wrappers call: Numba's convention for contiguous arrays, or a row."""
    types: list[Any] = [I64.as_pointer()] if packed else []
    for a in arguments:
        kind, rank = BY_NAME[a.dtype.name], a.rank
        part = PARTS.get(kind)
        if rank:
            types += [] if packed else [BYTES, BYTES, I64, I64, BYTES, *[I64] * (2 * rank)]
        else:
            types += [part.llvm, part.llvm] if part else [I8 if kind is BOOL else kind.llvm]
    fn = ir.Function(
        unit.module, ir.FunctionType(I32, [BYTES, FAILURE.as_pointer(), *types]), SYMBOL
    )
    b = ir.IRBuilder(fn.append_basic_block())
    left = iter(fn.args[2:])
    row = next(left) if packed else None
    starts = iter(places([a.rank for a in arguments]))
    flat: list[Any] = []
    for a in arguments:
        kind, rank = BY_NAME[a.dtype.name], a.rank
        if rank and packed:
            at = next(starts)
            data, *sizes = (b.gep(row, [I64(at + d)], inbounds=True) for d in range(1 + rank))
            flat += [b.load(b.bitcast(data, BYTES.as_pointer())), *map(b.load, sizes)]
        elif rank:
            fields = [next(left) for _ in range(5 + 2 * rank)]
            flat += fields[4 : 5 + rank]
        elif kind in PARTS:
            whole = ir.Constant(kind.llvm, ir.Undefined)
            for k in range(2):
                whole = b.insert_value(whole, next(left), k)
            flat.append(whole)
        else:
            x = next(left)
            flat.append(b.trunc(x, kind.llvm) if kind is BOOL else x)
    kinds = body.results or []
    inner = b.alloca(ir.LiteralStructType([k.llvm for k in kinds]))
    code = b.call(body.llvm, [b.bitcast(inner, BYTES), fn.args[1], *flat])
    with b.if_then(b.icmp_signed("!=", code, code.type(0)), likely=False):
        b.ret(code)
    outer = ir.LiteralStructType([I8 if k is BOOL else k.llvm for k in kinds])
    to = b.bitcast(fn.args[0], outer.as_pointer())
    for n, result in enumerate(kinds):
        x = b.load(b.gep(inner, [I32(0), I32(n)]))
        b.store(b.zext(x, I8) if result is BOOL else x, b.gep(to, [I32(0), I32(n)]))
    b.ret(I32(0))


# ---------------------------------------------------------------- machine code


def _machine_features() -> str:
    """Return the features of this processor, as LLVM lists them."""
    import llvmlite.binding as llvm

    return str(llvm.get_host_cpu_features().flatten())


@functools.cache
def _machine() -> Any:
    """Return LLVM's description of this processor."""
    import llvmlite.binding as llvm

    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    target = llvm.Target.from_triple(llvm.get_process_triple())
    return target.create_target_machine(
        cpu=llvm.get_host_cpu_name(),
        features=_machine_features(),
        opt=3,
        reloc="pic",
        codemodel="default",
    )


@functools.cache
def _lanes() -> bool:
    """Whether this processor has the instructions of `vmath.lanes`."""
    from ...kernels.vmath import lanes

    named = set(_machine_features().split(","))
    return all(f"+{word}" in named for word in lanes.ENABLING)


def _parsed(text: str) -> Any:
    import llvmlite.binding as llvm

    machine = _machine()
    made = llvm.parse_assembly(text)
    made.triple, made.data_layout = machine.triple, str(machine.target_data)
    made.verify()
    return made


def _finished(unit: Unit, others: list[Any], plain: bool = False) -> tuple[tuple[str, ...], bytes]:
    """Return what code takes from outside, and its object file."""
    if unit.formulas:
        _align(unit.module)
    whole = _parsed(str(unit.module))
    for other in others:
        whole.link_in(other, preserve=True)
    if unit.formulas:
        _optimise_with_formulas(whole, unit)
    else:
        _hide(whole, {SYMBOL})
        _optimise(whole, unit.tiny, plain)
    every = [*whole.functions, *whole.global_variables]
    outside = sorted(x.name for x in every if x.is_declaration and "llvm." not in x.name)
    return tuple(outside), _emitted(whole)


def is_plain(kernel: ast.FunctionDef) -> bool:
    """Whether a kernel is a few loops side by side, without choices or functions of `vmath`."""
    nodes = list(ast.walk(kernel))
    if len(nodes) > PLAIN or any(isinstance(n, ast.IfExp | ast.While) for n in nodes):
        return False
    if sum(isinstance(n, ast.If) for n in nodes) > 1:  # the first compares shapes
        return False
    called = {ast.unparse(n.func) for n in nodes if isinstance(n, ast.Call)}
    loops = [n for n in nodes if isinstance(n, ast.For)]
    nested = any(isinstance(inner, ast.For) for n in loops for s in n.body for inner in ast.walk(s))
    return not nested and all(c in _CALLED for c in called)


def _align(module: Any) -> None:
    """Let the stack begin at a multiple of a whole register.

    Loops over `vmath` leave numbers there. LLVM would take the stack as it comes, at a multiple of
    16, and then most whole registers lie across two lines of the cache: how fast a kernel is would
    depend on where a process happens to begin (Black-Scholes: 1.1 or 1.25 times the hand-written one).
    """
    for fn in module.functions:
        if not fn.is_declaration:  # llvmlite's own `add` accepts only attributes that it knows
            set.add(fn.attributes, f"alignstack({LINE})")


def _emitted(module: Any) -> bytes:
    made: bytes = _machine().emit_object(module)
    return made


def _hide(whole: Any, kept: set[str]) -> None:
    """Let functions be dropped when nothing calls them."""
    for fn in whole.functions:
        if not fn.is_declaration and fn.name not in kept:
            fn.linkage = "internal"


def _optimise_with_formulas(whole: Any, unit: Unit) -> None:
    """Run LLVM's passes, and place the operations of `lanes` inside when loops are vectors."""
    import llvmlite.binding as llvm

    from ...kernels.vmath import lanes

    _hide(whole, {SYMBOL, lanes.KEEP})
    _optimise(whole, unit.tiny)
    operations = lanes.declared(unit.module)
    if not operations:
        return
    whole.link_in(_parsed(lanes.definitions(operations)))
    _hide(whole, {SYMBOL})
    builder = llvm.create_pass_builder(_machine(), llvm.create_pipeline_tuning_options())
    passes = llvm.create_new_module_pass_manager()
    passes.add_always_inliner_pass()
    passes.add_global_dead_code_eliminate_pass()
    passes.run(whole, builder)


def _optimise(whole: Any, straight: bool, plain: bool = False) -> None:
    """Run LLVM's passes: over each function before `vmath` is placed inside, then over all.

    The first round is quick. It joins choices by the same truth value into one branch, where the
    second would make selections one by one, for which a recurrence has to wait (GARCH: 55 us with
    the first round, 85 without). A `plain` kernel has none to join, and the second round alone makes
    the same machine code of it, 4 of 25 ms sooner.

    Straight lines are put into vectors where tiny products are written out, which are rows of
    multiply-adds side by side: a Kalman filter has 1100 of them in a round, and took 188 us one by
    one and 144 by fours. Other kernels gain nothing, and two lose: what LLVM joins there waits for
    the slowest (heat equation 254 -> 305 us, warping 100 -> 107).
    """
    import llvmlite.binding as llvm

    def passes(vectorised: bool) -> Any:
        options = llvm.create_pipeline_tuning_options()
        options.speed_level, options.size_level = 3, 0
        options.loop_vectorization = vectorised
        options.slp_vectorization = straight and vectorised
        return llvm.create_pass_builder(_machine(), options)

    for fn in whole.functions:
        if not plain and not fn.is_declaration and not fn.name.startswith(("vmath.", "tapejit.")):
            builder = passes(False)
            builder.getFunctionPassManager().run(fn, builder)
    builder = passes(True)
    builder.getModulePassManager().run(whole, builder)
