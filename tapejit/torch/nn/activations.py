"""Activations: one row each, with PyTorch's slope at every kink.

tapejit's own rules share a kink between both sides; here the side that PyTorch takes is written into
the condition of a `where`, whose derivative is that of the branch taken and nothing else. A NaN
fails every comparison, so the branch that a NaN takes is the last one of each formula.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ...scipy import special
from ...transforms.custom_reverse import custom_vjp
from ..codes import OPS, Op
from ..ops.pointwise import pointwise
from ..spec import Spec
from ..surface import FUNCTIONS, public
from ..tensor import Tensor
from .common import axis_of, flat, floating_only, need_tensor, overwrite, record

SELF, RESULT = ((0,),), ((-1,),)


def activation(
    name: str, impl: Callable[..., Any], saves: Any, kernel: str | None, node: str | None = None
) -> Op:
    """Declare an activation; `kernel` is what PyTorch's message calls it, None: integers are fine."""
    resolve = None if kernel is None else floating_only(kernel)
    made = OPS[name] = Op(name, impl, node, saves, resolve=resolve)
    return made


def _relu(x: Any) -> Any:
    return np.where(x <= 0, _zero(x), x)


def _zero(x: Any) -> Any:
    """A zero that neither widens nor narrows."""
    return flat(x) * 0 if np.dtype(x.dtype).kind in "iu" else 0.0


def _hardtanh(x: Any, *, low: float, high: float) -> Any:
    return np.where(x <= low, low, np.where(x >= high, high, x))


def leaky_relu_of(x: Any, *, slope: float) -> Any:
    return np.where(x > 0, x, x * slope)


@custom_vjp
def _expm1(x: Any) -> Any:
    """exp(x) - 1 for x <= 0, of slope exp(x): 1 + its value, the rule of `expm1`, is 0 below -17.

    Beyond 0, where no branch takes it, the slope is 1, so that nothing overflows.
    """
    return np.expm1(x)


_expm1.defvjp(lambda x: (np.expm1(x), x), lambda x, ct: (ct * np.exp(np.where(x <= 0, x, 0.0)),))


def _elu(x: Any, *, alpha: float, scale: float, input_scale: float) -> Any:
    # d/dx at 0 is the exponential's: alpha * scale, as for x < 0.
    return np.where(x <= 0, _expm1(x * input_scale) * (alpha * scale), x * scale)


def _celu(x: Any, *, alpha: float) -> Any:
    return np.where(x <= 0, _expm1(x / alpha) * alpha, x)


def _gelu(x: Any, *, approximate: str) -> Any:
    if approximate == "tanh":
        inner = math.sqrt(2 / math.pi) * (x + 0.044715 * (x * x * x))
        return 0.5 * x * (1 + np.tanh(inner))
    return 0.5 * x * (1 + special.erf(x * math.sqrt(0.5)))


def _silu(x: Any) -> Any:
    return x * special.expit(x)


def _mish(x: Any) -> Any:
    return x * np.tanh(np.logaddexp(x, _zero(x)))


def _hardswish(x: Any) -> Any:
    # Flat at -3 and below, of slope one at 3 and above; between them x (x + 3) / 6. The product
    # with zero keeps PyTorch's NaN at -inf.
    return np.where(x <= -3, flat(x) * 0.0, np.where(x < 3, x * (x / 6 + 0.5), x))


def _hardsigmoid(x: Any) -> Any:
    # Slope 1/6 strictly between -3 and 3, zero elsewhere, for a NaN too.
    fixed = flat(x)
    ends = np.where(fixed <= -3, 0.0, np.where(fixed >= 3, 1.0, fixed))
    return np.where((x > -3) & (x < 3), x / 6 + 0.5, ends)


def _softplus(x: Any, *, beta: float, threshold: float) -> Any:
    return np.where(x * beta > threshold, x, np.logaddexp(x * beta, 0.0) / beta)


def _logsigmoid(x: Any) -> Any:
    # log(1 / (1 + exp(-x))): 0 - 0 at infinity, so that it prints as 0 and not as -0.
    return 0.0 - np.logaddexp(-x, 0.0)


def _softshrink(x: Any, *, lambd: float) -> Any:
    size = flat(x)
    return np.where(
        size > lambd, x - lambd, np.where(size < -lambd, x + lambd, np.where(size == size, 0.0, x))
    )


def _hardshrink(x: Any, *, lambd: float) -> Any:
    return np.where((x >= -lambd) & (x <= lambd), 0.0, x)


def _threshold(x: Any, *, threshold: float, value: float) -> Any:
    if np.dtype(x.dtype).kind in "iu":
        return np.where(x <= threshold, flat(x) * 0 + int(value), x)
    return np.where(x <= threshold, value, x)


def _prelu(x: Any, w: Any, *, along: tuple[int, ...]) -> Any:
    return np.where(x > 0, x, x * w.reshape(along))


relu_op = activation("relu", _relu, RESULT, None)
hardtanh_op = activation("hardtanh", _hardtanh, SELF, None)
leaky_op = activation("leaky_relu", leaky_relu_of, SELF, "leaky_relu_cpu")
leaky_in = activation("leaky_relu_", leaky_relu_of, RESULT, "leaky_relu_cpu", "LeakyReluBackward1")
elu_op = activation("elu", _elu, SELF, "elu_cpu")
elu_in = activation("elu_", _elu, RESULT, "elu_cpu", "EluBackward1")
celu_op = activation("celu", _celu, SELF, "elu_cpu")
celu_in = activation("celu_", _celu, RESULT, "elu_cpu", "CeluBackward1")
gelu_op = activation("gelu", _gelu, SELF, "GeluKernelImpl")
silu_op = activation("silu", _silu, SELF, "silu_cpu")
mish_op = activation("mish", _mish, SELF, "mish_cpu")
hardswish_op = activation("hardswish", _hardswish, SELF, "hardswish_cpu")
hardsigmoid_op = activation("hardsigmoid", _hardsigmoid, SELF, "hardsigmoid_cpu")
softplus_op = activation("softplus", _softplus, SELF, "softplus_cpu")
logsigmoid_op = activation(
    "log_sigmoid", _logsigmoid, SELF, "log_sigmoid_cpu", "LogSigmoidBackward0"
)
softshrink_op = activation("softshrink", _softshrink, SELF, "softshrink_cpu")
hardshrink_op = activation("hardshrink", _hardshrink, SELF, "hardshrink_cpu")
threshold_op = activation("threshold", _threshold, SELF, None)
threshold_in = activation("threshold_", _threshold, RESULT, None, "ThresholdBackward1")
prelu_op = activation("prelu", _prelu, ((0, 1), (0, 1)), "prelu_cpu", "PreluKernelBackward0")
softsign_op = pointwise(
    "softsign", lambda x: x / (1 + np.absolute(x)), SELF, node="DivBackward0", floats=True
)
tanhshrink_op = pointwise(
    "tanhshrink", lambda x: x - np.tanh(x), SELF, node="SubBackward0", floats=True
)


def _unary(
    name: str, op: Op, variant: Op | None, input: Any, inplace: bool, **params: Any
) -> Tensor:
    """Record an activation, or its form in place: `variant`, or the op on a copy."""
    x = need_tensor(name, "input", 1, input)
    if not inplace:
        return record(op, (x,), **params)
    if variant is None:
        return overwrite(x, lambda t: record(op, (t,), **params), keeps_input=True)
    return overwrite(x, lambda t: record(variant, (t,), **params))


@public()
def relu(input: Tensor, inplace: bool = False) -> Tensor:
    """Return the positive part: ``max(x, 0)``, of slope 0 at 0.

    Parameters
    ----------
    input : Tensor
    inplace : bool
        Whether to write into `input` and return it.

    Examples
    --------
    >>> import tapejit.torch as torch
    >>> torch.nn.functional.relu(torch.tensor([-1.0, 2.0]))
    tensor([0., 2.])
    """
    x = need_tensor("relu", "input", 1, input)
    if x._spec.np.kind == "b":
        raise RuntimeError("Boolean inputs not supported for relu")
    if x._spec.np.kind == "c":
        raise NotImplementedError("relu is not supported for complex types")
    return _unary("relu", relu_op, relu_op, x, inplace)


def relu6(input: Tensor, inplace: bool = False) -> Tensor:
    """Return the entries cut off to [0, 6]."""
    return hardtanh(input, 0.0, 6.0, inplace)


def hardtanh(
    input: Tensor, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False
) -> Tensor:
    """Return the entries cut off to ``[min_val, max_val]``, of slope 0 at both bounds."""
    if min_val > max_val:
        raise ValueError("min_val cannot be greater than max_val")
    x = need_tensor("hardtanh", "input", 1, input)
    low, high = _bound(x._spec, min_val), _bound(x._spec, max_val)
    if x._spec.np.kind == "u" and (low < 0 or high < 0):
        raise RuntimeError("cannot do hardtanh on an unsigned type with negative limits")
    return _unary("hardtanh", hardtanh_op, None, x, inplace, low=low, high=high)


def _bound(spec: Spec, value: float) -> Any:
    if spec.np.name == "bool":
        raise RuntimeError("Bool inputs not supported for hardtanh")
    return int(value) if spec.np.kind in "iu" else float(value)


def leaky_relu(input: Tensor, negative_slope: float = 0.01, inplace: bool = False) -> Tensor:
    """Return x where positive, else ``negative_slope * x``; that is its slope at 0."""
    slope = float(negative_slope)
    if inplace and slope < 0:
        # The sign of the result no longer tells the branch: keep the argument.
        return _unary("leaky_relu", leaky_op, None, input, True, slope=slope)
    return _unary("leaky_relu", leaky_op, leaky_in, input, inplace, slope=slope)


@public()
def prelu(input: Tensor, weight: Tensor) -> Tensor:
    """Return x where positive, else ``weight * x``, one weight for all or one per channel.

    Parameters
    ----------
    input : Tensor, (N, C, ...)
    weight : Tensor, (C,) or (1,) or ()

    Raises
    ------
    RuntimeError
        If there are several weights and their number is not that of channels.
    """
    x = need_tensor("prelu", "input", 1, input)
    w = need_tensor("prelu", "weight", 2, weight)
    if w.ndim > 1:
        raise RuntimeError(
            f"prelu: Expected `weight` to be a scalar or 1D tensor, but got: ndim = {w.ndim}"
        )
    if x._spec.np != w._spec.np:
        raise RuntimeError(
            f"prelu: Type promoting not supported. Got {x._spec.dtype!r} and {w._spec.dtype!r}"
        )
    n = w._spec.numel
    if n != 1:
        if x.ndim == 0:
            raise RuntimeError("Not allow zero-dim input tensor.")
        channels = x.shape[1] if x.ndim > 1 else 1
        if n != channels:
            raise RuntimeError(
                "Mismatch of parameter numbers and input channel size. Found parameter numbers = "
                f"{n} and channel size = {channels}."
            )
    along = tuple([1] * x.ndim)
    if x.ndim > 1:
        along = (1, n) + along[2:]
    return record(prelu_op, (x, w), along=along)


def elu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """Return x where positive, else ``alpha * (exp(x) - 1)``."""
    return _unary(
        "elu", elu_op, elu_in, input, inplace, alpha=float(alpha), scale=1.0, input_scale=1.0
    )


_SELU_ALPHA, _SELU_SCALE = 1.6732632423543772848170429916717, 1.0507009873554804934193349852946


@public()
def selu(input: Tensor, inplace: bool = False) -> Tensor:
    """Return the self-normalising `elu`: its alpha and scale keep mean 0 and variance 1.

    The constants are those of Klambauer et al., "Self-Normalizing Neural Networks" (2017).
    """
    return _unary(
        "selu", elu_op, elu_in, input, inplace,
        alpha=_SELU_ALPHA, scale=_SELU_SCALE, input_scale=1.0,
    )  # fmt: skip


@public()
def celu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """Return x where positive, else ``alpha * (exp(x / alpha) - 1)``."""
    if float(alpha) == 0.0:
        raise RuntimeError("ZeroDivisionError: alpha cannot be 0 for CELU")
    return _unary("celu", celu_op, celu_in, input, inplace, alpha=float(alpha))


def gelu(input: Tensor, approximate: str = "none") -> Tensor:
    """Return x times the normal distribution function at x.

    Parameters
    ----------
    approximate : {"none", "tanh"}
        "tanh" is the approximation by a hyperbolic tangent.

    Raises
    ------
    RuntimeError
        If `approximate` is neither.
    """
    x = need_tensor("gelu", "input", 1, input)
    if approximate not in ("none", "tanh"):
        raise RuntimeError("approximate argument must be either none or tanh.")
    return record(gelu_op, (x,), approximate=approximate)


def silu(input: Tensor, inplace: bool = False) -> Tensor:
    """Return x times the logistic function of x."""
    return _unary("silu", silu_op, None, input, inplace)


def mish(input: Tensor, inplace: bool = False) -> Tensor:
    """Return ``x * tanh(softplus(x))``."""
    return _unary("mish", mish_op, None, input, inplace)


def hardswish(input: Tensor, inplace: bool = False) -> Tensor:
    """Return ``x * relu6(x + 3) / 6``."""
    return _unary("hardswish", hardswish_op, None, input, inplace)


def hardsigmoid(input: Tensor, inplace: bool = False) -> Tensor:
    """Return ``relu6(x + 3) / 6``."""
    return _unary("hardsigmoid", hardsigmoid_op, None, input, inplace)


def sigmoid(input: Tensor) -> Tensor:
    """Return ``1 / (1 + exp(-x))``."""
    made: Tensor = FUNCTIONS["sigmoid"](input)
    return made


def tanh(input: Tensor) -> Tensor:
    """Return the hyperbolic tangent."""
    made: Tensor = FUNCTIONS["tanh"](input)
    return made


def softplus(input: Tensor, beta: float = 1.0, threshold: float = 20.0) -> Tensor:
    """Return ``log(1 + exp(beta x)) / beta``, and x itself where ``beta x > threshold``."""
    x = need_tensor("softplus", "input", 1, input)
    return record(softplus_op, (x,), beta=float(beta), threshold=float(threshold))


def softsign(input: Tensor) -> Tensor:
    """Return ``x / (1 + |x|)``."""
    return record(softsign_op, (need_tensor("softsign", "input", 1, input),))


def tanhshrink(input: Tensor) -> Tensor:
    """Return ``x - tanh(x)``."""
    return record(tanhshrink_op, (need_tensor("tanhshrink", "input", 1, input),))


def softshrink(input: Tensor, lambd: float = 0.5) -> Tensor:
    """Return the entries moved towards 0 by `lambd`, and 0 where they would cross it.

    Raises
    ------
    RuntimeError
        If `lambd` is negative.
    """
    x = need_tensor("softshrink", "input", 1, input)
    if not float(lambd) >= 0:
        raise RuntimeError(
            f"lambda must be in range [0, {np.finfo(x._spec.np).max:g}] for input dtype "
            f"{x._spec.dtype!r}, but found {lambd:g}"
        )
    return record(softshrink_op, (x,), lambd=float(lambd))


@public()
def hardshrink(input: Tensor, lambd: float = 0.5) -> Tensor:
    """Return 0 where ``|x| <= lambd``, else x."""
    x = need_tensor("hardshrink", "input", 1, input)
    return record(hardshrink_op, (x,), lambd=float(lambd))


def logsigmoid(input: Tensor) -> Tensor:
    """Return the logarithm of the logistic function, without overflow."""
    return record(logsigmoid_op, (need_tensor("log_sigmoid", "input", 1, input),))


def threshold(input: Tensor, threshold: float, value: float, inplace: bool = False) -> Tensor:
    """Return x where ``x > threshold``, else `value`."""
    return _unary(
        "threshold", threshold_op, threshold_in, input, inplace,
        threshold=threshold, value=value,
    )  # fmt: skip


def _glu(x: Any, *, axis: int) -> Any:
    half = x.shape[axis] // 2
    at = [slice(None)] * x.ndim
    at[axis] = slice(0, half)
    first = x[tuple(at)]
    at[axis] = slice(half, None)
    return first * special.expit(x[tuple(at)])


glu_op = activation("glu", _glu, SELF, "glu_cpu")


def glu(input: Tensor, dim: int = -1) -> Tensor:
    """Return the first half along `dim` times the logistic function of the second half.

    Raises
    ------
    RuntimeError
        If the size along `dim` is odd, or the tensor has no dimensions.
    """
    x = need_tensor("glu", "input", 1, input)
    if x.ndim == 0:
        raise RuntimeError("glu does not support scalars because halving size must be even")
    axis = axis_of(dim, x.ndim)
    if x.shape[axis] % 2:
        raise RuntimeError(
            f"Halving dimension must be even, but dimension {axis} is size {x.shape[axis]}"
        )
    return record(glu_op, (x,), axis=axis)


def _written(function: Callable[..., Tensor], name: str) -> Callable[..., Tensor]:
    """Return the form of a function that writes into its argument."""

    def in_place(input: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        return function(input, *args, **kwargs, inplace=True)

    in_place.__name__ = in_place.__qualname__ = name
    in_place.__doc__ = f"Write the result of `{function.__name__}` into `input` and return it."
    return in_place


relu_ = public()(_written(relu, "relu_"))
leaky_relu_ = _written(leaky_relu, "leaky_relu_")
elu_ = _written(elu, "elu_")
selu_ = public()(_written(selu, "selu_"))
celu_ = public()(_written(celu, "celu_"))
hardtanh_ = _written(hardtanh, "hardtanh_")
threshold_ = public(method=False)(_written(threshold, "threshold_"))
public(method=False)(threshold)

__all__ = [
    "celu",
    "celu_",
    "elu",
    "elu_",
    "gelu",
    "glu",
    "hardshrink",
    "hardsigmoid",
    "hardswish",
    "hardtanh",
    "hardtanh_",
    "leaky_relu",
    "leaky_relu_",
    "logsigmoid",
    "mish",
    "prelu",
    "relu",
    "relu6",
    "relu_",
    "selu",
    "selu_",
    "sigmoid",
    "silu",
    "softplus",
    "softshrink",
    "softsign",
    "tanh",
    "tanhshrink",
    "threshold",
    "threshold_",
]
