"""Joins: several tensors side by side, along a dim or along a new one."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..codes import op
from ..emit import apply
from ..promotion import promote
from ..spec import Spec
from ..surface import public
from ..tensor import Tensor
from .arguments import dim_of, need_tensor, tensor_list, whole
from .convert import category, to
from .from_data import made
from .reshaping import atleast_1d, atleast_2d, atleast_3d, expanded, reshaped


def _resolve(args: tuple[Any, ...], params: dict[str, Any]) -> dict[str, Any]:
    kinds = [category(a) for a in args]
    return {**params, "dtype": promote([(k[0], "tensor") for k in kinds]).numpy.name}


@op("cat", saves=((),), resolve=_resolve)
def joined(*xs: Any, dim: int, dtype: str) -> Any:
    """Arrays side by side along a dim."""
    return np.concatenate([to(x, dtype) for x in xs], axis=dim)


@op("stack", saves=((),), resolve=_resolve)
def stacked(*xs: Any, dim: int, dtype: str) -> Any:
    """Arrays side by side along a new dim."""
    return np.stack([to(x, dtype) for x in xs], axis=dim)


@op("block_diag", saves=((),), resolve=_resolve)
def blocks(*xs: Any, dtype: str) -> Any:
    """Matrices along the diagonal of one, zeros elsewhere."""
    total = sum(x.shape[1] for x in xs)
    rows, at = [], 0
    for x in xs:
        n, m = x.shape
        left, right = np.zeros((n, at), dtype), np.zeros((n, total - at - m), dtype)
        rows.append(np.concatenate([left, to(x, dtype), right], axis=1))
        at += m
    return np.concatenate(rows, axis=0)


def _legacy_empty(spec: Spec) -> bool:
    """Whether a tensor is skipped by `cat`, whatever the shapes of the others: of shape (0,)."""
    return spec.ndim == 1 and spec.shape[0] == 0


def cat_of(tensors: list[Tensor], dim: Any) -> Tensor:
    """Return tensors side by side along a dim."""
    if not tensors:
        raise ValueError("torch.cat(): expected a non-empty list of Tensors")
    for k, x in enumerate(tensors):
        if not x._spec.ndim:
            raise RuntimeError(f"zero-dimensional tensor (at position {k}) cannot be concatenated")
    kept = [x for x in tensors if not _legacy_empty(x._spec)]
    first = kept[0] if kept else tensors[0]
    d = dim_of(dim, first._spec.ndim, "cat")
    shape = tuple(first._spec.shape)
    for k, x in enumerate(tensors):
        if _legacy_empty(x._spec):
            continue
        other = tuple(x._spec.shape)
        if len(other) != len(shape):
            raise RuntimeError(
                f"Tensors must have same number of dimensions: got {len(shape)} and {len(other)}"
            )
        for j, (n, m) in enumerate(zip(shape, other)):
            if j != d and n != m:
                raise RuntimeError(
                    f"Sizes of tensors must match except in dimension {d}. Expected size {n} but "
                    f"got size {m} for tensor number {k} in the list."
                )
    # Those that are skipped still have a say in the dtype.
    given = [
        x if not _legacy_empty(x._spec) or not kept else _emptied(x, shape, d) for x in tensors
    ]
    found: Tensor = apply(joined, given, dim=d)
    return found


def _emptied(x: Tensor, shape: tuple[int, ...], d: int) -> Tensor:
    return reshaped(x, (*shape[:d], 0, *shape[d + 1 :]))


@public("cat", "concat", "concatenate", method=False, out=True)
def cat(tensors: Any, dim: int = 0, **named: Any) -> Tensor:
    """Return tensors side by side along a dim.

    Raises
    ------
    RuntimeError
        If sizes differ in another dim.
    ValueError
        If there are no tensors.

    Examples
    --------
    >>> import tapejit.torch as torch
    >>> torch.cat([torch.zeros(2), torch.ones(1)])
    tensor([0., 0., 1.])
    """
    dim = named.pop("axis", dim)
    if named:
        raise TypeError(f"cat() got an unexpected keyword argument '{next(iter(named))}'")
    return cat_of(tensor_list(tensors, "cat"), dim)


@public(method=False, out=True)
def stack(tensors: Any, dim: int = 0) -> Tensor:
    """Return tensors of one shape side by side along a new dim.

    Examples
    --------
    >>> import tapejit.torch as torch
    >>> torch.stack([torch.zeros(2), torch.ones(2)], dim=1)
    tensor([[0., 1.],
            [0., 1.]])
    """
    given = tensor_list(tensors, "stack")
    if not given:
        raise RuntimeError("stack expects a non-empty TensorList")
    shape = tuple(given[0]._spec.shape)
    d = dim_of(dim, len(shape) + 1, "stack")
    for k, x in enumerate(given):
        if tuple(x._spec.shape) != shape:
            raise RuntimeError(
                f"stack expects each tensor to be equal size, but got {list(shape)} at entry 0 and "
                f"{list(x._spec.shape)} at entry {k}"
            )
    found: Tensor = apply(stacked, given, dim=d)
    return found


@public(method=False, out=True)
def hstack(tensors: Any) -> Tensor:
    """Return tensors side by side in columns, vectors one after the other."""
    given = list(atleast_1d(_some(tensors, "hstack")))
    return cat_of(given, 0 if given[0]._spec.ndim == 1 else 1)


@public("vstack", "row_stack", method=False, out=True)
def vstack(tensors: Any) -> Tensor:
    """Return tensors below each other in rows."""
    return cat_of(list(atleast_2d(_some(tensors, "vstack"))), 0)


@public(method=False, out=True)
def dstack(tensors: Any) -> Tensor:
    """Return tensors behind each other, along the third dim."""
    return cat_of(list(atleast_3d(_some(tensors, "dstack"))), 2)


@public(method=False, out=True)
def column_stack(tensors: Any) -> Tensor:
    """Return tensors side by side in columns, vectors as columns."""
    given = _some(tensors, "column_stack")
    columns = [reshaped(x, (x._spec.numel, 1)) if x._spec.ndim <= 1 else x for x in given]
    return hstack(columns)


def _some(tensors: Any, function: str) -> list[Tensor]:
    given = tensor_list(tensors, function)
    if not given:
        raise RuntimeError(f"{function} expects a non-empty TensorList")
    return given


@public(method=False)
def block_diag(*tensors: Any) -> Tensor:
    """Return matrices along the diagonal of one; vectors count as rows."""
    for k, x in enumerate(tensors):
        need_tensor(x, "block_diag", "tensors", k + 1)
        if x._spec.ndim > 2:
            raise RuntimeError(
                "torch.block_diag: Input tensors must have 2 or fewer dimensions. Input "
                f"{k} has {x._spec.ndim} dimensions"
            )
    if not tensors:
        from .creation import empty

        return empty(1, 0)
    found: Tensor = apply(blocks, [atleast_2d(x) for x in tensors])
    return found


# ---------------------------------------------------------------- grids


@public(method=False)
def meshgrid(*tensors: Any, indexing: str | None = None) -> tuple[Tensor, ...]:
    """Return the coordinates of a grid: views of vectors, each along a dim of its own.

    Parameters
    ----------
    indexing : {"ij", "xy"}
        Whether the first vector runs along the first dim or the second; PyTorch warns if it is
        not given, and takes "ij".
    """
    import warnings

    if len(tensors) == 1 and isinstance(tensors[0], (list, tuple)):
        tensors = tuple(tensors[0])
    if indexing is None:
        warnings.warn(
            "torch.meshgrid: in an upcoming release, it will be required to pass the indexing "
            "argument.",
            UserWarning,
            stacklevel=2,
        )
        indexing = "ij"
    if indexing not in ("ij", "xy"):
        raise RuntimeError(
            f'torch.meshgrid: indexing must be one of "xy" or "ij", but received: {indexing}'
        )
    for k, x in enumerate(tensors):
        need_tensor(x, "meshgrid", "tensors", k + 1)
        if x._spec.ndim > 1:
            raise RuntimeError(
                "torch.meshgrid: Expected 0D or 1D tensor in the tensor list but got: "
                f"{x._spec.ndim}D"
            )
    if not tensors:
        raise RuntimeError("meshgrid expects a non-empty TensorList")
    if len({x._spec.np for x in tensors}) > 1:
        raise RuntimeError("torch.meshgrid expects all tensors to have the same dtype")
    swapped = indexing == "xy" and len(tensors) > 1
    given = [tensors[1], tensors[0], *tensors[2:]] if swapped else list(tensors)
    shape = tuple(x._spec.numel for x in given)
    grids = []
    for k, x in enumerate(given):
        lone = reshaped(x, tuple(x._spec.numel if j == k else 1 for j in range(len(given))))
        grids.append(expanded(lone, shape))
    if swapped:
        grids[0], grids[1] = grids[1], grids[0]
    return tuple(grids)


@public(method=False)
def cartesian_prod(*tensors: Any) -> Tensor:
    """Return all combinations of the elements of vectors, one in a row."""
    if len(tensors) == 1 and isinstance(tensors[0], (list, tuple)):
        tensors = tuple(tensors[0])
    for k, x in enumerate(tensors):
        need_tensor(x, "cartesian_prod", "tensors", k + 1)
        if x._spec.ndim != 1:
            raise RuntimeError(f"Expect a 1D vector, but got shape {list(x._spec.shape)}")
    if len(tensors) == 1:
        found: Tensor = tensors[0]
        return found
    return stack([reshaped(g, (g._spec.numel,)) for g in meshgrid(*tensors, indexing="ij")], 1)


@op(
    "vander",
    node=lambda params, args: (
        "torch::autograd::CopySlices" if params["increasing"] else "FlipBackward0"
    ),
    saves=((0,),),
)
def powers(x: Any, *, n: int, increasing: bool) -> Any:
    """Powers of the elements of a vector, one row for each."""
    return to(np.vander(x, n, increasing), str(x.dtype))


@public(method=False)
def vander(x: Tensor, N: Any = None, increasing: bool = False) -> Tensor:
    """Return the matrix of powers of a vector, from N - 1 down to 0, or up."""
    need_tensor(x, "vander", "x")
    if x._spec.ndim != 1:
        raise RuntimeError("x must be a one-dimensional tensor.")
    n = x._spec.numel if N is None else whole(N, "vander", "N")
    if n < 0:
        raise RuntimeError("N must be non-negative.")
    found: Tensor = apply(powers, (x,), n=n, increasing=bool(increasing))
    return found


@public()
def combinations(input: Tensor, r: int = 2, with_replacement: bool = False) -> Tensor:
    """Return all combinations of `r` elements of a vector, one in a row, in order."""
    import itertools

    from .gathers import masked_at

    need_tensor(input, "combinations")
    if input._spec.ndim != 1:
        raise RuntimeError(f"Expect a 1D vector, but got shape {list(input._spec.shape)}")
    if r < 0:
        raise RuntimeError(f"Expect a non-negative number, but got {r}")
    n = input._spec.numel
    if r == 0:
        return made(np.zeros(0, input._spec.np))
    choose = itertools.combinations_with_replacement if with_replacement else itertools.combinations
    rows = np.array(list(choose(range(n), r)), np.int64).reshape(-1, r)
    return stack([masked_at(input, rows[:, k].copy(), (n,)) for k in range(r)], 1)
