"""``tj.no_rewrite``: a function captured as it is, its branches guarded and its loops unrolled."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import pytest

import tapejit as tj

X = np.linspace(0.2137, 1.3171, 12)


def absolute(v: Any) -> Any:
    return v if v > 0 else -v


@tj.no_rewrite
def plain(x: Any) -> Any:
    t = 0.0
    for v in x:
        t = np.sin(t) + absolute(v)
    return t


class Model:
    scale = 2.0

    @tj.no_rewrite
    def method(self, x: Any) -> Any:
        return self.scale * np.sum(x) if x[0] > 0 else -np.sum(x)

    @staticmethod
    @tj.no_rewrite
    def inner(x: Any) -> Any:
        return np.sum(x) if x[0] > 0 else -np.sum(x)

    @tj.no_rewrite
    @staticmethod
    def outer(x: Any) -> Any:
        return np.sum(x) if x[0] > 0 else -np.sum(x)

    @tj.no_rewrite
    @classmethod
    def of_class(cls, x: Any) -> Any:
        return cls.scale * np.sum(x) if x[0] > 0 else -np.sum(x)

    def rewritten(self, x: Any) -> Any:
        return self.scale * np.sum(x) if x[0] > 0 else -np.sum(x)


def test_it_is_the_same_function() -> None:
    def fn(x: Any) -> Any:
        return x if x > 0 else -x

    assert tj.no_rewrite(fn) is fn and fn(-2.0) == 2.0


def test_loops_are_unrolled_and_what_it_calls_is_rewritten() -> None:
    f = tj.value_and_grad(plain, compile="never")
    for at in (X, X, -X, -X):
        assert np.isclose(f(at)[0], plain(at))
    tape = str(f.tape(X))
    assert " for " not in tape and tape.count(" sin ") == 11, "sin(0.0) is a number"
    assert "guard" not in tape and f.stats()["captures"] == 2, "the callee's branch is staged"


@pytest.mark.parametrize("name", ["method", "inner", "outer", "of_class", "rewritten"])
def test_methods(name: str) -> None:
    fn = getattr(Model(), name)
    f = tj.value_and_grad(fn, compile="never")
    for at in (X, X, -X, -X, X):
        v, g = f(at)
        assert np.isclose(v, fn(at)) and np.allclose(g, g[0]) and np.sign(g[0]) == np.sign(at[0])
    assert ("guard" in str(f.tape(X))) == (name != "rewritten")


def test_a_wrapper_that_copies_attributes_is_not_marked() -> None:
    def doubled(fn: Any) -> Any:
        @functools.wraps(fn)
        def wrapper(x: Any) -> Any:
            t = x[0]
            for v in x:
                t = t + v
            return t + fn(x)

        return wrapper

    f = tj.grad(doubled(Model.inner), compile="never")
    f(X)
    assert " for " in str(f.tape(X)) and "guard" in str(f.tape(X))


def test_in_a_rolled_loop_its_branch_unrolls_the_loop() -> None:
    guarded = tj.no_rewrite(lambda v: v if v > 0.5 else v * v)

    def fn(x: Any) -> Any:
        t = 0.0
        for v in x:
            t = t + guarded(v)
        return t

    f = tj.value_and_grad(fn, compile="never")
    for at in (X, X, X * 2, X * 2):
        assert np.isclose(f(at)[0], fn(at))
    assert " for " not in str(f.tape(X)) and str(f.tape(X)).count("guard") == 12


@pytest.mark.parametrize("what", [3, np.sin, Model, functools.partial(plain, X)])
def test_it_takes_functions(what: Any) -> None:
    with pytest.raises(TypeError, match=r"no_rewrite takes a Python function.*test_no_rewrite"):
        tj.no_rewrite(what)
