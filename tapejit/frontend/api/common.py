"""What implementations share: operands as rows, axes, optional arguments."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from ...core.avals import Aval, aval_of
from ...core.errors import UnsupportedError
from ...core.sources import where
from ...tape.ir import Sym
from ...tape.primitive import BY_NAME, Primitive
from ..tracer import active


class _Prims:
    """Primitives by attribute, looked up when used."""

    def __getattr__(self, name: str) -> Primitive:
        return BY_NAME[name]


P = _Prims()
"""``P.sum(x, axis=(0,), keepdims=False)``."""


def arr(x: Any) -> Sym:
    """Return an array argument as a row, as ``np.asarray`` would read it."""
    if isinstance(x, Sym):
        return strong(x)
    if isinstance(x, (list, tuple)) and holds_sym(x):
        from .creation import stack_syms

        return strong(stack_syms(active(), [arr(i) for i in x], 0))
    array = np.asarray(x)
    cap = active()
    if array.ndim == 0 and isinstance(x, (bool, int, float, complex)):
        return cap.b.lit(x, Aval(aval_of(array).dtype))
    return cap.const(array)


def strong(x: Sym) -> Sym:
    """Return the value of a Python scalar as an array's."""
    return x.b.cast(x, x.dtype) if x.aval.weak else x


def holds_sym(x: Any) -> bool:
    """Whether a nested list or tuple holds a row."""
    return any(isinstance(i, Sym) or (isinstance(i, (list, tuple)) and holds_sym(i)) for i in x)


def spec(x: Any) -> Any:
    """What NumPy's promotion sees: a dtype, or a Python number."""
    if isinstance(x, Sym):
        return x.aval.weak_type(0) if x.aval.weak else x.dtype
    return arr(x).dtype if isinstance(x, (list, tuple)) and holds_sym(x) else x


def arrays(xs: Any) -> list[Sym]:
    """Return a sequence of array arguments as rows; an array is the sequence of its first axis."""
    if isinstance(xs, Sym):
        return [pick(xs, 0, k) for k in range(xs.shape[0])]
    return [arr(x) for x in xs]


# ---------------------------------------------------------------- axes


def axis_of(a: Sym | int, axis: Any) -> int:
    """Return one axis as a non-negative number; `a` is an array or its number of axes."""
    ndim = a.ndim if isinstance(a, Sym) else a
    k = operator.index(static(axis))
    if not -ndim <= k < ndim:
        raise np.exceptions.AxisError(k, ndim)
    return k % ndim


def axes_of(a: Sym, axis: Any) -> tuple[int, ...]:
    """Return the reduced axes as sorted non-negative numbers; None means all."""
    return tuple(sorted(ordered_axes(a, axis)))


def ordered_axes(a: Sym | int, axis: Any) -> tuple[int, ...]:
    """Return axes as non-negative numbers in the order given; None means all."""
    ndim = a.ndim if isinstance(a, Sym) else a
    if axis is None:
        return tuple(range(ndim))
    axis = static(axis)
    given_ = axis if isinstance(axis, (tuple, list)) else (axis,)
    found = tuple(axis_of(ndim, k) for k in given_)
    if len(set(found)) != len(found):
        raise ValueError("duplicate value in 'axis'")
    return found


def merge_axes(a: Sym, axes: tuple[int, ...]) -> Sym:
    """Move axes to the end and merge them into one."""
    rest = tuple(k for k in range(a.ndim) if k not in axes)
    moved = permuted(a, rest + axes)
    return reshaped(moved, (*(a.shape[k] for k in rest), prod(a.shape[k] for k in axes)))


def kept_shape(shape: tuple[int, ...], axes: tuple[int, ...]) -> tuple[int, ...]:
    """Return a shape with the reduced axes of size one."""
    return tuple(1 if k in axes else n for k, n in enumerate(shape))


# ---------------------------------------------------------------- arguments


def static(x: Any) -> Any:
    """Return an argument that decides a shape as plain Python or NumPy; traced ones are guarded."""
    if isinstance(x, Sym):
        cap = active()
        value = np.array(cap.value(x))
        if cap.settled(x.id):
            return value if value.ndim else value[()]
        if value.ndim == 0:
            cap.guard(x, value.item())
        else:
            differ = P.not_equal(x, cap.const(value))
            cap.guard(P.sum(differ, axis=tuple(range(x.ndim)), keepdims=False), 0)
        return value if value.ndim else value[()]
    if isinstance(x, (list, tuple)):
        return type(x)(static(v) for v in x)
    return x


def flag(keepdims: Any) -> bool:
    """Read a keepdims argument, NumPy's marker for "not given" being False."""
    return keepdims is not np._NoValue and bool(keepdims)


def given(value: Any) -> Any:
    """Read an optional argument, NumPy's marker for "not given" being None."""
    return None if value is np._NoValue else value


def unsupported(text: str) -> UnsupportedError:
    """Return the error of an option that has no rule."""
    return UnsupportedError(f"{text} ({where()})")


def unsafe_index(dtype: np.dtype[Any]) -> TypeError:
    """Return NumPy's error for positions that are no integers."""
    return TypeError(
        f"Cannot cast array data from {dtype!r} to dtype('int64') according to the rule 'safe' "
        f"({where()})"
    )


# ---------------------------------------------------------------- small moves


def reshaped(a: Sym, shape: Sequence[int]) -> Sym:
    """Reshape unless the shape is already right."""
    return a if a.shape == tuple(shape) else P.reshape(a, shape=tuple(shape))


def permuted(a: Sym, axes: Sequence[int]) -> Sym:
    """Transpose unless the order is already right."""
    return a if tuple(axes) == tuple(range(a.ndim)) else P.transpose(a, axes=tuple(axes))


def spread(a: Sym, shape: Sequence[int]) -> Sym:
    """Broadcast unless the shape is already right."""
    return a if a.shape == tuple(shape) else P.broadcast_to(a, shape=tuple(shape))


def cut(a: Sym, axis: int, start: int, length: int, step: int = 1) -> Sym:
    """Slice along one axis."""
    if (start, length, step) == (0, a.shape[axis], 1):
        return a
    start = start if length else 0
    full = ((0, n, 1) for n in a.shape)
    ranges = tuple((start, length, step) if k == axis else r for k, r in enumerate(full))
    return P.slice(a, ranges=ranges)


def pick(a: Sym, axis: int, k: int) -> Sym:
    """Take one place along an axis, which goes away."""
    return reshaped(cut(a, axis, k, 1), a.shape[:axis] + a.shape[axis + 1 :])


def flipped(a: Sym, axis: int) -> Sym:
    """Reverse an axis."""
    n = a.shape[axis]
    return cut(a, axis, n - 1, n, -1) if n > 1 else a


def joined(parts: Sequence[Sym], axis: int) -> Sym:
    """Concatenate, one part being itself."""
    return parts[0] if len(parts) == 1 else P.concatenate(*parts, axis=axis)


def counting(a: Sym, n: int, dtype: Any = "int64") -> Sym:
    """Return 0, 1, .. n - 1."""
    return P.arange.on(a.b, n=n, dtype=np.dtype(dtype).name)


def literal(a: Sym, value: Any, dtype: Any = None) -> Sym:
    """Return a number with the dtype of `a` (or another)."""
    return a.b.cast(a.b.lit(value), a.dtype if dtype is None else np.dtype(dtype))


def cast(a: Sym, dtype: Any) -> Sym:
    """Return `a` with another dtype."""
    return a.b.cast(a, np.dtype(dtype))


def floating(a: Sym) -> Sym:
    """Return integers and bools as float64."""
    return a if a.aval.inexact else cast(a, np.float64)
