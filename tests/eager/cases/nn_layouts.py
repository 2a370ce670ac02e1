"""Functions of `nn` on inputs that do not lie in one block of memory, and in several dtypes.

A kernel that walks memory instead of indices gives other numbers on a transposed, stepped,
reversed or expanded input. The cotangents meet results that are not contiguous themselves.
"""

from __future__ import annotations

from nn_formulas import cases_of, constant, gradients, leaf, positive, real, unit, wave, whole
from transcripts import raising

MATRIX = {"x": real(3, 4)}
CUBE = {"x": real(2, 3, 4)}
OTHER = {**MATRIX, "y": real(4, 3, phase=1.9)}
LAST = {"w": real(4, phase=1.0), "b": real(4, phase=2.0)}

ROWS = [
    ("relu_transposed", "F.relu(x.t())", MATRIX),
    ("relu_stepped", "F.relu(x[::2, 1::2])", MATRIX),
    ("gelu_flipped", "F.gelu(x.flip(0))", MATRIX),
    ("silu_expanded", "F.silu(x[:, :1].expand(3, 5))", MATRIX),
    ("softplus_selected", "F.softplus(x[1])", MATRIX),
    ("elu_column", "F.elu(x[:, 2])", MATRIX),
    ("softmax_of_columns", "F.softmax(x.t(), dim=1)", MATRIX),
    ("softmax_stepped", "F.softmax(x[:, ::2], dim=1)", MATRIX),
    ("softmax_permuted", "F.softmax(x.permute(2, 0, 1), dim=1)", CUBE),
    ("softmax_of_three_dims", "F.softmax(x, dim=1)", CUBE),
    ("log_softmax_permuted", "F.log_softmax(x.transpose(0, 2), dim=0)", CUBE),
    ("log_softmax_expanded", "F.log_softmax(x[:1].expand(3, 4), dim=1)", MATRIX),
    ("linear_of_transposes", "F.linear(x.t(), y.t()[:, :3])", {**MATRIX, "y": real(3, 2, phase=1)}),
    ("linear_stepped", "F.linear(x[:, ::2], y[::2, 1:])", OTHER),
    ("linear_expanded_weight", "F.linear(x, y[:1].t().expand(3, 4))", {**MATRIX, "y": real(1, 3)}),
    ("mse_loss_transposed", "F.mse_loss(x.t(), y)", OTHER),
    ("l1_loss_stepped", "F.l1_loss(x[:, ::2], y[:3, :2])", OTHER),
    ("smooth_l1_loss_expanded", "F.smooth_l1_loss(x, y[0, 0].expand(3, 4))", OTHER),
    ("cross_entropy_transposed", "F.cross_entropy(x.t(), i)", {**MATRIX, "i": whole([0, 2, 1, 0])}),
    ("cross_entropy_stepped_target", "F.cross_entropy(x, i[::2])",
     {**MATRIX, "i": whole([0, 9, 3, 9, 1])}),
    ("nll_loss_of_last", "F.nll_loss(x.transpose(1, 2), i)",
     {**CUBE, "i": whole([[0, 1, 2], [3, 0, 1]])}),
    ("bce_logits_transposed", "F.binary_cross_entropy_with_logits(x.t(), y)",
     {**MATRIX, "y": constant(unit(4, 3))}),
    ("layer_norm_transposed", "F.layer_norm(x.transpose(0, 1), (4,), w, b)", {**CUBE, **LAST}),
    ("layer_norm_stepped", "F.layer_norm(x[..., ::2], (3,))", {"x": real(2, 2, 6)}),
    ("layer_norm_of_columns", "F.layer_norm(x.t(), (3,))", MATRIX),
    ("batch_norm_transposed", "F.batch_norm(x.t(), None, None, training=True)", MATRIX),
    ("batch_norm_permuted", "F.batch_norm(x.permute(1, 2, 0), None, None, w, b, training=True)",
     {**CUBE, **LAST}),
    ("normalize_transposed", "F.normalize(x.t(), dim=1)", MATRIX),
    ("conv1d_permuted", "F.conv1d(x.permute(0, 2, 1), w)", {**CUBE, "w": real(1, 4, 2, phase=1.0)}),
    ("conv1d_expanded_weight", "F.conv1d(x, w.expand(2, 3, 2))", {**CUBE, "w": real(1, 1, 2)}),
    ("conv2d_stepped", "F.conv2d(x[None, :1, :, ::2], w)", {**CUBE, "w": real(1, 1, 2, 2)}),
    ("max_pool1d_transposed", "F.max_pool1d(x.transpose(1, 2), 2)", CUBE),
    ("avg_pool1d_stepped", "F.avg_pool1d(x[..., ::2], 2)", CUBE),
    ("max_pool2d_transposed", "F.max_pool2d(x.transpose(1, 2)[None], 2)", CUBE),
    ("pad_transposed", "F.pad(x.t(), (1, 0, 0, 1))", MATRIX),
    ("embedding_of_transposed", "F.embedding(i.t(), w)",
     {"i": whole([[0, 2], [2, 1]]), "w": real(3, 2)}),
    ("embedding_in_transposed", "F.embedding(i, w.t())", {"i": whole([0, 1, 1]), "w": real(3, 2)}),
    ("attention", "F.scaled_dot_product_attention(q, k, v)",
     {"q": real(1, 2, 3), "k": real(1, 3, 3, phase=1.0), "v": real(1, 3, 2, phase=2.0)}),
    ("attention_causal", "F.scaled_dot_product_attention(q, k, v, is_causal=True)",
     {"q": real(1, 3, 2), "k": real(1, 3, 2, phase=1.0), "v": real(1, 3, 2, phase=2.0)}),
    ("weighted_by_expanded", "(F.relu(x) * w.expand(3, 4)).sum(0)", {**MATRIX, "w": positive(1, 4)}),
]  # fmt: skip
globals().update(cases_of(ROWS, __name__))


def case_dtypes_meet(torch):
    """Losses promote to the wider dtype; the gradients keep their own, or are refused."""
    F = torch.nn.functional
    for loss in (F.mse_loss, F.l1_loss, F.smooth_l1_loss, F.huber_loss):
        x, y = leaf(torch, 3), leaf(torch, 3, dtype=torch.float64, phase=1.9)
        out = loss(x, y)
        yield loss.__name__, out
        if loss is F.huber_loss:
            yield raising(torch, lambda out=out, x=x: gradients(torch, out, [x]))
        else:
            yield gradients(torch, out, [x, y])


def case_dtypes_that_do_not_meet(torch):
    """Products, kernels and normalisations want one dtype."""
    F = torch.nn.functional
    x, wide = wave(torch, 2, 3), wave(torch, 2, 3, dtype=torch.float64)
    yield raising(torch, lambda: F.linear(x, wide))
    yield raising(torch, lambda: F.conv1d(x[None], wide[None]))
    yield raising(torch, lambda: F.layer_norm(x, (3,), wide[0], wide[1]))
    yield raising(torch, lambda: F.bilinear(x, x, wide[None, :, :].expand(1, 2, 3)))


def case_scalars(torch):
    """Functions of a tensor without dimensions."""
    F = torch.nn.functional
    x = torch.tensor(0.7, requires_grad=True)
    for function in (F.relu, F.gelu, F.softplus, F.logsigmoid, F.hardtanh, F.elu):
        out = function(x)
        yield out, gradients(torch, out, [x])
    y = torch.tensor(0.2)
    for loss in (F.mse_loss, F.l1_loss, F.binary_cross_entropy_with_logits):
        out = loss(x, y)
        yield out, gradients(torch, out, [x])


def case_nothing_at_all(torch):
    """Empty batches through layers."""
    F = torch.nn.functional
    x = torch.zeros(0, 4, requires_grad=True)
    for out in (
        F.layer_norm(x, (4,)),
        F.normalize(x),
        F.log_softmax(x, dim=1),
        F.pad(x, (1, 1)),
        F.leaky_relu(x),
        F.mse_loss(x, x.detach(), reduction="none"),
    ):
        yield out, gradients(torch, out, [x])
    yield F.cross_entropy(x, torch.zeros(0, dtype=torch.int64), reduction="sum")


def case_views_of_a_parameter(torch):
    """Two slices of one parameter used as two weights."""
    F = torch.nn.functional
    w = leaf(torch, 4, 3)
    x = wave(torch, 2, 3)
    out = F.linear(x, w[:2]) * torch.sigmoid(F.linear(x, w[2:]))
    yield out, gradients(torch, out, [w])


def case_results_do_not_alias(torch):
    """A result is memory of its own, except where PyTorch returns its argument."""
    F = torch.nn.functional
    x = torch.ones(2, 2)
    out = F.relu(x)
    out[0, 0] = 5.0
    yield x
    same = F.dropout(x, 0.5, training=False)
    same[0, 0] = 7.0
    yield x
    flat = torch.nn.Flatten(0)(x)
    flat[1] = 8.0
    yield x
    padded = F.pad(x, (0, 0))
    padded[1, 1] = 9.0
    yield x
