"""The Rosenbrock function of n variables: a stencil of three points and one reduction.

Its Hessian is tridiagonal and the Jacobian of its 2 (n - 1) residuals has two diagonals; both are
wanted as dense arrays.
"""

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


def casadi_loss() -> Loss:
    import casadi

    return lambda x: casadi.sumsqr(10.0 * (x[1:] - x[:-1] ** 2)) + casadi.sumsqr(1.0 - x[:-1])


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


def residuals(x):
    return np.concatenate([10.0 * (x[1:] - x[:-1] ** 2), 1.0 - x[:-1]])


def residuals_jax() -> Loss:
    import jax.numpy as jnp

    return lambda x: jnp.concatenate([10.0 * (x[1:] - x[:-1] ** 2), 1.0 - x[:-1]])


def residuals_torch() -> Loss:
    import torch

    return lambda x: torch.cat([10.0 * (x[1:] - x[:-1] ** 2), 1.0 - x[:-1]])


def residuals_autograd() -> Loss:
    import autograd.numpy as anp

    return lambda x: anp.concatenate([10.0 * (x[1:] - x[:-1] ** 2), 1.0 - x[:-1]])


def residuals_casadi() -> Loss:
    import casadi

    return lambda x: casadi.vertcat(10.0 * (x[1:] - x[:-1] ** 2), 1.0 - x[:-1])


@cache
def hessian_hand() -> ValueAndGrad:
    from numba import njit

    @njit(error_model="numpy", fastmath={"contract"})
    def kernel(x, H):
        """Diagonal 1200 x_i^2 - 400 x_{i+1} + 2 (+ 200 after the first), -400 x_i beside it."""
        n = x.size
        H[:] = 0.0
        for i in range(n - 1):
            H[i, i] += 1200.0 * x[i] * x[i] - 400.0 * x[i + 1] + 2.0
            H[i + 1, i + 1] = 200.0
            H[i, i + 1] = H[i + 1, i] = -400.0 * x[i]

    def hessian(x):
        H = np.empty((x.size, x.size))
        kernel(x, H)
        return H

    return hessian


@cache
def jacobian_hand() -> ValueAndGrad:
    from numba import njit

    @njit(error_model="numpy", fastmath={"contract"})
    def kernel(x, J):
        n = x.size
        J[:] = 0.0
        for i in range(n - 1):
            J[i, i] = -20.0 * x[i]
            J[i, i + 1] = 10.0
            J[n - 1 + i, i] = -1.0

    def jacobian(x):
        J = np.empty((2 * (x.size - 1), x.size))
        kernel(x, J)
        return J

    return jacobian


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
        casadi_loss=casadi_loss,
        hand=hand,
        small=n <= 10,
        cold=n == 1000,
    )


WORKLOADS = (_workload(10, "10"), _workload(1000, "1000"), _workload(100_000, "1e5"))
DERIVATIVES = (
    Workload(
        name="rosenbrock-hessian",
        about="Hessian of the Rosenbrock function, n=100, a dense 100 x 100 array",
        argnums=0,
        make_args=partial(make_args, n=100),
        test_args=partial(make_args, n=7),
        numpy_loss=numpy_loss,
        jax_loss=jax_loss,
        torch_loss=torch_loss,
        autograd_loss=autograd_loss,
        casadi_loss=casadi_loss,
        hand=hessian_hand,
        derivative="hessian",
    ),
    Workload(
        name="rosenbrock-jacobian",
        about="Jacobian of the residuals of the Rosenbrock function, n=100, 198 x 100",
        argnums=0,
        make_args=partial(make_args, n=100),
        test_args=partial(make_args, n=7),
        numpy_loss=residuals,
        jax_loss=residuals_jax,
        torch_loss=residuals_torch,
        autograd_loss=residuals_autograd,
        casadi_loss=residuals_casadi,
        hand=jacobian_hand,
        derivative="jacobian",
    ),
)
