"""Programs as people write them: value as NumPy's, derivatives as differences say, in all tiers.

The witness is plain NumPy alone: the function is called with plain arrays, and its directional
derivatives are central differences, extrapolated once (error O(h^4)).
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import dynamics
import likelihoods
import made_numerics
import made_physics
import made_statistics
import networks
import numpy as np
import pytest
import signals
from loop_programs import LEAVES_NUMPY, LOOPS
from program_registry import PROGRAMS, Program

import tapejit as tj
from tapejit.core.pytree import flatten, unflatten

MODULES = (dynamics, likelihoods, made_numerics, made_physics, made_statistics, networks, signals)
assert {p.fn.__module__ for p in PROGRAMS} == {m.__name__ for m in MODULES}
INTERPRETED = PROGRAMS + [p for p in LOOPS if p.name not in LEAVES_NUMPY]
ALL = pytest.mark.parametrize("p", INTERPRETED, ids=lambda p: p.name)
DIRECTIONS = 3
EVERY = bool(os.environ.get("TAPEJIT_ALL_PROGRAMS"))


def rng_of(p: Program) -> np.random.Generator:
    return np.random.default_rng(sum(map(ord, p.name)))


def moved(x: Any, v: Any, h: float) -> Any:
    """Return x + h v for nested containers."""
    leaves, tree = flatten(x)
    steps, _ = flatten(v)
    return unflatten(tree, [a + h * b for a, b in zip(leaves, steps)])


def direction(x: Any, rng: np.random.Generator) -> Any:
    """Return a random direction shaped like x, complex where x is."""
    leaves, tree = flatten(x)

    def one(leaf: Any) -> Any:
        shape = np.shape(leaf)
        v = rng.normal(size=shape)
        if np.asarray(leaf).dtype.kind == "c":
            v = v + 1j * rng.normal(size=shape)
        return float(v) if shape == () else v

    return unflatten(tree, [one(leaf) for leaf in leaves])


def inner(a: Any, b: Any) -> float:
    """Return Re <a, b> over containers."""
    pairs = zip(flatten(a)[0], flatten(b)[0])
    return float(sum(np.sum(np.real(np.conj(x) * y)) for x, y in pairs))


def differences(f: Callable[[float], float], h: float = 1e-3) -> float:
    """Return df/dt at 0: central differences, extrapolated to O(h^6)."""
    d = [(f(s * h) - f(-s * h)) / (2 * s * h) for s in (1, 2, 3)]
    return 1.5 * d[0] - 0.6 * d[1] + 0.1 * d[2]


def structure_agrees(g: Any, x: Any) -> None:
    got, tree = flatten(g)
    want, like = flatten(x)
    assert tree == like
    for a, b in zip(got, want):
        assert np.shape(a) == np.shape(b)
        assert np.asarray(a).dtype == np.asarray(b).dtype


def step_of(p: Program) -> float:
    return 1e-3 if p.order == 2 else 1e-6


@ALL
def test_value_and_gradient(p: Program) -> None:
    rng = rng_of(p)
    args = p.make_args(rng)
    value, g = tj.value_and_grad(p.fn, compile="never")(*args)
    plain = p.fn(*args)
    np.testing.assert_allclose(value, plain, rtol=1e-12, atol=1e-13)
    assert np.asarray(value).dtype == np.asarray(plain).dtype
    structure_agrees(g, args[0])
    scale = 1.0 + abs(plain)
    tol = 1e-7 if p.order == 2 else 1e-5
    for _ in range(DIRECTIONS):
        v = direction(args[0], rng)
        want = differences(lambda t, v=v: p.fn(moved(args[0], v, t), *args[1:]), step_of(p))
        assert inner(g, v) == pytest.approx(want, rel=tol, abs=tol * scale)


@pytest.mark.parametrize("p", [p for p in INTERPRETED if p.order == 2], ids=lambda p: p.name)
def test_second_order(p: Program) -> None:
    rng = rng_of(p)
    args = p.make_args(rng)
    v, w = direction(args[0], rng), direction(args[0], rng)
    grad = tj.grad(p.fn, compile="never")
    got = inner(tj.hvp(p.fn, compile="never")(*args, v), w)
    want = differences(lambda t: inner(grad(moved(args[0], v, t), *args[1:]), w))
    scale = 1.0 + np.sqrt(inner(grad(*args), grad(*args)))
    assert got == pytest.approx(want, rel=1e-6, abs=1e-6 * scale)


@pytest.mark.parametrize("p", [p for p in PROGRAMS if p.quick or EVERY], ids=lambda p: p.name)
def test_compiled_agrees_with_interpreted(p: Program) -> None:
    args = p.make_args(rng_of(p))
    want_value, want = tj.value_and_grad(p.fn, compile="never")(*args)
    f = tj.value_and_grad(p.fn, compile="always")
    before = [np.copy(leaf) for leaf in flatten(args)[0]]
    for _ in range(2):
        value, g = f(*args)
        np.testing.assert_allclose(value, want_value, rtol=1e-12, atol=1e-13)
        for a, b in zip(flatten(g)[0], flatten(want)[0]):
            np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-11)
            assert np.asarray(a).dtype == np.asarray(b).dtype
    for a, b in zip(flatten(args)[0], before):
        np.testing.assert_array_equal(a, b)
    assert f.stats()["compiled"] >= 1


def single(x: Any) -> Any:
    """Return floats as float32, everything else as it is."""
    leaves, tree = flatten(x)
    return unflatten(
        tree,
        [
            a.astype(np.float32) if isinstance(a, np.ndarray) and a.dtype == np.float64 else a
            for a in leaves
        ],
    )


@pytest.mark.parametrize("mode", ["never", "always"])
@pytest.mark.parametrize("p", [p for p in PROGRAMS if p.single], ids=lambda p: p.name)
def test_float32(p: Program, mode: str) -> None:
    args = p.make_args(rng_of(p))
    low = single(args)
    f = tj.value_and_grad(p.fn, compile=mode)
    f(*low)
    value, g = f(*low)
    plain = p.fn(*low)
    assert value.dtype == plain.dtype
    np.testing.assert_allclose(value, plain, rtol=2e-5)
    structure_agrees(g, low[0])
    _, want = tj.value_and_grad(p.fn, compile="never")(*args)
    for a, b in zip(flatten(g)[0], flatten(want)[0]):
        np.testing.assert_allclose(a, b, rtol=2e-3, atol=2e-4)
