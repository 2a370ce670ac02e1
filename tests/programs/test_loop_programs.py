"""The loop programs are sound witnesses: plain NumPy alone, before anything differentiates them.

A program that is not deterministic, that writes into its arguments, or whose arguments lie so
near a switch that differences of its value depend on their step can judge nobody. Nothing here
runs tapejit.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from loop_programs import LOOPS
from program_registry import Program
from test_programs import differences, direction, moved, rng_of, step_of

from tapejit.core.pytree import flatten

DIRECTIONS = 12  # more than the other tests take, so that there is some room around those


def reason_against(p: Program) -> str | None:
    """Why a program at its arguments can judge nobody, or None."""
    rng = rng_of(p)
    args = p.make_args(rng)
    before = [np.copy(leaf) for leaf in flatten(args)[0]]
    value = p.fn(*args)
    if np.shape(value) != () or not np.isfinite(value):
        return f"its value is {value!r}"
    if p.fn(*args) != value:
        return "its value changes from call to call"
    if not all(np.array_equal(a, b) for a, b in zip(flatten(args)[0], before)):
        return "it writes into its arguments"
    slopes = [slope_of(p, args, direction(args[0], rng)) for _ in range(DIRECTIONS)]
    tol = 2e-8 if p.order == 2 else 2e-6
    for one, other in slopes:
        if abs(one - other) > tol * (1 + abs(value) + abs(one)):
            return f"its slope is {one!r} by one step of differences and {other!r} by another"
    if max(abs(one) for one, _ in slopes) < 1e-6:
        return "its gradient is zero"
    return None


def slope_of(p: Program, args: tuple[Any, ...], v: Any) -> tuple[float, float]:
    """The derivative along v by the step that test_programs takes, and by another one."""

    def along(t: float) -> float:
        return float(p.fn(moved(args[0], v, t), *args[1:]))

    h = step_of(p)
    return differences(along, h), differences(along, h / 2 if p.order == 2 else 3 * h)


@pytest.mark.parametrize("p", LOOPS, ids=lambda p: p.name)
def test_a_loop_program_can_judge(p: Program) -> None:
    assert reason_against(p) is None


CALLS = [0]


def restless(x: float) -> float:
    CALLS[0] += 1
    return x * CALLS[0]


def writes(x: np.ndarray[Any, Any]) -> float:
    x[0] += 1.0
    return float(x[0] - x[0] + np.sum(x[1:]))


@pytest.mark.parametrize(
    ("fn", "arg", "words"),
    [
        (restless, 1.0, "changes from call to call"),
        (writes, np.ones(3), "writes into its arguments"),
        (lambda x: x if x > 0.999 else 1.5 * x, 1.0, "by one step"),
        (lambda x: np.floor(x), 1.5, "gradient is zero"),
        (lambda x: np.inf * x, 1.5, "its value is"),
        (lambda x: np.array([x]), 1.5, "its value is"),
    ],
    ids=["restless", "writes", "near_a_switch", "flat", "infinite", "vector"],
)
def test_a_program_that_cannot_judge_is_noticed(fn: Any, arg: Any, words: str) -> None:
    assert words in str(reason_against(Program(fn, lambda rng: (arg,))))
