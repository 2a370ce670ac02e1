"""Ready-made modules: what each computes, what parameters it has, how it prints."""

from __future__ import annotations

from nn_formulas import cases_of, fill, gradients, leaf, real, wave, weights
from transcripts import raising

X = {"x": real(2, 4)}

ROWS = [
    ("relu", "nn.ReLU()(x)", X),
    ("relu6", "nn.ReLU6()(x * 5)", X),
    ("leaky_relu", "nn.LeakyReLU(0.2)(x)", X),
    ("prelu", "nn.PReLU(dtype=x.dtype)(x)", X),
    ("elu", "nn.ELU(alpha=0.7)(x)", X),
    ("selu", "nn.SELU()(x)", X),
    ("celu", "nn.CELU(alpha=1.5)(x)", X),
    ("gelu", "nn.GELU()(x)", X),
    ("gelu_tanh", "nn.GELU(approximate='tanh')(x)", X),
    ("silu", "nn.SiLU()(x)", X),
    ("mish", "nn.Mish()(x)", X),
    ("tanh", "nn.Tanh()(x)", X),
    ("sigmoid", "nn.Sigmoid()(x)", X),
    ("hardtanh", "nn.Hardtanh(-0.5, 0.8)(x)", X),
    ("hardswish", "nn.Hardswish()(x * 3)", X),
    ("softplus", "nn.Softplus(beta=2)(x)", X),
    ("softsign", "nn.Softsign()(x)", X),
    ("tanhshrink", "nn.Tanhshrink()(x)", X),
    ("softshrink", "nn.Softshrink(0.4)(x)", X),
    ("threshold", "nn.Threshold(0.3, -1.0)(x)", X),
    ("logsigmoid", "nn.LogSigmoid()(x)", X),
    ("softmax", "nn.Softmax(dim=1)(x)", X),
    ("softmin", "nn.Softmin(dim=0)(x)", X),
    ("log_softmax", "nn.LogSoftmax(dim=-1)(x)", X),
    ("glu", "nn.GLU()(x)", X),
    ("flatten", "nn.Flatten()(x)", {"x": real(2, 2, 3)}),
    ("flatten_dims", "nn.Flatten(0, 1)(x)", {"x": real(2, 2, 3)}),
    ("unflatten", "nn.Unflatten(1, (2, 2))(x)", X),
    ("identity", "nn.Identity('whatever', option=3)(x)", X),
    ("sequential", "nn.Sequential(nn.Tanh(), nn.Softmax(dim=1))(x)", X),
]
globals().update(cases_of(ROWS, __name__))


def case_activations_print(torch):
    """Options show as they do in a call, defaults mostly not at all."""
    nn = torch.nn
    for module in [
        nn.ReLU(),
        nn.ReLU(inplace=True),
        nn.ReLU6(),
        nn.LeakyReLU(),
        nn.LeakyReLU(0.2, inplace=True),
        nn.PReLU(),
        nn.PReLU(3),
        nn.ELU(),
        nn.ELU(0.5, inplace=True),
        nn.SELU(),
        nn.CELU(),
        nn.GELU(),
        nn.GELU(approximate="tanh"),
        nn.SiLU(),
        nn.SiLU(inplace=True),
        nn.Mish(),
        nn.Tanh(),
        nn.Sigmoid(),
        nn.Hardtanh(),
        nn.Hardtanh(-2.0, 2.0),
        nn.Hardswish(),
        nn.Softplus(),
        nn.Softplus(beta=2, threshold=10),
        nn.Softsign(),
        nn.Tanhshrink(),
        nn.Softshrink(0.4),
        nn.Hardshrink(),
        nn.Threshold(0.1, 20),
        nn.LogSigmoid(),
        nn.Softmax(dim=1),
        nn.Softmax(),
        nn.Softmin(dim=0),
        nn.LogSoftmax(dim=-1),
        nn.GLU(),
        nn.Flatten(),
        nn.Unflatten(1, (2, 2)),
        nn.Dropout(),
        nn.Dropout(0.2, inplace=True),
        nn.Dropout2d(0.3),
        nn.Identity(),
    ]:
        yield repr(module)


def case_prelu(torch):
    """A learned slope, 0.25 at first, one or one for each channel."""
    layer = torch.nn.PReLU(2)
    yield layer.weight, list(layer.state_dict())
    x = leaf(torch, 3, 2)
    out = layer(x)
    yield out, gradients(torch, out, [x, layer.weight])


def case_inplace_relu(torch):
    """It writes into the result of the layer before, which did not save it."""
    nn = torch.nn
    net = nn.Sequential(fill(torch, nn.Linear(2, 3)), nn.ReLU(inplace=True))
    x = leaf(torch, 2, 2)
    out = net(x)
    yield out, gradients(torch, out, [x, *net.parameters()])


def case_dropout(torch):
    """Only in training; the expectation is kept."""
    layer = torch.nn.Dropout(0.5)
    x = torch.ones(1000)
    torch.manual_seed(4)
    out = layer(x)
    yield sorted(set(out.tolist())), 0.8 < out.mean().item() < 1.2, layer.training
    layer.eval()
    yield torch.equal(layer(x), x), layer.p
    layer.train()
    yield torch.equal(layer(x), x)


def case_mlp(torch):
    """Two layers and a loss, all gradients."""
    nn = torch.nn
    net = fill(torch, nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2)))
    x, y = leaf(torch, 5, 3), torch.tensor([0, 1, 1, 0, 1])
    out = net(x)
    loss = nn.CrossEntropyLoss()(out, y)
    loss.backward()
    yield out, loss, x.grad
    for name, p in net.named_parameters():
        yield name, p.grad


def case_mlp_double_backward(torch):
    """A penalty on the gradient of the input (float64)."""
    nn = torch.nn
    net = nn.Sequential(nn.Linear(2, 3), nn.Softplus(), nn.Linear(3, 1)).double()
    fill(torch, net)
    x = leaf(torch, 4, 2, dtype=torch.float64)
    (g,) = torch.autograd.grad(net(x).sum(), x, create_graph=True)
    ((g.norm(dim=1) - 1) ** 2).mean().backward()
    yield g.detach()
    for name, p in net.named_parameters():
        yield name, p.grad


def case_residual_block(torch):
    """A module of one's own, with a skip."""
    nn = torch.nn

    class Block(nn.Module):
        def __init__(self, width):
            super().__init__()
            self.norm = nn.LayerNorm(width)
            self.inner = nn.Linear(width, 2 * width)
            self.act = nn.GELU()
            self.outer = nn.Linear(2 * width, width)

        def forward(self, x):
            return x + self.outer(self.act(self.inner(self.norm(x))))

    block = fill(torch, Block(2))
    x = leaf(torch, 3, 2)
    out = block(x)
    yield out
    yield from gradients(torch, out, [x, *block.parameters()])
    yield repr(block)


def case_small_convolution_network(torch):
    """Convolution, pooling, flattening and a linear map as modules."""
    nn = torch.nn
    net = nn.Sequential(
        nn.Conv2d(1, 2, 2), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(8, 3)
    )
    fill(torch, net)
    x = wave(torch, 2, 1, 5, 5)
    out = net(x)
    (out * weights(torch, out)).sum().backward()
    yield out.detach(), [p.grad for p in net.parameters()]
    yield repr(net)


def case_attention_by_hand(torch):
    """Scaled products, softmax over the last dimension, a causal mask."""
    nn = torch.nn
    to_q, to_k, to_v = (fill(torch, nn.Linear(3, 2, bias=False), 0.3 + 0.2 * i) for i in range(3))
    x = leaf(torch, 1, 3, 3)
    scores = to_q(x) @ to_k(x).transpose(-2, -1) / 2**0.5
    future = torch.triu(torch.ones(3, 3, dtype=torch.bool), diagonal=1)
    share = nn.functional.softmax(scores.masked_fill(future, float("-inf")), dim=-1)
    out = share @ to_v(x)
    yield share.detach(), out
    yield from gradients(torch, out, [x, to_q.weight, to_k.weight, to_v.weight])


def case_bad_sizes(torch):
    """Dimensions and probabilities that do not exist."""
    nn = torch.nn
    yield raising(torch, lambda: nn.Flatten(0, 5)(wave(torch, 2, 2)), "Dimension out of range")
    yield raising(torch, lambda: nn.Unflatten(1, (2, 3))(wave(torch, 2, 4)), "4")
    yield raising(torch, lambda: nn.Softmax(dim=3)(wave(torch, 2, 2)), "Dimension out of range")
    yield raising(torch, lambda: nn.Dropout(-0.5), "-0.5")
    yield raising(torch, lambda: nn.Linear(2))
    yield raising(torch, lambda: nn.Linear(-1, 2))
