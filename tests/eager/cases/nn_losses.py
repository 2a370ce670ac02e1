"""Losses of `nn.functional` and as modules: reductions, weights, targets of each kind, kinks."""

from __future__ import annotations

import math

from nn_formulas import cases_of, constant, gradients, leaf, positive, real, unit, wave, whole
from transcripts import raising

PAIR = {"x": real(2, 3), "y": real(2, 3, phase=1.9)}
FIXED = {"x": real(2, 3), "y": constant(real(2, 3, phase=1.9))}
PROBABLE = {"x": unit(2, 3), "y": constant(unit(2, 3, phase=1.9))}
LOGITS = {"x": real(2, 3, scale=3.0), "y": constant(unit(2, 3, phase=1.9))}
CLASSES = {"x": real(4, 3), "y": whole([2, 0, 1, 2])}
WEIGHED = {**CLASSES, "w": constant(positive(3))}
SHARES = {"x": real(3, 4), "y": unit(3, 4, phase=2.2)}
IMAGES = {"x": real(2, 3, 2), "y": whole([[0, 2], [1, 1]])}
LOGPROBS = {"x": real(2, 3), "y": constant(positive(2, 3))}
ROWS2 = {"x": real(3, 2), "y": real(3, 2, phase=2.5)}
SIGNS = {**ROWS2, "t": whole([1, -1, 1])}
TRIPLE = {**ROWS2, "z": real(3, 2, phase=4.4)}

REDUCED = [
    ("mse_loss", "F.mse_loss(x, y{})", PAIR),
    ("l1_loss", "F.l1_loss(x, y{})", PAIR),
    ("smooth_l1_loss", "F.smooth_l1_loss(x, y{})", PAIR),
    ("smooth_l1_loss_beta", "F.smooth_l1_loss(x, y, beta=2.5{})", PAIR),
    ("huber_loss", "F.huber_loss(x, y{})", PAIR),
    ("huber_loss_delta", "F.huber_loss(x, y, delta=0.6{})", PAIR),
    ("binary_cross_entropy", "F.binary_cross_entropy(x, y{})", PROBABLE),
    ("bce_with_logits", "F.binary_cross_entropy_with_logits(x, y{})", LOGITS),
    ("cross_entropy", "F.cross_entropy(x, y{})", CLASSES),
    ("cross_entropy_weight", "F.cross_entropy(x, y, weight=w{})", WEIGHED),
    ("cross_entropy_ignore", "F.cross_entropy(x, y, ignore_index=2{})", CLASSES),
    ("cross_entropy_smooth", "F.cross_entropy(x, y, label_smoothing=0.2{})", CLASSES),
    ("cross_entropy_smooth_weight", "F.cross_entropy(x, y, w, label_smoothing=0.3{})", WEIGHED),
    ("cross_entropy_probabilities", "F.cross_entropy(x, y{})", SHARES),
    ("nll_loss", "F.nll_loss(x, y{})", CLASSES),
    ("nll_loss_weight", "F.nll_loss(x, y, weight=w{})", WEIGHED),
    ("nll_loss_ignore", "F.nll_loss(x, y, ignore_index=0{})", CLASSES),
    ("kl_div", "F.kl_div(x, y{})", {"x": real(2, 3), "y": unit(2, 3, phase=1.9)}),
    ("poisson_nll_loss", "F.poisson_nll_loss(x, y{})", LOGPROBS),
    ("hinge_embedding_loss", "F.hinge_embedding_loss(x, t{})", {"x": real(3), "t": whole([1, -1, 1])}),
    ("margin_ranking_loss", "F.margin_ranking_loss(x, y, t, margin=0.3{})",
     {"x": real(3), "y": real(3, phase=2.5), "t": whole([1, -1, 1])}),
    ("soft_margin_loss", "F.soft_margin_loss(x, t{})", {"x": real(3), "t": whole([1, -1, 1])}),
    ("cosine_embedding_loss", "F.cosine_embedding_loss(x, y, t, margin=0.1{})", SIGNS),
    ("triplet_margin_loss", "F.triplet_margin_loss(x, y, z, margin=4.0{})", TRIPLE),
    ("gaussian_nll_loss", "F.gaussian_nll_loss(x, y, v{})", {**FIXED, "v": positive(2, 3)}),
]  # fmt: skip

ROWS = [
    (f"{name}_{reduction}", expression.format(f", reduction='{reduction}'"), inputs)
    for name, expression, inputs in REDUCED
    for reduction in ("mean", "sum", "none")
] + [
    ("mse_loss_default", "F.mse_loss(x, y)", FIXED),
    ("mse_loss_scalar", "F.mse_loss(x[0, 0], y[0, 0])", PAIR),
    ("smooth_l1_loss_zero_beta", "F.smooth_l1_loss(x, y, beta=0.0)", PAIR),
    ("bce_weight", "F.binary_cross_entropy(x, y, weight=w)", {**PROBABLE, "w": constant(positive(3))}),
    ("bce_target_gradient", "F.binary_cross_entropy(x, y)", {"x": unit(3), "y": unit(3, phase=1.9)}),
    ("bce_logits_weight", "F.binary_cross_entropy_with_logits(x, y, weight=w)",
     {**LOGITS, "w": constant(positive(2, 3))}),
    ("bce_logits_pos_weight", "F.binary_cross_entropy_with_logits(x, y, pos_weight=w)",
     {**LOGITS, "w": constant(positive(3))}),
    ("bce_logits_both_weights",
     "F.binary_cross_entropy_with_logits(x, y, weight=w, pos_weight=v, reduction='sum')",
     {**LOGITS, "w": constant(positive(3)), "v": constant(positive(3, phase=2.0))}),
    ("bce_logits_target_gradient", "F.binary_cross_entropy_with_logits(x, y)",
     {"x": real(3), "y": unit(3, phase=1.9)}),
    ("bce_of_sigmoid", "F.binary_cross_entropy(torch.sigmoid(x), y)", LOGITS),
    ("cross_entropy_unbatched", "F.cross_entropy(x, y)", {"x": real(4), "y": whole(1)}),
    ("cross_entropy_images", "F.cross_entropy(x, y)", IMAGES),
    ("cross_entropy_images_none", "F.cross_entropy(x, y, reduction='none')", IMAGES),
    ("cross_entropy_probabilities_smooth", "F.cross_entropy(x, y, label_smoothing=0.1)", SHARES),
    ("cross_entropy_probabilities_weight", "F.cross_entropy(x, y, weight=w)",
     {**SHARES, "w": constant(positive(4))}),
    ("cross_entropy_ignore_weight", "F.cross_entropy(x, y, weight=w, ignore_index=0)", WEIGHED),
    ("cross_entropy_is_nll", "F.nll_loss(F.log_softmax(x, dim=1), y)", CLASSES),
    ("nll_loss_images", "F.nll_loss(x, y)", IMAGES),
    ("nll_loss_unbatched", "F.nll_loss(x, y)", {"x": real(4), "y": whole(2)}),
    ("kl_div_batchmean", "F.kl_div(x, y, reduction='batchmean')", LOGPROBS),
    ("kl_div_log_target", "F.kl_div(x, y, log_target=True, reduction='sum')", PAIR),
    ("poisson_nll_loss_full", "F.poisson_nll_loss(x, y, full=True)", LOGPROBS),
    ("poisson_nll_loss_linear", "F.poisson_nll_loss(x, y, log_input=False)",
     {"x": positive(2, 3), "y": constant(positive(2, 3, phase=2.0))}),
    ("gaussian_nll_loss_full", "F.gaussian_nll_loss(x, y, v, full=True)",
     {**FIXED, "v": positive(2, 3)}),
    ("multilabel_soft_margin_loss", "F.multilabel_soft_margin_loss(x, y)", LOGITS),
    ("multi_margin_loss", "F.multi_margin_loss(x, y)", CLASSES),
    ("mse_module", "nn.MSELoss()(x, y)", PAIR),
    ("l1_module", "nn.L1Loss(reduction='sum')(x, y)", PAIR),
    ("smooth_l1_module", "nn.SmoothL1Loss(beta=0.7)(x, y)", PAIR),
    ("huber_module", "nn.HuberLoss(delta=1.4)(x, y)", PAIR),
    ("bce_module", "nn.BCELoss()(x, y)", PROBABLE),
    ("bce_logits_module", "nn.BCEWithLogitsLoss(reduction='none')(x, y)", LOGITS),
    ("cross_entropy_module", "nn.CrossEntropyLoss(label_smoothing=0.1)(x, y)", CLASSES),
    ("cross_entropy_module_weight", "nn.CrossEntropyLoss(weight=w)(x, y)", WEIGHED),
    ("nll_module", "nn.NLLLoss()(x, y)", CLASSES),
    ("kl_module", "nn.KLDivLoss(reduction='batchmean')(x, y)", LOGPROBS),
    ("cosine_embedding_module", "nn.CosineEmbeddingLoss()(x, y, t)", SIGNS),
    ("triplet_module", "nn.TripletMarginLoss(margin=4.0)(x, y, z)", TRIPLE),
]  # fmt: skip
globals().update(cases_of(ROWS, __name__, once=["multi_margin_loss"]))


def case_loss_modules_print(torch):
    """The loss modules print with empty brackets and keep their weights as buffers."""
    nn = torch.nn
    yield repr(nn.MSELoss()), repr(nn.CrossEntropyLoss()), repr(nn.BCEWithLogitsLoss())
    yield repr(nn.L1Loss()), repr(nn.NLLLoss()), repr(nn.HuberLoss()), repr(nn.SmoothL1Loss())
    loss = nn.CrossEntropyLoss(weight=wave(torch, 3))
    yield list(loss.state_dict()), list(loss.parameters()), loss.reduction, loss.ignore_index
    loss = nn.BCEWithLogitsLoss(pos_weight=wave(torch, 3))
    yield loss.state_dict(), loss.weight is None


def case_equal_arguments(torch):
    """At a difference of zero the absolute value has gradient zero."""
    F = torch.nn.functional
    for loss in (F.l1_loss, F.mse_loss, F.smooth_l1_loss, F.huber_loss):
        x = torch.tensor([1.0, 2.0], requires_grad=True)
        y = torch.tensor([1.0, 3.0])
        out = loss(x, y)
        yield out, gradients(torch, out, [x])


def case_difference_at_the_bend(torch):
    """At a difference of exactly beta or delta, both pieces agree in value and slope."""
    F = torch.nn.functional
    for loss in (F.smooth_l1_loss, F.huber_loss):
        x = torch.tensor([1.0, -1.0], requires_grad=True)
        out = loss(x, torch.zeros(2), reduction="sum")
        yield out, gradients(torch, out, [x])


def case_bce_at_zero_and_one(torch):
    """The logarithm is cut off at -100, so a wrong certainty costs 100."""
    x = torch.tensor([0.0, 1.0, 0.0, 1.0], requires_grad=True)
    y = torch.tensor([0.0, 1.0, 1.0, 0.0])
    out = torch.nn.functional.binary_cross_entropy(x, y, reduction="none")
    yield out, gradients(torch, out, [x])


def case_bce_logits_far_out(torch):
    """Large logits stay finite in value and gradient."""
    x = torch.tensor([-1000.0, -80.0, 0.0, 80.0, 1000.0], requires_grad=True)
    for target in (0.0, 1.0, 0.3):
        y = torch.full((5,), target)
        out = torch.nn.functional.binary_cross_entropy_with_logits(x, y, reduction="none")
        yield out, gradients(torch, out, [x])


def case_cross_entropy_far_out(torch):
    """Logits of a thousand neither overflow nor lose the gradient."""
    x = torch.tensor([[1000.0, 0.0, -1000.0], [0.0, 0.0, 0.0]], requires_grad=True)
    out = torch.nn.functional.cross_entropy(x, torch.tensor([2, 1]), reduction="none")
    yield out, gradients(torch, out, [x])


def case_cross_entropy_of_minus_infinity(torch):
    """A class ruled out by -inf: infinite loss where it is the target, none elsewhere."""
    x = torch.tensor([[0.0, -math.inf], [0.0, -math.inf]], requires_grad=True)
    out = torch.nn.functional.cross_entropy(x, torch.tensor([0, 1]), reduction="none")
    yield out, gradients(torch, out, [x])


def case_everything_ignored(torch):
    """The mean over no targets is NaN, the sum zero."""
    F = torch.nn.functional
    x = leaf(torch, 2, 3)
    y = torch.tensor([-100, -100])
    yield F.cross_entropy(x, y), F.cross_entropy(x, y, reduction="sum")
    yield F.nll_loss(x, y, reduction="none")
    x.grad = None
    F.cross_entropy(x, y, reduction="sum").backward()
    yield x.grad


def case_kl_div_with_zero_target(torch):
    """Where the target is zero the term is zero."""
    x = leaf(torch, 3)
    y = torch.tensor([0.0, 0.4, 0.6])
    out = torch.nn.functional.kl_div(x, y, reduction="none")
    yield out, gradients(torch, out, [x])


def case_kl_div_mean_warns(torch):
    """``reduction='mean'`` is not the mathematical divergence, and says so."""
    yield torch.nn.functional.kl_div(wave(torch, 2, 3), wave(torch, 2, 3, shift=2.0))


def case_mse_broadcast_warns(torch):
    """Sizes that differ are broadcast, with a warning."""
    F = torch.nn.functional
    yield F.mse_loss(leaf(torch, 3, 1), wave(torch, 3))
    yield F.l1_loss(wave(torch, 2, 3), wave(torch, 3))
    yield F.smooth_l1_loss(wave(torch, 2, 3), wave(torch, 3))


def case_empty_losses(torch):
    """The mean of nothing is NaN, the sum zero."""
    F = torch.nn.functional
    x, y = torch.zeros(0), torch.zeros(0)
    yield F.mse_loss(x, y), F.mse_loss(x, y, reduction="sum"), F.l1_loss(x, y)


def case_wrong_losses(torch):
    """Shapes, dtypes, class numbers and reductions that do not fit."""
    F = torch.nn.functional
    x = leaf(torch, 2, 3)
    yield raising(torch, lambda: F.mse_loss(x, x, reduction="average"), "average")
    yield raising(torch, lambda: F.cross_entropy(x, torch.tensor([0, 3])), "3")
    yield raising(torch, lambda: F.cross_entropy(x, torch.tensor([0, -1])), "-1")
    yield raising(torch, lambda: F.cross_entropy(x, torch.tensor([0, 1, 2])), "2", "3")
    yield raising(torch, lambda: F.cross_entropy(x, torch.tensor([0.0, 1.0])))
    yield raising(torch, lambda: F.cross_entropy(x, torch.tensor([0, 1]), torch.ones(2)), "weight")
    yield raising(torch, lambda: F.nll_loss(x, torch.tensor([0.0, 1.0])))
    yield raising(torch, lambda: F.nll_loss(x, torch.tensor([0, 5])), "5")
    yield raising(torch, lambda: F.binary_cross_entropy(x, torch.ones(2, 3)), "0", "1")
    yield raising(torch, lambda: F.binary_cross_entropy(torch.ones(2), torch.ones(3)), "size")
    yield raising(
        torch,
        lambda: F.binary_cross_entropy_with_logits(torch.ones(2), torch.ones(3)),
        "torch.Size([3])",
        "torch.Size([2])",
    )
    yield raising(torch, lambda: F.huber_loss(x, x, delta=0.0), "delta")
    yield raising(torch, lambda: F.smooth_l1_loss(x, x, beta=-1.0), "beta")
    yield raising(torch, lambda: F.mse_loss(x, torch.ones(2, 2)), "3", "2")
    yield raising(
        torch, lambda: F.cross_entropy(x, torch.tensor([0, 1]), label_smoothing=1.5), "1.5"
    )


def case_integer_targets(torch):
    """Which losses take integers as targets."""
    F = torch.nn.functional
    x = leaf(torch, 3)
    y = torch.tensor([1, 0, 2])
    out = F.mse_loss(x, y)
    yield out, gradients(torch, out, [x])
    yield F.l1_loss(x, y).detach(), F.smooth_l1_loss(x, y).detach()
    yield F.binary_cross_entropy_with_logits(x, y.clamp(0, 1).double()).detach()
    yield F.mse_loss(x, y.double()).detach()


def case_loss_backward_fills_grad(torch):
    """A loss of a linear map, twice backward: the gradients add up."""
    F = torch.nn.functional
    w = leaf(torch, 3, 2)
    x, y = wave(torch, 4, 2, phase=1.0), torch.tensor([0, 2, 1, 0])
    F.cross_entropy(x @ w.t(), y).backward()
    yield w.grad
    F.cross_entropy(x @ w.t(), y).backward()
    yield w.grad
