"""Covariances, correlation coefficients and polynomial fits, written as NumPy defines them.

These are programs over traced arrays: every operation in them is another NumPy function, so they
need no rules of their own.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from ...core.errors import UnsupportedError
from ...core.sources import where as user_line
from ..dispatch import implements_directly


def _lines(m: Any, dtype: Any, rowvar: bool) -> Any:
    """Return observations as a matrix with a variable in each row."""
    made = np.asarray(m) if not hasattr(m, "cap") else m
    if made.ndim > 2:
        raise ValueError("m has more than 2 dimensions")
    vector = made.ndim < 2
    made = np.reshape(made.astype(dtype), (1, -1)) if vector else made.astype(dtype)
    return made if rowvar or vector else made.T


@implements_directly(np.cov)
def cov(m: Any, y: Any = None, rowvar: bool = True, bias: bool = False, ddof: Any = None,
        fweights: Any = None, aweights: Any = None, *, dtype: Any = None) -> Any:  # fmt: skip
    """C = (X - mean) diag(w) (X - mean)^H / (sum of w - ddof ...)."""
    if ddof is not None and ddof != int(ddof):
        raise ValueError("ddof must be integer")
    if fweights is not None:
        raise UnsupportedError(f"numpy.cov: fweights is not supported here ({user_line()})")
    if dtype is None:
        dtype = np.result_type(
            *[
                v.dtype if hasattr(v, "dtype") else np.asarray(v).dtype
                for v in (m, y)
                if v is not None
            ],
            np.float64,
        )
    x = _lines(m, dtype, rowvar)
    if x.shape[0] == 0:
        return np.array([]).reshape(0, 0)
    if y is not None:
        x = np.concatenate([x, _lines(y, dtype, rowvar)], axis=0)
    ddof = (0 if bias else 1) if ddof is None else ddof
    factor: Any
    if aweights is None:
        weighted, factor = None, x.shape[1] - ddof
        centre = np.mean(x, axis=1)
    else:
        w = aweights * 1.0 if hasattr(aweights, "cap") else np.asarray(aweights, float)
        if w.ndim > 1:
            raise RuntimeError("cannot handle multidimensional aweights")
        if w.shape[0] != x.shape[1]:
            raise RuntimeError("incompatible numbers of samples and aweights")
        if np.any(w < 0):
            raise ValueError("aweights cannot be negative")
        total = np.sum(w)
        centre = np.sum(x * w, axis=1) / total
        factor = total if ddof == 0 else total - ddof * np.sum(w * w) / total
        weighted = w
    if factor <= 0:
        warnings.warn("Degrees of freedom <= 0 for slice", RuntimeWarning, stacklevel=3)
        factor = 0.0
    d = x - centre[:, None]
    other = d if weighted is None else d * weighted
    return np.squeeze(d @ np.conj(other.T) * np.true_divide(1, factor))


@implements_directly(np.corrcoef)
def corrcoef(x: Any, y: Any = None, rowvar: bool = True, *, dtype: Any = None) -> Any:
    """R_ij = C_ij / sqrt(C_ii C_jj), clipped to [-1, 1]."""
    c = cov(x, y, rowvar, dtype=dtype)
    if c.ndim == 0:
        return c / c
    deviation = np.sqrt(np.real(np.diag(c)))
    r = c / deviation[:, None] / deviation[None, :]
    if r.dtype.kind == "c":
        return np.clip(r.real, -1, 1) + 1j * np.clip(r.imag, -1, 1)
    return np.clip(r, -1, 1)


@implements_directly(np.polyfit)
def polyfit(x: Any, y: Any, deg: Any, rcond: Any = None, full: bool = False, w: Any = None,
            cov: Any = False) -> Any:  # fmt: skip
    """Least squares with the columns of the Vandermonde matrix scaled to length one."""
    if full or cov:
        option = "full" if full else "cov"
        raise UnsupportedError(f"numpy.polyfit: {option} is not supported here ({user_line()})")
    order = int(deg) + 1
    x, y = np.add(x, 0.0), np.add(y, 0.0)
    if order < 1:
        raise ValueError("expected deg >= 0")
    if x.ndim != 1:
        raise TypeError("expected 1D vector for x")
    if x.size == 0:
        raise TypeError("expected non-empty vector for x")
    if not 1 <= y.ndim <= 2:
        raise TypeError("expected 1D or 2D array for y")
    if x.shape[0] != y.shape[0]:
        raise TypeError("expected x and y to have same length")
    if rcond is None:
        rcond = float(len(x) * np.finfo(x.dtype).eps)
    left, right = np.vander(x, order), y
    if w is not None:
        w = np.add(w, 0.0)
        if w.ndim != 1:
            raise TypeError("expected a 1-d array for weights")
        if w.shape[0] != y.shape[0]:
            raise TypeError("expected w and y to have the same length")
        left = left * w[:, None]
        right = (right.T * w).T
    scale = np.sqrt(np.sum(left * left, axis=0))
    found = np.linalg.lstsq(left / scale, right, rcond)[0]
    return (found.T / scale).T
