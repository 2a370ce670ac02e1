"""Transformations inside transformations, perturbation confusion, closures over traced values."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from differences import close, jacobian

import tapejit as tj

X = np.array([0.3, -0.8, 0.5, 1.1])


def f(x):
    return np.sin(x) * x[::-1] ** 2


def test_perturbations_of_different_levels_stay_apart():
    assert tj.grad(lambda x: x * tj.grad(lambda y: x + y)(1.0))(3.0) == 1.0
    assert tj.grad(lambda x: x * tj.jvp(lambda y: x + y, (1.0,), (1.0,))[1])(3.0) == 1.0
    assert tj.jvp(lambda x: x * tj.grad(lambda y: x + y)(1.0), (3.0,), (1.0,)) == (3.0, 1.0)
    assert tj.grad(lambda x: x * tj.jacfwd(lambda y: x * y)(x))(3.0) == 6.0
    assert tj.grad(lambda x: tj.grad(lambda y: x * y * y)(x))(3.0) == 12.0
    assert tj.grad(lambda x: x * tj.vjp(lambda y: x * y, x)[1](1.0)[0])(3.0) == 6.0
    # Siskind and Pearlmutter 2005: the argument of the inner function is the outer one's variable.
    assert tj.grad(lambda x: tj.grad(lambda y: y * y)(x) * tj.grad(lambda x: x)(x))(3.0) == 2.0


def test_orders_up_to_four():
    d = np.sin
    want = [np.cos(0.7), -np.sin(0.7), -np.cos(0.7), np.sin(0.7)]
    for value in want:
        d = tj.grad(d, compile="never")
        assert d(0.7) == pytest.approx(value)
    e = lambda x: np.exp(2 * x)
    for k in range(1, 4):
        e = tj.jacfwd(e) if k % 2 else tj.grad(e)
        assert e(0.1) == pytest.approx(2**k * np.exp(0.2))


@pytest.mark.parametrize("inner", [tj.jacfwd, tj.jacrev, tj.jacobian])
@pytest.mark.parametrize("outer", [tj.grad, tj.jacfwd, tj.jacrev])
def test_derivatives_of_jacobians(inner, outer):
    def norm(x):
        return np.sum(inner(f)(x) ** 2)

    close(outer(norm, compile="never")(X), jacobian(norm, X), 1e-6)


def test_hessian_of_a_jacobian():
    def norm(x):
        return np.sum(tj.jacrev(f)(x) ** 3)

    close(
        tj.hessian(norm, compile="never")(X),
        jacobian(tj.grad(norm, compile="never"), X),
        1e-5,
    )


def test_jvp_of_vjp_and_vjp_of_jvp():
    v, w = np.arange(4.0), np.ones(4)
    J = lambda x: jacobian(f, x, 1e-5)
    out, t = tj.jvp(lambda x: tj.vjp(f, x)[1](v)[0], (X,), (w,))
    close(out, J(X).T @ v)
    close(t, jacobian(lambda x: tj.vjp(f, x)[1](v)[0], X) @ w)
    # The pushforward is linear in v: its derivative in v is J itself.
    _, pullback = tj.vjp(lambda v: tj.jvp(f, (X,), (v,))[1], v)
    close(pullback(w)[0], J(X).T @ w)
    _, pushforward = tj.linearize(lambda x: tj.linearize(f, x)[1](v), X)
    close(pushforward(w), jacobian(lambda x: tj.jvp(f, (x,), (v,))[1], X) @ w)


def test_a_pullback_made_outside_is_usable_inside():
    _, pullback = tj.vjp(f, X)
    close(tj.jacobian(lambda ct: pullback(ct)[0])(np.ones(4)), jacobian(f, X).T)
    assert tj.grad(lambda c: pullback(c * np.ones(4))[0].sum())(1.0) == pytest.approx(
        jacobian(f, X).sum()
    )


def test_jit_around_and_inside():
    hess = tj.jit(lambda x: tj.hessian(lambda y: np.sum(f(y)))(x), compile="never")
    for _ in range(3):
        close(hess(X), tj.hessian(lambda y: np.sum(f(y)))(X), 1e-12)
    inside = tj.jit(lambda x: np.sum(f(x)))
    close(tj.grad(inside)(X), tj.grad(lambda x: np.sum(f(x)))(X), 1e-12)


def test_grad_inside_a_loop_inside_jit():
    @tj.jit
    def descend(x):
        for _ in range(5):
            x = x - 0.1 * tj.grad(lambda y: np.sum((y - 1.0) ** 4))(x)
        return x

    want = X.copy()
    for _ in range(5):
        want = want - 0.1 * 4 * (want - 1.0) ** 3
    close(descend(X), want, 1e-12)
    close(tj.jacfwd(descend)(X), jacobian(descend, X), 1e-6)


def test_branches_choose_the_right_derivative():
    def g(x):
        return x**2 if x > 0 else -x

    for _ in range(3):
        assert tj.vjp(g, 3.0)[1](1.0) == (6.0,)
        assert tj.vjp(g, -3.0)[1](1.0) == (-1.0,)
    assert tj.jacobian(g)(2.0) == 4.0
    assert tj.jacobian(g)(-2.0) == -1.0


def test_stop_gradient():
    assert tj.grad(lambda x: x * tj.stop_gradient(x))(3.0) == 3.0
    assert tj.jvp(lambda x: x * tj.stop_gradient(x * x), (3.0,), (1.0,)) == (27.0, 9.0)
    assert tj.grad(tj.grad(lambda x: x * x * tj.stop_gradient(x)))(3.0) == 6.0

    def g(x):
        held = tj.stop_gradient({"a": x, "b": [x, 2, "s", None]})
        return x * held["a"] * held["b"][0] * held["b"][1]

    assert tj.grad(g)(3.0) == 18.0
    assert tj.stop_gradient(X) is X
    assert tj.stop_gradient({"a": 1}) == {"a": 1}


def test_jit_returns_new_arrays_and_containers():
    g = tj.jit(lambda x, n: {"x": x, "y": x * n, "n": n}, compile="never")
    for _ in range(3):
        found = g(X, 2)
        assert found["n"] == 2 and found["x"] is not X and not np.shares_memory(found["x"], X)
        close(found["y"], 2 * X)


def quadratic(x):
    return np.sum(x**2)


decorated = tj.value_and_grad(quadratic)


@tj.grad
def slope(x):
    return np.sum(x**3)


def test_transformed_functions_survive_pickling():
    again = pickle.loads(pickle.dumps(decorated))
    close(again(X)[1], 2 * X)
    assert pickle.loads(pickle.dumps(slope)) is slope


def test_a_jacobian_for_every_slice_and_the_jacobian_of_all_slices():
    A = np.arange(12.0).reshape(3, 4) / 10

    def g(x):
        return np.sin(x) * x[0]

    def at_once(kind):
        return lambda A: tj.vmap(kind(g))(A)

    each = np.array([jacobian(g, a) for a in A])
    for kind in (tj.jacfwd, tj.jacrev):
        close(at_once(kind)(A), each)
        close(
            tj.grad(lambda A, kind=kind: np.sum(at_once(kind)(A) ** 2), compile="never")(A),
            jacobian(lambda A, kind=kind: np.sum(at_once(kind)(A) ** 2), A),
            1e-6,
        )
    whole = tj.jacrev(tj.vmap(g))(A)
    for i in range(3):
        close(whole[i, :, i], each[i])
    hessians = tj.vmap(tj.hessian(lambda x: np.sum(g(x) ** 2)))(A)
    close(hessians[2], tj.hessian(lambda x: np.sum(g(x) ** 2))(A[2]), 1e-12)


def test_second_derivatives_of_nested_maps():
    A = np.arange(6.0).reshape(2, 3) / 10

    def total(A, w):
        inner = tj.vmap(lambda a: np.sin(a * w) * np.sum(A))
        return np.sum(tj.vmap(inner)(A) ** 2)

    H = tj.hessian(total, argnums=(0, 1), compile="never")(A, 0.7)
    close(H[0][0], jacobian(lambda A: tj.grad(total)(A, 0.7), A), 1e-6)
    close(H[1][0], jacobian(lambda A: tj.grad(total, 1)(A, 0.7), A), 1e-6)
    close(H[1][1], jacobian(lambda w: tj.grad(total, 1)(A, w), np.array(0.7)), 1e-6)


def test_pullbacks_inside_maps_and_maps_of_pullbacks():
    A = np.arange(12.0).reshape(3, 4) / 10
    found = tj.vmap(lambda a: tj.vjp(f, a)[1](np.ones(4))[0])(A)
    close(found, np.array([jacobian(f, a).sum(0) for a in A]))
    _, pullback = tj.vjp(f, X)
    close(tj.vmap(pullback)(np.eye(4))[0], jacobian(f, X))


def test_integer_cotangents_do_not_make_a_program_each():
    _, pullback = tj.vjp(lambda x: 2.0 * x, 1.0)
    for k in range(5):
        assert pullback(k) == (2.0 * k,)
    assert pullback.stats()["captures"] <= 2
