"""NumPy's elementwise functions on traced arrays are NumPy's, derivatives included."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from frontend_checks import check, gradient, results, traced

import tapejit as tj
from tapejit.core.errors import UnsupportedError
from tapejit.frontend.capture import capturing
from tapejit.passes.adjoint import adjoint
from tapejit.passes.pushforward import pushforward

RNG = np.random.default_rng(7)
X = RNG.uniform(0.3, 2.0, (2, 3))
Y = RNG.uniform(0.3, 2.0, (3,))
S = RNG.normal(size=(2, 3))
Z = RNG.normal(size=(2, 3)) + 1j * RNG.normal(size=(2, 3))
I = np.array([[3, -7, 5], [0, 2, 149]])
F = X.astype(np.float32)

CASES: dict[str, tuple[Any, ...]] = {
    # powers
    "x**2": (lambda x: x**2, S),
    "x**3": (lambda x: x**3, S),
    "x**4.0": (lambda x: x**4.0, S),
    "x**7": (lambda x: x**7, S),
    "x**-1": (lambda x: x**-1, X),
    "x**-3": (lambda x: x**-3, X),
    "x**0.5": (lambda x: x**0.5, X),
    "x**1": (lambda x: x**1, S),
    "x**0": (lambda x: x**0, S),
    "x**1.7": (lambda x: x**1.7, X),
    "x**y": (lambda x, y: x**y, X, Y),
    "2**y": (lambda y: 2**y, Y),
    "x**y with integers": (lambda x: x ** np.array([1, 2, 3]), S),
    "power of np.float64": (lambda x: x ** np.float64(3), F),
    "float32**2": (lambda x: x**2, F),
    "float32**3": (lambda x: x**3, F),
    "float32**0.5": (lambda x: x**0.5, F),
    "int**2": (lambda x: x**2, I),
    "int**3": (lambda x: x**3, I),
    "int**2.0": (lambda x: x**2.0, I),
    "int8**2": (lambda x: x**2, np.array([3, -4], np.int8)),
    "bool to the 2": (lambda x: np.power(x, 2), np.array([True, False])),
    "complex**2": (lambda z: z**2, Z),
    "complex**3": (lambda z: z**3, Z),
    "complex**1.5": (lambda z: z**1.5, Z),
    "complex**complex": (lambda z: z ** (1 + 2j), Z),
    "real**complex": (lambda x: x ** (1 + 2j), X),
    "float_power": (lambda x, y: np.float_power(x, y), X, Y),
    "float_power 32": (lambda x: np.float_power(x, 2), F),
    "pow scalar": (lambda x: x**3, np.float64(1.5)),
    # rounding
    "round": (lambda x: np.round(x), 10 * S),
    "round 2": (lambda x: np.round(x, 2), 10 * S),
    "round -1": (lambda x: np.round(x, -1), 100 * S),
    "round method": (lambda x: x.round(1), F),
    "round int": (lambda x: np.round(x), I),
    "round int -1": (lambda x: np.round(x, -1), I),
    "round complex": (lambda x: np.around(x, 1), Z),
    "round()": (lambda x: round(x, 1), np.float64(1.234)),
    "fix": (lambda x: np.fix(x), 3 * S),
    "floor": (lambda x: np.floor(x), 3 * S),
    "floor int": (lambda x: np.floor(x), I),
    "divmod": (lambda x, y: np.divmod(x, y), 5 * S, Y),
    "divmod()": (lambda x: divmod(x, 0.7), 5 * S),
    "mod": (lambda x, y: np.mod(x, y), 5 * S, -Y),
    "%": (lambda x: x % 0.7, 5 * S),
    "//": (lambda x: x // 0.7, 5 * S),
    "int // int": (lambda x: x // 3, I),
    "int % int": (lambda x: x % -3, I),
    "fmod": (lambda x, y: np.fmod(x, y), 5 * S, -Y),
    "modf": (lambda x: np.modf(x), 3 * S),
    "modf special": (lambda x: np.modf(x), np.array([np.inf, -np.inf, -2.0, -0.25]), False),
    "frexp": (lambda x: np.frexp(x), X),
    "ldexp": (lambda x: np.ldexp(x, 3), X),
    "ldexp array": (lambda x: np.ldexp(x, np.array([1, -2, 0])), X),
    "clip": (lambda x: np.clip(x, -0.5, 0.5), S),
    "clip low": (lambda x: np.clip(x, 0.1, None), S),
    "clip high": (lambda x: x.clip(max=0.4), S),
    "clip min=": (lambda x: np.clip(x, min=0.4), S),
    "clip none": (lambda x: np.clip(x, None, None), S),
    "clip arrays": (lambda x, y: np.clip(x, y, 1.5), X, Y),
    "clip float32": (lambda x: np.clip(x, 0.5, 1.0), F),
    "clip float64 bound": (lambda x: np.clip(x, np.float64(0.5), 1.0), F),
    "clip int": (lambda x: np.clip(x, 0, 4), I),
    "clip int by floats": (lambda x: np.clip(x, 0.5, 4), I),
    "clip uint8": (lambda x: np.clip(x, -1, 300), np.array([3, 200], np.uint8)),
    "heaviside": (lambda x: np.heaviside(x, 0.5), S),
    "copysign": (lambda x, y: np.copysign(x, y), X, S[0]),
    "nextafter": (lambda x: np.nextafter(x, 9.0), X),
    "unwrap": (lambda x: np.unwrap(x), np.array([0.1, 3.0, -3.0, -0.2, 6.0])),
    "unwrap axis": (lambda x: np.unwrap(3 * x, axis=0), S),
    "unwrap float32": (lambda x: np.unwrap(x), F),
    # parts
    "real": (lambda z: np.real(z), Z),
    "real of real": (lambda z: np.real(z), S),
    ".real": (lambda z: z.real, Z),
    "imag": (lambda z: np.imag(z), Z),
    "imag of real": (lambda z: np.imag(z), S),
    ".imag of int": (lambda z: z.imag, I),
    "conj": (lambda z: np.conj(z), Z),
    ".conj()": (lambda z: z.conj(), Z),
    "conj of real": (lambda z: np.conj(z), S),
    "abs": (lambda z: np.abs(z), Z),
    "abs()": (lambda z: abs(z), S),
    "abs int": (lambda z: abs(z), I),
    "angle": (lambda z: np.angle(z), Z),
    "angle deg": (lambda z: np.angle(z, deg=True), Z),
    "angle of real": (lambda z: np.angle(z), S),
    "angle of float32": (lambda z: np.angle(z, True), F),
    "sign": (lambda z: np.sign(z), Z),
    "sign int": (lambda z: np.sign(z), I),
    "real_if_close": (lambda z: np.real_if_close(z), Z),
    "real_if_close real": (lambda z: np.real_if_close(z), X + 0j, False),
    "complex64": (lambda z: np.exp(z) * np.abs(z) / z.real, Z.astype(np.complex64)),
    "complex chain": (lambda z: np.log(z) * np.sqrt(z) + np.sin(z) / np.tanh(z), Z),
    # selection
    "where": (lambda x: np.where(x > 0, x**2, -x), S),
    "where scalar": (lambda x: np.where(x > 0, 1.0, 2.0), F),
    "where weak": (lambda x: np.where(x > 1, x, 2.0), F),
    "where ints": (lambda x: np.where(x > 0, 1, 2), F),
    "where list": (lambda x: np.where(x > 0, [1.0, 2.0, 3.0], x), S),
    "where mixed": (lambda x, y: np.where(y > 1, x, 0 * y), F, Y),
    "where complex": (lambda z: np.where(z.real > 0, z, 1.0), Z),
    "select": (lambda x: np.select([x < -0.5, x < 0.5], [x**2, 3 * x], 1.0), S),
    "select default": (lambda x: np.select([x < 0], [x]), F),
    "select ints": (lambda x: np.select([x < 0, x > 1], [1, 2], 3), F),
    "select broadcast": (lambda x, y: np.select([x < 0], [y], 7.0), S, Y),
    "piecewise": (lambda x: np.piecewise(x, [x < 0, x >= 0], [lambda v: -v, lambda v: v**2]), S),
    "piecewise else": (lambda x: np.piecewise(x, [x < 0], [0.0, np.sqrt]), S),
    "piecewise args": (lambda x: np.piecewise(x, [x < 0], [lambda v, k: k * v, 1], 3.0), S),
    "piecewise one condition": (lambda x: np.piecewise(x, x < 0, [1, np.exp]), S[0]),
    "piecewise float32": (lambda x: np.piecewise(x, [x < 1], [np.sin, 2]), F),
    "nan_to_num": (lambda x: np.nan_to_num(x), np.array([1.0, np.nan, np.inf, -np.inf]), False),
    "nan_to_num given": (
        lambda x: np.nan_to_num(x, nan=5, posinf=7, neginf=-2.0),
        np.array([1.0, np.nan, np.inf, -np.inf], np.float32),
        False,
    ),
    "nan_to_num complex": (
        lambda x: np.nan_to_num(x),
        np.array([complex(1, np.nan), complex(np.inf, 2)]),
        False,
    ),
    "nan_to_num int": (lambda x: np.nan_to_num(x), I),
    # tests and comparisons
    "isclose": (lambda x: np.isclose(x, 1.0, rtol=0.5), X),
    "isclose nan": (
        lambda x: np.isclose(x, x, equal_nan=True),
        np.array([np.nan, np.inf, 1.0]),
        False,
    ),
    "allclose": (lambda x: np.allclose(x, x + 1e-9), X),
    "not allclose": (lambda x: np.allclose(x, x + 1e-3), X),
    "array_equal": (lambda x: np.array_equal(x, x), X),
    "array_equal nan": (lambda x: np.array_equal(x, x, equal_nan=True), np.array([np.nan, 1.0])),
    "array_equal shapes": (lambda x: np.array_equal(x, x[0]), X),
    "array_equiv": (lambda x: np.array_equiv(x, x[0]), X),
    "isreal": (lambda z: np.isreal(z), Z),
    "iscomplex": (lambda z: np.iscomplex(z), S),
    "iscomplexobj": (lambda z: np.iscomplexobj(z), Z),
    "isrealobj": (lambda z: np.isrealobj(z), Z),
    "isposinf": (lambda x: np.isposinf(x), np.array([np.inf, -np.inf, np.nan, 1.0]), False),
    "isneginf": (lambda x: np.isneginf(x), np.array([np.inf, -np.inf, np.nan, 1.0]), False),
    "isfinite int": (lambda x: np.isfinite(x), I),
    # the rest
    "sinc": (lambda x: np.sinc(x), np.array([0.0, 0.3, -1.2, 1e-9, 5.0])),
    "sinc float32": (lambda x: np.sinc(x), F),
    "sinc int": (lambda x: np.sinc(x), I),
    "sinc complex": (lambda x: np.sinc(x), Z),
    "degrees": (lambda x: np.degrees(x) + np.radians(x) + np.rad2deg(x) + np.deg2rad(x), S),
    "degrees float32": (lambda x: np.degrees(x), F),
    "hypot": (lambda x, y: np.hypot(x, y), X, Y),
    "hypot mixed": (lambda x, y: np.hypot(x, y), F, Y),
    "logaddexp": (lambda x: np.logaddexp(0, x), S),
    "logaddexp float32": (lambda x: np.logaddexp(0.0, x), F),
    "bits": (lambda x: (x & 5) | (x ^ 3) & ~x, I),
    "masks": (lambda x: ((x > 0) & ~(x > 1)) | (x < -1) ^ (x == 0), S),
    "shifts": (lambda x: (x << 2) + (x >> 1), I),
    "sin int": (lambda x: np.sin(x), I),
    "sqrt int8": (lambda x: np.sqrt(x), np.array([1, 4], np.int8)),
    "exp float16": (lambda x: np.exp(x), np.array([1, 0.5], np.float16)),
    "dtype=": (lambda x: np.exp(x, dtype=np.float32), F),
    "empty": (lambda x: np.sinc(np.exp(x) ** 3), np.zeros((0, 3))),
    "0-d": (lambda x: np.tanh(x) ** 3 + np.sinc(x), np.array(0.5)),
}


@pytest.mark.parametrize("name", CASES)
def test_function(name: str) -> None:
    f, *args = CASES[name]
    derivative = not (args and args[-1] is False)
    if not derivative:
        args = args[:-1]
    with np.errstate(all="ignore"):
        check(f, *args, derivative=derivative)


UFUNCS = [u for u in vars(np).values() if isinstance(u, np.ufunc)]
ELSEWHERE = {"matmul", "vecdot", "matvec", "vecmat"}


@pytest.mark.parametrize(
    "ufunc", sorted(set(UFUNCS), key=lambda u: u.__name__), ids=lambda u: u.__name__
)
@pytest.mark.parametrize("dtype", ["float64", "float32", "int64", "complex128", "bool"])
def test_every_ufunc_is_known_and_keeps_numpys_dtypes(ufunc: np.ufunc, dtype: str) -> None:
    if ufunc.__name__ in ELSEWHERE or ufunc is np.isnat:
        pytest.skip("has no elementwise meaning for numbers")
    args = [np.array([1, 1, 0]).astype(dtype), np.array([1, 0, 1]).astype(dtype)][: ufunc.nin]
    if ufunc is np.ldexp and dtype not in ("int64", "bool"):
        args[1] = np.array([1, 0, 1])
    with np.errstate(all="ignore"):
        try:
            wanted = results(ufunc(*args))
        except TypeError:
            with capturing() as cap, pytest.raises(TypeError):
                ufunc(*[traced(cap, a) for a in args])
            return
        with capturing() as cap:
            found = results(ufunc(*[traced(cap, a) for a in args]))
    for got, want in zip(found, wanted):
        value = cap.value(got.sym)
        assert (got.dtype, value.dtype, got.shape) == (want.dtype, want.dtype, want.shape)
        np.testing.assert_allclose(value.astype(complex), want.astype(complex), rtol=1e-6)


def test_int_to_negative_power_raises_as_numpy_does() -> None:
    with capturing() as cap, pytest.raises(ValueError, match="negative integer powers"):
        traced(cap, I) ** -1


def test_piecewise_refuses_what_it_cannot_tell() -> None:
    with capturing() as cap, pytest.raises(UnsupportedError, match=r"piecewise.*sum"):
        x = traced(cap, S)
        np.piecewise(x, [x > 0], [lambda v: v - v.sum()])


def test_nan_to_num_in_place_is_refused() -> None:
    with capturing() as cap, pytest.raises(UnsupportedError, match="copy=False"):
        np.nan_to_num(traced(cap, S), copy=False)


def test_bool_answers_are_guards() -> None:
    with capturing() as cap:
        x = traced(cap, S)
        assert np.allclose(x, x) is True and np.array_equal(x, x + 1) is False
        tape = cap.b.finish([x.sym])
    assert [r.prim.name for r in tape].count("guard") == 2


def test_writing_through_the_parts_of_a_complex_array() -> None:
    def f(z: Any) -> Any:
        w = z * 1
        w.real[0] = z.imag[1] ** 2
        w.imag = 2 * w.real
        return w * z

    def plain(z: Any) -> Any:
        return f(z)

    check(plain, Z)


# ---------------------------------------------------------------- kinks, traps and powers at 0


@pytest.mark.parametrize(
    "f, x, wanted",
    [
        (np.sqrt, 0.0, 0.0),
        (np.cbrt, 0.0, 0.0),
        (np.abs, 0.0, 0.0),
        (np.sign, 0.0, 0.0),
        (np.sinc, 0.0, 0.0),
        (lambda x: x**0.5, 0.0, 0.0),
        (lambda x: x**0, 0.0, 0.0),
        (lambda x: x**2, 0.0, 0.0),
        (lambda x: x**1, 0.0, 1.0),
        (lambda x: x**3, -2.0, 12.0),
        (lambda x: np.hypot(x, 0 * x), 0.0, 0.0),
        (lambda x: np.arctan2(x, 0 * x), 0.0, 0.0),
        (lambda x: np.maximum(x, 0), 0.0, 0.5),
        (lambda x: np.minimum(x, 0), 0.0, 0.5),
        (lambda x: np.maximum(x, x), 3.0, 1.0),
        (lambda x: np.clip(x, 0, 1), 1.0, 0.5),
        (lambda x: np.where(x > 0, np.log(x), 0.0), 0.0, 0.0),
        (lambda x: np.where(x > 0, 1 / x, x), 0.0, 1.0),
        (lambda x: np.where(x > 0, np.sqrt(x - 1), x), -1.0, 1.0),
        (lambda x: np.where(x < 700, np.exp(x), x), 1000.0, 1.0),
        (lambda x: np.maximum(x, 0) ** 0.5, 0.0, 0.0),
        (lambda x: np.select([x > 0, x > -1], [np.log(x), x], 0.0), -0.5, 1.0),
        (lambda x: np.piecewise(x, [x > 0], [np.log, 2.0]), -0.5, 0.0),
        (lambda x: np.logaddexp(x, -np.inf), 2.0, 1.0),
        (lambda x: np.logaddexp(x, x), -np.inf, 1.0),
        (lambda x: np.logaddexp(x, 0.0), np.inf, 1.0),
        (lambda x: np.nan_to_num(x), np.nan, 0.0),
        (lambda x: np.heaviside(x, 0.5), 0.0, 0.0),
        (lambda x: np.floor(x), 1.5, 0.0),
        (lambda x: x % 2.0, 5.0, 1.0),
        (lambda x: np.arcsinh(x), 1e200, 1e-200),
    ],
)
def test_conventions_at_kinks(f: Any, x: float, wanted: float) -> None:
    (found,) = gradient(f, np.array([x]))
    np.testing.assert_allclose(found, [wanted], rtol=1e-14)


@pytest.mark.parametrize(
    "f, x, wanted",
    [
        (lambda x: np.where(x > 0, np.log(x), 0.0), 0.0, 0.0),
        (lambda x: np.where(x > 0, 1 / x, x**2), 0.0, 2.0),
        (lambda x: np.where(x < 700, np.exp(x), x * x), 1000.0, 2.0),
        (lambda x: np.maximum(x, 0) ** 2, 0.0, 0.5),
        (np.sqrt, 0.0, 0.0),
        (np.cbrt, 0.0, 0.0),
        (np.abs, 0.0, 0.0),
        (np.sinc, 0.0, -(np.pi**2) / 3),
        (lambda x: np.hypot(x, 0 * x), 0.0, 0.0),
        (lambda x: x**2.5, 0.0, 0.0),
        (lambda x: x**2, 0.0, 2.0),
        (lambda x: np.logaddexp(x, 0.0), 0.0, 0.25),
    ],
)
def test_second_derivatives_at_kinks_and_behind_selections(f: Any, x: float, wanted: float) -> None:
    with np.errstate(all="ignore"), capturing() as cap:
        a = traced(cap, np.array([x]))
        one = cap.b.input(a.aval, np.ones(1))
        (g,) = adjoint(cap.b, [f(a).sym], [one], [a.root.sym])
        (h,) = adjoint(cap.b, [g], [one], [a.root.sym])
        (t,) = pushforward(cap.b, [a.root.sym], [one], [g])
        for found in (h, t):
            value = 0.0 if found is None else cap.value(found)
            np.testing.assert_allclose(value, [wanted], rtol=1e-14)


@pytest.mark.parametrize(
    "x, n, by_x, by_n",
    [
        (0.0, 2.0, 0.0, 0.0),
        (0.0, 0.0, 0.0, 0.0),
        (0.0, 1.0, 1.0, 0.0),
        (-2.0, 3.0, 12.0, None),
        (-2.0, 2.0, -4.0, None),
        (2.0, 0.0, 0.0, np.log(2.0)),
    ],
)
def test_power_at_the_edges(x: float, n: float, by_x: float, by_n: float | None) -> None:
    found = gradient(lambda x, n: x**n, np.array(x), np.array(n))
    np.testing.assert_allclose(found[0], by_x)
    if by_n is not None:
        np.testing.assert_allclose(found[1], by_n)


def test_a_literal_exponent_records_no_logarithm() -> None:
    with capturing() as cap:
        x = traced(cap, S)
        for n in (2, 3, 5, -2, 2.5):
            y = x**n
            adjoint(cap.b, [y.sym], [cap.b.input(y.aval, np.ones(S.shape))], [x.sym])
        names = {r.prim.name for r in cap.b.finish([x.sym])}
    assert "log" not in names and "where" not in names


def test_complex_gradient_points_up() -> None:
    """The gradient of a real function is df/dx + i df/dy."""
    z = np.array([1.0 + 2.0j])
    (found,) = gradient(lambda z: np.abs(z) ** 2, z)
    np.testing.assert_allclose(found, 2 * z)
    (found,) = gradient(lambda z: np.real(z * (3 - 1j)), z)
    np.testing.assert_allclose(found, [3 + 1j])
    (found,) = gradient(np.abs, np.array([0j]))
    np.testing.assert_array_equal(found, [0j])


@pytest.mark.parametrize("dtype", [np.complex128, np.complex64])
def test_powers_of_a_complex_zero(dtype: Any) -> None:
    """NumPy's are 0 wherever the real part of the exponent is positive; C's want a real exponent."""
    base = np.array([0, 0, 0, 0, 0, 0, 2, -1j, 1 + 1j, 0], dtype)
    power = np.array([1 + 1j, -1 + 1j, 0, 2, -1, 1j, 0, 2, 1 - 1j, 0.5], dtype)
    call = tj.jit(lambda b, n: b**n, compile="always")
    with np.errstate(all="ignore"):
        want = base**power
        for _ in range(3):  # the first is the captured value, the others the kernel's
            found = call(base, power)
            assert found.dtype == dtype
            np.testing.assert_allclose(found, want, rtol=1e-5, atol=1e-6)
