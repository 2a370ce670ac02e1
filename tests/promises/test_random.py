"""Random numbers: fresh at each call, NumPy's own stream, differentiable where they can be."""

from __future__ import annotations

import functools
import threading
import types
from typing import Any

import numpy as np
import pytest
from drawing_programs import BOTH, PROGRAMS
from following import POLICIES, X

import tapejit as tj
from tapejit.core.errors import UnsupportedError

EVERY = [*POLICIES, "auto"]
MAKERS = {"Generator": np.random.default_rng, "RandomState": np.random.RandomState}
CASES = [(n, k) for n in PROGRAMS for k in MAKERS if k == "Generator" or n in BOTH]
RESULT = {"rtol": 1e-10, "atol": 1e-12}


def stands(rng: Any) -> str:
    """Return where a generator stands, as text."""
    state = rng.get_state(legacy=False) if hasattr(rng, "get_state") else rng.bit_generator.state
    with np.printoptions(threshold=10_000):
        return str(state)


def same_stream(f: Any, fn: Any, make: Any, calls: int = 6, x: Any = X) -> None:
    """Check values, and where the generator stands, after each of several calls."""
    mine, theirs = make(), make()
    for k in range(calls):
        found, expected = f(x, mine), fn(x, theirs)
        assert np.allclose(found, expected, **RESULT), k
        assert stands(mine) == stands(theirs), k


# ---------------------------------------------------------------- values and streams


@pytest.mark.parametrize("policy", EVERY)
@pytest.mark.parametrize("name, kind", CASES)
def test_programs_draw_what_numpy_draws(name: str, kind: str, policy: str) -> None:
    fn = PROGRAMS[name]
    f = tj.jit(fn, compile=policy)
    same_stream(f, fn, lambda: MAKERS[kind](3))
    if name != "until_drawn":
        assert f.stats()["python"] == 0


def checked(name: str) -> Any:
    """Return the gradient of a program for a fixed seed, by central differences."""
    fn = PROGRAMS[name]

    def gradient(kind: str, h: float = 1e-6) -> Any:
        found = []
        for k in range(3):
            e = np.eye(3)[k] * h
            up, down = (fn(X / 3 + s * e, MAKERS[kind](5)) for s in (1, -1))
            found.append((up - down) / (2 * h))
        return np.array(found)

    return gradient


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("name", list(PROGRAMS))
def test_gradients_are_those_for_these_draws(name: str, policy: str) -> None:
    expected = checked(name)("Generator")
    f = tj.grad(PROGRAMS[name], compile=policy)
    forward = tj.jacfwd(PROGRAMS[name], compile=policy)
    for _ in range(3):
        mine, theirs = (np.random.default_rng(5) for _ in range(2))
        assert np.allclose(f(X / 3, mine), expected, rtol=1e-5, atol=1e-6)
        other = np.random.default_rng(5)
        assert np.allclose(forward(X / 3, other), expected, rtol=1e-5, atol=1e-6)
        PROGRAMS[name](X / 3, theirs)
        assert stands(mine) == stands(theirs) == stands(other)


@pytest.mark.parametrize(
    "name", ["traced_parameters", "walk", "two_kinds_in_turn", "sometimes", "knocked_out", "until"]
)
def test_second_derivatives(name: str) -> None:
    fn, v = PROGRAMS[name], np.array([0.3, -0.2, 0.5])
    first = tj.grad(fn, compile="never")
    second = tj.grad(lambda x, rng: np.sum(tj.grad(fn)(x, rng) * v), compile="never")
    h = 1e-5
    up, down = (first(X / 3 + s * h * v, np.random.default_rng(5)) for s in (1, -1))
    for _ in range(3):
        mine, theirs = np.random.default_rng(5), np.random.default_rng(5)
        assert np.allclose(second(X / 3, mine), (up - down) / (2 * h), rtol=1e-4, atol=1e-5)
        fn(X / 3, theirs)
        assert stands(mine) == stands(theirs)


# ---------------------------------------------------------------- where generators come from

RNG = np.random.default_rng(0)


def sources() -> dict[str, tuple[Any, Any, Any]]:
    """Return for each place a function, what it draws from, and how to put another one there."""
    rng = np.random.default_rng(0)
    held = types.SimpleNamespace(rng=np.random.default_rng(0), w=2.0)
    table = {"rng": np.random.default_rng(0)}

    class Model:
        def __init__(self) -> None:
            self.rng = np.random.default_rng(0)

        def __call__(self, x: Any) -> Any:
            return np.sum(x * self.rng.normal(size=3))

    def closure(x: Any) -> Any:
        return np.sum(rng.normal(x, 1.0))

    def default(x: Any, r: Any = rng) -> Any:
        return np.sum(x * r.normal(size=3))

    def put(new: Any) -> None:
        nonlocal rng
        rng = new

    model = Model()
    return {
        "global": (
            lambda x: np.sum(x * RNG.normal(size=3)),
            lambda: RNG,
            lambda new: globals().__setitem__("RNG", new),
        ),
        "closure": (closure, lambda: rng, put),
        "attribute": (
            lambda x: np.sum(x * held.rng.normal(size=3)) * held.w,
            lambda: held.rng,
            lambda new: setattr(held, "rng", new),
        ),
        "item": (
            lambda x: np.sum(x * table["rng"].normal(size=3)),
            lambda: table["rng"],
            lambda new: table.__setitem__("rng", new),
        ),
        "field of a callable object": (
            model,
            lambda: model.rng,
            lambda new: setattr(model, "rng", new),
        ),
        "default": (default, None, None),
    }


@pytest.mark.parametrize("policy", EVERY)
@pytest.mark.parametrize("where", list(sources()))
def test_a_generator_is_read_from_where_it_is_kept(where: str, policy: str) -> None:
    plain, _, put = sources()[where]
    if put is not None:
        put(np.random.default_rng(0))
    expected = [plain(X) for _ in range(5)]
    fn, _, put = sources()[where]
    if put is not None:
        put(np.random.default_rng(0))
    f = tj.value_and_grad(fn, compile=policy)
    assert np.allclose([f(X)[0] for _ in range(5)], expected)
    if put is not None:
        put(np.random.default_rng(9))
        expected = [plain(X) for plain in [fn] for _ in range(3)]
        put(np.random.default_rng(9))
        assert np.allclose([f(X)[0] for _ in range(3)], expected)
        put(np.random.Generator(np.random.MT19937(9)))
        expected = [fn(X) for _ in range(3)]
        put(np.random.Generator(np.random.MT19937(9)))
        assert np.allclose([f(X)[0] for _ in range(3)], expected)
    assert f.stats()["python"] == 0


def legacy_functions() -> dict[str, Any]:
    from numpy import random as npr
    from numpy.random import normal, uniform

    normal_ = RNG.standard_normal

    def rolled(x: Any) -> Any:
        s = x[0]
        for _ in range(9):
            s = s + x[1] * np.random.randn()
        return s

    def seeded(x: Any) -> Any:
        np.random.seed(4)
        return np.sum(x * np.random.rand(3)) + np.random.normal(x[0])

    return {
        "np.random": lambda x: np.sum(x * np.random.rand(3) + np.random.normal(x, 2.0)),
        "module": lambda x: np.sum(x * npr.rand(3)),
        "names": lambda x: np.sum(normal(x, 2.0) + uniform(0.0, x)),
        "bound method": lambda x: np.sum(normal_(3) * x),
        "randint": lambda x: np.sum(x * np.random.randint(0, 9, 3)) + np.random.choice(x),
        "loop": rolled,
        "seed": seeded,
    }


@pytest.mark.parametrize("policy", EVERY)
@pytest.mark.parametrize("name", list(legacy_functions()))
def test_functions_of_numpy_random(name: str, policy: str) -> None:
    def run(make: Any) -> Any:
        np.random.seed(3)
        globals()["RNG"] = np.random.default_rng(0)
        fn = make(legacy_functions()[name])
        return [float(fn(X)) for _ in range(5)], stands(np.random.mtrand._rand), fn

    expected, place, _ = run(lambda fn: fn)
    found, ends, f = run(lambda fn: tj.jit(fn, compile=policy))
    assert np.allclose(found, expected, **RESULT)
    assert ends == place
    assert f.stats()["python"] == 0


def inside() -> dict[str, Any]:
    def in_a_loop(x: Any) -> Any:
        rng = np.random.default_rng(7)
        s = x[0]
        for _ in range(9):
            s = s * 0.5 + x[1] * rng.normal()
        return s

    def made_in_a_loop(x: Any) -> Any:
        s = x[0]
        for k in range(9):
            rng = np.random.default_rng(7)
            s = s * 0.5 + x[1] * rng.normal() * k + rng.uniform()
        return s

    def steered(x: Any) -> Any:
        rng = np.random.RandomState(2)
        if rng.rand() < 0.5:
            return np.sum(x) * rng.rand()
        return np.sum(x) + rng.rand()

    return {
        "default_rng": lambda x: np.sum(x * np.random.default_rng(7).normal(size=3)),
        "list": lambda x: np.sum(x * np.random.default_rng([1, 2]).normal(size=3)),
        "bits": lambda x: np.sum(np.random.Generator(np.random.Philox(3)).normal(x, 1.0)),
        "RandomState": lambda x: np.sum(np.random.RandomState(3).normal(x, 1.0)),
        "loop": in_a_loop,
        "made in a loop": made_in_a_loop,
        "steered": steered,
    }


@pytest.mark.parametrize("policy", EVERY)
@pytest.mark.parametrize("name", list(inside()))
def test_a_generator_made_inside_begins_anew_at_each_call(name: str, policy: str) -> None:
    fn = inside()[name]
    f = tj.value_and_grad(fn, compile=policy)
    for _ in range(5):
        assert np.allclose(f(X)[0], fn(X), **RESULT)
    assert f.stats()["python"] == 0


# ---------------------------------------------------------------- exactly once


def test_looking_inside_draws_nothing() -> None:
    rng = np.random.default_rng(0)
    before = stands(rng)
    f = tj.value_and_grad(lambda x: np.sum(rng.normal(x, 1.0)), compile="never")
    text = str(f.tape(X)) + f.source(X) + f.explain(X)
    assert "draw" in text and stands(rng) == before
    f.compile(X)
    assert stands(rng) == before


GUARDED = """
def fn(x, rng):
    y = rng.normal(x, 1.0)
    if np.sum(y) > 6.0:
        return np.sum(y) * 2.0 + rng.uniform()
    return np.sum(y) + rng.normal()
"""


@pytest.mark.parametrize("policy", EVERY)
def test_a_failed_guard_gives_back_what_it_drew(policy: str) -> None:
    space: dict[str, Any] = {"np": np}
    # code without source cannot be staged: its branches are guarded
    exec(GUARDED, space)
    fn = space["fn"]
    f = tj.jit(fn, compile=policy)
    same_stream(f, fn, lambda: np.random.default_rng(0), calls=40)
    assert f.stats()["guard_misses"] > 3 and f.stats()["python"] == 0


def test_the_capture_that_confirms_sees_the_same_draws() -> None:
    space: dict[str, Any] = {"np": np}
    exec(GUARDED, space)
    for seed in range(8):
        f = tj.jit(space["fn"], compile="always")  # captures twice in its first call
        same_stream(f, space["fn"], lambda seed=seed: np.random.default_rng(seed), calls=1)
        assert f.stats()["captures"] == 2 and f.stats()["python"] == 0
        assert f.stats()["kernels"] == 1


def test_two_names_for_one_generator_are_one_stream() -> None:
    def fn(x: Any, a: Any, b: Any) -> Any:
        return np.sum(a.normal(x, 1.0)) + 2.0 * b.uniform() + 3.0 * a.uniform()

    f = tj.jit(fn, compile="never")
    one, two = (np.random.default_rng(1) for _ in range(2))
    for shared in (True, False, True, False):
        for _ in range(3):
            other, another = (np.random.default_rng(2) for _ in range(2))
            given = (one, one) if shared else (one, other)
            plain = (two, two) if shared else (two, another)
            assert np.isclose(f(X, *given), fn(X, *plain))
            assert stands(given[1]) == stands(plain[1])
    on_bits = [np.random.Generator(np.random.PCG64(3)) for _ in range(2)]
    pairs = [(g, np.random.Generator(g.bit_generator)) for g in on_bits]
    for _ in range(4):
        assert np.isclose(f(X, *pairs[0]), fn(X, *pairs[1]))


def test_an_error_leaves_the_stream_where_numpy_does() -> None:
    def fn(x: Any, rng: Any) -> Any:
        s = x[0]
        for _ in range(8):  # draws in some rounds: the loop waits until its values are wanted
            if np.sin(s) > -0.5:
                s = s + rng.normal()
        if x.shape == (3,):
            raise RuntimeError("stop")
        return x

    mine, theirs = np.random.default_rng(0), np.random.default_rng(0)
    for f, rng in ((tj.jit(fn), mine), (fn, theirs)):
        with pytest.raises(RuntimeError):
            f(X, rng)
    assert stands(mine) == stands(theirs)


@pytest.mark.parametrize("kind", list(MAKERS))
def test_numpy_s_errors(kind: str) -> None:
    bad = {
        "scale < 0": lambda x, rng: np.sum(rng.normal(0.0, -x)),
        "compatible|mismatch": lambda x, rng: np.sum(rng.normal(x, 1.0, size=2)),
        "unexpected|got an": lambda x, rng: np.sum(rng.normal(scal=x)),
        "argument": lambda x, rng: np.sum(rng.normal(1, 2, 3, 4)),
        "lam": lambda x, rng: np.sum(x) + rng.poisson(-1.0),
    }
    for match, fn in bad.items():
        error = TypeError if "argument" in match or "got" in match else ValueError
        for f in (fn, tj.jit(fn)):
            with pytest.raises(error, match=match):
                f(X, MAKERS[kind](0))
    good = tj.jit(lambda x, rng: np.sum(rng.normal(0.0, x)), compile="never")
    rng = MAKERS[kind](0)
    for _ in range(3):
        good(X, rng)
    with pytest.raises(ValueError, match="scale < 0"):
        good(-X, rng)


def test_a_negative_scale_in_a_rolled_loop_is_nan() -> None:
    def fn(x: Any, rng: Any) -> Any:
        s = 0.0
        for _ in range(9):
            s = s + rng.normal(0.0, x[0])
        return s

    f = tj.jit(fn, compile="never")
    assert np.isfinite(f(X, np.random.default_rng(0))) and np.isnan(f(-X, np.random.default_rng(0)))


# ---------------------------------------------------------------- what has no derivative


@pytest.mark.parametrize(
    "what, fn",
    {
        "lam": lambda x, rng: np.sum(rng.poisson(x) * 1.5),
        "p": lambda x, rng: np.sum(rng.binomial(9, x / 9) * x),
        "shape": lambda x, rng: np.sum(rng.gamma(x, 2.0)),
        "df": lambda x, rng: np.sum(rng.chisquare(x)),
        "a and b": lambda x, rng: rng.beta(x[0], x[1]),
        "cov": lambda x, rng: np.sum(rng.multivariate_normal(np.zeros(3), np.eye(3) * x)),
    }.items(),
)
def test_parameters_without_derivative_raise(what: str, fn: Any) -> None:
    for transform in (tj.grad, tj.jacfwd):
        with pytest.raises(UnsupportedError, match=rf"{what}, .*test_random\.py"):
            transform(fn)(X, np.random.default_rng(0))
    assert np.isfinite(tj.jit(fn)(X, np.random.default_rng(0)))
    held = tj.grad(lambda x, rng: fn(tj.stop_gradient(x), rng) + np.sum(x))
    assert np.array_equal(held(X, np.random.default_rng(0)), [1.0, 1.0, 1.0])


def test_a_parameter_without_derivative_in_a_loop_raises() -> None:
    def fn(x: Any, rng: Any) -> Any:
        n = 0
        for _ in range(9):
            n = n + rng.poisson(x[0])
        return np.sum(x) * n

    with pytest.raises(UnsupportedError, match="poisson"):
        tj.grad(fn)(X, np.random.default_rng(0))
    with pytest.raises(UnsupportedError, match="poisson"):
        tj.jacfwd(fn)(X, np.random.default_rng(0))
    assert np.all(
        np.isfinite(tj.grad(lambda x, rng: fn(X, rng) * x[0])(X, np.random.default_rng(0)))
    )


# ---------------------------------------------------------------- the table of methods that fill

ARGUMENTS: dict[str, tuple[Any, ...]] = {
    "beta": (2.0, 3.0), "binomial": (10, 0.3), "chisquare": (3.0,), "f": (3.0, 4.0),
    "gamma": (0.7, 2.0), "geometric": (0.2,), "hypergeometric": (5, 6, 4), "integers": (7,),
    "logseries": (0.5,), "negative_binomial": (3, 0.4), "noncentral_chisquare": (3.0, 1.0),
    "noncentral_f": (3.0, 4.0, 1.0), "pareto": (2.0,), "poisson": (12.5,), "power": (2.0,),
    "randint": (7,), "standard_gamma": (1.7,), "standard_t": (3.0,),
    "triangular": (0.0, 0.5, 2.0), "vonmises": (0.1, 2.0), "wald": (1.0, 2.0), "weibull": (1.5,),
    "zipf": (2.5,),
}  # fmt: skip


@pytest.mark.parametrize("kind", list(MAKERS))
def test_methods_that_fill_arrays_as_single_calls_do(kind: str) -> None:
    from tapejit.frontend.staging.hoist import FILLS

    seen = 0
    for method in FILLS:
        if not hasattr(MAKERS[kind](0), method):
            continue
        seen += 1
        one, many = MAKERS[kind](5), MAKERS[kind](5)
        given = ARGUMENTS.get(method, ())
        single = [getattr(one, method)(*given) for _ in range(41)]
        assert np.array_equal(getattr(many, method)(*given, size=41), single), method
        assert stands(one) == stands(many), method
    assert seen > 30


@pytest.mark.parametrize("dtype", ["uint8", "int16", "int32", "int64"])
def test_integers_of_all_widths_in_a_loop(dtype: str) -> None:
    def fn(x: Any, rng: Any) -> Any:
        s = x[0]
        for _ in range(11):
            s = s + x[1] * rng.integers(0, 100, dtype=dtype)
        return s

    same_stream(tj.jit(fn, compile="never"), fn, lambda: np.random.default_rng(0))


def test_a_rolled_loop_is_one_draw_whatever_its_length() -> None:
    def fn(x: Any, rng: Any, n: int) -> Any:
        s = x[0]
        for _ in range(n):
            s = s * 0.9 + x[1] * rng.normal()
        return s

    f = tj.value_and_grad(fn, compile="never")
    tapes = [f.tape(X, np.random.default_rng(0), n) for n in (10, 100_000)]
    assert len(tapes[0]) == len(tapes[1])
    assert str(tapes[1]).count("= draw") == 1


def test_threads_with_generators_of_their_own() -> None:
    fn = PROGRAMS["walk"]
    f = tj.value_and_grad(fn, compile="never")
    f(X, np.random.default_rng(0))
    f(X, np.random.default_rng(0))
    found: dict[int, Any] = {}

    def work(seed: int) -> None:
        rng = np.random.default_rng(seed)
        found[seed] = [f(X, rng)[0] for _ in range(20)]

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    for seed, values in found.items():
        rng = np.random.default_rng(seed)
        assert np.allclose(values, [fn(X, rng) for _ in range(20)])


# ---------------------------------------------------------------- other transformations


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("name", ["walk", "two_kinds_in_turn", "traced_parameters", "sometimes"])
def test_what_is_computed_again_is_not_drawn_again(name: str, policy: str) -> None:
    fn, expected = PROGRAMS[name], checked(name)("Generator")

    def in_a_loop(x: Any, rng: Any) -> Any:
        total = 0.0
        for _ in range(5):
            total = total + tj.checkpoint(fn)(x, rng)
        return total

    f = tj.grad(tj.checkpoint(fn), compile=policy)
    g, plain = (
        tj.grad(in_a_loop, compile=policy),
        tj.grad(
            lambda x, rng: fn(x, rng) + fn(x, rng) + fn(x, rng) + fn(x, rng) + fn(x, rng),
            compile="never",
        ),
    )
    for _ in range(3):
        mine, theirs = (np.random.default_rng(5) for _ in range(2))
        assert np.allclose(f(X / 3, mine), expected, rtol=1e-5, atol=1e-6)
        fn(X / 3, theirs)
        assert stands(mine) == stands(theirs)
        mine, theirs = (np.random.default_rng(5) for _ in range(2))
        assert np.allclose(g(X / 3, mine), plain(X / 3, theirs))
        assert stands(mine) == stands(theirs)


def test_a_budget_of_memory_does_not_change_what_is_drawn() -> None:
    def fn(x: Any, rng: Any) -> Any:
        s = x[0]
        for _ in range(400):
            s = np.sin(s) * rng.uniform(0.5, 1.0) + 0.1 * x[1] * rng.normal()
        return s

    small = tj.grad(tj.checkpoint(fn, budget=2000), compile="never")
    plain = tj.grad(fn, compile="never")
    for _ in range(3):
        mine, theirs = (np.random.default_rng(5) for _ in range(2))
        assert np.allclose(small(X, mine), plain(X, theirs), rtol=1e-10)
        assert stands(mine) == stands(theirs)


@pytest.mark.parametrize("policy", POLICIES)
def test_a_map_draws_once_for_all_slices(policy: str) -> None:
    def fn(v: Any, rng: Any) -> Any:
        return rng.normal(v, 1.0) + rng.uniform()

    f = tj.vmap(fn, in_axes=(0, None), compile=policy)
    for _ in range(3):
        mine, theirs = (np.random.default_rng(5) for _ in range(2))
        found = f(X, mine)
        z = theirs.standard_normal() + theirs.uniform()
        assert np.allclose(found, X + z) and stands(mine) == stands(theirs)
    with pytest.raises(UnsupportedError, match="slices of a map"):
        tj.vmap(lambda v, rng: rng.poisson(v), in_axes=(0, None))(X, np.random.default_rng(0))


@pytest.mark.parametrize("policy", POLICIES)
def test_vjp_and_jvp_draw_once(policy: str) -> None:
    fn = PROGRAMS["traced_parameters"]
    expected = checked("traced_parameters")("Generator")
    v = np.array([0.3, -0.2, 0.5])
    for _ in range(3):
        one, two, theirs = (np.random.default_rng(5) for _ in range(3))
        value, pull = tj.vjp(functools.partial(fn, rng=one), X / 3, compile=policy)
        assert np.allclose(pull(1.0)[0], expected, rtol=1e-5, atol=1e-6)
        assert np.allclose(pull(2.0)[0], 2 * expected, rtol=1e-5, atol=1e-6)
        y, t = tj.jvp(functools.partial(fn, rng=two), (X / 3,), (v,), compile=policy)
        assert np.isclose(t, expected @ v, rtol=1e-5)
        assert np.isclose(value, fn(X / 3, theirs)) and np.isclose(y, value)
        assert stands(one) == stands(two) == stands(theirs)


@pytest.mark.parametrize("policy", POLICIES)
def test_a_training_loop_with_random_batches(policy: str) -> None:
    data = np.random.default_rng(1)
    a, y = data.normal(size=(40, 3)), data.normal(size=40)

    def loss(w: Any, rows: Any, targets: Any) -> Any:
        return np.mean((rows @ w - targets) ** 2)

    def train(w: Any, rng: Any) -> Any:
        for _ in range(12):
            k = rng.integers(0, 40, size=8)
            w = w - 0.1 * tj.grad(loss)(w, a[k], y[k]) + 0.001 * rng.normal(size=3)
        return w

    def plain(w: Any, rng: Any) -> Any:
        for _ in range(12):
            k = rng.integers(0, 40, size=8)
            gradient = 2 * a[k].T @ (a[k] @ w - y[k]) / 8
            w = w - 0.1 * gradient + 0.001 * rng.normal(size=3)
        return w

    same_stream(tj.jit(train, compile=policy), plain, lambda: np.random.default_rng(0), calls=4)
