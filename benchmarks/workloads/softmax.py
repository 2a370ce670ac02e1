"""Softmax regression in float32 on 4096 rows, 64 features, 10 classes: products and exp."""

from __future__ import annotations

from functools import cache, partial

import numpy as np

from benchmarks.workloads.base import Args, Loss, ValueAndGrad, Workload


def make_args(rng: np.random.Generator, *, rows: int, features: int, classes: int) -> Args:
    W = 0.3 * rng.normal(size=(features, classes))
    b, X = 0.1 * rng.normal(size=classes), rng.normal(size=(rows, features))
    labels = rng.integers(classes, size=rows)
    return W.astype(np.float32), b.astype(np.float32), X.astype(np.float32), labels


def numpy_loss(W, b, X, labels):
    logits = X @ W + b
    top = np.max(logits, axis=1)
    log_sum = top + np.log(np.sum(np.exp(logits - top[:, None]), axis=1))
    return np.mean(log_sum - logits[np.arange(len(labels)), labels])


def jax_loss() -> Loss:
    import jax.numpy as jnp
    from jax.nn import log_softmax

    def loss(W, b, X, labels):
        logs = log_softmax(X @ W + b)
        return -jnp.mean(logs[jnp.arange(len(labels)), labels])

    return loss


def torch_loss() -> Loss:
    import torch
    from torch.nn.functional import cross_entropy

    return lambda W, b, X, labels: cross_entropy(torch.addmm(b, X, W), labels)


def autograd_loss() -> Loss:
    import autograd.numpy as anp
    from autograd.scipy.special import logsumexp

    def loss(W, b, X, labels):
        logits = anp.dot(X, W) + b
        return anp.mean(logsumexp(logits, axis=1) - logits[np.arange(len(labels)), labels])

    return loss


@cache
def hand() -> ValueAndGrad:
    from numba import njit

    from benchmarks import vector_math as vm

    block = 64  # rows: their logits are transposed, so that what vectorises is the rows

    @njit(error_model="numpy", fastmath={"contract"})
    def deltas(logits, b, labels, start, stop, flat, db):
        """Turn the logits of some rows into their cotangents; returns the sum of their losses."""
        rows, classes, n = stop - start, b.size, labels.size
        scale = np.float32(1.0) / np.float32(n)
        top, total = np.empty(rows, np.float32), np.zeros(rows, np.float32)
        for i in range(rows):
            for j in range(classes):
                flat[j, i] = logits[start + i, j] + b[j]
        top[:] = flat[0, :rows]
        for j in range(1, classes):
            for i in range(rows):
                top[i] = max(top[i], flat[j, i])
        loss = 0.0
        for i in range(rows):
            loss -= flat[labels[start + i], i] - top[i]
        for j in range(classes):
            for i in range(rows):
                flat[j, i] = vm.exp32(flat[j, i] - top[i])
                total[i] += flat[j, i]
        for i in range(rows):
            loss += vm.log(np.float64(total[i]))
            total[i] = scale / total[i]
        for j in range(classes):
            for i in range(rows):
                flat[j, i] *= total[i]
        for i in range(rows):
            flat[labels[start + i], i] -= scale
        for i in range(rows):
            for j in range(classes):
                d = flat[j, i]
                logits[start + i, j] = d
                db[j] += d
        return loss

    @njit(error_model="numpy")
    def kernel(W, b, X, labels, logits, dW, db):
        np.dot(X, W, logits)
        flat = np.empty((b.size, block), np.float32)
        db[:] = np.float32(0.0)
        total = 0.0
        for start in range(0, labels.size, block):
            stop = min(start + block, labels.size)
            total += deltas(logits, b, labels, start, stop, flat, db)
        np.dot(X.T, logits, dW)
        return total / labels.size

    scratch = {}

    def value_and_grad(W, b, X, labels):
        shape = X.shape[0], W.shape[1]
        if shape not in scratch:
            scratch[shape] = np.empty(shape, np.float32)
        dW, db = np.empty_like(W), np.empty_like(b)
        value = kernel(W, b, X, labels, scratch[shape], dW, db)
        return np.float32(value), (dW, db)

    return value_and_grad


WORKLOADS = (
    Workload(
        name="softmax-f32",
        about="softmax regression 4096 x 64, 10 classes, float32, gradient by weights and bias",
        argnums=(0, 1),
        make_args=partial(make_args, rows=4096, features=64, classes=10),
        test_args=partial(make_args, rows=131, features=5, classes=4),
        numpy_loss=numpy_loss,
        jax_loss=jax_loss,
        torch_loss=torch_loss,
        autograd_loss=autograd_loss,
        hand=hand,
        dtype="float32",
        rtol=1e-4,
    ),
)
