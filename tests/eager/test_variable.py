"""`Variable` and `volatile`, which tapejit keeps as the old tutorials describe them.

PyTorch itself ignores `volatile` today, with a warning; here it still means what it meant, a value
from which no graph grows, so these tests stand alone instead of comparing with stored answers.
"""

from __future__ import annotations

import pytest

import tapejit.torch as torch
from tapejit.torch.autograd import Variable


def test_volatile_warns_and_names_what_to_write_instead():
    with pytest.warns(DeprecationWarning, match="no_grad"):
        Variable(torch.ones(2), volatile=True)


def test_volatile_false_warns_of_nothing():
    x = Variable(torch.ones(2), requires_grad=True, volatile=False)
    assert x.requires_grad


def test_volatile_makes_a_tensor_that_shares_its_data():
    t = torch.ones(2)
    with pytest.warns(DeprecationWarning):
        x = Variable(t, volatile=True)
    assert isinstance(x, torch.Tensor)
    assert not x.requires_grad
    t[0] = 5
    assert x.tolist() == [5.0, 1.0]


def test_no_graph_grows_from_what_is_volatile():
    w = torch.ones(2, requires_grad=True)
    with pytest.warns(DeprecationWarning):
        x = Variable(torch.ones(2) * 3, volatile=True)
    first = x * w
    second = (first + w).sum()
    assert not first.requires_grad
    assert not second.requires_grad
    assert second.grad_fn is None
    assert second.item() == 8.0
    with pytest.raises(RuntimeError, match="does not require grad"):
        second.backward()
    assert (w * 2).requires_grad


def test_volatile_and_requires_grad_exclude_each_other():
    with (
        pytest.warns(DeprecationWarning),
        pytest.raises(ValueError, match="volatile"),
    ):
        Variable(torch.ones(2), requires_grad=True, volatile=True)
