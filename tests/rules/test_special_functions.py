"""scipy.special on traced arrays: SciPy's values and dtypes, right derivatives, no early import."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import mpmath
import numpy as np
import pytest
import scipy.special as sc
from frontend_checks import check, gradient, traced

from tapejit.core.errors import UnsupportedError
from tapejit.frontend.capture import capturing
from tapejit.scipy import special as reached

RNG = np.random.default_rng(3)
X = RNG.uniform(0.4, 3.0, (2, 3))
P = RNG.uniform(0.1, 0.9, (2, 3))
S = RNG.normal(size=(2, 3))
Z = S + 1j * RNG.normal(size=(2, 3))
I = np.array([[1, 2, 3], [4, 5, 6]])

CASES: dict[str, tuple[Any, ...]] = {
    name: (getattr(sc, name), x)
    for names, x in (
        (
            "expit log_expit erf erfc erfcx dawsn ndtr log_ndtr i0 i0e i1 i1e j0 j1",
            S,
        ),
        ("cosm1 exp10 exp2", S),
        ("expm1 log1p cbrt digamma psi gammaln loggamma gamma rgamma entr", X),
        ("logit ndtri erfinv erfcinv", P),
    )
    for name in names.split()
}
CASES |= {f"{name} float32": (f, x.astype(np.float32)) for name, (f, x) in list(CASES.items())}
CASES |= {
    f"{name} of integers": (getattr(sc, name), I)
    for name in ["expit", "erf", "erfinv", "gammaln", "digamma", "i0", "ndtr", "log1p", "entr"]
}
CASES |= {
    "beta": (sc.beta, X, X[0]),
    "betaln": (sc.betaln, X, X[0]),
    "gammainc": (lambda x: sc.gammainc(1.5, x), X),
    "gammaincc": (lambda x: sc.gammaincc(I, x), X),
    "betainc": (lambda x: sc.betainc(1.5, 2.0, x), P),
    "xlogy": (sc.xlogy, S, X),
    "xlogy scalar": (lambda y: sc.xlogy(2.0, y), X.astype(np.float32)),
    "xlog1py": (sc.xlog1py, S, X),
    "rel_entr": (sc.rel_entr, X, X[0]),
    "kl_div": (sc.kl_div, X, X[0]),
    "huber": (lambda x: sc.huber(0.7, x), S),
    "pseudo_huber": (lambda x: sc.pseudo_huber(0.7, x), S),
    "erf complex": (sc.erf, Z),
    "xlogy complex": (sc.xlogy, Z, X),
    "polygamma": (lambda x: reached.polygamma(2, x), X),
    "polygamma 0": (lambda x: reached.polygamma(0, x), X),
    "polygamma float32": (lambda x: reached.polygamma(1, x), X.astype(np.float32)),
    "polygamma np.int64": (lambda x: reached.polygamma(np.int64(1), x), X),
    "np.i0": (np.i0, S),
}
LSE: dict[str, tuple[Any, ...]] = {
    "": (lambda x: reached.logsumexp(x), S),
    "axis": (lambda x: reached.logsumexp(x, axis=1), S),
    "keepdims": (lambda x: reached.logsumexp(x, axis=-1, keepdims=True), S),
    "axes": (lambda x: reached.logsumexp(x, axis=(0, 1)), S),
    "b": (lambda x, b: reached.logsumexp(x, b=b), S, X),
    "b broadcast": (lambda x, b: reached.logsumexp(x, axis=0, b=b), S, X[0]),
    "b scalar": (lambda x: reached.logsumexp(x, b=2.0), S),
    "b with zeros": (lambda x: reached.logsumexp(x, b=np.array([0.0, 1.0, 2.0])), S),
    "sign": (
        lambda x, b: reached.logsumexp(x, axis=1, b=b, return_sign=True),
        S,
        np.array([-1.0, 2.0, -0.5]),
    ),
    "large": (lambda x: reached.logsumexp(1000.0 * x, axis=0), S),
    "float32": (lambda x: reached.logsumexp(x, axis=0), S.astype(np.float32)),
    "float32 b": (lambda x: reached.logsumexp(x, b=2), S.astype(np.float32)),
    "int": (lambda x: reached.logsumexp(x, axis=0), I),
    "0-d": (lambda x: reached.logsumexp(x), np.array(1.5)),
    "complex": (lambda x: reached.logsumexp(x, axis=1), Z),
    "softmax": (lambda x: reached.softmax(x), S),
    "softmax axis": (lambda x: reached.softmax(x, axis=-1), S),
    "softmax float32": (lambda x: reached.softmax(x, axis=0), S.astype(np.float32)),
    "softmax int": (lambda x: reached.softmax(x, axis=0), I),
    "log_softmax": (lambda x: reached.log_softmax(x, axis=1), S),
    "log_softmax all": (lambda x: reached.log_softmax(x), S),
    "log_softmax float32": (lambda x: reached.log_softmax(x, axis=0), S.astype(np.float32)),
    "log_softmax 0-d": (lambda x: reached.log_softmax(x), np.array(1.5)),
}
CASES |= {f"logsumexp {name}": case for name, case in LSE.items()}


@pytest.mark.parametrize("name", CASES)
def test_function(name: str) -> None:
    f, *args = CASES[name]
    check(f, *args, eps=16.0)


@pytest.mark.parametrize("edge", [[-np.inf, 0.0], [-np.inf, -np.inf], [np.inf, 1.0], [np.nan, 1.0]])
def test_logsumexp_at_infinities(edge: list[float]) -> None:
    x = np.array(edge)
    for f in (reached.logsumexp, reached.softmax, reached.log_softmax):
        check(f, x, derivative=False)


def test_logsumexp_of_nothing() -> None:
    check(lambda x: reached.logsumexp(x), np.zeros(0), derivative=False)
    check(lambda x: reached.logsumexp(x, axis=1), np.zeros((2, 0)), derivative=False)


@pytest.mark.parametrize(
    "f, x, wanted",
    [
        (lambda x: reached.logsumexp(x), [-np.inf, 0.0], [0.0, 1.0]),
        (lambda x: reached.logsumexp(x), [-np.inf, -np.inf], [0.0, 0.0]),
        (lambda x: reached.logsumexp(x), [1e5, 1e5], [0.5, 0.5]),
        (lambda x: reached.logsumexp(x, b=np.array([0.0, 1.0])), [np.inf, 0.0], [0.0, 1.0]),
        (lambda x: sc.xlogy(0.0, x), [0.0, 2.0], [0.0, 0.0]),
        (lambda x: sc.rel_entr(0.0, x), [0.0, 2.0], [0.0, 0.0]),
        (lambda x: sc.i1(x), [0.0, 0.0], [0.5, 0.5]),
        (lambda x: sc.i0e(x), [0.0, 0.0], [0.0, 0.0]),
        (lambda x: sc.log_expit(x), [-800.0, 800.0], [1.0, 0.0]),
        (lambda x: sc.expit(x), [-800.0, 800.0], [0.0, 0.0]),
    ],
)
def test_conventions(f: Any, x: list[float], wanted: list[float]) -> None:
    (found,) = gradient(f, np.array(x))
    np.testing.assert_array_equal(found, wanted)


def test_hessian_of_logsumexp_at_a_tie() -> None:
    """diag(p) - p p' with p = (1/2, 1/2), though the maximum is attained twice."""
    from primitive_checks import dense

    from tapejit.passes.adjoint import adjoint
    from tapejit.passes.pushforward import pushforward

    with capturing() as cap:
        x = traced(cap, np.array([2.0, 2.0]))
        y = reached.logsumexp(x)
        g = adjoint(cap.b, [y.sym], [cap.b.lit(1.0)], [x.sym])
        t = pushforward(cap.b, [x.sym], [cap.b.input(x.aval, np.array([1.0, 0.0]))], g)
        np.testing.assert_allclose(cap.b.known[dense(cap.b, t, [x.sym])[0].id], [0.25, -0.25])


def test_log_ndtr_far_to_the_left() -> None:
    x = np.array([-3.0, -10.0, -1e3, -1e6])
    (found,) = gradient(sc.log_ndtr, x)
    with mpmath.workdps(60):
        wanted = [float(mpmath.npdf(v) / mpmath.ncdf(v)) if v > -1e4 else -v - 1 / v for v in x]
    np.testing.assert_allclose(found, wanted, rtol=1e-12)


def test_what_is_refused() -> None:
    with capturing() as cap:
        x = traced(cap, X)
        y = sc.gammainc(x, 2.0)
        from tapejit.passes.adjoint import adjoint

        with pytest.raises(UnsupportedError, match="gammainc with respect to its parameter"):
            adjoint(cap.b, [y.sym], [cap.b.input(y.aval, X)], [x.sym])
        with pytest.raises(UnsupportedError, match="ufunc wofz has no rule"):
            sc.wofz(x)
        with pytest.raises(UnsupportedError, match="order must be a plain integer"):
            reached.polygamma(x, x)
        with pytest.raises(UnsupportedError, match="return_sign"):
            reached.logsumexp(traced(cap, Z), return_sign=True)


def test_plain_arrays_go_to_scipy() -> None:
    np.testing.assert_array_equal(reached.softmax(S, axis=1), sc.softmax(S, axis=1))
    assert reached.expit is sc.expit


def test_scipy_is_not_imported_before_it_is_used() -> None:
    code = (
        "import sys, tapejit, numpy as np\n"
        "tapejit.grad(lambda x: np.tanh(x).sum())(np.ones(3))\n"
        "sys.exit(any(m == 'scipy' or m.startswith('scipy.') for m in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_scipys_own_names_work_under_a_transformation() -> None:
    import tapejit as tj

    def loss(x: Any) -> Any:
        return sc.logsumexp(x) + np.sum(sc.softmax(x, axis=0) ** 2)

    def same(x: Any) -> Any:
        return reached.logsumexp(x) + np.sum(reached.softmax(x, axis=0) ** 2)

    value, found = tj.value_and_grad(loss)(S)
    np.testing.assert_allclose(value, loss(S))
    np.testing.assert_allclose(found, gradient(same, S)[0])
