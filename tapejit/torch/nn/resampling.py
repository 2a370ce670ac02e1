"""Images of other sizes: nearest neighbours, straight lines between entries, shuffled channels.

Interpolation is the same for every row of an axis, so it is a gather or a product with a matrix of
weights along each axis in turn.
"""

from __future__ import annotations

from math import floor
from typing import Any

import numpy as np

from ..codes import op
from ..surface import public
from ..tensor import Tensor
from .common import called, need_tensor, record

_AXES = {"linear": 1, "bilinear": 2, "trilinear": 3}
_NODES = {"nearest": "Nearest", "nearest-exact": "NearestExact", "linear": "Linear",
          "bilinear": "Bilinear", "trilinear": "Trilinear"}  # fmt: skip


def _node(params: dict[str, Any], specs: Any) -> str:
    return f"Upsample{_NODES[params['mode']]}{len(params['shape'])}DBackward0"


def _weights(m: int, n: int, scale: float | None, aligned: bool) -> Any:
    """Return the matrix, n by m, of straight lines between m entries looked at in n places."""
    i = np.arange(n)
    if aligned:
        at = i * ((m - 1) / (n - 1)) if n > 1 else np.zeros(n)
    else:
        at = np.maximum((i + 0.5) * (m / n if scale is None else 1 / scale) - 0.5, 0.0)
    low = np.minimum(at.astype(int), m - 1)
    high = np.minimum(low + 1, m - 1)
    part = at - low
    made = np.zeros((n, m))
    np.add.at(made, (i, low), 1 - part)
    np.add.at(made, (i, high), part)
    return made


@op("upsample", node=_node, saves=((),))
def UPSAMPLE(
    x: Any, *, shape: tuple[int, ...], scales: tuple[float | None, ...], mode: str, aligned: bool
) -> Any:
    """An array looked at in other places of its last axes."""
    n = len(shape)
    for k, (many, scale) in enumerate(zip(shape, scales)):
        axis = x.ndim - n + k
        m = x.shape[axis]
        if mode.startswith("nearest"):
            step = m / many if scale is None else 1 / scale
            half = 0.5 if mode == "nearest-exact" else 0.0
            # In float32, as PyTorch: at exact multiples the last bit decides.
            at = np.floor((np.arange(many) + half).astype("f4") * np.float32(step))
            x = np.take(x, np.minimum(at.astype(np.int64), m - 1), axis=axis)
        else:
            weights = _weights(m, many, scale, aligned).astype(x.dtype)
            x = np.swapaxes(np.swapaxes(x, axis, -1) @ weights.T, axis, -1)
    return x


def interpolate(
    input: Tensor, size: Any = None, scale_factor: Any = None, mode: str = "nearest",
    align_corners: bool | None = None, recompute_scale_factor: bool | None = None,
    antialias: bool = False,
) -> Tensor:  # fmt: skip
    """Return an image of another size.

    Parameters
    ----------
    input : Tensor, shape (N, C, ..)
    size : int or sequence of int, optional
        The new size; or else
    scale_factor : float or sequence of float, optional
        how much larger the image becomes.
    mode : {"nearest", "nearest-exact", "linear", "bilinear", "trilinear"}
    align_corners : bool, optional
        Whether the outermost entries stay where they are.
    """
    spec = need_tensor("interpolate", "input", 1, input)._spec
    n = spec.ndim - 2
    if (size is None) == (scale_factor is None):
        raise ValueError(
            "either size or scale_factor should be defined"
            if size is None
            else "only one of size or scale_factor should be defined"
        )
    if mode.startswith("nearest") and align_corners is not None:
        raise ValueError(
            "align_corners option can only be set with the interpolating modes: linear | bilinear "
            "| bicubic | trilinear"
        )
    if mode not in _NODES or antialias:
        raise NotImplementedError(
            f"interpolate: mode={mode!r}, antialias={antialias} is not available; the modes are "
            "nearest | nearest-exact | linear | bilinear | trilinear"
        )
    if n not in (1, 2, 3) or (mode in _AXES and _AXES[mode] != n):
        need = f"{_AXES[mode] + 2}D" if mode in _AXES else "3D, 4D or 5D"
        raise NotImplementedError(f"Got {spec.ndim}D input, but {mode} mode needs {need} input")
    if not spec.floating and not (spec.np.name == "uint8" and mode.startswith("nearest")):
        raise NotImplementedError(f"\"upsample\" not implemented for '{called(spec.np)}'")
    given = size if size is not None else scale_factor
    values = tuple(given) if isinstance(given, list | tuple) else (given,) * n
    if len(values) != n:
        raise ValueError(
            "Input and output must have the same number of spatial dimensions, but got input with "
            f"spatial dimensions of {list(spec.shape[2:])} and "
            f"{'output size' if size is not None else 'scale_factor'} of {given}."
        )
    if size is not None:
        shape = tuple(int(v) for v in values)
        scales: tuple[float | None, ...] = (None,) * n
    else:
        shape = tuple(floor(m * float(v)) for m, v in zip(spec.shape[2:], values))
        scales = (None,) * n if recompute_scale_factor else tuple(float(v) for v in values)
    if min(shape) < 1:
        raise RuntimeError(
            f"Input and output sizes should be greater than 0, but got output {list(shape)}"
        )
    return record(
        UPSAMPLE, (input,), shape=shape, scales=scales, mode=mode, aligned=bool(align_corners)
    )


# ---------------------------------------------------------------- channels to places


@op("pixel_shuffle", saves=((),))
def PIXEL_SHUFFLE(x: Any, *, r: int) -> Any:
    """Every r * r channels spread over r by r places."""
    *lead, c, h, w = x.shape
    n = len(lead)
    y = x.reshape((*lead, c // (r * r), r, r, h, w))
    y = np.transpose(y, (*range(n), n, n + 3, n + 1, n + 4, n + 2))
    return y.reshape((*lead, c // (r * r), h * r, w * r))


@op("pixel_unshuffle", saves=((),))
def PIXEL_UNSHUFFLE(x: Any, *, r: int) -> Any:
    """Every r by r places gathered into r * r channels."""
    *lead, c, h, w = x.shape
    n = len(lead)
    y = x.reshape((*lead, c, h // r, r, w // r, r))
    y = np.transpose(y, (*range(n), n, n + 2, n + 4, n + 1, n + 3))
    return y.reshape((*lead, c * r * r, h // r, w // r))


@public(method=False)
def pixel_shuffle(input: Tensor, upscale_factor: int) -> Tensor:
    """Return an image r times as large in both directions with r * r times fewer channels."""
    spec = need_tensor("pixel_shuffle", "input", 1, input)._spec
    r = upscale_factor
    if spec.ndim < 3:
        raise RuntimeError(
            "pixel_shuffle expects input to have at least 3 dimensions, but got input with "
            f"{spec.ndim} dimension(s)"
        )
    if r <= 0:
        raise RuntimeError(f"pixel_shuffle expects a positive upscale_factor, but got {r}")
    if spec.shape[-3] % (r * r):
        raise RuntimeError(
            "pixel_shuffle expects its input's 'channel' dimension to be divisible by the square of "
            f"upscale_factor, but input.size(-3)={spec.shape[-3]} is not divisible by {r * r}"
        )
    return record(PIXEL_SHUFFLE, (input,), r=r)


@public(method=False)
def pixel_unshuffle(input: Tensor, downscale_factor: int) -> Tensor:
    """Undo `pixel_shuffle`."""
    spec = need_tensor("pixel_unshuffle", "input", 1, input)._spec
    r = downscale_factor
    if spec.ndim < 3:
        raise RuntimeError(
            "pixel_unshuffle expects input to have at least 3 dimensions, but got input with "
            f"{spec.ndim} dimension(s)"
        )
    if r <= 0:
        raise RuntimeError(f"pixel_unshuffle expects a positive downscale_factor, but got {r}")
    for axis, word in ((-2, "height"), (-1, "width")):
        if spec.shape[axis] % r:
            raise RuntimeError(
                f"pixel_unshuffle expects {word} to be divisible by downscale_factor, but "
                f"input.size({axis})={spec.shape[axis]} is not divisible by {r}"
            )
    return record(PIXEL_UNSHUFFLE, (input,), r=r)


__all__ = ["interpolate", "pixel_shuffle", "pixel_unshuffle"]
