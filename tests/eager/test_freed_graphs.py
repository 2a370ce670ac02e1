"""A graph that a backward pass has freed, gone through again: the right gradient or PyTorch's error.

Rows that save nothing may be gone through again; they are recorded again then, without the inputs
that have been let go. No value may come from what stands in for these.
"""

from __future__ import annotations

import numpy as np
import pytest

import tapejit.torch as torch

FREED = "backward through the graph a second time"


@pytest.fixture(params=[False, True])
def mode(request):
    torch.set_eager(request.param)
    yield
    torch.set_eager(False)


def leaf(*values):
    return torch.tensor(values, dtype=torch.float64, requires_grad=True)


def test_a_loss_of_a_freed_sum(mode):
    x = leaf(1.0, 2.0, 3.0)
    y = x + 1
    for k in range(1, 4):
        (y * y).sum().backward()
        np.testing.assert_array_equal(x.grad.tolist(), [4.0 * k, 6.0 * k, 8.0 * k])
    (g,) = torch.autograd.grad((y * y * y).sum(), x, create_graph=True)
    assert g.tolist() == [12.0, 27.0, 48.0]
    assert (y + 1).tolist() == [3.0, 4.0, 5.0]
    y.backward(torch.ones(3, dtype=torch.float64))
    assert (y * 2).tolist() == [4.0, 6.0, 8.0]


def test_a_freed_view_and_two_roots(mode):
    x = leaf(1.0, 2.0, 3.0)
    y = (x - 4)[1:]
    y.sum().backward()
    z = y * y
    torch.autograd.backward([z.sum(), y.sum()])
    assert x.grad.tolist() == [0.0, 1 - 4 + 1, 1 - 2 + 1]


OF_NUMBERS = {
    "add": lambda x, n: torch.add(x, x, alpha=n),
    "sub": lambda x, n: torch.sub(x, x, alpha=n),
    "rsub": lambda x, n: torch.rsub(x, x, alpha=n),
    "lerp": lambda x, n: torch.lerp(x, x + 1, n),
    "mul": lambda x, n: x * n,
    "div": lambda x, n: x / n,
    "plus": lambda x, n: x + n,
    "minus": lambda x, n: n - x,
    "addcmul": lambda x, n: torch.addcmul(x, x, x, value=n),
    "addcdiv": lambda x, n: torch.addcdiv(x, x, x + 1, value=n),
    "addmv": lambda x, n: torch.addmv(x, x.outer(x), x, alpha=n, beta=n),
    "addr": lambda x, n: torch.addr(x.outer(x), x, x, alpha=n, beta=n),
    "add_": lambda x, n: x.clone().add_(x, alpha=n),
    "clamp": lambda x, n: x.clamp(max=n),
    "pow": lambda x, n: x**n,
}


@pytest.mark.parametrize("name", OF_NUMBERS)
def test_numbers_that_a_gradient_reads(mode, name):
    x = leaf(1.5, 2.0, 3.5)
    y = OF_NUMBERS[name](x, 2.5)
    y.sum().backward()
    first = x.grad.tolist()
    x.grad = None
    try:
        y.sum().backward()
    except RuntimeError as error:
        assert FREED in str(error)
    else:
        assert x.grad.tolist() == first
