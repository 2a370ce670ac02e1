"""The heat equation on 256 points over 1000 explicit steps, written in place by slices.

The field is changed in place, yet the gradient by the diffusivity needs the field of every step:
a table of them, 2 MB, is the necessary residual of the loop.
"""

from __future__ import annotations

from functools import cache, partial

import numpy as np

from benchmarks.workloads.base import Args, Loss, ValueAndGrad, Workload


def make_args(rng: np.random.Generator, *, points: int, steps: int) -> Args:
    left = np.sin(np.linspace(0.0, 6.0, steps))
    return rng.normal(size=points), 0.23, left, np.linspace(1.0, 0.0, points)


def numpy_loss(u0, diffusivity, left, target):
    u = u0.copy()
    for t in range(len(left)):
        u[1:-1] += diffusivity * (u[2:] - 2.0 * u[1:-1] + u[:-2])
        u[0] = left[t]
    return np.sum((u - target) ** 2)


def jax_loss() -> Loss:
    import jax.numpy as jnp
    from jax import lax

    def loss(u0, diffusivity, left, target):
        def step(u, edge):
            inner = u[1:-1] + diffusivity * (u[2:] - 2.0 * u[1:-1] + u[:-2])
            return jnp.concatenate([edge[None], inner, u[-1:]]), None

        u, _ = lax.scan(step, u0, left)
        return jnp.sum((u - target) ** 2)

    return loss


def torch_loss() -> Loss:
    import torch

    def loss(u0, diffusivity, left, target):
        u = u0
        for edge in left.split(1):
            inner = u[1:-1] + diffusivity * (u[2:] - 2.0 * u[1:-1] + u[:-2])
            u = torch.cat([edge, inner, u[-1:]])
        return torch.sum((u - target) ** 2)

    return loss


def autograd_loss() -> Loss:
    import autograd.numpy as anp

    def loss(u0, diffusivity, left, target):
        u = u0
        for edge in left:
            inner = u[1:-1] + diffusivity * (u[2:] - 2.0 * u[1:-1] + u[:-2])
            u = anp.concatenate([np.array([edge]), inner, u[-1:]])
        return anp.sum((u - target) ** 2)

    return loss


@cache
def hand() -> ValueAndGrad:
    from numba import njit

    @njit(error_model="numpy", fastmath={"contract", "reassoc"})
    def kernel(u0, c, left, target, fields, du, new):
        """Row t of `fields` is the field before step t; `du` is the cotangent, then the gradient.

        The transposed stencil gathers: entry i of the new cotangent is
        (1 - 2c) d[i] + c (d[i-1] + d[i+1]), where d is 0 at the two points that a step does not
        compute. The last point keeps its own; the first one was overwritten, so it starts anew.
        The gradient by c is the sum of <d, stencil of u> = <transposed stencil of d, u>, and the
        right-hand side has been computed anyway.
        """
        steps, n = left.size, u0.size
        for i in range(n):
            fields[0, i] = u0[i]
        for t in range(steps):
            u, v = fields[t], fields[t + 1]
            v[0] = left[t]
            v[n - 1] = u[n - 1]
            for i in range(1, n - 1):
                v[i] = u[i] + c * (u[i + 1] - 2.0 * u[i] + u[i - 1])
        total = 0.0
        last = fields[steps]
        for i in range(n):
            miss = last[i] - target[i]
            total += miss * miss
            du[i] = 2.0 * miss
        by_c = 0.0
        keep = du[n - 1]
        edge = du[0]
        for t in range(steps - 1, -1, -1):
            u = fields[t]
            du[0] = 0.0
            du[n - 1] = 0.0
            for i in range(1, n - 1):
                bend = du[i + 1] - 2.0 * du[i] + du[i - 1]
                by_c += bend * u[i]
                new[i] = du[i] + c * bend
            by_c += du[1] * u[0] + du[n - 2] * u[n - 1]
            keep += c * du[n - 2]
            edge = c * du[1]
            du, new = new, du
        du[0] = edge
        du[n - 1] = keep
        return total, by_c, du

    scratch = {}

    def value_and_grad(u0, diffusivity, left, target):
        n, steps = u0.size, left.size
        if (n, steps) not in scratch:
            scratch[n, steps] = np.empty((steps + 1, n))
        value, by_c, du = kernel(
            u0, diffusivity, left, target, scratch[n, steps], np.empty(n), np.empty(n)
        )
        return value, (du, by_c)

    return value_and_grad


WORKLOADS = (
    Workload(
        name="loop-heat",
        about="heat equation, 256 points, 1000 steps in place, gradient by field and diffusivity",
        argnums=(0, 1),
        make_args=partial(make_args, points=256, steps=1000),
        test_args=partial(make_args, points=9, steps=6),
        numpy_loss=numpy_loss,
        jax_loss=jax_loss,
        torch_loss=torch_loss,
        autograd_loss=autograd_loss,
        not_compiled="it unrolls loops: 1000 steps",
        hand=hand,
    ),
)
