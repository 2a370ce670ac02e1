"""Sixteen bodies over 100 leapfrog steps with softened gravity: all pairs, in arrays, in a loop."""

from __future__ import annotations

from functools import cache, partial

import numpy as np

from benchmarks.workloads.base import Args, Loss, ValueAndGrad, Workload

STEP, SOFTENING = 0.01, 0.05


def make_args(rng: np.random.Generator, *, bodies: int, steps: int) -> Args:
    mass = rng.uniform(0.5, 1.5, size=bodies) / bodies
    aim = rng.normal(size=(bodies, 3))
    return rng.normal(size=(bodies, 3)), 0.3 * rng.normal(size=(bodies, 3)), mass, aim, steps


def acceleration(pos, mass):
    d = pos[None, :, :] - pos[:, None, :]
    r2 = np.sum(d**2, axis=-1) + SOFTENING
    return np.sum((mass / r2**1.5)[:, :, None] * d, axis=1)


def numpy_loss(pos, vel, mass, aim, steps):
    acc = acceleration(pos, mass)
    for _ in range(steps):
        vel = vel + 0.5 * STEP * acc
        pos = pos + STEP * vel
        acc = acceleration(pos, mass)
        vel = vel + 0.5 * STEP * acc
    return np.sum((pos - aim) ** 2) + np.sum(vel**2)


def jax_loss(steps: int) -> Loss:
    import jax.numpy as jnp
    from jax import lax

    def acceleration(pos, mass):
        d = pos[None, :, :] - pos[:, None, :]
        r2 = jnp.sum(d**2, axis=-1) + SOFTENING
        return jnp.sum((mass / (r2 * jnp.sqrt(r2)))[:, :, None] * d, axis=1)

    def loss(pos, vel, mass, aim, _):  # a loop that is differentiated must have a static length
        def step(state, _):
            pos, vel, acc = state
            vel = vel + 0.5 * STEP * acc
            pos = pos + STEP * vel
            acc = acceleration(pos, mass)
            return (pos, vel + 0.5 * STEP * acc, acc), None

        start = (pos, vel, acceleration(pos, mass))
        (pos, vel, _), _ = lax.scan(step, start, None, length=steps)
        return jnp.sum((pos - aim) ** 2) + jnp.sum(vel**2)

    return loss


def _leapfrog(pos, vel, mass, aim, steps, xp):
    """The loop in the operations of either eager library."""

    def acceleration(pos):
        d = pos[None, :, :] - pos[:, None, :]
        r2 = xp.sum(d * d, -1) + SOFTENING
        return xp.sum((mass / (r2 * xp.sqrt(r2)))[:, :, None] * d, 1)

    acc = acceleration(pos)
    for _ in range(steps):
        vel = vel + 0.5 * STEP * acc
        pos = pos + STEP * vel
        acc = acceleration(pos)
        vel = vel + 0.5 * STEP * acc
    return xp.sum((pos - aim) ** 2) + xp.sum(vel**2)


def torch_loss(steps: int) -> Loss:
    import torch

    return lambda pos, vel, mass, aim, _: _leapfrog(pos, vel, mass, aim, steps, torch)


def autograd_loss(steps: int) -> Loss:
    import autograd.numpy as anp

    return lambda pos, vel, mass, aim, _: _leapfrog(pos, vel, mass, aim, steps, anp)


@cache
def hand() -> ValueAndGrad:
    import math

    from numba import njit

    @njit(error_model="numpy", fastmath={"contract", "reassoc"}, forceinline=True)
    def attract(x, mass, acc, inverses, cubes):
        """acc[:, i] = sum of m_j (x_j - x_i) / r**3; coordinates by rows, so j vectorises."""
        n = mass.size
        for i in range(n):
            x0, x1, x2 = x[0, i], x[1, i], x[2, i]
            a0, a1, a2 = 0.0, 0.0, 0.0
            for j in range(n):
                d0, d1, d2 = x[0, j] - x0, x[1, j] - x1, x[2, j] - x2
                inverse = 1.0 / (d0 * d0 + d1 * d1 + d2 * d2 + SOFTENING)
                cube = inverse * math.sqrt(inverse)
                inverses[i, j], cubes[i, j] = inverse, cube
                w = mass[j] * cube
                a0 += w * d0
                a1 += w * d1
                a2 += w * d2
            acc[0, i], acc[1, i], acc[2, i] = a0, a1, a2

    @njit(error_model="numpy", fastmath={"contract", "reassoc"}, forceinline=True)
    def attract_reverse(x, mass, c, inverses, cubes, dx):
        """dx += the transposed Jacobian of `attract` times c.

        Both places of the pair (i, j) are gathered at i: with w = m_i c_j - m_j c_i and
        d = x_j - x_i, the term is w / r**3 - 3 d (d . w) / r**5.
        """
        n = mass.size
        for i in range(n):
            x0, x1, x2 = x[0, i], x[1, i], x[2, i]
            c0, c1, c2, m = c[0, i], c[1, i], c[2, i], mass[i]
            g0, g1, g2 = 0.0, 0.0, 0.0
            for j in range(n):
                d0, d1, d2 = x[0, j] - x0, x[1, j] - x1, x[2, j] - x2
                w0 = m * c[0, j] - mass[j] * c0
                w1 = m * c[1, j] - mass[j] * c1
                w2 = m * c[2, j] - mass[j] * c2
                inverse, cube = inverses[i, j], cubes[i, j]
                along = 3.0 * cube * inverse * (d0 * w0 + d1 * w1 + d2 * w2)
                g0 += cube * w0 - along * d0
                g1 += cube * w1 - along * d1
                g2 += cube * w2 - along * d2
            dx[0, i] += g0
            dx[1, i] += g1
            dx[2, i] += g2

    @njit(error_model="numpy", fastmath={"contract", "reassoc"})
    def kernel(pos, vel, mass, aim, steps, track, inverses, cubes, v, acc, dpos, dvel):
        """Kept of every step: positions in `track`, 1 / r**2 and 1 / r**3 of all pairs.

        Those two tables, 0.4 MB, are read faster than their root and division are done again:
        63 us against 73 in all.
        """
        n = mass.size
        half = 0.5 * STEP
        for i in range(n):
            for k in range(3):
                track[0, k, i] = pos[i, k]
                v[k, i] = vel[i, k]
        attract(track[0], mass, acc, inverses[0], cubes[0])
        for t in range(steps):
            old, new = track[t], track[t + 1]
            for k in range(3):
                for i in range(n):
                    v[k, i] += half * acc[k, i]
                    new[k, i] = old[k, i] + STEP * v[k, i]
            attract(new, mass, acc, inverses[t + 1], cubes[t + 1])
            for k in range(3):
                for i in range(n):
                    v[k, i] += half * acc[k, i]
        total = 0.0
        x = track[steps]
        for i in range(n):
            for k in range(3):
                miss = x[k, i] - aim[i, k]
                total += miss * miss + v[k, i] * v[k, i]
                dpos[k, i] = 2.0 * miss
                v[k, i] *= 2.0
                acc[k, i] = 0.0
        # from here v holds the cotangent of the velocities, acc that of the accelerations
        for t in range(steps - 1, -1, -1):
            for k in range(3):
                for i in range(n):
                    acc[k, i] += half * v[k, i]
            attract_reverse(track[t + 1], mass, acc, inverses[t + 1], cubes[t + 1], dpos)
            for k in range(3):
                for i in range(n):
                    v[k, i] += STEP * dpos[k, i]
                    acc[k, i] = half * v[k, i]
        attract_reverse(track[0], mass, acc, inverses[0], cubes[0], dpos)
        for i in range(n):
            for k in range(3):
                dvel[i, k] = v[k, i]
        return total

    scratch = {}

    def value_and_grad(pos, vel, mass, aim, steps):
        n = mass.size
        if (n, steps) not in scratch:
            tables = np.empty((3, n)), np.empty((3, n)), np.empty((3, n))
            pairs = np.empty((steps + 1, n, n)), np.empty((steps + 1, n, n))
            scratch[n, steps] = np.empty((steps + 1, 3, n)), *pairs, *tables
        *residuals, v, acc, dx = scratch[n, steps]
        dvel = np.empty((n, 3))
        value = kernel(pos, vel, mass, aim, steps, *residuals, v, acc, dx, dvel)
        return value, (np.ascontiguousarray(dx.T), dvel)

    return value_and_grad


STEPS, TEST_STEPS = 100, 4

WORKLOADS = (
    Workload(
        name="loop-nbody",
        about="16 bodies, 100 leapfrog steps, gradient by positions and velocities",
        argnums=(0, 1),
        make_args=partial(make_args, bodies=16, steps=STEPS),
        test_args=partial(make_args, bodies=4, steps=TEST_STEPS),
        numpy_loss=numpy_loss,
        jax_loss=partial(jax_loss, STEPS),
        torch_loss=partial(torch_loss, STEPS),
        autograd_loss=partial(autograd_loss, STEPS),
        not_compiled="it unrolls loops: 100 steps",
        hand=hand,
    ),
)
