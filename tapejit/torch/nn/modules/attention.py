"""Attention with several heads: ``softmax(q k' / sqrt(d) + mask) v``, head by head.

Masks of bools say True where nothing may be looked at; masks of floats are added. Both kinds, and
the mask of padded keys, become one sum before the softmax.
"""

from __future__ import annotations

import math
import warnings
from typing import Any

from .. import init
from ..parameter import Parameter
from .late import F, torch
from .linear import NonDynamicallyQuantizableLinear
from .module import Module


class MultiheadAttention(Module):
    """Look up values by queries and keys, in several subspaces side by side.

    Parameters
    ----------
    embed_dim, num_heads : int
        The width of queries and results, and into how many heads it is split.
    dropout : float
        What is dropped, in training, of the weights.
    bias : bool
        Whether the projections have biases.
    add_bias_kv : bool
        Whether a learned key and value are added at the end.
    add_zero_attn : bool
        Whether a key and value of zeros are added at the end.
    kdim, vdim : int or None
        The widths of keys and values, where they differ.
    batch_first : bool
        Whether sequences are (batch, time, width) and not (time, batch, width).
    """

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        dropout: float = 0.0,
        bias: bool = True,
        add_bias_kv: bool = False,
        add_zero_attn: bool = False,
        kdim: int | None = None,
        vdim: int | None = None,
        batch_first: bool = False,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        if embed_dim <= 0 or num_heads <= 0:
            raise ValueError(
                f"embed_dim and num_heads must be greater than 0, got embed_dim={embed_dim} and "
                f"num_heads={num_heads} instead"
            )
        if embed_dim % num_heads:
            raise AssertionError("embed_dim must be divisible by num_heads")
        self.embed_dim, self.num_heads, self.dropout = embed_dim, num_heads, dropout
        self.kdim = embed_dim if kdim is None else kdim
        self.vdim = embed_dim if vdim is None else vdim
        self.head_dim, self.batch_first = embed_dim // num_heads, batch_first
        self.add_zero_attn = add_zero_attn
        self._qkv_same_embed_dim = self.kdim == embed_dim and self.vdim == embed_dim
        made = {"device": device, "dtype": dtype}
        same = self._qkv_same_embed_dim
        shapes = {
            "q_proj_weight": None if same else (embed_dim, embed_dim),
            "k_proj_weight": None if same else (embed_dim, self.kdim),
            "v_proj_weight": None if same else (embed_dim, self.vdim),
            "in_proj_weight": (3 * embed_dim, embed_dim) if same else None,
            "in_proj_bias": (3 * embed_dim,) if bias else None,
            "bias_k": (1, 1, embed_dim) if add_bias_kv else None,
            "bias_v": (1, 1, embed_dim) if add_bias_kv else None,
        }
        for name, shape in shapes.items():
            weight = None if shape is None else Parameter(torch.empty(shape, **made))
            self.register_parameter(name, weight)
        self.out_proj = NonDynamicallyQuantizableLinear(embed_dim, embed_dim, bias, **made)
        self._reset_parameters()

    def _reset_parameters(self) -> None:
        for name in ("in_proj_weight", "q_proj_weight", "k_proj_weight", "v_proj_weight"):
            weight = getattr(self, name)
            if weight is not None:
                init.xavier_uniform_(weight)
        if self.in_proj_bias is not None:
            init.constant_(self.in_proj_bias, 0.0)
            init.constant_(self.out_proj.bias, 0.0)
        for weight in (self.bias_k, self.bias_v):
            if weight is not None:
                init.xavier_normal_(weight)

    def forward(
        self,
        query: Any,
        key: Any,
        value: Any,
        key_padding_mask: Any = None,
        need_weights: bool = True,
        attn_mask: Any = None,
        average_attn_weights: bool = True,
        is_causal: bool = False,
    ) -> tuple[Any, Any]:
        """Return what is found, and the weights it was found with.

        Parameters
        ----------
        query, key, value : Tensor
            Sequences, with a batch or without.
        key_padding_mask : Tensor or None
            (batch, keys): which keys nobody may look at, or what is added.
        need_weights : bool
            Whether the weights are returned; None is otherwise.
        attn_mask : Tensor or None
            (queries, keys), or (batch * heads, queries, keys).
        average_attn_weights : bool
            Whether the weights are the mean over heads.
        is_causal : bool
            Says that `attn_mask` is the causal mask; it must be given all the same.
        """
        if is_causal and attn_mask is None:
            raise RuntimeError(
                "Need attn_mask if specifying the is_causal hint. You may use the Transformer "
                "module method `generate_square_subsequent_mask` to create this mask."
            )
        batched = self._check(query, key, value, key_padding_mask)
        if not batched:
            query, key, value = query.unsqueeze(1), key.unsqueeze(1), value.unsqueeze(1)
            if key_padding_mask is not None:
                key_padding_mask = key_padding_mask.unsqueeze(0)
        elif self.batch_first:
            query, key, value = (t.transpose(0, 1) for t in (query, key, value))
        out, weights = self._attend(query, key, value, key_padding_mask, attn_mask)
        if need_weights and average_attn_weights:
            weights = weights.mean(dim=1)
        if not batched:
            out, weights = out.squeeze(1), weights.squeeze(0)
        elif self.batch_first:
            out = out.transpose(0, 1)
        return out, weights if need_weights else None

    def _attend(
        self, query: Any, key: Any, value: Any, key_padding_mask: Any, attn_mask: Any
    ) -> tuple[Any, Any]:
        """Return the result (queries, batch, width) and weights (batch, heads, queries, keys)."""
        n, batch, _ = query.shape
        q, k, v = self._projected(query, key, value)
        if self.bias_k is not None:
            k = torch.cat([k, self.bias_k.expand(1, batch, self.embed_dim)])
            v = torch.cat([v, self.bias_v.expand(1, batch, self.embed_dim)])
        if self.add_zero_attn:
            nothing = torch.zeros(1, batch, self.embed_dim, dtype=k.dtype)
            k, v = torch.cat([k, nothing]), torch.cat([v, nothing])
        extra = k.shape[0] - key.shape[0]
        mask = self._mask(key_padding_mask, attn_mask, n, key.shape[0], batch, q.dtype)
        if mask is not None and extra:
            mask = F.pad(mask, (0, extra))
        q, k, v = (self._heads(t) for t in (q, k, v))
        scores = torch.matmul(q * (1 / math.sqrt(self.head_dim)), k.transpose(-2, -1))
        if mask is not None:
            scores = scores + mask
        weights = F.softmax(scores, dim=-1)
        if self.dropout and self.training:
            weights = F.dropout(weights, self.dropout)
        found = torch.matmul(weights, v).permute(2, 0, 1, 3).reshape(n * batch, self.embed_dim)
        out = F.linear(found, self.out_proj.weight, self.out_proj.bias)
        return out.view(n, batch, self.embed_dim), weights

    def _projected(self, query: Any, key: Any, value: Any) -> tuple[Any, Any, Any]:
        if self._qkv_same_embed_dim:
            weights = self.in_proj_weight.chunk(3)
        else:
            weights = (self.q_proj_weight, self.k_proj_weight, self.v_proj_weight)
        biases = (None,) * 3 if self.in_proj_bias is None else self.in_proj_bias.chunk(3)
        q, k, v = (F.linear(t, w, b) for t, w, b in zip((query, key, value), weights, biases))
        return q, k, v

    def _heads(self, x: Any) -> Any:
        """Return (batch, heads, time, width of a head)."""
        n, batch, _ = x.shape
        return x.reshape(n, batch, self.num_heads, self.head_dim).permute(1, 2, 0, 3)

    def _mask(
        self, key_padding_mask: Any, attn_mask: Any, n: int, keys: int, batch: int, dtype: Any
    ) -> Any:
        """Return what is added to the scores, to be broadcast to (batch, heads, queries, keys)."""
        total = None
        both = attn_mask is not None and key_padding_mask is not None
        if both and attn_mask.dtype != key_padding_mask.dtype:
            warnings.warn(
                "Support for mismatched key_padding_mask and attn_mask is deprecated. Use same "
                "type for both instead.",
                UserWarning,
                stacklevel=5,
            )
        if attn_mask is not None:
            total = _added(attn_mask, "attn_mask", dtype)
            several = (batch * self.num_heads, n, keys)
            if attn_mask.dim() == 2:
                if tuple(attn_mask.shape) != (n, keys):
                    raise RuntimeError(
                        f"The shape of the 2D attn_mask is {attn_mask.shape}, but should be "
                        f"{(n, keys)}."
                    )
            elif attn_mask.dim() != 3:
                raise RuntimeError(f"attn_mask's dimension {attn_mask.dim()} is not supported")
            elif tuple(attn_mask.shape) != several:
                raise RuntimeError(
                    f"The shape of the 3D attn_mask is {attn_mask.shape}, but should be {several}."
                )
            else:
                total = total.view(batch, self.num_heads, n, keys)
        if key_padding_mask is not None:
            for at, (wanted, got) in enumerate(zip((batch, keys), key_padding_mask.shape)):
                if wanted != got:
                    raise AssertionError(
                        f"Expected key_padded_mask.shape[{at}] to be {wanted}, but got {got}"
                    )
            padding = _added(key_padding_mask, "key_padding_mask", dtype)
            padding = padding.view(batch, 1, 1, keys)
            total = padding if total is None else total + padding
        return total

    def _check(self, query: Any, key: Any, value: Any, key_padding_mask: Any) -> bool:
        """Raise PyTorch's errors for shapes; return whether there is a batch."""
        dims = query.dim()
        if dims not in (2, 3):
            raise AssertionError(
                f"query should be unbatched 2D or batched 3D tensor but received {dims}-D query "
                "tensor"
            )
        kind = "batched" if dims == 3 else "unbatched"
        if key.dim() != dims or value.dim() != dims:
            raise AssertionError(
                f"For {kind} ({dims}-D) `query`, expected `key` and `value` to be {dims}-D but "
                f"found {key.dim()}-D and {value.dim()}-D tensors respectively"
            )
        if key_padding_mask is not None and key_padding_mask.dim() != dims - 1:
            raise AssertionError(
                f"For {kind} ({dims}-D) `query`, expected `key_padding_mask` to be `None` or "
                f"{dims - 1}-D but found {key_padding_mask.dim()}-D tensor instead"
            )
        if query.shape[-1] != self.embed_dim:
            raise AssertionError(
                f"was expecting embedding dimension of {self.embed_dim}, but got {query.shape[-1]}"
            )
        for name, t, width in (("key", key, self.kdim), ("value", value, self.vdim)):
            if t.shape[-1] != width:
                raise AssertionError(f"{name} has the width {t.shape[-1]}, but {width} is expected")
        if key.shape[:-1] != value.shape[:-1]:
            raise AssertionError(f"key shape {key.shape} does not match value shape {value.shape}")
        return bool(dims == 3)


def _added(mask: Any, name: str, dtype: Any) -> Any:
    """Return a mask as what is added: minus infinity where a mask of bools is True."""
    if mask.dtype == torch.bool:
        return torch.zeros(mask.shape, dtype=dtype).masked_fill_(mask, float("-inf"))
    if not mask._spec.floating:
        raise AssertionError(f"only bool and floating types of {name} are supported")
    return mask
