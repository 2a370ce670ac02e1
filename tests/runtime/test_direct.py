"""Direct code: what is made from a kernel's text gives the numbers of Numba's own pipeline."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

import tapejit as tj
from tapejit.codegen.text import number
from tapejit.core.config import config
from tapejit.runtime import build, images, sizes
from tapejit.runtime.direct import calls, cutting, linear, statements
from tapejit.runtime.direct import image as direct
from tapejit.runtime.native import blas
from tapejit.runtime.native.loader import link
from tapejit.runtime.native.wrapper import Argument
from tapejit.runtime.pipeline import optimise
from tapejit.runtime.stages import KernelStage, stages_of
from tapejit.tape.ir import Tape
from tapejit.testing import tapes

ROOT = Path(__file__).parent.parent.parent
sys.path.insert(0, str(ROOT))

from tests.golden.golden_functions import CASES  # noqa: E402

HEAD = """import numpy as np

from tapejit.kernels import blas, memory, routines
from tapejit.kernels.memory import fold_add, fold_mul, select
from tapejit.kernels.vmath import inline as vmath
"""
ARRAYS = [Argument(np.dtype("f8"), 1, False), Argument(np.dtype("f8"), 1, True)]


def both_ways(
    source: str, arguments: list[Argument], monkeypatch: pytest.MonkeyPatch
) -> tuple[Callable[..., Any], Callable[..., Any], str]:
    """Return the kernel made directly, its twin made by Numba, and how the first was made."""
    made = []
    for way in (True, False):
        monkeypatch.setattr(images.config, "direct", way)
        made.append(images._compiled(source, arguments, lambda: images._in_memory(source)))
    return link(made[0]), link(made[1]), made[0].note


def drawn(rng: np.random.Generator, dtype: np.dtype[Any], shape: tuple[int, ...]) -> Any:
    x = rng.uniform(0.2, 2.0, shape)
    return np.asarray(x + 1j * rng.normal(size=shape) if dtype.kind == "c" else x).astype(dtype)


def agree(stage: KernelStage, monkeypatch: pytest.MonkeyPatch) -> str:
    """Run a kernel and its twin on the same numbers: the results are the same."""
    tape, text = stage.tape, stage.text
    arguments = [
        *(Argument(a.dtype, a.ndim, False) for a in map(tape.value, text.inputs)),
        *(Argument(a.dtype, a.ndim, True) for _, a in text.arrays),
    ]
    avals = [tape.value(i) for i in text.inputs] + [a for _, a in text.arrays]
    one, other, note = both_ways(text.source, arguments, monkeypatch)
    rng = np.random.default_rng(3)
    given = [
        drawn(rng, a.dtype, a.shape) if a.shape else drawn(rng, a.dtype, ())[()] for a in avals
    ]
    copies = [x.copy() for x in given]
    with np.errstate(all="ignore"):
        found, expected = one(*given), other(*copies)
    # Sums may be reordered, products contracted: what LLVM makes of that depends on the code around.
    near = 1e-5 if any(a.dtype.itemsize == 4 for a in avals) else 1e-13
    np.testing.assert_allclose(np.asarray(found), np.asarray(expected), near, near)
    for x, y in zip(given, copies):
        np.testing.assert_allclose(x, y, near, near)
    return note


def kernels_of(tape: Tape) -> list[KernelStage]:
    return [s for s in stages_of(tape, "a tape") if isinstance(s, KernelStage)]


def golden_stages(name: str) -> list[KernelStage]:
    """Return the kernels of a golden function."""
    transformed, args = CASES[name]
    return kernels_of(transformed._dispatcher.program(args, {}).tape)


# ---------------------------------------------------------------- whole kernels


@pytest.mark.parametrize("name", CASES)
def test_golden_kernels(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    how = {agree(stage, monkeypatch) for stage in golden_stages(name)}
    assert how == {"asked" if name == "complex_values" else "direct"}


@settings(max_examples=25, deadline=None, derandomize=True, database=None,
          suppress_health_check=list(HealthCheck))  # fmt: skip
@given(drawing=tapes(max_rows=12))
def test_random_tapes(drawing: tuple[Tape, Any]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        for stage in kernels_of(optimise(drawing[0])):
            assert agree(stage, patch) in ("direct", "asked")


@pytest.mark.parametrize("name", ["heat_in_place", "middle_axes", "newton", "branches", "warping"])
def test_kernels_cut_into_pieces(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cutting, "LONG", 5)
    monkeypatch.setattr(cutting, "PIECE", 6)
    pieces: dict[str, Any] = {}

    def noted(kernel: Any, parts: Any) -> Any:
        made = cutting.cut(kernel, parts)
        pieces.update(parts)
        return made

    monkeypatch.setattr(direct, "cut", noted)
    for stage in golden_stages(name):
        assert agree(stage, monkeypatch) == "direct"
    assert len(pieces) > 1


# ---------------------------------------------------------------- the language of kernels

TEXTS = {
    "loops": """
def kernel(x0, y0):
    a0 = memory.flat(x0)
    o0 = memory.flat(y0)
    n = 0
    for i in range(5, -1, -2):
        n = n + i
    for i in range(4, 4):
        n = n + 100
    for i in range(n - 7):
        n = n + 1000
    for b in range(0, 10, 4):
        for i in range(b, min(b + 4, 10)):
            n = n + i
    k = 0
    while True:
        flag = a0[k] < 100.0
        if not flag:
            break
        if k >= 3:
            break
        k = k + 1
    for i in range(6):
        pass
    o0[0] = n
    o0[1] = k
    o0[2] = max(n, k) - min(n, 3)
    return 0, n, k
""",
    "mixed kinds": """
def kernel(x0, y0):
    a0 = memory.flat(x0)
    o0 = memory.flat(y0)
    f = np.float32(a0[0])
    n = 7
    o0[0] = f * 0.1
    o0[1] = f * n
    o0[2] = n / 2
    o0[3] = np.float32(0.1) * f + n
    o0[4] = (1 if f > 0 else a0[1])
    o0[5] = np.int64(a0[1] * 10.0)
    t = (f == f) & (n != 7)
    o0[0] = o0[0] + np.float64(t) + (t == False)
    o0[4] = o0[4] + select(f > 0, n & 6 | 8 ^ 1, 0.5) + select(a0[1] > 0, f, f * f)
    u = np.uint8(n > 3)
    v = u != 0
    return 0, f, n, t, u, v, np.float32(1e300), -np.inf, np.int32(n) + np.int32(1), abs(-n)
""",
    "branches": """
def kernel(x0, y0):
    if x0.shape[0] != 6 or y0.shape[0] != 6:
        return -1, 0.0
    a0 = memory.flat(x0)
    o0 = memory.flat(y0)
    s = 0.0
    for i in range(6):
        l = a0[i]
        if l > 1.0:
            w = l * 2.0
            if w > 3.0:
                s = s + w
            else:
                s = s - w
        else:
            w = -l
        o0[i] = w
        s = fold_add(s, (l * l if l == l else vmath.exp_f64(l)))
        s = (o0[i] if i > 2 else s) + s
    return 0, s
""",
    "parts": """
from tapejit.kernels.decorate import part

@part
def part0(o0, v1, ws):
    t = memory.carve_f64(ws, 64)
    t[0] = v1
    v1 = v1 * 2.0
    o0[0] = v1
    return v1, o0

@part
def part2(v1):
    if v1 > 0.5:
        v1 = v1 - 10.0
    return v1

@part
def part1(o0, v1):
    for i in range(1, 6):
        o0[i] = v1 + i

def kernel(x0, y0):
    a0 = memory.flat(x0)
    o0 = memory.flat(y0)
    ws = memory.allocate(256)
    v2, o1 = part0(o0, a0[2], ws)
    part1(o1, v2)
    v4 = part2(v2)
    g = memory.carve_f64(memory.allocate(64), 0)
    g[0] = memory.carve_f64(ws, 64)[0]
    memory.release(ws)
    g = memory.grow(g, 8, 1024)
    v3 = g[0]
    memory.release(g)
    return 0, v2 + v3 * v4, memory.same(o0, o1), memory.same(o0, memory.shift(o0, 1))
""",
    "folds": """
def kernel(x0, y0):
    a0 = memory.flat(x0)
    o0 = memory.flat(y0)
    s = 0
    p = 1.0
    for i in range(6):
        s = fold_add(s, i)
        p = fold_mul(p, a0[i])
        o0[i] = np.floor(a0[i] * 10.0) + np.ceil(a0[i]) + np.trunc(-a0[i]) + np.copysign(0.5, -a0[i])
    return 0, s, p, np.sqrt(p), np.arctan2(p, 2.0), -9223372036854775808, np.uint64(18446744073709551615)
""",
}


@pytest.mark.parametrize("name", TEXTS)
def test_texts(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    one, other, note = both_ways(HEAD + TEXTS[name], ARRAYS, monkeypatch)
    assert note in ("direct", "asked")
    x = np.array([0.7, -1.3, 1.6, 0.2, 2.5, 0.9])
    y, z = np.zeros(6), np.zeros(6)
    found, expected = one(x, y), other(x, z)
    assert list(map(type, found)) == list(map(type, expected))
    np.testing.assert_array_equal(np.array(found, float), np.array(expected, float))
    np.testing.assert_array_equal(y, z)


def test_what_is_not_covered_is_left_to_numba(monkeypatch: pytest.MonkeyPatch) -> None:
    text = HEAD + (
        "\ndef kernel(x0, y0):\n    s = 0.0\n    for v in x0:\n        s += v\n"
        "    y0[0] = s\n    return 0, s\n"
    )
    before = dict(direct.COUNTS)
    one, other, note = both_ways(text, ARRAYS, monkeypatch)
    assert note not in ("direct", "asked")
    assert direct.COUNTS["numba"] == before["numba"] + 1
    assert "loop" in direct.WHY[-1]
    x, y = np.arange(4.0), np.zeros(1)
    assert one(x, y) == other(x, y) == (0, 6.0)


@pytest.mark.parametrize(
    "lines",
    [
        "s = 1\n    for i in range(3):\n        s = s + 0.5",
        "if x0.shape[0] > 2:\n        s = 1\n    else:\n        s = 0.5",
        "for i in range(3):\n        s = 1.0\n    s = i",
        "s = 0 < x0.shape[0] < 5",
        "s = [1.0][0]",
    ],
)
def test_doubtful_texts_are_not_guessed_at(lines: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name of two types, an index that outlives its loop: Numba's rules hold, or its refusal."""
    text = HEAD + f"\ndef kernel(x0, y0):\n    {lines}\n    return 0, s\n"
    assert direct.image(text, ARRAYS, images.FLAGS, lambda: {"__builtins__": {}}) is None


def test_memory_that_is_not_there_raises(monkeypatch: pytest.MonkeyPatch) -> None:
    text = HEAD + (
        "\ndef kernel(x0, y0):\n    ws = memory.allocate(4611686018427387904)\n"
        "    memory.release(ws)\n    return 0\n"
    )
    for kernel in both_ways(text, ARRAYS, monkeypatch)[:2]:
        with pytest.raises(MemoryError):
            kernel(np.zeros(1), np.zeros(1))


POSITIONS = """
def kernel(x0, x1, x2):
    a0 = memory.flat(x0)
    return 0, routines.wrap_index(x1, 5), routines.window_start(x2, 5, 2), a0[0]
"""


def test_positions_and_what_they_raise(monkeypatch: pytest.MonkeyPatch) -> None:
    kinds = [ARRAYS[0], Argument(np.dtype("i8"), 0), Argument(np.dtype("i4"), 0)]
    one, other, note = both_ways(HEAD + POSITIONS, kinds, monkeypatch)
    assert note == "direct"
    x = np.ones(1)
    for i in range(-8, 9):
        found = []
        for kernel in (one, other):
            for each in ((i, np.int32(0)), (0, np.int32(i))):
                try:
                    found.append(kernel(x, *each))
                except IndexError as error:
                    found.append(str(error))
        assert found[:2] == found[2:]
        assert (found[0] == "index is out of bounds") == (not -5 <= i < 5)
        assert (found[1] == "a slice of fixed length leaves its axis") == (
            i not in (-5, -4, -3, -2, 0, 1, 2, 3)
        )


def test_exceptions_of_routines_reach_the_caller(monkeypatch: pytest.MonkeyPatch) -> None:
    text = HEAD + (
        "\ndef kernel(x0, y0):\n    a0 = memory.flat(x0)\n    o0 = memory.flat(y0)\n"
        "    routines.inv2(memory.array(o0, 4), memory.array(a0, 4), True)\n    return 0\n"
    )
    one, _, note = both_ways(text, ARRAYS, monkeypatch)
    assert note == "asked"
    y = np.zeros(4)
    assert one(np.array([2.0, 0.0, 0.0, 4.0]), y) == 0
    np.testing.assert_array_equal(y, [0.5, 0.0, 0.0, 0.25])
    with pytest.raises(np.linalg.LinAlgError, match="Singular"):
        one(np.zeros(4), y)


def test_a_kernel_needs_no_numba() -> None:
    code = (
        "import sys, numpy as np, tapejit as tj\n"
        "f = tj.value_and_grad(lambda x: np.sum(np.sin(x @ x) * np.exp(-x[0])), compile='always')\n"
        "v, g = f(np.full((20, 20), 0.25))\n"
        "assert f.stats()['kernels'] == 1, f.stats()\n"
        "assert 'numba' not in sys.modules and 'scipy' not in sys.modules\n"
        "print(v)\n"
    )
    env = {**os.environ, "PYTHONPATH": str(ROOT), "TAPEJIT_CACHE": "0"}
    env.pop("TAPEJIT_DIRECT", None)
    made = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True)
    assert made.returncode == 0, made.stderr
    assert float(made.stdout) == pytest.approx(400 * np.sin(1.25) * np.exp(-0.25))


@pytest.mark.parametrize("own", [True, False])
@pytest.mark.parametrize("dtype", ["float64", "float32", "complex128", "complex64"])
def test_products(own: bool, dtype: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """By NumPy's BLAS and by Numba's entry points."""
    if not own:
        monkeypatch.setattr(linear, "address_of", lambda name: None)
    elif blas.address_of("scipy_cblas_dgemm64_") is None:
        pytest.skip("this NumPy brings no BLAS of its own")
    suffix = {"float64": "f64", "float32": "f32", "complex128": "c128", "complex64": "c64"}[dtype]
    one, zero = number(1, np.dtype(dtype)), number(0, np.dtype(dtype))
    text = HEAD + (
        "\ndef kernel(x0, x1, y0, y1):\n    a0 = memory.flat(x0)\n    a1 = memory.flat(x1)\n"
        "    o0 = memory.flat(y0)\n    o1 = memory.flat(y1)\n"
        f"    blas.gemm_{suffix}(0, 1, 3, 5, 4, {one}, a1, 3, a0, 5, {zero}, o0, 3)\n"
        f"    blas.gemv_{suffix}(1, 4, 5, {one}, memory.shift(a0, 0), 4, a1, {one}, o1)\n"
        "    return 0\n"
    )
    kinds = [Argument(np.dtype(dtype), r, k > 1) for k, r in enumerate((2, 2, 2, 1))]
    monkeypatch.setattr(images.config, "direct", True)
    made = images._compiled(text, kinds, lambda: images._in_memory(text))
    if suffix[0] == "f":
        assert made.note == "direct"
        assert any("cblas" in s for s in made.symbols) is own
    rng = np.random.default_rng(1)
    x, y = (drawn(rng, np.dtype(dtype), s) for s in ((4, 5), (4, 3)))
    z, w = np.zeros((5, 3), dtype), np.ones(5, dtype)
    assert link(made)(x, y, z, w) == 0
    near = 1e-12 if x.real.itemsize == 8 else 1e-4
    np.testing.assert_allclose(z, x.T @ y, near)
    np.testing.assert_allclose(w, 1 + x.ravel().reshape(5, 4) @ y.ravel()[:4], near)


def test_damage_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    """The comparison above sees a loop that makes one round too few."""
    right = statements._range

    def short(f: Any, node: Any) -> Any:
        start, stop, step = right(f, node)
        return start, type(stop)(stop.type, stop.constant - 1), step

    monkeypatch.setattr(statements, "_range", short)
    (stage,) = golden_stages("float32")
    with pytest.raises(AssertionError):
        agree(stage, monkeypatch)


def test_explain_says_how_kernels_were_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build, "_built", {})
    monkeypatch.setattr(images.config, "cache", False)
    plain = tj.jit(lambda x: np.sum(np.cosh(x) * 1.5), compile="always")
    sorted_ = tj.jit(lambda x: np.sum(np.sort(x)[::2] * 2.5), compile="always")
    x = np.arange(6.0)
    plain(x), sorted_(x)
    assert "Numba" not in plain.explain(x)
    assert "1 kernel with code that Numba has for some calls" in sorted_.explain(x)
    monkeypatch.setattr(images.config, "direct", False)
    monkeypatch.setattr(build, "_built", {})
    twin = tj.jit(lambda x: np.sum(np.cosh(x) * 1.5), compile="always")
    assert twin(x) == plain(x)
    assert "1 kernel compiled by Numba's own pipeline" in twin.explain(x)


def test_numbas_pipeline_alone() -> None:
    """In a process that has compiled nothing else, so that nothing is known from before."""
    code = (
        "import numpy as np, tapejit as tj, sys\n"
        "f = tj.value_and_grad(lambda x: np.sum(np.sin(x) * np.tanh(x)), compile='always')\n"
        "v, g = f(np.ones(5))\n"
        "assert f.stats()['kernels'] == 1, f.stats()\n"
        "print(v)\n"
    )
    env = {**os.environ, "PYTHONPATH": str(ROOT), "TAPEJIT_CACHE": "0", "TAPEJIT_DIRECT": "0"}
    command = [sys.executable, "-W", "error", "-c", code]
    made = subprocess.run(command, env=env, capture_output=True, text=True)
    assert made.returncode == 0, made.stderr
    assert float(made.stdout) == pytest.approx(5 * np.sin(1) * np.tanh(1))


@pytest.mark.parametrize("often", [0, 3, 1000])
def test_functions_on_straight_lines_are_called_or_placed_inside(often, monkeypatch):
    monkeypatch.setattr(calls, "OFTEN", often)
    monkeypatch.setattr(build, "_built", {})
    monkeypatch.setattr(sizes, "_skeletons", {})
    monkeypatch.setattr(config, "cache", False)
    seen = []
    written = direct._finished

    def noted(unit, *rest):
        seen.append(str(unit.module))
        return written(unit, *rest)

    monkeypatch.setattr(direct, "_finished", noted)

    def line(a, b):
        for k in [0.1, 0.2, 0.3, 0.4, 0.5, 0.6]:
            a, b = b, np.tanh(a * b + k) + np.exp(-a)
        return a

    f = tj.value_and_grad(tj.no_rewrite(line), compile="always")
    f(0.3, 0.4)
    value, slope = f(0.3, 0.4)
    assert value == pytest.approx(line(0.3, 0.4), rel=1e-13)
    h = 1e-6
    assert slope == pytest.approx((line(0.3 + h, 0.4) - line(0.3 - h, 0.4)) / (2 * h), rel=1e-7)
    (text,) = seen
    assert ("vmath.called.tanh_f64" in text) == (often < 6)


def test_straight_lines_are_put_into_vectors_where_tiny_products_are(monkeypatch):
    monkeypatch.setattr(build, "_built", {})
    monkeypatch.setattr(sizes, "_skeletons", {})
    monkeypatch.setattr(config, "cache", False)
    seen = []
    optimise = direct._optimise

    def noted(whole, straight, plain=False):
        optimise(whole, straight, plain)
        seen.append(str(whole))

    monkeypatch.setattr(direct, "_optimise", noted)

    def steps(a, x):
        for _ in range(5):
            x = a @ x / np.sqrt(np.sum(x * x))
        return x[0]

    def turns(a, x):
        for _ in range(5):
            x = a[0] * x / np.sqrt(np.sum(x * x))
        return x[0]

    a, x = np.arange(16.0).reshape(4, 4) / 16, np.arange(1.0, 5)
    for fn in (steps, turns):
        f = tj.value_and_grad(fn, argnums=(0, 1), compile="always")
        value, slopes = f(a, x)
        want, others = tj.value_and_grad(fn, argnums=(0, 1), compile="never")(a, x)
        assert value == pytest.approx(want, rel=1e-13)
        for have, other in zip(slopes, others, strict=True):
            np.testing.assert_allclose(have, other, rtol=1e-12, atol=1e-14)
    assert len(seen) == 2
    assert re.search(r"fmul .*<[24] x double>", seen[0]), "one product is a few vectors"
