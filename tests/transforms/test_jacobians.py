"""jacobian, jacfwd, jacrev, hessian, hvp and elementwise_grad."""

from __future__ import annotations

import numpy as np
import pytest
from differences import close, jacobian

import tapejit as tj

RNG = np.random.default_rng(1)
KINDS = [tj.jacobian, tj.jacfwd, tj.jacrev]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("n", [1, 2, 3, 4, 7])
@pytest.mark.parametrize("m", [1, 3, 5])
def test_matrices_of_all_widths(kind, n, m):
    A = RNG.normal(size=(m, n))

    def f(x):
        return np.sin(A @ x) * np.sum(x)

    x = RNG.normal(size=n)
    close(kind(f, compile="never")(x), jacobian(f, x))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shape", [(), (1,), (2, 3), (0,), (2, 0)])
def test_shapes_are_out_plus_in(kind, shape):
    x = RNG.normal(size=shape)
    for f in (lambda x: x * x, lambda x: np.sum(x * x), lambda x: np.array([x, 2 * x])):
        found = kind(f, compile="never")(x)
        assert found.shape == np.shape(f(x)) + shape
        if x.size:
            close(found, jacobian(f, x))


@pytest.mark.parametrize("kind", KINDS)
def test_nested_containers_give_nested_containers(kind):
    def f(p, s):
        return [np.sin(p["a"]) * p["b"] * s, {"t": np.sum(p["a"]) + p["b"]}]

    p, s = {"a": RNG.normal(size=4), "b": 0.7}, 2.0
    J = kind(f, argnums=(0, 1))(p, s)
    assert type(J) is list and type(J[0]) is tuple and set(J[0][0]) == {"a", "b"}
    close(J[0][0]["a"], np.diag(np.cos(p["a"])) * p["b"] * s)
    close(J[0][0]["b"], np.sin(p["a"]) * s)
    close(J[0][1], np.sin(p["a"]) * p["b"])
    close(J[1]["t"][0]["a"], np.ones(4))
    close(J[1]["t"][0]["b"], 1.0)
    close(J[1]["t"][1], 0.0)


@pytest.mark.parametrize("kind", KINDS)
def test_aux_float32_and_argnums(kind):
    x = RNG.normal(size=5).astype(np.float32)
    J, aux = kind(lambda y, x: (x * x * y, "aux"), argnums=-1, has_aux=True)(2.0, x)
    assert aux == "aux" and J.dtype == np.float32
    close(J, np.diag(4 * x), 1e-5)


def test_the_tape_does_not_grow_with_the_dimension():
    def f(x):
        return np.cumsum(np.sin(x))

    for kind in KINDS:
        j = kind(f, compile="never")
        assert len(j.tape(np.ones(10))) == len(j.tape(np.ones(50)))


def test_the_cheaper_direction_is_chosen():
    def directions(f, x):
        tape = tj.jacobian(f, compile="never").tape(x)
        maps = [row for row in tape if row.prim.name == "map"]
        return [tape.value(row.args[0]).shape[0] for row in maps]

    A = RNG.normal(size=(9, 5))
    assert directions(lambda x: np.sin(A @ x), np.ones(5)) == [5]
    assert directions(lambda x: np.sin(A.T @ x), np.ones(9)) == [5]


def test_holomorphic_jacobians():
    z = RNG.normal(size=4) + 1j * RNG.normal(size=4)

    def f(z):
        return np.exp(z) * z[0]

    want = np.diag(np.exp(z) * z[0])
    want[:, 0] += np.exp(z)
    for kind in KINDS:
        close(kind(f, holomorphic=True)(z), want, 1e-12)
    # A real function of complex arguments: rows are df/dx + i df/dy.
    close(tj.jacrev(lambda z: np.real(z) ** 2)(z), np.diag(2 * z.real + 0j))
    close(tj.jacobian(lambda z: np.imag(z))(z), 1j * np.eye(4))
    close(tj.jacobian(lambda x: np.exp(1j * x))(0.5), np.array(1j * np.exp(0.5j)))


def scalar(x):
    return np.sum(np.sin(x) * x**2) + x[0] * x[1] * x[-1]


@pytest.mark.parametrize("n", [2, 3, 5])
def test_hessian_and_hvp(n):
    x, v = RNG.normal(size=n), RNG.normal(size=n)
    H = tj.hessian(scalar, compile="never")(x)
    close(H, jacobian(tj.grad(scalar, compile="never"), x), 1e-6)
    close(H, H.T, 1e-12)
    close(tj.hvp(scalar, compile="never")(x, v), H @ v, 1e-12)
    close(tj.jacrev(tj.grad(scalar), compile="never")(x), H, 1e-12)


def test_hessian_and_hvp_of_containers():
    def f(p, s):
        return np.sum(np.sin(p["a"])) * p["b"] ** 2 * s

    p = {"a": np.array([0.1, 0.2]), "b": 1.5}
    H = tj.hessian(f)(p, 2.0)
    close(H["a"]["a"], np.diag(-np.sin(p["a"])) * 4.5, 1e-12)
    close(H["a"]["b"], np.cos(p["a"]) * 6.0, 1e-12)
    close(H["b"]["a"], np.cos(p["a"]) * 6.0, 1e-12)
    v = {"a": np.array([1.0, 0.0]), "b": 1.0}
    found = tj.hvp(f)(p, 2.0, v)
    close(found["a"], H["a"]["a"] @ v["a"] + H["a"]["b"], 1e-12)
    close(found["b"], H["b"]["a"] @ v["a"] + H["b"]["b"], 1e-12)
    both = tj.hessian(f, argnums=(0, 1))(p, 2.0)
    close(both[1][0]["b"], np.sum(np.sin(p["a"])) * 3.0, 1e-12)
    a, b = tj.hvp(f, argnums=(0, 1))(p, 2.0, (None, 1.0))
    close(a["b"], np.sum(np.sin(p["a"])) * 3.0, 1e-12)
    assert b == 0.0


def test_hessian_passes_aux():
    H, aux = tj.hessian(lambda x: (x**3, "aux"), has_aux=True)(2.0)
    assert (H, aux) == (12.0, "aux")
    found, aux = tj.hvp(lambda x: (x**3, "aux"), has_aux=True)(2.0, 0.5)
    assert (found, aux) == (6.0, "aux")


def test_a_function_without_curvature_has_a_hessian_of_zeros():
    H = tj.hessian(lambda x: np.sum(x))(np.ones(3, np.float32))
    assert H.dtype == np.float32
    np.testing.assert_array_equal(H, np.zeros((3, 3)))


def test_elementwise_grad():
    x = RNG.normal(size=(2, 3))
    close(tj.elementwise_grad(np.tanh)(x), 1 - np.tanh(x) ** 2, 1e-12)
    assert tj.elementwise_grad(lambda x: x**3)(2.0) == 12.0
    second = tj.elementwise_grad(tj.elementwise_grad(np.sin))
    close(second(x), -np.sin(x), 1e-12)
    a, b = tj.elementwise_grad(lambda x, y: {"u": x * y, "v": x}, argnums=(0, 1))(x, 2.0)
    close(a, np.full((2, 3), 3.0))
    assert b == pytest.approx(x.sum())
