"""An array made of plain numbers is no part of the tape; writes to it in staged code happen as in Python.

A side of a branch and a round of a loop are run to be looked at, and what they write to such an array
has to be put back: both sides had been written otherwise, and one round had counted for all.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tapejit as tj

PROGRAMS: list[Any] = []


def program(fn: Any) -> Any:
    PROGRAMS.append(fn)
    return fn


@program
def one_side(x: Any) -> Any:
    v = np.array([1.0, 2.0, 3.0])
    if x[0] > 0:
        v *= 2
    return v * x


@program
def both_sides(x: Any) -> Any:
    v = np.arange(3.0)
    if x[0] > 0:
        v[0] = 5.0
    else:
        v[1:] = 7.0
    return v * x


@program
def choice(x: Any) -> Any:
    v = np.array([3.0, 2.0, 1.0])

    def turn() -> Any:
        v.sort()
        return v[0]

    first = turn() if x[0] > 0 else 2.0
    return v * x + first


@program
def rounds(x: Any) -> Any:
    v, s = np.array([1.0, 2.0, 0.5]), 0.0
    for _ in range(9):
        v *= 2.0
        s = s + x[0] * v[1]
    return v * x + s


@program
def until(x: Any) -> Any:
    v, s = np.linspace(0.0, 1.0, 3), x[0]
    while s < 20.0:
        np.add(v, 1.0, out=v)
        s = s + 1.5
    return v * x + s


@program
def left_early(x: Any) -> Any:
    v = x * 1.0
    for _ in range(9):
        v *= 2.0
        v = np.array([0.3])
        if x[0] >= -1.4:
            break
    return v * x


@program
def in_a_list(x: Any) -> Any:
    held, s = [np.array([1.0, 2.0, 3.0])], 0.0
    for _ in range(9):
        held[0] -= 0.5
        s = s + x[1] * held[0][0]
    return held[0] * x + s


@program
def by_a_view(x: Any) -> Any:
    v = np.array([3.0, 2.0, 1.0])
    w, s = v[1:], 0.0
    for _ in range(9):
        w += 1.0
        s = s + x[0] * v[1]
    return v * x + s


@program
def by_methods(x: Any) -> Any:
    v, s = np.array([3, 2, 1]), 0.0
    for _ in range(9):
        np.add.at(v, [0, 0], 2)
        v.sort()
        s = s + x[0] * v[0]
    if x[1] > 1.0:
        v.fill(4)
    return v * x + s


@pytest.mark.parametrize("policy", ["never", "always"])
@pytest.mark.parametrize("fn", PROGRAMS, ids=lambda fn: fn.__name__)
def test_writes_to_plain_arrays(fn: Any, policy: str) -> None:
    call = tj.jit(fn, compile=policy)
    for x in ([0.5, 1.0, 2.0], [-1.0, 2.0, 3.0], [3.0, 1.5, -2.0], [-2.0, 0.5, 1.0]):
        for _ in range(3):
            np.testing.assert_allclose(call(np.array(x)), fn(np.array(x)), rtol=1e-14)
