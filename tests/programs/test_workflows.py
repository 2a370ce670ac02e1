"""Loops around derivatives, as people write them: optimisers, Newton, conjugate gradients, maps."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import optimize

import tapejit as tj

RNG = np.random.default_rng(5)
X = RNG.normal(size=(30, 4))
Y = (RNG.uniform(size=30) > 0.5).astype(float)


def logistic(w, X, y):
    z = X @ w
    return np.mean(np.logaddexp(0.0, z) - y * z) + 0.05 * w @ w


@pytest.mark.parametrize("mode", ["never", "always"])
def test_scipy_minimize(mode):
    found = optimize.minimize(
        tj.value_and_grad(logistic, compile=mode), np.zeros(4), (X, Y), jac=True, method="BFGS"
    )
    plain = optimize.minimize(logistic, np.zeros(4), (X, Y), method="BFGS")
    np.testing.assert_allclose(found.x, plain.x, atol=1e-4)
    trust = optimize.minimize(
        logistic, np.zeros(4), (X, Y), method="trust-ncg",
        jac=tj.grad(logistic, compile=mode), hessp=lambda w, v, *a: tj.hvp(logistic)(w, *a, v),
    )  # fmt: skip
    np.testing.assert_allclose(trust.x, found.x, atol=1e-4)


@pytest.mark.parametrize("mode", ["never", "always"])
def test_newton(mode):
    grad = tj.grad(logistic, compile=mode)
    hess = tj.hessian(logistic, compile=mode)
    w = np.zeros(4)
    for _ in range(6):
        w = w - np.linalg.solve(hess(w, X, Y), grad(w, X, Y))
    assert np.abs(grad(w, X, Y)).max() < 1e-14
    assert grad.stats()["captures"] <= 2


def test_conjugate_gradients_by_hessian_products():
    b = np.array([1.0, -2.0, 0.5, 3.0])
    w = np.full(4, 0.1)
    hvp = tj.hvp(logistic, compile="always")
    x, r = np.zeros(4), b.copy()
    p = r.copy()
    for _ in range(4):
        Hp = hvp(w, X, Y, p)
        a = r @ r / (p @ Hp)
        x = x + a * p
        new = r - a * Hp
        p, r = new + (new @ new) / (r @ r) * p, new
    np.testing.assert_allclose(tj.hessian(logistic)(w, X, Y) @ x, b, rtol=1e-9)


def test_training_loop_updates_parameters_in_place():
    """Adam on containers, the arrays of which are changed where they are."""
    params = {"W": RNG.normal(size=(4, 3)), "b": np.zeros(3), "v": RNG.normal(size=3)}

    @tj.value_and_grad
    def loss(p, x, y):
        return np.mean((np.tanh(x @ p["W"] + p["b"]) @ p["v"] - y) ** 2)

    m = {k: np.zeros_like(v) for k, v in params.items()}
    losses = []
    for _ in range(60):
        value, g = loss(params, X, Y)
        losses.append(value)
        for k in params:
            m[k] = 0.9 * m[k] + 0.1 * g[k]
            params[k] -= 0.1 * m[k]
    assert losses[-1] < 0.5 * losses[0]
    assert all(type(v) is np.float64 for v in losses)


def test_vmap_of_a_gradient_over_a_batch():
    f = lambda w, x, y: (np.tanh(x @ w) - y) ** 2
    per_example = tj.vmap(tj.grad(f), in_axes=(None, 0, 0))
    w = RNG.normal(size=4)
    want = np.stack([tj.grad(f)(w, x, y) for x, y in zip(X, Y)])
    np.testing.assert_allclose(per_example(w, X, Y), want, rtol=1e-13)
    np.testing.assert_allclose(tj.jit(per_example, compile="always")(w, X, Y), want, rtol=1e-13)


def test_divergence_of_a_vector_field():
    def field(x):
        return np.array([np.sin(x[0] * x[1]), x[1] ** 2 * x[2], np.exp(-x[0]) + x[2]])

    x = np.array([0.3, -0.7, 1.1])
    want = x[1] * np.cos(x[0] * x[1]) + 2 * x[1] * x[2] + 1
    for jac in (tj.jacobian(field), tj.jacfwd(field), tj.jacrev(field)):
        assert np.trace(jac(x)) == pytest.approx(want, rel=1e-14)
    curl = tj.jit(lambda x: tj.jacobian(field)(x) - tj.jacobian(field)(x).T, compile="always")
    np.testing.assert_allclose(curl(x), -curl(x).T)


def test_custom_vjp_that_clips_the_gradient():
    @tj.custom_vjp
    def clipped(x):
        return x

    clipped.defvjp(lambda x: (x, None), lambda _, ct: (np.clip(ct, -0.5, 0.5),))

    def f(x):
        return np.sum(clipped(x) ** 3)

    x = np.array([0.1, 1.0, -2.0])
    for mode in ("never", "always"):
        g = tj.grad(f, compile=mode)
        np.testing.assert_allclose(g(x), np.clip(3 * x**2, -0.5, 0.5))
        np.testing.assert_allclose(g(x), np.clip(3 * x**2, -0.5, 0.5))


@pytest.mark.parametrize("mode", ["never", "always"])
def test_branches_on_values_are_taken_anew(mode):
    def f(x):
        if np.sum(x) > 0:
            return np.sum(x**2)
        elif x[0] < -5:
            return np.sum(x**3)
        return -np.sum(x)

    g = tj.value_and_grad(f, compile=mode)
    for x in ([1.0, 2.0], [-1.0, -2.0], [-6.0, 0.0], [3.0, 1.0], [-6.5, 1.0], [-1.0, 0.0]) * 2:
        x = np.array(x)
        value, gradient = g(x)
        assert value == f(x)
        want = 2 * x if x.sum() > 0 else 3 * x**2 if x[0] < -5 else -np.ones(2)
        np.testing.assert_allclose(gradient, want)


@pytest.mark.parametrize("mode", ["never", "always"])
def test_a_loop_that_stops_when_it_has_converged(mode):
    """Newton's square root: the number of steps depends on the value."""

    def root(a):
        x = a * 1.0
        for _ in range(50):
            new = 0.5 * (x + a / x)
            if abs(new - x) < 1e-14 * abs(new):
                break
            x = new
        return new

    g = tj.grad(root, compile=mode)
    for a in (2.0, 2.5, 100.0, 2.0):
        assert g(a) == pytest.approx(0.5 / np.sqrt(a), rel=1e-12)


DATA = {"x": np.arange(3.0)}
SCALE = np.array([2.0, 3.0])


@pytest.mark.parametrize("mode", ["never", "always"])
def test_captured_arrays_change_contents_shape_and_dtype(mode):
    global SCALE
    weights = np.ones(3)

    def f(w):
        return np.sum(w * weights * np.sum(DATA["x"])) + np.sum(SCALE) * w[0]

    def want():
        g = np.broadcast_to(weights * np.sum(DATA["x"]), (3,)).copy()
        g[0] += np.sum(SCALE)
        return g

    g = tj.grad(f, compile=mode)
    w = np.array([1.0, 2.0, 3.0])
    for change in range(6):
        if change == 1:
            weights[1] = 5.0
        if change == 2:
            DATA["x"] = np.arange(5.0)
        if change == 3:
            SCALE = np.array([[1.0, 2.0, 3.0]])
        if change == 4:
            weights = np.array(2.0)
        if change == 5:
            SCALE = np.array([1, 2], dtype=np.int32)
        for _ in range(2):
            np.testing.assert_allclose(g(w), want())


def test_isinstance_and_constants_in_user_code():
    """Type checks take the branch of plain arrays; constants made on the way are plain numbers."""

    def f(x, s):
        if not isinstance(x, np.ndarray):
            return s * 0.0
        scale = float(np.sum(np.ones(4)))
        n = len(np.zeros(3).tolist())
        kind = 1.0 if isinstance(s, float) else 0.0
        flag = 2.0 if np.eye(2)[0, 0] else 0.0
        return np.sum(x * scale) * n + s * kind * flag

    x = np.arange(3.0)
    for mode in ("never", "always"):
        value, g = tj.value_and_grad(f, argnums=(0, 1), compile=mode)(x, np.float64(1.5))
        assert value == f(x, np.float64(1.5))
        np.testing.assert_allclose(g[0], np.full(3, 12.0))
        assert g[1] == 2.0
    np.testing.assert_array_equal(tj.grad(lambda x: x[0] * float(x[1]))(x), [1.0, 0.0, 0.0])
    with pytest.raises(tj.errors.CaptureError, match="float"):
        tj.grad(tj.no_rewrite(lambda x: x[0] * float(x[1])))(x)


def test_axes_given_as_arrays_and_numpy_integers():
    a = RNG.normal(size=(2, 3, 4))
    k = np.int64(1)
    for f in (
        lambda a: np.transpose(a, np.array([2, 0, 1])),
        lambda a: a.transpose(np.array([2, 0, 1])),
        lambda a: np.sum(a, axis=k),
        lambda a: a.mean(axis=(k, np.int64(-1))),
        lambda a: np.roll(a, np.int64(2), axis=k),
        lambda a: np.tensordot(a, a, axes=(np.array([0, 1]), np.array([0, 1]))),
        lambda a: np.swapaxes(a, np.int64(0), k),
        lambda a: np.reshape(a, np.array([6, 4])),
        lambda a: np.r_[a[0, 0], 1.0, a[1, 1], 2:4],
        lambda a: np.c_[a[0], a[1], np.arange(3)],
        lambda a: np.polyder(a[0, 0], 2),
        lambda a: np.polyint(a[0, 0], 2, k=[1.0, 2.0]),
        lambda a: np.polyadd(a[0, 0], a[0, :, 0]) - np.polysub(a[0, 0], [1.0]),
        lambda a: np.polymul(a[0, 0], a[0, 1]),
        lambda a: np.logspace(a[0, 0, 0], 2.0, 5),
        lambda a: np.geomspace(abs(a[0, 0, 0]), abs(a[0, 0, 1]), 4),
        lambda a: np.isin(a > 0, [True]) * a,
    ):
        got, want = tj.jit(f, compile="never")(a), f(a)
        assert got.dtype == want.dtype and got.shape == want.shape
        np.testing.assert_allclose(got, want, rtol=1e-12, atol=1e-14)
        tj.grad(lambda a, f=f: np.sum(f(a) ** 2), compile="never")(a)
