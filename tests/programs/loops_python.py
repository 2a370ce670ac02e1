"""The rest of the language around loops: closures, classes, generators, recursion, contexts."""

from __future__ import annotations

import math
from collections import namedtuple
from dataclasses import dataclass, replace
from functools import reduce, wraps

import numpy as np
from program_registry import program

Body = namedtuple("Body", "x v")


@program(lambda r: (np.array([0.9, 0.3]), r.normal(size=20)), rolled=1)
def counter_closure(p, xs):
    """A nested function that keeps its state by `nonlocal`."""
    level, calls = 0.0, 0

    def feed(x):
        nonlocal level, calls
        level = p[0] * level + p[1] * x
        calls += 1
        return level

    total = 0.0
    for x in xs:
        total += feed(x) ** 2
    return total / calls


class Cell:
    """A leaky integrator with a threshold, whose state is an attribute."""

    def __init__(self, leak):
        self.leak = leak
        self.h = 0.0
        self.spikes = 0

    def step(self, x):
        self.h = self.leak * self.h + x
        if self.h > 1.0:
            self.h -= 1.0
            self.spikes += 1
        return self.h


@program(lambda r: (0.8, r.uniform(0, 0.6, size=30)), order=1, rolled=1)
def stateful_object(leak, xs):
    """Methods that change ``self.h`` in a loop."""
    cell = Cell(leak)
    total = 0.0
    for x in xs:
        total += cell.step(x)
    return total + cell.spikes


@dataclass
class Walker:
    """A state with two fields."""

    x: float
    v: float

    def moved(self, dt):
        return replace(self, x=self.x + dt * self.v, v=self.v - dt * math.sin(self.x))


@program(lambda r: (Walker(0.3, 1.2), 20), rolled=1)
def dataclass_state(w, n):
    """A dataclass made anew at every turn."""
    for _ in range(n):
        w = w.moved(0.1)
    return 0.5 * w.v**2 - math.cos(w.x)


@program(lambda r: (Body(np.array([1.0, 0.0]), np.array([0.0, 0.9])),), rolled=1)
def named_tuple_state(body):
    """A named tuple carried through a loop by `_replace`."""
    for _ in range(25):
        body = body._replace(v=body.v - 0.1 * body.x / np.sum(body.x**2) ** 1.5)
        body = body._replace(x=body.x + 0.1 * body.v)
    return body.x[0] * body.v[1] - body.x[1] * body.v[0] + np.sum(body.x**2)


def binomial(p, n, k):
    if k < 0 or k > n:
        return 0.0
    if n == 0:
        return 1.0
    return p * binomial(p, n - 1, k - 1) + (1 - p) * binomial(p, n - 1, k)


@program(lambda r: (0.35,), rolled=0)
def recursion(p):
    """Recursion over integers: no loop to roll."""
    return binomial(p, 5, 2) ** 2


def simpson(f, a, b, tol, depth=0):
    m = 0.5 * (a + b)
    whole = (b - a) / 6 * (f(a) + 4 * f(m) + f(b))
    left = (m - a) / 6 * (f(a) + 4 * f(0.5 * (a + m)) + f(m))
    right = (b - m) / 6 * (f(m) + 4 * f(0.5 * (m + b)) + f(b))
    if depth >= 6 or abs(left + right - whole) < 15 * tol:
        return left + right + (left + right - whole) / 15
    return simpson(f, a, m, tol / 2, depth + 1) + simpson(f, m, b, tol / 2, depth + 1)


@program(lambda r: (np.array([3.0, 0.5]),), rolled=0)
def adaptive_simpson(p):
    """Recursion steered by values: how deep it goes depends on an error estimate."""
    return simpson(lambda x: np.exp(-p[1] * x) * np.sin(p[0] * x), 0.0, 2.0, 1e-5)


def powers(x, n):
    y = 1.0
    for _ in range(n):
        yield y
        y = y * x


@program(lambda r: (r.normal(size=6), 0.8), rolled=0)
def generator(c, x):
    """A generator, a generator expression and comprehensions."""
    total = sum(a * b for a, b in zip(c, powers(x, 6)))
    squares = [v * v for v in c if v > 0]
    table = {k: c[k] ** 3 for k in range(3)}
    return total + sum(squares) + max(table.values())


@program(lambda r: (np.array([0.3, 4.0, -1.0, 2.5]),), rolled=1)
def guarded_logs(x):
    """``with np.errstate`` and ``try ... finally`` around a loop of branches."""
    seen = []
    with np.errstate(divide="ignore", invalid="ignore"):
        total = 0.0
        try:
            for v in x:
                seen.append(1)
                total += np.log(v) if v > 0 else 0.5 * v
        finally:
            count = len(seen)
    return total / count


@program(lambda r: (r.permutation(np.linspace(-1.37, 1.4, 12)), 3), rolled=1)
def chained_comparisons(x, k):
    """`elif`, chained comparisons, `not`, `divmod` of the turn's number."""
    total = 0.0
    for i, v in enumerate(x):
        block, place = divmod(i, k)
        if -0.5 < v < 0.5:
            total += v**3 * block
        elif not (v > 0 and place != 1):
            total -= np.cos(v)
        else:
            total += v if place else 2 * v
    return total


def scaled(factor):
    def decorate(f):
        @wraps(f)
        def wrapped(*args, **kwargs):
            return factor * f(*args, **kwargs)

        return wrapped

    return decorate


@scaled(0.5)
def energy(x, *rest, power=2, **options):
    total = abs(x) ** power
    for y in rest:
        total += y**2
    return total + options.get("extra", 0.0)


@program(lambda r: (r.normal(size=5) + 3,), rolled=1)
def decorated_helper(x):
    """Starred calls, keyword and default arguments, a decorator with an argument."""
    first, *middle, last = x
    total = 0.0
    for k in range(3):
        total += energy(first, *middle, power=3) * energy(last, extra=first) / (k + 1)
    return total


@program(lambda r: ([1.5, -0.4, 2.2, 0.3],), rolled=0)
def builtins_of_values(x):
    """sum, sorted, min, max, any, all, round, reduce and lambda on a list of floats."""
    low, *_, high = sorted(x)
    total = sum(x, 1.0) + low * high + reduce(lambda a, b: a * 0.5 + b, x)
    if any(v > 2 for v in x) and not all(v > 0 for v in x):
        total *= max(x) - min(x, key=abs)
    digits = round(total)
    return float(total) ** 2 + digits


@program(lambda r: (r.uniform(1, 2, size=4),), rolled=1)
def walrus_and_tuples(x):
    """An assignment expression as a condition, nested unpacking, ``x[::-1]`` in zip."""
    total = 0.0
    for i, (a, b) in enumerate(zip(x, x[::-1])):
        if (d := a * b - 1.5) > 0:
            total += d**2 * i
        total += pow(a, b)
    return total


@program(lambda r: ({"w": [0.5, -0.3], "steps": (0.1, 0.2, 0.3)}, [1, 2, 3]), rolled=0)
def dict_of_lists(p, orders):
    """Loops over a dict's items, lists of floats and a static list: Python's own containers."""
    out = {}
    for name, values in p.items():
        acc = 1.0
        for v, n in zip(values, orders):
            acc *= (1 + v) ** n
        out[name] = acc
    out["both"] = out["w"] * out["steps"]
    return sum(out.values())


@program(lambda r: (np.array([3.7, 1.2]),), order=1, rolled=1)
def integer_parts(p):
    """`int`, `//`, `%` and `round` of values steer a loop whose count depends on them."""
    n = int(p[0] * 4)
    x = p[1]
    for k in range(n):
        x = x + 0.1 * math.sin(k * p[0]) * x
    return x + p[0] % 1.0 + p[0] // p[1] + math.floor(x) + abs(-x)
