"""State that loops carry in containers, objects, closures; lists that grow; the first round."""

from __future__ import annotations

import dataclasses
import math
from typing import Any, NamedTuple

import numpy as np
import pytest
from staging_checks import agrees, kinds, notes, staged

import tapejit as tj

X = np.linspace(0.2137, 1.3171, 12)


class Point(NamedTuple):
    x: Any
    v: Any


@dataclasses.dataclass
class Ball:
    x: Any
    v: Any
    hits: int = 0


class Filter:
    def __init__(self, gain: Any) -> None:
        self.gain, self.level, self.seen = gain, 0.0, 0

    def step(self, v: Any) -> Any:
        self.level = self.gain * self.level + v
        self.seen += 1
        return self.level


class Slotted:
    __slots__ = ("n", "t")

    def __init__(self) -> None:
        self.t, self.n = 0.0, 0


def of_dict(x: Any) -> Any:
    s = {"a": x[0], "b": {"c": 0.0, "n": 0}}
    for v in x:
        s["a"] = s["a"] * 0.5 + v
        s["b"]["c"] += s["a"]
        s["b"]["n"] += 1
    return s["a"] * s["b"]["c"] * s["b"]["n"]


def of_tuple(x: Any) -> Any:
    s = (x[0], (0.0, 2))
    for v in x:
        s = (s[1][0] + v, (s[0] * 0.5, s[1][1] + 1))
    return s[0] * s[1][0] * s[1][1]


def of_list(x: Any) -> Any:
    s = [x[0], 0.0, 0]
    for v in x:
        s[0] = s[0] * 0.5 + v
        s[1] += s[0]
        s[2] += 1
    return s[0] * s[1] * s[2]


def queue(x: Any) -> Any:
    q = [x[0], x[1]]
    for v in x:
        q.append(q.pop(0) * 0.5 + v)
    return q[0] * q[1]


def of_named_tuple(x: Any) -> Any:
    p = Point(x[0], 1.0)
    for v in x:
        p = p._replace(x=p.x + 0.1 * p.v)
        p = Point(p.x, p.v - 0.1 * v * p.x)
    return p.x * p.v


def of_dataclass(x: Any) -> Any:
    b = Ball(x[0], 1.0)
    for v in x:
        b.x = b.x + 0.3 * b.v
        if b.x > 1.0:
            b.v = -0.8 * b.v
            b.hits += 1
        b.v = b.v - 0.1 * v
    return b.x * b.v + b.hits


def of_object(x: Any) -> Any:
    f = Filter(0.5)
    t = 0.0
    for v in x:
        t = t + f.step(v) ** 2
    return t / f.seen


def of_slots(x: Any) -> Any:
    s = Slotted()
    for v in x:
        s.t = s.t * 0.5 + v
        s.n += 1
    return s.t * s.n


def of_closure(x: Any) -> Any:
    level, calls = 0.0, 0

    def feed(v: Any) -> Any:
        nonlocal level, calls
        level = 0.5 * level + v
        calls += 1
        return level

    t = 0.0
    for v in x:
        t = t + feed(v) ** 2
    return t / calls


def of_function_attribute(x: Any) -> Any:
    def weight(v: Any) -> Any:
        weight.count += 1
        return v * weight.count

    weight.count = 0
    t = 0.0
    for v in x:
        t = t + weight(v)
    return t


def extremes(x: Any) -> Any:
    low, high, at = math.inf, -math.inf, -1
    for k, v in enumerate(x):
        low = min(low, v * np.cos(3 * v))
        if np.sin(5 * v) > high:
            high, at = np.sin(5 * v), k
    return low * high + at * x[at]


STATES = [
    of_dict, of_tuple, of_list, queue, of_named_tuple, of_dataclass, of_object, of_slots,
    of_closure, of_function_attribute, extremes,
]  # fmt: skip


@pytest.mark.parametrize("fn", STATES, ids=lambda fn: fn.__name__)
def test_state_is_carried(fn: Any) -> None:
    f = staged(fn, X)
    assert {"rolled", "staged"} >= set(kinds(f, X)) and "rolled" in kinds(f, X), notes(f, X)


# ---------------------------------------------------------------- lists that grow


USES = {
    "stack": lambda ys: np.sum(np.stack(ys) * np.arange(12.0)),
    "array": lambda ys: np.mean(np.array(ys) ** 2),
    "sum": sum,
    "len": lambda ys: ys[-1] * len(ys),
    "places": lambda ys: ys[0] * ys[-1] + ys[3],
    "max": lambda ys: max(ys) - min(ys),
    "again": lambda ys: sum([y * k for k, y in enumerate(ys)]),
    "slice": lambda ys: sum(ys[2:5]),
}


@pytest.mark.parametrize("name", USES)
def test_a_list_that_grows_is_a_stack(name: str) -> None:
    use = USES[name]

    def fn(x: Any) -> Any:
        ys, h = [], 0.0
        for v in x:
            h = np.tanh(h + v)
            ys.append(h)
        return use(ys)

    f = staged(fn, X)
    assert kinds(f, X)[0] == "rolled"


def test_lists_of_arrays_and_of_pairs() -> None:
    def fn(x: Any) -> Any:
        hs, pairs, h = [np.zeros(3)], [], x[:3]
        for k, v in enumerate(x):
            h = np.sin(h * v + hs[-1])
            hs.append(h)
            pairs.append((k, {"v": v * h[0]}))
        t = 0.0
        for k, d in pairs:
            t = t + k * d["v"]
        for row in hs:
            t = t * 0.5 + np.sum(row)
        return t + np.sum(np.stack(hs))

    f = staged(fn, X)
    assert kinds(f, X)[:2] == ["rolled", "rolled"]


def test_loops_over_a_list_that_has_grown() -> None:
    def fn(x: Any) -> Any:
        ys = []
        for v in x:
            ys.append(v * v)
        t = 0.0
        for k, y in enumerate(ys):
            t = np.sin(t + k * y)
        for a, b in zip(ys, reversed(ys)):
            t = t + a * b
        for k in range(len(ys)):
            t = t * 0.9 + ys[k] * ys[-1 - k]
        return t

    staged(fn, X, became=["rolled"] * 4)


def test_a_traced_number_of_items() -> None:
    """What a list holds has a shape: the number of rounds is guarded."""

    def fn(x: Any, n: Any) -> Any:
        ys = []
        for k in range(n):
            ys.append(x[k] ** 2)
        return np.sum(np.array(ys) * x[0]) + len(ys)

    f = tj.value_and_grad(fn, compile="never")
    for n in (9, 9, 4, 4, 9, 12):
        agrees(f, fn, X, np.int64(n))
    assert "guard" in str(f.tape(X, np.int64(9))) and " for " in str(f.tape(X, np.int64(9)))


# ---------------------------------------------------------------- the first round


def total_array(x: Any) -> Any:
    s = 0
    for v in x:
        s = s + np.array([v, v * v])
    return np.sum(s * s)


def previous(x: Any) -> Any:
    last, t = None, 0.0
    for v in x:
        if last is not None:
            t = t + (v - last) ** 2 * v
        last = v
    return t


def best(x: Any) -> Any:
    found = None
    for v in x:
        if found is None or np.sin(5 * v) > found:
            found = np.sin(5 * v)
    return found


def new_key(x: Any) -> Any:
    d: dict[str, Any] = {}
    for k, v in enumerate(x):
        d["last"] = v * k + d.get("last", 0.0)
    return d["last"]


def wider(x: Any) -> Any:
    a = np.ones(2, np.float32)
    for v in x:
        a = a * v + 1
    return np.sum(a)


@pytest.mark.parametrize(
    "fn", [total_array, previous, best, new_key, wider], ids=lambda f: f.__name__
)
def test_python_runs_the_first_round(fn: Any) -> None:
    f = staged(fn, X)
    assert notes(f, X)[0].startswith("rolled behind its first round: "), notes(f, X)
    assert str(f.tape(X)).count(" for ") >= 1
