"""Index arrays that are shifts or ranges become slices, and stop being slices when they change."""

from __future__ import annotations

import numpy as np
import pytest

import tapejit as tj
from tapejit.frontend import regular

rng = np.random.default_rng(7)
N = 24
AT = np.arange(N)
PATTERNS = {
    "to the left": (AT - 1) % N,
    "two to the right": (AT + 2) % N,
    "negative": AT - 1,
    "held at the left": np.maximum(AT - 1, 0),
    "held at the right": np.minimum(AT + 3, N - 1),
    "a range": np.arange(2, N - 1),
    "backwards": np.arange(N - 2, 1, -1),
    "unsigned": ((AT + 1) % N).astype(np.uint8),
}
OTHERS = {
    "one exchanged": np.where(AT < 2, 1 - AT, (AT - 1) % N),
    "a long shift": (AT + 11) % N,
    "one repeated": np.maximum(AT - 1, 1),
}


def stepped(at):
    def loss(u):
        for _ in range(4):
            v = u[at]
            u = u * 0.5 + 0.3 * np.resize(np.sin(v), u.shape)
        return np.sum(u**3)

    return loss


def plain_gradient(f, u):
    """By central differences."""
    return np.array([(f(u + e) - f(u - e)) / 2e-6 for e in 1e-6 * np.eye(len(u))])


def names(f, *args):
    tape = tj.jit(f).tape(*args)
    return {row.prim.name for t in (tape, *tape.bodies()) for row in t}


@pytest.mark.parametrize("what", [*PATTERNS, *OTHERS])
def test_values_and_gradients(what):
    at = (PATTERNS | OTHERS)[what]
    u = 0.5 * rng.normal(size=N)
    f = stepped(at)
    value, found = tj.value_and_grad(f, compile="always")(u)
    assert value == pytest.approx(f(u), rel=1e-12)
    assert found == pytest.approx(plain_gradient(f, u), rel=1e-6, abs=1e-8)
    assert ("gather" in names(f, u)) == (what in OTHERS)


def test_along_an_inner_axis():
    at, u = PATTERNS["to the left"], rng.normal(size=(3, N))

    def f(u):
        return np.sum(u[:, at] * np.sin(u))

    assert tj.jit(f)(u) == pytest.approx(f(u), rel=1e-12)
    assert "gather" not in names(f, u)


def test_what_is_made_inside_needs_no_guard():
    def f(u):
        left = (np.arange(N) - 1) % N
        return np.sum(u[left] * u)

    u = rng.normal(size=N)
    assert tj.jit(f)(u) == pytest.approx(f(u), rel=1e-12)
    assert not {"gather", "guard"} & names(f, u)


def test_arithmetic_on_a_range():
    inner = np.arange(1, N - 1)

    def f(u):
        s = 0.0
        for _ in range(3):
            s = s + np.sum((u[inner + 1] - 2.0 * u[inner] + u[inner - 1]) ** 2)
        return s

    u = rng.normal(size=N)
    value, found = tj.value_and_grad(f)(u)
    assert value == pytest.approx(f(u), rel=1e-12)
    assert found == pytest.approx(plain_gradient(f, u), rel=1e-5, abs=1e-7)
    assert "gather" not in names(f, u)


@pytest.mark.parametrize("compile", ["never", "always"])
def test_an_array_that_is_changed(compile):
    """Its first pattern is guarded; with the second it is a gather, so no third one is captured."""
    at = PATTERNS["to the left"].copy()
    f = stepped(at)
    g = tj.value_and_grad(f, compile=compile)
    u = 0.5 * rng.normal(size=N)
    for k in range(5):
        value, found = g(u)
        assert value == pytest.approx(f(u), rel=1e-12), k
        assert found == pytest.approx(plain_gradient(f, u), rel=1e-6, abs=1e-8), k
        at[:] = rng.permutation(N) if k == 2 else (AT + k + 1) % N
    assert g.stats()["captures"] <= 4
    assert g.stats()["python"] == 0


def test_an_index_out_of_bounds_raises_still():
    at = AT + 1
    with pytest.raises(IndexError, match="24 is out of bounds"):
        tj.jit(stepped(at))(rng.normal(size=N))


def test_arguments_are_no_patterns():
    """A batch is another range at every call."""

    def f(X, batch):
        return np.sum(X[batch] ** 2)

    g, X = tj.grad(f), rng.normal(size=100)
    for k in range(4):
        batch = np.arange(20 * k, 20 * k + 20)
        wanted = np.zeros(100)
        wanted[batch] = 2.0 * X[batch]
        assert g(X, batch) == pytest.approx(wanted)
    assert g.stats()["guard_misses"] == 0


def test_positions_of_a_round_that_does_not_run():
    """What only that round looks at is not looked at in front of the loop."""
    far = np.arange(N) + N

    def f(u, x):
        s = 0.0
        for k in range(3):
            if x > k:
                s = s + np.sum(u[far - N])
            else:
                s = s + np.sum(u[far[k] :])
        return s

    u = rng.normal(size=N)
    for x in (5.0, 1.5):
        assert tj.jit(f)(u, x) == pytest.approx(f(u, x), rel=1e-12)


def test_an_array_written_to_inside():
    at = PATTERNS["to the left"]

    def f(u):
        mine = at.copy()
        total = 0.0
        for k in range(3):
            mine[k] = 5
            total = total + np.sum(u[mine] * u)
        return total

    u = rng.normal(size=N)
    assert tj.jit(f)(u) == pytest.approx(f(u), rel=1e-12)


def test_parts_of_short_axes():
    assert regular.parts_of(np.array([1, 0]), 2) == ((1, 2, -1),)
    assert regular.parts_of(np.array([0, 0, 0]), 3) is None
