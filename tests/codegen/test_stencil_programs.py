"""Steps of fields in the forms in which they are written: compiled = interpreted, gradients too."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tapejit as tj

STEPS = 12
"""So many that the loop is rolled; four steps would be written one behind the other."""
FORMS: dict[str, tuple[Callable[..., Any], tuple[int, ...]]] = {}


def form(*shape: int) -> Callable[..., Any]:
    def enter(step: Callable[..., Any]) -> Callable[..., Any]:
        FORMS[step.__name__] = (step, shape)
        return step

    return enter


@form(24)
def in_place(u, c):
    u = u.copy()
    for _ in range(STEPS):
        u[1:-1] += c * (u[2:] - 2.0 * u[1:-1] + u[:-2])
        u[0] = 0.5
    return u


@form(24)
def copied(u, c):
    for _ in range(STEPS):
        v = u.copy()
        v[1:-1] = u[1:-1] + c * (u[2:] - 2.0 * u[1:-1] + u[:-2])
        u = v
    return u


@form(24)
def concatenated(u, c):
    for _ in range(STEPS):
        u = np.concatenate([u[:1], u[1:-1] + c * (u[2:] - 2.0 * u[1:-1] + u[:-2]), u[-1:]])
    return u


@form(24)
def padded_behind(u, c):
    for _ in range(STEPS):
        u = u + c * np.pad(u[2:] - 2.0 * u[1:-1] + u[:-2], 1)
    return u


@form(24)
def padded_before(u, c):
    for _ in range(STEPS):
        p = np.pad(u, 1, mode="edge")
        u = u + c * (p[2:] - 2.0 * u + p[:-2])
    return u


@form(24)
def rolled(u, c):
    for _ in range(STEPS):
        u = u + c * (np.roll(u, 1) - 2.0 * u + np.roll(u, -1))
    return u


@form(24)
def convolved(u, c):
    k = np.array([1.0, -2.0, 1.0])
    for _ in range(STEPS):
        u = u + c * np.convolve(u, k, mode="same")
    return u


@form(24)
def differences(u, c):
    u = u.copy()
    for _ in range(STEPS):
        u[1:-1] += c * np.diff(u, 2)
    return u


@form(24)
def upwind(u, c):
    u = u.copy()
    for _ in range(STEPS):
        u[1:] -= c * (u[1:] - u[:-1])
        u[0] = 0.0
    return u


@form(24)
def downwind(u, c):
    u = u.copy()
    for _ in range(STEPS):
        u[:-1] += c * (u[1:] - u[:-1])
    return u


@form(24)
def burgers(u, c):
    u = u.copy()
    for _ in range(STEPS):
        u[1:-1] = u[1:-1] - 0.1 * u[1:-1] * (u[2:] - u[:-2]) + c * (u[2:] - 2.0 * u[1:-1] + u[:-2])
    return u


@form(24)
def wave(u, c):
    p = u
    for _ in range(STEPS):
        n = u.copy()
        n[1:-1] = 2.0 * u[1:-1] - p[1:-1] + c * (u[2:] - 2.0 * u[1:-1] + u[:-2])
        p, u = u, n
    return u + p


@form(24)
def fourth_order(u, c):
    u = u.copy()
    for _ in range(STEPS):
        u[2:-2] += c * (
            -u[4:] / 12 + 4 * u[3:-1] / 3 - 2.5 * u[2:-2] + 4 * u[1:-3] / 3 - u[:-4] / 12
        )
    return u


@form(23)
def every_other(u, c):
    u = u.copy()
    for _ in range(STEPS):
        u[1:-1:2] += c * (u[2::2] - 2.0 * u[1:-1:2] + u[:-2:2])
        u[2:-2:2] += c * (u[3:-1:2] - 2.0 * u[2:-2:2] + u[1:-3:2])
    return u


@form(24)
def stacked(u, c):
    for _ in range(STEPS):
        u = u + c * np.hstack((0.0, u[2:] - 2.0 * u[1:-1] + u[:-2], 0.0))
    return u


@form(24)
def inside_of_zeros(u, c):
    for _ in range(STEPS):
        bend = np.zeros_like(u)
        bend[1:-1] = u[2:] - 2.0 * u[1:-1] + u[:-2]
        u = u + c * bend
    return u


@form(24)
def wrapped(u, c):
    for _ in range(STEPS):
        p = np.pad(u, 2, mode="wrap")
        u = u + c * (p[4:] - p[3:-1] - p[1:-3] + p[:-4])
    return u


@form(24)
def reflected(u, c):
    for _ in range(STEPS):
        p = np.pad(u, (2, 1), mode="reflect")
        u = u + c * (p[3:] - 2.0 * u + p[:-3])
    return u


@form(24)
def weighted(u, c):
    for _ in range(STEPS):
        u = np.convolve(u, np.array([c, 1.0 - 2.0 * c, c * c]), mode="same")
    return u


@form(24)
def upwind_by_sign(u, c):
    for _ in range(STEPS):
        u = u - c * np.where(u > 0, u * (u - np.roll(u, 1)), u * (np.roll(u, -1) - u))
    return u


@form(24)
def staggered(u, c):
    e, h = u.copy(), np.zeros_like(u)
    for _ in range(STEPS):
        e[1:] += c * (h[1:] - h[:-1])
        h[:-1] += c * (e[1:] - e[:-1])
    return e + h


@form(24)
def two_species(u, c):
    v = 0.5 * u
    for _ in range(STEPS):
        q = 0.1 * u * v * v
        du, dv = np.roll(u, 1) - 2 * u + np.roll(u, -1), np.roll(v, 1) - 2 * v + np.roll(v, -1)
        u, v = u + c * du - q, v + 0.5 * c * dv + q
    return u * v


@form(24)
def fluxes(u, c):
    u = u.copy()
    for _ in range(STEPS):
        f = np.tanh(u) * c
        u[1:-1] -= 0.5 * (f[2:] - f[:-2])
        u = np.concatenate([u[1:2], u[1:-1], u[-2:-1]])
    return u


@form(18, 20)
def plane(u, c):
    u = u.copy()
    for _ in range(STEPS):
        near = u[2:, 1:-1] + u[:-2, 1:-1] + u[1:-1, 2:] + u[1:-1, :-2]
        u[1:-1, 1:-1] += c * (near - 4.0 * u[1:-1, 1:-1])
    return u


@form(18, 20)
def rolled_plane(u, c):
    for _ in range(STEPS):
        near = np.roll(u, 1, 0) + np.roll(u, -1, 0) + np.roll(u, 1, 1) + np.roll(u, -1, 1)
        u = u + c * (near - 4.0 * u)
    return u


@form(18, 20)
def padded_plane(u, c):
    for _ in range(STEPS):
        p = np.pad(u, 1)
        near = p[2:, 1:-1] + p[:-2, 1:-1] + p[1:-1, 2:] + p[1:-1, :-2]
        u = u + c * (near - 4.0 * u)
    return u


@form(18, 20)
def rows_of_a_plane(u, c):
    u = u.copy()
    for _ in range(STEPS):
        u[1:-1] += c * (u[2:] - 2.0 * u[1:-1] + u[:-2])
        u[:, 1:-1] += c * (u[:, 2:] - 2.0 * u[:, 1:-1] + u[:, :-2])
    return u


@pytest.mark.parametrize(
    ("name", "shape"),
    [(name, shape) for name, (_, shape) in FORMS.items()]
    + [(name, (2 * shape[0] - 1,)) for name, (_, shape) in FORMS.items() if len(shape) == 1],
)
def test_compiled_is_interpreted(name: str, shape: tuple[int, ...]) -> None:
    step, _ = FORMS[name]
    u = 0.3 * np.random.default_rng(5).normal(size=shape)
    weights = np.random.default_rng(6).normal(size=shape)

    def loss(u: Any, c: Any) -> Any:
        v = step(u, c)
        return np.sum(weights * v * v)

    fast = tj.value_and_grad(loss, argnums=(0, 1), compile="always")
    fast(u, 0.2)  # the first call returns what the capture computed: the kernel runs in the second
    before = fast.stats()["compiled"]
    compiled, (du, dc) = fast(u, 0.2)
    plain, (eu, ec) = tj.value_and_grad(loss, argnums=(0, 1), compile="never")(u, 0.2)
    assert fast.stats()["compiled"] == before + 1
    np.testing.assert_allclose(plain, np.sum(weights * step(u, 0.2) ** 2), rtol=1e-12)
    np.testing.assert_allclose(compiled, plain, rtol=1e-11)
    np.testing.assert_allclose(du, eu, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(dc, ec, rtol=1e-10)


def test_rolled_fields_are_not_kept() -> None:
    """A step by differences of rolled fields keeps the field of each step, not the differences."""
    step = FORMS["upwind_by_sign"][0]
    tape = tj.grad(lambda u, c: np.sum(step(u, c) ** 2)).tape(np.ones(24), 0.2)
    forward = next(r for r in tape if r.prim.name == "for")
    assert [item.shape for item in forward.aval.items] == [(24,), (STEPS, 24)]


@pytest.mark.parametrize(("width", "gathered"), [(2, False), (40, True)])
def test_borders_of_many_runs_are_gathered(width: int, gathered: bool) -> None:
    tape = tj.grad(lambda u: np.sum(np.pad(u, width, mode="wrap") ** 2)).tape(np.ones(5))
    assert ("gather" in {r.prim.name for r in tape}) == gathered
