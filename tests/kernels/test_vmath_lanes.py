"""Functions of `vmath` as direct code has them: with single instructions of AVX-512, and without.

Bounds and references are those of `test_vmath`, which sees the functions through Numba's pipeline;
there they are always without.
"""

from __future__ import annotations

import sys
import warnings
from pathlib import Path

import numpy as np
import pytest

from tapejit.kernels.vmath import lanes
from tapejit.runtime import images
from tapejit.runtime.direct import image as direct
from tapejit.runtime.direct import independent
from tapejit.runtime.native.loader import link
from tapejit.runtime.native.wrapper import Argument

sys.path.insert(0, str(Path(__file__).parent))

from test_vmath import (
    CASES,
    DTYPES,
    SPECIAL,
    UNARY,
    arguments,
    error_in_ulp,
    exact,
    same_specials,
)

TEXT = """import numpy as np

from tapejit.kernels import memory
from tapejit.kernels.vmath import inline as vmath


def kernel(x0, y1):
    a0 = memory.flat(x0)
    o1 = memory.flat(y1)
    for i0 in range(x0.shape[0]):
        o1[i0] = vmath.FUNCTION(a0[i0])
    return 0, 0.0
"""
WITH = pytest.param(
    True, id="with", marks=pytest.mark.skipif(not direct._lanes(), reason="no AVX-512 here")
)
BOTH = [WITH, pytest.param(False, id="without")]
BOUNDS = {
    "log": 0.85,
    "log1p": 0.85,
    "tanh": 1.4,
    "erfc": 1.7,
    "ndtr": 1.8,
    "bell": 0.9,
    "half_bell": 0.9,
    "softplus": 1.4,
    "log_expit": 1.4,
}
"""Where it is not that of `test_vmath`."""


def compiled(name, kind, single, monkeypatch, assembly=None):
    """The loop over a function, made directly."""
    monkeypatch.setattr(direct, "_lanes", lambda: single)
    if assembly is not None:
        emit = direct._emitted
        monkeypatch.setattr(
            direct,
            "_emitted",
            lambda m: assembly.append(direct._machine().emit_assembly(m)) or emit(m),
        )
    dtype = np.dtype(DTYPES[kind])
    given = [Argument(dtype, 1, False), Argument(dtype, 1, True)]
    text = TEXT.replace("FUNCTION", f"{name}_{kind}")
    image = direct.image(text, given, images.FLAGS, dict)
    assert image is not None, direct.WHY[-1]
    return link(image)


def apply(loop, x):
    out = np.empty_like(x)
    loop(x, out)
    return out


@pytest.mark.parametrize("single", BOTH)
@pytest.mark.parametrize("name, kind", CASES)
def test_accuracy(name, kind, single, monkeypatch):
    reference, bound, _, scale = UNARY[name]
    bound = BOUNDS.get(name, bound) if single else bound
    dtype = DTYPES[kind]
    x = arguments(dtype, scale, seed=len(name) + 1, count=100)
    if name in ("log", "log2", "log10", "arccosh", "cbrt"):
        x = np.concatenate([x[x >= 0], -x[:5]])
    got = apply(compiled(name, kind, single, monkeypatch), x)
    errors = [error_in_ulp(g, reference(exact(v)), dtype) for v, g in zip(x, got, strict=True)]
    worst = int(np.argmax(errors))
    assert errors[worst] <= bound, (x[worst], got[worst])


DENSE = [
    ("exp", -1, 1),
    ("tanh", 0.5, 0.8),
    ("log", 0.9, 1.2),
    ("log1p", -0.05, 0.1),
    ("arctanh", 1e-3, 0.1),
    ("ndtr", -4, 0),
    ("erfc", 0.7, 4),
    ("bell", 2, 5),
]


@pytest.mark.parametrize("kind", DTYPES)
@pytest.mark.parametrize("name, low, high", DENSE, ids=[each[0] for each in DENSE])
@pytest.mark.parametrize("single", [WITH])
def test_accuracy_where_it_is_least(name, low, high, kind, single, monkeypatch):
    """Many numbers where formulas meet, and where the digits that a sum lost return."""
    reference, bound, _, _ = UNARY[name]
    bound = BOUNDS.get(name, bound)
    dtype = DTYPES[kind]
    x = np.random.default_rng(11).uniform(low, high, 2000).astype(dtype)
    got = apply(compiled(name, kind, single, monkeypatch), x)
    errors = [error_in_ulp(g, reference(exact(v)), dtype) for v, g in zip(x, got, strict=True)]
    worst = int(np.argmax(errors))
    assert errors[worst] <= bound, (x[worst], got[worst])


@pytest.mark.parametrize("single", BOTH)
@pytest.mark.parametrize("name, kind", CASES)
def test_special_values(name, kind, single, monkeypatch):
    dtype = DTYPES[kind]
    info = np.finfo(dtype)
    x = np.array([*SPECIAL, info.smallest_subnormal, info.tiny, info.max, -info.max], dtype)
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = UNARY[name][2](x)
    if name in ("sin", "cos", "tan"):
        x, expected = x[np.abs(x) != 0], expected[np.abs(x) != 0]
    same_specials(apply(compiled(name, kind, single, monkeypatch), x), expected)


@pytest.mark.parametrize("single", BOTH)
@pytest.mark.parametrize("name, kind", CASES)
def test_lanes_give_the_bits_of_single_numbers(name, kind, single, monkeypatch):
    """The last numbers of a loop are computed one by one: as if they had stood in its middle."""
    loop = compiled(name, kind, single, monkeypatch)
    dtype = DTYPES[kind]
    x = np.random.default_rng(8).uniform(0.0, 1.0, 128).astype(dtype)
    x[:20] *= dtype(UNARY[name][3])
    x[5:9] = np.array([0.0, np.finfo(dtype).smallest_subnormal, np.inf, np.nan], dtype)
    alone = np.concatenate([apply(loop, x[k : k + 1].copy()) for k in range(x.size)])
    np.testing.assert_array_equal(apply(loop, x), alone)


@pytest.mark.parametrize("kind", DTYPES)
@pytest.mark.parametrize("name", ["exp", "tanh", "log", "ndtr", "sigmoid", "erf"])
@pytest.mark.parametrize("single", BOTH)
def test_whole_registers_are_used(name, kind, single, monkeypatch):
    """In either format the arithmetic of a loop is on the widest registers that there are."""
    assembly = []
    compiled(name, kind, single, monkeypatch, assembly)
    features = direct._machine_features().split(",")
    register = "zmm" if "+avx512f" in features else "ymm" if "+avx2" in features else None
    if register is None:
        pytest.skip("neither AVX2 nor AVX-512 here")
    suffix = "pd" if kind == "f64" else "ps"
    products = [
        line
        for line in assembly[0].splitlines()
        if line.strip().startswith(("vmul", "vfmadd", "vfmsub", "vfnmadd")) and suffix in line
    ]
    assert sum(register in line for line in products) > 2
    asked = [x for x in assembly[0].splitlines() if x.strip().startswith(("vscalef", "vgetmant"))]
    assert bool(asked) == (single and name != "tanh")  # whose power of two is a sum of integers
    assert not asked or any(register in line for line in asked)
    assert lanes.PREFIX not in "".join(line for line in assembly[0].splitlines() if "call" in line)


@pytest.mark.skipif(not direct._lanes(), reason="no AVX-512 here")
def test_two_vectors_of_a_long_round_are_computed_at_once(monkeypatch):
    """LLVM would take one, since the constants of three functions alone fill the registers."""

    def exponentials(many):
        assembly = []
        monkeypatch.setattr(independent, "MANY", many)
        names = ("ndtr_f64(a0[i0]", "exp_f64(o1[i0]", "tanh_f64(a0[i0] - 1.0")
        body = " * ".join(f"vmath.{name})" for name in names)
        monkeypatch.setattr(
            sys.modules[__name__], "TEXT", TEXT.replace("vmath.FUNCTION(a0[i0])", body)
        )
        compiled("", "f64", True, monkeypatch, assembly)
        monkeypatch.undo()
        return sum("vscalefpd" in x and "zmm" in x for x in assembly[0].splitlines())

    assert exponentials(many=3) >= 2 * exponentials(many=4) > 0


def test_operations_are_defined_as_text():
    text = lanes.definitions(["scale.f32", "entry.POWERS_F64.0.f64"])
    for n in (4, 8, 16):
        assert f"@{lanes.PREFIX}scale.f32.v{n}(" in text
    assert text.count("define ") == 4 + 5


@pytest.mark.skipif(not direct._lanes(), reason="no AVX-512 here")
def test_the_stack_of_a_long_round_is_aligned(monkeypatch):
    """Whole registers that are left there lie within a line of the cache."""
    assembly = []
    names = ("ndtr_f64(a0[i0]", "exp_f64(o1[i0]", "tanh_f64(a0[i0] - 1.0", "log_f64(a0[i0]")
    body = " * ".join(f"vmath.{name})" for name in names)
    monkeypatch.setattr(sys.modules[__name__], "TEXT", TEXT.replace("vmath.FUNCTION(a0[i0])", body))
    compiled("", "f64", True, monkeypatch, assembly)
    lines = [x for x in assembly[0].splitlines() if "%rsp)" in x and "zmm" in x]
    assert any("vmovap" in x for x in lines)
    assert not any("vmovup" in x for x in lines)
