"""Functions that move data without computing."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...core.errors import ShapeError, UnsupportedError
from ...core.sources import where
from ...tape.ir import Sym
from ...tape.primitive import BY_NAME
from ..dispatch import implements


def reshaped(a: Sym, shape: tuple[int, ...]) -> Sym:
    """Reshape unless the shape is already right."""
    return BY_NAME["reshape"](a, shape=shape)


@implements(np.reshape)
def reshape(a: Sym, shape: Any = None, order: str = "C", *, copy: Any = None) -> Sym:
    dims = (shape,) if isinstance(shape, (int, np.integer)) else tuple(shape)
    dims = tuple(int(n) for n in dims)
    if -1 in dims:
        known = 1
        for n in dims:
            known *= n if n != -1 else 1
        if dims.count(-1) > 1 or known == 0 or a.size % known:
            raise ShapeError(
                f"cannot reshape array of size {a.size} into shape {dims} ({where()})"
            )
        dims = tuple(a.size // known if n == -1 else n for n in dims)
    if order == "F":
        return transpose(reshaped(transpose(a), dims[::-1]))
    if order not in "CA":
        raise UnsupportedError(f"reshape: order={order!r} ({where()})")
    return reshaped(a, dims)


@implements(np.ravel)
def ravel(a: Sym, order: str = "C") -> Sym:
    return reshape(a, -1, order="C" if order == "K" else order)


@implements(np.transpose)
def transpose(a: Sym, axes: Any = None) -> Sym:
    order = tuple(range(a.ndim))[::-1] if axes is None else tuple(int(k) % a.ndim for k in axes)
    if sorted(order) != list(range(a.ndim)):
        raise ShapeError(f"transpose: axes {axes} do not match an array of {a.ndim} axes ({where()})")
    return BY_NAME["transpose"](a, axes=order)
