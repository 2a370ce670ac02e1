"""Arrays of plain numbers that a function makes and writes to: NumPy's answer, or an error.

A traced array takes the place of a plain one only where nobody could tell: names, views, containers
and layouts of the same memory see every write, and what others hold is never copied unseen.
"""

from __future__ import annotations

from collections import deque, namedtuple
from typing import Any

import numpy as np
import pytest

import tapejit as tj
from tapejit.core.errors import CaptureError, MutationError

RIGHT: list[Any] = []
REFUSED: list[Any] = []
OUTSIDE = np.array([1.0, 2.0, 3.0])
Pair = namedtuple("Pair", "a b")


def right(fn: Any) -> Any:
    RIGHT.append(fn)
    return fn


def refused(fn: Any) -> Any:
    REFUSED.append(fn)
    return fn


class Box:
    shared = np.array([0.0, 0.0])

    def __init__(self, array: Any = None) -> None:
        self.own = np.array([0.0, 1.0, 2.0])
        self.held = array

    def keep(self, array: Any) -> Any:
        self.__dict__["last"] = array
        return array


@right
def two_names(x: Any) -> Any:
    a = b = np.array([1.0, 2.0])
    c = a
    c[0], b[1] = x, 2 * x
    return np.sum(a * b) + c[1]


@right
def views_of_a_transposed_view(x: Any) -> Any:
    a = np.arange(6.0)
    v = a.reshape(2, 3).T
    v[0, 1] = x
    v[2] *= x
    return np.sum(a**2)


@right
def reshape_that_copies(x: Any) -> Any:
    a = np.arange(16.0).reshape(4, 4)[:, :2]
    r = a.reshape(-1)
    r[0] = x
    a[1, 1] = x * x
    return np.sum(3 * a) + np.sum(r**2)


@right
def order_in_memory(x: Any) -> Any:
    a = np.asfortranarray(np.arange(6.0).reshape(2, 3))
    r, s = a.reshape(-1), np.ravel(a.T)
    r[1], s[2] = x, x * x
    return np.sum(a**2) + np.sum(r * s)


@right
def rows_of_a_matrix(x: Any) -> Any:
    A = np.array([[1.0, 2.0], [3.0, 4.0]])
    for i, row in enumerate(A):
        row[0] = x * row[1]
        row += x * i
    A[[0, 1]] = A[[1, 0]]
    return np.sum(A**2)


@right
def whole_numbers_are_cut(x: Any) -> Any:
    a = np.arange(5)
    a[1] = 2.7 * x
    a[2] += 1
    return np.sum(a) * x


@right
def flags(x: Any) -> Any:
    m = np.array([True, False, True])
    m[1] = x > 1.0
    return np.sum(np.where(m, x, 2 * x))


@right
def without_axes(x: Any) -> Any:
    t = np.array(0.5)
    for k in range(10):
        t += x * k
    s, u = t, np.zeros(())
    s += x
    v = u
    v += t
    return t * t + u


@right
def complex_parts(x: Any) -> Any:
    z = np.array([1 + 0j, 2j])
    z[0] = x
    z.real[1] = x
    return np.sum(np.abs(z) ** 2)


@right
def in_containers(x: Any) -> Any:
    rows = [np.array([0.0, 1.0]) for _ in range(3)]
    table = {"a": np.full(2, 3.0), "b": np.arange(2.0)}
    pair, queue = Pair(np.array([1.0, 2.0]), np.arange(3.0)), deque([np.array([0.0, 1.0])])
    for k, row in enumerate(rows):
        row[0] = x * k
    table["a"][1] = x
    table["b"] += x
    pair.a[0] = x
    pair.b[:] *= x
    queue[0][0] = x
    last = queue.popleft()
    last[1] = x
    rows.append(np.array([1.0, 1.0]))
    rows[3][0] -= x
    total = np.sum(np.array(rows) ** 2) + np.sum(table["a"] * table["b"])
    return total + np.sum(pair.a) + np.sum(pair.b) + last @ last


@right
def in_an_object(x: Any) -> Any:
    box = Box(np.linspace(0.0, 1.0, 3))
    box.own[0] = x
    box.held += box.own
    box.own = np.array([2.0, 2.0])
    box.own[1] *= x
    return np.sum(box.own * 2) + np.sum(box.held**2)


@right
def by_functions(x: Any) -> Any:
    a = np.array([3.0, 1.0, 2.0])
    M = np.tile(a, (3, 1))
    np.fill_diagonal(M, x)
    np.copyto(a, x * a)
    np.add.at(a, [0, 0], x)
    np.put(a, [2], x * x)
    np.multiply(a, x, out=a)
    a.sort()
    return np.sum(M) + a @ np.arange(3.0)


def fill(buffer: Any, x: Any) -> Any:
    buffer[1:] = x
    return buffer


@right
def by_a_helper(x: Any) -> Any:
    def put(k: int, value: Any) -> None:
        buffer[k] = value

    buffer = np.linspace(0.0, 1.0, 5)
    out = fill(np.linspace(0.0, 1.0, 5), x)
    out[0] = x * x
    for k in range(3):
        put(k, x * k)
    return np.sum(buffer**2) + np.sum(out)


@right
def the_same_array_each_round(x: Any) -> Any:
    seen, copies = [], []
    state = np.array([1.0, 0.0])
    for _ in range(12):
        state[0] += 0.1 * state[1]
        state[1] -= 0.1 * x * state[0]
        seen.append(state)
        copies.append(state.copy())
    return np.sum(np.array(seen) ** 2) + np.sum(np.array(copies) ** 2)


@right
def numbers_that_stay_numbers(x: Any) -> Any:
    order = np.arange(4)
    order[0], order[3] = order[3], order[0]
    a = np.array([1.0, 2.0, 3.0, 4.0])
    a[order] *= x
    poly = np.array([1.0, -3.0, 2.0])
    poly[0] += 0.0 * len(order)
    ones = np.ones(3)
    ones[1] = -3.0
    return a @ a[order] + x * np.sum(np.roots(poly)) + np.sum(np.abs(np.roots(ones))) * x


@right
def places_that_no_call_changes(x: Any) -> Any:
    box, first = Box(), np.zeros(2, int)
    p = box.keep(np.array([1.0, 2.0, 3.0]))
    p[first[0]] = np.ones(2)[1] * 4.0
    p[first[1] + 1 :] = np.full(2, 0.5)
    return np.sum(box.last) * x + p[first[0]] * x


@right
def outside_arrays_copied(x: Any) -> Any:
    a, b = OUTSIDE.copy(), np.copy(OUTSIDE)
    a[0], c = x, np.array(OUTSIDE)
    b += x
    c[1:] = a[:2]
    return a @ b + np.sum(c**2)


@refused
def outside(x: Any) -> Any:
    a = OUTSIDE
    a[0] = x
    return np.sum(a)


@refused
def of_a_class(x: Any) -> Any:
    box = Box()
    box.shared[0] = x
    return np.sum(box.shared)


@refused
def kept_unseen(x: Any) -> Any:
    box = Box()
    a = box.keep(np.array([1.0, 2.0]))
    a[0] = x
    return np.sum(box.last)


@refused
def a_view_of_what_is_kept_unseen(x: Any) -> Any:
    box = Box()
    a = box.keep(np.array([1.0, 2.0, 3.0]))[1:]
    a += x
    return np.sum(box.last)


@refused
def unpacked_and_kept_unseen(x: Any) -> Any:
    box = Box()
    a, b = box.keep([np.array([1.0, 2.0]), np.array([3.0])])
    a[0] = b[0] = x
    return np.sum(box.last[0])


@refused
def not_writable(x: Any) -> Any:
    a = np.broadcast_to(np.array([1.0]), (3,))
    a[0] = x
    return np.sum(a)


@refused
def named_by_a_choice(x: Any) -> Any:
    box = Box()
    p, q = box.keep(np.array([1.0, 2.0])), np.zeros(2)
    b = p if x > 0 else q
    b[0] = x
    return np.sum(box.last)


@refused
def named_by_a_branch_and_written_by_its_first_name(x: Any) -> Any:
    box = Box()
    p = box.keep(np.array([1.0, 2.0]))
    b = np.zeros(2)
    if x > 0:
        b = p
    p[0] = 5.0
    return np.sum(b) * x


@refused
def named_by_a_loop(x: Any) -> Any:
    box, total = Box(), 0.0
    box.keep(np.array([1.0, 2.0]))
    b = np.zeros(2)
    for _ in range(9):
        total += x * b[0]
        b = box.last
    b[0] = x
    return np.sum(box.last) + total


@refused
def written_in_the_first_round(x: Any) -> Any:
    box = Box()
    b = box.keep(np.array([1.0, 2.0]))
    for k in range(9):
        b[0] = x * k
        b = b * 1.5
    return np.sum(box.last) + b[1]


@refused
def appended_by_a_loop(x: Any) -> Any:
    box, rows = Box(), []
    p, total = box.keep(np.array([1.0, 2.0])), 0.0
    for _ in range(9):
        total += x
        rows.append(p)
    rows[0][0] = x
    return np.sum(box.last) * total


@refused
def filled_by_a_method(x: Any) -> Any:
    box = Box()
    p = box.keep(np.array([1.0, 2.0]))
    p.fill(x)
    return np.sum(box.last)


def slope(fn: Any, x: float) -> Any:
    return (fn(x + 1e-6) - fn(x - 1e-6)) / 2e-6


@pytest.mark.parametrize("policy", ["never", "always"])
@pytest.mark.parametrize("fn", RIGHT, ids=lambda fn: fn.__name__)
def test_as_numpy(fn: Any, policy: str) -> None:
    call = tj.value_and_grad(fn, compile=policy)
    for x in (1.3, 1.3, 0.6):
        value, g = call(x)
        np.testing.assert_allclose(value, fn(x), rtol=1e-12)
        np.testing.assert_allclose(g, slope(fn, x), rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("fn", REFUSED, ids=lambda fn: fn.__name__)
def test_what_others_hold_is_refused(fn: Any) -> None:
    before = OUTSIDE.copy(), Box.shared.copy()
    with pytest.raises((MutationError, CaptureError), match=r"copy|Copy"):
        tj.grad(fn)(1.3)
    assert (before[0] == OUTSIDE).all() and (Box.shared == before[1]).all()


def test_a_loop_that_writes_to_what_was_made_is_rolled() -> None:
    def swing(x: Any) -> Any:
        state = np.array([1.0, 0.0])
        for _ in range(50):
            state[0] += 0.1 * state[1]
            state[1] -= 0.1 * x * state[0]
        return state[0]

    tape = str(tj.grad(swing).tape(1.3))
    assert len(tape.splitlines()) < 60 and " for " in tape


def test_numbers_alone_leave_no_rows() -> None:
    """What only numbers are written to is Python's work, and the tape holds its result."""

    def weighted(x: Any) -> Any:
        n = len(x)
        w = np.linspace(0.0, 1.0, n)
        w[1:-1] *= 2.0
        w /= np.sum(w)
        for k in range(n):
            w[k] += k
        return w @ x

    tape = tj.jit(weighted).tape(np.ones(12))
    assert [row.prim.name for row in tape][-2:] == ["multiply", "sum"] and len(tape) <= 5
