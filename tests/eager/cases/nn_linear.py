"""Linear maps, tables of rows, one-hot codes: `linear`, `bilinear`, `embedding`, `one_hot`."""

from __future__ import annotations

from nn_formulas import cases_of, fill, gradients, leaf, real, wave, weights, whole
from transcripts import raising

W = {"w": real(2, 3, phase=1.1)}
WB = {**W, "b": real(2, phase=2.3)}
TABLE = {"w": real(5, 2)}

ROWS = [
    ("linear", "F.linear(x, w, b)", {"x": real(4, 3), **WB}),
    ("linear_without_bias", "F.linear(x, w)", {"x": real(4, 3), **W}),
    ("linear_bias_named", "F.linear(x, weight=w, bias=b)", {"x": real(4, 3), **WB}),
    ("linear_vector", "F.linear(x, w, b)", {"x": real(3), **WB}),
    ("linear_vector_without_bias", "F.linear(x, w)", {"x": real(3), **W}),
    ("linear_three_dims", "F.linear(x, w, b)", {"x": real(2, 2, 3), **WB}),
    ("linear_three_dims_without_bias", "F.linear(x, w)", {"x": real(2, 2, 3), **W}),
    ("linear_transposed_input", "F.linear(x.t(), w, b)", {"x": real(3, 4), **WB}),
    ("linear_weight_vector", "F.linear(x, w)", {"x": real(4, 3), "w": real(3, phase=1.1)}),
    ("linear_then_tanh", "torch.tanh(F.linear(x, w, b) / 4)", {"x": real(4, 3), **WB}),
    ("bilinear", "F.bilinear(x, y, w, b)",
     {"x": real(3, 2), "y": real(3, 4, phase=2.0), "w": real(2, 2, 4, phase=1.0), "b": real(2)}),
    ("bilinear_without_bias", "F.bilinear(x, y, w)",
     {"x": real(3, 2), "y": real(3, 2, phase=2.0), "w": real(1, 2, 2, phase=1.0)}),
    ("embedding", "F.embedding(i, w)", {"i": whole([0, 3, 3, 1]), **TABLE}),
    ("embedding_matrix", "F.embedding(i, w)", {"i": whole([[0, 3], [2, 3]]), **TABLE}),
    ("embedding_scalar", "F.embedding(i, w)", {"i": whole(2), **TABLE}),
    ("embedding_padding", "F.embedding(i, w, padding_idx=3)", {"i": whole([0, 3, 3, 1]), **TABLE}),
    ("embedding_negative_padding", "F.embedding(i, w, padding_idx=-1)",
     {"i": whole([4, 3, 0]), **TABLE}),
    ("embedding_scaled", "F.embedding(i, w, scale_grad_by_freq=True)",
     {"i": whole([0, 3, 3, 3]), **TABLE}),
    ("embedding_squared", "F.embedding(i, w)**2", {"i": whole([1, 1, 4]), **TABLE}),
    ("embedding_bag_mean", "F.embedding_bag(i, w)", {"i": whole([[0, 3], [2, 3]]), **TABLE}),
    ("embedding_bag_sum", "F.embedding_bag(i, w, mode='sum')",
     {"i": whole([[0, 3], [2, 3]]), **TABLE}),
    ("identity", "nn.Identity()(x)", {"x": real(2, 3)}),
]  # fmt: skip
globals().update(cases_of(ROWS, __name__, once=[
    "embedding_scaled", "embedding_bag_mean", "embedding_bag_sum",
]))  # fmt: skip


def case_linear_module(torch):
    """Weight is (out, in); the initial entries lie within 1 / sqrt(in)."""
    layer = torch.nn.Linear(4, 3)
    yield layer.weight.shape, layer.bias.shape, layer.in_features, layer.out_features
    yield layer.weight.is_leaf, layer.weight.requires_grad, layer.weight.dtype
    yield bool((layer.weight.abs() <= 0.5).all()), bool((layer.bias.abs() <= 0.5).all())
    yield bool(layer.weight.abs().max() > 0.1)
    fill(torch, layer)
    yield layer.weight, layer.bias
    x = leaf(torch, 2, 4)
    out = layer(x)
    yield out, gradients(torch, out, [x, layer.weight, layer.bias])
    yield layer(x[0]), layer(x.reshape(2, 1, 4))


def case_linear_module_options(torch):
    """Without bias, in another dtype, printed."""
    nn = torch.nn
    layer = nn.Linear(2, 3, bias=False)
    yield layer.bias, list(layer.state_dict()), repr(layer)
    layer = fill(torch, nn.Linear(2, 3, dtype=torch.float64))
    yield layer.weight, layer(wave(torch, 1, 2, dtype=torch.float64))
    yield repr(nn.Linear(10, 1)), repr(nn.Bilinear(2, 3, 4)), repr(nn.Identity())


def case_linear_module_seeded(torch):
    """The same seed, the same parameters."""
    torch.manual_seed(3)
    first = torch.nn.Linear(3, 2)
    second = torch.nn.Linear(3, 2)
    torch.manual_seed(3)
    again = torch.nn.Linear(3, 2)
    yield torch.equal(first.weight, again.weight), torch.equal(first.bias, again.bias)
    yield torch.equal(first.weight, second.weight)


def case_linear_errors(torch):
    """Shapes and dtypes that do not fit."""
    F, nn = torch.nn.functional, torch.nn
    yield raising(torch, lambda: F.linear(wave(torch, 2, 3), wave(torch, 4, 2)), "2", "3")
    yield raising(torch, lambda: nn.Linear(3, 2)(wave(torch, 4, 5)), "5", "3")
    yield raising(torch, lambda: nn.Linear(3, 2)(wave(torch, 4, 3, dtype=torch.float64)))
    yield raising(torch, lambda: nn.Linear(3, 2)(torch.ones(1, 3, dtype=torch.int64)))
    yield raising(torch, lambda: F.linear(wave(torch, 2, 3), wave(torch, 4, 3), wave(torch, 5)))
    yield raising(torch, lambda: nn.Linear(3, 2)(wave(torch, 2)))


def case_empty_batch(torch):
    """A batch of no rows: a result of no rows, gradients of zero."""
    layer = fill(torch, torch.nn.Linear(3, 2))
    out = layer(torch.zeros(0, 3))
    yield out
    out.sum().backward()
    yield layer.weight.grad, layer.bias.grad


def case_shared_weight(torch):
    """One layer used twice gathers both contributions."""
    layer = fill(torch, torch.nn.Linear(2, 2))
    x = wave(torch, 3, 2)
    out = layer(torch.tanh(layer(x)))
    (out * weights(torch, out)).sum().backward()
    yield out.detach(), layer.weight.grad, layer.bias.grad


def case_embedding_module(torch):
    """Rows by number; the row of `padding_idx` starts at zero and gets no gradient."""
    nn = torch.nn
    table = nn.Embedding(4, 2, padding_idx=1)
    yield table.weight.shape, table.weight[1], table.padding_idx
    fill(torch, table)
    out = table(torch.tensor([[0, 1], [3, 0]]))
    yield out
    (out * weights(torch, out)).sum().backward()
    yield table.weight.grad
    yield repr(table), repr(nn.Embedding(3, 5)), repr(nn.Embedding(3, 5, padding_idx=-1))


def case_embedding_from_pretrained(torch):
    """A given table is frozen unless asked otherwise."""
    table = torch.nn.Embedding.from_pretrained(wave(torch, 3, 2))
    yield table.weight.requires_grad, table(torch.tensor([2, 0]))
    table = torch.nn.Embedding.from_pretrained(wave(torch, 3, 2), freeze=False)
    yield table.weight.requires_grad, table(torch.tensor([1])).requires_grad


def case_embedding_max_norm(torch):
    """Rows longer than `max_norm` are shortened in place, only those looked up."""
    w = wave(torch, 3, 2, scale=3.0)
    out = torch.nn.functional.embedding(torch.tensor([0, 1]), w, max_norm=1.0)
    yield out, w


def case_embedding_errors(torch):
    """Row numbers outside the table, floating row numbers."""
    F = torch.nn.functional
    w = leaf(torch, 3, 2)
    yield raising(torch, lambda: F.embedding(torch.tensor([3]), w), "out of range")
    yield raising(torch, lambda: F.embedding(torch.tensor([-1]), w), "out of range")
    yield raising(torch, lambda: F.embedding(torch.tensor([0.0]), w))
    yield raising(torch, lambda: torch.nn.Embedding(3, 2, padding_idx=3), "num_embeddings")


def case_embedding_takes_int32(torch):
    """Row numbers may be 32-bit integers."""
    w = leaf(torch, 3, 2)
    yield torch.nn.functional.embedding(torch.tensor([2, 0], dtype=torch.int32), w)


def case_one_hot(torch):
    """A new last dimension of integers."""
    F = torch.nn.functional
    yield F.one_hot(torch.tensor([0, 2, 1]))
    yield F.one_hot(torch.tensor([0, 2, 1]), num_classes=4)
    yield F.one_hot(torch.tensor([[0], [1]]), 2), F.one_hot(torch.tensor(1), 3)
    yield F.one_hot(torch.tensor([1, 0]), 2).float()


def case_one_hot_errors(torch):
    """Numbers outside the classes, dtypes other than int64."""
    F = torch.nn.functional
    yield raising(torch, lambda: F.one_hot(torch.tensor([3]), 3), "num_classes")
    yield raising(torch, lambda: F.one_hot(torch.tensor([-1])), "non-negative")
    yield raising(torch, lambda: F.one_hot(torch.tensor([0.0])), "index")
    yield raising(torch, lambda: F.one_hot(torch.tensor([], dtype=torch.int64)), "empty")


def case_bilinear_module(torch):
    """Weight is (out, in1, in2)."""
    layer = fill(torch, torch.nn.Bilinear(2, 3, 2))
    yield layer.weight.shape, layer.bias.shape
    x, y = leaf(torch, 2, 2), leaf(torch, 2, 3, phase=1.5)
    out = layer(x, y)
    yield out, gradients(torch, out, [x, y, layer.weight, layer.bias])
