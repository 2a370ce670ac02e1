"""The same elements in another shape: views where strides allow, copies elsewhere, and expansion."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..codes import op
from ..dtypes import dtype as DType
from ..emit import apply
from ..hot import table
from ..surface import public
from ..tensor import Tensor
from .arguments import (
    broadcast,
    dim_of,
    expanded_size,
    filled_size,
    ints_of,
    need_tensor,
    sizes_of,
)
from .memory import is_contiguous, view_strides
from .record_view import no_write, view_code, view_of


@op("view", node=lambda params, args: params["node"], saves=((),), view=True)
def view_as_shape(x: Any, *, shape: tuple[int, ...], node: str) -> Any:
    """The elements in row-major order in another shape."""
    return np.reshape(x, shape)


@op("unsafe_view", saves=((),))
def unsafe_view(x: Any, *, shape: tuple[int, ...]) -> Any:
    """The elements of a fresh copy in another shape."""
    return np.reshape(x, shape)


@op("clone", saves=((),))
def cloned(x: Any) -> Any:
    """The same values in memory of their own."""
    return x


def _write_expanded(base: Any, new: Any, *, shape: tuple[int, ...]) -> Any:
    if tuple(base.shape) != shape[len(shape) - base.ndim :] or any(
        n != 1 for n in shape[: len(shape) - base.ndim]
    ):
        no_write(base, new)
    return np.reshape(new, base.shape) + np.zeros(base.shape, base.dtype)


@op("expand", saves=((),), view=True, write=_write_expanded)
def expand_view(x: Any, *, shape: tuple[int, ...]) -> Any:
    """Dims of size one repeated, without memory."""
    return np.broadcast_to(x, shape)


@public()
def clone(input: Tensor, *, memory_format: Any = None) -> Tensor:
    """Copy; the gradient goes through."""
    need_tensor(input, "clone")
    if memory_format is not None:
        from .memory_formats import RANKS, checked_format, copied

        if checked_format("clone", memory_format) in RANKS:
            return copied(input, memory_format, "CloneBackward0")
    made: Tensor = apply(cloned, (input,))
    return made


def viewed(input: Tensor, shape: tuple[int, ...]) -> Tensor:
    """Return a view of a shape with the right number of elements; raise if strides forbid it."""
    if view_strides(input._spec, shape) is None:
        raise RuntimeError(
            "view size is not compatible with input tensor's size and stride (at least one "
            "dimension spans across two contiguous subspaces). Use .reshape(...) instead."
        )
    return view_of(input, view_code(view_as_shape, input, shape=shape, node="ViewBackward0"))


def reshaped(input: Tensor, shape: tuple[int, ...]) -> Tensor:
    """Return a view of a shape, or a copy where strides forbid it."""
    spec = input._spec
    if view_strides(spec, shape) is None:
        made: Tensor = apply(unsafe_view, (apply(cloned, (input,)),), shape=shape)
        return made
    node = "ViewBackward0" if is_contiguous(spec) else "ReshapeAliasBackward0"
    return view_of(input, view_code(view_as_shape, input, shape=shape, node=node))


@public("view", function=False)
def view(self: Tensor, *shape: Any, **named: Any) -> Tensor:
    """Return a view in another shape; one size may be -1.

    Raises
    ------
    RuntimeError
        If the number of elements differs, or elements do not lie so that there is such a view.

    Examples
    --------
    >>> import tapejit.torch as torch
    >>> torch.arange(4).view(2, -1)
    tensor([[0, 1],
            [2, 3]])
    """
    try:
        first = _VIEW.get((self._spec, shape))
    except TypeError:  # a list among the sizes
        first = None
    if first is not None and not named:
        return view_of(self, first)
    if "dtype" in named and not shape:
        shape = (named.pop("dtype"),)
    if "size" in named and not shape:
        shape = (named.pop("size"),)
    if not shape or named:
        raise TypeError(
            "view() received an invalid combination of arguments - got (), but expected one of: "
            "(torch.dtype dtype) or (tuple of ints size)"
        )
    if isinstance(shape[0], DType):
        return _view_bytes(self, shape[0])
    made = viewed(self, filled_size(sizes_of(shape, "view"), self._spec.numel))
    _keep(_VIEW, self, shape, made)
    return made


_VIEW: dict[Any, int] = table()
_RESHAPE: dict[Any, int] = table()
_EXPAND: dict[Any, int] = table()


def _keep(known: dict[Any, int], base: Tensor, shape: Any, made: Tensor) -> None:
    """Note the code of a view for arguments that can be keys."""
    more = made._more
    if more is None or more.base is not base or any(type(n) not in (int, tuple) for n in shape):
        return
    if any(type(k) is not int for n in shape if type(n) is tuple for k in n):
        return
    known[(base._spec, tuple(shape))] = more.code


def _view_bytes(self: Tensor, dtype: DType) -> Tensor:
    if dtype is self._spec.dtype:
        from .viewing import alias_view

        return view_of(self, view_code(alias_view, self))
    raise NotImplementedError(
        f"view(): the bytes of a {self._spec.dtype} tensor as {dtype} are not supported; "
        "use .to(dtype) for the values"
    )


@public("reshape", method=False)
def reshape(input: Tensor, shape: Any) -> Tensor:
    """Return the elements in another shape: a view where possible; one size may be -1."""
    need_tensor(input, "reshape")
    return reshaped(input, filled_size(ints_of(shape, "reshape", "shape"), input._spec.numel))


@public("reshape", function=False)
def _reshape_method(self: Tensor, *shape: Any, **named: Any) -> Tensor:
    """Return the elements in another shape, sizes given one by one or as a tuple."""
    try:
        first = _RESHAPE.get((self._spec, shape))
    except TypeError:
        first = None
    if first is not None and not named:
        return view_of(self, first)
    if "shape" in named and not shape:
        shape = (named.pop("shape"),)
    if not shape or named:
        raise TypeError('reshape() missing 1 required positional arguments: "shape"')
    made = reshaped(self, filled_size(sizes_of(shape, "reshape", "shape"), self._spec.numel))
    _keep(_RESHAPE, self, shape, made)
    return made


@public(function=False)
def view_as(self: Tensor, other: Tensor) -> Tensor:
    """Return a view in the shape of another tensor."""
    need_tensor(other, "view_as", "other")
    return view(self, tuple(other._spec.shape))


@public(function=False)
def reshape_as(self: Tensor, other: Tensor) -> Tensor:
    """Return the elements in the shape of another tensor."""
    need_tensor(other, "reshape_as", "other")
    return reshape(self, tuple(other._spec.shape))


@public()
def flatten(input: Tensor, start_dim: int = 0, end_dim: int = -1) -> Tensor:
    """Join neighbouring dims into one.

    Examples
    --------
    >>> import tapejit.torch as torch
    >>> torch.zeros(2, 3, 4).flatten(1).shape
    torch.Size([2, 12])
    """
    need_tensor(input, "flatten")
    shape, n = tuple(input._spec.shape), input._spec.ndim
    first = dim_of(start_dim, n, "flatten", "start_dim")
    last = dim_of(end_dim, n, "flatten", "end_dim")
    if first > last:
        raise RuntimeError("flatten() has invalid args: start_dim cannot come after end_dim")
    if not n:
        return reshaped(input, (1,))
    if first == last:
        return input
    long = 1
    for k in range(first, last + 1):
        long *= shape[k]
    return reshaped(input, (*shape[:first], long, *shape[last + 1 :]))


@public()
def ravel(input: Tensor) -> Tensor:
    """Return all elements as a vector: a view where possible."""
    need_tensor(input, "ravel")
    return viewed(contiguous(input), (input._spec.numel,))


@public()
def unflatten(input: Tensor, dim: int, sizes: Any) -> Tensor:
    """Cut a dim into several; one size may be -1."""
    need_tensor(input, "unflatten")
    shape = tuple(input._spec.shape)
    d = dim_of(dim, input._spec.ndim, "unflatten")
    wanted = ints_of(sizes, "unflatten", "sizes")
    if not wanted:
        raise RuntimeError("unflatten: sizes must be non-empty")
    have = shape[d] if shape else 1
    try:
        found = filled_size(wanted, have)
    except RuntimeError as error:
        if "inferred" in str(error):
            raise
        raise RuntimeError(
            f"unflatten: Provided sizes {list(wanted)} don't multiply up to the size of dim {d} "
            f"({have}) in the input tensor"
        ) from None
    return viewed(input, (*shape[:d], *found, *shape[d + 1 :]))


@public(function=False)
def contiguous(self: Tensor, memory_format: Any = None) -> Tensor:
    """Return this tensor if its elements lie in the order of a format, else a copy that does.

    Raises
    ------
    RuntimeError
        When a format with the channels last does not fit the number of dims.
    """
    if memory_format is not None:
        from .memory_formats import RANKS, checked_format, formatted

        if checked_format("contiguous", memory_format) in RANKS:
            return formatted(self, memory_format, "CloneBackward0")
    if is_contiguous(self._spec):
        return self
    made: Tensor = apply(cloned, (self,))
    return made


# ---------------------------------------------------------------- expansion


def expanded(input: Tensor, size: Sequence[int], function: str = "expand") -> Tensor:
    """Return the view of a tensor broadcast to a size."""
    shape = expanded_size(input._spec, size, function)
    return view_of(input, view_code(expand_view, input, shape=shape))


@public(function=False)
def expand(self: Tensor, *size: Any, implicit: bool = False, **named: Any) -> Tensor:
    """Return a view with dims of size one repeated; -1 keeps a dim as it is."""
    try:
        first = _EXPAND.get((self._spec, size))
    except TypeError:
        first = None
    if first is not None and not named:
        return view_of(self, first)
    if "size" in named and not size:
        size = (named.pop("size"),)
    if named or not size:
        raise TypeError('expand() missing 1 required positional arguments: "size"')
    made = expanded(self, sizes_of(size, "expand"))
    _keep(_EXPAND, self, size, made)
    return made


@public(function=False)
def expand_as(self: Tensor, other: Tensor) -> Tensor:
    """Return a view expanded to the shape of another tensor."""
    need_tensor(other, "expand_as", "other")
    return expanded(self, tuple(other._spec.shape))


@public(method=False)
def expand_copy(input: Tensor, size: Any, *, implicit: bool = False) -> Tensor:
    """Expand and copy."""
    need_tensor(input, "expand_copy")
    shape = expanded_size(input._spec, ints_of(size, "expand_copy", "size"))
    made: Tensor = apply(expanded_copy, (input,), shape=shape)
    return made


@op("expand_copy", node="ExpandBackward0_copy", saves=((),))
def expanded_copy(x: Any, *, shape: tuple[int, ...]) -> Any:
    """Dims of size one repeated."""
    return np.broadcast_to(x, shape)


@public()
def broadcast_to(input: Tensor, size: Any) -> Tensor:
    """Return a view broadcast to a size."""
    need_tensor(input, "broadcast_to")
    return expanded(input, ints_of(size, "broadcast_to", "size"))


@public(method=False)
def broadcast_tensors(*tensors: Any) -> tuple[Tensor, ...]:
    """Return views of all tensors in the shape that they broadcast to."""
    if len(tensors) == 1 and isinstance(tensors[0], (list, tuple)):
        tensors = tuple(tensors[0])
    for k, x in enumerate(tensors):
        need_tensor(x, "broadcast_tensors", "tensors", k + 1)
    shape = broadcast([x._spec.shape for x in tensors])
    return tuple(x if tuple(x._spec.shape) == shape else expanded(x, shape) for x in tensors)


@public(method=False)
def broadcast_shapes(*shapes: Any) -> Any:
    """Return the shape that shapes broadcast to.

    Examples
    --------
    >>> import tapejit.torch as torch
    >>> torch.broadcast_shapes((2, 1), (3,))
    torch.Size([2, 3])
    """
    from ..sizes import Size

    given = [ints_of(s, "broadcast_shapes", "shapes") for s in shapes]
    for s in given:
        if any(n < 0 for n in s):
            raise RuntimeError(
                f"Trying to create tensor with negative dimension ({min(s)}): {list(s)}"
            )
    return Size(broadcast(given))


def _at_least(n: int) -> Any:
    def at_least(*tensors: Any) -> Any:
        if len(tensors) == 1 and not isinstance(tensors[0], (list, tuple)):
            return _widened(need_tensor(tensors[0], f"atleast_{n}d"), n)
        if len(tensors) == 1:
            tensors = tuple(tensors[0])
        return tuple(_widened(need_tensor(x, f"atleast_{n}d"), n) for x in tensors)

    at_least.__name__ = f"atleast_{n}d"
    at_least.__doc__ = f"Return views with at least {n} dims, new ones of size one."
    return at_least


def _widened(x: Tensor, n: int) -> Tensor:
    from .viewing import unsqueeze

    ndim = x._spec.ndim
    if ndim >= n:
        return x
    if ndim == 0:
        return reshaped(x, (1,) * n)
    if n == 2:
        return unsqueeze(x, 0)
    return unsqueeze(unsqueeze(x, 0) if ndim == 1 else x, -1)


atleast_1d = public("atleast_1d", method=False)(_at_least(1))
atleast_2d = public("atleast_2d", method=False)(_at_least(2))
atleast_3d = public("atleast_3d", method=False)(_at_least(3))
