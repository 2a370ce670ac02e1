"""Views and data movement with static layout: reshape, transpose, broadcast, slices, joins."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from ..core.avals import Aval, Shape, common_shape
from ..core.errors import ShapeError
from ..core.sources import where as user_line
from ..tape.ir import Sym
from ..tape.primitive import Emit, Params
from .declare import general, linear, ops, unbroadcast, zeros_like

Samples = Iterator[tuple[tuple[Any, ...], Params]]


def _reshape_infer(a: Aval, *, shape: Shape) -> Aval:
    out = Aval(a.dtype, tuple(shape))
    if out.size != a.size:
        raise ShapeError(
            f"reshape: cannot reshape array of size {a.size} into shape {shape} ({user_line()})"
        )
    return out


def _reshape_samples(rng: np.random.Generator) -> Samples:
    yield (rng.normal(size=(2, 3)),), {"shape": (3, 2)}
    yield (rng.normal(size=(2, 1)),), {"shape": (2,)}


# Codegen reads a view as other strides on the same buffer: see codegen.views.
VIEW = Emit("view")

reshape = linear(
    "reshape",
    _reshape_infer,
    lambda x, *, shape: np.reshape(x, shape),
    lambda ct, x, *, shape: ops.reshape(ct, shape=x.shape),
    emit=VIEW,
    samples=_reshape_samples,
)


def _transpose_infer(a: Aval, *, axes: tuple[int, ...]) -> Aval:
    return Aval(a.dtype, tuple(a.shape[k] for k in axes))


def inverse_permutation(axes: Sequence[int]) -> tuple[int, ...]:
    """Return the permutation that undoes `axes`."""
    return tuple(int(k) for k in np.argsort(axes))


def _transpose_samples(rng: np.random.Generator) -> Samples:
    yield (rng.normal(size=(2, 3)),), {"axes": (1, 0)}
    yield (rng.normal(size=(2, 3, 4)),), {"axes": (2, 0, 1)}


transpose = linear(
    "transpose",
    _transpose_infer,
    lambda x, *, axes: np.transpose(x, axes),
    lambda ct, x, *, axes: ops.transpose(ct, axes=inverse_permutation(axes)),
    emit=VIEW,
    samples=_transpose_samples,
)


def _broadcast_infer(a: Aval, *, shape: Shape) -> Aval:
    try:
        fits = common_shape(a.shape, shape) == tuple(shape)
    except ValueError:
        fits = False
    if not fits:
        raise ShapeError(f"broadcast_to: {a.shape} does not fit {shape} ({user_line()})")
    return Aval(a.dtype, tuple(shape))


def _broadcast_samples(rng: np.random.Generator) -> Samples:
    yield (rng.normal(size=(3,)),), {"shape": (2, 3)}
    yield (rng.normal(size=(2, 1)),), {"shape": (4, 2, 3)}
    yield (rng.normal(size=()),), {"shape": (2,)}


broadcast_to = linear(
    "broadcast_to",
    _broadcast_infer,
    lambda x, *, shape: np.broadcast_to(x, shape),
    lambda ct, x, *, shape: unbroadcast(ct, x.shape),
    emit=VIEW,
    samples=_broadcast_samples,
)


# ---------------------------------------------------------------- slices
# A slice is given for every axis as (start, length, step) with 0 <= start < n and any step but 0;
# axes of an integer index are sliced to length 1 and reshaped away.

Ranges = tuple[tuple[int, int, int], ...]


def as_slices(ranges: Ranges) -> tuple[slice, ...]:
    """Return Python slices for ``(start, length, step)`` triples."""
    made = []
    for start, length, step in ranges:
        stop: int | None = start + length * step
        made.append(slice(start, None if stop is not None and stop < 0 else stop, step))
    return tuple(made)


def _slice_infer(a: Aval, *, ranges: Ranges) -> Aval:
    return Aval(a.dtype, tuple(length for _, length, _ in ranges))


def _slice_samples(rng: np.random.Generator) -> Samples:
    yield (rng.normal(size=(5,)),), {"ranges": ((1, 3, 1),)}
    yield (rng.normal(size=(5, 4)),), {"ranges": ((4, 3, -2), (0, 4, 1))}
    yield (rng.normal(size=(3,)),), {"ranges": ((0, 0, 1),)}


slice_ = linear(
    "slice",
    _slice_infer,
    lambda x, *, ranges: x[as_slices(ranges)],
    lambda ct, x, *, ranges: ops.add_slice(zeros_like(x), ct, ranges=ranges),
    emit=VIEW,
    samples=_slice_samples,
    masks=True,
)


def _update_infer(a: Aval, u: Aval, *, ranges: Ranges) -> Aval:
    return Aval(a.dtype, a.shape)


def _set_numpy(x: Any, u: Any, *, ranges: Ranges) -> Any:
    y = np.array(x)
    y[as_slices(ranges)] = u
    return y


def _add_numpy(x: Any, u: Any, *, ranges: Ranges) -> Any:
    y = np.array(x)
    y[as_slices(ranges)] += u
    return y


def _update_samples(rng: np.random.Generator) -> Samples:
    yield (rng.normal(size=(5,)), rng.normal(size=(3,))), {"ranges": ((1, 3, 1),)}
    yield (rng.normal(size=(5, 4)), rng.normal(size=(3, 4))), {"ranges": ((4, 3, -2), (0, 4, 1))}


def _set_transpose(ct: Sym, x: Sym, u: Sym, *, ranges: Ranges) -> list[Sym]:
    inside = ops.slice(ct, ranges=ranges)
    return [ops.set_slice(ct, zeros_like(u), ranges=ranges), inside]


# x with the slice replaced by u, and x with u added to the slice. Codegen does both in place when
# x dies here. The update has the shape of the slice and the dtype of x.
set_slice = linear(
    "set_slice",
    _update_infer,
    _set_numpy,
    _set_transpose,
    emit=Emit("update"),
    samples=_update_samples,
    masks=True,
)
add_slice = linear(
    "add_slice",
    _update_infer,
    _add_numpy,
    lambda ct, x, u, *, ranges: [ct, ops.slice(ct, ranges=ranges)],
    emit=Emit("update"),
    samples=_update_samples,
)


# ---------------------------------------------------------------- joining


def _concatenate_infer(*avals: Aval, axis: int) -> Aval:
    first = avals[0].shape
    for a in avals[1:]:
        if a.shape[:axis] + a.shape[axis + 1 :] != first[:axis] + first[axis + 1 :]:
            shapes = ", ".join(str(b.shape) for b in avals)
            raise ShapeError(f"concatenate: shapes {shapes} differ off axis {axis} ({user_line()})")
    n = sum(a.shape[axis] for a in avals)
    dtype = np.result_type(*[a.dtype for a in avals])
    return Aval(dtype, first[:axis] + (n,) + first[axis + 1 :])


def _concatenate_promote(*avals: Aval, axis: int) -> tuple[Any, ...]:
    return (np.result_type(*[a.dtype for a in avals]),) * len(avals)


def _concatenate_transpose(ct: Sym, *xs: Sym, axis: int) -> list[Sym]:
    cts, start = [], 0
    for x in xs:
        n = x.shape[axis]
        ranges = tuple((start, n, 1) if k == axis else (0, m, 1) for k, m in enumerate(ct.shape))
        cts.append(ops.slice(ct, ranges=ranges))
        start += n
    return cts


def _concatenate_samples(rng: np.random.Generator) -> Samples:
    yield (rng.normal(size=(2, 3)), rng.normal(size=(2, 1))), {"axis": 1}
    yield (rng.normal(size=2), rng.normal(size=0), rng.normal(size=3)), {"axis": 0}


concatenate = linear(
    "concatenate",
    _concatenate_infer,
    lambda *xs, axis: np.concatenate(xs, axis=axis),
    _concatenate_transpose,
    promote=_concatenate_promote,
    emit=Emit("concatenate"),
    samples=_concatenate_samples,
)


def _arange_infer(*, n: int, dtype: str) -> Aval:
    return Aval(np.dtype(dtype), (n,))


def _iota_samples(rng: np.random.Generator) -> Samples:
    yield (), {"n": 4, "dtype": "float64"}


arange = general(
    "arange", _arange_infer, lambda *, n, dtype: np.arange(n, dtype=dtype), emit=Emit("iota"),
    samples=_iota_samples,
)  # fmt: skip
