"""Tables: rows picked by number, bags of rows, one-hot codes.

Row numbers are looked at when the row is recorded: one outside the table is an error of the line
that uses it, as in PyTorch. Numbers that have been checked are not looked at again.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np

from ..codes import LEAF, PLAIN, op
from ..emit import emit
from ..record import LOCAL
from ..spec import Spec, spec_of
from ..tensor import Tensor, leaf_of
from .common import called, flat, need_tensor, record
from .sampled import span


@op("embedding", saves=((), (0,)))  # the gradient of the table reads the numbers
def embedding_op(i: Any, w: Any, *, padding: int, by_freq: bool) -> Any:
    """Rows of a table; the row `padding` gets no gradient, with `by_freq` repeated ones a mean."""
    rows = w[i]
    if padding >= 0:
        rows = np.where(np.expand_dims(i == padding, -1), flat(rows), rows)
    if by_freq:
        flat_i = i.reshape(-1)
        count = np.sum(flat_i[:, None] == flat_i[None, :], axis=1).reshape(np.shape(i))
        share = np.expand_dims(1.0 / count, -1).astype(w.dtype)
        fixed = flat(rows)
        rows = np.where(np.isfinite(fixed), fixed + (rows - fixed) * share, rows)
    return rows


def _check_rows(name: str, i: Tensor, w: Tensor) -> None:
    if i._spec.np.name not in ("int64", "int32"):
        raise RuntimeError(
            f"Expected tensor for argument #1 'indices' to have one of the following scalar types: "
            f"Long, Int; but got torch.{called(i._spec.np)}Tensor instead (while checking arguments "
            f"for {name})"
        )
    found = span(i)
    if found is not None and not (found[0] >= 0 and found[1] < w.shape[0]):
        raise IndexError("index out of range in self")


def embedding(
    input: Tensor,
    weight: Tensor,
    padding_idx: int | None = None,
    max_norm: float | None = None,
    norm_type: float = 2.0,
    scale_grad_by_freq: bool = False,
    sparse: bool = False,
) -> Tensor:
    """Return the rows of a table with the given numbers.

    Parameters
    ----------
    input : Tensor of integers, (*)
    weight : Tensor, (V, D)
    padding_idx : int, optional
        The row that gets no gradient.
    max_norm : float, optional
        Rows looked up that are longer are shortened, in place, first.
    norm_type : float
        The p of that norm.
    scale_grad_by_freq : bool
        Whether the gradient of a row is divided by how often it was looked up.
    sparse : bool
        Accepted; gradients are dense.

    Returns
    -------
    Tensor, (*, D)

    Raises
    ------
    IndexError
        If a number is none of a row.
    RuntimeError
        If the numbers are no integers, or the table is no matrix.

    Examples
    --------
    >>> import tapejit.torch as torch
    >>> table = torch.tensor([[0.0, 1.0], [2.0, 3.0]])
    >>> torch.nn.functional.embedding(torch.tensor([1, 0, 1]), table)
    tensor([[2., 3.],
            [0., 1.],
            [2., 3.]])
    """
    i, w = (
        need_tensor("embedding", "input", 1, input),
        need_tensor("embedding", "weight", 2, weight),
    )
    padding = _padding(padding_idx, w)
    if w.ndim != 2:
        raise RuntimeError("'weight' must be 2-D")
    _check_rows("embedding", i, w)
    if max_norm is not None:
        _shorten(i, w, float(max_norm), float(norm_type))
    return record(embedding_op, (i, w), padding=padding, by_freq=bool(scale_grad_by_freq))


def _padding(padding_idx: int | None, w: Tensor) -> int:
    if padding_idx is None:
        return -1
    n: int = w.shape[0]
    if not -n <= padding_idx < n:
        raise AssertionError("Padding_idx must be within num_embeddings")
    return int(padding_idx) % n


@op("embedding_renorm", differentiable=False)
def shorten_op(i: Any, w: Any, *, most: float, p: float) -> Any:
    """The table with the rows looked up cut to a greatest norm."""
    from .distances import p_norm

    n = w.shape[0]
    used = np.any(np.arange(n)[:, None] == i.reshape(-1)[None, :], axis=1)
    norm = p_norm(w, p, 1, True)
    scale = np.where((norm > most) & used[:, None], most / (norm + 1e-7), 1.0)
    return (w * scale).astype(w.dtype)


def _shorten(i: Tensor, w: Tensor, most: float, p: float) -> None:
    rec = LOCAL.rec
    before, rec.grad = rec.grad, False
    try:
        leaf = w._check_inplace(rec)
        _, slot, _ = emit(rec, shorten_op, (i, w), {"most": most, "p": p}, leaf)
        w._set_slot(rec, slot, LEAF if leaf else PLAIN)
    finally:
        rec.grad = before


@op("embedding_bag", saves=((), (0, 1, 2), (0, 1)))
def bag_op(
    i: Any, w: Any, *share: Any, starts: tuple[int, ...] | None, mode: str, padding: int
) -> Any:
    """Sums, means or maxima of the rows in each bag; rows `padding` do not count."""
    rows = w[i]
    counts = i != padding
    if share:
        rows = rows * np.expand_dims(share[0], -1)
    if starts is None:
        return _one_bag(rows, counts, mode, 1)
    ends = (*starts[1:], np.shape(i)[0])
    bags = [_one_bag(rows[a:b], counts[a:b], mode, 0) for a, b in zip(starts, ends)]
    return np.stack(bags)


def _one_bag(rows: Any, counts: Any, mode: str, axis: int) -> Any:
    counts = np.expand_dims(counts, -1)
    if not np.shape(rows)[axis]:
        return np.sum(rows, axis=axis)
    n = np.sum(counts, axis=axis)
    if mode == "max":
        top = np.max(np.where(counts, rows, -np.inf), axis=axis)
        return np.where(n == 0, 0.0, top).astype(rows.dtype)
    total = np.sum(np.where(counts, rows, 0.0), axis=axis)
    return total if mode == "sum" else (total / np.maximum(n, 1)).astype(rows.dtype)


def embedding_bag(
    input: Tensor,
    weight: Tensor,
    offsets: Tensor | None = None,
    max_norm: float | None = None,
    norm_type: float = 2,
    scale_grad_by_freq: bool = False,
    mode: str = "mean",
    sparse: bool = False,
    per_sample_weights: Tensor | None = None,
    include_last_offset: bool = False,
    padding_idx: int | None = None,
) -> Tensor:
    """Return sums, means or maxima of rows of a table, bag by bag.

    Parameters
    ----------
    input : Tensor of integers, (B, N) or (N,)
        Row numbers; one bag per row, or bags that start at `offsets`.
    weight : Tensor, (V, D)
    offsets : Tensor of integers, (B,), optional
    mode : {"mean", "sum", "max"}
    per_sample_weights : Tensor, of the shape of `input`, optional
        Factors of the rows, for sums only.
    include_last_offset : bool
        Whether `offsets` ends with the number of rows.
    padding_idx : int, optional
        The row that does not count.

    Raises
    ------
    ValueError
        If the shapes or the mode are others.
    NotImplementedError
        If rows are scaled by their frequency, which tables do with `embedding`.
    """
    i = need_tensor("embedding_bag", "input", 1, input)
    w = need_tensor("embedding_bag", "weight", 2, weight)
    if mode not in ("mean", "sum", "max"):
        raise ValueError("mode has to be one of sum, mean or max")
    if scale_grad_by_freq:
        raise NotImplementedError("embedding_bag: scale_grad_by_freq is not implemented")
    starts: tuple[int, ...] | None = None
    if i.ndim == 2:
        if offsets is not None:
            raise ValueError(
                "if input is 2D, then offsets has to be None, as input is treated is a mini-batch "
                f"of fixed length sequences. However, found offsets of type {type(offsets)}"
            )
    elif i.ndim == 1:
        if offsets is None:
            raise ValueError("offsets has to be a 1D Tensor but got None")
        if offsets.ndim != 1:
            raise ValueError("offsets has to be a 1D Tensor")
        starts = tuple(int(k) for k in np.asarray(offsets._value()))
        if starts and starts[0] != 0:
            raise RuntimeError(
                "offsets[0] has to be 0, i.e., the first sequence in the mini-batch has to start "
                f"from position 0. However, got {starts[0]}"
            )
        if starts and starts[-1] > i.shape[0]:
            raise RuntimeError(
                f"offsets[-1] can not be greater than input's length {i.shape[0]} but got "
                f"offsets[-1] of {starts[-1]}"
            )
        if any(a > b for a, b in pairwise(starts)):
            raise RuntimeError("embedding_bag: offsets must not decrease")
        if include_last_offset:
            starts = starts[:-1]
    else:
        raise ValueError(f"input has to be 1D or 2D Tensor, but got Tensor of dimension {i.ndim}")
    args: tuple[Any, ...] = (i, w)
    if per_sample_weights is not None:
        if mode != "sum":
            raise NotImplementedError(
                "embedding_bag: per_sample_weights was not None. per_sample_weights is only "
                f"supported for mode='sum' (got mode='{mode}')."
            )
        if tuple(per_sample_weights.shape) != tuple(i.shape):
            raise ValueError(
                f"embedding_bag: If per_sample_weights ({per_sample_weights.shape}) is not None, "
                f"then it must have the same shape as the input ({i.shape})"
            )
        args = (i, w, per_sample_weights)
    _check_rows("embedding_bag", i, w)
    if max_norm is not None:
        _shorten(i, w, float(max_norm), float(norm_type))
    padding = _padding(padding_idx, w)
    if starts == ():
        return leaf_of(np.zeros((0, w.shape[1]), w._spec.np), spec_of(w._spec.np, (0, w.shape[1])))
    return record(bag_op, args, starts=starts, mode=mode, padding=padding)


def _one_hot_shape(specs: tuple[Spec, ...], params: dict[str, Any]) -> Any:
    return [("int64", (*specs[0].shape, params["classes"]))]


@op("one_hot", shape=_one_hot_shape, differentiable=False)
def one_hot_op(i: Any, *, classes: int) -> Any:
    """1 at the class number, 0 elsewhere."""
    return np.where(np.expand_dims(i, -1) == np.arange(classes), 1, 0)


def one_hot(tensor: Tensor, num_classes: int = -1) -> Tensor:
    """Return int64 rows with a 1 at each class number.

    Parameters
    ----------
    tensor : Tensor of int64, (*)
    num_classes : int
        -1: one more than the greatest number.

    Raises
    ------
    RuntimeError
        If a number is negative or no class, or there is nothing to tell the classes by.

    Examples
    --------
    >>> import tapejit.torch as torch
    >>> torch.nn.functional.one_hot(torch.tensor([0, 2]))
    tensor([[1, 0, 0],
            [0, 0, 1]])
    """
    i = need_tensor("one_hot", "tensor", 1, tensor)
    if i._spec.np.name != "int64":
        raise RuntimeError("one_hot is only applicable to index tensor of type LongTensor.")
    found = span(i)
    if found is None and num_classes <= 0:
        raise RuntimeError("Can not infer total number of classes from empty tensor.")
    if found is not None and found[0] < 0:
        raise RuntimeError("Class values must be non-negative.")
    if num_classes == -1:
        assert found is not None
        num_classes = found[1] + 1
    elif num_classes < 1:
        raise RuntimeError("num_classes should be positive")
    elif found is not None and found[1] >= num_classes:
        raise RuntimeError("Class values must be smaller than num_classes.")
    return record(one_hot_op, (i,), classes=int(num_classes))


__all__ = ["embedding", "embedding_bag", "one_hot"]
