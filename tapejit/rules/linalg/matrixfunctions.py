"""Functions of matrices: exponential, logarithm, square root.

For an analytic f, f([[A, E], [0, A]]) = [[f(A), L(A, E)], [0, f(A)]], where L is the derivative of
f in the direction E (Najfeld and Havel 1995). Being f again, it has derivatives of every order. As
tr(G^T L(A, E)) = tr(L(A^T, G)^T E), its adjoint is conj(L(A^T, conj ct)); with A^H and ct instead
it would be wrong on the branch cut, where f(A^H) is not f(A)^H.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ...core.avals import Aval
from ...tape.ir import Sym
from ...tape.primitive import Primitive
from ..declare import conj, general, ops, zeros_like
from .matrices import Samples, adj, square


def _direction(name: str, a: Sym, e: Sym) -> Sym:
    """L(A, E)."""
    rows, cols, n = a.ndim - 2, a.ndim - 1, a.shape[-1]
    top = ops.concatenate(a, e, axis=cols)
    bottom = ops.concatenate(zeros_like(a), a, axis=cols)
    whole = getattr(ops, name)(ops.concatenate(top, bottom, axis=rows))
    lead = tuple((0, k, 1) for k in a.shape[:-2])
    found: Sym = ops.slice(whole, ranges=(*lead, (0, n, 1), (n, n, 1)))
    return found


def _apply(name: str, a: Any) -> Any:
    import scipy.linalg

    fn = getattr(scipy.linalg, name)
    if name == "expm" or a.ndim == 2:
        return fn(a)
    flat = [fn(m) for m in a.reshape(-1, *a.shape[-2:])]
    return np.stack(flat).reshape(a.shape)


def _samples(rng: np.random.Generator) -> Samples:
    yield (rng.normal(size=(3, 3)) / 2 + 2 * np.eye(3),), {}
    yield (rng.normal(size=(2, 2, 2)) + 1j * rng.normal(size=(2, 2, 2)) + 4 * np.eye(2),), {}


def _matrix_function(name: str, to_complex: bool) -> Primitive:
    def dtype_of(a: Any) -> np.dtype[Any]:
        return np.result_type(a.dtype, np.complex64) if to_complex else a.dtype

    def infer(a: Aval) -> Aval:
        square(name, a)
        return Aval(dtype_of(a), a.shape)

    def numpy(a: Any) -> Any:
        found = _apply(name, a) if a.size else np.array(a)
        return found.astype(dtype_of(a), copy=False)

    def jvp(ts: Sequence[Any], y: Sym, a: Sym) -> Any:
        return _direction(name, a, ts[0])

    def vjp(ct: Sym, y: Sym, a: Sym) -> list[Any]:
        across = conj(adj(a))
        if a.dtype.kind == "c" or not to_complex:
            return [conj(_direction(name, across, conj(ct)))]
        # Real A: the parts of ct one by one keep the matrices real, and on the same branch.
        first = _direction(name, across, ops.real(ct))
        return [ops.real(first) + ops.imag(_direction(name, across, ops.imag(ct)))]

    return general(name, infer, numpy, jvp=jvp, vjp=vjp, samples=_samples)


# logm and sqrtm of a real matrix may be complex: the row always is, the front end looks.
expm = _matrix_function("expm", to_complex=False)
logm = _matrix_function("logm", to_complex=True)
sqrtm = _matrix_function("sqrtm", to_complex=True)


# ---------------------------------------------------------------- A X + X B = Q
# dX solves the same equation with dQ - dA X - X dB; with G the solution for A^H, B^H and ct the
# cotangents are -G X^H, -X^H G and G.


def _sylvester_numpy(a: Any, b: Any, q: Any) -> Any:
    from scipy.linalg import solve_sylvester

    return solve_sylvester(a, b, q).astype(q.dtype, copy=False)


def _sylvester_jvp(ts: Sequence[Any], x: Sym, a: Sym, b: Sym, q: Sym) -> Any:
    right = zeros_like(q) if ts[2] is None else ts[2]
    if ts[0] is not None:
        right = right - ops.matmul(ts[0], x)
    if ts[1] is not None:
        right = right - ops.matmul(x, ts[1])
    return ops.solve_sylvester(a, b, right)


def _sylvester_vjp(ct: Sym, x: Sym, a: Sym, b: Sym, q: Sym) -> list[Any]:
    g = ops.solve_sylvester(adj(a), adj(b), ct)
    return [-ops.matmul(g, adj(x)), -ops.matmul(adj(x), g), g]


def _sylvester_samples(rng: np.random.Generator) -> Samples:
    a, b = rng.normal(size=(3, 3)) + 3 * np.eye(3), rng.normal(size=(2, 2)) + 3 * np.eye(2)
    yield (a, b, rng.normal(size=(3, 2))), {}


def _sylvester_promote(*avals: Aval) -> tuple[Any, ...]:
    return (np.result_type(*[a.dtype for a in avals]),) * 3


solve_sylvester = general(
    "solve_sylvester",
    lambda a, b, q: Aval(np.result_type(a.dtype, b.dtype, q.dtype), q.shape),
    _sylvester_numpy,
    jvp=_sylvester_jvp,
    vjp=_sylvester_vjp,
    promote=_sylvester_promote,
    samples=_sylvester_samples,
)
