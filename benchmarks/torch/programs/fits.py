"""Curves through points: steps so small that PyTorch spends them in dispatch."""

from __future__ import annotations

from benchmarks.torch.programs.base import Program, Torch, Training


def quadratic_fit(torch: Torch, *, points: int = 100, observe: bool = False) -> Training:
    """Fit ``w x**2 + b`` by hand-written descent; `observe` reads the loss after each step."""
    x = torch.unsqueeze(torch.linspace(-1, 1, points), dim=1)
    y = 3 * x.pow(2) + 2
    w = torch.zeros(1, 1, requires_grad=True)
    b = torch.zeros(1, 1, requires_grad=True)
    rate = 0.1 / points

    def step():
        predicted = x.pow(2).mm(w) + b
        loss = (0.5 * (predicted - y) ** 2).sum()
        loss.backward()
        with torch.no_grad():
            w.sub_(rate * w.grad)
            b.sub_(rate * b.grad)
            w.grad.zero_()
            b.grad.zero_()
        if observe:
            loss.item()
        return loss

    return Training(step, (w, b))


def quadratic_fit_observed(torch: Torch, *, points: int = 100) -> Training:
    """The same, with a look at the loss after each step."""
    return quadratic_fit(torch, points=points, observe=True)


def line_fit(torch: Torch) -> Training:
    """Fit ``a x + b`` to five points."""
    x = torch.tensor([1.0, 2.0, 3.0, 4.0, 5.0])
    y = torch.tensor([3.1, 4.9, 7.2, 8.8, 11.0])
    a = torch.tensor(0.0, requires_grad=True)
    b = torch.tensor(0.0, requires_grad=True)

    def step():
        loss = ((a * x + b - y) ** 2).mean()
        loss.backward()
        with torch.no_grad():
            a.sub_(0.05 * a.grad)
            b.sub_(0.05 * b.grad)
        a.grad = None
        b.grad = None
        return loss

    return Training(step, (a, b))


PROGRAMS = (
    Program(
        "quadratic-fit",
        "100 points, mm, updates by hand",
        quadratic_fit,
        goal=8.0,
        checked=100,
        tiny={"points": 7},
    ),
    Program(
        "quadratic-fit-item",
        "the same, the loss read after each step",
        quadratic_fit_observed,
        goal=8.0,
        checked=100,
        tiny={"points": 7},
    ),
    Program("line-fit", "5 points, updates by hand", line_fit, goal=8.0, checked=100),
)
