"""Jacobians and Hessians by colours are those by basis vectors, to the bit, with fewer sweeps."""

from __future__ import annotations

import pickle
import re
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest
from differences import close
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import tapejit as tj
from tapejit.core.errors import UnsupportedError
from tapejit.core.pytree import flatten
from tapejit.transforms import sweeps

RNG = np.random.default_rng(3)
few = settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


@contextmanager
def one_by_one() -> Iterator[None]:
    """Colour nothing."""
    before = sweeps.FEWEST
    sweeps.FEWEST = 1 << 60
    try:
        yield
    finally:
        sweeps.FEWEST = before


def both_ways(kind, f, *args, exact=True, compile="never", **options):
    """Return the derivative by colours after comparing it with the one by basis vectors."""
    derivative = kind(f, compile=compile, **options)
    derivative(*args)  # captures, and gives what the capture computed
    found = derivative(*args)
    assert compile == "never" or derivative.stats()["compiled"] == 1
    with one_by_one():
        want = kind(f, compile="never", **options)(*args)
    if exact:
        np.testing.assert_array_equal(found, want)
    else:
        close(found, want, 1e-12)
    return found


def colours(kind, f, *args, **options):
    """Return what `explain` says of each coloured sweep, up to the number of colours."""
    text = kind(f, compile="never", **options).explain(*args)
    return re.findall(r"(\d+ (?:columns|rows) in \d+) colours?,", text)


# ---------------------------------------------------------------- random functions

STEPS = {
    "sin": lambda x, k: np.sin(x),
    "square": lambda x, k: x**2,
    "shift": lambda x, k: x[k % len(x) :] * 1.5 if k % len(x) < len(x) - 1 else x,
    "pair": lambda x, k: x[1:] * x[:-1] if len(x) > 1 else x,
    "roll": lambda x, k: np.roll(x, k) * x,
    "join": lambda x, k: np.concatenate([x[::-1], x[: 1 + k % len(x)] * 2.0]),
    "strided": lambda x, k: x[k % 2 :: 2] if len(x) > 2 else x,
    "where": lambda x, k: np.where(x > 0.1 * k, x * x, 3.0),
    "maximum": lambda x, k: np.maximum(x, x[k % len(x)]),
    "clip": lambda x, k: np.clip(x, -0.5, 0.1 * k),
    "sums": lambda x, k: np.reshape(x[: len(x) // 2 * 2], (-1, 2)).sum(axis=1) if len(x) > 3 else x,
    "outer": lambda x, k: (x[:, None] * np.arange(1.0, 3.0)).reshape(-1) if len(x) < 20 else x,
    "take": lambda x, k: x[[k % len(x), 0, len(x) - 1, 0]] + 1.0 * k,
    "write": lambda x, k: written(x, k),
    "product": lambda x, k: (
        np.reshape(x[: len(x) // 2 * 2], (-1, 2)) @ np.array([1.0, -2.0]) if len(x) > 3 else x
    ),
    "stack": lambda x, k: np.stack([x, np.cos(x)], axis=k % 2).reshape(-1) if len(x) < 20 else x,
    "mean": lambda x, k: x - np.mean(x),
    "pad": lambda x, k: np.pad(x, (1, k % 3)),
}


def written(x, k):
    y = np.zeros(len(x) + 1)
    y[1:] = x
    y[k % len(y)] = x[0] * 2.0
    return y


@st.composite
def functions(draw):
    chosen = draw(
        st.lists(
            st.tuples(st.sampled_from(sorted(STEPS)), st.integers(0, 6)), min_size=1, max_size=4
        )
    )

    def f(x):
        for name, k in chosen:
            x = STEPS[name](x, k)
        return x

    return f


@few
@given(functions(), st.integers(2, 12), st.integers(0, 2**32 - 1))
def test_random_functions(f, n, seed):
    x = np.random.default_rng(seed).normal(size=n)
    for kind in (tj.jacfwd, tj.jacrev):
        both_ways(kind, f, x)
    both_ways(tj.jacobian, f, x, exact=False)  # sometimes in the other direction
    both_ways(tj.hessian, lambda x: np.sum(np.sin(f(x))), x)


@settings(few, max_examples=12)
@given(functions(), st.integers(5, 9), st.integers(0, 2**32 - 1))
def test_random_functions_compiled(f, n, seed):
    x = np.random.default_rng(seed).normal(size=n)
    both_ways(tj.jacobian, f, x, exact=False, compile="always")
    both_ways(tj.hessian, lambda x: np.sum(f(x) ** 3), x, exact=False, compile="always")


# ---------------------------------------------------------------- how many colours


def rosenbrock(x):
    return np.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2)


def broyden(x):
    y = np.zeros(len(x) + 2)
    y[1:-1] = x
    return (3.0 - 2.0 * x) * x - y[:-2] - 2.0 * y[2:] + 1.0


def blocks(x):
    return np.einsum("bij,bj->bi", np.ones((5, 3, 3)), np.sin(x.reshape(5, 3))).reshape(-1)


def laplace(u):
    v = np.pad(u, 1)
    return v[2:, 1:-1] + v[:-2, 1:-1] + v[1:-1, 2:] + v[1:-1, :-2] - 4.0 * u + np.exp(u)


@pytest.mark.parametrize(
    "kind, f, x, want",
    [
        (tj.jacobian, np.sin, RNG.normal(size=9), 1),
        (tj.jacobian, broyden, RNG.normal(size=70), 3),
        (tj.jacfwd, broyden, RNG.normal(size=8), 3),
        (tj.jacrev, broyden, RNG.normal(size=8), 3),
        (tj.hessian, rosenbrock, RNG.normal(size=9), 3),
        (tj.jacfwd, lambda x: x[[3, 1, 1, 0, 2]] * 2.0, RNG.normal(size=6), 1),
        (tj.jacobian, blocks, RNG.normal(size=15), 3),
        (tj.jacobian, tj.vmap(lambda x: np.cumsum(np.sin(x))), RNG.normal(size=(4, 3)), 3),
    ],
)
def test_colours(kind, f, x, want):
    both_ways(kind, f, x)
    side = "rows" if kind is tj.jacrev else "columns"
    assert colours(kind, f, x) == [f"{x.size} {side} in {want}"]
    both_ways(kind, f, x, exact=False, compile="always")


def test_colours_of_two_axes():
    u = RNG.normal(size=(6, 7))
    assert both_ways(tj.jacobian, laplace, u).shape == (6, 7, 6, 7)
    assert colours(tj.jacobian, laplace, u) in ([f"42 columns in {k}"] for k in (5, 6, 7, 8))


def arrow(x):
    return np.concatenate([x[:1] * x[1:], np.sum(x, keepdims=True)])


def test_the_direction_with_fewer_colours_is_taken():
    # A full row forbids the columns, not the rows; here and with the sides exchanged.
    x = RNG.normal(size=8)
    both_ways(tj.jacobian, arrow, x)
    assert colours(tj.jacobian, lambda x: np.append(np.sin(x), np.sum(x)), x) == ["9 rows in 2"]
    assert colours(tj.jacfwd, lambda x: np.append(np.sin(x), np.sum(x)), x) == []
    assert colours(tj.jacobian, lambda x: np.sin(x[:-1]) * x[-1], x) == ["8 columns in 2"]
    assert colours(tj.jacrev, lambda x: np.sin(x[:-1]) * x[-1], x) == []
    both_ways(tj.jacobian, lambda x: np.append(np.sin(x), np.sum(x)), x)
    both_ways(tj.jacobian, lambda x: np.sin(x[:-1]) * x[-1], x)
    # Two arguments, two results: all sweeps of a direction count together.
    assert colours(tj.jacobian, lambda x, y: (np.sin(x), np.sum(x * y)), x, x, argnums=(0, 1)) == [
        "8 rows in 1"
    ]


def test_a_direction_that_a_rule_refuses_is_not_taken():
    @tj.custom_vjp
    def clipped(x):
        return 2.0 * x

    clipped.defvjp(lambda x: (clipped(x), None), lambda _, ct: (np.clip(2.0 * ct, -1.0, 1.0),))
    x = RNG.normal(size=8)

    def f(x):
        return clipped(x)[:-1] * x[-1]

    with pytest.raises(UnsupportedError):
        tj.jacfwd(f)(x)
    np.testing.assert_array_equal(tj.jacobian(f)(x), tj.jacrev(f)(x))


def test_dense_matrices_have_no_colours():
    A = RNG.normal(size=(6, 6))
    assert colours(tj.jacobian, lambda x: np.sin(A @ x), np.ones(6)) == []
    assert colours(tj.hessian, lambda x: np.sum(x) ** 2, np.ones(6)) == []
    assert colours(tj.jacobian, np.cumsum, np.ones(6)) == []


INDEX = np.array([2, 0, 1, 3, 3, 3])


def test_an_index_that_may_change_depends_on_everything(monkeypatch):
    x = RNG.normal(size=6)

    def f(x):
        return np.sin(x)[INDEX]

    J = tj.jacobian(f, compile="never")
    for _ in range(3):
        close(J(x), np.diag(np.cos(x))[INDEX], 1e-12)
    monkeypatch.setitem(globals(), "INDEX", np.array([5, 4, 3, 2, 1, 0]))
    close(J(x), np.diag(np.cos(x))[::-1], 1e-12)
    INDEX[0] = 0
    close(J(x), np.diag(np.cos(x))[INDEX], 1e-12)
    g = tj.jacobian(lambda x, i: np.sin(x)[i], compile="never")
    for i in (np.array([0, 1]), np.array([5, 5]), np.array([3, 2])):
        close(g(x, i), np.diag(np.cos(x))[i], 1e-12)


def test_a_branch_on_a_value_has_the_pattern_of_its_own_outcome():
    def f(x):
        return x[1:] * x[:-1] if x[0] > 0 else np.sin(x)[::-1][1:]

    J = tj.jacobian(f, compile="never")
    x = np.abs(RNG.normal(size=7)) + 0.1
    for _ in range(2):
        for y in (x, -x):
            with one_by_one():
                want = tj.jacobian(f, compile="never")(y)
            np.testing.assert_array_equal(J(y), want)


def test_loops_on_traced_values():
    def f(x):
        total = 0.0
        for i in range(len(x) - 1):
            total = total + (x[i + 1] - x[i] ** 2) ** 2
        return total

    both_ways(tj.hessian, f, RNG.normal(size=6))

    def g(x):
        y = x
        for _ in range(3):
            y = y + 0.1 * np.sin(y)
        return y

    both_ways(tj.jacobian, g, RNG.normal(size=6))


def test_an_array_of_unknown_length_is_left_alone():
    def f(x):
        y, k = x, 0
        while np.sum(y * y) > 1.0:
            y = 0.7 * np.sin(y)
            k = k + 1
        return y * y[::-1]

    both_ways(tj.jacobian, f, RNG.normal(size=6))
    both_ways(tj.hessian, lambda x: np.sum(f(x)), RNG.normal(size=6))


# ---------------------------------------------------------------- what must not change


def test_a_partial_that_is_not_finite_stays_in_its_entry():
    x = np.array([0.0, 1.0, 2.0, 4.0])
    with np.errstate(all="ignore"):
        J = tj.jacobian(np.log, compile="never")(x)
    np.testing.assert_array_equal(J, np.diag([np.inf, 1.0, 0.5, 0.25]))
    # An entry that can differ from zero is what the sweep of its own vector makes it.
    band = np.eye(7, 8, dtype=bool) | np.eye(7, 8, k=1, dtype=bool)
    for kind in (tj.jacfwd, tj.jacrev):
        f, y = (lambda x: np.log(x[1:]) * x[:-1]), np.arange(8.0)[::-1].copy()
        with np.errstate(all="ignore"):
            J = kind(f, compile="never")(y)
            with one_by_one():
                want = kind(f, compile="never")(y)
        assert np.isnan(want).sum() > np.isnan(J).sum() > 0
        np.testing.assert_array_equal(J[band], want[band])
        np.testing.assert_array_equal(J[~band], 0.0)


def test_containers_aux_and_several_arguments():
    def f(p, s):
        return {"a": np.sin(p["u"]) * s, "b": (p["v"][1:] * p["u"][:5], np.sum(p["v"]))}, "aux"

    p = {"u": RNG.normal(size=6), "v": RNG.normal(size=6)}
    for kind in (tj.jacfwd, tj.jacrev, tj.jacobian):
        J, aux = kind(f, argnums=(0, 1), has_aux=True, compile="never")(p, 2.0)
        with one_by_one():
            want, _ = kind(f, argnums=(0, 1), has_aux=True, compile="never")(p, 2.0)
        assert aux == "aux"
        for leaf, other in (
            (J["a"][0]["u"], want["a"][0]["u"]),
            (J["a"][0]["v"], want["a"][0]["v"]),
            (J["a"][1], want["a"][1]),
            (J["b"][0][0]["u"], want["b"][0][0]["u"]),
            (J["b"][0][0]["v"], want["b"][0][0]["v"]),
            (J["b"][1][0]["v"], want["b"][1][0]["v"]),
        ):
            np.testing.assert_array_equal(leaf, other)


def test_float32_and_complex():
    x = RNG.normal(size=8).astype(np.float32)
    assert both_ways(tj.jacobian, lambda x: x[1:] * x[:-1], x).dtype == np.float32
    z = RNG.normal(size=8) + 1j * RNG.normal(size=8)
    for kind in (tj.jacfwd, tj.jacrev, tj.jacobian):
        both_ways(kind, lambda z: np.exp(z[1:]) * z[:-1], z, holomorphic=True)
    both_ways(tj.jacrev, lambda z: np.real(z) ** 2 * np.imag(z), z)
    both_ways(tj.jacfwd, lambda x: np.exp(1j * x[1:]) * x[:-1], RNG.normal(size=8))


def test_derivatives_of_derivatives():
    x = RNG.normal(size=7)

    def trace(x):
        return np.trace(tj.hessian(rosenbrock)(x)) + np.sum(tj.jacobian(broyden)(x) ** 2)

    for kind in (tj.grad, tj.hessian):
        both_ways(kind, trace, x, exact=False)
    t = RNG.normal(size=7)
    found = tj.jvp(tj.hessian(rosenbrock), (x,), (t,), compile="never")[1]
    with one_by_one():
        want = tj.jvp(tj.hessian(rosenbrock), (x,), (t,), compile="never")[1]
    close(found, want, 1e-12)
    both_ways(tj.jacobian, tj.jacobian(broyden), x)


def test_inside_of_vmap_jit_loops_and_branches():
    X = RNG.normal(size=(3, 6))
    both_ways(tj.vmap, tj.jacobian(broyden), X)
    both_ways(tj.vmap, tj.hessian(rosenbrock), X)
    both_ways(tj.jit, lambda x: tj.hessian(rosenbrock)(x) @ x, X[0], exact=False)

    def newton(x):
        for _ in range(4):
            x = x - np.linalg.solve(tj.jacobian(broyden)(x), broyden(x))
        return x

    for compile in ("never", "always"):
        solved = tj.jit(newton, compile=compile)
        for _ in range(2):
            close(broyden(solved(-np.ones(6))), np.zeros(6), 1e-9)

    def either(x):
        return tj.jacobian(broyden)(x) if np.sum(x) > 0 else tj.hessian(rosenbrock)(x)

    for y in (X[0], -X[0]):
        both_ways(tj.jit, either, y)


def test_custom_rules_and_checkpoints():
    @tj.custom_vjp
    def double(x):
        return 2.0 * x

    double.defvjp(lambda x: (double(x), None), lambda _, ct: (5.0 * ct,))
    x = RNG.normal(size=6)
    J = both_ways(tj.jacobian, lambda x: double(x) * x, x)
    close(J, np.diag(2.0 * x + 5.0 * x), 1e-12)
    both_ways(tj.hessian, lambda x: np.sum(tj.checkpoint(np.sin)(x) * x), x)


def test_programs_are_pickled_with_their_patterns():
    J = pickle.loads(pickle.dumps(tj.jacobian(broyden, compile="never")))
    x = RNG.normal(size=8)
    both_ways(tj.jacobian, broyden, x)
    with one_by_one():
        want = tj.jacobian(broyden, compile="never")(x)
    for _ in range(3):
        np.testing.assert_array_equal(J(x), want)


def test_each_size_has_its_own_pattern():
    J, H = tj.jacobian(broyden, compile="always"), tj.hessian(rosenbrock, compile="always")
    for n in (8, 11, 30, 9):
        x = RNG.normal(size=n)
        for kind, f, sparse in ((tj.jacobian, broyden, J), (tj.hessian, rosenbrock, H)):
            with one_by_one():
                want = kind(f, compile="never")(x)
            for _ in range(2):
                close(sparse(x), want, 1e-12)


@pytest.mark.parametrize("transform", [tj.jacobian, tj.jacfwd, tj.jacrev])
@pytest.mark.parametrize(
    "f",
    [
        lambda x: x[0],
        lambda x: x[2] * x[2],
        lambda x: x[1:2],
        lambda x: x[1:2] * x[0],
        lambda x: (x[0], x[1:2], 2.0 * x),
    ],
)
def test_results_of_one_element(transform, f):
    x = np.array([1.5, -2.0, 3.0])
    j = transform(f, compile="always")
    want = transform(f, compile="never")(x)
    j(x)
    before = j.stats()["compiled"]
    for mine, theirs in zip(flatten(j(x))[0], flatten(want)[0], strict=True):
        assert np.array_equal(mine, theirs)
    assert j.stats()["compiled"] == before + 1, "a kernel was run"
