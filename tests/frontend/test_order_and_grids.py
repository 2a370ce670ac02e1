"""Sorting, searching, order statistics, and calculus on grids, against NumPy."""

# ruff: noqa: B023  (functions made in loops are called at once)
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy_checks import check, same, tape_of, traced

import tapejit as tj
from tapejit.core.errors import UnsupportedError
from tapejit.kernels import routines
from tapejit.tape.primitive import BY_NAME


def array(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


X = array(4, 5)
Z = array(2, 3, 4)
V = array(7)
TIES = np.array([3.0, 1.0, 3.0, 2.0, 1.0, 1.0])
GAPS = X.copy()
GAPS[0, 1] = GAPS[2, 2] = GAPS[2, 4] = np.nan


def smooth_sort(f):
    return lambda x: f(x) ** 2


SORTS = [
    lambda x: np.sort(x),
    lambda x: np.sort(x, axis=0),
    lambda x: np.sort(x, axis=None),
    lambda x: np.partition(x, 2, axis=1)[:, :3].sum(1),
    lambda x: np.take_along_axis(x, np.argsort(x, axis=0), 0),
    lambda x: x[np.argsort(x[:, 0])],
    lambda x: np.median(x),
    lambda x: np.median(x, axis=0),
    lambda x: np.median(x, axis=(0, 1), keepdims=True),
    lambda x: np.quantile(x, 0.3),
    lambda x: np.quantile(x, [0.1, 0.5, 1.0], axis=1),
    lambda x: np.quantile(x, np.array([[0.1, 0.9]]), axis=0, keepdims=True),
    lambda x: np.percentile(x, 35, axis=-1),
    lambda x: np.percentile(x, [0, 25.0, 99], axis=(0, 1)),
    lambda x: np.quantile(x, x[0, 0] * 0.0 + 0.37, axis=1),
    lambda x: np.quantile(x, 0.4, method="lower", axis=1),
    lambda x: np.quantile(x, 0.4, method="higher", axis=1),
    lambda x: np.quantile(x, 0.4, method="midpoint", axis=1),
    lambda x: np.quantile(x, [0.4, 0.125, 0.375], method="nearest", axis=1),
    lambda x: np.quantile(x, 0.41, method="hazen"),
    lambda x: np.quantile(x, 0.41, method="weibull"),
    lambda x: np.quantile(x, 0.41, method="median_unbiased", axis=0),
    lambda x: np.quantile(x, 0.41, method="normal_unbiased", axis=0),
    lambda x: np.quantile(x, 0.41, method="interpolated_inverted_cdf", axis=0),
    lambda x: np.nanmedian(np.where(np.isnan(GAPS), np.nan, x), axis=1),
    lambda x: np.nanmedian(np.where(np.isnan(GAPS), np.nan, x)),
    lambda x: np.nanquantile(np.where(np.isnan(GAPS), np.nan, x), 0.35, axis=0),
    lambda x: np.nanpercentile(
        np.where(np.isnan(GAPS), np.nan, x), [20, 70], axis=1, keepdims=True
    ),
    lambda x: np.unique(x),
    lambda x: np.lexsort((x[0], x[1])) * x[2],
    lambda x: x[:, 0][np.argpartition(x[:, 0], 1)[:2]].sum(),
]


@pytest.mark.parametrize("k", range(len(SORTS)))
def test_sorts(k):
    check(smooth_sort(SORTS[k]), X)
    x = X.astype("f4")
    same(traced(SORTS[k], x), SORTS[k](x), rtol=1e-5, atol=1e-6)


def test_values_with_nan_and_ties():
    for x in (TIES, GAPS, np.array([np.nan, 1.0, -np.inf])):
        for f in (np.sort, np.median, np.nanmedian, lambda x: np.quantile(x, 0.4), np.unique):
            with np.errstate(all="ignore"):
                same(traced(f, x), f(x))
        same(traced(lambda x: np.sort(x[..., ::-1]), x), np.sort(x[..., ::-1]))
    for options in (
        {"return_index": True},
        {"return_inverse": True, "return_counts": True},
        {"return_counts": True, "return_index": True, "return_inverse": True},
    ):
        same(traced(lambda x: np.unique(x, **options), TIES), tuple(np.unique(TIES, **options)))
    k = np.array([[3, 1], [1, 2]])
    same(
        traced(lambda x: np.unique(x, return_inverse=True), k),
        tuple(np.unique(k, return_inverse=True)),
    )
    same(traced(lambda x: np.median(x, axis=0), k), np.median(k, axis=0))
    same(traced(lambda x: np.percentile(x, 30), k), np.percentile(k, 30))


def test_orders():
    for f in (
        lambda x: np.argsort(x, axis=0),
        lambda x: np.argsort(x, axis=None, kind="stable"),
        lambda x: x.argsort(),
        lambda x: np.searchsorted(np.sort(x[0]), x),
        lambda x: np.searchsorted(np.sort(x[0]), 0.1, side="right"),
        lambda x: np.searchsorted(x[0], x[1], sorter=np.argsort(x[0])),
        lambda x: np.digitize(x, np.array([-1.0, 0.0, 1.0])),
        lambda x: np.digitize(x, [1.0, 0.0, -1.0], right=True),
        lambda x: np.lexsort((x > 0, x[:, ::-1])),
        lambda x: np.argwhere(x > 0),
        lambda x: np.nonzero(x > 0),
        lambda x: np.argwhere(x > 9),
    ):
        same(traced(f, X), f(X))


def test_quantile_refusals():
    for q in (1.5, -0.1, [0.5, 2.0]):
        with pytest.raises(ValueError):
            traced(lambda x: np.quantile(x, q), X)
    with pytest.raises(UnsupportedError):
        traced(lambda x: np.quantile(x, 0.5, method="inverted_cdf"), X)


GRIDS = [
    lambda x: np.gradient(x),
    lambda x: np.gradient(x, 0.5, axis=1, edge_order=2),
    lambda x: np.gradient(x, 0.5, np.cumsum(x[0] ** 2)),
    lambda x: np.gradient(x[0], np.cumsum(x[1] ** 2 + 0.1), edge_order=2),
    lambda x: np.gradient(x, x[0, 0] ** 2 + 1, axis=(0, 1)),
    lambda x: np.gradient(x[0, :2]),
    lambda x: np.trapezoid(x),
    lambda x: np.trapezoid(x, dx=x[0, 0], axis=0),
    lambda x: np.trapezoid(x, np.cumsum(x[0] ** 2)),
    lambda x: np.trapezoid(x, x * x, axis=0),
    lambda x: np.convolve(x[0], x[1]),
    lambda x: np.convolve(x[0], x[1, :2], mode="same"),
    lambda x: np.convolve(x[0, :2], x[1], mode="same"),
    lambda x: np.convolve(x[0], x[1, :3], mode="valid"),
    lambda x: np.convolve(x[0, :3], x[1], "valid"),
    lambda x: np.correlate(x[0], x[1]),
    lambda x: np.correlate(x[0], x[1, :2], "same"),
    lambda x: np.correlate(x[0, :2], x[1], "same"),
    lambda x: np.correlate(x[0, :4], x[1], "same"),
    lambda x: np.correlate(x[0, :4], x[1, :2], "same"),
    lambda x: np.correlate(x[0, :2], x[1, :4], "same"),
    lambda x: np.correlate(x[0], x[1, :3], "full"),
    lambda x: np.correlate(x[0, :3], x[1], "full"),
    lambda x: np.correlate(x[0, :2], x[1], "valid"),
    lambda x: np.polyval(x[0], x[1:]),
    lambda x: np.polyval([1.0, 2.0, 3.0], x),
    lambda x: np.vander(x[0]),
    lambda x: np.vander(x[0], 3, increasing=True),
    lambda x: np.vander(x[0], 0),
    lambda x: np.interp(x, np.array([-1.0, 0.0, 0.5, 2.0]), np.array([1.0, 3.0, 2.0, -1.0])),
    lambda x: np.interp(0.3, np.sort(x[0]), x[1], left=x[2, 0], right=7.0),
    lambda x: np.interp(x[2:], np.sort(x[0]), x[1] ** 2),
    lambda x: np.interp(x, np.array([0.1, 0.7, 1.4]), x[0, :3], period=1.9),
    lambda x: np.bincount([0, 3, 1, 3, 0], weights=x[0] ** 2, minlength=3),
    lambda x: np.bincount([0, 1, 1, 0, 0], x[0], 5),
    lambda x: np.histogram(V, bins=4, range=(-1, 1), weights=np.resize(x, 7) ** 2)[0],
    lambda x: np.histogram(V, np.linspace(-1, 2, 4), weights=np.resize(x, 7) ** 2, density=True)[0],
]


@pytest.mark.parametrize("k", range(len(GRIDS)))
def test_grids(k):
    f = GRIDS[k]

    def squared(x):
        found = f(x)
        return [y * y for y in found] if isinstance(found, (list, tuple)) else found * found

    check(squared, X)
    if k not in (len(GRIDS) - 1, len(GRIDS) - 2):
        x = X.astype("f4")
        same(traced(f, x), f(x), rtol=2e-5, atol=1e-5)


def test_histogram_and_bincount_values():
    for f in (
        lambda x: np.histogram(x),
        lambda x: np.histogram(x, bins=5, range=(-0.5, 0.5)),
        lambda x: np.histogram(x, bins=[-1, 0, 0.5, 1], density=True),
        lambda x: np.histogram(x * 0 + 2.0, 3),
        lambda x: np.bincount((x * 3).astype(int).ravel() ** 2),
        lambda x: np.bincount((x[0] * 0).astype(int), minlength=4),
    ):
        same(traced(f, X), tuple(f(X)) if isinstance(f(X), tuple) else f(X))


def test_interp_outside_and_at_nodes():
    xp, fp = np.array([0.0, 1.0, 2.5]), np.array([1.0, -1.0, 4.0])
    for x in (np.array([-1.0, 0.0, 1.0, 2.5, 3.0, np.nan]), np.float64(2.5)):
        same(traced(lambda x: np.interp(x, xp, fp), x), np.interp(x, xp, fp))
        same(traced(lambda x: np.interp(x, xp[:1], fp[:1]), x), np.interp(x, xp[:1], fp[:1]))
    z = fp + 1j * fp[::-1]
    same(traced(lambda x: np.interp(x, xp, z), xp + 0.3), np.interp(xp + 0.3, xp, z))
    check(lambda x, y, f: np.interp(x, y, f), xp[:2] + 0.3, xp, fp)


def test_complex_lines():
    z = array(5) + 1j * array(5, seed=1)
    check(lambda z: np.convolve(z, z[:3]), z)
    check(lambda z: np.correlate(z, z[:3] ** 2, "full"), z)
    check(lambda z: np.correlate(z[:2], z, "same"), z)
    check(lambda z: np.median(np.abs(z)), z)


def test_the_direction_of_bins_is_guarded():
    from tapejit.runtime.interp import GuardFailure, interpret

    bins = np.array([0.0, 1.0, 2.0])
    tape = tape_of(np.digitize, V, bins)
    same(interpret(tape, [V, bins - 1])[0], np.digitize(V, bins - 1))
    with pytest.raises(GuardFailure):
        interpret(tape, [V, bins[::-1]])


def test_the_number_of_unique_values_is_guarded():
    from tapejit.runtime.interp import GuardFailure, interpret

    tape = tape_of(np.unique, TIES)
    same(interpret(tape, [TIES[::-1] + 1])[0], np.unique(TIES + 1))
    with pytest.raises(GuardFailure):
        interpret(tape, [np.zeros(6)])


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.integers(-2, 2), min_size=1, max_size=12),
    st.lists(st.floats(0, 1), min_size=1, max_size=3),
)
def test_quantiles_of_ties(values, q):
    x = np.array(values, dtype=float)
    for method in ("linear", "hazen", "nearest", "midpoint"):
        want = np.quantile(x, q, method=method)
        same(traced(lambda x: np.quantile(x, q, method=method), x), want, atol=1e-9)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 7), st.integers(1, 7), st.sampled_from(["full", "same", "valid"]))
def test_convolutions(n, m, mode):
    x, y = array(n), array(m, seed=1)
    check(lambda x, y: np.convolve(x, y, mode), x, y, second=False)
    check(lambda x, y: np.correlate(x, y, mode), x, y, second=False)


@pytest.mark.parametrize("dtype", ["float64", "float32", "int32", "uint8"])
def test_searches_of_all_lengths(dtype):
    """Lines around powers of two, runs around 64, ties, and NaN behind all numbers."""
    rng = np.random.default_rng(3)
    for n in (1, 2, 3, 7, 8, 9, 33):
        line = np.sort(rng.integers(0, n, size=n)).astype(dtype)
        if dtype.startswith("float") and n > 7:
            line[-2:] = np.nan
        for m in (1, 63, 64, 65, 200):
            sought = rng.integers(0, n + 2, size=m).astype(dtype)
            if dtype.startswith("float"):
                sought[0] = np.nan
            for side in ("left", "right"):
                found = np.empty(m, np.int64)
                routines.searchsorted(found, line, sought, side == "right")
                np.testing.assert_array_equal(found, np.searchsorted(line, sought, side=side))


@pytest.mark.parametrize("dtype", ["float64", "complex128"])
def test_parts_of_convolutions(dtype):
    """Parts that reach out of the full convolution on either side, or lie outside of it."""
    rng = np.random.default_rng(3)
    for n, m in ((5, 3), (3, 5), (1, 1), (70, 9)):
        x, y = rng.integers(-9, 10, n).astype(dtype), rng.integers(-9, 10, m).astype(dtype)
        full = np.concatenate([np.zeros(100), np.convolve(x, y), np.zeros(100)])
        for start in (-12, -1, 0, 2, n + m - 2, n + m + 5):
            for length in (1, 4, n, n + m + 3):
                out = np.empty(length, dtype)
                routines.convolve(out, x, y, start)
                np.testing.assert_array_equal(out, full[100 + start : 100 + start + length])
                again = BY_NAME["convolve"].numpy(x, y, start=start, length=length)
                np.testing.assert_array_equal(again, out)


def test_gradients_by_weights_compute_no_long_convolution():
    """Nine weights of a line of 500: parts of 500 and of 9 numbers, none of 1000."""
    rng = np.random.default_rng(3)
    x, w = rng.normal(size=500), rng.normal(size=9)
    tape = tj.grad(lambda x, w: np.sum(np.convolve(x, w, "same") ** 2), (0, 1)).tape(x, w)
    sizes = sorted(r.params["length"] for r in tape if r.prim.name == "convolve")
    assert sizes == [9, 500, 500]
