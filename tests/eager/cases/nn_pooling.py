"""Pooling and padding: windows that reduce, borders that extend; ties and indices."""

from __future__ import annotations

import math

from nn_formulas import cases_of, gradients, leaf, real, wave
from transcripts import raising

LINE = {"x": real(1, 2, 6)}
PLANE = {"x": real(1, 1, 4, 5)}
WIDE = {"x": real(1, 1, 3, 4)}

ROWS = [
    ("max_pool1d", "F.max_pool1d(x, 2)", LINE),
    ("max_pool1d_stride", "F.max_pool1d(x, 3, stride=1)", LINE),
    ("max_pool1d_padding", "F.max_pool1d(x, 3, 2, padding=1)", LINE),
    ("max_pool1d_dilation", "F.max_pool1d(x, 2, dilation=2)", LINE),
    ("max_pool1d_ceil", "F.max_pool1d(x, 4, stride=4, ceil_mode=True)", LINE),
    ("max_pool1d_unbatched", "F.max_pool1d(x, 2)", {"x": real(2, 5)}),
    ("max_pool1d_indices", "F.max_pool1d(x, 2, return_indices=True)", LINE),
    ("max_pool2d", "F.max_pool2d(x, 2)", PLANE),
    ("max_pool2d_pair", "F.max_pool2d(x, (2, 3))", PLANE),
    ("max_pool2d_stride", "F.max_pool2d(x, 2, stride=1)", PLANE),
    ("max_pool2d_padding", "F.max_pool2d(x, 2, padding=1)", PLANE),
    ("max_pool2d_indices", "F.max_pool2d(x, 2, return_indices=True)", PLANE),
    ("max_pool2d_ceil", "F.max_pool2d(x, 2, ceil_mode=True)", PLANE),
    ("avg_pool1d", "F.avg_pool1d(x, 2)", LINE),
    ("avg_pool1d_stride", "F.avg_pool1d(x, 3, stride=2)", LINE),
    ("avg_pool1d_padding", "F.avg_pool1d(x, 3, padding=1)", LINE),
    ("avg_pool1d_excluding", "F.avg_pool1d(x, 3, padding=1, count_include_pad=False)", LINE),
    ("avg_pool1d_ceil", "F.avg_pool1d(x, 4, ceil_mode=True)", LINE),
    ("avg_pool2d", "F.avg_pool2d(x, 2)", PLANE),
    ("avg_pool2d_pair", "F.avg_pool2d(x, (1, 3), stride=(2, 1))", PLANE),
    ("avg_pool2d_padding", "F.avg_pool2d(x, 2, padding=1)", WIDE),
    ("avg_pool2d_excluding", "F.avg_pool2d(x, 2, padding=1, count_include_pad=False)", WIDE),
    ("avg_pool2d_divisor", "F.avg_pool2d(x, 2, divisor_override=3)", PLANE),
    ("adaptive_avg_pool1d", "F.adaptive_avg_pool1d(x, 4)", LINE),
    ("adaptive_avg_pool2d", "F.adaptive_avg_pool2d(x, (2, 3))", PLANE),
    ("adaptive_avg_pool2d_one", "F.adaptive_avg_pool2d(x, 1)", PLANE),
    ("adaptive_avg_pool2d_none", "F.adaptive_avg_pool2d(x, (None, 2))", PLANE),
    ("adaptive_max_pool1d", "F.adaptive_max_pool1d(x, 4)", LINE),
    ("adaptive_max_pool2d", "F.adaptive_max_pool2d(x, 2)", PLANE),
    ("lp_pool1d", "F.lp_pool1d(x, 2, 3)", LINE),
    ("pad", "F.pad(x, (1, 2))", WIDE),
    ("pad_value", "F.pad(x, (0, 1), value=-2.5)", WIDE),
    ("pad_two_dims", "F.pad(x, (1, 0, 0, 2))", WIDE),
    ("pad_four_dims", "F.pad(x, (0, 1, 1, 0, 0, 1, 1, 0))", {"x": real(1, 1, 2, 2)}),
    ("pad_negative", "F.pad(x, (-1, 0, 1, -1))", WIDE),
    ("pad_vector", "F.pad(x, (2, 1), 'constant', 0.5)", {"x": real(3)}),
    ("pad_reflect", "F.pad(x, (2, 1), mode='reflect')", LINE),
    ("pad_reflect_two_dims", "F.pad(x, (1, 2, 0, 1), mode='reflect')", WIDE),
    ("pad_replicate", "F.pad(x, (2, 1), mode='replicate')", LINE),
    ("pad_replicate_two_dims", "F.pad(x, (1, 2, 0, 1), mode='replicate')", WIDE),
    ("pad_circular", "F.pad(x, (2, 1), mode='circular')", LINE),
    ("interpolate_nearest", "F.interpolate(x, scale_factor=2)", {"x": real(1, 1, 3)}),
    ("interpolate_linear", "F.interpolate(x, size=5, mode='linear')", {"x": real(1, 1, 3)}),
    ("interpolate_bilinear", "F.interpolate(x, size=(3, 4), mode='bilinear', align_corners=True)",
     {"x": real(1, 1, 2, 2)}),
    ("pixel_shuffle", "F.pixel_shuffle(x, 2)", {"x": real(1, 4, 2, 1)}),
    ("max_pool1d_module", "nn.MaxPool1d(2)(x)", LINE),
    ("max_pool2d_module", "nn.MaxPool2d(2, stride=1)(x)", PLANE),
    ("avg_pool1d_module", "nn.AvgPool1d(2)(x)", LINE),
    ("avg_pool2d_module", "nn.AvgPool2d(2)(x)", PLANE),
    ("adaptive_avg_pool2d_module", "nn.AdaptiveAvgPool2d((1, 2))(x)", PLANE),
    ("zero_pad_module", "nn.ZeroPad2d(1)(x)", {"x": real(1, 1, 2, 2)}),
    ("constant_pad_module", "nn.ConstantPad1d((1, 2), 3.0)(x)", LINE),
    ("reflection_pad_module", "nn.ReflectionPad1d(2)(x)", LINE),
    ("replication_pad_module", "nn.ReplicationPad2d((0, 1, 1, 0))(x)", WIDE),
]  # fmt: skip
globals().update(cases_of(ROWS, __name__))


def case_ties_in_a_window(torch):
    """Of equal entries the first is taken, and it alone gets the gradient."""
    F = torch.nn.functional
    x = torch.ones(1, 1, 4, requires_grad=True)
    out, where = F.max_pool1d(x, 2, return_indices=True)
    yield out, where, gradients(torch, out, [x])
    x = torch.ones(1, 1, 3, 3, requires_grad=True)
    out, where = F.max_pool2d(x, 2, stride=1, return_indices=True)
    yield out, where, gradients(torch, out, [x])


def case_nan_and_infinity_in_a_window(torch):
    """NaN wins over everything; -inf is an entry like any other."""
    F = torch.nn.functional
    x = torch.tensor([[[1.0, math.nan, -math.inf, -math.inf]]], requires_grad=True)
    out, where = F.max_pool1d(x, 2, return_indices=True)
    yield out, where, gradients(torch, out, [x])
    yield F.avg_pool1d(x, 2)


def case_overlapping_windows_add_up(torch):
    """An entry that wins twice gets both cotangents."""
    x = torch.tensor([[[0.0, 3.0, 1.0, 2.0]]], requires_grad=True)
    torch.nn.functional.max_pool1d(x, 3, stride=1).sum().backward()
    yield x.grad


def case_unpool(torch):
    """`max_unpool1d` puts the maxima back where they were."""
    F = torch.nn.functional
    x = leaf(torch, 1, 1, 4)
    out, where = F.max_pool1d(x, 2, return_indices=True)
    back = F.max_unpool1d(out, where, 2)
    yield back.detach(), gradients(torch, back, [x])


def case_pooling_modules_print(torch):
    """Every option shows."""
    nn = torch.nn
    yield repr(nn.MaxPool1d(2)), repr(nn.MaxPool2d((2, 3), stride=1, padding=1, dilation=2))
    yield repr(nn.AvgPool1d(2)), repr(nn.AvgPool2d(2, padding=1))
    yield repr(nn.AdaptiveAvgPool1d(3)), repr(nn.AdaptiveAvgPool2d((1, 2)))
    yield repr(nn.ZeroPad2d(1)), repr(nn.ConstantPad1d((1, 2), 3.0)), repr(nn.ReflectionPad1d(2))
    yield repr(nn.Upsample(scale_factor=2)), repr(nn.PixelShuffle(2))


def case_padding_keeps_dtype(torch):
    """Integers and bools can be padded with a constant."""
    F = torch.nn.functional
    yield F.pad(torch.tensor([1, 2]), (1, 1), value=7)
    yield F.pad(torch.tensor([True]), (1, 0))
    yield F.pad(torch.tensor([[1, 2, 3]]), (0, -2))


def case_pooling_and_padding_errors(torch):
    """Windows larger than the image, borders larger than what they mirror."""
    F = torch.nn.functional
    x = wave(torch, 1, 1, 3)
    yield raising(torch, lambda: F.max_pool1d(x, 5))
    yield raising(torch, lambda: F.max_pool1d(x, 2, padding=2), "pad")
    yield raising(torch, lambda: F.max_pool1d(x, 2, stride=0), "stride")
    yield raising(torch, lambda: F.avg_pool1d(x, 4))
    yield raising(torch, lambda: F.max_pool2d(wave(torch, 3), 2))
    yield raising(torch, lambda: F.pad(x, (3, 0), mode="reflect"), "padding")
    yield raising(torch, lambda: F.pad(x, (1,)))
    yield raising(torch, lambda: F.pad(x, (1, 1), mode="mirror"))
    yield raising(torch, lambda: F.pad(x, (-2, -2)))
    yield raising(torch, lambda: F.interpolate(x, mode="nearest"), "size", "scale_factor")


def case_small_image_network(torch):
    """Convolution, maximum, flattening and a linear map, by functions alone."""
    F = torch.nn.functional
    x = wave(torch, 2, 1, 5, 5)
    kernel, matrix = leaf(torch, 2, 1, 2, 2), leaf(torch, 3, 8, phase=1.7)
    out = F.linear(F.max_pool2d(torch.tanh(F.conv2d(x, kernel)), 2).flatten(1), matrix)
    loss = F.cross_entropy(out, torch.tensor([2, 0]))
    loss.backward()
    yield out.detach(), loss, kernel.grad, matrix.grad
