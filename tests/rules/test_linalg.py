"""Linear algebra: values and errors as NumPy; derivatives, twice, against differences.

Decompositions are tested through functions that do not depend on their gauge, and through their
own results where NumPy's gauge is followed.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from checking import check, derivatives, dot

import tapejit as tj

RNG = np.random.default_rng(11)


@pytest.fixture(autouse=True)
def same_numbers_in_any_order(request: Any) -> None:
    global RNG
    RNG = np.random.default_rng(list(request.node.name.encode()))


KINDS = ["float64", "float32", "complex128", "complex64"]
la = np.linalg


def make(kind: str, *shape: int) -> Any:
    x = RNG.normal(size=shape)
    if kind.startswith("complex"):
        x = x + 1j * RNG.normal(size=shape)
    return x.astype(kind)


def regular(kind: str, *shape: int) -> Any:
    """Well-conditioned square matrices."""
    return (make(kind, *shape) / 2 + 2 * np.eye(shape[-1])).astype(kind)


def hermitian(x: Any) -> Any:
    return x + np.conj(la.matrix_transpose(x))


def gram(x: Any) -> Any:
    return np.matmul(x, np.conj(la.matrix_transpose(x))) + np.eye(x.shape[-1], dtype=x.dtype)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("a,b", [((3, 3), (3,)), ((3, 3), (3, 2)), ((2, 3, 3), (3, 2)),
                                 ((3, 3), (2, 3, 1)), ((4, 1, 2, 2), (3, 2, 2))])  # fmt: skip
def test_solve(a: Any, b: Any, kind: str) -> None:
    check(la.solve, regular(kind, *a), make(kind, *b))


def test_solve_mixed() -> None:
    check(la.solve, regular("complex128", 3, 3), make("float64", 3))
    check(la.solve, regular("float64", 3, 3), make("complex128", 3, 2))
    check(lambda b: la.solve([[2, 1], [0, 3]], b), make("float64", 2))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shape", [(3, 3), (2, 2, 2), (1, 1)])
def test_square_functions(shape: Any, kind: str) -> None:
    for f in (la.inv, la.det, la.slogdet):
        check(f, regular(kind, *shape))
    check(lambda x: la.matrix_power(x, -2), regular(kind, *shape))


def singular(kind: str, rank: int, n: int = 4) -> Any:
    return make(kind, n, rank) @ make(kind, rank, n) if rank else np.zeros((n, n), kind)


@pytest.mark.parametrize("kind", ["float64", "complex128"])
@pytest.mark.parametrize("rank", [0, 1, 2, 3])
def test_det_of_singular_matrices(rank: int, kind: str) -> None:
    check(la.det, singular(kind, rank))
    check(la.det, singular(kind, min(rank, 2), 2))
    check(la.det, np.eye(3, dtype=kind))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shape", [(3, 3), (2, 3, 3)])
@pytest.mark.parametrize("upper", [False, True])
def test_cholesky(shape: Any, upper: bool, kind: str) -> None:
    check(lambda x: la.cholesky(gram(x), upper=upper), make(kind, *shape))
    # NumPy reads one triangle: the other has no influence and no cotangent.
    found = check(lambda x: la.cholesky(x, upper=upper), gram(make(kind, *shape)))
    other = np.tril if upper else np.triu
    assert not np.any(other(found.vjp[0], -1 if upper else 1))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shape", [(3, 3), (4, 2), (2, 4, 3), (2, 4), (2, 2, 3)])
def test_qr(shape: Any, kind: str) -> None:
    x = make(kind, *shape)
    check(la.qr, x)
    check(lambda a: la.qr(a, mode="r"), x)
    if shape[-1] >= shape[-2]:
        check(lambda a: la.qr(a, mode="complete"), x)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shape", [(3, 3), (4, 2), (2, 4), (2, 3, 2)])
def test_svd(shape: Any, kind: str) -> None:
    x = make(kind, *shape)
    k = min(shape[-2:])

    def invariant(a: Any) -> Any:
        u, s, vh = la.svd(a, full_matrices=False)
        w = np.arange(1.0, k + 1).astype(s.dtype)
        weighted = np.matmul(u * np.sin(s)[..., None, :], vh)
        left = np.matmul(u * w, np.conj(la.matrix_transpose(u)))
        right = np.matmul(np.conj(la.matrix_transpose(vh)) * w, vh)
        return weighted, left, right, s

    check(invariant, x)
    check(lambda a: la.svd(a, compute_uv=False), x)
    check(la.svdvals, x)
    if kind == "float64":
        check(lambda a: la.svd(a, full_matrices=False), x)


def test_svd_full_matrices() -> None:
    x = make("float64", 4, 2)
    s = la.svd(x)[1]
    found = derivatives(
        lambda a: la.svd(a)[1:], [x], [x], lambda o: [np.ones(n.shape) for n in o], False, False
    )
    np.testing.assert_allclose(found.value[0], s)
    thin = derivatives(
        lambda a: la.svd(a, full_matrices=False)[1:], [x], [x],
        lambda o: [np.ones(n.shape) for n in o], False, False,
    )  # fmt: skip
    np.testing.assert_allclose(found.vjp[0], thin.vjp[0])
    with pytest.raises(NotImplementedError, match="full_matrices=False"):
        derivatives(la.svd, [x], [x], lambda o: [np.ones(n.shape) for n in o], False, False)
    with pytest.raises(NotImplementedError, match="mode='reduced'"):
        derivatives(lambda a: la.qr(a, "complete"), [x], [x], lambda o: o)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shape", [(3, 3), (2, 3, 3)])
@pytest.mark.parametrize("uplo", ["L", "U"])
def test_eigh(shape: Any, uplo: str, kind: str) -> None:
    x = make(kind, *shape)

    def invariant(a: Any) -> Any:
        w, v = la.eigh(a, uplo)
        whole = np.matmul(v * np.sin(w)[..., None, :], np.conj(la.matrix_transpose(v)))
        return whole, np.abs(v), w

    check(invariant, x)
    check(lambda a: invariant(hermitian(a)), x)
    check(lambda a: la.eigvalsh(a, uplo), x)
    if kind == "float64":
        check(lambda a: la.eigh(a, uplo), x)


@pytest.mark.parametrize("kind", ["float64", "complex128"])
@pytest.mark.parametrize("shape", [(3, 3), (2, 3, 3)])
def test_eig(shape: Any, kind: str) -> None:
    x = make(kind, *shape)
    check(fixed_phase, x, tol=1e-5)
    check(la.eigvals, x, tol=1e-5)


def fixed_phase(a: Any) -> Any:
    """Eigenvalues, and vectors turned so that the first element is positive."""
    w, v = la.eig(a)
    first = v[..., :1, :]
    return w, v * np.conj(first) / np.abs(first)


def test_eig_in_lapacks_phase_has_adjoint_rules() -> None:
    x, t = make("complex128", 3, 3), make("complex128", 3, 3)
    cts = [make("complex128", 3), make("complex128", 3, 3)]
    found = derivatives(la.eig, [x], [t], cts, second=False)
    forward = sum(dot(c, d) for c, d in zip(cts, found.jvp))
    np.testing.assert_allclose(dot(found.vjp[0], t), forward)
    # The length of a vector stays 1 and its largest element real.
    v, d = found.value[1], found.jvp[1]
    np.testing.assert_allclose(np.sum(np.conj(v) * d, axis=0).real, 0.0, atol=1e-12)
    top = np.argmax(np.abs(v), axis=0)
    np.testing.assert_allclose(d[top, np.arange(3)].imag, 0.0, atol=1e-12)


def test_eigenvalues_that_become_complex_are_captured_again() -> None:
    def size(a: Any) -> Any:
        return np.sum(np.abs(la.eigvals(a)) ** 3)

    fn, grad = tj.jit(la.eigvals), tj.grad(size)
    for x in (np.diag([1.0, 2.0]), np.array([[0.2, 1.0], [-1.0, 0.3]]), np.diag([3.0, 2.0])):
        expected = la.eigvals(x)
        assert fn(x).dtype == expected.dtype
        np.testing.assert_allclose(fn(x), expected)
        t = make("float64", 2, 2)
        slope = (size(x + 1e-6 * t) - size(x - 1e-6 * t)) / 2e-6
        np.testing.assert_allclose(np.sum(grad(x) * t), slope, rtol=1e-6)


def test_eig_of_real_eigenvalues_is_real() -> None:
    x = np.diag([1.0, 2.0, 4.0]) + 0.1 * make("float64", 3, 3)
    assert la.eig(x)[0].dtype == np.float64
    check(la.eig, x)
    check(la.eigvals, x.astype(np.float32))
    check(lambda a: la.eigvals(a), np.array([[0.0, 1.0], [-1.0, 0.2]]))


def test_repeated_values_have_finite_derivatives() -> None:
    eye = 2.0 * np.eye(3)

    def grads(f: Any, x: Any) -> Any:
        found = derivatives(f, [x], [x], lambda o: [np.ones(n.shape) for n in o], second=False)
        assert np.all(np.isfinite(found.vjp[0])) and np.all(np.isfinite(found.jvp[0]))
        return found.vjp[0]

    np.testing.assert_allclose(grads(lambda a: np.sum(la.eigvalsh(a) ** 2), eye), 2 * eye)
    np.testing.assert_allclose(grads(lambda a: np.sum(la.svdvals(a) ** 2), eye), 2 * eye)
    np.testing.assert_allclose(grads(lambda a: la.norm(a, "nuc"), eye), np.eye(3))
    np.testing.assert_allclose(grads(lambda a: la.det(a), eye), 4 * np.eye(3))
    np.testing.assert_allclose(grads(lambda a: la.slogdet(a)[1], eye), np.eye(3) / 2)
    np.testing.assert_allclose(grads(lambda a: np.sum(la.pinv(a)), eye), -np.ones((3, 3)) / 4)


def test_a_chosen_vector_ignores_gaps_between_others() -> None:
    x = np.diag([1.0, 1.0, 3.0])

    def top(a: Any) -> Any:
        return la.eigh(a)[1][:, 2]

    found = derivatives(top, [x], [np.ones((3, 3))], lambda o: [np.arange(3.0)], second=False)
    assert np.all(np.isfinite(found.vjp[0]))
    assert np.all(np.isfinite(found.jvp[0]))
    expected = np.zeros((3, 3))
    expected[2, :2] = np.arange(2) / 2 * np.sign(la.eigh(x)[1][2, 2])
    np.testing.assert_allclose(found.vjp[0], expected)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shape", [(3, 3), (4, 2), (2, 4), (2, 3, 2)])
def test_pinv(shape: Any, kind: str) -> None:
    check(la.pinv, make(kind, *shape))
    check(lambda a: la.pinv(a, rtol=None), make(kind, *shape))


def test_pinv_keeps_the_rank() -> None:
    x, y = make("float64", 4, 2), make("float64", 2, 3)
    check(lambda a, b: la.pinv(a @ b, rcond=1e-6), x, y)
    check(lambda a: la.pinv(hermitian(a), hermitian=True), make("float64", 3, 3))
    check(lambda a: la.pinv(a, hermitian=True), hermitian(make("complex128", 3, 3)))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "a,b", [((4, 2), (4,)), ((4, 2), (4, 3)), ((2, 4), (2,)), ((3, 3), (3, 2))]
)
def test_lstsq(a: Any, b: Any, kind: str) -> None:
    check(
        la.lstsq,
        make(kind, *a),
        make(kind, *b),
    )
    check(lambda x, y: la.lstsq(x, y, rcond=None)[0], make(kind, *a), make(kind, *b))


def test_lstsq_of_lower_rank() -> None:
    x, y, b = make("float64", 4, 2), make("float64", 2, 3), make("float64", 4)
    check(lambda a, c, d: la.lstsq(a @ c, d, rcond=1e-6)[0], x, y, b)
    found = check(lambda a, c, d: la.lstsq(a @ c, d, rcond=1e-6)[:3], x, y, b, tol=1e-5)
    assert found.value[1].shape == (0,) and found.value[2] == 2


ORDERS = [None, 2, 1, np.inf, -np.inf, 0, 3, 1.5, 0.5, -1, -2]
MATRIX_ORDERS = [None, "fro", "nuc", 1, -1, 2, -2, np.inf, -np.inf]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("order", ORDERS)
def test_vector_norms(order: Any, kind: str) -> None:
    x = make(kind, 4)
    check(lambda a: la.norm(a, order), x)
    check(lambda a: la.norm(a, order, axis=1, keepdims=True), make(kind, 2, 3))
    check(lambda a: la.norm(a, order, axis=-2), make(kind, 2, 3, 2))
    order = 2 if order is None else order
    check(lambda a: la.vector_norm(a, ord=order, axis=(0, 2), keepdims=True), make(kind, 2, 3, 2))
    check(lambda a: la.vector_norm(a, ord=order), make(kind, 2, 3))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("order", MATRIX_ORDERS)
def test_matrix_norms(order: Any, kind: str) -> None:
    check(lambda a: la.norm(a, order), make(kind, 3, 2))
    check(lambda a: la.norm(a, order, axis=(2, 0), keepdims=True), make(kind, 2, 3, 2))
    check(lambda a: la.norm(a, order, axis=(0, 1)), make(kind, 2, 3, 2))
    order = "fro" if order is None else order
    check(lambda a: la.matrix_norm(a, ord=order, keepdims=True), make(kind, 2, 3, 2))


def test_norm_of_whole_arrays() -> None:
    check(la.norm, make("float64", 2, 3, 2))
    check(lambda a: la.norm(a, keepdims=True), make("float64", 2, 3, 2))
    check(lambda a: la.norm(a[:0]), make("float64", 3))
    check(lambda a: la.norm(a[:0], np.inf), make("float64", 3))


@pytest.mark.parametrize("order", [2, 1, np.inf, 3, 1.5, 0.5, -1])
@pytest.mark.parametrize("x", [np.zeros(3), np.array([0.0, 1.0, 2.0])])
def test_vector_norms_at_zero(order: Any, x: Any) -> None:
    found = derivatives(lambda a: la.norm(a, order), [x], [np.ones(3)], lambda o: [np.array(1.0)])
    with np.errstate(divide="ignore"):
        assert found.value[0] == la.norm(x, order)
    assert np.all(np.isfinite(found.vjp[0])) and np.isfinite(found.jvp[0])
    assert found.vjp[0][0] == 0.0
    if not x.any():
        assert not found.vjp[0].any()


@pytest.mark.parametrize("order", MATRIX_ORDERS)
def test_matrix_norms_at_zero(order: Any) -> None:
    x = np.zeros((3, 2))
    found = derivatives(
        lambda a: la.norm(a, order), [x], [np.ones((3, 2))], lambda o: [np.array(1.0)],
        second=False,
    )  # fmt: skip
    assert found.value[0] == 0.0
    assert not found.vjp[0].any() and found.jvp[0] == 0.0


@pytest.mark.parametrize("kind", ["float64", "complex128", "float32"])
@pytest.mark.parametrize("p", [None, 2, -2, "fro", 1, np.inf, "nuc"])
def test_cond(p: Any, kind: str) -> None:
    check(lambda a: la.cond(a, p), regular(kind, 3, 3))
    check(lambda a: la.cond(a, p), regular(kind, 2, 2, 2))


def test_cond_of_a_singular_matrix() -> None:
    x = np.ones((2, 2))
    for p in (1, "fro"):
        assert la.cond(x, p) == np.inf
        found = derivatives(
            lambda a, p=p: la.cond(a, p), [x], [x], lambda o: [np.array(1.0)], False, False
        )
        assert found.value[0] == np.inf


def test_matrix_rank() -> None:
    def f(a: Any) -> Any:
        b = a * np.array([1.0, 1.0, 0.0])
        return la.matrix_rank(b), la.matrix_rank(a, tol=100.0), la.matrix_rank(a, rtol=1e-3), a[0]

    check(f, make("float64", 3, 3))
    check(lambda a: (la.matrix_rank(a), a[0]), make("complex128", 2, 4, 3))


def test_tensor_systems() -> None:
    a = np.eye(6).reshape(2, 3, 6) + 0.3 * make("float64", 2, 3, 6)
    check(la.tensorsolve, a, make("float64", 2, 3))
    check(lambda x, y: la.tensorsolve(x, y, axes=(0,)), a.transpose(2, 0, 1), make("float64", 2, 3))
    check(la.tensorinv, a)
    check(lambda x: la.tensorinv(x, ind=1), a.reshape(6, 2, 3))


@pytest.mark.parametrize("offset", [0, 1, -1, 3, -5])
def test_diagonals(offset: int) -> None:
    check(lambda x: la.diagonal(x, offset=offset), make("float64", 2, 3, 4))
    check(lambda x: la.trace(x, offset=offset), make("complex128", 2, 4, 3))
    check(la.matrix_transpose, make("float64", 2, 3, 4))


def test_errors_are_numpys() -> None:
    def refused(error: Any, f: Any, *arrays: Any) -> None:
        with pytest.raises(error):
            f(*arrays)
        with pytest.raises(error):
            derivatives(f, arrays, arrays, lambda o: [np.ones(n.shape) for n in o], second=False)

    wide, one = np.ones((2, 3)), np.ones(3)
    for f in (la.inv, la.det, la.slogdet, la.cholesky, la.eig, la.eigh, la.eigvals, la.eigvalsh):
        refused(la.LinAlgError, f, wide)
        refused(la.LinAlgError, f, one)
    for f in (la.qr, la.svd, la.pinv):
        refused(la.LinAlgError, f, one)
    refused(la.LinAlgError, la.inv, np.ones((2, 2)))
    refused(la.LinAlgError, la.solve, np.ones((2, 2)), np.ones(2))
    refused(la.LinAlgError, la.cholesky, -np.eye(2))
    refused(la.LinAlgError, la.lstsq, one, one)
    refused(la.LinAlgError, la.lstsq, wide, one)
    refused(ValueError, la.solve, np.eye(2), np.ones(3))
    refused(ValueError, lambda x: la.norm(x, "nuc"), one)
    refused(ValueError, lambda x: la.norm(x, 7), wide)
    refused(ValueError, lambda x: la.norm(x, 2), np.ones((2, 2, 2)))
    refused(ValueError, lambda x: la.qr(x, "whole"), wide)
    refused(ValueError, lambda x: la.eigh(x, "X"), np.eye(2))
    refused(TypeError, la.inv, np.eye(2, dtype=np.float16))


def test_a_replay_raises_as_the_first_call_does() -> None:
    from checking import load_all

    from tapejit.core.avals import aval_of
    from tapejit.frontend.capture import capturing
    from tapejit.frontend.tracer import Root, Tracer
    from tapejit.runtime.interp import interpret

    load_all()
    for f, bad in ((la.inv, np.ones((2, 2))), (la.cholesky, -np.eye(2))):
        with capturing() as cap:
            x = cap.b.input(aval_of(np.eye(2)), np.eye(2))
            y = f(Tracer(cap, Root(x)))
            tape = cap.b.finish([y.sym])
        with pytest.raises(la.LinAlgError):
            interpret(tape, [bad])


def test_results_have_numpys_names() -> None:
    x = 2.0 * np.eye(2)
    for f in (la.eigh, la.eig, la.qr, la.svd, la.slogdet):
        found = derivatives(f, [x], [x], lambda o: [np.ones(n.shape) for n in o], False, False)
        assert type(found.result) is type(f(x))
