"""The Rosenbrock function of n variables: a stencil of three points and one reduction."""

from __future__ import annotations

from functools import cache, partial

import numpy as np

from benchmarks.workloads.base import Args, Loss, ValueAndGrad, Workload


def make_args(rng: np.random.Generator, *, n: int) -> Args:
    return (rng.normal(size=n),)


def numpy_loss(x):
    return np.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2)


def jax_loss() -> Loss:
    import jax.numpy as jnp

    return lambda x: jnp.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2)


def torch_loss() -> Loss:
    import torch

    return lambda x: torch.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2)


def autograd_loss() -> Loss:
    import autograd.numpy as anp

    return lambda x: anp.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2)


@cache
def hand() -> ValueAndGrad:
    from numba import njit

    @njit(error_model="numpy", fastmath={"contract", "reassoc"})
    def kernel(x, grad):
        """One pass. Entry i gathers from terms i and i - 1, so no iteration waits for another."""
        n = x.size
        t = x[1] - x[0] * x[0]
        u = 1.0 - x[0]
        total = 100.0 * t * t + u * u
        grad[0] = -400.0 * t * x[0] - 2.0 * u
        for i in range(1, n - 1):
            before = x[i] - x[i - 1] * x[i - 1]
            t = x[i + 1] - x[i] * x[i]
            u = 1.0 - x[i]
            total += 100.0 * t * t + u * u
            grad[i] = 200.0 * before - 400.0 * t * x[i] - 2.0 * u
        grad[n - 1] = 200.0 * (x[n - 1] - x[n - 2] * x[n - 2])
        return total

    def value_and_grad(x):
        grad = np.empty(x.size)
        return kernel(x, grad), grad

    return value_and_grad


def _workload(n: int, label: str) -> Workload:
    return Workload(
        name=f"rosenbrock-{label}",
        about=f"Rosenbrock function, n={n}",
        argnums=0,
        make_args=partial(make_args, n=n),
        test_args=partial(make_args, n=min(n, 17)),
        numpy_loss=numpy_loss,
        jax_loss=jax_loss,
        torch_loss=torch_loss,
        autograd_loss=autograd_loss,
        hand=hand,
        small=n <= 10,
        cold=n == 1000,
    )


WORKLOADS = (_workload(10, "10"), _workload(1000, "1000"), _workload(100_000, "1e5"))
