"""Adjoints of extremes in loops go by lanes, and give what they gave as whole rows."""

from __future__ import annotations

import numpy as np
import pytest

import tapejit as tj
from tapejit.passes import sparse_lanes as pass_module
from tapejit.passes.sparse_lanes import sparse_lanes
from tapejit.tape.ir import Tape

rng = np.random.default_rng(3)
ROUNDS = 20
S = rng.normal(size=(9, 9))


def viterbi(S, v):
    for t in range(ROUNDS):
        v = np.max(v[:, None] + S, axis=0) + 0.01 * t
    return np.max(v)


def shortest(S, v):
    """Along the last axis; the rows of another term are added between."""
    for _ in range(ROUNDS):
        v = np.min(v + S, axis=1) * 0.9
    return v[3] ** 2


def all_wanted(S, v):
    """Every lane has a cotangent: the rows run as they are."""
    total = 0.0
    for _ in range(ROUNDS):
        v = 0.5 * np.max(v[:, None] + S, axis=0)
        total = total + np.sum(v * v)
    return total


def two_wanted(S, v):
    """Two lanes of nine: what they add to one vector adds up."""
    for _ in range(ROUNDS):
        v = 0.9 * np.max(v[:, None] + S, axis=0)
    return v[1] * v[7]


def some_wanted(S, v):
    """What is folded holds a matrix twice: its cotangent is the sum of two additions."""
    for _ in range(ROUNDS):
        v = 0.5 * np.max(np.abs(v[:, None]) * S - S, axis=0)
    return v[1] * v[7]


def ties(S, v):
    S = np.round(S)
    for _ in range(ROUNDS):
        v = np.max(np.round(v)[:, None] * 0.0 + S + v[0], axis=0)
    return v[2]


LOOPS = [viterbi, shortest, all_wanted, two_wanted, ties]


def by_lanes(f, *args) -> bool:
    """Whether a reversed loop of the gradient holds another one inside of a branch."""
    found: list[Tape] = []

    def look(tape: Tape, inside: bool) -> None:
        for row in tape:
            if row.prim.name == "for" and inside and row.params["reverse"]:
                found.append(tape)
            for v in row.params.values():
                if isinstance(v, Tape):
                    look(v, inside or row.prim.name == "cond")

    look(tj.grad(f, argnums=(0, 1)).tape(*args), False)
    return bool(found)


@pytest.mark.parametrize("f", LOOPS)
def test_gradients_are_those_of_whole_rows(f, monkeypatch):
    v = np.linspace(-1.0, 1.0, 9)
    assert by_lanes(f, S, v)
    found = [tj.grad(f, argnums=(0, 1), compile=c)(S, v) for c in ("always", "never")]
    monkeypatch.setattr(pass_module, "_by_lanes", lambda body: body)
    assert not by_lanes(f, S, v)
    wanted = tj.grad(f, argnums=(0, 1), compile="never")(S, v)
    for each in found:
        for x, y in zip(each, wanted):
            np.testing.assert_allclose(x, y, rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize("f", [viterbi, all_wanted])
def test_second_derivatives(f):
    v = np.linspace(-1.0, 1.0, 9)
    found = tj.hessian(lambda v: f(S, v), compile="always")(v)
    g, e = tj.grad(lambda v: f(S, v)), 1e-6
    wanted = [(g(v + d) - g(v - d)) / (2 * e) for d in e * np.eye(9)]
    np.testing.assert_allclose(found, wanted, rtol=1e-6, atol=1e-7)


def read_elsewhere(S, v):
    """What is folded is a matrix that the round hands on: its cotangent is no matter of lanes."""
    M = S
    for _ in range(ROUNDS):
        v = np.max(v[:, None] + M, axis=0)
        M = np.sin(M)
    return v[0] + np.sum(M)


def transposed(S, v):
    """A transposed matrix would be copied in every round."""
    for _ in range(ROUNDS):
        v = np.max(v[:, None] + S.T, axis=0)
    return v[0]


def few_lanes(S, v):
    v, S = v[:3], S[:3, :3]
    for _ in range(ROUNDS):
        v = np.max(v[:, None] + S, axis=0)
    return v[0]


def once(S, v):
    """Not in a loop."""
    return np.max(np.max(v[:, None] + S, axis=0))


@pytest.mark.parametrize("f", [few_lanes, once])
def test_left_alone(f):
    v = np.linspace(-1.0, 1.0, 9)
    assert not by_lanes(f, S, v)


@pytest.mark.parametrize("f", [read_elsewhere, transposed, some_wanted])
def test_hard_cases(f):
    v = np.linspace(-1.0, 1.0, 9)
    for x, y in zip(tj.grad(f, argnums=(0, 1), compile="always")(S, v), _numeric(f, v)):
        np.testing.assert_allclose(x, y, rtol=1e-6, atol=1e-8)


def _numeric(f, v):
    def slope(of, x):
        out, e = np.zeros(x.size), 1e-6
        for k in range(x.size):
            d = np.zeros(x.size)
            d[k] = e
            d = d.reshape(x.shape)
            out[k] = (of(x + d) - of(x - d)) / (2 * e)
        return out.reshape(x.shape)

    return slope(lambda s: f(s, v), S), slope(lambda w: f(S, w), v)


def test_a_tape_without_loops_is_returned_as_it_is():
    tape = tj.grad(lambda x: np.sum(x * x)).tape(np.ones(3))
    assert sparse_lanes(tape) is tape
