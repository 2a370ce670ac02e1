"""Sharing memory with other libraries by the DLPack protocol."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..surface import FUNCTIONS
from ..tensor import Tensor


def from_dlpack(ext_tensor: Any) -> Tensor:
    """Return a tensor that shares memory with an object that speaks DLPack."""
    array = np.from_dlpack(ext_tensor)
    if not array.flags.writeable:  # the protocol's older form does not say so
        array = _writeable(array)
    made: Tensor = FUNCTIONS["from_numpy"](array)
    return made


def to_dlpack(tensor: Tensor) -> Any:
    """Return a DLPack capsule of a tensor's memory."""
    return tensor.__dlpack__()


class _Memory:
    """An array's memory under NumPy's array interface, declared writeable."""

    def __init__(self, x: Any) -> None:
        self.base = x
        self.__array_interface__ = {
            "shape": x.shape,
            "typestr": x.dtype.str,
            "data": (x.__array_interface__["data"][0], False),
            "strides": x.strides,
            "version": 3,
        }


def _writeable(x: Any) -> Any:
    return np.asarray(_Memory(x))
