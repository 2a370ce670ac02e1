"""Entries put side by side: the batch that a loader makes of a list of entries.

Tensors that need no gradient are put together as arrays, without a row on the tape: which entries a
batch holds is data, and a program that depended on it would be another one for every batch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any

import numpy as np

from ...codes import PLAIN
from ...spec import spec_of
from ...tensor import Tensor, leaf_of


def default_collate(batch: Sequence[Any]) -> Any:
    """Return a batch: tensors stacked, numbers as tensors, texts as they are, containers by entry.

    Raises
    ------
    TypeError
        For entries that have no batch.
    RuntimeError
        For entries of different lengths or shapes.
    """
    first = batch[0]
    if isinstance(first, Tensor):
        return _stacked(batch)
    if isinstance(first, np.ndarray):
        return _tensor(np.stack([np.asarray(x) for x in batch]))
    if isinstance(first, np.generic) and not isinstance(first, str | bytes):
        return _tensor(np.array(batch))
    if isinstance(first, bool):
        return _tensor(np.array(batch, "bool"))
    if isinstance(first, float):
        return _tensor(np.array(batch, "float64"))
    if isinstance(first, int):
        return _tensor(np.array(batch, "int64"))
    if isinstance(first, str | bytes):
        return list(batch)
    if isinstance(first, Mapping):
        made = {key: default_collate([x[key] for x in batch]) for key in first}
        return _like(first, made)
    if isinstance(first, tuple) and hasattr(first, "_fields"):
        return type(first)(*(default_collate(part) for part in zip(*batch, strict=True)))
    if isinstance(first, Sequence):
        if any(len(x) != len(first) for x in batch):
            raise RuntimeError("each element in list of batch should be of equal size")
        parts = [default_collate(part) for part in zip(*batch, strict=True)]
        return parts if isinstance(first, tuple) else _like(first, parts)
    raise TypeError(
        "default_collate: batch must contain tensors, numpy arrays, numbers, dicts or lists; "
        f"found {type(first)}"
    )


def _like(first: Any, made: Any) -> Any:
    """Return a container of the type of the entries, where that can be made."""
    if type(first) in (dict, list):
        return made
    try:
        return type(first)(made)
    except TypeError:
        return made


def _stacked(batch: Sequence[Any]) -> Any:
    kinds = {(x._spec.np, tuple(x._spec.shape)) for x in batch if isinstance(x, Tensor)}
    plain = all(isinstance(x, Tensor) and x._kind_now() == PLAIN for x in batch)
    if not plain or len(kinds) > 1:
        return import_module("tapejit.torch").stack(list(batch), 0)
    return _tensor(np.stack([np.asarray(x._value()) for x in batch]))


def _tensor(array: Any) -> Tensor:
    """Return a tensor of an array that nobody else holds."""
    if array.dtype.kind not in "biufc":
        raise TypeError(
            "default_collate: batch must contain tensors, numpy arrays, numbers, dicts or lists; "
            f"found {array.dtype}"
        )
    return leaf_of(array, spec_of(array.dtype, array.shape))
