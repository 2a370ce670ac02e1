"""Single instructions of AVX-512 in formulas, whose scalar meaning LLVM could not put into vectors.

A formula calls a scalar function that is only declared, together with versions for 2, 4, 8, ...
lanes; the attribute ``vector-function-abi-variant`` tells the loop vectoriser of these. Once loops
are vectors, `definitions` gives the text of all of them, to be linked and placed inside: one
instruction each. A declared function stands for

* ``scale(p, k)``: ``p * 2**floor(k)``, rounded once, for every k (``vscalef``);
* ``exponent(x)``, ``mantissa(x)``: ``x = 2**n m`` with m in [3/4, 3/2), of which these are m and the
  exponent as `frexp` counts it, less one; subnormal numbers included (``vgetexp``, ``vgetmant``);
* ``inverse(x)``: ``1 / x`` to 14 digits (``vrcp14``);
* ``logarithm(y, x)``: y, but for x that is NaN, zero, negative or infinite the value of log(x)
  (``vfixupimm``);
* ``entry.T.c(n)``: of column c of the table T the entry whose number the last four bits of n are
  (``vpermi2pd`` or ``vpermps`` for lanes, a load for one).

Invariant: lanes give the bits that the scalar function gives.
"""

from __future__ import annotations

import struct
from typing import Any

from llvmlite import ir

from . import pieces

__all__ = ["ENABLING", "KEEP", "PREFIX", "call", "declared", "definitions"]

PREFIX = "tapejit.lane."
KEEP = "tapejit.lanes"
"""A function that mentions the declared ones, or they were dropped before loops become vectors."""
ENABLING = ("avx512f", "avx512dq", "avx512vl")
"""Features that a processor must have."""

LANES = {"f64": (2, 4, 8, 16), "f32": (4, 8, 16)}
TYPES = {"f64": ("double", "i64", 64), "f32": ("float", "i32", 32)}
_WORDS = "nounwind willreturn nofree nosync speculatable memory(none)"
# Tokens of vfixupimm, from the last digit: quiet and signalling NaN, zero, one, -inf, inf, negative
# and positive. Responses: 0 the result, 2 that NaN, 3 NaN, 4 -inf, 5 inf.
_LOGARITHM = 0x03530422


def call(f: Any, operation: str, operands: list[Any]) -> Any:
    """Append the call of an operation; `f` is a Format, operands are LLVM values."""
    module = f.b.module
    symbol = f"{PREFIX}{operation}.{f.name}"
    fn = module.globals.get(symbol)
    if fn is None:
        fn = _declare(module, symbol, f.float_type, [v.type for v in operands], LANES[f.name])
    return f.b.call(fn, operands)


def _declare(module: Any, symbol: str, result: Any, kinds: list[Any], lanes: Any) -> Any:
    fn = ir.Function(module, ir.FunctionType(result, kinds), symbol)
    names = []
    versions = [fn]
    for n in lanes:
        vector = ir.FunctionType(ir.VectorType(result, n), [ir.VectorType(k, n) for k in kinds])
        versions.append(ir.Function(module, vector, f"{symbol}.v{n}"))
        names.append(f"_ZGV_LLVM_N{n}{'v' * len(kinds)}_{symbol}({symbol}.v{n})")
    for version in versions:  # llvmlite's own `add` accepts only attributes that it knows
        set.add(version.attributes, _WORDS)
    set.add(fn.attributes, f'"vector-function-abi-variant"="{",".join(names)}"')
    _mention(module, versions)
    return fn


def _mention(module: Any, functions: list[Any]) -> None:
    """Store the addresses of functions in a function that nothing calls."""
    pointer = ir.IntType(8).as_pointer()
    keep = module.globals.get(KEEP)
    if keep is None:
        keep = ir.Function(module, ir.FunctionType(ir.VoidType(), [pointer.as_pointer()]), KEEP)
        ir.IRBuilder(keep.append_basic_block()).ret_void()
    block = keep.entry_basic_block
    b = ir.IRBuilder(block)
    b.position_before(block.terminator)
    for fn in functions:  # each to a place of its own, or the last store alone would stay
        place = b.gep(keep.args[0], [ir.Constant(ir.IntType(64), len(block.instructions))])
        b.store(b.bitcast(fn, pointer), place)


def declared(module: Any) -> list[str]:
    """Return the operations that a module calls, as ``operation.format``."""
    names = [name.removeprefix(PREFIX) for name in module.globals if name.startswith(PREFIX)]
    return sorted(name for name in names if ".v" not in name)


# ---------------------------------------------------------------- definitions


def definitions(operations: list[str]) -> str:
    """Return LLVM text that defines operations for one number and for all numbers of lanes."""
    return "\n".join(_DECLARATIONS + [_defined(name) for name in operations])


def _defined(name: str) -> str:
    operation, form = name.rsplit(".", 1)
    made = [_function(f"{PREFIX}{name}", operation, form, 1)]
    made += [_function(f"{PREFIX}{name}.v{n}", operation, form, n) for n in LANES[form]]
    if operation.startswith("entry."):
        number = TYPES[form][0]
        numbers = ", ".join(f"{number} {_exact(x)}" for x in _column(operation))
        made.insert(0, f"@{PREFIX}{name}.table = internal constant [16 x {number}] [{numbers}]")
    return "\n".join(made)


def _column(operation: str) -> tuple[float, ...]:
    _, table, column = operation.split(".")
    found: tuple[float, ...] = getattr(pieces, table)[int(column)]
    return found


def _exact(x: float) -> str:
    return f"0x{struct.unpack('<Q', struct.pack('<d', x))[0]:016X}"


def _function(symbol: str, operation: str, form: str, n: int) -> str:
    number, integer, _ = TYPES[form]
    kinds = [integer] if operation.startswith("entry.") else [number]
    if operation in ("scale", "logarithm"):
        kinds *= 2
    vector = (lambda k: f"<{n} x {k}>") if n > 1 else (lambda k: k)
    given = ", ".join(f"{vector(k)} %a{i}" for i, k in enumerate(kinds))
    body = _load(symbol, form) if n == 1 and operation.startswith("entry.") else _wide(
        operation, form, n, kinds
    )  # fmt: skip
    lines = "\n".join(f"  {line}" for line in body)
    return f"define {vector(number)} @{symbol}({given}) alwaysinline {_WORDS} {{\n{lines}\n}}"


def _load(symbol: str, form: str) -> list[str]:
    number, integer, _ = TYPES[form]
    return [
        f"%n = and {integer} %a0, 15",
        f"%p = getelementptr inbounds [16 x {number}], ptr @{symbol}.table, i64 0, {integer} %n",
        f"%r = load {number}, ptr %p",
        f"ret {number} %r",
    ]


def _wide(operation: str, form: str, n: int, kinds: list[str]) -> list[str]:
    """Lines that widen or cut the operands to a register, append the instruction, and go back."""
    number, _, bits = TYPES[form]
    width = max(128 // bits, min(512 // bits, n)) if operation[:6] != "entry." else 512 // bits
    lines: list[str] = []
    found = []
    for part in range(max(1, n // width)):
        ready = []
        for i, k in enumerate(kinds):
            x = f"%x{part}.{i}"
            wide = f"<{width} x {k}>"
            if n == 1:
                lines.append(f"{x} = insertelement {wide} poison, {k} %a{i}, i64 0")
            elif n == width:
                x = f"%a{i}"
            else:
                at = [part * width + j if part * width + j < n else "poison" for j in range(width)]
                lines.append(
                    f"{x} = shufflevector <{n} x {k}> %a{i}, <{n} x {k}> poison, {_mask(at)}"
                )
            ready.append(f"{wide} {x}")
        lines.append(f"%r{part} = {_instruction(operation, form, width, ready)}")
        found.append(f"<{width} x {number}> %r{part}")
    if n == 1:
        lines.append(f"%r = extractelement {found[0]}, i64 0")
        return [*lines, f"ret {number} %r"]
    if n == width:
        return [*lines, f"ret {found[0]}"]
    other = found[1] if len(found) > 1 else f"<{width} x {number}> poison"
    lines.append(f"%r = shufflevector {found[0]}, {other}, {_mask(list(range(n)))}")
    return [*lines, f"ret <{n} x {number}> %r"]


def _mask(at: list[Any]) -> str:
    entries = ", ".join(f"i32 {k}" for k in at)
    return f"<{len(at)} x i32> <{entries}>"


def _instruction(operation: str, form: str, width: int, x: list[str]) -> str:
    number, integer, bits = TYPES[form]
    suffix = f"{'pd' if form == 'f64' else 'ps'}.{width * bits}"
    vector = f"<{width} x {number}>"
    ones = f"i{max(8, width)} -1"
    rounding = ", i32 4" if width * bits == 512 else ""  # 4: the rounding that is set
    head = f"call {vector} @llvm.x86.avx512."
    if operation == "scale":
        return f"{head}mask.scalef.{suffix}({x[0]}, {x[1]}, {vector} poison, {ones}{rounding})"
    if operation == "exponent":
        return f"{head}mask.getexp.{suffix}({x[0]}, {vector} poison, {ones}{rounding})"
    if operation == "inverse":
        return f"{head}rcp14.{suffix}({x[0]}, {vector} poison, {ones})"
    if operation == "mantissa":  # 3: between 3/4 and 3/2
        return f"{head}mask.getmant.{suffix}({x[0]}, i32 3, {vector} poison, {ones}{rounding})"
    if operation == "logarithm":
        code = f"{integer} {_LOGARITHM}"
        table = f"<{width} x {integer}> splat ({code})"
        return f"{head}mask.fixupimm.{suffix}({x[0]}, {x[1]}, {table}, i32 0, {ones}{rounding})"
    column = [f"{number} {_exact(c)}" for c in _column(operation)]
    if form == "f32":  # sixteen numbers are one register
        return f"{head}permvar.sf.512(<16 x float> <{', '.join(column)}>, {x[0]})"
    low, high = (f"<8 x double> <{', '.join(column[k : k + 8])}>" for k in (0, 8))
    return f"{head}vpermi2var.{suffix}({low}, {x[0]}, {high})"


def _declarations() -> list[str]:
    lines = []
    for form, widths in (("f64", (2, 4, 8)), ("f32", (4, 8, 16))):
        number, integer, bits = TYPES[form]
        for width in widths:
            suffix = f"{'pd' if form == 'f64' else 'ps'}.{width * bits}"
            v, mask = f"<{width} x {number}>", f"i{max(8, width)}"
            sae = ", i32 immarg" if width * bits == 512 else ""
            n = f"<{width} x {integer}>"
            for name, kinds in (
                ("mask.scalef", f"{v}, {v}, {v}, {mask}{sae}"),
                ("rcp14", f"{v}, {v}, {mask}"),
                ("mask.getexp", f"{v}, {v}, {mask}{sae}"),
                ("mask.getmant", f"{v}, i32 immarg, {v}, {mask}{sae}"),
                ("mask.fixupimm", f"{v}, {v}, {n}, i32 immarg, {mask}{sae}"),
            ):
                lines.append(f"declare {v} @llvm.x86.avx512.{name}.{suffix}({kinds})")
    lines.append(
        "declare <8 x double> @llvm.x86.avx512.vpermi2var.pd.512"
        "(<8 x double>, <8 x i64>, <8 x double>)"
    )
    lines.append("declare <16 x float> @llvm.x86.avx512.permvar.sf.512(<16 x float>, <16 x i32>)")
    return lines


_DECLARATIONS = _declarations()
