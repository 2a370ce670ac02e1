"""Nests without gates beside those with them: text in, text out, and infinite partials."""

from __future__ import annotations

import re

import numpy as np
import pytest

import tapejit as tj
from tapejit.codegen.open_gates import without_gates

NEST = """\
v9 = 0.0
for i0 in range(64):
    l1 = a0[i0]
    l2 = a1[i0]
    v3 = (l1 * x1 if l1 != 0 else l1)
    v4 = (l1 * l2 if l1 != 0 else l1)
    o1[i0] = v3 + v4""".splitlines()


def test_numbers_are_tested_and_arrays_keep_their_gates():
    assert without_gates(NEST, (64,)) == [
        "if x1 - x1 == 0.0:",
        "    v9 = 0.0",
        "    for i0 in range(64):",
        "        l1 = a0[i0]",
        "        l2 = a1[i0]",
        "        v3 = (l1 * x1)",
        "        v4 = (l1 * l2 if l1 != 0 else l1)",
        "        o1[i0] = v3 + v4",
        "else:",
        *(f"    {t}" for t in NEST),
    ]


@pytest.mark.parametrize("space", [(), (31,), (4, 7)])
def test_short_nests_are_left_alone(space):
    assert without_gates(NEST, space) == NEST


def test_long_texts_and_those_without_such_gates_are_left_alone():
    assert without_gates(NEST * 6, (64,)) == NEST * 6
    others = [t for t in NEST if "x1" not in t]
    assert without_gates(others, (64,)) == others


def heat(u, c):
    u = u.copy()
    for _ in range(20):
        u[1:-1] += c * (u[2:] - 2.0 * u[1:-1] + u[:-2])
    return u[0] + u[-1]


@pytest.mark.parametrize("c", [0.2, np.inf, -np.inf, np.nan])
def test_partials_that_are_not_finite(c):
    """The cotangent of the inner field is 0: so is the gradient, were the coefficient infinite."""
    u = np.linspace(0.0, 1.0, 64) ** 2
    g = tj.grad(heat, compile="always")
    assert re.search(r"if (\w+) - \1 == 0\.0:", g.source(u, 0.2))
    wanted = np.zeros(64)
    wanted[[0, -1]] = 1.0
    assert np.array_equal(g(u, c), wanted)
