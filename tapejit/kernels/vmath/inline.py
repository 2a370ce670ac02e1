"""The elementwise functions as parts of their caller: what generated kernels call ``vmath``.

``inline.exp_f64`` is ``INTRINSICS["exp_f64"]`` of the package, compiled into the kernel that uses it.
"""

from __future__ import annotations

from typing import Any

from . import INTRINSICS

# At once: Numba knows only the functions that were there when a compilation began.
globals().update(INTRINSICS)


def __getattr__(name: str) -> Any:
    raise AttributeError(f"there is no elementwise function {name}")
