"""The transpose of broadcasting: a sum that gives a smaller shape."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..codes import op
from ..emit import apply
from ..surface import public
from ..tensor import Tensor


@op("sum_to_size", node="SumBackward1", saves=((),))
def _sum_to(x: Any, *, shape: tuple[int, ...]) -> Any:
    """The sum over the axes that broadcasting the shape would have added or stretched."""
    lead = x.ndim - len(shape)
    axes = tuple(range(lead)) + tuple(
        lead + k for k, n in enumerate(shape) if n == 1 and x.shape[lead + k] != 1
    )
    return np.reshape(np.sum(x, axis=axes), shape) if axes else x


@public("sum_to_size", function=False)
def sum_to_size(self: Tensor, *size: Any) -> Any:
    """Return the sum over axes that gives a shape which broadcasts to this tensor's."""
    shape = tuple(size[0]) if len(size) == 1 and isinstance(size[0], list | tuple) else size
    mine = tuple(self._spec.shape)
    fits = len(shape) <= len(mine) and all(a in (1, b) for a, b in zip(shape[::-1], mine[::-1]))
    if not fits:
        raise RuntimeError(f"size {{{list(shape)}}} is not expandable to size {{{list(mine)}}}.")
    return self if shape == mine else apply(_sum_to, (self,), shape=shape)
