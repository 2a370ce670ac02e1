"""Functions that tell something about arrays without computing with their values."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...tape.ir import Sym
from ..dispatch import implements, implements_directly
from ..tracer import Tracer
from .common import P, arr, holds_sym
from .reductions import all_


@implements(np.shape)
def shape(a: Any) -> tuple[int, ...]:
    return arr(a).shape


@implements(np.ndim)
def ndim(a: Any) -> int:
    return arr(a).ndim


@implements(np.size)
def size(a: Any, axis: Any = None) -> int:
    a = arr(a)
    if axis is None:
        return a.size
    axes = axis if isinstance(axis, tuple) else (axis,)
    return int(np.prod([a.shape[k] for k in axes]))


@implements(np.iscomplexobj)
def iscomplexobj(x: Any) -> bool:
    return arr(x).dtype.kind == "c"


@implements(np.isrealobj)
def isrealobj(x: Any) -> bool:
    return arr(x).dtype.kind != "c"


def _spec(x: Any) -> Any:
    """What NumPy's promotion sees: a dtype, or a Python number."""
    if isinstance(x, Sym):
        return x.aval.weak_type(0) if x.aval.weak else x.dtype
    return arr(x).dtype if isinstance(x, (list, tuple)) and holds_sym(x) else x


@implements(np.result_type)
def result_type(*arrays_and_dtypes: Any) -> Any:
    return np.result_type(*[_spec(x) for x in arrays_and_dtypes])


@implements(np.can_cast)
def can_cast(from_: Any, to: Any, casting: Any = "safe") -> bool:
    return np.can_cast(arr(from_).dtype if isinstance(from_, Sym) else from_, to, casting)


@implements(np.min_scalar_type)
def min_scalar_type(a: Any, /) -> Any:
    return arr(a).dtype


@implements(np.common_type)
def common_type(*arrays: Any) -> Any:
    return np.common_type(*[np.empty(0, arr(a).dtype) for a in arrays])


@implements(np.array_equal)
def array_equal(a1: Any, a2: Any, equal_nan: bool = False) -> Any:
    x, y = arr(a1), arr(a2)
    if x.shape != y.shape:
        return False
    same = x.eq(y)
    if equal_nan and (x.aval.inexact and y.aval.inexact):
        same = P.logical_or(same, P.logical_and(x.ne(x), y.ne(y)))
    return all_(same)


@implements(np.array_equiv)
def array_equiv(a1: Any, a2: Any) -> Any:
    x, y = arr(a1), arr(a2)
    try:
        np.broadcast_shapes(x.shape, y.shape)
    except ValueError:
        return False
    return all_(x.eq(y))


@implements_directly(np.may_share_memory, np.shares_memory)
def shares_memory(a: Any, b: Any, /, max_work: Any = None) -> bool:
    """Tracers share memory when one array stands behind both and their places overlap."""
    if not (isinstance(a, Tracer) and isinstance(b, Tracer)) or a.root is not b.root:
        return False
    return bool(np.shares_memory(np.asarray(a.value), np.asarray(b.value))) or a.sym.id == b.sym.id
