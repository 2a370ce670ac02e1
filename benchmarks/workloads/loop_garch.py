"""The likelihood of a GARCH(1,1) model over 10,000 returns: one scalar carried through a loop.

The chain of variances is what cannot be vectorised: one multiply-add a step in each direction.
Logarithms and divisions are not in it, unless a loop that mixes them puts them there.
"""

from __future__ import annotations

from functools import cache, partial

import numpy as np

from benchmarks.workloads.base import Args, Loss, ValueAndGrad, Workload


def make_args(rng: np.random.Generator, *, steps: int) -> Args:
    return np.array([0.02, 0.08, 0.1, 0.8]), rng.normal(size=steps)


def numpy_loss(params, returns):
    mu, omega, alpha, beta = params
    var = omega / (1.0 - alpha - beta)
    total = 0.0
    for r in returns:
        e = r - mu
        total += np.log(var) + e * e / var
        var = omega + alpha * e * e + beta * var
    return 0.5 * total


def jax_loss() -> Loss:
    import jax.numpy as jnp
    from jax import lax

    def loss(params, returns):
        mu, omega, alpha, beta = params
        squares = (returns - mu) ** 2

        def step(var, square):
            return omega + alpha * square + beta * var, var

        # what suits JAX: logarithms outside of the scan, and four steps a turn (228 us with one)
        _, var = lax.scan(step, omega / (1.0 - alpha - beta), squares, unroll=4)
        return 0.5 * jnp.sum(jnp.log(var) + squares / var)

    return loss


def torch_loss() -> Loss:
    import torch

    def loss(params, returns):
        mu, omega, alpha, beta = params
        squares = (returns - mu) ** 2
        var = omega / (1.0 - alpha - beta)
        variances = []
        for square in squares.unbind():
            variances.append(var)
            var = omega + alpha * square + beta * var
        var = torch.stack(variances)
        return 0.5 * torch.sum(torch.log(var) + squares / var)

    return loss


def autograd_loss() -> Loss:
    import autograd.numpy as anp

    def loss(params, returns):
        mu, omega, alpha, beta = params
        var = omega / (1.0 - alpha - beta)
        total = 0.0
        for r in returns:
            e = r - mu
            total = total + anp.log(var) + e * e / var
            var = omega + alpha * e * e + beta * var
        return 0.5 * total

    return loss


def casadi_loss() -> Loss:
    import casadi

    def loss(params, returns):
        # scalar by scalar, which suits it: 28 ms as a `mapaccum` over a step, 1.4 ms so
        p, rs = casadi.SX.sym("p", 4), casadi.SX.sym("r", returns.numel())
        mu, omega, alpha, beta = casadi.vertsplit(p)
        var = omega / (1.0 - alpha - beta)
        total = 0.0
        for r in casadi.vertsplit(rs):
            square = (r - mu) ** 2
            total = total + casadi.log(var) + square / var
            var = omega + alpha * square + beta * var
        return casadi.Function("garch", [p, rs], [0.5 * total])(params, returns)

    return loss


@cache
def hand() -> ValueAndGrad:
    from numba import njit

    from benchmarks import vector_math as vm

    @njit(error_model="numpy", fastmath={"contract", "reassoc"})
    def kernel(params, returns, var, pull, grad):
        """Three passes: variances forwards, all that vectorises, cotangents backwards.

        With s = e**2 and h the variance, a term is (log h + s / h) / 2. Its derivatives are
        (1 - s / h) / (2 h) by h and e / h by e. c is the cotangent of a step's next variance.
        """
        mu, omega, alpha, beta = params[0], params[1], params[2], params[3]
        n = returns.size
        room = 1.0 / (1.0 - alpha - beta)
        h = omega * room
        for t in range(n):
            var[t] = h
            e = returns[t] - mu
            h = (omega + alpha * e * e) + beta * h
        total, by_mu = 0.0, 0.0
        for t in range(n):
            e = returns[t] - mu
            inverse = 1.0 / var[t]
            ratio = e * e * inverse
            total += vm.log(var[t]) + ratio
            pull[t] = 0.5 * inverse * (1.0 - ratio)
            by_mu -= e * inverse
        c, by_omega, by_alpha, by_beta, through = 0.0, 0.0, 0.0, 0.0, 0.0
        for t in range(n - 1, -1, -1):
            e = returns[t] - mu
            ce = c * e
            by_omega += c
            by_alpha += ce * e
            through += ce
            by_beta += c * var[t]
            c = pull[t] + beta * c
        grad[0] = by_mu - 2.0 * alpha * through
        grad[1] = by_omega + c * room
        grad[2] = by_alpha + c * omega * room * room
        grad[3] = by_beta + c * omega * room * room
        return 0.5 * total

    scratch = {}

    def value_and_grad(params, returns):
        n = returns.size
        if n not in scratch:
            scratch[n] = np.empty(n), np.empty(n)
        grad = np.empty(4)
        return kernel(params, returns, *scratch[n], grad), grad

    return value_and_grad


WORKLOADS = (
    Workload(
        name="loop-garch",
        about="GARCH(1,1) likelihood of 10,000 returns, gradient by four parameters",
        argnums=0,
        make_args=partial(make_args, steps=10_000),
        test_args=partial(make_args, steps=23),
        numpy_loss=numpy_loss,
        jax_loss=jax_loss,
        torch_loss=torch_loss,
        autograd_loss=autograd_loss,
        casadi_loss=casadi_loss,
        not_compiled="it unrolls loops: 10,000 steps",
        hand=hand,
    ),
)
