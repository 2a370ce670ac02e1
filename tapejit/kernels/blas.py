"""BLAS products on bare pointers, through the C entry points that Numba itself links.

The symbols are resolved by name, so kernels that use them can be cached on disk. Storage is
column-major, as BLAS has it; codegen swaps the operands of row-major products.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

_I8 = ir.IntType(8)
_PTR = ir.PointerType(_I8)


def _slot(builder: Any, value: Any) -> Any:
    """Return a pointer to a stack slot that holds `value`."""
    return builder.bitcast(cgutils.alloca_once_value(builder, value), _PTR)


def _flag(builder: Any, flag: Any) -> Any:
    """Return 't' where `flag` is not zero, else 'n'."""
    return builder.select(
        builder.icmp_signed("!=", flag, flag.type(0)), _I8(ord("t")), _I8(ord("n"))
    )


def _gemm(kind: str) -> Any:
    @intrinsic
    def gemm(typingctx: Any, ta: Any, tb: Any, m: Any, n: Any, k: Any, alpha: Any, a: Any, lda: Any,
             b: Any, ldb: Any, beta: Any, c: Any, ldc: Any) -> Any:  # fmt: skip
        """Column-major ``c = alpha op(a) op(b) + beta c``; ta, tb: 1 to transpose."""
        sig = types.none(ta, tb, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc)

        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            from numba.np.linalg import ensure_blas

            ensure_blas()
            intp = context.get_value_type(types.intp)
            fnty = ir.FunctionType(
                ir.IntType(32),
                [_I8, _I8, _I8, intp, intp, intp, _PTR, _PTR, intp, _PTR, intp, _PTR, _PTR, intp],
            )
            fn = cgutils.get_or_insert_function(builder.module, fnty, "numba_xxgemm")

            def integer(j: int) -> Any:
                return context.cast(builder, args[j], signature.args[j], types.intp)

            call = [
                _I8(ord(kind)), _flag(builder, args[0]), _flag(builder, args[1]),
                integer(2), integer(3), integer(4), _slot(builder, args[5]),
                builder.bitcast(args[6], _PTR), integer(7),
                builder.bitcast(args[8], _PTR), integer(9), _slot(builder, args[10]),
                builder.bitcast(args[11], _PTR), integer(12),
            ]  # fmt: skip
            builder.call(fn, call)
            return context.get_dummy_value()

        return sig, codegen

    return gemm


gemm_f64, gemm_f32, gemm_c128, gemm_c64 = map(_gemm, "dszc")


def _gemv(kind: str) -> Any:
    @intrinsic
    def gemv(typingctx: Any, t: Any, m: Any, n: Any, alpha: Any, a: Any, lda: Any, x: Any, beta: Any,
             y: Any) -> Any:  # fmt: skip
        """Column-major ``y = alpha op(a) x + beta y``, x and y contiguous."""
        sig = types.none(t, m, n, alpha, a, lda, x, beta, y)

        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            from numba.np.linalg import ensure_blas

            ensure_blas()
            intp = context.get_value_type(types.intp)
            fnty = ir.FunctionType(
                ir.IntType(32), [_I8, _I8, intp, intp, _PTR, _PTR, intp, _PTR, _PTR, _PTR]
            )
            fn = cgutils.get_or_insert_function(builder.module, fnty, "numba_xxgemv")

            def integer(j: int) -> Any:
                return context.cast(builder, args[j], signature.args[j], types.intp)

            call = [
                _I8(ord(kind)), _flag(builder, args[0]), integer(1), integer(2),
                _slot(builder, args[3]), builder.bitcast(args[4], _PTR), integer(5),
                builder.bitcast(args[6], _PTR), _slot(builder, args[7]),
                builder.bitcast(args[8], _PTR),
            ]  # fmt: skip
            builder.call(fn, call)
            return context.get_dummy_value()

        return sig, codegen

    return gemv


gemv_f64, gemv_f32, gemv_c128, gemv_c64 = map(_gemv, "dszc")
