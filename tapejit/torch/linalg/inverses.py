"""Inverses, determinants, powers and functions of square matrices; ranks and pseudo-inverses."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..codes import op
from ..emit import apply
from ..ops.matrices import (
    LinAlgError,
    at_once,
    floating,
    matrix,
    matrix_op,
    square,
    square_of,
    tensor,
)
from ..ops.products import MATMUL
from ..surface import public, store
from ..tensor import Tensor
from .infos import failing, info_of
from .results import linalg_inv_ex, linalg_slogdet
from .results import slogdet as _old_slogdet

RESULT = ((-1,),)


# ---------------------------------------------------------------- inverse

INV = matrix_op("linalg_inv", node="LinalgInvExBackward0", saves=RESULT, raises=True)(
    lambda x: np.linalg.inv(x)
)
NO_INVERSE = "the inversion could not be completed because the input matrix is singular."


def _inv(value: Any, function: str) -> Tensor:
    return at_once(INV, (square_of(value, function),), f"{function}: {NO_INVERSE}")  # type: ignore[no-any-return]


def inv(A: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Return the inverses of square matrices.

    Raises
    ------
    LinAlgError
        If a matrix is singular.

    Examples
    --------
    >>> import tapejit.torch as torch
    >>> torch.linalg.inv(torch.tensor([[2.0, 0.0], [0.0, 4.0]]))
    tensor([[0.5000, 0.0000],
            [0.0000, 0.2500]])
    """
    found = _inv(A, "linalg.inv")
    return found if out is None else store(out, found)


@public(out=True)
def inverse(input: Tensor) -> Tensor:
    """Return the inverses of square matrices; see `linalg.inv`."""
    return _inv(input, "linalg.inv")


def inv_ex(A: Tensor, *, check_errors: bool = False, out: Any = None) -> Any:
    """Return inverses and, for each matrix, 0 or where elimination met a zero pivot.

    A matrix without an inverse gives NaNs, unless `check_errors` is True.
    """
    t = square_of(A, "linalg.inv_ex")
    try:
        found = _inv(t, "linalg.inv_ex")
        info = info_of(t)
    except LinAlgError:
        if check_errors:
            raise
        found, info = failing(t, t, lambda x: np.linalg.inv(x))
    made = linalg_inv_ex(found, info)
    return made if out is None else linalg_inv_ex(*[store(o, m) for o, m in zip(out, made)])


# ---------------------------------------------------------------- determinants

DET = matrix_op("linalg_det", node="LinalgDetBackward0", saves=((0, -1),))(
    lambda x: np.linalg.det(x)
)
SLOGDET = matrix_op("linalg_slogdet", node="LinalgSlogdetBackward0", saves=((0, -1),))(
    lambda x: tuple(np.linalg.slogdet(x))
)


@matrix_op("logdet", node="WhereBackward0", saves=((0,),))
def LOGDET(x: Any) -> Any:
    """The logarithm of the determinant: NaN where that is negative, in complex numbers if they are."""
    sign, size = np.linalg.slogdet(x)
    if np.dtype(x.dtype).kind == "c":
        return np.log(sign) + size
    return np.where(sign < 0, np.full_like(size, np.nan), size)


def _det(value: Any, function: str) -> Tensor:
    return apply(DET, (square_of(value, function),))  # type: ignore[no-any-return]


def det(A: Tensor, *, out: Tensor | None = None) -> Tensor:
    """Return the determinants of square matrices; differentiable at singular ones too."""
    found = _det(A, "linalg.det")
    return found if out is None else store(out, found)


@public("det")
def _torch_det(input: Tensor) -> Tensor:
    """Return the determinants of square matrices."""
    return _det(input, "linalg.det")


def slogdet(A: Tensor, *, out: Any = None) -> Any:
    """Return the sign of the determinant and the logarithm of its absolute value.

    Examples
    --------
    >>> import tapejit.torch as torch
    >>> torch.linalg.slogdet(-torch.eye(1)).sign
    tensor(-1.)
    """
    made = linalg_slogdet(*apply(SLOGDET, (square_of(A, "linalg.slogdet"),)))
    return made if out is None else linalg_slogdet(*[store(o, m) for o, m in zip(out, made)])


@public("slogdet")
def _torch_slogdet(input: Tensor) -> Any:
    """Return the sign of the determinant and the logarithm of its absolute value."""
    return _old_slogdet(*apply(SLOGDET, (square_of(input, "linalg.slogdet"),)))


@public()
def logdet(input: Tensor) -> Tensor:
    """Return the logarithms of determinants: NaN for a negative one, -inf for zero."""
    return apply(LOGDET, (square_of(input, "logdet"),))  # type: ignore[no-any-return]


# ---------------------------------------------------------------- powers and functions


@op("matrix_power_zero", node="torch::autograd::CopyBackwards", saves=())
def _POWER_ZERO(x: Any) -> Any:
    zero = np.zeros_like(x)
    return zero + np.eye(x.shape[-1], dtype=x.dtype)


_CLONE = op("matrix_power_one", node="CloneBackward0", saves=())(lambda x: x * 1)


def _power(value: Any, n: int, function: str) -> Tensor:
    t = tensor(value, function)
    square(function, t._spec)
    if isinstance(n, bool) or not isinstance(n, int):
        raise TypeError(f"{function}(): argument 'n' must be int, not {type(n).__name__}")
    if n == 0:
        return apply(_POWER_ZERO, (t,))  # type: ignore[no-any-return]
    if n < 0:
        t = _inv(t, function)
        n = -n
        if n == 1:
            return t
    elif n == 1:
        return apply(_CLONE, (t,))  # type: ignore[no-any-return]
    found: Any = None
    while n:
        # Binary powers: the square of what has been reached, taken where n has a bit.
        if n & 1:
            found = t if found is None else apply(MATMUL, (found, t))
        n >>= 1
        if n:
            t = apply(MATMUL, (t, t))
    return found  # type: ignore[no-any-return]


def matrix_power(A: Tensor, n: int, *, out: Tensor | None = None) -> Tensor:
    """Return powers of square matrices; a negative one is a power of the inverse."""
    found = _power(A, n, "linalg.matrix_power")
    return found if out is None else store(out, found)


@public("matrix_power", out=True)
def _torch_matrix_power(input: Tensor, n: int) -> Tensor:
    """Return powers of square matrices."""
    return _power(input, n, "linalg.matrix_power")


@matrix_op("linalg_matrix_exp", saves=((0,),))
def MATRIX_EXP(x: Any) -> Any:
    """The sum of ``x**k / k!``."""
    from ...scipy.linalg import expm

    return expm(x).astype(x.dtype)


def _exp(value: Any, function: str) -> Tensor:
    return apply(MATRIX_EXP, (square_of(value, function),))  # type: ignore[no-any-return]


def matrix_exp(A: Tensor) -> Tensor:
    """Return the exponentials of square matrices."""
    return _exp(A, "linalg.matrix_exp")


@public("matrix_exp")
def _torch_matrix_exp(input: Tensor) -> Tensor:
    """Return the exponentials of square matrices."""
    return _exp(input, "linalg.matrix_exp")


# ---------------------------------------------------------------- rank and pseudo-inverse


def _cutoffs(
    function: str, t: Tensor, atol: Any, rtol: Any, hermitian: bool
) -> tuple[Any, Any, Tensor]:
    spec = t._spec
    matrix(function, spec)
    floating(function, spec)
    if hermitian:
        square(function, spec)
    if rtol is None:
        rtol = 0.0 if atol is not None else max(spec.shape[-2:]) * float(np.finfo(spec.np).eps)
    return (0.0 if atol is None else atol), rtol, t


@matrix_op("linalg_matrix_rank", differentiable=False)
def RANK(x: Any, atol: Any, rtol: Any, *, hermitian: bool) -> Any:
    """How many singular values are larger than ``max(atol, rtol * largest)``."""
    s = np.abs(np.linalg.eigvalsh(x)) if hermitian else np.linalg.svd(x, compute_uv=False)
    if not s.shape[-1]:
        return np.sum(s > 0, axis=-1)
    least = np.maximum(atol, rtol * np.max(s, axis=-1))
    return np.sum(s > least[..., None], axis=-1)


def matrix_rank(
    A: Tensor, tol: Any = None, hermitian: bool = False, *, atol: Any = None, rtol: Any = None,
    out: Tensor | None = None,
) -> Tensor:  # fmt: skip
    """Return the numbers of singular values above a cutoff.

    Parameters
    ----------
    A : Tensor
    tol, atol : number or Tensor, optional
        The absolute cutoff; `tol` is the older name.
    rtol : number or Tensor, optional
        The cutoff relative to the largest singular value; by default ``max(m, n) * eps`` unless an
        absolute one is given.
    """
    name = "linalg.matrix_rank"
    if tol is not None:
        atol, rtol = tol, 0.0
    low, part, t = _cutoffs(name, tensor(A, name), atol, rtol, bool(hermitian))
    low, part = (x if isinstance(x, Tensor) else float(x) for x in (low, part))
    found: Tensor = at_once(
        RANK, (t, low, part), f"{name}: the algorithm failed to converge", hermitian=bool(hermitian)
    )
    return found if out is None else store(out, found)


@matrix_op("linalg_pinv", node="LinalgPinvBackward0", saves=((0, -1),), raises=True)
def PINV(x: Any, *, rcond: float, hermitian: bool) -> Any:
    """The pseudo-inverse; singular values below ``rcond * largest`` count as zero."""
    return np.linalg.pinv(x, rcond, hermitian)


def _pinv(A: Any, atol: Any, rtol: Any, hermitian: bool, name: str) -> Tensor:
    low, part, t = _cutoffs(name, tensor(A, name), atol, rtol, hermitian)
    low, part = (float(x._value()) if isinstance(x, Tensor) else float(x) for x in (low, part))
    if low and t._spec.numel:
        if t._spec.ndim > 2:
            raise NotImplementedError(f"{name}: atol of stacks of matrices; use rtol")
        largest = float(np.linalg.svd(t._value(), compute_uv=False)[0])
        part = max(part, low / largest) if largest else part
    message = f"{name}: the algorithm failed to converge"
    return at_once(PINV, (t,), message, rcond=part, hermitian=hermitian)  # type: ignore[no-any-return]


def pinv(
    A: Tensor, rcond: Any = None, hermitian: bool = False, *, atol: Any = None, rtol: Any = None,
    out: Tensor | None = None,
) -> Tensor:  # fmt: skip
    """Return the pseudo-inverses of matrices; `rcond` is the older name of `rtol`."""
    found = _pinv(A, atol, rcond if rtol is None else rtol, bool(hermitian), "linalg.pinv")
    return found if out is None else store(out, found)


@public()
def pinverse(input: Tensor, rcond: float = 1e-15) -> Tensor:
    """Return the pseudo-inverses of matrices."""
    return _pinv(input, None, rcond, False, "linalg.pinv")
