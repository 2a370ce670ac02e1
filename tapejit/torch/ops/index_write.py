"""``x[index] = value``: a write through a view, or a scatter into one.

An index without tensors writes through the view that it names, without making that view: two rows,
the value in the view's shape and the base rewritten. Positions go to `index_put`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..codes import CODES, LEAF, PLAIN, op
from ..emit import apply, emit
from ..operators import write
from ..record import LOCAL, Recorder
from ..spec import Spec
from ..surface import public, rewritten
from ..tensor import Tensor
from ..views import written
from .arguments import TYPES, expanded_size, need_tensor
from .convert import to
from .index_keys import Key, checked, parse
from .index_read import FULL_VIEWS, basic_code, basic_part, code_of, take_at
from .record_view import view_of
from .shared_places import one_for_each, spread, warn

_NUMBERS = (float, int, bool, complex)


@op("setitem_number", node="FillBackward3", saves=((),))
def number_in_shape(value: Any, *, shape: tuple[int, ...], dtype: str) -> Any:
    """A number everywhere."""
    return np.broadcast_to(to(value, dtype), shape)


@op("setitem_value", node="CopyBackwards", saves=((),))
def value_in_shape(value: Any, *, shape: tuple[int, ...], dtype: str) -> Any:
    """A tensor broadcast to a shape, dims of size one in front dropped, in a dtype."""
    if np.dtype(dtype).kind != "c" and np.dtype(value.dtype).kind == "c":
        value = np.real(value)
    while value.ndim > len(shape):
        value = value[0]
    return np.broadcast_to(to(value, dtype), shape)


@op("setitem_all", node=lambda params, args: params["node"], saves=((), ()))
def replaced(x: Any, value: Any, *, shape: tuple[int, ...], dtype: str, node: str) -> Any:
    """The value in place of the whole tensor."""
    if not hasattr(value, "ndim") or not value.ndim:
        return np.broadcast_to(to(value, dtype), shape)
    return np.broadcast_to(value_in_shape.impl(value, shape=shape, dtype=dtype), shape)


@op("index_put", saves=((2,), (2,), ()))
def put_at(x: Any, value: Any, *positions: Any, dims: tuple[bool, ...], accumulate: bool) -> Any:
    """The tensor with values at positions, set or added."""
    given = iter(positions)
    index = tuple(next(given) if there else slice(None) for there in dims)
    out = np.copy(x)
    value = to(value, x.dtype)
    if accumulate:
        np.add.at(out, index, value)  # type: ignore[arg-type]
    else:
        out[index] = value
    return out


@op("index_put_mask", node="IndexPutBackward0", saves=((2,), (2,), ()))
def put_where(x: Any, value: Any, mask: Any) -> Any:
    """The tensor with one number where a mask of its first dims is true."""
    mask = np.reshape(mask, mask.shape + (1,) * (x.ndim - mask.ndim))
    return np.where(mask, to(value, x.dtype), x)


def setitem(self: Tensor, index: Any, value: Any) -> None:
    """Write a number or a tensor into the part that an index names."""
    value = _value(self, value)
    first = basic_code(self, index)
    if first is None:
        if _is_mask_write(self, index, value):
            self_checked(self)
            if self._spec.repeats:
                rewritten(self, _put_where_shared, index, value, uniform=True)
                return
            write(self, put_where, (self, value, index))
            return
        parsed = parse(self, index)
        if parsed.tensors:
            _put_parsed(self, parsed, value)
            return
        first = code_of(self, parsed)
    self_checked(self)
    rec = LOCAL.rec
    if self._spec.repeats:
        _replace(view_of(self, first), value)
        return
    spec = CODES[first].specs[0]
    if first in FULL_VIEWS:
        _replace(self, value)
        return
    leaf = self._check_inplace(rec)
    slot, kind = _in_shape(rec, value, spec, self._spec)
    at, found = written(rec, self, first, slot, _dense(spec), kind, leaf, rec.grad)
    self._set_slot(rec, at, found)


def self_checked(self: Tensor) -> None:
    """Refuse to write into a part of a leaf that requires grad."""
    if self._kind == LEAF and LOCAL.rec.grad:
        raise RuntimeError(
            "a view of a leaf Variable that requires grad is being used in an in-place operation."
        )


def _value(self: Tensor, value: Any) -> Any:
    if isinstance(value, Tensor):
        return value
    if isinstance(value, np.generic):
        value = value.item()
    if type(value) not in _NUMBERS:
        kind = TYPES.get(self._spec.np.name, "")
        name = type(value).__name__
        module = type(value).__module__
        name = name if module == "builtins" else f"{module}.{name}"
        raise TypeError(f"can't assign a {name} to a torch.{kind}Tensor")
    if isinstance(value, complex) and self._spec.np.kind != "c":
        raise RuntimeError("value cannot be converted to type float without overflow")
    return value


def _dense(spec: Spec) -> Spec:
    from ..spec import spec_of

    return spec if spec.strides is None else spec_of(spec.np, tuple(spec.shape))


def _in_shape(rec: Recorder, value: Any, spec: Spec, base: Spec) -> tuple[int, int]:
    """Return slot and kind of a value in a shape and dtype."""
    shape, dtype = tuple(spec.shape), base.np.name
    if not isinstance(value, Tensor):
        _, slot, kind = emit(rec, number_in_shape, (value,), {"shape": shape, "dtype": dtype})
        return slot, kind
    given = value._spec
    if given is _dense(spec):
        slot = value._slot if value._serial == rec.serial else rec.admit(value)
        return slot, value._kind if rec.grad else PLAIN
    _check_fits(given, shape)
    _, slot, kind = emit(rec, value_in_shape, (value,), {"shape": shape, "dtype": dtype})
    return slot, kind


def _check_fits(given: Spec, shape: tuple[int, ...]) -> None:
    from ..spec import spec_of

    old = tuple(given.shape)
    while len(old) > len(shape) and old[0] == 1:
        old = old[1:]
    expanded_size(spec_of(given.np, old), shape)


def _replace(self: Tensor, value: Any) -> None:
    """Write a value into all of a tensor."""
    spec = self._spec
    node = "FillBackward3"
    if isinstance(value, Tensor):
        _check_fits(value._spec, tuple(spec.shape))
        node = "torch::autograd::CopyBackwards"
    params = {"shape": tuple(spec.shape), "dtype": spec.np.name, "node": node}
    write(self, replaced, (self, value), **params)


def _is_mask_write(self: Tensor, index: Any, value: Any) -> bool:
    """Whether a number is written where a mask is true, for which no position need be known."""
    if not isinstance(index, Tensor) or index._spec.np.kind != "b" or not index._spec.ndim:
        return False
    if isinstance(value, Tensor) and value._spec.ndim:
        return False
    n = index._spec.ndim
    return n <= self._spec.ndim and tuple(self._spec.shape[:n]) == tuple(index._spec.shape)


def _put_parsed(self: Tensor, parsed: Key, value: Any) -> None:
    self_checked(self)
    base = basic_part(self, parsed)
    args, params = put_arguments(base, parsed.tensors, value, False)
    if base._spec.repeats:
        warn("index_put_", "tensor[indices] = tensor")
        rewritten(base, lambda base: _put_shared(base, args, params), uniform=True)
        return
    write(base, put_at, args, **params)


def put_arguments(
    base: Tensor, tensors: Sequence[Tensor | None], value: Any, accumulate: bool
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Return operands and parameters of `put_at`, checked."""
    common = checked(tensors, base._spec.shape)
    dims = tuple(p is not None for p in tensors)
    shape = shape_at(tuple(base._spec.shape), dims, common)
    if isinstance(value, Tensor):
        if value._spec.np != base._spec.np and value._spec.ndim:
            ours, theirs = (TYPES.get(t._spec.np.name, "") for t in (base, value))
            raise RuntimeError(
                "Index put requires the source and destination dtypes match, got "
                f"{ours} for the destination and {theirs} for the source."
            )
        if not _fits(tuple(value._spec.shape), shape):
            raise RuntimeError(
                f"shape mismatch: value tensor of shape {list(value._spec.shape)} cannot be "
                f"broadcast to indexing result of shape {list(shape)}"
            )
        if value._spec.ndim > len(shape):
            value = apply(value_in_shape, (value,), shape=shape, dtype=base._spec.np.name)
    args = (base, value, *[p for p in tensors if p is not None])
    return args, {"dims": dims, "accumulate": accumulate}


def shape_at(
    shape: tuple[int, ...], dims: tuple[bool, ...], common: tuple[int, ...]
) -> tuple[int, ...]:
    """Return the shape of ``x[index]``: the positions' shape stands where they are, if together."""
    rest = tuple(n for n, there in zip(shape, dims) if not there) + shape[len(dims) :]
    at = dims.index(True)
    together = all(dims[at : at + sum(dims)])
    return rest[:at] + common + rest[at:] if together else common + rest


def _fits(given: tuple[int, ...], shape: tuple[int, ...]) -> bool:
    while len(given) > len(shape) and given[0] == 1:
        given = given[1:]
    if len(given) > len(shape):
        return False
    return all(n in (1, m) for n, m in zip(reversed(given), reversed(shape)))


def _put_shared(base: Tensor, args: tuple[Any, ...], params: dict[str, Any]) -> Tensor:
    """Return `put_at` of an expanded view: positions in it become those of groups."""
    flat, group = one_for_each(base)
    _, value, *positions = args
    at = take_at(group, _along(positions, params["dims"]))
    made = apply(put_at, (flat, value, at), dims=(True,), accumulate=params["accumulate"])
    found: Tensor = made[group]
    return found


def _put_where_shared(input: Tensor, mask: Tensor, value: Any) -> Tensor:
    """Return `put_where` of an expanded view."""
    warn("index_put_", "tensor[indices] = tensor")
    warn("masked_fill_")
    rest = (1,) * (input._spec.ndim - mask._spec.ndim)
    chosen = spread(input, mask.reshape(*mask._spec.shape, *rest))
    made: Tensor = apply(put_where, (input, value, chosen))
    return made


def _along(positions: Sequence[Tensor], dims: Sequence[bool]) -> list[Tensor | None]:
    each = iter(positions)
    return [next(each) if there else None for there in dims]


def _index_put_shared(
    input: Tensor, indices: Any, values: Tensor, accumulate: bool = False
) -> Tensor:
    alone = isinstance(indices, tuple | list) and len(indices) == 1 and not accumulate
    if alone and _is_mask_write(input, indices[0], values):
        return _put_where_shared(input, indices[0], values)
    warn("index_put_", "tensor[indices] = tensor")
    index_put(input, indices, values, accumulate)  # checks the arguments
    parsed = parse(input, tuple(_vector(i) for i in indices))
    return _put_shared(input, *put_arguments(input, parsed.tensors, values, bool(accumulate)))


@public(inplace=True, shared=_index_put_shared)
def index_put(input: Tensor, indices: Any, values: Tensor, accumulate: bool = False) -> Tensor:
    """Return a copy with values at positions, added up where `accumulate` says so.

    Parameters
    ----------
    indices : tuple of Tensor
        Positions along the first dims; masks count as the positions where they are true.

    Examples
    --------
    >>> import tapejit.torch as torch
    >>> at = (torch.tensor([0, 0, 2]),)
    >>> torch.zeros(3).index_put(at, torch.tensor(1.0), accumulate=True)
    tensor([2., 0., 1.])
    """
    need_tensor(input, "index_put")
    need_tensor(values, "index_put", "values", 3)
    if not isinstance(indices, (tuple, list)):
        raise TypeError(
            "index_put(): argument 'indices' (position 2) must be tuple of Tensors, "
            f"not {type(indices).__name__}"
        )
    for k, i in enumerate(indices):
        if not isinstance(i, Tensor):
            raise TypeError(
                f"expected Tensor as element {k} in argument 0, but got {type(i).__name__}"
            )
    parsed = parse(input, tuple(_vector(i) for i in indices))
    args, params = put_arguments(input, parsed.tensors, values, bool(accumulate))
    made: Tensor = apply(put_at, args, **params)
    return made


def _vector(i: Tensor) -> Tensor:
    """Return a position as a vector: a 0-d one stays an index among tensors."""
    return i if i._spec.ndim or i._spec.np.kind == "b" else i.reshape(1)


for _name, _method in {"__setitem__": setitem}.items():
    setattr(Tensor, _name, _method)
