"""Indexing by data: gather, scatter, and the checks that turn indices into positions.

Every advanced index is brought to one form by the front end: the indexed axes are merged into one,
and a single array of positions in 0..n-1 is taken along it. ``wrap_index`` is the only row that
sees a user's index: it adds n to negative ones and raises for those out of bounds, at every call,
so that ``gather`` and the scatters may trust their positions.

With G the gather along an axis (a 0-1 matrix), ``scatter_add(x, u, i) = x + G^T u``; so the two are
each other's transposes. ``scatter_set`` keeps the last of several updates to one place, as NumPy
does; the losers of such a race get a zero cotangent.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import prod
from typing import Any

import numpy as np

from ..core.avals import Aval, Shape
from ..core.errors import IndexingError, ShapeError
from ..core.sources import where as user_line
from ..tape.ir import Sym
from ..tape.primitive import Emit, Params
from .declare import general, linear, ops, zeros_like

Samples = Iterator[tuple[tuple[Any, ...], Params]]
INT = np.dtype(np.int64)


# ---------------------------------------------------------------- positions


def _wrap_numpy(i: Any, *, size: int, axis: int) -> Any:
    i = np.asarray(i)
    bad = (i < -size) | (i >= size)
    if bad.any():
        raise IndexingError(
            f"index {i[bad].reshape(-1)[0]} is out of bounds for axis {axis} with size {size} "
            f"({user_line()})"
        )
    i = i.astype(INT)
    return np.where(i < 0, i + size, i)[()]


def _wrap_infer(i: Aval, *, size: int, axis: int) -> Aval:
    return Aval(INT, i.shape)


def _wrap_samples(rng: np.random.Generator) -> Samples:
    yield (rng.integers(-4, 4, 5),), {"size": 4, "axis": 0}
    yield (rng.integers(0, 3, (2, 2)).astype(np.uint8),), {"size": 3, "axis": 1}


# Compiled, this is a scalar routine that raises IndexError: bounds are checked at every call.
wrap_index = general(
    "wrap_index",
    _wrap_infer,
    _wrap_numpy,
    emit=Emit(
        "elementwise",
        lambda dtypes, params: f"routines.wrap_index({{0}}, {params['size']})",
    ),
    samples=_wrap_samples,
)


def _nonzero_numpy(m: Any, *, count: int) -> Any:
    found = np.flatnonzero(m)[:count]
    return found if len(found) == count else np.resize(found, count).astype(INT)


def _nonzero_samples(rng: np.random.Generator) -> Samples:
    yield (np.array([True, False, True, True]),), {"count": 3}
    yield (np.array([[0.0, 1.5], [2.0, 0.0]]),), {"count": 2}


# Flat positions of the true elements. The count is static: a guard row before this one has
# established it, so a pattern may change from call to call while its count stays.
flatnonzero = general(
    "flatnonzero",
    lambda m, *, count: Aval(INT, (count,)),
    _nonzero_numpy,
    emit=Emit("call", lambda avals, out, params: "routines.flatnonzero({out}, {0})"),
    samples=_nonzero_samples,
)


# ---------------------------------------------------------------- gather and scatter


def gathered_shape(x: Shape, i: Shape, axis: int) -> Shape:
    """Return the shape of x taken along `axis` at an array of positions."""
    return x[:axis] + i + x[axis + 1 :]


def split_at(shape: Shape, axis: int) -> tuple[int, int, int]:
    """Return the sizes before, at and after an axis: a gather copies runs of the last."""
    return prod(shape[:axis]), shape[axis], prod(shape[axis + 1 :])


def _gather_numpy(x: Any, i: Any, *, axis: int) -> Any:
    return np.take(x, i, axis=axis)


def _gather_infer(x: Aval, i: Aval, *, axis: int) -> Aval:
    return Aval(x.dtype, gathered_shape(x.shape, i.shape, axis))


def _gather_text(avals: tuple[Aval, ...], out: Aval, params: Params) -> str:
    lead, n, run = split_at(avals[0].shape, params["axis"])
    return f"routines.gather({{out}}, {{0}}, {{1}}, {lead}, {n}, {run})"


def _gather_samples(rng: np.random.Generator) -> Samples:
    yield (rng.normal(size=5), np.array([0, 4, 4, 1])), {"axis": 0}
    yield (rng.normal(size=(3, 4)), np.array([[0, 2], [1, 1]])), {"axis": 0}
    yield (rng.normal(size=(2, 3, 2)), np.array([2, 0])), {"axis": 1}
    yield (rng.normal(size=(3, 2)), np.array(1)), {"axis": 0}


gather = linear(
    "gather",
    _gather_infer,
    _gather_numpy,
    lambda ct, x, i, *, axis: ops.scatter_add(zeros_like(x), ct, i, axis=axis),
    args=(0,),
    emit=Emit("call", _gather_text),
    samples=_gather_samples,
    masks=True,
)


def _scatter_infer(x: Aval, u: Aval, i: Aval, *, axis: int) -> Aval:
    if u.shape != gathered_shape(x.shape, i.shape, axis):
        raise ShapeError(
            f"scatter: an update of shape {u.shape} does not fit positions {i.shape} along axis "
            f"{axis} of {x.shape} ({user_line()})"
        )
    return Aval(x.dtype, x.shape)


def _scatter_promote(x: Aval, u: Aval, i: Aval, *, axis: int) -> tuple[Any, ...]:
    return (None, x.dtype, None)


def _flat_updates(x: Any, u: Any, i: Any, axis: int) -> tuple[Any, Any]:
    """The updates as one list of (position in the raveled x, value)."""
    lead, n, run = split_at(x.shape, axis)
    at = np.arange(lead)[:, None, None] * n + np.asarray(i).reshape(1, -1, 1)
    return (at * run + np.arange(run)).reshape(-1), np.broadcast_to(u, np.shape(u)).reshape(-1)


def _scatter_set_numpy(x: Any, u: Any, i: Any, *, axis: int) -> Any:
    y = np.array(x, order="C")
    if axis == 0 and i.ndim == 1:
        y[i] = u
        return y
    at, values = _flat_updates(y, u, i, axis)
    y.reshape(-1)[at] = values
    return y


def _scatter_add_numpy(x: Any, u: Any, i: Any, *, axis: int) -> Any:
    y = np.array(x, order="C")
    at, values = _flat_updates(y, u, i, axis)
    np.add.at(y.reshape(-1), at, values)
    return y


def _scatter_text(name: str) -> Any:
    def text(avals: tuple[Aval, ...], out: Aval, params: Params) -> str:
        lead, n, run = split_at(avals[0].shape, params["axis"])
        return f"routines.{name}({{out}}, {{0}}, {{1}}, {{2}}, {lead}, {n}, {run})"

    return text


def _scatter_samples(rng: np.random.Generator) -> Samples:
    yield (rng.normal(size=5), rng.normal(size=3), np.array([4, 0, 2])), {"axis": 0}
    yield (rng.normal(size=5), rng.normal(size=4), np.array([4, 0, 4, 0])), {"axis": 0}
    yield (
        (rng.normal(size=(2, 3)), rng.normal(size=(2, 2, 2)), np.array([[0, 1], [1, 0]])),
        {"axis": 1},
    )
    yield (rng.normal(size=(3, 2)), rng.normal(size=2), np.array(1)), {"axis": 0}


def winners(i: Sym, n: int) -> Sym | None:
    """Whether each position is the last of its value in the list; None when it cannot repeat."""
    if i.size <= 1:
        return None
    order = ops.reshape(ops.arange.on(i.b, n=i.size, dtype=INT.name), shape=i.shape)
    last = ops.scatter_set(ops.broadcast_to(i.b.lit(0, Aval(INT)), shape=(n,)), order, i, axis=0)
    return ops.gather(last, i, axis=0).eq(order)


def _set_transpose(ct: Sym, x: Sym, u: Sym, i: Sym, *, axis: int) -> list[Sym]:
    kept = ops.scatter_set(ct, zeros_like(u), i, axis=axis)
    back = ops.gather(ct, i, axis=axis)
    won = winners(i, x.shape[axis])
    if won is not None:
        shape = i.shape + (1,) * (x.ndim - axis - 1)
        back = ops.where(ops.reshape(won, shape=shape), back, 0.0)
    return [kept, back]


# x with the taken places replaced by u (the last of repeated ones), and x with u added to them.
scatter_set = linear(
    "scatter_set",
    _scatter_infer,
    _scatter_set_numpy,
    lambda ct, x, u, i, *, axis: [*_set_transpose(ct, x, u, i, axis=axis), None],
    args=(0, 1),
    promote=_scatter_promote,
    emit=Emit("call", _scatter_text("scatter_set")),
    samples=_scatter_samples,
    masks=True,
)
scatter_add = linear(
    "scatter_add",
    _scatter_infer,
    _scatter_add_numpy,
    lambda ct, x, u, i, *, axis: [ct, ops.gather(ct, i, axis=axis), None],
    args=(0, 1),
    promote=_scatter_promote,
    emit=Emit("call", _scatter_text("scatter_add")),
    samples=_scatter_samples,
)
