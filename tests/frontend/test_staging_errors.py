"""Errors of control flow: Python's own at the user's line, ours with the line and the reason."""

from __future__ import annotations

import traceback
from typing import Any

import numpy as np
import pytest
from staging_checks import agrees, notes, staged

import tapejit as tj
from tapejit.core.config import config
from tapejit.core.errors import UnrollError

X = np.linspace(0.2137, 1.3171, 12)


def line_of(fn: Any, offset: int) -> int:
    return fn.__code__.co_firstlineno + offset


# ---------------------------------------------------------------- unbound variables


def after_a_branch(x: Any) -> Any:
    if np.sum(x) > 100.0:
        y = x * 2.0
    return np.sum(y)


def after_a_loop(x: Any) -> Any:
    for v in x:
        if v > 100.0:
            found = v
            break
    return found * 2.0


def after_no_round(x: Any) -> Any:
    for k in range(np.argmin(x)):
        y = x[k]
    return y


@pytest.mark.parametrize("fn", [after_a_branch, after_a_loop, after_no_round])
@pytest.mark.parametrize("policy", ["never", "always"])
def test_a_variable_without_a_value(fn: Any, policy: str) -> None:
    f = tj.grad(fn, compile=policy)
    for _ in range(3):
        with pytest.raises(UnboundLocalError, match="cannot access local variable") as caught:
            f(X)
        last = traceback.extract_tb(caught.value.__traceback__)[-1]
        assert last.filename == __file__ and last.line is not None
        assert last.line.startswith("return") and last.name == fn.__name__


def test_a_variable_that_the_taken_side_gives_a_value() -> None:
    """The side of this call is guarded; the other one raises when its turn comes."""
    f = tj.value_and_grad(after_a_branch, compile="never")
    for _ in range(3):
        agrees(f, after_a_branch, X + 100.0)
    with pytest.raises(UnboundLocalError):
        f(X)
    assert notes(f, X + 100.0) == ["guarded: y has a value on one side only"]


def test_deleted_variables() -> None:
    def fn(x: Any) -> Any:
        t = 0.0
        for v in x:
            w = v * 2
            t = t + w
            del w
        return t + w  # noqa: F821

    with pytest.raises(UnboundLocalError, match="'w'"):
        tj.grad(fn, compile="never")(X)


# ---------------------------------------------------------------- loops


def test_a_dtype_that_changes_each_round() -> None:
    def fn(x: Any) -> Any:
        a = np.ones(2)
        for v in x:
            other = np.complex128 if a.dtype == np.float64 else np.float64
            a = np.real(a * v).astype(other)
        return np.sum(a.real)

    f = staged(fn, X)
    (why,) = notes(f, X)
    assert why.startswith("unrolled: a is ") and " before a round and " in why
    assert {"f64[2]", "c128[2]"} <= set(why.split())
    assert "rounds" not in why and "unrolled: a is " in f.explain(X)


def by_name(x: Any) -> Any:
    for name in ["sin"] * 10_000:
        x = getattr(np, name)(x)
    return np.sum(x)


def by_range(x: Any) -> Any:
    text = ""
    for _ in range(10_000):
        text += "a"
        x = np.sin(x) + 0.1 * len(text)
    return np.sum(x)


def by_while(x: Any) -> Any:
    t, text = x[0], ""
    while t < 100.0:
        text += "a"
        t = np.sin(t)
    return t


@pytest.mark.parametrize(
    ("fn", "why"),
    [
        (by_name, "it does not go through a range, arrays or rolled lists"),
        (by_range, "text changes from 'a' to 'aa'"),
        (by_while, "text changes from 'a' to 'aa'"),
    ],
)
def test_unrolling_too_far_names_the_loop_and_why(
    fn: Any, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(config, "max_unroll", 2000)
    with pytest.raises(UnrollError) as caught:
        tj.grad(fn, compile="never")(X)
    text = str(caught.value)
    line = next(k for k in (1, 2) if source_line(fn, k).startswith(("for", "while")))
    assert "the capture passed 2000 rows" in text and "config.max_unroll" in text
    assert f"the loop at {__file__}:{line_of(fn, line)} in {fn.__name__} was unrolled" in text
    assert text.endswith(f"because {why}")


def source_line(fn: Any, offset: int) -> str:
    import linecache

    return linecache.getline(__file__, line_of(fn, offset)).strip()


def test_a_rolled_loop_has_no_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(config, "max_unroll", 500)

    def fn(x: Any) -> Any:
        t = x[0]
        for _ in range(2_000):
            t = np.sin(t) + x[1]
        return t

    staged(fn, X, became=["rolled"])


# ---------------------------------------------------------------- functions of other kinds


async def asynchronous(x: Any) -> Any:
    return np.sum(x)


async def stream(x: Any) -> Any:
    yield np.sum(x)


def generating(x: Any) -> Any:
    yield np.sum(x)


@pytest.mark.parametrize(
    ("fn", "what"),
    [
        (asynchronous, "asynchronous"),
        (stream, "asynchronous"),
        (generating, "a generator function"),
    ],
)
@pytest.mark.parametrize("transform", [tj.grad, tj.jit, tj.value_and_grad, tj.vmap])
def test_functions_that_do_not_return_their_result(transform: Any, fn: Any, what: str) -> None:
    with pytest.raises(TypeError, match=f"{fn.__name__} is {what}.*test_staging_errors.py:"):
        transform(fn)


TOTAL = 0.0


def accumulates(x: Any) -> Any:
    global TOTAL
    for v in x:
        TOTAL = TOTAL + float(v)
    return TOTAL


def test_a_global_that_a_loop_assigns() -> None:
    """Python runs it at every call: the global holds what a loop of plain numbers would leave."""
    global TOTAL
    f = tj.value_and_grad(accumulates, compile="always")
    TOTAL = 0.0
    with pytest.warns(tj.errors.ReplayWarning, match="it changes global TOTAL"):
        for k in range(1, 5):
            v, g = f(X)
            assert type(TOTAL) is float and np.isclose(TOTAL, k * np.sum(X))
            assert np.isclose(v, TOTAL) and np.all(g == 1.0)
    assert f.stats()["kernels"] == 0


def test_an_error_in_a_round_is_that_of_python() -> None:
    def fn(x: Any) -> Any:
        t = 0.0
        for k, v in enumerate(x):
            if v > 1.0:
                raise ArithmeticError(f"too large at {k}")
            t = t + v
        return t

    f = tj.value_and_grad(fn, compile="never")
    for at in (X * 0.5, X * 0.5, X, X * 0.5, X * 2, X * 2):
        if at.max() < 1.0:
            agrees(f, fn, at)
            continue
        with pytest.raises(ArithmeticError, match=f"too large at {int(np.argmax(at > 1.0))}"):
            f(at)
