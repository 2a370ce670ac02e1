"""Products: values, dtypes and errors as NumPy, derivatives against differences."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from checking import check, derivatives

RNG = np.random.default_rng(7)


def real(*shape: int) -> Any:
    return RNG.normal(size=shape)


def cplx(*shape: int) -> Any:
    return RNG.normal(size=shape) + 1j * RNG.normal(size=shape)


PAIRS = [
    ("vector vector", np.matmul, (3,), (3,)),
    ("matrix vector", np.matmul, (2, 3), (3,)),
    ("vector matrix", np.matmul, (3,), (3, 2)),
    ("matrix matrix", np.matmul, (2, 3), (3, 4)),
    ("stack matrix", np.matmul, (5, 2, 3), (3, 4)),
    ("stack vector", np.matmul, (5, 2, 3), (3,)),
    ("vector stack", np.matmul, (3,), (5, 3, 2)),
    ("matrix stack", np.matmul, (2, 3), (5, 3, 4)),
    ("stacks broadcast", np.matmul, (5, 1, 2, 3), (4, 3, 2)),
    ("nothing to sum", np.matmul, (2, 0), (0, 3)),
    ("no rows", np.matmul, (0, 3), (3, 2)),
    ("dot of vectors", np.dot, (3,), (3,)),
    ("dot of matrices", np.dot, (2, 3), (3, 4)),
    ("dot scalar", np.dot, (), (3, 4)),
    ("dot stack vector", np.dot, (4, 2, 3), (3,)),
    ("dot stacks", np.dot, (4, 2, 3), (5, 3, 2)),
    ("dot vector stack", np.dot, (3,), (5, 3, 2)),
    ("dot empty", np.dot, (2, 0), (4, 0, 3)),
    ("inner", np.inner, (2, 3), (4, 3)),
    ("inner vectors", np.inner, (3,), (3,)),
    ("inner scalar", np.inner, (), (2,)),
    ("inner stacks", np.inner, (2, 3), (4, 5, 3)),
    ("outer", np.outer, (2, 2), (3,)),
    ("linalg.outer", np.linalg.outer, (2,), (3,)),
    ("linalg.matmul", np.linalg.matmul, (2, 3), (3,)),
    ("vdot", np.vdot, (2, 3), (3, 2)),
    ("kron", np.kron, (2, 3), (3, 2)),
    ("kron vectors", np.kron, (2,), (3,)),
    ("kron mixed", np.kron, (2,), (2, 1, 3)),
    ("kron scalar", np.kron, (), (2, 2)),
    ("cross", np.cross, (3,), (3,)),
    ("cross stacks", np.cross, (4, 3), (2, 1, 3)),
    ("linalg.cross", np.linalg.cross, (4, 3), (4, 3)),
    ("vecdot", np.vecdot, (4, 3), (3,)),
    ("linalg.vecdot", np.linalg.vecdot, (4, 3), (4, 3)),
    ("matvec", np.matvec, (2, 3), (5, 3)),
    ("vecmat", np.vecmat, (5, 3), (3, 2)),
]


@pytest.mark.parametrize("kind", ["float64", "float32", "complex128"])
@pytest.mark.parametrize("name,f,a,b", PAIRS, ids=[p[0] for p in PAIRS])
def test_pairs(name: str, f: Any, a: Any, b: Any, kind: str) -> None:
    make = cplx if kind == "complex128" else real
    check(f, np.asarray(make(*a)).astype(kind), np.asarray(make(*b)).astype(kind))


def test_mixed_dtypes() -> None:
    check(np.matmul, real(2, 3), cplx(3, 2))
    check(np.dot, cplx(3), real(3))
    check(lambda x: np.dot(2.0, x), real(3).astype(np.float32))
    check(lambda x: np.dot([[1, 2, 3]], x), real(3))
    check(lambda x: np.outer([x[0], x[1]], x), real(3))
    check(lambda x: x @ np.arange(6).reshape(3, 2), real(3))


@pytest.mark.parametrize("dtype", ["int32", "int64", "bool", "uint8"])
def test_integers_keep_their_dtype(dtype: str) -> None:
    n = np.array([[200, 3], [1, 0]]).astype(dtype)

    def f(x: Any) -> Any:
        m = np.full_like(x, 1, dtype=dtype, shape=(2, 2)) * n
        return np.dot(m[0], m[0]), m @ m, np.outer(m, m), np.einsum("ij,ij", m, m), \
            np.einsum("ij->i", m), np.einsum("ii", m), np.vdot(m, m), x * 1.0  # fmt: skip

    check(f, real(2))


TENSORDOTS = [
    ((2, 3, 4), (3, 4, 5), 2),
    ((2, 3), (4,), 0),
    ((2, 3), (3, 2), ([0, 1], [1, 0])),
    ((2, 3, 4), (4, 2), (2, 0)),
    ((2, 3, 4), (4, 2), ((-1, 0), (-2, 1))),
    ((2, 3), (3, 4), 1),
    ((2, 3, 4), (2, 3, 4), ([0, 1, 2], [0, 1, 2])),
]


@pytest.mark.parametrize("a,b,axes", TENSORDOTS)
def test_tensordot(a: Any, b: Any, axes: Any) -> None:
    check(lambda x, y: np.tensordot(x, y, axes=axes), real(*a), real(*b))
    check(lambda x, y: np.linalg.tensordot(x, y, axes=axes), cplx(*a), real(*b))


EINSUMS: list[tuple[str, tuple[Any, ...]]] = [
    ("ij,jk->ik", ((2, 3), (3, 4))),
    ("ij,jk", ((2, 3), (3, 4))),
    ("ba", ((2, 3),)),
    ("ij->", ((2, 3),)),
    ("ij->ji", ((2, 3),)),
    ("ii->i", ((3, 3),)),
    ("ii", ((3, 3),)),
    ("iii->i", ((3, 3, 3),)),
    ("ijj->i", ((2, 3, 3),)),
    ("iji->j", ((2, 3, 2),)),
    ("i,i", ((3,), (3,))),
    ("i,i->i", ((3,), (3,))),
    ("i,j->ij", ((3,), (2,))),
    ("i,j->", ((3,), (2,))),
    ("ij,ij->i", ((2, 3), (2, 3))),
    ("bij,bjk->bik", ((5, 2, 3), (5, 3, 4))),
    ("bij,bj->bi", ((5, 2, 3), (5, 3))),
    ("...ij,...jk->...ik", ((5, 2, 3), (3, 4))),
    ("...ij->...ji", ((2, 3, 4),)),
    ("...i,...i", ((4, 3), (1, 3))),
    ("i...->...", ((4, 3),)),
    ("i...,j...->ij...", ((2, 3), (4, 3))),
    ("ij,jk,kl->il", ((2, 3), (3, 4), (4, 2))),
    ("a,ab,b,b->", ((2,), (2, 3), (3,), (3,))),
    ("ij,ik,il->jkl", ((2, 3), (2, 4), (2, 2))),
    ("ii,ij->j", ((3, 3), (3, 2))),
    ("ij,jk->ik", ((2, 1), (3, 4))),
    ("i,i->", ((1,), (3,))),
    ("ij,jk->ik", ((2, 0), (0, 4))),
    (",i->i", ((), (3,))),
    ("i j , jk -> k i", ((2, 3), (3, 4))),
    ("Ab,bC", ((2, 3), (3, 4))),
]


@pytest.mark.parametrize("text,shapes", EINSUMS, ids=[f"{t} {s}" for t, s in EINSUMS])
def test_einsum(text: str, shapes: Any) -> None:
    check(lambda *xs: np.einsum(text, *xs), *[real(*s) for s in shapes])
    check(lambda *xs: np.einsum(text, *xs, optimize=True), *[cplx(*s) for s in shapes])


def test_einsum_other_forms() -> None:
    check(lambda x, y: np.einsum(x, [0, 1], y, [1, 2], [0, 2]), real(2, 3), real(3, 4))
    check(lambda x, y: np.einsum(x, [0, 1], y, [1, 27]), real(2, 3), real(3, 4))
    check(lambda x, y: np.einsum(x, [Ellipsis, 1], y, [1], [Ellipsis]), real(2, 3), real(3))
    path = ["einsum_path", (1, 2), (0, 1)]
    check(
        lambda x, y, z: np.einsum("ij,jk,kl", x, y, z, optimize=path),
        real(2, 3),
        real(3, 2),
        real(2, 2),
    )
    check(lambda x: np.einsum("ij->j", x, dtype=np.float64), real(2, 3).astype(np.float32))


def test_einsum_errors() -> None:
    def refused(error: Any, text: str, *shapes: Any) -> None:
        arrays = [real(*s) for s in shapes]
        with pytest.raises(error):
            np.einsum(text, *arrays)
        with pytest.raises(error):
            derivatives(lambda *xs: np.einsum(text, *xs), arrays, arrays, lambda o: o)

    refused(ValueError, "ij,jk", (2, 3), (4, 2))
    refused(ValueError, "ij", (2, 3, 4))
    refused(ValueError, "ij->ik", (2, 3))
    refused(ValueError, "ij->ii", (2, 3))
    refused(ValueError, "ii", (2, 3))
    refused(ValueError, "ij,jk", (2, 3))


@pytest.mark.parametrize("axes", [(0, 0, 0), (1, 0, 1), (0, -1, 0)])
def test_cross_axes(axes: Any) -> None:
    shapes = {0: (3, 4), 1: (4, 3), -1: (4, 3)}
    i, j, k = axes
    check(
        lambda x, y: np.cross(x, y, axisa=i, axisb=j, axisc=k),
        real(*shapes[i]), real(*shapes[j]),
    )  # fmt: skip
    check(lambda x, y: np.cross(x, y, axis=0), real(3, 4), real(3, 1))


@pytest.mark.parametrize("m,n", [(2, 2), (2, 3), (3, 2)])
@pytest.mark.filterwarnings("ignore:Arrays of 2-dimensional")
def test_cross_of_plane_vectors(m: int, n: int) -> None:
    check(np.cross, real(4, m), real(n))


def test_axis_options_of_products() -> None:
    check(lambda x, y: np.vecdot(x, y, axis=0), cplx(3, 4), real(3, 1))
    check(lambda x, y: np.linalg.vecdot(x, y, axis=0), cplx(3, 4), real(3, 1))
    check(lambda x, y: np.vecdot(x, y, axis=0, keepdims=True), real(3, 4), real(3, 1))
    check(lambda x, y: np.matmul(x, y, axes=[(0, 1), (-1, 0), (1, 2)]), real(2, 3, 5), real(4, 3))
    check(lambda x, y: np.matvec(x, y, axes=[(0, 1), 0, 0]), real(2, 3, 5), real(3, 5))


def test_multi_dot() -> None:
    mats = [real(2, 5), real(5, 3), real(3, 4), real(4, 2)]
    check(lambda *xs: np.linalg.multi_dot(xs), *mats)
    check(lambda *xs: np.linalg.multi_dot(list(xs)), real(5), *mats[1:3], real(4))
    check(lambda *xs: np.linalg.multi_dot(xs), *mats[:2])
    with pytest.raises(np.linalg.LinAlgError):
        derivatives(
            lambda *xs: np.linalg.multi_dot(xs), [real(2, 2, 2)] + mats[:2], mats[:3], lambda o: o
        )


@pytest.mark.parametrize("n", [0, 1, 2, 3, 4, 5, 7])
def test_matrix_power(n: int) -> None:
    check(lambda x: np.linalg.matrix_power(x, n), real(3, 3))
    check(lambda x: np.linalg.matrix_power(x, n), cplx(2, 3, 3) / 3)


def test_product_errors_are_numpys() -> None:
    def refused(error: Any, f: Any, *shapes: Any) -> None:
        arrays = [np.ones(s) for s in shapes]
        with pytest.raises(error):
            f(*arrays)
        with pytest.raises(error):
            derivatives(f, arrays, arrays, lambda o: o)

    refused(ValueError, np.matmul, (2, 3), (2, 3))
    refused(ValueError, np.matmul, (), (3,))
    refused(ValueError, np.dot, (2, 3), (2, 3))
    refused(ValueError, np.inner, (2, 3), (2,))
    refused(ValueError, np.vdot, (2,), (3,))
    refused(ValueError, np.tensordot, (2, 3), (3, 3))
    refused(ValueError, np.cross, (4,), (3,))
    refused(ValueError, np.linalg.cross, (2,), (3,))
    refused(ValueError, np.linalg.outer, (2, 2), (3,))
    refused(np.linalg.LinAlgError, lambda x: np.linalg.matrix_power(x, 2), (2, 3))
    refused(TypeError, lambda x: np.linalg.matrix_power(x, 0.5), (2, 2))
