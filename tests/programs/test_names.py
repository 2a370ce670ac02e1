"""A function sees NumPy's and SciPy's functions traced however it names them."""

from __future__ import annotations

from collections import namedtuple

import numpy as np
import pytest
import scipy
import scipy.linalg
import scipy.special as special
from numpy import array, eye
from numpy import sum as summed
from numpy import where as placed
from numpy.lib.stride_tricks import sliding_window_view
from scipy.linalg import cho_factor, cho_solve
from scipy.special import logsumexp

import tapejit as tj

X = np.array([0.3, 1.2, 2.0])


def by_name(x):
    return logsumexp(x)


def by_module(x):
    return special.logsumexp(x)


def by_package(x):
    return scipy.special.logsumexp(x)


@pytest.mark.parametrize("f", [by_name, by_module, by_package])
def test_functions_of_scipy(f):
    np.testing.assert_allclose(tj.grad(f)(X), special.softmax(X), rtol=1e-14)


def test_scipy_linalg_by_name():
    def f(x):
        a = array([[2.0 + x[0], x[1]], [x[1], 3.0]])
        return x[:2] @ cho_solve(cho_factor(a, lower=True), x[1:])

    def g(x):
        a = array([[2.0 + x[0], x[1]], [x[1], 3.0]])
        return x[:2] @ np.linalg.solve(a, x[1:])

    np.testing.assert_allclose(tj.grad(f)(X), tj.grad(g)(X), rtol=1e-12)


def test_identity_matrices_are_read_at_traced_places_and_written():
    def f(x, labels):
        k = eye(3)
        k[0, 1] = x[0]
        onehot = np.identity(3)[labels]
        return np.sum(onehot @ k * x)

    def plain(x, labels):
        k = np.eye(3)
        k[0, 1] = x[0]
        return np.sum(np.eye(3)[labels] @ k * x)

    labels = np.array([2, 0, 0])
    value, g = tj.value_and_grad(f)(X, labels)
    assert value == pytest.approx(plain(X, labels))
    h = 1e-6
    for i, step in enumerate(np.eye(3) * h):
        want = (plain(X + step, labels) - plain(X - step, labels)) / (2 * h)
        assert g[i] == pytest.approx(want, rel=1e-8)
    assert type(np.eye(2)) is np.ndarray  # outside of calls NumPy is as it was


def test_a_plain_array_read_at_traced_places():
    """Rewritten code can read one; code that is not says what to write."""
    table = [np.arange(3.0)]

    def f(x, i):
        return np.sum(np.arange(3.0)[i] * x) + table[0][0]

    at = np.array([2, 1, 0])
    np.testing.assert_array_equal(tj.grad(f)(X[:3], at), [2.0, 1.0, 0.0])
    with pytest.raises(tj.errors.CaptureError, match=r"np\.take\(a, i\)"):
        tj.grad(tj.no_rewrite(f))(X[:3], at)


@pytest.mark.parametrize(
    "f",
    [
        lambda x: np.cov(x),
        lambda x: np.cov(x, rowvar=False, ddof=0),
        lambda x: np.cov(x, x[::-1] ** 2, bias=True),
        lambda x: np.cov(x, aweights=np.array([1.0, 2.0, 0.5, 3.0])),
        lambda x: np.cov(x[0]),
        lambda x: np.corrcoef(x),
        lambda x: np.corrcoef(x[0], x[1]),
        lambda x: np.polyfit(np.arange(4.0), x[0], 2),
        lambda x: np.polyfit(x[1], x.T, 1, w=np.array([1.0, 2.0, 0.5, 3.0])),
        lambda x: sliding_window_view(x, (2, 3)),
        lambda x: sliding_window_view(x, 2, axis=-1),
        lambda x: np.lib.stride_tricks.sliding_window_view(x, (2, 2), axis=(1, 1)),
    ],
)
def test_estimates_and_windows(f):
    x = np.random.default_rng(0).normal(size=(3, 4))
    want = f(x)
    got = tj.jit(f, compile="never")(x)
    assert got.dtype == want.dtype and got.shape == want.shape
    np.testing.assert_allclose(got, want, rtol=1e-11, atol=1e-13)
    v = np.random.default_rng(1).normal(size=x.shape)
    h = 1e-5
    difference = (f(x + h * v) - f(x - h * v)) / (2 * h)
    _, t = tj.jvp(f, (x,), (v,))
    np.testing.assert_allclose(t, difference, rtol=1e-6, atol=1e-8)
    _, pull = tj.vjp(f, x)
    ct = np.random.default_rng(2).normal(size=want.shape)
    back = pull(ct)
    back = back[0] if isinstance(back, tuple) else back
    assert np.sum(back * v) == pytest.approx(np.sum(ct * t), rel=1e-9)


Pair = namedtuple("Pair", "a b")


def by_names(x):
    return summed(np.abs(placed(x > 1, array([x[0], 1.0, x[2]]), x)))


def of_lists(x):
    lists = np.sum([x[0], x[1] * 2, 3.0]) + np.mean([x, x * 2]) + np.max([x[0], x[1]])
    return lists * np.dot([x[0], x[1]], [1, 2]) + np.prod((x[0], x[2]))


def named_tuples(x):
    pair = Pair(x, x * 2)
    return np.sum(pair._replace(a=pair.b).a * pair.b)


@pytest.mark.parametrize("mode", ["never", "always"])
@pytest.mark.parametrize("f", [by_names, of_lists, named_tuples])
def test_lists_of_traced_values_and_functions_by_name(f, mode):
    value_and_grad = tj.value_and_grad(f, compile=mode)
    for x in (X, X * 1.25, X):
        value, g = value_and_grad(x)
        assert value == pytest.approx(f(x), rel=1e-14)
        h = 1e-6
        want = [(f(x + h * e) - f(x - h * e)) / (2 * h) for e in np.eye(3)]
        np.testing.assert_allclose(g, want, rtol=1e-7)
    assert value_and_grad.stats()["captures"] <= 2  # replayed, not run by Python
