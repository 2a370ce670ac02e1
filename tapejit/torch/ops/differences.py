"""Differences of neighbours, integrals by trapezoids, slopes by central differences."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..codes import op
from ..emit import apply
from ..surface import public
from ..tensor import Tensor
from .checks import axes_of, dim_of, int_of, number_of, operand_of, tensor_of
from .convert import floated, promoted, to

Params = dict[str, Any]

# ---------------------------------------------------------------- differences


def _diff_impl(*xs: Any, n: int, axis: int, dtype: str) -> Any:
    parts = [to(x, dtype) for x in xs]
    x = np.concatenate(parts, axis=axis) if len(parts) > 1 else parts[0]
    for _ in range(n):
        lead = (slice(None),) * axis
        hi, lo = x[(*lead, slice(1, None))], x[(*lead, slice(0, max(x.shape[axis] - 1, 0)))]
        x = hi != lo if x.dtype.kind == "b" else hi - lo
    return x


def _diff_resolve(args: tuple[Any, ...], params: Params) -> Params:
    return {**params, "dtype": promoted(*args).numpy.name}


_diff = op("diff", node="SubBackward0", saves=((),), resolve=_diff_resolve)(_diff_impl)


@public("diff", out=True)
def diff(input: Tensor, n: int = 1, dim: int = -1, prepend: Any = None, append: Any = None) -> Any:
    """Return the differences of neighbours along an axis, taken `n` times."""
    x = tensor_of("diff", "input", 1, input)
    if x._spec.ndim == 0:
        raise RuntimeError("diff expects input to be at least one-dimensional")
    k, times = dim_of("diff", dim, x._spec.ndim), int_of("diff", "n", n)
    if times < 0:
        raise RuntimeError(f"order must be non-negative but got {times}")
    parts = [tensor_of("diff", "prepend", 4, prepend)] if prepend is not None else []
    parts.append(x)
    if append is not None:
        parts.append(tensor_of("diff", "append", 5, append))
    if times == 0:
        return apply(_diff, (x,), n=0, axis=k)
    return apply(_diff, tuple(parts), n=times, axis=k)


# ---------------------------------------------------------------- integrals


def _areas(y: Any, x: Any, dx: Any, axis: int) -> Any:
    """The areas under each piece, the axis moved last."""
    y = np.moveaxis(y, axis, -1)
    middle = y[..., 1:] + y[..., : max(y.shape[-1] - 1, 0)]
    if x is None:
        return middle * (0.5 * dx)
    x = np.moveaxis(x, axis, -1) if x.ndim == y.ndim else x
    return middle * (x[..., 1:] - x[..., : max(x.shape[-1] - 1, 0)]) * 0.5


def _trapezoid_impl(*args: Any, axis: int, dtype: str, cumulative: bool, points: bool) -> Any:
    y = to(args[0], dtype)
    areas = (
        _areas(y, to(args[1], dtype), None, axis)
        if points
        else _areas(y, None, to(args[1], dtype), axis)
    )
    if cumulative:
        return np.moveaxis(np.cumsum(areas, axis=-1), -1, axis)
    return np.sum(areas, axis=-1)


def _trapezoid_resolve(args: tuple[Any, ...], params: Params) -> Params:
    return {
        **params,
        "dtype": floated(promoted(*(args if params["points"] else args[:1]))).numpy.name,
    }


def _trapezoid_node(params: Params, args: Any) -> str:
    if params["points"]:
        return "DivBackward1"
    return "CumsumBackward0" if params["cumulative"] else "MulBackward1"


_trapezoid = op("trapezoid", node=_trapezoid_node, saves=((1,), (0,)), resolve=_trapezoid_resolve)(
    _trapezoid_impl
)


def _integral(name: str, y: Any, x: Any, dx: Any, dim: int, cumulative: bool) -> Any:
    y = tensor_of(name, "y", 1, y)
    k = dim_of(name, dim, y._spec.ndim)
    if x is None:
        second = number_of(name, "dx", dx)
    else:
        second = tensor_of(name, "x", 2, x)
        if second._spec.ndim == 1 and second._spec.shape[0] != y._spec.shape[k]:
            raise RuntimeError(
                f"{name}(): There must be one `x` value for each sample point in `y`"
            )
    return apply(_trapezoid, (y, second), axis=k, cumulative=cumulative, points=x is not None)


@public("trapezoid", "trapz", method=False)
def trapezoid(y: Tensor, x: Tensor | None = None, *, dx: Any = 1, dim: int = -1) -> Any:
    """Return the integral along an axis by the trapezoid rule, at points `x` or at steps `dx`."""
    return _integral("trapezoid", y, x, dx, dim, False)


@public("cumulative_trapezoid", method=False)
def cumulative_trapezoid(y: Tensor, x: Tensor | None = None, *, dx: Any = 1, dim: int = -1) -> Any:
    """Return the running integral along an axis by the trapezoid rule."""
    return _integral("cumulative_trapezoid", y, x, dx, dim, True)


# ---------------------------------------------------------------- finite-difference gradients


_slopes: Any = np.gradient


def _gradient_impl(
    x: Any, *coordinates: Any, axis: int, spacing: float | None, edge_order: int, dtype: str
) -> Any:
    x = to(x, dtype)
    if coordinates:
        points = to(coordinates[0], dtype)
        return _slopes(x, points, axis=axis, edge_order=edge_order)
    return _slopes(x, spacing, axis=axis, edge_order=edge_order)


def _gradient_resolve(args: tuple[Any, ...], params: Params) -> Params:
    return {**params, "dtype": floated(promoted(args[0])).numpy.name}


_gradient = op("gradient", node="CatBackward0", saves=((), (0, 1)), resolve=_gradient_resolve)(
    _gradient_impl
)


@public("gradient", method=False)
def gradient(input: Tensor, *, spacing: Any = 1, dim: Any = None, edge_order: int = 1) -> Any:
    """Return the slopes of samples along axes, one tensor for each, by central differences.

    Parameters
    ----------
    spacing : number, list of numbers, or list of tensors
        The step along every axis or along each of them, or the coordinates of the samples.
    edge_order : 1 or 2
        The order of the one-sided differences at the ends.
    """
    x = tensor_of("gradient", "input", 1, input)
    axes = axes_of("gradient", dim, x._spec.ndim)
    steps = list(spacing) if isinstance(spacing, list | tuple) else [spacing] * len(axes)
    if len(steps) != len(axes):
        raise RuntimeError(
            f"torch.gradient expected spacing to be unspecified, a scalar, or a list of length {len(axes)}, "
            f"but got a list of length {len(steps)}"
        )
    if edge_order not in (1, 2):
        raise RuntimeError("torch.gradient only supports edge_order=1 and edge_order=2.")
    for k in axes:
        if x._spec.shape[k] < edge_order + 1:
            raise RuntimeError(
                "torch.gradient expected each dimension size to be at least edge_order+1"
            )
    made = []
    for k, step in zip(axes, steps):
        step = operand_of("gradient", "spacing", 2, step)
        given: tuple[Any, ...] = (x, step) if isinstance(step, Tensor) else (x,)
        number = None if isinstance(step, Tensor) else float(step)
        made.append(apply(_gradient, given, axis=k, spacing=number, edge_order=int(edge_order)))
    return tuple(made)
