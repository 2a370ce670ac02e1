"""Linear algebra: ``torch.linalg``.

Matrices are the last two axes; all axes before them are a stack. What a value can make fail, such
as a singular matrix, raises `LinAlgError` at the line that asks for it.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..codes import op
from ..emit import apply
from ..ops.convert import to
from ..ops.einsum import multi_dot_of
from ..ops.matrices import LinAlgError, tensor, wrapped
from ..ops.pointwise import pair_dtype
from ..ops.products import matmul
from ..surface import FUNCTIONS, public, store
from ..tensor import Tensor
from .elimination import lu, lu_factor, lu_factor_ex, lu_solve
from .factors import cholesky, cholesky_ex, eig, eigh, eigvals, eigvalsh, qr, svd, svdvals
from .inverses import det, inv, inv_ex, matrix_exp, matrix_power, matrix_rank, pinv, slogdet
from .norms import cond, matrix_norm, norm, vector_norm
from .systems import lstsq, solve, solve_ex, solve_triangular

__all__ = [
    "LinAlgError", "cholesky", "cholesky_ex", "cond", "cross", "det", "diagonal", "eig", "eigh",
    "eigvals", "eigvalsh", "inv", "inv_ex", "lstsq", "lu", "lu_factor", "lu_factor_ex", "lu_solve",
    "matmul", "matrix_exp", "matrix_norm", "matrix_power", "matrix_rank", "multi_dot", "norm",
    "pinv", "qr", "slogdet", "solve", "solve_ex", "solve_triangular", "svd", "svdvals",
    "tensorinv", "tensorsolve", "vander", "vecdot", "vector_norm",
]  # fmt: skip


def multi_dot(tensors: Any, *, out: Tensor | None = None) -> Tensor:
    """Return the product of matrices in the cheapest order; the ends may be vectors."""
    found = multi_dot_of("linalg.multi_dot", tensors)
    return found if out is None else store(out, found)


def diagonal(A: Tensor, *, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Tensor:
    """Return a view of the diagonals of matrices."""
    return FUNCTIONS["diagonal"](A, offset, dim1, dim2)  # type: ignore[no-any-return]


# ---------------------------------------------------------------- products of vectors


@op("linalg_vecdot", node="SumBackward1", saves=((1,), (0,)), resolve=pair_dtype)
def _VECDOT(x: Any, y: Any, *, dim: int, dtype: str) -> Any:
    x, y = to(x, dtype), to(y, dtype)
    x = np.conj(x) if np.dtype(dtype).kind == "c" else x
    return np.sum(x * y, axis=dim)


def vecdot(x: Tensor, y: Tensor, *, dim: int = -1, out: Tensor | None = None) -> Tensor:
    """Return the inner products along an axis, the first operand conjugated."""
    a, b = tensor(x, "linalg.vecdot", "x"), tensor(y, "linalg.vecdot", "y", 2)
    n = max(a._spec.ndim, b._spec.ndim)
    k = wrapped(dim, n) - n  # from the end, where broadcasting starts
    found: Tensor = apply(_VECDOT, (a, b), dim=k)
    return found if out is None else store(out, found)


@op("linalg_cross", saves=((1,), (0,)), resolve=pair_dtype)
def _CROSS(x: Any, y: Any, *, dim: int, dtype: str) -> Any:
    x, y = to(x, dtype), to(y, dtype)
    x, y = (np.moveaxis(np.broadcast_to(v, np.broadcast_shapes(x.shape, y.shape)), dim, -1)
            for v in (x, y))  # fmt: skip
    a, b, c = x[..., 0], x[..., 1], x[..., 2]
    d, e, f = y[..., 0], y[..., 1], y[..., 2]
    return np.stack([b * f - c * e, c * d - a * f, a * e - b * d], axis=dim)


def cross(input: Tensor, other: Tensor, *, dim: int = -1, out: Tensor | None = None) -> Tensor:
    """Return the cross products of vectors of three entries along an axis."""
    name = "linalg.cross"
    a, b = tensor(input, name), tensor(other, name, "other", 2)
    if a._spec.ndim != b._spec.ndim:
        raise RuntimeError(f"{name}: inputs must have the same number of dimensions.")
    k = wrapped(dim, a._spec.ndim)
    if not a._spec.ndim or a._spec.shape[k] != 3 or b._spec.shape[k] != 3:
        raise RuntimeError(
            f"{name}: inputs dimension {dim} must have length 3. Got "
            f"{a._spec.shape[k] if a._spec.ndim else 0} and {b._spec.shape[k] if b._spec.ndim else 0}"
        )
    found: Tensor = apply(_CROSS, (a, b), dim=k - a._spec.ndim)
    return found if out is None else store(out, found)


@public("cross", out=True)
def _torch_cross(input: Tensor, other: Tensor, dim: int | None = None) -> Tensor:
    """Return cross products along an axis, by default the first one of length 3."""
    t = tensor(input, "cross")
    if dim is None:
        found = [k for k, n in enumerate(t._spec.shape) if n == 3]
        if not found:
            raise RuntimeError("no dimension of size 3 in input")
        dim = found[0]
    return cross(t, other, dim=dim)


# ---------------------------------------------------------------- matrices of more axes


def _flat(x: Any, *, shape: tuple[int, ...]) -> Any:
    return np.reshape(x, shape)


_RESHAPED = op("linalg_reshape", node="ViewBackward0", saves=((),))(_flat)
_PERMUTED = op("linalg_permute", node="PermuteBackward0", saves=((),))(
    lambda x, *, order: np.transpose(x, order)
)


def tensorinv(A: Tensor, ind: int = 2, *, out: Tensor | None = None) -> Tensor:
    """Return the inverse of A as a map from its last axes to its first `ind` ones."""
    name = "linalg.tensorinv"
    shape = tuple(tensor(A, name)._spec.shape)
    if ind <= 0:
        raise RuntimeError("Expected a strictly positive integer for 'ind'")
    rows, columns = int(np.prod(shape[:ind])), int(np.prod(shape[ind:]))
    if rows != columns:
        raise RuntimeError(
            "Expected self to satisfy the requirement prod(self.shape[ind:]) == "
            f"prod(self.shape[:ind]), but got {columns} != {rows}"
        )
    square = apply(_RESHAPED, (A,), shape=(rows, columns))
    found: Tensor = apply(_RESHAPED, (inv(square),), shape=shape[ind:] + shape[:ind])
    return found if out is None else store(out, found)


def tensorsolve(A: Tensor, B: Tensor, dims: Any = None, *, out: Tensor | None = None) -> Tensor:
    """Return X with ``tensordot(A, X, X.ndim) = B``.

    Parameters
    ----------
    A, B : Tensor
    dims : sequence of int, optional
        Axes of A that are moved to its end first.
    """
    name = "linalg.tensorsolve"
    a, b = tensor(A, name, "A"), tensor(B, name, "B", 2)
    if dims is not None:
        last = [wrapped(k, a._spec.ndim) for k in dims]
        order = tuple(k for k in range(a._spec.ndim) if k not in last) + tuple(last)
        a = apply(_PERMUTED, (a,), order=order)
    shape = tuple(a._spec.shape)[b._spec.ndim :]
    n = int(np.prod(shape))
    if n != b._spec.numel or a._spec.numel != n * n:
        raise RuntimeError(
            "Expected self to satisfy the requirement prod(self.shape[other.ndim:]) == "
            f"prod(self.shape[:other.ndim]), but got {n} != {b._spec.numel}"
        )
    square = apply(_RESHAPED, (a,), shape=(n, n))
    x = solve(square, apply(_RESHAPED, (b,), shape=(n,)))
    found: Tensor = apply(_RESHAPED, (x,), shape=shape)
    return found if out is None else store(out, found)


@op("linalg_vander", node="CatBackward0", saves=((0,),))
def _VANDER(x: Any, *, n: int) -> Any:
    one = np.ones_like(x)
    powers = [one]
    for _ in range(n - 1):
        powers.append(powers[-1] * x)
    return np.stack(powers, axis=-1)


def vander(x: Tensor, N: int | None = None) -> Tensor:
    """Return the powers of the entries, rising from 0 along a new last axis."""
    t = tensor(x, "linalg.vander", "x")
    if not t._spec.ndim:
        raise RuntimeError("x must be a tensor of at least 1 dimension")
    n = int(t._spec.shape[-1]) if N is None else N
    if n <= 1:
        raise RuntimeError("N must be greater than 1.")
    return apply(_VANDER, (t,), n=n)  # type: ignore[no-any-return]
