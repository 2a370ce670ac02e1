"""What is recorded before code outside writes sees the old values, what is recorded after the new."""

from __future__ import annotations

import numpy as np

import tapejit.torch as torch


def test_a_write_from_outside_between_two_rows_of_one_trace():
    memory = np.zeros(3)
    t = torch.from_numpy(memory)
    before = t * 2
    memory[0] = 5.0
    after = t * 2
    assert before.tolist() == [0.0, 0.0, 0.0]
    assert after.tolist() == [10.0, 0.0, 0.0]


def test_a_view_of_memory_from_outside():
    memory = np.zeros(3)
    t = torch.from_numpy(memory)
    part, flat = t[:2], t.reshape(3, 1)
    before = part * 2, flat + 1
    memory[0] = 5.0
    after = part * 2, flat + 1
    assert [x.flatten().tolist() for x in before] == [[0.0, 0.0], [1.0, 1.0, 1.0]]
    assert [x.flatten().tolist() for x in after] == [[10.0, 0.0], [6.0, 1.0, 1.0]]


def test_a_leaf_whose_memory_is_given_out():
    x = torch.zeros(3, requires_grad=True)
    memory = x.detach().numpy()
    y = x * 2
    memory[0] = 5.0
    z = x * x
    (y + z).sum().backward()
    assert y.tolist() == [0.0, 0.0, 0.0] and z.tolist() == [25.0, 0.0, 0.0]
    assert x.grad.tolist() == [12.0, 2.0, 2.0]


def test_a_leaf_that_is_read_twice_has_one_gradient():
    x = torch.ones(3, requires_grad=True)
    memory = x.detach().numpy()
    y = (x * 2 + x * x).sum()
    (g,) = torch.autograd.grad(y, x, retain_graph=True)
    seen = []
    x.register_hook(lambda g: seen.append(g.tolist()))
    (x * 2 + x * x).sum().backward()
    assert g.tolist() == x.grad.tolist() == [4.0, 4.0, 4.0]
    assert seen == [[4.0, 4.0, 4.0]] and memory.tolist() == [1.0, 1.0, 1.0]


def test_views_of_such_a_leaf():
    x = torch.ones(3, requires_grad=True)
    memory = x.detach().numpy()
    part = x[:2]
    part.retain_grad()
    (part * 2 + part * part).sum().backward()
    assert part.grad.tolist() == [4.0, 4.0] and x.grad.tolist() == [4.0, 4.0, 0.0]
    assert memory.tolist() == [1.0, 1.0, 1.0]


def test_a_view_gathers_anew_what_numpy_has_written():
    x = torch.arange(6.0).reshape(2, 3)
    turned = x.t()  # its elements are gathered into one block
    assert (turned + 0).tolist() == [[0, 3], [1, 4], [2, 5]]
    memory = x.numpy()
    memory[0, 1] = 50
    del memory  # nobody outside holds it any more
    assert (turned + 0).tolist() == [[0, 3], [50, 4], [2, 5]]
    x[1, 2] = 7
    assert (turned + 0).tolist() == [[0, 3], [50, 4], [2, 7]]
