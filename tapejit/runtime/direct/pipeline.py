"""A pipeline for Numba's compiler whose one pass makes LLVM code of a kernel's text.

What stands around the kernel stays Numba's: the function that Python calls, which unpacks arrays,
and the dispatcher and its disk cache. When the text holds something without code here, Numba's own
pipeline compiles it.
"""

from __future__ import annotations

import ast
from typing import Any

from llvmlite import ir
from numba.core import compiler_machinery, funcdesc, types, typing
from numba.core.bytecode import FunctionIdentity
from numba.core.callwrapper import PyCallWrapper
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import CompilerBase, compile_result
from numba.core.lowering import Environment

from ...kernels.quick import pipeline
from .bridge import Bridge
from .function import Function, Known, Unit
from .statements import statements
from .values import Array, Uncovered, Value

MARK = "direct"
"""What stands in a cached kernel's place for annotations when it was made here."""
COUNTS = {"direct": 0, "numba": 0}
"""How many kernels were compiled here, and how many by Numba's own pipeline."""
WHY: list[str] = []
"""Why kernels were left to Numba, the latest last."""


def direct_pipeline(source: str) -> Any:
    """Return the compiler class for the kernel of a text."""

    class DirectCompiler(CompilerBase):  # type: ignore[misc]
        """Compiles a kernel from its text."""

        def __init__(self, *args: Any) -> None:
            super().__init__(*args)
            self._given = args

        def define_pipelines(self) -> list[Any]:
            made = compiler_machinery.PassManager("direct")
            made.add_pass(DirectCode, "text to LLVM code")
            made.finalize()
            return [made]

        def compile_extra(self, func: Any) -> Any:
            state = self.state
            state.text, state.lifted, state.lifted_from = source, (), None
            state.func_id = FunctionIdentity.from_function(func)
            try:
                return self._compile_bytecode()
            except Uncovered:
                return pipeline()(*self._given).compile_extra(func)

    return DirectCompiler


@compiler_machinery.register_pass(mutates_CFG=True, analysis_only=False)
class DirectCode(compiler_machinery.LoweringPass):  # type: ignore[misc]
    """From text to a compile result."""

    _name = "tapejit_direct_code"

    def __init__(self) -> None:
        compiler_machinery.LoweringPass.__init__(self)

    def run_pass(self, state: Any) -> bool:
        """Compile, or raise `Uncovered`, which sends the kernel to Numba's pipeline."""
        try:
            state.cr = _compiled(state)
        except Exception as error:
            COUNTS["numba"] += 1
            WHY[:] = [*WHY[-99:], f"{type(error).__name__}: {error}"]
            raise Uncovered(str(error)) from error
        COUNTS["direct"] += 1
        return True


class Library(JITCodeLibrary):  # type: ignore[misc]
    """A library that LLVM optimises once.

    Numba runs LLVM's passes over each function, then over the module twice: what it writes wants
    cleaning before reference counts can be pruned. Here there are none.
    """

    def _optimize_functions(self, ll_module: Any) -> None:
        ll_module.data_layout = self._codegen._data_layout

    def _optimize_final_module(self) -> None:
        passes, builder = self._codegen._module_pass_manager()
        passes.run(self._final_module, builder)


def _compiled(state: Any) -> Any:
    context = state.targetctx
    library = Library(context.codegen(), state.func_id.func_qualname)
    library.enable_object_caching()
    with context.push_code_library(library):
        fndesc, env, module = _code(state, library)
        inner = context.subtarget(environment=env, fndesc=fndesc)
        entry = module.globals[fndesc.llvm_func_name]
        PyCallWrapper(inner, module, entry, fndesc, env, None, state.flags.release_gil).build()
        context.post_lowering(module, library)
        library.add_ir_module(module)
    cfunc = context.get_executable(library, fndesc, env)
    context.insert_user_function(cfunc, fndesc, [library])
    return compile_result(
        typing_context=state.typingctx,
        target_context=state.targetctx,
        entry_point=cfunc,
        typing_error=None,
        type_annotation=MARK,
        library=library,
        call_helper=None,
        signature=typing.signature(fndesc.restype, *fndesc.argtypes),
        objectmode=False,
        lifted=(),
        fndesc=fndesc,
        environment=env,
        metadata=state.metadata,
        reload_init=state.reload_init,
    )


def _code(state: Any, library: Any) -> tuple[Any, Any, Any]:
    """Return the kernel's descriptor, its environment and its LLVM module."""
    fn, args = state.func_id.func, tuple(state.args)
    tree = ast.parse(state.text)
    functions = {s.name: s for s in tree.body if isinstance(s, ast.FunctionDef)}
    kernel = functions.pop(fn.__name__)
    names = tuple(a.arg for a in kernel.args.args)
    context = state.targetctx
    module = library.create_ir_module(fn.__name__)
    bridge = Bridge(state.typingctx, context)
    unit = Unit(module, fn.__globals__, bridge, context)
    unit.parts = functions
    made = Function(unit, kernel, f"{fn.__name__}.body", _parameters(unit, names, args))
    statements(made, kernel.body)
    made.close()
    results = made.results or []
    restype = results[0] if len(results) == 1 else types.BaseTuple.from_types(tuple(results))
    fndesc = funcdesc.PythonFunctionDescriptor(
        True, fn.__module__, fn.__qualname__, state.func_id.unique_name, fn.__doc__ or "",
        None, restype, None, names, (), mangler=context.mangler, argtypes=args, inline=False,
        noalias=False, abi_tags=[state.flags.get_mangle_string()], uid=state.func_id.unique_id,
    )  # fmt: skip
    _entry(unit, made, fndesc)
    return fndesc, Environment.from_fndesc(fndesc), module


def _parameters(unit: Unit, names: tuple[str, ...], args: tuple[Any, ...]) -> dict[str, Known]:
    """Return stand-ins for the arguments: what the body's parameters look like."""
    found: dict[str, Known] = {}
    for name, kind in zip(names, args):
        if isinstance(kind, types.Array):
            data = unit.context.get_data_type(kind.dtype).as_pointer()
            lengths = tuple(ir.Constant(ir.IntType(64), 0) for _ in range(kind.ndim))
            found[name] = Array(kind, ir.Constant(data, None), lengths)
        else:
            value = unit.context.get_value_type(kind)
            found[name] = Value(kind, ir.Constant(value, None if _record(value) else 0))
    return found


def _record(kind: Any) -> bool:
    return isinstance(kind, ir.LiteralStructType)


def _entry(unit: Unit, body: Function, fndesc: Any) -> None:
    """Append the function with Numba's calling convention: it takes arrays apart."""
    context = unit.context
    context.declare_env_global(unit.module, context.get_env_name(fndesc))
    convention = context.call_conv
    fn = context.declare_function(unit.module, fndesc)
    b = ir.IRBuilder(fn.append_basic_block("entry"))
    packer = context.get_arg_packer(fndesc.argtypes)
    values = packer.from_arguments(b, convention.get_arguments(fn))
    flat: list[Any] = []
    for kind, value in zip(fndesc.argtypes, values):
        if isinstance(kind, types.Array):
            array = context.make_array(kind)(context, b, value)
            flat += [array.data, *(b.extract_value(array.shape, d) for d in range(kind.ndim))]
        else:
            flat.append(value)
    kinds = body.results or []
    record = ir.LiteralStructType([context.get_value_type(t) for t in kinds])
    slot = b.alloca(record)
    code = b.call(body.llvm, [b.bitcast(slot, ir.IntType(8).as_pointer()), fn.args[1], *flat])
    with b.if_then(b.icmp_signed("!=", code, code.type(0)), likely=False):
        b.ret(code)
    found = [b.load(b.gep(slot, [ir.IntType(32)(0), ir.IntType(32)(k)])) for k in range(len(kinds))]
    value = found[0] if len(found) == 1 else context.make_tuple(b, fndesc.restype, found)
    convention.return_value(b, context.get_return_value(b, fndesc.restype, value))
