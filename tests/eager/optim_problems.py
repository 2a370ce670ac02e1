"""Small fixed problems for optimisers, and a walk that yields the parameters after every step."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from nn_formulas import leaf, wave

Torch = Any
Tensor = Any
Loss = Callable[[], Tensor]


def fit(torch: Torch, dtype: Any = None) -> tuple[list[Tensor], Loss]:
    """Fit a line through four points: parameters and the mean squared error.

    The matrix is badly scaled on purpose (columns 1 : 4), so that methods which scale by the
    gradient's size take other paths than those which do not.
    """
    dtype = dtype or torch.float32
    scale = torch.tensor([1.0, 4.0], dtype=dtype)
    x = wave(torch, 4, 2, dtype=dtype, phase=1.0) * scale
    y = wave(torch, 4, dtype=dtype, phase=2.0, scale=3.0)
    w, b = leaf(torch, 2, dtype=dtype), leaf(torch, 1, dtype=dtype, phase=2.5)
    return [w, b], lambda: ((x @ w + b - y) ** 2).mean()


def valley(torch: Torch, dtype: Any = None) -> tuple[list[Tensor], Loss]:
    """Rosenbrock's valley from (-0.8, 1.2)."""
    p = torch.tensor([-0.8, 1.2], dtype=dtype or torch.float64, requires_grad=True)
    return [p], lambda: (1 - p[0]) ** 2 + 10 * (p[1] - p[0] ** 2) ** 2


def walk(optimizer: Any, parameters: list[Tensor], loss: Loss, steps: int = 4) -> Iterator[Any]:
    """Yield loss and parameters after each of some ordinary steps."""
    for _ in range(steps):
        optimizer.zero_grad()
        value = loss()
        value.backward()
        optimizer.step()
        yield value.detach(), [p.detach().clone() for p in parameters]


def hyper(group: dict[str, Any]) -> dict[str, Any]:
    """The numbers of a parameter group, without the parameters and how they are executed."""
    skipped = {"params", "foreach", "fused", "capturable", "differentiable"}
    return {key: value for key, value in sorted(group.items()) if key not in skipped}
