"""Reads of what was just written, and the branches that become possible by them."""

from __future__ import annotations

import numpy as np
import pytest

import tapejit as tj
from tapejit.passes import same_places as pass_module
from tapejit.passes.same_places import same_places
from tapejit.tape.ir import Tape

rng = np.random.default_rng(5)


def aligned(C, gap):
    n, m = C.shape
    H = np.zeros((n + 1, m + 1))
    best = 0.0
    for i in range(n):
        for j in range(m):
            H[i + 1, j + 1] = max(0.0, H[i, j] + C[i, j], H[i, j + 1] - gap, H[i + 1, j] - gap)
            best = max(best, H[i + 1, j + 1])
    return best


def rows(C, gap):
    """A whole row is read where it was written."""
    R = np.zeros((19, 17))
    total = 0.0
    for i in range(18):
        R[i + 1] = np.sin(R[i]) * gap + C[i]
        total = total + np.sum(R[i + 1] ** 2)
    return total


def written_twice(C, gap):
    a = np.zeros(19)
    for i in range(18):
        a[i + 1] = a[i] * gap
        a[i + 1] = a[i + 1] * C[i, 0] + C[i, 1]
    return np.sum(a**2)


def beside(C, gap):
    """Another place is written in between, which may be the same one."""
    a = np.zeros(19)
    for i in range(18):
        a[i + 1] = a[i] * gap + C[i, 0]
        a[18 - i] = a[18 - i] * 2.0
        a[i] = a[i + 1] + C[i, 1]
    return np.sum(a**2)


PROGRAMS = [aligned, rows, written_twice, beside]


def bodies(f, *args) -> list[Tape]:
    found = [tj.grad(f, argnums=(0, 1)).tape(*args)]
    for tape in found:
        found += tape.bodies()
    return found


def read_again(tape: Tape) -> int:
    """Count the windows of arrays that a row has just written to the same place."""
    count = 0
    for row in tape:
        if row.prim.name in ("dynamic_slice", "dynamic_update"):
            before = tape.row(row.args[0])
            writes = before.prim.name in ("dynamic_update", "dynamic_add")
            skip = 1 if row.prim.name == "dynamic_slice" else 2
            count += writes and before.args[2:] == row.args[skip:]
    return count


@pytest.mark.parametrize("f", PROGRAMS)
def test_gradients(f, monkeypatch):
    C, gap = rng.normal(size=(18, 17)), 0.4
    found = tj.value_and_grad(f, argnums=(0, 1), compile="always")(C, gap)
    assert found[0] == pytest.approx(f(C, gap), rel=1e-13)
    few = sum(map(read_again, bodies(f, C, gap)))
    monkeypatch.setattr(pass_module, "_alike", lambda b, one, other: False)
    wanted = tj.value_and_grad(f, argnums=(0, 1), compile="never")(C, gap)
    for x, y in zip(found[1], wanted[1]):
        np.testing.assert_allclose(x, y, rtol=1e-13, atol=1e-15)
    assert (sum(map(read_again, bodies(f, C, gap))) > few) == (f is not beside)


def test_rounds_of_a_running_best_are_skipped():
    """Only with the read of the table gone: a round then reads one cotangent."""
    C = rng.normal(size=(18, 17))
    assert any(row.prim.name == "cond" for t in bodies(aligned, C, 0.4) for row in t)


def test_a_tape_without_updates_is_returned_as_it_is():
    tape = tj.grad(lambda x: np.sum(x * x)).tape(np.ones(3))
    assert same_places(tape) is tape
