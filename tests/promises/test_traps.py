"""NaN traps: a branch not taken adds exactly zero; singular points have finite derivatives."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tapejit as tj

X = np.array([-1.0, 0.0, 2.0])

CASES: dict[str, tuple[Any, Any, Any]] = {
    "where log": (lambda x: np.sum(np.where(x > 0, np.log(x), 0.0)), X, [0, 0, 0.5]),
    "where sqrt": (lambda x: np.sum(np.where(x > 0, np.sqrt(x), 0.0)), X, [0, 0, 0.5 / np.sqrt(2)]),
    "where divide": (lambda x: np.sum(np.where(x != 0, 1 / x, 0.0)), X, [-1, 0, -0.25]),
    "where power": (lambda x: np.sum(np.where(x > 0, x**0.5, 0.0)), X, [0, 0, 0.5 / np.sqrt(2)]),
    "where arcsin": (lambda x: np.sum(np.where(np.abs(x) < 1, np.arcsin(x), 0.0)), X, [0, 1, 0]),
    "where exp": (
        lambda x: np.sum(np.where(x < 1, np.exp(x), 0.0)),
        np.array([0.0, 1000.0]),
        [1, 0],
    ),
    "nested where": (
        lambda x: np.sum(np.where(x > 0, np.where(x > 1, np.log(x - 1), 0.0), 0.0)),
        np.array([-1.0, 0.5, 3.0]),
        [0, 0, 0.5],
    ),
    "select": (
        lambda x: np.sum(np.select([x > 0, x < 0], [np.log(x), np.sqrt(-x)], 0.0)),
        X,
        [-0.5, 0, 0.5],
    ),
    "maximum": (lambda x: np.sum(np.maximum(np.sqrt(x), 1.0)), np.array([0.0, 4.0]), [0, 0.25]),
    "clip": (
        lambda x: np.sum(np.clip(np.log(x), -1.0, 1.0)),
        np.array([0.0, 1.0, 100.0]),
        [0, 1, 0],
    ),
    "indexed": (lambda x: np.sum(np.log(x)[2:]), X, [0, 0, 0.5]),
    "masked write": (
        lambda x: _masked_write(x),
        X,
        [0, 0, 0.5],
    ),
    "sqrt": (lambda x: np.sum(np.sqrt(x)), np.array([0.0, 4.0]), [0, 0.25]),
    "norm": (lambda x: np.linalg.norm(x), np.zeros(3), [0, 0, 0]),
    "norm rows": (lambda x: np.sum(np.linalg.norm(x.reshape(3, 1), axis=1)), X, [-1, 0, 1]),
    "hypot": (lambda x: np.sum(np.hypot(x, 0.0)), X, [-1, 0, 1]),
    "abs": (lambda x: np.sum(np.abs(x)), X, [-1, 0, 1]),
    "prod one zero": (lambda x: np.prod(x), np.array([2.0, 0.0, 3.0]), [0, 6, 0]),
    "prod two zeros": (lambda x: np.prod(x), np.array([0.0, 0.0, 3.0]), [0, 0, 0]),
    "sinc": (lambda x: np.sum(np.sinc(x)), np.zeros(3), [0, 0, 0]),
    "power zero": (lambda x: np.sum(x**2) + np.sum(x**1), np.zeros(3), [1, 1, 1]),
    "power of zero": (lambda x: np.sum(x**0), np.zeros(3), [0, 0, 0]),
    "max tie": (lambda x: np.max(x), np.array([2.0, 2.0, 1.0]), [0.5, 0.5, 0]),
    "min tie": (lambda x: np.min(x), np.array([1.0, 1.0, 2.0]), [0.5, 0.5, 0]),
    "maximum tie": (lambda x: np.sum(np.maximum(x, x[::-1])), np.ones(2), [1, 1]),
    "nansum": (lambda x: np.nansum(x * 2), np.array([1.0, np.nan]), [2, 0]),
    "nanmax": (lambda x: np.nanmax(x), np.array([1.0, np.nan]), [1, 0]),
    "inf unused": (lambda x: np.sum(x[:1]) + 0.0 * x[0], np.array([1.0, np.inf]), [1, 0]),
}


def _masked_write(x: Any) -> Any:
    y = np.log(x)
    y[x <= 0] = 0.0
    return np.sum(y)


@pytest.mark.parametrize("name", list(CASES))
def test_interpreted(name: str) -> None:
    fn, x, expected = CASES[name]
    f = tj.value_and_grad(fn, compile="never")
    with np.errstate(all="ignore"):
        value = fn(x)
    for _ in range(3):
        v, g = f(x)
        np.testing.assert_allclose(v, value)
        np.testing.assert_allclose(g, expected, err_msg=name)
        assert not np.any(np.isnan(g))


GROUPS = [[n for k, n in enumerate(CASES) if k % 3 == m] for m in range(3)]


@pytest.mark.parametrize("names", GROUPS, ids=["0", "1", "2"])
def test_compiled(names: list[str]) -> None:
    """All the cases in one program: the gradient of the sum with respect to each argument."""

    def total(*xs: Any) -> Any:
        return sum(CASES[name][0](x) for name, x in zip(names, xs))

    xs = [CASES[name][1] for name in names]
    f = tj.grad(total, argnums=tuple(range(len(names))), compile="always")
    for _ in range(2):
        for name, g in zip(names, f(*xs)):
            np.testing.assert_allclose(g, CASES[name][2], atol=1e-15, err_msg=name)


def test_second_derivatives_do_not_trap_either() -> None:
    for name in ("where log", "where sqrt", "where divide", "indexed"):
        fn, x, _ = CASES[name]
        h = tj.grad(lambda y, fn=fn: np.sum(tj.grad(fn)(y)), compile="never")(x)
        assert np.all(np.isfinite(h)), name
        assert h[1] == 0.0, name
