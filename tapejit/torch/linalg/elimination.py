"""LU factors with the rows exchanged that partial pivoting chooses.

Which rows are exchanged is read from the values and then fixed: the permutation is a constant, and
gradients flow through the triangular factors.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..ops.matrices import (
    at_once,
    floating,
    matrix,
    matrix_op,
    same_dtype,
    square,
    stack_of,
    tensor,
)
from ..surface import store
from ..tensor import Tensor
from . import results
from .infos import constant

RESULT = ((-1,),)


def _packed(x: Any) -> Any:
    from ...scipy.linalg import lu_factor as factor

    return factor(x)[0]


@matrix_op("linalg_lu", saves=RESULT)
def LU(x: Any) -> Any:
    """L of unit diagonal and U: the two triangles of what elimination leaves."""
    packed = _packed(x)
    m, n = x.shape[-2:]
    k = min(m, n)
    low = np.tril(packed[..., :, :k], -1) + np.eye(m, k, dtype=x.dtype)
    return low, np.triu(packed[..., :k, :])


PACKED = matrix_op("linalg_lu_factor", node="LinalgLuFactorExBackward0", saves=RESULT)(_packed)


def _pivots(x: Any) -> Any:
    """Return the row that each step exchanges its own with, from 0; stacks one by one."""
    import warnings

    import scipy.linalg

    lead, k = x.shape[:-2], min(x.shape[-2:])
    found = np.zeros((*lead, k), np.int32)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # singular is no error here
        for j in np.ndindex(*lead):
            if k:
                found[j] = scipy.linalg.lu_factor(x[j], check_finite=False)[1]
    return found


def _order(pivots: Any, rows: int) -> Any:
    """Return which row of the matrix each row of ``L U`` is."""
    lead = pivots.shape[:-1]
    order = np.broadcast_to(np.arange(rows), (*lead, rows)).copy()
    for j in np.ndindex(*lead):
        for i, p in enumerate(pivots[j]):
            order[j][[i, p]] = order[j][[p, i]]
    return order


def lu(A: Tensor, *, pivot: bool = True, out: Any = None) -> Any:
    """Return P, L and U whose product is A: a permutation and two triangles."""
    name = "linalg.lu"
    t = stack_of(A, name)
    _check_pivot(name, pivot)
    low, up = at_once(LU, (t,), name)
    rows = int(t._spec.shape[-2])
    order = _order(_pivots(np.asarray(t._value())), rows)
    # Row i of L U is row order[i] of A, so P has its one of column i in row order[i].
    P = np.swapaxes(np.eye(rows, dtype=t._spec.np)[order], -1, -2).copy()
    made = results.linalg_lu(constant(P), low, up)
    return made if out is None else type(made)(*[store(o, m) for o, m in zip(out, made)])


def _check_pivot(name: str, pivot: bool) -> None:
    if not pivot:
        raise RuntimeError(f"{name}: LU without pivoting is not implemented on the CPU")


def lu_factor(A: Tensor, *, pivot: bool = True, out: Any = None) -> Any:
    """Return both triangular factors in one matrix, and the pivots, counted from 1."""
    name = "linalg.lu_factor"
    t = stack_of(A, name)
    _check_pivot(name, pivot)
    packed = at_once(PACKED, (t,), name)
    pivots = constant(_pivots(np.asarray(t._value())) + np.int32(1))
    made = results.linalg_lu_factor(packed, pivots)
    return made if out is None else type(made)(*[store(o, m) for o, m in zip(out, made)])


def lu_factor_ex(
    A: Tensor, *, pivot: bool = True, check_errors: bool = False, out: Any = None
) -> Any:
    """Return `lu_factor` and, for each matrix, 0 or the first pivot that is zero."""
    from ..ops.matrices import LinAlgError

    packed, pivots = lu_factor(A, pivot=pivot)
    diagonal = np.diagonal(np.asarray(packed._value()), axis1=-2, axis2=-1)
    zero = diagonal == 0
    info = np.where(zero.any(-1), zero.argmax(-1) + 1, 0).astype(np.int32)
    if check_errors and info.any():
        raise LinAlgError(
            f"linalg.lu_factor_ex: U[{info.max()},{info.max()}] is zero and using it on lu_solve "
            "would result in a division by zero."
        )
    made = results.linalg_lu_factor_ex(packed, pivots, constant(info))
    return made if out is None else type(made)(*[store(o, m) for o, m in zip(out, made)])


@matrix_op("linalg_lu_solve", saves=((0, -1), (), (0,)), raises=True)
def LU_SOLVE(packed: Any, P: Any, b: Any, *, left: bool, adjoint: bool) -> Any:
    """X of ``P L U X = B``: a permutation and two triangular systems."""
    from ...scipy.linalg import solve_triangular as substitute

    def flip(x: Any) -> Any:
        return np.conj(np.swapaxes(x, -1, -2))

    if not left:
        # X A = B is A^H X^H = B^H.
        b, adjoint = flip(b), not adjoint
    lead = np.broadcast_shapes(packed.shape[:-2], b.shape[:-2])
    wide = [np.broadcast_to(x, lead + x.shape[-2:]) if x.shape[:-2] != lead else x
            for x in (packed, P, b)]  # fmt: skip
    packed, P, b = wide
    if adjoint:
        x = substitute(flip(packed), b, lower=True)
        x = P @ substitute(flip(packed), x, lower=False, unit_diagonal=True)
    else:
        x = substitute(packed, flip(P) @ b, lower=True, unit_diagonal=True)
        x = substitute(packed, x, lower=False)
    return x if left else flip(x)


def lu_solve(
    LU: Tensor, pivots: Tensor, B: Tensor, *, left: bool = True, adjoint: bool = False,
    out: Tensor | None = None,
) -> Tensor:  # fmt: skip
    """Return the solution of a system from what `lu_factor` gives."""
    name = "linalg.lu_solve"
    t = tensor(LU, name, "LU")
    square(name, t._spec)
    floating(name, t._spec)
    b = tensor(B, name, "B", 3)
    matrix(name, b._spec, "B")
    same_dtype(name, (t._spec, b._spec))
    if tensor(pivots, name, "pivots", 2)._spec.np != np.int32:
        raise RuntimeError(f"{name}: pivots should be a Tensor of scalar type Int")
    rows = int(t._spec.shape[-1])
    order = _order(np.asarray(pivots._value()) - 1, rows)
    P = np.swapaxes(np.eye(rows, dtype=t._spec.np)[order], -1, -2).copy()
    found: Tensor = at_once(
        LU_SOLVE, (t, constant(P), b), f"{name}: a pivot is zero",
        left=bool(left), adjoint=bool(adjoint),
    )  # fmt: skip
    return found if out is None else store(out, found)


__all__ = ["lu", "lu_factor", "lu_factor_ex", "lu_solve"]
