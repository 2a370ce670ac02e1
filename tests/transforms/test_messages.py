"""What transformations refuse: each message names the function and the user's line."""

from __future__ import annotations

import numpy as np
import pytest

import tapejit as tj

X = np.array([1.0, 2.0, 3.0])


def square(x):
    return x * x


def total(x):
    return np.sum(x * x)


def refused(kind, match, call):
    with pytest.raises(kind, match=match) as caught:
        call()
    assert isinstance(caught.value, tj.errors.TapejitError)
    assert "test_messages.py:" in str(caught.value)


ALL = [
    tj.grad, tj.value_and_grad, tj.jacobian, tj.jacfwd, tj.jacrev, tj.hessian, tj.elementwise_grad,
]  # fmt: skip


@pytest.mark.parametrize("transform", ALL)
def test_arguments_that_cannot_be_differentiated(transform):
    f = transform(total)
    for bad, shown in [
        (3, "int"),
        (True, "bool"),
        ("s", "str"),
        (np.arange(3), "int64"),
        (len, "callable"),
    ]:
        refused(TypeError, f"argument 0 of total.*{shown}", lambda bad=bad: f(bad))
    refused(TypeError, "argument 0 of total", lambda: f({"a": X, "b": [1]}))
    refused(TypeError, "names argument 1.*total", lambda: transform(total, argnums=1)(X))
    refused(TypeError, "names argument -2.*total", lambda: transform(total, argnums=-2)(X))
    refused(TypeError, "argument 0 twice", lambda: transform(np.dot, argnums=(0, -2))(X, X))
    refused(TypeError, "argnums must be", lambda: transform(total, argnums="x"))
    refused(TypeError, "takes a function", lambda: transform(3))
    refused(TypeError, r"must return .value, aux.", lambda: transform(total, has_aux=True)(X))
    with pytest.raises(ValueError, match='compile must be "auto"'):
        transform(total, compile="later")


@pytest.mark.parametrize("transform", [tj.grad, tj.value_and_grad, tj.hessian])
def test_results_that_have_no_gradient(transform):
    refused(TypeError, r"square.*scalar, got shape \(3,\)", lambda: transform(square)(X))
    refused(TypeError, "got tuple", lambda: transform(lambda x: (x, x))(1.0))
    refused(TypeError, "got str", lambda: transform(lambda x: "s")(1.0))
    refused(TypeError, "complex", lambda: transform(lambda x: x * 1j)(1.0))
    refused(TypeError, "int64", lambda: transform(lambda x: np.argmax(x))(X))


def test_results_that_have_no_jacobian():
    for transform in (tj.jacobian, tj.jacfwd, tj.jacrev, tj.elementwise_grad):
        refused(TypeError, "returned no array", lambda t=transform: t(lambda x: None)(X))
        refused(TypeError, "returned str", lambda t=transform: t(lambda x: (x, "s"))(X))
        refused(TypeError, "returned bool", lambda t=transform: t(lambda x: x > 0)(X))
    z = X + 1j
    refused(TypeError, "complex.*holomorphic", lambda: tj.jacfwd(square)(z))
    refused(TypeError, "complex.*holomorphic", lambda: tj.jacobian(square)(z))
    refused(TypeError, "complex.*holomorphic", lambda: tj.jacrev(lambda x: x * 1j)(X))
    refused(TypeError, "needs complex", lambda: tj.jacobian(square, holomorphic=True)(X))
    refused(TypeError, "complex64|complex128", lambda: tj.elementwise_grad(square)(z))


def test_jvp():
    refused(TypeError, "primals must be a tuple", lambda: tj.jvp(square, X, (X,)))
    refused(TypeError, "tangents must be a tuple", lambda: tj.jvp(square, (X,), X))
    refused(TypeError, "1 primals but 2 tangents for square", lambda: tj.jvp(square, (X,), (X, X)))
    what = "tangent of argument 0 of square"
    refused(ValueError, rf"{what}.*\(3,\), got \(2,\)", lambda: tj.jvp(square, (X,), (X[:2],)))
    refused(ValueError, rf"{what}.*\(3,\), got \(\)", lambda: tj.jvp(square, (X,), (1.0,)))
    refused(TypeError, f"{what}.*float64, got c128", lambda: tj.jvp(square, (X,), (X * 1j,)))
    x32 = X.astype(np.float32)
    refused(TypeError, f"{what}.*float32, got f64", lambda: tj.jvp(square, (x32,), (X,)))
    refused(TypeError, f"{what}.*number", lambda: tj.jvp(square, (X,), ("s",)))
    refused(TypeError, "structure", lambda: tj.jvp(total, ({"a": X},), ({"b": X},)))
    refused(TypeError, "argument 0 of square", lambda: tj.jvp(square, (3,), (1.0,)))
    refused(TypeError, "jvp takes a function", lambda: tj.jvp(3, (X,), (X,)))
    with pytest.raises(ValueError, match='compile must be "auto"'):
        tj.jvp(square, (X,), (X,), compile="later")


def test_vjp_and_linearize():
    refused(TypeError, "argument 1 of add", lambda: tj.vjp(np.add, X, 3))
    refused(TypeError, "argument 0 of square", lambda: tj.linearize(square, "s"))
    refused(TypeError, "vjp takes a function", lambda: tj.vjp(X))
    _, pullback = tj.vjp(lambda x: {"a": x, "b": np.sum(x)}, X)
    what = "argument of the pullback of"
    refused(TypeError, f"{what}.*structure", lambda: pullback(X))
    refused(TypeError, f"{what}.*structure", lambda: pullback({"a": X}))
    refused(TypeError, f"{what}.*number is due", lambda: pullback({"a": [X], "b": 1.0}))
    refused(ValueError, rf"leaf 0 of the {what}.*\(3,\)", lambda: pullback({"a": 1.0, "b": 1.0}))
    refused(ValueError, rf"leaf 1 of the {what}", lambda: pullback({"a": X, "b": X}))
    refused(TypeError, f"{what}.*float64", lambda: pullback({"a": X * 1j, "b": 1.0}))
    refused(TypeError, "takes one argument, got 2", lambda: pullback(X, X))
    _, pushforward = tj.linearize(np.add, X, X)
    refused(TypeError, "takes 2 arguments, got 1", lambda: pushforward(X))
    refused(ValueError, "argument of the pushforward of add", lambda: pushforward(X, 1.0))


def test_hvp():
    refused(TypeError, "hvp of total takes the arguments and then", lambda: tj.hvp(total)(X))
    refused(ValueError, "vector for argument 0 of total", lambda: tj.hvp(total)(X, X[:2]))
    refused(TypeError, "tuple of 1", lambda: tj.hvp(total, argnums=(0,))(X, X))
    refused(TypeError, "scalar, got shape", lambda: tj.hvp(square)(X, X))


def test_arguments_are_never_written():
    def write(x):
        x[0] = 1.0
        return np.sum(x)

    for call in (
        lambda: tj.grad(write)(X),
        lambda: tj.vjp(write, X),
        lambda: tj.jvp(write, (X,), (X,)),
        lambda: tj.jit(write)(X),
        lambda: tj.hessian(write)(X),
    ):
        refused(ValueError, "never modified", call)
    np.testing.assert_array_equal(X, [1.0, 2.0, 3.0])
