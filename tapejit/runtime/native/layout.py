"""Where CPython and NumPy keep the fields that wrappers read, verified against live objects.

Numba's own C code reads the same structures; their layout is part of NumPy's binary interface.
A build that differs is found out by `verify`, and its programs are interpreted.
"""

from __future__ import annotations

import ctypes
import functools
import sys
from typing import Any

import numpy as np

BODY = object.__basicsize__
"""The size of an object's header: where the fields of a structure begin."""
TYPE = BODY - 8
ARRAY = {
    name: BODY + offset
    for name, offset in {
        "data": 0, "nd": 8, "dims": 16, "strides": 24, "base": 32, "descr": 40, "flags": 48,
    }.items()
}  # fmt: skip
DESCR = {"byteorder": BODY + 10, "type_num": BODY + 12}


def _read(address: int, kind: Any) -> Any:
    return kind.from_address(address).value


@functools.cache
def verify() -> None:
    """Compare the fields of sample objects with what Python says of them.

    Raises
    ------
    RuntimeError
        When one is not where it is expected.
    """
    word = ctypes.c_int64
    good = ctypes.sizeof(ctypes.c_void_p) == 8 and sys.implementation.name == "cpython"
    for x in (np.zeros((3, 5), ">f4"), np.zeros((4, 2, 3), np.int64).transpose()) if good else ():
        at = id(x)
        dims, strides = _read(at + ARRAY["dims"], word), _read(at + ARRAY["strides"], word)
        flags = _read(at + ARRAY["flags"], ctypes.c_int32)
        descr = _read(at + ARRAY["descr"], word)
        good = good and (
            _read(at + TYPE, word) == id(np.ndarray)
            and _read(at + ARRAY["data"], word) == x.__array_interface__["data"][0]
            and _read(at + ARRAY["nd"], ctypes.c_int32) == x.ndim
            and x.shape == tuple(_read(dims + 8 * d, word) for d in range(x.ndim))
            and x.strides == tuple(_read(strides + 8 * d, word) for d in range(x.ndim))
            and flags == x.flags.num
            and descr == id(x.dtype)
            and chr(_read(descr + DESCR["byteorder"], ctypes.c_uint8)) == x.dtype.byteorder
            and _read(descr + DESCR["type_num"], ctypes.c_int32) == x.dtype.num
        )
    for number, kind in ((1.5, ctypes.c_double), (np.float32(1.5), ctypes.c_float),
                         (np.int64(-7), word), (np.complex64(1.5), ctypes.c_float),
                         (1.5 + 0j, ctypes.c_double)):  # fmt: skip
        good = good and _read(id(number) + BODY, kind) == number
    if not good:
        raise RuntimeError(
            "this build of Python or NumPy keeps the fields of arrays elsewhere than expected"
        )
