"""custom_vjp and custom_jvp in every direction and order."""

from __future__ import annotations

import pickle
from functools import partial

import numpy as np
import pytest
from differences import close, jacobian

import tapejit as tj

X = np.linspace(-1.0, 2.0, 5)


def sigmoid(x):
    return 1.0 / (1.0 + np.exp(-x))


@tj.custom_jvp
def softplus(x):
    """The logarithm of 1 + exp(x)."""
    return np.log(1.0 + np.exp(x))


@softplus.defjvp
def softplus_rule(primals, tangents):
    (x,), (t,) = primals, tangents
    return softplus(x), t * sigmoid(x)


@tj.custom_vjp
def scaled(x, y):
    return np.sin(x) * y


def scaled_fwd(x, y):
    return scaled(x, y), (x, y)


def scaled_bwd(residuals, ct):
    x, y = residuals
    return 2.0 * ct * np.cos(x) * y, ct * np.sin(x)


scaled.defvjp(scaled_fwd, scaled_bwd)


@tj.custom_vjp
def clipped(x):
    return x


clipped.defvjp(lambda x: (x, None), lambda _, ct: (np.minimum(ct, 1.0),))


def test_outside_of_transformations_they_are_the_function():
    close(softplus(X), np.log1p(np.exp(X)))
    close(tj.jit(softplus)(X), np.log1p(np.exp(X)))
    assert softplus.__doc__ == "The logarithm of 1 + exp(x)."
    assert "custom_jvp softplus" in repr(softplus)


@pytest.mark.parametrize("compile", ["never", "always"])
def test_custom_jvp_in_both_modes_and_higher_orders(compile):
    s = sigmoid(X)
    e = partial(tj.elementwise_grad, compile=compile)
    for _ in range(3):
        close(e(softplus)(X), s, 1e-12)
    close(e(e(softplus))(X), s * (1 - s), 1e-12)
    close(tj.jvp(softplus, (X,), (X,), compile=compile)[1], s * X, 1e-12)
    close(tj.hessian(lambda x: np.sum(softplus(x)))(X), np.diag(s * (1 - s)), 1e-12)
    close(e(e(e(softplus)))(X), s * (1 - s) * (1 - 2 * s), 1e-12)


@pytest.mark.parametrize("compile", ["never", "always"])
def test_custom_vjp_in_both_modes_and_higher_orders(compile):
    x, y = 0.3, 2.0
    g = tj.grad(scaled, (0, 1), compile=compile)
    for _ in range(3):
        close(g(x, y)[0], 2 * np.cos(x) * y)
        close(g(x, y)[1], np.sin(x))
    # The rule says 2 cos(x) y dx + sin(x) dy, in the other direction too.
    assert tj.jvp(scaled, (x, y), (1.0, 10.0))[1] == pytest.approx(4 * np.cos(x) + 10 * np.sin(x))
    assert tj.grad(tj.grad(scaled))(x, y) == pytest.approx(-2 * np.sin(x) * y)
    assert tj.hvp(scaled)(x, y, 1.0) == pytest.approx(-2 * np.sin(x) * y)
    _, pullback = tj.vjp(scaled, x, y, compile=compile)
    assert pullback(3.0)[1] == pytest.approx(3 * np.sin(x))


def test_the_rule_is_used_and_not_the_function():
    assert tj.grad(lambda x: 10.0 * clipped(x))(3.0) == 1.0
    assert tj.grad(lambda x: 0.5 * clipped(x))(3.0) == 0.5
    close(tj.jacrev(lambda x: 3.0 * clipped(x))(X), np.eye(5))


def test_a_rule_that_is_not_linear_does_not_serve_forward_mode():
    with pytest.raises(tj.errors.UnsupportedError, match=r"clipped.*not linear.*\.py:\d+"):
        tj.jvp(clipped, (1.0,), (1.0,))


def test_nondiff_argnums_and_containers():
    @partial(tj.custom_vjp, nondiff_argnums=(0, 2))
    def apply(fn, p, n):
        return {"out": fn(p["x"]) * n}

    def fwd(fn, p, n):
        return apply(fn, p, n), p["x"]

    def bwd(fn, n, x, ct):
        return ({"x": ct["out"] * 7.0 * n, "unused": None},)

    apply.defvjp(fwd, bwd)
    p = {"x": X, "unused": 1.0}
    found = tj.grad(lambda p: np.sum(apply(np.sin, p, 3)["out"]))(p)
    close(found["x"], np.full(5, 21.0))
    assert found["unused"] == 0.0


def test_defjvps_and_keyword_arguments():
    @tj.custom_jvp
    def f(x, y=2.0):
        return x * x * y

    f.defjvps(lambda t, out, x, y: 5.0 * t * x, None)
    assert tj.grad(lambda x, y: f(x, y=y), (0, 1))(3.0, 4.0) == (15.0, 0.0)
    assert tj.grad(f)(3.0) == 15.0


def test_several_results_and_unused_ones():
    @tj.custom_jvp
    def pair(x):
        return np.sin(x), (np.cos(x), 3)

    @pair.defjvp
    def rule(primals, tangents):
        (x,), (t,) = primals, tangents
        s, (c, n) = pair(x)
        return (s, (c, n)), (t * c, (-t * s, None))

    def f(x):
        s, (c, n) = pair(x)
        return np.sum(s * c * n)

    close(tj.grad(f)(X), 3 * np.cos(2 * X), 1e-12)
    close(tj.grad(lambda x: np.sum(pair(x)[0]))(X), np.cos(X), 1e-12)
    close(tj.hessian(f)(X), np.diag(-6 * np.sin(2 * X)), 1e-12)


def test_mutually_recursive_rules_end():
    sin, cos = tj.custom_jvp(np.sin), tj.custom_jvp(np.cos)
    sin.defjvp(lambda p, t: (sin(p[0]), t[0] * cos(p[0])))
    cos.defjvp(lambda p, t: (cos(p[0]), -t[0] * sin(p[0])))
    d = sin
    for k in range(4):
        d = tj.grad(d, compile="never")
        assert d(0.4) == pytest.approx(np.sin(0.4 + (k + 1) * np.pi / 2))


def test_rules_close_over_traced_values_and_arrays():
    w = np.array([1.0, 2.0, 3.0, 4.0, 5.0])

    def outer(a):
        @tj.custom_vjp
        def f(x):
            return x * x

        f.defvjp(lambda x: (f(x), x), lambda x, ct: (ct * x * w * a,))
        return np.sum(tj.grad(lambda x: np.sum(f(x)))(X))

    for _ in range(3):
        assert tj.grad(outer)(2.0) == pytest.approx(X @ w)
        w += 1.0


def test_custom_rules_inside_jacobian_vmap_and_loops():
    close(tj.jacobian(lambda x: softplus(x) * x[0])(X), jacobian(lambda x: softplus(x) * x[0], X))
    A = np.arange(10.0).reshape(2, 5) / 10

    def rows(A):
        return np.sum(tj.vmap(lambda a: np.sum(softplus(a) ** 2))(A))

    close(tj.grad(rows)(A), jacobian(rows, A))
    close(tj.hessian(rows)(A), jacobian(tj.grad(rows), A), 1e-6)


def test_integer_arguments_get_no_cotangent():
    @tj.custom_vjp
    def power(x, n):
        return x**n

    power.defvjp(lambda x, n: (power(x, n), (x, n)), lambda r, ct: (ct * 100.0, None))
    assert tj.grad(power)(2.0, 3) == 100.0
    assert tj.grad(lambda x: np.sum(power(x, np.arange(3))))(2.0 * np.ones(3)).tolist() == [100] * 3


def test_a_python_branch_on_residuals_is_guarded():
    @tj.custom_vjp
    def f(x):
        return x

    f.defvjp(lambda x: (x, x), lambda x, ct: (ct * 2.0 if x > 0 else ct * 3.0,))
    g = tj.grad(f, compile="never")
    for _ in range(3):
        assert g(1.0) == 2.0
        assert g(-1.0) == 3.0


def test_nothing_of_the_rule_is_left_in_the_finished_tape():
    tape = tj.grad(lambda x: np.sum(softplus(x) * clipped(x)), compile="never").tape(X)
    assert not {row.prim.name for row in tape} & {"custom", "out"}


def test_pickling():
    for fn in (softplus, scaled):
        assert pickle.loads(pickle.dumps(fn)) is fn


def refused(match, kind, call):
    with pytest.raises(kind, match=match) as caught:
        call()
    assert isinstance(caught.value, tj.errors.TapejitError)
    assert "test_custom_rules.py:" in str(caught.value)


def test_messages():
    bare = tj.custom_vjp(np.sin)
    refused("sin has no rule", TypeError, lambda: tj.grad(bare)(1.0))
    refused("sin has no rule", TypeError, lambda: tj.grad(tj.custom_jvp(np.sin))(1.0))
    assert bare(0.0) == 0.0

    def made(fwd, bwd):
        f = tj.custom_vjp(np.square)
        f.defvjp(fwd, bwd)
        return lambda: tj.grad(lambda x: np.sum(f(x)))(X)

    refused("must return .out, residuals.", TypeError, made(lambda x: x, None or abs))
    refused("tuple of 1", TypeError, made(lambda x: (x, x), lambda x, ct: ct))
    refused("tuple of 1", TypeError, made(lambda x: (x, x), lambda x, ct: (ct, ct)))
    refused("shape .5,., got .2,.", ValueError, made(lambda x: (x, x), lambda x, ct: (ct[:2],)))
    refused(
        "array or a number|number is due", TypeError, made(lambda x: (x, x), lambda x, ct: ([ct],))
    )
    refused("must be real", TypeError, made(lambda x: (x, x), lambda x, ct: (ct * 1j,)))

    def ruled(rule):
        f = tj.custom_jvp(np.square)
        f.defjvp(rule)
        return lambda: tj.grad(lambda x: np.sum(f(x)))(X)

    refused("must return .out, tangent_out.", TypeError, ruled(lambda p, t: p[0]))
    refused("shape .5,., got ...", ValueError, ruled(lambda p, t: (p[0], np.sum(t[0]))))
    refused("depends on the tangents", TypeError, ruled(lambda p, t: (t[0], t[0])))
    branch = ruled(lambda p, t: (p[0], t[0] if np.sum(t[0]) > 0 else -t[0]))
    refused("is not linear in its tangents", NotImplementedError, branch)
    branch = ruled(tj.no_rewrite(lambda p, t: (p[0], t[0] if np.sum(t[0]) > 0 else -t[0])))
    refused("Python asks for the value", TypeError, branch)
    with pytest.raises(TypeError, match="takes a function"):
        tj.custom_vjp(3)


def test_keyword_only_arguments_are_refused():
    f = tj.custom_jvp(lambda x, *, scale: x * scale)
    refused("cannot take scale=", TypeError, lambda: f(1.0, scale=2.0))
