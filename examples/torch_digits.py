"""Handwritten digits, 8 x 8 pixels: a two-layer network, cross entropy, Adam in small batches.

All batches have one size, so that every training step has the same form: it is recorded as a list of
integers, found among the forms seen before, and run as one compiled kernel.
"""

from __future__ import annotations

import tapejit.torch as torch
from tapejit.cli.digits import load
from tapejit.torch import nn

BATCH, EPOCHS = 64, 15

torch.manual_seed(1)
digits = load(seed=0)
x = torch.tensor(digits.train_x, dtype=torch.float32)
y = torch.tensor(digits.train_y)
x_test = torch.tensor(digits.test_x, dtype=torch.float32)
y_test = torch.tensor(digits.test_y)

model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=EPOCHS)


def accuracy():
    """Return the fraction of held-out digits that are recognised."""
    with torch.no_grad():
        return (model(x_test).argmax(dim=1) == y_test).float().mean().item()


for epoch in range(EPOCHS):
    order = torch.randperm(len(x))
    total, steps = 0.0, 0
    for at in range(0, len(x) - BATCH + 1, BATCH):
        chosen = order[at : at + BATCH]
        loss = nn.functional.cross_entropy(model(x[chosen]), y[chosen])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total, steps = total + loss.item(), steps + 1
    schedule.step()
    if epoch % 3 == 2:
        print(f"epoch {epoch + 1:2d}   loss {total / steps:.4f}   right {accuracy():.1%}")

assert total / steps < 0.15
assert accuracy() > 0.95
