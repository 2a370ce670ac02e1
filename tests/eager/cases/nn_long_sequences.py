"""Recurrent layers over more times than a few, attention, and layers of both: values and gradients.

Sequences of ten times are long enough to be computed by a loop where shorter ones are not. All is in
float64: sums that cancel to nothing would print rounding errors in float32.
"""

from __future__ import annotations

import warnings

from nn_formulas import fill, gradients, leaf, wave
from transcripts import raising

LAYERS = ["RNN", "GRU", "LSTM"]


def both(result):
    """Return the tensors of a layer's result: output, hidden state, for LSTM cell state."""
    out, state = result
    return (out, *state) if isinstance(state, tuple) else (out, state)


def asked(torch, layer, x):
    """Return the results of a recurrent layer and all gradients."""
    out = both(layer(x))
    return [o.detach() for o in out], gradients(torch, out, [x, *layer.parameters()])


def settled(grads):
    """Return gradients to nine decimals: that of the keys' bias is zero but for rounding."""
    return [(g * 1e9).round() / 1e9 + 0.0 for g in grads]


def case_layers(torch):
    """Each kind."""
    for name in LAYERS:
        layer = fill(torch, getattr(torch.nn, name)(2, 3).double())
        yield name, asked(torch, layer, leaf(torch, 10, 2, 2, dtype=torch.float64))


def case_both_directions_of_two_layers(torch):
    """Backwards passes read from the end; the second layer reads both."""
    for name in LAYERS:
        layer = fill(
            torch, getattr(torch.nn, name)(2, 2, num_layers=2, bidirectional=True).double()
        )
        yield name, asked(torch, layer, leaf(torch, 9, 1, 2, dtype=torch.float64))


def case_projection(torch):
    """`proj_size` of LSTM: the state is narrower than the cell."""
    layer = fill(torch, torch.nn.LSTM(2, 4, proj_size=2, bidirectional=True).double())
    yield [(n, tuple(p.shape)) for n, p in layer.named_parameters()], repr(layer)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the library behind PyTorch, that it has no projections
        long = asked(torch, layer, leaf(torch, 10, 1, 2, dtype=torch.float64))
        short = asked(torch, layer, leaf(torch, 3, 1, 2, dtype=torch.float64))
    yield long
    yield short


def case_without_bias(torch):
    """Two weights, relu, batch first."""
    nn = torch.nn
    layer = nn.RNN(2, 2, nonlinearity="relu", bias=False, batch_first=True)
    yield asked(torch, fill(torch, layer.double()), leaf(torch, 2, 10, 2, dtype=torch.float64))


def case_twice_differentiated(torch):
    """The gradient of the norm of a gradient (float64)."""
    for name in LAYERS:
        layer = fill(torch, getattr(torch.nn, name)(1, 2, dtype=torch.float64))
        x = leaf(torch, 9, 1, 1, dtype=torch.float64)
        (g,) = torch.autograd.grad(layer(x)[0].sum(), x, create_graph=True)
        (g**2).sum().backward()
        yield name, x.grad, layer.weight_hh_l0.grad


def case_attention(torch):
    """Results, weights and gradients, with each option."""
    options = [{}, {"bias": False}, {"add_bias_kv": True}, {"add_zero_attn": True},
               {"kdim": 3, "vdim": 2}, {"batch_first": True}]  # fmt: skip
    for option in options:
        layer = fill(torch, torch.nn.MultiheadAttention(4, 2, **option).double())
        q = leaf(torch, 3, 2, 4, dtype=torch.float64)
        k, v = (
            wave(torch, 3, 2, option.get(name, 4), phase=1.0, dtype=torch.float64)
            for name in ("kdim", "vdim")
        )
        out, shares = layer(q, k, v)
        yield [(n, tuple(p.shape)) for n, p in layer.named_parameters()]
        yield out.detach(), shares.detach()
        yield settled(gradients(torch, (out, shares), [q, *layer.parameters()]))


def case_attention_masks(torch):
    """Masks of bools and of floats, padded keys, one mask for each head."""
    layer = fill(torch, torch.nn.MultiheadAttention(4, 2).double())
    x = wave(torch, 3, 2, 4, dtype=torch.float64)
    later = torch.ones(3, 3, dtype=torch.bool).triu(1)
    padded = torch.tensor([[False, False, True], [False, True, False]])
    for kwargs in (
        {"attn_mask": later},
        {"attn_mask": wave(torch, 3, 3, dtype=torch.float64), "key_padding_mask": padded},
        {"attn_mask": wave(torch, 4, 3, 3, dtype=torch.float64), "average_attn_weights": False},
        {"attn_mask": later, "is_causal": True, "need_weights": False},
    ):
        out, shares = layer(x, x, x, **kwargs)
        yield out.detach(), None if shares is None else shares.detach()
    out, shares = layer(x[:, 0], x[:, 0], x[:, 0], key_padding_mask=padded[0])
    yield out.detach(), shares.detach()


def case_attention_errors(torch):
    """Widths, dimensions and masks that do not fit."""
    attention = torch.nn.MultiheadAttention
    layer, x = attention(4, 2), wave(torch, 3, 1, 4)
    yield raising(torch, lambda: attention(4, 3), "divisible")
    yield raising(torch, lambda: layer(wave(torch, 2, 1, 5), x, x), "4", "5")
    yield raising(torch, lambda: layer(wave(torch, 4), x, x), "1-D")
    yield raising(torch, lambda: layer(x, x, x, attn_mask=wave(torch, 2, 2)), "attn_mask")
    yield raising(torch, lambda: layer(x, x, x, is_causal=True), "attn_mask")
    bad = torch.ones(1, 3, dtype=torch.int64)
    yield raising(torch, lambda: layer(x, x, x, key_padding_mask=bad), "bool")


def case_encoder(torch):
    """A layer of attention and maps; copies of it on top of each other."""
    nn = torch.nn
    for options in ({}, {"norm_first": True, "activation": "gelu"}, {"bias": False}):
        layer = fill(torch, nn.TransformerEncoderLayer(4, 2, 6, dropout=0.0, **options).double())
        x = leaf(torch, 3, 2, 4, dtype=torch.float64)
        out = layer(x)
        yield out.detach(), settled(gradients(torch, out, [x, *layer.parameters()]))
        several = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        yield several(x).detach(), len(list(several.parameters()))
    yield repr(several)
