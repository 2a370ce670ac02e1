"""A loop that never looks stays as quick as it began: what a step records does not grow."""

from __future__ import annotations

import pytest

import tapejit.torch as torch


def square():
    class Square(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x * x

        @staticmethod
        def backward(ctx, grad_output):
            (x,) = ctx.saved_tensors
            return 2 * x * grad_output

    return Square.apply


def by_function(w, apply):
    apply(w).sum().backward()
    return w.grad


def by_grad(w, apply):
    return torch.autograd.grad((w * w).sum(), w)[0]


@pytest.mark.parametrize("gradient", [by_function, by_grad])
def test_a_walk_leaves_a_trace_of_one_length(gradient):
    w = torch.tensor([1.0, 2.0], requires_grad=True)
    apply = square()
    pending = []
    for _ in range(6):
        g = gradient(w, apply)
        with torch.no_grad():
            w -= 0.25 * g
        w.grad = None
        pending.append(torch.stats()["pending"])
    assert len(set(pending[2:])) == 1
    assert w.tolist() == [2.0**-6, 2.0**-5]


@pytest.mark.parametrize("name", ["add_", "sub_", "mul_", "div_"])
def test_an_update_of_a_leaf_is_one_row(name):
    x, y = torch.ones(3, requires_grad=True), torch.full((3,), 2.0)
    with torch.no_grad():
        getattr(x, name)(y)
        before = torch.stats()["pending"]
        found = getattr(x, name)(y)
    assert found is x and torch.stats()["pending"] == before + 1 and x._version == 2
    assert x.is_leaf and x.requires_grad


def test_options_and_arrays_go_the_general_way():
    x = torch.full((2,), 7.0)
    x.sub_(torch.ones(2), alpha=3).div_(3.0, rounding_mode="floor")
    assert x.tolist() == [1.0, 1.0] and x._version == 2
    with pytest.raises(TypeError):
        x.add_("text")
    w = torch.ones(2, requires_grad=True)
    with pytest.raises(RuntimeError, match="leaf Variable that requires grad"):
        w.add_(1)


def test_zeros_are_one_row_and_show_through_views():
    x = torch.ones(2, 2)
    x.zero_()
    x += 3
    before = torch.stats()["pending"]
    assert x.zero_() is x and torch.stats()["pending"] == before + 1
    x += 2
    row = x[0]
    x.zero_()
    assert row.tolist() == [0.0, 0.0] and x.tolist() == [[0.0, 0.0]] * 2 and x._version == 5
    y = torch.ones(2, requires_grad=True)
    z = y * 3
    z.zero_()
    z.sum().backward()
    assert y.grad.tolist() == [0.0, 0.0]
