"""Systems of linear equations, triangular ones, least squares.

A right-hand side is a vector, or a stack of them, when it has one axis or when its shape is that of
the matrices without the last axis; otherwise its columns are solved for.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..codes import op
from ..emit import apply
from ..ops.matrices import (
    LinAlgError,
    adjoint,
    at_once,
    deprecated,
    floating,
    ghost,
    matrix,
    matrix_op,
    same_dtype,
    square,
    tensor,
    transposed,
)
from ..surface import public, store
from ..tensor import Tensor
from .infos import failing, info_of
from .results import linalg_lstsq, linalg_solve_ex
from .results import triangular_solve as _triangular_result


def _system(function: str, A: Any, B: Any) -> tuple[Tensor, Tensor]:
    a, b = tensor(A, function, "A"), tensor(B, function, "B", 2)
    square(function, a._spec)
    floating(function, a._spec)
    same_dtype(function, (a._spec, b._spec))
    return a, b


def _is_vector(a: Tensor, b: Tensor) -> bool:
    mine, other = a._spec, b._spec
    return other.ndim == 1 or (
        mine.ndim - 1 == other.ndim and tuple(other.shape) == tuple(mine.shape[:-1])
    )


@matrix_op("linalg_solve", node="LinalgSolveExBackward0", saves=((0, -1), (0,)), raises=True)
def SOLVE(a: Any, b: Any, *, vector: bool, left: bool) -> Any:
    """X of ``A X = B``, or of ``X A = B``."""
    if vector:
        return np.linalg.solve(a, b[..., None])[..., 0]
    if left:
        return np.linalg.solve(a, b)
    return transposed(np.linalg.solve(transposed(a), transposed(b)))


UNSOLVED = "The solver failed because the input matrix is singular."


def _solve(A: Any, B: Any, left: bool, function: str) -> Tensor:
    a, b = _system(function, A, B)
    vector = _is_vector(a, b)
    if vector and not left:
        raise RuntimeError(
            f"{function}: Vector broadcasting of the left hand side is not supported for left=False"
        )
    _check_fit(function, a, b, vector, left)
    return at_once(SOLVE, (a, b), f"torch.{function}: {UNSOLVED}", vector=vector, left=left)  # type: ignore[no-any-return]


def _check_fit(function: str, a: Tensor, b: Tensor, vector: bool, left: bool) -> None:
    m, n = a._spec, b._spec
    if not vector:
        matrix(function, n, "B")
    rows = n.shape[-1] if vector or not left else n.shape[-2]
    if m.shape[-1] != rows:
        first, second = ("x".join(map(str, s.shape[-2:])) for s in (m, n))
        raise RuntimeError(
            f"{function}: Incompatible shapes of A and B for the equation "
            f"{'AX = B' if left else 'XA = B'} ({first} and {second})"
        )
    lead = tuple(n.shape[:-1] if vector else n.shape[:-2])
    try:
        np.broadcast_shapes(tuple(m.shape[:-2]), lead)
    except ValueError:
        raise RuntimeError(
            f"{function}: the batch dimensions {list(m.shape[:-2])} and {list(lead)} of A and B "
            "do not broadcast"
        ) from None


def solve(A: Tensor, B: Tensor, *, left: bool = True, out: Tensor | None = None) -> Tensor:
    """Return the solution of ``A X = B``, or of ``X A = B`` with ``left=False``.

    Raises
    ------
    LinAlgError
        If a matrix is singular.

    Examples
    --------
    >>> import tapejit.torch as torch
    >>> torch.linalg.solve(2 * torch.eye(2), torch.tensor([1.0, 3.0]))
    tensor([0.5000, 1.5000])
    """
    found = _solve(A, B, bool(left), "linalg.solve")
    return found if out is None else store(out, found)


def solve_ex(
    A: Tensor, B: Tensor, *, left: bool = True, check_errors: bool = False, out: Any = None
) -> Any:
    """Return the solution and, for each matrix, 0 or where elimination met a zero pivot."""
    try:
        found = _solve(A, B, bool(left), "linalg.solve_ex")
        info = info_of(A)
    except LinAlgError:
        if check_errors:
            raise
        a, b = _system("linalg.solve_ex", A, B)
        _, info = failing(a, a, lambda x: np.linalg.inv(x))
        found = apply(_UNSOLVED, (a, b))
    made = linalg_solve_ex(found, info)
    return made if out is None else linalg_solve_ex(*[store(o, m) for o, m in zip(out, made)])


@op("linalg_unsolved", node="LinalgSolveExBackward0", saves=())
def _UNSOLVED(a: Any, b: Any) -> Any:
    """NaNs in the shape of the right-hand side: a system without a solution."""
    return b * np.nan


# ---------------------------------------------------------------- triangular


@matrix_op("linalg_solve_triangular", saves=((0, -1), (0,)), raises=True)
def SOLVE_TRIANGULAR(a: Any, b: Any, *, upper: bool, left: bool, unit: bool) -> Any:
    """X of ``A X = B`` or ``X A = B``, one triangle of A being read."""
    from ...scipy.linalg import solve_triangular as substitute

    if not left:
        a, b, upper = transposed(a), transposed(b), not upper
    lead = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    a = np.broadcast_to(a, lead + a.shape[-2:]) if a.shape[:-2] != lead else a
    b = np.broadcast_to(b, lead + b.shape[-2:]) if b.shape[:-2] != lead else b
    found = substitute(a, b, lower=not upper, unit_diagonal=unit)
    return found if left else transposed(found)


def _triangular(A: Any, B: Any, upper: bool, left: bool, unit: bool, function: str) -> Tensor:
    a, b = _system(function, A, B)
    matrix(function, b._spec, "B")
    _check_fit(function, a, b, False, left)
    message = f"{function}: {UNSOLVED}"
    return at_once(SOLVE_TRIANGULAR, (a, b), message, upper=upper, left=left, unit=unit)  # type: ignore[no-any-return]


def solve_triangular(
    A: Tensor, B: Tensor, *, upper: bool, left: bool = True, unitriangular: bool = False,
    out: Tensor | None = None,
) -> Tensor:  # fmt: skip
    """Return the solution of a triangular system; the other triangle of A is not read."""
    found = _triangular(
        A, B, bool(upper), bool(left), bool(unitriangular), "linalg.solve_triangular"
    )
    return found if out is None else store(out, found)


@op("triangular_solve", node="TriangularSolveBackward0", saves=((), ()))
def _OLD_TRIANGULAR(x: Any, a: Any) -> Any:
    return x * 1, a * 1


@public()
def triangular_solve(
    b: Tensor, A: Tensor, upper: bool = True, transpose: bool = False, unitriangular: bool = False
) -> Any:
    """Return the solution of ``A X = b`` and a copy of A; the older name of `solve_triangular`."""
    deprecated("triangular_solve", "solve_triangular")
    _system("triangular_solve", A, b)
    matrix_ = A.mT if transpose else A
    up = bool(upper) != bool(transpose)
    x = _triangular(matrix_, b, up, True, bool(unitriangular), "triangular_solve")
    return _triangular_result(*apply(_OLD_TRIANGULAR, (x, A)))


def _triangle(factor: Any, upper: bool) -> Any:
    """Return the triangle that is read, with PyTorch's gradient: that of the whole matrix."""
    kept, rest = (np.triu, np.tril) if upper else (np.tril, np.triu)
    return kept(factor) + rest(ghost(factor), -1 if upper else 1)


@matrix_op("cholesky_solve", saves=((1,), (1, -1)), raises=True)
def CHOLESKY_SOLVE(b: Any, factor: Any, *, upper: bool) -> Any:
    """X of ``L L^H X = B``, two systems."""
    whole = _triangle(factor, upper)
    low = adjoint(whole) if upper else whole
    return np.linalg.solve(adjoint(low), np.linalg.solve(low, b))


@public(out=True)
def cholesky_solve(input: Tensor, L: Tensor, upper: bool = False) -> Tensor:
    """Return X of ``A X = input`` from the Cholesky factor of A."""
    name = "cholesky_solve"
    factor, b = _system(name, L, input)
    matrix(name, b._spec, "B")
    _check_fit(name, factor, b, False, True)
    return at_once(CHOLESKY_SOLVE, (b, factor), f"{name}: {UNSOLVED}", upper=bool(upper))  # type: ignore[no-any-return]


@matrix_op("cholesky_inverse", saves=((0, -1),), raises=True)
def CHOLESKY_INVERSE(factor: Any, *, upper: bool) -> Any:
    """The inverse of ``L L^H``."""
    eye = np.zeros_like(factor) + np.eye(factor.shape[-1], dtype=factor.dtype)
    return CHOLESKY_SOLVE.impl(eye, factor, upper=upper)


@public(out=True)
def cholesky_inverse(L: Tensor, upper: bool = False) -> Tensor:
    """Return the inverse of the matrix whose Cholesky factor is given."""
    name = "cholesky_inverse"
    t = tensor(L, name, "L")
    square(name, t._spec)
    floating(name, t._spec)
    return at_once(CHOLESKY_INVERSE, (t,), f"{name}: {UNSOLVED}", upper=bool(upper))  # type: ignore[no-any-return]


# ---------------------------------------------------------------- least squares


@matrix_op("linalg_lstsq", saves=((0, -1), (0,)), raises=True)
def LSTSQ(a: Any, b: Any, *, vector: bool, rcond: float) -> Any:
    """The shortest X that minimises ``norm(A X - B)``, and the squares that are left."""
    right = b[..., None] if vector else b
    found = np.linalg.pinv(a, rcond) @ right
    rest = a @ found - right
    squares = np.sum(np.abs(rest) ** 2, axis=-2)
    return (found[..., 0] if vector else found), squares


def lstsq(A: Tensor, B: Tensor, rcond: Any = None, *, driver: str | None = None) -> Any:
    """Return least-squares solutions, residuals, ranks and singular values.

    Parameters
    ----------
    A, B : Tensor
    rcond : float, optional
        Singular values below ``rcond * largest`` count as zero.
    driver : {"gelsy", "gels", "gelsd", "gelss"}, optional
        Decides which of the results are given: ``gels`` gives no rank, and only ``gelsd`` and
        ``gelss`` give singular values. The solution is the same.
    """
    name = "linalg.lstsq"
    a, b = tensor(A, name, "A"), tensor(B, name, "B", 2)
    matrix(name, a._spec)
    floating(name, a._spec)
    same_dtype(name, (a._spec, b._spec))
    if not b._spec.ndim:
        raise RuntimeError(f"{name}: input.dim() must be greater or equal to 1")
    how = "gelsy" if driver is None else driver
    if how not in ("gelsy", "gels", "gelsd", "gelss"):
        raise RuntimeError(
            f"{name}: parameter `driver` should be one of (gels, gelsy, gelsd, gelss)"
        )
    vector = a._spec.ndim - 1 == b._spec.ndim and tuple(b._spec.shape) == tuple(a._spec.shape[:-1])
    m, n = a._spec.shape[-2:]
    if (b._spec.shape[-1] if vector else b._spec.shape[-2]) != m:
        raise RuntimeError(f"{name}: input.size(-2) should match other.size(-2)")
    cutoff = max(m, n) * float(np.finfo(a._spec.np).eps) if rcond is None else float(rcond)
    message = f"{name}: the algorithm failed to converge"
    found, rest = at_once(LSTSQ, (a, b), message, vector=vector, rcond=cutoff)
    values = np.linalg.svd(np.asarray(a._value()), compute_uv=False)
    above = values > cutoff * values[..., :1]
    rank = np.sum(above, axis=-1).astype(np.int64)
    from .infos import constant

    empty = constant(np.zeros(0, a._spec.np))
    # LAPACK's gelsy leaves no residuals behind.
    if how == "gelsy" or not (m > n and bool(np.all(rank == n))):
        rest = empty
    ranks = constant(np.zeros(0, np.int64)) if how == "gels" else constant(rank)
    singular = (
        constant(values) if how in ("gelsd", "gelss") else constant(np.zeros(0, values.dtype))
    )
    return linalg_lstsq(found, rest, ranks, singular)


__all__ = ["lstsq", "solve", "solve_ex", "solve_triangular"]
