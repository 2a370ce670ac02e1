"""An optimiser of many small parameters: PyTorch walks over them, a tape runs them together."""

from __future__ import annotations

from benchmarks.torch.programs.base import Program, Torch, Training, spread


def adam(torch: Torch, *, parameters: int = 50, size: int = 10) -> Training:
    """Pull each of 50 vectors towards its own target."""
    start = spread(parameters, size)
    params = [torch.tensor(row, requires_grad=True) for row in start]
    targets = [torch.tensor(row) for row in spread(parameters, size, scale=2.0, phase=0.4)]
    optimizer = torch.optim.Adam(params, lr=1e-3)

    def step():
        optimizer.zero_grad()
        loss = sum(((p - t) ** 2).sum() for p, t in zip(params, targets))
        loss.backward()
        optimizer.step()
        return loss

    return Training(step, tuple(params))


def adam_alone(torch: Torch, *, parameters: int = 50, size: int = 10) -> Training:
    """The optimiser alone: gradients are given once, and no forward or backward pass is made."""
    start = spread(parameters, size)
    params = [torch.tensor(row, requires_grad=True) for row in start]
    for p, row in zip(params, spread(parameters, size, scale=2.0, phase=0.4)):
        p.grad = torch.tensor(row)
    optimizer = torch.optim.Adam(params, lr=1e-3)

    def step():
        optimizer.step()
        total = params[-1].sum()
        total.item()  # somebody looks, or nothing would have to be computed
        return total

    return Training(step, tuple(params))


_TINY = {"parameters": 3, "size": 2}
PROGRAMS = (
    Program("adam", "50 vectors of 10, optim.Adam, whole steps", adam, goal=5.0, tiny=_TINY),
    Program("adam-step", "optimizer.step() alone", adam_alone, goal=5.0, tiny=_TINY),
)
