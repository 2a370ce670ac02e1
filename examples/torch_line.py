"""A line through five points, with tensors: the loop that everybody writes first.

The points lie on y = 2x + 1. Each epoch computes the loss, asks for its gradient and takes a small
step against it. Nothing here says so, but an epoch is recorded first and computed later, and once
the same epoch has been seen often enough it is compiled.
"""

from __future__ import annotations

import tapejit.torch as torch

x = torch.tensor([0.0, 1.0, 2.0, 3.0, 4.0])
y = 2 * x + 1

a = torch.tensor(0.0, requires_grad=True)
b = torch.tensor(0.0, requires_grad=True)

for epoch in range(1000):
    loss = ((a * x + b - y) ** 2).mean()
    loss.backward()
    with torch.no_grad():
        a -= 0.05 * a.grad
        b -= 0.05 * b.grad
        a.grad.zero_()
        b.grad.zero_()
    if epoch % 200 == 0:
        print(f"epoch {epoch:4d}   loss {loss.item():.6f}   a {a.item():.4f}   b {b.item():.4f}")

print(f"y = {a.item():.4f} x + {b.item():.4f}")
assert abs(a.item() - 2.0) < 1e-4
assert abs(b.item() - 1.0) < 1e-4
assert a.is_leaf and a.requires_grad
