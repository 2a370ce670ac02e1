"""Reductions that leave out NaN: elements that are NaN are replaced by what does not count.

Integers have no NaN; for them each is the plain reduction.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ...core.sources import where as user_line
from ...tape.ir import Sym
from ..dispatch import implements
from ..tracer import active
from . import reductions, scans
from .common import P, arr, axes_of, flag, given, literal


def nan_of(a: Sym) -> Sym | None:
    """Return which elements are NaN, None when there cannot be any."""
    return a.ne(a) if a.aval.inexact else None


def _without(a: Sym, fill: Any) -> Sym:
    nans = nan_of(a)
    return a if nans is None else P.where(nans, literal(a, fill), a)


def _nan_sum(name: str, fn: Any, fill: int) -> None:
    def reduction(a: Any, axis: Any = None, dtype: Any = None, keepdims: Any = False,
                  initial: Any = None, where: Any = True) -> Sym:  # fmt: skip
        return fn(_without(arr(a), fill), axis, dtype, keepdims, initial, where)  # type: ignore[no-any-return]

    implements(getattr(np, name))(reduction)


_nan_sum("nansum", reductions.sum, 0)
_nan_sum("nanprod", reductions.prod, 1)


def _nan_running(name: str, fn: Any, fill: int) -> None:
    def running(a: Any, axis: Any = None, dtype: Any = None) -> Sym:
        return fn(_without(arr(a), fill), axis, dtype)  # type: ignore[no-any-return]

    implements(getattr(np, name))(running)


_nan_running("nancumsum", scans.cumsum, 0)
_nan_running("nancumprod", scans.cumprod, 1)


def _mask(a: Sym, where: Any) -> Any:
    """The ``where=`` that also leaves out NaN."""
    nans = nan_of(a)
    if nans is None:
        return where
    if reductions.unmasked(where):
        return ~nans
    return P.logical_and(arr(where), ~nans)


@implements(np.nanmean)
def nanmean(a: Any, axis: Any = None, dtype: Any = None, keepdims: Any = False, *,
            where: Any = True) -> Sym:  # fmt: skip
    a = arr(a)
    return reductions.mean(a, axis, dtype, keepdims, where=_mask(a, where))


def _nan_moment(name: str, fn: Any) -> None:
    def moment(a: Any, axis: Any = None, dtype: Any = None, ddof: Any = 0, keepdims: Any = False,
               *, where: Any = True, mean: Any = None, correction: Any = None) -> Sym:  # fmt: skip
        a = arr(a)
        if given(correction) is not None:
            ddof = correction
        mask = _mask(a, where)
        found: Sym = fn(a, axis, dtype, ddof, keepdims, where=mask, mean=mean)
        if reductions.unmasked(mask):
            return found
        n = reductions.count_of(a, axes_of(a, axis), flag(keepdims), mask)
        return P.where(P.less_equal(n, ddof), literal(found, np.nan), found)

    implements(getattr(np, name))(moment)


_nan_moment("nanvar", reductions.var)
_nan_moment("nanstd", reductions.std)


def _nan_extreme(name: str, fn: Any, worst: float) -> None:
    def extreme(a: Any, axis: Any = None, keepdims: Any = False, initial: Any = None,
                where: Any = True) -> Sym:  # fmt: skip
        a = arr(a)
        if nan_of(a) is None:
            return fn(a, axis, keepdims, initial, where)  # type: ignore[no-any-return]
        found: Sym = fn(_without(a, worst), axis, keepdims, initial, where)
        axes = reductions.folded_axes(a, axis)
        n = reductions.count_of(a, axes, flag(keepdims), _mask(a, where))
        if given(initial) is not None:
            return found
        return P.where(n.eq(0), literal(found, np.nan), found)

    implements(getattr(np, name))(extreme)


_nan_extreme("nanmax", reductions.max_, -np.inf)
_nan_extreme("nanmin", reductions.min_, np.inf)


def _nan_place(name: str, worst: float) -> None:
    plain = name.removeprefix("nan")

    def place(a: Any, axis: Any = None, *, keepdims: Any = False) -> Sym:
        a = arr(a)
        nans = nan_of(a)
        if nans is not None:
            axes = axes_of(a, axis)
            full = P.sum(~nans, axis=axes, keepdims=False).eq(0)
            cap = active()
            empty = P.sum(full, axis=tuple(range(full.ndim)), keepdims=False)
            if cap.outcome(empty):
                raise ValueError(f"All-NaN slice encountered ({user_line()})")
            a = _without(a, worst)
        return reductions.place_of(plain, a, axis, flag(keepdims))

    implements(getattr(np, name))(place)


_nan_place("nanargmax", -np.inf)
_nan_place("nanargmin", np.inf)
