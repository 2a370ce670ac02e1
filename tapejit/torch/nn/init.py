"""Initial values, written into tensors in place and without a graph.

Draws come from the generator that `manual_seed` seeds. Fans are what an entry of the result sums
over (fan in) and what an entry of the input goes to (fan out), kernels counting their places.
"""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np

from ..autograd.grad_mode import no_grad
from ..generator import default_generator
from ..spec import spec_of
from ..tensor import leaf_of


def _stream(generator: Any) -> Any:
    """Return the stream of a generator, by default of the one that `manual_seed` seeds."""
    return (default_generator if generator is None else generator).numpy


def _copied(tensor: Any, values: Any) -> Any:
    values = np.asarray(values).astype(tensor._spec.np, order="C")
    spec = spec_of(values.dtype, values.shape)
    with no_grad():
        return tensor.copy_(leaf_of(values if values.ndim else values[()], spec))


def _below(tensor: Any, draws: Any, end: float) -> Any:
    """Return draws that stay below an open end when they are rounded to the tensor's dtype."""
    kind = tensor._spec.np.type
    return np.minimum(draws, np.nextafter(kind(end), kind(-np.inf)).astype(np.float64))


def uniform_(tensor: Any, a: float = 0.0, b: float = 1.0, generator: Any = None) -> Any:
    """Draw from the uniform distribution on [a, b]."""
    if not a <= b:
        raise RuntimeError(
            f"uniform_ expects to return a [from, to) range, but found from={a} > to={b}"
        )
    draws = _stream(generator).uniform(a, b, tuple(tensor.shape))
    return _copied(tensor, _below(tensor, draws, b) if a < b else draws)


def normal_(tensor: Any, mean: float = 0.0, std: float = 1.0, generator: Any = None) -> Any:
    """Draw from a normal distribution."""
    if not std >= 0:
        raise RuntimeError(f"normal expects std >= 0.0, but found std {std}")
    return _copied(tensor, _stream(generator).normal(mean, std, tuple(tensor.shape)))


def trunc_normal_(
    tensor: Any,
    mean: float = 0.0,
    std: float = 1.0,
    a: float = -2.0,
    b: float = 2.0,
    generator: Any = None,
) -> Any:
    """Draw from a normal distribution cut off at `a` and `b`.

    A uniform draw on the images of the ends under the distribution function is mapped back by its
    inverse; ``a`` and ``b`` are values, not deviations.
    """
    from scipy.special import ndtr, ndtri

    if mean < a - 2 * std or mean > b + 2 * std:
        warnings.warn(
            "mean is more than 2 std from [a, b] in nn.init.trunc_normal_. "
            "The distribution of values may be incorrect.",
            UserWarning,
            stacklevel=2,
        )
    low, high = ndtr((a - mean) / std), ndtr((b - mean) / std)
    values = mean + std * ndtri(_stream(generator).uniform(low, high, tuple(tensor.shape)))
    return _copied(tensor, np.clip(values, a, b))


def constant_(tensor: Any, val: float) -> Any:
    """Fill with a value."""
    with no_grad():
        return tensor.fill_(val)


def zeros_(tensor: Any) -> Any:
    """Fill with zeros."""
    return constant_(tensor, 0.0)


def ones_(tensor: Any) -> Any:
    """Fill with ones."""
    return constant_(tensor, 1.0)


def eye_(tensor: Any) -> Any:
    """Fill a matrix with the identity."""
    if tensor.ndim != 2:
        raise ValueError("Only tensors with 2 dimensions are supported")
    return _copied(tensor, np.eye(*tensor.shape))


def dirac_(tensor: Any, groups: int = 1) -> Any:
    """Fill kernels so that as many channels as possible pass through unchanged."""
    if tensor.ndim not in (3, 4, 5):
        raise ValueError("Only tensors with 3, 4, or 5 dimensions are supported")
    shape = tuple(tensor.shape)
    if shape[0] % groups:
        raise ValueError("dim 0 must be divisible by groups")
    values = np.zeros(shape)
    each = shape[0] // groups
    middle = tuple(n // 2 for n in shape[2:])
    for g in range(groups):
        for k in range(min(each, shape[1])):
            values[(g * each + k, k, *middle)] = 1
    return _copied(tensor, values)


_GAINS = {
    "tanh": 5 / 3,
    "relu": math.sqrt(2),
    "selu": 3 / 4,
    "sigmoid": 1,
    "linear": 1,
    **{f"conv{t}{n}d": 1 for t in ("", "_transpose") for n in (1, 2, 3)},
}


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """Return by how much the deviation is to be larger before a nonlinearity.

    Parameters
    ----------
    nonlinearity : str
        "linear", "conv1d", ..., "sigmoid", "tanh", "relu", "leaky_relu" or "selu".
    param : float or None
        The slope of "leaky_relu", by default 0.01.

    Examples
    --------
    >>> import tapejit.torch as torch
    >>> torch.nn.init.calculate_gain("tanh")
    1.6666666666666667
    """
    if nonlinearity == "leaky_relu":
        slope = 0.01 if param is None else param
        if isinstance(slope, bool) or not isinstance(slope, int | float):
            raise ValueError(f"negative_slope {slope} not a valid number")
        return math.sqrt(2 / (1 + slope**2))
    if nonlinearity not in _GAINS:
        raise ValueError(f"Unsupported nonlinearity {nonlinearity}")
    return _GAINS[nonlinearity]


def _calculate_fan_in_and_fan_out(tensor: Any) -> tuple[int, int]:
    if tensor.ndim < 2:
        raise ValueError(
            "Fan in and fan out can not be computed for tensor with fewer than 2 dimensions"
        )
    places = math.prod(tensor.shape[2:])
    return tensor.shape[1] * places, tensor.shape[0] * places


def _fan(tensor: Any, mode: str) -> int:
    mode = mode.lower()
    if mode not in ("fan_in", "fan_out"):
        raise ValueError(f"Mode {mode} not supported, please use one of ['fan_in', 'fan_out']")
    return _calculate_fan_in_and_fan_out(tensor)[mode == "fan_out"]


def xavier_uniform_(tensor: Any, gain: float = 1.0, generator: Any = None) -> Any:
    """Draw uniformly with variance 2 gain**2 / (fan in + fan out)."""
    std = gain * math.sqrt(2 / sum(_calculate_fan_in_and_fan_out(tensor)))
    bound = math.sqrt(3) * std
    return uniform_(tensor, -bound, bound, generator)


def xavier_normal_(tensor: Any, gain: float = 1.0, generator: Any = None) -> Any:
    """Draw normally with variance 2 gain**2 / (fan in + fan out)."""
    std = gain * math.sqrt(2 / sum(_calculate_fan_in_and_fan_out(tensor)))
    return normal_(tensor, 0.0, std, generator)


def kaiming_uniform_(
    tensor: Any,
    a: float = 0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Any = None,
) -> Any:
    """Draw uniformly with variance gain**2 / fan.

    Parameters
    ----------
    a : float
        The slope of the rectifier that follows.
    mode : str
        "fan_in" keeps the size of values, "fan_out" that of gradients.
    """
    if 0 in tensor.shape:
        warnings.warn("Initializing zero-element tensors is a no-op", UserWarning, stacklevel=2)
        return tensor
    bound = math.sqrt(3) * calculate_gain(nonlinearity, a) / math.sqrt(_fan(tensor, mode))
    return uniform_(tensor, -bound, bound, generator)


def kaiming_normal_(
    tensor: Any,
    a: float = 0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Any = None,
) -> Any:
    """Draw normally with variance gain**2 / fan; see `kaiming_uniform_`."""
    if 0 in tensor.shape:
        warnings.warn("Initializing zero-element tensors is a no-op", UserWarning, stacklevel=2)
        return tensor
    std = calculate_gain(nonlinearity, a) / math.sqrt(_fan(tensor, mode))
    return normal_(tensor, 0.0, std, generator)


def orthogonal_(tensor: Any, gain: float = 1, generator: Any = None) -> Any:
    """Draw rows (or columns, if there are fewer) that are orthonormal times the gain.

    The factor Q of a normal matrix is uniform on the orthogonal matrices once its columns carry the
    signs of R's diagonal.
    """
    if tensor.ndim < 2:
        raise ValueError("Only tensors with 2 or more dimensions are supported")
    if tensor.numel() == 0:
        return tensor
    rows = tensor.shape[0]
    columns = tensor.numel() // rows
    flat = _stream(generator).standard_normal((rows, columns))
    q, r = np.linalg.qr(flat.T if rows < columns else flat)
    q = q * np.sign(np.diag(r))
    values = q.T if rows < columns else q
    return _copied(tensor, gain * values.reshape(tuple(tensor.shape)))


def sparse_(tensor: Any, sparsity: float, std: float = 0.01, generator: Any = None) -> Any:
    """Draw a matrix normally and set a share of each column to zero."""
    if tensor.ndim != 2:
        raise ValueError("Only tensors with 2 dimensions are supported")
    rows, columns = tensor.shape
    none = math.ceil(sparsity * rows)
    stream = _stream(generator)
    values = stream.normal(0.0, std, (rows, columns))
    # The rows whose uniform draws are the smallest of their column: a random set of that size.
    chosen = np.argsort(stream.random((rows, columns)), axis=0)[:none]
    np.put_along_axis(values, chosen, 0.0, axis=0)
    return _copied(tensor, values)


__all__ = [
    "calculate_gain", "constant_", "dirac_", "eye_", "kaiming_normal_", "kaiming_uniform_",
    "normal_", "ones_", "orthogonal_", "sparse_", "trunc_normal_", "uniform_", "xavier_normal_",
    "xavier_uniform_", "zeros_",
]  # fmt: skip
