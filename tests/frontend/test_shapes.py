"""Functions that move data: values, dtypes, derivatives, views that write through as in NumPy."""

# ruff: noqa: B023  (functions made in loops are called at once)
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy_checks import check, same, traced

from tapejit.core.errors import MutationError, TapejitError, UnsupportedError


def array(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


X = array(3, 4)
Z = array(2, 3, 4)
V = array(6)
S = np.asarray(1.7)

MOVES = [
    lambda z: np.reshape(z, (4, -1)),
    lambda z: np.reshape(z, (4, -1), order="F"),
    lambda z: z.reshape(2, 12).T.reshape(-1, order="A"),
    lambda z: np.ravel(z, order="F"),
    lambda z: z.ravel(order="K"),
    lambda z: z.flatten("F"),
    lambda z: np.swapaxes(z, 0, -1),
    lambda z: np.moveaxis(z, [0, 1], [-1, 0]),
    lambda z: np.moveaxis(z, 2, 0),
    lambda z: np.rollaxis(z, 2),
    lambda z: np.rollaxis(z, 0, 3),
    lambda z: np.expand_dims(z, (0, -1)),
    lambda z: np.squeeze(z[:1, :, None]),
    lambda z: np.squeeze(z[:1], axis=0),
    lambda z: np.broadcast_to(z, (2, 2, 3, 4)),
    lambda z: np.broadcast_arrays(z, z[:, :1], 2.0),
    lambda z: np.transpose(z, (1, 0, 2)),
    lambda z: np.permute_dims(z, (-1, 0, 1)),
    lambda z: np.matrix_transpose(z) @ z,
    lambda z: z.mT,
    lambda z: np.flip(z),
    lambda z: np.flip(z, (0, -1)),
    lambda z: np.flipud(z) + np.fliplr(z),
    lambda z: np.rot90(z, 1) * np.rot90(z, 3, axes=(1, 0))[::-1],
    lambda z: np.rot90(z, 2, axes=(1, 2)),
    lambda z: np.rot90(z, -1, axes=(2, 0)),
    lambda z: np.roll(z, 2),
    lambda z: np.roll(z, -1, axis=1),
    lambda z: np.roll(z, (1, 2), axis=(0, 2)),
    lambda z: np.roll(z, 1, axis=(0, 1)),
    lambda z: np.roll(z, (1, 4), axis=2),
    lambda z: np.concatenate([z, z[:1] ** 2, np.ones((1, 3, 4))]),
    lambda z: np.concatenate((z, z), axis=None),
    lambda z: np.concatenate(z, axis=-1),
    lambda z: np.concatenate([z], axis=1),
    lambda z: np.stack([z, z * z], axis=-1),
    lambda z: np.stack([z[0, 0, 0], 2.0, z[1, 1, 1]]),
    lambda z: np.vstack([z[0], z[1, :1], np.ones(4)]),
    lambda z: np.hstack([z[0], z[1]]),
    lambda z: np.hstack([z[0, 0], z[1, 1, :2], 3.0]),
    lambda z: np.dstack([z[0], z[1]]),
    lambda z: np.column_stack([z[0, 0], z[1].T, np.arange(4)]),
    lambda z: np.append(z, [1.0, 2.0]),
    lambda z: np.append(z, z[:, :1], axis=1),
    lambda z: np.block([[z[0], z[1] ** 2], [np.zeros((2, 4)), z[0, :2]]]),
    lambda z: np.block([z[0, 0], 1.0]),
    lambda z: np.split(z, 2, axis=2),
    lambda z: np.split(z, [1, 3], axis=-1),
    lambda z: np.split(z[0], [2, 1, 9]),
    lambda z: np.array_split(z, 3, axis=2),
    lambda z: np.hsplit(z, 3) + np.vsplit(z, [1]) + np.dsplit(z, 2),
    lambda z: np.unstack(z, axis=1),
    lambda z: np.tile(z, 2),
    lambda z: np.tile(z[0], (2, 1, 3)),
    lambda z: np.tile(z[0, 0, 0], 3),
    lambda z: np.repeat(z, 2),
    lambda z: np.repeat(z, 3, axis=1),
    lambda z: np.repeat(z, [0, 2, 1], axis=1),
    lambda z: z.repeat([2], axis=0),
    lambda z: np.resize(z, (5, 7)),
    lambda z: np.resize(z, 3),
    lambda z: np.atleast_1d(z[0, 0, 0]),
    lambda z: np.atleast_2d(z[0, 0], z[0]),
    lambda z: np.atleast_3d(z[0, 0]) + np.atleast_3d(z[0, :1])[0].sum(),
    lambda z: np.pad(z, 1),
    lambda z: np.pad(z, ((0, 1), (2, 0), (1, 1)), constant_values=2.5),
    lambda z: np.pad(z[0], (1, 2), constant_values=((1, 2), (z[0, 0, 0], 4))),
    lambda z: np.pad(z, ((1, 1), (0, 0), (4, 3)), mode="edge"),
    lambda z: np.pad(z, 2, mode="reflect") if z.shape[0] > 2 else np.pad(z[0], 2, mode="reflect"),
    lambda z: np.pad(z, 5, mode="symmetric"),
    lambda z: np.pad(z, (3, 4), mode="wrap"),
    lambda z: np.pad(z, ((40, 3), (0, 0), (1, 30)), mode="wrap"),
    lambda z: np.pad(z, ((0, 25), (0, 0), (3, 0)), mode="symmetric"),
    lambda z: np.pad(z[0], {0: 1, -1: (0, 2)}) if _DICT_PAD else z,
    lambda z: np.diagonal(z),
    lambda z: np.diagonal(z, 1, 1, 2) + z.diagonal(-1, 2, 1),
    lambda z: np.diagonal(z, -2, 1, 2),
    lambda z: np.diagonal(z, 9, 1, 2),
    lambda z: np.trace(z, offset=1, axis1=1, axis2=2),
    lambda z: z[0].trace(),
    lambda z: np.diag(z[0]) @ np.diag(z[0, 0, :3]),
    lambda z: np.diag(z[0, 0], 2) + np.diag(z[0, 1], -2),
    lambda z: np.diagflat(z[0, :2, :2], 1),
    lambda z: np.tril(z) + np.triu(z, 1),
    lambda z: np.tril(z[0], -1) * np.triu(z[0, 0], -1)[:3],
    lambda z: np.take(z, [3, 0, -1]),
    lambda z: np.take(z, [[0, 2], [1, 1]], axis=1),
    lambda z: np.take(z, 2, axis=-1),
    lambda z: z.take(np.array([5, -7]), axis=2, mode="wrap"),
    lambda z: z.take([5, -7], axis=2, mode="clip"),
    lambda z: np.take_along_axis(z, np.argsort(z, axis=1), axis=1),
    lambda z: np.take_along_axis(z, np.array([[[1], [0], [-1]]]), axis=2),
    lambda z: np.take_along_axis(z, np.array([1, 5, 2]), axis=None),
    lambda z: np.compress([True, False, True], z, axis=1),
    lambda z: z.compress(z[0, 0] > 0, axis=2),
    lambda z: np.extract(z > 0.1, z),
    lambda z: np.choose(np.array([1, 0, 1, 1]), [z[0], z[1] ** 2]),
    lambda z: np.choose([5, -1, 0, 1], [z[0], z[1]], mode="clip"),
    lambda z: np.where(z > 0, z * z, 3.0),
    lambda z: z[np.where(z > 0)] * z[np.nonzero(z > 0)] + z.ravel()[np.flatnonzero(z > 0)],
    lambda z: np.delete(z, 1, axis=1),
    lambda z: np.delete(z, [0, -1], axis=2),
    lambda z: np.delete(z, slice(None, None, 2)),
    lambda z: np.delete(z, np.array([True, False, False]), axis=1),
    lambda z: np.insert(z, 1, 5.0, axis=1),
    lambda z: np.insert(z[0], 1, z[1, 0], axis=0),
    lambda z: np.insert(z[0], 1, z[1, :, 0], axis=1),
    lambda z: np.insert(z[0], [1, 1, 3], z[1, 0], axis=0),
    lambda z: np.insert(z[0, 0], [0, 2], z[1, 1, :2]),
    lambda z: np.insert(z, slice(0, 3, 2), 7.0),
    lambda z: np.meshgrid(z[0, 0], z[0, :, 0]),
    lambda z: np.meshgrid(z[0, 0], z[0, :, 0], z[:, 0, 0], indexing="ij", sparse=True),
    lambda z: z[np.ix_([0, 1], [2, 0], [1, 3])],
    lambda z: z[np.ix_(z[:, 0, 0] < 9, [2, 0], [1, 3])],
    lambda z: z[np.unravel_index([3, 11, 5], (2, 3, 4))],
    lambda z: z.ravel()[np.ravel_multi_index(([0, 1], [2, 0], [3, 3]), (2, 3, 4))],
    lambda z: np.apply_along_axis(lambda v: v[:2] * v.sum(), 1, z),
    lambda z: np.apply_along_axis(np.sum, -1, z),
    lambda z: np.linspace(z[0], z[1] + 3, 5, axis=1),
    lambda z: np.linspace(0.0, z[0, 0, 0], 4, endpoint=False, retstep=True),
    lambda z: np.linspace(z[0, 0, 0], 1, 1),
]
_DICT_PAD = tuple(int(p) for p in np.__version__.split(".")[:2]) >= (2, 4)


@pytest.mark.parametrize("k", range(len(MOVES)))
def test_moves(k):
    f = MOVES[k]

    def squared(z):
        found = f(z)
        found = list(found) if isinstance(found, (list, tuple)) else [found]
        return [y * y for y in found]

    check(squared, Z)
    single = Z.astype("f4")
    got, want = traced(f, single), f(single)
    same(got, want, rtol=1e-6, atol=1e-6)
    ints = (Z * 10).astype(int)
    if k not in (MOVES.index(m) for m in MOVES[-3:]):
        same(traced(f, ints), f(ints))


# ---------------------------------------------------------------- views and copies

VIEWS = [
    lambda a: a.reshape(4, 3),
    lambda a: a.T,
    lambda a: a.T.reshape(-1),
    lambda a: np.ravel(a),
    lambda a: np.ravel(a.T),
    lambda a: np.swapaxes(a, 0, 1),
    lambda a: np.moveaxis(a, 0, 1),
    lambda a: np.transpose(a[0]),
    lambda a: np.expand_dims(a, 0),
    lambda a: np.squeeze(a),
    lambda a: np.squeeze(a[:1]),
    lambda a: np.flip(a),
    lambda a: np.flip(a, ()),
    lambda a: np.rot90(a),
    lambda a: np.rot90(a, 4),
    lambda a: np.split(a, 2, axis=1)[1],
    lambda a: np.split(a, 1)[0],
    lambda a: np.atleast_2d(a),
    lambda a: np.atleast_3d(a[0]),
    lambda a: a[1:, ::-2],
    lambda a: a[None, 1],
    lambda a: a[...],
    lambda a: a.flatten(),
    lambda a: np.copy(a),
    lambda a: np.tile(a, 1),
    lambda a: np.tile(a, (1, 1, 1)),
    lambda a: np.repeat(a, 1, axis=0),
    lambda a: np.concatenate([a]),
    lambda a: np.stack([a]),
    lambda a: np.roll(a, 0),
    lambda a: np.roll(a, 12),
    lambda a: np.pad(a, 0),
    lambda a: np.vstack([a]),
    lambda a: np.block([a]),
    lambda a: np.resize(a, (12,)),
    lambda a: np.append(a, [], axis=None),
    lambda a: np.take(a, [0, 1, 2], axis=0),
    lambda a: a[[0, 1]],
    lambda a: np.sort(a, axis=0),
    lambda a: np.meshgrid(a[0], a[1])[0],
    lambda a: np.insert(a, 0, [], axis=0) if False else np.delete(a, [], axis=0),
    lambda a: np.where(True, a, 0.0),
    lambda a: np.tril(a, 9),
    lambda a: a.astype(float),
    lambda a: np.unstack(a)[1],
    lambda a: a.T.copy().reshape(-1),
    lambda a: a[:, [0, 1]].reshape(-1),
    lambda a: a.T[[0, 1]].T.reshape(-1),
]


@pytest.mark.parametrize("k", range(len(VIEWS)))
def test_write_through(k):
    """A write to the result changes the base exactly when NumPy's does, and the other way."""
    f = VIEWS[k]

    def program(x):
        a = x * 1.0
        v = f(a)
        a[0, 1] = 7.0
        seen = v * 1.0
        v[..., 0] = 5.0 * x[1, 1]
        return a * a, seen, v * v

    check(program, X, second=False)


def test_the_order_in_memory_decides_what_is_a_view():
    def program(x):
        a, b, c = x.T.copy(), x[:, np.array([0, 1])], np.copy(x.T)
        d, e = x[np.array([0, 1])], x.copy().T
        for array in (a, b, c, d, e):
            array.reshape(-1)[0] = 7.0
        return a, b, c, d, e

    same(traced(program, X), program(X))


def test_read_only_views_follow_their_base():
    def program(x):
        a = x * 1.0
        d, b = np.diagonal(a), np.broadcast_to(a, (2, 3, 4))
        a[1, 1] = x[0, 0] ** 2
        return d * d, b * b

    check(program, X)
    with pytest.raises(MutationError):
        traced(lambda x: np.broadcast_to(x * 1, (2, 3, 4)).__setitem__(0, 1.0), X)


def test_writers():
    def program(x):
        a = x * 1.0
        np.fill_diagonal(a, x[0] ** 2)
        b = np.zeros_like(x)
        np.put_along_axis(b, np.array([[1], [0], [3]]), x[:, :1] ** 2, axis=1)
        c = x * 2.0
        np.put(c, [0, -1, 5], x[0, :2])
        np.putmask(c, x > 0.3, x[1] * 3)
        np.place(c, c < -1, [1.0, 2.0])
        d = np.zeros_like(x)
        np.copyto(d, x[0], where=x > 0)
        return a * a, b * b, c * c, d * d

    check(program, X)

    def wrapped(x):
        a = np.zeros_like(np.resize(x, (7, 2)))
        np.fill_diagonal(a, x[0, :2], wrap=True)
        b = np.zeros_like(np.resize(x, (3, 3, 3)))
        np.fill_diagonal(b, x[0, 0])
        return a, b

    check(wrapped, X)
    for write in (np.fill_diagonal, np.put_along_axis, np.putmask, np.copyto):
        extra = ([[0]],) if write is np.put_along_axis else (True,) if write is np.putmask else ()
        axis = (0,) if write is np.put_along_axis else ()
        with pytest.raises(TapejitError):
            traced(lambda x: write(np.zeros((3, 3)), *extra, x[0, 0], *axis), X)


def test_methods_write():
    def program(x):
        a = x * 1.0
        a.sort(axis=0)
        b = x * 1.0
        b.fill(x[0, 0])
        return a * a, b * b

    check(program, X)


# ---------------------------------------------------------------- reports and refusals


def test_reports():
    def f(x):
        a = x * 1.0
        assert np.shape(a) == (3, 4) and np.ndim(a) == 2 and np.size(a) == 12 and np.size(a, 1) == 4
        assert not np.iscomplexobj(a) and np.isrealobj(a)
        assert np.result_type(a, np.float32) == np.float64
        assert np.result_type(a.astype("f4"), 2.0) == np.float32
        assert np.can_cast(a, np.complex128) and not np.can_cast(a, np.float32)
        assert np.shares_memory(a, a[1]) and not np.shares_memory(a[0], a[1])
        assert np.may_share_memory(a, a.T) and not np.shares_memory(a, a.copy())
        assert np.common_type(a) == np.float64
        assert len(a) == 3 and a.shape == (3, 4)
        return a

    traced(f, X)


@pytest.mark.parametrize(
    "f, error",
    [
        (lambda x: np.reshape(x, (5, 2)), ValueError),
        (lambda x: np.reshape(x, (-1, -1)), ValueError),
        (lambda x: np.concatenate([x, x[0]]), ValueError),
        (lambda x: np.concatenate([x, x[:, :2]], axis=0), ValueError),
        (lambda x: np.concatenate([x[0, 0], x[0, 0]]), ValueError),
        (lambda x: np.concatenate([]), ValueError),
        (lambda x: np.stack([x, x[0]]), ValueError),
        (lambda x: np.split(x, 5), ValueError),
        (lambda x: np.squeeze(x, axis=0), ValueError),
        (lambda x: np.moveaxis(x, 0, 5), np.exceptions.AxisError),
        (lambda x: np.transpose(x, (0, 0)), ValueError),
        (lambda x: np.transpose(x, (0,)), ValueError),
        (lambda x: np.broadcast_to(x, (2, 4)), ValueError),
        (lambda x: np.take(x, 5, axis=0), IndexError),
        (lambda x: np.repeat(x, [1, 2], axis=0), ValueError),
        (lambda x: np.repeat(x, -1), ValueError),
        (lambda x: np.pad(x, -1), ValueError),
        (lambda x: np.diag(x[None]), ValueError),
        (lambda x: np.diagonal(x[0]), ValueError),
        (lambda x: np.flip(x, 3), np.exceptions.AxisError),
        (lambda x: np.delete(x, 7, axis=0), IndexError),
        (lambda x: np.insert(x, 7, 1.0, axis=0), IndexError),
        (lambda x: np.take_along_axis(x, np.zeros((1, 1)), 0), IndexError),
        (lambda x: np.compress([False] * 3 + [True], x, axis=0), IndexError),
        (lambda x: np.choose([0, 3], [x[0, 0], x[0, 1]]), (ValueError, IndexError)),
        (lambda x: np.nonzero(x[0, 0]), ValueError),
    ],
)
def test_refusals_like_numpy(f, error):
    with pytest.raises(error):
        f(X)
    with pytest.raises(error):
        traced(f, X)


@pytest.mark.parametrize(
    "f",
    [
        lambda x: np.pad(x, 1, mode="mean"),
        lambda x: np.pad(x, 1, mode="reflect", reflect_type="odd"),
        lambda x: np.unique(x, axis=0),
        lambda x: np.quantile(x, 0.5, weights=np.ones((3, 4)), method="inverted_cdf"),
        lambda x: np.histogram(x, bins="auto"),
    ],
)
def test_unsupported(f):
    with pytest.raises(UnsupportedError, match="test_shapes"):
        traced(f, X)


# ---------------------------------------------------------------- random shapes


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.integers(0, 4), min_size=1, max_size=3).map(tuple),
    st.integers(-3, 2),
    st.integers(-5, 5),
)
def test_random_rolls_and_flips(shape, axis, n):
    x = np.random.default_rng(0).normal(size=shape)
    axis %= len(shape)

    def f(a):
        moved = np.roll(a, n, axis=axis)
        tiled = np.tile(np.flip(moved, axis), (1, 2))
        return (
            np.repeat(tiled, abs(n), axis=-1) ** 2,
            np.cumsum(a, axis=axis) ** 2,
            np.sort(a, axis),
        )

    check(f, x, second=False)
