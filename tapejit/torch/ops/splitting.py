"""Splits: one tensor as several views, side by side along a dim."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..hot import table
from ..surface import public
from ..tensor import Tensor
from .arguments import dim_of, ints_of, is_int, need_tensor, whole
from .memory import FULL
from .record_view import part_code, view_of, views_of
from .viewing import part, unbind_view


@public()
def unbind(input: Tensor, dim: int = 0) -> tuple[Tensor, ...]:
    """Return the views of all places of a dim.

    Examples
    --------
    >>> import tapejit.torch as torch
    >>> torch.arange(4).reshape(2, 2).unbind()
    (tensor([0, 1]), tensor([2, 3]))
    """
    need_tensor(input, "unbind")
    spec = input._spec
    d = dim_of(dim, spec.ndim, "unbind")
    if not spec.ndim:
        raise RuntimeError("Dimension specified as 0 but tensor has no dimensions")
    lead = (FULL,) * d
    return tuple(
        view_of(input, part_code(unbind_view, input, (*lead, k), dim=d, index=k))
        for k in range(spec.shape[d])
    )


def _parts(input: Tensor, dim: int, sizes: Sequence[int], node: str) -> tuple[Tensor, ...]:
    made, at = [], 0
    for k, n in enumerate(sizes):
        made.append(part(input, dim, at, at + n, node, k))
        at += n
    return tuple(made)


def _sections(n: int, size: int) -> list[int]:
    """Return the lengths of pieces of one size, the last one shorter; one empty piece of nothing."""
    if n == 0:
        return [0]
    return [min(size, n - at) for at in range(0, n, size)]


def _dim_to_split(input: Tensor, dim: Any, function: str) -> int:
    if not input._spec.ndim:
        raise RuntimeError(f"{function} expects at least a 1-dimensional tensor")
    return dim_of(dim, input._spec.ndim, function)


@public(method=False)
def split(tensor: Tensor, split_size_or_sections: Any, dim: int = 0) -> tuple[Tensor, ...]:
    """Return views of pieces of one size, or of given sizes, along a dim.

    Raises
    ------
    RuntimeError
        If the sizes do not add up to the dim's.
    """
    need_tensor(tensor, "split", "tensor")
    d = _dim_to_split(tensor, dim, "split")
    n = tensor._spec.shape[d]
    if is_int(split_size_or_sections):
        size = whole(split_size_or_sections, "split", "split_size")
        if size < 0:
            raise RuntimeError(
                f"split expects split_size be non-negative, but got split_size={size}"
            )
        if size == 0 and n:
            raise RuntimeError(
                f"split_size can only be 0 if dimension size is 0, but got dimension size of {n}"
            )
        return _parts(tensor, d, _sections(n, size), "SplitBackward0")
    sizes = ints_of(split_size_or_sections, "split", "split_sizes")
    if sum(sizes) != n or any(k < 0 for k in sizes):
        raise RuntimeError(
            f"split_with_sizes expects split_sizes to sum exactly to {n} (input tensor's size at "
            f"dimension {d}), but got split_sizes={list(sizes)}"
        )
    return _parts(tensor, d, sizes, "SplitWithSizesBackward0")


@public("split", function=False)
def _split_method(self: Tensor, split_size: Any, dim: int = 0) -> tuple[Tensor, ...]:
    """Return views of pieces of one size, or of given sizes, along a dim."""
    return split(self, split_size, dim)


@public()
def split_with_sizes(input: Tensor, split_sizes: Any, dim: int = 0) -> tuple[Tensor, ...]:
    """Return views of pieces of given sizes along a dim."""
    need_tensor(input, "split_with_sizes")
    return split(input, tuple(split_sizes), dim)


@public()
def chunk(input: Tensor, chunks: int, dim: int = 0) -> tuple[Tensor, ...]:
    """Return at most `chunks` views of pieces of one size, the last one shorter."""
    key = (getattr(input, "_spec", None), chunks, type(chunks), dim, type(dim))
    known = _CHUNKS.get(key)
    if known is None:
        made = _chunk(input, chunks, dim)
        codes = [_code(y) for y in made]
        if None not in codes:
            _CHUNKS[key] = codes
        return made
    return views_of(input, known)


_CHUNKS: dict[Any, Any] = table()


def _code(view: Tensor) -> int | None:
    """Return the code of a view that has just been made."""
    return None if view._more is None else view._more.code


def _chunk(input: Tensor, chunks: int, dim: int) -> tuple[Tensor, ...]:
    need_tensor(input, "chunk")
    d = _dim_to_split(input, dim, "chunk")
    k = whole(chunks, "chunk", "chunks")
    if k <= 0:
        raise RuntimeError(f"chunk expects `chunks` to be greater than 0, got: {k}")
    n = input._spec.shape[d]
    if n == 0:
        return _parts(input, d, [0] * k, "SplitWithSizesBackward0")
    return _parts(input, d, _sections(n, -(-n // k)), "SplitBackward0")


@public()
def tensor_split(input: Tensor, indices_or_sections: Any, dim: int = 0, **named: Any) -> Any:
    """Return views of pieces of nearly one size, or of pieces that end at given places."""
    need_tensor(input, "tensor_split")
    d = _dim_to_split(input, dim, "tensor_split")
    n = input._spec.shape[d]
    given = indices_or_sections
    if isinstance(given, Tensor):
        given = given.tolist()
    if is_int(given):
        k = whole(given, "tensor_split", "sections")
        if k <= 0:
            raise RuntimeError(f"number of sections must be larger than 0, got {k}")
        size, more = divmod(n, k)
        return _parts(input, d, [size + 1] * more + [size] * (k - more), "SliceBackward0")
    places = ints_of(given, "tensor_split", "indices")
    bounds = [slice(0, p).indices(n)[1] for p in places]
    starts, stops = [0, *bounds], [*bounds, n]
    return tuple(part(input, d, a, max(a, b)) for a, b in zip(starts, stops))


def _by_dim(name: str, least: int, doc: str) -> None:
    def split_by(input: Tensor, indices_or_sections: Any) -> Any:
        need_tensor(input, name)
        ndim = input._spec.ndim
        if ndim < least:
            raise RuntimeError(
                f"torch.{name} requires a tensor with at least {least} dimension, but got a tensor "
                f"with {ndim} dimensions!"
            )
        d = {"hsplit": 0 if ndim == 1 else 1, "vsplit": 0, "dsplit": 2}[name]
        if is_int(indices_or_sections):
            k, n = whole(indices_or_sections, name, "sections"), input._spec.shape[d]
            if k <= 0 or n % k:
                raise RuntimeError(
                    f"torch.{name} attempted to split along dimension {d}, but the size of the "
                    f"dimension {n} is not divisible by the split_size {k}!"
                )
        return tensor_split(input, indices_or_sections, d)

    split_by.__name__ = name
    split_by.__doc__ = doc
    public(name)(split_by)


_by_dim("hsplit", 1, "Split along columns, a vector along its only dim.")
_by_dim("vsplit", 2, "Split along rows.")
_by_dim("dsplit", 3, "Split along the third dim.")
