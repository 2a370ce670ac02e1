"""Sets of positions: never too small for any primitive or tape, and exact where it matters."""

from __future__ import annotations

import zlib
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import tapejit.passes.bodies
import tapejit.passes.loops
import tapejit.rules.linalg  # noqa: F401  (declared when first named: here all are tested)
from tapejit.core.avals import AVALS, TupleAval, aval_of
from tapejit.passes import sparsity
from tapejit.passes.colouring import colour
from tapejit.passes.sparsity import dependence
from tapejit.rules.declare import ops
from tapejit.tape.ir import Builder, Sym, Tape
from tapejit.tape.primitive import PRIMITIVES, Primitive
from tapejit.tape.replay import interpret
from tapejit.testing import tapes

few = settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


def differs(tape: Tape, inputs: list[Any]) -> list[Any]:
    """Return for each output what changes when an element of the first input does."""
    before = interpret(tape, inputs)
    found = [np.zeros((np.size(y), np.size(inputs[0])), bool) for y in before]
    for j in range(np.size(inputs[0])):
        for step in (0.37, -0.61):
            moved = np.array(inputs[0])
            moved.reshape(-1)[j] += step
            with np.errstate(all="ignore"):
                after = interpret(tape, [moved[()], *inputs[1:]])
            for k, (y, z) in enumerate(zip(before, after)):
                same = np.equal(y, z) | (np.not_equal(y, y) & np.not_equal(z, z))
                found[k][:, j] |= ~np.asarray(same).reshape(-1)
    return found


def check_superset(tape: Tape, inputs: list[Any], fixed: Any) -> None:
    sets = dependence(tape, fixed)
    assert sets is not None
    for may, does in zip(sets, differs(tape, inputs), strict=True):
        assert may.shape == does.shape
        assert not (does & ~may).any()


def one_row(prim: Primitive, arrays: Any, params: Any, first: int) -> tuple[Tape, list[Any]]:
    """Put a primitive on a tape whose first input is operand `first`."""
    b = Builder()
    order = [first, *(k for k in range(len(arrays)) if k != first)]
    ins = {k: b.input(aval_of(arrays[k])) for k in order}
    y = prim.on(b, *[ins[k] for k in range(len(arrays))], **params)
    several = isinstance(AVALS[b.avals[y.id]], TupleAval)
    return b.finish(b.outs(y) if several else (y,)), [np.asarray(arrays[k])[()] for k in order]


ROWS = [
    pytest.param(p, arrays, params, id=f"{p.name}-{n}")
    for p in PRIMITIVES
    if p.samples is not None and not p.family
    for n, (arrays, params) in enumerate(
        p.samples(np.random.default_rng(zlib.crc32(p.name.encode())))
    )
]


@pytest.mark.parametrize("prim, arrays, params", ROWS)
@pytest.mark.parametrize("known", [False, True])
def test_sets_hold_all_that_a_primitive_reads(prim, arrays, params, known):
    for first, x in enumerate(arrays):
        if np.asarray(x).dtype.kind not in "fc" or not np.size(x):
            continue
        tape, inputs = one_row(prim, arrays, params, first)
        whole = {k: v for k, v in enumerate(inputs) if k and np.asarray(v).dtype.kind in "iu"}
        check_superset(tape, inputs, whole if known else {})


@few
@given(st.data())
def test_sets_of_random_tapes_are_never_too_small(data):
    tape, inputs = data.draw(tapes(smooth=False))
    if np.size(inputs[0]):
        check_superset(tape, inputs, {})


def matrix(make: Any, n: int, fixed: Any = None, extra: tuple[Any, ...] = ()) -> Any:
    b = Builder()
    x = b.input(aval_of(np.zeros(n)))
    others = [b.input(aval_of(a)) for a in extra]
    found = dependence(b.finish([make(x, *others)]), fixed or {})
    assert found is not None
    return found[0]


def test_sets_are_exact_where_elements_are_moved():
    n = 70  # more than one word of bits
    ones = np.eye(n, dtype=bool)
    at = np.array([3, 0, 69, 3])

    def joined(x: Sym) -> Sym:
        low = ops.slice(x, ranges=((68, 2, -1),))
        return ops.concatenate(
            low, x * 2.0, ops.reshape(ops.sum(x, axis=(0,), keepdims=True), shape=(1,)), axis=0
        )

    want = np.concatenate([ones[[68, 67]], ones, np.ones((1, n), bool)])
    np.testing.assert_array_equal(matrix(joined, n), want)
    folded = matrix(lambda x: ops.sum(ops.reshape(x, shape=(7, 10)), axis=(1,), keepdims=False), n)
    np.testing.assert_array_equal(folded, np.kron(np.eye(7), np.ones(10)).astype(bool))
    taken = matrix(lambda x, i: ops.gather(x, i, axis=0), n, {1: at}, (at,))
    np.testing.assert_array_equal(taken, ones[at])
    anywhere = matrix(lambda x, i: ops.gather(x, i, axis=0), n, {}, (at,))
    assert anywhere.all() and anywhere.shape == (4, n)
    zeros = np.zeros(n)

    def scattered(x: Sym, z: Sym, i: Sym) -> Sym:
        return ops.scatter_add(z, ops.slice(x, ranges=((0, 4, 1),)), i, axis=0)

    want = np.zeros((n, n), bool)
    want[at, np.arange(4)] = True
    np.testing.assert_array_equal(matrix(scattered, n, {2: at}, (zeros, at)), want)


def test_operands_of_one_row_depend_together():
    def neighbours(x: Sym) -> Sym:
        left, mid, right = (ops.slice(x, ranges=((k, 3, 1),)) for k in range(3))
        return ops.where(left, mid, right)

    want = sum(np.eye(3, 5, k=k, dtype=int) for k in range(3)).astype(bool)
    np.testing.assert_array_equal(matrix(neighbours, 5), want)
    pairs = matrix(
        lambda x: ops.slice(x, ranges=((1, 4, 1),)) * ops.slice(x, ranges=((0, 4, 1),)), 5
    )
    np.testing.assert_array_equal(pairs, np.eye(4, 5, dtype=bool) | np.eye(4, 5, k=1, dtype=bool))


def test_a_custom_row_hands_its_results_through():
    b = Builder()
    x = b.input(aval_of(np.zeros(4)))
    y = ops.slice(x, ranges=((3, 4, -1),))
    inner = Builder()
    rule = inner.finish([inner.input(aval_of(np.zeros(4))) * 2.0])
    row = ops.custom(x, y, rule=rule, n_in=1, n_out=1, forward=True, name="f")
    found = dependence(b.finish(b.outs(row)), {})
    assert found is not None
    np.testing.assert_array_equal(found[0], np.eye(4, dtype=bool)[::-1])


def test_products_read_rows_and_columns():
    def product(x: Sym, w: Sym) -> Sym:
        return ops.matmul(ops.reshape(x, shape=(3, 2)), w)

    want = np.kron(np.kron(np.eye(3), np.ones((4, 1))), np.ones(2)).astype(bool)
    np.testing.assert_array_equal(matrix(product, 6, {}, (np.zeros((2, 4)),)), want)


def test_too_large_is_not_found_out(monkeypatch):
    b = Builder()
    x = b.input(aval_of(np.zeros(100)))
    tape = b.finish([x * 2.0])
    assert dependence(tape, {}) is not None
    monkeypatch.setattr(sparsity, "MOST_WORDS", 199)
    assert dependence(tape, {}) is None


# ---------------------------------------------------------------- colours


@few
@given(st.integers(0, 2**32 - 1), st.integers(1, 12), st.integers(1, 14), st.floats(0.0, 0.5))
def test_columns_of_one_colour_share_no_row(seed, m, n, filled):
    rng = np.random.default_rng(seed)
    A, B = (rng.random((m, n)) < filled for _ in range(2))
    found = colour([A, B], n)
    assert found is not None
    both = np.concatenate([A, B])
    for c in range(found.count):
        assert (both[:, found.colours == c].sum(axis=1) <= 1).all()
    assert both.sum(axis=1).max() <= found.count <= n
    for M, (rows, columns) in zip((A, B), found.entries, strict=True):
        again = np.zeros_like(M)
        again[rows, columns] = True
        np.testing.assert_array_equal(again, M)


@pytest.mark.parametrize("width", [1, 2, 3, 5])
def test_bands_take_as_many_colours_as_their_width(width):
    n = 40
    band = np.zeros((n, n), bool)
    for d in range(width):
        band |= np.eye(n, k=d - width // 2, dtype=bool)
    found = colour([band], n // 2)
    assert found is not None and found.count == width
    assert colour([band], width - 1) is None


def test_the_fullest_columns_first_when_that_takes_fewer_colours():
    # The crown: column 2 i and row k meet but for i = k, and likewise 2 i + 1; in natural order
    # every pair of columns gets a colour of its own.
    n = 6
    rows = []
    for i in range(n):
        for k in range(n):
            if i != k:
                row = np.zeros(2 * n, bool)
                row[[2 * i, 2 * k + 1]] = True
                rows.append(row)
    extra = np.zeros((n, 2 * n), bool)  # fills the even columns
    extra[np.arange(n), 2 * np.arange(n)] = True
    found = colour([np.array(rows), extra], 2 * n)
    assert found is not None and found.count == 2
