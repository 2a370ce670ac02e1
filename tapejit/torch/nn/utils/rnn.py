"""Sequences of unequal length side by side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ...codes import op
from ...tensor import Tensor
from ..common import need_tensor, record


@op("pad_sequence", node="torch::autograd::CopySlices", saves=())
def pad_sequence_op(*parts: Any, batch_first: bool, value: float, left: bool) -> Any:
    """Sequences filled up to the longest and stacked."""
    longest = max(np.shape(x)[0] for x in parts)
    full = []
    for x in parts:
        more = longest - np.shape(x)[0]
        around = [(more, 0) if left else (0, more)] + [(0, 0)] * (np.ndim(x) - 1)
        full.append(np.pad(x, around, constant_values=np.dtype(x.dtype).type(value)))
    return np.stack(full, axis=0 if batch_first else 1)


def pad_sequence(
    sequences: Sequence[Tensor],
    batch_first: bool = False,
    padding_value: float = 0.0,
    padding_side: str = "right",
) -> Tensor:
    """Stack sequences of unequal length, filled up with a number.

    Parameters
    ----------
    sequences : sequence of Tensor, (L, *)
    batch_first : bool
        Whether the result is (B, L, *) and not (L, B, *).
    padding_value : float
    padding_side : {"right", "left"}

    Raises
    ------
    RuntimeError
        If there are no sequences, or the side is another.

    Examples
    --------
    >>> import tapejit.torch as torch
    >>> torch.nn.utils.rnn.pad_sequence([torch.ones(2), torch.ones(1)], batch_first=True)
    tensor([[1., 1.],
            [1., 0.]])
    """
    several = [need_tensor("pad_sequence", "sequences", 1, x) for x in sequences]
    if not several:
        raise RuntimeError("received an empty list of sequences")
    if padding_side not in ("left", "right"):
        raise RuntimeError("padding_side should be either right or left")
    return record(
        pad_sequence_op, several, batch_first=bool(batch_first), value=float(padding_value),
        left=padding_side == "left",
    )  # fmt: skip
