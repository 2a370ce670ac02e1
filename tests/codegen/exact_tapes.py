"""Random tapes in exact arithmetic, so that compiled and interpreted results are equal bit for bit.

Inputs are multiples of 1/4. A value is read further only while it is a multiple of 2^-10 and below
2^10, which float32 represents; sums, products, comparisons and selections of such values are then
exact in any order and precision, and no tolerance can hide a wrong index or a wrong dtype.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import assume
from hypothesis import strategies as st

from tapejit.core.avals import aval_of
from tapejit.core.errors import TapejitError
from tapejit.rules.declare import ops
from tapejit.tape.ir import Builder, Sym, Tape

DTYPES = (
    "float64",
    "float64",
    "float64",
    "float32",
    "int64",
    "int32",
    "uint8",
    "bool",
    "complex128",
)
Draw = Callable[..., Any]


def exact(value: Any) -> bool:
    """Whether further sums and products of a value stay exact."""
    x = np.asarray(value)
    if x.dtype.kind == "b":
        return True
    parts = np.stack([x.real, x.imag]).astype(float)
    scaled = parts * 1024
    return bool(np.all(np.abs(parts) <= 1024) and np.all(scaled == np.rint(scaled)))


@st.composite
def exact_tapes(
    draw: Draw, max_rows: int = 16, dtypes: tuple[str, ...] = DTYPES
) -> tuple[Tape, list[Any]]:
    """Return a strategy of pairs ``(tape, inputs)``; see the module."""
    rng = np.random.default_rng(draw(st.integers(0, 2**16)))
    sides = st.sampled_from((3, 2, 4, 1, 5, 2, 3, 0))
    b = Builder(eager=True)
    inputs: list[Any] = []
    for _ in range(draw(st.integers(1, 3))):
        shape = tuple(draw(st.lists(sides, min_size=draw(st.sampled_from((2, 1, 0))), max_size=3)))
        x = rng.integers(-8, 9, shape) / 4
        dtype = np.dtype(draw(st.sampled_from(dtypes)))
        if dtype.kind == "c":
            x = x + 1j * rng.integers(-8, 9, shape) / 4
        elif dtype.kind in "iub":
            x = np.abs(np.rint(x)) if dtype.kind == "u" else np.rint(x)
        x = np.asarray(x).astype(dtype)
        inputs.append(x)
        b.input(aval_of(x), x[()])
    values = [Sym(b, k) for k in range(len(inputs))]
    made: list[Sym] = []
    for _ in range(draw(st.integers(max_rows // 2, max_rows))):
        try:
            new = draw(st.sampled_from(MAKERS))(draw, values)
        except TapejitError:  # not defined for these dtypes
            continue
        for x in new:
            if x.size <= 200 and exact(b.known[x.id]):
                values.append(x)
                made.append(x)
    assume(made)
    chosen = draw(st.lists(st.sampled_from(made), min_size=1, max_size=5))
    extra = [values[0]] if draw(st.integers(0, 9)) == 0 else []
    return b.finish([made[-1], *chosen, *extra]), [x[()] for x in inputs]


def _pick(
    draw: Draw, values: list[Sym], test: Callable[[Sym], bool] = lambda x: True
) -> Sym | None:
    fitting = [x for x in values if test(x)]
    return draw(st.sampled_from(fitting)) if fitting else None


def _fits(*xs: Sym) -> bool:
    try:
        return int(np.prod(np.broadcast_shapes(*[x.shape for x in xs]))) <= 200
    except ValueError:
        return False


def _unary(draw: Draw, values: list[Sym]) -> list[Sym]:
    x = _pick(draw, values)
    assert x is not None
    name = draw(st.sampled_from(("negative", "square", "absolute", "copy", "logical_not", "sign")))
    if name == "negative" and x.dtype.kind in "ub":
        name = "copy"
    if name in ("square", "absolute", "sign") and x.dtype.kind in "bc":
        name = "copy" if x.dtype.kind == "b" else "conjugate"
    return [getattr(ops, name)(x)]


def _binary(draw: Draw, values: list[Sym]) -> list[Sym]:
    x = _pick(draw, values)
    assert x is not None
    y = _pick(draw, values, lambda y: _fits(x, y))
    number = draw(st.sampled_from((None, None, 0.5, 2, 1.0, -1)))
    if number is not None and (x.dtype.kind != "u" or number == 2) and x.dtype.kind != "b":
        y = number
    name = draw(st.sampled_from(("add", "multiply", "add", "multiply", "maximum", "subtract")))
    return [getattr(ops, name)(x, y)]


def _truth(draw: Draw, values: list[Sym]) -> list[Sym]:
    x = _pick(draw, values)
    assert x is not None
    y = _pick(draw, values, lambda y: _fits(x, y))
    name = draw(st.sampled_from(("less", "greater_equal", "equal", "logical_and", "logical_or")))
    if "c" in (x.dtype.kind, y.dtype.kind):
        name = "not_equal"
    return [getattr(ops, name)(x, y)]


def _where(draw: Draw, values: list[Sym]) -> list[Sym]:
    x = _pick(draw, values)
    assert x is not None
    y = _pick(draw, values, lambda y: _fits(x, y))
    c = _pick(draw, values, lambda c: c.dtype.kind == "b" and _fits(c, x, y))
    return [] if c is None else [ops.where(c, x, y)]


def _cast(draw: Draw, values: list[Sym]) -> list[Sym]:
    x = _pick(draw, values, lambda x: x.dtype.kind != "c")
    if x is None:
        return []
    narrow = x.dtype.kind == "f"
    names = ("float32", "complex128", "float64", "int64", "bool")
    return [ops.cast(x, dtype=draw(st.sampled_from(names[:3] if narrow else names)), weak=False)]


def _reduce(draw: Draw, values: list[Sym]) -> list[Sym]:
    x = _pick(draw, values, lambda x: x.ndim > 0)
    if x is None:
        return []
    made = []
    for _ in range(draw(st.integers(1, 2))):
        axes = tuple(sorted(draw(st.sets(st.integers(0, x.ndim - 1), min_size=1))))
        name = draw(st.sampled_from(("sum", "sum", "sum", "max", "min", "prod")))
        if name != "sum" and (x.size == 0 or x.dtype.kind in "cb"):
            name = "sum"
        made.append(getattr(ops, name)(x, axis=axes, keepdims=draw(st.booleans())))
    return made


def _reshape(draw: Draw, values: list[Sym]) -> list[Sym]:
    x = _pick(draw, values)
    assert x is not None
    shapes = [(x.size,), (1, *x.shape), (*x.shape, 1), x.shape[::-1]]
    if x.ndim == 3:
        shapes += [(x.shape[0] * x.shape[1], x.shape[2]), (x.shape[0], x.shape[1] * x.shape[2])]
    if x.size == 1:
        shapes += [()]
    return [ops.reshape(x, shape=draw(st.sampled_from(shapes)))]


def _transpose(draw: Draw, values: list[Sym]) -> list[Sym]:
    x = _pick(draw, values, lambda x: x.ndim > 1)
    return [] if x is None else [ops.transpose(x, axes=tuple(draw(st.permutations(range(x.ndim)))))]


def _broadcast(draw: Draw, values: list[Sym]) -> list[Sym]:
    x = _pick(draw, values, lambda x: x.size <= 30)
    if x is None:
        return []
    shape = tuple(draw(st.sampled_from((1, 3))) if n == 1 else n for n in x.shape)
    lead = tuple(draw(st.lists(st.sampled_from((1, 2, 3)), max_size=1)))
    return [ops.broadcast_to(x, shape=lead + shape)]


def ranges_of(draw: Draw, shape: tuple[int, ...]) -> tuple[tuple[int, int, int], ...]:
    """Draw a slice of every axis as (start, length, step)."""
    ranges = []
    for n in shape:
        if n == 0 or draw(st.integers(0, 2)) == 0:
            ranges.append((0, n, 1))
            continue
        start, step = draw(st.integers(0, n - 1)), draw(st.sampled_from((1, 1, 2, -1, -2)))
        room = len(range(start, n if step > 0 else -1, step))
        ranges.append((start, draw(st.integers(0 if room > 2 else 1, room)), step))
    return tuple(ranges)


def _slice(draw: Draw, values: list[Sym]) -> list[Sym]:
    x = _pick(draw, values, lambda x: x.ndim > 0)
    return [] if x is None else [ops.slice(x, ranges=ranges_of(draw, x.shape))]


def _update(draw: Draw, values: list[Sym]) -> list[Sym]:
    """A chain of writes into one array, of numbers, of its own elements and of other values."""
    base = _pick(draw, values, lambda x: x.ndim > 0 and x.dtype.kind != "b")
    if base is None:
        return []
    made = []
    for _ in range(draw(st.integers(1, 3))):
        ranges = ranges_of(draw, base.shape)
        window = tuple(n for _, n, _ in ranges)
        alike = [x for x in (*values, *made) if x.dtype == base.dtype and x.shape == window]
        own = ops.slice(base, ranges=ranges)
        u = draw(st.sampled_from([*alike, own, own + own, own * own]))
        if draw(st.booleans()) and len(window) == 1:  # read the same array backwards
            u = ops.slice(u, ranges=((window[0] - 1, window[0], -1),)) if window[0] else u
        name = draw(st.sampled_from(("set_slice", "add_slice")))
        base = getattr(ops, name)(base, u, ranges=ranges)
        made.append(base)
    return made if draw(st.booleans()) else made[-1:]


def _join(draw: Draw, values: list[Sym]) -> list[Sym]:
    x = _pick(draw, values, lambda x: x.ndim > 0)
    if x is None:
        return []
    axis = draw(st.integers(0, x.ndim - 1))

    def off(y: Sym) -> tuple[int, ...]:
        return y.shape[:axis] + y.shape[axis + 1 :]

    y = _pick(draw, values, lambda y: y.ndim == x.ndim and off(y) == off(x))
    return [ops.concatenate(x, y, axis=axis)]


def _matmul(draw: Draw, values: list[Sym]) -> list[Sym]:
    x = _pick(draw, values, lambda x: x.ndim >= 2 and x.dtype.kind in "fc")
    if x is None:
        return []
    y = _pick(draw, values, lambda y: y.ndim == 2 and y.shape[0] == x.shape[-1])
    if y is None:
        y = ops.transpose(x, axes=(*range(x.ndim - 2), x.ndim - 1, x.ndim - 2))
    return [ops.matmul(x, y)]


def _cumsum(draw: Draw, values: list[Sym]) -> list[Sym]:
    x = _pick(draw, values, lambda x: x.ndim > 0 and x.dtype.kind in "f")
    if x is None:
        return []
    return [ops.cumsum(x, axis=draw(st.integers(0, x.ndim - 1)), reverse=False)]


MAKERS = [_unary, _binary, _binary, _binary, _truth, _where, _cast, _reduce, _reduce, _reduce]
MAKERS += [_reshape, _transpose, _broadcast, _slice, _slice, _update, _update, _join, _matmul]
MAKERS += [_cumsum]
