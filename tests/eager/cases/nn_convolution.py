"""Convolutions: stride, padding, dilation, groups; their transposes; windows laid out as columns."""

from __future__ import annotations

from nn_formulas import cases_of, fill, gradients, leaf, real, wave
from transcripts import raising

LINE = {"x": real(2, 2, 6), "w": real(2, 2, 3, phase=1.1), "b": real(2, phase=2.3)}
PLANE = {"x": real(1, 2, 4, 4), "w": real(2, 2, 3, 3, phase=1.1), "b": real(2, phase=2.3)}
SMALL = {"x": real(1, 1, 4, 5), "w": real(1, 1, 2, 2, phase=1.1)}
GROUPED = {"x": real(1, 4, 5), "w": real(4, 2, 2, phase=1.1), "b": real(4, phase=2.3)}
BACK = {"x": real(1, 2, 3), "w": real(2, 2, 3, phase=1.1), "b": real(2, phase=2.3)}
BACK2 = {"x": real(1, 2, 2, 2), "w": real(2, 1, 2, 3, phase=1.1), "b": real(1)}

ROWS = [
    ("conv1d", "F.conv1d(x, w, b)", LINE),
    ("conv1d_without_bias", "F.conv1d(x, w)", LINE),
    ("conv1d_stride", "F.conv1d(x, w, b, stride=2)", LINE),
    ("conv1d_padding", "F.conv1d(x, w, b, padding=1)", LINE),
    ("conv1d_dilation", "F.conv1d(x, w, b, dilation=2)", LINE),
    ("conv1d_all", "F.conv1d(x, w, b, stride=2, padding=2, dilation=2)", LINE),
    ("conv1d_same", "F.conv1d(x, w, b, padding='same')", LINE),
    ("conv1d_same_even", "F.conv1d(x, w, padding='same')",
     {"x": real(1, 1, 5), "w": real(1, 1, 2, phase=1.1)}),
    ("conv1d_valid", "F.conv1d(x, w, b, padding='valid')", LINE),
    ("conv1d_groups", "F.conv1d(x, w, b, groups=2)", GROUPED),
    ("conv1d_depthwise", "F.conv1d(x, w, groups=3)",
     {"x": real(1, 3, 4), "w": real(3, 1, 2, phase=1.1)}),
    ("conv1d_unbatched", "F.conv1d(x, w)", {"x": real(1, 5), "w": real(2, 1, 2, phase=1.1)}),
    ("conv1d_of_torch", "torch.conv1d(x, w, b)", LINE),
    ("conv1d_strided_input", "F.conv1d(x[..., ::2], w)", LINE),
    ("conv2d", "F.conv2d(x, w, b)", PLANE),
    ("conv2d_without_bias", "F.conv2d(x, w)", SMALL),
    ("conv2d_stride", "F.conv2d(x, w, stride=2)", SMALL),
    ("conv2d_stride_pair", "F.conv2d(x, w, stride=(1, 2))", SMALL),
    ("conv2d_padding", "F.conv2d(x, w, padding=1, stride=2)", SMALL),
    ("conv2d_padding_pair", "F.conv2d(x, w, padding=(0, 1))", SMALL),
    ("conv2d_dilation", "F.conv2d(x, w, dilation=2)", SMALL),
    ("conv2d_dilation_pair", "F.conv2d(x, w, dilation=(1, 3))", SMALL),
    ("conv2d_same", "F.conv2d(x, w, b, padding='same')", PLANE),
    ("conv2d_groups", "F.conv2d(x, w, groups=2)",
     {"x": real(1, 2, 3, 3), "w": real(2, 1, 2, 2, phase=1.1)}),
    ("conv2d_one_by_one", "F.conv2d(x, w)",
     {"x": real(1, 2, 2, 2), "w": real(3, 2, 1, 1, phase=1.1)}),
    ("conv2d_relu", "F.relu(F.conv2d(x, w, b))", PLANE),
    ("conv3d", "F.conv3d(x, w)", {"x": real(1, 1, 2, 3, 2), "w": real(1, 1, 2, 2, 2, phase=1.1)}),
    ("conv_transpose1d", "F.conv_transpose1d(x, w, b)", BACK),
    ("conv_transpose1d_stride", "F.conv_transpose1d(x, w, stride=2)", BACK),
    ("conv_transpose1d_padding", "F.conv_transpose1d(x, w, padding=1)", BACK),
    ("conv_transpose1d_output_padding",
     "F.conv_transpose1d(x, w, b, stride=2, output_padding=1)", BACK),
    ("conv_transpose1d_dilation", "F.conv_transpose1d(x, w, dilation=2)", BACK),
    ("conv_transpose1d_groups", "F.conv_transpose1d(x, w, groups=2)", BACK),
    ("conv_transpose2d", "F.conv_transpose2d(x, w, b)", BACK2),
    ("conv_transpose2d_stride", "F.conv_transpose2d(x, w, stride=2, padding=1)", BACK2),
    ("unfold", "F.unfold(x, 2)", SMALL),
    ("unfold_options", "F.unfold(x, (2, 3), dilation=1, padding=1, stride=2)", SMALL),
    ("fold", "F.fold(x, output_size=(3, 3), kernel_size=2)", {"x": real(1, 4, 4)}),
    ("fold_of_unfold", "F.fold(F.unfold(x, 2), (4, 5), 2)", SMALL),
    ("conv1d_as_unfold", "torch.einsum('ncok,dck->ndo', x.unfold(2, 3, 1), w)", LINE),
]  # fmt: skip
globals().update(cases_of(ROWS, __name__))


def case_conv1d_module(torch):
    """Weight is (out, in / groups, width); options print when they differ from the defaults."""
    nn = torch.nn
    layer = nn.Conv1d(2, 4, 3, stride=2, padding=1)
    bound = 1 / 6**0.5
    yield layer.weight.shape, layer.bias.shape, bool((layer.weight.abs() <= bound).all())
    fill(torch, layer)
    x = leaf(torch, 1, 2, 5)
    out = layer(x)
    yield out, gradients(torch, out, [x, layer.weight, layer.bias])
    yield repr(layer), repr(nn.Conv1d(1, 2, 3)), repr(nn.Conv1d(1, 2, 3, padding="same"))


def case_conv2d_module(torch):
    """Kernel sizes as a number or a pair."""
    nn = torch.nn
    layer = fill(torch, nn.Conv2d(1, 2, (2, 3), padding=(1, 0)))
    yield layer.weight.shape, layer.kernel_size, layer.stride, layer.padding
    x = leaf(torch, 1, 1, 3, 4)
    out = layer(x)
    yield out, gradients(torch, out, [x, layer.weight, layer.bias])
    yield repr(layer), repr(nn.Conv2d(3, 6, 5)), repr(nn.Conv2d(4, 4, 3, groups=2, bias=False))
    yield repr(nn.Conv2d(1, 1, 3, stride=2, dilation=2, padding_mode="reflect"))
    yield list(nn.Conv2d(4, 4, 3, groups=2, bias=False).state_dict())


def case_conv_padding_modes(torch):
    """Other than zeros at the border."""
    x = wave(torch, 1, 1, 5)
    for mode in ("zeros", "reflect", "replicate", "circular"):
        layer = fill(torch, torch.nn.Conv1d(1, 1, 3, padding=1, padding_mode=mode))
        out = layer(x)
        yield mode, out.detach(), gradients(torch, out, [layer.weight, layer.bias])


def case_conv_transpose_module(torch):
    """`output_size` chooses among the sizes that a strided convolution confounds."""
    layer = fill(torch, torch.nn.ConvTranspose1d(2, 1, 3, stride=2, padding=1))
    x = leaf(torch, 1, 2, 3)
    yield layer.weight.shape, layer(x)
    out = layer(x, output_size=[6])
    yield out, gradients(torch, out, [x, layer.weight, layer.bias])
    yield repr(layer), repr(torch.nn.ConvTranspose2d(2, 1, 2, output_padding=0))


def case_unfold_modules(torch):
    """`Unfold` and `Fold` as modules."""
    nn = torch.nn
    x = wave(torch, 1, 1, 3, 3)
    columns = nn.Unfold(2)(x)
    yield columns.shape, nn.Fold((3, 3), 2)(columns)
    yield repr(nn.Unfold(2)), repr(nn.Fold((3, 3), 2))


def case_convolution_errors(torch):
    """Channels, dimensions, sizes and options that do not fit."""
    F = torch.nn.functional
    x, w = wave(torch, 1, 2, 4), wave(torch, 3, 2, 2)
    yield raising(torch, lambda: F.conv1d(x, wave(torch, 3, 1, 2)), "channels")
    yield raising(torch, lambda: F.conv1d(x, wave(torch, 3, 2, 5)), "size")
    yield raising(torch, lambda: F.conv1d(x, w, stride=0), "stride")
    yield raising(torch, lambda: F.conv1d(x, w, padding=-1), "padding")
    yield raising(torch, lambda: F.conv1d(x, w, padding="full"), "full")
    yield raising(torch, lambda: F.conv1d(x, w, padding="same", stride=2), "strided")
    yield raising(torch, lambda: F.conv1d(x, w, groups=2), "groups")
    yield raising(torch, lambda: F.conv1d(x, w, wave(torch, 2)), "bias")
    yield raising(torch, lambda: F.conv1d(x, w.double()))
    yield raising(torch, lambda: F.conv2d(x[0, 0], wave(torch, 1, 1, 2, 2)), "2")
    yield raising(torch, lambda: torch.nn.Conv1d(3, 2, 2, groups=2), "in_channels", "groups")
    yield raising(torch, lambda: torch.nn.Conv1d(2, 3, 2, groups=2), "out_channels", "groups")


def case_convolution_of_an_empty_batch(torch):
    """No images in, none out; the gradient of the weight is zero."""
    w = leaf(torch, 2, 1, 2)
    out = torch.nn.functional.conv1d(torch.zeros(0, 1, 3), w)
    yield out
    out.sum().backward()
    yield w.grad


def case_convolution_of_integers(torch):
    """Integers are refused or computed in integers."""
    F = torch.nn.functional
    x, w = torch.tensor([[[1, 2, 3]]]), torch.tensor([[[1, -1]]])
    yield F.conv1d(x, w)
    yield raising(torch, lambda: F.conv1d(x, w.float()))
