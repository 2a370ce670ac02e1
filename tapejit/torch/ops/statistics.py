"""Quantiles, histograms, counts, distinct values, and where values fall among sorted ones.

How many distinct values there are, and how wide a histogram is, depends on values: these look at
them at once. None of them but the quantiles has a gradient.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..codes import op
from ..dtypes import dtype as DType
from ..emit import apply
from ..return_types import of as named
from ..spec import spec_of_array
from ..surface import public
from ..tensor import Tensor, leaf_of
from .checks import (
    NUMBERS,
    bool_of,
    dim_of,
    int_of,
    not_implemented,
    number_of,
    operand_of,
    tensor_of,
)
from .convert import promoted, to
from .extremes import order_of


def made(array: Any) -> Tensor:
    """Return a tensor of an array made here."""
    array = np.ascontiguousarray(array) if np.ndim(array) else np.asarray(array)
    return leaf_of(array[()] if array.ndim == 0 else array, spec_of_array(array))


# ---------------------------------------------------------------- quantiles

_RULES = ("linear", "lower", "higher", "midpoint", "nearest")


def _quantile_impl(
    x: Any, q: Any, *, axis: int | None, keepdim: bool, rule: str, ignore_nan: bool
) -> Any:
    shape = x.shape
    if axis is None:
        x = np.reshape(x, (-1,))
        kept: tuple[int, ...] = (1,) * len(shape)
    else:
        x = np.moveaxis(x, axis, -1) if shape else np.reshape(x, (1,))
        kept = shape[:axis] + (1,) + shape[axis + 1 :] if shape else ()
    n = x.shape[-1]
    y = np.take_along_axis(x, order_of(stop(x), x.ndim - 1), -1)
    bad = np.isnan(stop(x))
    known = np.sum(~bad, axis=-1, keepdims=True)
    last = (np.maximum(known, 1) if ignore_nan else np.maximum(known, n)) - 1
    flat = np.reshape(q, (-1,))
    rank = flat * last.astype(x.dtype)
    if not ignore_nan:
        # A row with a nan has no quantile but nan, which stands last.
        rank = np.where(known < n, last.astype(x.dtype), rank)
    low = np.floor(stop(rank))
    high = np.ceil(stop(rank))
    if rule == "lower":
        high = low
    elif rule == "higher":
        low = high
    elif rule == "nearest":
        low = high = np.rint(stop(rank))
    a = np.take_along_axis(y, low.astype("int64"), -1)
    b = np.take_along_axis(y, high.astype("int64"), -1)
    if rule == "linear":
        a = _lerp(a, b, rank - low)
    elif rule == "midpoint":
        a = _lerp(a, b, x.dtype.type(0.5))
    if not q.shape:
        plain = kept if keepdim else kept_out(kept, axis)
        return np.reshape(a, plain)
    plain = kept if keepdim else kept_out(kept, axis)
    return np.reshape(np.moveaxis(a, -1, 0), (flat.shape[0], *plain))


def kept_out(kept: tuple[int, ...], axis: int | None) -> tuple[int, ...]:
    """A shape without the reduced axis, which is of length 1."""
    return () if axis is None else kept[:axis] + kept[axis + 1 :]


def stop(x: Any) -> Any:
    """A value that no gradient flows to."""
    from .reductions import stopped

    return stopped(x)


def _lerp(a: Any, b: Any, w: Any) -> Any:
    return np.where(np.abs(w) < 0.5, a + w * (b - a), b - (b - a) * (1 - w))


_quantile = op("quantile", node="SqueezeBackward4", saves=((0,), (0,)))(_quantile_impl)


def _quantiles(name: str, input: Any, q: Any, dim: Any, keepdim: Any, interpolation: str) -> Any:
    x = tensor_of(name, "input", 1, input)
    if x._spec.np.kind != "f":
        raise RuntimeError(f"{name}() input tensor must be either float or double dtype")
    if type(q) in NUMBERS or isinstance(q, np.generic):
        number = float(q)
        if not 0 <= number <= 1:
            raise RuntimeError(f"{name}() q must be in the range [0, 1] but got {number:g}")
        q = made(np.asarray(number, x._spec.np))
    else:
        q = tensor_of(name, "q", 2, q)
        if q._spec.ndim > 1:
            raise RuntimeError(f"{name}() q must be a scalar or 1D tensor")
        if q._spec.np != x._spec.np:
            raise RuntimeError(f"{name}() q tensor must be same dtype as the input tensor")
        values = np.asarray(q._value())
        if not np.all((values >= 0) & (values <= 1)):
            raise RuntimeError(f"{name}() q values must be in the range [0, 1]")
    if interpolation not in _RULES:
        raise RuntimeError(
            f"{name}() interpolation must be one of linear, lower, higher, midpoint or nearest, but "
            f"got {interpolation}"
        )
    k = None if dim is None else dim_of(name, dim, x._spec.ndim)
    if x._spec.numel == 0:
        raise RuntimeError(f"{name}() input tensor must be non-empty")
    return apply(
        _quantile, (x, q), axis=k, keepdim=bool_of(name, "keepdim", keepdim), rule=interpolation,
        ignore_nan=name == "nanquantile",
    )  # fmt: skip


@public("quantile", out=True)
def quantile(
    input: Tensor,
    q: Any,
    dim: int | None = None,
    keepdim: bool = False,
    *,
    interpolation: str = "linear",
) -> Any:
    """Return quantiles of all elements, or along an axis; nan where there is a nan.

    Raises
    ------
    RuntimeError
        If `q` lies outside [0, 1] or has another dtype than `input`.
    """
    return _quantiles("quantile", input, q, dim, keepdim, interpolation)


@public("nanquantile", out=True)
def nanquantile(
    input: Tensor,
    q: Any,
    dim: int | None = None,
    keepdim: bool = False,
    *,
    interpolation: str = "linear",
) -> Any:
    """Return quantiles of what is not nan."""
    return _quantiles("nanquantile", input, q, dim, keepdim, interpolation)


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


# ---------------------------------------------------------------- places among sorted values


def _search_impl(edges: Any, v: Any, *, side: str, dtype: str, kind: str) -> Any:
    edges, v = to(edges, kind), to(v, kind)
    if edges.ndim == 1:
        return np.searchsorted(edges, v, side=side).astype(dtype)
    # Rows against rows: how many edges lie before each value.
    e = np.reshape(edges, (*edges.shape[:-1], 1, edges.shape[-1]))
    w = np.reshape(v, (*v.shape, 1))
    # nan is the largest value of all.
    before = (e <= w) | (w != w) if side == "right" else (e < w) | ((w != w) & (e == e))
    return np.sum(before, axis=-1).astype(dtype)


def _search_resolve(args: tuple[Any, ...], params: dict[str, Any]) -> dict[str, Any]:
    d: DType = promoted(*args)
    return {**params, "kind": d.numpy.name}


_search = op("searchsorted", saves=((), ()), differentiable=False, resolve=_search_resolve)(
    _search_impl
)


def _side(right: bool, side: str | None) -> str:
    if side not in (None, "left", "right"):
        raise RuntimeError(
            f"torch.searchsorted(): side can only be 'left' or 'right' but got {side}"
        )
    if side == "left" and right:
        raise RuntimeError(
            "torch.searchsorted(): side and right can't be set to opposites, got side of left while "
            "right was True"
        )
    return "right" if right or side == "right" else "left"


@public("searchsorted", method=False, out=True)
def searchsorted(
    sorted_sequence: Tensor, input: Any, *, out_int32: bool = False, right: bool = False,
    side: str | None = None, sorter: Tensor | None = None,
) -> Any:  # fmt: skip
    """Return where values would have to be put into sorted rows to keep them sorted.

    Parameters
    ----------
    right : bool
        Whether a value goes behind its equals; the same as ``side="right"``.
    """
    edges = tensor_of("searchsorted", "sorted_sequence", 1, sorted_sequence)
    v = operand_of("searchsorted", "input", 2, input)
    if sorter is not None:
        edges = made(
            np.take_along_axis(np.asarray(edges._value()), _values("searchsorted", sorter), -1)
        )
    shape = tuple(v._spec.shape) if isinstance(v, Tensor) else ()
    mine = tuple(edges._spec.shape)
    if len(mine) != 1 and (len(mine) != len(shape) or mine[:-1] != shape[:-1]):
        raise RuntimeError(
            "torch.searchsorted(): boundaries tensor should be 1 dimension or the first N-1 dimensions "
            f"of boundaries tensor and input value tensor must match, but we got boundaries tensor "
            f"{list(mine)} and input value tensor {list(shape)}"
        )
    kind = "int32" if out_int32 else "int64"
    return apply(_search, (edges, v), side=_side(right, side), dtype=kind)


@public("bucketize", method=False, out=True)
def bucketize(
    input: Any, boundaries: Tensor, *, out_int32: bool = False, right: bool = False
) -> Any:
    """Return which of the intervals between sorted boundaries each value falls into."""
    edges = tensor_of("bucketize", "boundaries", 2, boundaries)
    if edges._spec.ndim != 1:
        raise RuntimeError(
            f"boundaries tensor must be 1 dimension, but got dim({edges._spec.ndim})"
        )
    return searchsorted(edges, input, out_int32=out_int32, right=right)
