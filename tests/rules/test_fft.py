"""Fourier transforms: values and dtypes as NumPy, adjoints against differences."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from checking import check, derivatives

import tapejit as tj

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


@pytest.mark.parametrize("kind", ["float64", "complex128", "float32", "complex64"])
@pytest.mark.parametrize("shape", [(1023,), (1024,), (32, 33), (4, 8, 40)])
def test_large_transforms(kind: str, shape: tuple[int, ...]) -> None:
    """From 1024 elements on another library transforms: the same values and dtypes."""
    x = make(kind, *shape)
    tight = 1e-12 if x.dtype.itemsize >= 8 and kind in ("float64", "complex128") else 1e-4
    for f in (fft.fft, fft.ifft, fft.fftn, fft.ifftn, fft.irfft, fft.rfft):
        if f is fft.rfft and kind.startswith("complex"):
            continue
        for norm in ("backward", "ortho"):
            have = tj.jit(lambda x, f=f, norm=norm: f(x, norm=norm), compile="never")(x)
            want = f(x, norm=norm)
            assert have.dtype == want.dtype
            np.testing.assert_allclose(have, want, rtol=tight, atol=tight * np.abs(want).max())


def test_the_power_of_a_spectrum() -> None:
    """|z|^2 is made of squares: derivatives at 0 are 0, and second ones are those of squares."""
    w = np.arange(1.0, 5.0)

    def power(x: Any) -> Any:
        return np.sum(w * np.abs(fft.fft(x)) ** 2)

    check(power, make("float64", 4))
    np.testing.assert_array_equal(tj.grad(power)(np.zeros(4)), np.zeros(4))
    np.testing.assert_allclose(np.diag(tj.hessian(power)(np.zeros(4))), np.full(4, 20.0))
    z = make("complex64", 3)
    assert tj.jit(lambda z: np.abs(z) ** 2)(z).dtype == np.float32
    names = {r.prim.name for r in tj.grad(power).tape(make("float64", 4))}
    assert "absolute" not in names
