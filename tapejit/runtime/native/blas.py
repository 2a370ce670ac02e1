"""NumPy's own BLAS, where its wheel brings one: products then need neither Numba nor SciPy.

NumPy's wheels hold an OpenBLAS with 64-bit integers, whose C functions have names of their own.
It is loaded already, so products share its threads with NumPy's.
"""

from __future__ import annotations

import ctypes
import functools
import os

import numpy as np

PREFIX, SUFFIX = "scipy_cblas_", "64_"


@functools.cache
def _library() -> ctypes.CDLL | None:
    import glob

    folder = os.path.join(os.path.dirname(os.path.dirname(np.__file__)), "numpy.libs")
    found = glob.glob(os.path.join(glob.escape(folder), "libscipy_openblas64_*"))
    try:
        return ctypes.CDLL(found[0]) if len(found) == 1 else None
    except OSError:
        return None


@functools.cache
def address_of(name: str) -> int | None:
    """Return the address of ``scipy_cblas_dgemm64_`` and its like, None where there is none."""
    library = _library() if name.startswith(PREFIX) else None
    try:
        return ctypes.cast(getattr(library, name), ctypes.c_void_p).value
    except AttributeError:
        return None
