"""Neural networks."""

from __future__ import annotations

from collections import namedtuple
from dataclasses import dataclass
from typing import Any

import numpy as np
from program_registry import program

Layer = namedtuple("Layer", "W b")


@dataclass
class Head:
    """The parameters of an output layer."""

    gain: Any
    offset: Any


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def relu(x):
    return np.maximum(x, 0)


def layer_norm(x, g, b, eps=1e-5):
    mu = np.mean(x, axis=-1, keepdims=True)
    var = np.var(x, axis=-1, keepdims=True)
    return g * (x - mu) / np.sqrt(var + eps) + b


def softmax(x, axis=-1):
    x = x - np.max(x, axis=axis, keepdims=True)
    e = np.exp(x)
    return e / np.sum(e, axis=axis, keepdims=True)


@program(
    lambda r: (
        [
            Layer(r.normal(size=(3, 5)), r.normal(size=5)),
            Layer(r.normal(size=(5, 2)), r.normal(size=2)),
        ],
        r.normal(size=(8, 3)),
        r.normal(size=(8, 2)),
    ),
    single=True,
)
def mlp_namedtuples(layers, x, y):
    """Layers in a list of named tuples."""
    h = x
    for layer in layers[:-1]:
        h = np.tanh(h @ layer.W + layer.b)
    out = h @ layers[-1].W + layers[-1].b
    return np.mean((out - y) ** 2)


@program(
    lambda r: (
        {
            "body": [r.normal(size=(4, 4)), r.normal(size=(4, 4))],
            "head": Head(r.normal(size=4), 0.2),
        },
        r.normal(size=(6, 4)),
    ),
    order=1,
)
def residual_relu(p, x):
    """Residual blocks with relu, a dataclass for the head."""
    for W in p["body"]:
        x = x + relu(x @ W.T)
    return np.square(x @ p["head"].gain + p["head"].offset).mean()


@program(
    lambda r: (
        {
            "Wx": r.normal(size=(3, 16)) * 0.5,
            "Wh": r.normal(size=(4, 16)) * 0.5,
            "b": r.normal(size=16),
        },
        r.normal(size=(5, 2, 3)),
    ),
    quick=False,
)
def lstm(p, xs):
    """An LSTM unrolled over five steps, gates by np.split."""
    h = np.zeros((2, 4), dtype=xs.dtype)
    c = np.zeros_like(h)
    outs = []
    for x in xs:
        z = x @ p["Wx"] + h @ p["Wh"] + p["b"]
        i, f, g, o = np.split(z, 4, axis=-1)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        h = sigmoid(o) * np.tanh(c)
        outs.append(h)
    return np.sum(np.stack(outs) ** 2)


@program(
    lambda r: (
        {
            "qkv": r.normal(size=(8, 24)) * 0.4,
            "out": r.normal(size=(8, 8)) * 0.4,
            "g": np.ones(8),
            "b": np.zeros(8),
        },
        r.normal(size=(2, 5, 8)),
    ),
    single=True,
)
def attention_block(p, x):
    """Two heads, causal mask, layer norm, residual."""
    n, t, d = x.shape
    h = layer_norm(x, p["g"], p["b"])
    qkv = (h @ p["qkv"]).reshape(n, t, 3, 2, d // 2).transpose(2, 0, 3, 1, 4)
    q, k, v = qkv
    s = q @ k.swapaxes(-1, -2) / np.sqrt(d // 2).astype(x.dtype)
    mask = np.triu(np.ones((t, t), dtype=bool), 1)
    s = np.where(mask, -np.inf, s)
    a = softmax(s)
    y = (a @ v).transpose(0, 2, 1, 3).reshape(n, t, d)
    return np.mean((x + y @ p["out"]) ** 2)


@program(lambda r: (r.normal(size=(2, 3, 3)), r.normal(size=(7, 6))), quick=False)
def convolution_windows(w, image):
    """2-d convolution through sliding windows and einsum, then average pooling."""
    win = np.lib.stride_tricks.sliding_window_view(image, (3, 3))
    y = np.einsum("ijkl,ckl->cij", win, w)
    y = np.tanh(y[:, :4, :4]).reshape(2, 2, 2, 2, 2).mean(axis=(2, 4))
    return (y**2).sum()


@program(lambda r: (r.normal(size=(2, 6, 6)), r.normal(size=(4, 2, 3, 3))))
def convolution_im2col(x, w):
    """im2col by fancy indexing, max pooling by reshape, written over the image."""
    _, h, wd = x.shape
    x = np.pad(x, ((0, 0), (1, 1), (1, 1)))
    i = np.arange(h)[:, None, None, None] + np.arange(3)[None, None, :, None]
    j = np.arange(wd)[None, :, None, None] + np.arange(3)[None, None, None, :]
    cols = x[:, i, j]
    y = np.tensordot(w, cols, axes=([1, 2, 3], [0, 3, 4]))
    return (y.reshape(4, 3, 2, 3, 2).max(axis=(2, 4)) ** 2).mean()


@program(lambda r: (r.normal(size=(6, 3)), r.integers(0, 6, size=(4, 5))), order=2, quick=False)
def embedding_bag(table, ids):
    """Embeddings of repeated ids, averaged, and a one-hot of the first id."""
    bag = table[ids].mean(axis=1)
    onehot = np.eye(6)[ids[:, 0]]
    return np.sum(np.tanh(bag) ** 2) + np.sum(onehot @ table * bag)


@program(
    lambda r: (r.normal(size=(5, 4)), r.normal(size=(5, 4)) > 0, r.integers(0, 4, size=5)),
    quick=False,
)
def masked_gather_loss(logits, mask, target):
    """Masked mean, take_along_axis, label smoothing."""
    logp = logits - np.log(np.sum(np.exp(logits), axis=-1, keepdims=True))
    picked = np.take_along_axis(logp, target[:, None], axis=1)[:, 0]
    smooth = np.full_like(logp, 0.1 / 3)
    smooth[np.arange(5), target] = 0.9
    kl = -(smooth * logp).sum(1)
    return -picked.mean() + kl.mean() + (logits * mask).sum() / mask.sum() + logits[mask].std()


@program(lambda r: (r.normal(size=(6, 4)), r.normal(size=4), np.array([0, 0, 1, 2, 2, 2])))
def graph_message_passing(h, w, segment):
    """Segment sums by np.add.at on a fresh array, degree by bincount."""
    out = np.zeros((3, 4))
    np.add.at(out, segment, np.tanh(h * w))
    deg = np.bincount(segment, minlength=3)
    out = out / deg[:, None]
    return np.sum(out[segment] * h) + np.linalg.norm(out)


@program(
    lambda r: (r.normal(size=(4, 3)), r.normal(size=(6, 4)), r.normal(size=(6, 3))),
    order=1,
)
def branchy_training_loss(W, x, y):
    """Python branches on values: gradient clipping by norm, early exit, a clipped loss."""
    e = x @ W - y
    n = np.linalg.norm(e)
    if n > 3.0:
        e = e * (3.0 / n)
    loss = np.mean(np.clip(e, -0.4, 0.4) ** 2 + 0.1 * np.abs(e))
    if np.any(np.isnan(e)):
        return np.sum(W) * 0.0
    return loss if loss > 1e-3 else 0.5 * loss


@program(lambda r: ((r.normal(size=(3, 4)), r.normal(size=(4, 3))), r.normal(size=(5, 3))))
def contrastive_loss(weights, x):
    """Cosine similarities, temperature, diagonal targets."""
    a, b = weights
    u = x @ a @ b
    u = u / np.linalg.norm(u, axis=1, keepdims=True)
    s = u @ x.T / 0.5
    logp = s - np.log(np.exp(s).sum(axis=1))[:, None]
    return -np.trace(logp) / len(x)


@program(lambda r: (r.normal(size=(3, 2, 4, 5)), r.normal(size=5)))
def batch_norm_5d(x, gain):
    """Statistics over middle axes of a five-dimensional array."""
    x = x[..., None] * np.array([1.0, 2.0])
    m = x.mean(axis=(0, 2, 4), keepdims=True)
    v = ((x - m) ** 2).mean(axis=(0, 2, 4), keepdims=True)
    z = (x - m) / np.sqrt(v + 1e-3) * gain[:, None]
    return np.sum(np.sin(z) * x.sum(axis=2, keepdims=True)) / z.size
