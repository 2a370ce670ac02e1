"""Loops as native code: what is carried, what is stacked, what shares memory."""

from __future__ import annotations

import numpy as np
import pytest
from building import INT, at, aval, body_of, check, choose, copies, loop, put, repeat, row_of

from tapejit.codegen import parts
from tapejit.codegen.values import LOCAL, Stack
from tapejit.core.errors import IndexingError
from tapejit.rules.declare import ops
from tapejit.rules.loops import call
from tapejit.runtime.compile import compile_staged
from tapejit.runtime.pipeline import optimise
from tapejit.tape.ir import Builder, Sym
from tapejit.tape.replay import interpret

RNG = np.random.default_rng(0)


def builder(*avals):
    b = Builder()
    return b, *[b.input(a) for a in avals]


# ---------------------------------------------------------------- numbers


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("n", [0, 1, 7])
def test_numbers_are_local_variables(n, reverse):
    b, w, x = builder(aval(), aval(n))
    h, s, hs = loop(
        b,
        n,
        lambda i, h, s, w, u: [w + 0.5 * h + u * u, s + h * i, h],
        [b.lit(1.0), w],
        [w],
        [x],
        reverse,
    )
    source = check(b.finish([h, s, hs]), np.float64(0.3), RNG.normal(size=n))
    assert copies(source) == 0


def test_new_values_are_assigned_together():
    b, x, y, z = builder(aval(), aval(), aval())
    outs = loop(b, 5, lambda i, a, c, d: [c, d, a + c], [x, y, z])
    source = check(b.finish(outs), *RNG.normal(size=3))
    assert "_w0 = " in source, "a value that is overwritten is saved"


@pytest.mark.parametrize("dtype", ["float32", "complex128", "complex64", "int64", "int32", "bool"])
def test_dtypes_of_carried_and_stacked_values(dtype):
    kind = np.dtype(dtype).kind
    b, x, xs = builder(aval(dtype=dtype), aval(4, dtype=dtype))

    def step(i, h, u):
        new = ops.logical_or(ops.logical_not(h), u) if kind == "b" else h * u + u
        return [new, h]

    outs = loop(b, 4, step, [x], [], [xs])
    values = RNG.normal(size=4) * (1 + (1j if kind == "c" else 0)) + 1
    values = (np.abs(values) if kind in "ib" else values).astype(dtype)
    if kind == "b":
        values = np.array([True, False, False, True])
    check(b.finish(outs), values[0], values)


def test_a_loop_without_rounds_gives_what_it_was_given():
    b, x, m = builder(aval(3), aval(2, 3))
    outs = loop(b, 0, lambda i, x, m: [x * 2.0, put(m, x, 0), x], [x, m])
    check(b.finish(outs), RNG.normal(size=3), RNG.normal(size=(2, 3)))


def test_numbers_that_lie_in_arrays_are_loaded_before_the_loop():
    b, p, x = builder(aval(3), aval(5))
    (s, _) = loop(
        b,
        5,
        lambda i, s, h, p, u: [s + h * at(p, 0), at(p, 1) * h + at(p, -1) * u],
        [b.lit(0.0), b.lit(1.0)],
        [p],
        [x],
    )
    source = check(b.finish([s]), RNG.normal(size=3), RNG.normal(size=5))
    head, _, rounds = source.partition("_i in range")
    assert head.count("a0[") == 3 and "a0[" not in rounds and "wrap" not in source


def test_a_count_that_is_a_value():
    b, n, x = builder(INT, aval(3))
    (y,) = loop(b, n, lambda i, x: [x * 0.5 + i], [x])
    tape = b.finish([y])
    for count in (0, 1, 2, 5, -3):
        check(tape, np.int64(count), RNG.normal(size=3))


@pytest.mark.parametrize("shift", [-7, -6, -5, -4, -1, 0, 1, 2, 3])
@pytest.mark.parametrize("length", [1, 2])
def test_checks_that_may_fail_are_left(shift, length):
    """Windows at i + shift for i in 0..3, of an array of 5: some leave it, in some round."""
    b, x = builder(aval(5))

    def step(i, s, x):
        k = i + shift
        at_i = ops.wrap_index(k, size=5, axis=0)
        if length == 2:
            at_i = ops.window_start(k, size=5, length=2)
        part = ops.dynamic_slice(x, at_i, sizes=(length,))
        return [s + ops.sum(part, axis=(0,), keepdims=False)]

    tape = optimise(b.finish(loop(b, 4, step, [b.lit(0.0)], [x])))
    values = RNG.normal(size=5)
    compiled = compile_staged(tape, "test")
    try:
        wanted = interpret(tape, [values])
    except IndexingError:
        with pytest.raises(IndexError):
            compiled([values])
    else:
        np.testing.assert_allclose(compiled([values]), wanted)
        checked = "wrap_index" in compiled.text.source or "window_start" in compiled.text.source
        mixed = min(shift, shift + 3) < 0 <= shift + 3
        assert checked == mixed, "a check is left where the sign differs from round to round"


# ---------------------------------------------------------------- arrays


def test_writes_of_single_elements_happen_in_place():
    b, x = builder(aval(8))
    (y,) = loop(b, 7, lambda i, a: [put(a, at(a, i) + at(a, i + 1), i + 1)], [x])
    source = check(b.finish([y]), RNG.normal(size=8))
    assert copies(source) == 1, "the argument is copied once, straight into the output"
    assert "memory.allocate" not in source


def test_nested_loops_fill_one_table():
    b, x, y = builder(aval(6), aval(5))

    def cell(j, t, i, x, y):
        best = ops.minimum(ops.minimum(at(t, i, j + 1), at(t, i + 1, j)), at(t, i, j))
        return [put(t, ops.absolute(at(x, i) - at(y, j)) + best, i + 1, j + 1)]

    table = put(ops.broadcast_to(b.lit(np.inf), shape=(7, 6)), 0.0, 0, 0)
    (table,) = loop(b, 6, lambda i, t, x, y: loop(t.b, 5, cell, [t], [i, x, y]), [table], [x, y])
    source = check(
        b.finish([at(table, 6, 5), row_of(table, 2)]), RNG.normal(size=6), RNG.normal(size=5)
    )
    assert copies(source) == 0
    assert source.count("local_f64_64()") == 1
    assert "memory.allocate" not in source


def test_an_array_computed_anew_goes_to_a_second_buffer():
    b, x = builder(aval(9))

    def smooth(i, u):
        left = ops.concatenate(
            ops.slice(u, ranges=((8, 1, 1),)), ops.slice(u, ranges=((0, 8, 1),)), axis=0
        )
        return [0.5 * (u + left)]

    for n in (1, 2, 5):
        (y,) = loop(b, n, smooth, [x])
        x = y
    source = check(b.finish([x]), RNG.normal(size=9))
    assert "_b0" not in source, "the neighbours are in memory of their own: the rest is pointwise"


def test_stencils_swap_two_buffers():
    b, x = builder(aval(9))

    def inner(u, k):
        return ops.slice(u, ranges=((k, 7, 1),))

    def step(i, u):
        new = inner(u, 1) + 0.1 * (inner(u, 0) - 2.0 * inner(u, 1) + inner(u, 2))
        ends = [ops.slice(u, ranges=((k, 1, 1),)) for k in (8, 0)]
        return [ops.concatenate(ends[0], new, ends[1], axis=0)]

    outs = [loop(b, n, step, [x])[0] for n in (1, 2, 3)]
    source = check(b.finish(outs), RNG.normal(size=9))
    assert source.count("memory.same") == 3 and "_b0 = f" in source


def test_pointwise_updates_are_written_over_the_old_value():
    b, x, w = builder(aval(5), aval(5))
    (y, g) = loop(b, 4, lambda i, u, g, w: [u + 0.1 * ops.sin(u) * w, g + u], [x, x], [w])
    source = check(b.finish([y, g]), RNG.normal(size=5), RNG.normal(size=5))
    assert "memory.allocate" not in source and copies(source) == 2


def test_a_pointwise_value_that_is_read_shifted_is_not_overwritten():
    b, x = builder(aval(6))
    back = ((5, 6, -1),)
    (y,) = loop(b, 3, lambda i, u: [u + 0.5 * ops.slice(u, ranges=back)], [x])
    check(b.finish([y]), RNG.normal(size=6))


def test_swapped_and_rotated_arrays():
    b, x, y, z = builder(aval(4), aval(4), aval(4))
    for n in (0, 1, 2, 3, 4):
        x, y, z = loop(b, n, lambda i, a, c, d: [c, d, put(a, 1.0 + i, i)], [x, y, z])
        x, y = loop(b, n, lambda i, a, c: [c, a], [x, y])
    check(b.finish([x, y, z]), *RNG.normal(size=(3, 4)))


def test_leapfrog_uses_two_buffers():
    b, x, y = builder(aval(6), aval(6))

    def step(i, old, now):
        left = ops.concatenate(
            *[ops.slice(now, ranges=(r,)) for r in ((5, 1, 1), (0, 5, 1))], axis=0
        )
        return [now, 2.0 * now - old + 0.1 * left]

    for n in (3, 4):
        x, y = loop(b, n, step, [x, y])
    source = check(b.finish([x, y]), RNG.normal(size=6), RNG.normal(size=6))
    assert "_b1" not in source, "the new value overwrites the oldest"


TURNED = ((3, 4, -1),)


def turned(x):
    return ops.slice(x, ranges=TURNED)


def test_a_rotation_beside_a_new_value_takes_the_buffer_that_is_free():
    """Old values are read backwards, so that the new one needs a buffer of its own."""
    b, x, y, z = builder(aval(4), aval(4), aval(4))
    outs = loop(b, 3, lambda i, a, c, d: [c, turned(a) + c * 0.5, turned(d) - turned(a)], [x, y, z])
    source = check(b.finish(outs), *RNG.normal(size=(3, 4)))
    assert "_b1 = " in source and "_b2 = " in source


def test_an_inner_loop_may_start_from_one_array_and_end_in_another():
    """The result takes the memory of a carried array that is dead; its start is copied there."""
    b, x, y = builder(aval(4), aval(4))

    def step(i, a, c):
        total = ops.sum(a, axis=(0,), keepdims=False)
        (new,) = loop(a.b, 2, lambda j, u, t: [put(u, t, j)], [c], [total])
        return [new, c + 1.0]

    check(b.finish(loop(b, 3, step, [x, y])), RNG.normal(size=4), RNG.normal(size=4))


def test_a_forward_value_is_not_moved_behind_a_write_into_what_it_reads():
    b, x = builder(aval(6))
    y = ops.sin(x)
    late = ops.exp(y * 2.0)
    new = put(y, 0.5, 2)
    other = ops.cumsum(new, axis=0, reverse=False)
    source = check(b.finish([other * late, late * ops.cos(other)]), RNG.normal(size=6))
    assert copies(source) == 0


def test_one_new_value_for_two_carries_and_a_stack():
    b, x, y = builder(aval(3), aval(3))
    outs = loop(b, 3, lambda i, a, c: [a + c, a + c, a + c, a, i], [x, y])
    check(b.finish(outs), RNG.normal(size=3), RNG.normal(size=3))


def test_reading_the_old_array_after_a_write():
    b, x = builder(aval(4))

    def step(i, a):
        new = put(a, 7.0, i)
        return [put(new, ops.sum(a, axis=(0,), keepdims=False), 0)]

    check(b.finish(loop(b, 3, step, [x])), RNG.normal(size=4))


def test_an_old_element_is_loaded_before_the_write_that_stands_above_it():
    b, x = builder(aval(4))

    def step(i, a):
        new = put(a, 0.0, i)
        return [put(new, at(a, i) * 2.0, 3)]

    source = check(b.finish(loop(b, 3, step, [x])), RNG.normal(size=4))
    assert copies(source) == 1


@pytest.mark.parametrize("static", [False, True])
def test_swapping_rows_copies_rows_and_not_the_matrix(static):
    b, m, k = builder(aval(5, 3), INT)

    def step(i, a, k):
        j = a.b.lit(4, INT) if static else k
        return [put(put(a, row_of(a, j), i), row_of(a, i), j)]

    source = check(b.finish(loop(b, 4, step, [m], [k])), RNG.normal(size=(5, 3)), np.int64(2))
    assert "range(15)" in source and source.count("range(15)") == 1, "the argument, once"


def test_swapping_elements():
    b, x = builder(aval(5))
    step = lambda i, a: [put(put(a, at(a, 4), i), at(a, i), 4)]
    source = check(b.finish(loop(b, 4, step, [x])), RNG.normal(size=5))
    assert copies(source) == 1


def test_an_argument_as_carry_is_not_written_and_a_value_in_use_neither():
    b, x = builder(aval(4))
    y = ops.sin(x)
    (u,) = loop(b, 3, lambda i, a: [put(a, 1.0, i)], [x])
    (v,) = loop(b, 3, lambda i, a: [put(a, 2.0, i, add=True)], [y])
    check(b.finish([u, v, y]), RNG.normal(size=4))


def test_two_carries_that_start_from_one_array():
    b, x = builder(aval(4))
    y = ops.sin(x)
    outs = loop(b, 3, lambda i, a, c: [put(a, at(c, i + 1), i), put(c, at(a, i), i)], [y, y])
    check(b.finish(outs), RNG.normal(size=4))


def test_products_with_rows_of_a_matrix():
    b, m, v = builder(aval(4, 40), aval(40, 40))

    def step(i, s, m, v):
        row = ops.reshape(row_of(m, i), shape=(1, 40))
        out = ops.reshape(ops.matmul(row, v), shape=(40,))
        return [s + out, ops.sum(out * row_of(m, -1 - i), axis=(0,), keepdims=False)]

    start = ops.broadcast_to(b.lit(0.0), shape=(40,))
    check(
        b.finish(loop(b, 4, step, [start], [m, v])),
        RNG.normal(size=(4, 40)),
        RNG.normal(size=(40, 40)),
    )


def test_columns_and_squares_as_windows():
    b, m = builder(aval(4, 5))

    def step(i, a):
        zero = a.b.lit(0, INT)
        column = ops.dynamic_slice(a, zero, i, sizes=(4, 1))
        square = ops.dynamic_slice(a, i, i, sizes=(2, 2))
        new = ops.dynamic_update(a, column * 2.0, zero, i + 1)
        new = ops.dynamic_add(new, ops.transpose(square, axes=(1, 0)), i, i)
        return [new, ops.reshape(column, shape=(2, 2))]

    check(b.finish(loop(b, 3, step, [m])), RNG.normal(size=(4, 5)))


def test_small_arrays_inside_a_body_are_not_allocated_per_round():
    source = check(*_nested_normalised_products(4))
    assert "memory.allocate" not in source, "they are local arrays"
    assert source.rindex("local_f64_4()") < source.index("range(")


def test_large_arrays_inside_a_body_share_one_workspace(monkeypatch):
    monkeypatch.setattr("tapejit.codegen.values.LOCAL", 16)
    source = check(*_nested_normalised_products(4))
    assert source.count("memory.allocate") == 1
    assert source.index("memory.allocate") < source.index("range(")
    assert "local_f64" not in source


def test_local_arrays_take_no_more_than_their_room():
    stack = Stack(1000)
    assert [stack.take(n) for n in (600, 500, 400, 1, 0)] == [True, False, True, False, True]
    assert not Stack(1 << 20).take(LOCAL + 1)


def _nested_normalised_products(n):
    b, x, m = builder(aval(n), aval(n, n))

    def step(i, s, m):
        def inner(j, s, m):
            y = ops.reshape(ops.matmul(m, ops.reshape(s, shape=(n, 1))), shape=(n,))
            return [y / ops.sqrt(ops.sum(y * y, axis=(0,), keepdims=False))]

        return [*loop(s.b, 3, inner, [s], [m]), s]

    tape = b.finish(loop(b, 4, step, [x], [m]))
    return tape, RNG.normal(size=n), RNG.normal(size=(n, n))


def test_rows_that_do_not_change_are_computed_once():
    b, m, x = builder(aval(3, 3), aval(3))

    def step(i, s, m):
        return [ops.reshape(ops.matmul(ops.exp(m), ops.reshape(s, shape=(3, 1))), shape=(3,)) * 0.1]

    source = check(
        b.finish(loop(b, 4, step, [x], [m])), RNG.normal(size=(3, 3)), RNG.normal(size=3)
    )
    assert source.index("exp_f64") < source.index("_i in range")


def test_a_check_does_not_move_in_front_of_a_loop_that_may_not_run():
    b, n, k, x = builder(INT, INT, aval(3))
    tape = b.finish(loop(b, n, lambda i, s, k, x: [s + at(x, k)], [b.lit(1.0)], [k, x]))
    check(tape, np.int64(0), np.int64(7), RNG.normal(size=3))
    check(tape, np.int64(2), np.int64(-3), RNG.normal(size=3))
    with pytest.raises(IndexError):
        compile_staged(optimise(tape), "test")([np.int64(1), np.int64(7), RNG.normal(size=3)])


def test_what_every_round_hands_on_is_shared():
    b, x, y = builder(aval(), aval(4))
    outs = loop(b, 3, lambda i, s, t, u, v: [s * t * v, t, u], [x, b.lit(2.0), y], [x])
    source = check(b.finish(outs), np.float64(1.5), RNG.normal(size=4))
    assert "* 2.0" in source and copies(source) <= 1


def test_what_nobody_reads_is_not_computed():
    b, x, y = builder(aval(), aval(4))
    outs = loop(
        b, 4, lambda i, s, t, u: [s + u, ops.sin(t), ops.exp(s), ops.cos(t)], [x, x], [], [y]
    )
    source = check(b.finish(outs[:1]), np.float64(0.5), RNG.normal(size=4))
    assert "vmath." not in source.partition("def kernel")[2]


# ---------------------------------------------------------------- branches


def test_a_branch_writes_in_place_and_the_other_does_nothing():
    b, x = builder(aval(6))

    def step(i, a):
        return choose(
            a.b, ops.greater(at(a, i), 0.0), lambda a, i: [put(a, 0.0, i)], lambda a, i: [a], a, i
        )

    source = check(b.finish(loop(b, 6, step, [x])), RNG.normal(size=6))
    assert copies(source) == 1 and "else" not in source


def test_an_old_element_is_loaded_before_a_branch_that_may_write():
    b, x = builder(aval(6))

    def step(i, a):
        flag = ops.greater(at(a, i), 0.0)
        (new,) = choose(a.b, flag, lambda a, i: [put(a, 0.0, i)], lambda a, i: [a], a, i)
        return [put(new, at(a, 5 - i), 0)]

    source = check(b.finish(loop(b, 6, step, [x])), RNG.normal(size=6))
    assert copies(source) == 1


def test_a_branch_that_computes_anew_beside_one_that_writes():
    b, x = builder(aval(6))
    back = ((5, 6, -1),)

    def step(i, a):
        return choose(
            a.b,
            ops.greater(at(a, i), 0.0),
            lambda a, i: [put(a, -1.0, i)],
            lambda a, i: [ops.slice(a, ranges=back) * 2.0],
            a,
            i,
        )

    check(b.finish(loop(b, 6, step, [x])), RNG.normal(size=6))


@pytest.mark.parametrize("flag", [True, False])
def test_branches_that_swap_hand_on_and_mix(flag):
    b, f, x, y = builder(aval(dtype="bool"), aval(3), aval(3))
    p, q = ops.sin(x), ops.cos(y)
    outs = choose(b, f, lambda a, c: [c, a], lambda a, c: [a, c], p, q)
    more = choose(b, f, lambda a, c: [a, a, a * 2.0], lambda a, c: [c, a, c], x, y)
    check(b.finish([*outs, *more]), np.bool_(flag), RNG.normal(size=3), RNG.normal(size=3))


@pytest.mark.parametrize("flag", [True, False])
def test_two_results_cannot_take_over_one_operand(flag):
    b, f, x = builder(aval(dtype="bool"), aval(4))
    outs = choose(
        b, f, lambda a: [a, turned(a)], lambda a: [turned(a) * 2.0, put(a, 1.0, 0)], ops.sin(x)
    )
    check(b.finish(outs), np.bool_(flag), RNG.normal(size=4))


@pytest.mark.parametrize("flag", [True, False])
def test_what_a_branch_was_given_is_copied_before_it_is_overwritten(flag):
    """In one branch the first result is the array itself, in the other it is computed from it."""
    b, f, x = builder(aval(dtype="bool"), aval(4))
    outs = choose(b, f, lambda a: [a, a * 3.0], lambda a: [turned(a) + 1.0, a], ops.sin(x))
    check(b.finish(outs), np.bool_(flag), RNG.normal(size=4))


@pytest.mark.parametrize("value", [-1.0, 1.0])
def test_numbers_out_of_branches(value):
    b, x = builder(aval())
    flag = ops.greater(x, 0.0)
    outs = choose(b, flag, lambda x: [x, 2.0, flag_of(x)], lambda x: [ops.exp(x), x, x > 5.0], x)
    check(b.finish(outs), np.float64(value))


def flag_of(x: Sym) -> Sym:
    return ops.less(x, 10.0)


def test_a_call_is_its_body():
    b, x = builder(aval(4))
    y = ops.sin(x)
    body = body_of(lambda a: [put(a, 1.0, 2), ops.sum(a, axis=(0,), keepdims=False)], [y.aval])
    check(b.finish(b.outs(call(y, body=body))), RNG.normal(size=4))


# ---------------------------------------------------------------- while and stacks


def bisect(b, x, n):
    """Halve x until it is below 1; the halves are stacked, and so are vectors of them."""
    return repeat(
        b,
        lambda x, v, w: ops.greater(x, 1.0),
        lambda i, x, v, w: [x * 0.5, v + x, x, v * w],
        [x, n],
        [n],
    )


@pytest.mark.parametrize("start", [0.5, 3.0, 1e30])
def test_growing_stacks_are_read_by_a_reverse_loop(start):
    b, x, v = builder(aval(), aval(3))
    y, u, rounds, xs, vs = bisect(b, x, v)
    z, w = loop(
        b,
        rounds,
        lambda i, z, w, x, v: [z * 0.5 + x, w + v * i],
        [b.lit(0.0), v],
        [],
        [xs, vs],
        reverse=True,
    )
    source = check(b.finish([y, u, rounds, z, w]), np.float64(start), RNG.normal(size=3))
    assert source.count("memory.grow") == 2


def test_stacks_of_a_count_that_is_a_value():
    b, n, v = builder(INT, aval(3))
    u, us, ns = loop(b, n, lambda i, u: [u * 0.5 + i, u, i], [v])
    (w,) = loop(b, n, lambda i, w, u, k: [w + u * k], [v], [], [us, ns], reverse=True)
    tape = b.finish([u, w])
    for count in (0, 1, 31, 32, 33, 100):
        check(tape, np.int64(count), RNG.normal(size=3))


def test_growing_stacks_in_every_round_of_a_loop():
    b, v = builder(aval(3))

    def step(i, v):
        start = ops.sum(v, axis=(0,), keepdims=False) * 1000.0 * (i + 1)
        _, _, rounds, xs, _ = bisect(v.b, ops.absolute(start), v)
        (z,) = loop(
            v.b,
            rounds,
            lambda i, z, x: [z * 0.9 + x * 1e-3],
            [v.b.lit(0.0)],
            [],
            [xs],
            reverse=True,
        )
        return [v * 0.5 + z * 0.1, rounds]

    source = check(b.finish(loop(b, 5, step, [v])), RNG.normal(size=3))
    assert source.index("memory.allocate") < source.index("range(")
    assert source.count("memory.allocate(") == source.count("memory.release(")


def test_a_long_kernel_is_cut_between_loops(monkeypatch):
    monkeypatch.setattr(parts, "LONG", 50)
    monkeypatch.setattr(parts, "PART", 30)
    b, v, k = builder(aval(3), INT)
    outs = []
    row = at(v, k)
    for n in range(3):
        _, u, rounds, xs, _ = bisect(b, ops.sum(v * v, axis=(0,), keepdims=False) * 50.0, v)
        (z,) = loop(b, rounds, lambda i, z, x: [z * 0.9 + x], [b.lit(0.0)], [], [xs], reverse=True)
        v = 0.5 * ops.sin(v + n) + 0.1 * (u / (1.0 + u * u)) + 1e-3 * ops.tanh(z * 0.01)
        outs.append(rounds)
    source = check(b.finish([v * row, *outs]), RNG.normal(size=3), np.int64(1))
    assert "def part1" in source


def test_a_while_that_fills_a_table():
    b, m = builder(aval(4, 4))
    outs = repeat(
        b,
        lambda m, k: ops.greater(k, 0.0),
        lambda i, m, k: [put(m, k * row_of(m, i), i + 1), k - 1.0],
        [m, b.lit(3.0)],
    )
    source = check(b.finish(outs), RNG.normal(size=(4, 4)))
    assert source.count("range(16)") == 1
