"""Scaled dot product attention: one row, softmax(q k^T * scale + mask) v.

A query that no key may answer attends to nothing: its row is zero, not NaN, as in PyTorch.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..codes import op
from ..tensor import Tensor
from .common import called, flat, need_tensor, record
from .draws import constant, kept


def _node(params: dict[str, Any], specs: Any) -> str:
    fused = all(s.ndim == 4 for s in specs[:3]) and not params["dropped"]
    return "ScaledDotProductFlashAttentionForCpuBackward0" if fused else "UnsafeViewBackward0"


@op(
    "scaled_dot_product_attention", node=_node,
    saves=((0, 1, 2, 3, 4), (0, 1, 2, 3, 4), (0, 1, 3, 4), (0, 1, 2), ()),
)  # fmt: skip
def attention_op(
    q: Any, k: Any, v: Any, *more: Any,
    scale: float, causal: bool, masked: bool, dropped: bool, repeat: int,
) -> Any:  # fmt: skip
    """Values, weighed by the softmax of the products of queries and keys."""
    if repeat > 1:
        k, v = np.repeat(k, repeat, axis=-3), np.repeat(v, repeat, axis=-3)
    scores = np.matmul(q, np.swapaxes(k, -1, -2)) * scale
    if causal:
        rows, columns = scores.shape[-2:]
        seen = np.arange(rows)[:, None] >= np.arange(columns)[None, :]
        scores = np.where(seen, scores, -np.inf)
    if masked:
        mask = more[0]
        if np.dtype(mask.dtype).kind == "b":
            scores = np.where(mask, scores, -np.inf)
        else:
            scores = scores + mask
    top = flat(np.max(scores, axis=-1, keepdims=True))
    nothing = top == -np.inf
    weights = np.where(nothing, 0.0, np.exp(scores - np.where(nothing, 0.0, top)))
    total = np.sum(weights, axis=-1, keepdims=True)
    weights = weights / np.where(nothing, 1.0, total)
    if dropped:
        weights = weights * more[-1]
    return np.matmul(weights.astype(v.dtype), v)


def scaled_dot_product_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Tensor:
    """Return ``softmax(query @ key.T * scale + attn_mask) @ value``.

    Parameters
    ----------
    query : Tensor, (..., L, E)
    key : Tensor, (..., S, E)
    value : Tensor, (..., S, Ev)
    attn_mask : Tensor, broadcasting to (..., L, S), optional
        True where a query may see a key; or numbers that are added.
    dropout_p : float
        The probability with which a weight is dropped.
    is_causal : bool
        Whether a query sees only keys up to its own place.
    scale : float, optional
        ``1 / sqrt(E)`` if not given.
    enable_gqa : bool
        Whether several heads of queries share a head of keys and values.

    Returns
    -------
    Tensor, (..., L, Ev)

    Raises
    ------
    RuntimeError
        If shapes or dtypes do not fit, or a mask is given beside `is_causal`.
    """
    name = "scaled_dot_product_attention"
    q, k = need_tensor(name, "query", 1, query), need_tensor(name, "key", 2, key)
    v = need_tensor(name, "value", 3, value)
    if not q._spec.np == k._spec.np == v._spec.np:
        raise RuntimeError(
            "Expected query, key, and value to have the same dtype, but got query.dtype: "
            f"{called(q._spec.np)} key.dtype: {called(k._spec.np)} and value.dtype: "
            f"{called(v._spec.np)} instead."
        )
    if min(q.ndim, k.ndim, v.ndim) < 2:
        raise RuntimeError(
            "Expected query, key, and value to all be  at least 2 dimensional, but got query.dim: "
            f"{q.ndim}, key.dim: {k.ndim} and value.dim: {v.ndim} instead."
        )
    if q.shape[-1] != k.shape[-1] or k.shape[-2] != v.shape[-2]:
        raise RuntimeError(
            f"{name}: query {list(q.shape)}, key {list(k.shape)} and value {list(v.shape)} must "
            "share the features of query and key, and the places of key and value"
        )
    if attn_mask is not None and is_causal:
        raise RuntimeError(f"{name}: Explicit attn_mask should not be set when is_causal=True")
    repeat = 1
    if enable_gqa:
        if q.ndim < 3 or k.ndim < 3 or q.shape[-3] % k.shape[-3] or k.shape[-3] != v.shape[-3]:
            raise RuntimeError(
                f"{name}: the number of heads in key and value must divide the number of heads in "
                "query"
            )
        repeat = q.shape[-3] // k.shape[-3]
    args: list[Any] = [q, k, v]
    if attn_mask is not None:
        mask = need_tensor(name, "attn_mask", 4, attn_mask)
        if mask._spec.np.kind != "b" and mask._spec.np != q._spec.np:
            raise RuntimeError(
                "Expected attn_mask dtype to be bool or float or to match query dtype, but got "
                f"attn_mask.dtype: {called(mask._spec.np)} and  query.dtype: "
                f"{called(q._spec.np)} instead."
            )
        args.append(mask)
    p = float(dropout_p)
    if p > 0:
        heads = np.broadcast_shapes(tuple(q.shape[:-2]), tuple(k.shape[:-3]) + (1,) * (k.ndim > 2))
        shape = (*heads, q.shape[-2], k.shape[-2])
        weights = kept(shape, p, q._spec.np) / q._spec.np.type(1 - p if p < 1 else 1)
        args.append(constant(np.asarray(weights)))
    if scale is None:
        scale = 1 / math.sqrt(q.shape[-1])
    return record(
        attention_op, args, scale=float(scale), causal=bool(is_causal),
        masked=attn_mask is not None, dropped=p > 0, repeat=repeat,
    )  # fmt: skip


__all__ = ["scaled_dot_product_attention"]
