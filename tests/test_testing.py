"""The public checks: they pass what is right, refuse what is wrong, and say both numbers."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings

import tapejit as tj
from tapejit.rules.declare import Domain
from tapejit.testing import (
    GradientMismatch,
    arrays,
    broadcastable,
    check_grads,
    shapes,
)

X = np.array([0.3, -0.8, 1.2])
quick = settings(max_examples=30, deadline=None, derandomize=True)


@tj.custom_vjp
def wrong(x):
    return np.sin(x)


wrong.defvjp(lambda x: (np.sin(x), x), lambda x, ct: (1.01 * ct * np.cos(x),))


@tj.custom_jvp
def wrong_twice(x):
    return x * x * x


# Right at first order, while the rule itself differentiates to something else.
wrong_twice.defjvp(lambda p, t: (p[0] ** 3, 3.0 * p[0] * tj.stop_gradient(p[0]) * t[0]))


def test_right_derivatives_pass():
    check_grads(lambda x, y: np.sin(x) * y + np.sum(x), (X, 2.0), order=3)
    check_grads(lambda p: [p["a"] * p["b"], np.exp(p["a"])], ({"a": X, "b": 0.5},))
    check_grads(lambda x, n: x**n, (X, 3))
    check_grads(lambda x: np.sum(x), (np.zeros((0, 2)),))
    check_grads(lambda x: np.sin(x) * x, (X.astype(np.float32),))
    check_grads(lambda z: np.exp(z) * np.real(z), (X + 0.5j,))
    check_grads(lambda x: (x * x, 3, "s"), (X,), modes=("rev",))


def test_wrong_derivatives_are_refused_with_both_numbers():
    with pytest.raises(
        GradientMismatch, match=r"wrong: the rev derivative.*is -?\d.*give -?\d"
    ) as e:
        check_grads(wrong, (X,), modes=("rev",))
    assert "test_testing.py:" in str(e.value) and isinstance(e.value, AssertionError)
    with pytest.raises(GradientMismatch, match=r"the fwd derivative of result 0 at \[0\] is"):
        check_grads(wrong, (X,), modes=("fwd",))
    with pytest.raises(GradientMismatch, match="wrong"):
        check_grads(lambda x: wrong(x.astype(np.float32)), (X,))


def test_the_second_order_is_really_checked():
    check_grads(wrong_twice, (X,), order=1)
    for modes in (("fwd",), ("rev",)):
        with pytest.raises(GradientMismatch, match=f"{modes[0]}-{modes[0]}"):
            check_grads(wrong_twice, (X,), order=2, modes=modes)


def test_tolerances_are_used():
    check_grads(wrong, (X,), order=1, rtol=0.1)
    check_grads(wrong, (X,), order=1, atol=0.1)


def test_wrong_use():
    with pytest.raises(tj.errors.ArgumentError, match="no argument is float"):
        check_grads(lambda n: n, (3,))
    with pytest.raises(tj.errors.ArgumentError, match="modes"):
        check_grads(np.sin, (X,), modes=("forward",))


@quick
@given(arrays(np.float32, shapes(max_dims=2, min_side=0), (0.5, 2.0), layouts=True))
def test_arrays_are_in_their_domain(x):
    assert x.dtype == np.float32 and x.ndim <= 2
    assert np.all((x >= 0.5) & (x <= 2.0))


@quick
@given(arrays(np.complex128, 3, Domain(-1.0, 1.0, (0.0,))))
def test_domains_keep_their_distance(z):
    assert z.shape == (3,) and np.all(np.abs(z.real) > 0.1) and np.all(np.abs(z.imag) <= 1.0)


@quick
@given(broadcastable(3, domain=[(0, 1), (1, 2), (2, 3)]))
def test_broadcastable_arrays_broadcast(xs):
    np.broadcast_shapes(*[x.shape for x in xs])
    for k, x in enumerate(xs):
        assert np.all((x >= k) & (x <= k + 1))


@quick
@given(arrays(np.uint8, shapes(), (-3, 3)), arrays(bool, 2))
def test_integers_and_bools(n, flags):
    assert n.dtype == np.uint8 and np.all(n <= 3) and flags.dtype == bool


def test_hypothesis_is_imported_only_when_a_strategy_is_made():
    code = (
        "import sys, tapejit.testing as t; assert 'hypothesis' not in sys.modules;"
        "t.shapes(); assert 'hypothesis' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
