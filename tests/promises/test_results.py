"""A result is what NumPy gives: values, dtypes, shapes, kinds of scalar, errors, accuracy."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np
import pytest

import tapejit as tj

POLICIES = ["never", "always"]
F32 = np.array([0.5, 1.5, 2.5], dtype=np.float32)
F64 = F32.astype(np.float64)


def many(x: Any, s: Any) -> Any:
    """Many results of one call, so that one compilation checks them all."""
    return {
        "array": x * 2,
        "weak": x * s + 1,
        "scalar": np.sum(x),
        "item": x[1] * 1.5,
        "weak scalar": s * 2,
        "mean": np.mean(x),
        "compare": x > 1,
        "count": np.sum(x > 1),
        "argmax": np.argmax(x),
        "int": (x * 3).astype(np.int64) // 2,
        "complex": x + 1j,
        "divide": np.arange(3) / 2 + x,
        "mixed": x + np.float64(1.0),
        "wide": x + np.ones(3),
        "keepdims": np.sum(x, keepdims=True),
        "empty": x[3:] * 2,
        "none": None,
        "text": ("a", 3, True, 2.5),
        "list": [x[None] + x[:, None], (np.float32(3.0), x)],
    }


def assert_same(found: Any, expected: Any, at: str = "") -> None:
    assert type(found) is type(expected), at
    if isinstance(expected, dict):
        assert list(found) == list(expected)
        for k, v in expected.items():
            assert_same(found[k], v, f"{at}.{k}")
    elif isinstance(expected, (list, tuple)):
        assert len(found) == len(expected)
        for k, v in enumerate(expected):
            assert_same(found[k], v, f"{at}[{k}]")
    elif isinstance(expected, (np.ndarray, np.generic)):
        assert found.dtype == expected.dtype and found.shape == expected.shape, at
        np.testing.assert_allclose(found, expected, rtol=1e-6, err_msg=at)
    else:
        assert found == expected, at


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("x", [F32, F64, np.array([1, 2, 3]), F64 + 0j], ids=lambda x: x.dtype.name)
def test_types_of_results(x: Any, policy: str) -> None:
    def fn(x: Any, s: Any) -> Any:
        found = many(x, s)
        if x.dtype.kind == "c":
            for name in ("int", "compare", "count"):
                del found[name]
        return found

    f = tj.jit(fn, compile=policy)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", np.exceptions.ComplexWarning)
        expected = fn(x, 2.0)
    for _ in range(3):
        assert_same(f(x, 2.0), expected)


@pytest.mark.parametrize("policy", POLICIES)
def test_gradients_keep_dtype_and_kind(policy: str) -> None:
    f = tj.grad(lambda x, s, t: np.sum(np.tanh(x) * s) * t, argnums=(0, 1, 2), compile=policy)
    for _ in range(3):
        gx, gs, gt = f(F32, 2.0, np.float32(3.0))
        assert gx.dtype == np.float32 and gx.shape == (3,)
        assert isinstance(gs, (float, np.floating)) and np.shape(gs) == ()
        assert gt.dtype == np.float32 and np.shape(gt) == ()


def test_scalars_and_zero_dimensional_arrays() -> None:
    f = tj.jit(lambda x: x * 2 + 1, compile="never")
    for x in (
        1.5,
        np.float32(1.5),
        np.float64(1.5),
        np.array(1.5),
        np.array(1.5, np.float32),
        1.5 + 0j,
    ):
        expected = x * 2 + 1
        for _ in range(3):
            assert_same(f(x), expected)


ERRORS: dict[str, tuple[Any, type[Exception]]] = {
    "broadcast": (lambda x: x + np.ones(4), ValueError),
    "matmul": (lambda x: x @ np.ones((4, 2)), ValueError),
    "index": (lambda x: x[7], IndexError),
    "too many": (lambda x: x[0, 0, 0], IndexError),
    "reshape": (lambda x: x.reshape(2, 2), ValueError),
    "axis": (lambda x: np.sum(x, axis=3), np.exceptions.AxisError),
    "concatenate": (lambda x: np.concatenate([x, np.ones((2, 2))]), ValueError),
    "truth": (lambda x: 1 if x > 0 else 2, ValueError),
    "empty max": (lambda x: np.max(x[:0]), ValueError),
    "stack": (lambda x: np.stack([x, x[:2]]), ValueError),
    "len": (lambda x: len(x[0]), TypeError),
    "iter": (lambda x: list(x[0]), TypeError),
    "cast": (lambda x: np.add(x, 1, out=np.zeros_like(x, dtype=int)), TypeError),
}


@pytest.mark.parametrize("name", list(ERRORS))
def test_errors_are_of_numpys_classes(name: str) -> None:
    fn, kind = ERRORS[name]
    with pytest.raises(kind):
        fn(F64)
    f = tj.jit(fn, compile="never")
    for _ in range(2):
        with pytest.raises(kind):
            f(F64)
    assert f.stats()["captures"] == 2


# ---------------------------------------------------------------- accuracy


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_compiled_reductions_are_as_accurate_as_pairwise(dtype: Any) -> None:
    rng = np.random.default_rng(0)
    n = 1_000_000
    x = (rng.uniform(0.1, 1.0, n)).astype(dtype)

    def fn(x: Any) -> Any:
        square = x.reshape(1000, 1000)
        return np.sum(x), np.mean(x), np.dot(x, x), np.sum(square, axis=1), np.sum(square, axis=0)

    f = tj.jit(fn, compile="always")
    total, mean, dot, rows, columns = f(x)
    eps = np.finfo(dtype).eps
    exact = math.fsum(x.tolist())
    square = x.astype(np.float64).reshape(1000, 1000)
    bound = 4 * eps * math.log2(n)  # pairwise: eps log2(n) at worst
    assert abs(total - exact) <= bound * exact
    assert abs(mean - exact / n) <= bound * exact / n
    assert abs(dot - math.fsum((x.astype(np.float64) ** 2).tolist())) <= bound * float(dot)
    np.testing.assert_allclose(rows, square.sum(1), rtol=float(4 * eps * 10))
    # down the columns NumPy adds row after row: 1000 terms
    np.testing.assert_allclose(columns, square.sum(0), rtol=float(eps * 100))
    assert abs(float(total) - exact) <= max(4 * abs(float(np.sum(x)) - exact), 64 * eps * exact)


def test_compiled_reductions_with_cancellation() -> None:
    x = np.concatenate([np.full(500_000, 0.1), np.full(500_000, -0.1), [1e-9]])
    f = tj.jit(np.sum, compile="always")
    assert abs(f(x) - math.fsum(x.tolist())) <= 1e6 * 0.1 * 2**-52 * 20 * 2


def test_compiled_elementwise_within_two_ulp() -> None:
    names = [
        "exp", "expm1", "tanh", "sin", "cos", "arctan", "cbrt", "square", "sqrt", "log", "log1p",
        "log2", "log10", "exp2", "sinh", "cosh", "arcsinh", "reciprocal", "rint", "floor",
    ]  # fmt: skip
    x = np.concatenate([np.linspace(1e-3, 20.0, 4001), np.logspace(-300, 2, 500)])
    f = tj.jit(lambda x: tuple(getattr(np, name)(x) for name in names), compile="always")
    for name, found in zip(names, f(x)):
        expected = getattr(np, name)(x)
        off = np.abs(found - expected) / np.spacing(np.abs(expected))
        assert np.nanmax(off) <= 2, (name, x[np.nanargmax(off)], np.nanmax(off))


@pytest.mark.parametrize("policy", POLICIES)
def test_numpy_warnings_are_not_raised_by_replay(policy: str) -> None:
    f = tj.jit(lambda x: (np.log(x), 1 / x, np.sqrt(-x)), compile=policy)
    x = np.array([0.0, 1.0])
    for _ in range(3):
        found = f(x)
    assert np.isneginf(found[0][0]) and np.isposinf(found[1][0]) and np.isnan(found[2][1])


NUMBERS = {"f4": 0.1, "u1": -1, "i1": 300, "f8": 2**60 + 1}


@pytest.mark.parametrize("dtype", NUMBERS)
def test_a_number_on_one_side_of_a_branch_stays_itself(dtype):
    """It yields to the dtype of the other side only where it is the same number there."""
    number = NUMBERS[dtype]

    def written(x, y, s, other):
        v = x[0] if s > 0 else number
        return y * v, v

    def given(x, y, s, other):
        if s > 0:
            v = x[0]
        else:
            v = other
        return y * v, v

    def rounds(x, y, s, other):
        v, out = x[0], np.zeros(len(y))
        for i in range(len(y)):
            out[i] = y[i] * v
            v = number
        return out, v

    x, y = np.array([3, 4], dtype), np.arange(1.0, 13.0)
    for f in (written, given, rounds):
        for policy in POLICIES:
            g = tj.jit(f, compile=policy)
            for s in (1.0, -1.0, -1.0, 1.0):
                found, wanted = g(x, y, s, number), f(x, y, s, number)
                np.testing.assert_array_equal(found[0], wanted[0], err_msg=f"{f.__name__} {s}")
                assert found[0].dtype == wanted[0].dtype and found[1] == wanted[1]


def test_dtypes_that_are_equal_but_not_the_same():
    """C's ``long long`` is a second int64: a kernel for one serves the other."""

    def f(x):
        return x[::-1] * 2 + x[0], np.sum(x) // 3

    double = {policy: tj.jit(lambda s: s * 2, compile=policy) for policy in POLICIES}
    for kinds in ((np.longlong, np.int64), (np.ulonglong, np.uint64), (np.int64, np.longlong)):
        for policy in POLICIES:
            g = tj.jit(f, compile=policy)
            for dtype in (*kinds, *kinds):
                x = np.arange(7, 13).astype(dtype)
                for found, wanted in zip(g(x), f(x)):
                    np.testing.assert_array_equal(found, wanted)
                    assert found.dtype == wanted.dtype
                assert [scalar(x[0]) for scalar in [double[policy]] * 3] == [14] * 3


def test_squares_of_bools():
    def f(b):
        return b**2, b**3, np.power(b, 2), b[0] ** 2, b ** np.int64(2), b**2.0

    b = np.array([True, False, True])
    for found, wanted in zip(tj.jit(f, compile="never")(b), f(b), strict=True):
        np.testing.assert_array_equal(found, wanted)
        assert found.dtype == wanted.dtype
