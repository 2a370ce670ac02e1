"""Pooling: the maximum or the mean of each window.

The running maximum over the places of a window takes a place when it is larger than all before it
or NaN; so of equal entries the first wins, it alone gets the cotangent, and NaN wins over all.
Where windows reach over the edge, static masks say which places count.
"""

from __future__ import annotations

from math import ceil, prod
from typing import Any

import numpy as np

from ...transforms.simple import stop_gradient
from ..codes import op
from ..spec import Spec
from ..surface import public
from ..tensor import Tensor
from .common import called, need_tensor, record
from .strided import Windows, padded, pair

# ---------------------------------------------------------------- geometry


def windows_of(
    name: str, spec: Spec, n: int, size: Any, stride: Any, padding: Any, dilation: Any, ceiled: bool
) -> Windows:
    """Return how windows lie over the last n axes of an operand; checked in PyTorch's words."""
    k = pair(name, "kernel_size", size, n)
    s = k if stride is None or stride == () or stride == [] else pair(name, "stride", stride, n)
    p, d = pair(name, "padding", padding, n), pair(name, "dilation", dilation, n)
    for option, values in (("kernel_size", k), ("stride", s), ("dilation", d)):
        if min(values) <= 0:
            raise RuntimeError(
                f"{name}() {option} must be greater than zero, but got "
                f"{values[0] if n == 1 else list(values)}"
            )
    if min(p) < 0:
        raise RuntimeError(f"{name}() padding must be non-negative, but got {min(p)}")
    for pad, wide in zip(p, k):
        if pad > wide // 2:
            raise RuntimeError(
                f"{name}() padding should be at most half of kernel size, but got padding={pad} "
                f"and kernel_size={wide}"
            )
    count, after = [], []
    for m, w, t, b, e in zip(spec.shape[-n:], k, s, p, d):
        room = m + 2 * b - e * (w - 1) - 1
        many = (ceil(room / t) if ceiled else room // t) + 1
        if ceiled and (many - 1) * t >= m + b:
            many -= 1  # the last window must start inside the array or its left padding
        count.append(many)
        after.append(max((many - 1) * t + e * (w - 1) + 1 - m - b, 0))
    if min(count) < 1:
        raise RuntimeError(
            f"Given input size: ({'x'.join(map(str, spec.shape))}), {name}() Invalid computed "
            f"output size: {count[0] if n == 1 else count}. Output size is too small"
        )
    return Windows(k, s, d, p, tuple(after), tuple(count))


def _operand(name: str, input: Any, n: int) -> Tensor:
    t = need_tensor(name, "input", 1, input)
    spec = t._spec
    if spec.ndim not in (n + 1, n + 2) or 0 in spec.shape[-(n + 1) :]:
        raise RuntimeError(
            f"{name}: Expected {n + 1}D or {n + 2}D (batch mode) tensor with optional 0 dim batch "
            f"size for input, but got:{list(spec.shape)}"
        )
    return t


def _inside(w: Windows, space: tuple[int, ...], place: tuple[int, ...]) -> Any:
    """Return which windows have a place inside the array, and its flat index there."""
    inside: Any = np.ones(w.count, bool)
    flat: Any = np.zeros(w.count, np.int64)
    n = len(space)
    for axis, (p, m) in enumerate(zip(place, space)):
        at = w.indices(axis, p).reshape((-1,) + (1,) * (n - axis - 1))
        inside = inside & (at >= 0) & (at < m)
        flat = flat * m + at
    return inside, flat


# ---------------------------------------------------------------- maximum


def _max_node(params: dict[str, Any], specs: Any) -> str:
    n = len(params["windows"].count)
    return {1: "SqueezeBackward1", 2: "MaxPool2DWithIndicesBackward0"}.get(
        n, "MaxPool3DWithIndicesBackward0"
    )


@op("max_pool", node=_max_node, saves=((0,),))
def MAX_POOL(x: Any, *, windows: Windows) -> Any:
    """The maxima of windows and their flat indices in the array."""
    n = len(windows.count)
    space = tuple(x.shape[-n:])
    whole = padded(stop_gradient(x), windows.before, windows.after)
    places = list(windows.places())
    every = [whole[(Ellipsis, *windows.slices(p))] for p in places]
    masks = [_inside(windows, space, p) for p in places]
    best, (seen, index) = every[0], masks[0]
    for v, (inside, flat) in zip(every[1:], masks[1:]):
        better = (v > best) | (v != v)
        if not seen.all():
            better = better | ~seen
        if not inside.all():
            better = better & inside
        best = np.where(better, v, best)
        index = np.where(better, flat, index)
        seen = seen | inside
    return picked(x, index, n)


def picked(x: Any, index: Any, n: int) -> Any:
    """Return the entries of the last n axes that flat indices name, and the indices.

    The search for a maximum has no derivative; picking it has: its adjoint is one scatter.
    """
    lead = x.shape[:-n]
    shape = (*lead, *index.shape[-n:])
    if index.shape != shape:
        index = np.broadcast_to(index, shape)
    flat = x.reshape((*lead, prod(x.shape[-n:])))
    found = np.take_along_axis(flat, index.reshape((*lead, prod(shape[-n:]))), axis=-1)
    return found.reshape(shape), index


def _max(
    name: str, n: int, input: Any, size: Any, stride: Any, padding: Any, dilation: Any,
    ceil_mode: bool, return_indices: bool,
) -> Any:  # fmt: skip
    from ..emit import apply

    t = _operand(name, input, n)
    if t._spec.np.kind in "bc" or (n == 1 and t._spec.np.kind != "f"):
        raise NotImplementedError(f"\"{name}_impl\" not implemented for '{called(t._spec.np)}'")
    w = windows_of(name, t._spec, n, size, stride, padding, dilation, bool(ceil_mode))
    values, indices = apply(MAX_POOL, (t,), windows=w)
    return (values, indices) if return_indices else values


@public("max_pool1d", method=False)
def max_pool1d(
    input: Tensor, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1,
    ceil_mode: bool = False, return_indices: bool = False,
) -> Any:  # fmt: skip
    """Return the maximum of each window along the last axis.

    With ``return_indices=True`` also where it is. Of equal entries the first is taken.

    Examples
    --------
    >>> import tapejit.torch as torch
    >>> torch.max_pool1d(torch.tensor([[1.0, 3.0, 2.0, 0.0]]), 2)
    tensor([[3., 2.]])
    """
    return _max(
        "max_pool1d", 1, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices
    )


@public("max_pool2d", method=False)
def max_pool2d(
    input: Tensor, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1,
    ceil_mode: bool = False, return_indices: bool = False,
) -> Any:  # fmt: skip
    """Return the maximum of each window over the last two axes; see `max_pool1d`."""
    return _max(
        "max_pool2d", 2, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices
    )


@public("max_pool3d", method=False)
def max_pool3d(
    input: Tensor, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1,
    ceil_mode: bool = False, return_indices: bool = False,
) -> Any:  # fmt: skip
    """Return the maximum of each window over the last three axes; see `max_pool1d`."""
    return _max(
        "max_pool3d", 3, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices
    )


# ---------------------------------------------------------------- mean


def _avg_node(params: dict[str, Any], specs: Any) -> str:
    n = len(params["windows"].count)
    return "SqueezeBackward1" if n == 1 else f"AvgPool{n}DBackward0"


def _counts(w: Windows, space: tuple[int, ...], include: bool) -> Any:
    """Return what the sum of each window is divided by."""
    total: Any = np.ones((), np.int64)
    n = len(space)
    for axis, m in enumerate(space):
        start = np.arange(w.count[axis]) * w.stride[axis] - w.before[axis]
        end = np.minimum(start + w.size[axis], m + w.before[axis])
        if not include:
            start, end = np.maximum(start, 0), np.minimum(end, m)
        total = total * (end - start).reshape((-1,) + (1,) * (n - axis - 1))
    return total


@op("avg_pool", node=_avg_node, saves=((),))
def AVG_POOL(x: Any, *, windows: Windows, include: bool, divisor: int | None) -> Any:
    """The sums of windows over how many entries they have."""
    space = tuple(x.shape[-len(windows.count) :])
    whole = padded(x, windows.before, windows.after)
    total: Any = None
    for p in windows.places():
        part = whole[(Ellipsis, *windows.slices(p))]
        total = part if total is None else total + part
    by = divisor if divisor is not None else _counts(windows, space, include)
    if np.all(np.asarray(by) == np.asarray(by).flat[0]):
        by = int(np.asarray(by).flat[0])
    if np.dtype(x.dtype).kind in "iu":
        return total // by
    return total / (by if isinstance(by, int) else by.astype(x.dtype))


def _avg(
    name: str, n: int, input: Any, size: Any, stride: Any, padding: Any, ceil_mode: bool,
    include: bool, divisor: Any,
) -> Tensor:  # fmt: skip
    t = _operand(name, input, n)
    if divisor is not None and not divisor:
        raise RuntimeError("divisor must be not zero")
    if t._spec.np.kind in "bc":
        raise NotImplementedError(f"\"{name}\" not implemented for '{called(t._spec.np)}'")
    w = windows_of(name, t._spec, n, size, stride, padding, 1, bool(ceil_mode))
    return record(AVG_POOL, (t,), windows=w, include=bool(include), divisor=divisor)


@public(method=False)
def avg_pool1d(
    input: Tensor, kernel_size: Any, stride: Any = None, padding: Any = 0,
    ceil_mode: bool = False, count_include_pad: bool = True,
) -> Tensor:  # fmt: skip
    """Return the mean of each window along the last axis.

    Parameters
    ----------
    count_include_pad : bool
        Whether the zeros of the padding count as entries.
    """
    return _avg(
        "avg_pool1d", 1, input, kernel_size, stride, padding, ceil_mode, count_include_pad, None
    )


def avg_pool2d(
    input: Tensor, kernel_size: Any, stride: Any = None, padding: Any = 0,
    ceil_mode: bool = False, count_include_pad: bool = True, divisor_override: int | None = None,
) -> Tensor:  # fmt: skip
    """Return the mean of each window over the last two axes; see `avg_pool1d`.

    Parameters
    ----------
    divisor_override : int, optional
        What sums are divided by, instead of how many entries there are.
    """
    return _avg(
        "avg_pool2d", 2, input, kernel_size, stride, padding, ceil_mode, count_include_pad,
        divisor_override,
    )  # fmt: skip


def avg_pool3d(
    input: Tensor, kernel_size: Any, stride: Any = None, padding: Any = 0,
    ceil_mode: bool = False, count_include_pad: bool = True, divisor_override: int | None = None,
) -> Tensor:  # fmt: skip
    """Return the mean of each window over the last three axes; see `avg_pool2d`."""
    return _avg(
        "avg_pool3d", 3, input, kernel_size, stride, padding, ceil_mode, count_include_pad,
        divisor_override,
    )  # fmt: skip


# ---------------------------------------------------------------- powers


@op("lp_pool", node="PowBackward0", saves=((0,),))
def LP_POOL(x: Any, *, windows: Windows, p: float) -> Any:
    """``(sum of x**p)**(1/p)`` of each window, 0 where the sum is negative."""
    total: Any = None
    for place in windows.places():
        part = x[(Ellipsis, *windows.slices(place))] ** p
        total = part if total is None else total + part
    above = np.where(total > 0, total, np.ones_like(total))
    return np.where(total > 0, above ** (1 / p), np.zeros_like(total))


def _lp(name: str, n: int, input: Any, p: Any, size: Any, stride: Any, ceil_mode: bool) -> Tensor:
    t = _operand(name, input, n)
    w = windows_of(name, t._spec, n, size, stride, 0, 1, bool(ceil_mode))
    if any(w.after):
        raise NotImplementedError(f"{name}: windows that reach over the edge (ceil_mode)")
    return record(LP_POOL, (t,), windows=w, p=float(p))


def lp_pool1d(
    input: Tensor, norm_type: float, kernel_size: Any, stride: Any = None, ceil_mode: bool = False
) -> Tensor:
    """Return the power mean, not divided by the number of entries, of each window."""
    return _lp("lp_pool1d", 1, input, norm_type, kernel_size, stride, ceil_mode)


def lp_pool2d(
    input: Tensor, norm_type: float, kernel_size: Any, stride: Any = None, ceil_mode: bool = False
) -> Tensor:
    """Return the power mean, not divided by the number of entries, of each window."""
    return _lp("lp_pool2d", 2, input, norm_type, kernel_size, stride, ceil_mode)


# ---------------------------------------------------------------- undone


@op("max_unpool", node="MaxUnpool2DBackward0", saves=((1,),))
def MAX_UNPOOL(x: Any, index: Any, *, shape: tuple[int, ...]) -> Any:
    """Zeros with entries put where an index says, image by image."""
    from ... import numpy as tnp

    lead = x.shape[: x.ndim - len(shape)]
    rows = prod(lead)
    whole = tnp.zeros((rows, prod(shape)), x.dtype)
    whole[np.arange(rows)[:, None], index.reshape((rows, -1))] = x.reshape((rows, -1))
    return whole.reshape((*lead, *shape))


def _unpool(
    name: str, n: int, input: Any, indices: Any, size: Any, stride: Any, padding: Any, given: Any
) -> Tensor:
    t = _operand(name, input, n)
    at = need_tensor(name, "indices", 2, indices)
    if at._spec.np != np.int64:
        raise RuntimeError(f"elements in indices should be type int64 but got: {at._spec.dtype}")
    if tuple(at._spec.shape) != tuple(t._spec.shape):
        raise RuntimeError(
            "Expected shape of indices to be same as that of the input tensor "
            f"({list(t._spec.shape)}) but got indices tensor with shape: {list(at._spec.shape)}"
        )
    k = pair(name, "kernel_size", size, n)
    s = k if stride is None else pair(name, "stride", stride, n)
    p = pair(name, "padding", padding, n)
    usual = tuple(
        (m - 1) * step + wide - 2 * b for m, step, wide, b in zip(t._spec.shape[-n:], s, k, p)
    )
    shape = usual if given is None else tuple(int(v) for v in tuple(given)[-n:])
    for m, v, step in zip(usual, shape, s):
        if not m - step < v < m + step:
            raise ValueError(
                f"invalid output_size {list(shape)} (dim 0 must be between {m - step} and "
                f"{m + step})"
            )
    where = np.asarray(at._value())
    if where.size and not (where.min() >= 0 and where.max() < prod(shape)):
        bad = int(where.max() if where.max() >= prod(shape) else where.min())
        raise RuntimeError(
            f"Found an invalid max index: {bad} (output volumes are of size "
            f"{'x'.join(map(str, shape))})"
        )
    return record(MAX_UNPOOL, (t, at), shape=shape)


def max_unpool1d(
    input: Tensor, indices: Tensor, kernel_size: Any, stride: Any = None, padding: Any = 0,
    output_size: Any = None,
) -> Tensor:  # fmt: skip
    """Return zeros with the maxima that `max_pool1d` found put back in their places."""
    return _unpool("max_unpool1d", 1, input, indices, kernel_size, stride, padding, output_size)


def max_unpool2d(
    input: Tensor, indices: Tensor, kernel_size: Any, stride: Any = None, padding: Any = 0,
    output_size: Any = None,
) -> Tensor:  # fmt: skip
    """Return zeros with the maxima that `max_pool2d` found put back in their places."""
    return _unpool("max_unpool2d", 2, input, indices, kernel_size, stride, padding, output_size)


__all__ = [
    "avg_pool1d", "avg_pool2d", "avg_pool3d", "lp_pool1d", "lp_pool2d", "max_pool1d", "max_pool2d",
    "max_pool3d", "max_unpool1d", "max_unpool2d",
]  # fmt: skip
