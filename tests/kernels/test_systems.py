"""Native linear algebra is NumPy's: results to rounding times condition, and the same errors."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pytest

import tapejit as tj
from tapejit.codegen.kernel import has_code
from tapejit.core.avals import Aval
from tapejit.rules.linalg.determinant import _cofactor_numpy
from tapejit.rules.linalg.inverse import _triangular_numpy
from tapejit.runtime.compile import compile_staged
from tapejit.tape.ir import Builder, Sym
from tapejit.tape.primitive import BY_NAME

la = np.linalg
SIZES = (1, 2, 3, 4, 5, 6, 7, 8, 20)
CUT = (1, 4)
"""The sizes of matrices that are cut into triangles."""
KINDS = ["float64", "float32"]


def compiled(dtype: str, shapes: list[tuple[int, ...]], rows: Callable[..., list[Sym]]) -> Any:
    """One kernel, without host steps, of the rows that `rows` makes of inputs."""
    b = Builder()
    outs = rows(*[b.input(Aval(np.dtype(dtype), s)) for s in shapes])
    tape = b.finish(outs)
    assert all(has_code(tape, i) for i in range(len(shapes), tape.rows))
    return compile_staged(tape, "test")


@cache
def everything(dtype: str) -> Any:
    """A kernel of all functions for matrices of all sizes."""

    def rows(*xs: Sym) -> list[Sym]:
        found: list[Sym] = []
        for a, spd, b in zip(xs[::3], xs[1::3], xs[2::3]):
            found += [
                BY_NAME["inv"](a, check=True), BY_NAME["solve"](a, b), BY_NAME["det"](a),
                *a.b.outs(BY_NAME["slogdet"](a)), BY_NAME["cofactor"](a), BY_NAME["cholesky"](spd),
                BY_NAME["solve_triangular"](spd, b, lower=True, unit=False),
                BY_NAME["solve_triangular"](spd, b, lower=False, unit=True),
            ]  # fmt: skip
            if a.shape[0] in CUT:
                found += [
                    BY_NAME["triangle"](a, lower=True, k=1), BY_NAME["mirror"](a, lower=False),
                    BY_NAME["triangle"](a, lower=False, k=0), BY_NAME["fold"](a, lower=True),
                ]  # fmt: skip
        return found

    return compiled(dtype, [s for n in SIZES for s in ((n, n), (n, n), (n, 3))], rows)


def expected(a: Any, spd: Any, b: Any) -> list[Any]:
    triangular = _triangular_numpy
    return [
        la.inv(a), la.solve(a, b), la.det(a), *la.slogdet(a), _cofactor_numpy(a), la.cholesky(spd),
        triangular(spd, b, lower=True, unit=False), triangular(spd, b, lower=False, unit=True),
        np.tril(a, -1), np.triu(a, 1) + np.triu(a).T, np.triu(a),
        np.tril(a + a.T, -1) + np.diag(np.diag(a)),
    ][: 13 if a.shape[0] in CUT else 9]  # fmt: skip


def random(rng: np.random.Generator, n: int) -> Any:
    return rng.normal(size=(n, n))


def permuted(rng: np.random.Generator, n: int) -> Any:
    """Every pivot lies in another row, and the rows differ in size by many orders."""
    large = np.diag(rng.normal(size=n) + 3.0)[rng.permutation(n)]
    return (large + 0.05 * rng.normal(size=(n, n))) * 4.0 ** -np.arange(n)[:, None]


def nearly_singular(rng: np.random.Generator, n: int) -> Any:
    u, v = la.qr(rng.normal(size=(n, n)))[0], la.qr(rng.normal(size=(n, n)))[0]
    return u * np.logspace(0, -3, n) @ v


@pytest.mark.parametrize("make", [random, permuted, nearly_singular])
@pytest.mark.parametrize("dtype", KINDS)
def test_results_are_numpys(dtype: str, make: Any) -> None:
    rng = np.random.default_rng(5)
    inputs: list[Any] = []
    for n in SIZES:
        x = rng.normal(size=(n, n))
        # The triangular solutions see the upper triangle of `spd`, cholesky must not.
        spd = np.tril(x @ x.T / n + np.eye(n)) + np.triu(0.3 * rng.normal(size=(n, n)) / n, 1)
        inputs += [each.astype(dtype) for each in (make(rng, n), spd, rng.normal(size=(n, 3)))]
    found = iter(everything(dtype)(inputs))
    eps = np.finfo(dtype).eps
    for n, a, spd, b in zip(SIZES, inputs[::3], inputs[1::3], inputs[2::3]):
        s = la.svd(a.astype(float), compute_uv=False)
        hard = s[0] / s[-1]
        # An error of size eps * s[0] in A changes its cofactors by products of n - 2 values times that.
        change = s[0] * np.prod(s[: n - 2]) / np.prod(s[: n - 1]) if n > 1 else 1.0
        scales = [hard, hard, hard, 0.0, hard, change, 10.0, 10.0, 10.0, 0.0, 0.0, 0.0, 0.0]
        for k, (want, scale) in enumerate(zip(expected(a, spd, b), scales)):
            have, want = np.asarray(next(found)), np.asarray(want)
            assert have.shape == want.shape and (not have.shape or have.dtype == dtype)
            largest = max(np.max(np.abs(want)), 1.0 if k == 4 else 0.0)
            error = np.max(np.abs(have.astype(float) - want))
            assert error <= 8 * n * eps * scale * largest, (k, n, error / eps / largest)
    assert next(found, None) is None


def test_two_rows_in_either_order() -> None:
    def rows(a: Sym, b: Sym) -> list[Sym]:
        return [
            BY_NAME["inv"](a, check=True), BY_NAME["inv"](a, check=False), BY_NAME["solve"](a, b),
            BY_NAME["cofactor"](a), BY_NAME["det"](a), *a.b.outs(BY_NAME["slogdet"](a)),
        ]  # fmt: skip

    f = compiled("float64", [(2, 2), (2, 3)], rows)
    b = np.array([[1.0, -2.0, 3.0], [0.5, 4.0, 7.0]])
    for top, low in (
        ([1.0, 2.0], [3.0, 5.0]),
        ([0.0, 1.0], [1.0, 0.0]),
        ([2.0, -3.0], [-2.0, -1.0]),
    ):
        for a in (np.array([top, low]), np.array([low, top])):
            inverse, det = la.inv(a), la.det(a)
            wants = [inverse, inverse, la.solve(a, b), det * inverse.T, det, *la.slogdet(a)]
            for have, want in zip(f([a, b]), wants, strict=True):
                np.testing.assert_allclose(have, want, rtol=1e-14, atol=1e-15)


def test_numbers_of_single_precision_are_rounded_to_it() -> None:
    def rows(a: Sym, known: Sym) -> list[Sym]:
        numbers = [BY_NAME["det"](a), a.b.outs(BY_NAME["slogdet"](a))[1]]
        return [BY_NAME["reshape"](y, shape=(1,)) - known for y in numbers]

    f = compiled("float32", [(3, 3), (1,)], rows)
    d = np.array([1 + 2.0**-12, 1 + 2.0**-13, 3.0], "f4")
    # Neither the product nor the sum of logarithms, taken in double precision, is a float32.
    exact = [np.prod(d.astype(float)), np.sum(np.log(d).astype(float))]
    for k, x in enumerate(exact):
        assert x != np.float32(x)
        assert f([np.diag(d), np.full(1, x, "f4")])[k][0] == 0.0


# ---------------------------------------------------------------- singular and indefinite


def one(name: str, n: int, **params: Any) -> Any:
    """A kernel of one function of one matrix."""
    more = [(n, 1)] if name.startswith("solve") else []
    return compiled("float64", [(n, n), *more], lambda *xs: [BY_NAME[name](*xs, **params)])


def with_equal_rows(n: int) -> Any:
    """Singular without rounding: all elements are powers of two, two rows are multiples."""
    a = np.eye(n) * 2.0
    a[:, 0] = 1.0
    a[n - 1] = 2 * a[0]
    return a if n > 1 else np.zeros((1, 1))


@pytest.mark.parametrize("n", [1, 2, 3, 7])
def test_singular_matrices_raise_as_numpy_does(n: int) -> None:
    inv, solve = one("inv", n, check=True), one("solve", n)
    loose = one("inv", n, check=False)
    both = compiled(
        "float64", [(n, n)], lambda x: [BY_NAME["det"](x), *x.b.outs(BY_NAME["slogdet"](x))]
    )
    for a in (with_equal_rows(n), np.zeros((n, n)), with_equal_rows(n)[::-1].copy()):
        with pytest.raises(la.LinAlgError, match="Singular matrix"):
            la.inv(a)
        with pytest.raises(la.LinAlgError, match="Singular matrix"):
            inv([a])
        with pytest.raises(la.LinAlgError, match="Singular matrix"):
            solve([a, np.ones((n, 1))])
        assert np.all(loose([a])[0] == np.inf)
        assert both([a]) == [0.0, 0.0, -np.inf]
    good = np.eye(n) + 0.25
    np.testing.assert_allclose(inv([good])[0], la.inv(good), rtol=1e-14)


def test_rounding_makes_the_same_matrices_singular() -> None:
    inv = one("inv", 2, check=True)
    rng = np.random.default_rng(0)

    def singular(f: Any, *args: Any) -> bool:
        try:
            f(*args)
        except la.LinAlgError:
            return True
        return False

    tried = [
        np.round(rng.normal(size=(2, 1)), 1) @ np.round(rng.normal(size=2), 1)[None]
        for _ in range(200)
    ]
    verdicts = [(singular(inv, [a]), singular(la.inv, a)) for a in tried]
    assert 20 < sum(v for _, v in verdicts) < 180
    # Equal here; another build of LAPACK may fuse products and sums, and differ now and then.
    assert sum(mine != theirs for mine, theirs in verdicts) <= 4


@pytest.mark.parametrize("n", [1, 2, 3, 4, 7])
@pytest.mark.parametrize("missing", [0, 1, 2])
def test_cofactors_of_singular_matrices(n: int, missing: int) -> None:
    rng = np.random.default_rng(n)
    rank = max(n - missing, 0)
    a = rng.normal(size=(n, rank)) @ rng.normal(size=(rank, n))
    minors = np.empty((n, n))
    for i, j in np.ndindex(n, n):
        rest = np.delete(np.delete(a, i, 0), j, 1)
        minors[i, j] = (-1) ** (i + j) * la.det(rest)
    found = one("cofactor", n)([a])[0]
    np.testing.assert_allclose(found, minors, rtol=1e-11, atol=1e-12)
    assert missing > 1 or np.max(np.abs(found)) > 1e-3


def test_cofactors_of_nan_are_nan() -> None:
    f = one("cofactor", 4)
    for d in (np.ones(4), np.array([1.0, 1.0, 0.0, 0.0])):
        a = np.diag(d)
        a[2, 3] = np.nan
        assert np.isnan(f([a])[0][3, 2])


@pytest.mark.parametrize("n", [1, 2, 5])
def test_matrices_that_are_not_positive_definite(n: int) -> None:
    f = one("cholesky", n)
    for a in (np.zeros((n, n)), -np.eye(n), np.diag([*[1.0] * (n - 1), -1.0])):
        with pytest.raises(la.LinAlgError, match="not positive definite"):
            f([a])
    a = np.eye(n) * 4 + np.triu(np.full((n, n), np.nan), 1)
    np.testing.assert_array_equal(f([a])[0], np.eye(n) * 2)


@pytest.mark.parametrize("x", [np.nan, np.inf, 1e-300, -3.0])
def test_one_row_of_any_number(x: float) -> None:
    def rows(a: Sym, b: Sym) -> list[Sym]:
        found = [BY_NAME["inv"](a, check=True), BY_NAME["solve"](a, b), BY_NAME["det"](a)]
        return [*found, *a.b.outs(BY_NAME["slogdet"](a))]

    a, b = np.array([[x]]), np.array([[1.0, 0.0, -2.5]])
    with np.errstate(all="ignore"):
        wants = [la.inv(a), la.solve(a, b), la.det(a), *la.slogdet(a)]
    for have, want in zip(compiled("float64", [(1, 1), (1, 3)], rows)([a, b]), wants, strict=True):
        np.testing.assert_allclose(have, want, rtol=1e-12)  # NumPy's det is an exponential
    if not x < 0:
        np.testing.assert_array_equal(one("cholesky", 1)([a])[0], la.cholesky(a))


def test_a_zero_on_the_diagonal_of_a_triangle() -> None:
    a = np.array([[1.0, 5.0], [3.0, 0.0]])
    with pytest.raises(la.LinAlgError, match="singular matrix"):
        one("solve_triangular", 2, lower=True, unit=False)([a, np.ones((2, 1))])
    found = one("solve_triangular", 2, lower=True, unit=True)([a, np.ones((2, 1))])[0]
    np.testing.assert_array_equal(found, [[1.0], [-2.0]])


def test_determinants_whose_partial_products_leave_the_range() -> None:
    f = one("det", 4)
    big, small = 2.0**900, 2.0**-900
    for d in ([big, big, small, small], [small, small, big, -big], [small, big, -big, small]):
        np.testing.assert_allclose(f([np.diag(d)])[0], np.sign(np.prod(np.sign(d))), rtol=1e-12)
    assert f([np.diag([big, big, 1.0, 1.0])])[0] == np.inf
    assert f([np.diag([small, small, 1.0, 1.0])])[0] == 0.0


@pytest.mark.parametrize("dtype", ["int64", "uint64", "bool", "float32"])
def test_triangles_of_other_dtypes(dtype: str) -> None:
    x = (np.arange(24).reshape(2, 3, 4) % 5 > 1).astype(dtype)
    if dtype == "uint64":
        x[0, 2, 0] = 2**63 + 1  # no float64
    f = compiled(dtype, [(2, 3, 4)], lambda a: [BY_NAME["triangle"](a, lower=True, k=-1)])
    found = f([x])[0]
    assert found.dtype == x.dtype
    np.testing.assert_array_equal(found, np.tril(x, 1))


# ---------------------------------------------------------------- in loops


def filtered(a: Any, ys: Any) -> Any:
    p, total = np.eye(3), 0.0
    for y in ys:
        s = a @ p @ a.T + np.eye(3)
        l = np.linalg.cholesky(s)
        v = np.linalg.solve(s, y)
        p = np.linalg.inv(s) + np.eye(3)
        total = total + v @ y + np.linalg.slogdet(s)[1] + np.log(np.linalg.det(p)) + l[2, 0]
    return total


def test_a_loop_over_linear_algebra_is_one_kernel() -> None:
    rng = np.random.default_rng(2)
    a, ys = rng.normal(size=(3, 3)) / 2, rng.normal(size=(4, 3))
    fn = tj.value_and_grad(filtered, compile="always")
    value, grad = fn(a, ys)
    assert "host step" not in fn.source(a, ys)
    np.testing.assert_allclose(value, filtered(a, ys), rtol=1e-13)
    t = rng.normal(size=(3, 3))
    slope = (filtered(a + 1e-6 * t, ys) - filtered(a - 1e-6 * t, ys)) / 2e-6
    np.testing.assert_allclose(np.sum(grad * t), slope, rtol=1e-7)


def test_a_singular_matrix_in_a_loop_raises() -> None:
    def f(x: Any) -> Any:
        total = 0.0
        for k in range(4):
            total = total + np.sum(np.linalg.inv(x - k * np.eye(3)))
        return total

    fn = tj.jit(f, compile="always")
    x = np.diag([4.5, 5.0, 6.0])
    np.testing.assert_allclose(fn(x), f(x), rtol=1e-14)
    x[1, 1] = 2.0
    for _ in range(2):
        with pytest.raises(la.LinAlgError, match="Singular matrix"):
            fn(x)
    x[1, 1] = 5.0
    np.testing.assert_allclose(fn(x), f(x), rtol=1e-14)
