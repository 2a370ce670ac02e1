"""Elements picked by positions: gather, take, index_select, masked_select, nonzero.

Positions are looked at when they are given, so that one out of bounds raises at the user's line;
what is recorded reads them as an operand, so that other positions are no new program.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..codes import op
from ..emit import apply
from ..surface import public
from ..tensor import Tensor
from .arguments import TYPES, broadcast, dim_of, need_tensor
from .from_data import made
from .reshaping import expanded, reshaped


@op("index_select", saves=((1,), ()))
def selected(x: Any, index: Any, *, dim: int) -> Any:
    """The places of a dim that an index vector names."""
    return np.take(x, np.reshape(index, (-1,)), axis=dim)


@op("gather", saves=((1,), ()))
def gathered_along(x: Any, index: Any, *, dim: int) -> Any:
    """``y[i, j] = x[index[i, j], j]`` for dim 0, and so on; other dims may be cut short."""
    cut = tuple(slice(None) if d == dim else slice(n) for d, n in enumerate(index.shape))
    return np.take_along_axis(x[cut], index, axis=dim)


@op("take", saves=((1,), ()))
def taken(x: Any, index: Any) -> Any:
    """The elements at positions counted in row-major order."""
    return np.take(np.reshape(x, (-1,)), index)


@op("masked_select", saves=((1,), ()))
def masked(x: Any, index: Any, *, shape: tuple[int, ...]) -> Any:
    """The elements where a mask is true, whose flat positions are given."""
    return np.take(np.reshape(np.broadcast_to(x, shape), (-1,)), index)


def index_tensor(index: Any, function: str, what: str = "int32/int64") -> Tensor:
    """Return an argument that must be a tensor of int64 or int32."""
    need_tensor(index, function, "index", 3)
    if index._spec.np not in (np.int64, np.int32):
        raise RuntimeError(f"{function}(): Expected dtype {what} for index")
    found: Tensor = index
    return found


def in_range(index: Tensor, n: int, dim: int, kind: type[Exception] = RuntimeError) -> None:
    """Raise unless all positions are from 0 to n - 1."""
    values = np.asarray(index._value())
    if values.size:
        low, high = int(values.min()), int(values.max())
        if low < 0 or high >= n:
            wrong = low if low < 0 else high
            raise kind(f"index {wrong} is out of bounds for dimension {dim} with size {n}")


@public(out=True)
def index_select(input: Tensor, dim: int, index: Tensor) -> Tensor:
    """Return the places of a dim that a vector of positions names.

    Raises
    ------
    IndexError
        If a position is out of range, or the index is no vector.

    Examples
    --------
    >>> import tapejit.torch as torch
    >>> torch.tensor([1, 2, 3]).index_select(0, torch.tensor([2, 0]))
    tensor([3, 1])
    """
    need_tensor(input, "index_select")
    spec = input._spec
    d = dim_of(dim, spec.ndim, "index_select")
    index_tensor(index, "index_select", "int32 or int64")
    if index._spec.ndim > 1:
        raise IndexError("index_select(): Index is supposed to be a vector")
    n = spec.shape[d] if spec.ndim else 1
    values = np.asarray(index._value())
    if values.size and (values.min() < 0 or values.max() >= n):
        raise IndexError("index out of range in self")
    if not spec.ndim:
        if index._spec.numel != 1:
            raise IndexError("index_select(): Index to scalar can have only 1 value, got "
                             f"{index._spec.numel} value(s)")  # fmt: skip
        return reshaped(index_select(reshaped(input, (1,)), 0, index), ())
    found: Tensor = apply(selected, (input, index), dim=d)
    return found


def along(function: str, input: Tensor, dim: int, index: Tensor) -> tuple[Tensor, int, Tensor]:
    """Check the arguments of gather and scatter; return 0-d ones as vectors."""
    need_tensor(input, function)
    d = dim_of(dim, input._spec.ndim, function)
    index_tensor(index, function)
    ours, theirs = max(input._spec.ndim, 1), max(index._spec.ndim, 1)
    if ours != theirs and index._spec.numel:
        name = "input" if function == "gather" else "self"
        raise RuntimeError(f"Index tensor must have the same number of dimensions as {name} tensor")
    if not input._spec.ndim:
        input = reshaped(input, (1,))
    if not index._spec.ndim:
        index = reshaped(index, (1,))
    return input, d, index


@public(out=True)
def gather(input: Tensor, dim: int, index: Tensor, *, sparse_grad: bool = False) -> Tensor:
    """Return ``input[index[i, j], j]`` for dim 0, ``input[i, index[i, j]]`` for dim 1, and so on.

    Raises
    ------
    RuntimeError
        If the index has other dims, is longer than the input in another dim, or out of bounds.
    """
    shape = tuple(index._spec.shape) if isinstance(index, Tensor) else ()
    x, d, i = along("gather", input, dim, index)
    if not i._spec.numel:
        return reshaped(masked_at(x, np.zeros(0, np.int64), tuple(x._spec.shape)), shape)
    for k, (n, m) in enumerate(zip(i._spec.shape, x._spec.shape)):
        if k != d and n > m:
            raise RuntimeError(
                f"Size does not match at dimension {k} expected index {list(i._spec.shape)} to be "
                f"no larger than self {list(x._spec.shape)} apart from dimension {d}"
            )
    in_range(i, x._spec.shape[d], d)
    found: Tensor = apply(gathered_along, (x, i), dim=d)
    return found if found._spec.ndim == len(shape) else reshaped(found, shape)


@public(out=True)
def take(input: Tensor, index: Tensor) -> Tensor:
    """Return the elements at positions counted in row-major order, in the shape of the index."""
    need_tensor(input, "take")
    need_tensor(index, "take", "index", 2)
    if index._spec.np != np.int64:
        kind = TYPES.get(index._spec.np.name, "")
        raise RuntimeError(f"take(): Expected a long tensor for index, but got {kind}")
    flat_range(index, input._spec.numel)
    found: Tensor = apply(taken, (input, index))
    return found


def flat_range(index: Tensor, n: int) -> None:
    """Raise IndexError unless all positions are positions of n elements, maybe from the end."""
    values = np.asarray(index._value())
    if values.size and not n:
        raise IndexError("take(): tried to take from an empty tensor")
    if values.size and (values.min() < -n or values.max() >= n):
        wrong = int(values.max() if values.max() >= n else values.min())
        raise IndexError(
            f"out of range: tried to access index {wrong} on a tensor of {n} elements."
        )


@public(out=True)
def take_along_dim(input: Tensor, indices: Tensor, dim: Any = None) -> Tensor:
    """Gather along a dim, other dims broadcast; without `dim` from the flat input."""
    need_tensor(input, "take_along_dim")
    need_tensor(indices, "take_along_dim", "indices", 2)
    if indices._spec.np != np.int64:
        raise RuntimeError(
            "torch.take_along_dim(): dtype of indices should be Long but got "
            f"{TYPES.get(indices._spec.np.name, '')}"
        )
    if dim is None:
        flat, at = reshaped(input, (input._spec.numel,)), reshaped(indices, (indices._spec.numel,))
        return gather(flat, 0, _wrapped(at, input._spec.numel))
    if indices._spec.ndim != input._spec.ndim:
        raise RuntimeError(
            "torch.take_along_dim(): input and indices should have the same number of dimensions, "
            f"but got {input._spec.ndim} dimensions for input, and {indices._spec.ndim} dimensions "
            "for indices"
        )
    d = dim_of(dim, input._spec.ndim, "take_along_dim")
    n, m = input._spec.shape[d], indices._spec.shape[d]
    rest = [tuple(s for k, s in enumerate(t._spec.shape) if k != d) for t in (input, indices)]
    common = broadcast(rest)
    x = expanded(input, (*common[:d], n, *common[d:]))
    i = expanded(_wrapped(indices, n), (*common[:d], m, *common[d:]))
    return gather(x, d, i)


def _wrapped(index: Tensor, n: int) -> Tensor:
    """Return positions without negative ones; they count modulo n, as PyTorch has it here."""
    values = np.asarray(index._value())
    if not values.size or not n or (values.min() >= 0 and values.max() < n):
        return index
    return made(values % n)


def masked_at(x: Tensor, positions: Any, shape: tuple[int, ...]) -> Tensor:
    """Return the elements at flat positions of a tensor broadcast to a shape."""
    found: Tensor = apply(masked, (x, made(positions)), shape=shape)
    return found


@public(out=True)
def masked_select(input: Tensor, mask: Tensor) -> Tensor:
    """Return the elements where a mask is true, as a vector.

    Examples
    --------
    >>> import tapejit.torch as torch
    >>> torch.masked_select(torch.tensor([1, 2, 3]), torch.tensor([True, False, True]))
    tensor([1, 3])
    """
    need_tensor(input, "masked_select")
    need_tensor(mask, "masked_select", "mask", 2)
    if mask._spec.np.kind != "b":
        raise RuntimeError("masked_select: expected BoolTensor for mask")
    shape = broadcast([input._spec.shape, mask._spec.shape])
    where = np.flatnonzero(np.broadcast_to(np.asarray(mask._value()), shape))
    return masked_at(input, where, shape)


# ---------------------------------------------------------------- where something is true


@public(out=True)
def nonzero(input: Tensor, *, as_tuple: bool = False) -> Any:
    """Return the positions of nonzero elements: a row for each, or a tensor for each dim.

    Examples
    --------
    >>> import tapejit.torch as torch
    >>> torch.nonzero(torch.tensor([0, 3, 5]))
    tensor([[1],
            [2]])
    """
    need_tensor(input, "nonzero")
    value = np.asarray(input._value())
    if as_tuple:
        return tuple(made(i) for i in np.nonzero(np.atleast_1d(value)))
    return made(np.argwhere(value).astype(np.int64))


@public()
def argwhere(input: Tensor) -> Tensor:
    """Return the positions of nonzero elements, a row for each."""
    found: Tensor = nonzero(need_tensor(input, "argwhere"))
    return found
