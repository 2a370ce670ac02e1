"""Activations of `nn.functional`: values, gradients, second order, kinks, in-place forms."""

from __future__ import annotations

import math

from nn_formulas import cases_of, gradients, leaf, real, unit, wave
from transcripts import raising

X = {"x": real(2, 5)}

ROWS = [
    ("relu", "F.relu(x)", X),
    ("relu6", "F.relu6(x)", {"x": real(2, 5, scale=6.0, shift=2.0)}),
    ("leaky_relu", "F.leaky_relu(x)", X),
    ("leaky_relu_slope", "F.leaky_relu(x, 0.3)", X),
    ("leaky_relu_named_slope", "F.leaky_relu(x, negative_slope=0.2)", X),
    ("prelu_one", "F.prelu(x, w)", {"x": real(2, 3), "w": real(1)}),
    ("prelu_per_channel", "F.prelu(x, w)", {"x": real(2, 3, 2), "w": real(3, phase=1.0)}),
    ("elu", "F.elu(x)", X),
    ("elu_alpha", "F.elu(x, alpha=0.6)", X),
    ("selu", "F.selu(x)", X),
    ("celu", "F.celu(x)", X),
    ("celu_alpha", "F.celu(x, alpha=1.7)", X),
    ("gelu", "F.gelu(x)", X),
    ("gelu_tanh", "F.gelu(x, approximate='tanh')", X),
    ("gelu_none", "F.gelu(x, approximate='none')", X),
    ("silu", "F.silu(x)", X),
    ("mish", "F.mish(x)", X),
    ("hardtanh", "F.hardtanh(x)", X),
    ("hardtanh_bounds", "F.hardtanh(x, min_val=-0.5, max_val=1.3)", X),
    ("hardswish", "F.hardswish(x)", {"x": real(2, 5, scale=5.0)}),
    ("hardsigmoid", "F.hardsigmoid(x)", {"x": real(2, 5, scale=5.0)}),
    ("sigmoid", "F.sigmoid(x)", X),
    ("sigmoid_of_torch", "torch.sigmoid(x)", X),
    ("tanh", "F.tanh(x)", X),
    ("tanh_of_torch", "torch.tanh(x)", X),
    ("softplus", "F.softplus(x)", X),
    ("softplus_beta", "F.softplus(x, beta=2.5)", X),
    ("softplus_threshold", "F.softplus(x, beta=2, threshold=1.5)", X),
    ("softsign", "F.softsign(x)", X),
    ("tanhshrink", "F.tanhshrink(x)", X),
    ("softshrink", "F.softshrink(x)", X),
    ("softshrink_lambda", "F.softshrink(x, 1.1)", X),
    ("hardshrink", "F.hardshrink(x)", X),
    ("hardshrink_lambda", "F.hardshrink(x, lambd=1.1)", X),
    ("threshold", "F.threshold(x, 0.5, -3.0)", X),
    ("logsigmoid", "F.logsigmoid(x)", X),
    ("softmax_last", "F.softmax(x, dim=-1)", X),
    ("softmax_first", "F.softmax(x, dim=0)", X),
    ("softmax_middle", "F.softmax(x, 1)", {"x": real(2, 3, 2)}),
    ("softmax_of_torch", "torch.softmax(x, 1)", X),
    ("softmax_method", "x.softmax(dim=1)", X),
    ("softmax_transposed", "F.softmax(x.t(), dim=0)", X),
    ("softmax_scalar", "F.softmax(x[0, 0], dim=0) + x[0, 0]", X),
    ("log_softmax_last", "F.log_softmax(x, dim=-1)", X),
    ("log_softmax_first", "F.log_softmax(x, dim=0)", X),
    ("log_softmax_method", "x.log_softmax(1)", X),
    ("log_softmax_of_torch", "torch.log_softmax(x, dim=1)", X),
    ("softmin", "F.softmin(x, dim=1)", X),
    ("glu", "F.glu(x)", {"x": real(2, 6)}),
    ("glu_dim", "F.glu(x, dim=0)", X),
    ("relu_of_torch", "torch.relu(x)", X),
    ("relu_method", "x.relu()", X),
    ("sigmoid_method", "x.sigmoid()", X),
    ("tanh_method", "x.tanh()", X),
    ("relu_scalar", "F.relu(x[0, 1])", X),
    ("gelu_strided", "F.gelu(x[:, ::2])", X),
    ("logit_of_unit", "torch.logit(x)", {"x": unit(2, 3)}),
    ("relu_squared", "F.relu(x)**2", X),
    ("swiglu", "F.silu(x) * y", {"x": real(2, 3), "y": real(2, 3, phase=2.0)}),
]
globals().update(cases_of(ROWS, __name__, once=["hardsigmoid"]))

ELEMENTWISE = ["relu", "relu6", "leaky_relu", "elu", "selu", "celu", "gelu", "silu", "mish",
               "hardtanh", "hardswish", "hardsigmoid", "sigmoid", "tanh", "softplus", "softsign",
               "tanhshrink", "softshrink", "hardshrink", "logsigmoid"]  # fmt: skip
INPLACE = ["relu", "relu6", "leaky_relu", "elu", "selu", "celu", "silu", "mish", "hardtanh",
           "hardswish", "hardsigmoid"]  # fmt: skip


def case_at_zero(torch):
    """The value and the gradient exactly at zero, where several have their kink."""
    for name in ELEMENTWISE:
        x = torch.zeros(2, requires_grad=True)
        out = getattr(torch.nn.functional, name)(x)
        yield name, out, gradients(torch, out, [x])


def case_at_the_other_kinks(torch):
    """The bounds themselves: a clamp passes the gradient there or does not."""
    F = torch.nn.functional
    for at, function in [
        ([0.0, 6.0], F.relu6),
        ([-1.0, 1.0], F.hardtanh),
        ([-3.0, 3.0], F.hardswish),
        ([-3.0, 3.0], F.hardsigmoid),
        ([-0.5, 0.5], F.softshrink),
        ([-0.5, 0.5], F.hardshrink),
        ([20.0, 20.5], F.softplus),
    ]:
        x = torch.tensor(at, requires_grad=True)
        out = function(x)
        yield out, gradients(torch, out, [x])
    x = torch.tensor([0.5, 0.5], requires_grad=True)
    yield gradients(torch, F.threshold(x, 0.5, -3.0), [x])
    x = torch.tensor([0.0, -0.0], requires_grad=True)
    w = torch.tensor([0.25], requires_grad=True)
    yield gradients(torch, F.prelu(x, w), [x, w])


def case_far_out(torch):
    """Large arguments neither overflow nor lose their gradient."""
    for name in ELEMENTWISE:
        x = torch.tensor([-200.0, -30.0, 30.0, 200.0], requires_grad=True)
        out = getattr(torch.nn.functional, name)(x)
        yield name, out, gradients(torch, out, [x])


def case_infinities_and_nan(torch):
    """What comes out of an infinity and of a NaN, and the gradient there.

    Without gelu: at +inf PyTorch gives inf or NaN, as the vector instructions of the machine go.
    """
    for name in ELEMENTWISE:
        if name == "gelu":
            continue
        x = torch.tensor([-math.inf, math.inf, math.nan], requires_grad=True)
        out = getattr(torch.nn.functional, name)(x)
        yield name, out, gradients(torch, out, [x])


def case_softmax_of_infinities(torch):
    """A whole row of -inf gives NaN, a single one an exact zero."""
    F = torch.nn.functional
    inf = math.inf
    x = torch.tensor([[-inf, 0.5, 1.0], [-inf, -inf, -inf], [inf, 0.0, 1.0]], requires_grad=True)
    for function in (F.softmax, F.log_softmax):
        out = function(x, dim=1)
        yield out, gradients(torch, out, [x])


def case_softmax_of_large_numbers(torch):
    """Shifting all entries by a thousand changes nothing."""
    F = torch.nn.functional
    x = wave(torch, 2, 3, scale=3.0)
    yield F.softmax(x + 1000, dim=1), F.log_softmax(x - 1000, dim=1)
    yield F.log_softmax(torch.tensor([0.0, 200.0, -200.0]), dim=0)


def case_inplace_argument(torch):
    """``inplace=True`` writes into its argument and returns it."""
    for name in INPLACE:
        x = leaf(torch, 2, 3, scale=2.0)
        y = x * 1.5
        out = getattr(torch.nn.functional, name)(y, inplace=True)
        yield name, out is y, y, y.detach(), gradients(torch, out, [x])


def case_inplace_names(torch):
    """The functions that end in an underscore."""
    F = torch.nn.functional
    for name in ("relu_", "leaky_relu_", "elu_", "selu_", "celu_", "hardtanh_", "threshold_"):
        x = leaf(torch, 2, 3, scale=2.0)
        y = x * 1.5
        extra = (0.5, -3.0) if name == "threshold_" else ()
        out = getattr(F, name)(y, *extra)
        yield name, out is y, out.detach(), gradients(torch, out, [x])
    for name in ("relu_", "sigmoid_", "tanh_"):
        x = leaf(torch, 3)
        y = x * 2
        yield getattr(y, name)() is y, y, gradients(torch, y, [x])


def case_inplace_on_a_leaf(torch):
    """A leaf that requires grad may not be overwritten."""
    x = leaf(torch, 3)
    yield raising(torch, lambda: torch.nn.functional.relu(x, inplace=True), "leaf", "in-place")
    yield raising(torch, lambda: x.sigmoid_(), "leaf", "in-place")
    yield x


def case_inplace_spoils_a_saved_result_raises(torch):
    """`sigmoid` saves its result: writing into it makes the reverse pass an error."""
    x = leaf(torch, 3)
    y = x.sigmoid()
    torch.nn.functional.relu(y, inplace=True)
    yield y.detach()
    y.sum().backward()


def case_softmax_dtype(torch):
    """``dtype=`` casts before computing."""
    F = torch.nn.functional
    x = leaf(torch, 2, 3)
    out = F.softmax(x, dim=1, dtype=torch.float64)
    yield out, gradients(torch, out, [x])
    out = F.log_softmax(x, dim=1, dtype=torch.float64)
    yield out, gradients(torch, out, [x])
    yield F.softmax(torch.tensor([1, 2, 3]), dim=0, dtype=torch.float32)


def case_softmax_without_dim(torch):
    """The dimension is guessed, with a warning."""
    yield torch.nn.functional.softmax(wave(torch, 2, 3))


def case_log_softmax_without_dim(torch):
    """For vectors the guess is dimension 0."""
    yield torch.nn.functional.log_softmax(wave(torch, 3))


def case_integers(torch):
    """Which activations take integers, and what they return."""
    F = torch.nn.functional
    x = torch.tensor([-2, 0, 3])
    yield F.relu(x), torch.sigmoid(x), torch.tanh(x), F.softsign(x)
    for name in ("gelu", "elu", "silu", "softplus", "leaky_relu"):
        yield name, raising(torch, lambda name=name: getattr(F, name)(x))
    yield raising(torch, lambda: F.softmax(x, dim=0))
    yield F.relu6(x), F.hardtanh(x)


def case_wrong_arguments(torch):
    """Dimensions that do not exist, odd halves, unknown approximations."""
    F = torch.nn.functional
    x = wave(torch, 2, 3)
    yield raising(torch, lambda: F.softmax(x, dim=2), "Dimension out of range")
    yield raising(torch, lambda: F.log_softmax(x, dim=-3), "Dimension out of range")
    yield raising(torch, lambda: F.glu(x, dim=1))
    yield raising(torch, lambda: F.gelu(x, approximate="erf"), "approximate")
    yield raising(torch, lambda: F.prelu(x, wave(torch, 2)))
    yield raising(torch, lambda: F.softshrink(x, -1.0))


def case_empty(torch):
    """No entries in, none out."""
    F = torch.nn.functional
    x = torch.zeros(0, 3, requires_grad=True)
    for function in (F.relu, F.gelu, F.softplus):
        out = function(x)
        yield out, gradients(torch, out, [x])
    out = F.softmax(x, dim=1)
    yield out, gradients(torch, out, [x])


def case_gumbel_softmax_facts(torch):
    """Rows sum to one; ``hard=True`` gives one-hot rows that still carry a gradient."""
    F = torch.nn.functional
    torch.manual_seed(0)
    x = leaf(torch, 4, 3)
    soft = F.gumbel_softmax(x, tau=0.8)
    yield tuple(soft.shape), torch.allclose(soft.sum(1), torch.ones(4)), soft.requires_grad
    hard = F.gumbel_softmax(x, hard=True)
    yield sorted(set(hard.detach().round().flatten().tolist())), hard.requires_grad


def case_dropout_off(torch):
    """Without training, dropout is the identity."""
    F = torch.nn.functional
    x = leaf(torch, 2, 3)
    out = F.dropout(x, 0.5, training=False)
    yield out, gradients(torch, out, [x])
    yield F.dropout(x, 0.0)


def case_dropout_on(torch):
    """With training, entries are zero or scaled by 1 / (1 - p); the gradient has the same mask."""
    F = torch.nn.functional
    torch.manual_seed(1)
    x = torch.ones(2000, requires_grad=True)
    out = F.dropout(x, 0.25)
    kept = out.detach() != 0
    yield out.shape, out.dtype, sorted(set(out.detach().tolist()))
    yield 0.65 < kept.double().mean().item() < 0.85
    out.sum().backward()
    yield torch.equal(x.grad, out.detach())
    yield F.dropout(x, 1.0).detach().sum()
    yield not torch.equal(F.dropout(x, 0.5), F.dropout(x, 0.5))


def case_dropout_seeded(torch):
    """The same seed, the same mask."""
    F = torch.nn.functional
    x = torch.ones(50)
    torch.manual_seed(7)
    first = F.dropout(x)
    torch.manual_seed(7)
    yield torch.equal(first, F.dropout(x))


def case_dropout_of_whole_channels(torch):
    """`dropout1d` and `dropout2d` zero a channel as a whole."""
    F = torch.nn.functional
    torch.manual_seed(2)
    out = F.dropout2d(torch.ones(8, 4, 3, 3), 0.5)
    sums = out.sum((2, 3)).flatten()
    yield sorted(set(sums.tolist())), out.shape
    out = F.dropout1d(torch.ones(8, 4, 3), 0.5)
    yield sorted(set(out.sum(2).flatten().tolist()))


def case_dropout_bad_probability(torch):
    """A probability outside [0, 1] is refused."""
    F = torch.nn.functional
    x = torch.ones(2)
    yield raising(torch, lambda: F.dropout(x, 1.5), "1.5")
    yield raising(torch, lambda: F.dropout(x, -0.1), "-0.1")
    yield raising(torch, lambda: torch.nn.Dropout(2.0), "2.0")
