"""Operands of array functions as rows: lists become arrays and Python numbers lose their weakness.

NumPy's array functions (unlike its ufuncs and operators) turn each operand into an array first, so
``np.dot(2.0, x)`` of a float32 x is float64.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from ...tape.ir import Sym
from ...tape.primitive import BY_NAME
from ..tracer import active, sym_of


def operand(x: Any) -> Sym:
    """Return ``np.asarray(x)`` as a row with an ordinary dtype."""
    cap = active()
    if isinstance(x, (list, tuple)):
        x = _listed(x)
    found = sym_of(cap, x)
    return cap.b.cast(found, found.dtype) if found.aval.weak else found


def _listed(x: Sequence[Any]) -> Any:
    if not _holds_sym(x):
        return np.asarray(x)
    parts = [operand(part) for part in x]
    shape = parts[0].shape
    if any(part.shape != shape for part in parts):
        raise ValueError("setting an array element with a sequence: the shapes differ")
    dtype = np.result_type(*[part.dtype for part in parts])
    rows = [reshape(part.b.cast(part, dtype), (1, *shape)) for part in parts]
    return BY_NAME["concatenate"](*rows, axis=0)


def _holds_sym(x: Any) -> bool:
    return isinstance(x, Sym) or (isinstance(x, (list, tuple)) and any(map(_holds_sym, x)))


def inexact(x: Any) -> Sym:
    """Return an operand in floating point: integers and bools become float64."""
    found = operand(x)
    return found if found.aval.inexact else found.b.cast(found, np.dtype(np.float64))


def reshape(x: Sym, shape: Sequence[int]) -> Sym:
    """Reshape unless the shape is right already."""
    return x if x.shape == tuple(shape) else BY_NAME["reshape"](x, shape=tuple(shape))


def transposed(x: Sym, axes: Sequence[int]) -> Sym:
    """Permute the axes unless they are in order."""
    order = tuple(axes)
    return x if order == tuple(range(x.ndim)) else BY_NAME["transpose"](x, axes=order)


def axis_index(axis: Any, ndim: int) -> int:
    """Return one axis as a non-negative number, or raise NumPy's AxisError."""
    k = operator.index(axis)
    if not -ndim <= k < ndim:
        raise np.exceptions.AxisError(k, ndim)
    return k % ndim


def moved(x: Sym, source: int, target: int) -> Sym:
    """Move one axis, as ``np.moveaxis``."""
    source, target = axis_index(source, x.ndim), axis_index(target, x.ndim)
    order = [k for k in range(x.ndim) if k != source]
    order.insert(target, source)
    return transposed(x, order)


def taken(x: Sym, axis: int, k: int) -> Sym:
    """Return ``x`` at position `k` of one axis, which is dropped."""
    ranges = tuple((k, 1, 1) if i == axis else (0, n, 1) for i, n in enumerate(x.shape))
    return reshape(BY_NAME["slice"](x, ranges=ranges), x.shape[:axis] + x.shape[axis + 1 :])


def summed(x: Sym, axis: Sequence[int], keepdims: bool = False) -> Sym:
    """Sum over axes with no change of dtype: small integers wrap, bools mean "any"."""
    if not axis:
        return x
    total = BY_NAME["sum"](x, axis=tuple(sorted(axis)), keepdims=keepdims)
    return total if total.dtype == x.dtype else x.b.cast(total, x.dtype)


def conjugated(x: Sym) -> Sym:
    """The complex conjugate; real values as they are."""
    return BY_NAME["conjugate"](x) if x.dtype.kind == "c" else x
