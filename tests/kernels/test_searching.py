"""The search for the last number that is not zero, at every length and place."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tapejit as tj
from tapejit.runtime import images
from tapejit.runtime.native.loader import link
from tapejit.runtime.native.wrapper import Argument

TEXT = """import numpy as np

from tapejit.kernels import blas, memory, routines
from tapejit.kernels.memory import fold_add, fold_mul, select
from tapejit.kernels.vmath import inline as vmath


def kernel(x0, x1, y0):
    a0 = memory.flat(x0)
    a1 = memory.flat(x1)
    o0 = memory.flat(y0)
    for i in range(x1.shape[0]):
        o0[i] = memory.last_nonzero(memory.shift(a0, 3), a1[i])
    return 0
"""


@pytest.fixture(scope="module", params=["direct", "numba"])
def way(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.mark.parametrize("dtype", ["f8", "f4"])
def test_every_start(dtype: str, way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(images.config, "direct", way == "direct")
    given = [Argument(np.dtype(k), 1, n == 2) for n, k in enumerate([dtype, "i8", "i8"])]
    made = images._compiled(TEXT, given, lambda: images._in_memory(TEXT))
    assert made.note == ("direct" if way == "direct" else "")
    kernel = link(made)
    rng = np.random.default_rng(0)
    starts = np.arange(-1, 40)
    for chance in (0.0, 0.03, 0.2, 1.0):
        for special in (1.0, np.nan, np.inf, -1e-40):
            x = np.where(rng.random(43) < chance, special, rng.choice([0.0, -0.0], 43))
            x = x.astype(dtype)
            x[:3] = 5.0  # what lies in front of the pointer is not looked at
            found = np.empty_like(starts)
            assert kernel(x, starts, found) == 0
            for start, k in zip(starts, found):
                places = np.flatnonzero(x[3 : 4 + start])
                assert k == (places[-1] if len(places) else -1)


def shortest(x: Any, y: Any) -> Any:
    table = np.full((len(x) + 1, len(y) + 1), np.inf)
    table[0, 0] = 0.0
    for i in range(len(x)):
        for j in range(len(y)):
            best = min(table[i, j], table[i, j + 1], table[i + 1, j])
            table[i + 1, j + 1] = (x[i] - y[j]) ** 2 + best
    return table[-1, -1]


def softest(x: Any, y: Any) -> Any:
    """No element of the cotangent is zero."""
    table = np.zeros((len(x) + 1, len(y) + 1))
    for i in range(len(x)):
        for j in range(len(y)):
            mean = 0.3 * table[i, j] + 0.3 * table[i, j + 1] + 0.4 * table[i + 1, j]
            table[i + 1, j + 1] = x[i] * y[j] + mean
    return table[-1, -1]


def doubled(x: Any, y: Any) -> Any:
    """Elements two apart: every round runs."""
    a = np.zeros(2 * len(x) + 2)
    a[0] = y[0]
    for i in range(len(x)):
        a[2 * i + 2] = a[2 * i] * y[1] + x[i]
    return a[2 * len(x)] * a[4]


def columns(x: Any, y: Any) -> Any:
    """Elements below each other: every round runs."""
    a = np.zeros((len(x) + 1, 3))
    for i in range(len(x)):
        a[i + 1, 1] = a[i, 1] * y[0] + x[i]
    return a[len(x), 1] * a[3, 1]


def backwards(x: Any, y: Any) -> Any:
    a = np.zeros(len(x) + 1)
    for i in range(len(x) - 1, -1, -1):
        a[i] = a[i + 1] * y[0] + x[i]
    return a[0] * a[3]


def forwards(x: Any, y: Any) -> Any:
    a = np.zeros(len(x))
    a[0] = x[0]
    for i in range(1, len(x)):
        a[i] = y[0] * a[i - 1] + x[i] * y[1]
    return np.sum(a[:3] ** 2)


@pytest.mark.parametrize("n, m", [(12, 9), (9, 20), (30, 17)])
@pytest.mark.parametrize(
    "fn, found",
    [
        (shortest, True),
        (softest, True),
        (forwards, True),
        (backwards, False),
        (doubled, False),
        (columns, False),
    ],
    ids=lambda v: getattr(v, "__name__", v),
)
def test_loops_that_search(fn: Any, found: bool, n: int, m: int) -> None:
    rng = np.random.default_rng(n)
    x, y = rng.normal(size=n), rng.normal(size=m)
    f = tj.value_and_grad(fn, argnums=(0, 1), compile="always")
    assert ("memory.last_nonzero" in f.source(x, y)) == found
    value, slopes = f(x, y)
    want, others = tj.value_and_grad(fn, argnums=(0, 1), compile="never")(x, y)
    assert value == pytest.approx(want, rel=1e-13)
    for have, other in zip(slopes, others, strict=True):
        np.testing.assert_allclose(have, other, rtol=1e-12, atol=1e-300)
