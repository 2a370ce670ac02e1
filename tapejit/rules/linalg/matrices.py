"""Helpers of the matrix rules, and the rows that cut matrices into triangles."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from ...core.avals import AnyAval, Aval, Shape
from ...core.sources import where as user_line
from ...tape.ir import Sym
from ...tape.primitive import Emit, Params
from ..declare import conj, linear, masked, ops

Samples = Iterator[tuple[tuple[Any, ...], Params]]


def adj(x: Sym) -> Any:
    """The conjugate transpose of each matrix."""
    return conj(ops.transpose(x, axes=(*range(x.ndim - 2), x.ndim - 1, x.ndim - 2)))


def mm(x: Sym, y: Sym, *more: Sym) -> Sym:
    """The product of matrices, from the left."""
    z = ops.matmul(x, y)
    for m in more:
        z = ops.matmul(z, m)
    return z


def across(v: Sym) -> Sym:
    """A vector as a row, so that ``x * across(v)`` is x diag(v)."""
    return ops.reshape(v, shape=(*v.shape[:-1], 1, v.shape[-1]))


def spread(v: Sym) -> Sym:
    """A number for each matrix, ready to multiply all its elements."""
    return ops.reshape(v, shape=(*v.shape, 1, 1))


def real(x: Any) -> Any:
    """The real part; real values as they are."""
    return ops.real(x) if x.dtype.kind == "c" else x


def imaginary(x: Sym) -> Any:
    """The imaginary part times i: (x - conj x) / 2."""
    return (x - conj(x)) * 0.5


def column_dots(x: Sym, y: Sym) -> Sym:
    """The diagonal of x^H y."""
    return ops.sum(conj(x) * y, axis=(x.ndim - 2,), keepdims=False)


def diagonal(x: Sym, offset: int = 0) -> Sym:
    """The diagonal of the last two axes: steps of n + 1 through the flattened matrix."""
    m, n = x.shape[-2:]
    first = offset if offset >= 0 else -offset * n
    length = max(0, min(m + min(offset, 0), n - max(offset, 0)))
    flat = ops.reshape(x, shape=(*x.shape[:-2], m * n))
    lead = tuple((0, k, 1) for k in x.shape[:-2])
    return ops.slice(flat, ranges=(*lead, (first if length else 0, length, n + 1)))


def total(*terms: Sym | None) -> Sym | None:
    """Add up terms, None being zero."""
    found: Sym | None = None
    for term in terms:
        if term is not None:
            found = term if found is None else found + term
    return found


def inherit_mask(x: Sym, *sources: Sym) -> Sym:
    """Mark `x` as zero by selection when one of `sources` is."""
    if any(s.id in masked(s) for s in sources):
        masked(x).add(x.id)
    return x


def real_dtype(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """The dtype of the real part."""
    return np.zeros((), dtype).real.dtype


def square(name: str, a: Aval) -> Shape:
    """Return the shape of the stack of an operand that must be square, or raise as NumPy does."""
    at_least_matrix(name, a)
    if a.shape[-1] != a.shape[-2]:
        raise np.linalg.LinAlgError(
            f"Last 2 dimensions of the array must be square: {name} of shape {a.shape} "
            f"({user_line()})"
        )
    return a.shape[:-2]


def at_least_matrix(name: str, a: Aval) -> None:
    """Raise as NumPy does unless there are two axes at least."""
    if a.ndim < 2:
        raise np.linalg.LinAlgError(
            f"{a.ndim}-dimensional array given. Array must be at least two-dimensional: {name} "
            f"({user_line()})"
        )


# ---------------------------------------------------------------- native code


def one_matrix(a: Aval) -> bool:
    """Whether routines take this operand: one matrix, not empty, of real numbers."""
    return a.ndim == 2 and a.size > 0 and a.dtype.kind == "f"


def by_matrix(name: str, *, out: bool = True, small: int = 1) -> Emit:
    """The code of a function of one square matrix.

    Parameters
    ----------
    name : str
        The routine, ``routines.name(out, a, n)``. Without `out` it returns its results, numbers.
    small : int
        Up to this many rows there is a routine for each number, ``name1``, ``name2``, ``name3``.
    """

    def text(avals: Sequence[Aval], result: AnyAval, params: Params) -> str | None:
        (a,) = avals
        if not one_matrix(a):
            return None
        n = a.shape[-1]
        given = ["{out}", "{0}"] if out else ["{0}"]
        written_out = 1 <= n <= small
        given += ([] if written_out else [str(n)]) + [str(v) for v in params.values()]
        return f"routines.{name}{n if written_out else ''}({', '.join(given)})"

    return Emit("call", text)


def _by_triangle(name: str) -> Emit:
    """The code of a row that cuts a stack of matrices."""

    def text(avals: Sequence[Aval], out: Aval, params: Params) -> str | None:
        (a,) = avals
        if not a.size or a.dtype.kind == "c" or (name != "triangle" and a.dtype.kind != "f"):
            return None
        sizes = [a.size // (a.shape[-1] * a.shape[-2]), *a.shape[-2 if "k" in params else -1 :]]
        more = [params["lower"], *([params["k"]] if "k" in params else [])]
        return f"routines.{name}({{out}}, {{0}}, {', '.join(map(str, [*sizes, *more]))})"

    return Emit("call", text)


# ---------------------------------------------------------------- triangles
# mirror reads one triangle and makes the Hermitian matrix that has it; fold is its adjoint, the
# triangle of x + x^H with the real part of the diagonal of x. Whoever reads one triangle of a
# matrix only (cholesky, eigh) has a tangent mirror(dA) and a cotangent in that triangle.


def _same(a: Aval, **params: Any) -> Aval:
    return Aval(a.dtype, a.shape)


def _cut(x: Any, lower: bool, k: int) -> Any:
    return np.tril(x, -k) if lower else np.triu(x, k)


def _real_diagonal(x: Any, like: Any) -> Any:
    i = np.arange(min(x.shape[-2:]))
    x[..., i, i] = like[..., i, i].real
    return x


def _mirror(x: Any, *, lower: bool) -> Any:
    half = _cut(x, lower, 1)
    return _real_diagonal(half + np.conj(np.swapaxes(half, -1, -2)), x)


def _fold(x: Any, *, lower: bool) -> Any:
    return _real_diagonal(_cut(x + np.conj(np.swapaxes(x, -1, -2)), lower, 1), x)


def _triangle_samples(rng: np.random.Generator) -> Samples:
    yield (rng.normal(size=(3, 3)),), {"lower": True}
    yield (rng.normal(size=(2, 3, 3)) + 1j * rng.normal(size=(2, 3, 3)),), {"lower": False}


def _part_samples(rng: np.random.Generator) -> Samples:
    yield (rng.normal(size=(3, 4)),), {"lower": True, "k": 0}
    yield (rng.normal(size=(2, 4, 3)),), {"lower": False, "k": 1}


mirror = linear(
    "mirror",
    _same,
    _mirror,
    lambda ct, x, *, lower: ops.fold(ct, lower=lower),
    emit=_by_triangle("mirror"),
    samples=_triangle_samples,
)
fold = linear(
    "fold",
    _same,
    _fold,
    lambda ct, x, *, lower: ops.mirror(ct, lower=lower),
    emit=_by_triangle("fold"),
    samples=_triangle_samples,
)
# The part of a matrix at least k below (above) the diagonal.
triangle = linear(
    "triangle",
    _same,
    lambda x, *, lower, k: _cut(x, lower, k),
    lambda ct, x, *, lower, k: ops.triangle(ct, lower=lower, k=k),
    emit=_by_triangle("triangle"),
    samples=_part_samples,
)
