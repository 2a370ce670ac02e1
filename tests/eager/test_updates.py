"""A step of an optimiser is one row: in numbers, in aliasing, in what it does to graphs and memory."""

from __future__ import annotations

import numpy as np
import pytest

import tapejit.torch as torch
from tapejit.torch.codes import CODES
from tapejit.torch.record import LOCAL


def parameters(n=3):
    made = [torch.tensor([float(k), 1.0 - k], requires_grad=True) for k in range(n)]
    for k, p in enumerate(made):
        p.grad = torch.tensor([0.5, -1.0 * k])
    return made


def rows(start):
    """The names of operations recorded since `start`, inputs left out."""
    code, found, at = LOCAL.rec.code, [], 0
    while at < len(code):
        c = CODES[code[at]]
        if at >= start and c.op.special != "input":
            found.append(c.op.name)
        at += 1 + c.n_args
    return found


@pytest.mark.parametrize(
    ("method", "options"),
    [("SGD", {}), ("SGD", {"momentum": 0.9}), ("Adam", {}), ("RMSprop", {}), ("Adagrad", {})],
)
def test_step_is_one_row(method, options):
    ps = parameters()
    optimizer = getattr(torch.optim, method)(ps, lr=0.1, **options)
    optimizer.step()
    [p.tolist() for p in ps]
    start = len(LOCAL.rec.code)
    optimizer.step()
    assert len(rows(start)) == 1


def test_changed_rate_is_no_new_program():
    ps = parameters()
    optimizer = torch.optim.SGD(ps, lr=0.1)
    codes = []
    for rate in (0.1, 0.2, 0.3):
        [p.tolist() for p in ps]
        optimizer.param_groups[0]["lr"] = rate
        start = len(LOCAL.rec.code)
        optimizer.step()
        codes.append(tuple(LOCAL.rec.code[start:]))
    assert codes[1] == codes[2]


def test_memory_that_numpy_shares_is_written():
    ps = parameters()
    shared = [p.detach().numpy() for p in ps[:2]]
    torch.optim.SGD(ps, lr=1.0).step()
    for p, a, k in zip(ps, shared, range(2)):
        np.testing.assert_allclose(a, [k - 0.5, 1.0], rtol=1e-6)
        np.testing.assert_allclose(p.detach().numpy(), a)
    np.testing.assert_allclose(ps[2].detach().numpy(), [1.5, 1.0])


def test_views_of_a_parameter_follow():
    p = parameters(1)[0]
    view = p.detach()[1:]
    torch.optim.SGD([p], lr=1.0).step()
    (p * 2).sum().backward()
    torch.optim.SGD([p], lr=1.0).step()
    assert view.tolist() == [p.tolist()[1]]


def test_eager_mode_gives_the_same():
    found = []
    for eager in (False, True):
        ps = parameters()
        optimizer = torch.optim.Adam(ps, lr=0.1)
        torch.set_eager(eager)
        try:
            for _ in range(3):
                optimizer.step()
        finally:
            torch.set_eager(False)
        found.append([p.tolist() for p in ps])
    assert found[0] == found[1]


def test_counts_that_differ_are_separate_rows():
    p, q = parameters(2)
    optimizer = torch.optim.Adam([p, q], lr=0.1)
    kept, q.grad = q.grad, None
    optimizer.step()
    q.grad = kept
    optimizer.step()
    assert [optimizer.state[t]["step"].item() for t in (p, q)] == [2.0, 1.0]
    alone = parameters(2)[1]
    torch.optim.Adam([alone], lr=0.1).step()
    assert q.tolist() == alone.tolist()


def test_dropout_between_seeds():
    F = torch.nn.functional
    x = torch.ones(64)
    torch.manual_seed(3)
    first, second = F.dropout(x), F.dropout(x)
    torch.manual_seed(3)
    again = F.dropout(x)
    assert first.tolist() == again.tolist() != second.tolist()


def test_class_numbers_are_looked_at_again_after_a_write():
    F = torch.nn.functional
    x, y = torch.zeros(2, 3), torch.tensor([0, 2])
    assert F.nll_loss(x, y).item() == 0.0
    y[0] = 3
    with pytest.raises(IndexError, match="Target 3 is out of bounds"):
        F.nll_loss(x, y)
    memory = np.array([0, 1])
    z = torch.from_numpy(memory)
    F.nll_loss(x, z).item()
    memory[1] = -1
    with pytest.raises(IndexError, match="Target -1 is out of bounds"):
        F.nll_loss(x, z)


def test_probabilities_are_checked():
    F = torch.nn.functional
    y = torch.tensor([1.0, 0.0])
    with pytest.raises(RuntimeError, match="between 0 and 1"):
        F.binary_cross_entropy(torch.tensor([0.5, 1.5]), y)
    assert F.binary_cross_entropy(torch.sigmoid(torch.tensor([2.0, -2.0])), y).item() > 0
