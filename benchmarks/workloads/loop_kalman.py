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
    import jax.numpy as jnp
    from jax import lax

    def loss(F, log_q, log_r, H, ys):
        Q, R = jnp.diag(jnp.exp(log_q)), jnp.diag(jnp.exp(log_r))

        def step(state, y):
            m, P, total = state
            m = F @ m
            P = F @ P @ F.T + Q
            G = P @ H.T
            S = H @ G + R
            # by hand: jnp.linalg.inv and det call LAPACK in every turn, which takes longer
            det = S[0, 0] * S[1, 1] - S[0, 1] * S[1, 0]
            W = jnp.array([[S[1, 1], -S[0, 1]], [-S[1, 0], S[0, 0]]]) / det
            v = y - H @ m
            K = G @ W
            return (m + K @ v, P - K @ G.T, total + v @ W @ v + jnp.log(det)), None

        start = (jnp.zeros(4), jnp.eye(4), jnp.zeros(()))
        (_, _, total), _ = lax.scan(step, start, ys)
        return 0.5 * total

    return loss


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
        hand=hand,
        loop=True,
    ),
)
