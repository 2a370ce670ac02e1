"""Covariances and correlations: sums over pairs of rows."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..codes import op
from ..emit import apply
from ..spec import Spec
from ..surface import public
from ..tensor import Tensor
from .convert import floated, to
from .matrices import tensor

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
        raise TypeError(
            f"cov(): argument 'correction' must be int, not {type(correction).__name__}"
        )
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
