"""Reductions with NumPy's signatures: sums, products, extremes, moments, logic."""

from __future__ import annotations

from collections.abc import Callable
from math import prod as product
from typing import Any

import numpy as np

from ...core.sources import where as user_line
from ...tape.ir import Sym
from ..dispatch import implements
from ..tracer import active
from .common import (
    P,
    arr,
    axes_of,
    axis_of,
    cast,
    flag,
    given,
    kept_shape,
    literal,
    reshaped,
    spread,
)

__all__ = ["axes_of", "flag", "given"]


def masked_with(a: Sym, mask: Any, fill: Any) -> Sym:
    """Return `a` with `fill` where a ``where=`` mask is False."""
    if unmasked(mask):
        return a
    return P.where(arr(mask), a, fill)


def unmasked(mask: Any) -> bool:
    """Whether a ``where=`` argument selects everything."""
    return mask is True or mask is None or mask is np._NoValue


def count_of(a: Sym, axes: tuple[int, ...], keepdims: bool, mask: Any) -> Any:
    """How many elements are reduced into each result: a number, or a row under a mask."""
    if unmasked(mask):
        return product(a.shape[k] for k in axes)
    chosen = spread(cast(arr(mask), bool), a.shape)
    return P.sum(chosen, axis=axes, keepdims=keepdims)


def folded_axes(a: Sym, axis: Any) -> tuple[int, ...]:
    """Return the axes of a fold; NumPy's allow axis 0 of a number, its moments and sorts do not."""
    if a.ndim == 0 and type(axis) is int and axis in (0, -1):
        return ()
    return axes_of(a, axis)


@implements(np.sum)
def sum(a: Any, axis: Any = None, dtype: Any = None, keepdims: Any = False, initial: Any = None,
        where: Any = True) -> Sym:  # fmt: skip
    a = arr(a)
    a = masked_with(a if dtype is None else cast(a, dtype), where, 0)
    found = P.sum(a, axis=folded_axes(a, axis), keepdims=flag(keepdims))
    initial = given(initial)
    return found if initial is None else found + cast(arr(initial), found.dtype)


@implements(np.prod)
def prod(a: Any, axis: Any = None, dtype: Any = None, keepdims: Any = False, initial: Any = None,
         where: Any = True) -> Sym:  # fmt: skip
    a = arr(a)
    a = masked_with(a if dtype is None else cast(a, dtype), where, 1)
    found = P.prod(a, axis=folded_axes(a, axis), keepdims=flag(keepdims))
    initial = given(initial)
    return found if initial is None else found * cast(arr(initial), found.dtype)


# ---------------------------------------------------------------- moments


def _working(a: Sym, dtype: Any) -> tuple[Sym, np.dtype[Any]]:
    """Return the operand in the dtype that moments are taken in, and the result's dtype."""
    target = np.dtype(dtype) if dtype is not None else a.dtype
    if target.kind not in "fc":
        target = np.dtype(np.float64) if dtype is None else target
    work = np.dtype(np.float32) if target == np.float16 and dtype is None else target
    return cast(a, work), target


@implements(np.mean)
def mean(a: Any, axis: Any = None, dtype: Any = None, keepdims: Any = False, *,
         where: Any = True) -> Sym:  # fmt: skip
    x, target = _working(arr(a), dtype)
    axes = axes_of(x, axis)
    total = P.sum(masked_with(x, where, 0), axis=axes, keepdims=flag(keepdims))
    return cast(_divided(total, count_of(x, axes, flag(keepdims), where)), target)


def _divided(total: Sym, n: Any) -> Sym:
    n = cast(n, real_dtype(total)) if isinstance(n, Sym) else n * 1.0
    result: Sym = total / n
    return result


def real_dtype(a: Sym) -> np.dtype[Any]:
    """Return the dtype of the real part."""
    return np.zeros((), a.dtype).real.dtype


def squared_size(d: Sym) -> Sym:
    """|d|**2, real for complex d."""
    if d.dtype.kind != "c":
        return d * d
    re, im = P.real(d), P.imag(d)
    return re * re + im * im


def _variance(a: Any, axis: Any, dtype: Any, ddof: Any, keepdims: Any, where: Any, mean: Any,
              correction: Any) -> tuple[Sym, Any]:  # fmt: skip
    if given(correction) is not None:
        if ddof != 0:
            raise ValueError("ddof and correction can't be provided simultaneously.")
        ddof = correction
    x, target = _working(arr(a), dtype)
    axes = axes_of(x, axis)
    n = count_of(x, axes, True, where)
    center = given(mean)
    if center is None:
        center = _divided(P.sum(masked_with(x, where, 0), axis=axes, keepdims=True), n)
    squares = masked_with(squared_size(x - arr(center)), where, 0)
    total = P.sum(squares, axis=axes, keepdims=flag(keepdims))
    if isinstance(n, Sym):
        n = P.maximum(n - ddof, 0)
        n = n if flag(keepdims) else reshaped(n, total.shape)
    else:
        n = max(n - ddof, 0)
    return _divided(total, n), np.zeros((), target).real.dtype


@implements(np.var)
def var(a: Any, axis: Any = None, dtype: Any = None, ddof: Any = 0, keepdims: Any = False, *,
        where: Any = True, mean: Any = None, correction: Any = None) -> Sym:  # fmt: skip
    return cast(*_variance(a, axis, dtype, ddof, keepdims, where, mean, correction))


@implements(np.std)
def std(a: Any, axis: Any = None, dtype: Any = None, ddof: Any = 0, keepdims: Any = False, *,
        where: Any = True, mean: Any = None, correction: Any = None) -> Sym:  # fmt: skip
    found, target = _variance(a, axis, dtype, ddof, keepdims, where, mean, correction)
    return cast(P.sqrt(found), target)


@implements(np.average)
def average(a: Any, axis: Any = None, weights: Any = None, returned: bool = False, *,
            keepdims: Any = False) -> Any:  # fmt: skip
    a = arr(a)
    if weights is None:
        found = mean(a, axis, keepdims=keepdims)
        scale = literal(found, a.size / found.size if found.size else 0.0)
    else:
        w = arr(weights)
        dtype = np.result_type(a.dtype, w.dtype, *(() if a.aval.inexact else ("f8",)))
        w = _aligned(a, axis, w)
        scale = sum(w, axis, dtype, keepdims=keepdims)
        no_zero_sum(scale)
        found = sum(cast(a, dtype) * cast(w, dtype), axis, None, keepdims) / scale
    return (found, spread(scale, found.shape)) if returned else found


def no_zero_sum(scale: Sym) -> None:
    """Raise as NumPy does when weights sum to zero, now or at a later call."""
    cap = active()
    zeros = P.sum(scale.eq(0), axis=tuple(range(scale.ndim)), keepdims=False)
    if cap.outcome(zeros):
        raise ZeroDivisionError(f"Weights sum to zero, can't be normalized ({user_line()})")


def _aligned(a: Sym, axis: Any, w: Sym) -> Sym:
    """Weights laid along the averaged axes."""
    if w.shape == a.shape:
        return w
    if axis is None:
        raise TypeError("Axis must be specified when shapes of a and weights differ.")
    axes = axis if isinstance(axis, tuple) else (axis,)
    axes = tuple(axis_of(a, k) for k in axes)
    if w.shape != tuple(a.shape[k] for k in axes):
        raise ValueError(
            "Shape of weights must be consistent with shape of a along specified axis."
        )
    order = tuple(int(k) for k in np.argsort(axes))
    w = P.transpose(w, axes=order) if w.ndim > 1 else w
    return reshaped(w, tuple(n if k in axes else 1 for k, n in enumerate(a.shape)))


# ---------------------------------------------------------------- extremes


def _extreme(name: str) -> Callable[..., Sym]:
    def extreme(a: Any, axis: Any = None, keepdims: Any = False, initial: Any = None,
                where: Any = True) -> Sym:  # fmt: skip
        a = arr(a)
        first = given(initial)
        if not unmasked(where):
            if first is None:
                raise ValueError(
                    f"reduction operation '{name}imum' does not have an identity, so to use a "
                    "where mask one has to specify 'initial'"
                )
            a = masked_with(a, where, literal_of(a, first))
        axes = folded_axes(a, axis)
        if first is None:
            refuse_empty(a, axes, f"{name}imum")
        elif 0 in [a.shape[k] for k in axes]:
            shape = tuple(n for k, n in enumerate(a.shape) if k not in axes)
            kept = kept_shape(a.shape, axes)
            return spread(literal_of(a, first), kept if flag(keepdims) else shape)
        found = getattr(P, name)(a, axis=axes, keepdims=flag(keepdims))
        if first is None:
            result: Sym = found
            return result
        result = getattr(P, f"{name}imum")(found, literal_of(a, first))
        return result

    return extreme


def literal_of(a: Sym, value: Any) -> Sym:
    """Return a number or array argument with the dtype of `a`."""
    return cast(arr(value), a.dtype)


def refuse_empty(a: Sym, axes: tuple[int, ...], name: str) -> None:
    """Raise as NumPy does when nothing is reduced by a function without identity."""
    if 0 in [a.shape[k] for k in axes] and 0 not in [
        n for k, n in enumerate(a.shape) if k not in axes
    ]:
        raise ValueError(f"zero-size array to reduction operation {name} which has no identity")


max_ = implements(np.max, np.amax)(_extreme("max"))
min_ = implements(np.min, np.amin)(_extreme("min"))


@implements(np.ptp)
def ptp(a: Any, axis: Any = None, keepdims: Any = False) -> Sym:
    a = arr(a)
    return max_(a, axis, keepdims) - min_(a, axis, keepdims)


def _place(name: str) -> Callable[..., Sym]:
    def place(a: Any, axis: Any = None, *, keepdims: Any = False) -> Sym:
        a = arr(a)
        return place_of(name, a, axis, flag(keepdims))

    return place


def place_of(name: str, a: Sym, axis: Any, keepdims: bool) -> Sym:
    """Return ``argmax`` or ``argmin``, of the raveled array when axis is None."""
    if a.ndim == 0 and type(axis) is int and axis in (0, -1):
        axis = None
    shape = (1,) * a.ndim if axis is None else kept_shape(a.shape, (axis_of(a, axis),))
    flat = reshaped(a, (a.size,)) if axis is None else a
    k = 0 if axis is None else axis_of(a, axis)
    if flat.shape[k] == 0:
        raise ValueError(f"attempt to get {name} of an empty sequence")
    found = getattr(P, name)(flat, axis=k)
    dropped = () if axis is None else a.shape[:k] + a.shape[k + 1 :]
    return reshaped(found, shape if keepdims else dropped)


implements(np.argmax)(_place("argmax"))
implements(np.argmin)(_place("argmin"))


# ---------------------------------------------------------------- logic


def truth(a: Any) -> Sym:
    """Return whether each element is non-zero."""
    a = arr(a)
    result: Sym = a if a.dtype.kind == "b" else a.ne(0)
    return result


@implements(np.count_nonzero)
def count_nonzero(a: Any, axis: Any = None, *, keepdims: Any = False) -> Sym:
    a = truth(a)
    return P.sum(a, axis=folded_axes(a, axis), keepdims=flag(keepdims))


@implements(np.any)
def any_(a: Any, axis: Any = None, keepdims: Any = False, *, where: Any = True) -> Sym:
    a = masked_with(truth(a), where, False)
    return P.sum(a, axis=folded_axes(a, axis), keepdims=flag(keepdims)).ne(0)


@implements(np.all)
def all_(a: Any, axis: Any = None, keepdims: Any = False, *, where: Any = True) -> Sym:
    a = masked_with(~truth(a), where, False)
    return P.sum(a, axis=folded_axes(a, axis), keepdims=flag(keepdims)).eq(0)
