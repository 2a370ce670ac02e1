"""Threads, forks, pickles: every object can be shared, and nothing that is held ever changes."""

from __future__ import annotations

import copy
import gc
import multiprocessing
import os
import pickle
import random
import signal
import sys
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

import tapejit as tj
from tapejit.core.errors import CaptureError, ReplayWarning
from tapejit.core.pytree import flatten
from tapejit.frontend.capture import _stack

X = np.array([1.0, 2.0, 3.0])


def cube(x: Any) -> Any:
    return np.sum(x**3)


@tj.value_and_grad(compile="always")
def decorated(x: Any) -> Any:
    return np.sum(x**3)


grad_cube = tj.grad(cube, compile="always")
nested = tj.grad(lambda x: np.sum(tj.grad(cube)(x)), compile="never")
nested_named = tj.jit(grad_cube) if hasattr(tj, "jit") else grad_cube


# ---------------------------------------------------------------- results that are held


def test_held_results_never_change() -> None:
    f = decorated
    kept: list[Any] = []
    box: dict[str, Any] = {}
    for k in range(60):
        x = X * (k + 1)
        v, g = f(x)
        assert np.array_equal(g, 3 * x**2)
        way = k % 6
        if way == 0:
            kept.append((g, 3 * x**2))
        elif way == 1:
            kept.append((g[1:], (3 * x**2)[1:]))
        elif way == 2:
            kept.append((memoryview(g), 3 * x**2))
        elif way == 3:
            box[str(k)] = g
            kept.append((box[str(k)].reshape(3, 1), (3 * x**2).reshape(3, 1)))
        elif way == 4:
            kept.append((np.frombuffer(g), 3 * x**2))
        del v, g
    for found, expected in kept:
        assert np.array_equal(np.asarray(found), expected)


def test_a_result_fed_back_is_not_overwritten() -> None:
    step = tj.grad(lambda x: np.sum(x * x) / 2 + np.sum(x), compile="always")
    x = np.zeros(3)
    for k in range(20):
        x = step(x)
        assert np.array_equal(x, np.full(3, k + 1.0))


def test_a_dropped_result_is_used_again_and_only_as_it_was_made() -> None:
    f = tj.grad(lambda x: np.sum(x**3), compile="always")
    x = np.arange(6.0).reshape(2, 3)
    for _ in range(4):
        g = f(x)
    address = g.ctypes.data
    del g
    g = f(x)
    assert g.ctypes.data == address, "dropped outputs are recycled"
    for change in [
        lambda g: g.setflags(write=False),
        lambda g: setattr(g, "shape", (3, 2)),
        lambda g: g.resize((12,), refcheck=False),
    ]:
        g = f(x)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            change(g)
        del g
        for _ in range(3):
            g = f(x)
            assert g.shape == (2, 3) and g.flags.writeable and np.array_equal(g, 3 * x**2)
            g[...] = -1.0
            del g


# ---------------------------------------------------------------- threads


@pytest.mark.parametrize("policy", ["never", "always", "auto"])
def test_threads_at_once(policy: str) -> None:
    w = np.ones(3)
    f = tj.value_and_grad(lambda x: np.sum(w * x**3), compile=policy)
    start = threading.Barrier(8)

    def work(k: int) -> None:
        start.wait()
        held = []
        for i in range(60):
            x = X + k + i
            v, g = f(x)
            held.append((g, 3 * x**2))
            assert np.isclose(v, np.sum(x**3))
            if i % 7 == 0:
                held.clear()
            for found, expected in held:
                assert np.allclose(found, expected)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))
    assert f.stats()["kernels"] <= 1


def test_threads_with_many_signatures_and_nested_captures() -> None:
    hessian_sum = tj.grad(lambda x: np.sum(tj.grad(cube)(x) * x), compile="never")

    def work(k: int) -> None:
        for i in range(10):
            x = np.arange(1.0, 2.0 + (k + i) % 5)
            assert np.allclose(hessian_sum(x), 9 * x**2)
            assert _stack.captures == []

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(work, range(6)))


def test_a_tracer_does_not_reach_another_thread() -> None:
    def fn(x: Any) -> Any:
        found: list[Any] = []

        def work() -> None:
            try:
                found.append(x * 2)
            except CaptureError as error:
                found.append(error)

        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
        if isinstance(found[0], Exception):
            raise found[0]
        return np.sum(found[0])

    with pytest.raises(CaptureError, match=r"test_threads_processes\.py"):
        tj.grad(fn, compile="never")(X)


def test_kernels_release_the_lock() -> None:
    """While one thread is in a kernel, another one gets to run Python."""
    f = tj.value_and_grad(lambda x: np.sum(np.tanh(np.sin(x) * np.exp(-x * x))), compile="always")
    x = np.linspace(-1, 1, 2_000_000)
    f(x)
    inside, ticks = threading.Event(), [0]
    done = threading.Event()

    def work() -> None:
        inside.set()
        for _ in range(3):
            f(x)
        done.set()

    thread = threading.Thread(target=work)
    old = sys.getswitchinterval()
    sys.setswitchinterval(1000.0)  # only who gives the lock away lets others run
    try:
        thread.start()
        inside.wait()
        while not done.is_set() and ticks[0] < 10**6:
            ticks[0] += 1
            done.wait(0.0005)
    finally:
        sys.setswitchinterval(old)
        thread.join()
    assert ticks[0] >= 2


# ---------------------------------------------------------------- processes


def _child(check: Any) -> int:
    """Run `check` in a forked child; return its exit status."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        pid = os.fork()
    if pid == 0:
        signal.alarm(60)
        try:
            check()
            os._exit(0)
        except BaseException:
            import traceback

            traceback.print_exc()
            os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
def test_fork_after_and_during_compilation() -> None:
    decorated(X)

    def check() -> None:
        assert np.allclose(decorated(X)[1], 3 * X**2)
        f = tj.grad(lambda x: np.sum(x**5), compile="always")
        assert np.allclose(f(X), 5 * X**4)

    assert _child(check) == 0
    f = tj.grad(lambda x: np.sum(np.tanh(x) * np.exp(x) + x**7), compile="always")
    thread = threading.Thread(target=f, args=(X,))
    thread.start()
    while f.stats()["captures"] < 2:
        pass

    def check_both() -> None:
        check()
        assert np.all(np.isfinite(f(X)))

    status = _child(check_both)
    thread.join()
    assert status == 0
    expected = X / X * f(X)
    assert np.array_equal(f(X), expected)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
def test_fork_while_another_thread_holds_a_lock() -> None:
    f = tj.grad(cube, compile="never")
    f(X)
    f(X)
    release = threading.Event()

    def hold() -> None:
        program = f._dispatcher.program((X,), {})
        with f._dispatcher.lock, program._lock:
            holding.set()
            release.wait()

    holding = threading.Event()
    thread = threading.Thread(target=hold)
    thread.start()
    holding.wait()

    def check() -> None:
        assert np.array_equal(f(np.ones(5)), np.full(5, 3.0))
        f._dispatcher.program((X,), {}).compile(f._dispatcher)
        assert np.allclose(f(X), 3 * X**2)

    try:
        assert _child(check) == 0
    finally:
        release.set()
        thread.join()


def _work(given: Any) -> Any:
    f, x = given
    return f(x)


def test_spawned_processes_take_pickled_functions() -> None:
    context = multiprocessing.get_context("spawn")
    with context.Pool(1) as pool:
        (found,) = pool.map(_work, [(grad_cube, X)])
    assert np.allclose(found, 3 * X**2)


@pytest.mark.parametrize("name", ["decorated", "grad_cube", "nested_named"])
def test_pickle_and_copy(name: str) -> None:
    f = globals()[name]
    expected = f(X)
    for other in (pickle.loads(pickle.dumps(f)), copy.copy(f), copy.deepcopy(f)):
        for a, b in zip(flatten(other(X))[0], flatten(expected)[0]):
            assert np.array_equal(a, b)
        assert repr(other) == repr(f)


def test_results_pickle() -> None:
    v, g = decorated(X)
    u, h = pickle.loads(pickle.dumps((v, g)))
    assert type(u) is type(v) and u == v and np.array_equal(g, h)


def test_a_function_defined_inside_cannot_be_pickled_but_copied() -> None:
    f = tj.grad(lambda x: np.sum(x), compile="never")
    with pytest.raises((pickle.PicklingError, AttributeError)):
        pickle.dumps(f)
    assert np.array_equal(copy.deepcopy(f)(X), np.ones(3))


def test_a_dropped_function_is_freed() -> None:
    import weakref

    def make() -> Any:
        big = np.zeros(1000)
        f = tj.grad(lambda x: np.sum(x * big[:3]), compile="never")
        for _ in range(3):
            f(X)
        return weakref.ref(f._dispatcher), weakref.ref(big)

    refs = make()
    gc.collect()
    assert [r() for r in refs] == [None, None]


# ---------------------------------------------------------------- exceptions leave nothing behind


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit, RecursionError])
@pytest.mark.parametrize("policy", ["never", "always"])
def test_an_exception_inside_leaves_no_state(error: type[BaseException], policy: str) -> None:
    fail = [True]
    box: dict[str, Any] = {"w": np.ones(3)}
    count = 0

    def fn(x: Any) -> Any:
        nonlocal count
        if fail[0]:
            count = 5
            box["new"] = 1.0
            raise error("stop")
        return np.sum(x * box["w"])

    f = tj.grad(fn, compile=policy)
    for _ in range(2):
        with pytest.raises(error, match="stop"):
            f(X)
        assert _stack.captures == [] and count == 5 and box["new"] == 1.0
        assert type(box["w"]) is np.ndarray
    fail[0] = False
    for _ in range(3):
        assert np.array_equal(f(X), np.ones(3))
    assert f.stats()["captures"] == 4
    fail[0] = True
    with pytest.raises(error, match="stop"):
        f(X)


def test_replay_warning_names_the_user_line() -> None:
    f = tj.grad(lambda x: np.sum(x) * random.random(), compile="never")
    with pytest.warns(ReplayWarning, match=r"test_threads_processes\.py:\d+") as caught:
        f(X)
    assert caught[0].filename == __file__
