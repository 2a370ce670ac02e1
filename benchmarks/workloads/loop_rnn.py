"""A recurrent tanh network over 100 steps, 16 inputs, 32 states: small matrix products in a loop.

What is not in the recurrence is one matrix product outside of the loop: inputs before it, and the
gradients of both weight matrices, which are sums of outer products, after it.
"""

from __future__ import annotations

from functools import cache, partial

import numpy as np

from benchmarks.workloads.base import Args, Loss, ValueAndGrad, Workload


def make_args(rng: np.random.Generator, *, steps: int, inputs: int, states: int) -> Args:
    Wx = rng.normal(size=(inputs, states)) / np.sqrt(inputs)
    Wh = 0.9 * rng.normal(size=(states, states)) / np.sqrt(states)
    b, v = 0.1 * rng.normal(size=states), rng.normal(size=states) / np.sqrt(states)
    return Wx, Wh, b, v, rng.normal(size=(steps, inputs)), rng.normal(size=steps)


def numpy_loss(Wx, Wh, b, v, x, y):
    h = np.zeros(len(b))
    total = 0.0
    for t in range(len(x)):
        h = np.tanh(x[t] @ Wx + h @ Wh + b)
        total += (h @ v - y[t]) ** 2
    return total / len(x)


def jax_loss() -> Loss:
    import jax.numpy as jnp
    from jax import lax

    def loss(Wx, Wh, b, v, x, y):
        def step(h, a):
            h = jnp.tanh(a + h @ Wh)
            return h, h

        _, hs = lax.scan(step, jnp.zeros_like(b), x @ Wx + b)
        return jnp.mean((hs @ v - y) ** 2)

    return loss


def torch_loss() -> Loss:
    import torch

    def loss(Wx, Wh, b, v, x, y):
        h = torch.zeros_like(b)
        hs = []
        for a in (x @ Wx + b).unbind():
            h = torch.tanh(a + h @ Wh)
            hs.append(h)
        return torch.mean((torch.stack(hs) @ v - y) ** 2)

    return loss


def autograd_loss() -> Loss:
    import autograd.numpy as anp

    def loss(Wx, Wh, b, v, x, y):
        h = anp.zeros(len(b))
        total = 0.0
        for t in range(len(x)):
            h = anp.tanh(anp.dot(x[t], Wx) + anp.dot(h, Wh) + b)
            total = total + (anp.dot(h, v) - y[t]) ** 2
        return total / len(x)

    return loss


@cache
def hand() -> ValueAndGrad:
    from numba import njit

    from benchmarks import vector_math as vm

    @njit(error_model="numpy", fastmath={"contract", "reassoc"}, forceinline=True)
    def add_product(x, W, out):
        """out += x @ W, four rows of W a turn, so that out is read and written less."""
        n = x.size
        k = 0
        while k + 4 <= n:
            a, b, c, d = x[k], x[k + 1], x[k + 2], x[k + 3]
            for j in range(out.size):
                out[j] += (a * W[k, j] + b * W[k + 1, j]) + (c * W[k + 2, j] + d * W[k + 3, j])
            k += 4
        while k < n:
            a = x[k]
            for j in range(out.size):
                out[j] += a * W[k, j]
            k += 1

    @njit(error_model="numpy", fastmath={"contract"})
    def forward(Wx, Wh, b, v, x, y, hs, misses):
        """States into hs[1:], whose row 0 is zero; the derivative of each term into misses."""
        steps, n = x.shape[0], b.size
        np.dot(x, Wx, hs[1:])
        total = 0.0
        scale = 2.0 / steps
        for t in range(steps):
            h = hs[t + 1]
            for j in range(n):
                h[j] += b[j]
            add_product(hs[t], Wh, h)
            out = 0.0
            for j in range(n):
                h[j] = vm.tanh(h[j])
            for j in range(n):
                out += h[j] * v[j]
            miss = out - y[t]
            total += miss * miss
            misses[t] = scale * miss
        return total / steps

    @njit(error_model="numpy", fastmath={"contract"})
    def reverse(Wh_t, v, hs, misses, da, dh, db, dv):
        """Cotangents of the arguments of tanh into da."""
        steps, n = da.shape
        dh[:] = 0.0
        db[:] = 0.0
        dv[:] = 0.0
        for t in range(steps - 1, -1, -1):
            h, d, miss = hs[t + 1], da[t], misses[t]
            for j in range(n):
                dv[j] += miss * h[j]
                d[j] = (dh[j] + miss * v[j]) * (1.0 - h[j] * h[j])
                db[j] += d[j]
                dh[j] = 0.0
            add_product(d, Wh_t, dh)

    @njit(error_model="numpy")
    def kernel(Wx, Wh, b, v, x, y, hs, da, misses, Wh_t, dh, dWx, dWh, db, dv):
        n = b.size
        hs[0] = 0.0
        value = forward(Wx, Wh, b, v, x, y, hs, misses)
        for i in range(n):
            for j in range(n):
                Wh_t[j, i] = Wh[i, j]
        reverse(Wh_t, v, hs, misses, da, dh, db, dv)
        np.dot(x.T, da, dWx)
        np.dot(hs[:-1].T, da, dWh)
        return value

    scratch = {}

    def value_and_grad(Wx, Wh, b, v, x, y):
        steps, n = x.shape[0], b.size
        if (steps, n) not in scratch:
            tables = np.empty((steps + 1, n)), np.empty((steps, n)), np.empty(steps)
            scratch[steps, n] = *tables, np.empty((n, n)), np.empty(n)
        grads = np.empty(Wx.shape), np.empty(Wh.shape), np.empty(n), np.empty(n)
        return kernel(Wx, Wh, b, v, x, y, *scratch[steps, n], *grads), grads

    return value_and_grad


WORKLOADS = (
    Workload(
        name="loop-rnn",
        about="tanh RNN of 100 steps, 16 inputs and 32 states, gradient of all weights",
        argnums=(0, 1, 2, 3),
        make_args=partial(make_args, steps=100, inputs=16, states=32),
        test_args=partial(make_args, steps=7, inputs=3, states=6),
        numpy_loss=numpy_loss,
        jax_loss=jax_loss,
        torch_loss=torch_loss,
        autograd_loss=autograd_loss,
        not_compiled="it unrolls loops: 100 steps were not ready after 90 s",
        hand=hand,
    ),
)
