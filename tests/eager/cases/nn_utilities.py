"""`nn.utils`: clipping gradients, parameters as one vector, weight normalisation, sequences."""

from __future__ import annotations

import math

from nn_formulas import fill, leaf, wave
from transcripts import raising


def graded(torch, scale=4.0):
    """Return two leaves with gradients of known size, and one without."""
    p, q, r = leaf(torch, 2), leaf(torch, 2, 2, phase=1.0), leaf(torch, 1)
    p.grad = wave(torch, 2, scale=scale)
    q.grad = wave(torch, 2, 2, scale=scale, phase=2.0)
    return [p, q, r]


def case_clip_grad_norm(torch):
    """Returns the total norm before clipping; scales all gradients by one number."""
    clip = torch.nn.utils.clip_grad_norm_
    for bound in (1.0, 100.0, 0.0):
        ps = graded(torch)
        yield clip(ps, bound), [p.grad for p in ps]


def case_clip_grad_norm_of_other_orders(torch):
    """The sum of sizes, the largest size, the order as a keyword."""
    clip = torch.nn.utils.clip_grad_norm_
    for order in (1, 2.0, 3.0, math.inf, 0.5):
        ps = graded(torch)
        yield order, clip(ps, 1.5, norm_type=order), [p.grad for p in ps]


def case_clip_grad_norm_inputs(torch):
    """A single tensor, a generator, nothing at all, no gradients."""
    clip = torch.nn.utils.clip_grad_norm_
    p = graded(torch)[0]
    yield clip(p, 1.0), p.grad
    ps = graded(torch)
    yield clip((p for p in ps), 1.0), ps[1].grad
    yield clip([leaf(torch, 2)], 1.0)
    kept = graded(torch)[0]
    grad = kept.grad
    clip([kept], 1.0)
    yield kept.grad is grad


def case_clip_grad_norm_of_bad_numbers(torch):
    """NaN and infinity spread to everything, or raise on request."""
    clip = torch.nn.utils.clip_grad_norm_
    for bad in (math.nan, math.inf):
        ps = graded(torch)
        ps[0].grad[0] = bad
        yield clip(ps, 1.0), [p.grad for p in ps]
        ps = graded(torch)
        ps[0].grad[0] = bad
        yield raising(torch, lambda ps=ps: clip(ps, 1.0, error_if_nonfinite=True), "non-finite")
        yield [p.grad for p in ps]


def case_clip_grad_value(torch):
    """Each entry into [-v, v]."""
    ps = graded(torch)
    yield torch.nn.utils.clip_grad_value_(ps, 1.5), [p.grad for p in ps]
    yield torch.nn.utils.clip_grad_value_(ps[0], 0.5), ps[0].grad


def case_total_norm(torch):
    """The two halves of clipping, apart."""
    utils = torch.nn.utils
    ps = graded(torch)
    total = utils.get_total_norm([p.grad for p in ps if p.grad is not None])
    yield total
    utils.clip_grads_with_norm_(ps, 2.0, total)
    yield [p.grad for p in ps]


def case_parameters_to_vector(torch):
    """All entries in order, with a graph."""
    utils = torch.nn.utils
    layer = fill(torch, torch.nn.Linear(2, 2))
    vector = utils.parameters_to_vector(layer.parameters())
    yield vector
    (vector * torch.arange(6.0)).sum().backward()
    yield layer.weight.grad, layer.bias.grad


def case_vector_to_parameters(torch):
    """And back: the parameters stay leaves of the same shapes."""
    utils = torch.nn.utils
    layer = fill(torch, torch.nn.Linear(2, 2))
    weight = layer.weight
    utils.vector_to_parameters(torch.arange(6.0), layer.parameters())
    yield layer.weight, layer.bias, layer.weight is weight, layer.weight.is_leaf
    back = utils.parameters_to_vector(layer.parameters())
    yield torch.equal(back, torch.arange(6.0))
    yield raising(torch, lambda: utils.vector_to_parameters([1.0], layer.parameters()), "list")


def case_clipped_training(torch):
    """Clipping between `backward` and `step`."""
    nn = torch.nn
    net = fill(torch, nn.Sequential(nn.Linear(2, 2), nn.Tanh(), nn.Linear(2, 1)))
    optimizer = torch.optim.SGD(net.parameters(), lr=0.5, momentum=0.5)
    for _ in range(3):
        optimizer.zero_grad()
        (net(wave(torch, 3, 2) * 5) ** 2).sum().backward()
        yield nn.utils.clip_grad_norm_(net.parameters(), max_norm=0.5)
        optimizer.step()
    yield list(net.parameters())


def case_gradient_norm_by_hand(torch):
    """What `clip_grad_norm_` returns is the norm of the norms."""
    ps = graded(torch)
    norms = torch.stack([p.grad.norm() for p in ps if p.grad is not None])
    yield norms.norm(), torch.nn.utils.clip_grad_norm_(ps, 1.0)


def case_pad_sequence(torch):
    """Sequences of unequal length side by side."""
    pad = torch.nn.utils.rnn.pad_sequence
    parts = [torch.tensor([1.0, 2.0, 3.0]), torch.tensor([4.0]), leaf(torch, 2)]
    yield pad(parts), pad(parts, batch_first=True, padding_value=-1.0)
    pad(parts).sum().backward()
    yield parts[2].grad
