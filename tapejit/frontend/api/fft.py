"""``np.fft``: crop or pad to the length asked for, then transform."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ...core.sizes import whole
from ...core.sources import where
from ...rules.declare import conj, zeros_like
from ...rules.fft import OTHER_SIDE
from ...tape.ir import Sym
from ...tape.primitive import BY_NAME
from ..dispatch import implements
from .operands import axis_index, operand


def _norm(norm: Any) -> str:
    name = "backward" if norm is None else norm
    if name not in OTHER_SIDE:
        raise ValueError(
            f'Invalid norm value {norm}; should be "backward", "ortho" or "forward". ({where()})'
        )
    return str(name)


def _complex(a: Any) -> Sym:
    x = operand(a)
    return x.b.cast(x, np.result_type(x.dtype, np.complex64))


def _real(a: Any) -> Sym:
    x = operand(a)
    if x.dtype.kind == "c":
        raise TypeError(f"ufunc 'rfft' did not contain a loop with signature for {x.dtype}")
    return x if x.dtype.name in ("float32", "float64") else x.b.cast(x, _real_dtype(x))


def _real_dtype(x: Sym) -> Any:
    return np.dtype(np.float32 if x.dtype == np.float16 else np.float64)


def _length(n: int) -> int:
    if n < 1:
        raise ValueError(f"Invalid number of FFT data points ({n}) specified. ({where()})")
    return n


def _fitted(x: Sym, axis: int, n: int) -> Sym:
    """Crop or pad with zeros at the end of one axis."""
    m = x.shape[axis]
    if n < m:
        ranges = tuple((0, n if k == axis else size, 1) for k, size in enumerate(x.shape))
        return BY_NAME["slice"](x, ranges=ranges)
    if n > m:
        rest = zeros_like(x, (*x.shape[:axis], n - m, *x.shape[axis + 1 :]))
        return BY_NAME["concatenate"](x, rest, axis=axis)
    return x


def _transform(x: Sym, axes: Sequence[int], inverse: bool, norm: str) -> Sym:
    return BY_NAME["fft"](x, axes=tuple(axes), inverse=inverse, norm=norm)


def _one(inverse: bool) -> Any:
    def transform(a: Any, n: Any = None, axis: int = -1, norm: Any = None) -> Sym:
        x = _complex(a)
        axis = axis_index(axis, x.ndim)
        x = _fitted(x, axis, _length(x.shape[axis] if n is None else n))
        return _transform(x, (axis,), inverse, _norm(norm))

    return transform


def _plan(x: Sym, s: Any, axes: Any, last_doubled: bool = False) -> tuple[list[int], list[int]]:
    """Return the axes and their lengths from ``s=`` and ``axes=``, as NumPy reads them."""
    if s is not None:
        sizes = [whole(n) for n in s]
        chosen = list(range(-len(sizes), 0)) if axes is None else list(axes)
    else:
        chosen = list(range(-x.ndim, 0)) if axes is None else list(axes)
        sizes = [x.shape[axis_index(k, x.ndim)] for k in chosen]
        if last_doubled and sizes:
            sizes[-1] = 2 * (sizes[-1] - 1)
    if len(sizes) != len(chosen):
        raise ValueError(f"Shape and axes have different lengths. ({where()})")
    places = [axis_index(k, x.ndim) for k in chosen]
    return places, [x.shape[k] if n == -1 else n for k, n in zip(places, sizes)]


def _several(x: Sym, axes: list[int], sizes: list[int], inverse: bool, norm: str) -> Sym:
    for axis, n in zip(axes, sizes):
        x = _fitted(x, axis, _length(n))
    while axes:
        # One row transforms distinct axes; a repeated one is transformed again.
        first = [k for i, k in enumerate(axes) if k not in axes[:i]]
        x = _transform(x, first, inverse, norm)
        axes = [k for i, k in enumerate(axes) if k in axes[:i]]
    return x


def _many(inverse: bool, axes: Any) -> Any:
    default = axes

    def transform(a: Any, s: Any = None, axes: Any = default, norm: Any = None) -> Sym:
        x = _complex(a)
        return _several(x, *_plan(x, s, axes), inverse, _norm(norm))

    return transform


implements(np.fft.fft)(_one(False))
implements(np.fft.ifft)(_one(True))
implements(np.fft.fftn)(_many(False, None))
implements(np.fft.ifftn)(_many(True, None))
implements(np.fft.fft2)(_many(False, (-2, -1)))
implements(np.fft.ifft2)(_many(True, (-2, -1)))


# ---------------------------------------------------------------- real signals


@implements(np.fft.rfft)
def rfft(a: Any, n: Any = None, axis: int = -1, norm: Any = None) -> Sym:
    x = _real(a)
    axis = axis_index(axis, x.ndim)
    x = _fitted(x, axis, _length(x.shape[axis] if n is None else n))
    return BY_NAME["rfft"](x, axis=axis, norm=_norm(norm))


@implements(np.fft.irfft)
def irfft(a: Any, n: Any = None, axis: int = -1, norm: Any = None) -> Sym:
    x = _complex(a)
    axis = axis_index(axis, x.ndim)
    n = _length(2 * (x.shape[axis] - 1) if n is None else int(n))
    x = _fitted(x, axis, n // 2 + 1)
    return BY_NAME["irfft"](x, axis=axis, n=n, norm=_norm(norm))


@implements(np.fft.hfft)
def hfft(a: Any, n: Any = None, axis: int = -1, norm: Any = None) -> Any:
    x = _complex(a)
    return irfft(conj(x), n, axis, OTHER_SIDE[_norm(norm)])


@implements(np.fft.ihfft)
def ihfft(a: Any, n: Any = None, axis: int = -1, norm: Any = None) -> Sym:
    found: Sym = conj(rfft(a, n, axis, OTHER_SIDE[_norm(norm)]))
    return found


@implements(np.fft.rfftn)
def rfftn(a: Any, s: Any = None, axes: Any = None, norm: Any = None) -> Sym:
    x, how = _real(a), _norm(norm)
    places, sizes = _plan(x, s, axes)
    x = rfft(x, sizes[-1], places[-1], how)
    return _several(x, places[:-1], sizes[:-1], False, how)


@implements(np.fft.irfftn)
def irfftn(a: Any, s: Any = None, axes: Any = None, norm: Any = None) -> Any:
    x, how = _complex(a), _norm(norm)
    places, sizes = _plan(x, s, axes, last_doubled=True)
    x = _several(x, places[:-1], sizes[:-1], True, how)
    return irfft(x, sizes[-1], places[-1], how)


@implements(np.fft.rfft2)
def rfft2(a: Any, s: Any = None, axes: Any = (-2, -1), norm: Any = None) -> Any:
    return rfftn(a, s, axes, norm)


@implements(np.fft.irfft2)
def irfft2(a: Any, s: Any = None, axes: Any = (-2, -1), norm: Any = None) -> Any:
    return irfftn(a, s, axes, norm)


# ---------------------------------------------------------------- shifts


def _rolled(x: Sym, axis: int, shift: int) -> Sym:
    """Roll one axis by a number of places to the right."""
    n = x.shape[axis]
    cut = n - shift % n if n else 0
    if cut in (0, n):
        return x
    full = [(0, size, 1) for size in x.shape]
    parts = []
    for start, length in ((cut, n - cut), (0, cut)):
        full[axis] = (start, length, 1)
        parts.append(BY_NAME["slice"](x, ranges=tuple(full)))
    return BY_NAME["concatenate"](*parts, axis=axis)


def _shift(sign: int) -> Any:
    def shift(x: Any, axes: Any = None) -> Sym:
        found = operand(x)
        if axes is None:
            places = list(range(found.ndim))
        else:
            given = [axes] if isinstance(axes, (int, np.integer)) else list(axes)
            places = [axis_index(k, found.ndim) for k in given]
        for k in places:
            found = _rolled(found, k, sign * (found.shape[k] // 2))
        return BY_NAME["copy"](found) if not places else found

    return shift


implements(np.fft.fftshift)(_shift(1))
implements(np.fft.ifftshift)(_shift(-1))
