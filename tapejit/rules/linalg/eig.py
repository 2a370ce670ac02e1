"""Eigenvalues and vectors of general matrices.

Results are complex here; the front end takes the real parts where NumPy would. Gauge, as LAPACK's:
each vector has length 1 and its largest element is real, so the derivative is that of NumPy's own
result. At a repeated eigenvalue the vectors have no derivative: inf or nan comes out.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ...core.avals import Aval, TupleAval
from ...tape.ir import Sym
from ..declare import conj, general, ops, times
from .matrices import (
    Samples,
    across,
    adj,
    column_dots,
    diagonal,
    imaginary,
    inherit_mask,
    mm,
    real,
    square,
    total,
)


def complex_dtype(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """The complex dtype of the same precision."""
    return np.result_type(dtype, np.complex64)


def _complex(x: Sym) -> Sym:
    name = complex_dtype(x.dtype).name
    return x if x.dtype.name == name else ops.cast(x, dtype=name, weak=False)


# 1 at the largest element of each column, 0 elsewhere: locally constant.
largest = general(
    "largest",
    lambda v: Aval(v.dtype, v.shape),
    lambda v: _largest_numpy(v),
)


def _largest_numpy(v: Any) -> Any:
    size = np.abs(v)
    found = np.zeros_like(v)
    if v.size:
        np.put_along_axis(found, np.argmax(size, axis=-2)[..., None, :], 1, axis=-2)
    return found


def _largest_samples(rng: np.random.Generator) -> Samples:
    yield (rng.normal(size=(3, 2)),), {}


largest.samples = _largest_samples


# ---------------------------------------------------------------- A V = V diag(w)
# With M = V^-1 dA V and D = V (F * M): dw = diag(M), and column by column
#   dv = d - v Re(v^H d) - i v Im(d_max) / v_max.


def _eig_infer(a: Aval) -> TupleAval:
    square("eig", a)
    dtype = complex_dtype(a.dtype)
    return TupleAval((Aval(dtype, a.shape[:-1]), Aval(dtype, a.shape)))


def _eig_numpy(a: Any) -> Any:
    w, v = np.linalg.eig(a)
    dtype = complex_dtype(a.dtype)
    return w.astype(dtype), v.astype(dtype)


def _at_largest(v: Sym, x: Sym) -> Sym:
    """The element of each column of `x` where `v` is largest."""
    return ops.sum(ops.largest(v) * x, axis=(v.ndim - 2,), keepdims=False)


def _eig_jvp(ts: Sequence[Any], ys: Any, a: Sym) -> Any:
    w, v = ys
    m = ops.solve(v, mm(_complex(ts[0]), v))
    d = mm(v, m * ops.gaps(w))
    along = column_dots(v, d)
    turn = (along + conj(along)) * 0.5 + imaginary(_at_largest(v, d)) / _at_largest(v, v)
    return diagonal(m), d - v * across(turn)


def _eig_vjp(ct: Any, ys: Any, a: Sym) -> list[Any]:
    w, v = ys
    n = v.shape[-1]
    m: Sym | None = None
    if ct[1] is not None:
        along = column_dots(v, ct[1])
        # <ct, -i v c> = c Im(ct^H v) = -c Im(v^H ct) with c = Im(d_max) / v_max.
        turn = -imaginary(along) / _at_largest(v, v)
        d = ct[1] - v * across((along + conj(along)) * 0.5) + ops.largest(v) * across(turn)
        t = inherit_mask(mm(adj(v), d), ct[1])
        m = times(t, conj(ops.gaps(w)))
    if ct[0] is not None:
        eye = ops.cast(_unit(v, n), dtype=v.dtype.name, weak=False)
        m = total(m, eye * across(ct[0]))
    assert m is not None
    found = ops.solve(adj(v), mm(m, adj(v)))
    return [real(found) if a.dtype.kind != "c" else found]


def _unit(v: Sym, n: int) -> Any:
    index = ops.arange.on(v.b, n=n, dtype="int64")
    return ops.reshape(index, shape=(n, 1)).eq(ops.reshape(index, shape=(1, n)))


def _eig_samples(rng: np.random.Generator) -> Samples:
    yield (rng.normal(size=(3, 3)),), {}
    yield (rng.normal(size=(2, 3, 3)) + 1j * rng.normal(size=(2, 3, 3)),), {}


eig = general(
    "eig",
    _eig_infer,
    _eig_numpy,
    jvp=_eig_jvp,
    vjp=_eig_vjp,
    samples=_eig_samples,
)
