"""A Jacobian by rows: one backward pass with a one-hot vector for each component of the result.

The result is filled in by index assignment, which is recorded like any other operation. A vector v
given to `backward` yields the product of v and the Jacobian; unit vectors pick out its rows, and
a vector of ones gives the sum of the rows.
"""

from __future__ import annotations

import tapejit.torch as torch


def f(x):
    """Return (x0**2 + 3 x1, x1**2 + 2 x0)."""
    y = torch.zeros(1, 2)
    y[0, 0] = x[0, 0] ** 2 + 3 * x[0, 1]
    y[0, 1] = x[0, 1] ** 2 + 2 * x[0, 0]
    return y


x = torch.tensor([[2.0, 3.0]], requires_grad=True)
y = f(x)

J = torch.zeros(2, 2)
for row in range(2):
    unit = torch.zeros(1, 2)
    unit[0, row] = 1
    y.backward(unit, retain_graph=True)
    J[row] = x.grad
    x.grad = torch.zeros_like(x.grad)
print("the Jacobian, row by row:", J, sep="\n")

y.backward(torch.ones_like(y))
print("the sum of its rows:", x.grad)

whole = torch.autograd.functional.jacobian(f, x.detach()).reshape(2, 2)
assert torch.equal(J, torch.tensor([[4.0, 3.0], [2.0, 6.0]]))
assert torch.equal(x.grad, torch.tensor([[6.0, 9.0]]))
assert torch.equal(J, whole)
