"""Windows of signal processing: weights that fall off towards the ends of a stretch of samples.

A periodic window of n samples is the symmetric one of n + 1 without its last sample.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..dtypes import dtype as DType
from ..dtypes import get_default_dtype
from ..spec import spec_of_array
from ..surface import public
from ..tensor import Tensor, leaf_of


def _window(
    name: str, n: Any, periodic: bool, dtype: DType | None, requires_grad: bool,
    shape: Callable[[Any], Any],
) -> Tensor:  # fmt: skip
    if isinstance(n, bool) or not isinstance(n, int | np.integer):
        raise TypeError(
            f"{name}(): argument 'window_length' (position 1) must be int, not {type(n).__name__}"
        )
    kind = get_default_dtype() if dtype is None else dtype
    if not kind.is_floating_point:
        raise RuntimeError(f"{name} expects floating point dtypes, got: {kind!r}")
    if n < 0:
        raise RuntimeError(f"{name} requires non-negative window_length, got window_length={n}")
    if n < 2:
        array = np.ones(n, kind.numpy)
    else:
        whole = n + 1 if periodic else n
        array = shape(np.arange(n) / (whole - 1)).astype(kind.numpy)
    return leaf_of(array, spec_of_array(array), requires_grad)


def _cosines(*factors: float) -> Callable[[Any], Any]:
    """Return a sum of cosines with alternating signs: ``a0 - a1 cos(2 pi t) + a2 cos(4 pi t)``."""

    def shape(t: Any) -> Any:
        return sum((-1) ** k * a * np.cos(2 * np.pi * k * t) for k, a in enumerate(factors))

    return shape


@public(method=False)
def hann_window(
    window_length: int, periodic: bool = True, *, dtype: DType | None = None, layout: Any = None,
    device: Any = None, pin_memory: bool = False, requires_grad: bool = False,
) -> Tensor:  # fmt: skip
    """Return a raised cosine that is zero at the ends.

    Examples
    --------
    >>> import tapejit.torch as torch
    >>> torch.hann_window(4)
    tensor([0.0000, 0.5000, 1.0000, 0.5000])
    """
    return _window("hann_window", window_length, periodic, dtype, requires_grad, _cosines(0.5, 0.5))


@public(method=False)
def hamming_window(
    window_length: int, periodic: bool = True, alpha: float = 0.54, beta: float = 0.46, *,
    dtype: DType | None = None, layout: Any = None, device: Any = None, pin_memory: bool = False,
    requires_grad: bool = False,
) -> Tensor:  # fmt: skip
    """Return a raised cosine that is ``alpha - beta`` at the ends."""
    shape = _cosines(alpha, beta)
    return _window("hamming_window", window_length, periodic, dtype, requires_grad, shape)


@public(method=False)
def blackman_window(
    window_length: int, periodic: bool = True, *, dtype: DType | None = None, layout: Any = None,
    device: Any = None, pin_memory: bool = False, requires_grad: bool = False,
) -> Tensor:  # fmt: skip
    """Return a sum of two cosines, flat and zero at the ends."""
    shape = _cosines(0.42, 0.5, 0.08)
    return _window("blackman_window", window_length, periodic, dtype, requires_grad, shape)


@public(method=False)
def bartlett_window(
    window_length: int, periodic: bool = True, *, dtype: DType | None = None, layout: Any = None,
    device: Any = None, pin_memory: bool = False, requires_grad: bool = False,
) -> Tensor:  # fmt: skip
    """Return a triangle that is zero at the ends."""

    def shape(t: Any) -> Any:
        return 1 - np.abs(2 * t - 1)

    return _window("bartlett_window", window_length, periodic, dtype, requires_grad, shape)


@public(method=False)
def kaiser_window(
    window_length: int, periodic: bool = True, beta: float = 12.0, *, dtype: DType | None = None,
    layout: Any = None, device: Any = None, pin_memory: bool = False, requires_grad: bool = False,
) -> Tensor:  # fmt: skip
    """Return Kaiser's window: a Bessel function of a half circle."""

    def shape(t: Any) -> Any:
        half = np.sqrt(np.maximum(1 - (2 * t - 1) ** 2, 0.0))
        return np.i0(beta * half) / np.i0(beta)

    return _window("kaiser_window", window_length, periodic, dtype, requires_grad, shape)
