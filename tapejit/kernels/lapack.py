"""LAPACK on bare pointers, through the C entry points that Numba itself links.

As with ``blas``: symbols are resolved by name, so kernels can be cached on disk, and a call adds no
loops to compile. Storage is column-major, as LAPACK has it; pivots are 32-bit and count from 1. All
return LAPACK's ``info``: 0, or the place of the first pivot that stopped it.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

_I8 = ir.IntType(8)
_PTR = ir.PointerType(_I8)
_LETTER = {types.float64: "d", types.float32: "s"}


def _call(context: Any, builder: Any, name: str, letters: str, values: Any, kinds: Any) -> Any:
    """Call an entry point: its letters, then integers and pointers in its own order."""
    from numba.np.linalg import ensure_lapack

    ensure_lapack()
    given: list[Any] = [_I8(ord(c)) for c in letters]
    for value, kind in zip(values, kinds):
        if isinstance(kind, types.CPointer):
            given.append(builder.bitcast(value, _PTR))
        else:
            given.append(context.cast(builder, value, kind, types.intp))
    fnty = ir.FunctionType(ir.IntType(32), [v.type for v in given])
    return builder.call(cgutils.get_or_insert_function(builder.module, fnty, name), given)


@intrinsic
def gesv(typingctx: Any, n: Any, m: Any, a: Any, pivots: Any, b: Any) -> Any:
    """Factor A in place and replace the m columns of B by A^-1 B."""
    sig = types.int32(n, m, a, pivots, b)

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        kinds = signature.args
        values, order = [*args[:3], args[0], *args[3:], args[0]], [*kinds[:3], kinds[0]]
        order += [*kinds[3:], kinds[0]]
        return _call(context, builder, "numba_xgesv", _LETTER[a.dtype], values, order)

    return sig, codegen


@intrinsic
def getrf(typingctx: Any, n: Any, a: Any, pivots: Any) -> Any:
    """Factor A in place, P A = L U."""
    sig = types.int32(n, a, pivots)

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        (n, a_, p), (kn, ka, kp) = args, signature.args
        values, kinds = (n, n, a_, n, p), (kn, kn, ka, kn, kp)
        return _call(context, builder, "numba_xxgetrf", _LETTER[a.dtype], values, kinds)

    return sig, codegen


@intrinsic
def potrf(typingctx: Any, n: Any, a: Any) -> Any:
    """Replace the lower triangle of A by its Cholesky factor."""
    sig = types.int32(n, a)

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        (n, a_), (kn, ka) = args, signature.args
        letters = _LETTER[a.dtype] + "L"
        return _call(context, builder, "numba_xxpotrf", letters, (n, a_, n), (kn, ka, kn))

    return sig, codegen
