"""A two-layer LSTM language model over 1000 characters of 14 bits, as plain loops.

In the form that benchmarks of differentiation use: gates act elementwise, so every step is a few
dozen operations on 14-vectors. Row g of a layer's weights and biases belongs to gate g: forget,
input, output, change. The first and third see what comes from below, the others the layer's state.
"""

from __future__ import annotations

from functools import cache, partial

import numpy as np

from benchmarks.workloads.base import Args, Loss, ValueAndGrad, Workload

LAYERS = 2


def make_args(rng: np.random.Generator, *, characters: int, bits: int) -> Args:
    weights, biases = (0.7 * rng.normal(size=(LAYERS, 4, bits)) for _ in range(2))
    extra, states = rng.normal(size=(3, bits)), rng.normal(size=(LAYERS, 2, bits))
    return weights, biases, extra, states, rng.integers(2, size=(characters, bits)).astype(float)


def sigmoid(x):
    return 1.0 / (1.0 + np.exp(-x))


def numpy_loss(weights, biases, extra, states, text):
    hidden, cell = list(states[:, 0]), list(states[:, 1])
    total = 0.0
    for t in range(len(text) - 1):
        x = text[t] * extra[0]
        for layer in range(2):
            w, b = weights[layer], biases[layer]
            forget = sigmoid(x * w[0] + b[0])
            come = sigmoid(hidden[layer] * w[1] + b[1])
            out = sigmoid(x * w[2] + b[2])
            change = np.tanh(hidden[layer] * w[3] + b[3])
            cell[layer] = cell[layer] * forget + come * change
            hidden[layer] = x = out * np.tanh(cell[layer])
        guess = x * extra[1] + extra[2]
        total += np.sum(text[t + 1] * (guess - np.log(2.0 + np.sum(np.exp(guess)))))
    return -total / (len(text) - 1)


def jax_loss() -> Loss:
    import jax.numpy as jnp
    from jax import lax
    from jax.nn import sigmoid

    def loss(weights, biases, extra, states, text):
        def step(carried, x):
            made = []
            for layer, (hidden, cell) in enumerate(carried):
                w, b = weights[layer], biases[layer]
                change = jnp.tanh(hidden * w[3] + b[3])
                cell = cell * sigmoid(x * w[0] + b[0]) + sigmoid(hidden * w[1] + b[1]) * change
                x = sigmoid(x * w[2] + b[2]) * jnp.tanh(cell)
                made.append((x, cell))
            return made, x

        first = [(states[layer, 0], states[layer, 1]) for layer in range(LAYERS)]
        _, tops = lax.scan(step, first, text[:-1] * extra[0])
        guess = tops * extra[1] + extra[2]
        log_sum = jnp.log(2.0 + jnp.sum(jnp.exp(guess), axis=1, keepdims=True))
        return -jnp.sum(text[1:] * (guess - log_sum)) / (len(text) - 1)

    return loss


def _loop(weights, biases, extra, states, text, sigmoid, tanh, stack):
    """The loop in operations of either eager library; the predictions at once, after it."""
    hidden, cell = [s[0] for s in states], [s[1] for s in states]
    tops = []
    for x in text[:-1] * extra[0]:
        for layer in range(LAYERS):
            w, b = weights[layer], biases[layer]
            change = tanh(hidden[layer] * w[3] + b[3])
            come = sigmoid(hidden[layer] * w[1] + b[1])
            cell[layer] = cell[layer] * sigmoid(x * w[0] + b[0]) + come * change
            hidden[layer] = x = sigmoid(x * w[2] + b[2]) * tanh(cell[layer])
        tops.append(x)
    return stack(tops) * extra[1] + extra[2]


def torch_loss() -> Loss:
    import torch

    def loss(weights, biases, extra, states, text):
        guess = _loop(weights, biases, extra, states, text, torch.sigmoid, torch.tanh, torch.stack)
        log_sum = torch.log(2.0 + torch.exp(guess).sum(1, keepdim=True))
        return -torch.sum(text[1:] * (guess - log_sum)) / (len(text) - 1)

    return loss


def autograd_loss() -> Loss:
    import autograd.numpy as anp

    def sigmoid(x):
        return 0.5 * (anp.tanh(0.5 * x) + 1.0)  # one node of its graph fewer than with exp

    def loss(weights, biases, extra, states, text):
        # reading a row of an array has a gradient as large as the array: read each row once
        rows = [[list(layer) for layer in array] for array in (weights, biases)]
        guess = _loop(*rows, extra, states, text, sigmoid, anp.tanh, anp.stack)
        log_sum = anp.log(2.0 + anp.sum(anp.exp(guess), axis=1, keepdims=True))
        return -anp.sum(text[1:] * (guess - log_sum)) / (len(text) - 1)

    return loss


@cache
def hand() -> ValueAndGrad:
    from numba import njit

    from benchmarks import vector_math as vm

    # rows of what a step of a layer keeps for the way back
    FORGET, COME, OUT, CHANGE, SQUASHED, CELL, HIDDEN = range(7)

    @njit(error_model="numpy", fastmath={"contract"}, forceinline=True)
    def advance(w, b, x, before, kept):
        """One step of one layer, from the state in `before` to the one in `kept`."""
        for j in range(x.size):
            forget = 1.0 / (1.0 + vm.exp(-(x[j] * w[0, j] + b[0, j])))
            come = 1.0 / (1.0 + vm.exp(-(before[HIDDEN, j] * w[1, j] + b[1, j])))
            out = 1.0 / (1.0 + vm.exp(-(x[j] * w[2, j] + b[2, j])))
            change = vm.tanh(before[HIDDEN, j] * w[3, j] + b[3, j])
            cell = before[CELL, j] * forget + come * change
            squashed = vm.tanh(cell)
            kept[FORGET, j], kept[COME, j], kept[OUT, j] = forget, come, out
            kept[CHANGE, j], kept[SQUASHED, j] = change, squashed
            kept[CELL, j], kept[HIDDEN, j] = cell, out * squashed

    @njit(error_model="numpy", fastmath={"contract"}, forceinline=True)
    def retreat(w, x, before, kept, dx, dh, dc, dw, db):
        """The reverse of `advance`: dh and dc become the cotangents of the state before."""
        for j in range(x.size):
            forget, come, out = kept[FORGET, j], kept[COME, j], kept[OUT, j]
            change, squashed, hidden = kept[CHANGE, j], kept[SQUASHED, j], before[HIDDEN, j]
            c = dc[j] + dh[j] * out * (1.0 - squashed * squashed)
            a0 = c * before[CELL, j] * forget * (1.0 - forget)
            a1 = c * change * come * (1.0 - come)
            a2 = dh[j] * squashed * out * (1.0 - out)
            a3 = c * come * (1.0 - change * change)
            dw[0, j] += a0 * x[j]
            dw[1, j] += a1 * hidden
            dw[2, j] += a2 * x[j]
            dw[3, j] += a3 * hidden
            db[0, j] += a0
            db[1, j] += a1
            db[2, j] += a2
            db[3, j] += a3
            dx[j] = a0 * w[0, j] + a2 * w[2, j]
            dh[j] = a1 * w[1, j] + a3 * w[3, j]
            dc[j] = c * forget

    @njit(error_model="numpy", fastmath={"contract", "reassoc"}, forceinline=True)
    def predict(top, extra, wanted, padding, scale, dguess):
        """The loss of one prediction; dguess becomes the cotangent of its logits.

        Of the padding each entry adds exp(0) to the sum, hence where that begins.
        """
        total, picked, weight = 2.0 - padding, 0.0, 0.0
        for j in range(top.size):
            guess = top[j] * extra[1, j] + extra[2, j]
            dguess[j] = vm.exp(guess)
            total += dguess[j]
            picked += wanted[j] * guess
            weight += wanted[j]
        share = scale * weight / total
        for j in range(top.size):
            dguess[j] = share * dguess[j] - scale * wanted[j]
        return weight * vm.log(total) - picked

    @njit(error_model="numpy", fastmath={"contract"})
    def kernel(weights, biases, extra, states, text, padding, kept, dguess, dw, db, de):
        """Everything is `width` entries wide, the last ones padding."""
        steps, width = text.shape[0] - 1, extra.shape[1]
        scale = 1.0 / steps
        x, dx = np.zeros(width), np.empty(width)
        dh, dc = np.zeros((2, width)), np.zeros((2, width))
        dw[:], db[:], de[:] = 0.0, 0.0, 0.0
        for layer in range(2):
            for j in range(width):
                kept[0, layer, HIDDEN, j] = states[layer, 0, j]
                kept[0, layer, CELL, j] = states[layer, 1, j]
        total = 0.0
        for t in range(steps):
            for j in range(width):
                x[j] = text[t, j] * extra[0, j]
            advance(weights[0], biases[0], x, kept[t, 0], kept[t + 1, 0])
            advance(weights[1], biases[1], kept[t + 1, 0, HIDDEN], kept[t, 1], kept[t + 1, 1])
            total += predict(kept[t + 1, 1, HIDDEN], extra, text[t + 1], padding, scale, dguess[t])
        for t in range(steps - 1, -1, -1):
            for j in range(width):
                de[1, j] += dguess[t, j] * kept[t + 1, 1, HIDDEN, j]
                de[2, j] += dguess[t, j]
                dh[1, j] += dguess[t, j] * extra[1, j]
            below = kept[t + 1, 0, HIDDEN]
            retreat(weights[1], below, kept[t, 1], kept[t + 1, 1], dx, dh[1], dc[1], dw[1], db[1])
            for j in range(width):
                dh[0, j] += dx[j]
            for j in range(width):
                x[j] = text[t, j] * extra[0, j]
            retreat(weights[0], x, kept[t, 0], kept[t + 1, 0], dx, dh[0], dc[0], dw[0], db[0])
            for j in range(width):
                de[0, j] += dx[j] * text[t, j]
        return total * scale

    scratch = {}

    def value_and_grad(weights, biases, extra, states, text):
        """Rows are padded to whole registers: with 14 entries 1120 us, with 16 of them 490."""
        n, steps = text.shape[1], text.shape[0] - 1
        if text.shape not in scratch:
            width = -(-n // 8) * 8
            gates = [np.zeros((LAYERS, 4, width)) for _ in range(4)]
            edges = np.zeros((3, width)), np.zeros((LAYERS, 2, width)), np.zeros((3, width))
            tables = np.empty((steps + 1, LAYERS, 7, width)), np.empty((steps, width))
            scratch[text.shape] = *gates, *edges, np.zeros((steps + 1, width)), *tables
        w, b, dw, db, e, s, de, x, *tables = scratch[text.shape]
        w[..., :n], b[..., :n], e[:, :n], s[..., :n], x[:, :n] = (
            weights,
            biases,
            extra,
            states,
            text,
        )
        value = kernel(w, b, e, s, x, float(w.shape[2] - n), *tables, dw, db, de)
        return value, (dw[..., :n].copy(), db[..., :n].copy(), de[:, :n].copy())

    return value_and_grad


WORKLOADS = (
    Workload(
        name="loop-lstm",
        about="two-layer LSTM language model over 1000 characters of 14 bits, plain loops",
        argnums=(0, 1, 2),
        make_args=partial(make_args, characters=1000, bits=14),
        test_args=partial(make_args, characters=6, bits=5),
        numpy_loss=numpy_loss,
        jax_loss=jax_loss,
        torch_loss=torch_loss,
        autograd_loss=autograd_loss,
        hand=hand,
        not_compiled="it unrolls loops: 1000 steps",
        memory=True,
    ),
)
