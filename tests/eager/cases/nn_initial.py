"""`nn.init`: exact where it is exact, else shapes, bounds and moments; never the stream itself."""

from __future__ import annotations

import math

from nn_formulas import wave
from transcripts import raising

N = 4000


def moments(x, mean, std):
    """Whether mean and standard deviation are within a tenth of the deviation."""
    return abs(x.mean().item() - mean) < std / 10, abs(x.std().item() - std) < std / 10


def case_constants(torch):
    """In place, without a graph, and they return their argument."""
    init = torch.nn.init
    p = torch.nn.Parameter(wave(torch, 2, 3))
    yield init.constant_(p, 0.25) is p, p
    yield init.zeros_(p), init.ones_(p), p.requires_grad, p.is_leaf
    yield init.eye_(p), init.eye_(torch.empty(3, 3))
    yield init.dirac_(torch.empty(3, 2, 3))
    yield init.dirac_(torch.empty(4, 2, 3), groups=2)
    yield init.constant_(torch.empty(2, dtype=torch.int64), 3)


def case_gains(torch):
    """Recommended factors by nonlinearity."""
    gain = torch.nn.init.calculate_gain
    for name in ("linear", "conv2d", "sigmoid", "tanh", "relu", "leaky_relu", "selu"):
        yield name, gain(name)
    yield gain("leaky_relu", 0.5)
    yield raising(torch, lambda: gain("gelu"), "gelu")


def case_uniform(torch):
    """Bounds, and moments of a uniform distribution."""
    init = torch.nn.init
    x = init.uniform_(torch.empty(N))
    yield x.min().item() >= 0, x.max().item() < 1, *moments(x, 0.5, 1 / math.sqrt(12))
    x = init.uniform_(torch.empty(N), -3.0, 1.0)
    yield x.min().item() >= -3, x.max().item() <= 1, *moments(x, -1.0, 4 / math.sqrt(12))


def case_normal(torch):
    """Mean and standard deviation."""
    init = torch.nn.init
    yield moments(init.normal_(torch.empty(N)), 0.0, 1.0)
    yield moments(init.normal_(torch.empty(N), mean=2.0, std=0.5), 2.0, 0.5)
    x = init.trunc_normal_(torch.empty(N), a=-0.5, b=1.0)
    yield x.min().item() >= -0.5, x.max().item() <= 1.0


def case_xavier(torch):
    """Bounds by fan in and fan out."""
    init = torch.nn.init
    x = init.xavier_uniform_(torch.empty(50, 80))
    bound = math.sqrt(6 / 130)
    yield x.abs().max().item() <= bound, *moments(x, 0.0, bound / math.sqrt(3))
    x = init.xavier_uniform_(torch.empty(50, 80), gain=2.0)
    yield moments(x, 0.0, 2 * bound / math.sqrt(3))
    yield moments(init.xavier_normal_(torch.empty(50, 80)), 0.0, math.sqrt(2 / 130))


def case_kaiming(torch):
    """By fan in or fan out, for rectifiers of a given slope; kernels count their width."""
    init = torch.nn.init
    x = init.kaiming_uniform_(torch.empty(50, 80))
    yield x.abs().max().item() <= math.sqrt(6 / 80), *moments(x, 0.0, math.sqrt(2 / 80))
    x = init.kaiming_uniform_(torch.empty(50, 80), a=math.sqrt(5))
    yield moments(x, 0.0, math.sqrt(2 / 6 / 80))
    x = init.kaiming_normal_(torch.empty(50, 80), mode="fan_out", nonlinearity="relu")
    yield moments(x, 0.0, math.sqrt(2 / 50))
    x = init.kaiming_normal_(torch.empty(20, 10, 5, 4), nonlinearity="linear")
    yield moments(x, 0.0, math.sqrt(1 / 200))


def case_orthogonal(torch):
    """Rows (or columns, if there are fewer) are orthonormal times the gain."""
    init = torch.nn.init
    for shape in ((3, 3), (2, 5), (5, 2)):
        x = init.orthogonal_(torch.empty(shape), gain=2.0)
        gram = x @ x.t() if shape[0] <= shape[1] else x.t() @ x
        yield torch.allclose(gram, 4 * torch.eye(len(gram)), atol=1e-5)


def case_sparse(torch):
    """A share of zeros in each column."""
    x = torch.nn.init.sparse_(torch.empty(10, 4), sparsity=0.3)
    yield (x == 0).sum(0), bool(x.abs().max() < 0.1)


def case_seeded(torch):
    """The same seed, the same numbers."""
    init = torch.nn.init
    for function in (init.normal_, init.uniform_, init.xavier_uniform_, init.kaiming_normal_):
        torch.manual_seed(5)
        first = function(torch.empty(3, 4))
        torch.manual_seed(5)
        yield torch.equal(first, function(torch.empty(3, 4)))
        yield torch.equal(first, function(torch.empty(3, 4)))


def case_default_of_layers(torch):
    """What the layers start from: bounds, moments, zeros and ones."""
    nn = torch.nn
    linear = nn.Linear(100, 60)
    yield linear.weight.abs().max().item() <= 0.1, *moments(linear.weight, 0, 0.1 / math.sqrt(3))
    yield linear.bias.abs().max().item() <= 0.1
    kernel = nn.Conv2d(4, 50, 5)
    yield kernel.weight.abs().max().item() <= 0.1, *moments(kernel.weight, 0, 0.1 / math.sqrt(3))
    table = nn.Embedding(100, 40)
    yield moments(table.weight, 0.0, 1.0)
    norm = nn.BatchNorm1d(3)
    yield norm.weight, norm.bias, norm.running_mean, norm.running_var


def case_reset_parameters(torch):
    """Layers can be started afresh."""
    nn = torch.nn
    layer = nn.Linear(3, 2)
    before = layer.weight.detach().clone()
    layer.reset_parameters()
    yield torch.equal(before, layer.weight), layer.weight.requires_grad
    norm = nn.LayerNorm(2)
    nn.init.zeros_(norm.weight)
    norm.reset_parameters()
    yield norm.weight


def case_wrong_shapes(torch):
    """Fans need two dimensions; an identity exactly two."""
    init = torch.nn.init
    yield raising(torch, lambda: init.xavier_uniform_(torch.empty(3)), "2 dimensions")
    yield raising(torch, lambda: init.kaiming_normal_(torch.empty(3)), "2 dimensions")
    yield raising(torch, lambda: init.eye_(torch.empty(2, 2, 2)), "2 dimensions")
    yield raising(torch, lambda: init.orthogonal_(torch.empty(3)), "2")
    yield raising(torch, lambda: init.dirac_(torch.empty(3, 3)))
    yield raising(torch, lambda: init.kaiming_uniform_(torch.empty(2, 2), mode="fan"), "fan")
