"""Convolutions and pooling against sums written out, compiled and not."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

import tapejit.torch as torch
from tapejit.core.config import config

F = torch.nn.functional


def wave(*shape, phase=0.3):
    return np.sin(1.3 * np.arange(np.prod(shape)) + phase).reshape(shape)


def convolved(x, w, stride, padding, dilation, groups):
    """The definition, loop by loop."""
    x = np.pad(x, [(0, 0), (0, 0)] + [(p, p) for p in padding])
    n, o = x.shape[0], w.shape[0]
    count = [(m - d * (k - 1) - 1) // s + 1
             for m, k, s, d in zip(x.shape[2:], w.shape[2:], stride, dilation)]  # fmt: skip
    out = np.zeros((n, o, *count))
    each = w.shape[1]
    for i, c, at in product(range(n), range(o), np.ndindex(*count)):
        first = c // (o // groups) * each
        for j, place in product(range(each), np.ndindex(*w.shape[2:])):
            where = tuple(a * s + p * d for a, s, p, d in zip(at, stride, place, dilation))
            out[(i, c, *at)] += w[(c, j, *place)] * x[(i, first + j, *where)]
    return out


CASES = [
    ((2, 2, 7), (3, 2, 3), (2,), (1,), (2,), 1),
    ((1, 4, 5), (2, 2, 2), (1,), (0,), (1,), 2),
    ((2, 2, 5, 4), (3, 2, 2, 3), (2, 1), (1, 0), (1, 1), 1),
    ((1, 4, 4, 4), (4, 1, 2, 2), (1, 2), (0, 1), (2, 1), 4),
    ((1, 1, 3, 3, 3), (2, 1, 2, 2, 2), (1, 1, 2), (0, 1, 0), (1, 1, 1), 1),
]
NAMES = {1: "conv1d", 2: "conv2d", 3: "conv3d"}


@pytest.mark.parametrize("case", CASES, ids=str)
def test_convolution_is_its_definition(case):
    xs, ws, stride, padding, dilation, groups = case
    x, w = wave(*xs), wave(*ws, phase=1.1)
    options = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    conv = getattr(F, NAMES[len(stride)])
    expected = convolved(x, w, stride, padding, dilation, groups)
    np.testing.assert_allclose(
        conv(torch.tensor(x), torch.tensor(w), **options).numpy(), expected, atol=1e-12
    )


@pytest.mark.parametrize("case", CASES[:4], ids=str)
def test_transposed_convolution_is_the_transpose(case):
    """<y, conv(x)> = <conv_transpose(y), x> for every x and y."""
    xs, ws, stride, padding, dilation, groups = case
    options = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    w = torch.tensor(wave(*ws, phase=1.1))
    x = torch.tensor(wave(*xs))
    out = getattr(F, NAMES[len(stride)])(x, w, **options)
    y = torch.tensor(wave(*out.shape, phase=2.0))
    # The sizes that a stride confounds are told apart by output_padding.
    extra = tuple(
        m - ((c - 1) * s - 2 * p + d * (k - 1) + 1)
        for m, c, s, p, d, k in zip(xs[2:], out.shape[2:], stride, padding, dilation, ws[2:])
    )
    transpose = getattr(F, NAMES[len(stride)].replace("conv", "conv_transpose"))
    back = transpose(y, w, output_padding=extra, **options)
    assert back.shape == x.shape
    assert (y * out).sum().item() == pytest.approx((back * x).sum().item(), rel=1e-12)


def step(x, w):
    w.grad = None
    h = F.avg_pool2d(F.max_pool2d(F.conv2d(x, w, padding=1), 3, 2, 1), 2)
    loss = (h * h).sum()
    loss.backward()
    return loss.item(), w.grad.numpy().copy()


def test_a_training_step_compiles_and_agrees(monkeypatch):
    """Compile warnings are errors here: nothing of it may be left to the interpreter."""
    x = torch.tensor(wave(2, 1, 6, 6))
    w = torch.tensor(wave(2, 1, 3, 3, phase=1.1), requires_grad=True)
    loss, gradient = step(x, w)
    monkeypatch.setattr(config, "compile", "always")
    for _ in range(2):
        again = step(x, w)
        assert again[0] == pytest.approx(loss, rel=1e-12)
        np.testing.assert_allclose(again[1], gradient, rtol=1e-10, atol=1e-12)


def test_a_window_of_minus_infinity_names_a_place_inside():
    x = torch.full((1, 1, 3), -float("inf"))
    values, where = F.max_pool1d(x, 2, padding=1, return_indices=True)
    assert values.isinf().all() and where.tolist() == [[[0, 1]]]


def test_nan_wins_and_gets_the_gradient():
    x = torch.tensor([[[5.0, float("nan"), 1.0, 2.0]]], requires_grad=True)
    values, where = F.max_pool1d(x, 4, return_indices=True)
    assert bool(values.isnan().all()) and where.tolist() == [[[1]]]
    values.backward(torch.ones(1, 1, 1))
    assert x.grad.tolist() == [[[0.0, 1.0, 0.0, 0.0]]]


def test_adaptive_cells_cover_everything():
    for m, n in ((5, 3), (7, 4), (4, 6)):
        x = wave(1, 1, m)
        cells = [x[0, 0, i * m // n : -(-(i + 1) * m // n)] for i in range(n)]
        t = torch.tensor(x)
        np.testing.assert_allclose(
            F.adaptive_avg_pool1d(t, n).numpy()[0, 0], [c.mean() for c in cells], rtol=1e-12
        )
        np.testing.assert_allclose(
            F.adaptive_max_pool1d(t, n).numpy()[0, 0], [c.max() for c in cells], rtol=1e-12
        )


def test_pixels_shuffle_back():
    x = torch.arange(32.0).reshape(1, 8, 2, 2)
    assert F.pixel_unshuffle(F.pixel_shuffle(x, 2), 2).tolist() == x.tolist()
