"""Chunks of a nest on the threads of the pool: ``run(chunk, n, ...)`` in kernels.

It stands for ``for k in range(n): chunk(k, ...)``. The chunk is a function with numbers and pointers
as arguments, compiled into the kernel that uses it.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

from .pool import NAME, pool

POOL = pool()


@intrinsic
def run(typingctx: Any, chunk: Any, count: Any, *args: Any) -> Any:
    """Call ``chunk(k, *args)`` for all k below `count`, in any order."""
    given = [types.unliteral(a) for a in args]
    inner = (types.intp, *given)
    chunk.get_call_type(typingctx, inner, {})
    sig = types.none(chunk, types.intp, types.Tuple(given))

    def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        module = builder.module
        compiled = chunk.dispatcher.get_compile_result(types.none(*inner))
        context.active_code_library.add_linking_library(compiled.library)
        callee = context.declare_function(module, compiled.fndesc)
        packed = values[2]
        pointer = ir.PointerType(ir.IntType(8))
        wrapper_type = ir.FunctionType(ir.VoidType(), [pointer, ir.IntType(64)])
        name = f"{builder.function.name}.chunk{len(module.functions)}"
        wrapper = ir.Function(module, wrapper_type, name)
        wrapper.linkage = "internal"
        inside = ir.IRBuilder(wrapper.append_basic_block())
        whole = inside.load(inside.bitcast(wrapper.args[0], packed.type.as_pointer()))
        each = [inside.extract_value(whole, j) for j in range(len(given))]
        call = [context.cast(inside, wrapper.args[1], types.int64, types.intp), *each]
        context.call_conv.call_function(inside, callee, types.none, inner, call)
        inside.ret_void()
        run_type = ir.FunctionType(ir.VoidType(), [pointer, pointer, ir.IntType(64)])
        entry = cgutils.get_or_insert_function(module, run_type, NAME)
        slot = cgutils.alloca_once_value(builder, packed)
        arguments = [
            builder.bitcast(wrapper, pointer),
            builder.bitcast(slot, pointer),
            context.cast(builder, values[1], signature.args[1], types.int64),
        ]
        builder.call(entry, arguments)
        return context.get_dummy_value()

    return sig, codegen
