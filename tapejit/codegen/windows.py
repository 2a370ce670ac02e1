"""Where a window at computed starts lies in the memory of its array."""

from __future__ import annotations

from collections.abc import Sequence

from ..core.avals import Shape
from .values import Values


def place_of(values: Values, x: int, starts: Sequence[int], sizes: Shape) -> str:
    """Return ``offset + start*stride + ...`` as source.

    A start along an axis that the window takes whole can only be 0.
    """
    shown = values.strided(x)
    shape = values.tape.value(x).shape
    offset, terms = shown.offset, []
    for start, stride, n, size in zip(starts, shown.strides, shape, sizes):
        if n == size:
            continue
        text = values.number(start)
        if values.tape.prim(start).emit.kind == "lit":
            offset += int(values.tape.params(start)["value"]) * stride
        elif stride == 1:
            terms.append(text)
        elif stride:
            terms.append(f"{text} * {stride}")
    if offset or not terms:
        terms.append(str(offset))
    return " + ".join(terms)
