"""Programs that draw random numbers, as people write them: ``program(x, rng)`` gives a number.

Each works with a Generator and, where it is in `BOTH`, with a RandomState.
"""

from __future__ import annotations

from typing import Any

import numpy as np

PROGRAMS: dict[str, Any] = {}
BOTH: dict[str, Any] = {}


def program(fn: Any) -> Any:
    PROGRAMS[fn.__name__] = fn
    return fn


def both(fn: Any) -> Any:
    BOTH[fn.__name__] = fn
    return program(fn)


# ---------------------------------------------------------------- outside of loops


@both
def location_and_scale(x: Any, rng: Any) -> Any:
    return np.sum(x[0] + x[1] * rng.standard_normal(4))


@both
def traced_parameters(x: Any, rng: Any) -> Any:
    a = rng.normal(x, 2.0) + rng.normal(0.5, x)
    b = rng.uniform(-x, x * 2, (2, 3)) + rng.exponential(x, 3)
    return np.sum(a * b) + rng.normal(x[0], x[1])


@both
def more_families(x: Any, rng: Any) -> Any:
    a = rng.laplace(x, 1.5) + rng.logistic(x, x) + rng.gumbel(0.1, x)
    b = rng.rayleigh(x) + rng.lognormal(x / 9, 0.1 * x) + rng.gamma(2.0, x)
    return np.sum(a * b) + np.sum(rng.multivariate_normal(x, np.eye(3) + 0.5))


@both
def fixed_parameters(x: Any, rng: Any) -> Any:
    return np.sum(x * rng.normal(1.0, 2.0, size=3)) + rng.poisson(3.0) + rng.beta(2.0, 3.0) * x[0]


@both
def discrete(x: Any, rng: Any) -> Any:
    k = rng.binomial(10, 0.3, 3) + rng.poisson([1.0, 2.0, 3.0])
    order = rng.permutation(3)
    return np.sum(x * k) + np.sum(x[order] * np.arange(3.0)) + rng.choice(x) + x[rng.choice(3)]


@both
def chosen(x: Any, rng: Any) -> Any:
    a = rng.choice(x, size=2, replace=False)
    b = rng.choice(x, size=(2, 2), p=[0.2, 0.3, 0.5])
    return np.sum(a) * np.sum(np.sin(b)) + np.sum(rng.permutation(x)[:2])


@both
def shuffled(x: Any, rng: Any) -> Any:
    y = x * 1.0
    rng.shuffle(y)
    return np.sum(y * np.arange(3.0))


@program
def integers(x: Any, rng: Any) -> Any:
    return x[rng.integers(3)] * np.sum(rng.integers(0, 5, size=3, endpoint=True) * x)


@program
def single_precision(x: Any, rng: Any) -> Any:
    return np.sum(x * rng.standard_normal(3, dtype=np.float32)) + rng.random(dtype="f4") * x[0]


@both
def single_number(x: Any, rng: Any) -> Any:
    return np.sum(np.float32(0.1) * rng.uniform() * x) + rng.normal() * np.sum(x)


# ---------------------------------------------------------------- loops


@both
def walk(x: Any, rng: Any) -> Any:
    s = x[0]
    for _ in range(12):
        s = s * 0.9 + x[1] * rng.normal()
    return s


@both
def walk_with_traced_scale(x: Any, rng: Any) -> Any:
    s = 0.0
    for k in range(9):
        s = s + x[0] * rng.normal(s / 10, x[1] * (k + 1))
    return s


@both
def two_sites(x: Any, rng: Any) -> Any:
    s = x[0]
    v = x[1]
    for _ in range(8):
        s = s + v * rng.standard_normal() + np.sum(rng.standard_normal(3) * x)
        v = v * 0.8 + 0.1 * np.abs(rng.standard_normal())
    return s + v


@both
def two_kinds_in_turn(x: Any, rng: Any) -> Any:
    s = x[0]
    for _ in range(8):
        s = s * rng.uniform(0.5, 1.0) + x[1] * rng.normal()
    return s


@both
def nested(x: Any, rng: Any) -> Any:
    total = 0.0
    for _ in range(5):
        s = x[0]
        for _ in range(6):
            s = np.sin(s) + x[1] * rng.standard_normal()
        total = total + s * x[2]
    return total


@both
def nested_and_between(x: Any, rng: Any) -> Any:
    total = 0.0
    for _ in range(5):
        s = x[0] + rng.exponential(x[1])
        for _ in range(6):
            s = np.sin(s) + x[1] * rng.standard_normal()
        total = total + s
    return total


@both
def sometimes(x: Any, rng: Any) -> Any:
    s = x[0]
    for _ in range(12):
        if np.sin(3 * s) > 0:
            s = s * 0.5 + x[1] * rng.normal()
        else:
            s = s + 0.7 * x[2]
    return s


@both
def accepted_or_not(x: Any, rng: Any) -> Any:
    s = x[0]
    for _ in range(10):
        new = s + 0.5 * rng.normal() * x[1]
        if rng.uniform() < np.exp(-(new**2 - s**2)):
            s = new
    return s


@both
def until(x: Any, rng: Any) -> Any:
    s = x[0] * 0.1
    n = 0
    while s < 4.0:
        s = s + x[1] * rng.exponential()
        n += 1
    return s * n


@both
def until_drawn(x: Any, rng: Any) -> Any:
    s = x[0]
    while rng.random_sample() < 0.7 if hasattr(rng, "random_sample") else rng.random() < 0.7:
        s = s + x[1]
    return s


@both
def knocked_out(x: Any, rng: Any) -> Any:
    s = x[0]
    for _ in range(20):
        s = s + x[1] * rng.normal() * 0.3
        if s > 1.8:
            return s * 10.0
    return s


@both
def appended(x: Any, rng: Any) -> Any:
    s = x[0]
    path = []
    for _ in range(7):
        s = s + x[1] * rng.standard_normal()
        path.append(s)
    return np.sum(np.stack(path) ** 2) / 10


@both
def behind_a_loop(x: Any, rng: Any) -> Any:
    a = rng.normal()
    s = x[0] * a
    for _ in range(6):
        s = s + x[1] * rng.standard_normal(2).sum()
    return s + rng.normal(s, x[2])


@both
def branch_on_a_sample(x: Any, rng: Any) -> Any:
    if rng.normal() > 0:
        return x[0] * rng.normal()
    return x[1] * rng.uniform() + rng.normal(x[2])


@both
def loop_over_an_array(x: Any, rng: Any) -> Any:
    s = 0.0
    for v, z in zip(np.concatenate([x, x * 2]), rng.standard_normal(6)):
        s = s + np.sin(v * z) + rng.uniform(0.0, v)
    return s


@both
def unused(x: Any, rng: Any) -> Any:
    rng.normal(size=3)
    for _ in range(6):
        rng.uniform()
        x = x * 1.1
    return np.sum(x)
