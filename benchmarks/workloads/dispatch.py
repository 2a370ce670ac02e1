"""Almost no arithmetic: what is timed is the cost of one call.

The hand-written versions allocate their outputs in Python: measured, Numba takes 0.2 us to wrap
one array that it allocated and 0.08 us to unwrap one that it is given.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from benchmarks.workloads.base import Args, Loss, ValueAndGrad, Workload


def scalar_loss(x):
    return x * np.sin(x)


def scalar_jax() -> Loss:
    import jax.numpy as jnp

    return lambda x: x * jnp.sin(x)


def scalar_torch() -> Loss:
    import torch

    return lambda x: x * torch.sin(x)


def scalar_autograd() -> Loss:
    import autograd.numpy as anp

    return lambda x: x * anp.sin(x)


def scalar_casadi() -> Loss:
    import casadi

    return lambda x: x * casadi.sin(x)


@cache
def scalar_hand() -> ValueAndGrad:
    import math

    from numba import njit

    @njit(error_model="numpy")
    def value_and_grad(x):
        s = math.sin(x)
        return x * s, s + x * math.cos(x)

    return value_and_grad


def squares_loss(x):
    return np.sum(x * x)


def squares_jax() -> Loss:
    import jax.numpy as jnp

    return lambda x: jnp.sum(x * x)


def squares_torch() -> Loss:
    import torch

    return lambda x: torch.sum(x * x)


def squares_autograd() -> Loss:
    import autograd.numpy as anp

    return lambda x: anp.sum(x * x)


def squares_casadi() -> Loss:
    import casadi

    return casadi.sumsqr


@cache
def squares_hand() -> ValueAndGrad:
    from numba import njit

    @njit(error_model="numpy", fastmath={"contract", "reassoc"})
    def kernel(x, grad):
        total = 0.0
        for i in range(x.size):
            total += x[i] * x[i]
            grad[i] = 2.0 * x[i]
        return total

    def value_and_grad(x):
        grad = np.empty(x.size)
        return kernel(x, grad), grad

    return value_and_grad


def eight_loss(a, b, c, d, e, f, g, h):
    return np.sum(a * b + c * d + e * f + g * h)


def eight_jax() -> Loss:
    import jax.numpy as jnp

    return lambda a, b, c, d, e, f, g, h: jnp.sum(a * b + c * d + e * f + g * h)


def eight_torch() -> Loss:
    import torch

    return lambda a, b, c, d, e, f, g, h: torch.sum(a * b + c * d + e * f + g * h)


def eight_autograd() -> Loss:
    import autograd.numpy as anp

    return lambda a, b, c, d, e, f, g, h: anp.sum(a * b + c * d + e * f + g * h)


def eight_casadi() -> Loss:
    import casadi

    return lambda a, b, c, d, e, f, g, h: casadi.sum1(a * b + c * d + e * f + g * h)


@cache
def eight_hand() -> ValueAndGrad:
    from numba import njit

    @njit(error_model="numpy", fastmath={"contract", "reassoc"})
    def kernel(a, b, c, d, e, f, g, h, da, db, dc, dd, de, df, dg, dh):
        total = 0.0
        for i in range(a.size):
            total += a[i] * b[i] + c[i] * d[i] + e[i] * f[i] + g[i] * h[i]
            da[i], db[i], dc[i], dd[i] = b[i], a[i], d[i], c[i]
            de[i], df[i], dg[i], dh[i] = f[i], e[i], h[i], g[i]
        return total

    def value_and_grad(a, b, c, d, e, f, g, h):
        n = a.size
        grads = (
            *(np.empty(n), np.empty(n), np.empty(n), np.empty(n)),
            *(np.empty(n), np.empty(n), np.empty(n), np.empty(n)),
        )
        return kernel(a, b, c, d, e, f, g, h, *grads), grads

    return value_and_grad


def dict_args(rng: np.random.Generator) -> Args:
    params: dict[str, dict[str, Any]] = {
        "hidden": {"W": rng.normal(size=(3, 2)), "b": rng.normal(size=2)},
        "out": {"W": rng.normal(size=(2, 3)), "b": rng.normal(size=3)},
    }
    return (params,)


def _norm(p, xp):
    hidden, out = p["hidden"], p["out"]
    weights = xp.sum(hidden["W"] * hidden["W"]) + xp.sum(out["W"] * out["W"])
    return weights + xp.sum(hidden["b"] * hidden["b"]) + xp.sum(out["b"] * out["b"])


def dict_loss(p):
    hidden, out = p["hidden"], p["out"]
    weights = np.sum(hidden["W"] * hidden["W"]) + np.sum(out["W"] * out["W"])
    return weights + np.sum(hidden["b"] * hidden["b"]) + np.sum(out["b"] * out["b"])


def dict_jax() -> Loss:
    import jax.numpy as jnp

    return lambda p: _norm(p, jnp)


def dict_torch() -> Loss:
    import torch

    return lambda p: _norm(p, torch)


def dict_autograd() -> Loss:
    import autograd.numpy as anp

    return lambda p: _norm(p, anp)


@cache
def dict_hand() -> ValueAndGrad:
    from numba import njit

    @njit(error_model="numpy", fastmath={"contract", "reassoc"}, forceinline=True)
    def matrix(x, grad):
        total = 0.0
        for i in range(x.shape[0]):
            for j in range(x.shape[1]):
                total += x[i, j] * x[i, j]
                grad[i, j] = 2.0 * x[i, j]
        return total

    @njit(error_model="numpy", fastmath={"contract", "reassoc"}, forceinline=True)
    def vector(x, grad):
        total = 0.0
        for i in range(x.size):
            total += x[i] * x[i]
            grad[i] = 2.0 * x[i]
        return total

    @njit(error_model="numpy")
    def kernel(w1, b1, w2, b2, dw1, db1, dw2, db2):
        return matrix(w1, dw1) + vector(b1, db1) + matrix(w2, dw2) + vector(b2, db2)

    def value_and_grad(p):
        hidden, out = p["hidden"], p["out"]
        w1, b1, w2, b2 = hidden["W"], hidden["b"], out["W"], out["b"]
        dw1, db1, dw2, db2 = (
            np.empty(w1.shape),
            np.empty(b1.shape),
            np.empty(w2.shape),
            np.empty(b2.shape),
        )
        value = kernel(w1, b1, w2, b2, dw1, db1, dw2, db2)
        return value, {"hidden": {"W": dw1, "b": db1}, "out": {"W": dw2, "b": db2}}

    return value_and_grad


def scalar_args(rng: np.random.Generator) -> Args:
    return (float(rng.normal()),)


def vector_args(rng: np.random.Generator) -> Args:
    return (rng.normal(size=10),)


def eight_args(rng: np.random.Generator) -> Args:
    return tuple(rng.normal(size=4) for _ in range(8))


WORKLOADS = (
    Workload(
        name="scalar",
        about="x sin x, one Python float in",
        argnums=0,
        make_args=scalar_args,
        test_args=scalar_args,
        numpy_loss=scalar_loss,
        jax_loss=scalar_jax,
        torch_loss=scalar_torch,
        autograd_loss=scalar_autograd,
        casadi_loss=scalar_casadi,
        hand=scalar_hand,
        small=True,
    ),
    Workload(
        name="vector10",
        about="sum of squares of a 10-vector",
        argnums=0,
        make_args=vector_args,
        test_args=vector_args,
        numpy_loss=squares_loss,
        jax_loss=squares_jax,
        torch_loss=squares_torch,
        autograd_loss=squares_autograd,
        casadi_loss=squares_casadi,
        hand=squares_hand,
        small=True,
        cold=True,
    ),
    Workload(
        name="arrays8",
        about="eight 4-vectors in, eight gradients out",
        argnums=(0, 1, 2, 3, 4, 5, 6, 7),
        make_args=eight_args,
        test_args=eight_args,
        numpy_loss=eight_loss,
        jax_loss=eight_jax,
        torch_loss=eight_torch,
        autograd_loss=eight_autograd,
        casadi_loss=eight_casadi,
        hand=eight_hand,
        small=True,
    ),
    Workload(
        name="dict",
        about="a nested dict of four small arrays in, one like it out",
        argnums=0,
        make_args=dict_args,
        test_args=dict_args,
        numpy_loss=dict_loss,
        jax_loss=dict_jax,
        torch_loss=dict_torch,
        autograd_loss=dict_autograd,
        hand=dict_hand,
        small=True,
    ),
)
