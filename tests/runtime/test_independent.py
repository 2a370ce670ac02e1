"""Loops whose rounds LLVM may run at once: which texts prove it, and what is written for them."""

from __future__ import annotations

import ast
import re

import numpy as np
import pytest

from tapejit.runtime.direct import image as direct
from tapejit.runtime.direct.function import assigned
from tapejit.runtime.direct.independent import independent, origins, stays, waits
from tapejit.runtime.native.wrapper import Argument

HEAD = """
def kernel(a0, o1, t2, d3, n):
    u4 = memory.carve_f64(ws, 0)
    u5 = memory.carve_f64(ws, 64)
    u6 = memory.carve_i64(ws, 64)
    e7 = memory.shift(u4, n * 8)
    e8 = memory.shift(u4, n * 8 + 1)
    s4 = local_f64_16()
    e5 = memory.shift(s4, n)
    p9 = u4
    q = o1
    q = t2
    for i in range(n):
"""


def read(body: str) -> tuple[ast.For, dict[str, str]]:
    """Return the loop, and where its pointers come from."""
    tree = ast.parse(HEAD + "".join(f"        {line}\n" for line in body.split("; "))).body[0]
    assert isinstance(tree, ast.FunctionDef)
    loop = tree.body[-1]
    assert isinstance(loop, ast.For)
    often = {name for name, k in assigned(tree.body).items() if k > 1}
    return loop, origins(tree, often)


def proved(body: str) -> bool:
    return independent(*read(body))


@pytest.mark.parametrize(
    "body",
    [
        "o1[i] = a0[i]",
        "o1[i * 3 + n] = a0[i + 1] + a0[i] + a0[5]",
        "x = o1[i + 4]; o1[i + 4] = vmath.exp_f64(x) + t2[n]",
        "e7[i] = u5[i]",
        "s = fold_add(s, a0[i]); o1[i] = abs(a0[i])",
        "s = memory.fold_max(s, a0[i]); o1[i] = a0[i]",
        "if a0[i] > 0.0: o1[i] = 1.0",
        "s4[i] = a0[i]",
        "e5[i] = u4[i]",
    ],
)
def test_proved(body: str) -> None:
    assert proved(body)


@pytest.mark.parametrize(
    "body",
    [
        "o1[i] = o1[i + 1]",
        "o1[i + 1] = o1[i]",
        "o1[0] = o1[0] + a0[i]",
        "o1[i * 0] = a0[i]",
        "o1[i * n] = a0[i]",
        "k = n + n; o1[i + k] = a0[i]",
        "o1[i * i] = a0[i]",
        "o1[t2[i]] = a0[i]",
        "o1[i + t2[i]] = a0[i]",
        "e7[i] = e8[i]",
        "e7[i] = u4[i]",
        "p9[i] = e8[i]",
        "e5[i] = s4[i]",
        "p9[i] = u4[i + 1]",
        "u5[i] = u6[i]",
        "o1[i] = d3[i]",
        "d3[i] = a0[i]",
        "o1[i] = q[i]",
        "q[i] = a0[i]",
        "w = memory.shift(o1, n); w[i] = a0[i]",
        "o1[i] = routines.gather(a0, i)",
        "o1[i] = a0[routines.wrap_index(i, n)]",
        "blas.gemv_f64(a0); o1[i] = 1.0",
        "o1[i] = a0[i]; break",
        "for j in range(n): o1[i + j] = a0[i]",
        "while n: o1[i] = 0.0",
        "s = fold_add(s, a0[i])",
    ],
)
def test_not_proved(body: str) -> None:
    assert not proved(body)


@pytest.mark.parametrize(
    ("body", "rounds", "whole"),
    [
        ("o1[i] = a0[i]", 8, True),
        ("o1[i] = a0[i]", 7, False),
        ("o1[i] = a0[i]", 0, False),
        ("o1[i] = o1[i] + a0[i]", 8, False),
        ("o1[i] = o1[i] + a0[i]; t2[i] = a0[i]", 8, True),
        ("o1[i] = o1[i + n] + a0[i]", 8, True),
        ("s4[i] = a0[i]", 8, False),
        ("o1[i] = e5[i]", 8, False),
    ],
)
def test_short_loops_that_stay_loops(body: str, rounds: int, whole: bool) -> None:
    loop, known = read(body)
    assert stays(loop, rounds, known) is whole


TEXT = """
def kernel(x0, y0, y1):
    a0 = memory.flat(x0)
    o0 = memory.flat(y0)
    o1 = memory.flat(y1)
    for i in range(200):
        o0[i] = a0[i] * 2.0
    for i in range(199):
        o0[i + 1] = o0[i + 1] + o0[i]
    for i in range(7):
        o1[i] = o0[i] + a0[i]
    return 0
"""


def test_each_loop_names_its_own_accesses(monkeypatch: pytest.MonkeyPatch) -> None:
    texts: list[str] = []
    parsed = direct._parsed

    def noted(text: str) -> object:
        texts.append(text)
        return parsed(text)

    monkeypatch.setattr(direct, "_parsed", noted)
    kinds = [Argument(np.dtype(float), 1, k > 0) for k in range(3)]
    made = direct.image(TEXT, kinds, {}, dict)
    assert made is not None
    text = texts[0]
    groups = re.findall(r"!llvm.access.group (!\d+)", text)
    loops = dict(re.findall(r"(!\d+) = distinct !\{ \1, (!\d+)[, ]", text))
    says = dict(re.findall(r'(!\d+) = !\{ !"llvm.loop.parallel_accesses", (!\d+) \}', text))
    named = [says[loops[k]] for k in re.findall(r"!llvm.loop (!\d+)", text)]
    first, last = named
    assert first != last
    assert groups == [first] * 2 + [last] * 3
    again = re.findall(r'(!\d+) = !\{ !"llvm.loop.unroll.disable" \}', text)
    assert [
        line.split()[-2] for line in text.splitlines() if re.search(r", !\d+, !\d+ \}$", line)
    ] == again


@pytest.mark.parametrize(
    "value, rounds, twice",
    [
        ("vmath.exp_f64(a0[i]) * vmath.tanh_f64(a0[i]) + vmath.log_f64(a0[i])", 0, True),
        ("vmath.exp_f64(a0[i]) * vmath.tanh_f64(a0[i]) + vmath.log_f64(a0[i])", 64, True),
        ("vmath.exp_f64(a0[i]) * vmath.tanh_f64(a0[i]) + vmath.log_f64(a0[i])", 63, False),
        ("vmath.exp_f64(a0[i]) * vmath.tanh_f64(a0[i]) + np.sqrt(a0[i])", 0, False),
    ],
)
def test_long_chains_go_by_two(value, rounds, twice):
    loop, _ = read(f"o1[i] = {value}")
    assert waits(loop, rounds) is twice
