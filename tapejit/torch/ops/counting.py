"""Distinct values, counts and histograms: they look at the values at once and have no gradient."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..return_types import of as named
from ..spec import spec_of_array
from ..surface import public
from ..tensor import Tensor, leaf_of
from .checks import dim_of, int_of, not_implemented, number_of, tensor_of


def made(array: Any) -> Tensor:
    """Return a tensor of an array made here."""
    array = np.ascontiguousarray(array) if np.ndim(array) else np.asarray(array)
    return leaf_of(array[()] if array.ndim == 0 else array, spec_of_array(array))


# ---------------------------------------------------------------- distinct values


def _values(name: str, input: Any, position: int = 1) -> Any:
    return np.asarray(tensor_of(name, "input", position, input)._value())


@public("unique")
def unique(
    input: Tensor, sorted: bool = True, return_inverse: bool = False, return_counts: bool = False,
    dim: int | None = None,
) -> Any:  # fmt: skip
    """Return the distinct elements, or slices along an axis, in order.

    Each nan is distinct from the others. With `return_inverse` and `return_counts` also where each
    element went, and how many there were of each.
    """
    x = _values("unique", input)
    axis = None if dim is None else dim_of("unique", dim, x.ndim)
    values, inverse, counts = np.unique(
        x, return_inverse=True, return_counts=True, axis=axis, equal_nan=False
    )
    shape = x.shape if axis is None else (-1,)
    return _chosen(values, np.reshape(inverse, shape), counts, return_inverse, return_counts)


def _chosen(values: Any, inverse: Any, counts: Any, return_inverse: Any, return_counts: Any) -> Any:
    found = [made(values)]
    if return_inverse:
        found.append(made(inverse.astype(np.int64)))
    if return_counts:
        found.append(made(counts.astype(np.int64)))
    return found[0] if len(found) == 1 else tuple(found)


@public("unique_consecutive")
def unique_consecutive(
    input: Tensor, return_inverse: bool = False, return_counts: bool = False, dim: int | None = None
) -> Any:
    """Return the elements, or slices along an axis, with each run of equal ones as one."""
    x = _values("unique_consecutive", input)
    if dim is None:
        lines, back = x.reshape(-1, 1), x.shape
    else:
        axis = dim_of("unique_consecutive", dim, x.ndim)
        moved = np.moveaxis(x, axis, 0)
        lines, back = moved.reshape(len(moved), -1), (len(moved),)
    new = np.ones(len(lines), bool)
    new[1:] = (lines[1:] != lines[:-1]).any(axis=1)
    counts = np.diff(np.append(np.flatnonzero(new), len(lines)))
    inverse = (np.cumsum(new) - 1).reshape(back)
    values = lines[new, 0] if dim is None else np.moveaxis(moved[new], 0, axis)
    return _chosen(values, inverse, counts, return_inverse, return_counts)


# ---------------------------------------------------------------- counts


@public("bincount")
def bincount(input: Tensor, weights: Tensor | None = None, minlength: int = 0) -> Tensor:
    """Return how often each whole number from 0 occurs, or the sums of the weights there.

    Raises
    ------
    RuntimeError
        If there are negative numbers, more than one axis, or weights of another length.
    """
    x = _values("bincount", input)
    if x.dtype.kind not in "iu":
        raise not_implemented("bincount", input._spec.dtype)
    if int_of("bincount", "minlength", minlength) < 0:
        raise RuntimeError("minlength should be >= 0")
    if x.ndim != 1 or (x < 0).any():
        raise RuntimeError("bincount only supports 1-d non-negative integral inputs.")
    if weights is None:
        return made(np.bincount(x, minlength=minlength).astype(np.int64))
    w = _values("bincount", weights, 2)
    if w.shape != x.shape:
        raise RuntimeError("weights should be 1-d and have the same length as input")
    kind = w.dtype if w.dtype == np.float32 else np.dtype(np.float64)
    return made(np.bincount(x, w, minlength=minlength).astype(kind))


def _edges(name: str, x: Any, bins: int, low: float, high: float) -> tuple[float, float]:
    if bins <= 0:
        raise RuntimeError(f"{name}: bins must be > 0, but got {bins}")
    if low == high:
        if x.size:
            low, high = float(x.min()), float(x.max())
        if low == high:
            low, high = low - 1, high + 1
    if not (np.isfinite(low) and np.isfinite(high)):
        raise RuntimeError(f"{name}: range of [{low}, {high}] is not finite")
    if high < low:
        raise RuntimeError(f"{name}: max must be larger than min")
    return low, high


def _counted(x: Any, bins: int, low: float, high: float, weights: Any = None) -> Any:
    """How many elements fall into equal bins; those outside are left out, the last bin is closed."""
    x = x.reshape(-1).astype(np.float64)
    inside = (x >= low) & (x <= high)
    at = ((x[inside] - low) * (bins / (high - low))).astype(np.int64)
    w = None if weights is None else weights.reshape(-1)[inside]
    return np.bincount(np.minimum(at, bins - 1), w, minlength=bins)


@public("histc", out=True)
def histc(input: Tensor, bins: int = 100, min: Any = 0, max: Any = 0) -> Tensor:
    """Return how many elements fall into equal bins between two bounds, those of the data if equal."""
    x = _values("histc", input)
    if x.dtype.kind != "f":
        raise not_implemented("histogram", input._spec.dtype)
    n = int_of("histc", "bins", bins)
    low, high = _edges(
        "torch.histc",
        x,
        n,
        float(number_of("histc", "min", min)),
        float(number_of("histc", "max", max)),
    )
    return made(_counted(x, n, low, high).astype(x.dtype))


@public("histogram")
def histogram(
    input: Tensor,
    bins: Any,
    *,
    range: Any = None,
    weight: Tensor | None = None,
    density: bool = False,
) -> Any:
    """Return how many elements fall into bins, and the edges of the bins.

    Parameters
    ----------
    bins : int or Tensor
        How many equal bins, or their edges in order.
    """
    x = _values("histogram", input)
    if x.dtype.kind != "f":
        raise not_implemented("histogram", input._spec.dtype)
    w = None if weight is None else _values("histogram", weight)
    if isinstance(bins, Tensor):
        edges = np.asarray(bins._value())
        flat = x.reshape(-1)
        inside = (flat >= edges[0]) & (flat <= edges[-1])
        at = np.minimum(np.searchsorted(edges, flat[inside], "right") - 1, len(edges) - 2)
        counts = np.bincount(
            at, None if w is None else w.reshape(-1)[inside], minlength=len(edges) - 1
        )
    else:
        n = int_of("histogram", "bins", bins)
        low, high = _edges(
            "torch.histogram()", x, n, *((0.0, 0.0) if range is None else map(float, range))
        )
        counts, edges = _counted(x, n, low, high, w), np.linspace(low, high, n + 1)
    counts = counts.astype(np.float64)
    if density:
        counts = counts / (counts.sum() * np.diff(edges))
    return named("histogram")(made(counts.astype(x.dtype)), made(edges.astype(x.dtype)))
