"""Detached names, hidden writes and hooks: whose gradient it is when several names share memory."""

from __future__ import annotations

import threading

import numpy as np
import pytest

import tapejit.torch as torch
from tapejit.core.config import config
from tapejit.torch import record


@pytest.fixture(params=["lazy", "eager", "traced"])
def mode(request, monkeypatch):
    if request.param == "traced":
        monkeypatch.setattr(config, "compile", "never")
    torch.set_eager(request.param == "eager")
    yield
    torch.set_eager(False)


def leaf(*values):
    return torch.tensor(values, dtype=torch.float64, requires_grad=True)


def test_a_detached_name_that_is_written_to_has_a_graph_of_its_own(mode):
    w = leaf(1.0, 2.0)
    h = w * 3
    for _ in range(3):
        h = h.detach()
        h += w
        h = h * 2
    h.sum().backward()
    assert w.grad.tolist() == [2.0, 2.0]
    base = torch.zeros(2, 2, dtype=torch.float64)
    with torch.no_grad():
        name = base.detach()
    row = name[1]
    row.add_(w)
    assert (name.requires_grad, row.requires_grad, base.requires_grad) == (True, True, False)
    assert base.tolist() == [[0.0, 0.0], [1.0, 2.0]]
    w.grad = None
    (row * row + name[1] * 5).sum().backward()
    assert w.grad.tolist() == [7.0, 9.0]


def test_a_detached_name_of_numpys_memory(mode):
    w = leaf(1.0, 2.0)
    array = np.zeros(2)
    name = torch.from_numpy(array).detach()
    name += w
    name *= 3
    assert array.tolist() == [3.0, 6.0]
    name.sum().backward()
    assert w.grad.tolist() == [3.0, 3.0]


def test_hidden_writes_to_a_leaf_that_is_a_view(mode):
    base = torch.zeros(4)
    part = base[1:]
    part.requires_grad_()
    part.data.add_(1.0)
    assert not base.requires_grad
    assert base.tolist() == [0.0, 1.0, 1.0, 1.0]
    assert part.is_leaf
    (part * part).sum().backward()
    assert part.grad.tolist() == [2.0, 2.0, 2.0]


def test_a_detached_part_of_a_leaf_is_written_to(mode):
    w = leaf(1.0, 2.0, 3.0)
    w[0].detach().zero_()
    w.view(3, 1)[1:].data.mul_(2)
    assert w.is_leaf
    assert w.tolist() == [0.0, 4.0, 6.0]
    (w * w).sum().backward()
    assert w.grad.tolist() == [0.0, 8.0, 12.0]


def test_a_number_is_written_to_through_a_view(mode):
    for _ in range(4):
        x = torch.tensor(2.0)
        x.unsqueeze(0).zero_()
        y = torch.arange(3.0).sum()
        y.view(1, 1).mul_(torch.tensor([[5.0]]))
        assert (x.item(), y.item()) == (0.0, 15.0)


def test_strides_of_a_detached_leaf(mode):
    x = torch.arange(6.0).clone().detach().requires_grad_()
    x.as_strided((2,), (2,), 1).sum().backward()
    assert x.grad.tolist() == [0.0, 1.0, 0.0, 1.0, 0.0, 0.0]
    part = torch.arange(6.0)[2:].requires_grad_()
    part.as_strided((2,), (1,)).sum().backward()
    assert part.grad.tolist() == [1.0, 1.0, 0.0, 0.0]
    with pytest.raises(NotImplementedError, match="as_strided"):
        part.as_strided((2,), (1,), 0)


def test_strides_of_a_detached_number(mode):
    x = torch.ones(3).mean().detach()
    assert (x.storage_offset(), x.as_strided((1,), (1,)).tolist()) == (0, [1.0])
    with pytest.raises(RuntimeError, match="out of bounds"):
        x.as_strided((2,), (1,))


def test_data_that_is_given_after_a_hidden_write_is_no_write(mode):
    w, x = leaf(1.0, 2.0), torch.ones(2, dtype=torch.float64)
    x.data.mul_(0.5)
    x.data = x.data * 4
    y = x * w
    y.tolist()
    y.sum().backward()
    assert w.grad.tolist() == [2.0, 2.0]


def test_a_hook_that_comes_after_the_update_of_its_leaf(mode):
    w = leaf(1.0, 2.0)
    y = w + 1
    y.sum().backward(retain_graph=True)
    w.register_hook(lambda g: g * 10)
    with torch.no_grad():
        w.sub_(w.grad)
    (y * y).sum().backward()
    assert w.grad.tolist() == [1.0 + 40.0, 1.0 + 60.0]


def test_a_hook_of_an_updated_leaf_sees_one_gradient(mode):
    w = leaf(1.0, 2.0)
    seen = []
    w.register_hook(lambda g: seen.append(g.tolist()) or g.clamp(max=4.0))
    a = (w * 2).sum()
    with torch.no_grad():
        w.add_(1.0)
    (a + (w * 3).sum()).backward()
    assert seen == [[5.0, 5.0]]
    assert w.grad.tolist() == [4.0, 4.0]


def test_hooks_of_leaves_that_nobody_asks_for_are_not_called(mode):
    v, w = leaf(1.0, 2.0), leaf(3.0, 4.0)
    seen = []
    w.register_hook(lambda g: seen.append(g))
    (v * w).sum().backward(inputs=[v])
    torch.autograd.grad((v * w).sum(), v, create_graph=True)
    assert not seen
    assert v.grad.tolist() == [3.0, 4.0]
    assert w.grad is None


def test_a_value_overwritten_by_its_own_row_has_a_second_derivative(mode):
    x = leaf(0.25, 0.5, 2.0)
    y = x * 1.5
    y.clamp_(max=1.0)
    (g,) = torch.autograd.grad((y * y).sum(), x, create_graph=True)
    assert g.tolist() == [2 * 1.5**2 * 0.25, 2 * 1.5**2 * 0.5, 0.0]
    (h,) = torch.autograd.grad(g.sum(), x)
    assert h.tolist() == [4.5, 4.5, 0.0]


def test_what_a_gradient_does_not_read_may_be_written_to_before_the_next(mode):
    x, c = leaf(1.0, 2.0), torch.tensor([0.5, 4.0], dtype=torch.float64)
    (g,) = torch.autograd.grad(((x + c) ** 2).sum(), x, create_graph=True)
    c.mul_(0)
    (h,) = torch.autograd.grad(g.sum(), x)
    assert h.tolist() == [2.0, 2.0]


def test_shared_memory_that_is_written_to_by_the_row_that_reads_it(mode):
    v, w = leaf(1.0, 2.0), leaf(3.0, 4.0)
    data = torch.tensor([5.0, 6.0], dtype=torch.float64)
    assert data.detach().numpy().sum() == 11.0
    data[:] *= v
    (w * data).sum().backward()
    assert v.grad.tolist() == [15.0, 24.0]
    assert w.grad.tolist() == [5.0, 12.0]


def test_a_value_that_another_thread_is_computing_is_waited_for(monkeypatch):
    begun, go = threading.Event(), threading.Event()
    placed, made, main = record.STEPS["placed"], [], threading.current_thread()

    def slow(*given):
        if threading.current_thread() is not main:
            begun.set()
            assert go.wait(20)
        return placed(*given)

    def work():
        made.append(torch.ones(3) * 4)
        (torch.ones(3) + 1).sum().item()

    monkeypatch.setitem(record.STEPS, "placed", slow)
    thread = threading.Thread(target=work)
    thread.start()
    assert begun.wait(20)
    threading.Timer(0.05, go.set).start()
    assert made[0].tolist() == [4.0, 4.0, 4.0]
    thread.join()


class Square(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * x

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return 2 * x * g


@pytest.mark.parametrize("look", [False, True])
def test_hooks_and_writes_on_the_result_of_a_function(mode, look):
    x, seen = leaf(1.0, 2.0), []
    y = Square.apply(x)
    if look:
        y.tolist()
    y.retain_grad()
    y.register_hook(lambda g: seen.append(g.tolist()))
    y.backward(torch.tensor([1.0, 10.0], dtype=torch.float64))
    assert (x.grad.tolist(), y.grad.tolist(), seen) == ([2.0, 40.0], [1.0, 10.0], [[1.0, 10.0]])
    x.grad = None
    y = Square.apply(x)
    if look:
        y.tolist()
    y[1:] += 5.0
    y.mul_(3)
    assert y.tolist() == [3.0, 27.0]
    y.sum().backward()
    assert x.grad.tolist() == [6.0, 12.0]


def test_a_view_of_a_view_of_what_has_got_a_graph(mode):
    w, base = leaf(1.0, 2.0), torch.ones(2, dtype=torch.float64)
    first = base[0]
    base[torch.tensor([0, 1])] *= w
    (first.expand(3).sum() + first.unsqueeze(0)[0] * 4).backward()
    assert w.grad.tolist() == [7.0, 0.0]


def test_what_a_later_trace_overwrites_has_been_saved(mode):
    w = leaf(1.0, 2.0)
    data = torch.zeros(2, dtype=torch.float64)
    data.add_(3.0)
    y = data * w
    y.sum().backward(retain_graph=True)
    data.add_(1.0)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.sum().backward()
    for _ in range(3):
        optimizer = torch.optim.SGD([w], lr=0.1)
        y = w * w
        y.sum().backward(retain_graph=True)
        optimizer.step()
        with pytest.raises(RuntimeError, match="modified by an inplace operation"):
            y.sum().backward()


def test_a_hook_that_comes_after_a_gradient_with_a_graph(mode):
    x = leaf(1.0, 2.0)
    y = x * 1
    y.tolist()
    (g,) = torch.autograd.grad((y * y).sum(), x, create_graph=True)
    y.register_hook(lambda g: g * 10)
    g.sum().backward()
    assert x.grad.tolist() == [20.0, 20.0]
