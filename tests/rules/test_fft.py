"""Fourier transforms: values and dtypes as NumPy, adjoints against differences."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from checking import check, derivatives

RNG = np.random.default_rng(5)
NORMS = [None, "backward", "ortho", "forward"]
fft = np.fft


def make(kind: str, *shape: int) -> Any:
    x = RNG.normal(size=shape)
    if kind.startswith("complex"):
        x = x + 1j * RNG.normal(size=shape)
    return x.astype(kind)


def real_of(f: Any) -> Any:
    """A function with a real result that depends on all of a complex one."""
    return lambda *xs: np.real(f(*xs) * (1.0 - 2.0j))


@pytest.mark.parametrize("kind", ["float64", "complex128", "float32", "complex64"])
@pytest.mark.parametrize("f", [fft.fft, fft.ifft, fft.irfft, fft.hfft], ids=lambda f: f.__name__)
@pytest.mark.parametrize("norm", NORMS)
def test_one_axis(f: Any, norm: Any, kind: str) -> None:
    check(lambda x: f(x, norm=norm), make(kind, 5))
    for n in (1, 2, 3, 4, 5, 8, 9):
        check(lambda x, n=n: f(x, n=n, axis=0, norm=norm), make(kind, 5, 2), second=False)
    check(lambda x: f(x * x, axis=-2, norm=norm), make(kind, 2, 3, 2))


@pytest.mark.parametrize("kind", ["float64", "float32"])
@pytest.mark.parametrize("f", [fft.rfft, fft.ihfft], ids=lambda f: f.__name__)
@pytest.mark.parametrize("norm", NORMS)
def test_real_input(f: Any, norm: Any, kind: str) -> None:
    check(lambda x: f(x, norm=norm), make(kind, 5))
    for n in (1, 2, 3, 4, 5, 8, 9):
        check(lambda x, n=n: f(x, n=n, axis=0, norm=norm), make(kind, 5, 2), second=False)
    check(lambda x: f(x * x, axis=-2, norm=norm), make(kind, 2, 4, 2))


@pytest.mark.parametrize("kind", ["float64", "complex128", "complex64"])
@pytest.mark.parametrize(
    "f",
    [fft.fftn, fft.ifftn, fft.fft2, fft.ifft2, fft.irfftn, fft.irfft2],
    ids=lambda f: f.__name__,
)
@pytest.mark.parametrize("norm", [None, "ortho", "forward"])
def test_several_axes(f: Any, norm: Any, kind: str) -> None:
    check(lambda x: f(x, norm=norm), make(kind, 3, 4))
    check(lambda x: f(x, axes=(0, 2), norm=norm), make(kind, 3, 2, 4))
    check(lambda x: f(x, s=(2, 5), axes=(2, 0), norm=norm), make(kind, 3, 2, 4))
    check(lambda x: f(x, s=(2, -1), axes=(0, 1), norm=norm), make(kind, 3, 4))


@pytest.mark.parametrize("f", [fft.rfftn, fft.rfft2], ids=lambda f: f.__name__)
def test_several_axes_of_real_input(f: Any) -> None:
    check(f, make("float64", 3, 4))
    check(lambda x: f(x, axes=(0, 2), norm="ortho"), make("float64", 3, 2, 4))
    check(lambda x: f(x, s=(2, 5), axes=(1, 0)), make("float32", 3, 4))


def test_repeated_axes() -> None:
    check(lambda x: fft.fftn(x, axes=(0, 0, 1)), make("complex128", 3, 4))


def test_integers_become_complex() -> None:
    def f(x: Any) -> Any:
        n = np.full_like(x, 2, dtype=np.int32)
        return fft.fft(n), fft.rfft(n), fft.irfft(n), x * 1.0

    check(f, make("float64", 3))


@pytest.mark.parametrize("f", [fft.fftshift, fft.ifftshift], ids=lambda f: f.__name__)
def test_shifts(f: Any) -> None:
    for shape in ((5,), (4,), (1,), (3, 4), (2, 0)):
        check(f, make("float64", *shape))
    check(lambda x: f(x, axes=1), make("float64", 3, 5))
    check(lambda x: f(x, axes=(0, -1)), make("complex128", 3, 5, 2))


def test_a_filter() -> None:
    """Frequencies are static; a filter in frequency space is real to real."""

    def low_pass(x: Any) -> Any:
        kept = np.exp(-(fft.rfftfreq(8) ** 2) * 20)
        return fft.irfft(fft.rfft(x) * kept, n=8)

    check(low_pass, make("float64", 8))


def test_errors_are_numpys() -> None:
    def refused(error: Any, f: Any, x: Any) -> None:
        with pytest.raises(error):
            f(x)
        with pytest.raises(error):
            derivatives(f, [x], [x], lambda o: o)

    x = np.ones(3)
    refused(ValueError, lambda a: fft.fft(a, n=0), x)
    refused(ValueError, lambda a: fft.fft(a, norm="other"), x)
    refused(IndexError, lambda a: fft.fft(a, axis=1), x)
    refused(ValueError, lambda a: fft.fftn(a, s=(2,), axes=(0, 1)), np.ones((2, 2)))
    refused(TypeError, fft.rfft, x + 1j)
    refused(ValueError, fft.irfft, np.ones(1))
