"""Sliding windows: ``out[i, .., k] = x[i + k, ..]``, by reading each axis at i + k."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...tape.ir import Sym
from ..dispatch import implements
from ..tracer import active
from .common import P, arr, ordered_axes, permuted, static


@implements(np.lib.stride_tricks.sliding_window_view, copies=True)
def sliding_window_view(x: Any, window_shape: Any, axis: Any = None, *, subok: bool = False,
                        writeable: bool = False) -> Sym:  # fmt: skip
    a = arr(x)
    window_shape = static(window_shape)
    sizes = tuple(map(int, window_shape)) if np.iterable(window_shape) else (int(window_shape),)
    if any(n < 0 for n in sizes):
        raise ValueError("`window_shape` cannot contain negative values")
    if axis is None:
        axes = tuple(range(a.ndim))
        if len(sizes) != len(axes):
            raise ValueError(
                "Since axis is `None`, must provide window_shape for all dimensions of `x`; got "
                f"{len(sizes)} window_shape elements and `x.ndim` is {a.ndim}."
            )
    else:
        given = axis if np.iterable(axis) else (axis,)
        axes = tuple(ordered_axes(a, (k,))[0] for k in given)
        if len(sizes) != len(axes):
            raise ValueError(
                "Must provide matching length window_shape and axis; got "
                f"{len(sizes)} window_shape elements and {len(axes)} axes elements."
            )
    cap = active()
    for k, n in zip(axes, sizes):
        left = a.shape[k] - n + 1
        if left < 1:
            raise ValueError("window shape cannot be larger than input array shape")
        places = cap.const(np.arange(left)[:, None] + np.arange(n)[None, :])
        a = P.gather(a, places, axis=k)
        a = permuted(a, (*(d for d in range(a.ndim) if d != k + 1), k + 1))
    return a
