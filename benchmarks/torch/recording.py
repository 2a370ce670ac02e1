"""What recording costs: Python time of a row, before anything is computed.

A chain of operations is recorded and timed, then dropped: its tensors die before anybody looks, so
what is left over is not part of the sample. PyTorch's time for the same lines, computing included,
stands beside it.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter
from typing import Any

ROWS = 200  # few enough that the trace is not run for its length
GOAL_S = 1e-6


@dataclass(frozen=True)
class Chain:
    """One kind of row: ``build(torch)`` returns ``run(n)``, which records `n` of them."""

    name: str
    build: Callable[[Any], Callable[[int], Any]]


def _binary(torch: Any) -> Callable[[int], Any]:
    x, y = torch.ones(3), torch.full((3,), 0.5)

    def run(n: int) -> Any:
        z = x
        for _ in range(n):
            z = z * y
        return z

    return run


def _binary_grad(torch: Any) -> Callable[[int], Any]:
    x, y = torch.ones(3, requires_grad=True), torch.full((3,), 0.5)

    def run(n: int) -> Any:
        z = x
        for _ in range(n):
            z = z * y
        return z

    return run


def _number(torch: Any) -> Callable[[int], Any]:
    x = torch.ones(3, requires_grad=True)

    def run(n: int) -> Any:
        z = x
        for _ in range(n):
            z = z * 0.5
        return z

    return run


def _unary(torch: Any) -> Callable[[int], Any]:
    x = torch.ones(3, requires_grad=True)

    def run(n: int) -> Any:
        z = x
        for _ in range(n):
            z = z.tanh()
        return z

    return run


def _function(torch: Any) -> Callable[[int], Any]:
    x, tanh = torch.ones(3, requires_grad=True), torch.tanh

    def run(n: int) -> Any:
        z = x
        for _ in range(n):
            z = tanh(z)
        return z

    return run


def _product(torch: Any) -> Callable[[int], Any]:
    x, w = torch.ones(3, 3, requires_grad=True), torch.full((3, 3), 0.3)

    def run(n: int) -> Any:
        z = x
        for _ in range(n):
            z = z @ w
        return z

    return run


def _sum(torch: Any) -> Callable[[int], Any]:
    x = torch.ones(3, requires_grad=True)

    def run(n: int) -> Any:
        z = x
        for _ in range(n):
            z = x.sum()
        return z

    return run


def _index(torch: Any) -> Callable[[int], Any]:
    x = torch.ones(3, 4, requires_grad=True)

    def run(n: int) -> Any:
        z = x
        for _ in range(n):
            z = x[1]
        return z

    return run


def _inplace(torch: Any) -> Callable[[int], Any]:
    y = torch.full((3,), 0.5)

    def run(n: int) -> Any:
        z = torch.ones(3)
        for _ in range(n):
            z += y
        return z

    return run


CHAINS = (
    Chain("z * y", _binary),
    Chain("z * y, grad", _binary_grad),
    Chain("z * 0.5, grad", _number),
    Chain("z.tanh(), grad", _unary),
    Chain("torch.tanh(z), grad", _function),
    Chain("z @ w, grad", _product),
    Chain("x.sum(), grad", _sum),
    Chain("x[1], grad", _index),
    Chain("z += y", _inplace),
)


def seconds_per_row(
    chain: Chain, torch: Any, *, rows: int = ROWS, repeats: int = 30
) -> dict[str, Any]:
    """Median seconds of recording one row of this kind, or why there is none."""
    try:
        run = chain.build(torch)
        samples = []
        for _ in range(repeats + 2):
            start = perf_counter()
            kept = run(rows)
            samples.append((perf_counter() - start) / rows)
            del kept
            (torch.zeros(1) + 1).tolist()  # somebody looks elsewhere: what is pending goes away
        return {"row_s": statistics.median(samples[2:])}
    except Exception as error:  # shown in the table
        return {"failed": f"{type(error).__name__}: {error}"}
