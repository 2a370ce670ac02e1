"""Changes of a tensor's own shape in place (`t_`, `unsqueeze_`, ..), and views by strides.

A tensor whose shape changes while others share its memory becomes a view: what it was goes on as a
hidden base, which its other views then hang on. Writes reach all of them as before.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..codes import CODES, LEAF, PLAIN, Op, op
from ..emit import _new_code, apply
from ..record import LOCAL
from ..surface import public
from ..tensor import More, Tensor
from .arguments import dim_of, dims_of, ints_of, need_tensor, new_size, whole
from .from_data import made
from .layout import storage_offset
from .memory import is_contiguous, strides_of
from .viewing import (
    squeeze_view,
    t_view,
    transpose_view,
    unsqueeze_view,
)

# ---------------------------------------------------------------- by strides


def _places(size: tuple[int, ...], stride: tuple[int, ...], offset: int) -> Any:
    """Return the flat positions of the elements of a strided view."""
    at = np.full(size, offset)
    for k, (n, s) in enumerate(zip(size, stride)):
        at = at + np.reshape(np.arange(n) * s, (-1,) + (1,) * (len(size) - 1 - k))
    return at


def _write_strided(base: Any, new: Any, *, size: Any, stride: Any, offset: int, node: str) -> Any:
    out = np.reshape(np.copy(base), (-1,))
    out[np.reshape(_places(size, stride, offset), (-1,))] = np.reshape(new, (-1,))
    return np.reshape(out, base.shape)


@op(
    "as_strided",
    node=lambda params, args: params["node"],
    saves=((),),
    view=True,
    write=_write_strided,
)
def strided_view(x: Any, *, size: Any, stride: Any, offset: int, node: str) -> Any:
    """Elements of the base at steps of its flat memory."""
    flat = np.reshape(x, (-1,))
    if type(flat) is np.ndarray:
        steps = [s * flat.itemsize for s in stride]
        return np.lib.stride_tricks.as_strided(flat[offset:], size, steps)
    return flat[_places(size, stride, offset)]


def _strided(input: Tensor, size: Any, stride: Any, storage_offset_: Any, node: str) -> Any:
    need_tensor(input, "as_strided")
    shape = new_size(ints_of(size, "as_strided", "size"))
    steps = ints_of(stride, "as_strided", "stride")
    if len(shape) != len(steps):
        raise RuntimeError("mismatch in length of strides and shape")
    if any(s < 0 for s in steps):
        raise RuntimeError(
            "as_strided: Negative strides are not supported at the moment, got strides: "
            f"{list(steps)}"
        )
    more = input._more
    root = input if more is None or more.base is None else more.root
    if root._spec.strides is not None:
        raise NotImplementedError(
            "as_strided(): the memory of an array with holes, given by from_numpy, is not supported"
        )
    if storage_offset_ is None:
        offset = storage_offset(input)
    else:
        offset = whole(storage_offset_, "as_strided", "storage_offset")
    last = offset + sum((n - 1) * s for n, s in zip(shape, steps))
    if 0 not in shape and last >= root._spec.numel:
        size_in_bytes = (last + 1) * root._spec.np.itemsize
        raise RuntimeError(
            f"setStorage: sizes {list(shape)}, strides {list(steps)}, storage offset {offset}, and "
            f"itemsize {root._spec.np.itemsize} requiring a storage size of {size_in_bytes} are "
            f"out of bounds for storage of size {root._spec.numel * root._spec.np.itemsize}"
        )
    base = input
    while base._more is not None and base._more.base is not None:
        if base._more.detached or base._kind & 3 == LEAF:
            break
        base = base._more.base
    if base is not root:  # gradients do not lead beyond this name
        if base._kind_now() == PLAIN:
            return root.detach(), {"size": shape, "stride": steps, "offset": offset, "node": node}
        offset -= storage_offset(base)
        within = 0 in shape or (offset >= 0 and last - storage_offset(base) < base._spec.numel)
        if not is_contiguous(base._spec) or not within:
            raise NotImplementedError("as_strided(): beyond a detached part that requires grad")
        root = base
    return root, {"size": shape, "stride": steps, "offset": offset, "node": node}


@public()
def as_strided(input: Tensor, size: Any, stride: Any, storage_offset: Any = None) -> Tensor:
    """Return the view of a tensor's memory with given sizes, steps and start, in elements.

    Raises
    ------
    RuntimeError
        If it would reach beyond the memory.
    """
    root, params = _strided(input, size, stride, storage_offset, "AsStridedBackward0")
    found: Tensor = apply(strided_view, (root,), **params)
    return found


@public("fill_diagonal_", function=False)
def fill_diagonal_(self: Tensor, fill_value: Any, wrap: bool = False) -> Tensor:
    """Write a number to the main diagonal and return this tensor.

    Parameters
    ----------
    wrap : bool
        Whether the diagonal of a tall matrix starts again below.
    """
    shape, n = tuple(self._spec.shape), self._spec.ndim
    if n < 2:
        raise RuntimeError("dimensions must larger than 1")
    if n > 2 and len(set(shape)) > 1:
        raise RuntimeError("all dimensions of input must be of equal length")
    strides = strides_of(self._spec)
    length, step = min(shape), sum(strides)
    as_strided(self, (length,), (step,), storage_offset(self)).fill_(fill_value)
    if wrap and n == 2 and shape[0] > shape[1] + 1:
        at = (shape[1] + 1) * strides[0]
        while at < shape[0] * strides[0]:
            left = shape[0] - at // strides[0]
            part = as_strided(self, (min(shape[1], left),), (step,), storage_offset(self) + at)
            part.fill_(fill_value)
            at += (shape[1] + 1) * strides[0]
    return self


# ---------------------------------------------------------------- shapes in place


def _twin(view: Op, node: str) -> Op:
    """Return a view operation under the node name of its form in place."""

    def impl(x: Any, **params: Any) -> Any:
        return view.impl(x, **params)

    return op(f"{view.name}_in_place_{node}", node=node, saves=((),), view=True)(impl)


def rebased(self: Tensor, view: Op, **params: Any) -> Tensor:
    """Make a tensor a view of what it was."""
    rec = LOCAL.rec
    if self._check_inplace(rec, uniform=True):
        return _leaf_rebased(self, view, params)
    if self._serial != rec.serial:
        rec.admit(self)
    base = Tensor(self._serial, self._slot, self._spec, self._kind)
    for name in ("_array", "_graph", "_more", "_ver", "_hidden"):
        setattr(base, name, getattr(self, name))
    slot = base._slot
    if rec.owners[slot] is self:
        rec.owners[slot] = base
    rec.sources = [(s, base if t is self else t, v) for s, t, v in rec.sources]
    if self._array is not None:
        self._array = None
    more = base._more
    if more is not None:
        if more.base is not None:
            above = more.base._more
            assert above is not None
            above.adopt(base)
        for ref in more.views:
            child = ref()
            if child is not None and child._more is not None:
                child._more.base = base
                _root(child, self, base)
    first = _new_code(view, (base,), params)
    spec = CODES[first].specs[0]
    mine = More()
    mine.base = base
    root = mine.root = base if more is None or more.base is None else more.root
    if more is None:
        base._more = More()
    assert base._more is not None
    mine.code, mine.detached = first, False
    root._ver += 1
    mine.seen = root._ver
    if more is not None and more.base is not None:
        more.seen = root._ver
    self._more, self._spec, self._graph = mine, spec, None
    self._kind = base._kind if rec.grad else 0
    base._more.adopt(self)
    rec.code += (first + (self._kind & 1), slot)
    self._serial, self._slot = rec.serial, len(rec.owners)
    rec.owners.append(self)
    return self


def _root(view: Tensor, old: Tensor, new: Tensor) -> None:
    more = view._more
    if more is None:
        return
    if more.root is old:
        more.root = new
    for ref in more.views:
        child = ref()
        if child is not None:
            _root(child, old, new)


def _leaf_rebased(self: Tensor, view: Op, params: dict[str, Any]) -> Tensor:
    """Give a leaf that requires grad, outside of autograd, another shape."""
    more = self._more
    if more is not None and any(v() is not None for v in more.views):
        raise RuntimeError(
            f"{view.name}: the shape of a leaf that requires grad cannot change in place while views "
            "of it exist"
        )
    self._value()
    value = np.array(view.impl(np.asarray(self._value()), **params), order="C")
    from ..spec import spec_of

    self._spec = spec_of(value.dtype, value.shape)
    self._array = value if value.ndim else value[()]
    self._serial = 0
    self._ver += 1
    return self


_T = _twin(t_view, "TBackward1")
_TRANSPOSE = _twin(transpose_view, "TransposeBackward1")
_UNSQUEEZE = _twin(unsqueeze_view, "UnsqueezeBackward1")


@public("t_", function=False)
def t_(self: Tensor) -> Tensor:
    """Transpose this matrix in place and return it."""
    if self._spec.ndim > 2:
        raise RuntimeError(
            f"t_() expects a tensor with <= 2 dimensions, but self is {self._spec.ndim}D"
        )
    return rebased(self, _T)


@public("transpose_", "swapaxes_", "swapdims_", function=False)
def transpose_(self: Tensor, dim0: int, dim1: int) -> Tensor:
    """Exchange two dims in place and return this tensor."""
    n = self._spec.ndim
    a, b = dim_of(dim0, n, "transpose_", "dim0"), dim_of(dim1, n, "transpose_", "dim1")
    return rebased(self, _TRANSPOSE, dim0=a, dim1=b)


@public("unsqueeze_", function=False)
def unsqueeze_(self: Tensor, dim: int) -> Tensor:
    """Put in a new dim of size one in place and return this tensor."""
    return rebased(self, _UNSQUEEZE, dim=dim_of(dim, self._spec.ndim + 1, "unsqueeze_"))


@public("squeeze_", function=False)
def squeeze_(self: Tensor, dim: Any = None) -> Tensor:
    """Drop dims of size one in place and return this tensor."""
    spec = self._spec
    if dim is None:
        among, node = tuple(range(spec.ndim)), "SqueezeBackward3"
    else:
        among = dims_of(dim, spec.ndim, "squeeze_", "dim")
        node = "SqueezeBackward5" if isinstance(dim, (tuple, list)) else "SqueezeBackward4"
    dims = tuple(d for d in among if spec.ndim and spec.shape[d] == 1)
    return rebased(self, squeeze_view, dims=dims, node=node)


@public("as_strided_", function=False)
def as_strided_(self: Tensor, size: Any, stride: Any, storage_offset: Any = None) -> Tensor:
    """Show other elements of the same memory in place and return this tensor."""
    root, params = _strided(self, size, stride, storage_offset, "AsStridedBackward1")
    if root is not self:
        raise NotImplementedError("as_strided_(): not of a view; use as_strided")
    return rebased(self, strided_view, **params)


@public("resize_", function=False)
def resize_(self: Tensor, *sizes: Any, memory_format: Any = None) -> Tensor:
    """Give this tensor another size in place, its elements kept in order, zeros where there are none.

    Raises
    ------
    RuntimeError
        If it requires grad, or shares its memory.
    """
    from .arguments import sizes_of
    from .memory_formats import only_contiguous

    only_contiguous("resize_", memory_format)
    shape = new_size(sizes_of(sizes, "resize_", "size"))
    if self._kind_now():
        raise RuntimeError("cannot resize variables that require grad")
    if shape == tuple(self._spec.shape):
        return self
    more = self._more
    if more is not None and (
        more.base is not None or more.exposed or any(v() is not None for v in more.views)
    ):
        raise RuntimeError("resize_(): a tensor that shares its memory cannot be resized here")
    flat = np.asarray(self._value()).reshape(-1)
    array = np.zeros(shape, self._spec.np)
    n = min(flat.size, array.size)
    array.reshape(-1)[:n] = flat[:n]
    from ..autograd_methods import replace_value

    replace_value(self, made(array))
    self._ver += 1
    return self
