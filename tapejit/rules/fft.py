"""Discrete Fourier transforms: three linear rows whose adjoints are each other.

Lengths are as given: the front end crops and pads. ``norm`` says where the factor 1/n stands, so
the adjoint of a transform is the transform the other way with the factor on the other side.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ..core.avals import Aval
from ..tape.ir import Sym
from ..tape.primitive import Params
from .declare import linear, ops

Samples = Iterator[tuple[tuple[Any, ...], Params]]
OTHER_SIDE = {"backward": "forward", "forward": "backward", "ortho": "ortho"}


def _complex(rng: np.random.Generator, *shape: int) -> Any:
    return rng.normal(size=shape) + 1j * rng.normal(size=shape)


# ---------------------------------------------------------------- complex to complex


LARGE = 1024
"""Elements from which SciPy transforms: it has NumPy's algorithm and takes several lines at once.

Microseconds of NumPy and SciPy: 44 and 33 for 64 x 64, 1640 and 530 for 256 x 256, 39 and 31 for 4096.
Below, NumPy has less to do before it starts, and least when it is asked for one axis.
"""


def _library(x: Any) -> Any:
    """Return the module that transforms an array of this size."""
    if x.size < LARGE:
        return np.fft
    import scipy.fft

    return scipy.fft


def _fft_numpy(x: Any, *, axes: tuple[int, ...], inverse: bool, norm: str) -> Any:
    fft = _library(x)
    if len(axes) == 1:
        return (fft.ifft if inverse else fft.fft)(x, axis=axes[0], norm=norm)
    return (fft.ifftn if inverse else fft.fftn)(x, axes=axes, norm=norm)


def in_place(x: Any, *, axes: tuple[int, ...], inverse: bool, norm: str) -> Any:
    """Transform an array that nobody reads afterwards: the result may lie in its memory."""
    fft = _library(x)
    if fft is np.fft:
        return _fft_numpy(x, axes=axes, inverse=inverse, norm=norm)
    return (fft.ifftn if inverse else fft.fftn)(x, axes=axes, norm=norm, overwrite_x=True)


def _fft_transpose(ct: Sym, x: Sym, *, axes: tuple[int, ...], inverse: bool, norm: str) -> Sym:
    return ops.fft(ct, axes=axes, inverse=not inverse, norm=OTHER_SIDE[norm])


def _fft_samples(rng: np.random.Generator) -> Samples:
    yield (_complex(rng, 5),), {"axes": (0,), "inverse": False, "norm": "backward"}
    yield (_complex(rng, 2, 3, 4),), {"axes": (0, 2), "inverse": True, "norm": "backward"}
    yield (_complex(rng, 4, 3),), {"axes": (1,), "inverse": False, "norm": "ortho"}


fft = linear(
    "fft",
    lambda a, *, axes, inverse, norm: Aval(a.dtype, a.shape),
    _fft_numpy,
    _fft_transpose,
    samples=_fft_samples,
)


# ---------------------------------------------------------------- real to half of complex, and back
# rfft gives the coefficients 0 .. n // 2 of a real signal; irfft reads each of them but the first
# and (n even) the last as two, conjugate to each other. As adjoints they are out by that factor 2.


def _doubled(n: int) -> slice:
    return slice(1, (n + 1) // 2)


def _scale_numpy(x: Any, *, axis: int, n: int, factor: float) -> Any:
    y = np.array(x)
    index: list[Any] = [slice(None)] * y.ndim
    index[axis] = _doubled(n)
    y[tuple(index)] *= factor
    return y


def _scale_samples(rng: np.random.Generator) -> Samples:
    yield (_complex(rng, 3, 2),), {"axis": 0, "n": 4, "factor": 0.5}


scale_inner = linear(
    "scale_inner",
    lambda a, *, axis, n, factor: Aval(a.dtype, a.shape),
    _scale_numpy,
    lambda ct, x, **params: ops.scale_inner(ct, **params),
    samples=_scale_samples,
)


def _rfft_infer(a: Aval, *, axis: int, norm: str) -> Aval:
    half = a.shape[axis] // 2 + 1
    dtype = np.result_type(a.dtype, np.complex64)
    return Aval(dtype, (*a.shape[:axis], half, *a.shape[axis + 1 :]))


def _rfft_transpose(ct: Sym, x: Sym, *, axis: int, norm: str) -> Sym:
    n = x.shape[axis]
    halved = ops.scale_inner(ct, axis=axis, n=n, factor=0.5)
    return ops.irfft(halved, axis=axis, n=n, norm=OTHER_SIDE[norm])


def _rfft_samples(rng: np.random.Generator) -> Samples:
    yield (rng.normal(size=5),), {"axis": 0, "norm": "backward"}
    yield (rng.normal(size=(4, 3)),), {"axis": 0, "norm": "ortho"}


rfft = linear(
    "rfft",
    _rfft_infer,
    lambda x, *, axis, norm: _library(x).rfft(x, axis=axis, norm=norm),
    _rfft_transpose,
    samples=_rfft_samples,
)


def _irfft_infer(a: Aval, *, axis: int, n: int, norm: str) -> Aval:
    dtype = np.zeros((), a.dtype).real.dtype
    return Aval(dtype, (*a.shape[:axis], n, *a.shape[axis + 1 :]))


def _irfft_transpose(ct: Sym, x: Sym, *, axis: int, n: int, norm: str) -> Sym:
    y = ops.rfft(ct, axis=axis, norm=OTHER_SIDE[norm])
    return ops.scale_inner(y, axis=axis, n=n, factor=2.0)


def _irfft_samples(rng: np.random.Generator) -> Samples:
    yield (_complex(rng, 3),), {"axis": 0, "n": 5, "norm": "backward"}
    yield (_complex(rng, 2, 3),), {"axis": 1, "n": 4, "norm": "forward"}


irfft = linear(
    "irfft",
    _irfft_infer,
    lambda x, *, axis, n, norm: _library(x).irfft(x, n=n, axis=axis, norm=norm),
    _irfft_transpose,
    samples=_irfft_samples,
)
