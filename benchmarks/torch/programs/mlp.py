"""A classifier of one hidden layer, with modules and optim.SGD as one writes it."""

from __future__ import annotations

import numpy as np

from benchmarks.torch.programs.base import Program, Torch, Training, spread


def mlp(torch: Torch, *, inputs: int = 64, hidden: int = 128, batch: int = 128) -> Training:
    """Linear, tanh, linear, cross entropy; ten classes."""
    nn = torch.nn
    model = nn.Sequential(nn.Linear(inputs, hidden), nn.Tanh(), nn.Linear(hidden, 10))
    parameters = tuple(model.parameters())
    with torch.no_grad():
        for k, p in enumerate(parameters):
            scale = 1.0 / float(np.sqrt(p.shape[-1]))
            p.copy_(torch.tensor(spread(*p.shape, scale=scale, phase=0.1 * k)))
    x = torch.tensor(spread(batch, inputs, phase=0.7))
    y = torch.tensor(np.arange(batch) * 7 % 10)
    criterion = nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(parameters, lr=0.05)

    def step():
        optimizer.zero_grad()
        loss = criterion(model(x), y)
        loss.backward()
        optimizer.step()
        return loss

    return Training(step, parameters)


PROGRAMS = (
    Program(
        "mlp",
        "64-128-10, batch 128, nn.Sequential, optim.SGD",
        mlp,
        goal=2.0,
        tiny={"inputs": 4, "hidden": 6, "batch": 11},
    ),
)
