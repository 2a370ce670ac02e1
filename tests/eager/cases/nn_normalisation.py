"""Normalisations: over features, over the batch, over groups; running statistics."""

from __future__ import annotations

from nn_formulas import cases_of, constant, fill, gradients, leaf, positive, real, wave, weights
from transcripts import raising

AFFINE = {"w": real(3, phase=1.0), "b": real(3, phase=2.0)}
STATE = {"m": constant(real(3, phase=3.0)), "v": constant(positive(3))}
BATCH = {"x": real(4, 3)}
IMAGES = {"x": real(2, 4, 3)}

ROWS = [
    ("layer_norm", "F.layer_norm(x, (3,))", BATCH),
    ("layer_norm_affine", "F.layer_norm(x, (3,), w, b)", {**BATCH, **AFFINE}),
    ("layer_norm_weight", "F.layer_norm(x, (3,), weight=w)", {**BATCH, "w": AFFINE["w"]}),
    ("layer_norm_two_dims", "F.layer_norm(x, (2, 3))", {"x": real(2, 2, 3)}),
    ("layer_norm_two_dims_affine", "F.layer_norm(x, [2, 3], w, b)",
     {"x": real(2, 2, 3), "w": real(2, 3, phase=1.0), "b": real(2, 3, phase=2.0)}),
    ("layer_norm_eps", "F.layer_norm(x, (3,), eps=0.5)", BATCH),
    ("layer_norm_vector", "F.layer_norm(x, (5,))", {"x": real(5)}),
    ("rms_norm", "F.rms_norm(x, (3,))", BATCH),
    ("rms_norm_weight", "F.rms_norm(x, (3,), w, eps=0.1)", {**BATCH, "w": AFFINE["w"]}),
    ("batch_norm_training", "F.batch_norm(x, None, None, training=True)", BATCH),
    ("batch_norm_training_affine", "F.batch_norm(x, None, None, w, b, training=True)",
     {**BATCH, **AFFINE}),
    ("batch_norm_evaluation", "F.batch_norm(x, m, v)", {**BATCH, **STATE}),
    ("batch_norm_evaluation_affine", "F.batch_norm(x, m, v, w, b)", {**BATCH, **STATE, **AFFINE}),
    ("batch_norm_eps", "F.batch_norm(x, m, v, eps=0.3)", {**BATCH, **STATE}),
    ("batch_norm_three_dims", "F.batch_norm(x, None, None, w, b, training=True)",
     {"x": real(2, 3, 2), **AFFINE}),
    ("batch_norm_four_dims", "F.batch_norm(x, m, v, w, b)",
     {"x": real(1, 3, 2, 2), **STATE, **AFFINE}),
    ("group_norm", "F.group_norm(x, 2)", IMAGES),
    ("group_norm_affine", "F.group_norm(x, 2, w, b)",
     {**IMAGES, "w": real(4, phase=1.0), "b": real(4, phase=2.0)}),
    ("group_norm_one_group", "F.group_norm(x, 1, eps=0.1)", IMAGES),
    ("instance_norm", "F.instance_norm(x)", {"x": real(2, 2, 3)}),
    ("normalize", "F.normalize(x)", BATCH),
    ("normalize_first_dim", "F.normalize(x, dim=0)", BATCH),
    ("normalize_one", "F.normalize(x, p=1)", BATCH),
    ("normalize_three", "F.normalize(x, p=3.0, dim=1)", BATCH),
    ("normalize_eps", "F.normalize(x, eps=5.0)", BATCH),
    ("cosine_similarity", "F.cosine_similarity(x, y)", {**BATCH, "y": real(4, 3, phase=2.5)}),
    ("cosine_similarity_dim", "F.cosine_similarity(x, y, dim=0)",
     {**BATCH, "y": real(4, 3, phase=2.5)}),
    ("cosine_similarity_broadcast", "F.cosine_similarity(x, y, dim=-1)",
     {**BATCH, "y": real(3, phase=2.5)}),
    ("pairwise_distance", "F.pairwise_distance(x, y)", {**BATCH, "y": real(4, 3, phase=2.5)}),
    ("pairwise_distance_one", "F.pairwise_distance(x, y, p=1.0, keepdim=True)",
     {**BATCH, "y": real(4, 3, phase=2.5)}),
    ("layer_norm_module", "nn.LayerNorm(3, dtype=x.dtype)(x)", BATCH),
    ("rms_norm_module", "nn.RMSNorm(3, dtype=x.dtype)(x)", BATCH),
    ("group_norm_module", "nn.GroupNorm(2, 4, dtype=x.dtype)(x)", IMAGES),
    ("cosine_similarity_module", "nn.CosineSimilarity(dim=1)(x, y)",
     {**BATCH, "y": real(4, 3, phase=2.5)}),
    ("pairwise_distance_module", "nn.PairwiseDistance(p=2)(x, y)",
     {**BATCH, "y": real(4, 3, phase=2.5)}),
]  # fmt: skip
globals().update(cases_of(ROWS, __name__))


def case_running_statistics(torch):
    """The running mean and the running *unbiased* variance move by `momentum`, in place."""
    F = torch.nn.functional
    x = leaf(torch, 4, 3, scale=2.0)
    mean, var = torch.zeros(3), torch.ones(3)
    out = F.batch_norm(x, mean, var, training=True, momentum=0.3)
    yield out.detach(), mean, var
    F.batch_norm(x * 2, mean, var, training=True, momentum=0.3)
    yield mean, var, mean.requires_grad
    F.batch_norm(x, mean, var, training=False)
    yield mean, var


def case_batch_norm_module(torch):
    """Training steps move the buffers and count; evaluation uses them."""
    layer = fill(torch, torch.nn.BatchNorm1d(3))
    yield list(layer.state_dict()), layer.running_mean, layer.running_var
    yield layer.num_batches_tracked
    x = leaf(torch, 4, 3, scale=2.0)
    out = layer(x)
    yield out, gradients(torch, out, [x, layer.weight, layer.bias])
    layer(x + 1)
    yield layer.running_mean, layer.running_var, layer.num_batches_tracked
    layer.eval()
    out = layer(x)
    yield out, gradients(torch, out, [x, layer.weight, layer.bias])
    yield layer.num_batches_tracked, layer.training


def case_batch_norm_module_options(torch):
    """Without affine map, without statistics, with a cumulative mean."""
    nn = torch.nn
    x = wave(torch, 4, 3, scale=2.0)
    plain = nn.BatchNorm1d(3, affine=False)
    yield plain(x), plain.weight, plain.bias, list(plain.parameters())
    stateless = nn.BatchNorm1d(3, track_running_stats=False)
    stateless.eval()
    yield stateless(x).detach(), stateless.running_mean, list(stateless.state_dict())
    average = nn.BatchNorm1d(3, momentum=None)
    average(x)
    average(x + 3)
    yield average.running_mean, average.running_var, average.num_batches_tracked
    average.reset_running_stats()
    yield average.running_mean, average.running_var, average.num_batches_tracked
    yield repr(plain), repr(stateless), repr(average)


def case_batch_norm_of_images(torch):
    """`BatchNorm2d` takes statistics over batch, height and width."""
    layer = torch.nn.BatchNorm2d(2)
    x = leaf(torch, 2, 2, 2, 2, scale=2.0)
    out = layer(x)
    yield out, gradients(torch, out, [x, layer.weight, layer.bias])
    yield layer.running_mean, layer.running_var
    layer1 = torch.nn.BatchNorm1d(2)
    out = layer1(x.reshape(2, 2, 4))
    yield out.detach(), layer1.running_mean


def case_layer_norm_module(torch):
    """Parameters start at one and zero; both can be left out."""
    nn = torch.nn
    layer = nn.LayerNorm((2, 3))
    yield layer.weight, layer.bias, layer.normalized_shape, layer.eps
    fill(torch, layer)
    x = leaf(torch, 2, 2, 3)
    out = layer(x)
    yield out, gradients(torch, out, [x, layer.weight, layer.bias])
    plain = nn.LayerNorm(3, elementwise_affine=False, eps=0.1)
    yield plain(x).detach(), plain.weight, plain.bias
    unbiased = nn.LayerNorm(3, bias=False)
    yield unbiased.bias, list(unbiased.state_dict())
    yield repr(layer), repr(plain), repr(unbiased)


def case_group_norm_modules_print(torch):
    """The printed forms of the normalisations."""
    nn = torch.nn
    yield repr(nn.GroupNorm(2, 4)), repr(nn.InstanceNorm1d(3)), repr(nn.BatchNorm2d(4, eps=0.1))
    yield repr(nn.RMSNorm(3)), repr(nn.CosineSimilarity()), repr(nn.PairwiseDistance())


def case_constant_rows(torch):
    """A row of equal entries has variance zero: the result is zero, the gradient finite."""
    F = torch.nn.functional
    x = torch.full((2, 3), 2.0, requires_grad=True)
    out = F.layer_norm(x, (3,))
    yield out, gradients(torch, out, [x])
    out = F.batch_norm(x, None, None, training=True)
    yield out, gradients(torch, out, [x])


def case_zero_rows(torch):
    """Normalising, comparing and measuring zero vectors."""
    F = torch.nn.functional
    x = torch.zeros(2, 3, requires_grad=True)
    out = F.normalize(x)
    yield out, gradients(torch, out, [x])
    out = F.cosine_similarity(x, torch.ones(2, 3))
    yield out, gradients(torch, out, [x])
    out = F.pairwise_distance(x, torch.zeros(2, 3))
    yield out, gradients(torch, out, [x])
    out = F.pairwise_distance(x, torch.zeros(2, 3), eps=0.0)
    yield out, gradients(torch, out, [x])


def case_normalisation_errors(torch):
    """Shapes that do not fit, statistics of one number, groups that do not divide."""
    F, nn = torch.nn.functional, torch.nn
    x = wave(torch, 4, 3)
    yield raising(torch, lambda: F.layer_norm(x, (4,)), "[4]", "[4, 3]")
    yield raising(torch, lambda: F.layer_norm(x, (3,), torch.ones(2)), "weight")
    yield raising(torch, lambda: F.batch_norm(wave(torch, 1, 3), None, None, training=True), "1, 3")
    yield raising(torch, lambda: F.batch_norm(x, None, None))
    yield raising(torch, lambda: F.batch_norm(x, torch.zeros(2), torch.ones(2)), "2", "3")
    yield raising(torch, lambda: F.group_norm(wave(torch, 2, 3), 2), "3", "2")
    yield raising(torch, lambda: nn.GroupNorm(2, 3), "num_channels", "num_groups")
    yield raising(torch, lambda: nn.BatchNorm1d(3)(wave(torch, 3)), "1D")
    yield raising(torch, lambda: nn.BatchNorm2d(3)(x), "2D")
    yield raising(torch, lambda: nn.BatchNorm1d(4)(x), "3", "4")


def case_batch_norm_uses_what_it_saw(torch):
    """A small network: train three steps, then evaluate; the buffers are part of the state."""
    nn = torch.nn
    net = nn.Sequential(fill(torch, nn.Linear(2, 3)), fill(torch, nn.BatchNorm1d(3)), nn.ReLU())
    x = wave(torch, 5, 2, scale=2.0)
    for step in range(3):
        out = net(x + step)
    (out * weights(torch, out)).sum().backward()
    yield net[0].weight.grad, net[1].weight.grad, net[1].bias.grad
    net.eval()
    yield net(x).detach()
    yield net.state_dict()
