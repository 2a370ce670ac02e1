"""Functions of matrices: the exponential."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ...core.avals import Aval
from ...tape.ir import Sym
from ..declare import general, ops, zeros_like
from .matrices import Samples, adj, square

# expm([[A, E], [0, A]]) = [[expm(A), L(A, E)], [0, expm(A)]], where L is the derivative in the
# direction E (Najfeld and Havel 1995); its adjoint is L(A^H, .). Being expm again, it has
# derivatives of every order.


def _expm_numpy(a: Any) -> Any:
    from scipy.linalg import expm

    return expm(a).astype(a.dtype, copy=False) if a.size else np.array(a)


def _expm_infer(a: Aval) -> Aval:
    square("expm", a)
    return Aval(a.dtype, a.shape)


def _direction(a: Sym, e: Sym) -> Sym:
    rows, cols, n = a.ndim - 2, a.ndim - 1, a.shape[-1]
    top = ops.concatenate(a, e, axis=cols)
    bottom = ops.concatenate(zeros_like(a), a, axis=cols)
    whole = ops.expm(ops.concatenate(top, bottom, axis=rows))
    lead = tuple((0, k, 1) for k in a.shape[:-2])
    return ops.slice(whole, ranges=(*lead, (0, n, 1), (n, n, 1)))


def _expm_jvp(ts: Sequence[Any], y: Sym, a: Sym) -> Any:
    return _direction(a, ts[0])


def _expm_samples(rng: np.random.Generator) -> Samples:
    yield (rng.normal(size=(3, 3)),), {}
    yield (rng.normal(size=(2, 2, 2)) + 1j * rng.normal(size=(2, 2, 2)),), {}


expm = general(
    "expm",
    _expm_infer,
    _expm_numpy,
    jvp=_expm_jvp,
    vjp=lambda ct, y, a: [_direction(adj(a), ct)],
    samples=_expm_samples,
)
