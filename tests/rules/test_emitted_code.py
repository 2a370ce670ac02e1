"""The code of every elementwise primitive means what NumPy means, on ordinary and on odd numbers.

All primitives of a dtype go onto one tape, so that one compilation covers them. Bools are made of
integers inside the tape and leave it as integers.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tapejit.rules  # noqa: F401
from tapejit.codegen.kernel import has_code
from tapejit.core.avals import aval_of
from tapejit.core.config import config
from tapejit.core.errors import DtypeError
from tapejit.runtime.compile import compile_staged
from tapejit.runtime.interp import interpret
from tapejit.tape.ir import Builder
from tapejit.tape.primitive import PRIMITIVES, Primitive

ODD = [0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 2.5, -2.5, 3.0, 1e-9, 1e9, np.nan, np.inf, -np.inf]

ANY_SIGN_OF_ZERO = {"maximum", "minimum", "fmax", "fmin"}
"""NumPy's own answer for max(0.0, -0.0) depends on the order and on the length of the array."""

LOOSER = {"sinc": 1e3, "digamma": 10.0}
"""How many times 8 ulps a primitive may be off: where it cancels, near its roots."""


def grid(dtype: str) -> tuple[Any, Any]:
    """All pairs of test numbers of a dtype."""
    kind = np.dtype(dtype).kind
    if kind == "b":
        numbers = np.array([False, True])
    elif kind == "u":
        numbers = np.array([0, 1, 2, 7, 200])
    elif kind == "i":
        numbers = np.array([0, 1, 2, 3, -1, -2, -5, 7, 100])
    elif kind == "c":
        numbers = np.array([0.5 + 1j, -1 + 2j, 2 - 0.5j, -0.3 - 0.7j, 1.5 + 0j])
    else:
        numbers = np.array(ODD + list(np.linspace(-4.1, 4.3, 7)) + [20.5, -33.3])
    x, y = np.meshgrid(numbers, numbers)
    return x.ravel().astype(dtype), y.ravel().astype(dtype)


def operands(prim: Primitive, x: Any, y: Any) -> list[Any]:
    given = [x, y, x][: len(prim.domain)]
    for k, domain in enumerate(prim.domain):
        if domain.only == ("bool",):
            given[k] = x > 0 if x.dtype.kind in "fiu" else x != 0
        elif prim.name == "ldexp" and k == 1:
            given[k] = np.arange(x.size) % 7 - 3
    return given


def takes(prim: Primitive, dtype: str) -> bool:
    """Whether the primitive is meant for operands of this dtype."""
    kind = np.dtype(dtype).kind
    if kind == "c":
        return all(d.complex or d.only for d in prim.domain)
    return kind == "f" or prim.name not in ("integer_power", "power", "ldexp", "complex_of")


def all_in_one(dtype: str) -> tuple[Any, list[str], list[Any]]:
    """A tape of every elementwise primitive that has code for a dtype; their names; the inputs."""
    x, y = grid(dtype)
    b = Builder()
    rows, names, arrays, coded, inputs = [], [], [], [], {}
    for prim in PRIMITIVES:
        if not prim.domain or prim.family or not takes(prim, dtype):
            continue
        params_list = [{}] if prim.samples is None else []
        for _, params in prim.samples(np.random.default_rng(0)) if prim.samples else ():
            if params not in params_list:
                params_list.append(params)
        for params in params_list:
            given = operands(prim, x, y)
            syms = []
            for a in given:
                key = (a.dtype.name, a.tobytes())
                if key not in inputs:
                    arrays.append(a.astype(np.int64) if a.dtype.kind == "b" else a)
                    inputs[key] = b.input(aval_of(arrays[-1]), None)
                row = inputs[key]
                syms.append(row.ne(0) if a.dtype.kind == "b" else row)
            try:
                row = prim.on(b, *syms, **params)
            except DtypeError:
                continue
            rows.append(b.cast(row, np.dtype(np.int64)) if row.dtype.kind == "b" else row)
            names.append(prim.name)
            coded.append(has_code(b.finish([row]), row.id))
    kept = [k for k, known in enumerate(coded) if known]
    return b.finish([rows[k] for k in kept]), [names[k] for k in kept], arrays


@pytest.fixture(autouse=True)
def in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(config, "cache", False)


@pytest.mark.parametrize("dtype", ["float64", "float32", "complex128", "int64"])
def test_code_of_every_elementwise_primitive(dtype: str) -> None:
    tape, names, arrays = all_in_one(dtype)
    wanted = interpret(tape, arrays)
    found = compile_staged(tape, "all")(arrays)
    wrong = []
    for name, got, want in zip(names, found, wanted):
        assert (got.dtype, got.shape) == (want.dtype, want.shape), name
        if want.dtype.kind not in "fc":
            if not np.array_equal(got, want):
                wrong.append((name, _first(got, want, got == want, arrays)))
            continue
        eps = 8 * float(np.finfo(want.dtype).eps) * LOOSER.get(name, 1.0)
        near = np.isclose(got, want, rtol=eps, atol=eps * 1e-3, equal_nan=True)
        if want.dtype.kind == "f" and name not in ANY_SIGN_OF_ZERO:
            zeros = (want == 0) & (got == 0)
            near &= ~zeros | (np.signbit(got) == np.signbit(want))
        if not near.all():
            wrong.append((name, _first(got, want, near, arrays)))
    assert not wrong, "\n".join(map(str, wrong))


def _first(got: Any, want: Any, near: Any, arrays: Any) -> Any:
    k = np.flatnonzero(~near)
    return len(k), [(arrays[0][j], arrays[1][j], "got", got[j], "wanted", want[j]) for j in k[:3]]
