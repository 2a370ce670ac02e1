"""What must not be staged gives right results all the same: unrolled, guarded, or refused."""

from __future__ import annotations

import collections
import warnings
from typing import Any

import numpy as np
import pytest
from staging_checks import agrees, kinds, notes, staged

import tapejit as tj
from tapejit.core.errors import CaptureError, ReplayWarning

X = np.linspace(0.2137, 1.3171, 12)
COUNT = 0
SEEN: list[int] = []
TABLE = {"n": 0}


class Tally:
    calls = 0

    def __init__(self) -> None:
        self.t = 0.0

    def step(self, v: Any) -> Any:
        Tally.calls += 1
        self.t = 0.5 * self.t + v
        return self.t


# ---------------------------------------------------------------- one array, two names


def appended_and_written(x: Any) -> Any:
    a, ys = np.zeros(2), []
    for v in x:
        a[0] = v
        ys.append(a)
    return sum(np.sum(y) for y in ys)


def rebound_and_written(x: Any) -> Any:
    u = x.copy()
    w = u
    for k in range(10):
        u[2] = x[k]
        u = w if u[1] > 0.7 else u
    return np.sum(u) + np.sum(w * x)


def part_of_a_dict(x: Any) -> Any:
    a = np.zeros(2)
    d = {"p": a}
    for v in x:
        a[0] += v
        d["p"] = d["p"] + 1
    return np.sum(d["p"]) + a[0]


def two_views(x: Any) -> Any:
    m = np.zeros((2, 12))
    first, all_rows = m[0], [m[0], m[1]]
    for i in range(12):
        first[i] = x[i]
        all_rows[1][i] = 2 * first[i]
    return np.sum(m[0]) * np.sum(m[1] * x) + np.sum(all_rows[0])


ALIASED = [appended_and_written, rebound_and_written, part_of_a_dict, two_views]


@pytest.mark.parametrize("fn", ALIASED, ids=lambda fn: fn.__name__)
def test_arrays_of_two_names(fn: Any) -> None:
    staged(fn, X)


def last_item(x: Any) -> Any:
    ys = []
    for v in x:
        b = np.array([v, v])
        ys.append(b)
    b[1] = 3.0
    return np.sum(np.stack(ys))


def chosen(x: Any) -> Any:
    a, b = x * 1.0, x * 2.0
    y = a if x[0] > 0 else b
    y[0] = 3.0
    return np.sum(a)


def chosen_first(x: Any) -> Any:
    a, y = x * 1.0, x * 3.0
    if x[0] > 0:
        y = a
    a[0] = 3.0
    return np.sum(y)


def from_a_loop(x: Any) -> Any:
    m, y = np.outer(x, x), x
    for k in range(12):
        y = m[k]
    m[11] = 0.0
    return np.sum(y)


def deep(x: Any) -> Any:
    d, u = {"p": x * 1.0}, x
    t = 0.0
    while t < 3.0:
        for _ in range(9):
            u = d["p"][::-1]
        t = t + u[0]
    u[1] = 4.0
    return np.sum(d["p"])


REFUSED = [last_item, chosen, chosen_first, from_a_loop, deep]


@pytest.mark.parametrize("fn", REFUSED, ids=lambda fn: fn.__name__)
def test_reading_by_the_other_name_after_a_write_is_refused(fn: Any) -> None:
    """Where Python has one array there are two: a value that could be wrong is not given."""
    message = r"read after it may have been written to by another name.*test_staging_refusals.py:\d"
    with pytest.raises(CaptureError, match=message):
        tj.grad(fn, compile="never")(X)


def test_writing_is_fine_when_the_other_name_is_not_read() -> None:
    def fn(x: Any) -> Any:
        y = np.zeros(12)
        if np.sum(x) > 5.0:
            y = x * 2.0
        y[0] = 1.0
        states, h = [], y
        for v in x:
            h = np.tanh(h * v)
            states.append(h)
        total = np.sum(np.stack(states))
        h[2] = 0.5
        old, new = h.copy(), np.zeros(12)
        for k in range(9):
            new[1:] = old[:-1] * x[k]
            old, new = new, old
        old[0] = 2.0
        return np.sum(h) * np.sum(old) + total

    f = staged(fn, X)
    assert set(kinds(f, X)) == {"staged", "rolled"}


# ---------------------------------------------------------------- what changes outside


def in_class(x: Any) -> Any:
    tally = Tally()
    for v in x:
        tally.step(v)
    return tally.t


def in_global(x: Any) -> Any:
    global COUNT
    t = 0.0
    for v in x:
        COUNT += 1
        t = t + v
    return t


def in_list(x: Any) -> Any:
    t = 0.0
    for v in x:
        SEEN.append(1)
        t = t + v
    return t


def in_dict(x: Any) -> Any:
    t = 0.0
    for v in x:
        TABLE["n"] += 1
        t = t + v
    return t


def counter() -> Any:
    calls = 0

    def square(v: Any) -> Any:
        nonlocal calls
        calls += 1
        return v * v

    return square, lambda: calls


SQUARE, CALLS = counter()


def in_closure(x: Any) -> Any:
    t = 0.0
    for v in x:
        t = t + SQUARE(v)
    return t


COUNTED = {
    in_class: lambda: Tally.calls,
    in_global: lambda: COUNT,
    in_list: lambda: len(SEEN),
    in_dict: lambda: TABLE["n"],
    in_closure: lambda: CALLS(),
}


@pytest.mark.parametrize("fn", COUNTED, ids=lambda fn: fn.__name__)
@pytest.mark.parametrize("policy", ["never", "always"])
def test_what_outlives_the_call_happens_once_a_round(fn: Any, policy: str) -> None:
    f, count = tj.value_and_grad(fn, compile=policy), COUNTED[fn]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ReplayWarning)
        for k in range(5):
            before = count()
            v, g = f(X + k)
            assert count() - before == 12 and type(count()) is int
            assert np.isclose(v, fn(X + k))
            assert np.all(np.isfinite(g))


def test_printing_in_a_loop(capsys: pytest.CaptureFixture[str]) -> None:
    def fn(x: Any) -> Any:
        for k, v in enumerate(x):
            if k % 4 == 0:
                print("at", k, f"{v:.1f}")
        return np.sum(x)

    f = tj.grad(fn, compile="always")
    with pytest.warns(ReplayWarning, match=r"it calls print\(\)|into text"):
        f(X)
    f(X)
    assert capsys.readouterr().out == "at 0 0.2\nat 4 0.6\nat 8 1.0\n" * 2


# ---------------------------------------------------------------- what Python alone can do


def identity(x: Any) -> Any:
    a, b, t = object(), object(), 0.0
    first = a
    for v in x:
        a, b = b, a
        t = t + v if a is first else 0.5 * t
    return t


def text(x: Any) -> Any:
    name, t = "", 0.0
    for v in x:
        name += "a"
        t = t + v * len(name)
    return t


def keys(x: Any) -> Any:
    d = {}
    for k, v in enumerate(x):
        d[k % 5] = v * k
    return sum(d.values())


def deque(x: Any) -> Any:
    q = collections.deque([0.0, 0.0, 0.0], maxlen=3)
    for v in x:
        q.append(v * q[0] + 1)
    return q[0] * q[1] + q[2]


def iterator(x: Any) -> Any:
    steps, t = iter(range(100)), 0.0
    for v in x:
        t = t + v * next(steps)
    return t


def generator(x: Any) -> Any:
    def powers(v: Any) -> Any:
        y = v
        while True:
            yield y
            y = y * v

    t, ps = 0.0, powers(x[3])
    for v in x:
        t = t + v * next(ps)
    return t


def factorial(x: Any) -> Any:
    n, t = 1, 0.0
    for k, v in enumerate(x):
        n *= 1000 + k
        t = t + v * (n % 7)
    return t


def fibonacci(x: Any) -> Any:
    a, b, t = 0, 1, 0.0
    for _ in range(8):
        for v in x:
            a, b = b, a + b
            t = 0.9 * t + v * (b % 5)
    return t


def changing_shape(x: Any) -> Any:
    a = x[:1]
    for k in range(9):
        a = np.concatenate([a, x[k : k + 1] * a[-1]])
    return np.sum(a)


ALONE = [
    identity, text, keys, deque, iterator, generator, factorial, fibonacci, changing_shape,
]  # fmt: skip


@pytest.mark.parametrize("fn", ALONE, ids=lambda fn: fn.__name__)
def test_loops_that_only_python_can_run_are_unrolled(fn: Any) -> None:
    f = staged(fn, X)
    assert "unrolled" in kinds(f, X), notes(f, X)
    assert " for " not in str(f.tape(X))


def test_ints_that_stay_small_are_carried() -> None:
    """A linear congruence, a binary search, a count of a count: none grows like a power."""

    def fn(x: Any) -> Any:
        seed, total, k, t = 7, 0, 0, 0.0
        for v in x:
            seed = (1103515245 * seed + 12345) % 2147483648
            k += 1  # noqa: SIM113
            total += k
            t = t + v * (seed % 7) * total
        low, high = 0, 12
        while low < high:
            middle = (low + high) // 2
            if x[middle] < 0.9:
                low = middle + 1
            else:
                high = middle
        return t * x[low]

    f = staged(fn, X)
    assert set(kinds(f, X)) == {"rolled", "staged"}


def test_branches_in_loops_on_several_arrays_of_one_function() -> None:
    def fn(x: Any) -> Any:
        y = x[::2] if x[0] > 0.2 else x[::3]
        return np.sum(y**2)

    f = tj.value_and_grad(fn, compile="never")
    for at in (X, X, -X, -X, X):
        agrees(f, fn, at)
    (why,) = notes(f, X)
    assert why.startswith("guarded: the result has shape (6,) on one")


def test_a_name_that_another_array_reaches_by_swapping() -> None:
    """The first round writes to the second array alone; the second round to the first one."""

    def f(x):
        u, w = 1.0 * x, 0.5 * x
        kept = [u]
        for _ in range(9):
            w, u = u, w
            u[0] = 7.0
        return np.sum(kept[0]) + u[1]

    with pytest.raises(tj.errors.CaptureError, match="binds the name to another array"):
        tj.grad(f)(np.ones(3))
