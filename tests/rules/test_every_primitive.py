"""One test for every primitive, from its declaration: no primitive is exempt without a reason."""

from __future__ import annotations

import zlib
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import mutually_broadcastable_shapes
from primitive_checks import check_derivatives, check_value

import tapejit.passes.bodies
import tapejit.passes.loops
import tapejit.rules.linalg  # noqa: F401  (declared when first named: here all are tested)
from tapejit.core.avals import aval_of
from tapejit.core.errors import UnsupportedError
from tapejit.tape.ir import Builder
from tapejit.tape.primitive import PRIMITIVES, Primitive

EXEMPT = {
    "input": "is given, not computed",
    "lit": "is given, not computed",
    "out": "reads one result of another row; tested with every row that has several",
    "guard": "has no result to differentiate; tested with captures",
    "draw": "takes a generator, no array; tested with the programs that draw",
    "draws_in_turn": "takes a generator, no array; tested with the programs that draw",
    "generator": "makes a generator, no array; tested with the programs that draw",
    "custom": "runs the rule that a user gave; tested with the transformations",
}
"""Rows that no sample can describe, each with the reason."""

NOT_THE_DERIVATIVE = {
    "stop_gradient": "its derivative is zero by definition, unlike its differences",
    "tie_mean": "averages over exact ties, which a difference breaks",
}
"""Primitives whose rule deliberately differs from the derivative of their values."""


ORDERS: dict[str, tuple[int, str]] = {
    "blocks": (0, "is made when a kernel is written, behind all derivatives"),
}
"""How often a primitive can be differentiated where that is not for ever, and why; it must refuse
to be differentiated once more."""


def rng_of(prim: Primitive) -> np.random.Generator:
    return np.random.default_rng(zlib.crc32(prim.name.encode()))


def samples_of(prim: Primitive) -> list[Any]:
    return [] if prim.samples is None else list(prim.samples(rng_of(prim)))


TESTED = [p for p in PRIMITIVES if p.name not in EXEMPT and not p.family]
SAMPLES = [
    pytest.param(p, arrays, params, id=f"{p.name}-{k}")
    for p in TESTED
    for k, (arrays, params) in enumerate(samples_of(p))
]
ELEMENTWISE = [pytest.param(p, id=p.name) for p in TESTED if p.domain]


@pytest.mark.parametrize("prim", [pytest.param(p, id=p.name) for p in TESTED])
def test_every_primitive_has_samples(prim: Primitive) -> None:
    assert samples_of(prim), f"{prim.name} declares no samples: give it some, or a domain"


def test_exemptions_are_primitives_and_reasoned() -> None:
    names = {p.name for p in PRIMITIVES}
    assert {"add", "sum", "gather", "cholesky", "svd", "rfft", "map"} <= names
    for name, reason in {**EXEMPT, **NOT_THE_DERIVATIVE, **ORDERS}.items():
        assert name in names and reason


@pytest.mark.parametrize("prim, arrays, params", SAMPLES)
def test_values(prim: Primitive, arrays: Any, params: Any) -> None:
    check_value(prim, arrays, params)


@pytest.mark.parametrize("prim, arrays, params", SAMPLES)
def test_derivatives(prim: Primitive, arrays: Any, params: Any) -> None:
    if prim.name in NOT_THE_DERIVATIVE:
        return
    order, _ = ORDERS.get(prim.name, (2, ""))
    if order:
        check_derivatives(prim, arrays, params, rng_of(prim), second=order > 1)
    if order < 2:
        with pytest.raises(UnsupportedError):
            check_derivatives(prim, arrays, params, rng_of(prim))


# ---------------------------------------------------------------- elementwise: any layout


def laid_out(x: Any, layout: str) -> Any:
    """The same values in memory of another layout."""
    if x.ndim == 0:
        return x
    if layout == "reversed":
        return np.ascontiguousarray(x[::-1])[::-1]
    if layout == "strided":
        roomy = np.zeros((*x.shape[:-1], 2 * x.shape[-1]), x.dtype)
        roomy[..., ::2] = x
        return roomy[..., ::2]
    if layout == "fortran":
        return np.asfortranarray(x)
    return x


@st.composite
def operands(draw: Any, prim: Primitive) -> tuple[Any, ...]:
    """Broadcasting operands of one of the dtypes and somewhere in the domain."""
    n = len(prim.domain)
    shapes = draw(mutually_broadcastable_shapes(num_shapes=n, max_dims=3, max_side=3, min_side=0))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    made = []
    for domain, shape in zip(prim.domain, shapes.input_shapes):
        dtype = draw(st.sampled_from(domain.dtypes))
        layout = draw(st.sampled_from(["plain", "reversed", "strided", "fortran"]))
        made.append(laid_out(domain.draw(rng, shape, dtype), layout))
    return tuple(made)


@pytest.mark.parametrize("prim", ELEMENTWISE)
def test_elementwise(prim: Primitive) -> None:
    params = samples_of(prim)[0][1]

    @settings(
        max_examples=12,
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    @given(operands(prim))
    def check(arrays: Any) -> None:
        check_value(prim, arrays, params)
        if prim.name not in NOT_THE_DERIVATIVE:
            check_derivatives(prim, arrays, params, rng_of(prim), second=False)

    check()


@pytest.mark.parametrize("prim", [p for p in ELEMENTWISE if len(p.values[0].domain) == 2])
def test_python_scalars_stay_weak(prim: Primitive) -> None:
    """``f(float32 array, 0.5)`` has the dtype that NumPy gives it."""
    left, right = prim.domain
    if not {"float32", "float64"} <= set(left.dtypes) & set(right.dtypes):
        pytest.skip("not a function of two floats")
    rng = rng_of(prim)
    params = samples_of(prim)[0][1]
    for dtype in ("float32", "float64"):
        x = left.draw(rng, (3,), dtype)
        number = float(right.draw(rng, (), "float64"))
        b = Builder(eager=True)
        y = prim.on(b, b.input(aval_of(x), x), number, **params)
        wanted = prim.numpy(x, number, **params)
        assert y.dtype == wanted.dtype
        np.testing.assert_array_equal(b.known[y.id], wanted)
