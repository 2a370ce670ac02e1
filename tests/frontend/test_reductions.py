"""Reductions and scans against NumPy: values, dtypes, masks, derivatives to second order."""

# ruff: noqa: B023  (functions made in loops are called at once)
import numpy as np
import pytest
from numpy_checks import check, same, traced


def array(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


X = array(3, 4)
Z = np.random.default_rng(3).normal(size=(2, 3, 2))
MASK = np.array([[1, 0, 1, 1], [0, 1, 1, 0], [1, 1, 1, 1]], bool)
SMOOTH = {
    "sum": lambda f, x, **k: np.sum(x, **k),
    "mean": lambda f, x, **k: np.mean(x, **k),
    "prod": lambda f, x, **k: np.prod(x, **k),
    "var": lambda f, x, **k: np.var(x, **k),
    "std": lambda f, x, **k: np.std(x, **k),
    "max": lambda f, x, **k: np.max(x, **k),
    "min": lambda f, x, **k: np.min(x, **k),
    "ptp": lambda f, x, **k: np.ptp(x, **k),
    "median": lambda f, x, **k: np.median(x, **k),
}
AXES = [
    {},
    {"axis": 0},
    {"axis": -1, "keepdims": True},
    {"axis": (0, 2)},
    {"axis": (-1, 0), "keepdims": True},
    {"keepdims": True},
    {"axis": ()},
]


@pytest.mark.parametrize("name", sorted(SMOOTH))
@pytest.mark.parametrize("options", AXES, ids=str)
def test_axes(name, options):
    fn = getattr(np, name)
    if name == "median" and options.get("axis") == ():
        return
    check(lambda x: fn(x, **options) ** 2, Z)


@pytest.mark.parametrize("name", ["sum", "prod", "mean", "var", "std", "max", "min", "any", "all"])
@pytest.mark.parametrize("dtype", ["f4", "f8", "i4", "u1", "?", "i8", "c16"])
def test_dtypes(name, dtype):
    if name in ("var", "std", "mean", "any", "all") and dtype == "c16":
        return
    x = (np.arange(6).reshape(2, 3) % 4).astype(dtype)
    for options in ({}, {"axis": 0}, {"axis": 1, "keepdims": True}):
        same(traced(lambda a: getattr(np, name)(a, **options), x), getattr(np, name)(x, **options))
        same(traced(lambda a: getattr(a, name)(**options), x), getattr(x, name)(**options))


def test_dtype_argument():
    x = X.astype("f4")
    for name in ("sum", "prod", "mean", "var", "std", "cumsum", "cumprod"):
        same(
            traced(lambda a: getattr(np, name)(a, dtype="f8"), x),
            getattr(np, name)(x, dtype="f8"),
            rtol=1e-12,
        )


def test_masks():
    check(lambda x: np.sum(x**2, axis=1, where=MASK), X)
    check(lambda x: np.prod(x, axis=0, where=MASK, initial=2.0), X)
    check(lambda x: np.mean(x**2, axis=1, where=MASK), X)
    check(lambda x: np.var(x, axis=1, where=MASK, ddof=1), X)
    check(lambda x: np.std(x, where=MASK, keepdims=True), X)
    check(lambda x: np.max(x, axis=1, where=MASK, initial=-9.0) ** 2, X)
    check(lambda x: np.min(x, where=MASK, initial=-0.1, axis=0), X)
    check(lambda x: np.sum(x, initial=3), X)
    same(traced(lambda x: np.any(x > 1, where=MASK, axis=0), X), np.any(X > 1, where=MASK, axis=0))
    same(traced(lambda x: np.all(x > -1, where=MASK), X), np.all(X > -1, where=MASK))


def test_masked_traps():
    x = np.array([1.0, 0.0, -1.0])
    with np.errstate(all="ignore"):
        check(
            lambda x: np.sum(np.log(np.where(x > 0, x, 1)), where=x > 0), np.array([1.0, 3.0, -1.0])
        )
    del x


def test_moments():
    check(lambda x: np.var(x, axis=0, ddof=1), X)
    check(lambda x: np.std(x, axis=1, correction=1), X)
    check(lambda x: np.var(x, mean=np.mean(x, axis=0, keepdims=True), axis=0), X)
    check(lambda x: x.std() * x.var(axis=0) + x.mean(1).sum(), X)
    with pytest.raises(ValueError):
        traced(lambda x: np.var(x, ddof=1, correction=1), X)


def test_std_of_equal_values_has_gradient_zero():
    from numpy_checks import run

    from tapejit.transforms.reverse import value_and_grad_rows

    for f in (np.std, lambda x: np.std(x, axis=0).sum()):
        g = run(
            lambda cap, a, k: value_and_grad_rows(cap, f, a, k, 0, False, False), np.ones((3, 1))
        )[1]
        same(g, np.zeros((3, 1)))


def gradient(f, x):
    from numpy_checks import run

    from tapejit.transforms.reverse import value_and_grad_rows

    return run(lambda cap, a, k: value_and_grad_rows(cap, f, a, k, 0, False, False), x)[1]


@pytest.mark.parametrize("zeros", [(), (1,), (0, 2)])
def test_products_with_zeros(zeros):
    x = array(4) + 2
    x[list(zeros)] = 0.0
    check(lambda x: np.prod(x) ** 2 + np.prod(x), x)
    check(lambda x: np.cumprod(x) ** 2, x)
    check(lambda x: np.prod(np.stack([x, x * x]), axis=(1, 0)), x)
    same(gradient(np.prod, x), np.array([np.prod(np.delete(x, k)) for k in range(4)]))


def test_ties_share():
    x = np.array([1.0, 3.0, 3.0, 0.0, 0.0, 0.0])
    same(gradient(np.max, x), np.array([0, 0.5, 0.5, 0, 0, 0]))
    same(gradient(np.min, x), np.array([0, 0, 0, 1, 1, 1]) / 3)
    same(gradient(lambda x: np.sort(x)[4], x), np.array([0, 0.5, 0.5, 0, 0, 0]))
    same(gradient(lambda x: np.median(x[3:]), x), np.array([0, 0, 0, 1, 1, 1]) / 3)


@pytest.mark.parametrize("name", ["cumsum", "cumprod"])
def test_scans(name):
    fn = getattr(np, name)
    check(lambda x: fn(x) ** 2, X)
    check(lambda x: fn(x, axis=0) ** 2, Z)
    check(lambda x: fn(x, axis=-1) ** 2 + getattr(x, name)(axis=2), Z)
    same(traced(lambda x: fn(x), np.arange(4, dtype="i4")), fn(np.arange(4, dtype="i4")))
    same(traced(lambda x: fn(x), np.zeros((0, 3))), fn(np.zeros((0, 3))))
    same(traced(lambda x: fn(x[0, 0]), X), fn(X[0, 0]))
    check(lambda x: (np.add if name == "cumsum" else np.multiply).accumulate(x) ** 2, X)


def test_cumulative():
    check(lambda x: np.cumulative_sum(x, axis=1, include_initial=True) ** 2, X)
    check(lambda x: np.cumulative_prod(x, axis=0, include_initial=True) ** 2, X)


def test_scans_of_complex():
    z = array(4) + 1j * array(4, seed=1)
    check(lambda z: np.cumprod(z) * np.cumsum(z), z)
    check(lambda z: np.prod(z) * np.sum(z), z)


@pytest.mark.parametrize(
    "f",
    [
        lambda x: np.diff(x) ** 2,
        lambda x: np.diff(x, n=2, axis=0) ** 2,
        lambda x: np.diff(x, axis=0, prepend=0.0, append=x[:1]) ** 2,
        lambda x: np.diff(x, n=9),
        lambda x: np.ediff1d(x, to_begin=x[0, 0] ** 2, to_end=[1.0, 2.0]) ** 2,
        lambda x: np.average(x, axis=0) ** 2,
        lambda x: np.average(x, axis=1, weights=np.array([1.0, 2, 3, 4])),
        lambda x: np.average(x, weights=x**2, axis=0, returned=True),
        lambda x: np.average(x, axis=0, weights=np.abs(x[:, 0]), keepdims=True),
        lambda x: np.average(x**2, returned=True),
    ],
)
def test_composites(f):
    check(f, X)


def test_average_of_zero_weights():
    with pytest.raises(ZeroDivisionError):
        traced(lambda x: np.average(x, weights=np.array([1.0, -1.0]), axis=0), X[:2])


N = X.copy()
N[0, 1] = N[2, 2] = N[1, 0] = np.nan


@pytest.mark.parametrize(
    "name", ["nansum", "nanprod", "nanmean", "nanvar", "nanstd", "nanmax", "nanmin"]
)
@pytest.mark.parametrize("options", [{}, {"axis": 0}, {"axis": 1, "keepdims": True}], ids=str)
def test_nan_reductions(name, options):
    fn = getattr(np, name)
    check(lambda x: fn(np.where(np.isnan(N), np.nan, x), **options) ** 2, X)
    same(traced(lambda x: fn(x, **options), N), fn(N, **options))
    k = np.arange(6).reshape(2, 3)
    same(traced(lambda x: fn(x, **options), k), fn(k, **options))


def test_nan_places_and_scans():
    for name in ("nanargmax", "nanargmin", "nancumsum", "nancumprod"):
        for options in ({}, {"axis": 0}, {"axis": 1}):
            fn = getattr(np, name)
            same(traced(lambda x: fn(x, **options), N), fn(N, **options))
    with pytest.raises(ValueError):
        traced(np.nanargmax, np.full(3, np.nan))
    y = np.array([np.nan, -np.inf, -np.inf])
    same(traced(np.nanargmax, y), np.nanargmax(y))


def test_all_nan():
    x = np.array([[np.nan, np.nan], [1.0, np.nan]])
    for name in ("nanmax", "nanmin", "nanmean", "nanvar", "nansum"):
        fn = getattr(np, name)
        with np.errstate(all="ignore"), pytest.warns() if name != "nansum" else np.errstate():
            want = fn(x, axis=1)
        same(traced(lambda x: fn(x, axis=1), x), want)


def test_places():
    for name in ("argmax", "argmin"):
        for options in ({}, {"axis": 0}, {"axis": -1, "keepdims": True}, {"keepdims": True}):
            fn = getattr(np, name)
            same(traced(lambda x: fn(x, **options), Z), fn(Z, **options))
        same(traced(lambda x: getattr(x, name)(0), N), getattr(N, name)(0))
        with pytest.raises(ValueError):
            traced(fn, np.zeros(0))
    same(traced(lambda x: np.count_nonzero(x > 0, axis=1), Z), np.count_nonzero(Z > 0, axis=1))
    assert traced(lambda x: np.count_nonzero(x), Z) == 12


def test_empty():
    e = np.zeros((0, 3))
    for name in ("sum", "prod", "any", "all", "cumsum"):
        fn = getattr(np, name)
        same(traced(lambda x: fn(x, axis=0), e), fn(e, axis=0))
    for name in ("max", "min"):
        fn = getattr(np, name)
        with pytest.raises(ValueError):
            traced(lambda x: fn(x, axis=0), e)
        same(traced(lambda x: fn(x, axis=1), e), fn(e, axis=1))
        same(traced(lambda x: fn(x, axis=0, initial=1.5), e), fn(e, axis=0, initial=1.5))


def test_axis_errors():
    for options in ({"axis": 2}, {"axis": (0, 0)}, {"axis": -3}):
        for name in ("sum", "max", "prod", "var", "any"):
            fn = getattr(np, name)
            with pytest.raises(Exception) as plain:
                fn(X, **options)
            with pytest.raises(plain.type):
                traced(lambda x: fn(x, **options), X)


def test_out_and_methods():
    def f(x):
        y = np.zeros_like(x[0])
        np.sum(x**2, axis=0, out=y)
        z = np.empty_like(y)
        np.cumsum(y, out=z)
        return y * z

    check(f, X)
    check(
        lambda x: (
            x.max(0) * x.min() + x.prod(axis=0) + x.cumsum()[-1] + x.sum(1, keepdims=True).T.sum()
        ),
        X,
    )


METHODS = [
    lambda x: np.add.reduce(x),
    lambda x: np.add.reduce(x, axis=(0, 1)),
    lambda x: np.multiply.reduce(x, axis=1, keepdims=True),
    lambda x: np.maximum.reduce(x, axis=None),
    lambda x: np.minimum.reduce(x, axis=1, initial=0.1),
    lambda x: np.logaddexp.reduce(x, axis=1),
    lambda x: np.hypot.reduce(x, axis=0, keepdims=True),
    lambda x: np.subtract.reduce(x, axis=1),
    lambda x: np.logaddexp.accumulate(x, axis=1),
    lambda x: np.maximum.accumulate(x, axis=1),
    lambda x: np.minimum.accumulate(x),
    lambda x: np.subtract.outer(x[0], x[:, 1:]),
    lambda x: np.multiply.outer(x[0], 2.0),
]


@pytest.mark.parametrize("k", range(len(METHODS)))
def test_ufunc_methods(k):
    check(lambda x: METHODS[k](x) ** 2, X)


def test_running_extremes_with_nan():
    y = np.array([1.0, 3.0, np.nan, 5.0, np.nan])
    same(traced(lambda x: np.maximum.accumulate(x), y), np.maximum.accumulate(y))


def test_nan_is_no_trap():
    y = np.array([1.0, np.nan, 4.0])
    same(gradient(lambda x: np.nansum(x * x), y), np.array([2.0, 0.0, 8.0]))
    for f in (np.nanmean, np.nanmax, np.nanstd, np.nanvar, np.nanprod, np.nanmedian):
        found = gradient(lambda x: f(x), y)
        want = gradient(lambda x: f(x), y[[0, 2]])
        same(found[[0, 2]], want)
        assert found[1] == 0.0


def test_closures_that_decide_shapes():
    """Arrays of the surroundings are traced too: those that decide shapes are guarded."""
    import tapejit as tj

    counts, cuts, q = np.array([1, 0, 2]), np.array([1, 3]), np.array([0.25, 0.5])
    pads, mask, at = np.array([1, 2]), np.array([True, False, True]), np.array([0, 2, -1])

    def f(x):
        parts = np.split(x, cuts, axis=1)
        total = np.sum(np.repeat(x, counts, axis=0)) + np.sum(parts[1] ** 2)
        total = (
            total + np.sum(np.quantile(x, q, axis=0)) + np.sum(np.quantile(x, q, method="nearest"))
        )
        total = total + np.sum(np.pad(x, pads) ** 2) + np.sum(x[mask] ** 3) + np.sum(x[:, at] ** 2)
        return total + np.sum(np.roll(x, cuts, axis=(0, 1)) * x) + np.sum(np.delete(x, at, axis=1))

    v, g = tj.value_and_grad(f, compile="never")(X)
    assert abs(v - f(X)) < 1e-12 * abs(v)
    d = array(3, 4, seed=5)
    slope = (f(X + 1e-6 * d) - f(X - 1e-6 * d)) / 2e-6
    assert abs(np.sum(g * d) - slope) < 1e-7 * (1 + abs(slope))
