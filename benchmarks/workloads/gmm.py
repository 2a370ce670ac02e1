"""Log-likelihood of a Gaussian mixture: 1000 points, 10 dimensions, 25 components.

In the form that benchmarks of differentiation use: weights are a softmax of `alphas`, and the
inverse covariance of component k is L' L with a lower-triangular L whose diagonal is exp(q_k) and
whose entries below are given, so `icf` has d (d + 1) / 2 columns. A Wishart prior (gamma = 1,
m = 0) is added; constants that no parameter touches are left out.

    sum_i logsumexp_k(alpha_k + sum(q_k) - |L_k (x_i - mu_k)|^2 / 2) - n logsumexp(alpha)
        + sum_k |exp(q_k)|^2 / 2 + |below_k|^2 / 2
"""

from __future__ import annotations

from functools import cache, partial

import numpy as np

from benchmarks.workloads.base import Args, Loss, ValueAndGrad, Workload


def make_args(rng: np.random.Generator, *, points: int, dims: int, components: int) -> Args:
    entries = dims * (dims + 1) // 2
    return (
        rng.normal(size=components),
        rng.normal(size=(components, dims)),
        0.3 * rng.normal(size=(components, entries)),
        rng.normal(size=(points, dims)),
    )


def numpy_loss(alphas, means, icf, x):
    n, d = x.shape
    q, below = icf[:, :d], icf[:, d:]
    diagonal, (rows, columns) = np.arange(d), np.tril_indices(d, -1)
    L = np.zeros((len(alphas), d, d))
    L[:, diagonal, diagonal] = np.exp(q)
    L[:, rows, columns] = below
    scaled = (x - means[:, None, :]) @ np.swapaxes(L, 1, 2)
    inner = (alphas + np.sum(q, axis=1))[:, None] - 0.5 * np.sum(scaled**2, axis=2)
    top = np.max(inner, axis=0)
    likelihood = np.sum(top + np.log(np.sum(np.exp(inner - top), axis=0)))
    highest = np.max(alphas)
    weights = highest + np.log(np.sum(np.exp(alphas - highest)))
    prior = 0.5 * (np.sum(np.exp(2.0 * q)) + np.sum(below**2))
    return likelihood - n * weights + prior


def jax_loss() -> Loss:
    import jax.numpy as jnp
    from jax.scipy.special import logsumexp

    def loss(alphas, means, icf, x):
        n, d = x.shape
        q, below = icf[:, :d], icf[:, d:]
        diagonal, (rows, columns) = np.arange(d), np.tril_indices(d, -1)
        L = jnp.zeros((len(alphas), d, d)).at[:, rows, columns].set(below)
        L = L.at[:, diagonal, diagonal].set(jnp.exp(q))
        scaled = (x - means[:, None, :]) @ jnp.swapaxes(L, 1, 2)
        inner = (alphas + jnp.sum(q, axis=1))[:, None] - 0.5 * jnp.sum(scaled**2, axis=2)
        prior = 0.5 * (jnp.sum(jnp.exp(2.0 * q)) + jnp.sum(below**2))
        return jnp.sum(logsumexp(inner, axis=0)) - n * logsumexp(alphas) + prior

    return loss


def torch_loss() -> Loss:
    import torch

    def loss(alphas, means, icf, x):
        n, d = x.shape
        q, below = icf[:, :d], icf[:, d:]
        rows, columns = torch.tril_indices(d, d, -1)
        L = torch.diag_embed(torch.exp(q))
        L[:, rows, columns] = below
        scaled = (x - means[:, None, :]) @ L.mT
        inner = (alphas + q.sum(1))[:, None] - 0.5 * (scaled**2).sum(2)
        prior = 0.5 * (torch.exp(2.0 * q).sum() + (below**2).sum())
        return torch.logsumexp(inner, 0).sum() - n * torch.logsumexp(alphas, 0) + prior

    return loss


def autograd_loss() -> Loss:
    import autograd.numpy as anp
    from autograd.scipy.special import logsumexp

    def loss(alphas, means, icf, x):
        n, d = x.shape
        q, below = icf[:, :d], icf[:, d:]
        # it has no writes: gather every entry, zeros from a last column
        entries = anp.concatenate([anp.exp(q), below, anp.zeros((len(alphas), 1))], axis=1)
        place = np.full((d, d), d * (d + 1) // 2)
        place[np.arange(d), np.arange(d)] = np.arange(d)
        place[np.tril_indices(d, -1)] = np.arange(d, d * (d + 1) // 2)
        L = entries[:, place]
        scaled = anp.matmul(x - means[:, None, :], anp.swapaxes(L, 1, 2))
        inner = (alphas + anp.sum(q, axis=1))[:, None] - 0.5 * anp.sum(scaled**2, axis=2)
        prior = 0.5 * (anp.sum(anp.exp(2.0 * q)) + anp.sum(below**2))
        return anp.sum(logsumexp(inner, axis=0)) - n * logsumexp(alphas) + prior

    return loss


@cache
def hand() -> ValueAndGrad:
    from numba import njit

    from benchmarks import vector_math as vm

    block = 32  # points: their scaled differences, components x dims x block, stay in the L2 cache

    @njit(error_model="numpy", fastmath={"contract", "reassoc"})
    def scale(xt, mean, L, c, out, bias, inner):
        """Points along the last axis: c = x - mean, out = L c, inner = bias - |out|^2 / 2."""
        d = mean.size
        for j in range(d):
            for b in range(block):
                c[j, b] = xt[j, b] - mean[j]
        for b in range(block):
            inner[b] = bias
        for i in range(d):
            row = out[i]
            for b in range(block):
                row[b] = L[i, 0] * c[0, b]
            for j in range(1, i + 1):
                for b in range(block):
                    row[b] += L[i, j] * c[j, b]
            for b in range(block):
                inner[b] -= 0.5 * row[b] * row[b]

    @njit(error_model="numpy", fastmath={"contract", "reassoc"})
    def pull(xt, mean, L, c, out, weight, dmean, dL):
        """With p = weight out: dL -= p c' below and on the diagonal, dmean += L' p."""
        d = mean.size
        for j in range(d):
            for b in range(block):
                c[j, b] = xt[j, b] - mean[j]
        for i in range(d):
            row = out[i]
            total = 0.0
            for b in range(block):
                row[b] *= weight[b]
                total += row[b]
            for j in range(i + 1):
                dmean[j] += L[i, j] * total
                product = 0.0
                for b in range(block):
                    product += row[b] * c[j, b]
                dL[i, j] -= product

    @njit(error_model="numpy", fastmath={"contract"})
    def weigh(inner, live):
        """Turn inner values into softmax weights of the live points; the sum of logsumexps."""
        components = inner.shape[0]
        top, total = np.full(block, -np.inf), np.zeros(block)
        for k in range(components):
            for b in range(block):
                top[b] = max(top[b], inner[k, b])
        for k in range(components):
            for b in range(block):
                inner[k, b] = vm.exp(inner[k, b] - top[b])
                total[b] += inner[k, b]
        value = 0.0
        for b in range(live):
            value += top[b] + vm.log(total[b])
        for b in range(block):
            total[b] = 1.0 / total[b] if b < live else 0.0
        for k in range(components):
            for b in range(block):
                inner[k, b] *= total[b]
        return value

    @njit(error_model="numpy")
    def prior(icf, L, dL, dalphas, dicf, d):
        """Unpack the triangles' gradient and add the prior's; returns the prior."""
        value = 0.0
        for k in range(icf.shape[0]):
            for j in range(d):
                e = L[k, j, j]
                value += 0.5 * e * e
                dicf[k, j] = dalphas[k] + dL[k, j, j] * e + e * e
            at = d
            for i in range(1, d):
                for j in range(i):
                    value += 0.5 * L[k, i, j] * L[k, i, j]
                    dicf[k, at] = dL[k, i, j] + L[k, i, j]
                    at += 1
        return value

    @njit(error_model="numpy")
    def value_and_grad(alphas, means, icf, x):
        (n, d), components = x.shape, alphas.size
        L, dL = np.zeros((components, d, d)), np.zeros((components, d, d))
        bias = alphas.copy()
        for k in range(components):
            at = d
            for i in range(d):
                L[k, i, i] = np.exp(icf[k, i])
                bias[k] += icf[k, i]
                for j in range(i):
                    L[k, i, j] = icf[k, at]
                    at += 1
        dalphas, dmeans = np.zeros(components), np.zeros(means.shape)
        xt, c = np.zeros((d, block)), np.empty((d, block))
        out, inner = np.empty((components, d, block)), np.empty((components, block))
        value = 0.0
        for start in range(0, n, block):
            live = min(block, n - start)
            for b in range(live):
                for j in range(d):
                    xt[j, b] = x[start + b, j]
            for k in range(components):
                scale(xt, means[k], L[k], c, out[k], bias[k], inner[k])
            value += weigh(inner, live)
            for k in range(components):
                pull(xt, means[k], L[k], c, out[k], inner[k], dmeans[k], dL[k])
                dalphas[k] += inner[k].sum()
        dicf = np.empty(icf.shape)
        value += prior(icf, L, dL, dalphas, dicf, d)
        weights = np.exp(alphas - alphas.max())
        value -= n * (alphas.max() + np.log(weights.sum()))
        dalphas -= n * weights / weights.sum()
        return value, (dalphas, dmeans, dicf)

    return value_and_grad


WORKLOADS = (
    Workload(
        name="gmm",
        about="Gaussian mixture log-likelihood, 1000 points, 10 dimensions, 25 components",
        argnums=(0, 1, 2),
        make_args=partial(make_args, points=1000, dims=10, components=25),
        test_args=partial(make_args, points=37, dims=3, components=4),
        numpy_loss=numpy_loss,
        jax_loss=jax_loss,
        torch_loss=torch_loss,
        autograd_loss=autograd_loss,
        hand=hand,
        memory=True,
    ),
)
