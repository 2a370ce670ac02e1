"""Stacks that the reverse rounds can read again in a table are not kept, and no others."""

from __future__ import annotations

import numpy as np
import pytest

import tapejit as tj
from tapejit.passes import looped as passes_looped
from tapejit.passes.bounds import checks_left
from tapejit.passes.legalise import legalise
from tapejit.passes.rereads import rereads
from tapejit.passes.trim import trim
from tapejit.tape.ir import Tape
from tapejit.tape.replay import interpreter
from tapejit.tape.verify import verify

rng = np.random.default_rng(0)
X, Y = rng.normal(size=12), rng.uniform(0.2, 0.9, size=9)


def warping(x, y):
    D = np.full((len(x) + 1, len(y) + 1), np.inf)
    D[0, 0] = 0.0
    for i in range(len(x)):
        for j in range(len(y)):
            best = min(D[i, j], D[i, j + 1], D[i + 1, j])
            D[i + 1, j + 1] = (x[i] - y[j]) ** 2 + best
    return D[-1, -1]


def squares(x, y):
    a = np.zeros(len(x) + 1)
    for i in range(len(x)):
        a[i + 1] = a[i] * a[i] * y[0] + x[i]
    return np.sum(a)


def backwards(x, y):
    a = np.zeros(len(x) + 1)
    for i in range(len(x) - 1, -1, -1):
        a[i] = a[i + 1] * a[i + 1] * y[0] + x[i]
    return np.sum(a)


def every_other(x, y):
    a = np.zeros(2 * len(x) + 1)
    for i in range(len(x)):
        a[2 * i + 2] = a[2 * i] * a[2 * i] * y[0] + x[i]
        a[2 * i + 1] = y[1]
    return np.sum(a)


def rows(x, y):
    a = np.zeros((len(x) + 1, len(y)))
    for t in range(len(x)):
        a[t + 1] = a[t] * a[t] * y + x[t]
    return np.sum(a)


def two_tables(x, y):
    a, c = np.zeros(len(x) + 1), np.ones(len(x) + 1)
    for i in range(len(x)):
        a[i + 1] = a[i] * c[i] + x[i]
        c[i + 1] = c[i] * y[0] + a[i]
    return np.sum(a * c)


def written_in_a_branch(x, y):
    a = np.ones(len(x) + 1)
    for i in range(len(x)):
        if x[i] > 0:
            a[i + 1] = a[i] * a[i] * y[0]
    return np.sum(a)


def in_place(x, y):
    """What a round reads it overwrites."""
    a = x.copy()
    for i in range(len(x)):
        a[i] = a[i] * a[i] * y[0]
    return np.sum(a)


def read_ahead(x, y):
    """What a round reads the next one overwrites."""
    a = x.copy()
    for i in range(len(x) - 1):
        a[i] = a[i + 1] * a[i + 1] * y[0]
    return np.sum(a)


def swept_again(x, y):
    """What a round reads is overwritten in the next sweep."""
    a = x.copy()
    for _ in range(30):
        for i in range(1, len(x)):
            a[i] = a[i - 1] * a[i - 1] * y[0]
    return np.sum(a)


def compared_products(x, y):
    """A product may be contracted here and not there, so the comparison could come out differently."""
    a = np.zeros(len(x) + 1)
    for i in range(len(x)):
        u = a[i]
        a[i + 1] = x[i] * (y[0] if u * u + 1.0 < 1.5 else 0.1)
    return np.sum(a)


def overwritten_later(x, y):
    """The table itself is overwritten behind the loop; what was read of it must stay."""
    a = np.zeros(len(x) + 1)
    for i in range(len(x)):
        a[i + 1] = a[i] * a[i] * y[0] + x[i]
    total = np.sum(a)
    for i in range(len(x)):
        a[i + 1] = a[i] * y[1]
    return total + np.sum(a**2)


# the stacks that forward loops keep, with those that are read again and without
KEPT = [
    (warping, 2, 0),
    (squares, 2, 0),
    (backwards, 2, 0),
    (every_other, 2, 0),
    (rows, 2, 0),
    (two_tables, 2, 0),
    (written_in_a_branch, 3, 3),  # the branch would have to run again
    (in_place, 2, 2),
    (read_ahead, 2, 2),
    (swept_again, 2, 2),
    (compared_products, 2, 2),
    (overwritten_later, 3, 2),
]


def kept(tape: Tape) -> int:
    """The stacks that the forward loops of a tape keep, those of loops in loops counted once."""
    found = 0
    for row in tape:
        if row.prim.name == "for" and not row.params["reverse"]:
            found += len(row.params["body"].outputs) - row.params["carry"]
    return found


@pytest.mark.parametrize("fn, before, after", KEPT, ids=lambda v: getattr(v, "__name__", v))
def test_what_is_kept(fn, before, after, monkeypatch):
    tape = tj.value_and_grad(fn, argnums=(0, 1)).tape(X, Y)
    assert kept(legalise(tape)) == after
    monkeypatch.setattr(passes_looped, "rereads", lambda tape: tape)
    assert kept(legalise(tape)) == before


@pytest.mark.parametrize("fn, before, after", KEPT, ids=lambda v: getattr(v, "__name__", v))
def test_gradients_of_kernels(fn, before, after):
    given = tj.value_and_grad(fn, argnums=(0, 1), compile="always")
    wanted = tj.value_and_grad(fn, argnums=(0, 1), compile="never")
    for one, other in zip(given(X, Y)[1], wanted(X, Y)[1]):
        np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-12)


def anywhere(seed):
    """Return a function whose loops read and write a table at places drawn at random."""
    draw = np.random.default_rng(seed)
    p, q, w = (int(k) for k in draw.choice([-1, 1, 2], size=3))
    r, s, t = (int(k) for k in draw.integers(11, 15, size=3))
    sweeps = int(draw.integers(1, 3))

    def fn(x, y):
        a = np.ones(40) * x[0]
        for k in range(sweeps):
            for i in range(10):
                u, v = a[p * i + r], a[q * i + s]
                a[w * i + t] = (u * y[k] if u < v else v * 0.5) + x[i]
        return np.sum(a * a)

    return fn


def test_any_places():
    """A tape that reads again gives the bits of the one that keeps."""
    used = 0
    for seed in range(30):
        tape = tj.grad(anywhere(seed), argnums=(0, 1)).tape(X, Y)
        plain = trim(checks_left(tape))
        made = rereads(plain)
        used += made is not plain
        verify(made)
        for one, other in zip(interpreter(made).run([X, Y]), interpreter(plain).run([X, Y])):
            np.testing.assert_array_equal(one, other)
    assert used > 5


def test_a_value_that_is_read_often_is_looked_at_once():
    """The best of 28 is read twice by each comparison: as a tree it has 2**28 leaves."""

    def fn(x, y):
        a = np.zeros((13, 28))
        a[0] = x[0]
        for t in range(12):
            for k in range(12):
                best = a[t, 0] + y[0]
                for l in list(range(1, 28)):  # a list is not rolled
                    best = min(best, a[t, l] + y[l % 9])
                a[t + 1, k] = best + x[k]
        return np.sum(a[12])

    tape = tj.grad(fn, argnums=(0, 1)).tape(X, Y)
    verify(legalise(tape))
