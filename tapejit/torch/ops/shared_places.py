"""Writes to some elements of an expanded view, where several elements share one place in memory.

PyTorch writes such elements one after the other, so that an element shows what any of those at its
place has been given. Said without memory: the elements fall into groups; a group is written where
one of its elements is, and all of it shows what was written there last. What these functions return
has one value a group and is written as `fill_` is.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from ..codes import CODES, op
from ..emit import apply
from ..spec import spec_of_array
from ..tensor import Tensor, leaf_of
from ..views import through


def _groups(t: Tensor) -> tuple[Any, Any]:
    """Return an element of each group, counted through the tensor, and the group of each element."""
    base, chain, _ = through(t)
    code = CODES[chain]
    n = base._spec.numel
    places = code.op.impl(np.arange(n).reshape(tuple(base._spec.shape)), **code.params)
    _, heads, group = np.unique(places, return_index=True, return_inverse=True)
    return heads, group.reshape(places.shape)


@op("shared_mask", differentiable=False)
def _shared_mask(none: Any, mask: Any, group: Any) -> Any:
    """True where the mask is true for some element of the group; `none` is a zero for each."""
    hits = np.copy(none)
    np.add.at(
        hits, group.reshape(-1), np.broadcast_to(mask, group.shape).reshape(-1).astype("int64")
    )
    return (hits > 0)[group]


def spread(t: Tensor, mask: Tensor) -> Tensor:
    """Return a mask of the elements of `t` that is true for all of a group if it is for one."""
    heads, group = _groups(t)
    made: Tensor = apply(
        _shared_mask, (constant(np.zeros(len(heads), "int64")), mask, constant(group))
    )
    return made


def constant(array: Any) -> Tensor:
    """Return a tensor of positions."""
    array = np.ascontiguousarray(array)
    return leaf_of(array, spec_of_array(array))


def one_for_each(t: Tensor) -> tuple[Tensor, Tensor]:
    """Return one element of each group as a vector, and the group of each element of `t`."""
    heads, group = _groups(t)
    flat: Tensor = t.reshape(-1)[constant(heads)]
    return flat, constant(group)


def warn(name: str, example: str = "tensor[mask] = scalar") -> None:
    """Say what PyTorch says of such writes."""
    warnings.warn(
        f"Use of {name} on expanded tensors is deprecated. Please clone() the tensor before "
        f"performing this operation. This also applies to advanced indexing e.g. {example}",
        UserWarning,
        stacklevel=5,
    )
