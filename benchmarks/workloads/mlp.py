"""A 64-128-10 tanh network on a batch of 128: bound by matrix products and tanh."""

from __future__ import annotations

from functools import cache, partial

import numpy as np

from benchmarks.workloads.base import Args, Loss, ValueAndGrad, Workload


def make_args(
    rng: np.random.Generator, *, batch: int, features: int, hidden: int, classes: int
) -> Args:
    W1 = rng.normal(size=(features, hidden)) / np.sqrt(features)
    W2 = rng.normal(size=(hidden, classes)) / np.sqrt(hidden)
    X = rng.normal(size=(batch, features))
    Y = np.eye(classes)[rng.integers(classes, size=batch)]
    return W1, 0.1 * rng.normal(size=hidden), W2, 0.1 * rng.normal(size=classes), X, Y


def numpy_loss(W1, b1, W2, b2, X, Y):
    h = np.tanh(X @ W1 + b1)
    logits = h @ W2 + b2
    top = np.max(logits, axis=1, keepdims=True)
    log_sum = top[:, 0] + np.log(np.sum(np.exp(logits - top), axis=1))
    return np.mean(log_sum - np.sum(Y * logits, axis=1))


def jax_loss() -> Loss:
    import jax.numpy as jnp
    from jax.nn import log_softmax

    def loss(W1, b1, W2, b2, X, Y):
        h = jnp.tanh(X @ W1 + b1)
        return -jnp.mean(jnp.sum(Y * log_softmax(h @ W2 + b2), axis=1))

    return loss


def torch_loss() -> Loss:
    import torch
    from torch.nn.functional import cross_entropy

    def loss(W1, b1, W2, b2, X, Y):
        h = torch.tanh(torch.addmm(b1, X, W1))
        return cross_entropy(torch.addmm(b2, h, W2), Y)

    return loss


def autograd_loss() -> Loss:
    import autograd.numpy as anp
    from autograd.scipy.special import logsumexp

    def loss(W1, b1, W2, b2, X, Y):
        h = anp.tanh(anp.dot(X, W1) + b1)
        logits = anp.dot(h, W2) + b2
        return anp.mean(logsumexp(logits, axis=1) - anp.sum(Y * logits, axis=1))

    return loss


@cache
def hand() -> ValueAndGrad:
    from numba import njit

    from benchmarks import vector_math as vm

    @njit(error_model="numpy", fastmath={"contract"}, forceinline=True)
    def softmax_cross_entropy(logits, b2, Y, db2):
        """Turn logits into their cotangent in place; returns the mean loss."""
        rows, classes = logits.shape
        scale = 1.0 / rows
        loss = 0.0
        for i in range(rows):
            top = -np.inf
            for j in range(classes):
                logits[i, j] += b2[j]
                top = max(top, logits[i, j])
            picked, total, weight = 0.0, 0.0, 0.0
            for j in range(classes):
                picked += Y[i, j] * logits[i, j]
                weight += Y[i, j]
                logits[i, j] = vm.exp(logits[i, j] - top)
                total += logits[i, j]
            loss += top + vm.log(total) - picked
            inverse = scale / total
            for j in range(classes):
                d = logits[i, j] * inverse - scale * Y[i, j]
                logits[i, j] = d
                db2[j] += d
        return loss * scale

    @njit(error_model="numpy", fastmath={"contract"})
    def value_and_grad(W1, b1, W2, b2, X, Y):
        rows, hidden, classes = X.shape[0], W1.shape[1], W2.shape[1]
        h, dh = np.empty((rows, hidden)), np.empty((rows, hidden))
        logits = np.empty((rows, classes))
        dW1, db1 = np.empty(W1.shape), np.zeros(hidden)
        dW2, db2 = np.empty(W2.shape), np.zeros(classes)
        np.dot(X, W1, h)
        for i in range(rows):
            for j in range(hidden):
                h[i, j] = vm.tanh(h[i, j] + b1[j])
        np.dot(h, W2, logits)
        value = softmax_cross_entropy(logits, b2, Y, db2)
        np.dot(h.T, logits, dW2)
        np.dot(logits, W2.T, dh)
        for i in range(rows):
            for j in range(hidden):
                d = dh[i, j] * (1.0 - h[i, j] * h[i, j])
                dh[i, j] = d
                db1[j] += d
        np.dot(X.T, dh, dW1)
        return value, (dW1, db1, dW2, db2)

    return value_and_grad


WORKLOADS = (
    Workload(
        name="mlp",
        about="64-128-10 tanh network, batch 128, cross-entropy, gradient of all parameters",
        argnums=(0, 1, 2, 3),
        make_args=partial(make_args, batch=128, features=64, hidden=128, classes=10),
        test_args=partial(make_args, batch=9, features=5, hidden=6, classes=4),
        numpy_loss=numpy_loss,
        jax_loss=jax_loss,
        torch_loss=torch_loss,
        autograd_loss=autograd_loss,
        hand=hand,
        cold=True,
        memory=True,
    ),
)
