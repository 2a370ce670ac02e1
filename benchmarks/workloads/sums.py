"""An elementwise function and its sum, from 10 to ten million elements: how a call scales."""

from __future__ import annotations

from functools import cache, partial

import numpy as np

from benchmarks.workloads.base import Args, Loss, ValueAndGrad, Workload


def make_args(rng: np.random.Generator, *, n: int) -> Args:
    return (rng.normal(size=n),)


def numpy_loss(x):
    return np.sum(np.tanh(x) * np.exp(-x * x))


def jax_loss() -> Loss:
    import jax.numpy as jnp

    return lambda x: jnp.sum(jnp.tanh(x) * jnp.exp(-x * x))


@cache
def hand() -> ValueAndGrad:
    from numba import njit

    from benchmarks import vector_math as vm
    from benchmarks.recycle import Recycler

    @njit(error_model="numpy", fastmath={"contract", "reassoc"})
    def kernel(x, grad):
        total = 0.0
        for i in range(x.size):
            t, e = vm.tanh(x[i]), vm.exp(-x[i] * x[i])
            total += t * e
            grad[i] = e * (1.0 - t * t - 2.0 * x[i] * t)
        return total

    outputs = Recycler()

    def value_and_grad(x):
        grad = outputs.empty(x.size)
        return kernel(x, grad), grad

    return value_and_grad


def workload(n: int) -> Workload:
    """The sum of n elements."""
    return Workload(
        name=f"sum-{n:.0e}".replace("e+0", "e"),
        about=f"sum of tanh(x) exp(-x^2), n={n}",
        argnums=0,
        make_args=partial(make_args, n=n),
        test_args=partial(make_args, n=min(n, 17)),
        numpy_loss=numpy_loss,
        jax_loss=jax_loss,
        hand=hand,
        small=n <= 100,
    )


SIZES = tuple(10**k for k in range(1, 8))
