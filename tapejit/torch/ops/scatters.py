"""Values written to positions: scatter, scatter_add, index_add, index_copy, index_fill, put.

Each returns a copy; the form in place makes it the value of the tensor. Positions are looked at
when they are given, so that one out of bounds raises at the user's line.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..codes import op
from ..dtypes import bool_
from ..emit import apply
from ..surface import FUNCTIONS, public
from ..tensor import Tensor
from .arguments import TYPES, dim_of, need_tensor
from .convert import to
from .gathers import along, flat_range, in_range, index_tensor
from .reshaping import expanded, reshaped
from .shared_places import spread, warn

_NUMBERS = (float, int, bool, complex)


def _places(index: Any, dim: int) -> tuple[Any, ...]:
    """Return the index of ``x`` that gather's index stands for: it along dim, its place elsewhere."""
    n = index.ndim
    found = []
    for d in range(n):
        if d == dim:
            found.append(index)
        else:
            shape = tuple(-1 if k == d else 1 for k in range(n))
            found.append(np.reshape(np.arange(index.shape[d]), shape))
    return tuple(found)


@op("scatter", node=lambda params, args: params["node"], saves=((1,), (), (1,)))
def scattered(x: Any, index: Any, source: Any, *, dim: int, node: str) -> Any:
    """``y[index[i, j], j] = source[i, j]`` for dim 0, and so on."""
    out = np.copy(x)
    source = to(source, x.dtype)
    if getattr(source, "ndim", 0):
        source = source[tuple(slice(n) for n in index.shape)]
    out[_places(index, dim)] = source
    return out


@op("scatter_add", saves=((), (), (1,)))
def scatter_added(x: Any, index: Any, source: Any, *, dim: int) -> Any:
    """``y[index[i, j], j] += source[i, j]`` for dim 0, and so on."""
    out = np.copy(x)
    np.add.at(out, _places(index, dim), source[tuple(slice(n) for n in index.shape)])
    return out


_STEPS = {"prod": np.multiply, "multiply": np.multiply, "amax": np.maximum, "amin": np.minimum}
_START = {"sum": 0, "mean": 0, "prod": 1, "multiply": 1}


@op(
    "scatter_reduce",
    node=lambda params, args: params["node"],
    saves=((0, 1, 2, -1), (), (0, 1, 2, -1)),
)
def scatter_reduced(
    x: Any, index: Any, source: Any, *, dim: int, reduce: str, include_self: bool, node: str
) -> Any:
    """What is scattered to one place, and what stands there, joined by a reduction.

    Products and extrema go along the index's dim one place at a time: within one, no position
    occurs twice.
    """
    source = to(source, x.dtype)
    if getattr(source, "ndim", 0):
        source = source[tuple(slice(n) for n in index.shape)]
    else:
        source = np.broadcast_to(source, index.shape)
    places = _places(index, dim)
    out = np.copy(x)
    if not include_self:
        if reduce in _START:
            start: Any = to(_START[reduce], x.dtype)
        elif np.dtype(x.dtype).kind == "f":
            start = to(-np.inf if reduce == "amax" else np.inf, x.dtype)
        else:
            limits = np.iinfo(x.dtype)
            start = to(int(limits.min if reduce == "amax" else limits.max), x.dtype)
        out[places] = start
    if reduce in ("sum", "mean"):
        np.add.at(out, places, source)
        if reduce == "sum":
            return out
        count = np.zeros_like(x) + to(int(include_self), x.dtype)
        np.add.at(count, places, np.ones_like(source))
        count = np.where(count == 0, to(1, x.dtype), count)
        return out / count if np.dtype(x.dtype).kind in "fc" else out // count
    join = _STEPS[reduce]
    for k in range(index.shape[dim]):
        one = (slice(None),) * dim + (slice(k, k + 1),)
        at = tuple(p[one] if d == dim else p for d, p in enumerate(places))
        out[at] = join(out[at], source[one])
    if reduce in ("amax", "amin") and np.dtype(x.dtype).kind == "f":
        return _shared_evenly(out, x, source, places, include_self)
    return out


def _shared_evenly(out: Any, x: Any, source: Any, places: Any, include_self: bool) -> Any:
    """The extremes, with gradients that all elements equal to an extreme share alike."""
    from .reductions import stopped

    top = stopped(out)
    one, zero = to(1, x.dtype), to(0, x.dtype)
    won = np.where(source == top[places], one, zero)
    stands = np.where(x == top, one, zero)
    if not include_self:
        touched = np.zeros_like(x)
        np.add.at(touched, places, np.ones_like(source))
        stands = np.where(touched > 0, zero, stands)
    # a - stop(a) is zero and carries the gradient; of infinities it would be nan
    count, share = np.copy(stands), stands * np.where(np.isfinite(x), x - stopped(x), zero)
    np.add.at(count, places, won)
    np.add.at(share, places, won * np.where(np.isfinite(source), source - stopped(source), zero))
    return top + share / np.where(count == 0, one, count)


def _spread(dim: int, index: Any) -> tuple[Any, ...]:
    return (slice(None),) * dim + (np.reshape(index, (-1,)),)


@op("index_add", saves=((), (), (1,)))
def index_added(x: Any, index: Any, source: Any, alpha: Any, *, dim: int) -> Any:
    """Parts of the source added to the places of a dim."""
    out = np.copy(x)
    np.add.at(out, _spread(dim, index), source * to(alpha, x.dtype))
    return out


@op("index_copy", saves=((1,), (), (1,)))
def index_copied(x: Any, index: Any, source: Any, *, dim: int) -> Any:
    """Parts of the source in the places of a dim."""
    out = np.copy(x)
    out[_spread(dim, index)] = source
    return out


@op(
    "index_fill",
    node=lambda params, args: f"IndexFillBackward{int(not isinstance(args[2], type))}",
    saves=((1,), (), (1,)),
)
def index_filled(x: Any, index: Any, value: Any, *, dim: int) -> Any:
    """A number in the places of a dim."""
    out = np.copy(x)
    out[_spread(dim, index)] = to(value, x.dtype)
    return out


@op("put", saves=((1,), (), (1,)))
def put_flat(x: Any, index: Any, source: Any, *, accumulate: bool) -> Any:
    """Elements set, or added to, at positions counted in row-major order."""
    out = np.reshape(np.copy(x), (-1,))
    at, new = np.reshape(index, (-1,)), np.reshape(source, (-1,))
    if accumulate:
        np.add.at(out, (at,), new)
    else:
        out[at] = new
    return np.reshape(out, x.shape)


@op("masked_scatter", saves=((1,), (), (1,)))
def masked_scattered(x: Any, mask: Any, source: Any, *, shape: tuple[int, ...]) -> Any:
    """Where the mask is true, the source's elements one after the other."""
    mask = np.broadcast_to(mask, shape)
    flat = np.reshape(source, (-1,))
    if not flat.shape[0]:
        return np.broadcast_to(x, shape) + np.zeros(shape, x.dtype)
    at = np.cumsum(np.reshape(mask, (-1,)).astype(np.int64)) - 1
    at = np.minimum(np.maximum(at, 0), flat.shape[0] - 1)
    return np.where(mask, np.reshape(np.take(flat, at), shape), np.broadcast_to(x, shape))


# ---------------------------------------------------------------- along a dim, by gather's index


def _scatter_arguments(
    function: str, input: Tensor, dim: int, index: Tensor, src: Any
) -> tuple[Tensor, int, Tensor, Any]:
    x, d, i = along(function, input, dim, index)
    if isinstance(src, Tensor):
        if src._spec.np != x._spec.np:
            raise RuntimeError(f"{function}(): Expected self.dtype to be equal to src.dtype")
        if not src._spec.ndim:
            src = reshaped(src, (1,))
        if i._spec.numel and i._spec.ndim != src._spec.ndim:
            raise RuntimeError("Index tensor must have the same number of dimensions as src tensor")
    if i._spec.numel:
        ours = tuple(i._spec.shape)
        wide = [n > m for k, (n, m) in enumerate(zip(ours, x._spec.shape)) if k != d]
        if isinstance(src, Tensor):
            wide += [n > m for n, m in zip(ours, src._spec.shape)]
        if any(wide):
            more = (
                f" and to be no larger size than src {list(src._spec.shape)}"
                if isinstance(src, Tensor)
                else ""
            )
            raise RuntimeError(
                f"Expected index {list(ours)} to be no larger than self {list(x._spec.shape)} "
                f"apart from dimension {d}{more}"
            )
        in_range(i, x._spec.shape[d], d)
    return x, d, i, src


def _back(found: Tensor, input: Tensor) -> Tensor:
    return found if found._spec.ndim == input._spec.ndim else reshaped(found, ())


def _number(value: Any, function: str, x: Tensor, name: str = "value") -> Any:
    if isinstance(value, np.generic):
        value = value.item()
    if type(value) not in _NUMBERS:
        raise TypeError(
            f"{function}(): argument '{name}' must be Number, not {type(value).__name__}"
        )
    if isinstance(value, complex) and x._spec.np.kind != "c":
        raise RuntimeError("value cannot be converted to type float without overflow")
    return value


@public(inplace=True, out=True)
def scatter(
    input: Tensor,
    dim: int,
    index: Tensor,
    src: Any = None,
    *,
    value: Any = None,
    reduce: str | None = None,
) -> Tensor:
    """Return a copy with ``input[index[i, j], j] = src[i, j]`` for dim 0, and so on.

    Parameters
    ----------
    src : Tensor or number
    reduce : {"add", "multiply"}, optional
        Join with what stands there instead.

    Raises
    ------
    RuntimeError
        If sizes do not fit or a position is out of bounds.
    """
    given = value if src is None else src
    if given is None:
        raise TypeError('scatter() missing 1 required positional arguments: "src" or "value"')
    x, d, i, given = _scatter_arguments("scatter", input, dim, index, given)
    if not isinstance(given, Tensor):
        given = _number(given, "scatter", x)
    if not i._spec.numel:
        return _unchanged(input)
    if reduce is not None:
        if reduce not in ("add", "multiply"):
            raise RuntimeError("reduce argument must be either add or multiply.")
        how = {"add": "sum", "multiply": "prod"}[reduce]
        node = "NotImplemented"
        found: Tensor = apply(
            scatter_reduced, (x, i, given), dim=d, reduce=how, include_self=True, node=node
        )
        return _back(found, input)
    node = "ScatterBackward0" if isinstance(given, Tensor) else "ScatterBackward1"
    found = apply(scattered, (x, i, given), dim=d, node=node)
    return _back(found, input)


def _unchanged(input: Tensor) -> Tensor:
    from .reshaping import clone

    return clone(input)


@public(inplace=True, out=True)
def scatter_add(input: Tensor, dim: int, index: Tensor, src: Tensor) -> Tensor:
    """Return a copy with ``input[index[i, j], j] += src[i, j]`` for dim 0, and so on.

    Examples
    --------
    >>> import tapejit.torch as torch
    >>> torch.zeros(3).scatter_add(0, torch.tensor([0, 0, 2]), torch.ones(3))
    tensor([2., 0., 1.])
    """
    need_tensor(src, "scatter_add", "src", 3)
    x, d, i, src = _scatter_arguments("scatter_add", input, dim, index, src)
    if not i._spec.numel:
        return _unchanged(input)
    found: Tensor = apply(scatter_added, (x, i, src), dim=d)
    return _back(found, input)


@public(inplace=True, out=True)
def scatter_reduce(
    input: Tensor, dim: int, index: Tensor, src: Tensor, reduce: str, *, include_self: bool = True
) -> Tensor:
    """Return a copy with what is scattered to one place joined: sum, prod, mean, amax or amin.

    Parameters
    ----------
    include_self : bool
        Whether what stands at the place takes part.
    """
    need_tensor(src, "scatter_reduce", "src", 3)
    if reduce not in ("sum", "prod", "mean", "amax", "amin"):
        raise RuntimeError(
            f"reduce argument must be either sum, prod, mean, amax or amin, got {reduce}"
        )
    x, d, i, src = _scatter_arguments("scatter_reduce", input, dim, index, src)
    if not i._spec.numel:
        return _unchanged(input)
    found: Tensor = apply(
        scatter_reduced, (x, i, src), dim=d, reduce=reduce, include_self=bool(include_self),
        node="ScatterReduceBackward0",
    )  # fmt: skip
    return _back(found, input)


# ---------------------------------------------------------------- whole places of a dim


def _vector_index(function: str, input: Tensor, dim: int, index: Tensor) -> int:
    need_tensor(input, function)
    index_tensor(index, function, "int32/int64")
    if index._spec.ndim > 1:
        raise IndexError(f"{function}_(): Index is supposed to be a vector")
    return dim_of(dim, input._spec.ndim, function)


@public(inplace=True, out=True)
def index_add(input: Tensor, dim: int, index: Tensor, source: Tensor, *, alpha: Any = 1) -> Tensor:
    """Return a copy with ``alpha * source`` added to the places of a dim.

    Raises
    ------
    RuntimeError
        If sizes or dtypes do not fit or a position is out of bounds.
    """
    d = _vector_index("index_add", input, dim, index)
    need_tensor(source, "index_add", "source", 4)
    if source._spec.np != input._spec.np:
        ours, theirs = (TYPES.get(t._spec.np.name, "") for t in (input, source))
        raise RuntimeError(
            f"index_add_(): self ({ours}) and source ({theirs}) must have the same scalar type"
        )
    x = input if input._spec.ndim else reshaped(input, (1,))
    src = source if source._spec.ndim else reshaped(source, (1,))
    count = index._spec.numel
    if src._spec.ndim != x._spec.ndim or src._spec.shape[d] != count:
        size = src._spec.shape[d] if d < src._spec.ndim else 0
        raise RuntimeError(
            f"index_add_(): Number of indices ({count}) should be equal to source.size(dim): "
            f"({size}), for dim: {d}"
        )
    _same_slices(x, src, d)
    in_range(index, x._spec.shape[d], d)
    found: Tensor = apply(
        index_added, (x, index, src, _number(alpha, "index_add", x, "alpha")), dim=d
    )
    return _back(found, input)


def _same_slices(x: Tensor, source: Tensor, d: int) -> None:
    ours, theirs = tuple(x._spec.shape), tuple(source._spec.shape)
    if ours[:d] != theirs[:d] or ours[d + 1 :] != theirs[d + 1 :]:
        raise RuntimeError(
            "source tensor shape must match self tensor shape, excluding the specified dimension. "
            f"Got self.shape = {list(ours)} source.shape = {list(theirs)}"
        )


@public(inplace=True, out=True)
def index_copy(input: Tensor, dim: int, index: Tensor, source: Tensor) -> Tensor:
    """Return a copy with parts of the source in the places of a dim.

    Raises
    ------
    IndexError
        If numbers of dims or indices do not fit, or a position is out of bounds.
    RuntimeError
        If sizes or dtypes do not fit.
    """
    d = _vector_index("index_copy", input, dim, index)
    need_tensor(source, "index_copy", "source", 4)
    if source._spec.ndim and input._spec.ndim and source._spec.ndim != input._spec.ndim:
        raise IndexError(
            "index_copy_(): When source and destination are not scalars, their dimensionality must "
            f"match. Source dimensionality ({source._spec.ndim}), destination dimensionality "
            f"({input._spec.ndim})"
        )
    if source._spec.np != input._spec.np:
        raise RuntimeError("index_copy_(): self and source expected to have the same dtype")
    x = input if input._spec.ndim else reshaped(input, (1,))
    src = source if source._spec.ndim else reshaped(source, (1,))
    count = index._spec.numel
    if src._spec.ndim != x._spec.ndim or src._spec.shape[d] != count:
        raise IndexError(
            f"index_copy_(): Number of indices ({count}) should be equal to source.size(dim) "
            f"({src._spec.shape[d] if d < src._spec.ndim else 1})"
        )
    _same_slices(x, src, d)
    n = x._spec.shape[d]
    values = np.asarray(index._value())
    if values.size and (values.min() < 0 or values.max() >= n):
        wrong = int(values.min() if values.min() < 0 else values.max())
        raise IndexError(
            f"index_copy_(): index {wrong} is out of bounds for dimension {d} with size {n}"
        )
    found: Tensor = apply(index_copied, (x, index, src), dim=d)
    return _back(found, input)


def _index_fill_shared(input: Tensor, dim: int, index: Tensor, value: Any) -> Any:
    warn("index_fill_")
    index_fill(input, dim, index, value)  # checks the arguments
    mask = FUNCTIONS["zeros"](tuple(input._spec.shape), dtype=bool_)
    chosen = spread(input, index_fill(mask, dim, index, True))
    return FUNCTIONS["masked_fill"](input, chosen, value)


@public(inplace=True, shared=_index_fill_shared)
def index_fill(input: Tensor, dim: int, index: Tensor, value: Any) -> Tensor:
    """Return a copy with a number in the places of a dim; positions may count from the end."""
    d = _vector_index("index_fill", input, dim, index)
    if isinstance(value, Tensor):
        if value._spec.ndim:
            raise RuntimeError(
                "index_fill_ only supports a 0-dimensional value tensor, but got tensor with "
                f"{value._spec.ndim} dimension(s)."
            )
    else:
        value = _number(value, "index_fill", input)
    x = input if input._spec.ndim else reshaped(input, (1,))
    n, values = x._spec.shape[d], np.asarray(index._value())
    if values.size and (values.min() < -n or values.max() >= n):
        wrong = int(values.max() if values.max() >= n else values.min())
        raise IndexError(f"index {wrong} is out of bounds for dimension {d} with size {n}")
    found: Tensor = apply(index_filled, (x, index, value), dim=d)
    return _back(found, input)


# ---------------------------------------------------------------- flat positions, masks


@public(inplace=True)
def put(input: Tensor, index: Tensor, source: Tensor, accumulate: bool = False) -> Tensor:
    """Return a copy with elements set, or added to, at positions in row-major order."""
    need_tensor(input, "put")
    need_tensor(index, "put", "index", 2)
    need_tensor(source, "put", "source", 3)
    if index._spec.np != np.int64:
        raise RuntimeError(
            "put_(): Expected a long tensor for index, but got "
            f"{TYPES.get(index._spec.np.name, '')}"
        )
    if source._spec.np != input._spec.np:
        raise RuntimeError("put_(): self and source expected to have the same dtype")
    if source._spec.numel != index._spec.numel:
        raise IndexError(
            "put_(): Expected source and index to have the same number of elements, but got "
            f"source.numel() = {source._spec.numel}, index.numel() = {index._spec.numel}"
        )
    flat_range(index, input._spec.numel)
    found: Tensor = apply(put_flat, (input, index, source), accumulate=bool(accumulate))
    return found


@public(inplace=True)
def masked_scatter(input: Tensor, mask: Tensor, source: Tensor) -> Tensor:
    """Return a copy with the source's elements, one after the other, where a mask is true."""
    need_tensor(input, "masked_scatter")
    need_tensor(mask, "masked_scatter", "mask", 2)
    need_tensor(source, "masked_scatter", "source", 3)
    if mask._spec.np.kind != "b":
        raise RuntimeError(
            "masked_scatter_ only supports boolean masks, but got mask with dtype "
            f"{mask._spec.dtype}"
        )
    if source._spec.np != input._spec.np:
        ours, theirs = (TYPES.get(t._spec.np.name, "") for t in (input, source))
        raise RuntimeError(
            f"masked_scatter: expected self and source to have same dtypes but got {ours} and "
            f"{theirs}"
        )
    from .arguments import broadcast

    shape = broadcast([input._spec.shape, mask._spec.shape])
    count = int(np.count_nonzero(np.broadcast_to(np.asarray(mask._value()), shape)))
    if count > source._spec.numel:
        raise RuntimeError("Number of elements of source < number of ones in mask")
    found: Tensor = apply(masked_scattered, (input, mask, source), shape=shape)
    return found


@public(inplace=True)
def index_reduce(
    input: Tensor,
    dim: int,
    index: Tensor,
    source: Tensor,
    reduce: str,
    *,
    include_self: bool = True,
) -> Tensor:
    """Return a copy with parts of the source joined to the places of a dim: prod, mean, amax, amin."""
    d = _vector_index("index_reduce", input, dim, index)
    need_tensor(source, "index_reduce", "source", 4)
    if reduce not in ("prod", "mean", "amax", "amin"):
        raise RuntimeError(
            f"index_reduce(): Expected reduce to be one of prod, mean, amax or amin but got {reduce}."
        )
    if source._spec.np != input._spec.np:
        raise RuntimeError("index_reduce(): Expected source and self to have the same dtype")
    if source._spec.ndim != input._spec.ndim or source._spec.shape[d] != index._spec.numel:
        raise RuntimeError(
            f"index_reduce(): Number of indices ({index._spec.numel}) should be equal to "
            f"source.size(dim) in dim {d}"
        )
    _same_slices(input, source, d)
    in_range(index, input._spec.shape[d], d)
    n = source._spec.ndim
    lone = reshaped(index, tuple(index._spec.numel if k == d else 1 for k in range(n)))
    found: Tensor = apply(
        scatter_reduced, (input, expanded(lone, tuple(source._spec.shape)), source), dim=d,
        reduce=reduce, include_self=bool(include_self), node="IndexReduceBackward0",
    )  # fmt: skip
    return found
