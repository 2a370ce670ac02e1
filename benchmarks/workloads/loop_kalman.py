"""The likelihood of a Kalman filter, four states and two observations, over 1000 steps.

Tiny matrices: what is timed is whether a 4x4 product costs what its 64 multiply-adds cost.
"""

from __future__ import annotations

from functools import cache, partial

import numpy as np

from benchmarks.workloads.base import Args, Loss, ValueAndGrad, Workload


def make_args(rng: np.random.Generator, *, steps: int) -> Args:
    F = 0.7 * np.eye(4) + 0.15 * rng.normal(size=(4, 4))
    F /= max(1.0, 1.1 * np.max(np.abs(np.linalg.eigvals(F))))
    H = rng.normal(size=(2, 4))
    return F, rng.normal(size=4) - 1.0, rng.normal(size=2) - 1.0, H, rng.normal(size=(steps, 2))


def numpy_loss(F, log_q, log_r, H, ys):
    Q, R = np.diag(np.exp(log_q)), np.diag(np.exp(log_r))
    m, P = np.zeros(4), np.eye(4)
    total = 0.0
    for y in ys:
        m = F @ m
        P = F @ P @ F.T + Q
        S = H @ P @ H.T + R
        W = np.linalg.inv(S)
        v = y - H @ m
        K = P @ H.T @ W
        m = m + K @ v
        P = P - K @ H @ P
        total += v @ W @ v + np.log(np.linalg.det(S))
    return 0.5 * total


def jax_loss() -> Loss:
    """The fastest of the forms that were tried, on one thread.

    As the NumPy loss with a 2x2 inverse by hand 9.6 ms; that with products as sums of broadcast
    products, which XLA fuses where it calls a library for ``@``, 5.9 ms; unrolled by four 2.9 ms.
    """
    import jax.numpy as jnp
    from jax import lax

    def product(A, B):
        return jnp.sum(A[:, :, None] * B[None, :, :], axis=1)

    def apply(A, x):
        return jnp.sum(A * x, axis=1)

    def loss(F, log_q, log_r, H, ys):
        Q, r = jnp.diag(jnp.exp(log_q)), jnp.exp(log_r)

        def step(state, y):
            m, P, total = state
            m = apply(F, m)
            P = product(product(F, P), F.T) + Q
            G = product(P, H.T)
            S = product(H, G)
            a, b, d = S[0, 0] + r[0], S[0, 1], S[1, 1] + r[1]
            det = a * d - b * b
            v = y - apply(H, m)
            u0, u1 = (d * v[0] - b * v[1]) / det, (a * v[1] - b * v[0]) / det
            g0, g1 = G[:, 0], G[:, 1]
            k0, k1 = (d * g0 - b * g1) / det, (a * g1 - b * g0) / det
            m = m + u0 * g0 + u1 * g1
            P = P - k0[:, None] * g0 - k1[:, None] * g1
            return (m, P, total + v[0] * u0 + v[1] * u1 + jnp.log(det)), None

        start = (jnp.zeros(4), jnp.eye(4), jnp.zeros(()))
        (_, _, total), _ = lax.scan(step, start, ys, unroll=4)
        return 0.5 * total

    return loss


def _filter(F, log_q, log_r, H, ys, xp):
    """The loop in the operations of either eager library."""
    eye = ys.new_ones(4).diag() if hasattr(ys, "new_ones") else np.eye(4)
    Q, R = xp.diag(xp.exp(log_q)), xp.diag(xp.exp(log_r))
    m, P = xp.zeros(4, dtype=ys.dtype), eye
    total = 0.0
    for y in ys:
        m = xp.matmul(F, m)
        P = xp.matmul(xp.matmul(F, P), F.T) + Q
        G = xp.matmul(P, H.T)
        S = xp.matmul(H, G) + R
        W = xp.linalg.inv(S)
        v = y - xp.matmul(H, m)
        K = xp.matmul(G, W)
        m = m + xp.matmul(K, v)
        P = P - xp.matmul(K, G.T)
        total = total + xp.sum(v * xp.matmul(W, v)) + xp.log(xp.linalg.det(S))
    return 0.5 * total


def torch_loss() -> Loss:
    import torch

    return lambda F, log_q, log_r, H, ys: _filter(F, log_q, log_r, H, ys, torch)


def autograd_loss() -> Loss:
    import autograd.numpy as anp

    return lambda F, log_q, log_r, H, ys: _filter(F, log_q, log_r, H, ys, anp)


@cache
def hand() -> ValueAndGrad:
    from benchmarks.workloads import loop_kalman_adjoint

    return loop_kalman_adjoint.value_and_grad


WORKLOADS = (
    Workload(
        name="loop-kalman",
        about="Kalman filter likelihood, 4 states, 1000 steps, gradient by transition and noise",
        argnums=(0, 1, 2),
        make_args=partial(make_args, steps=1000),
        test_args=partial(make_args, steps=5),
        numpy_loss=numpy_loss,
        jax_loss=jax_loss,
        torch_loss=torch_loss,
        autograd_loss=autograd_loss,
        not_compiled="it unrolls loops: 1000 steps",
        hand=hand,
    ),
)
