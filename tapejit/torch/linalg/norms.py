"""Norms of vectors and matrices, and the condition number.

At a kink the gradient is a subgradient of least size, as in PyTorch: 0 for the norm of zero, shared
equally where several entries attain a maximum.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..codes import op
from ..dtypes import dtype as DType
from ..emit import apply
from ..ops.convert import to
from ..ops.matrices import at_once, matrix_op, scalar_type, square, tensor, wrapped
from ..spec import Spec
from ..surface import public, store
from ..tensor import Tensor

INF = float("inf")


def _dims(dim: Any, ndim: int) -> tuple[int, ...]:
    """Return the axes of a norm; none given means all."""
    if dim is None or (isinstance(dim, tuple | list) and not dim):
        return tuple(range(ndim))
    given = (dim,) if isinstance(dim, int) else tuple(dim)
    found = tuple(wrapped(k, ndim) for k in given) if ndim else ()
    if not ndim:
        for k in given:
            wrapped(k, ndim)
    if len(set(found)) < len(found):
        raise RuntimeError(f"dim {found[0]} appears multiple times in the list of dims")
    return found


def _dtype(function: str, spec: Spec, dtype: DType | None) -> str:
    """Return the dtype that a norm is computed in."""
    if not spec.floating:
        raise RuntimeError(
            f"{function}: Expected a floating point or complex tensor as input. "
            f"Got {scalar_type(spec)}"
        )
    if dtype is None:
        return spec.np.name
    if not (dtype.is_floating_point or dtype.is_complex):
        raise RuntimeError(
            f"{function}: dtype should be floating point or complex, but got {dtype!r}"
        )
    if dtype.is_complex != (spec.np.kind == "c"):
        kind = "complex" if spec.np.kind == "c" else "real"
        raise RuntimeError(
            f"{function}: dtype should be {kind} for {kind} inputs, but got {dtype!r}"
        )
    return dtype.numpy.name


# ---------------------------------------------------------------- vectors


@op("linalg_vector_norm", saves=((0, -1),))
def VECTOR_NORM(x: Any, *, ord: float, dims: tuple[int, ...], keepdim: bool, dtype: str) -> Any:
    """``sum(|x|**p)**(1/p)`` over axes, with the limits at 0 and infinity."""
    x = to(x, dtype)
    size = np.abs(x) if np.dtype(dtype).kind == "c" else x
    if ord == 0:
        return np.sum(x != 0, axis=dims, keepdims=keepdim).astype(np.abs(x).dtype)
    if ord == 1:
        return np.sum(np.abs(size), axis=dims, keepdims=keepdim)
    if ord == INF:
        return np.max(np.abs(size), axis=dims, keepdims=keepdim)
    if ord == -INF:
        return np.min(np.abs(size), axis=dims, keepdims=keepdim)
    return _power_norm(size, ord, dims, keepdim)


def _power_norm(x: Any, p: float, dims: tuple[int, ...], keepdim: bool) -> Any:
    kept = [k for k in range(x.ndim) if k not in dims]
    shape = tuple(1 if k in dims else n for k, n in enumerate(x.shape))
    flat = np.transpose(x, (*kept, *dims)).reshape(
        (*[x.shape[k] for k in kept], int(np.prod([x.shape[k] for k in dims], dtype=int)))
    )
    found = np.linalg.norm(flat, 2 if p == 2 else p, axis=-1)
    return found.reshape(shape) if keepdim else found


def _number(function: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | np.number):
        raise TypeError(f"{function}(): argument 'ord' must be Number, not {type(value).__name__}")
    return float(value)


def _vector(
    function: str, x: Any, ord: Any, dim: Any, keepdim: bool, dtype: DType | None
) -> Tensor:
    t = tensor(x, function)
    spec = t._spec
    kind = _dtype(function, spec, dtype)
    dims = _dims(dim, spec.ndim)
    p = _number(function, ord)
    if p < 0 or p == INF:
        for k in dims:
            if not spec.shape[k]:
                raise RuntimeError(
                    f"{function} cannot compute the {ord} norm on the dimension {k} because this "
                    "dimension is empty and the operation does not have an identity"
                )
    return apply(VECTOR_NORM, (t,), ord=p, dims=dims, keepdim=bool(keepdim), dtype=kind)  # type: ignore[no-any-return]


def vector_norm(
    x: Tensor, ord: float = 2, dim: Any = None, keepdim: bool = False, *,
    dtype: DType | None = None, out: Tensor | None = None,
) -> Tensor:  # fmt: skip
    """Return ``sum(abs(x)**ord)**(1/ord)`` over axes, by default over all of them.

    Examples
    --------
    >>> import tapejit.torch as torch
    >>> torch.linalg.vector_norm(torch.tensor([3.0, 4.0]))
    tensor(5.)
    """
    found = _vector("linalg.vector_norm", x, ord, dim, keepdim, dtype)
    return found if out is None else store(out, found)


# ---------------------------------------------------------------- matrices


def _matrix_node(params: dict[str, Any], specs: tuple[Any, ...]) -> str:
    ord, keepdim = params["ord"], params["keepdim"]
    if ord == "fro":
        return "LinalgVectorNormBackward0"
    if keepdim and ord in ("nuc", 2.0, -2.0):
        return "PermuteBackward0"
    if ord == "nuc":
        return "SumBackward1"
    return "AmaxBackward0" if ord > 0 else "AminBackward0"


@matrix_op("linalg_matrix_norm", node=_matrix_node, saves=((0, -1),))
def MATRIX_NORM(x: Any, *, ord: Any, dims: tuple[int, int], keepdim: bool, dtype: str) -> Any:
    """The Frobenius norm, or one made of sums of absolute values or of singular values."""
    return np.linalg.norm(to(x, dtype), ord, axis=dims, keepdims=keepdim)


_MATRIX_ORDERS = (1.0, -1.0, 2.0, -2.0, INF, -INF)


def _matrix(
    function: str, x: Any, ord: Any, dim: Any, keepdim: bool, dtype: DType | None
) -> Tensor:
    t = tensor(x, function)
    spec = t._spec
    kind = _dtype(function, spec, dtype)
    if spec.ndim < 2:
        raise RuntimeError(f"{function}: The input tensor A must have at least 2 dimensions.")
    dims = _dims(dim, spec.ndim)
    if len(dims) != 2:
        raise RuntimeError(f"{function}: dim must be a 2-tuple. Got {dim}")
    if isinstance(ord, str):
        if ord not in ("fro", "nuc"):
            raise RuntimeError(f"{function}: Order {ord} not supported.")
    else:
        ord = _number(function, ord)
        if ord not in _MATRIX_ORDERS:
            raise RuntimeError(f"{function}: Order {ord} not supported.")
    if ord == "fro":
        return apply(VECTOR_NORM, (t,), ord=2.0, dims=dims, keepdim=bool(keepdim), dtype=kind)  # type: ignore[no-any-return]
    params = {"ord": ord, "dims": dims, "keepdim": bool(keepdim), "dtype": kind}
    if ord in ("nuc", 2.0, -2.0):
        return at_once(MATRIX_NORM, (t,), f"{function}: the algorithm failed to converge", **params)  # type: ignore[no-any-return]
    return apply(MATRIX_NORM, (t,), **params)  # type: ignore[no-any-return]


def matrix_norm(
    A: Tensor, ord: Any = "fro", dim: Any = (-2, -1), keepdim: bool = False, *,
    dtype: DType | None = None, out: Tensor | None = None,
) -> Tensor:  # fmt: skip
    """Return a norm of matrices: ``"fro"``, ``"nuc"``, or 1, 2, inf and their negatives."""
    found = _matrix("linalg.matrix_norm", A, ord, dim, keepdim, dtype)
    return found if out is None else store(out, found)


def norm(
    A: Tensor, ord: Any = None, dim: Any = None, keepdim: bool = False, *,
    out: Tensor | None = None, dtype: DType | None = None,
) -> Tensor:  # fmt: skip
    """Return the norm of a vector or of a matrix, whichever the axes say.

    Without `ord` it is the 2-norm of all entries. With `ord` and without `dim` the input must have
    one axis or two.

    Examples
    --------
    >>> import tapejit.torch as torch
    >>> torch.linalg.norm(torch.tensor([[3.0, 0.0], [0.0, 4.0]]), ord="nuc")
    tensor(7.)
    """
    name = "linalg.norm"
    t = tensor(A, name)
    given = (dim,) if isinstance(dim, int) else dim
    if ord is None:
        found = _vector(name, t, 2, given, keepdim, dtype)
    else:
        if given is None:
            if t._spec.ndim not in (1, 2):
                raise RuntimeError(
                    "linalg.norm: If dim is not specified but ord is, the input must be 1D or 2D. "
                    f"Got {t._spec.ndim}D."
                )
            given = tuple(range(t._spec.ndim))
        if len(given) not in (1, 2):
            raise RuntimeError(
                f"linalg.norm: If dim is specified, it must be of length 1 or 2. Got {list(given)}"
            )
        if len(given) == 1:
            if isinstance(ord, str):
                raise RuntimeError(f"linalg.norm: order '{ord}' is for matrices, got a vector")
            found = _vector(name, t, ord, given, keepdim, dtype)
        else:
            found = _matrix(name, t, ord, given, keepdim, dtype)
    return found if out is None else store(out, found)


@public("norm", out=True)
def _norm(
    input: Tensor, p: Any = "fro", dim: Any = None, keepdim: bool = False,
    dtype: DType | None = None,
) -> Tensor:  # fmt: skip
    """Return the p-norm of entries over axes; ``"nuc"`` is the nuclear norm of a matrix."""
    t = tensor(input, "norm")
    if p == "nuc":
        dims = (-2, -1) if dim is None else dim
        if dim is None and t._spec.ndim != 2:
            raise RuntimeError("norm: the nuclear norm is of matrices; give dim")
        return _matrix("norm", t, "nuc", dims, keepdim, dtype)
    if isinstance(p, str) and p != "fro":
        raise RuntimeError(f"norm: unknown order {p!r}")
    return _vector("norm", t, 2 if p in ("fro", None) else p, dim, keepdim, dtype)


# ---------------------------------------------------------------- condition


def _cond_node(params: dict[str, Any], specs: tuple[Any, ...]) -> str:
    return "SqueezeBackward1" if params["p"] in (None, 2.0, -2.0) else "NanToNumBackward0"


@matrix_op("linalg_cond", node=_cond_node)
def COND(x: Any, *, p: Any) -> Any:
    """``norm(x) * norm(inv(x))``, from singular values for the 2-norms."""
    if p in (None, 2.0, -2.0):
        s = np.linalg.svd(x, compute_uv=False)
        return s[..., -1] / s[..., 0] if p == -2.0 else s[..., 0] / s[..., -1]
    return np.linalg.cond(x, p)


def cond(A: Tensor, p: Any = None, *, out: Tensor | None = None) -> Tensor:
    """Return the condition number of matrices in a norm; the 2-norm unless `p` is given."""
    name = "linalg.cond"
    t = tensor(A, name)
    spec = t._spec
    _dtype(name, spec, None)
    if not isinstance(p, str) and p is not None:
        p = _number(name, p)
        if p not in _MATRIX_ORDERS:
            raise RuntimeError(f"{name} got an invalid norm type: {p}")
    elif isinstance(p, str) and p not in ("fro", "nuc"):
        raise RuntimeError(f"{name} got an invalid norm type: {p}")
    if p in (None, 2.0, -2.0):
        if spec.ndim < 2:
            raise RuntimeError(f"{name}: The input tensor A must have at least 2 dimensions.")
    else:
        square(name, spec)
    found: Tensor = at_once(COND, (t,), f"{name}: the algorithm failed to converge", p=p)
    return found if out is None else store(out, found)


__all__ = ["cond", "matrix_norm", "norm", "vector_norm"]
