"""Frozen layers: train the last layer of a network and leave the others as they are.

A frozen parameter has ``requires_grad=False``. Nothing that depends on frozen parameters alone
requires a gradient either, so the backward pass ends at the trained layer and costs less.
"""

from __future__ import annotations

import tapejit.torch as torch
from tapejit.torch import nn

torch.manual_seed(0)
body = nn.Sequential(nn.Linear(2, 16), nn.Tanh(), nn.Linear(16, 16), nn.Tanh())
head = nn.Linear(16, 1)
model = nn.Sequential(body, head)

for parameter in body.parameters():
    parameter.requires_grad = False

x = torch.rand(200, 2) * 2 - 1
y = (x[:, :1] * x[:, 1:] > 0).float()  # whether both coordinates have the same sign
before = {name: value.clone() for name, value in model.state_dict().items()}

trained = [p for p in model.parameters() if p.requires_grad]
losses = []
optimizer = torch.optim.Adam(trained, lr=0.05)
for step in range(301):
    optimizer.zero_grad()
    loss = nn.functional.binary_cross_entropy_with_logits(model(x), y)
    loss.backward()
    optimizer.step()
    if step % 100 == 0:
        print(f"step {step:3d}   loss {loss.item():.4f}")
        losses.append(loss.item())

features = body(x)
print("the frozen part requires a gradient:", features.requires_grad)
print("the model does:", model(x).requires_grad)
assert not features.requires_grad and model(x).requires_grad
assert all(p.grad is None for p in body.parameters())
for name, value in model.state_dict().items():
    assert torch.equal(value, before[name]) == name.startswith("0."), name
assert losses[-1] < 0.9 * losses[0]
