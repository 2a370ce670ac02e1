"""Transforms between kernels: in place where nobody looks, in memory that serves call after call."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest

import tapejit as tj
from tapejit.core.errors import TapejitError

RNG = np.random.default_rng(11)
N = 40
X, Y = RNG.normal(size=(2, N, N))
H = RNG.normal(size=(N, N))


def filtered(x: Any, y: Any) -> Any:
    return np.sum(np.real(np.fft.ifft2(np.fft.fft2(x) * H)) * y)


def reread(x: Any, y: Any) -> Any:
    """The operand of a transform is read again behind it."""
    z = x + 1j * y
    z = z * z
    w = np.fft.fft2(z)
    return np.sum(np.abs(w - z) ** 2)


def spectrum(x: Any, y: Any) -> Any:
    """A transform and its operand are results."""
    z = x * (1.0 + 2.0j)
    return z, np.fft.fft2(z), np.fft.fft2(z * y)


def between(f: Any, *args: Any) -> Any:
    return f._dispatcher.program(args, {}).kernel.between


@pytest.mark.parametrize("fn", [filtered, reread])
def test_calls_that_share_memory_give_what_numpy_gives(fn: Any) -> None:
    f = tj.value_and_grad(fn, compile="always")
    plain = tj.value_and_grad(fn, compile="never")
    for scale in (1.0, 2.0, -0.5, 1.0):
        x, y = scale * X, Y + scale
        before = x.copy(), y.copy()
        for found, wanted in zip(f(x, y), plain(x, y)):
            np.testing.assert_allclose(found, wanted, rtol=1e-9, atol=1e-9)
        assert np.array_equal(x, before[0]) and np.array_equal(y, before[1])
    assert between(f, X, Y).over


def test_results_are_arrays_of_their_own() -> None:
    f = tj.jit(spectrum, compile="always")
    f(X, Y)
    found = f(X, Y)
    kept = [a.copy() for a in found]
    f(2 * X, Y)
    f(3 * X, Y)
    for a, b, c in zip(found, kept, spectrum(X, Y)):
        assert np.array_equal(a, b)
        np.testing.assert_allclose(a, c, rtol=1e-9, atol=1e-9)


def test_threads_do_not_share_memory() -> None:
    f = tj.value_and_grad(filtered, compile="always")
    f(X, Y)
    wanted = [f(k * X, Y) for k in range(4)]
    wrong: list[int] = []

    def work(k: int) -> None:
        for _ in range(40):
            v, g = f(k * X, Y)
            if v != wanted[k][0] or not np.array_equal(g, wanted[k][1]):
                wrong.append(k)

    threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not wrong


def test_the_hot_path_of_stages_checks_what_it_is_given() -> None:
    f = tj.grad(filtered, argnums=(0, 1), compile="always")
    for _ in range(3):
        f(X, Y)
    assert len(f._dispatcher.entries) == 1
    wide = RNG.normal(size=(N, 2 * N))
    for args in ((wide[:, ::2], Y), (X.T, Y), (X.astype(">f8"), Y), (X.astype(np.float32), Y)):
        for got, wanted in zip(f(*args), tj.grad(filtered, argnums=(0, 1), compile="never")(*args)):
            np.testing.assert_allclose(got, wanted, rtol=1e-4, atol=1e-4)
            assert got.dtype == wanted.dtype
    with pytest.raises((ValueError, TapejitError)):
        f(wide, Y)
