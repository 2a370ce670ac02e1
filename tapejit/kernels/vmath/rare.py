"""A call to the C library for rare arguments that leaves the surrounding loop vectorisable.

A branch around a library call would keep the loop vectoriser away from the whole loop.  Instead a
small function ``far(x)`` is emitted, which returns the library's answer where ``|x| > limit`` and
`x` itself elsewhere, and with it versions for two, four, eight, ... lanes.  These compare all
lanes at once, return immediately in the usual case, and otherwise call the library lane by lane.
The attribute ``vector-function-abi-variant`` tells the vectoriser that they exist (it is how
vector libraries for C are announced).  Where it is not understood the scalar version is called,
with the same results.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir

from .emit import Format, Value

__all__ = ["library_beyond"]

DOUBLE, INDEX = ir.DoubleType(), ir.IntType(32)


def _function(module: Any, ty: Any, name: str) -> Any:
    existing = module.globals.get(name)
    return existing or ir.Function(module, ir.FunctionType(ty, [ty]), name)


def _define(module: Any, ty: Any, name: str) -> tuple[Any, Any]:
    """A new function that every module may contain and the linker keeps once."""
    fn = ir.Function(module, ir.FunctionType(ty, [ty]), name)
    fn.linkage = "linkonce_odr"
    for attribute in ("noinline", "nounwind", "readnone"):
        fn.attributes.add(attribute)
    return fn, ir.IRBuilder(fn.append_basic_block())


def _is_far(b: Any, x: Any, limit: float) -> Any:
    """Whether ``|x| > limit``, per lane."""
    lanes = getattr(x.type, "count", 0)
    lo, hi = (
        ir.Constant(x.type, [c] * lanes) if lanes else ir.Constant(x.type, c)
        for c in (-limit, limit)
    )
    return b.or_(b.fcmp_ordered("<", x, lo), b.fcmp_ordered(">", x, hi))


def _library(f: Format, b: Any, x: Any, name: str) -> Any:
    """The C library's double precision `name` of one number."""
    wide = x if f.wide else b.fpext(x, DOUBLE)
    y = b.call(_function(b.module, DOUBLE, name), [wide])
    return y if f.wide else b.fptrunc(y, f.float_type)


def _scalar(f: Format, module: Any, symbol: str, name: str, limit: float) -> Any:
    fn, b = _define(module, f.float_type, symbol)
    x = fn.args[0]
    with b.if_then(_is_far(b, x, limit), likely=False):
        b.ret(_library(f, b, x, name))
    b.ret(x)
    return fn


def _vector(f: Format, module: Any, symbol: str, name: str, limit: float, lanes: int) -> Any:
    ty = ir.VectorType(f.float_type, lanes)
    fn, b = _define(module, ty, symbol)
    x = fn.args[0]
    mask = b.bitcast(_is_far(b, x, limit), ir.IntType(lanes))
    usual, head, done = (fn.append_basic_block() for _ in range(3))
    entry = b.block
    b.cbranch(b.icmp_unsigned("!=", mask, ir.Constant(mask.type, 0)), head, usual)
    b.position_at_end(usual)
    b.ret(x)
    b.position_at_end(head)
    lane, value = b.phi(INDEX), b.phi(ty)
    element = b.extract_element(value, lane)
    answer = _library(f, b, element, name)
    kept = b.select(_is_far(b, element, limit), answer, element)
    updated = b.insert_element(value, kept, lane)
    following = b.add(lane, ir.Constant(INDEX, 1))
    for phi, first, then in ((lane, ir.Constant(INDEX, 0), following), (value, x, updated)):
        phi.add_incoming(first, entry)
        phi.add_incoming(then, head)
    b.cbranch(b.icmp_unsigned("==", following, ir.Constant(INDEX, lanes)), done, head)
    b.position_at_end(done)
    b.ret(updated)
    return fn


def library_beyond(f: Format, x: Value, name: str, limit: float) -> Value:
    """The library's ``name(x)`` where ``|x| > limit``; elsewhere a number without meaning."""
    module, symbol = f.b.module, f"tapejit.far.{name}.{f.name}"
    fn = module.globals.get(symbol)
    if fn is None:
        variants = {
            lanes: _vector(f, module, f"{symbol}.v{lanes}", name, limit, lanes)
            for lanes in f.pick((2, 4, 8), (4, 8, 16))
        }
        fn = _scalar(f, module, symbol, name, limit)
        names = ",".join(f"_ZGV_LLVM_N{n}v_{symbol}({v.name})" for n, v in variants.items())
        # llvmlite's own `add` accepts only attributes without a value
        set.add(fn.attributes, f'"vector-function-abi-variant"="{names}"')
        _keep(module, list(variants.values()))
    return Value(f, f.b.call(fn, [x.v]))


def _keep(module: Any, functions: list[Any]) -> None:
    """Protect functions that only an attribute mentions from being dropped as unused."""
    pointer = ir.IntType(8).as_pointer()
    entries = [fn.bitcast(pointer) for fn in functions]
    used = module.globals.get("llvm.compiler.used")
    if used is None:
        used = ir.GlobalVariable(module, ir.ArrayType(pointer, 0), "llvm.compiler.used")
        used.linkage, used.section = "appending", "llvm.metadata"
    else:  # one formula calls two library functions
        entries = [*used.initializer.constant, *entries]
    used.value_type = ir.ArrayType(pointer, len(entries))
    used.initializer = ir.Constant(used.value_type, entries)
