"""Writing inside a function works as in NumPy and differentiates; writing outside is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tapejit as tj
from tapejit.core.errors import MutationError

POLICIES = ["never", "always"]
X = np.array([1.1, 2.3, 3.2, 4.7])
W = np.ones(4)


def filled(x: Any) -> Any:
    a = np.zeros(4)
    for i in range(4):
        a[i] = x[i] ** 2 + (a[i - 1] if i else 0.0)
    return a


def views(x: Any) -> Any:
    a = np.zeros((2, 4))
    row = a[0]
    row[1:3] = x[:2] * 2
    a[1] = x
    tail = a[:, ::2].T
    tail[0] += 10.0
    a *= x
    flat = a.reshape(-1)
    flat[-1] = x[0] * x[1]
    before = row.copy()
    row[...] = row[::-1]
    return a, before, row, a.T[2]


def inplace(x: Any) -> Any:
    a = x.copy()
    b = a
    a += 1
    a *= x
    b -= x[0]
    a[a > 5] = 0.0
    a[[0, 2]] /= 2
    np.add(a, x, out=a)
    np.multiply(a, 2, out=(a,))
    np.exp(x, out=a, where=x > 2)
    c = np.empty_like(x)
    np.cumsum(a, out=c)
    c[1:] -= c[:-1].copy()
    c.sort()
    c.fill(2.0) if False else None
    np.add(c, x, c)
    return a, b, c


def overlap(x: Any) -> Any:
    a = x.copy()
    a[1:] = a[:-1]
    b = x.copy()
    b[:-1] += b[1:]
    m = np.ones((4, 4))
    m += m.T * x
    m[np.diag_indices(4)] = x
    k = np.full(3, 1.5)
    k[1] = x[2]
    return a, b, m, k


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("fn", [filled, views, inplace, overlap])
def test_values_and_derivatives(fn: Any, policy: str) -> None:
    plain = fn(X)
    f = tj.jit(fn, compile=policy)
    total = lambda x: sum(np.sum(np.sin(v)) for v in _tuple(fn(x)))
    g = tj.grad(total, compile=policy)
    h = 1e-6
    numeric = [(total(X + h * e) - total(X - h * e)) / (2 * h) for e in np.eye(4)]
    for _ in range(2):
        for a, b in zip(_tuple(f(X)), _tuple(plain)):
            np.testing.assert_allclose(a, b, rtol=1e-13)
        np.testing.assert_allclose(g(X), numeric, rtol=1e-6, atol=1e-7)
    assert np.array_equal(X, [1.1, 2.3, 3.2, 4.7])


def _tuple(x: Any) -> Any:
    return x if isinstance(x, tuple) else (x,)


def set_item(x: Any) -> Any:
    x[0] = 1.0
    return np.sum(x)


def set_view(x: Any) -> Any:
    y = x[1:]
    y += 1.0
    return np.sum(x)


def augmented(x: Any) -> Any:
    x += 1.0
    return np.sum(x)


def given_out(x: Any) -> Any:
    np.add(x, 1.0, out=x)
    return np.sum(x)


def sort(x: Any) -> Any:
    x.sort()
    return np.sum(x)


def fill(x: Any) -> Any:
    x.fill(0.0)
    return np.sum(x)


def set_global(x: Any) -> Any:
    W[0] = x[0]
    return np.sum(W)


def copyto(x: Any) -> Any:
    np.copyto(x, 1.0)
    return np.sum(x)


def out_is_plain(x: Any) -> Any:
    return np.sum(np.sin(x, out=KEPT.buffer))


class KEPT:
    buffer = np.zeros(4)


def set_state(x: Any) -> Any:
    holder = HOLDER
    holder["w"][1:3] = x[0]
    return np.sum(holder["w"])


HOLDER = {"w": np.ones(4)}


@pytest.mark.parametrize("jitted", [tj.grad, tj.jit])
@pytest.mark.parametrize(
    "fn",
    [
        set_item,
        set_view,
        augmented,
        given_out,
        sort,
        fill,
        set_global,
        copyto,
        out_is_plain,
        set_state,
    ],
)
def test_writing_outside_is_refused_with_the_line(fn: Any, jitted: Any) -> None:
    f = jitted(fn, compile="never")
    for _ in range(2):
        with pytest.raises(
            MutationError, match=rf"(?i)(copy|zeros_like).*test_writing\.py:\d+ in {fn.__name__}"
        ):
            f(X)
    assert np.array_equal(X, [1.1, 2.3, 3.2, 4.7])
    assert np.array_equal(W, np.ones(4)) and np.array_equal(HOLDER["w"], np.ones(4))
    assert np.array_equal(KEPT.buffer, np.zeros(4))


def test_writing_an_int_argument_of_jit() -> None:
    with pytest.raises(MutationError):
        tj.jit(lambda n: n.__setitem__(0, 1))(np.arange(3))


def test_scalars_are_rebound_not_written() -> None:
    def fn(x: Any) -> Any:
        s = x[0]
        t = s
        s += 5.0
        s *= 2.0
        return s + t * 100

    assert tj.value_and_grad(fn, compile="never")(X)[0] == fn(X)
    assert tj.grad(fn, compile="never")(X)[0] == 102.0


def wider(x: Any, v: Any) -> None:
    v[1:] += x[None, 1:]


def wider_picked(x: Any, v: Any) -> None:
    v[[0, 2]] *= x[None, :2]


def finer(x: Any, v: Any) -> None:
    v[:2] *= 0.5


def finer_picked(x: Any, v: Any) -> None:
    v[[0, 2]] += x[:2]


def finer_masked(x: Any, v: Any) -> None:
    v[x > 2.0] /= 2


@pytest.mark.parametrize("write", [wider, wider_picked, finer, finer_picked, finer_masked])
def test_augmented_assignment_to_a_part_is_in_place(write: Any) -> None:
    """What ``v[1:] = v[1:] + w`` would fit into v, ``v[1:] += w`` need not."""

    def fn(x: Any) -> Any:
        v = x * 1.0 if write in (wider, wider_picked) else np.ones_like(x, dtype=int)
        write(x, v)
        return v

    with pytest.raises((TypeError, ValueError)) as wanted:
        fn(X)
    with pytest.raises(wanted.type.__mro__[-4]):  # the built-in error
        tj.jit(fn, compile="never")(X)


def test_augmented_assignment_to_an_element_rounds() -> None:
    def fn(x: Any) -> Any:
        v = np.ones_like(x, dtype=int)
        v[1] += x[0]
        v[-1] *= 2.5
        v[:2] += np.arange(2)
        return v

    found = tj.jit(fn, compile="never")(X)
    assert found.dtype == fn(X).dtype and np.array_equal(found, fn(X))
