"""Adaptive pooling: so many cells along each axis, whatever its length.

Cell i of n covers the entries from floor(i m / n) up to ceil((i + 1) m / n). The mean over such
cells is a product with a matrix of weights along each axis; the maximum runs over the places of
the longest cell, as in `pooling`.
"""

from __future__ import annotations

from itertools import product
from math import prod
from typing import Any

import numpy as np

from ...transforms.simple import stop_gradient
from ..codes import op
from ..surface import public
from ..tensor import Tensor
from .common import called, need_tensor, record
from .pooling import picked


def _cells(m: int, n: int) -> tuple[Any, Any]:
    """Return where each of n cells over m entries starts and ends."""
    i = np.arange(n)
    return i * m // n, -(-(i + 1) * m // n)


def _avg_node(params: dict[str, Any], specs: Any) -> str:
    cells = params["cells"]
    if params["flat"]:
        return "SqueezeBackward1"
    return "MeanBackward1" if prod(cells) == 1 else f"AdaptiveAvgPool{len(cells)}DBackward0"


@op("adaptive_avg_pool", node=_avg_node, saves=((),))
def ADAPTIVE_AVG(x: Any, *, cells: tuple[int, ...], flat: bool) -> Any:
    """Means over cells: a matrix along each axis."""
    n = len(cells)
    if prod(cells) == 1:
        return np.mean(x, axis=tuple(range(x.ndim - n, x.ndim)), keepdims=True)
    for k, many in enumerate(cells):
        axis = x.ndim - n + k
        m = x.shape[axis]
        start, end = _cells(m, many)
        at = np.arange(m)
        inside = (at >= start[:, None]) & (at < end[:, None])
        weights = (inside / (end - start)[:, None]).astype(x.dtype)
        x = np.swapaxes(np.swapaxes(x, axis, -1) @ weights.T, axis, -1)
    return x


def _max_node(params: dict[str, Any], specs: Any) -> str:
    n = len(params["cells"])
    return "SqueezeBackward1" if params["flat"] else f"AdaptiveMaxPool{n}DBackward0"


@op("adaptive_max_pool", node=_max_node, saves=((0,),))
def ADAPTIVE_MAX(x: Any, *, cells: tuple[int, ...], flat: bool) -> Any:
    """The maxima of cells and their flat indices."""
    n = len(cells)
    space = tuple(x.shape[-n:])
    bounds = [_cells(m, many) for m, many in zip(space, cells)]
    longest = [int((end - start).max()) if end.size else 0 for start, end in bounds]
    still = stop_gradient(x)
    best: Any = None
    index: Any = None
    for place in product(*[range(k) for k in longest]):
        inside: Any = np.ones(cells, bool)
        flat_at: Any = np.zeros(cells, np.int64)
        v = still
        for k, ((start, end), p) in enumerate(zip(bounds, place)):
            at = np.minimum(start + p, end - 1)
            wide = (-1,) + (1,) * (n - k - 1)
            inside = inside & (start + p < end).reshape(wide)
            flat_at = flat_at * space[k] + at.reshape(wide)
            v = np.take(v, at, axis=x.ndim - n + k)
        if best is None:
            best, index = v, flat_at
            continue
        better = (v > best) | (v != v)
        if not inside.all():
            better = better & inside
        best = np.where(better, v, best)
        index = np.where(better, flat_at, index)
    return picked(x, index, n)


def _plan(name: str, n: int, input: Any, size: Any) -> tuple[Tensor, tuple[int, ...]]:
    t = need_tensor(name, "input", 1, input)
    spec = t._spec
    if spec.ndim not in (n + 1, n + 2):
        raise RuntimeError(
            f"{name}(): Expected {n + 1}D or {n + 2}D tensor, but got {list(spec.shape)}"
        )
    if 0 in spec.shape[-n:]:
        raise RuntimeError(
            f"{name}(): Expected input to have non-zero size for non-batch dimensions, but input "
            f"has sizes {list(spec.shape)}"
        )
    if not spec.floating or spec.np.kind == "c":
        raise NotImplementedError(f"\"{name}\" not implemented for '{called(spec.np)}'")
    given = (size,) * n if size is None or isinstance(size, int) else tuple(size)
    if len(given) != n:
        word = "one int" if n == 1 else f"{n} ints"
        raise RuntimeError(
            f"{name}() argument 'output_size' should contain {word} (got {len(given)})"
        )
    cells = tuple(int(m) if c is None else int(c) for c, m in zip(given, spec.shape[-n:]))
    if min(cells) < 0:
        raise RuntimeError(
            f"{name}: elements of output_size must be greater than or equal to 0 but received "
            f"{list(cells)}"
        )
    return t, cells


def _avg(name: str, n: int, input: Any, size: Any) -> Tensor:
    t, cells = _plan(name, n, input, size)
    return record(ADAPTIVE_AVG, (t,), cells=cells, flat=n == 1)


def _max(name: str, n: int, input: Any, size: Any, return_indices: bool) -> Any:
    from ..emit import apply

    t, cells = _plan(name, n, input, size)
    if 0 in cells:
        raise RuntimeError(f"{name}(): output_size must be positive, got {list(cells)}")
    values, indices = apply(ADAPTIVE_MAX, (t,), cells=cells, flat=n == 1)
    return (values, indices) if return_indices else values


@public(method=False)
def adaptive_avg_pool1d(input: Tensor, output_size: Any) -> Tensor:
    """Return the means of so many cells along the last axis."""
    return _avg("adaptive_avg_pool1d", 1, input, output_size)


def adaptive_avg_pool2d(input: Tensor, output_size: Any) -> Tensor:
    """Return the means of a grid of cells over the last two axes; None keeps an axis."""
    return _avg("adaptive_avg_pool2d", 2, input, output_size)


def adaptive_avg_pool3d(input: Tensor, output_size: Any) -> Tensor:
    """Return the means of a grid of cells over the last three axes; None keeps an axis."""
    return _avg("adaptive_avg_pool3d", 3, input, output_size)


def adaptive_max_pool1d(input: Tensor, output_size: Any, return_indices: bool = False) -> Any:
    """Return the maxima of so many cells along the last axis."""
    return _max("adaptive_max_pool1d", 1, input, output_size, return_indices)


def adaptive_max_pool2d(input: Tensor, output_size: Any, return_indices: bool = False) -> Any:
    """Return the maxima of a grid of cells over the last two axes."""
    return _max("adaptive_max_pool2d", 2, input, output_size, return_indices)


def adaptive_max_pool3d(input: Tensor, output_size: Any, return_indices: bool = False) -> Any:
    """Return the maxima of a grid of cells over the last three axes."""
    return _max("adaptive_max_pool3d", 3, input, output_size, return_indices)


__all__ = [
    "adaptive_avg_pool1d", "adaptive_avg_pool2d", "adaptive_avg_pool3d", "adaptive_max_pool1d",
    "adaptive_max_pool2d", "adaptive_max_pool3d",
]  # fmt: skip
