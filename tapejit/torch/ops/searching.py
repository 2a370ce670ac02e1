"""Where values fall among sorted ones."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..codes import op
from ..dtypes import dtype as DType
from ..emit import apply
from ..surface import public
from ..tensor import Tensor
from .checks import operand_of, tensor_of
from .convert import promoted, to
from .counting import made

# ---------------------------------------------------------------- places among sorted values


def _search_impl(edges: Any, v: Any, *, side: str, dtype: str, kind: str) -> Any:
    edges, v = to(edges, kind), to(v, kind)
    if edges.ndim == 1:
        found: Any = np.searchsorted(edges, v, side=side)  # type: ignore[call-overload]
        return found.astype(dtype)
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
            np.take_along_axis(
                np.asarray(edges._value()),
                np.asarray(tensor_of("searchsorted", "sorter", 6, sorter)._value()),
                -1,
            )
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
