"""Raw memory in kernels: arrays and the workspace as bare pointers.

A pointer indexes without bounds check, wrap-around or reference counting. Its owner must outlive
it: arguments do, and a kernel releases its workspace at its end.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from llvmlite import ir
from numba import extending
from numba.core import types
from numba.np import numpy_support


def intrinsic(fn: Callable[..., Any]) -> Any:
    """Declare a function by the code it becomes; for a type checker it may be called as it reads."""
    return extending.intrinsic(fn)


BYTES = types.CPointer(types.uint8)


@intrinsic
def flat(typingctx: Any, array: Any) -> Any:
    """Return a pointer to the first element of a contiguous array; booleans are bytes."""
    dtype = types.uint8 if array.dtype == types.boolean else array.dtype
    sig = types.CPointer(dtype)(array)

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        made = context.make_array(signature.args[0])(context, builder, args[0])
        return builder.bitcast(made.data, context.get_value_type(signature.return_type))

    return sig, codegen


@intrinsic
def allocate(typingctx: Any, size: Any) -> Any:
    """Return a pointer to `size` fresh bytes, to be given back with ``release``."""
    sig = types.CPointer(types.uint8)(types.intp)

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return context.nrt.allocate(builder, args[0])

    return sig, codegen


@intrinsic
def release(typingctx: Any, pointer: Any) -> Any:
    """Give back what ``allocate`` gave."""
    sig = types.none(pointer)

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        context.nrt.free(builder, builder.bitcast(args[0], context.get_value_type(BYTES)))
        return context.get_dummy_value()

    return sig, codegen


@intrinsic
def grow(typingctx: Any, pointer: Any, used: Any, size: Any) -> Any:
    """Return a pointer to `size` bytes that start with the `used` first ones; free the old."""
    sig = pointer(pointer, types.intp, types.intp)

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        from numba.core import cgutils

        old = builder.bitcast(args[0], context.get_value_type(BYTES))
        new = context.nrt.allocate(builder, args[2])
        cgutils.raw_memcpy(builder, new, old, args[1], 1)
        context.nrt.free(builder, old)
        return builder.bitcast(new, context.get_value_type(signature.return_type))

    return sig, codegen


@intrinsic
def last_nonzero(typingctx: Any, pointer: Any, start: Any) -> Any:
    """Return the largest k from 0 to `start` where ``pointer[k]`` is not zero, else -1."""
    from .searching import search

    sig = types.intp(pointer, types.intp)

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return search(builder, *args)

    return sig, codegen


@intrinsic
def same(typingctx: Any, one: Any, other: Any) -> Any:
    """Whether two pointers are the same."""
    sig = types.boolean(one, other)

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.icmp_unsigned("==", args[0], args[1])

    return sig, codegen


def _carve(dtype: str) -> Any:
    numba_type = numpy_support.from_dtype(np.dtype(dtype))

    @intrinsic
    def carve(typingctx: Any, workspace: Any, offset: Any) -> Any:
        """Return a pointer into the workspace, `offset` bytes from its start."""
        sig = types.CPointer(numba_type)(workspace, types.intp)

        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            at = builder.gep(args[0], [args[1]])
            return builder.bitcast(at, context.get_value_type(signature.return_type))

        return sig, codegen

    return carve


carve_f64, carve_f32 = _carve("float64"), _carve("float32")
carve_c128, carve_c64 = _carve("complex128"), _carve("complex64")
carve_i64, carve_i32, carve_i16, carve_i8 = map(_carve, ("int64", "int32", "int16", "int8"))
carve_u64, carve_u32, carve_u16, carve_u8 = map(_carve, ("uint64", "uint32", "uint16", "uint8"))
carve_b1 = carve_u8
LOCAL = {
    "f64": types.float64, "f32": types.float32, "c128": types.complex128, "c64": types.complex64,
    "i64": types.int64, "i32": types.int32, "i16": types.int16, "i8": types.int8,
    "u64": types.uint64, "u32": types.uint32, "u16": types.uint16, "u8": types.uint8,
    "b1": types.uint8,
}  # fmt: skip


@cache
def local(suffix: str, size: int) -> Any:
    """Return a function that returns a pointer to `size` fresh elements on the stack.

    They live as long as the call of the function that asks for them, however often it asks.
    """
    numba_type = LOCAL[suffix]

    @intrinsic
    def made(typingctx: Any) -> Any:
        """Return a pointer to a local array."""
        sig = types.CPointer(numba_type)()

        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            with builder.goto_entry_block():
                kind = ir.ArrayType(context.get_data_type(numba_type), size)
                array = builder.alloca(kind)
                array.align = 64
            return builder.bitcast(array, context.get_value_type(signature.return_type))

        return sig, codegen

    return made


@intrinsic
def like(typingctx: Any, workspace: Any, array: Any) -> Any:
    """Return a pointer to the start of the workspace, for elements of the dtype of an array."""
    sig = types.CPointer(array.dtype)(workspace, array)

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.bitcast(args[0], context.get_value_type(signature.return_type))

    return sig, codegen


@intrinsic
def alone(typingctx: Any) -> Any:
    """Keep the routine that says this out of its callers: its code stands once in a kernel."""
    sig = types.none()

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        builder.function.attributes.add("noinline")
        return context.get_dummy_value()

    return sig, codegen


@intrinsic
def shift(typingctx: Any, pointer: Any, count: Any) -> Any:
    """Return a pointer moved by `count` elements."""
    sig = pointer(pointer, count)

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.gep(args[0], [args[1]])

    return sig, codegen


@intrinsic
def array(typingctx: Any, pointer: Any, count: Any) -> Any:
    """Return `count` elements behind a pointer as a one-dimensional array that owns nothing."""
    made_type = types.Array(pointer.dtype, 1, "C")
    sig = made_type(pointer, count)

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        from numba.np.arrayobj import populate_array

        ary = context.make_array(made_type)(context, builder)
        count = context.cast(builder, args[1], signature.args[1], types.intp)
        size = context.get_abi_sizeof(context.get_data_type(pointer.dtype))
        itemsize = context.get_constant(types.intp, size)
        populate_array(
            ary,
            data=builder.bitcast(args[0], ary.data.type),
            shape=[count],
            strides=[itemsize],
            itemsize=itemsize,
            meminfo=None,
        )
        return ary._getvalue()

    return sig, codegen


@intrinsic
def select(typingctx: Any, flag: Any, yes: Any, no: Any) -> Any:
    """Return `yes` or `no` without a branch; both are computed."""
    if yes != no:
        unified = typingctx.unify_types(yes, no)
        if unified is None:
            return None
        yes = no = unified
    sig = yes(types.boolean, yes, no)

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.select(args[0], args[1], args[2])

    return sig, codegen


def _fold(float_op: str, int_op: str) -> Any:
    @intrinsic
    def fold(typingctx: Any, total: Any, term: Any) -> Any:
        """Fold a term into a total; the order of terms may be changed (flag reassoc)."""
        if total != term:
            return None
        sig = total(total, term)

        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            kind = signature.return_type
            if isinstance(kind, types.Float):
                flags = ("reassoc", "contract")
                return getattr(builder, float_op)(args[0], args[1], flags=flags)
            if isinstance(kind, types.Complex):
                return _complex(context, builder, kind, args, float_op)
            return getattr(builder, int_op)(args[0], args[1])

        return sig, codegen

    return fold


def _complex(context: Any, builder: Any, kind: Any, args: Any, op: str) -> Any:
    x = context.make_complex(builder, kind, args[0])
    y = context.make_complex(builder, kind, args[1])
    z = context.make_complex(builder, kind)
    flags = ("reassoc",)
    if op == "fadd":
        z.real = builder.fadd(x.real, y.real, flags=flags)
        z.imag = builder.fadd(x.imag, y.imag, flags=flags)
    else:
        z.real = builder.fsub(builder.fmul(x.real, y.real), builder.fmul(x.imag, y.imag))
        z.imag = builder.fadd(builder.fmul(x.real, y.imag), builder.fmul(x.imag, y.real))
    return z._getvalue()


fold_add = _fold("fadd", "add")
fold_mul = _fold("fmul", "mul")


def _extreme(float_op: str, test: str) -> Any:
    @intrinsic
    def fold(typingctx: Any, extreme: Any, term: Any) -> Any:
        """Return the greater (or lesser) of two numbers, NaN when one is: LLVM folds eight at once.

        A selection that lets NaN through is one comparison after the other: 1.3 ns an element, 0.2.
        Of 0.0 and -0.0 either is returned, as NumPy does: to order them takes as long as all else
        (the greatest of each of 8 rows of 8 in 21 ns, 49 with signed zeros).
        """
        made = typingctx.unify_types(extreme, term)
        sig = made(extreme, term)

        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            kind = signature.return_type
            x, y = (context.cast(builder, a, t, kind) for a, t in zip(args, signature.args))
            if isinstance(kind, types.Float):
                declared = ir.FunctionType(x.type, [x.type, x.type])
                fn = builder.module.declare_intrinsic(f"llvm.{float_op}", [x.type], declared)
                return builder.call(fn, [x, y], fastmath=("nsz",))
            signed = getattr(kind, "signed", False)
            compare = builder.icmp_signed if signed else builder.icmp_unsigned
            return builder.select(compare(test, y, x), y, x)

        return sig, codegen

    return fold


fold_max = _extreme("maximum", ">")
fold_min = _extreme("minimum", "<")
