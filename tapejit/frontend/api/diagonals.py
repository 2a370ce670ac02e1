"""Diagonals, triangles and borders of arrays.

The diagonal of a matrix of m columns is every (m + 1)-th element of its rows laid end to end.
"""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from ...core.avals import common_shape
from ...core.sources import where as user_line
from ...tape.ir import Sym
from ..dispatch import _operand, assign, implements, implements_directly
from ..tracer import Tracer, active, sym_of
from .common import (
    P,
    arr,
    axis_of,
    cast,
    counting,
    cut,
    joined,
    literal,
    permuted,
    reshaped,
    spread,
    static,
    unsupported,
)


def diagonal_range(n: int, m: int, offset: int) -> tuple[int, int, int]:
    """Return (start, length, step) of a diagonal in the raveled n by m matrix."""
    length = max(0, min(n, m - offset) if offset >= 0 else min(n + offset, m))
    start = offset if offset >= 0 else -offset * m
    return (start if length else 0, length, m + 1)


@implements(np.diagonal)
def diagonal(a: Any, offset: Any = 0, axis1: int = 0, axis2: int = 1) -> Sym:
    a = arr(a)
    if a.ndim < 2:
        raise ValueError("diag requires an array of at least two dimensions")
    i, j = axis_of(a, axis1), axis_of(a, axis2)
    if i == j:
        raise ValueError("axis1 and axis2 cannot be the same")
    rest = tuple(k for k in range(a.ndim) if k not in (i, j))
    n, m = a.shape[i], a.shape[j]
    lead = tuple(a.shape[k] for k in rest)
    flat = P.reshape(permuted(a, (*rest, i, j)), shape=(*lead, n * m))
    start, length, step = diagonal_range(n, m, operator.index(static(offset)))
    return P.slice(flat, ranges=(*((0, k, 1) for k in lead), (start, length, step)))


@implements(np.linalg.diagonal)
def linalg_diagonal(x: Any, /, *, offset: int = 0) -> Sym:
    return diagonal(x, offset, -2, -1)


@implements(np.trace)
def trace(a: Any, offset: Any = 0, axis1: int = 0, axis2: int = 1, dtype: Any = None) -> Sym:
    found = diagonal(a, offset, axis1, axis2)
    found = found if dtype is None else cast(found, dtype)
    return P.sum(found, axis=(found.ndim - 1,), keepdims=False)


@implements(np.linalg.trace)
def linalg_trace(x: Any, /, *, offset: int = 0, dtype: Any = None) -> Sym:
    return trace(x, offset, -2, -1, dtype)


@implements(np.diag, copies=True)
def diag(v: Any, k: Any = 0) -> Sym:
    v, k = arr(v), operator.index(static(k))
    if v.ndim == 2:
        return diagonal(v, k)
    if v.ndim != 1:
        raise ValueError("Input must be 1- or 2-d.")
    n = v.shape[0] + abs(k)
    zeros = spread(literal(v, 0), (n * n,))
    return reshaped(P.set_slice(zeros, v, ranges=(diagonal_range(n, n, k),)), (n, n))


@implements(np.diagflat, copies=True)
def diagflat(v: Any, k: Any = 0) -> Sym:
    v = arr(v)
    return diag(reshaped(v, (v.size,)), k)


@implements_directly(np.fill_diagonal)
def fill_diagonal(a: Any, val: Any, wrap: bool = False) -> None:
    """Write the main diagonal in place, values repeating as often as needed."""
    target = writable(a, "np.fill_diagonal")
    if target.ndim < 2:
        raise ValueError("array must be at least 2-d")
    if target.ndim > 2 and len(set(target.shape)) > 1:
        raise ValueError("All dimensions of input must be of equal length")
    sym = target.sym
    if target.ndim == 2:
        step = target.shape[1] + 1
        end = sym.size if wrap else min(sym.size, target.shape[1] ** 2)
    else:
        step = 1 + int(np.sum(np.cumprod(target.shape[:-1])))
        end = sym.size
    length = len(range(0, end, step))
    new = sym_of(target.cap, _operand(val))
    new = cast(reshaped(new, (new.size,)), sym.dtype)
    if length and new.size != length:
        copies = -(-length // max(new.size, 1))
        new = cut(joined([new] * copies, 0), 0, 0, length)
    flat = P.set_slice(reshaped(sym, (sym.size,)), new, ranges=((0, length, step),))
    target.write(reshaped(flat, sym.shape))


def writable(a: Any, name: str) -> Tracer:
    """Return the traced array that a function writes to."""
    from ...core.errors import MutationError

    cap = active()
    if not isinstance(a, Tracer):
        raise MutationError(
            f"{name} of a plain array with traced values: copy it first, where it is written: "
            f"a = a.copy(), or make it with np.zeros_like(x) of a traced x ({user_line()})"
        )
    if a.cap is not cap:
        raise MutationError(
            f"{name} of an array of an enclosing call: copy it first ({user_line()})"
        )
    return a


@implements_directly(np.copyto)
def copyto(dst: Any, src: Any, casting: str = "same_kind", where: Any = True) -> None:
    target = writable(dst, "np.copyto")
    cap = target.cap
    new = sym_of(cap, _operand(src))
    if not new.aval.weak and not np.can_cast(new.dtype, target.dtype, casting):  # type: ignore[arg-type]
        raise TypeError(
            f"Cannot cast array data from {new.dtype!r} to {target.dtype!r} according to the rule "
            f"{casting!r}"
        )
    if where is not True:
        mask = sym_of(cap, _operand(where))
        new = P.where(mask, cast(new, target.dtype), target.sym)
    if common_shape(new.shape, target.shape) != target.shape:
        raise ValueError(
            f"could not broadcast input array from shape {new.shape} into {target.shape}"
        )
    assign(target, new)


# ---------------------------------------------------------------- triangles


def _lower(a: Sym, k: Any) -> Sym:
    """Whether each element of the last two axes is on or below a diagonal."""
    n, m = a.shape[-2:]
    rows = reshaped(counting(a, n), (n, 1))
    offset = k if isinstance(k, Sym) else operator.index(k)
    return P.greater_equal(rows + offset, counting(a, m))


def _matrix(m: Any) -> Sym:
    a = arr(m)
    return spread(a, (a.size, a.size)) if a.ndim == 1 else a


@implements(np.tril, copies=True)
def tril(m: Any, k: Any = 0) -> Sym:
    a = _matrix(m)
    return P.where(_lower(a, k), a, literal(a, 0))


@implements(np.triu, copies=True)
def triu(m: Any, k: Any = 0) -> Sym:
    a = _matrix(m)
    return P.where(_lower(a, k - 1), literal(a, 0), a)


@implements(np.tril_indices_from)
def tril_indices_from(arr_: Any, k: Any = 0) -> Any:
    a = arr(arr_)
    return np.tril_indices(a.shape[-2], k=int(static(k)), m=a.shape[-1])


@implements(np.triu_indices_from)
def triu_indices_from(arr_: Any, k: Any = 0) -> Any:
    a = arr(arr_)
    return np.triu_indices(a.shape[-2], k=int(static(k)), m=a.shape[-1])


@implements(np.diag_indices_from)
def diag_indices_from(arr_: Any) -> Any:
    a = arr(arr_)
    return np.diag_indices_from(np.broadcast_to(0, a.shape))


# ---------------------------------------------------------------- borders


@implements(np.pad, copies=True)
def pad(array: Any, pad_width: Any, mode: Any = "constant", **options: Any) -> Sym:
    """Pad each axis in turn: constants are joined on, other modes read at mapped places."""
    a = arr(array)
    widths = static(pad_width)
    if isinstance(widths, dict):
        pairs = np.zeros((a.ndim, 2), int)
        for k, w in widths.items():
            pairs[k] = w
        widths = pairs
    widths = np.asarray(widths)
    if widths.dtype.kind != "i":
        raise TypeError("`pad_width` must be of integral type.")
    widths = np.broadcast_to(widths, (a.ndim, 2))
    if (widths < 0).any():
        raise ValueError("index can't contain negative values")
    if mode == "constant":
        values = options.pop("constant_values", 0)
        if options:
            raise ValueError(f"unsupported keyword arguments for mode 'constant': {set(options)}")
        return _pad_constant(a, widths, values)
    if mode not in ("edge", "reflect", "symmetric", "wrap"):
        name = mode if isinstance(mode, str) else "a function"
        raise unsupported(f"np.pad: mode={name!r}")
    if static(options.get("reflect_type", "even")) != "even":
        raise unsupported("np.pad: reflect_type='odd'")
    for k, (before, after) in enumerate(widths.tolist()):
        if before or after:
            if not a.shape[k]:
                raise ValueError(
                    f"can't extend empty axis {k} using modes other than 'constant' or 'empty'"
                )
            places = np.pad(np.arange(a.shape[k]), (before, after), mode=mode, **options)
            front, back = _runs(places[:before]), _runs(places[before + a.shape[k] :])
            if len(front) + len(back) <= _MOST_RUNS:
                ends = [[_run(a, k, *run) for run in runs] for runs in (front, back)]
                a = joined([*ends[0], a, *ends[1]], k)
            else:
                a = P.gather(a, active().const(places), axis=k)
    return a


_MOST_RUNS = 8
"""Slices of which a border is made; one that repeats an axis many times is gathered."""


def _runs(places: Any) -> list[tuple[int, int, int]]:
    """Return places as runs, first, length and step: 2, 1, 0, 1, 2, 2 is (2, 3, -1), (1, 2, 1), (2, 1, 1)."""
    runs: list[tuple[int, int, int]] = []
    for p in places.tolist():
        if runs:
            first, length, step = runs[-1]
            near = p - (first + (length - 1) * step)
            if near == step if length > 1 else near in (-1, 0, 1):
                runs[-1] = (first, length + 1, near)
                continue
        runs.append((p, 1, 1))
    return runs


def _run(a: Sym, axis: int, first: int, length: int, step: int) -> Sym:
    """Return a run of places along an axis."""
    if step:
        return cut(a, axis, first, length, step)
    shape = (*a.shape[:axis], length, *a.shape[axis + 1 :])
    return spread(cut(a, axis, first, 1), shape)


def _pad_constant(a: Sym, widths: Any, values: Any) -> Sym:
    if isinstance(values, (bool, int, float, complex)):
        shape = tuple(n + int(b) + int(e) for n, (b, e) in zip(a.shape, widths))
        ranges = tuple((int(b) if n else 0, n, 1) for n, (b, _) in zip(a.shape, widths))
        return P.set_slice(spread(literal(a, values), shape), a, ranges=ranges)
    given = spread(cast(arr(values), a.dtype), (a.ndim, 2))
    for k, (before, after) in enumerate(widths.tolist()):
        parts = [a]
        for side, width in ((0, before), (1, after)):
            edge = reshaped(P.slice(given, ranges=((k, 1, 1), (side, 1, 1))), ())
            block = spread(edge, a.shape[:k] + (width,) + a.shape[k + 1 :])
            parts.insert(0 if side == 0 else 2, block)
        a = joined(parts, k)
    return a
