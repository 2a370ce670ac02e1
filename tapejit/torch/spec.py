"""Specs: what is known of a tensor before it is computed, hash-consed so that identity is equality.

A spec is a dtype, a shape and, for views whose memory is not contiguous, the strides. Recording
looks results up by the specs of the operands.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .dtypes import dtype, from_numpy_dtype
from .sizes import Size


class Spec:
    """Dtype, shape and strides of a tensor.

    Attributes
    ----------
    dtype : dtype
        The tensor's dtype; `np` is NumPy's name for it.
    shape : Size
    strides : tuple of int or None
        Elements to skip for one step along each axis; None when contiguous.
    floating : bool
        Whether the tensor may require a gradient: real or complex floating point.
    repeats : bool
        Whether elements share a place, as in an expanded view.
    inputs : tuple of int or None
        The codes of inputs of this spec, by kind, once there are any.
    """

    __slots__ = (
        "dtype",
        "floating",
        "inputs",
        "ndim",
        "np",
        "numel",
        "repeats",
        "shape",
        "strides",
    )

    def __init__(self, np_dtype: np.dtype[Any], shape: tuple[int, ...], strides: Any) -> None:
        self.np = np_dtype
        self.dtype: dtype = from_numpy_dtype(np_dtype)
        self.shape = Size(shape)
        self.ndim = len(shape)
        self.strides: tuple[int, ...] | None = strides
        self.floating = np_dtype.kind in "fc"
        self.inputs: tuple[int, int, int] | None = None
        n = 1
        for dim in shape:
            n *= dim
        self.numel = n
        self.repeats = strides is not None and any(s == 0 and k > 1 for s, k in zip(strides, shape))

    def __repr__(self) -> str:
        return f"{self.dtype}{list(self.shape)}"

    def __reduce__(self) -> Any:
        return (spec_of, (self.np, tuple(self.shape), self.strides))


specs: dict[Any, Spec] = {}
"""By dtype, shape and strides; emptied of what nobody else holds by `release`."""


def spec_of(np_dtype: Any, shape: tuple[int, ...], strides: tuple[int, ...] | None = None) -> Spec:
    """Return the one spec of a dtype, a shape and strides."""
    key = (np_dtype, shape, strides)
    found = specs.get(key)
    if found is None:
        kind = np.dtype(np_dtype)
        if not kind.isnative:
            kind = kind.newbyteorder("=")
        found = specs.setdefault((kind, shape, strides), Spec(kind, shape, strides))
        specs[key] = found
    return found


def spec_of_array(array: Any) -> Spec:
    """Return the spec of an array as it lies in memory."""
    if array.ndim == 0 or array.flags.c_contiguous:
        return spec_of(array.dtype, array.shape)
    size = array.dtype.itemsize
    return spec_of(array.dtype, array.shape, tuple(s // size for s in array.strides))


def contiguous_strides(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return the strides, in elements, of a contiguous array."""
    strides, step = [], 1
    for n in reversed(shape):
        strides.append(step)
        step *= max(n, 1)
    return tuple(reversed(strides))
