"""Logistic regression on 10000 rows of 50 features: bound by reading X."""

from __future__ import annotations

from functools import cache, partial

import numpy as np

from benchmarks.workloads.base import Args, Loss, ValueAndGrad, Workload


def make_args(rng: np.random.Generator, *, rows: int, columns: int) -> Args:
    X = rng.normal(size=(rows, columns))
    w = 0.3 * rng.normal(size=columns)
    y = (rng.random(rows) < 1.0 / (1.0 + np.exp(-(X @ w)))).astype(np.float64)
    return 0.3 * rng.normal(size=columns), 0.1, X, y


def numpy_loss(w, b, X, y):
    z = X @ w + b
    return np.mean(np.logaddexp(0.0, z) - y * z)


def jax_loss() -> Loss:
    import jax.numpy as jnp
    from jax.nn import softplus

    def loss(w, b, X, y):
        z = X @ w + b
        return jnp.mean(softplus(z) - y * z)

    return loss


def torch_loss() -> Loss:
    from torch.nn.functional import binary_cross_entropy_with_logits

    return lambda w, b, X, y: binary_cross_entropy_with_logits(X @ w + b, y)


def autograd_loss() -> Loss:
    import autograd.numpy as anp

    def loss(w, b, X, y):
        z = anp.dot(X, w) + b
        return anp.mean(anp.logaddexp(0.0, z) - y * z)

    return loss


@cache
def hand() -> ValueAndGrad:
    from numba import njit

    from benchmarks import vector_math as vm

    block = 64  # rows: 64 x 50 doubles fit the first-level cache, so X is fetched once

    @njit(error_model="numpy", fastmath={"contract", "reassoc"}, forceinline=True)
    def products(X, w, z, start, stop):
        for i in range(start, stop):
            total = 0.0
            for j in range(w.size):
                total += X[i, j] * w[j]
            z[i - start] = total

    @njit(error_model="numpy", fastmath={"contract"}, forceinline=True)
    def accumulate(X, delta, dw, start, stop):
        """dw += X[start:stop].T @ delta, four rows at a time to touch dw less often."""
        i = start
        while i + 4 <= stop:
            d0, d1 = delta[i - start], delta[i - start + 1]
            d2, d3 = delta[i - start + 2], delta[i - start + 3]
            for j in range(dw.size):
                dw[j] += d0 * X[i, j] + d1 * X[i + 1, j] + d2 * X[i + 2, j] + d3 * X[i + 3, j]
            i += 4
        while i < stop:
            for j in range(dw.size):
                dw[j] += delta[i - start] * X[i, j]
            i += 1

    @njit(error_model="numpy", fastmath={"contract", "reassoc"})
    def value_and_grad(w, b, X, y):
        n = X.shape[0]
        scale = 1.0 / n
        z = np.empty(block)
        dw = np.zeros(w.size)
        total, db = 0.0, 0.0
        for start in range(0, n, block):
            stop = min(start + block, n)
            products(X, w, z, start, stop)
            for k in range(stop - start):
                # softplus(z) = max(z, 0) + log1p(e), sigmoid(z) = (1 or e) / (1 + e), e = exp(-|z|)
                v = z[k] + b
                e = vm.exp(-abs(v))
                total += max(v, 0.0) + vm.log1p_unit(e) - y[start + k] * v
                d = ((1.0 if v >= 0.0 else e) / (1.0 + e) - y[start + k]) * scale
                db += d
                z[k] = d
            accumulate(X, z, dw, start, stop)
        return total * scale, (dw, db)

    return value_and_grad


WORKLOADS = (
    Workload(
        name="logistic",
        about="logistic regression 10000 x 50, gradient with respect to w and b",
        argnums=(0, 1),
        make_args=partial(make_args, rows=10_000, columns=50),
        test_args=partial(make_args, rows=131, columns=7),
        numpy_loss=numpy_loss,
        jax_loss=jax_loss,
        torch_loss=torch_loss,
        autograd_loss=autograd_loss,
        hand=hand,
    ),
)
