"""Dropout: entries or whole channels set to zero at random, the rest scaled up so the mean stays.

The mask is drawn when the function is called and is an input of the row, so one compiled program
serves all steps.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..codes import op
from ..surface import public, put
from ..tensor import Tensor
from .activations import RESULT, SELF, activation, leaky_relu_of
from .common import need_tensor, overwrite, record
from .draws import constant, kept, uniform


@op("dropout", node="MulBackward0", saves=((1,), ()))
def dropout_op(x: Any, mask: Any) -> Any:
    """Entries times their mask."""
    return x * mask


@op("alpha_dropout", node="AddBackward0", saves=((1,), ()))
def alpha_dropout_op(x: Any, mask: Any, *, a: float, shift: float) -> Any:
    """Dropped entries become SELU's lower bound; then the map that restores mean and variance."""
    # With alpha' = -scale * alpha of SELU: a (x m + alpha' (1 - m)) - a p alpha'.
    return x * (mask * a) + ((mask - 1) * (_BOUND * a) + shift)


_BOUND = 1.7580993408473766
"""Minus SELU's value at -inf."""


def check_probability(p: float) -> None:
    """Raise ValueError for a probability outside [0, 1]."""
    if p < 0.0 or p > 1.0:
        raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")


def _masked(input: Tensor, p: float, shape: tuple[int, ...]) -> Tensor:
    kind = input._spec.np
    if kind.kind not in "fc":
        raise RuntimeError(
            f"result type Float can't be cast to the desired output type {input._spec.dtype!r}"
        )
    real = np.empty(0, kind).real.dtype
    mask = kept(shape, p, real) / real.type(1 - p) if p < 1 else np.zeros(shape, real)
    return record(dropout_op, (input, constant(np.asarray(mask))))


def _dropped(input: Tensor, p: float, training: bool, inplace: bool, channels: bool) -> Tensor:
    check_probability(p)
    if not training or p == 0 or input._spec.numel == 0:
        return input
    shape = tuple(input.shape)
    if channels:
        if len(shape) < 2:
            raise RuntimeError("Feature dropout requires at least 2 dimensions in the input")
        shape = shape[:2] + (1,) * (len(shape) - 2)
    if inplace:
        return overwrite(input, lambda x: _masked(x, p, shape))
    return _masked(input, p, shape)


def dropout(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Set entries to zero with probability `p` and scale the others by ``1 / (1 - p)``.

    Parameters
    ----------
    input : Tensor
    p : float
    training : bool
        Without it `input` itself is returned.
    inplace : bool

    Raises
    ------
    ValueError
        If `p` is no probability.

    Examples
    --------
    >>> import tapejit.torch as torch
    >>> sorted(set(torch.nn.functional.dropout(torch.ones(100)).tolist()))
    [0.0, 2.0]
    """
    return _dropped(need_tensor("dropout", "input", 1, input), p, training, inplace, False)


@public("dropout", method=False)
def _dropout(input: Tensor, p: float, train: bool) -> Tensor:
    """See `nn.functional.dropout`."""
    return dropout(input, p, train)


def dropout1d(
    input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False
) -> Tensor:
    """Set whole channels of (C, L) or (N, C, L) to zero with probability `p`."""
    return _channels("dropout1d", input, p, training, inplace, (2, 3), 2)


def dropout2d(
    input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False
) -> Tensor:
    """Set whole channels of (N, C, H, W) to zero with probability `p`."""
    x = need_tensor("dropout2d", "input", 1, input)
    check_probability(p)
    if x.ndim not in (3, 4):
        _odd_dimensions("dropout2d", x.ndim, "3-D or 4-D")
    if x.ndim == 3:
        _three("dropout2d")
    return _dropped(x, p, training, inplace, True)


def dropout3d(
    input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False
) -> Tensor:
    """Set whole channels of (C, D, H, W) or (N, C, D, H, W) to zero with probability `p`."""
    return _channels("dropout3d", input, p, training, inplace, (4, 5), 4)


def _channels(
    name: str,
    input: Tensor,
    p: float,
    training: bool,
    inplace: bool,
    dims: tuple[int, int],
    unbatched: int,
) -> Tensor:
    x = need_tensor(name, "input", 1, input)
    check_probability(p)
    if x.ndim not in dims:
        _odd_dimensions(name, x.ndim, f"{dims[0]}-D or {dims[1]}-D")
    if x.ndim != unbatched or not training or p == 0 or not x._spec.numel:
        return _dropped(x, p, training, inplace, True)
    shape = (x.shape[0],) + (1,) * (x.ndim - 1)
    if inplace:
        return overwrite(x, lambda t: _masked(t, p, shape))
    return _masked(x, p, shape)


def _odd_dimensions(name: str, ndim: int, wanted: str) -> None:
    import warnings

    warnings.warn(
        f"{name}: Received a {ndim}-D input to {name}, which is deprecated and will result in an "
        f"error in a future release. To retain the behavior and silence this warning, please use "
        f"dropout instead. Note that {name} exists to provide channel-wise dropout on inputs of "
        f"{wanted} dimensions.",
        UserWarning,
        stacklevel=4,
    )


def _three(name: str) -> None:
    import warnings

    warnings.warn(
        f"{name}: Received a 3D input to {name} and assuming that channel-wise 1D dropout behavior "
        "is desired - input is interpreted as shape (N, C, L), where C is the channel dim. This "
        "behavior will change in a future release to interpret the input as one without a batch "
        "dimension, i.e. shape (C, H, W). To maintain the 1D channel-wise dropout behavior, please "
        "switch to using dropout1d instead.",
        UserWarning,
        stacklevel=4,
    )


def _alpha(input: Tensor, p: float, shape: tuple[int, ...]) -> Tensor:
    if p == 1:
        return record(dropout_op, (input, constant(np.zeros(shape, input._spec.np))))
    # Var[x m + alpha'(1 - m)] = (1 - p)(1 + p alpha'^2) for x of mean 0 and variance 1.
    a = 1 / math.sqrt((1 - p) * (1 + p * _BOUND * _BOUND))
    mask = constant(kept(shape, p, input._spec.np))
    return record(alpha_dropout_op, (input, mask), a=a, shift=a * p * _BOUND)


def alpha_dropout(
    input: Tensor, p: float = 0.5, training: bool = False, inplace: bool = False
) -> Tensor:
    """Dropout for `selu` networks: dropped entries take SELU's lower bound, mean and variance stay."""
    x = need_tensor("alpha_dropout", "input", 1, input)
    check_probability(p)
    if not training or p == 0 or not x._spec.numel:
        return x
    made = _alpha(x, p, tuple(x.shape))
    return put(x, made) if inplace else made


def feature_alpha_dropout(
    input: Tensor, p: float = 0.5, training: bool = False, inplace: bool = False
) -> Tensor:
    """`alpha_dropout` of whole channels."""
    x = need_tensor("feature_alpha_dropout", "input", 1, input)
    check_probability(p)
    if not training or p == 0 or not x._spec.numel:
        return x
    if x.ndim < 2:
        raise RuntimeError("Feature dropout requires at least 2 dimensions in the input")
    made = _alpha(x, p, tuple(x.shape[:2]) + (1,) * (x.ndim - 2))
    return put(x, made) if inplace else made


@op("rrelu", node="RreluWithNoiseBackward0", saves=((0, 1), ()))
def rrelu_op(x: Any, slopes: Any) -> Any:
    """x where positive, else x times a slope of its own."""
    return np.where(x <= 0, x * slopes, x)


_NODE = "RreluWithNoiseBackward0"
rrelu_mean = activation("rrelu_mean", leaky_relu_of, SELF, "leaky_relu_cpu", _NODE)
rrelu_mean_in = activation(
    "rrelu_mean_", leaky_relu_of, RESULT, "leaky_relu_cpu", "RreluWithNoiseBackward1"
)


def rrelu(
    input: Tensor,
    lower: float = 1.0 / 8,
    upper: float = 1.0 / 3,
    training: bool = False,
    inplace: bool = False,
) -> Tensor:
    """Return x where positive, else x times a random slope; the mean slope when not training."""
    x = need_tensor("rrelu", "input", 1, input)
    if lower > upper:
        raise RuntimeError("Lower bound should be less than or equal to the upper bound")
    if not training:
        slope = (lower + upper) / 2
        if inplace:
            return overwrite(x, lambda t: record(rrelu_mean_in, (t,), slope=slope))
        return record(rrelu_mean, (x,), slope=slope)
    slopes = constant(uniform(tuple(x.shape), lower, upper, x._spec.np))
    if inplace:
        return overwrite(x, lambda t: record(rrelu_op, (t, slopes)), keeps_input=True)
    return record(rrelu_op, (x, slopes))


__all__ = [
    "alpha_dropout", "dropout", "dropout1d", "dropout2d", "dropout3d", "feature_alpha_dropout",
    "rrelu",
]  # fmt: skip
