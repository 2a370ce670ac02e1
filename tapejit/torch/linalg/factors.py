"""Factors of matrices: Cholesky, QR, LU, singular values, eigenvalues.

Of a symmetric matrix LAPACK reads one triangle. The gradient is PyTorch's: symmetric, as if the
matrix were always moved together with its mirror image, not a triangle that holds both halves.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ...transforms.simple import stop_gradient
from ..codes import op
from ..emit import apply
from ..ops.convert import to
from ..ops.matrices import (
    LinAlgError,
    adjoint,
    at_once,
    deprecated,
    ghost,
    matrix_op,
    square_of,
    stack_of,
)
from ..record import LOCAL
from ..surface import public, store
from ..tensor import Tensor
from . import results
from .infos import constant, failing, info_of

RESULT = ((-1,),)


def mirrored(x: Any, lower: bool) -> Any:
    """Return the Hermitian matrix that a triangle stands for, with the gradient ``(G + G^H)/2``."""
    fixed = stop_gradient(x)
    one, rest = (
        (np.tril(fixed), np.tril(fixed, -1)) if lower else (np.triu(fixed), np.triu(fixed, 1))
    )
    return (one + adjoint(rest)) + ghost((x + adjoint(x)) / 2)


# ---------------------------------------------------------------- Cholesky


@matrix_op("linalg_cholesky", node=lambda params, specs: params["node"], saves=RESULT, raises=True)
def CHOLESKY(x: Any, *, upper: bool, node: str) -> Any:
    """L of ``L L^H``, lower triangular; its adjoint when `upper`."""
    low = np.linalg.cholesky(mirrored(x, not upper))
    return adjoint(low) if upper else low


NOT_POSITIVE = (
    "The factorization could not be completed because the input is not positive-definite."
)


def _cholesky(
    value: Any, upper: bool, function: str, node: str = "LinalgCholeskyExBackward0"
) -> Any:
    t = square_of(value, function)
    return at_once(CHOLESKY, (t,), f"{function}: {NOT_POSITIVE}", upper=bool(upper), node=node)


def cholesky(A: Tensor, *, upper: bool = False, out: Tensor | None = None) -> Tensor:
    """Return the triangular factors of positive definite matrices; one triangle is read.

    Raises
    ------
    LinAlgError
        If a matrix is not positive definite.

    Examples
    --------
    >>> import tapejit.torch as torch
    >>> torch.linalg.cholesky(torch.tensor([[4.0]]))
    tensor([[2.]])
    """
    found = _cholesky(A, upper, "linalg.cholesky")
    return found if out is None else store(out, found)


@public("cholesky", out=True)
def _torch_cholesky(input: Tensor, upper: bool = False) -> Tensor:
    """Return the triangular factors of positive definite matrices."""
    deprecated("cholesky", "cholesky")
    return _cholesky(input, upper, "cholesky", "CholeskyBackward0")  # type: ignore[no-any-return]


def cholesky_ex(
    A: Tensor, *, upper: bool = False, check_errors: bool = False, out: Any = None
) -> Any:
    """Return factors and, for each matrix, 0 or the order of the first minor that is not positive.

    A matrix that is not positive definite gives NaNs, unless `check_errors` is True.
    """
    name = "linalg.cholesky_ex"
    t = square_of(A, name)
    try:
        found = _cholesky(t, upper, name)
        info = info_of(t)
    except LinAlgError:
        if check_errors:
            raise
        found, info = failing(t, t, lambda x: CHOLESKY.impl(x, upper=bool(upper), node=""))
    made = results.linalg_cholesky_ex(found, info)
    return made if out is None else type(made)(*[store(o, m) for o, m in zip(out, made)])


# ---------------------------------------------------------------- QR


@matrix_op("linalg_qr", saves=RESULT)
def QR(x: Any, *, mode: Any) -> Any:
    """Q of orthonormal columns and R upper triangular."""
    if mode == "r":
        r = np.linalg.qr(x, "reduced")[1]
        return np.zeros_like(x, shape=(0,)) if isinstance(x, np.ndarray) else x.reshape(-1)[:0], r
    return tuple(np.linalg.qr(x, mode))


def _qr(A: Any, mode: str, function: str) -> Any:
    t = stack_of(A, function)
    if mode not in ("reduced", "complete", "r"):
        raise RuntimeError(
            f"qr received unrecognized mode '{mode}' but expected one of 'reduced' (default), "
            "'r', or 'complete'"
        )
    m, n = t._spec.shape[-2:]
    if mode == "complete" and m > n:
        return _completed(t, function)
    return apply(QR, (t,), mode=mode)


def _completed(t: Tensor, function: str) -> Any:
    """Return factors with all columns: those beyond the rank are arbitrary and have no derivative."""
    if LOCAL.rec.grad and t._kind:
        raise RuntimeError(
            f"{function}: the derivative of mode='complete' is not defined when A has more rows "
            "than columns; use mode='reduced', or detach A"
        )
    return tuple(constant(y) for y in np.linalg.qr(np.asarray(t._value()), "complete"))


def qr(A: Tensor, mode: str = "reduced", *, out: Any = None) -> Any:
    """Return Q with orthonormal columns and R upper triangular, whose product is A.

    Parameters
    ----------
    A : Tensor
    mode : {"reduced", "complete", "r"}
        How many columns Q has: as many as R has rows, all, or none.
    """
    made = results.linalg_qr(*_qr(A, mode, "linalg.qr"))
    return made if out is None else type(made)(*[store(o, m) for o, m in zip(out, made)])


@public("qr")
def _torch_qr(input: Tensor, some: bool = True) -> Any:
    """Return Q with orthonormal columns and R upper triangular."""
    deprecated("qr", "qr")
    return results.qr(*_qr(input, "reduced" if some else "complete", "qr"))


# ---------------------------------------------------------------- singular values


@matrix_op("linalg_svd", saves=RESULT, raises=True)
def SVD(x: Any, *, full: bool) -> Any:
    """U, S and V^H, the singular values in falling order."""
    return tuple(np.linalg.svd(x, full_matrices=full))


@matrix_op("linalg_svdvals", node="LinalgSvdBackward0", saves=RESULT, raises=True)
def SVDVALS(x: Any) -> Any:
    """The singular values in falling order."""
    return np.linalg.svd(x, compute_uv=False)


UNCONVERGED = (
    "The algorithm failed to converge because the input matrix is ill-conditioned or has "
    "repeated or non-finite values."
)


def svd(
    A: Tensor, full_matrices: bool = True, *, driver: str | None = None, out: Any = None
) -> Any:
    """Return U, S and V^H with ``A = U diag(S) V^H``.

    Gradients through U and V^H need distinct singular values and, for matrices that are not square,
    ``full_matrices=False``.
    """
    name = "linalg.svd"
    t = stack_of(A, name)
    _check_driver(name, driver)
    found = at_once(SVD, (t,), f"{name}: {UNCONVERGED}", full=bool(full_matrices))
    made = results.linalg_svd(*found)
    return made if out is None else type(made)(*[store(o, m) for o, m in zip(out, made)])


def _check_driver(name: str, driver: str | None) -> None:
    if driver is not None:
        raise RuntimeError(f"{name}: keyword argument `driver=` is only supported on CUDA inputs")


def svdvals(A: Tensor, *, driver: str | None = None, out: Tensor | None = None) -> Tensor:
    """Return the singular values of matrices in falling order."""
    name = "linalg.svdvals"
    t = stack_of(A, name)
    _check_driver(name, driver)
    found: Tensor = at_once(SVDVALS, (t,), f"{name}: {UNCONVERGED}")
    return found if out is None else store(out, found)


ADJOINT = op("adjoint_of_factor", node="TransposeBackward0", saves=((),))(lambda x: adjoint(x))


@public("svd")
def _torch_svd(input: Tensor, some: bool = True, compute_uv: bool = True) -> Any:
    """Return U, S and V, not its adjoint, with ``input = U diag(S) V^H``."""
    t = stack_of(input, "svd")
    if not compute_uv:
        m, n = t._spec.shape[-2:]
        lead = tuple(t._spec.shape[:-2])
        s = svdvals(t)
        zeros = [constant(np.zeros((*lead, k, k), t._spec.np)) for k in (m, n)]
        return results.svd(zeros[0], s, zeros[1])
    u, s, vh = at_once(SVD, (t,), f"svd: {UNCONVERGED}", full=not some)
    return results.svd(u, s, apply(ADJOINT, (vh,)))


# ---------------------------------------------------------------- eigenvalues


@matrix_op("linalg_eigh", saves=RESULT, raises=True)
def EIGH(x: Any, *, lower: bool) -> Any:
    """Eigenvalues in rising order and orthonormal eigenvectors of a Hermitian matrix."""
    return tuple(np.linalg.eigh(mirrored(x, lower)))


@matrix_op("linalg_eigvalsh", node="LinalgEighBackward0", saves=RESULT, raises=True)
def EIGVALSH(x: Any, *, lower: bool) -> Any:
    """Eigenvalues in rising order of a Hermitian matrix."""
    return np.linalg.eigvalsh(mirrored(x, lower))


def _complex(x: Any) -> Any:
    return to(x, "complex64" if x.dtype in (np.float32, np.complex64) else "complex128")


@matrix_op("linalg_eig", saves=RESULT, raises=True)
def EIG(x: Any) -> Any:
    """Eigenvalues and eigenvectors, complex also where they happen to be real."""
    return tuple(np.linalg.eig(_complex(x)))


@matrix_op("linalg_eigvals", node="LinalgEigBackward0", saves=RESULT, raises=True)
def EIGVALS(x: Any) -> Any:
    """Eigenvalues, complex also where they happen to be real."""
    return np.linalg.eigvals(_complex(x))


def _lower(name: str, UPLO: Any) -> bool:
    if not isinstance(UPLO, str) or UPLO.upper() not in ("L", "U"):
        raise RuntimeError(f"{name}: Expected UPLO argument to be 'L' or 'U', but got {UPLO}")
    return UPLO.upper() == "L"


def eigh(A: Tensor, UPLO: str = "L", *, out: Any = None) -> Any:
    """Return eigenvalues in rising order and eigenvectors of Hermitian matrices.

    Parameters
    ----------
    A : Tensor
    UPLO : {"L", "U"}
        The triangle that is read.
    """
    name = "linalg.eigh"
    t = square_of(A, name)
    found = at_once(EIGH, (t,), f"{name}: {UNCONVERGED}", lower=_lower(name, UPLO))
    made = results.linalg_eigh(*found)
    return made if out is None else type(made)(*[store(o, m) for o, m in zip(out, made)])


def eigvalsh(A: Tensor, UPLO: str = "L", *, out: Tensor | None = None) -> Tensor:
    """Return the eigenvalues of Hermitian matrices in rising order."""
    name = "linalg.eigvalsh"
    t = square_of(A, name)
    found: Tensor = at_once(EIGVALSH, (t,), f"{name}: {UNCONVERGED}", lower=_lower(name, UPLO))
    return found if out is None else store(out, found)


def eig(A: Tensor, *, out: Any = None) -> Any:
    """Return complex eigenvalues and eigenvectors of square matrices."""
    name = "linalg.eig"
    made = results.linalg_eig(*at_once(EIG, (square_of(A, name),), f"{name}: {UNCONVERGED}"))
    return made if out is None else type(made)(*[store(o, m) for o, m in zip(out, made)])


def eigvals(A: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Return the complex eigenvalues of square matrices."""
    name = "linalg.eigvals"
    found: Tensor = at_once(EIGVALS, (square_of(A, name),), f"{name}: {UNCONVERGED}")
    return found if out is None else store(out, found)


__all__ = [
    "cholesky", "cholesky_ex", "eig", "eigh", "eigvals", "eigvalsh", "qr", "svd", "svdvals",
]  # fmt: skip
