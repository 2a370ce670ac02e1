"""Norms of vectors and matrices, and condition numbers.

Where a norm has a kink or a corner the subgradient is finite: 0 at zero vectors and matrices and
for zero elements, shared among equal largest (smallest) values.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.linalg import LinAlgError

from ...core.errors import UnsupportedError
from ...core.sources import where
from ...tape.ir import Sym
from ...tape.primitive import BY_NAME
from ..dispatch import implements
from .linalg import matrix, svdvals
from .operands import axis_index, inexact, reshape, transposed


def _sum(x: Sym, axis: Sequence[int]) -> Sym:
    return BY_NAME["sum"](x, axis=tuple(sorted(axis)), keepdims=False)


def _extreme(name: str, x: Sym, axis: int) -> Sym:
    """The largest or smallest of numbers that are not negative; of none, the largest is 0."""
    if not x.shape[axis]:
        if name == "min":
            raise ValueError("zero-size array to reduction operation minimum which has no identity")
        return _sum(x, (axis,))
    return BY_NAME[name](x, axis=(axis,), keepdims=False)


def _squares(x: Sym) -> Sym:
    if x.dtype.kind == "c":
        return BY_NAME["real"](BY_NAME["conjugate"](x) * x)
    return BY_NAME["square"](x)


def _root_of_squares(x: Sym, axis: Sequence[int]) -> Sym:
    return BY_NAME["sqrt"](_sum(_squares(x), axis))


def _power_norm(x: Sym, p: Any, axis: int) -> Sym:
    """The p-th root of the sum of p-th powers; zero elements and zero sums carry no cotangent."""
    select, power = BY_NAME["where"], BY_NAME["power"]
    size = BY_NAME["absolute"](x)
    zero = size.eq(0)
    at_zero = 0.0 if p > 0 else np.inf
    powers = power(select(zero, 1.0, size), p)
    whole = _sum(select(zero, at_zero, powers), (axis,))
    # The sum is at_zero only when the norm is 0.
    nothing = whole.eq(at_zero)
    return select(nothing, 0.0, power(select(nothing, 1.0, whole), 1.0 / p))


def _vector_norm(x: Sym, order: Any, axis: int) -> Sym:
    if isinstance(order, str):
        raise ValueError(f"Invalid norm order '{order}' for vectors")
    if order is None or order == 2:
        return _root_of_squares(x, (axis,))
    if abs(order) == np.inf:
        return _extreme("max" if order > 0 else "min", BY_NAME["absolute"](x), axis)
    if order == 0:
        some = BY_NAME["not_equal"](x, 0)
        return _sum(some.b.cast(some, np.zeros((), x.dtype).real.dtype), (axis,))
    if order == 1:
        return _sum(BY_NAME["absolute"](x), (axis,))
    return _power_norm(x, float(order), axis)


def _singular_values(x: Sym, axes: Sequence[int]) -> Sym:
    """Singular values, of which an exact 0 carries no cotangent."""
    rest = [k for k in range(x.ndim) if k not in axes]
    found: Sym = svdvals(transposed(x, [*rest, *axes]))
    return BY_NAME["absolute"](found)


def _matrix_norm(x: Sym, order: Any, axes: tuple[int, int]) -> Sym:
    row, col = axes
    if order in (None, "fro", "f"):
        return _root_of_squares(x, axes)
    if isinstance(order, str):
        if order != "nuc":
            raise ValueError("Invalid norm order for matrices.")
        s = _singular_values(x, axes)
        return _sum(s, (s.ndim - 1,))
    if abs(order) == 2:
        s = _singular_values(x, axes)
        return _extreme("max" if order > 0 else "min", s, s.ndim - 1)
    if abs(order) not in (1, np.inf):
        raise ValueError("Invalid norm order for matrices.")
    first, second = (row, col) if abs(order) == 1 else (col, row)
    sums = _sum(BY_NAME["absolute"](x), (first,))
    return _extreme("max" if order > 0 else "min", sums, second - (second > first))


def _order(order: Any) -> Any:
    if isinstance(order, Sym):
        raise UnsupportedError(f"norm: ord must be a plain number ({where()})")
    return order


@implements(np.linalg.norm)
def norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Sym:
    x, ord = inexact(x), _order(ord)
    if axis is None:
        flat = ord is None or (ord in ("f", "fro") and x.ndim == 2) or (ord == 2 and x.ndim == 1)
        axes = tuple(range(x.ndim))
        if flat:
            found = _root_of_squares(x, axes)
            return reshape(found, (1,) * x.ndim) if keepdims else found
    elif isinstance(axis, tuple):
        axes = axis
    else:
        try:
            axes = (int(axis),)
        except Exception as error:
            raise TypeError("'axis' must be None, an integer or a tuple of integers") from error
    places = tuple(axis_index(k, x.ndim) for k in axes)
    if len(places) == 1:
        found = _vector_norm(x, ord, places[0])
    elif len(places) == 2:
        if places[0] == places[1]:
            raise ValueError("Duplicate axes given.")
        found = _matrix_norm(x, ord, (places[0], places[1]))
    else:
        raise ValueError("Improper number of dimensions to norm.")
    return _kept(x, found, places) if keepdims else found


def _kept(x: Sym, found: Sym, places: Sequence[int]) -> Sym:
    return reshape(found, [1 if k in places else n for k, n in enumerate(x.shape)])


@implements(np.linalg.vector_norm)
def vector_norm(x: Any, /, *, axis: Any = None, keepdims: bool = False, ord: Any = 2) -> Sym:
    x, ord = inexact(x), _order(ord)
    given = range(x.ndim) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    places = [axis_index(k, x.ndim) for k in given]
    rest = [k for k in range(x.ndim) if k not in places]
    moved = transposed(x, places + rest)
    n = math.prod([x.shape[k] for k in places])
    found = _vector_norm(reshape(moved, [n, *(x.shape[k] for k in rest)]), ord, 0)
    return _kept(x, found, places) if keepdims else found


@implements(np.linalg.matrix_norm)
def matrix_norm(x: Any, /, *, keepdims: bool = False, ord: Any = "fro") -> Any:
    return norm(x, axis=(-2, -1), keepdims=keepdims, ord=ord)


@implements(np.linalg.cond)
def cond(x: Any, p: Any = None) -> Sym:
    x = matrix(x)
    if 0 in x.shape[-2:]:
        raise LinAlgError("cond is not defined on empty arrays")
    if p is None or p in (2, -2):
        s = svdvals(x)
        largest = BY_NAME["max"](s, axis=(s.ndim - 1,), keepdims=False)
        smallest = BY_NAME["min"](s, axis=(s.ndim - 1,), keepdims=False)
        found: Sym = smallest / largest if p == -2 else largest / smallest
    else:
        inverse = BY_NAME["inv"](x, check=False)
        found = norm(x, p, axis=(-2, -1)) * norm(inverse, p, axis=(-2, -1))
    # An undefined ratio means a singular matrix, unless nan was given.
    unknown = BY_NAME["not_equal"](found, found)
    given = _sum(BY_NAME["not_equal"](x, x), (x.ndim - 2, x.ndim - 1))
    singular = BY_NAME["logical_and"](unknown, given.eq(0))
    return BY_NAME["where"](singular, np.inf, found)
