"""Elements in other places, or again: repeats, flips, rolls, turns, triangles and diagonals."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..codes import Op, op
from ..dtypes import bool_
from ..emit import apply
from ..surface import FUNCTIONS, public
from ..tensor import Tensor
from .arguments import (
    dim_of,
    dims_of,
    ints_of,
    is_int,
    need_tensor,
    new_size,
    sizes_of,
    whole,
)
from .creation import options
from .from_data import made
from .gathers import selected
from .reshaping import cloned, expanded, reshaped, viewed
from .shared_places import spread
from .viewing import diagonal, unsqueeze, write_diagonal


@op("repeat", saves=((),))
def repeated(x: Any, *, repeats: tuple[int, ...]) -> Any:
    """Copies side by side along each dim."""
    return np.tile(x, repeats)


@op("flip", saves=((),))
def flipped(x: Any, *, dims: tuple[int, ...]) -> Any:
    """The places of dims in reverse order."""
    return np.flip(x, dims) if dims else x


@op("roll", saves=((),))
def rolled(x: Any, *, shifts: tuple[int, ...], dims: tuple[int, ...] | None) -> Any:
    """Places moved on along dims, the last ones to the front."""
    return np.roll(x, shifts[0] if dims is None else shifts, dims)


@op("rot90", saves=((),))
def turned(x: Any, *, k: int, dims: tuple[int, int]) -> Any:
    """A quarter turn, k times, from the first dim towards the second."""
    return np.rot90(x, k, dims)


@op("tril", saves=((),))
def lower(x: Any, *, diagonal: int) -> Any:
    """Zeros above a diagonal of the last two dims."""
    return np.tril(x, diagonal)


@op("triu", saves=((),))
def upper(x: Any, *, diagonal: int) -> Any:
    """Zeros below a diagonal of the last two dims."""
    return np.triu(x, diagonal)


@op("diagonal_copy", node="DiagonalBackward0_copy", saves=((),))
def diagonal_copied(x: Any, *, offset: int) -> Any:
    """A diagonal of a matrix, copied."""
    return np.diagonal(x, offset)


@op("diag_embed", saves=((),))
def embedded(x: Any, *, offset: int, dim1: int, dim2: int) -> Any:
    """The last dim as a diagonal of two new ones, zeros elsewhere."""
    n = x.shape[-1]
    size = n + abs(offset)
    out = np.zeros_like(np.broadcast_to(x[..., :1, None], (*x.shape[:-1], size, size)) if n else x)
    if not n:
        out = np.zeros((*x.shape[:-1], size, size), x.dtype)
        return np.moveaxis(out, (-2, -1), (dim1, dim2))
    i = np.arange(n)
    out[..., i + max(0, -offset), i + max(0, offset)] = x
    return np.moveaxis(out, (-2, -1), (dim1, dim2))


@op("trace", saves=((),))
def traced(x: Any) -> Any:
    """The sum of the main diagonal; integers add up as int64."""
    y = np.trace(x)
    return y.astype("int64") if np.dtype(x.dtype).kind in "biu" else y


# ---------------------------------------------------------------- again


@public(function=False)
def repeat(self: Tensor, *repeats: Any, **named: Any) -> Tensor:
    """Return copies side by side, so many along each dim; new dims come first.

    Examples
    --------
    >>> import tapejit.torch as torch
    >>> torch.tensor([1, 2]).repeat(2, 2)
    tensor([[1, 2, 1, 2],
            [1, 2, 1, 2]])
    """
    if "repeats" in named and not repeats:
        repeats = (named.pop("repeats"),)
    if named or not repeats:
        raise TypeError('repeat() missing 1 required positional arguments: "repeats"')
    given = sizes_of(repeats, "repeat", "repeats")
    if len(given) < self._spec.ndim:
        raise RuntimeError(
            "Number of dimensions of repeat dims can not be smaller than number of dimensions of "
            "tensor"
        )
    shape = (1,) * (len(given) - self._spec.ndim) + tuple(self._spec.shape)
    new_size([n * k for n, k in zip(shape, given)])
    if any(k < 0 for k in given):
        raise RuntimeError(f"Trying to create tensor with negative dimension: {list(given)}")
    found: Tensor = apply(repeated, (self,), repeats=given)
    return found


@public(method=False)
def tile(input: Tensor, dims: Any) -> Tensor:
    """Return copies side by side; dims that are not given are not repeated."""
    need_tensor(input, "tile")
    given = ints_of(dims, "tile", "dims")
    return repeat(input, (1,) * (input._spec.ndim - len(given)) + given)


@public("tile", function=False)
def _tile_method(self: Tensor, *dims: Any, **named: Any) -> Tensor:
    """Return copies side by side, numbers given one by one or as a tuple."""
    if "dims" in named:
        dims = (named["dims"],)
    return tile(self, sizes_of(dims, "tile", "dims") if dims else ())


@public()
def repeat_interleave(
    input: Tensor, repeats: Any = None, dim: Any = None, *, output_size: Any = None
) -> Tensor:
    """Return each place of a dim several times, one after the other.

    Parameters
    ----------
    repeats : int or Tensor
        How often, for all places or for each.
    dim : int, optional
        Without it, of the flat tensor.
    """
    need_tensor(input, "repeat_interleave")
    if repeats is None:
        counts = _counts(input)
        return made(np.repeat(np.arange(counts.size), counts))
    if is_int(repeats) and not isinstance(repeats, Tensor):
        return _interleaved(input, whole(repeats, "repeat_interleave", "repeats"), dim)
    if not isinstance(repeats, Tensor):
        raise TypeError(
            "repeat_interleave(): argument 'repeats' (position 2) must be Tensor or int, "
            f"not {type(repeats).__name__}"
        )
    counts = _counts(repeats)
    x = reshaped(input, (input._spec.numel,)) if dim is None else input
    d = 0 if dim is None else dim_of(dim, x._spec.ndim, "repeat_interleave")
    n = x._spec.shape[d]
    if repeats._spec.ndim == 0 or counts.size == 1:
        counts = np.full(n, counts.reshape(-1)[0])
    if counts.size != n:
        raise RuntimeError(
            "repeats must have the same size as input along dim, but got repeats.size(0) = "
            f"{counts.size} and input.size({d}) = {n}"
        )
    found: Tensor = apply(selected, (x, made(np.repeat(np.arange(n), counts))), dim=d)
    return found


def _counts(repeats: Tensor) -> Any:
    if repeats._spec.np.kind not in "iu":
        from .arguments import TYPES

        raise NotImplementedError(
            f"\"repeat_interleave_cpu\" not implemented for '{TYPES.get(repeats._spec.np.name)}'"
        )
    if repeats._spec.ndim > 1:
        raise RuntimeError("repeat_interleave only accept 1D vector as repeat")
    counts = np.asarray(repeats._value())
    if counts.size and counts.min() < 0:
        raise RuntimeError("repeats can not be negative")
    return counts


def _interleaved(input: Tensor, times: int, dim: Any) -> Tensor:
    """A new dim after the one that is repeated, expanded, copied and joined with it."""
    if times < 0:
        raise RuntimeError("Repeats must be non-negative")
    x = reshaped(input, (input._spec.numel,)) if dim is None else input
    d = 0 if dim is None else dim_of(dim, x._spec.ndim, "repeat_interleave")
    if not x._spec.ndim:
        x = reshaped(x, (1,))
    shape = tuple(x._spec.shape)
    wide = expanded(unsqueeze(x, d + 1), (*shape[: d + 1], times, *shape[d + 1 :]))
    return viewed(apply(cloned, (wide,)), (*shape[:d], shape[d] * times, *shape[d + 1 :]))


# ---------------------------------------------------------------- elsewhere


@public(method=False)
def flip(input: Tensor, dims: Any) -> Tensor:
    """Return a copy with the places of dims in reverse order."""
    need_tensor(input, "flip")
    found = dims_of(ints_of(dims, "flip", "dims"), input._spec.ndim, "flip")
    made_: Tensor = apply(flipped, (input,), dims=found if input._spec.ndim else ())
    return made_


@public("flip", function=False)
def _flip_method(self: Tensor, *dims: Any, **named: Any) -> Tensor:
    """Return a copy with the places of dims in reverse order, given one by one or as a tuple."""
    if "dims" in named and not dims:
        dims = (named["dims"],)
    return flip(self, sizes_of(dims, "flip", "dims") if dims else ())


@public()
def fliplr(input: Tensor) -> Tensor:
    """Return a copy with columns in reverse order."""
    if need_tensor(input, "fliplr")._spec.ndim < 2:
        raise RuntimeError("Input must be >= 2-d.")
    return flip(input, (1,))


@public()
def flipud(input: Tensor) -> Tensor:
    """Return a copy with rows in reverse order."""
    if need_tensor(input, "flipud")._spec.ndim < 1:
        raise RuntimeError("Input must be >= 1-d.")
    return flip(input, (0,))


@public()
def roll(input: Tensor, shifts: Any, dims: Any = None) -> Tensor:
    """Return a copy with places moved on along dims, or along the flat tensor.

    Examples
    --------
    >>> import tapejit.torch as torch
    >>> torch.tensor([1, 2, 3]).roll(1)
    tensor([3, 1, 2])
    """
    need_tensor(input, "roll")
    moved = ints_of(shifts, "roll", "shifts")
    given = () if dims is None else ints_of(dims, "roll", "dims")
    if not moved:
        raise RuntimeError("`shifts` required")
    if (not given and len(moved) != 1) or (given and len(given) != len(moved)):
        raise RuntimeError(
            f"shifts and dimensions must align. shifts: {len(moved)}, dims:{len(given)}"
        )
    along = tuple(dim_of(d, input._spec.ndim, "roll") for d in given) if given else None
    if not input._spec.ndim:
        along = None
    found: Tensor = apply(rolled, (input,), shifts=moved, dims=along)
    return found


@public()
def rot90(input: Tensor, k: int = 1, dims: Any = (0, 1)) -> Tensor:
    """Return a copy turned by quarter turns from the first of two dims towards the second."""
    need_tensor(input, "rot90")
    given = ints_of(dims, "rot90", "dims")
    n = input._spec.ndim
    if len(given) != 2:
        raise RuntimeError(f"expected total rotation dims == 2, but got dims = {len(given)}")
    if n < 2:
        raise RuntimeError(f"expected total dims >= 2, but got total dims = {n}")
    if given[0] == given[1] or abs(given[0] - given[1]) == n:
        raise RuntimeError(
            f"expected rotation dims to be different, but got dim0 = {given[0]} and dim1 = "
            f"{given[1]}"
        )
    for j, d in enumerate(given):
        if not -n <= d < n:
            raise RuntimeError(f"Rotation dim{j} out of range, dim{j} = {d}")
    pair = (given[0] % n, given[1] % n)
    found: Tensor = apply(turned, (input,), k=whole(k, "rot90", "k") % 4, dims=pair)
    return found


# ---------------------------------------------------------------- triangles and diagonals


def _triangle(name: str, operation: Any, doc: str) -> None:
    def triangle(input: Tensor, diagonal: int = 0) -> Tensor:
        if need_tensor(input, name)._spec.ndim < 2:
            raise RuntimeError(f"{name}: input tensor must have at least 2 dimensions")
        k = whole(diagonal, name, "diagonal")
        found: Tensor = apply(operation, (input,), diagonal=k)
        return found

    def shared(input: Tensor, diagonal: int = 0) -> Tensor:
        kept: Any = triangle(FUNCTIONS["ones"](tuple(input._spec.shape), dtype=bool_), diagonal)
        found: Tensor = FUNCTIONS["masked_fill"](input, spread(input, ~kept), 0)
        return found

    triangle.__name__ = triangle.__qualname__ = name
    triangle.__doc__ = doc
    public(name, inplace=True, out=True, shared=shared)(triangle)


_triangle("tril", lower, "Return a copy with zeros above a diagonal of the last two dims.")
_triangle("triu", upper, "Return a copy with zeros below a diagonal of the last two dims.")


def _triangle_indices(name: str, choose: Any) -> None:
    def indices(row: int, col: int, offset: int = 0, **named: Any) -> Tensor:
        dtype, _ = options(name, named)
        n, m = whole(row, name, "row"), whole(col, name, "col")
        for what, size in (("row", n), ("col", m)):
            if size < 0:
                raise RuntimeError(f"{what} must be non-negative, got{size}")
        places = np.stack(choose(n, offset, m))
        return made(places.astype("int64" if dtype is None else dtype.numpy))

    indices.__name__ = indices.__qualname__ = name
    indices.__doc__ = f"Return the rows and columns of what `torch.{name[:4]}` keeps."
    public(name, method=False)(indices)


_triangle_indices("tril_indices", np.tril_indices)
_triangle_indices("triu_indices", np.triu_indices)


@public(out=True)
def diag(input: Tensor, diagonal: int = 0) -> Tensor:
    """Return a vector as the diagonal of a matrix, or the diagonal of a matrix as a vector.

    Examples
    --------
    >>> import tapejit.torch as torch
    >>> torch.diag(torch.tensor([1, 2]))
    tensor([[1, 0],
            [0, 2]])
    """
    n = need_tensor(input, "diag")._spec.ndim
    k = whole(diagonal, "diag", "diagonal")
    if n not in (1, 2):
        raise RuntimeError(f"diag(): Supports 1D or 2D tensors. Got {n}D")
    if n == 1:
        return diag_embed(input, k)
    found: Tensor = apply(diagonal_copied, (input,), offset=k)
    return found


@public()
def diag_embed(input: Tensor, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Tensor:
    """Return the last dim as a diagonal of two new ones."""
    n = need_tensor(input, "diag_embed")._spec.ndim + 1
    a, b = dim_of(dim1, n, "diag_embed", "dim1"), dim_of(dim2, n, "diag_embed", "dim2")
    if a == b:
        raise RuntimeError(f"diagonal dimensions cannot be identical {dim1}, {dim2}")
    k = whole(offset, "diag_embed", "offset")
    found: Tensor = apply(embedded, (input,), offset=k, dim1=a, dim2=b)
    return found


@public()
def diagflat(input: Tensor, offset: int = 0) -> Tensor:
    """Return all elements as the diagonal of a matrix."""
    need_tensor(input, "diagflat")
    return diag_embed(reshaped(input, (input._spec.numel,)), offset)


@public()
def trace(input: Tensor) -> Tensor:
    """Return the sum of the main diagonal of a matrix."""
    if need_tensor(input, "trace")._spec.ndim != 2:
        raise RuntimeError(f"trace: expected a matrix, but got tensor with dim {input._spec.ndim}")
    found: Tensor = apply(traced, (input,))
    return found


# ---------------------------------------------------------------- one part replaced


def _write_part(x: Any, source: Any, *, key: Any) -> Any:
    out = np.copy(x)
    out[tuple(slice(*k) if type(k) is tuple else k for k in key)] = source
    return out


@op("select_scatter", saves=((),))
def select_scattered(x: Any, source: Any, *, key: Any) -> Any:
    """The tensor with one place of a dim replaced."""
    return _write_part(x, source, key=key)


@op("slice_scatter", saves=((),))
def slice_scattered(x: Any, source: Any, *, key: Any) -> Any:
    """The tensor with some places of a dim replaced."""
    return _write_part(x, source, key=key)


@op("diagonal_scatter", saves=((),))
def diagonal_scattered(x: Any, source: Any, *, offset: int, dim1: int, dim2: int) -> Any:
    """The tensor with a diagonal replaced."""
    return write_diagonal(x, source, offset=offset, dim1=dim1, dim2=dim2)


def _scattered(
    operation: Op, input: Tensor, src: Tensor, shape: tuple[int, ...], **params: Any
) -> Tensor:
    need_tensor(src, operation.name, "src", 2)
    if tuple(src._spec.shape) != shape:
        raise RuntimeError(
            "expected src to have a size equal to the slice of self. src size = "
            f"{list(src._spec.shape)}, slice size = {list(shape)}"
        )
    found: Tensor = apply(operation, (input, src), **params)
    return found


@public()
def select_scatter(input: Tensor, src: Tensor, dim: int, index: int) -> Tensor:
    """Return a copy with one place of a dim replaced."""
    shape = tuple(need_tensor(input, "select_scatter")._spec.shape)
    d = dim_of(dim, len(shape), "select_scatter")
    i, n = whole(index, "select_scatter", "index"), shape[d]
    if not -n <= i < n:
        raise IndexError(
            f"select(): index {i} out of range for tensor of size {list(shape)} at dimension {d}"
        )
    key = ((None, None, None),) * d + (i % n,)
    return _scattered(select_scattered, input, src, shape[:d] + shape[d + 1 :], key=key)


@public()
def slice_scatter(
    input: Tensor, src: Tensor, dim: int = 0, start: Any = None, end: Any = None, step: int = 1
) -> Tensor:
    """Return a copy with some places of a dim replaced."""
    shape = tuple(need_tensor(input, "slice_scatter")._spec.shape)
    d = dim_of(dim, len(shape), "slice_scatter")
    if step <= 0:
        raise RuntimeError("slice step must be positive")
    a, b, _ = slice(start, end).indices(shape[d])
    count = len(range(a, b, step))
    key = ((None, None, None),) * d + ((a, max(a, b), step),)
    return _scattered(slice_scattered, input, src, (*shape[:d], count, *shape[d + 1 :]), key=key)


@public()
def diagonal_scatter(
    input: Tensor, src: Tensor, offset: int = 0, dim1: int = 0, dim2: int = 1
) -> Tensor:
    """Return a copy with a diagonal replaced."""
    shape = tuple(diagonal(input, offset, dim1, dim2)._spec.shape)
    n = input._spec.ndim
    return _scattered(
        diagonal_scattered, input, src, shape, offset=offset, dim1=dim1 % n, dim2=dim2 % n
    )
