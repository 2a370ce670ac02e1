"""Reading and writing with random index expressions: equal to NumPy, and differentiable."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy_checks import check, same, tape_of, traced

from tapejit.core.errors import IndexingError, MutationError

SHAPES = st.lists(st.integers(1, 4), min_size=1, max_size=4).map(tuple)


@st.composite
def index_of(draw, shape):
    """A valid index of an array of this shape: integers, slices, None, Ellipsis, arrays, masks."""
    items, axis, dots = [], 0, False
    common = draw(st.sampled_from([(), (1,), (3,), (2, 3)]))
    while axis < len(shape):
        n = shape[axis]
        kind = draw(
            st.sampled_from(["int", "slice", "none", "array", "array", "mask", "bool", "dots"])
        )
        if kind == "int":
            items.append(draw(st.integers(-n, n - 1)))
        elif kind == "slice":
            bound = st.one_of(st.none(), st.integers(-n - 1, n + 1))
            items.append(
                slice(draw(bound), draw(bound), draw(st.sampled_from([None, 1, 2, -1, -2])))
            )
        elif kind == "none":
            items.append(None)
            if len(items) > 6:
                break
            continue
        elif kind == "array":
            own = draw(st.sampled_from([common, common[1:], (1,) * len(common)]))
            size = int(np.prod(own))
            cells = draw(st.lists(st.integers(-n, n - 1), min_size=size, max_size=size))
            array = np.array(cells, dtype=draw(st.sampled_from(["i8", "i4", "i8"]))).reshape(own)
            items.append(array.tolist() if own and draw(st.booleans()) else array)
        elif kind in ("mask", "bool"):
            if any(isinstance(i, (np.ndarray, list, bool)) for i in items):
                continue
            if kind == "bool":
                items.append(draw(st.booleans()))
                continue
            dims = shape[axis : axis + draw(st.integers(1, 2))]
            size = int(np.prod(dims))
            cells = draw(st.lists(st.booleans(), min_size=size, max_size=size))
            items.append(np.array(cells, dtype=bool).reshape(dims))
            axis += len(dims)
            continue
        else:
            if not dots:
                dots = True
                items.append(Ellipsis)
            axis += draw(st.integers(0, len(shape) - axis))
            if axis >= len(shape):
                break
            continue
        axis += 1
        if draw(st.integers(0, 5)) == 0:
            break
    return items[0] if len(items) == 1 and draw(st.booleans()) else tuple(items)


@st.composite
def cases(draw):
    shape = draw(SHAPES)
    return shape, draw(index_of(shape))


def array(shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


def valid(shape, index):
    try:
        return np.zeros(shape)[index].shape
    except IndexError:
        return None


@settings(max_examples=150, deadline=None)
@given(cases())
@example(((1, 1, 2, 1), (False, 0, 0, Ellipsis, np.array([1]))))
@example(((2, 3), (np.zeros((0, 1), int), np.array([7, 8]))))
@example(((2, 3), (np.zeros(0, int), 5)))
@example(((2, 3), (np.array([False, True]), np.array([9]))))
def test_read(case):
    shape, index = case
    x = array(shape)
    try:
        x[index]
    except IndexError:
        with pytest.raises(IndexError):
            traced(lambda a: a[index], x)
        return
    check(lambda a: a[index] * a[index], x)


@settings(max_examples=150, deadline=None)
@given(cases(), st.booleans(), st.integers(0, 3))
def test_write(case, scalar, cut):
    shape, index = case
    x = array(shape)
    found = valid(shape, index)
    if found is None:
        return
    u = array(() if scalar else found[cut:] if len(found) > cut else found, 1)

    def f(a, u):
        b = a * 1.0
        c = b[..., ::-1]
        b[index] = u * 2.0
        return b * b + c

    if np.size(u) == 0 and np.prod(found) != 0:
        return
    try:
        f(x, u)
    except ValueError:
        with pytest.raises(ValueError):
            traced(f, x, u)
        return
    check(f, x, u)


@settings(max_examples=80, deadline=None)
@given(cases())
def test_add_at(case):
    shape, index = case
    x = array(shape)
    found = valid(shape, index)
    if found is None:
        return
    u = array(found, 1)

    def f(a, u):
        b = a * 1.0
        np.add.at(b, index, u * u)
        return b * b

    check(f, x, u)


def test_repeated_places_keep_the_last():
    i = np.array([2, 0, 2, -1, 3])

    def f(x, u):
        y = x * 1.0
        y[i] = u
        return y**2

    check(f, array(4), array(5, 1))

    def g(x, u):
        y = x * 1.0
        y[:, [0, 0], [1, 1]] = u
        return y**2

    check(g, array((2, 3, 2)), array((2, 2), 1))


def test_traced_integers():
    x = array((4, 5))

    def f(x):
        i = np.argmax(np.array([1.0, 3.0, 2.0]))
        k = traced_int(x)
        return x[k] * x[i, 0] + x[:, k][k] + x[k, 1:, None].sum() + x[-k, ..., k]

    check(f, x)


def traced_int(x):
    """2, depending on x where x is traced."""
    return (x[0, 0] * 0.0 + 2.0).astype(np.int64)


def test_view_at_a_traced_integer_writes_through():
    def f(x):
        a = x * 1.0
        k = traced_int(x)
        row = a[k]
        row[1] = 3.0 * x[0, 0]
        row[2:] *= 2.0
        a[k, 0] = x[1, 1]
        a[:, k][1] += 5.0
        part = a[1:, None, k]
        part[0] = x[3, 3] ** 2
        return a * a, row

    check(f, array((4, 5)))


def test_scalars_are_copies():
    def swap(x):
        a = x * 1.0
        t = a[0]
        a[0] = a[1]
        a[1] = t
        k = (x[0] * 0.0 + 2.0).astype(int)
        s = a[k]
        a[k] = a[3]
        a[3] = s
        z = a[0, ...]
        a[0] = 7.0
        return a, t, s, z

    check(swap, array(5))


def test_advanced_reads_are_copies():
    def f(x):
        a = x * 1.0
        b = a[[0, 1]]
        c = a[a > 0]
        b[0] = 5.0
        c[...] = 1.0
        a[2] = 3.0
        return a, b, c

    check(f, array(5))


def test_masked_write_without_count():
    def f(x):
        a = x * 1.0
        a[a > 0.2] = 0.25
        a[x < -1] *= 3
        return a * a

    check(f, array((4, 5)))

    def g(x):
        a = x * 1.0
        a[np.array([True, False, True])] = x[0] ** 2
        return a * a

    check(g, array((3, 2)))


def test_integer_targets():
    def f(x):
        a = np.arange(4) + 0 * x.astype(int)
        a[[0, 0]] = 2.9
        np.add.at(a, [1, 1], 3)
        return a

    same(traced(f, array(4)), f(array(4)))


@pytest.mark.parametrize(
    "index",
    [
        [7],
        (0, [0, 9]),
        (slice(None), -6),
        np.array([True, False]),
        ([0, 1], [0, 1, 2]),
        (0, 0, 0),
        np.array([0.5]),
        "name",
        1.5,
    ],
)
def test_refused(index):
    x = array((4, 5))
    with pytest.raises(IndexError):
        x[index]
    with pytest.raises(IndexingError, match="test_indexing"):
        traced(lambda a: a[index], x)
    with pytest.raises(IndexError):
        traced(lambda a: (a * 1).__setitem__(index, 0.0), x)


def test_out_of_bounds_at_a_later_call():
    from tapejit.runtime.interp import interpret

    x, i = array(4), np.array([0, 3])
    tape = tape_of(lambda x, i: x[i], x, i)
    same(interpret(tape, [x, np.array([1, -4])])[0], x[[1, 0]])
    with pytest.raises(IndexError):
        interpret(tape, [x, np.array([1, 4])])


def test_mask_may_change_its_pattern_but_not_its_count():
    from tapejit.runtime.interp import GuardFailure, interpret

    x = np.array([1.0, -1.0, 2.0])
    tape = tape_of(lambda x: x[x > 0], x)
    same(interpret(tape, [np.array([-1.0, 3.0, 4.0])])[0], np.array([3.0, 4.0]))
    with pytest.raises(GuardFailure):
        interpret(tape, [np.array([1.0, 3.0, 4.0])])


def test_add_at_plain_array_is_refused():
    with pytest.raises(MutationError):
        traced(lambda a: np.add.at(np.zeros(4), [0, 0, 1, 1], a), array(4))
