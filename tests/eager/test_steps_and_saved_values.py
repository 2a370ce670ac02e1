"""A step of an optimizer is a write in place: a graph that has saved a parameter refuses to go on."""

from __future__ import annotations

import pytest

import tapejit.torch as torch


@pytest.mark.parametrize("kind", [torch.optim.SGD, torch.optim.Adam], ids=lambda k: k.__name__)
@pytest.mark.parametrize("flushed", [False, True])
def test_backward_after_a_step_refuses(kind, flushed):
    p = torch.ones(3, requires_grad=True)
    q = torch.ones(3, requires_grad=True)
    optimizer = kind([p, q], lr=0.1)
    y = (p * p * q).sum()
    y.backward(retain_graph=True)
    optimizer.step()
    if flushed:
        p.tolist()
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.backward()


def test_a_graph_that_is_pending_at_the_step_refuses():
    p = torch.ones(3, requires_grad=True)
    optimizer = torch.optim.SGD([p], lr=0.1)
    p.grad = torch.ones(3)
    before = (p * p).sum()
    optimizer.step()
    after = (p * p).sum()
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        before.backward()
    after.backward()
    assert after.item() == pytest.approx(2.43)
