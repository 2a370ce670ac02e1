"""Accuracy, special values and vectorisation of `tapejit.kernels.vmath`.

The reference is mpmath at 160 bits or more; errors are in units of the last place of the true
value.  Arguments are random bit patterns, which cover every exponent evenly, random numbers on
the scale where the function does something, and a curated list.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import warnings
from pathlib import Path

import numba as nb
import numpy as np
import pytest
import scipy.special
from mpmath import mp, mpf

from tapejit.kernels import vmath

mp.prec = 160
DTYPES = {"f64": np.float64, "f32": np.float32}


def near_erfc(x):
    return mp.erfc(x) if abs(x) < 1e3 else mpf(0 if x > 0 else 2)


def log_sigmoid(x):
    return -mp.log1p(mp.exp(-x)) if x > 0 else x - mp.log1p(mp.exp(x))


def log_normal(x):
    z = x / mp.sqrt(2)
    if x > 0:
        return mp.log1p(-near_erfc(z) / 2)
    if x > -30000:
        return mp.log(mp.erfc(-z) / 2)
    return -z * z - mp.log(-2 * mp.sqrt(mp.pi) * z) + mp.log1p(-1 / (2 * z * z))


def real_only(g, inside):
    return lambda x: g(x) if inside(x) else mp.nan


def safe_log(g):
    return lambda x: mp.nan if x < 0 else -mp.inf if x == 0 else g(x)


# name: (reference, bound in ulp, NumPy or SciPy counterpart, typical scale of the argument)
UNARY = {
    "exp": (mp.exp, 0.9, np.exp, 30),
    "exp2": (lambda x: mpf(2) ** x, 1.2, np.exp2, 30),
    "expm1": (mp.expm1, 1.1, np.expm1, 1),
    "log": (safe_log(mp.log), 1, np.log, 1),
    "log2": (safe_log(lambda x: mp.log(x, 2)), 1.1, np.log2, 1),
    "log10": (safe_log(mp.log10), 1.1, np.log10, 1),
    "log1p": (lambda x: safe_log(lambda _: mp.log1p(x))(1 + x), 1, np.log1p, 1),
    "tanh": (mp.tanh, 0.9, np.tanh, 2),
    "sinh": (mp.sinh, 0.8, np.sinh, 10),
    "cosh": (mp.cosh, 0.8, np.cosh, 10),
    "sigmoid": (lambda x: mp.exp(log_sigmoid(x)), 0.9, scipy.special.expit, 10),
    "softplus": (lambda x: -log_sigmoid(-x), 1.3, lambda x: np.logaddexp(x.dtype.type(0), x), 5),
    "log_expit": (log_sigmoid, 1.3, scipy.special.log_expit, 5),
    "sin": (mp.sin, 0.8, np.sin, 10),
    "cos": (mp.cos, 0.8, np.cos, 10),
    "tan": (mp.tan, 1, np.tan, 10),
    "arctan": (mp.atan, 1.6, np.arctan, 1),
    "arcsin": (real_only(mp.asin, lambda x: abs(x) <= 1), 1.2, np.arcsin, 0.5),
    "arccos": (real_only(mp.acos, lambda x: abs(x) <= 1), 1.1, np.arccos, 0.5),
    "arcsinh": (mp.asinh, 1.2, np.arcsinh, 1),
    "arccosh": (real_only(mp.acosh, lambda x: x >= 1), 1.7, np.arccosh, 3),
    "arctanh": (real_only(mp.atanh, lambda x: abs(x) <= 1), 1, np.arctanh, 0.5),
    "erf": (lambda x: 1 - near_erfc(x) if abs(x) > 1 else mp.erf(x), 1.2, scipy.special.erf, 1),
    "erfc": (near_erfc, 2.1, scipy.special.erfc, 3),
    "ndtr": (lambda x: near_erfc(-x / mp.sqrt(2)) / 2, 2, scipy.special.ndtr, 5),
    "bell": (lambda x: mp.exp(-x * x), 1.1, lambda x: np.exp(-np.square(x)), 3),
    "half_bell": (lambda x: mp.exp(-x * x / 2), 1.1, lambda x: np.exp(-0.5 * np.square(x)), 5),
    "log_ndtr": (log_normal, 2.5, scipy.special.log_ndtr, 5),
    "cbrt": (lambda x: mp.sign(x) * mp.cbrt(abs(x)), 0.51, np.cbrt, 1),
}
BINARY = {
    "pow": (lambda x, y: mp.power(x, y), 1.2, np.power),
    "hypot": (lambda x, y: mp.sqrt(x * x + y * y), 1, np.hypot),
    "logaddexp": (lambda x, y: max(x, y) + mp.log1p(mp.exp(-abs(x - y))), 1.6, np.logaddexp),
}
CASES = [pytest.param(n, k, id=f"{n}_{k}") for k in DTYPES for n in UNARY]
COMMON = ["exp", "log", "tanh", "sigmoid", "log1p", "expm1", "sin", "cos", "erf", "softplus"]


def compiled(name, kind):
    """A loop over arrays that applies the function, as generated kernels do."""
    fn = getattr(vmath, f"{name}_{kind}")
    if name in BINARY:

        @nb.njit(nogil=True)
        def loop(x, y, out):
            for i in range(x.size):
                out[i] = fn(x[i], y[i])
    else:

        @nb.njit(nogil=True)
        def loop(x, out):
            for i in range(x.size):
                out[i] = fn(x[i])

    return loop


def apply(name, kind, *args):
    out = np.empty_like(args[0])
    compiled(name, kind)(*args, out)
    return out


def exact(x):
    return mpf(float(x))


def error_in_ulp(got, true, dtype, scale=0):
    """Error of `got`, an infinity counting as the first power of two out of range."""
    info = np.finfo(dtype)
    if mp.isnan(true) or np.isnan(got):
        return 0.0 if mp.isnan(true) and np.isnan(got) else float("inf")
    top = mpf(2) ** info.maxexp
    value = exact(got) if np.isfinite(got) else mp.sign(exact(got)) * top
    true = max(-top, min(top, true))
    size = max(abs(true), abs(scale), mpf(2) ** info.minexp)
    exponent = min(int(mp.floor(mp.log(size, 2))), info.maxexp - 1)
    return float(abs(value - true) / mpf(2) ** (exponent - info.nmant))


def bit_patterns(dtype, count, rng):
    raw = np.frombuffer(rng.bytes(2 * count * dtype().itemsize), dtype=dtype)
    return raw[np.isfinite(raw)][:count]


def edges(dtype):
    """Finite numbers at which something happens in one of the functions."""
    info = np.finfo(dtype)
    tiny, least, largest = float(info.tiny), float(info.smallest_subnormal), float(info.max)
    wide = dtype is np.float64
    numbers = [0.0, least, 3 * least, tiny - least, tiny, 2 * tiny, largest, largest / 2, 1e-5]
    numbers += [0.1, 0.25, 0.3466, 0.5, 0.7, 0.75, 1.0, 1.5, 2.0, 3.0, 10.0, 17.0, 20.0, 27.2]
    numbers += [28.0, 37.5]
    numbers += [2.0**e for e in (-60, -54, -30, -27, -15, 17, 18, 24, 26, 31, 40, 45, 53, 55)]
    numbers += [0.5**0.5, 2**0.5, 1e5, 1e9, 1e15, 1e22, 1e30]
    numbers += [709.78, 709.79, 710.4, 710.48, 745.1, 745.2, 708.3] if wide else []
    numbers += [88.7, 88.73, 89.4, 89.42, 87.3, 103.9, 104.0, 9.2, 10.05, 13.0, 14.2]
    numbers += [1024.0, 1074.0, 1075.0] if wide else [128.0, 149.0, 150.0]
    numbers += [k * np.pi / 4 for k in (1, 2, 3, 4, 6, 8, 1000, 10**6, 354 * 10**3, 10**12)]
    base = np.array(numbers).astype(dtype)
    with np.errstate(over="ignore"):
        neighbours = [np.nextafter(base, dtype(to)) for to in (0, np.inf)]
        base = np.concatenate([base, *neighbours])
    base = base[np.isfinite(base)]
    return np.concatenate([base, -base])


def arguments(dtype, scale, seed, count=150):
    rng = np.random.default_rng(seed)
    parts = [
        bit_patterns(dtype, count, rng),
        rng.normal(0, scale, count),
        scale * rng.uniform(-1, 1, count),
        rng.choice([-1, 1], count) * np.exp(rng.uniform(-25, 7, count)),
        1 + rng.choice([-1, 1], count) * np.exp(rng.uniform(-20, 0, count)),
        edges(dtype),
    ]
    return np.concatenate([np.asarray(p).astype(dtype) for p in parts])


@pytest.mark.parametrize("name, kind", CASES)
def test_accuracy(name, kind):
    reference, bound, _, scale = UNARY[name]
    dtype = DTYPES[kind]
    x = arguments(dtype, scale, seed=len(name))
    if name in ("log", "log2", "log10", "arccosh", "cbrt"):
        x = np.concatenate([x[x >= 0], -x[:5]])
    got = apply(name, kind, x)
    errors = [error_in_ulp(g, reference(exact(v)), dtype) for v, g in zip(x, got, strict=True)]
    worst = int(np.argmax(errors))
    assert errors[worst] <= bound, (x[worst], got[worst])


@pytest.mark.parametrize("kind", DTYPES)
def test_pow_accuracy(kind):
    dtype, rng = DTYPES[kind], np.random.default_rng(3)
    x = np.abs(bit_patterns(dtype, 500, rng))
    x = np.concatenate([x, 1 + rng.normal(0, 0.1, 300), rng.uniform(0, 4, 300)]).astype(dtype)
    x = x[x > 0]
    limit = np.finfo(dtype).maxexp + 30
    with np.errstate(divide="ignore"):
        y = (rng.uniform(-limit, limit, x.size) / np.log2(x.astype(np.float64))).astype(dtype)
    y = np.where(np.isfinite(y), y, dtype(1))
    # any sign, with odd, even and ordinary exponents
    x = np.concatenate([x, -np.linspace(0.5, 9, 60).astype(dtype)])
    y = np.concatenate([y, rng.integers(-40, 40, 60).astype(dtype)])
    got = apply("pow", kind, x, y)
    errors = [
        error_in_ulp(g, mp.power(exact(a), exact(b)), dtype)
        for a, b, g in zip(x, y, got, strict=True)
    ]
    worst = int(np.argmax(errors))
    assert errors[worst] <= BINARY["pow"][1], (x[worst], y[worst], got[worst])


@pytest.mark.parametrize("kind", DTYPES)
@pytest.mark.parametrize("name", ["hypot", "logaddexp"])
def test_binary_accuracy(name, kind):
    reference, bound, _ = BINARY[name]
    dtype, rng = DTYPES[kind], np.random.default_rng(4)
    x = arguments(dtype, 20, seed=5)
    y = rng.permutation(arguments(dtype, 20, seed=6))
    y[::3] = x[::3] + rng.normal(0, 2, y[::3].size).astype(dtype)
    y = np.where(np.isfinite(y), y, x)
    got = apply(name, kind, x, y)
    errors = [
        error_in_ulp(
            g,
            reference(exact(a), exact(b)),
            dtype,
            scale=max(exact(a), exact(b)) if name == "logaddexp" else 0,
        )
        for a, b, g in zip(x, y, got, strict=True)
    ]
    worst = int(np.argmax(errors))
    assert errors[worst] <= bound, (x[worst], y[worst], got[worst])


def same_specials(got, expected):
    """NaN with NaN, zeros and infinities with their sign, the rest within a few ulp."""
    np.testing.assert_array_equal(np.isnan(got), np.isnan(expected))
    special = (expected == 0) | np.isinf(expected)
    np.testing.assert_array_equal(got[special], expected[special])
    np.testing.assert_array_equal(np.signbit(got[special]), np.signbit(expected[special]))
    rest = ~special & ~np.isnan(expected)
    np.testing.assert_array_max_ulp(got[rest], expected[rest], maxulp=8)


SPECIAL = [0.0, 1.0, 0.5, 2.0, 3.0, 2.5, 1e-40, 1e30, np.inf, np.nan]
SPECIAL = SPECIAL + [-v for v in SPECIAL]


@pytest.mark.parametrize("name, kind", CASES)
def test_special_values(name, kind):
    dtype = DTYPES[kind]
    info = np.finfo(dtype)
    x = np.array([*SPECIAL, info.smallest_subnormal, info.tiny, info.max, -info.max], dtype)
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = UNARY[name][2](x)
    if name in ("sin", "cos", "tan"):
        x, expected = x[np.abs(x) != 0], expected[np.abs(x) != 0]
    same_specials(apply(name, kind, x), expected)


@pytest.mark.parametrize("kind", DTYPES)
@pytest.mark.parametrize("name", BINARY)
def test_special_pairs(name, kind):
    dtype = DTYPES[kind]
    info = np.finfo(dtype)
    odd = [float(2**info.nmant + 1), float(2 ** (info.nmant + 1)), 7.0]
    v = np.array(SPECIAL + odd + [-o for o in odd] + [info.max, info.tiny], dtype)
    x, y = (a.ravel().copy() for a in np.meshgrid(v, v))
    with np.errstate(all="ignore"):
        expected = BINARY[name][2](x, y)
    same_specials(apply(name, kind, x, y), expected)


@pytest.mark.parametrize("name", ["sin", "cos", "tan", "expm1", "tanh", "log1p", "erf", "arctan"])
def test_signed_zero(name):
    for kind, dtype in DTYPES.items():
        got = apply(name, kind, np.array([0.0, -0.0], dtype))
        if name == "cos":
            assert (got == 1).all()
        else:
            assert (got == 0).all() and list(np.signbit(got)) == [False, True]


def test_exact_values():
    n = np.arange(-1074.0, 1024.0)
    powers = np.ldexp(1.0, n.astype(np.int64))
    np.testing.assert_array_equal(apply("exp2", "f64", n), powers)
    np.testing.assert_array_equal(apply("log2", "f64", powers), n)
    k = np.arange(-100.0, 100.0)
    np.testing.assert_array_equal(apply("cbrt", "f64", k**3), k)
    np.testing.assert_array_equal(apply("pow", "f64", k, np.full(k.size, 5.0)), k**5)
    tens = np.array([float(f"1e{e}") for e in range(23)])
    np.testing.assert_array_equal(apply("log10", "f64", tens), np.arange(23.0))


@pytest.mark.parametrize("kind", DTYPES)
@pytest.mark.parametrize("name", COMMON)
def test_loop_is_vectorised(name, kind):
    dtype = DTYPES[kind]
    loop = compiled(name, kind)
    x = np.zeros(3, dtype)
    loop(x, x.copy())
    (signature,) = loop.signatures
    text = loop.inspect_llvm(signature)
    bodies = re.findall(r"^define [^\n]*loop[^\n]*\{\n.*?^\}", text, re.S | re.M)
    body = max(bodies, key=len)
    scalar = "double" if kind == "f64" else "float"
    lanes = {int(n) for n in re.findall(rf"f(?:mul|add) <(\d+) x {scalar}>", body)}
    assert lanes and max(lanes) * dtype().itemsize >= 16
    called = {c for c in re.findall(r"call [^\n]*?@\"?([\w.$]+)", body) if c[:5] != "llvm."}
    if name in ("sin", "cos"):  # the scalar version serves the last few elements
        symbol = f"tapejit.far.{name}.{kind}"
        assert called <= {symbol, *(f"{symbol}.v{n}" for n in lanes)} and len(called) > 1
    else:
        assert not called
    assembly = loop.inspect_asm(signature)
    if "ymm" in assembly:
        suffix = "pd" if kind == "f64" else "ps"
        assert re.search(rf"\bv(?:mul|fn?madd\d+|fmsub\d+){suffix}\b[^\n]*[yz]mm", assembly)


def test_large_arguments_in_any_lane():
    for kind, dtype in DTYPES.items():
        x = np.linspace(-3, 3, 64).astype(dtype)
        x[[0, 13, 31, 32, 63]] = [1e15, -1e20, 1e30, -3e38, 1e13]
        for name in ("sin", "cos", "tan"):
            got = apply(name, kind, x)
            true = [UNARY[name][0](exact(v)) for v in x]
            assert max(error_in_ulp(g, t, dtype) for g, t in zip(got, true, strict=True)) <= 1


def test_intrinsics_are_the_same_functions():
    x = np.linspace(0.05, 0.95, 37)
    for name in UNARY:
        core = vmath.INTRINSICS[f"{name}_f64"]

        @nb.njit
        def loop(x, out):
            for i in range(x.size):
                out[i] = core(x[i])  # noqa: B023

        out = np.empty_like(x)
        loop(x, out)
        np.testing.assert_array_equal(out, apply(name, "f64", x))
    assert set(vmath.INTRINSICS) == set(vmath.__all__) - {"FORMULAS", "INTRINSICS"}


def test_scalar_call_and_interface():
    assert abs(vmath.exp_f64(1.0) - np.e) < 1e-15
    assert isinstance(vmath.tanh_f64(0.5), float)
    for name in [*UNARY, *BINARY]:
        for kind in DTYPES:
            fn = getattr(vmath, f"{name}_{kind}")
            assert fn.__name__ == f"{name}_{kind}" and name + "_" + kind in vmath.__all__
            options = fn.targetoptions
            assert options["nogil"] and options["error_model"] == "numpy"
            assert not options["fastmath"] and fn.__doc__


CACHED = """
import numba as nb, numpy as np
from tapejit.kernels.vmath import INTRINSICS, cos_f64, exp_f64
sin_f64 = INTRINSICS["sin_f64"]
@nb.njit(cache=True)
def kernel(x, out):
    for i in range(x.size):
        out[i] = exp_f64(x[i]) + sin_f64(x[i]) * cos_f64(x[i])
x = -np.linspace(0, 1e14, 50); x[::2] = np.linspace(0, 3, 25)
out = np.empty(50); kernel(x, out)
np.testing.assert_allclose(out, np.exp(x) + np.sin(x) * np.cos(x), rtol=1e-14)
print(sum(kernel.stats.cache_hits.values()))
"""


def test_kernels_that_use_them_can_be_cached(tmp_path):
    script = tmp_path / "kernel.py"
    script.write_text(CACHED)
    environment = {**os.environ, "PYTHONPATH": str(Path(vmath.__file__).parents[3])}
    command = [sys.executable, str(script)]
    for hits in ("0", "1"):
        run = subprocess.run(command, capture_output=True, text=True, env=environment)
        assert run.stdout.strip() == hits, run.stderr
