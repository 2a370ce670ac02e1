"""The sum of Black-Scholes call prices: bound by transcendental functions.

Gradient with respect to spot and volatility (one number an option) and rate (one for all):
delta = Phi(d1), vega = S phi(d1) sqrt(T), rho = sum of T K exp(-rT) Phi(d2).
"""

from __future__ import annotations

import math
from functools import cache, partial

import numpy as np
from scipy.special import ndtr

from benchmarks.workloads.base import Args, Loss, ValueAndGrad, Workload


def make_args(rng: np.random.Generator, *, n: int) -> Args:
    spot, strike = rng.uniform(60.0, 140.0, n), rng.uniform(60.0, 140.0, n)
    return spot, rng.uniform(0.1, 0.6, n), 0.03, strike, rng.uniform(0.2, 3.0, n)


def numpy_loss(spot, vol, rate, strike, expiry):
    deviation = vol * np.sqrt(expiry)
    d1 = (np.log(spot / strike) + (rate + 0.5 * vol**2) * expiry) / deviation
    discounted = strike * np.exp(-rate * expiry)
    return np.sum(spot * ndtr(d1) - discounted * ndtr(d1 - deviation))


def jax_loss() -> Loss:
    import jax.numpy as jnp
    from jax.scipy.special import ndtr

    def loss(spot, vol, rate, strike, expiry):
        deviation = vol * jnp.sqrt(expiry)
        d1 = (jnp.log(spot / strike) + (rate + 0.5 * vol**2) * expiry) / deviation
        discounted = strike * jnp.exp(-rate * expiry)
        return jnp.sum(spot * ndtr(d1) - discounted * ndtr(d1 - deviation))

    return loss


def torch_loss() -> Loss:
    import torch
    from torch.special import ndtr

    def loss(spot, vol, rate, strike, expiry):
        deviation = vol * torch.sqrt(expiry)
        d1 = (torch.log(spot / strike) + (rate + 0.5 * vol**2) * expiry) / deviation
        discounted = strike * torch.exp(-rate * expiry)
        return torch.sum(spot * ndtr(d1) - discounted * ndtr(d1 - deviation))

    return loss


def autograd_loss() -> Loss:
    import autograd.numpy as anp
    from autograd.scipy.special import erf

    def cdf(x):
        return 0.5 * (1.0 + erf(x / math.sqrt(2.0)))

    def loss(spot, vol, rate, strike, expiry):
        deviation = vol * anp.sqrt(expiry)
        d1 = (anp.log(spot / strike) + (rate + 0.5 * vol**2) * expiry) / deviation
        discounted = strike * anp.exp(-rate * expiry)
        return anp.sum(spot * cdf(d1) - discounted * cdf(d1 - deviation))

    return loss


def casadi_loss() -> Loss:
    import casadi as ca

    def cdf(x):
        return 0.5 * (1.0 + ca.erf(x / math.sqrt(2.0)))

    def loss(spot, vol, rate, strike, expiry):
        deviation = vol * ca.sqrt(expiry)
        d1 = (ca.log(spot / strike) + (rate + 0.5 * vol**2) * expiry) / deviation
        discounted = strike * ca.exp(-rate * expiry)
        return ca.sum1(spot * cdf(d1) - discounted * cdf(d1 - deviation))

    return loss


@cache
def hand() -> ValueAndGrad:
    from numba import njit

    from benchmarks import vector_math as vm
    from benchmarks.recycle import Recycler

    inverse_root = 1.0 / math.sqrt(2.0 * math.pi)

    @njit(error_model="numpy", fastmath={"contract", "reassoc"})
    def kernel(spot, vol, rate, strike, expiry, delta, vega):
        """One pass, with what a person knows and no tape says: S phi(d1) = K exp(-rT) phi(d2).

        So phi(d2) costs a division and no exp, and the terms of d(d1) in delta and rho cancel.
        """
        total, rho = 0.0, 0.0
        for i in range(spot.size):
            s, t = spot[i], expiry[i]
            root = math.sqrt(t)
            deviation = vol[i] * root
            d1 = (vm.log(s / strike[i]) + rate * t) / deviation + 0.5 * deviation
            discounted = strike[i] * vm.exp(-rate * t)
            gauss1 = vm.exp(-0.5 * d1 * d1)
            gauss2 = gauss1 * s / discounted
            cdf1 = vm.normal_cdf(d1, gauss1)
            owed = discounted * vm.normal_cdf(d1 - deviation, gauss2)
            total += s * cdf1 - owed
            rho += t * owed
            delta[i] = cdf1
            vega[i] = s * root * inverse_root * gauss1
        return total, rho

    outputs = Recycler()

    def value_and_grad(spot, vol, rate, strike, expiry):
        delta = outputs.empty(spot.size)
        vega = outputs.empty(spot.size)
        value, rho = kernel(spot, vol, rate, strike, expiry, delta, vega)
        return value, (delta, vega, rho)

    return value_and_grad


def _workload(n: int, label: str) -> Workload:
    return Workload(
        name=f"black-scholes-{label}",
        about=f"sum of {n} Black-Scholes call prices, gradient by spot, volatility and rate",
        argnums=(0, 1, 2),
        make_args=partial(make_args, n=n),
        test_args=partial(make_args, n=23),
        numpy_loss=numpy_loss,
        jax_loss=jax_loss,
        torch_loss=torch_loss,
        autograd_loss=autograd_loss,
        casadi_loss=casadi_loss,
        hand=hand,
        quick=n <= 1000,
        cold=n <= 1000,
        memory=n > 1000,
    )


WORKLOADS = (_workload(1000, "1000"), _workload(1_000_000, "1e6"))
