"""Sums that estimate: covariances, correlations, integrals by trapezoids, slopes by differences."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..codes import op
from ..emit import apply
from ..spec import Spec
from ..surface import public
from ..tensor import Tensor
from .convert import floated, promoted, to
from .matrices import tensor, wrapped

# ---------------------------------------------------------------- covariance


def _floated(args: tuple[Any, ...], params: dict[str, Any]) -> dict[str, Any]:
    spec: Spec = args[0]
    if spec.ndim > 2:
        raise RuntimeError(
            f"{params.pop('function', 'cov')}(): expected input to have two or fewer dimensions but "
            f"got an input with {spec.ndim} dimensions"
        )
    params.pop("function", None)
    return {**params, "dtype": floated(spec.dtype).numpy.name}


def _covariance(x: Any, weights: Any, correction: int, counted: Any) -> Any:
    """Return ``(x - mean) w (x - mean)^H / norm``, rows being variables."""
    real = np.abs(x).dtype
    if weights is None:
        total: Any = real.type(x.shape[-1])
        mean = np.sum(x, axis=-1, keepdims=True) / total
    else:
        total = np.sum(weights)
        mean = np.sum(x * weights, axis=-1, keepdims=True) / total
    apart = x - mean
    other = apart if weights is None else apart * weights
    if counted is None:
        norm = total - correction
    else:
        # With weights of importance the correction is that of their effective number.
        norm = total - correction * np.sum(weights * counted) / total
    norm = np.maximum(norm, np.zeros_like(norm))
    turned = np.swapaxes(np.conj(apart), -1, -2) if x.dtype.kind == "c" else apart.T
    return (other @ turned) / norm


@op("cov", node="SqueezeBackward0", saves=((0,), (0,), (0,)), resolve=_floated)
def COV(x: Any, *ws: Any, correction: int, f: bool, a: bool, dtype: str) -> Any:
    """Covariances of rows; frequencies and importances of columns."""
    x = to(x, dtype)
    rows = x if x.ndim == 2 else x.reshape((1, -1))
    real = np.abs(x).dtype.name
    given = [to(w, real) for w in ws]
    freq = given[0] if f else None
    imp = given[-1] if a else None
    weights = freq if imp is None else imp if freq is None else freq * imp
    made = _covariance(rows, weights, correction, imp)
    return made if x.ndim == 2 else made.reshape(())


def _weights(name: str, value: Any, n: int, integral: bool) -> Tensor:
    t = tensor(value, "cov", name)
    if t._spec.ndim > 1:
        raise RuntimeError(f"cov(): expected {name} to have one or fewer dimensions but got {name} "
                           f"with {t._spec.ndim} dimensions")  # fmt: skip
    kind = t._spec.np.kind
    if integral != (kind in "iu"):
        word = "integral" if integral else "floating point"
        raise RuntimeError(
            f"cov(): expected {name} to have {word} dtype but got {name} with {t._spec.dtype} dtype"
        )
    if t._spec.numel != n:
        raise RuntimeError(
            f"cov(): expected {name} to have the same numel as there are observations in the input "
            f"but got {t._spec.numel} != {n}"
        )
    if np.any(np.asarray(t._value()) < 0):
        raise RuntimeError(f"cov(): {name} cannot be negative")
    return t


@public()
def cov(
    input: Tensor, *, correction: int = 1, fweights: Tensor | None = None,
    aweights: Tensor | None = None,
) -> Tensor:  # fmt: skip
    """Return the covariance matrix of variables, one a row; of one variable its variance.

    Parameters
    ----------
    input : Tensor
        At most two axes: variables, observations.
    correction : int
        Subtracted from the number of observations: 1 is Bessel's.
    fweights, aweights : Tensor, optional
        How often each observation was made, and how much it counts.
    """
    spec = tensor(input, "cov")._spec
    if spec.ndim > 2:
        raise RuntimeError(
            "cov(): expected input to have two or fewer dimensions but got an input with "
            f"{spec.ndim} dimensions"
        )
    if spec.np.kind == "b":
        raise RuntimeError("cov(): bool dtype is not supported for input")
    n = spec.shape[-1] if spec.ndim else 1
    ws = []
    if fweights is not None:
        ws.append(_weights("fweights", fweights, n, True))
    if aweights is not None:
        ws.append(_weights("aweights", aweights, n, False))
    if not isinstance(correction, int):
        raise TypeError(f"cov(): argument 'correction' must be int, not {type(correction).__name__}")
    if not ws and n - correction <= 0:
        import warnings

        warnings.warn(
            "cov(): degrees of freedom is <= 0. Correction should be strictly less than the number "
            "of observations.",
            UserWarning,
            stacklevel=2,
        )
    return apply(  # type: ignore[no-any-return]
        COV, (input, *ws), correction=correction, f=fweights is not None, a=aweights is not None
    )


def _corrcoef_node(params: dict[str, Any], specs: tuple[Any, ...]) -> str:
    return "ClampBackward1" if specs[0].ndim == 2 else "DivBackward0"


@op("corrcoef", node=_corrcoef_node, saves=((0,),), resolve=_floated)
def CORRCOEF(x: Any, *, dtype: str) -> Any:
    """Covariances over the products of standard deviations, held within -1 and 1."""
    x = to(x, dtype)
    rows = x if x.ndim == 2 else x.reshape((1, -1))
    c = _covariance(rows, None, 1, None)
    if x.ndim < 2:
        return (c / c).reshape(())
    size = np.sqrt(np.real(np.diagonal(c)))
    found = c / size[:, None] / size[None, :]
    if np.dtype(dtype).kind == "c":
        return found
    return np.clip(found, -1, 1)


@public()
def corrcoef(input: Tensor) -> Tensor:
    """Return the correlation matrix of variables, one a row."""
    spec = tensor(input, "corrcoef")._spec
    if spec.ndim > 2:
        raise RuntimeError(
            "corrcoef(): expected input to have two or fewer dimensions but got an input with "
            f"{spec.ndim} dimensions"
        )
    return apply(CORRCOEF, (input,))  # type: ignore[no-any-return]


# ---------------------------------------------------------------- trace


@op("trace", saves=((),))
def TRACE(x: Any) -> Any:
    """The sum of the diagonal; integers are summed as int64."""
    kept = x.astype("int64") if np.dtype(x.dtype).kind in "iu" else x
    return np.trace(kept)


@public()
def trace(input: Tensor) -> Tensor:
    """Return the sum of the diagonal of a matrix."""
    spec = tensor(input, "trace")._spec
    if spec.ndim != 2:
        raise RuntimeError(f"trace: expected a matrix, but got tensor with dim {spec.ndim}")
    return apply(TRACE, (input,))  # type: ignore[no-any-return]


# ---------------------------------------------------------------- integrals


def _node(several: str) -> Any:
    def node(params: dict[str, Any], specs: tuple[Any, ...]) -> str:
        if several:
            return "DivBackward1" if params["spaced"] else "CumsumBackward0"
        return "DivBackward1" if params["spaced"] else "MulBackward1"

    return node


def _spread(args: tuple[Any, ...], params: dict[str, Any]) -> dict[str, Any]:
    kinds = args if params["spaced"] else args[:1]
    d = promoted(*kinds)
    if not params["spaced"]:
        d = floated(d)
    return {**params, "dtype": floated(d).numpy.name}


def _areas(y: Any, x: Any, dim: int, spaced: bool, dtype: str) -> Any:
    """Return the areas of the trapezoids between neighbours along an axis."""
    y = np.moveaxis(to(y, dtype), dim, -1)
    pairs = y[..., 1:] + y[..., :-1]
    if not spaced:
        return pairs * (to(x, dtype) / 2)
    x = to(x, dtype)
    x = x if x.ndim < 2 else np.moveaxis(x, dim, -1)
    return pairs * (x[..., 1:] - x[..., :-1]) / 2


@op("trapezoid", node=_node(""), saves=((1,), (0,)), resolve=_spread)
def TRAPEZOID(y: Any, x: Any, *, dim: int, spaced: bool, dtype: str) -> Any:
    """The integral along an axis of the lines between samples."""
    return np.sum(_areas(y, x, dim, spaced, dtype), axis=-1)


@op("cumulative_trapezoid", node=_node("s"), saves=((1,), (0,)), resolve=_spread)
def CUMULATIVE(y: Any, x: Any, *, dim: int, spaced: bool, dtype: str) -> Any:
    """The integrals along an axis up to each sample."""
    return np.moveaxis(np.cumsum(_areas(y, x, dim, spaced, dtype), axis=-1), -1, dim)


def _integral(which: Any, name: str, y: Any, x: Any, dx: Any, dim: int) -> Tensor:
    t = tensor(y, name, "y")
    k = wrapped(dim, t._spec.ndim)
    if x is not None and dx is not None:
        raise TypeError(f"{name}(): give the sample points x or their distance dx, not both")
    if x is None:
        step = 1 if dx is None else dx
        return apply(which, (t, step), dim=k - t._spec.ndim, spaced=False)  # type: ignore[no-any-return]
    points = tensor(x, name, "x", 2)
    n = t._spec.shape[k]
    at = points._spec.shape[0] if points._spec.ndim == 1 else points._spec.shape[k - t._spec.ndim]
    if at != n:
        raise RuntimeError(
            f"{name}(): There must be one `x` value for each sample point, got {at} for {n}"
        )
    return apply(which, (t, points), dim=k - t._spec.ndim, spaced=True)  # type: ignore[no-any-return]


@public("trapezoid", "trapz", method=False)
def trapezoid(y: Tensor, x: Any = None, *, dx: Any = None, dim: int = -1) -> Tensor:
    """Return the integral along an axis by the trapezoidal rule.

    Parameters
    ----------
    y : Tensor
        The samples.
    x : Tensor, optional
        Where they are; otherwise they are `dx` apart, which is 1 unless given.

    Examples
    --------
    >>> import tapejit.torch as torch
    >>> torch.trapezoid(torch.tensor([1.0, 5.0, 10.0]))
    tensor(10.5000)
    """
    return _integral(TRAPEZOID, "trapezoid", y, x, dx, dim)


@public(method=False)
def cumulative_trapezoid(y: Tensor, x: Any = None, *, dx: Any = None, dim: int = -1) -> Tensor:
    """Return the integrals along an axis up to the second sample, the third and so on."""
    return _integral(CUMULATIVE, "cumulative_trapezoid", y, x, dx, dim)


# ---------------------------------------------------------------- slopes


@op("gradient", node="CatBackward0", saves=((),), resolve=lambda args, params: _sloped(args, params))
def SLOPE(x: Any, *, dim: int, spacing: Any, edge_order: int, dtype: str) -> Any:
    """Central differences within, one-sided ones of `edge_order` at the ends."""
    h = spacing if isinstance(spacing, float) else np.array(spacing, np.float64)
    return np.gradient(to(x, dtype), h, axis=dim, edge_order=edge_order).astype(dtype)


def _sloped(args: tuple[Any, ...], params: dict[str, Any]) -> dict[str, Any]:
    return {**params, "dtype": floated(args[0].dtype).numpy.name}


@public(method=False)
def gradient(
    input: Tensor, *, spacing: Any = 1, dim: Any = None, edge_order: int = 1
) -> tuple[Tensor, ...]:
    """Return estimates of the slopes along axes, one tensor for each.

    Parameters
    ----------
    input : Tensor
    spacing : number, or sequence of numbers or of 1-d tensors
        The distance of samples, or where they are, for each axis.
    dim : int or sequence of int, optional
        All axes unless given.
    edge_order : {1, 2}
        The order of the differences at the ends.
    """
    t = tensor(input, "gradient")
    ndim = t._spec.ndim
    dims: Sequence[int] = range(ndim) if dim is None else (dim,) if isinstance(dim, int) else dim
    axes = [wrapped(k, ndim) for k in dims]
    if edge_order not in (1, 2):
        raise RuntimeError("torch.gradient only supports edge_order=1 and edge_order=2.")
    steps = list(spacing) if isinstance(spacing, list | tuple) else [spacing] * len(axes)
    if len(steps) != len(axes):
        raise RuntimeError(
            "torch.gradient expected spacing to be unspecified, a scalar, or a list of length "
            f"equal to dim: {len(axes)}, but got {len(steps)}"
        )
    found = []
    for k, step in zip(axes, steps):
        if t._spec.shape[k] < edge_order + 1:
            raise RuntimeError(
                "torch.gradient expected each dimension size to be at least edge_order+1"
            )
        fixed: Any
        if isinstance(step, Tensor):
            values = np.asarray(step._value(), np.float64)
            fixed = float(values) if values.ndim == 0 else tuple(values.tolist())
        else:
            fixed = float(step)
        found.append(apply(SLOPE, (t,), dim=k, spacing=fixed, edge_order=edge_order))
    return tuple(found)
