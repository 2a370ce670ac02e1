"""Random vector functions: Jacobians and Hessians by colouring = columns, one direction at a time.

The functions are expressions of everything that moves elements about, and loops that write. Some
results are used twice, so that patterns are unions, and some patterns are dense.
"""

from __future__ import annotations

import os
import random
import re
from functools import partial
from typing import Any

import numpy as np
import pytest
from whole_programs import function_of

import tapejit as tj

EFFORT = int(os.environ.get("TAPEJIT_TEST_EFFORT", "1"))
VECTORS = """x; x[::-1]; c; np.sin({v}); ({v} * {v}); ({v} + {v}); np.roll({v}, {k}); ({v} * {s})
np.where({v} > 0.1, {v}, {v}); np.concatenate([{v}[2:], {v}[:2]]); np.cumsum({v}); np.take({v}, at)
(B @ {v}); np.sort({v}); np.maximum({v}, {v}); np.pad({v}[1:-1], 1); ({v} * {s}); np.diff({v}, append={s})
np.reshape(np.reshape({v}, (2, -1)).T, (-1,)); np.repeat({v}[:len(x) // 2], 2)
np.convolve({v}, c[:3], 'same'); np.tanh(np.outer({v}, c[:2]))[:, 1]; {v}[at] + {v}
np.sum(np.reshape({v}, (2, -1)), axis=0, keepdims=True).repeat(2, axis=0).ravel()"""
NUMBERS = (
    """x[{i}]; np.sum({v}); np.max({v}); np.dot({v}, {v}); np.mean({v}[::2]); np.log1p({v}[1]**2)"""
)
BODIES = """a[i] = a[i - 1] * 0.5 + x[i] * x[i - 1]; a[i] = np.sin(x[i]) + c[i]; a[i] += x[-1 - i]**2
a[i] = a[i] + a[i - 1] * x[0]; a[i], a[i - 1] = a[i - 1] * 0.3, x[i] * x[i - 1]"""
VECTORS, NUMBERS, BODIES = (
    [entry for line in text.split("\n") for entry in line.split("; ")]
    for text in (VECTORS, NUMBERS, BODIES)
)


def vector(r: random.Random, depth: int) -> str:
    """Return an expression as long as x, which has an even number of elements."""
    form = r.choice(VECTORS if depth else VECTORS[:3])
    while "{v}" in form:
        form = form.replace("{v}", vector(r, depth - 1), 1)
    while "{s}" in form:
        form = form.replace("{s}", number(r, depth - 1), 1)
    return form.replace("{k}", str(r.randint(-3, 3)))


def number(r: random.Random, depth: int) -> str:
    form = r.choice(NUMBERS if depth > 0 else NUMBERS[:1])
    while "{v}" in form:
        form = form.replace("{v}", vector(r, depth - 1), 1)
    return form.replace("{i}", str(r.randrange(8)))


def texts(seed: int) -> tuple[str, str]:
    """Return a vector function ``f(x, c, B, at)`` and a number made of it."""
    r = random.Random(seed)
    if r.random() < 0.2:
        loop = f"a = np.zeros(len(x))\n    for i in range(1, len(x)):\n        {r.choice(BODIES)}"
        body = f"{loop}\n    r = a + {vector(r, 1)}"
    else:
        body = f"r = {vector(r, r.randint(1, 4))}"
    text = f"def f(x, c, B, at):\n    {body}\n"
    total = "np.sum(r * r * x) + np.sum(np.cos(r[1:]) * x[:-1])"
    return f"{text}    return r\n", f"{text}    return {total}\n"


def columns(f: Any, x: Any) -> Any:
    """Return the Jacobian of f, a directional derivative for each element of x."""
    return np.stack([tj.jvp(f, (x,), (e,))[1] for e in np.eye(len(x))], axis=1)


def check(seed: int, policy: str, calls: int = 2) -> None:
    f, total = (function_of(text) for text in texts(seed))
    kinds = (tj.jacobian, tj.jacfwd, tj.jacrev) if policy == "never" else (tj.jacobian,)
    jacobians = [kind(f, compile=policy) for kind in kinds]
    hessian, gradient = tj.hessian(total, compile=policy), tj.grad(total, compile="never")
    rng = np.random.default_rng(seed)
    n = int(rng.choice([8, 12, 20]))
    B = rng.normal(size=(n, n)) * (rng.random((n, n)) < 0.2)
    for _ in range(calls):
        x, c, at = rng.normal(size=n), rng.normal(size=n), rng.integers(0, n, size=n)
        wanted = columns(partial(f, c=c, B=B, at=at), x)
        scale = max(1.0, np.max(np.abs(wanted)))
        for jacobian in jacobians:
            found = jacobian(x, c, B, at)
            np.testing.assert_allclose(
                found, wanted, rtol=1e-9, atol=1e-9 * scale, err_msg=f"{seed}\n{texts(seed)[0]}"
            )
        wanted = columns(partial(gradient, c=c, B=B, at=at), x)
        scale = max(1.0, np.max(np.abs(wanted)))
        np.testing.assert_allclose(
            hessian(x, c, B, at), wanted, rtol=1e-8, atol=1e-8 * scale, err_msg=texts(seed)[1]
        )


def test_many_are_sparse() -> None:
    few = 0
    for seed in range(12):
        args = np.arange(8.0), np.ones(8), np.eye(8), np.arange(8)
        said = tj.jacfwd(function_of(texts(seed)[0]), compile="never").explain(*args)
        few += re.search(r"columns in \d+ colour", said) is not None
    assert few >= 4


@pytest.mark.parametrize("part", range(2))
def test_interpreted(part: int) -> None:
    for seed in range(part, 16 * EFFORT, 2):
        check(seed, "never")


@pytest.mark.parametrize("seed", range(1000, 1000 + 3 * EFFORT))
def test_compiled(seed: int) -> None:
    check(seed, "always", calls=3)
