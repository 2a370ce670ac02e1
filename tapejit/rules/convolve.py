"""Part of the discrete convolution of two lines: z_k = sum_i x_i y_{start+k-i} for k < length.

What lies outside of the full convolution is zero, so a part of any place and length is bilinear in
both lines, and its adjoints are parts of convolutions again: with m = len(y) and r the line y
reversed,

    dx_i = sum_k ct_k y_{start+k-i} = sum_k ct_k r_{(m - 1 - start + i) - k},

the part of conv(ct, r) that starts at m - 1 - start. So a gradient by 7 weights computes 7 numbers,
not the full convolution of two long lines of which 7 are read.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ..core.avals import Aval
from ..tape.ir import Sym
from ..tape.primitive import Emit, Params
from .declare import bilinear, ops


def _infer(x: Aval, y: Aval, *, start: int, length: int) -> Aval:
    return Aval(x.dtype, (length,))


def _numpy(x: Any, y: Any, *, start: int, length: int) -> Any:
    n, m = sorted((len(x), len(y)), reverse=True)
    if (start, length) == (m - 1, n - m + 1):
        return np.convolve(x, y, "valid")
    full = np.convolve(x, y)
    if start >= 0 and start + length <= len(full):
        return full[start : start + length]
    found = np.zeros(length, full.dtype)
    low, high = max(start, 0), min(start + length, len(full))
    if low < high:
        found[low - start : high - start] = full[low:high]
    return found


def _correlated(ct: Sym, y: Sym, n: int, start: int) -> Sym:
    """sum_k ct_k y_{start+k-i} for i < n."""
    m = y.shape[0]
    back = ops.slice(y, ranges=((m - 1, m, -1),))
    return ops.convolve(ct, back, start=m - 1 - start, length=n)


def _samples(rng: np.random.Generator) -> Iterator[tuple[tuple[Any, ...], Params]]:
    yield (rng.normal(size=4), rng.normal(size=3)), {"start": 0, "length": 6}
    yield (rng.normal(size=2), rng.normal(size=5)), {"start": 1, "length": 4}
    yield (rng.normal(size=3), rng.normal(size=4)), {"start": -2, "length": 9}
    yield (rng.normal(size=5), rng.normal(size=3)), {"start": 4, "length": 5}


convolve = bilinear(
    "convolve",
    _infer,
    _numpy,
    (
        lambda ct, x, y, start, length: _correlated(ct, y, x.shape[0], start),
        lambda ct, x, y, start, length: _correlated(ct, x, y.shape[0], start),
    ),
    emit=Emit(
        "call",
        lambda avals, out, params: f"routines.convolve({{out}}, {{0}}, {{1}}, {params['start']})",
    ),
    samples=_samples,
)
