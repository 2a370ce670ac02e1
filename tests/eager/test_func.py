"""Transformations see what the function closes over, outer transformations' names included."""

from __future__ import annotations

import pytest

import tapejit.torch as torch
from tapejit.torch.func import grad, hessian, jacfwd, jacrev, jvp, vjp


def number(value):
    return torch.tensor(float(value))


def test_an_inner_gradient_is_a_function_of_the_outer_argument():
    """d/dx of d/dy (x x y) is 2x: the inner argument requires nothing, the closure does."""
    found = grad(lambda x: grad(lambda y: x * x * y)(number(1)))(number(3))
    assert found.item() == 6 and not found.requires_grad
    found = grad(lambda x: jvp(lambda y: x * x * y, (number(1),), (number(1),))[1])(number(3))
    assert found.item() == 6 and not found.requires_grad


@pytest.mark.parametrize(
    "by",
    [
        lambda f, x: vjp(f, x)[1](torch.ones(2)),
        lambda f, x: (jvp(f, (x,), (torch.ones(2),))[1],),
        lambda f, x: (jacrev(f)(x).sum(0),),
        lambda f, x: (jacfwd(f)(x).sum(0),),
    ],
    ids=["vjp", "jvp", "jacrev", "jacfwd"],
)
def test_a_result_keeps_the_graph_to_a_tensor_of_the_closure(by):
    w = torch.tensor([1.0, 2.0], requires_grad=True)
    (found,) = by(lambda x: x * w * w, torch.tensor([3.0, 4.0]))
    assert found.tolist() == [1, 4]
    found.sum().backward()
    assert w.grad.tolist() == [2, 4]
    plain = w.detach()
    (found,) = by(lambda x: x * plain, torch.tensor([3.0, 4.0]))
    assert not found.requires_grad


def test_several_arguments():
    a, b = number(2), number(5)
    assert [x.item() for x in jacfwd(lambda x, y: x * x * y, (0, 1))(a, b)] == [20, 4]
    rows = hessian(lambda x, y: x * x * y, (0, 1))(a, b)
    assert [[x.item() for x in row] for row in rows] == [[10, 4], [4, 0]]
    rows = jacfwd(lambda x, y: (x * y, x), (0, 1))(a, b)
    assert [[x.item() for x in row] for row in rows] == [[5, 2], [1, 0]]


def test_contiguity_in_the_order_of_channels():
    last = {"memory_format": torch.channels_last}
    x = torch.zeros(2, 3, 4, 5)
    assert x.is_contiguous() and not x.is_contiguous(**last)
    y = x.permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2)
    assert not y.is_contiguous() and y.is_contiguous(**last)
    assert torch.zeros(2, 1, 4, 5).is_contiguous(**last) and not x[0].is_contiguous(**last)


def test_a_view_of_data_made_without_gradients_claims_nothing():
    x = torch.ones(3, requires_grad=True)
    with torch.no_grad():
        claims, plain = x[:1], x.data[:1]
    assert claims.requires_grad and not plain.requires_grad
    with pytest.raises(RuntimeError, match="no_grad"):
        claims.mul_(2)
    plain.mul_(2)
    assert x.tolist() == [2, 1, 1]


def test_formats_that_results_cannot_have_are_refused():
    last = {"memory_format": torch.channels_last}
    x = torch.zeros(2, 3, 4, 5)
    for call in (
        lambda: torch.empty(2, 3, 4, 5, **last),
        lambda: torch.zeros_like(x, **last),
        lambda: torch.nn.Conv2d(1, 1, 1).to(**last),
        lambda: torch.zeros(2, 3).resize_(2, 3, 1, 1, **last),
    ):
        with pytest.raises(NotImplementedError, match="contiguous here"):
            call()
    for call in (x.contiguous, x.clone, x.double, x.cpu, lambda memory_format: torch.ones_like(x, memory_format=memory_format)):  # fmt: skip
        with pytest.raises(TypeError, match=r"must be torch\.memory_format, not str"):
            call(memory_format="channels_last")
    assert torch.zeros_like(x, memory_format=torch.contiguous_format).is_contiguous()
    assert x.sum().item() == 0
