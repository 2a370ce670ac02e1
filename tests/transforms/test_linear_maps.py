"""jvp, vjp and linearize: values, structures, reuse, aliasing, pickling."""

from __future__ import annotations

import functools
import pickle
from collections import namedtuple

import numpy as np
import pytest
from differences import close, jacobian

import tapejit as tj

X = np.array([0.3, -1.2, 0.7])
V = np.array([1.0, 0.5, -2.0])
Pair = namedtuple("Pair", "u v")


def smooth(x):
    return np.sin(x) * x[::-1] + np.sum(x * x)


@pytest.mark.parametrize("compile", ["never", "always"])
def test_the_three_agree_with_differences(compile):
    J = jacobian(smooth, X)
    out, t = tj.jvp(smooth, (X,), (V,), compile=compile)
    close(out, smooth(X))
    close(t, J @ V)
    for _ in range(3):
        out, pullback = tj.vjp(smooth, X, compile=compile)
        close(out, smooth(X))
        close(pullback(V)[0], J.T @ V)
        out, pushforward = tj.linearize(smooth, X, compile=compile)
        close(pushforward(V), J @ V)
        for k in range(3):
            close(pullback(np.eye(3)[k])[0], J[k])
            close(pushforward(np.eye(3)[k]), J[:, k])


def test_containers_keep_their_kind_in_arguments_and_results():
    def f(p, q):
        return {"a": p["x"] * q[0], "b": Pair(np.sum(p["x"]), q[1] ** 2)}

    p, q = {"x": X}, [2.0, np.float64(3.0)]
    out, pullback = tj.vjp(f, p, q)
    assert isinstance(out["b"], Pair)
    cp, cq = pullback({"a": V, "b": Pair(1.0, 10.0)})
    assert type(cq) is list and set(cp) == {"x"}
    close(cp["x"], 2.0 * V + 1.0)
    close(cq[0], V @ X)
    close(cq[1], 60.0)
    out, t = tj.jvp(f, (p, q), ({"x": V}, [1.0, 2.0]))
    assert isinstance(t["b"], Pair)
    close(t["a"], 2.0 * V + X)
    close(t["b"].v, 12.0)


def test_keys_of_a_cotangent_may_come_in_another_order():
    _, pullback = tj.vjp(lambda x: {"a": x, "b": 2.0 * x}, 1.0)
    assert pullback({"b": 1.0, "a": 0.0}) == (2.0,)


def test_none_is_a_zero_cotangent_or_tangent():
    _, pullback = tj.vjp(lambda x, y: (x * y, y), 2.0, 3.0)
    assert pullback((None, 1.0)) == (0.0, 1.0)
    assert pullback((1.0, None)) == (3.0, 2.0)
    assert pullback(None) == (0.0, 0.0)
    _, pushforward = tj.linearize(lambda x, y: (x * y, y), 2.0, 3.0)
    assert pushforward(1.0, None) == (3.0, 0.0)
    # A primal without a tangent may be anything.
    assert tj.jvp(lambda x, n: x**n, (2.0, 3), (1.0, None)) == (8.0, 12.0)


def test_integer_results_have_no_cotangent_and_no_tangent():
    def f(x):
        return x * 2.0, np.zeros_like(x, dtype=int), "name"

    out, t = tj.jvp(f, (X,), (V,))
    assert out[2] == "name" and t[1] is None and t[2] is None
    out, pullback = tj.vjp(f, X)
    assert out[1].dtype == int
    close(pullback((V, None, None))[0], 2.0 * V)


def test_aux_is_passed_on():
    def f(x):
        return np.sum(x * x), {"n": 3, "x": x}

    out, pullback, aux = tj.vjp(f, X, has_aux=True)
    assert aux["n"] == 3 and out == pytest.approx(X @ X)
    close(aux["x"], X)
    close(pullback(1.0)[0], 2 * X)
    out, t, aux = tj.jvp(f, (X,), (V,), has_aux=True)
    assert t == pytest.approx(2 * X @ V) and aux["n"] == 3
    out, pushforward, aux = tj.linearize(f, X, has_aux=True)
    assert pushforward(V) == pytest.approx(2 * X @ V)


def test_a_pullback_is_captured_once_however_often_it_is_called():
    _, pullback = tj.vjp(smooth, X, compile="never")
    for _ in range(5):
        pullback(V)
    captures = pullback.stats()["captures"]
    for _ in range(5):
        tj.vjp(smooth, X + 1.0, compile="never")[1](V)
    assert pullback.stats()["captures"] == captures == 2


def test_the_function_runs_twice_however_often_its_vjp_is_taken():
    def f(x):
        return x * x

    pullbacks = [tj.vjp(f, X + k, compile="never")[1] for k in range(6)]
    (kept,) = f.__dict__["__tapejit_programs__"].values()
    assert kept.counters["captures"] == 2
    assert len({id(p.plan) for p in pullbacks}) == 1
    for k, pullback in enumerate(pullbacks):
        close(pullback(V)[0], 2 * (X + k) * V)

    @functools.wraps(f)
    def g(x):
        return 3.0 * f(x)

    assert tj.vjp(g, 1.0)[1](1.0) == (6.0,)
    assert tj.vjp(f, 1.0)[1](1.0) == (2.0,)


def test_the_pullback_computes_nothing_of_the_primal_again():
    _, pullback = tj.vjp(lambda x: np.exp(np.sin(x)), X)
    names = {row.prim.name for row in pullback.tape()}
    assert names == {"input", "multiply"}


def test_later_writes_to_arguments_and_results_do_not_reach_the_pullback():
    x, ct = X.copy(), V.copy()
    for _ in range(3):
        out, pullback = tj.vjp(lambda x: x * x, x)
        want = 2 * x * V
        x[:] += 1.0
        out[:] = 0.0
        close(pullback(ct)[0], want)
    found = tj.vjp(lambda x: x, x)[1](ct)[0]
    found[:] = 7.0
    np.testing.assert_array_equal(ct, V)


def test_linear_maps_survive_pickling():
    _, pullback = tj.vjp(smooth, X)
    again = pickle.loads(pickle.dumps(pullback))
    np.testing.assert_array_equal(again(V)[0], pullback(V)[0])


def test_float32_stays_float32():
    x = X.astype(np.float32)
    out, pullback = tj.vjp(lambda x: np.sin(x) * 2.0, x)
    assert out.dtype == np.float32
    assert pullback(np.ones(3, np.float32))[0].dtype == np.float32
    assert tj.jvp(lambda x: np.sin(x) * 2.0, (x,), (x,))[1].dtype == np.float32
    _, pullback = tj.vjp(lambda x, y: x * y, x, X)
    a, b = pullback(V)
    assert (a.dtype, b.dtype) == (np.float32, np.float64)


def test_complex_pullbacks_are_adjoints_in_the_real_inner_product():
    def f(z, x):
        return np.exp(z) * x, np.real(z) ** 2

    rng = np.random.default_rng(0)

    def draw():
        return rng.normal(size=3) + 1j * rng.normal(size=3)

    z, tz = draw(), draw()
    _, t = tj.jvp(f, (z, X), (tz, V))
    cts = (draw(), rng.normal(size=3))
    _, pullback = tj.vjp(f, z, X)
    cz, cx = pullback(cts)
    assert cx.dtype == float
    left = sum(np.sum(np.real(np.conj(c) * s)) for c, s in zip(cts, t))
    right = np.sum(np.real(np.conj(cz) * tz)) + cx @ V
    assert left == pytest.approx(right)


def test_empty_and_zero_dimensional_arrays():
    out, pullback = tj.vjp(lambda x: np.sum(x), np.zeros((0, 2)))
    assert out == 0.0 and pullback(1.0)[0].shape == (0, 2)
    out, pullback = tj.vjp(lambda x: x * 2.0, np.array(3.0))
    assert pullback(np.array(1.0)) == (2.0,)
    assert tj.vjp(lambda: 3.0)[1](1.0) == ()


def test_an_argument_that_is_not_reached_has_zeros_of_its_shape_and_dtype():
    x = X.astype(np.float32)
    _, pullback = tj.vjp(lambda x, y: y * 2.0, x, 1.0)
    found = pullback(1.0)[0]
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, np.zeros(3))
    assert tj.jvp(lambda x: 3.0, (1.0,), (1.0,)) == (3.0, 0.0)


def test_closures_are_read_at_every_call():
    w = np.array([1.0, 2.0, 3.0])

    def f(x):
        return w * x

    for k in range(4):
        w[:] = k
        out, pullback = tj.vjp(f, X)
        close(out, k * X)
        close(pullback(V)[0], k * V)
