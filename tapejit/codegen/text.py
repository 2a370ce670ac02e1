"""Pieces of Numba source: numbers, casts, index expressions."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..core.dims import Dim, Real
from ..core.sizes import rounded

SUFFIX = {
    "float64": "f64",
    "float32": "f32",
    "complex128": "c128",
    "complex64": "c64",
    "int64": "i64",
    "int32": "i32",
    "int16": "i16",
    "int8": "i8",
    "uint64": "u64",
    "uint32": "u32",
    "uint16": "u16",
    "uint8": "u8",
    "bool": "b1",
}


def number(value: Any, dtype: np.dtype[Any]) -> str:
    """Return a literal of a dtype as source."""
    if not isinstance(value, int):
        value = rounded(value, dtype)
    if dtype.kind == "b":
        return "True" if value else "False"
    if dtype.kind in "iu":
        text = str(value if isinstance(value, Dim) else int(value))
        return text if dtype.name == "int64" else f"np.{dtype.name}({text})"
    if dtype.kind == "c":
        text = f"complex({_real(value.real)}, {_real(value.imag)})"
        return text if dtype.name == "complex128" else f"np.complex64({text})"
    text = _real(value if isinstance(value, Real) else float(value))
    return text if dtype.name == "float64" else f"np.{dtype.name}({text})"


def _real(x: float) -> str:
    if math.isnan(x):
        return "np.nan"
    if math.isinf(x):
        return "np.inf" if x > 0 else "-np.inf"
    return repr(x) if x >= 0 and math.copysign(1, x) > 0 else f"({x!r})"


def cast(text: str, source: np.dtype[Any], target: np.dtype[Any]) -> str:
    """Return the source of a conversion."""
    if source == target:
        return text
    if target.kind == "b":
        return f"({text} != 0)"
    if source.kind == "c" and target.kind != "c":
        text = f"({text}).real"
    return f"np.{target.name}({text})"


def index(offset: int, strides: tuple[int, ...], names: list[str]) -> str:
    """Return ``offset + i*s + ...`` with zero terms left out."""
    terms = []
    for s, name in zip(strides, names):
        if s == 1:
            terms.append(name)
        elif s:
            terms.append(f"{name} * {s}")
    if offset or not terms:
        terms.append(str(offset))
    return " + ".join(terms)


def loop_nest(
    shape: tuple[int, ...], pairs: list[tuple[str, int, tuple[int, ...]]], template: str
) -> list[str]:
    """Return loops over `shape` around one statement with an index for each (pointer, ...)."""
    if 0 in shape:
        return []
    dims = [d for d, n in enumerate(shape) if n != 1]
    merged: list[list[int]] = []
    for d in dims:
        if merged and all(s[merged[-1][-1]] == s[d] * shape[d] for _, _, s in pairs):
            merged[-1].append(d)
        else:
            merged.append([d])
    names = [f"i{k}" for k in range(len(merged))]
    lines, pad = [], ""
    for name, axes in zip(names, merged):
        lines.append(f"{pad}for {name} in range({math.prod([shape[d] for d in axes])}):")
        pad += "    "
    places = [f"{p}[{index(o, tuple(s[axes[-1]] for axes in merged), names)}]" for p, o, s in pairs]
    lines.append(pad + template.format(*places))
    return lines


def power_of_two(size: int) -> int:
    """Return the power of two that holds an array: kernels of nearby sizes are alike in their text."""
    found = 1
    while found < size:
        found *= 2
    return found
