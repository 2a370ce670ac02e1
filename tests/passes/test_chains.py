"""Products of a reverse round grouped anew."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tapejit as tj
from tapejit.core.avals import Aval
from tapejit.passes.chains import regrouped
from tapejit.rules.declare import ops
from tapejit.tape.ir import Builder, Sym, Tape
from tapejit.tape.pieces import extract
from tapejit.tape.replay import interpret
from tapejit.tape.verify import verify

F8 = np.dtype("float64")


def matrix(b: Builder, *shape: int) -> Sym:
    return b.input(Aval(F8, shape))


def turned(x: Sym) -> Sym:
    return ops.transpose(x, axes=(1, 0))


def products(tape: Tape) -> list[int]:
    """The multiplications of each product, in order."""
    rows = [r for r in tape if r.prim.name == "matmul"]
    return [tape.value(r.id).size * tape.value(r.args[0]).shape[1] for r in rows]


def grouped(b: Builder, stop: int, given: list[Sym], outputs: list[Sym], free=(), read=()) -> Tape:
    """Return the new rows as a tape of `given`, after checking that its values are the same.

    With `read`, as a tape of these alone, which may be rows of the forward round.
    """
    ids, outs = [x.id for x in given], [y.id for y in outputs]
    before = extract(b, ids, outs)
    made = regrouped(b, stop, outs, set(free))
    after = verify(extract(b, ids, made))
    rng = np.random.default_rng(1)
    values = [rng.normal(size=x.shape) for x in given]
    for have, want in zip(interpret(after, values), interpret(before, values), strict=True):
        assert have.shape == want.shape
        np.testing.assert_allclose(have, want, rtol=1e-12, atol=1e-12)
    return extract(b, [x.id for x in read], made) if read else after


@pytest.mark.parametrize("left", [False, True])
def test_a_product_of_the_forward_round_is_shared(left):
    b = Builder()
    P, H, ct = matrix(b, 4, 4), matrix(b, 2, 4), matrix(b, 4, 4)
    known = ops.matmul(H, P)
    stop = len(b)
    if left:
        out = ops.matmul(H, ops.matmul(P, ct))
    else:
        out = ops.matmul(ops.matmul(ct, turned(P)), turned(H))
    made = grouped(
        b, stop, [P, H, ct], [out], read=[known, ct]
    )  # neither P nor H is asked for any more
    assert products(made) == [2 * 4 * 4]


@pytest.mark.parametrize("known", [False, True])
def test_square_matrices_are_grouped_by_what_is_there(known):
    b = Builder()
    P, H, ct = matrix(b, 3, 3), matrix(b, 3, 3), matrix(b, 3, 3)
    ops.matmul(H, P if known else ct)
    stop = len(b)
    outs = [ops.matmul(ops.matmul(ct, turned(P)), turned(H))]
    grouped(b, stop, [P, H, ct], outs)
    assert (regrouped(b, stop, [outs[0].id], set()) != [outs[0].id]) == known


@pytest.mark.parametrize("output", [False, True])
def test_a_product_read_twice_stays(output):
    b = Builder()
    P, H, ct = matrix(b, 4, 4), matrix(b, 2, 4), matrix(b, 4, 4)
    ops.matmul(H, P)
    stop = len(b)
    inner = ops.matmul(ct, turned(P))
    outs = [ops.matmul(inner, turned(H)).id, (inner if output else -inner).id]
    assert regrouped(b, stop, outs, set()) == outs


def test_a_product_of_the_forward_round_is_opened():
    b = Builder()
    K, H, ct = matrix(b, 4, 2), matrix(b, 2, 4), matrix(b, 4, 4)
    KH = ops.matmul(K, H)
    stop = len(b)
    outs = [ops.matmul(turned(K), ct), ops.matmul(turned(KH), ct)]
    made = grouped(b, stop, [K, H, ct], outs, [H.id], read=[K, H, ct])
    assert products(made) == [32, 32]  # K' ct serves both


def test_what_is_not_there_anyway_is_not_asked_for():
    b = Builder()
    K, H, ct = matrix(b, 4, 2), matrix(b, 2, 4), matrix(b, 4, 4)
    KH = ops.matmul(K, H)
    stop = len(b)
    outs = [ops.matmul(turned(KH), ct).id]
    assert regrouped(b, stop, outs, {H.id}) == outs  # K would have to be kept in its place
    assert regrouped(b, stop, outs, {K.id}) == outs
    assert regrouped(b, stop, outs, {H.id, K.id}) != outs


def test_a_large_product_is_not_opened():
    b = Builder()
    A, B, ct = matrix(b, 4, 4), matrix(b, 4, 4), matrix(b, 4, 4)
    AB = ops.matmul(A, B)
    stop = len(b)
    outs = [ops.matmul(turned(AB), ct).id]
    assert regrouped(b, stop, outs, {A.id, B.id}) == outs


def test_outer_products_are_not_multiplied_out():
    b = Builder()
    v, w, x = matrix(b, 5), matrix(b, 5), matrix(b, 5)
    stop = len(b)
    column, row = ops.reshape(v, shape=(5, 1)), ops.reshape(w, shape=(1, 5))
    out = ops.matmul(ops.matmul(column, row), ops.reshape(x, shape=(5, 1)))
    made = grouped(b, stop, [v, w, x], [ops.reshape(out, shape=(5,))])
    assert products(made) == [5, 5]


@pytest.mark.parametrize("side", ["left", "right"])
def test_a_common_factor_is_taken_out(side):
    b = Builder()
    H, x, y, z = matrix(b, 2, 4), matrix(b, 2, 4), matrix(b, 2, 4), matrix(b, 4, 4)

    def times(u: Sym) -> Sym:
        return ops.matmul(turned(H), u) if side == "left" else ops.matmul(turned(u), H)

    stop = len(b)
    made = grouped(b, stop, [H, x, y, z], [(times(x) + z) + (times(y) + times(x * y))])
    assert products(made) == [32]


def test_products_with_another_reader_keep_their_factor():
    b = Builder()
    H, x, y = matrix(b, 2, 4), matrix(b, 2, 4), matrix(b, 2, 4)
    stop = len(b)
    one, two = ops.matmul(turned(H), x), ops.matmul(turned(H), y)
    assert products(grouped(b, stop, [H, x, y], [one + two, one * two])) == [32, 32]


def test_terms_of_a_sum_with_another_reader_are_its_own():
    b = Builder()
    H, x, y = matrix(b, 2, 4), matrix(b, 2, 4), matrix(b, 2, 4)
    stop = len(b)
    part = ops.matmul(turned(H), x) + 1.0
    whole = part + ops.matmul(turned(H), y)
    outs = [whole.id, (part * part).id]
    assert regrouped(b, stop, outs, set()) == outs


def test_stacks_of_matrices_are_left_alone():
    b = Builder()
    H, x, y = matrix(b, 3, 2, 4), matrix(b, 3, 4, 4), matrix(b, 3, 4, 4)
    stop = len(b)
    outs = [(ops.matmul(H, x) + ops.matmul(H, y)).id]
    assert regrouped(b, stop, outs, {H.id}) == outs


def test_forward_rows_are_left_alone():
    b = Builder()
    K, H, P = matrix(b, 4, 2), matrix(b, 2, 4), matrix(b, 4, 4)
    y = ops.matmul(ops.matmul(K, H), P)
    stop = len(b)
    outs = [ops.matmul(y, P).id]
    again = regrouped(b, stop, outs, {K.id, H.id, P.id})
    assert set(range(stop)) >= {y.id}
    assert extract(b, [y.id, P.id], again).hash == extract(b, [y.id, P.id], outs).hash


@settings(deadline=None, max_examples=200)
@given(st.data())
def test_random_rounds_compute_the_same(data):
    b = Builder()
    sizes = st.sampled_from([(1, 3), (3, 1), (3, 3), (3, 2), (2, 3), (2, 2), (3,)])
    there = [matrix(b, *data.draw(sizes)) for _ in range(4)]
    given = list(there)
    rows = data.draw(st.integers(6, 14))
    stop = len(b)
    for n in range(rows):
        if n == rows // 2:
            stop = len(b)
        found = _step(data, there)
        if found is not None:
            there.append(found)
    outs = there[-data.draw(st.integers(1, 3)) :]
    grouped(b, stop, given, outs, [x.id for x in given])


def _step(data: st.DataObject, there: list[Sym]) -> Sym | None:
    """Append a product, a sum or a view of what is there; None where what is drawn does not fit."""
    x, y = data.draw(st.sampled_from(there)), data.draw(st.sampled_from(there))
    kind = data.draw(st.sampled_from(["matmul", "matmul", "add", "turn", "column", "row", "flat"]))
    two = len(x.shape) == len(y.shape) == 2
    if kind == "matmul":
        if two and x.shape[1] != y.shape[0] and x.shape[1] == y.shape[1]:
            y = turned(y)
        return ops.matmul(x, y) if two and x.shape[1] == y.shape[0] else None
    if kind == "add":
        return x + y if x.shape == y.shape else None
    if kind == "turn":
        return turned(x) if len(x.shape) == 2 else None
    shape = {"column": (x.size, 1), "row": (1, x.size), "flat": (x.size,)}[kind]
    return ops.reshape(x, shape=shape)


def filtered(F, H, ys):
    m, P = np.zeros(4), np.eye(4)
    total = 0.0
    for y in ys:
        m = F @ m
        P = F @ P @ F.T + np.eye(4)
        S = H @ P @ H.T + np.eye(2)
        v = y - H @ m
        K = P @ H.T @ np.linalg.inv(S)
        m, P = m + K @ v, P - K @ H @ P
        total += v @ v
    return total


def test_a_filter_keeps_no_product_that_it_can_open():
    rng = np.random.default_rng(2)
    F, H, ys = 0.4 * rng.normal(size=(4, 4)), rng.normal(size=(2, 4)), rng.normal(size=(40, 2))
    tape = tj.grad(filtered).tape(F, H, ys)
    loop = next(r for r in tape if r.prim.name == "for")
    kept = [tape.value(r.id).shape for r in tape if r.prim.name == "out" and r.args[0] == loop.id]
    assert kept.count((40, 4, 4)) == 2  # P before the round and F P; neither K H nor P for it
    found = tj.grad(filtered, compile="always")(F, H, ys)
    for k in np.ndindex(F.shape):
        step = np.zeros_like(F)
        step[k] = 1e-6
        slope = (filtered(F + step, H, ys) - filtered(F - step, H, ys)) / 2e-6
        np.testing.assert_allclose(found[k], slope, rtol=1e-6)
