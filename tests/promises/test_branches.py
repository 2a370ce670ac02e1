"""Python control flow on values is never frozen: a flip is seen, compiled or not."""

from __future__ import annotations

import cmath
import math
import types
import warnings
from typing import Any

import numpy as np
import pytest

import tapejit as tj
from tapejit.core.config import config
from tapejit.core.errors import CaptureError, ReplayWarning

POLICIES = ["never", "always"]


def guarded(fn: Any) -> Any:
    """A twin of a function whose branches are guarded, since it is not rewritten."""
    twin = types.FunctionType(fn.__code__, fn.__globals__, fn.__name__, fn.__defaults__)
    return tj.no_rewrite(twin)


X = np.array([1.1, -2.3, 3.2])


def piecewise(x: Any) -> Any:
    s = np.sum(x)
    if s > 0:
        return s * s
    return np.sum(np.sin(x))


def loop(x: Any) -> Any:
    s = np.sum(np.abs(x))
    while s > 1.0:
        s = s / 2
    return s


def chained(x: Any) -> Any:
    a, b = x[0], x[1]
    if (-1 < a < 1 and b != 0) or not (a >= b):
        return a * b
    return (a if a > b else b) ** 2 + (1.0 if a == b else 2.0) * b


def indexed(x: Any) -> Any:
    k = int(x[0])
    table = [1.0, 10.0, 100.0]
    i = np.argmax(x)
    return np.sum(x) * table[k % 3] + table[i] + x[i] * sum(range(int(abs(x[1]))))


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("how", [lambda fn: fn, guarded], ids=["staged", "guarded"])
@pytest.mark.parametrize("fn", [piecewise, loop, chained, indexed])
def test_a_flip_is_seen(fn: Any, how: Any, policy: str) -> None:
    f = tj.value_and_grad(how(fn), compile=policy)
    inputs = [X, np.array([0.5, 0.6, -0.25]), -X, X * 0.1]
    if policy == "never":
        rng = np.random.default_rng(0)
        inputs += [rng.normal(size=3) * 2 for _ in range(30)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ReplayWarning)
        for x in inputs * 2:
            v, g = f(x)
            assert np.isclose(v, fn(x), rtol=1e-12)
            h = 1e-7
            numeric = [(fn(x + h * e) - fn(x - h * e)) / (2 * h) for e in np.eye(3)]
            np.testing.assert_allclose(g, numeric, rtol=1e-5, atol=1e-6)


def test_compiled_variants_are_kept() -> None:
    f = tj.value_and_grad(guarded(piecewise), compile="always")
    for x in (X, -X) * 5:
        assert np.isclose(f(x)[0], piecewise(x))
    assert f.stats()["kernels"] == 2 and f.stats()["captures"] == 4


def test_a_staged_branch_is_one_program_for_both_outcomes() -> None:
    f = tj.value_and_grad(piecewise, compile="always")
    for x in (X, -X) * 5:
        assert np.isclose(f(x)[0], piecewise(x))
    stats = f.stats()
    assert (stats["kernels"], stats["captures"], stats["guard_misses"]) == (1, 2, 0)
    assert "guard" not in str(f.tape(X)) and "cond" in str(f.tape(X))


def raising(x: Any) -> Any:
    s = np.sum(x)
    if s < 0:
        raise ArithmeticError(f"no root of {float(s):.1f}")
    return np.sqrt(s)


def shaped(x: Any) -> Any:
    y = x if x[0] > 0 else x[:2]
    return np.sum(y**2)


def nothing(x: Any) -> Any:
    found = None
    if x[0] > 0:
        found = np.sum(x)
    return np.sum(x**3) if found is None else found


def from_text() -> Any:
    space: dict[str, Any] = {"np": np, "__name__": __name__}
    exec("def f(x):\n    return np.sum(x) if x[0] > 0 else np.sum(x * x)\n", space)
    return space["f"]


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("fn", [shaped, nothing, from_text()], ids=["shapes", "none", "no source"])
def test_what_is_not_staged_is_guarded(fn: Any, policy: str) -> None:
    f = tj.value_and_grad(fn, compile=policy)
    for x in (X, -X) * 4:
        v, g = f(x)
        assert np.isclose(v, fn(x), rtol=1e-12)
        numeric = [(fn(x + 1e-6 * e) - fn(x - 1e-6 * e)) / 2e-6 for e in np.eye(3)]
        np.testing.assert_allclose(g, numeric, rtol=1e-6, atol=1e-8)
    assert "guard" in str(f.tape(X)) and f.stats()["captures"] == 4


@pytest.mark.parametrize("policy", POLICIES)
def test_a_side_that_raises_is_guarded(policy: str) -> None:
    f = tj.value_and_grad(raising, compile=policy)
    for _ in range(4):
        assert np.isclose(f(X)[0], raising(X))
        with pytest.raises(ArithmeticError, match=r"no root of -2\.0"):
            f(-X)
    assert "guard" in str(f.tape(X))


def test_variants_are_bounded_with_one_warning_that_names_the_line() -> None:
    f = tj.value_and_grad(guarded(loop), compile="never")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for k in list(range(1, 40)) * 2:
            x = np.array([1.5**k, 0.0, 0.0])
            assert np.isclose(f(x)[0], loop(x), rtol=1e-12)
    (warning,) = caught
    assert issubclass(warning.category, ReplayWarning)
    text = str(warning.message)
    assert f"{config.max_variants} different paths" in text and "test_branches.py:" in text
    assert " in loop" in text and warning.filename == __file__
    (entry,) = f._dispatcher.table.values()
    assert len(entry.variants) <= config.max_variants


@pytest.mark.parametrize("policy", POLICIES)
def test_nan_and_infinity_in_branches(policy: str) -> None:
    f = tj.value_and_grad(piecewise, compile=policy)
    for x in (X, X * np.nan, X, -X, np.full(3, np.inf), X * np.nan):
        v = f(x)[0]
        np.testing.assert_equal(v, piecewise(x))


@pytest.mark.parametrize(
    ("fn", "name"),
    [
        (tj.no_rewrite(lambda x: float(x[0])), r"float\(\)"),
        (tj.no_rewrite(lambda x: math.sqrt(x[0])), r"float\(\)"),
        (tj.no_rewrite(lambda x: math.exp(np.sum(x))), r"float\(\)"),
        (tj.no_rewrite(lambda x: complex(x[0])), r"complex\(\)"),
        (lambda x: cmath.exp(x[0]).real, r"complex\(\)"),
        (lambda x: sorted(map(float, x))[0], r"float\(\)"),
        (lambda x: np.sum(np.frompyfunc(lambda v: v, 1, 1)(x)), "rule"),
        (lambda x: np.sum(np.array([x[0], 1.0], dtype=object)), "object|plain"),
    ],
)
def test_leaving_numpy_is_an_error_with_the_line(fn: Any, name: str) -> None:
    with pytest.raises((CaptureError, NotImplementedError, TypeError), match=name) as caught:
        tj.grad(fn, compile="never")(np.abs(X))
    assert "test_branches.py:" in str(caught.value)


@pytest.mark.parametrize(
    "fn",
    [
        lambda x: float(x[0]) * 2,
        lambda x: math.sqrt(x[0]) + math.atan2(x[1], x[2]),
        lambda x: math.exp(np.sum(x)) * math.hypot(*x),
        lambda x: abs(complex(x[0], x[1])),
        lambda x: (
            float(x[0]) ** 2 if math.isclose(x[1], 2.3, rel_tol=0.1) else math.pi * float(x[1])
        ),
        lambda x: math.floor(x[0] * 7.3) * float(x[1]) + math.log(x[2], 3),
    ],
)
def test_float_and_math_of_traced_values(fn: Any) -> None:
    x = np.abs(X)
    v, g = tj.value_and_grad(fn, compile="never")(x)
    assert type(v) is type(fn(x)) is float and np.isclose(v, fn(x), rtol=1e-14)
    numeric = [(fn(x + 1e-6 * e) - fn(x - 1e-6 * e)) / 2e-6 for e in np.eye(3)]
    np.testing.assert_allclose(g, numeric, rtol=1e-6, atol=1e-8)


def test_integers_as_sizes_and_indices() -> None:
    def fn(x: Any, n: Any) -> Any:
        return np.sum(x[: int(n)]) + np.sum(np.zeros(int(n)) + x[0]) + [1.0, 2.0, 3.0][n - 1]

    f = tj.value_and_grad(fn, compile="never")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ReplayWarning)
        for n in (np.int64(1), np.int64(2), np.int64(3), np.array(2)) * 3:
            assert np.isclose(f(X, n)[0], fn(X, n))


def test_truth_of_constants_does_not_guard() -> None:
    w = np.ones(3)

    def fn(x: Any) -> Any:
        return np.sum(x * 2) if w.shape[0] == 3 and len(x) == 3 and x.ndim else np.sum(x)

    f = tj.grad(fn, compile="never")
    f(X)
    tape = str(f.tape(X))
    assert "guard" not in tape


def test_membership_any_all_min_max() -> None:
    def fn(x: Any) -> Any:
        t = max(x[0], x[1]) + min(x) + abs(x[2])
        if np.any(x > 2) or 0.5 in x:
            t = t * 3
        if all(v > 0 for v in x):
            t = t + sum(x)
        return t

    f = tj.value_and_grad(fn, compile="never")
    for x in (X, np.abs(X), np.array([0.5, 0.1, 0.2]), -X) * 3:
        assert np.isclose(f(x)[0], fn(x))
