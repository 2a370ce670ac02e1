"""What an index says: a basic part, which is a view, and tensors of positions, which gather.

Items are read from left to right, as PyTorch does: integers, slices, None and Ellipsis make a view
at once; what is left are tensors of integers (a mask counts as the positions where it is true, so
its values are looked at), each at a dim of that view. An integer among tensors is therefore a view
first and does not take part in their broadcasting: ``x[0, :, [0, 1]]`` has the shape (n, 2), where
NumPy's has (2, n).
"""

from __future__ import annotations

import operator
import warnings
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ..spec import Spec
from ..tensor import Tensor
from .memory import FULL


class Key(NamedTuple):
    """A parsed index.

    Attributes
    ----------
    basic : tuple
        Ints, ``(start, stop, step)``, None and Ellipsis: the view; None for all of the tensor as
        it is.
    node : str
        The node of the view.
    tensors : list
        For each dim of the view, a tensor of positions or None; without the Nones at the end.
    whole : bool
        Whether the view is the whole tensor in its own shape.
    """

    basic: tuple[Any, ...]
    node: str
    tensors: list[Tensor | None]
    whole: bool


def fast_key(spec: Spec, index: Any) -> Any:
    """Return something hashable that stands for a basic index of a spec; None for other indices."""
    kind = type(index)
    if kind is int:
        return (spec, index)
    if kind is slice:
        return (spec, slice, index.start, index.stop, index.step)
    if kind is tuple:
        key: list[Any] = [spec, tuple]
        for i in index:
            k = type(i)
            if k is int or i is None or i is Ellipsis:
                key.append(i)
            elif k is slice:
                key.append((i.start, i.stop, i.step))
            else:
                return None
        return tuple(key)
    return (spec, index) if index is None or index is Ellipsis else None


def parse(t: Tensor, index: Any) -> Key:
    """Read an index of a tensor.

    Raises
    ------
    IndexError
        If there are too many items, one is out of bounds or of a type that is no index, or a mask
        has another shape than what it masks.
    """
    spec = t._spec
    items = _items(index)
    ndim = spec.ndim
    used = sum(_dims_of(i) for i in items)
    if used > ndim:
        if ndim == 0 and not isinstance(index, tuple) and isinstance(index, slice):
            raise IndexError("slice() cannot be applied to a 0-dim tensor.")
        if ndim == 0:
            raise IndexError(
                "invalid index of a 0-dim tensor. Use `tensor.item()` in Python or "
                "`tensor.item<T>()` in C++ to convert a 0-dim tensor to a number"
            )
        raise IndexError(f"too many indices for tensor of dimension {ndim}")
    basic: list[Any] = []
    tensors: list[Tensor | None] = []
    shape: list[int] = []  # of the view so far
    node, plain = "AliasBackward0", True
    dim = 0
    for item in items:
        if item is Ellipsis:
            skipped = ndim - used if Ellipsis not in basic else 0
            basic.append(Ellipsis if Ellipsis not in basic else FULL)
            if not skipped and basic[-1] == FULL:
                basic.pop()
            shape += spec.shape[dim : dim + skipped]
            tensors += [None] * skipped
            dim += skipped
        elif item is None:
            basic.append(None)
            node, plain = "UnsqueezeBackward0", False
            shape.append(1)
            tensors.append(None)
        elif isinstance(item, slice):
            bounds = _slice(item, spec.shape[dim])
            if bounds != (0, spec.shape[dim], 1) or (
                len(items) == 1 and not isinstance(index, tuple)
            ):
                node = "SliceBackward0"
                plain = plain and bounds == (0, spec.shape[dim], 1)
            basic.append(bounds)
            shape.append(len(range(*bounds)))
            tensors.append(None)
            dim += 1
        elif isinstance(item, Tensor) and not (item._spec.ndim == 0 and item._spec.np.kind == "b"):
            mask = item._spec.np.kind == "b" or item._spec.np == np.uint8
            if mask and item._spec.ndim == 0:
                basic.append(None)
                plain = False
                shape.append(1)
                tensors.append(_positions(_flag(bool(item._value()))))
                continue
            n = item._spec.ndim if mask else 1
            if mask:
                _check_mask(item, tuple(spec.shape[dim:]), len(shape), spec)
                tensors += _masked(item)
            else:
                tensors.append(item)
            basic += [FULL] * n
            shape += spec.shape[dim : dim + n]
            dim += n
        elif isinstance(item, (bool, Tensor)):
            flag = item if isinstance(item, bool) else bool(item._value())
            basic.append(None)
            node, plain = "UnsqueezeBackward0", False
            shape.append(1)
            tensors.append(_positions(_flag(flag)))
        else:
            k, n = operator.index(item), spec.shape[dim]
            if not -n <= k < n:
                raise IndexError(f"index {k} is out of bounds for dimension {dim} with size {n}")
            basic.append(k % n)
            node, plain = "SelectBackward0", False
            dim += 1
    while tensors and tensors[-1] is None:
        tensors.pop()
    return Key(tuple(basic), node, tensors, plain)


def _items(index: Any) -> list[Any]:
    """Return the items of an index, lists and arrays among them as tensors."""
    if isinstance(index, list) and any(
        isinstance(i, (slice, Tensor, list, tuple, np.ndarray)) or i is None or i is Ellipsis
        for i in index
    ):
        warnings.warn(
            "Using a non-tuple sequence for multidimensional indexing is deprecated and will be "
            "changed in pytorch 2.9; use x[tuple(seq)] instead of x[seq].",
            UserWarning,
            stacklevel=4,
        )
        index = tuple(index)
    given = index if isinstance(index, tuple) and not hasattr(index, "numel") else None
    if given is None:
        given = tuple(index) if isinstance(index, tuple) else (index,)
    return [_item(i) for i in given]


def _item(i: Any) -> Any:
    if i is None or i is Ellipsis or isinstance(i, (bool, int, slice)):
        return i
    if isinstance(i, Tensor):
        return _tensor_item(i)
    if isinstance(i, (np.ndarray, list, tuple, range)):
        from .from_data import as_tensor, made

        if isinstance(i, np.ndarray):
            found = made(np.array(i))
        else:
            found = as_tensor(i)
        if not found._spec.numel:
            found = made(np.zeros(tuple(found._spec.shape), np.int64))
        elif found._spec.np.kind == "f":  # of a sequence, PyTorch takes the integer parts
            found = made(np.asarray(found._value()).astype(np.int64))
        return _tensor_item(found)
    if isinstance(i, str):
        raise TypeError("new(): invalid data type 'str'")
    if isinstance(i, np.bool_) or not hasattr(i, "__index__"):
        raise IndexError(
            "only integers, slices (`:`), ellipsis (`...`), None and long or byte Variables are "
            f"valid indices (got {type(i).__name__})"
        )
    return operator.index(i)


def _tensor_item(i: Tensor) -> Any:
    kind = i._spec.np
    if kind == np.uint8 and i._spec.ndim:
        warnings.warn(
            "indexing with dtype torch.uint8 is now deprecated, please use a dtype torch.bool "
            "instead.",
            UserWarning,
            stacklevel=6,
        )
    elif kind.kind != "b" and kind not in (np.int64, np.int32):
        raise IndexError("tensors used as indices must be long, int, byte or bool tensors")
    if i._spec.ndim == 0 and kind.kind == "i":
        return int(i._value())
    return i


def _dims_of(item: Any) -> int:
    if item is None or item is Ellipsis or isinstance(item, bool):
        return 0
    if isinstance(item, Tensor) and (item._spec.np.kind == "b" or item._spec.np == np.uint8):
        return item._spec.ndim
    return 1


def _slice(item: slice, n: int) -> tuple[int, int, int]:
    for bound in (item.start, item.stop, item.step):
        if bound is not None and not hasattr(bound, "__index__"):
            raise TypeError("slice indices must be integers or None or have an __index__ method")
    step = 1 if item.step is None else operator.index(item.step)
    if step <= 0:
        raise ValueError("step must be greater than zero")
    start, stop, _ = slice(item.start, item.stop).indices(n)
    return start, max(start, stop), step


def _flag(flag: bool) -> Any:
    return np.array([flag])


def _positions(mask: Any) -> Tensor:
    from .from_data import made

    return made(np.flatnonzero(mask))


def _check_mask(mask: Tensor, shape: tuple[int, ...], at: int, spec: Spec) -> None:
    for k, n in enumerate(mask._spec.shape):
        if shape[k] != n:
            raise IndexError(
                f"The shape of the mask {list(mask._spec.shape)} at index {k} does not match the "
                f"shape of the indexed tensor {list(spec.shape)} at index {at + k}"
            )


def _masked(mask: Tensor) -> list[Tensor]:
    from .from_data import made

    return [made(i) for i in np.nonzero(np.asarray(mask._value()))]


def checked(positions: Sequence[Tensor | None], shape: Sequence[int]) -> tuple[int, ...]:
    """Check tensors of positions against the dims they index; return their common shape.

    Raises
    ------
    IndexError
        If a position is out of bounds or shapes do not broadcast.
    """
    shapes = [tuple(p._spec.shape) for p in positions if p is not None]
    try:
        common = np.broadcast_shapes(*shapes)
    except ValueError:
        text = ", ".join(str(list(s)) for s in shapes)
        raise IndexError(
            f"shape mismatch: indexing tensors could not be broadcast together with shapes {text}"
        ) from None
    if 0 not in common:
        for k, p in enumerate(positions):
            if p is not None:
                in_bounds(p, shape[k], k)
    return common


def in_bounds(p: Tensor, n: int, dim: int) -> None:
    """Raise IndexError if a position is not one of a dim of size n."""
    values = np.asarray(p._value())
    low, high = int(values.min()), int(values.max())
    if low < -n or high >= n:
        wrong = high if high >= n else low
        raise IndexError(f"index {wrong} is out of bounds for dimension {dim} with size {n}")
