"""The same elements under another shape: reshapes, permutations of axes, flips, broadcasts.

All are view rows, so results are views of their argument exactly when NumPy's are.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from ...core.avals import common_shape
from ...core.errors import ShapeError, UnsupportedError
from ...core.sizes import whole
from ...core.sources import where
from ...tape.ir import Sym
from ..dispatch import implements
from .common import P, arr, axes_of, axis_of, flipped, ordered_axes, static


def view(a: Sym, shape: tuple[int, ...]) -> Sym:
    """Return another view of the same elements, a row of its own even for the same shape."""
    return P.reshape(a, shape=shape)


def permuted(a: Sym, axes: Sequence[int]) -> Sym:
    """Return the axes in another order, a row of its own even for the same order."""
    return P.transpose(a, axes=tuple(axes))


@implements(np.reshape)
def reshape(a: Any, shape: Any = None, order: str = "C", *, copy: Any = None) -> Sym:
    a, shape = arr(a), static(shape)
    dims = (shape,) if isinstance(shape, (int, np.integer)) else tuple(shape)
    dims = tuple(operator.index(n) for n in dims)
    if -1 in dims:
        known = prod(n for n in dims if n != -1)
        if dims.count(-1) > 1 or known == 0 or a.size % known:
            raise ShapeError(f"cannot reshape array of size {a.size} into shape {dims} ({where()})")
        dims = tuple(a.size // known if n == -1 else n for n in dims)
    if _is_fortran(a, order):
        return transpose(view(transpose(a), dims[::-1]))
    return view(a, dims)


def _is_fortran(a: Sym, order: str) -> bool:
    """Whether elements are counted with the first axis fastest."""
    if order in ("C", "F"):
        return order == "F" and a.ndim > 1
    if order not in ("A", "K"):
        raise ValueError(f"order must be one of 'C', 'F', 'A', or 'K' (got '{order}')")
    flags = np.asarray(a.b.known[a.id]).flags
    if flags.c_contiguous or (order == "A" and not flags.f_contiguous):
        return False
    if flags.f_contiguous:
        return True
    raise UnsupportedError(f"order={order!r} of a strided array depends on its memory ({where()})")


@implements(np.ravel)
def ravel(a: Any, order: str = "C") -> Sym:
    return reshape(a, -1 if arr(a).size else 0, order=order)


@implements(np.transpose, *([np.permute_dims] if hasattr(np, "permute_dims") else []))
def transpose(a: Any, axes: Any = None) -> Sym:
    a = arr(a)
    if axes is None:
        return permuted(a, tuple(range(a.ndim))[::-1])
    axes = static(axes)
    if len(tuple(axes)) != a.ndim:
        raise ShapeError(
            f"transpose: axes {axes} do not match an array of {a.ndim} axes ({where()})"
        )
    try:
        return permuted(a, ordered_axes(a, tuple(axes)))
    except ValueError as error:
        if isinstance(error, np.exceptions.AxisError):
            raise
        raise ShapeError(f"transpose: repeated axis in {tuple(axes)} ({where()})") from None


@implements(np.matrix_transpose, getattr(np.linalg, "matrix_transpose", np.matrix_transpose))
def matrix_transpose(x: Any, /) -> Sym:
    x = arr(x)
    if x.ndim < 2:
        raise ValueError(f"Input array must be at least 2-dimensional, but it is {x.ndim}")
    return swapaxes(x, -1, -2)


@implements(np.swapaxes)
def swapaxes(a: Any, axis1: int, axis2: int) -> Sym:
    a = arr(a)
    order = list(range(a.ndim))
    i, j = axis_of(a, axis1), axis_of(a, axis2)
    order[i], order[j] = order[j], order[i]
    return permuted(a, order)


@implements(np.moveaxis)
def moveaxis(a: Any, source: Any, destination: Any) -> Sym:
    a = arr(a)
    src, dst = ordered_axes(a, source), ordered_axes(a, destination)
    if len(src) != len(dst):
        raise ValueError(
            "`source` and `destination` arguments must have the same number of elements"
        )
    order = [k for k in range(a.ndim) if k not in src]
    for to, k in sorted(zip(dst, src)):
        order.insert(to, k)
    return permuted(a, order)


@implements(np.rollaxis)
def rollaxis(a: Any, axis: int, start: int = 0) -> Sym:
    a = arr(a)
    k = axis_of(a, axis)
    to = start + a.ndim if start < 0 else start
    if not 0 <= to <= a.ndim:
        raise np.exceptions.AxisError(start, a.ndim + 1)
    to -= k < to
    order = [j for j in range(a.ndim) if j != k]
    order.insert(to, k)
    return permuted(a, order)


@implements(np.expand_dims)
def expand_dims(a: Any, axis: Any) -> Sym:
    a = arr(a)
    count = a.ndim + (len(axis) if isinstance(axis, (tuple, list)) else 1)
    new = ordered_axes(count, axis)
    sizes = iter(a.shape)
    return view(a, tuple(1 if k in new else next(sizes) for k in range(count)))


@implements(np.squeeze)
def squeeze(a: Any, axis: Any = None) -> Sym:
    a = arr(a)
    if axis is None:
        gone: tuple[int, ...] = tuple(k for k, n in enumerate(a.shape) if n == 1)
    else:
        gone = axes_of(a, axis)
        if [k for k in gone if a.shape[k] != 1]:
            raise ValueError("cannot select an axis to squeeze out which has size not equal to one")
    return view(a, tuple(n for k, n in enumerate(a.shape) if k not in gone))


@implements(np.broadcast_to)
def broadcast_to(array: Any, shape: Any, subok: bool = False) -> Sym:
    shape = static(shape)
    shape = (shape,) if isinstance(shape, (int, np.integer)) else tuple(whole(n) for n in shape)
    return P.broadcast_to(arr(array), shape=shape)


@implements(np.broadcast_arrays)
def broadcast_arrays(*args: Any, subok: bool = False) -> tuple[Sym, ...]:
    given = [arr(x) for x in args]
    shape = common_shape(*[x.shape for x in given])
    return tuple(P.broadcast_to(x, shape=shape) for x in given)


def _at_least(ndim: int) -> Any:
    def at_least(*arys: Any) -> Any:
        made = tuple(widened(arr(a), ndim) for a in arys)
        return made[0] if len(made) == 1 else made

    return at_least


def widened(a: Sym, ndim: int) -> Sym:
    """Return at least 1, 2 or 3 axes, new ones where NumPy puts them."""
    shape = a.shape
    if len(shape) >= ndim:
        return view(a, shape)
    if ndim < 3 or not shape:
        return view(a, (1,) * (ndim - len(shape)) + shape)
    return view(a, (1, *shape, 1) if len(shape) == 1 else (*shape, 1))


for _n, _f in enumerate((np.atleast_1d, np.atleast_2d, np.atleast_3d)):
    implements(_f)(_at_least(_n + 1))


# ---------------------------------------------------------------- flips


@implements(np.flip)
def flip(m: Any, axis: Any = None) -> Sym:
    m = arr(m)
    made = view(m, m.shape)
    for k in ordered_axes(m, axis):
        made = flipped(made, k)
    return made


@implements(np.flipud)
def flipud(m: Any) -> Sym:
    m = arr(m)
    if m.ndim < 1:
        raise ValueError("Input must be >= 1-d.")
    return flip(m, 0)


@implements(np.fliplr)
def fliplr(m: Any) -> Sym:
    m = arr(m)
    if m.ndim < 2:
        raise ValueError("Input must be >= 2-d.")
    return flip(m, 1)


@implements(np.rot90)
def rot90(m: Any, k: int = 1, axes: Any = (0, 1)) -> Sym:
    """Turn by quarter circles from the first axis of `axes` towards the second."""
    m = arr(m)
    if len(axes) != 2:
        raise ValueError("len(axes) must be 2.")
    if -m.ndim > min(axes) or max(axes) >= m.ndim:
        raise ValueError(f"Axes={tuple(axes)} out of range for array of ndim={m.ndim}.")
    i, j = ordered_axes(m, (axes[0],))[0], ordered_axes(m, (axes[1],))[0]
    if i == j:
        raise ValueError("Axes must be different.")
    turns = operator.index(static(k)) % 4
    if turns == 0:
        return view(m, m.shape)
    if turns == 2:
        return flip(m, (i, j))
    return swapaxes(flip(m, j), i, j) if turns == 1 else flip(swapaxes(m, i, j), j)
