"""Windows at computed places: the part of an array of a static shape, at starts that are values.

``dynamic_slice`` reads x[s0:s0+n0, s1:s1+n1, ...], ``dynamic_update`` replaces that part and
``dynamic_add`` adds to it. Inside a loop they are what ``x[i]`` and ``a[i, j] = v`` become: the
read is a pointer into x, the writes happen in place when nothing else needs the old array, and
the cotangent of a read is one ``dynamic_add``, never a dense array of zeros.

Starts come from `wrap_index` (an element or a row) or `window_start` (a slice), which check them at
every call, so that windows may trust them.
"""

from __future__ import annotations

from collections.abc import Iterator
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


def _start_numpy(i: Any, *, size: int, length: int) -> Any:
    found = int(i) + (size if i < 0 else 0)
    if not 0 <= found <= size - length or (i < 0 and int(i) + length > 0):
        raise IndexingError(
            f"a slice of {length} elements from {int(i)} leaves an axis of size {size}: NumPy would "
            f"shorten it, and its length must not change from one round to the next ({user_line()})"
        )
    return INT.type(found)


def _start_samples(rng: np.random.Generator) -> Samples:
    yield (np.int64(3),), {"size": 7, "length": 4}
    yield (np.int64(-5),), {"size": 7, "length": 2}


# The start of a slice of static length: raises where NumPy would give a shorter slice.
window_start = general(
    "window_start",
    lambda i, *, size, length: Aval(INT, ()),
    _start_numpy,
    emit=Emit(
        "elementwise",
        lambda dtypes, params: (
            f"routines.window_start({{0}}, {params['size']}, {params['length']})"
        ),
    ),
    samples=_start_samples,
)


def _window(starts: tuple[Any, ...], sizes: Shape) -> tuple[slice, ...]:
    return tuple(slice(int(s), int(s) + n) for s, n in zip(starts, sizes))


def _check(name: str, x: Aval, starts: tuple[Aval, ...], sizes: Shape) -> None:
    fits = len(starts) == len(sizes) == x.ndim and all(0 <= n <= m for n, m in zip(sizes, x.shape))
    if not fits or any(s.shape or s.dtype.kind not in "iu" for s in starts):
        raise ShapeError(f"{name}: a window {sizes} does not fit {x} ({user_line()})")


def _slice_infer(x: Aval, *starts: Aval, sizes: Shape) -> Aval:
    _check("dynamic_slice", x, starts, sizes)
    return Aval(x.dtype, sizes)


def _slice_promote(x: Aval, *starts: Aval, sizes: Shape) -> tuple[Any, ...]:
    return (None, *[INT] * len(starts))


def _slice_samples(rng: np.random.Generator) -> Samples:
    yield (rng.normal(size=5), np.int64(2)), {"sizes": (1,)}
    yield (rng.normal(size=(4, 3)), np.int64(1), np.int64(0)), {"sizes": (2, 3)}
    yield (rng.normal(size=(3, 4, 2)), np.int64(2), np.int64(1), np.int64(1)), {"sizes": (1, 2, 1)}


dynamic_slice = linear(
    "dynamic_slice",
    _slice_infer,
    lambda x, *starts, sizes: x[_window(starts, sizes)],
    lambda ct, x, *starts, sizes: ops.dynamic_add(zeros_like(x), ct, *starts),
    args=(0,),
    promote=_slice_promote,
    emit=Emit("window"),
    samples=_slice_samples,
    masks=True,
)


def _update_infer(x: Aval, u: Aval, *starts: Aval) -> Aval:
    _check("dynamic_update", x, starts, u.shape)
    return Aval(x.dtype, x.shape)


def _update_promote(x: Aval, u: Aval, *starts: Aval) -> tuple[Any, ...]:
    return (None, x.dtype, *[INT] * len(starts))


def _update_numpy(x: Any, u: Any, *starts: Any) -> Any:
    y = np.array(x)
    y[_window(starts, np.shape(u))] = u
    return y


def _add_numpy(x: Any, u: Any, *starts: Any) -> Any:
    y = np.array(x)
    y[_window(starts, np.shape(u))] += u
    return y


def _update_samples(rng: np.random.Generator) -> Samples:
    yield (rng.normal(size=5), rng.normal(size=1), np.int64(2)), {}
    yield (rng.normal(size=(4, 3)), rng.normal(size=(2, 3)), np.int64(1), np.int64(0)), {}


def _update_transpose(ct: Sym, x: Sym, u: Sym, *starts: Sym) -> list[Sym | None]:
    kept = ops.dynamic_update(ct, zeros_like(u), *starts)
    return [kept, ops.dynamic_slice(ct, *starts, sizes=u.shape), *[None] * len(starts)]


def _add_transpose(ct: Sym, x: Sym, u: Sym, *starts: Sym) -> list[Sym | None]:
    return [ct, ops.dynamic_slice(ct, *starts, sizes=u.shape), *[None] * len(starts)]


dynamic_update = linear(
    "dynamic_update",
    _update_infer,
    _update_numpy,
    _update_transpose,
    args=(0, 1),
    promote=_update_promote,
    emit=Emit("update"),
    samples=_update_samples,
    masks=True,
)
dynamic_add = linear(
    "dynamic_add",
    _update_infer,
    _add_numpy,
    _add_transpose,
    args=(0, 1),
    promote=_update_promote,
    emit=Emit("update"),
    samples=_update_samples,
)
