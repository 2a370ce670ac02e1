"""An LSTM cell over a sequence, with torch's operations by hand and as nn.LSTMCell."""

from __future__ import annotations

from typing import Any

from benchmarks.torch.programs.base import Program, Torch, Training, spread


def _start(torch: Torch, inputs: int, hidden: int) -> tuple[Any, ...]:
    """The weights and biases of the cell, and of the line read from its last state."""
    scale = hidden**-0.5
    shapes = ((4 * hidden, inputs), (4 * hidden, hidden), (4 * hidden,), (4 * hidden,), (hidden, 1))
    return tuple(
        torch.tensor(spread(*shape, scale=scale, phase=0.13 * k)) for k, shape in enumerate(shapes)
    )


def _data(torch: Torch, steps: int, batch: int, inputs: int) -> tuple[Any, Any]:
    x = torch.tensor(spread(steps, batch, inputs, phase=0.3))
    return x, torch.tensor(spread(batch, 1, scale=0.5, phase=0.6))


def lstm_by_hand(
    torch: Torch, *, steps: int = 20, hidden: int = 32, batch: int = 8, inputs: int = 8
) -> Training:
    """Gates from one product, split in four; descent written out."""
    parameters = tuple(p.requires_grad_() for p in _start(torch, inputs, hidden))
    w_x, w_h, b_x, b_h, out = parameters
    xs, target = _data(torch, steps, batch, inputs)
    h0, c0 = torch.zeros(batch, hidden), torch.zeros(batch, hidden)

    def step():
        h, c = h0, c0
        for k in range(steps):
            gates = xs[k] @ w_x.t() + b_x + h @ w_h.t() + b_h
            i, f, g, o = gates.chunk(4, 1)
            c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
            h = torch.sigmoid(o) * torch.tanh(c)
        loss = ((h @ out - target) ** 2).mean()
        loss.backward()
        with torch.no_grad():
            for p in parameters:
                p -= 0.05 * p.grad
                p.grad = None
        return loss

    return Training(step, parameters)


def lstm_cell(
    torch: Torch, *, steps: int = 20, hidden: int = 32, batch: int = 8, inputs: int = 8
) -> Training:
    """The same network and the same descent, as a module and an optimiser."""
    w_x, w_h, b_x, b_h, out = _start(torch, inputs, hidden)
    cell = torch.nn.LSTMCell(inputs, hidden)
    with torch.no_grad():
        for p, start in zip(cell.parameters(), (w_x, w_h, b_x, b_h)):
            p.copy_(start)
    out.requires_grad_()
    parameters = (*cell.parameters(), out)
    xs, target = _data(torch, steps, batch, inputs)
    h0, c0 = torch.zeros(batch, hidden), torch.zeros(batch, hidden)
    optimizer = torch.optim.SGD(parameters, lr=0.05)

    def step():
        optimizer.zero_grad()
        h, c = h0, c0
        for k in range(steps):
            h, c = cell(xs[k], (h, c))
        loss = ((h @ out - target) ** 2).mean()
        loss.backward()
        optimizer.step()
        return loss

    return Training(step, parameters)


_TINY = {"steps": 3, "hidden": 4, "batch": 2, "inputs": 3}
PROGRAMS = (
    Program("lstm", "20 steps, H=32, batch 8, by hand", lstm_by_hand, goal=4.0, tiny=_TINY),
    Program("lstm-cell", "the same as nn.LSTMCell", lstm_cell, goal=4.0, tiny=_TINY),
)
