"""vmap and the map row: axes, derivatives, hoisting, replay."""

from __future__ import annotations

import numpy as np
import pytest
from differences import close, jacobian

import tapejit as tj
from tapejit.core.avals import Aval
from tapejit.passes.adjoint import adjoint
from tapejit.rules.declare import ops
from tapejit.tape.ir import Builder
from tapejit.tape.replay import interpret
from tapejit.tape.text import from_text, to_text
from tapejit.tape.verify import verify

RNG = np.random.default_rng(2)
A = RNG.normal(size=(4, 3))
W = RNG.normal(size=3)


def score(a, w):
    return np.tanh(np.sum(a * w)) * w[0]


def looped(A, w):
    return np.array([score(a, w) for a in A])


@pytest.mark.parametrize("compile", ["never", "always"])
def test_values_and_derivatives(compile):
    v = tj.vmap(score, in_axes=(0, None), compile=compile)
    for _ in range(3):
        close(v(A, W), looped(A, W), 1e-12)

    def total(A, w):
        return np.sum(tj.vmap(score, in_axes=(0, None))(A, w) ** 2)

    g = tj.grad(total, (0, 1), compile=compile)
    for _ in range(2):
        close(g(A, W)[0], jacobian(lambda A: np.sum(looped(A, W) ** 2), A))
        close(g(A, W)[1], jacobian(lambda w: np.sum(looped(A, w) ** 2), W))
    close(tj.jacfwd(v, argnums=1)(A, W), jacobian(lambda w: looped(A, w), W))
    H = tj.hessian(total, argnums=(0, 1))(A, W)
    close(H[1][1], jacobian(lambda w: tj.grad(total, 1)(A, w), W), 1e-6)
    close(H[0][1], jacobian(lambda w: tj.grad(total, 0)(A, w), W), 1e-6)


def test_gradients_of_each_example():
    g = tj.vmap(tj.grad(score, argnums=1), in_axes=(0, None))
    close(g(A, W), np.array([tj.grad(score, 1)(a, W) for a in A]), 1e-12)


def test_axes_of_arguments_and_results():
    B = RNG.normal(size=(3, 4, 2))
    close(tj.vmap(lambda b: np.sum(b, axis=0), in_axes=1, out_axes=-1)(B), B.sum(0).T)
    close(tj.vmap(lambda b: b * 2, in_axes=-1, out_axes=2)(B), B * 2)
    f = tj.vmap(
        lambda p, s: {"u": p["a"] * s, "v": p["b"]},
        in_axes=({"a": 0, "b": None}, None),
        out_axes={"u": 0, "v": 0},
    )
    found = f({"a": A, "b": W}, 2.0)
    close(found["u"], A * 2)
    close(found["v"], np.broadcast_to(W, (4, 3)))
    close(tj.vmap(lambda x, *, y: x + y)(A, y=A), 2 * A)


def test_nesting():
    close(tj.vmap(tj.vmap(np.sin))(A), np.sin(A))
    outer = tj.vmap(lambda a: tj.vmap(lambda w: a * w, in_axes=0)(W))
    close(outer(A[:, 0]), np.outer(A[:, 0], W))

    def total(A):
        return np.sum(tj.vmap(tj.vmap(lambda a: np.sin(a) * W[0]))(A) * A)

    close(tj.grad(total)(A), jacobian(total, A))


def test_results_that_do_not_depend_on_the_index():
    found = tj.vmap(lambda a: (W, 3, np.sum(W)))(A)
    close(found[0], np.broadcast_to(W, (4, 3)))
    np.testing.assert_array_equal(found[1], np.full(4, 3))
    close(tj.grad(lambda w: np.sum(tj.vmap(lambda a: w)(A)))(W), np.full(3, 4.0))
    assert tj.grad(lambda w: np.sum(tj.vmap(lambda a: np.sum(a) * 0 + w)(A)))(2.0) == 4.0


def test_work_on_shared_values_is_done_once():
    tape = tj.vmap(lambda a, w: a * np.exp(w), in_axes=(0, None), compile="never").tape(A, W)
    (row,) = [r for r in tape if r.prim.name == "map"]
    assert "exp" in {r.prim.name for r in tape}
    assert {r.prim.name for r in row.params["body"]} == {"input", "multiply"}


def test_guards_on_shared_values_hold_outside():
    f = tj.vmap(lambda a, w: a * 2 if w > 0 else a * 3, in_axes=(0, None), compile="never")
    for _ in range(3):
        close(f(A, 1.0), A * 2)
        close(f(A, -1.0), A * 3)


def test_length_zero_and_one():
    assert tj.vmap(np.sin)(np.zeros((0, 3))).shape == (0, 3)
    g = tj.grad(lambda w: np.sum(tj.vmap(lambda a: a * w)(np.zeros((0, 3)))))
    np.testing.assert_array_equal(g(W), np.zeros(3))
    close(tj.vmap(np.sin)(A[:1]), np.sin(A[:1]))


def test_dtypes_and_masked_derivatives():
    A32 = A.astype(np.float32)
    assert tj.vmap(lambda a: a * 2.0)(A32).dtype == np.float32
    assert tj.grad(lambda A: np.sum(tj.vmap(lambda a: a * 2.0)(A)))(A32).dtype == np.float32
    x = np.array([0.0, 1.0, -1.0])

    def safe(x):
        return np.where(x > 0, np.log(x), 0.0)

    close(tj.grad(lambda x: np.sum(tj.vmap(safe)(x)))(x), np.array([0.0, 1.0, 0.0]))
    # The selection stands outside of the map, the pole inside.
    outside = lambda x: np.sum(np.where(x > 0, tj.vmap(np.log)(x), 0.0))
    close(tj.grad(outside)(x), np.array([0.0, 1.0, 0.0]))


def test_a_mask_inside_guards_a_pole_outside():
    x = np.array([0.0, 1.0, -1.0])

    def total(x):
        return np.sum(tj.vmap(lambda x, y: np.where(x > 0, y, 0.0))(x, np.log(x)))

    close(tj.grad(total)(x), np.array([0.0, 1.0, 0.0]))


def test_a_shared_operand_of_a_sum_counts_once_for_each_index():
    inner, f64 = Builder(), np.dtype(float)
    a, w = inner.input(Aval(f64, (3,))), inner.input(Aval(f64, (3,)))
    body = inner.finish([a + w])
    b = Builder()
    x, v, ct = (b.input(Aval(f64, s)) for s in [(4, 3), (3,), (3,)])
    row = ops.map(x, v, body=body, mapped=(True, False), summed=(True,))
    (y,) = b.outs(row)
    tape = b.finish([y, *adjoint(b, [y], [ct], [x, v])])
    y_, cx, cv = interpret(verify(tape), [A, W, np.arange(3.0)])
    close(y_, A.sum(0) + 4 * W)
    close(cx, np.broadcast_to(np.arange(3.0), (4, 3)))
    close(cv, 4 * np.arange(3.0))


class Model:
    def __init__(self):
        self.w = np.array([1.0, 2.0, 3.0])


def test_arrays_in_objects_are_read_at_every_call():
    model = Model()
    f = tj.vmap(lambda a: a * model.w, compile="never")
    for k in range(4):
        model.w = np.full(3, float(k))
        close(f(A), A * k)
    assert f.stats()["captures"] == 2


def test_equal_bodies_print_once_and_nested_ones_parse():
    def twice(A):
        v = tj.vmap(lambda a: tj.vmap(np.sin)(a))
        return v(A), v(v(A)), tj.vmap(np.sin)(A[0])

    tape = tj.jit(twice, compile="never").tape(A)
    text = to_text(tape)
    assert text.count("body @") == 2
    assert from_text(text) == tape and len(from_text(text)) == len(tape)


def test_map_rows_print_parse_verify_and_replay():
    def total(A, w):
        return np.sum(tj.vmap(lambda a: tj.vmap(lambda s: s * w)(a))(A) ** 2)

    tape = tj.grad(total, argnums=1, compile="never").tape(A, 2.0)
    again = from_text(to_text(tape))
    assert again == tape and verify(again) is again
    inputs = [A, np.float64(2.0)]
    for a, b in zip(interpret(again, inputs), interpret(tape, inputs)):
        np.testing.assert_array_equal(a, b)


def refused(match, kind, call):
    with pytest.raises(kind, match=match) as caught:
        call()
    assert isinstance(caught.value, tj.errors.TapejitError)
    assert "test_vmap.py:" in str(caught.value)


def test_a_branch_on_an_element():
    def branching(a):
        return a * a if a > 0 else -np.sin(a)

    x = np.array([-2.0, -0.5, 0.0, 1.5])
    mapped = np.where(x > 0, x * x, -np.sin(x))
    np.testing.assert_array_equal(tj.vmap(branching)(x), mapped)
    found = tj.grad(lambda x: np.sum(tj.vmap(branching)(x)))(x)
    np.testing.assert_allclose(found, np.where(x > 0, 2 * x, -np.cos(x)))


def test_messages():
    @tj.no_rewrite
    def branching(a):
        return a if a > 0 else -a

    refused("Python asks for the value", TypeError, lambda: tj.vmap(branching)(W))
    refused("2 in_axes for 1 arg", TypeError, lambda: tj.vmap(np.sin, in_axes=(0, 0))(W))
    refused("has no axes", TypeError, lambda: tj.vmap(np.sin)(2.0))
    refused("axis 1 of an argument", TypeError, lambda: tj.vmap(np.sin, in_axes=1)(W))
    refused("one common length", ValueError, lambda: tj.vmap(np.add)(A, W))
    refused("one common length", ValueError, lambda: tj.vmap(np.sin, in_axes=None)(W))
    refused("in_axes", TypeError, lambda: tj.vmap(np.sin, in_axes=({"a": 0},))(W))
    refused("out_axes 2", TypeError, lambda: tj.vmap(np.sin, out_axes=2)(W))
    refused("never modified", ValueError, lambda: tj.vmap(lambda a: a.fill(1.0))(A))
