"""`tapejit.scipy.linalg`: SciPy's own with plain arrays, the same values and derivatives traced."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.linalg as sp
from checking import check, derivatives

import tapejit.scipy.linalg as la

RNG = np.random.default_rng(3)


def make(kind: str, *shape: int) -> Any:
    x = RNG.normal(size=shape)
    if kind.startswith("complex"):
        x = x + 1j * RNG.normal(size=shape)
    return x.astype(kind)


def regular(kind: str, n: int) -> Any:
    return (make(kind, n, n) / 2 + 2 * np.eye(n)).astype(kind)


def gram(x: Any) -> Any:
    return x @ np.conj(x.T) + np.eye(x.shape[0])


KINDS = ["float64", "complex128"]


def test_plain_arrays_are_scipys() -> None:
    x = regular("float64", 3)
    assert type(la.lu_factor(x)[0]) is np.ndarray
    np.testing.assert_array_equal(la.expm(x), sp.expm(x))
    assert la.expm.__doc__ == sp.expm.__doc__


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("lower", [False, True])
def test_triangular_systems(lower: bool, kind: str) -> None:
    a = regular(kind, 3)
    for trans, unit, b in (
        (0, False, (3,)),
        (1, True, (3, 2)),
        (2, False, (3, 2)),
        (0, True, (3,)),
    ):
        options = (trans, lower, unit)
        check(lambda p, q, o=options: la.solve_triangular(p, q, *o), a, make(kind, *b))
    with pytest.raises(np.linalg.LinAlgError, match="singular"):
        derivatives(lambda p: la.solve_triangular(p, np.ones(3)), [0 * a], [a], lambda o: o)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("b", [(3,), (3, 2)])
def test_systems(b: Any, kind: str) -> None:
    a, y = regular(kind, 3), make(kind, *b)
    check(la.solve, a, y)
    for lower in (False, True):
        check(lambda p, q, o=lower: la.solve(p, q, lower=o, assume_a="pos"), gram(a), y)
        check(lambda p, q, o=lower: la.cho_solve(la.cho_factor(p, lower=o), q), gram(a), y)
    for t in (0, 1, 2):
        check(lambda p, q, t=t: la.lu_solve(la.lu_factor(p), q, trans=t), a, y)
    for how in ("upper triangular", "lower triangular"):
        check(lambda p, q, h=how: la.solve(p, q, assume_a=h), np.triu(a) @ np.eye(3), y)


@pytest.mark.parametrize("kind", KINDS)
def test_factors(kind: str) -> None:
    a = make(kind, 4, 4)[[2, 0, 3, 1]]
    check(lambda x: la.lu_factor(x)[0], a)
    check(lambda x: la.cholesky(x), gram(a))
    check(lambda x: la.cholesky(x, lower=True), gram(a))
    check(lambda x: la.qr(x, mode="economic"), make(kind, 4, 2))
    check(lambda x: la.qr(x), make(kind, 2, 4))
    check(lambda x: la.qr(x, mode="r"), make(kind, 4, 2))


@pytest.mark.parametrize("kind", KINDS)
def test_values_and_inverses(kind: str) -> None:
    a = regular(kind, 3)
    for f in (la.inv, la.det, la.expm, la.pinv, la.svdvals, la.norm, la.eigvalsh):
        check(f, a)
    check(lambda x, y: la.lstsq(x, y), make(kind, 4, 2), make(kind, 4))
    check(lambda x, y: la.lstsq(x, y)[0], make(kind, 2, 4), make(kind, 2, 2))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("lower", [False, True])
def test_generalised_eigenvalues(lower: bool, kind: str) -> None:
    a, b = make(kind, 3, 3), gram(make(kind, 3, 3))

    def invariant(x: Any, y: Any) -> Any:
        w, v = la.eigh(x, y, lower=lower)
        part = la.eigh(x, y, lower=lower, subset_by_index=[1, 2])[1]
        return w, np.abs(v), (v * np.sin(w)) @ np.conj(v.T), np.abs(part)

    check(invariant, a, b)
    check(lambda x, y: la.eigvalsh(x, y, lower=lower), a, b)
    check(lambda x: la.eigvalsh(x, lower=lower), a)


@pytest.mark.parametrize("kind", KINDS)
def test_functions_of_matrices(kind: str) -> None:
    a = regular(kind, 3)
    check(la.expm, a, tol=1e-5)
    check(la.logm, a, tol=1e-5)
    check(la.sqrtm, a, tol=1e-5)
    check(la.expm, np.zeros((2, 2), kind))
    check(la.expm, make(kind, 2, 3, 3), tol=1e-5)
    check(la.solve_sylvester, a, regular(kind, 2), make(kind, 3, 2))


def test_a_real_root_may_be_complex() -> None:
    check(lambda x: np.real(la.sqrtm(x) * (1 + 2j)), np.diag([1.0, -2.0]) + 0.1)


def test_special_matrices() -> None:
    check(lambda x, y: la.block_diag(x, [2.0], y), make("float64", 2, 3), make("complex128", 2))
    for n, m in ((3, 4), (4, 2), (1, 3), (3, 1), (1, 1), (2, 2)):
        check(lambda c, r: la.toeplitz(c, r), make("float64", n), make("float64", m))
    check(la.toeplitz, make("complex128", 3))


def test_what_has_no_rule_is_refused() -> None:
    x = regular("float64", 3)
    for f, text in (
        (lambda a: la.qr(a, pivoting=True), "pivoting=True"),
        (lambda a: la.eigh(a, subset_by_value=[0, 1]), "subset_by_value"),
        (lambda a: la.pinv(a, return_rank=True), "return_rank"),
        (lambda a: la.solve(a, a, assume_a="banded"), "banded"),
    ):
        with pytest.raises(NotImplementedError, match=text):
            derivatives(f, [x], [x], lambda o: o)
